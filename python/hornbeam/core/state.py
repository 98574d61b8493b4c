"""What a call passes down to all that it calls, each thread its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hornbeam.core.allowance import Allowance
    from hornbeam.core.trace import Trace


class _State(threading.local):
    """No other thread sees it."""

    def __init__(self) -> None:
        self.trace: Trace | None = None  # the innermost
        self.tapes: list[Any] = []  # the open ones, the innermost last
        self.training: Any = None  # the training flag of the layer that is running
        self.autocast: str | None = None  # what float variables are read in, None for their own dtype
        self.scope: list[str] = []  # the names of the layers that are running
        self.allowance: Allowance | None = None  # what the file that is being loaded may take
        self.draws: Any = None  # what gives seed generators' next seeds in a data set's function, None for their own
        self.noted: list[Any] | None = None  # where constants and bodies of traces are noted, if anywhere
        self.custom_objects: dict[str, Any] = {}  # what configs may name in the innermost scope


state = _State()
