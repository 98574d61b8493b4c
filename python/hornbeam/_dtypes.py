"""Names of dtypes: which there are, and the default float's."""

_floatx = "float32"

NAMES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int32",
    "int64",
    "uint8",
    "bool",
    "int8",  # this and those after it: of eager tensors alone
    "int16",
    "uint16",
    "uint32",
)


def floatx() -> str:
    """The default float dtype, "float32" at the start."""
    return _floatx


def set_floatx(value: str) -> None:
    """Sets the default float dtype.

    Args:
        value: "float32" or "float64".

    Raises:
        ValueError: for any other value.
    """
    global _floatx
    if value not in ("float32", "float64"):
        raise ValueError(f"`floatx` must be 'float32' or 'float64'. Received: floatx={value!r}")
    _floatx = value


def standardize_dtype(dtype: object) -> str:
    """The canonical name of a dtype.

    Args:
        dtype: a name, a NumPy dtype or type, or None for ``floatx()``.

    Raises:
        TypeError: when there is no such dtype here.

    Example:
        >>> standardize_dtype("float")
        'float32'
    """
    if dtype is None:
        return _floatx
    found = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)
    name = str(found)
    name = {"float": _floatx, "int": "int32", "bool_": "bool", "half": "float16", "double": "float64"}.get(name, name)
    if name not in NAMES:
        raise TypeError(f"`dtype` must be one of {', '.join(NAMES)}. Received: dtype={dtype!r}")
    return name
