"""Passes over data, batch by batch, for a step to run: what all feeds share."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from hornbeam.callbacks.callback_list import CallbackList
from hornbeam.core.function import Compiled
from hornbeam.core.tree import map_structure

__all__ = ["BatchStep", "Feed"]


class BatchStep(Protocol):
    """What runs batches, as feeds see it: a model's step for training, testing or predicting."""

    kind: str  # "train", "test" or "predict"

    @property
    def eager(self) -> bool:
        """Whether it runs op by op, and not as a program."""

    def one_by_one(self, batch: Any) -> bool:
        """Whether it takes batches like this one by one, and not from the core's loop."""

    def inputs(self, x: Any) -> Any:
        """Inputs as arrays: of strings, too, where it takes them."""

    @property
    def steps_per_execution(self) -> int:
        """How many batches pass between two calls of the callbacks."""

    @property
    def stopped(self) -> bool:
        """Whether the loop is to end."""

    def run(self, batch: Any) -> Any:
        """What the step gives for a batch: logs, or outputs."""

    def run_arrays(self, batch: Any) -> Any:
        """The same as NumPy arrays."""

    def run_logged(self, batch: Any, logs: dict[str, Any]) -> dict[str, Any]:
        """Runs a batch: its logs, or those before it."""

    def logs_after(self, error: ValueError, logs: dict[str, Any], more_ran: bool = False) -> dict[str, Any]:
        """The logs after a step that a check stopped, or the error again."""

    def program(self, batch: Any) -> Compiled:
        """The program for batches like this one."""


class Feed(ABC):
    """Batches of epochs. With a ``limit`` an epoch has that many, and the next goes on behind it; without one, each epoch
    is a pass over all data.

    Args:
        step: what runs the batches, ``steps_per_execution`` of them between two calls of the callbacks.
        limit: batches an epoch, None for all there are.
    """

    num_batches: int | None  # of a pass, None where only its end will tell

    def __init__(self, step: BatchStep, limit: int | None) -> None:
        self.step, self.limit, self.each = step, limit, step.steps_per_execution
        self._seen: int | None = None  # batches of this pass so far, None before it
        self._waited = 0.0  # seconds of this epoch that steps stood still for data

    @property
    def steps(self) -> int | None:
        """Batches of an epoch, None where only its end will tell."""
        return self.limit or self.num_batches

    def restart(self) -> None:
        """Has the next epoch begin with the first batch."""
        self._seen = None

    def close(self) -> None:  # noqa: B027  (not every feed has something to do)
        """Ends what reads ahead."""

    @abstractmethod
    def _begin_pass(self) -> None:
        """Starts at the first batch."""

    def _begin_epoch(self) -> None:  # noqa: B027
        """Before an epoch's first batch, behind the start of a pass where one starts."""

    @abstractmethod
    def _take(self, n: int) -> list[Any]:
        """The next n batches, fewer at the end of the pass."""

    def epoch(self, callbacks: CallbackList) -> dict[str, Any]:
        """Trains or tests for one epoch.

        Args:
            callbacks: are told.

        Returns:
            The logs.
        """
        logs: dict[str, Any] = {}
        for begin, batches in self._executions():
            callbacks.begin_batch(self.step.kind, begin)
            for batch in batches:
                logs = self.step.run_logged(batch, logs)
                if self.step.stopped:
                    break
            callbacks.note_waiting(self.step.kind, self._waited)
            callbacks.end_batch(self.step.kind, begin + self.each - 1, logs)
        return logs

    def outputs(self, callbacks: CallbackList) -> Any:
        """Predicts for one epoch.

        Returns:
            All outputs as NumPy arrays, None where there were no batches.
        """
        parts: list[Any] = []
        for begin, batches in self._executions():
            callbacks.begin_batch("predict", begin)
            parts.append(joined([self.step.run_arrays(b) for b in batches]))
            callbacks.note_waiting("predict", self._waited)
            callbacks.end_batch("predict", begin + self.each - 1, {"outputs": parts[-1]})
        return joined(parts) if parts else None

    def _executions(self) -> Iterator[tuple[int, list[Any]]]:
        """An epoch's batches in groups of ``steps_per_execution``, with the number of the first."""
        if self._seen is None or self.limit is None:
            self._begin_pass()
            self._seen = 0
        self._begin_epoch()
        self._waited = 0.0
        target, done = self.steps, 0
        while target is None or done < target:
            batches = [] if self._seen == self.num_batches else self._take(self.each)
            if not batches:
                self._ran_out(done)
                break
            self._seen += len(batches)
            yield done, batches
            done += len(batches)
            if self.step.stopped:
                break
        if self._seen == self.num_batches:
            self.restart()

    def _ran_out(self, done: int) -> None:
        warnings.warn(
            f"the input ran out of data after {done} of {self.steps} batches: it must give enough for all epochs",
            stacklevel=5,
        )


def joined(parts: list[Any]) -> Any:
    """The outputs of batches as those of one."""
    return parts[0] if len(parts) == 1 else map_structure(lambda *a: np.concatenate(a), *parts)
