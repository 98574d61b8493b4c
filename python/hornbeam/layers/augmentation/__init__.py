"""Layers that change images: sizes, crops, and random changes for training, with their labels, masks and boxes."""

from hornbeam.layers.augmentation import affine, boxes, crops, flips, warps
from hornbeam.layers.augmentation.affine import *  # noqa: F403
from hornbeam.layers.augmentation.boxes import *  # noqa: F403
from hornbeam.layers.augmentation.crops import *  # noqa: F403
from hornbeam.layers.augmentation.flips import *  # noqa: F403
from hornbeam.layers.augmentation.warps import *  # noqa: F403

__all__ = [*affine.__all__]
__all__ += boxes.__all__
__all__ += crops.__all__
__all__ += flips.__all__
__all__ += warps.__all__
