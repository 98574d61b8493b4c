"""Layers that change images: sizes, crops, and random changes for training, with their labels, masks and boxes."""

from hornbeam.layers.augmentation import (
    brightness,
    clahe,
    equalization,
    grayscale,
    hue,
    mix_up,
    patches,
    pipeline,
    sharpness,
    tones,
)
from hornbeam.layers.augmentation.brightness import *  # noqa: F403
from hornbeam.layers.augmentation.clahe import *  # noqa: F403
from hornbeam.layers.augmentation.equalization import *  # noqa: F403
from hornbeam.layers.augmentation.grayscale import *  # noqa: F403
from hornbeam.layers.augmentation.hue import *  # noqa: F403
from hornbeam.layers.augmentation.mix_up import *  # noqa: F403
from hornbeam.layers.augmentation.patches import *  # noqa: F403
from hornbeam.layers.augmentation.pipeline import *  # noqa: F403
from hornbeam.layers.augmentation.sharpness import *  # noqa: F403
from hornbeam.layers.augmentation.tones import *  # noqa: F403

__all__ = [*brightness.__all__]
__all__ += clahe.__all__
__all__ += equalization.__all__
__all__ += grayscale.__all__
__all__ += hue.__all__
__all__ += mix_up.__all__
__all__ += patches.__all__
__all__ += pipeline.__all__
__all__ += sharpness.__all__
__all__ += tones.__all__
