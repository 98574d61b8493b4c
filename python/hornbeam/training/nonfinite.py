"""Checks that stop a step before it changes any weight, and what training does then."""

from __future__ import annotations

import enum
from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import emit1
from hornbeam.core.trace import Traced, current_trace
from hornbeam.core.variable import Variable


class OnNonfinite(enum.Enum):
    """What a training step does about a loss or a gradient that is no number. Values are the arguments of ``compile``."""

    GO_ON = None
    RAISE = "raise"
    SKIP = "skip"
    STOP = "stop"  # no argument: what TerminateOnNaN has one fit do

    @property
    def checks_loss(self) -> bool:
        """Whether a step stops before it writes anything, where its loss is no number."""
        return self is not OnNonfinite.GO_ON

    @property
    def checks_gradients(self) -> bool:
        """Likewise for gradients: not to stop, for Keras' TerminateOnNaN looks at the loss."""
        return self in (OnNonfinite.RAISE, OnNonfinite.SKIP)

    @property
    def catches(self) -> bool:
        """Whether what a check raises does not reach the user."""
        return self in (OnNonfinite.SKIP, OnNonfinite.STOP)

    @property
    def stops(self) -> bool:
        """Whether training ends there."""
        return self is OnNonfinite.STOP


def finite(x: Any) -> Any:
    """``x``, which must be finite: else the step raises ValueError, and no variable is written."""
    return emit1("check_finite", [x]) if x.dtype in ("float32", "float64") else ops.cast(finite(_wider(x)), x.dtype)


def _wider(x: Any) -> Any:
    return ops.cast(x, "float32")


def check_gradients(gradients: list[Any], variables: list[Variable]) -> None:
    """Has the step raise where a gradient is not finite; the message names its variable.

    Args:
        gradients: one for each variable, None where there is none. Of lookups' gradients, the rows looked up are checked.
        variables: whose they are.
    """
    trace = current_trace()
    for g, v in zip(gradients, variables, strict=True):
        if g is None:
            continue
        if trace is None:
            finite(g)
            continue
        scope, trace.graph.scope = trace.graph.scope, f"the gradient of {v.path}"
        finite(_rows(g))
        trace.graph.scope = scope


def _rows(gradient: Any) -> Any:
    """The rows that a gradient of lookups is made of, so that the whole table is not; any other gradient."""
    if isinstance(gradient, Traced):
        trace, value = gradient._trace, gradient._value
        if trace.graph.op_of(value) == "scatter_add":
            return trace.wrap(trace.graph.inputs_of(value)[1])
    return gradient
