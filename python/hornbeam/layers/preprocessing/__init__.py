"""Layers that turn what a data set holds (numbers of any scale, categories, text, sound) into what a network takes."""

__all__: list[str] = []
