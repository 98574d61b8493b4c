"""Model: layers that train together; and Functional, a model made from symbolic inputs and outputs."""

from __future__ import annotations

from typing import Any

from hornbeam.core.strings import strings_as_arrays
from hornbeam.core.symbolic import KerasTensor, infer
from hornbeam.core.tree import flatten
from hornbeam.layers.base.shapes import map_shape
from hornbeam.layers.layer import Layer
from hornbeam.models._edge import Edge
from hornbeam.models._functional_graph import Graph
from hornbeam.models._operations import Operation
from hornbeam.models._saved import Saved
from hornbeam.models.summary import summary_text


class Model(Saved):
    """Layers that train together.

    ``Model(inputs, outputs)`` makes a functional model; a subclass with a ``call`` makes any other.

    Args:
        inputs: a symbolic tensor or a structure of them.
        outputs: likewise.
        name: its name.

    Example:
        >>> import hornbeam as hb
        >>> x = hb.Input((4,))
        >>> model = hb.Model(x, hb.layers.Dense(2)(x))
        >>> model.output_shape
        (None, 2)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return Layer.__new__(Functional if cls is Model and _are_functional(args, kwargs) else cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _are_functional(args, kwargs):
            given = dict(zip(("inputs", "outputs", "name"), args), **kwargs)
            inputs, outputs = given.pop("inputs"), given.pop("outputs")
            super().__init__(**given)
            self._connect(inputs, outputs)
        else:
            super().__init__(*args, **kwargs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        self._graph = Graph(inputs, outputs)
        self.autocast = False  # inputs take the dtype of the symbolic ones
        for layer in self.layers:
            self._tracker.track(layer)
        self.built = True

    def _build_inside(self, input_shape: Any) -> str:
        try:
            infer(self, (map_shape(input_shape),), {})
        except Exception as e:
            return f"call() fails for input_shape={input_shape} with {type(e).__name__}: {e}"
        return ""

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside: of a functional model those of its graph, without ops, by depth."""
        found: list[Any] = self._layers if self._graph is None else self._graph.operations
        return [x for x in found if not isinstance(x, Operation)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this index.

        Raises:
            ValueError: when there is none.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"the model has {len(self.layers)} layers. Received: index={index}")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"there is no layer named {name!r}. Layers: {[layer.name for layer in self.layers]}")

    def _its_graph(self) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"model {self.name!r} has no symbolic inputs and outputs: it is not functional, or not built yet"
            )
        return self._graph

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs. Raises AttributeError when there is no graph of them."""
        return flatten(self._its_graph().inputs)

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs. Raises AttributeError when there is no graph of them."""
        return flatten(self._its_graph().outputs)

    @property
    def input(self) -> Any:
        """The symbolic input or inputs. Raises ValueError when there are none."""
        return super().input if self._graph is None else self._graph.inputs

    @property
    def output(self) -> Any:
        """The symbolic output or outputs. Raises ValueError when there are none."""
        return super().output if self._graph is None else self._graph.outputs

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return [str(t.name) for t in self._its_graph().entry]

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that make the outputs. Raises AttributeError when there is no graph of them."""
        outputs = flatten(self._its_graph().outputs)
        return [t._keras_history[0].operation.name if t._keras_history else t.name for t in outputs]

    def _can_call(self) -> bool:
        return self._graph is not None or type(self).call is not Model.call

    def _output_layer_names(self) -> list[str]:
        return [] if self._graph is None else self.output_names

    def _input_tensor_names(self) -> list[str]:
        return [] if self._graph is None else self.input_names

    @property
    def input_shape(self) -> Any:
        """Shape of the input, or a list of shapes of several, in ``inputs``' order."""
        return _shapes(self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, or a list of shapes of several, in ``outputs``' order."""
        return _shapes(self.output)

    # ---- inputs that a graph does not hold: strings ----
    @property
    def _edge(self) -> Edge | None:
        """What runs before the graph of a functional model, if anything."""
        return None if self._graph is None else self._graph.edge

    @property
    def _program_inputs(self) -> Any:
        """What programs take, as symbolic tensors: the inputs, or what comes of them at the edge, by name."""
        return self.input if self._edge is None else dict(self._edge.begins)

    def _encoded(self, batch: Any) -> Any:
        edge = self._edge
        if edge is None:
            return batch
        if not isinstance(batch, tuple):
            return edge.encode(batch, self.name)
        return (edge.encode(batch[0], self.name), *batch[1:])

    def _is_encoded(self, batch: Any) -> bool:
        return self._edge is None or self._edge.is_encoded(batch[0] if isinstance(batch, tuple) else batch)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        edge = self._edge
        if edge is not None and args:
            if any(isinstance(t, KerasTensor) for t in flatten(args[0])):
                assert self._graph is not None
                return self._graph.replay(args[0])
            args = (edge.encode(strings_as_arrays(args[0]), self.name), *args[1:])
        return super().__call__(*args, **kwargs)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Runs the graph of a functional model; override it in a subclass."""
        if self._graph is None:
            raise NotImplementedError(f"model {type(self).__name__} must define call()")
        return self._graph.run(inputs, self.name, mask)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints the layers with output shapes and numbers of parameters.

        Args:
            line_length: width of the table, None for 88.
            positions: where each column but "Trainable" ends, as shares of the width; None for a usual layout.
            print_fn: called with the text instead of ``print``.
            expand_nested: whether to list the layers of models inside.
            show_trainable: whether to add a column.
            layer_range: names, or patterns of them, of the first and the last layer to list.

        Raises:
            ValueError: for positions that do not grow, or a range that matches no layers.
        """
        text = summary_text(self, line_length, positions, expand_nested, show_trainable, layer_range)
        (print_fn or print)(text)


class Functional(Model):
    """A model that is a graph of layer calls, made by ``Model(inputs, outputs)``.

    Args:
        inputs: a symbolic tensor or a structure of them.
        outputs: likewise.
        name: its name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)


def _are_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether these are the arguments of a functional model: ``inputs``, ``outputs`` and perhaps ``name``."""
    return len(args) >= 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs)


def _shapes(tensors: Any) -> Any:
    shapes = [t.shape for t in flatten(tensors)]
    return shapes[0] if len(shapes) == 1 else shapes
