"""What is done to each value by itself: turning it round, taking its fine steps away."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.layers.augmentation.color_layer import ColorLayer, FactorLayer, value_range_of

__all__ = ["RandomInvert", "RandomPosterization", "Solarization"]


class RandomInvert(FactorLayer):
    """Turns the colours of some images into their opposites while training: x becomes ``value_range[1] - x``.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        factor: the probability, which is itself drawn for each image, from a pair in [0, 1]; a number stands for
            ``(0, factor)``.
        value_range: the least and the greatest value that images have.
        seed: None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def _draw(self, data: Any, seed: Any) -> Any:
        return {"apply_inversion": self._chosen(data, seed)}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        chosen = ops.reshape(transformation["apply_inversion"], (-1, 1, 1, 1))
        return ops.where(chosen, self.value_range[1] - images, images)


class RandomPosterization(FactorLayer):
    """Keeps a few bits of each value while training, as many for each image as is drawn (Cubuk et al. 2019, AutoAugment).

    Values are scaled to 0 to 255 and cut to whole numbers for it.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        factor: how many bits stay: drawn from [low, high) for a pair of ints in [1, 8], the same where both are equal; an
            int stands for ``(1, factor)``.
        value_range: the least and the greatest value that images have.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        seed: None for a fresh one.
        bounding_box_format: as for every layer of images.

    Example:
        >>> import numpy as np
        >>> layer = RandomPosterization((2, 2))
        >>> layer(np.array([[[63, 64, 255]]], "uint8")).numpy().tolist()
        [[[0.0, 64.0, 192.0]]]
    """

    _FACTOR_BOUNDS = (1, 8)

    def _set_factor(self, factor: Any) -> None:
        low, high = self._range("factor", factor)
        if not (low == int(low) and high == int(high) and 1 <= low and high <= 8):
            raise ValueError(f"`factor` must be an int or a pair of ints in [1, 8]. Received: factor={factor}")
        self.factor = int(low), int(high)

    def _draw(self, data: Any, seed: Any) -> Any:
        shape, (low, high) = (self._sizes(data)[0],), self.factor
        bits = ops.full(shape, low, "int32") if low == high else random.randint(shape, int(low), int(high), seed=seed)
        return {"shift_factor": 8 - bits}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        # Integers up to 255 and powers of two are exact in every float dtype: floats stand for bits.
        step = ops.power(2.0, self._for_each_image(transformation["shift_factor"]))
        images = self._transform_value_range(images, self.value_range, (0, 255), dtype=self.compute_dtype)
        images = ops.floor(ops.floor(ops.clip(images, 0, 255)) / step) * step
        return self._transform_value_range(images, (0, 255), self.value_range, dtype=self.compute_dtype)


class Solarization(ColorLayer):
    """Turns bright values round, as film does that saw too much light, in training.

    To each image a number of its own is added; what is then not below a threshold of its own becomes ``255 - x`` on the
    scale from 0 to 255.

    Input and output shape: ``(rows, columns, channels)`` or ``(batch, rows, columns, channels)`` in any dtype, or a dict as
    for every layer of images; the output is in what the layer computes in.

    Args:
        addition_factor: the number is drawn from ``[low, high * 255)``, for a pair in [0, 1]; a number stands for
            ``(0, addition_factor)``.
        threshold_factor: the threshold is drawn likewise.
        value_range: the least and the greatest value that images have.
        seed: None for a fresh one.
        bounding_box_format, data_format: as for every layer of images.

    Example:
        >>> import numpy as np
        >>> Solarization()(np.array([[[59, 62, 63]]], "uint8")).numpy().tolist()
        [[[196.0, 193.0, 192.0]]]
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_seed(seed)
        self.addition_factor = _fractions("addition_factor", addition_factor)
        self.threshold_factor = _fractions("threshold_factor", threshold_factor)
        self.value_range = value_range_of(value_range)

    def _draw(self, data: Any, seed: Any) -> Any:
        shape = (self._sizes(data)[0], 1, 1, 1)
        ends = {"additions": self.addition_factor, "thresholds": self.threshold_factor}
        return {name: random.uniform(shape, low, high * 255, seed=seed) for name, (low, high) in ends.items()}

    def _adjust(self, images: Any, transformation: Any) -> Any:
        if transformation is None:
            return images
        images = self._transform_value_range(images, self.value_range, (0, 255), dtype=self.compute_dtype)
        images = ops.clip(images + self._for_each_image(transformation["additions"]), 0, 255)
        dark = images < self._for_each_image(transformation["thresholds"])
        images = ops.where(dark, images, 255 - images)
        return self._transform_value_range(images, (0, 255), self.value_range, dtype=self.compute_dtype)


def _fractions(name: str, value: Any) -> tuple[float, float]:
    """A pair of numbers in [0, 1], the smaller first; one number stands for what lies between 0 and it."""
    pair = value if isinstance(value, (tuple, list)) else (0, value)
    if len(pair) != 2 or not all(isinstance(v, (int, float)) and 0 <= v <= 1 for v in pair):
        raise ValueError(
            "The `addition_factor` and `threshold_factor` arguments should be a number (or a list of two numbers) in the "
            f"range [0, 1]. Received: {name}={value}"
        )
    return min(pair), max(pair)
