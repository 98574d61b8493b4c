"""Ops on symbolic tensors: the whole call becomes one node of a functional model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from hornbeam.core.symbolic import KerasTensor

_ASK = ("shape", "size", "is_tensor")  # about a tensor, not for one


def _holds_symbols(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(_holds_symbols(i) for i in x)
    if isinstance(x, dict):
        return any(_holds_symbols(i) for i in x.values())
    return isinstance(x, KerasTensor)


def takes_symbols(name: str, op: Callable[..., Any]) -> Callable[..., Any]:
    """``op``, which on a symbolic tensor records itself, to run when the model does. Its name is "image.resize" for one of
    a package inside."""
    if name in _ASK:
        return op

    @functools.wraps(op)
    def run(*args: Any, **kwargs: Any) -> Any:
        if _holds_symbols(args) or (kwargs and _holds_symbols(kwargs)):
            return KerasTensor.record_function(name, args, kwargs)
        return op(*args, **kwargs)

    run.__module__ = ".".join([__package__, *name.split(".")[:-1]])  # where it is found by its name
    return run
