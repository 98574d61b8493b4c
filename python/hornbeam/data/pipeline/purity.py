"""Whether a function draws random numbers or asks for the time: two calls then differ, even where two traces are alike."""

from __future__ import annotations

import pickle
import random
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["Watch"]

_OWN = __name__.partition(".")[0]
_LIBRARIES = ("random", "secrets", "uuid", "numpy")  # on whose behalf others draw
_CLOCKS = {n for n in vars(time) if not n.startswith("_")} | {"now", "utcnow", "today"}
_MOST = 64  # items of a collection that are looked at


class Watch:
    """Sees what this thread's calls do that makes a function's results differ: draws of NumPy's and Python's generators,
    whatever else draws by a function in C that has "rand" in its name (``os.urandom`` lies below ``uuid4`` and
    ``default_rng()``), and clocks. What this package itself draws does not count.

    NumPy's generators draw unseen, but their states tell. They are found where calls can reach them: among their
    variables, the globals that they name, and what these hold. All get their states back at the end.

    Where a profiler has taken the interpreter's hook, only Python's and NumPy's global generators are watched.
    """

    def __init__(self) -> None:
        self.differs = False
        self._held: dict[int, tuple[Any, Any]] = {}  # generators and their states, by id
        self._others: dict[int, bool] = {}  # by the id of a module's names: whether it may hold others' generators
        self._harmless: set[str] = set()  # functions in C

    def __enter__(self) -> Watch:
        self._keep(random.getstate.__self__)  # type: ignore[attr-defined]
        self._keep(np.random.mtrand._rand)  # type: ignore[attr-defined]
        self._looking = sys.getprofile() is None
        if self._looking:
            sys.setprofile(self._see)
        return self

    def look_away(self) -> None:
        """From now on only the states of generators that are known count: looking at each call takes its time."""
        if self._looking:
            sys.setprofile(None)
        self._looking = False

    def __exit__(self, *exc: object) -> None:
        self.look_away()
        for generator, state in self._held.values():
            if pickle.dumps(_state(generator)) != pickle.dumps(state):
                self.differs = True
                _set_state(generator, state)

    def _see(self, frame: Any, event: str, called: Any) -> None:
        if event == "call":
            names = frame.f_globals
            other = self._others.get(id(names))
            if other is None:
                other = self._others[id(names)] = _package(frame) not in (_OWN, *_LIBRARIES)
            if other:
                named = [names.get(n) for n in frame.f_code.co_names]
                for x in _reached([*frame.f_locals.values(), *named], 3):
                    self._keep(x)
        elif event == "c_call" and called.__name__ not in self._harmless:
            name = called.__name__
            if not (name in _CLOCKS or "rand" in name):
                self._harmless.add(name)
                return
            while frame is not None and _package(frame) in _LIBRARIES:
                frame = frame.f_back
            self.differs = self.differs or frame is None or _package(frame) != _OWN

    def _keep(self, x: Any) -> None:
        if id(x) not in self._held:
            state = _state(x)
            if state is not None:
                self._held[id(x)] = x, state


def _package(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _reached(values: Any, depth: int) -> Iterator[Any]:
    """The objects among values, and those that they hold."""
    for x in values:
        if isinstance(x, (type, ModuleType, np.ndarray)):
            continue
        if isinstance(x, (list, tuple, dict)):
            inside = x.values() if isinstance(x, dict) else x
            held: Any = list(inside) if len(x) <= _MOST else ()
        else:
            yield x
            held = list(getattr(x, "__dict__", {}).values())
        if depth:
            yield from _reached(held, depth - 1)


def _state(x: Any) -> Any:
    """The state of a generator; None of everything else."""
    if isinstance(x, np.random.Generator):
        return x.bit_generator.state
    if isinstance(x, np.random.BitGenerator):
        return x.state
    if isinstance(x, np.random.RandomState):
        return x.get_state()
    if isinstance(x, random.Random) and not isinstance(x, random.SystemRandom):
        return x.getstate()
    return None


def _set_state(x: Any, state: Any) -> None:
    if isinstance(x, np.random.Generator):
        x.bit_generator.state = state
    elif isinstance(x, np.random.BitGenerator):
        x.state = state
    elif isinstance(x, np.random.RandomState):
        x.set_state(state)
    else:
        x.setstate(state)
