"""Losses and metrics of a compiled model: resolved from names, applied to one or several outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import losses as losses_module
from hornbeam import metrics as metrics_module
from hornbeam import ops
from hornbeam.core.names import to_snake_case
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.trace import eager_scope
from hornbeam.core.tree import flatten
from hornbeam.core.variable import Variable
from hornbeam.losses.loss import Loss, LossFunctionWrapper
from hornbeam.metrics.metric import Mean, MeanMetricWrapper, Metric

_CROSSENTROPY = ("crossentropy", "ce")  # which one, the shapes say
_CHOSEN = ("accuracy", "acc", "Accuracy", *_CROSSENTROPY)


def _make_loss(identifier: Any, y_true: Any, y_pred: Any) -> Loss:
    """A loss from a name, a function, a config or an object, for these targets and predictions."""
    if identifier in _CROSSENTROPY:
        found = losses_module.get(_auto(identifier, y_true, y_pred))
    else:
        found = losses_module.get(identifier)
    if isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=identifier if isinstance(identifier, str) else None)


def _auto(name: str, y_true: Any, y_pred: Any) -> str:
    """Which accuracy or crossentropy these shapes call for (Keras' rule)."""
    t, p = tuple(y_true.shape), tuple(y_pred.shape)
    kind = "accuracy" if name in ("accuracy", "acc", "Accuracy") else "crossentropy"
    if p[-1:] == (1,) or len(p) < 2:
        return f"binary_{kind}"
    if len(t) < len(p) or (t[-1:] == (1,) and p[-1] != 1):
        return f"sparse_categorical_{kind}"
    return f"categorical_{kind}"


def make_metric(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """A metric from a name, a function, a config or an object, for these targets and predictions."""
    if isinstance(identifier, Metric):
        return identifier
    name = identifier if isinstance(identifier, str) else None
    if name in _CHOSEN:
        found = metrics_module.get(_auto(name, y_true, y_pred))
    else:
        found = metrics_module.get(identifier)
    if isinstance(found, Metric):
        found.name = name or found.name
        return found
    metric = MeanMetricWrapper(found, name or to_snake_case(getattr(found, "__name__", type(found).__name__)))
    metric._direction = "up" if "accuracy" in getattr(found, "__name__", "") else "down"
    return metric


def check_identifiers(loss: Any, metrics: Any, weighted_metrics: Any) -> None:
    """Raises for losses or metrics that there are not."""
    for identifier in _identifiers(loss):
        if not (isinstance(identifier, str) and identifier in _CROSSENTROPY):
            losses_module.get(identifier)
    for identifier in [*_identifiers(metrics), *_identifiers(weighted_metrics)]:
        if not (isinstance(identifier, str) and identifier in _CHOSEN):
            metrics_module.get(identifier)


def _identifiers(value: Any) -> list[Any]:
    """The names, configs, functions and objects in a structure of them; instances of classes that are not callable too."""
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    return [i for item in value for i in _identifiers(item)] if isinstance(value, (list, tuple)) else [value]


def per_output(value: Any, names: list[str | None], what: str) -> list[Any]:
    """One entry for each output, from a single value, a list or a dict by output name."""
    n = len(names)
    if isinstance(value, dict):
        unknown = [k for k in value if k not in names]
        if unknown:
            raise ValueError(f"`{what}` names outputs {unknown} that the model does not have. Outputs: {names}")
        return [value.get(k) for k in names]
    if isinstance(value, (list, tuple)):
        if len(value) != n:
            raise ValueError(f"`{what}` needs one entry for each of the {n} outputs. Received: {len(value)}")
        return list(value)
    return [value] * n


class _OutputLoss:
    """The loss of one output: its factor, and the mean that is logged when there are several."""

    def __init__(self, index: int, loss: Loss, weight: float, tracker: Mean | None) -> None:
        self.index, self.loss, self.weight, self.tracker = index, loss, weight, tracker


class CompileLoss:
    """The losses of all outputs, weighted and summed.

    Args:
        loss: as for ``compile``.
        loss_weights: likewise.
    """

    def __init__(self, loss: Any, loss_weights: Any) -> None:
        self._loss, self._weights = loss, loss_weights
        self._parts: list[_OutputLoss] | None = None

    @property
    def metrics(self) -> list[Mean]:
        """The means of the outputs' losses, without their factors, when there are several."""
        return [p.tracker for p in self._parts or [] if p.tracker is not None]

    def _build(self, names: list[str | None], y: list[Any], y_pred: list[Any], by_key: bool) -> None:
        losses = per_output(self._loss, names, "loss")
        if self._weights is not None and len(names) > 1 and not isinstance(self._weights, (list, tuple, dict)):
            raise ValueError(
                f"`loss_weights` needs one factor for each of the {len(names)} outputs. "
                f"Received: loss_weights={self._weights}"
            )
        weights = [1.0 if w is None else float(w) for w in per_output(self._weights, names, "loss_weights")]
        order = [i for i, loss in enumerate(losses) if loss is not None]
        if by_key and isinstance(self._loss, dict):
            order.sort(key=lambda i: list(self._loss).index(names[i]))
        parts = []
        for i in order:
            made = _make_loss(losses[i], y[i], y_pred[i])
            tracker = Mean(name=f"{names[i] or made.name}_loss") if len(order) > 1 else None
            parts.append(_OutputLoss(i, made, weights[i], tracker))
        self._parts = parts

    def __call__(self, names: list[str | None], y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The weighted sum of the outputs' losses; their means take them in."""
        ps = flatten(y_pred)
        ys = self._targets(names, y)
        if len(ys) != len(ps):
            raise ValueError(f"the model has {len(ps)} outputs. Received: {len(ys)} targets")
        ws = align(names, sample_weight)
        if self._parts is None:
            with eager_scope():
                self._build(names, ys, ps, isinstance(y_pred, dict))
        total: Any = None
        for part in self._parts or []:
            i = part.index
            if ys[i] is None:
                output = f" of output {names[i]!r}" if len(names) > 1 else ""
                raise ValueError(f"the loss{output} needs targets beside the inputs. Received: y=None")
            value = part.loss(ys[i], ps[i], sample_weight=ws[i])
            if part.tracker is not None:
                part.tracker.update_state(value, sample_weight=batch_size(ps[i]))
            value = value if part.weight == 1.0 else ops.multiply(value, part.weight)
            total = value if total is None else ops.add(total, value)
        if total is None:
            raise ValueError("no loss to compute: compile(loss=...) is None for every output")
        return total

    def _targets(self, names: list[str | None], y: Any) -> list[Any]:
        """One target for each output; there may be none for outputs without a loss."""
        ys = [y.get(n) for n in names] if isinstance(y, dict) else flatten(y)
        wanted = [loss is not None for loss in per_output(self._loss, names, "loss")]
        if len(ys) < len(names) and len(ys) == sum(wanted):
            given = iter(ys)
            return [next(given) if one else None for one in wanted]
        return ys


class CompileMetrics:
    """The metrics of all outputs, as one: it is among ``model.metrics`` under the name "compile_metrics".

    Args:
        metrics: as for ``compile``.
        weighted_metrics: likewise.
        names_of: gives the names of a prediction's outputs, each a string or None.
    """

    name = "compile_metrics"

    def __init__(self, metrics: Any, weighted_metrics: Any, names_of: Callable[[Any], list[str | None]]) -> None:
        self._plain, self._weighted, self._names_of = metrics, weighted_metrics, names_of
        self._built: list[tuple[str, int, Metric, bool]] | None = None  # log name, output, metric, whether weighted

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, those that take no weights first; none before the first batch."""
        return [metric for _, _, metric, _ in self._built or []]

    @property
    def variables(self) -> list[Variable]:
        """The metrics' state."""
        return [v for metric in self.metrics for v in metric.variables]

    def _build(self, names: list[str | None], y: list[Any], y_pred: list[Any]) -> None:
        built: list[tuple[str, int, Metric, bool]] = []
        taken: dict[str, int] = {}

        def unique(name: str) -> str:
            n = taken.get(name, 0)
            taken[name] = n + 1
            return f"{name}_{n}" if n else name

        for weighted, given, what in ((False, self._plain, "metrics"), (True, self._weighted, "weighted_metrics")):
            for i, group in enumerate(_groups(given, names, what)):
                for identifier in group:
                    if identifier is None or y[i] is None:
                        continue
                    metric = make_metric(identifier, y[i], y_pred[i])
                    prefix = f"{names[i]}_" if len(names) > 1 and names[i] else ""
                    name = f"{prefix}{metric.name}"
                    if weighted and name in taken:
                        name = f"{prefix}weighted_{metric.name}"
                    built.append((unique(name), i, metric, weighted))
        self._built = built

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch of targets and predictions (structures of them for several outputs) in."""
        names, ps = self._names_of(y_pred), flatten(y_pred)
        ys = [y_true.get(n) for n in names] if isinstance(y_true, dict) else flatten(y_true)
        if self._built is None:
            with eager_scope():
                self._build(names, ys, ps)
        ws = align(names, sample_weight)
        for _, i, metric, weighted in self._built or []:
            metric.update_state(ys[i], ps[i], sample_weight=ws[i] if weighted else None)

    def reset_state(self) -> None:
        """Starts all metrics over."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The metrics' results by log name."""
        return {name: metric.result() for name, metric in self.items()}

    def items(self) -> list[tuple[str, Metric]]:
        """Log names and metrics."""
        return [(name, metric) for name, _, metric, _ in self._built or []]


def _groups(given: Any, names: list[str | None], what: str) -> list[list[Any]]:
    """A list of metrics for each output; a single output takes them all."""
    if given is None:
        return [[] for _ in names]
    if len(names) == 1 and isinstance(given, (list, tuple)):
        return [flatten(list(given))]
    return [list(m) if isinstance(m, (list, tuple)) else [m] for m in per_output(given, names, what)]


class Compilation:
    """What ``compile`` makes: the losses and metrics, their means, and what they were made from.

    It is one object, and no part of the model: what it holds is not found among the model's layers, weights and metrics.

    Args:
        arguments: of ``compile``, by name: losses, metrics, and ``on_nonfinite``.
        names_of: as for ``CompileMetrics``.
    """

    def __init__(self, arguments: dict[str, Any], names_of: Callable[[Any], list[str | None]]) -> None:
        self.arguments = arguments
        self.loss_tracker = Mean(name="loss")
        loss, metrics, weighted = (arguments[name] for name in ("loss", "metrics", "weighted_metrics"))
        self.loss = None if loss is None else CompileLoss(loss, arguments["loss_weights"])
        self.metrics = None
        if metrics is not None or weighted is not None:
            self.metrics = CompileMetrics(metrics, weighted, names_of)

    def parts(self) -> list[Any]:
        """The metrics: the loss' mean, those of ``compile`` as one, the means of the outputs' losses."""
        return [
            self.loss_tracker,
            *([self.metrics] if self.metrics is not None else []),
            *(self.loss.metrics if self.loss is not None else []),
        ]


def align(names: list[str | None], weights: Any) -> list[Any]:
    """Sample weights for each output: from a dict by name, a list, or one for all."""
    if isinstance(weights, dict):
        return [weights.get(n) for n in names]
    if isinstance(weights, (list, tuple)) and len(weights) > 1:
        return list(weights)
    return [weights[0] if isinstance(weights, (list, tuple)) else weights] * len(names)


def batch_size(x: Any) -> Any:
    """The number of samples in a tensor or a structure of them, as a float."""
    leaf = next(i for i in flatten(x) if i is not None)
    return to_tensor(dims_of(leaf)[0], "float32") if leaf.ndim else to_tensor(1.0)
