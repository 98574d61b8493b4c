"""Model: layers that train together; and Functional, a model made from symbolic inputs and outputs."""

from __future__ import annotations

from typing import Any

from hornbeam._tensor import KerasTensor, to_tensor
from hornbeam._tree import flatten, map_structure, pack_like
from hornbeam.layers.input import InputLayer
from hornbeam.layers.layer import Layer
from hornbeam.training.trainer import Trainer


class Model(Trainer, Layer):
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
        if cls is Model and (len(args) >= 2 or ("inputs" in kwargs and "outputs" in kwargs)):
            return Layer.__new__(Functional, *args, **kwargs)
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if type(self) is not Functional and isinstance(self, Model) and (len(args) == 2 or "outputs" in kwargs):
            inputs, outputs = args if len(args) == 2 else (kwargs.pop("inputs"), kwargs.pop("outputs"))
            Layer.__init__(self, **kwargs)
            self._trainer_init()
            Functional._connect(self, inputs, outputs)  # type: ignore[arg-type]
            return
        Layer.__init__(self, *args, **kwargs)
        self._trainer_init()

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside."""
        return [x for x in self._layers if isinstance(x, Layer)]

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

    @property
    def input_shape(self) -> Any:
        """Shape of the input, or a structure of shapes."""
        return map_structure(lambda t: t.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, or a structure of shapes."""
        return map_structure(lambda t: t.shape, self.output)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """The computation of a functional model; override it in a subclass."""
        if not hasattr(self, "_nodes"):
            raise NotImplementedError(f"model {type(self).__name__} must define call()")
        return Functional._evaluate(self, inputs)  # type: ignore[arg-type]

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
            positions: accepted for compatibility.
            print_fn: called with the text instead of ``print``.
            expand_nested: whether to list the layers of models inside.
            show_trainable: whether to add a column.
            layer_range: accepted for compatibility.
        """
        from hornbeam.models.summary import summary_text

        text = summary_text(self, line_length, expand_nested, show_trainable)
        (print_fn or print)(text)

    def save(self, filepath: Any, overwrite: bool = True, zipped: Any = None, sample: Any = None) -> None:
        """Writes the model to one file: config, weights, optimizer state and compiled programs.

        Args:
            filepath: a path ending in ".hornbeam".
            overwrite: False: raise when the file exists.
            zipped: accepted for compatibility.
            sample: ``(x, y)`` to trace the training step of a model that has not trained yet.

        Raises:
            OSError: when the file cannot be written; an old file is left as it was.
        """
        from hornbeam.saving.model_file import save_model

        save_model(self, filepath, overwrite=overwrite, sample=sample)

    def export(self, filepath: Any, sample: Any = None, **_: Any) -> None:
        """Writes the programs and weights for native use, without the Python config (see ``save``)."""
        from hornbeam.saving.model_file import save_model

        save_model(self, filepath, config=False, sample=sample)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Writes the weights alone, in the safetensors layout (see ``save``)."""
        from hornbeam.saving.model_file import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False) -> None:
        """Reads weights that ``save_weights`` or ``save`` wrote.

        Raises:
            FormatError: when the file is damaged.
            ValueError: when shapes differ (all are listed); then nothing is changed.
        """
        from hornbeam.saving.model_file import load_weights

        load_weights(self, filepath, skip_mismatch)

    def to_json(self) -> str:
        """The config as JSON."""
        import json

        from hornbeam.saving.registry import serialize_keras_object

        return json.dumps(serialize_keras_object(self))


