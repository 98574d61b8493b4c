"""What a model's steps are made of: what ``compile`` says, and the parts that are traced into graphs."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam import ops, optimizers
from hornbeam.core.autodiff import GradientTape
from hornbeam.core.function import check_options
from hornbeam.core.programs import ProgramCache
from hornbeam.core.strings import strings_as_arrays
from hornbeam.core.tensor import to_tensor
from hornbeam.core.tree import flatten
from hornbeam.core.validation import positive_int, unsupported
from hornbeam.core.whole import all_or_nothing
from hornbeam.data.arrays import to_arrays
from hornbeam.data.batches import unpack_x_y_sample_weight
from hornbeam.layers.layer import Layer
from hornbeam.training.compile_utils import Compilation, CompileMetrics, batch_size, check_identifiers
from hornbeam.training.nonfinite import OnNonfinite, check_gradients, finite


class StepParts(Layer):
    """A layer that can be compiled, with the parts of its steps, which a subclass may override. A ``Step`` runs them."""

    run_eagerly: bool = False
    steps_per_execution: int = 1
    _threads: int = 0
    _device: str = ""  # of its programs; empty: that of the call
    _compilation: Compilation | None = None
    _on_nonfinite: OnNonfinite = OnNonfinite.GO_ON
    _signatures: dict[str, Any] = {}  # of the programs in the file that the model came from

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.optimizer: Any = None
        self.loss: Any = None
        self.history: Any = None
        self._forget_programs()

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
        device: str | None = None,
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
            auto_scale_loss: whether a model whose policy is "mixed_float16" is trained with its loss scaled: by
                ``LossScaleOptimizer(optimizer)``, unless the optimizer is one.
            on_nonfinite: what a NaN or infinity in the loss, or in a gradient, does before any weight is changed: None
                (go on, as Keras), "raise", or "skip" (leave this step out). Gradients are left to a ``LossScaleOptimizer``.
            threads: threads for this model's programs, 0 for HB_NUM_THREADS or all CPUs.
            device: where they run: "cpu", "gpu" or "gpu:1"; None for that of the call (``hb.config.device``).
        """
        if on_nonfinite not in (None, "raise", "skip"):
            raise ValueError(f"`on_nonfinite` must be None, 'raise' or 'skip'. Received: on_nonfinite={on_nonfinite!r}")
        unsupported("jit_compile", jit_compile, "auto", True, False)
        unsupported("auto_scale_loss", auto_scale_loss, True, False)
        self._check_begun()
        check_options(threads=threads, device=device)
        found = optimizers.get(optimizer)
        scales = isinstance(found, optimizers.LossScaleOptimizer)
        if auto_scale_loss and found is not None and self.dtype_policy.name == "mixed_float16" and not scales:
            found = optimizers.LossScaleOptimizer(found)
        check_identifiers(loss, metrics, weighted_metrics)
        with all_or_nothing(self):
            self.optimizer = found
            self.loss = loss
            arguments = {
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "on_nonfinite": on_nonfinite,
            }
            self._compilation = Compilation(arguments, self._output_names_for)
            self.run_eagerly, self.steps_per_execution, self._on_nonfinite, self._threads = (
                run_eagerly,
                positive_int("steps_per_execution", steps_per_execution),
                OnNonfinite(on_nonfinite),
                threads,
            )
            self._device = device or ""
            self._forget_programs()

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._compilation is not None

    @property
    def _compile_args(self) -> dict[str, Any]:
        return self._compilation.arguments if self._compilation is not None else {}

    def _forget_programs(self) -> None:
        self._programs = {kind: ProgramCache() for kind in ("train", "test", "predict")}

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
        """Names of the layers that make the outputs, none where they are not known."""
        return []

    def _input_tensor_names(self) -> list[str]:
        """Names of the inputs, none where they are not known."""
        return []

    @property
    def _program_inputs(self) -> Any:
        """What programs take, as symbolic tensors. Raises ValueError where it is not known."""
        return self.input

    # ---- inputs that a graph does not hold ----
    _edge: Any = None  # what makes numbers of them, if anything

    def _build_for_strings(self, x: Any) -> None:
        """Builds a model whose first layer takes strings for these."""

    def _to_arrays(self, x: Any) -> Any:
        """Inputs as arrays: of strings, too, where the model takes them."""
        if x is None:
            return None
        self._build_for_strings(x)
        return to_arrays("x", x) if self._edge is None else to_arrays("x", strings_as_arrays(x), strings=True)

    def _encoded(self, batch: Any) -> Any:
        """A batch as programs take it: with numbers in the place of strings."""
        return batch

    def _is_encoded(self, batch: Any) -> bool:
        """Whether programs take a batch as it is."""
        return True

    def _can_call(self) -> bool:
        """Whether the model itself has a computation."""
        return True

    def _stop_on_nonfinite(self) -> None:
        """Has training stop where the loss is no number, unless ``compile`` was told what to do there."""
        if self._on_nonfinite is OnNonfinite.GO_ON:
            self._on_nonfinite = OnNonfinite.STOP

    # ---- the parts of a step, which a subclass may override ----
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar to minimize: the compiled losses, regularizers and ``add_loss`` values."""
        total = None
        if self._compilation is not None and self._compilation.loss is not None:
            total = self._compilation.loss(self._output_names_for(y_pred), y, y_pred, sample_weight)
        for extra in self.losses:
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
        found += self._metrics
        for layer in self._all_layers():
            if not isinstance(layer, StepParts):
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
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._loss_of(x, y, y_pred, sample_weight, training=True)
            if self._on_nonfinite.checks_loss:
                loss = finite(loss)
            scaled = self.optimizer.scale_loss(loss)
        self._track_loss(loss, x)
        weights = self.trainable_variables
        if weights:
            gradients = tape.gradient(scaled, weights)
            if self._on_nonfinite.checks_gradients and not self.optimizer.gradients_may_be_nonfinite:
                check_gradients(gradients, weights)
            self.optimizer.apply(gradients, weights)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One evaluation step, traced into a graph. Override it at will; ``data`` is as for ``train_step``."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self._loss_of(x, y, y_pred, sample_weight, training=False)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """One prediction step, traced into a graph. Override it at will; ``data`` is as for ``train_step``."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    @property
    def _has_own_train_step(self) -> bool:
        """Whether a subclass overrides ``train_step``."""
        return type(self).train_step is not StepParts.train_step
