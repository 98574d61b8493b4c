"""Compiled programs by key: the least recently used are given up when all together keep too much memory."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

BUDGET = 64 << 20  # bytes that one cache's programs may keep
FEWEST = 4  # programs that stay in one, whatever they keep


class ProgramCache:
    """Executables, or what holds one, by key.

    Args:
        most: how many there may be at all.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._entries: OrderedDict[Any, Any] = OrderedDict()
        self._added = 0  # since memory was last counted
        self._states: dict[Any, int] = {}
        self._numbers = itertools.count()  # where two threads look at once, each finds another
        self._state: tuple[object, int] = (None, 0)  # when it was last looked at, and its number
        # The program used last with a short key for it: what is quickly asked, and says that it is right once more.
        self.recent: tuple[Any, Any] = (None, None)

    def __reduce__(self) -> Any:  # a copy has no programs: it compiles its own
        return ProgramCache, (self._most,)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Any) -> Any:
        """The program, now the most recently used, or None."""
        found = self._entries.get(key)
        if found is not None:
            try:
                self._entries.move_to_end(key)
            except KeyError:  # another thread has given it up meanwhile
                pass
        return found

    def state_number(self, latest: object, look: Callable[[], Any]) -> int:
        """A number for what programs depend on beside what they take, as part of their keys.

        Args:
            latest: another object after each change of it.
            look: gives it, to be hashed; called after changes alone.
        """
        when, number = self._state
        if when is not latest:
            number = self._states.setdefault(look(), next(self._numbers))
            self._state = (latest, number)
        return number

    def values(self) -> list[Any]:
        """The programs, the most recently used last."""
        return list(self._entries.values())

    def clear(self) -> None:
        """Gives all up."""
        self._entries.clear()
        self.recent = (None, None)

    def last(self, fits: Callable[[Any], bool] = lambda key: True) -> Any:
        """The program used last of those whose keys fit, or None."""
        return next((self._entries[key] for key in reversed(self._entries) if fits(key)), None)

    def put(self, key: Any, program: Any) -> None:
        """Keeps a program, and gives others up if need be: what they keep is counted again once some were added."""
        self._entries[key] = program
        self._added += 1
        if self._added * 8 < len(self._entries) and len(self._entries) <= self._most:
            return
        self._added = 0
        kept = 0
        for i, (old, entry) in enumerate(reversed(list(self._entries.items()))):
            kept += getattr(entry, "executable", entry).bytes_kept
            if i >= self._most or (i >= FEWEST and kept > BUDGET):
                self._entries.pop(old, None)
