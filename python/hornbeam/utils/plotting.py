"""Models as pictures, by Graphviz."""

from __future__ import annotations

from typing import Any

from hornbeam.core.tree import flatten
from hornbeam.core.validation import choice, positive_int, unsupported

__all__ = ["model_to_dot", "plot_model"]


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> str:
    """The model's layers as Graphviz source.

    Args:
        model: a model.
        show_shapes: whether to say the shapes of the layers' outputs.
        show_dtype: whether to say their dtypes.
        show_layer_names: whether to say the layers' names beside their types.
        rankdir: "TB" to draw from top to bottom, "LR" from left to right; "BT" and "RL" turn these round.
        expand_nested: only False.
        dpi: resolution of an image.
        subgraph: only False.
        show_layer_activations: whether to say the activations of layers that have one.
        show_trainable: whether to say of layers with weights if they are trained.
        splines: how edges are drawn: "ortho", "curved", "polyline", "spline" or "line".
    """
    unsupported("expand_nested", expand_nested, False)
    unsupported("subgraph", subgraph, False)
    splines = choice("splines", splines, ("ortho", "curved", "polyline", "spline", "line"))
    unsupported("rankdir", rankdir, "TB", "LR", "BT", "RL")
    graph = f"rankdir={rankdir}, dpi={positive_int('dpi', dpi)}, splines={splines}"
    lines = ["digraph model {", f"  graph [{graph}];", "  node [shape=record, fontsize=10];"]

    def label(layer: Any) -> str:
        kind = type(layer).__name__
        cells = [f"{layer.name} ({kind})" if show_layer_names else kind]
        outputs = flatten(layer._inbound[0].outputs_structure) if layer._inbound else []
        if show_layer_activations and getattr(layer, "activation", None) is not None:
            cells.append(f"activation: {getattr(layer.activation, '__name__', layer.activation)}")
        if show_shapes and outputs:
            cells.append(", ".join(str(t.shape) for t in outputs))
        if show_dtype and outputs:
            cells.append(", ".join(t.dtype for t in outputs))
        if show_trainable and layer.weights:
            cells.append("trainable" if layer.trainable else "not trainable")
        return "|".join(cells)

    functional = model._graph is not None
    for layer in model._graph.operations if functional else model._layers:
        lines.append(f'  "{layer.name}" [label="{{{label(layer)}}}"];')
    for node in model._graph.nodes if functional else []:
        for t in node.inputs:
            source = t._keras_history[0].operation.name if t._keras_history else t.name
            lines.append(f'  "{source}" -> "{node.operation.name}";')
    return "\n".join([*lines, "}"])


def plot_model(
    model: Any,
    to_file: str = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> None:
    """Writes the model's graph: Graphviz source for ".dot" or ".gv", else an image (needs the ``dot`` program).

    Args:
        model: a model.
        to_file: a path; its suffix says the format.
        show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi: as for ``model_to_dot``.
        show_layer_activations, show_trainable, splines: likewise.

    Raises:
        ImportError: when an image is asked for and Graphviz is not installed.
    """
    import shutil
    import subprocess

    text = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    if to_file.endswith((".dot", ".gv")):
        with open(to_file, "w") as f:
            f.write(text)
        return
    if not shutil.which("dot"):
        raise ImportError("plot_model needs Graphviz' `dot` program for images; write to a .dot file instead")
    subprocess.run(["dot", "-T" + to_file.rsplit(".", 1)[-1], "-o", to_file], input=text.encode(), check=True)
