"""A summary of any number of values, of bounded size, from which quantiles are read."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Summary"]


class Summary:
    """Values in ascending order, each with how many of all values it stands for, as Keras' ``Discretization`` keeps them.

    What comes next is sorted and thinned to about 1 / epsilon values, merged with what is there, and thinned again: the
    memory does not grow with the data, and the share of values below a quantile that is read is off by about epsilon; by a few
    times that after many batches.

    Args:
        epsilon: the share of all values that one kept value may stand for.
    """

    def __init__(self, epsilon: float) -> None:
        self.epsilon = epsilon
        self.kept = np.zeros((2, 0), "float32")  # values, and how many each stands for

    def add(self, values: Any) -> None:
        """Takes in more values, of any shape."""
        ordered = np.sort(np.asarray(values, "float32"), axis=None)
        step = max(ordered.size / (1.0 / self.epsilon), 1)  # rounded as Keras rounds
        some = ordered[int(step - 1) :: int(step)]
        merged = np.concatenate([np.stack([some, np.full_like(some, step)]), self.kept], 1)
        self.kept = _thinned(merged[:, np.argsort(merged[0])], self.epsilon)

    def quantiles(self, parts: int) -> list[float]:
        """The boundaries between ``parts`` equal shares of all values: one less than that; fewer of fewer values."""
        found: list[float] = _thinned(self.kept, 1.0 / parts)[0, :-1].tolist()
        return found


def _thinned(summary: Any, epsilon: float) -> Any:
    """A summary of 1 / epsilon values, at equal shares of the weight, interpolated between those there are."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    known = weights / weights[-1]
    values = np.interp(shares, known, summary[0])
    return np.stack([values, np.diff(np.interp(shares, known, weights), prepend=0)]).astype("float32")