class Functional(Model):
    """A model that is a graph of layer calls, made by ``Model(inputs, outputs)``.

    Args:
        inputs: a symbolic tensor or a structure of them.
        outputs: likewise.
        name: its name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        Layer.__init__(self, name=name, **kwargs)
        self._trainer_init()
        self._connect(inputs, outputs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        for t in flatten(inputs):
            if not isinstance(t, KerasTensor):
                raise ValueError(f"a model's inputs must be symbolic (hb.Input). Received: {t!r}")
        for t in flatten(outputs):
            if not isinstance(t, KerasTensor):
                raise ValueError(f"a model's outputs must come from layers called on symbolic tensors. Received: {t!r}")
        entry = [t if hasattr(t, "_input_layer") else t for t in flatten(inputs)]
        self._inputs_structure, self._outputs_structure = inputs, outputs
        self._entry = entry
        nodes: list[Any] = []
        done: dict[int, bool] = {id(t): True for t in entry}
        stack = [(t, False) for t in reversed(flatten(outputs))]
        while stack:
            t, expanded = stack.pop()
            if id(t) in done and not expanded:
                continue
            if t._keras_history is None:
                raise ValueError(f"the outputs depend on {t!r}, which is not among the model's inputs")
            node = t._keras_history[0]
            if expanded:
                if not any(n is node for n in nodes):
                    nodes.append(node)
                for o in node.outputs:
                    done[id(o)] = True
                continue
            stack.append((t, True))
            stack += [(i, False) for i in reversed(node.inputs) if id(i) not in done]
        self._nodes = nodes
        self.autocast = False  # inputs take the dtype of the symbolic ones
        for t in entry:
            if hasattr(t, "_input_layer"):
                self._track(t._input_layer)
            else:
                self._track(InputLayer(batch_shape=t.shape, dtype=t.dtype))
        for node in nodes:
            self._track(node.operation)
        self.built = True

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs."""
        return flatten(self._inputs_structure)

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs."""
        return flatten(self._outputs_structure)

    @property
    def input(self) -> Any:
        """The symbolic input or inputs."""
        return self._inputs_structure

    @property
    def output(self) -> Any:
        """The symbolic output or outputs."""
        return self._outputs_structure

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return [t.name for t in self._entry]

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that make the outputs."""
        return [t._keras_history[0].operation.name if t._keras_history else t.name for t in self.outputs]

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Runs the graph."""
        return self._evaluate(inputs)

    def _evaluate(self, inputs: Any) -> Any:
        if isinstance(inputs, dict) and not isinstance(self._inputs_structure, dict):
            names = [t.name for t in self._entry]
            missing = [n for n in names if n not in inputs]
            if missing:
                raise ValueError(f"model {self.name!r} takes inputs {names}. Received: {sorted(inputs)}")
            given = [inputs[n] for n in names]
        else:
            given = flatten(inputs)
        if len(given) != len(self._entry):
            raise ValueError(f"model {self.name!r} takes {len(self._entry)} inputs. Received: {len(given)}")
        values = {}
        for t, x in zip(self._entry, given):
            x = to_tensor(x)
            if len(x.shape) == len(t.shape) - 1 and t.shape[-1] == 1:
                from hornbeam.ops import expand_dims

                x = expand_dims(x, -1)
            if len(x.shape) != len(t.shape) or any(
                a is not None and b is not None and a != b for a, b in zip(t.shape[1:], x.shape[1:])
            ):
                raise ValueError(
                    f"input {t.name!r} of model {self.name!r} must have shape {t.shape}. Received: shape={tuple(x.shape)}"
                )
            if x.dtype != t.dtype and not (x.dtype == "int64" and t.dtype in ("int32", "uint8")):  # no id wraps around
                mask = getattr(x, "_keras_mask", None)
                x = to_tensor(x, t.dtype)
                x._keras_mask = mask
            values[id(t)] = x
        for node in self._nodes:
            for t, v in zip(node.outputs, node.run(values)):
                values[id(t)] = v
        return pack_like(self._outputs_structure, [values[id(t)] for t in self.outputs])

    def get_config(self) -> dict[str, Any]:
        from hornbeam.models.functional_config import functional_config

        return functional_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model a config describes."""
        from hornbeam.models.functional_config import functional_from_config

        if "input_layers" not in config:
            return cls(**config)
        return functional_from_config(cls if cls is not Functional else Model, config)
