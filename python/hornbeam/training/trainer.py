"""compile, fit, evaluate, predict: the training loop around steps that are traced into graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import _core, ops, optimizers
from hornbeam._tensor import Tensor, dims_of, to_tensor
from hornbeam._trace import eager_scope
from hornbeam._tree import flatten, map_structure, pack_like, signature
from hornbeam.callbacks.callback import CallbackList, History
from hornbeam.function import Compiled
from hornbeam.metrics.metric import Mean
from hornbeam.training import data as sources
from hornbeam.training.compile_utils import CompileLoss, CompileMetrics
from hornbeam.training.feeds import CHUNK_SECONDS, ArrayFeed, BatchFeed, batches_of


class Trainer:
    """What ``Model`` adds to ``Layer``. A step is traced once for each signature and runs as one program."""

    _all_layers: Callable[[], Any]

    def _trainer_init(self) -> None:
        self._compiled = False
        self.stop_training = False
        self.optimizer: Any = None
        self.loss: Any = None
        self.history: Any = None
        self._steps: dict[Any, Compiled] = {}
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
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self._compile_args = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self.run_eagerly, self.steps_per_execution, self._on_nonfinite, self._threads = (
            run_eagerly,
            int(steps_per_execution),
            on_nonfinite,
            threads,
        )
        self._loss_tracker = Mean(name="loss")
        self._output_trackers: list[Any] = []
        self._compile_loss: Any = None
        self._compile_metrics: Any = None
        self._compiled = True
        self._steps = {}

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
                self._compile_loss = CompileLoss(self._compile_args["loss"], self._compile_args["loss_weights"], names)
                if len(names) > 1:
                    with eager_scope():
                        self._output_trackers = [Mean(name=f"{n}_loss") for n in names]
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
                self._compile_metrics = CompileMetrics(args["metrics"], args["weighted_metrics"], names)
                with eager_scope():
                    self._compile_metrics.build(
                        [None if t is None else _Shaped(t) for t in ys], [_Shaped(p) for p in ps]
                    )
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
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        if self._on_nonfinite is not None:
            from hornbeam._tensor import emit1

            loss = emit1("check_finite", [loss])
        weights = self.trainable_variables  # type: ignore[attr-defined]
        if weights:
            self.optimizer.apply(tape.gradient(loss, weights), weights)
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
        arrays = flatten(batch)
        trainable = tuple(v.trainable for v in self.variables) if kind == "train" else ()  # type: ignore[attr-defined]
        flags = tuple(layer.trainable for layer in self._all_layers())  # type: ignore[attr-defined]
        key = (
            kind,
            signature(batch),
            tuple((a.dtype.name, a.shape[1:]) for a in arrays if a is not None),
            trainable,
            flags,
        )
        step = self._steps.get(key)
        if step is None:
            step = self._trace_step(kind, batch)
            key = (
                *key[:3],
                tuple(v.trainable for v in self.variables) if kind == "train" else (),  # type: ignore[attr-defined]
                tuple(layer.trainable for layer in self._all_layers()),
            )  # type: ignore[attr-defined]
            self._steps[key] = step
        return step

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
        from hornbeam._trace import Trace

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
        if getattr(self, "run_eagerly", False):
            fn = {"train": self.train_step, "test": self.test_step, "predict": self.predict_step}[kind]
            out = fn(map_structure(lambda a: None if a is None else Tensor(a), batch))
            self._clear_losses()  # type: ignore[attr-defined]
            return out
        step = self._step_for(kind, batch)
        try:
            return step.rebuild(step.executable.run([a for a in flatten(batch) if a is not None]))
        except ValueError as e:
            if kind == "train" and self._on_nonfinite in ("skip", "stop") and "[check_finite]" in str(e):
                if self._on_nonfinite == "stop":
                    self.stop_training = True
                return {}
            raise

    # ---- fit ----
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Trains the model.

        Args:
            x: arrays (a structure of them), a generator or a ``PyDataset`` of ``(x, y)`` or ``(x, y, sample_weight)``.
            y: targets, with arrays.
            batch_size: samples a step, 32 by default; with arrays only.
            epochs: the last epoch's number.
            verbose: 0 for silence, 1 for a progress bar, 2 for a line an epoch, "auto" for 1.
            callbacks: a list of callbacks.
            validation_split: share of the last samples held out, before shuffling; with arrays only.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)``, a generator or a ``PyDataset``.
            shuffle: whether each epoch takes the samples in a new order; with arrays only.
            class_weight: a weight for each class.
            sample_weight: a weight for each sample.
            initial_epoch: where to begin counting.
            steps_per_epoch: how many batches an epoch has; needed for endless generators.
            validation_steps: likewise for validation.
            validation_batch_size: None for ``batch_size``.
            validation_freq: validate every so many epochs.

        Returns:
            The ``History``.

        Raises:
            ValueError: when sizes disagree, there are no samples, or an argument is out of range.
        """
        self._require_compiled()
        from hornbeam._validation import positive_int

        if batch_size is not None:
            batch_size = positive_int("batch_size", batch_size)
        val_source: Any = None
        if sources.is_arrays(x):
            x, y, sample_weight = (
                sources.to_arrays("x", x),
                sources.to_arrays("y", y),
                sources.to_arrays("sample_weight", sample_weight),
            )
            if sources.cardinality(x, y, sample_weight) == 0:
                raise ValueError("fit() was given no samples")
            if class_weight is not None:
                if sample_weight is not None:
                    raise ValueError("`class_weight` and `sample_weight` cannot be given together")
                if len(flatten(y)) > 1:
                    raise ValueError("`class_weight` needs a model with one output")
                sample_weight = sources.class_weights(flatten(y)[0], class_weight)
            if validation_split:
                if not 0 < validation_split < 1:
                    raise ValueError(
                        f"`validation_split` must be in (0, 1). Received: validation_split={validation_split}"
                    )
                if validation_data is None:
                    (x, y, sample_weight), val_source = sources.split_validation(
                        (x, y, sample_weight), validation_split
                    )
            feed: Any = ArrayFeed(self, (x, y, sample_weight), batch_size or 32, shuffle)
        else:
            if y is not None or validation_split or x is None:
                raise ValueError(
                    "`y` and `validation_split` need `x` to be arrays. Received: x of type " + type(x).__name__
                )
            feed = BatchFeed(self, x, steps_per_epoch, class_weight)
        if validation_data is not None:
            val_source = validation_data
        steps = feed.steps if steps_per_epoch is None else steps_per_epoch
        history = CallbackList(callbacks, self, {"verbose": verbose, "epochs": epochs, "steps": steps})
        self.stop_training = False
        logs: dict[str, Any] = {}
        history.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            self.reset_metrics()
            history.on_epoch_begin(epoch)
            logs = feed.epoch("train", epoch, history, steps_per_epoch)
            if val_source is not None and (epoch + 1 - initial_epoch) % validation_freq == 0:
                val = self._evaluate_source(val_source, validation_batch_size or batch_size, validation_steps, history)
                logs.update({f"val_{k}": v for k, v in val.items()})
            history.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if self.optimizer.use_ema and epochs > initial_epoch:
            self.optimizer.finalize_variable_values()
        history.on_train_end(logs)
        self.history = history.history
        return history.history

    # ---- evaluate, predict ----
    def _evaluate_source(
        self, source: Any, batch_size: int | None, steps: int | None, callbacks: CallbackList
    ) -> dict[str, float]:
        if isinstance(source, (tuple, list)) and not hasattr(source, "__next__"):
            arrays = tuple(
                sources.to_arrays(n, a)
                for n, a in zip(("x", "y", "sample_weight"), sources.unpack_x_y_sample_weight(tuple(source)))
            )
            if sources.cardinality(*arrays) == 0:
                raise ValueError("there are no samples to evaluate on")
            feed: Any = ArrayFeed(self, arrays, batch_size or 32, False)
        else:
            feed = BatchFeed(self, source, steps, None)
        self.reset_metrics()
        callbacks.on_test_begin()
        logs: dict[str, Any] = feed.epoch("test", 0, callbacks, steps)
        callbacks.on_test_end(logs)
        return logs

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and metrics on data.

        Args:
            x: as for ``fit``.
            y: targets, with arrays.
            batch_size: 32 by default.
            verbose: 0 for silence, else a progress bar.
            sample_weight: a weight for each sample.
            steps: how many batches of a generator.
            callbacks: a list of callbacks.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of the loss and the metrics.
        """
        self._require_compiled()
        source = (x, y, sample_weight) if sources.is_arrays(x) else x
        watch = CallbackList(callbacks, self, {"verbose": verbose, "epochs": 1, "steps": None}, history=False)
        logs = self._evaluate_source(source, batch_size, steps, watch)
        if return_dict:
            return logs
        values = [logs["loss"], *[v for k, v in logs.items() if k != "loss"]]
        return values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for inputs, as NumPy arrays.

        Args:
            x: arrays, a generator or a ``PyDataset``; no samples give an empty output.
            batch_size: 32 by default.
            verbose: 0 for silence, else a progress bar.
            steps: how many batches of a generator.
            callbacks: a list of callbacks.
        """
        from hornbeam._validation import positive_int

        watch = CallbackList(callbacks, self, {"verbose": verbose, "epochs": 1, "steps": None}, history=False)
        if sources.is_arrays(x):
            x = sources.to_arrays("x", x)
            size = positive_int("batch_size", batch_size) if batch_size is not None else 32
            watch.on_predict_begin()
            out = self._predict_arrays(x, size)
            watch.on_predict_end()
            return out
        watch.on_predict_begin()
        parts = []
        for i, batch in enumerate(batches_of(x, steps)):
            watch.on_predict_batch_begin(i)
            data = sources.to_arrays("x", sources.unpack_x_y_sample_weight(batch)[0])
            parts.append(map_structure(np.asarray, self._run_step("predict", (data,))))
            watch.on_predict_batch_end(i)
        watch.on_predict_end()
        if not parts:
            raise ValueError("predict() was given no batches")
        return map_structure(lambda *a: np.concatenate(a), *parts)

    def _predict_arrays(self, x: Any, size: int) -> Any:
        n = sources.cardinality(x)
        if n == 0 or getattr(self, "run_eagerly", False):
            return map_structure(np.asarray, self._run_step("predict", (x,)))
        step = self._step_for("predict", (x,))
        arrays = flatten(x)
        first = step.executable.run([a[: min(size, n)] for a in arrays])
        if not all(o.ndim and o.shape[0] == min(size, n) for o in first) or n <= size:
            if n <= size:
                return map_structure(np.asarray, step.rebuild(first))
            parts = [first] + [step.executable.run([a[i : i + size] for a in arrays]) for i in range(size, n, size)]
            return map_structure(np.asarray, step.rebuild([np.concatenate(p) for p in zip(*parts)]))
        out = [np.empty((n, *o.shape[1:]), o.dtype) for o in first]
        for o, f in zip(out, first):
            o[:size] = f
        loop = _core.BatchLoop(step.executable, arrays, size)
        loop.collect(out)
        at = 1
        while at < loop.steps:
            at = loop.run(at, loop.steps, CHUNK_SECONDS)
        return map_structure(np.asarray, step.rebuild(out))

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One training step on one batch; returns the loss and metrics so far."""
        self._require_compiled()
        x, y, sample_weight = (
            sources.to_arrays("x", x),
            sources.to_arrays("y", y),
            sources.to_arrays("sample_weight", sample_weight),
        )
        sources.cardinality(x, y, sample_weight)
        if class_weight is not None:
            sample_weight = sources.class_weights(y, class_weight)
        return self._logs(self._run_step("train", (x, y, sample_weight)), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """One evaluation step on one batch; returns the loss and metrics so far."""
        self._require_compiled()
        x, y, sample_weight = (
            sources.to_arrays("x", x),
            sources.to_arrays("y", y),
            sources.to_arrays("sample_weight", sample_weight),
        )
        sources.cardinality(x, y, sample_weight)
        return self._logs(self._run_step("test", (x, y, sample_weight)), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch."""
        return map_structure(np.asarray, self._run_step("predict", (sources.to_arrays("x", x),)))

    @staticmethod
    def _logs(out: Any, return_dict: bool) -> Any:
        logs = {k: float(np.asarray(v)) for k, v in out.items()}
        if return_dict:
            return logs
        values = [logs["loss"], *[v for k, v in logs.items() if k != "loss"]] if "loss" in logs else list(logs.values())
        return values[0] if len(values) == 1 else values


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
