"""What training prints: the progress bar and callbacks' messages."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from hornbeam.callbacks.callback import Callback


def say(text: str, end: str = "\n") -> None:
    """Prints to ``sys.stdout``: in ASCII where it takes nothing else, and not at all where it is closed or gone."""
    out = sys.stdout
    if out is None:
        return
    with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed
        try:
            out.write(text + end)
        except UnicodeEncodeError:
            encoding = out.encoding or "ascii"
            out.write((text + end).replace("━", "=").encode(encoding, "replace").decode(encoding))
        out.flush()


class ProgbarLogger(Callback):
    """Prints progress: a bar (verbose 1) or a line an epoch (verbose 2). Validation within ``fit`` is silent."""

    _every_batch = False

    def __init__(self) -> None:
        super().__init__()
        self.verbose, self.epochs = 1, 1
        self.steps: int | None = None
        self._in_fit = False
        self._begin()

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives ``verbose``, ``epochs`` and ``steps``."""
        super().set_params(params)
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose or 0)
        self.epochs, self.steps = params.get("epochs", 1), params.get("steps")

    def on_train_begin(self, logs: Any = None) -> None:
        """From here on, evaluations are validation."""
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's number and starts a bar."""
        self._begin()
        if self.verbose and self.epochs > 1:
            say(f"Epoch {epoch + 1}/{self.epochs}")

    def on_test_begin(self, logs: Any = None) -> None:
        """Starts a bar."""
        if not self._in_fit:
            self._begin()

    def on_predict_begin(self, logs: Any = None) -> None:
        """Starts a bar."""
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        self._update(batch + 1, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        if not self._in_fit:
            self._update(batch + 1, logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        self._update(batch + 1, None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends the bar."""
        self._finish(logs)

    def on_test_end(self, logs: Any = None) -> None:
        """Ends the bar."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Any = None) -> None:
        """Ends the bar."""
        self._finish(None)

    def _begin(self) -> None:
        self._done, self._first_done, self._width = 0, 0, 0
        self._start, self._first, self._last = time.perf_counter(), 0.0, 0.0
        self._waited = 0.0

    def note_waiting(self, kind: str, seconds: float) -> None:
        """Receives how long the steps of a "train", "test" or "predict" pass have waited for data so far."""
        if kind != "test" or not self._in_fit:
            self._waited = seconds

    def _update(self, done: int, logs: Any) -> None:
        now = time.perf_counter()
        self._done = done if self.steps is None else min(done, self.steps)
        if self._first == 0.0:
            self._first, self._first_done = now, self._done
        if self.verbose == 1 and (now - self._last >= 0.05 or self._done == self.steps):
            self._write(self._done, logs, now, final=False)
            self._last = now

    def _finish(self, logs: Any) -> None:
        if self.steps is None:
            self.steps = self._done
        if self.verbose:
            self._write(self.steps, logs, time.perf_counter(), final=True)

    def _write(self, done: int, logs: Any, now: float, final: bool) -> None:
        elapsed, rest = now - self._start, self._done - self._first_done
        per = (now - self._first) / rest if rest > 0 else elapsed / max(done, 1)
        total, unit = self.steps, f"{duration(per)}/step"
        if self._waited >= 0.1 and self._waited >= 0.1 * elapsed:
            unit += f" ({self._waited / elapsed:.0%} waiting for data)"
        values = shown_values({k: v for k, v in (logs or {}).items() if isinstance(v, (int, float))})
        count = f"{done:>{len(str(total))}}/{total}" if total else f"{done}/Unknown"
        if self.verbose == 2:
            if final:
                say(f"{count} - {elapsed:.0f}s - {unit}{values}")
            return
        text = f"\x1b[1m{count}\x1b[0m {bar(done, total)} \x1b[1m{elapsed:.0f}s\x1b[0m {unit}{values}"
        dynamic = is_terminal()
        if dynamic or final:
            say(("\r" if dynamic else "") + text.ljust(self._width), end="\n" if final else "")
            self._width = len(text)


def duration(seconds: float) -> str:
    """Seconds, milliseconds or microseconds."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def shown_values(values: dict[str, float]) -> str:
    """The metrics behind a bar."""
    return "".join(f" - {k}: " + (f"{v:.4f}" if abs(v) > 1e-3 else f"{v:.4e}") for k, v in values.items())


def bar(done: int, total: int | None, width: int = 20) -> str:
    """The bar itself: full where the total is not known."""
    fill = min(int(width * done / total), width) if total else width
    return f"\x1b[32m{'━' * fill}\x1b[0m\x1b[37m{'━' * (width - fill)}\x1b[0m"


def is_terminal() -> bool:
    """Whether a line can be written over."""
    try:
        return sys.stdout is not None and sys.stdout.isatty()
    except (AttributeError, ValueError):  # a stand-in for a file, or a closed one
        return False
