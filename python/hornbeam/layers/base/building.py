"""Building: weights are made for the first inputs, which later ones have to agree with."""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import Any

from hornbeam.core.operators import TensorLike
from hornbeam.core.trace import eager_scope
from hornbeam.core.tree import flatten, map_structure
from hornbeam.core.variable import Variable
from hornbeam.core.whole import all_or_nothing, one_at_a_time
from hornbeam.layers.base.shapes import inputs_of, symbols_of
from hornbeam.layers.base.weights import WeightOwner

__all__ = ["Buildable", "whole"]


class Buildable(WeightOwner):
    """The part of ``Layer`` that makes its weights when the inputs' shapes are known."""

    _build_config: dict[str, Any] | None = None
    _fixed: tuple[int | None, dict[int, int]] | None

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of this shape. Override it; ``built`` is set once it is done.

        Where it is not overridden there is nothing to make but what the layers inside make when they are called: a model
        traces its ``call`` for that, and any other layer warns when they are not built yet.
        """
        self._check_begun()
        self.built = True
        if type(self).build is Buildable.build and any(not layer.built for layer in self._layers):
            why = self._build_inside(input_shape)
            if why:
                names = [layer.name for layer in self._layers if not layer.built]
                warnings.warn(
                    f"layer {self.name!r}: {why}, so {names} are built when they are first called", stacklevel=2
                )

    def _build_inside(self, input_shape: Any) -> str:
        """Builds the layers inside, or says why they are not."""
        return "it has no build() of its own"

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Makes the weights for the inputs that ``get_build_config`` told of. Override both for what that cannot say."""
        if config:
            self._build_for(inputs_of(config, self.compute_dtype))
            object.__setattr__(self, "_build_config", config)

    def _build_for(self, inputs: list[Any]) -> None:
        """Makes the weights for symbolic inputs, one for each of build()'s arguments."""
        self.build(*[map_structure(lambda t: t.shape, x) for x in inputs])
        self.built = True

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.built:
            return
        shapes = [
            map_structure(lambda t: tuple(t.shape) if t is not None else None, a) for a in args if _holds_tensors(a)
        ]
        if not shapes:
            shapes = [
                map_structure(lambda t: tuple(t.shape), a)
                for a in kwargs.values()
                if isinstance(a, (TensorLike, Variable))
            ]
        wanted = [
            p
            for p in inspect.signature(self.build).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        given = [a for a in [*args, *kwargs.values()] if _holds_tensors(a)]
        if type(self).build is Buildable.build:  # the layers inside are built when `call` comes to them
            self.built = True
            self._note_build(given, [p.name for p in wanted])
            return
        with one_at_a_time(), eager_scope():
            if not self.built:
                self.build(*shapes[: max(1, len(wanted))])
                self._note_build(given, [p.name for p in wanted])

    def _note_build(self, inputs: list[Any], names: list[str]) -> None:
        """Keeps what the layer was built for: for each of build()'s arguments a shape or tensors, or a structure of them."""
        tensors = [symbols_of(x) for x in inputs]
        leaves = flatten(tensors)
        if not leaves or any(t is None for t in leaves):
            return
        shapes = [map_structure(lambda t: list(t.shape), x) for x in tensors]
        noted: dict[str, Any] = (
            {"input_shape": shapes[0]} if len(shapes) == 1 else {"shapes_dict": dict(zip(names, shapes))}
        )
        if any(t.dtype not in ("", self.compute_dtype) for t in leaves):
            noted["dtype"] = [t.dtype or self.compute_dtype for t in leaves]
        object.__setattr__(self, "_build_config", noted)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes of the inputs that it was built for; None before.

        Returns:
            ``{"input_shape": shape}``, or ``{"shapes_dict": {name: shape}}`` for several inputs; with a "dtype" for each
            where they are not the layer's own.
        """
        return self._build_config

    def _fix(self, input_shape: Any, *axes: int, any_rank: bool = False) -> None:
        """Has every later input agree with the one that weights are made for: in its number of axes, and on these."""
        self._fixed = (None if any_rank else len(input_shape), {a: input_shape[a] for a in axes})

    def _check_fixed(self, inputs: Any) -> None:
        assert self._fixed is not None
        rank, sizes = self._fixed
        shape = tuple(inputs.shape)
        fits = len(shape) > 0 and rank in (None, len(shape))
        if not fits or any(shape[a] not in (None, n) for a, n in sizes.items()):
            wanted = ", ".join(f"{n} on axis {a}" for a, n in sizes.items())
            axes = "" if rank is None else f"{rank} axes with "
            raise ValueError(f"layer {self.name!r} expects {axes}size {wanted}. Received: input shape={shape}")

    def _expect_axes(self, inputs: Any, rank: int) -> None:
        if inputs.ndim != rank:
            raise ValueError(f"layer {self.name!r} expects {rank} axes. Received: input shape={tuple(inputs.shape)}")


def whole(build: Any) -> Any:
    """``build``, which marks the layer as built, and leaves it and those inside as they were when it fails."""

    @functools.wraps(build)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        self._check_begun()
        with all_or_nothing(*self._all_layers()):
            build(self, *args, **kwargs)
            self.built = True
            shapes = [s for s in [*args, *kwargs.values()] if s is not None]
            if shapes:
                self._note_build(shapes, list(inspect.signature(build).parameters)[1:])

    return run


def _holds_tensors(x: Any) -> bool:
    return any(isinstance(t, (TensorLike, Variable)) for t in flatten(x))
