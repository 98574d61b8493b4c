"""AugMix: an image blended with what several chains of changes make of it."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.core.validation import integer, number
from hornbeam.layers.augmentation.policy import PolicyLayer
from hornbeam.random.gammas import dirichlet

__all__ = ["AugMix"]

_MILD = (
    "random_shear",
    "random_translation",
    "random_rotation",
    "random_posterization",
    "solarization",
    "auto_contrast",
    "equalization",
)
_OTHERS = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


class AugMix(PolicyLayer):
    """Blends images with what chains of changes make of them, while training (Hendrycks et al. 2019).

    Each chain makes up to ``chain_depth`` changes; its links, chosen anew for each batch, are one of the changes or none.
    The weights of the chains are drawn from a Dirichlet distribution, and the part of the image that stays from
    Beta(alpha, alpha). Masks are moved and blended alike, in floats; labels and boxes stay.

    Input and output shape: ``(rows, columns, 3)`` or ``(batch, rows, columns, 3)`` in any dtype, or a dict as for every
    layer of images; the output is in what the layer computes in.

    Args:
        value_range: the least and the greatest value; the results are clipped to it.
        num_chains: how many chains there are.
        chain_depth: how many links each has.
        factor: the changes' strength: the range in [0, 1] that each layer draws from; a number stands for ``(0, factor)``.
        alpha: of the two distributions, above 0.
        all_ops: whether brightness, colour, contrast and sharpness are among the changes, too.
        interpolation: "nearest" or "bilinear", for what moves.
        seed: None for a fresh one.
        data_format: "channels_last" or "channels_first"; None for ``config.image_data_format()``.
        bounding_box_format: as for every layer of images.
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format=data_format, **kwargs)
        self.num_chains = integer("num_chains", num_chains, 1)
        self.chain_depth = integer("chain_depth", chain_depth, 0)
        self.alpha = number("alpha", alpha, 0)
        if self.alpha == 0:
            raise ValueError(f"`alpha` must be above 0. Received: alpha={alpha}")
        self.all_ops = bool(all_ops)
        self._names = _MILD + _OTHERS if self.all_ops else _MILD
        self._make_parts()

    def _draw(self, data: Any, seed: Any) -> Any:
        """Weights, and for each link of each chain which layer it is ("layer_idx"; beyond the last: none) and what each of
        them would do ("transforms")."""
        weights = dirichlet(self.num_chains, self.alpha, seed=seed)
        kept = random.beta((), self.alpha, self.alpha, seed=seed)
        chosen = random.randint((self.num_chains, self.chain_depth), 0, len(self._names) + 1, seed=seed)

        def link(chain: int, i: int) -> Any:
            return {"layer_idx": chosen[chain, i], "transforms": self._draw_all(data, seed)}

        chains = [[link(chain, i) for i in range(self.chain_depth)] for chain in range(self.num_chains)]
        return {"chain_mixing_weights": weights, "weight_sample": kept, "chain_transforms": chains}

    def _blended(self, method: str, x: Any, transformation: Any) -> Any:
        weights = ops.cast(transformation["chain_mixing_weights"], x.dtype)
        kept = ops.cast(transformation["weight_sample"], x.dtype)
        total = ops.zeros_like(x)
        for i, chain in enumerate(transformation["chain_transforms"]):
            changed = x
            for link in chain:
                if "layer_name" in link:  # as Keras names what it chose
                    changed = self._apply(method, link["layer_name"], link["transformation"], changed)
                else:
                    changed = self._applied(method, link["layer_idx"], link["transforms"], changed)
            total = total + changed * weights[i]
        return kept * x + (1 - kept) * total

    def _adjust(self, images: Any, transformation: Any) -> Any:
        return self._clipped(self._blended("transform_images", images, transformation))

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The masks, moved and blended as the images are."""
        if not training:
            return segmentation_masks
        masks = ops.cast(segmentation_masks, self.compute_dtype)
        return self._blended("transform_segmentation_masks", masks, transformation)
