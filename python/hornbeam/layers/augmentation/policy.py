"""What augmentation policies have in common: layers of which some are applied, chosen anew for each batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import ops
from hornbeam.core.tree import map_structure
from hornbeam.core.validation import choice, fraction
from hornbeam.layers.augmentation.affine import RandomRotation, RandomShear, RandomTranslation
from hornbeam.layers.augmentation.brightness import RandomBrightness, RandomContrast
from hornbeam.layers.augmentation.color_layer import ColorLayer, value_range_of
from hornbeam.layers.augmentation.equalization import AutoContrast, Equalization
from hornbeam.layers.augmentation.grayscale import RandomColorDegeneration
from hornbeam.layers.augmentation.sharpness import RandomSharpness
from hornbeam.layers.augmentation.tones import RandomPosterization, Solarization

__all__ = ["PolicyLayer"]


class PolicyLayer(ColorLayer):
    """The base of layers that apply others; those that a subclass names in ``_names``, in this order."""

    _FACTOR_BOUNDS = (0, 1)
    _names: tuple[str, ...]

    def __init__(self, value_range: Any, factor: Any, interpolation: str, seed: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range_of(value_range)
        self._set_factor(factor)
        self.factor = fraction("factor", self.factor[0]), fraction("factor", self.factor[1])
        self.interpolation = choice("interpolation", interpolation, ("nearest", "bilinear"))
        self._set_seed(seed)

    def _make_parts(self) -> None:
        """Makes the layers, as attributes of their names."""
        common = {"data_format": self.data_format, "dtype": self.dtype_policy, "seed": self.seed}
        placed = {**common, "interpolation": self.interpolation, "bounding_box_format": self.bounding_box_format}
        coloured = {**common, "value_range": self.value_range}
        still = {key: value for key, value in coloured.items() if key != "seed"}
        strength, bits = self.factor, max(1, int(8 * self.factor[1]))
        makers: dict[str, Callable[[], Any]] = {
            "random_shear": lambda: RandomShear(x_factor=strength, y_factor=strength, **placed),
            "random_translation": lambda: RandomTranslation(height_factor=strength, width_factor=strength, **placed),
            "random_rotation": lambda: RandomRotation(strength, **placed),
            "random_brightness": lambda: RandomBrightness(strength, **coloured),
            "random_color_degeneration": lambda: RandomColorDegeneration(strength, **coloured),
            "random_contrast": lambda: RandomContrast(strength, **coloured),
            "random_sharpness": lambda: RandomSharpness(strength, **coloured),
            "random_posterization": lambda: RandomPosterization(bits, **coloured),
            "solarization": lambda: Solarization(addition_factor=strength, threshold_factor=strength, **coloured),
            "auto_contrast": lambda: AutoContrast(**still),
            "equalization": lambda: Equalization(**still),
        }
        for name in self._names:
            setattr(self, name, makers[name]())

    def _draw_all(self, data: Any, seed: Any) -> dict[str, Any]:
        """What each layer draws, by name."""
        return {name: getattr(self, name).get_random_transformation(data, seed=seed) for name in self._names}

    def _applied(self, method: str, index: Any, drawn: dict[str, Any], x: Any) -> Any:
        """``x`` changed by the layer of this index alone; an index beyond the last leaves it.

        In a program the others are there, too, but do not run.
        """
        branches = [lambda x, name=name: self._apply(method, name, drawn[name], x) for name in self._names]
        return ops.switch(index, [*branches, lambda x: map_structure(ops.convert_to_tensor, x)], x)

    def _apply(self, method: str, name: str, drawn: Any, x: Any) -> Any:
        """``x`` as a layer's ``method`` changes it, in its dtypes: all branches have the same."""
        found = getattr(getattr(self, name), method)(x, drawn)
        return map_structure(lambda new, old: ops.cast(new, ops.convert_to_tensor(old).dtype), found, x)
