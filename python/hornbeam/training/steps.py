"""compile, and the steps of training, evaluation and prediction that are traced into graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import _core, ops, optimizers
from hornbeam._programs import ProgramCache
from hornbeam._tensor import Tensor, dims_of, emit1, to_tensor
from hornbeam._trace import Trace, eager_scope
from hornbeam._tree import flatten, map_structure, pack_like, signature
from hornbeam._validation import positive_int
from hornbeam._whole import all_or_nothing, one_at_a_time
from hornbeam.function import Compiled, check_options
from hornbeam.metrics.metric import Mean
from hornbeam.training import data as sources
from hornbeam.training.compile_utils import CompileLoss, CompileMetrics, check_identifiers


class Steps:
    """What ``compile`` says, and the steps it makes: a subclass may override their parts. Each is traced once for each
    signature of a batch and runs as one program."""

    _all_layers: Callable[[], Any]
    _loss_tracker: Mean
    _output_trackers: list[Mean]
    _compile_args: dict[str, Any]

    def _trainer_init(self) -> None:
        self._compiled = False
        self.stop_training = False
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
            jit_compile: accepted for compatibility.
            auto_scale_loss: accepted for compatibility.
            on_nonfinite: what a NaN or infinite loss does before any weight is changed: None (go on, as Keras),
                "raise", or "skip" (leave this step out).
            threads: threads for this model's programs, 0 for HB_NUM_THREADS or all CPUs.
        """
        if on_nonfinite not in (None, "raise", "skip"):
            raise ValueError(f"`on_nonfinite` must be None, 'raise' or 'skip'. Received: on_nonfinite={on_nonfinite!r}")
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
            self._set_untracked(_compile_args=arguments, _loss_tracker=Mean(name="loss"), _output_trackers=[])
            self.run_eagerly, self.steps_per_execution, self._on_nonfinite, self._threads = (
                run_eagerly,
                positive_int("steps_per_execution", steps_per_execution),
                on_nonfinite,
                threads,
            )
            self._compile_loss: Any = None
            self._compile_metrics: Any = None
            self._forget_steps()
            self._compiled = True

    def _set_untracked(self, **attributes: Any) -> None:
        for name, value in attributes.items():  # metrics that are not the model's own: the next compile() replaces them
            object.__setattr__(self, name, value)

    def _forget_steps(self) -> None:
        self._steps = {kind: ProgramCache() for kind in ("train", "test", "predict")}

    def _require_compiled(self) -> None:
        if not self._compiled:
            raise ValueError("the model must be compiled first: call compile(optimizer, loss)")

    def _output_names_for(self, y_pred: Any) -> list[str]:
        leaves = flatten(y_pred)
        if isinstance(y_pred, dict):
            return sorted(y_pred)
        names = getattr(self, "output_names", None)
        return (
            list(names)
            if names is not None and len(names) == len(leaves)
            else [f"output_{i}" for i in range(len(leaves))]
        )

    # ---- the parts of a step, which a subclass may override ----
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar to minimize: the compiled losses, regularizers and ``add_loss`` values."""
        total = None
        if self._compile_args["loss"] is not None:
            if self._compile_loss is None:
                names = self._output_names_for(y_pred)
                found = CompileLoss(self._compile_args["loss"], self._compile_args["loss_weights"], names)
                if len(names) > 1:
                    with eager_scope():
                        self._set_untracked(_output_trackers=[Mean(name=f"{n}_loss") for n in names])
                self._compile_loss = found
            total, parts = self._compile_loss(y, y_pred, sample_weight)
            for tracker, part in zip(self._output_trackers, parts):
                if part is not None:
                    tracker.update_state(part, sample_weight=_batch_size(y_pred))
        for extra in self.losses:  # type: ignore[attr-defined]
            extra = to_tensor(extra)
            total = extra if total is None else ops.add(total, ops.cast(extra, total.dtype))
        if total is None:
            raise ValueError("no loss to compute: give compile() a loss, or call add_loss()")
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Takes a batch into the metrics and returns all results."""
        args = self._compile_args
        if args["metrics"] is not None or args["weighted_metrics"] is not None:
            ps = flatten(y_pred)
            names = self._output_names_for(y_pred)
            ys = [y.get(n) for n in names] if isinstance(y, dict) else flatten(y)
            if self._compile_metrics is None:
                found = CompileMetrics(args["metrics"], args["weighted_metrics"], names)
                with eager_scope():
                    found.build([None if t is None else _Shaped(t) for t in ys], [_Shaped(p) for p in ps])
                self._compile_metrics = found
            ws = (
                [sample_weight.get(n) for n in names]
                if isinstance(sample_weight, dict)
                else (list(sample_weight) if isinstance(sample_weight, (list, tuple)) else [sample_weight] * len(ps))
            )
            self._compile_metrics.update(ys, ps, ws)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """All metrics' results by log name."""
        out: dict[str, Any] = {}
        for name, metric in self._metric_items():
            value = metric.result()
            if isinstance(value, dict):
                out.update(value)
            else:
                out[name] = value
        return out

    def _metric_items(self) -> list[tuple[str, Any]]:
        items = [("loss", self._loss_tracker)] if self._compiled else []
        items += [(t.name, t) for t in getattr(self, "_output_trackers", [])]
        if getattr(self, "_compile_metrics", None) is not None:
            items += self._compile_metrics.items()
        known = {id(m) for _, m in items}
        items += [(m.name, m) for m in _layer_metrics(self) if id(m) not in known]
        return items

    @property
    def metrics(self) -> list[Any]:
        """All metrics, the loss' mean first."""
        return [m for _, m in self._metric_items()]

    @property
    def metrics_names(self) -> list[str]:
        """Log names of all metrics."""
        return [n for n, _ in self._metric_items()]

    def reset_metrics(self) -> None:
        """Starts all metrics over."""
        for m in self.metrics:
            m.reset_state()

    def train_step(self, data: Any) -> dict[str, Any]:
        """One training step, traced into a graph: forward, loss, gradients, update, metrics. Override it at will."""
        from hornbeam.autodiff import GradientTape

        x, y, sample_weight = sources.unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            if self._on_nonfinite is not None:
                loss = emit1("check_finite", [loss])
            scaled = self.optimizer.scale_loss(loss)
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        weights = self.trainable_variables  # type: ignore[attr-defined]
        if weights:
            self.optimizer.apply(tape.gradient(scaled, weights), weights)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One evaluation step, traced into a graph. Override it at will."""
        x, y, sample_weight = sources.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """One prediction step, traced into a graph. Override it at will."""
        return self(sources.unpack_x_y_sample_weight(data)[0], training=False)  # type: ignore[operator]

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
        return (
            signature(batch),
            tuple((a.dtype.name, a.shape[1:]) for a in flatten(batch) if a is not None),
            (self._on_nonfinite is not None, *(v.trainable for v in self.variables))  # type: ignore[attr-defined]
            if kind == "train"
            else (),
            tuple(layer.trainable for layer in self._all_layers()),
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

        return Compiled(call, [None] * len(present), specs, threads=getattr(self, "_threads", 0))

    def _build_eagerly(self, batch: Any) -> None:
        """Builds a model from its first batch's shapes, so that weights exist before the step is traced."""
        if self.built and all(layer.built for layer in self._all_layers()):  # type: ignore[attr-defined]
            return
        x = sources.unpack_x_y_sample_weight(batch)[0]
        if type(self).call.__qualname__ == "Model.call" and not hasattr(self, "_nodes"):  # type: ignore[attr-defined]
            return  # a model that only trains: its train_step calls the parts
        if getattr(self, "_functional", False) is None and not isinstance(x, (dict, list, tuple)):
            self.build((None, *x.shape[1:]))  # type: ignore[attr-defined]
            return
        with Trace() as trace:
            leaves = [
                trace.input(f"x{i}", a.dtype.name, (_core.Dim("batch"), *a.shape[1:])) for i, a in enumerate(flatten(x))
            ]
            self(pack_like(x, leaves))  # type: ignore[operator]
        self._clear_losses()  # type: ignore[attr-defined]

    def _run_step(self, kind: str, batch: Any) -> Any:
        try:
            if getattr(self, "run_eagerly", False):
                return self._run_eagerly(kind, batch)
            step = self._step_for(kind, batch)
            return step.rebuild(step.executable.run([a for a in flatten(batch) if a is not None]))
        except ValueError as e:
            if kind == "train" and self._on_nonfinite in ("skip", "stop") and "[check_finite]" in str(e):
                if self._on_nonfinite == "stop":
                    self.stop_training = True
                return {}
            raise

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


def _layer_metrics(model: Any) -> list[Any]:
    """The metrics that layers, or the model itself, hold."""
    found = [x for layer in model._all_layers() for x in layer._metrics]
    own = {
        id(m) for m in (getattr(model, "_loss_tracker", None), *getattr(model, "_output_trackers", [])) if m is not None
    }
    seen: set[int] = set()
    return [m for m in found if id(m) not in own and not (id(m) in seen or seen.add(id(m)))]  # type: ignore[func-returns-value]


class _Shaped:
    """A stand-in with a tensor's shape and dtype, for choosing metrics."""

    def __init__(self, t: Any) -> None:
        self.shape, self.dtype = tuple(t.shape), t.dtype


def _batch_size(x: Any) -> Any:
    leaf = flatten(x)[0]
    return to_tensor(dims_of(leaf)[0], "float32") if leaf.ndim else to_tensor(1.0)
