"""Layers that change images: sizes, crops, and random changes for training, with their labels, masks and boxes."""

from hornbeam.layers.augmentation.affine import RandomRotation, RandomShear, RandomTranslation, RandomZoom
from hornbeam.layers.augmentation.aug_mix import AugMix
from hornbeam.layers.augmentation.boxes import MaxNumBoundingBoxes
from hornbeam.layers.augmentation.brightness import RandomBrightness, RandomContrast
from hornbeam.layers.augmentation.clahe import ContrastLimitedAdaptiveHistogramEqualization
from hornbeam.layers.augmentation.crops import CenterCrop, RandomCrop, Resizing
from hornbeam.layers.augmentation.equalization import AutoContrast, Equalization
from hornbeam.layers.augmentation.flips import RandomFlip
from hornbeam.layers.augmentation.grayscale import RandomColorDegeneration, RandomGrayscale
from hornbeam.layers.augmentation.hue import RandomColorJitter, RandomHue, RandomSaturation
from hornbeam.layers.augmentation.mix_up import MixUp
from hornbeam.layers.augmentation.patches import CutMix, RandomErasing
from hornbeam.layers.augmentation.pipeline import Pipeline
from hornbeam.layers.augmentation.rand_augment import RandAugment
from hornbeam.layers.augmentation.sharpness import RandomGaussianBlur, RandomSharpness
from hornbeam.layers.augmentation.tones import RandomInvert, RandomPosterization, Solarization
from hornbeam.layers.augmentation.warps import RandomElasticTransform, RandomPerspective

__all__ = [
    "AugMix",
    "AutoContrast",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MaxNumBoundingBoxes",
    "MixUp",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "Solarization",
]
