"""compile, and the steps of training, evaluation and prediction that are traced into graphs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from hornbeam import _core, ops, optimizers
from hornbeam.core.autodiff import GradientTape
from hornbeam.core.function import Compiled, check_options
from hornbeam.core.programs import ProgramCache
from hornbeam.core.tensor import Tensor, name_of, to_tensor
from hornbeam.core.trace import Trace
from hornbeam.core.tree import flatten, map_structure, pack_like, signature
from hornbeam.core.validation import positive_int, unsupported
from hornbeam.core.whole import all_or_nothing, one_at_a_time
from hornbeam.training import data as sources
from hornbeam.training.compile_utils import Compilation, CompileMetrics, batch_size, check_identifiers
from hornbeam.training.nonfinite import check_gradients, finite
from hornbeam.training.signatures import encode, input_names

_CHECKS_GRADIENTS = ("raise", "skip")  # Keras' TerminateOnNaN, "stop", looks at the loss


class Steps:
    """What ``compile`` says, and the steps it makes: a subclass may override their parts. Each is traced once for each
    signature of a batch and runs as one program."""

    _all_layers: Callable[[], Any]
    _check_begun: Callable[[], None]
    _compilation: Compilation | None = None

    def _trainer_init(self) -> None:
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.optimizer: Any = None
        self.loss: Any = None
        self.history: Any = None
        self._forget_steps()
        self._on_nonfinite: str | None = None

    # ---- compile ----
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        on_nonfinite: str | None = None,
        threads: int = 0,
    ) -> None:
        """Says how to train.

        Args:
            optimizer: a name or an optimizer.
            loss: a name, a function or a loss; for several outputs a list, or a dict by output name.
            loss_weights: factors for several outputs.
            metrics: a list of names, functions or metrics; for several outputs a list of lists, or a dict.
            weighted_metrics: metrics that take sample weights.
            run_eagerly: whether to run ``train_step`` op by op in Python, for debugging.
            steps_per_execution: how many steps pass between batch callbacks.
            jit_compile: True, False or "auto"; a step is compiled in any case, unless it runs eagerly.
            auto_scale_loss: True or False; losses are scaled by an optimizer's ``loss_scale_factor`` alone.
            on_nonfinite: what a NaN or infinity in the loss, or in a gradient, does before any weight is changed: None
                (go on, as Keras), "raise", or "skip" (leave this step out).
            threads: threads for this model's programs, 0 for HB_NUM_THREADS or all CPUs.
        """
        if on_nonfinite not in (None, "raise", "skip"):
            raise ValueError(f"`on_nonfinite` must be None, 'raise' or 'skip'. Received: on_nonfinite={on_nonfinite!r}")
        unsupported("jit_compile", jit_compile, "auto", True, False)
        unsupported("auto_scale_loss", auto_scale_loss, True, False)
        self._check_begun()
        check_options(threads=threads)
        found = optimizers.get(optimizer)
        check_identifiers(loss, metrics, weighted_metrics)
        with all_or_nothing(self):
            self.optimizer = found
            self.loss = loss
            arguments = {
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
            }
            self._compilation = Compilation(arguments, self._output_names_for)
            self.run_eagerly, self.steps_per_execution, self._on_nonfinite, self._threads = (
                run_eagerly,
                positive_int("steps_per_execution", steps_per_execution),
                on_nonfinite,
                threads,
            )
            self._forget_steps()

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._compilation is not None

    _compiled = compiled

    @property
    def _compile_args(self) -> dict[str, Any]:
        return self._compilation.arguments if self._compilation is not None else {}

    def _forget_steps(self) -> None:
        self._steps = {kind: ProgramCache() for kind in ("train", "test", "predict")}

    def _require_compiled(self) -> None:
        self._check_begun()
        if self._compilation is None:
            raise ValueError("the model must be compiled first: call compile(optimizer, loss)")

    def _output_names_for(self, y_pred: Any) -> list[str | None]:
        """Names of the outputs: a dict's keys, or those of the layers that make them; None for what has none."""
        if isinstance(y_pred, dict):
            return sorted(y_pred)
        leaves, names = flatten(y_pred), self._output_layer_names()
        return [None] * len(leaves) if len(names) != len(leaves) else list(names)

    def _output_layer_names(self) -> list[str]:
        return []

    # ---- the parts of a step, which a subclass may override ----
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar to minimize: the compiled losses, regularizers and ``add_loss`` values."""
        total = None
        if self._compilation is not None and self._compilation.loss is not None:
            total = self._compilation.loss(self._output_names_for(y_pred), y, y_pred, sample_weight)
        for extra in self.losses:  # type: ignore[attr-defined]
            extra = to_tensor(extra)
            total = extra if total is None else ops.add(total, ops.cast(extra, total.dtype))
        if total is None:
            raise ValueError("no loss to compute: give compile() a loss, or call add_loss()")
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Takes a batch into the metrics and returns all results."""
        if self._compilation is not None and self._compilation.metrics is not None:
            self._compilation.metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """All metrics' results by log name."""
        out: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            out.update(value if isinstance(value, dict) else {metric.name: value})
        return out

    def _metric_items(self) -> list[tuple[str, Any]]:
        """Log names and metrics."""
        return [item for m in self.metrics for item in (m.items() if isinstance(m, CompileMetrics) else [(m.name, m)])]

    @property
    def metrics(self) -> list[Any]:
        """All metrics: the loss' mean, those of ``compile`` as one, means of several outputs' losses, then those that the
        model and its layers hold (a model among them keeps its own for itself)."""
        found = list(self._compilation.parts()) if self._compilation is not None else []
        found += self._metrics  # type: ignore[attr-defined]
        for layer in self._all_layers():
            if not isinstance(layer, Steps):
                found += layer._metrics
        return list({id(m): m for m in found}.values())

    @property
    def metrics_names(self) -> list[str]:
        """Names of all metrics."""
        return [m.name for m in self.metrics]

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """The logs as a list, in the order of the metrics, then the others by name; one alone as it is."""
        order = [m.name for x in self.metrics for m in (x.metrics if isinstance(x, CompileMetrics) else [x])]
        names = [*(n for n in order if n in logs), *sorted(n for n in logs if n not in order)]
        return logs[names[0]] if len(names) == 1 else [logs[n] for n in names]

    def reset_metrics(self) -> None:
        """Starts all metrics over."""
        for m in self.metrics:
            m.reset_state()

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """``compute_loss``, whether or not an override of it takes ``training``."""
        takes = inspect.signature(self.compute_loss).parameters
        by_name = "training" in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values())
        return self.compute_loss(x, y, y_pred, sample_weight, **({"training": training} if by_name else {}))

    def _track_loss(self, loss: Any, x: Any) -> None:
        if self._compilation is not None:
            self._compilation.loss_tracker.update_state(loss, sample_weight=batch_size(x))

    def train_step(self, data: Any) -> dict[str, Any]:
        """One training step, traced into a graph: forward, loss, gradients, update, metrics. Override it at will.

        Args:
            data: ``(x, y)``, ``(x, y, sample_weight)``, ``x`` alone, or ``(x,)`` where it is a list; of a generator or
                data set, what it gives. See ``hornbeam.utils.unpack_x_y_sample_weight``.

        Returns:
            The logs, by name.
        """
        x, y, sample_weight = sources.unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self._loss_of(x, y, y_pred, sample_weight, training=True)
            if self._on_nonfinite is not None:
                loss = finite(loss)
            scaled = self.optimizer.scale_loss(loss)
        self._track_loss(loss, x)
        weights = self.trainable_variables  # type: ignore[attr-defined]
        if weights:
            gradients = tape.gradient(scaled, weights)
            if self._on_nonfinite in _CHECKS_GRADIENTS:
                check_gradients(gradients, weights)
            self.optimizer.apply(gradients, weights)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One evaluation step, traced into a graph. Override it at will; ``data`` is as for ``train_step``."""
        x, y, sample_weight = sources.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self._loss_of(x, y, y_pred, sample_weight, training=False)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """One prediction step, traced into a graph. Override it at will; ``data`` is as for ``train_step``."""
        return self(sources.unpack_x_y_sample_weight(data)[0], training=False)  # type: ignore[operator]

    @property
    def _has_own_train_step(self) -> bool:
        return type(self).train_step is not Steps.train_step

    # ---- tracing ----
    def _step_for(self, kind: str, batch: Any) -> Compiled:
        """The compiled step for batches like this one."""
        step = self._steps[kind].get(self._step_key(kind, batch))
        if step is not None:
            return step  # type: ignore[no-any-return]
        with one_at_a_time():
            step = self._steps[kind].get(self._step_key(kind, batch))  # another thread may have made it meanwhile
            if step is None:
                step = self._trace_step(kind, batch)
                self._steps[kind].put(self._step_key(kind, batch), step)  # tracing may have made weights
        return step  # type: ignore[no-any-return]

    def _step_key(self, kind: str, batch: Any) -> Any:
        checks = (self._on_nonfinite is not None, self._on_nonfinite in _CHECKS_GRADIENTS)
        layers = list(self._all_layers())
        return (
            signature(batch),
            tuple((name_of(a.dtype), a.shape[1:]) for a in flatten(batch) if a is not None),
            (*checks, *(v.trainable for x in layers for v in x._own_weights)) if kind == "train" else (),
            tuple(x.trainable for x in layers),
        )

    def _trace_step(self, kind: str, batch: Any) -> Compiled:
        fn: Callable[[Any], Any] = {"train": self.train_step, "test": self.test_step, "predict": self.predict_step}[
            kind
        ]
        present = [a for a in flatten(batch) if a is not None]
        specs = [(a.dtype.name, (_core.Dim("batch"), *a.shape[1:])) for a in present]
        self._build_eagerly(batch)

        def call(*leaves: Any) -> Any:
            it = iter(leaves)
            self._clear_losses()  # type: ignore[attr-defined]
            out = fn(pack_like(batch, [None if a is None else next(it) for a in flatten(batch)]))
            self._clear_losses()  # type: ignore[attr-defined]
            return out

        step = Compiled(
            call, [None] * len(present), specs, input_names(self, batch), threads=getattr(self, "_threads", 0)
        )
        step.batch = encode(batch)  # what a file says of it
        return step

    def _build_eagerly(self, batch: Any) -> None:
        """Builds a model from its first batch's shapes, so that weights exist before the step is traced."""
        if all(layer.built for layer in self._all_layers()):  # type: ignore[attr-defined]
            return
        x = sources.unpack_x_y_sample_weight(batch)[0]
        if not self._can_call():
            return  # a model that only trains: its train_step calls the parts
        with Trace() as trace:
            leaves = [
                trace.input(f"x{i}", a.dtype.name, (_core.Dim("batch"), *a.shape[1:])) for i, a in enumerate(flatten(x))
            ]
            self(pack_like(x, leaves))  # type: ignore[operator]
        self._clear_losses()  # type: ignore[attr-defined]

    def _can_call(self) -> bool:
        """Whether the model itself has a computation."""
        return True

    def _run_step(self, kind: str, batch: Any) -> Any:
        if getattr(self, "run_eagerly", False):
            return self._run_eagerly(kind, batch)
        step = self._step_for(kind, batch)
        return step.rebuild(step.executable.run([a for a in flatten(batch) if a is not None]))

    def _logs_of_nonfinite(self, kind: str, error: ValueError, logs: dict[str, Any]) -> dict[str, Any]:
        """The logs after a step that was stopped before it changed anything; ``logs`` are those before it.

        Raises:
            ValueError: the error, when it is another, or ``on_nonfinite`` is "raise".
        """
        if kind != "train" or self._on_nonfinite not in ("skip", "stop") or "[check_finite]" not in str(error):
            raise error
        if self._on_nonfinite == "stop":
            self.stop_training = True
            return {"loss": math.nan}
        return logs or {"loss": math.nan}

    def _run_eagerly(self, kind: str, batch: Any) -> Any:
        """The step op by op. A loss that is no number leaves the state as it was, as a compiled step does."""
        fn = {"train": self.train_step, "test": self.test_step, "predict": self.predict_step}[kind]
        watched = self._on_nonfinite is not None and kind == "train"
        kept = [(v, v.numpy()) for v in self.variables] if watched else []  # type: ignore[attr-defined]
        try:
            return fn(map_structure(lambda a: None if a is None else Tensor(a), batch))
        except ValueError:
            for v, value in kept:
                v.assign(value)
            raise
        finally:
            self._clear_losses()  # type: ignore[attr-defined]
