"""A progress bar for loops of one's own: ``Progbar``."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from hornbeam.callbacks.progress import bar, duration, is_terminal, say, shown_values
from hornbeam.core.validation import integer, number

__all__ = ["Progbar"]


class Progbar:
    """A progress bar with the values of metrics.

    Args:
        target: the number of steps; None where it is not known.
        width: characters of the bar.
        verbose: 0 for silence, 1 for a bar, 2 for one line at the end.
        interval: seconds between two drawings.
        stateful_metrics: names of metrics that are shown as they come; the others are averaged over the steps.
        stateless_metrics: names of those that are averaged; the others are shown as they come.
        unit_name: what a step is called.

    Example:
        >>> bar = Progbar(3, verbose=2)
        >>> for i in range(2):
        ...     bar.update(i + 1, values=[("loss", 1.0 / (i + 1))])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Only one of `stateful_metrics` and `stateless_metrics` can be given.")
        self.target = None if target is None else integer("target", target, 0)
        self.width, self.verbose = integer("width", width, 1), integer("verbose", verbose, 0)
        self.interval, self.unit_name = number("interval", interval, 0), unit_name
        self.stateful_metrics = set(stateful_metrics or ()) if stateless_metrics is None else None
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, int]] = {}
        self._done, self._drawn = 0, 0
        self._start = time.perf_counter()
        self._last = -float("inf")
        self._first: tuple[int, float] | None = None  # the first step is not like the others

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Moves the bar.

        Args:
            current: how many steps are done.
            values: pairs of a metric's name and its value in the last step.
            finalize: whether this is the end; None for whether ``current`` has reached ``target``.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            value = float(np.mean(value))
            steps = 1 if finalize else max(current - self._done, 1)
            if finalize or not self._averaged(name):
                self._sums[name] = value, 1
            else:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = total + value * steps, count + steps
        self._done = current
        now = time.perf_counter()
        if self._first is None and current:
            self._first = current, now
        if self.verbose == 1 and (finalize or now - self._last >= self.interval):
            self._last = now
            self._draw(now, finalize)
        elif self.verbose == 2 and finalize:
            say(f"{self._count()} - {now - self._start:.0f}s - {self._pace(now)}{self._values()}")

    def add(self, n: int, values: Any = None) -> None:
        """Moves the bar by ``n`` steps.

        Args:
            n: how many more steps are done.
            values: as for ``update``.
        """
        self.update(self._done + n, values)

    def _averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def _count(self) -> str:
        return f"{self._done:>{len(str(self.target))}}/{self.target}" if self.target else f"{self._done}/Unknown"

    def _seconds_a_step(self, now: float) -> float:
        first, since = self._first or (0, self._start)
        rest = self._done - first
        return (now - since) / rest if rest > 0 else (now - self._start) / max(self._done, 1)

    def _pace(self, now: float) -> str:
        return f"{duration(self._seconds_a_step(now))}/{self.unit_name}"

    def _values(self) -> str:
        return shown_values({name: total / count for name, (total, count) in self._sums.items()})

    def _draw(self, now: float, final: bool) -> None:
        seconds = now - self._start
        if self.target and not final:
            seconds = self._seconds_a_step(now) * (self.target - self._done)  # what is left
        drawn = bar(self._done, self.target, self.width) + " " if self.target else ""
        text = f"\x1b[1m{self._count()}\x1b[0m {drawn}\x1b[1m{seconds:.0f}s\x1b[0m {self._pace(now)}{self._values()}"
        over = is_terminal()
        say(("\r" if over else "") + text.ljust(self._drawn), end="\n" if final or not over else "")
        self._drawn = len(text)
