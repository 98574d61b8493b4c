"""The checks of arguments, and the only maker of their messages."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from hornbeam import _core

_LARGE = 2**26  # bytes that are worth asking for
_SIZES = {"float64": 8, "int64": 8, "float16": 2, "bfloat16": 2, "uint8": 1, "bool": 1}  # bytes; the others have 4


def integer(name: str, value: Any, minimum: int | None = None) -> int:
    """``value`` when it is an int >= ``minimum`` that fits 64 bits; bools, floats and text are refused."""
    what = "an int" if minimum is None else "a positive int" if minimum == 1 else f"an int >= {minimum}"
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError("a bool is not a number here")
        n = operator.index(value)
    except TypeError as e:
        raise TypeError(f"`{name}` must be {what}. Received: {name}={value!r} of type {type(value).__name__}") from e
    if minimum is not None and n < minimum:
        raise ValueError(f"`{name}` must be {what}. Received: {name}={value}")
    if not -(2**63) <= n < 2**63:
        raise ValueError(f"`{name}` must fit 64 bits. Received: {name}={value}")
    return n


def positive_int(name: str, value: Any) -> int:
    """``value`` when it is an int >= 1."""
    return integer(name, value, 1)


def int_tuple(name: str, value: Any, rank: int, minimum: int = 1) -> tuple[int, ...]:
    """``value`` as ``rank`` ints >= ``minimum``; a single int stands for all of them."""
    try:
        items = list(value) if _listed(value) else [value] * rank
        if len(items) != rank:
            raise TypeError(f"{len(items)} items")
        result = [integer(name, i) for i in items]
    except TypeError as e:
        raise ValueError(f"`{name}` must be an int or a tuple of {rank} ints. Received: {name}={value!r}") from e
    if any(i < minimum for i in result):
        raise ValueError(f"`{name}` must be >= {minimum}. Received: {name}={value!r}")
    return tuple(result)


def _listed(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and getattr(value, "ndim", 1) > 0


def ints(name: str, value: Any) -> list[int]:
    """``value``, an int or several, as a list of ints."""
    try:
        return [integer(name, i) for i in (value if _listed(value) else [value])]
    except TypeError as e:
        raise TypeError(f"`{name}` must be an int or a tuple of ints. Received: {name}={value!r}") from e


def axes(name: str, value: Any) -> int | tuple[int, ...]:
    """``value``, an int or several, as an int or a tuple of them."""
    found = ints(name, value)
    return tuple(found) if _listed(value) else found[0]


def axis_in(axis: Any, rank: int, name: str = "axis") -> int:
    """The axis of a tensor of ``rank`` axes that ``axis`` names, which may count from the end."""
    n = integer(name, axis)
    if not -rank <= n < rank:
        raise ValueError(f"`{name}` must be in [{-rank}, {rank}). Received: {name}={axis}")
    return n % rank


def axes_in(axis: Any, rank: int, name: str = "axis") -> list[int]:
    """The axes that ``axis``, an int or several different ones, names, in its order."""
    found = [axis_in(a, rank, name) for a in ints(name, axis)]
    if len(set(found)) < len(found):
        raise ValueError(f"`{name}` must name different axes. Received: {name}={axis}")
    return found


def dims(name: str, shape: Any) -> list[Any]:
    """A shape, one int or several, as a list of ints >= 0 and of dimensions that only the running graph knows."""
    single = isinstance(shape, _core.Dim) or hasattr(shape, "__index__")
    if isinstance(shape, (str, bytes)) or not (_listed(shape) or single):
        raise TypeError(f"`{name}` must be a tuple of ints. Received: {name}={shape!r}")
    items = shape if _listed(shape) else [shape]
    return [d if isinstance(d, _core.Dim) else integer(name, d, 0) for d in items]


def optional_dims(name: str, shape: Any) -> tuple[int | None, ...]:
    """A shape, one dimension or several, as a tuple of ints >= 0 and of None where any size will do."""
    if isinstance(shape, (str, bytes)) or not (shape is None or _listed(shape) or hasattr(shape, "__index__")):
        raise TypeError(f"`{name}` must be a tuple of ints and Nones. Received: {name}={shape!r}")
    return tuple(None if d is None else integer(name, d, 0) for d in (shape if _listed(shape) else [shape]))


def number(name: str, value: Any, minimum: float = -math.inf, maximum: float = math.inf) -> float:
    """``value`` when it is a finite number within [minimum, maximum]; bools and text are refused."""
    low, high = minimum > -math.inf, maximum < math.inf
    what = f" in [{minimum}, {maximum}]" if low and high else f" >= {minimum}" if low else ""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"`{name}` must be a finite number{what}. Received: {name}={value!r} of type {type(value).__name__}"
        )
    try:
        x = float(value)
    except OverflowError:
        x = math.inf
    if not math.isfinite(x) or not minimum <= x <= maximum:
        raise ValueError(f"`{name}` must be a finite number{what}. Received: {name}={value}")
    return x


def number_or_list(name: str, value: Any, minimum: float = -math.inf) -> float | list[float]:
    """One finite number, or a list of several, each >= minimum."""
    if _listed(value):
        return [number(name, v, minimum) for v in value]
    return number(name, value, minimum)


def fraction(name: str, value: Any) -> float:
    """``value`` when it lies in [0, 1]."""
    return number(name, value, 0, 1)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """``value`` when it is one of ``allowed``, whatever its case."""
    text = value.lower() if isinstance(value, str) else value
    if not isinstance(text, str) or text not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, allowed))}. Received: {name}={value!r}")
    return text


def channels_last(data_format: Any) -> str:
    """The layout of images: "channels_last", for None too. Refuses every other."""
    if not (data_format is None or (isinstance(data_format, str) and data_format == "channels_last")):
        raise ValueError(f"`data_format` must be 'channels_last'. Received: data_format={data_format!r}")
    return "channels_last"


def unexpected(owner: Any, name: str, known: Iterable[str] = ()) -> TypeError:
    """The error for an argument that there is not, with the one of ``known`` that was perhaps meant."""
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    hint = f". Did you mean {close[0]!r}?" if close else ""
    return TypeError(f"{type(owner).__name__} got an unexpected keyword argument {name!r}{hint}")


def no_arguments(owner: Any, given: dict[str, Any], *names: str) -> None:
    """Refuses arguments that a base class has and this one has not."""
    for name in names:
        if name in given:
            raise unexpected(owner, name)


def unsupported(name: str, value: Any, *allowed: Any) -> None:
    """Refuses an argument of Keras' that is not here, unless it asks for what happens anyway."""
    if not any(value is a or (type(value) is type(a) and value == a) for a in allowed):
        raise ValueError(f"`{name}` must be {' or '.join(map(repr, allowed))}. Received: {name}={value!r}")


def fits_memory(what: str, shape: Iterable[Any], dtype: str) -> None:
    """Raises MemoryError before anything is allocated when a tensor does not fit this machine."""
    sizes = [d if type(d) is int and d >= 0 else integer(f"the shape of {what}", d, 0) for d in shape]
    need = math.prod(sizes) * _SIZES.get(dtype, 4)
    if need > _LARGE and need > (have := _core.memory_limit()):
        gib = need / 2**30 if need < 2**1000 else math.inf
        raise MemoryError(
            f"{what} of shape {sizes} and dtype {dtype} needs {gib:.1f} GiB; this machine has {have / 2**30:.1f} GiB"
        )
