"""Lambda: a Python function as a layer."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam.core.tree import flatten, map_structure
from hornbeam.layers.base.shapes import map_shape
from hornbeam.layers.layer import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """A Python function as a layer. It travels in files as graph; a config can name it, unless it is a lambda.

    Args:
        function: takes the input, returns tensors; it is given ``mask`` and ``training`` where it has such parameters.
        output_shape: the output's shape without the batch's dimension, or a function that gives all of it for the input's;
            the function is held to it. None: whatever it returns.
        mask: the output's mask, or a function of the input and its mask that gives it; None for none.
        arguments: keyword arguments for the function.
    """

    def __init__(
        self, function: Any, output_shape: Any = None, mask: Any = None, arguments: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                "a Lambda layer cannot be rebuilt from a config: its function is Python code. Use a Layer subclass "
                f"registered with register_keras_serializable. Received: function={function!r}"
            )
        self.function, self.output_shape, self.mask, self.arguments = function, output_shape, mask, arguments or {}
        self._context = _parameter_names(function) - set(self.arguments)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The output's mask."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """The function of the input."""
        known = {"mask": mask, "training": training}
        y = self.function(inputs, **self.arguments, **{k: v for k, v in known.items() if k in self._context})
        if self.output_shape is not None:
            self._check_shape(inputs, y)
        return y

    def _check_shape(self, inputs: Any, outputs: Any) -> None:
        said = self.output_shape
        whole = callable(said)
        wanted = flatten(map_shape(said(map_structure(lambda t: t.shape, inputs)) if whole else said))
        found = [tuple(t.shape) if whole else tuple(t.shape)[1:] for t in flatten(outputs)]
        if len(wanted) != len(found) or not all(_agree(t.shape, shape) for t, shape in zip(wanted, found)):
            raise ValueError(
                f"`output_shape` must be what the function of layer {self.name!r} gives. Received: output_shape={said!r}, "
                f"for an output of shape {found if len(found) > 1 else found[0]}"
            )

    def _attributes(self, known: type) -> dict[str, Any]:
        functions = {"function": self.function, "mask": self.mask}  # so that a copy can be made of a lambda too
        return {**super()._attributes(known), **functions}


def _agree(wanted: Any, found: Any) -> bool:
    return len(wanted) == len(found) and all(w in (None, n) or n is None for w, n in zip(wanted, found))


def _parameter_names(function: Any) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a built-in function without a signature
        return set()
