"""An eager tensor is a handle: what it holds comes to host memory only when something asks for the elements."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam.core.buffer import Buffer, HostBuffer
from hornbeam.core.tensor import Tensor


class FarBuffer(Buffer):
    """Elements that count how often they are copied."""

    def __init__(self, array, dtype):
        self._far, self._near, self.copies = array, None, 0
        self.shape, self.dtype = array.shape, dtype

    def host(self):
        if self._near is None:
            self._near, self.copies = self._far.copy(), self.copies + 1
        return self._near


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_elements_are_copied_once_and_only_when_they_are_asked_for(dtype):
    numbers = np.arange(6, dtype="float32" if dtype == "bfloat16" else dtype).reshape(2, 3)
    far = FarBuffer(numbers, dtype)
    t = Tensor(far)
    assert (t.shape, t.dtype, t.ndim, len(t), t.size, hb.ops.shape(t)) == ((2, 3), dtype, 2, 2, 6, (2, 3))
    assert hb.ops.convert_to_tensor(t) is t and hb.ops.cast(t, dtype) is t
    assert far.copies == 0
    near = Tensor(numbers, dtype)
    for f in (lambda x: x + 1, lambda x: hb.ops.sum(x, 0), hb.ops.transpose, hb.function(lambda x: x * x)):
        np.testing.assert_array_equal(f(t), f(near))
    np.testing.assert_array_equal(t, numbers)
    assert t.tolist() == numbers.tolist() and t[1, 2].item() == 5
    assert far.copies == 1


def test_a_host_buffer_is_the_array_itself():
    a = np.ones(3, "float32")
    assert HostBuffer(a).host() is a
    assert np.shares_memory(np.asarray(Tensor(a)), a)
    with pytest.raises(TypeError, match="unsized"):
        len(Tensor(1.0))


def test_a_buffer_must_give_its_elements():
    with pytest.raises(NotImplementedError, match="host"):
        Buffer().host()


def test_nobody_writes_to_a_tensor_through_numpy():
    source = np.ones(3, "float32")
    t = hb.ops.convert_to_tensor(source)
    source[0] = 8
    copy = np.array(t)
    copy[1] = 5
    for view in (np.asarray(t), np.asarray(t, "float32"), hb.ops.convert_to_numpy(t)):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 7
    t.numpy()[2] = 4
    np.asarray(t, "float64")[0] = 3
    np.testing.assert_array_equal(t, np.ones(3))
    variable = hb.Variable(np.ones(3, "float32"))
    np.array(variable)[0] = 5
    np.testing.assert_array_equal(variable, np.ones(3))
