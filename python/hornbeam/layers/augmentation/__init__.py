"""Layers that change images: sizes, crops, and random changes for training, with their labels, masks and boxes."""

__all__: list[str] = []
