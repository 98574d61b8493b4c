"""The table of ``model.summary()``."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from hornbeam.core.tree import flatten
from hornbeam.core.validation import number


def _count(variables: list[Any]) -> tuple[int, int]:
    n = sum(int(np.prod(v.shape)) for v in variables)
    size = sum(
        int(np.prod(v.shape)) * np.dtype(v.dtype if v.dtype != "bfloat16" else "float16").itemsize for v in variables
    )
    return n, size


def _human(size: int) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024  # type: ignore[assignment]
    return ""


def _nodes(model: Any) -> list[Any]:
    graph = getattr(model, "_graph", None)
    return [] if graph is None else list(graph.nodes)


def _shape(layer: Any, model: Any) -> str:
    if hasattr(layer, "batch_shape"):
        return str(tuple(layer.batch_shape))
    node = next(
        (n for n in _nodes(model) if n.operation is layer),
        None,
    ) or (layer._inbound[0] if layer._inbound else None)
    if node is None:
        return "?"
    shapes = [str(tuple(t.shape)) for t in flatten(node.outputs_structure) if t is not None]
    return shapes[0] if len(shapes) == 1 else "[" + ", ".join(shapes) + "]"


def _sources(layer: Any, model: Any) -> str:
    names = []
    for node in _nodes(model):
        if node.operation is layer:
            for t in node.inputs:
                history = t._keras_history
                name = history[0].operation.name if history else getattr(t, "name", "input")
                names.append(f"{name}[0][{history[1] if history else 0}]")
    return ", ".join(names) or "-"


def _between(layers: list[Any], ends: Any) -> list[Any]:
    """The layers from the first whose name matches one pattern to the last that matches the other."""
    if ends is None:
        return layers
    if not isinstance(ends, (tuple, list)) or len(ends) != 2 or not all(isinstance(e, str) for e in ends):
        raise ValueError(f"`layer_range` must be two names. Received: layer_range={ends!r}")
    first, last = ([i for i, layer in enumerate(layers) if re.match(e, layer.name)] for e in ends)
    if not first or not last:
        names = [layer.name for layer in layers]
        raise ValueError(f"`layer_range` must match layers of {names}. Received: layer_range={ends!r}")
    return layers[first[0] : last[-1] + 1] or layers[last[0] : first[-1] + 1]


def _shares(ends: Any, columns: int) -> list[float]:
    """Each column's share of the width, from where the columns end."""
    found = [number("positions", e, 0, 1) for e in ends] if isinstance(ends, (tuple, list)) else []
    shares = [b - a for a, b in zip([0.0, *found], found)]
    if len(shares) != columns or min(shares) <= 0:
        raise ValueError(f"`positions` must be {columns} growing numbers. Received: positions={ends!r}")
    return shares


def summary_text(
    model: Any,
    line_length: int | None,
    positions: Any,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Any,
) -> str:
    """The table as text."""
    functional = model._graph is not None and not hasattr(model, "_stack")
    headers = (
        ["Layer (type)", "Output Shape", "Param #"]
        + (["Connected to"] if functional else [])
        + (["Trainable"] if show_trainable else [])
    )
    rows: list[list[str]] = []

    def add(owner: Any, layers: list[Any], indent: str) -> None:
        for layer in layers:
            n = _count(layer.weights)[0]
            params = f"{n:,}" if layer.built or not layer.weights else "0 (unbuilt)"
            row = [f"{indent}{layer.name} ({type(layer).__name__})", _shape(layer, owner), params]
            if functional:
                row.append(_sources(layer, owner))
            if show_trainable:
                row.append("Y" if layer.trainable else "N")
            rows.append(row)
            if expand_nested and hasattr(layer, "layers"):
                add(layer, layer.layers, indent + "  ")

    add(model, _between(model._graph.operations if functional else model.layers, layer_range), "")
    width = line_length or (108 if functional else 88)
    try:
        width = min(width, max(48, os.get_terminal_size().columns - 4))
    except OSError:
        pass
    share = [0.30, 0.26, 0.16, 0.28] if functional else [0.42, 0.36, 0.22]
    share = share if positions is None else _shares(positions, len(share))
    share = share + [0.1] * (len(headers) - len(share))
    room = width - 3 * len(headers) - 1
    widths = [max(6, int(room * s / sum(share))) for s in share]

    def wrap(text: str, w: int) -> list[str]:
        return [text[i : i + w] for i in range(0, len(text), w)] or [""]

    def line(cells: list[str], bar: str) -> list[str]:
        columns = [wrap(c, w) for c, w in zip(cells, widths)]
        height = max(len(c) for c in columns)
        out = []
        for k in range(height):
            parts = []
            for i, (c, w) in enumerate(zip(columns, widths)):
                text = c[k] if k < len(c) else ""
                parts.append(text.rjust(w) if headers[i] == "Param #" else text.ljust(w))
            out.append(f"{bar} " + f" {bar} ".join(parts) + f" {bar}")
        return out

    def rule(left: str, mid: str, right: str, fill: str) -> str:
        return left + mid.join(fill * (w + 2) for w in widths) + right

    lines = [f'Model: "{model.name}"', rule("┏", "┳", "┓", "━"), *line(headers, "┃"), rule("┡", "╇", "┩", "━")]
    for i, row in enumerate(rows):
        lines += line(row, "│")
        if i + 1 < len(rows):
            lines.append(rule("├", "┼", "┤", "─"))
    lines.append(rule("└", "┴", "┘", "─"))
    optimizer = getattr(model, "optimizer", None)
    extra = [v for v in optimizer.variables] if optimizer is not None and optimizer.built else []
    for label, variables in (
        ("Total params", model.weights + extra),
        ("Trainable params", model.trainable_weights),
        ("Non-trainable params", model.non_trainable_weights),
        ("Optimizer params", extra),
    ):
        if label != "Optimizer params" or extra:
            n, size = _count(variables)
            lines.append(f" {label}: {n:,} ({_human(size)})")
    return "\n".join(lines)
