"""Global settings: the default float type and dtype policy, the fuzz factor, the data format, the device."""

from hornbeam import _core
from hornbeam._dtype_policy import dtype_policy, set_dtype_policy
from hornbeam._dtypes import floatx, set_floatx, standardize_dtype

__all__ = [
    "backend",
    "device",
    "dtype_policy",
    "enable_tf32",
    "epsilon",
    "floatx",
    "image_data_format",
    "list_devices",
    "set_device",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
    "tf32_enabled",
]

_epsilon = 1e-7
_image_data_format = "channels_last"


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite, 1e-7 at the start."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets the fuzz factor (a positive float)."""
    global _epsilon
    _epsilon = float(value)


def image_data_format() -> str:
    """Always "channels_last": images are ``(batch, rows, columns, channels)``."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Accepts the only data format.

    Args:
        data_format: "channels_last".

    Raises:
        ValueError: for any other.
    """
    if data_format != _image_data_format:
        raise ValueError(f"`data_format` must be {_image_data_format!r}. Received: data_format={data_format!r}")


def backend() -> str:
    """The name of the engine, "hornbeam"."""
    return "hornbeam"


def list_devices() -> list[dict[str, object]]:
    """The devices there are, the CPU first.

    Returns:
        A dict each: "name" ("gpu:0"), "description" and "bytes" of memory.
    """
    return [dict(zip(("name", "description", "bytes"), d)) for d in _core.list_devices()]


def device() -> str:
    """The device of what is computed now: that of the innermost ``hb.device``, else what ``set_device`` said, else
    HB_DEVICE, else "gpu:0" where a GPU can be used, else "cpu:0"."""
    return str(_core.default_device())


def set_device(name: str | None) -> None:
    """Sets the device of what is computed from now on, on all threads.

    Args:
        name: "cpu", "gpu" or "gpu:1"; None for what it was at first.

    Raises:
        ValueError: for what is no device's name.
        RuntimeError: for a device that cannot be used: the message says what was looked for, where, and what to install.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"`name` must be a string or None. Received: name={name!r}")
    _core.set_default_device(name or "")


def enable_tf32(enabled: bool = True) -> None:
    """Lets float32 products on a GPU round their factors to TF32 (8 bits of exponent, 10 of mantissa), which tensor cores
    multiply several times as fast. Sums stay float32. Programs that are compiled from now on heed it; it is off at first.

    Args:
        enabled: whether they may.
    """
    if not isinstance(enabled, bool):
        raise TypeError(f"`enabled` must be a bool. Received: enabled={enabled!r}")
    _core.enable_tf32(enabled)


def tf32_enabled() -> bool:
    """Whether float32 products on a GPU may round their factors to TF32."""
    return bool(_core.tf32_enabled())
