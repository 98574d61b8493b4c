"""Pictures: files, Pillow's images and arrays; see ``hornbeam.utils``."""

from hornbeam.utils.images import array_to_img, img_to_array, load_img, save_img
from hornbeam.utils.resizing import smart_resize

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]
