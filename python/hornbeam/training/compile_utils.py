"""Losses and metrics of a compiled model: resolved from names, applied to one or several outputs."""

from __future__ import annotations

from typing import Any

from hornbeam import losses as losses_module
from hornbeam import metrics as metrics_module
from hornbeam import ops
from hornbeam._tree import flatten
from hornbeam.losses.loss import Loss, LossFunctionWrapper
from hornbeam.metrics.metric import MeanMetricWrapper, Metric

_CHOSEN = ("accuracy", "acc", "Accuracy", "crossentropy", "ce")  # which one, the shapes say


def _loss(identifier: Any) -> Any:
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    found = losses_module.get(identifier)
    return found if isinstance(found, Loss) else LossFunctionWrapper(found)


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
        return found
    metric = MeanMetricWrapper(found, name or getattr(found, "__name__", "metric"))
    direction = "up" if "accuracy" in getattr(found, "__name__", "") else "down"
    metric._direction = direction
    return metric


def check_identifiers(loss: Any, metrics: Any, weighted_metrics: Any) -> None:
    """Raises for names of losses or metrics that there are not."""
    for name in _names(loss):
        losses_module.get(name)
    for name in [*_names(metrics), *_names(weighted_metrics)]:
        if name not in _CHOSEN:
            metrics_module.get(name)


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    return [name for item in value for name in _names(item)] if isinstance(value, (list, tuple)) else []


def per_output(value: Any, names: list[str], what: str) -> list[Any]:
    """One entry for each output, from a single value, a list or a dict by output name."""
    n = len(names)
    if isinstance(value, dict):
        unknown = [k for k in value if k not in names]
        if unknown:
            raise ValueError(f"`{what}` names outputs {unknown} that the model does not have. Outputs: {names}")
        return [value.get(k) for k in names]
    if isinstance(value, (list, tuple)):
        if n == 1 and what == "metrics":
            return [list(value)]
        if len(value) != n:
            raise ValueError(f"`{what}` needs one entry for each of the {n} outputs. Received: {len(value)}")
        return list(value)
    return [value] * n if what in ("loss", "metrics", "weighted_metrics") else [value]


class CompileLoss:
    """The losses of all outputs, weighted and summed."""

    def __init__(self, loss: Any, loss_weights: Any, names: list[str]) -> None:
        self.losses = [_loss(x) for x in per_output(loss, names, "loss")]
        weights = [1.0] * len(names) if loss_weights is None else per_output(loss_weights, names, "loss_weights")
        self.weights = [1.0 if w is None else float(w) for w in weights]
        self.names = names

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, list[Any]]:
        ys, ps = self._align(y), flatten(y_pred)
        if len(ys) != len(ps):
            raise ValueError(f"the model has {len(ps)} outputs. Received: {len(ys)} targets")
        ws = self._align(sample_weight) if isinstance(sample_weight, (list, tuple, dict)) else [sample_weight] * len(ps)
        total: Any = None
        parts: list[Any] = []
        for loss, weight, t, p, w in zip(self.losses, self.weights, ys, ps, ws):
            if loss is None:
                parts.append(None)
                continue
            value = loss(t, p, sample_weight=w)
            parts.append(value)
            value = value if weight == 1.0 else ops.multiply(value, weight)
            total = value if total is None else ops.add(total, value)
        if total is None:
            raise ValueError("no loss to compute: compile(loss=...) is None for every output")
        return total, parts

    def _align(self, y: Any) -> list[Any]:
        if isinstance(y, dict):
            return [y.get(n) for n in self.names]
        return flatten(y)


class CompileMetrics:
    """The metrics of all outputs."""

    def __init__(self, metrics: Any, weighted: Any, names: list[str]) -> None:
        self.names = names
        self._plain = per_output(metrics, names, "metrics") if metrics is not None else [None] * len(names)
        self._weighted = (
            per_output(weighted, names, "weighted_metrics") if weighted is not None else [None] * len(names)
        )
        self.built: list[list[tuple[str, Metric, bool]]] | None = None

    def build(self, y: list[Any], y_pred: list[Any]) -> None:
        """Makes the metrics, for the first targets and predictions."""
        built = []
        for name, plain, weighted, t, p in zip(self.names, self._plain, self._weighted, y, y_pred):
            made = []
            for group, is_weighted in ((plain, False), (weighted, True)):
                for m in group if isinstance(group, (list, tuple)) else [group] if group is not None else []:
                    if m is None or t is None:
                        continue
                    metric = make_metric(m, t, p)
                    key = m if isinstance(m, str) and type(metric) is MeanMetricWrapper else metric.name
                    made.append((f"{name}_{key}" if len(self.names) > 1 else key, metric, is_weighted))
            built.append(made)
        self.built = built

    def update(self, y: list[Any], y_pred: list[Any], sample_weight: list[Any]) -> None:
        """Takes a batch in."""
        if self.built is None:
            self.build(y, y_pred)
        for made, t, p, w in zip(self.built or [], y, y_pred, sample_weight):
            for _, metric, weighted in made:
                metric.update_state(t, p, sample_weight=w if weighted else None)

    def items(self) -> list[tuple[str, Metric]]:
        """Log names and metrics."""
        return [(name, m) for made in self.built or [] for name, m, _ in made]
