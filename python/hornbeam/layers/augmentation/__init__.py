"""Layers that change images: sizes, crops, and random changes for training, with their labels, masks and boxes."""

from hornbeam.layers.augmentation import (
    affine,
    aug_mix,
    boxes,
    brightness,
    clahe,
    crops,
    equalization,
    flips,
    grayscale,
    hue,
    mix_up,
    patches,
    pipeline,
    rand_augment,
    sharpness,
    tones,
    warps,
)
from hornbeam.layers.augmentation.affine import *  # noqa: F403
from hornbeam.layers.augmentation.aug_mix import *  # noqa: F403
from hornbeam.layers.augmentation.boxes import *  # noqa: F403
from hornbeam.layers.augmentation.brightness import *  # noqa: F403
from hornbeam.layers.augmentation.clahe import *  # noqa: F403
from hornbeam.layers.augmentation.crops import *  # noqa: F403
from hornbeam.layers.augmentation.equalization import *  # noqa: F403
from hornbeam.layers.augmentation.flips import *  # noqa: F403
from hornbeam.layers.augmentation.grayscale import *  # noqa: F403
from hornbeam.layers.augmentation.hue import *  # noqa: F403
from hornbeam.layers.augmentation.mix_up import *  # noqa: F403
from hornbeam.layers.augmentation.patches import *  # noqa: F403
from hornbeam.layers.augmentation.pipeline import *  # noqa: F403
from hornbeam.layers.augmentation.rand_augment import *  # noqa: F403
from hornbeam.layers.augmentation.sharpness import *  # noqa: F403
from hornbeam.layers.augmentation.tones import *  # noqa: F403
from hornbeam.layers.augmentation.warps import *  # noqa: F403

__all__ = [*affine.__all__]
__all__ += aug_mix.__all__
__all__ += boxes.__all__
__all__ += brightness.__all__
__all__ += clahe.__all__
__all__ += crops.__all__
__all__ += equalization.__all__
__all__ += flips.__all__
__all__ += grayscale.__all__
__all__ += hue.__all__
__all__ += mix_up.__all__
__all__ += patches.__all__
__all__ += pipeline.__all__
__all__ += rand_augment.__all__
__all__ += sharpness.__all__
__all__ += tones.__all__
__all__ += warps.__all__
