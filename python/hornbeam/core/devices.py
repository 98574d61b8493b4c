"""Which device programs run on."""

from __future__ import annotations

from typing import Any

from hornbeam import _core

__all__ = ["device"]


class device:
    """The device of what is computed in this block, on this thread: eager ops, functions and models' steps that are not
    told another (by ``compile(device=..)``). Data goes in and results come out as they do on the CPU.

    Args:
        device_name: "cpu", "gpu" or "gpu:1".

    Raises:
        ValueError: for what is no device's name.
        RuntimeError: when the block begins, for a device that cannot be used: it says what was looked for.

    Example:
        >>> import hornbeam as hb
        >>> with hb.device("cpu"):
        ...     print(hb.config.device(), float(hb.ops.sum([1.0, 2.0])))
        cpu:0 3.0
    """

    def __init__(self, device_name: str) -> None:
        self.name: str = _core.device_name(_text(device_name))
        self._scopes: list[Any] = []

    def __enter__(self) -> device:
        self._scopes.append(_core.DeviceScope(self.name))
        return self

    def __exit__(self, *exc: object) -> None:
        self._scopes.pop().end()


def _text(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f'`device_name` must be "cpu", "gpu" or "gpu:N". Received: device_name={name!r}')
    return name
