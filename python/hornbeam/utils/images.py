"""Pictures: files, Pillow's images and arrays, each made of the other."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam._dtypes import floatx
from hornbeam.core.validation import choice, int_tuple

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow() -> Any:
    """Pillow's module of images; an error that says how to get it where it is missing."""
    try:
        from PIL import Image
    except ImportError as e:
        raise ImportError("pictures need Pillow: pip install 'hornbeam[images]', or pip install pillow") from e
    return Image


def layout(data_format: Any) -> str:
    """Which axis the channels are.

    Args:
        data_format: "channels_last" (None too) or "channels_first".
    """
    if data_format is None:
        return "channels_last"
    return choice("data_format", data_format, ("channels_last", "channels_first"))


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array as one of Pillow's images.

    Args:
        x: (rows, columns, channels) with 1, 3 or 4 channels.
        data_format: "channels_last" or "channels_first"; None for the former.
        scale: whether to stretch the values so that the smallest becomes 0 and the largest 255.
        dtype: what it is computed in; None for ``floatx``.

    Returns:
        The image: of mode "L", "RGB" or "RGBA", or "I" where one channel has values above 255.
    """
    image, data_format = pillow(), layout(data_format)
    x = np.asarray(x, dtype=dtype or floatx())
    if x.ndim != 3:
        raise ValueError(f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4) or 0 in x.shape:
        raise ValueError(f"an image needs rows, columns and 1, 3 or 4 channels. Received: x of shape {x.shape}")
    if scale:
        x = x - x.min()
        top = x.max()
        x = (x / top if top else x) * 255
    if x.shape[2] == 1:
        x = x[:, :, 0]
        return image.fromarray(x.astype("int32" if x.max() > 255 else "uint8"))
    return image.fromarray(x.astype("uint8"))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Any:
    """One of Pillow's images as an array.

    Args:
        img: the image, or an array of (rows, columns) or (rows, columns, channels).
        data_format: "channels_last" or "channels_first"; None for the former.
        dtype: of the array; None for ``floatx``.

    Returns:
        An array of three axes.
    """
    data_format = layout(data_format)
    x = pixels(img) if hasattr(img, "__arrow_c_array__") else np.array(img)
    x = x.astype(dtype or floatx(), copy=False)
    if x.ndim not in (2, 3):
        raise ValueError(f"Unsupported image shape: {x.shape}")
    x = x[:, :, None] if x.ndim == 2 else x
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Writes an array as a picture.

    Args:
        path: the file's path, or a file.
        x: see ``array_to_img``.
        data_format: see ``array_to_img``.
        file_format: "png", "jpg", ..; None for what the path ends with.
        scale: see ``array_to_img``.
        kwargs: what Pillow's ``save`` takes for the format.
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(os.fspath(path))[1][1:]
    file_format = {"jpg": "jpeg", "": None}.get((file_format or "").lower(), file_format)
    img = array_to_img(x, data_format, scale)
    if img.mode == "RGBA" and (file_format or "").lower() == "jpeg":
        warnings.warn("The JPEG format does not support RGBA images, converting to RGB.", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: Any = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A file as one of Pillow's images.

    Args:
        path: the file's path, or an ``io.BytesIO``.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (rows, columns) to resize to; None for the file's.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming", as Pillow has them.
        keep_aspect_ratio: whether to cut the middle to the target's ratio first.

    Raises:
        ValueError: the file is no picture, or is damaged.
    """
    image = pillow()
    if color_mode not in MODES:
        raise ValueError(f'color_mode must be "grayscale", "rgb", or "rgba". Received: color_mode={color_mode!r}')
    img = opened(path)
    if not (color_mode == "grayscale" and img.mode in ("I;16", "I")):  # these have more than 8 bits
        img = converted(img, MODES[color_mode])
    if target_size is None:
        return img
    rows, columns = int_tuple("target_size", target_size, 2)
    resample = getattr(image.Resampling, choice("interpolation", interpolation, _RESAMPLING).upper())
    if img.size == (columns, rows):
        return img
    if not keep_aspect_ratio:
        return img.resize((columns, rows), resample)
    width, height = img.size
    kept_height, kept_width = min(height, width * rows // columns), min(width, height * columns // rows)
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    return img.resize((columns, rows), resample, box=(left, top, left + kept_width, top + kept_height))


def opened(path: Any, formats: Any = None) -> Any:
    """The decoded image of a file; the error names it.

    Args:
        path: the file's path, or an ``io.BytesIO``.
        formats: Pillow's names of the formats to try; None for all.
    """
    if not isinstance(path, (str, bytes, os.PathLike, io.BytesIO)):
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    image = pillow()
    if isinstance(path, io.BytesIO):
        source, name = path, "the image"
    else:
        name = os.fsdecode(path)
        with open(path, "rb") as f:
            source = io.BytesIO(f.read())
    try:
        img = image.open(source, formats=formats)
        img.load()
        return img
    except (OSError, ValueError, SyntaxError, EOFError, image.DecompressionBombError) as e:
        # Pillow's message for what it cannot identify shows an address in memory
        reason = "it is no picture of a known format" if isinstance(e, image.UnidentifiedImageError) else e
        raise ValueError(f"{name} does not decode: {reason}") from e


def converted(img: Any, mode: str) -> Any:
    """The image in another mode; transparency is dropped where the mode has none.

    Args:
        img: one of Pillow's images.
        mode: "L", "RGB" or "RGBA".
    """
    if img.mode == mode:
        return img
    if img.mode == "P" and "transparency" in img.info and mode != "RGBA":
        img = img.convert("RGBA")
    return img.convert(mode)


def decode(path: Any, mode: str) -> Any:
    """A file's pixels, as Keras' data sets have them: 8 bits, the first frame, no alpha but in "RGBA".

    Args:
        path: a JPEG, PNG, BMP or GIF.
        mode: "L", "RGB" or "RGBA".

    Returns:
        A uint8 array of (rows, columns, channels).
    """
    img = opened(path, ("JPEG", "PNG", "BMP", "GIF"))
    if img.mode.startswith("I"):  # 16 bits: the upper 8, as in files of colours
        img = pillow().fromarray((np.asarray(img).astype("int64") >> 8).clip(0, 255).astype("uint8"))
    x = pixels(converted(img, mode))
    return x[:, :, None] if x.ndim == 2 else x


def pixels(img: Any) -> Any:
    """The pixels of one of Pillow's images, a copy: (rows, columns), or (rows, columns, channels).

    Args:
        img: the image.
    """
    if img.mode == "RGB" and hasattr(img, "__arrow_c_array__"):  # what NumPy is given are bytes that are packed twice
        try:
            _, array = img.__arrow_c_array__()
            return _core.rgb_of_arrow(array, img.height, img.width)
        except ValueError:  # a large image lies in several pieces
            pass
    return np.array(img)
