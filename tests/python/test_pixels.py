"""Pixels of Pillow's images as arrays: those that Pillow gives NumPy."""

import numpy as np
import pytest
from PIL import Image

import hornbeam as hb
from hornbeam import _core
from hornbeam.utils.images import pixels

RNG = np.random.default_rng(0)


def image(rows, columns, channels=3):
    x = RNG.integers(0, 256, (rows, columns, channels)).astype("uint8")
    return x, Image.fromarray(x if channels > 1 else x[:, :, 0])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (64, 64), (131, 97), (3000, 2000)])  # the last in two pieces
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_are_those_that_were_put_in(size, channels):
    x, img = image(*size, channels)
    found = pixels(img)
    assert found.dtype == np.uint8 and found.flags.owndata and found.flags.writeable
    np.testing.assert_array_equal(found.reshape(x.shape), x)
    np.testing.assert_array_equal(hb.utils.img_to_array(img, dtype="uint8"), x)
    assert hb.utils.img_to_array(img).dtype == np.float32


def test_a_part_of_an_image_is_that_part():
    x, img = image(20, 30)
    np.testing.assert_array_equal(pixels(img.crop((3, 4, 17, 19))), x[4:19, 3:17])
    assert pixels(Image.new("RGB", (0, 5))).shape == (5, 0, 3)


def test_other_arrays_are_refused():
    pa = pytest.importorskip("pyarrow")
    _, img = image(4, 5)
    _, pair = img.__arrow_c_array__()
    for rows, columns in ((5, 5), (-4, -5), (4, 4)):
        with pytest.raises(ValueError, match="rows \\* columns lists of 4 bytes"):
            _core.rgb_of_arrow(pair, rows, columns)
    for other in (pa.array([1, 2, 3]), pa.array([[1, 2], [3]]), pa.array(["a"])):
        with pytest.raises(ValueError, match="lists of 4 bytes"):
            _core.rgb_of_arrow(other.__arrow_c_array__()[1], 1, 3)
    with pytest.raises(TypeError):
        _core.rgb_of_arrow(pa.array([1]).__arrow_c_array__()[0], 1, 1)
