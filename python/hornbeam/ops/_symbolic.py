"""Ops on symbolic tensors: the whole call becomes one node of a functional model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from hornbeam.core.symbolic import KerasTensor

_ASK = ("shape", "size", "is_tensor")  # about a tensor, not for one


def _hold_symbols(values: Any) -> bool:
    for x in values:  # no generator: this is asked on each call
        if isinstance(x, (list, tuple)):
            if _hold_symbols(x):
                return True
        elif isinstance(x, dict):
            if _hold_symbols(x.values()):
                return True
        elif isinstance(x, KerasTensor):
            return True
    return False


def takes_symbols(name: str, op: Callable[..., Any]) -> Callable[..., Any]:
    """``op``, which on a symbolic tensor records itself, to run when the model does. Its name is "image.resize" for one of
    a package inside."""
    if name in _ASK:
        return op

    @functools.wraps(op)
    def run(*args: Any, **kwargs: Any) -> Any:
        if _hold_symbols(args) or (kwargs and _hold_symbols(kwargs.values())):
            return KerasTensor.record_function(name, args, kwargs)
        return op(*args, **kwargs)

    run.__module__ = ".".join([__package__, *name.split(".")[:-1]])  # where it is found by its name
    return run
