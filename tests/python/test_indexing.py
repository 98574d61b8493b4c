"""Indexing as NumPy's: eager, in a compiled function and on symbolic tensors of unknown length."""

import json

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops

X = np.arange(4 * 5 * 3, dtype="float32").reshape(4, 5, 3)
KEYS = {
    "int": 1,
    "negative": (slice(None), -1),
    "slices": (slice(1, None), slice(None, -1), slice(0, 2)),
    "steps": (slice(None, None, 2), slice(3, 0, -1), slice(None, None, -2)),
    "beyond": (slice(2, 99), slice(-99, 3)),
    "empty": (slice(None), slice(3, 1)),
    "new axes": (None, slice(None), None, 2),
    "ellipsis": (Ellipsis, 0),
    "ellipsis inside": (1, Ellipsis, slice(0, 2)),
    "list": (slice(None), [0, 2, 2, -1]),
    "matrix of ids": np.array([[0, 1], [3, -4]]),
    "two arrays": (np.arange(4), np.array([0, 4, 2, 1])),
    "broadcast arrays": (np.array([[0], [2]]), np.array([1, 3])),
    "apart": (np.array([0, 1]), slice(None), np.array([2, 0])),
    "int apart from array": (0, slice(None), np.array([2, 0])),
    "beside an int": (slice(None), np.array([1, 2]), 0),
    "with a new axis": (None, np.array([1, 2]), slice(1, 3)),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(name):
    key = KEYS[name]
    want = X[key]
    assert np.array_equal(ops.convert_to_tensor(X)[key], want)
    assert np.array_equal(hb.function(lambda x: x[key])(X), want)


@pytest.mark.parametrize("name", [n for n in KEYS if n not in ("two arrays",)])
def test_keys_of_symbols(name):
    key = KEYS[name]
    i = hb.Input((None, 3))
    model = hb.Model(i, i[key])
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    for x in (X, X[:, :4]):
        try:
            want = x[key]
        except IndexError:
            continue
        assert np.array_equal(model(x), want)
        assert np.array_equal(again(x), want)


def test_masks_and_their_gradient():
    x = ops.convert_to_tensor(X)
    mask = X > 30
    assert np.array_equal(x[mask], X[mask])
    assert np.array_equal(x[x > 30], X[mask])
    assert np.array_equal(x[:, mask[0, :, 0]], X[:, mask[0, :, 0]])
    with hb.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(x[mask] * 2.0)
    assert np.array_equal(tape.gradient(y, x), mask * 2.0)


def test_tensors_as_keys():
    t = ops.convert_to_tensor(X)
    i = ops.argmax(np.array([0.0, 3.0, 1.0]))
    assert np.array_equal(t[:, i], X[:, 1])
    assert np.array_equal(hb.function(lambda x, i: x[:, i])(X, i), X[:, 1])
    assert np.array_equal(t[np.int64(2), i], X[2, 1])
    assert np.array_equal(t[: ops.shape(t)[0] - 1], X[:3])


def test_gradient_of_several_arrays_adds_what_repeats():
    rows, columns = np.array([0, 0, 2]), np.array([1, 1, 0])
    d = hb.grad(lambda w: ops.sum(w[rows, columns] * np.array([1.0, 2.0, 4.0], "float32")))(np.zeros((3, 2), "float32"))
    assert np.array_equal(d, [[0, 3], [0, 0], [4, 0]])


@pytest.mark.parametrize(
    "key, message",
    [
        (7, "index 7 is out of bounds for axis 0 of size 4"),
        ((0, 0, 0, 0), "takes 3 indices"),
        (1.5, "an index must be an int"),
        (np.array([0.5]), "indices must be ints"),
        ((Ellipsis, Ellipsis), "single ellipsis"),
    ],
)
def test_keys_that_are_none(key, message):
    with pytest.raises(IndexError, match=message):
        ops.convert_to_tensor(X)[key]


def test_ids_out_of_range_are_named():
    for index in (7, -8):
        with pytest.raises(ValueError, match=f"got {index} at row 1"):
            ops.take(X, np.array([0, index]), axis=0)
        with pytest.raises(ValueError, match=f"got {index}"):
            hb.function(lambda x, i: x[i, i])(X, np.array([0, index]))


def test_traced_masks_are_refused():
    with pytest.raises(TypeError, match="ops.where"):
        hb.function(lambda x: x[x > 0])(X)


def test_blocks_from_a_traced_place():
    starts = np.array([1, 7, 0])  # held so that the block fits
    block = hb.function(lambda x, s: ops.slice(x, s, (2, 2, 3)))(X, starts)
    assert np.array_equal(block, X[1:3, 3:5])
    u = -np.ones((2, 2, 3), "float32")
    want = X.copy()
    want[1:3, 3:5] = u
    assert np.array_equal(hb.function(ops.slice_update)(X, starts, u), want)
    assert np.array_equal(ops.slice_update(X, (1, 3, 0), u), want)


def test_of_repeated_ids_the_last_update_stays():
    ids = np.array([[0], [2], [0], [-2]])
    updates = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.inf], [7.0, 8.0]], "float32")
    x = np.zeros((3, 2), "float32")
    assert np.array_equal(ops.scatter_update(x, ids, updates), [[5, np.inf], [7, 8], [3, 4]])
    weights = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], "float32")
    d = hb.grad(lambda u: ops.sum(ops.scatter_update(x, ids, u) * weights))(np.ones((4, 2), "float32"))
    assert np.array_equal(d, [[0, 0], [4, 40], [1, 10], [2, 20]])
    assert np.array_equal(ops.scatter_update(x + 1, ids, np.ones((4, 2)), "add"), [[3, 3], [2, 2], [2, 2]])


def test_segments_out_of_range_are_left_out():
    assert np.array_equal(ops.segment_sum([1.0, 2.0, 4.0, 8.0], [0, 9, -1, 2], 3), [1, 0, 8])
    assert np.array_equal(ops.segment_sum([1.0, 2.0, 4.0], np.array([0, 1, 1])), [1, 6])


@pytest.mark.parametrize("kind", [object, str, bytes])
def test_strings_of_a_data_set(kind):
    words = np.array([["a", "bc", "d"], ["ef", "", "g"]], kind)
    (batch,) = hb.data.Dataset.from_tensors(words)
    for key in (0, -1, (slice(None), 1), np.array([1, 0]), hb.ops.convert_to_tensor([1]), (None, 1, slice(0, 0))):
        got = batch[key]
        assert (
            got.dtype == "string" and got.tolist() == words[np.asarray(key) if hb.ops.is_tensor(key) else key].tolist()
        )
    assert batch[1, 0].shape == () and batch[1, 0].item() == words[1, 0]
    assert [[word.item() for word in row] for row in batch] == words.tolist()
    with pytest.raises(IndexError):
        batch[2]
