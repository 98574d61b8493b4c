"""Faults 1 and 2: a label or an id out of range is refused with its value, its row and the range; nothing wraps around, and
no weight is changed."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import losses, metrics, ops

INTS = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"]
X = np.ones((8, 4), "float32")
WIDE = [2**31, 2**32, 2**32 + 1, -(2**32), 2**40 + 2, 2**63 - 1, -(2**63)]  # all but one are 0, 1 or 2 as int32


def classifier(loss, activation=None, **kwargs):
    model = hb.Sequential([hb.Input((4,)), L.Dense(3, activation=activation)])
    model.compile("adam", loss, **kwargs)
    return model


def refuses(model, call, message):
    kept = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    with pytest.raises(ValueError, match=message):
        call()
    for a, b in zip(kept, [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [*INTS, "float32", "float64"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_fault_01_labels_out_of_range_in_fit(dtype, from_logits):
    model = classifier(losses.SparseCategoricalCrossentropy(from_logits), None if from_logits else "softmax")
    good = np.array([0, 1, 2, 0, 1, 2, 0, 1], dtype)
    model.fit(X, good, verbose=0)
    for label in (3, 100, -1):
        if label < 0 and dtype.startswith("u"):
            continue
        bad = good.copy()
        bad[5] = label
        says = rf"index must be in \[0, 3\); got {label} at row 5"
        refuses(model, lambda bad=bad: model.fit(X, bad, verbose=0, shuffle=False), says)
        refuses(model, lambda bad=bad: model.train_on_batch(X, bad), says)
        refuses(model, lambda bad=bad: model.evaluate(X, bad, verbose=0), says)
        refuses(model, lambda bad=bad: model.fit(iter([(X, bad)]), steps_per_epoch=1, verbose=0), says)
        for shape in ((8, 1), (8,)):
            refuses(model, lambda bad=bad, shape=shape: model.test_on_batch(X, bad.reshape(shape)), says)
    model.fit(X, good, verbose=0)


@pytest.mark.parametrize("label", WIDE)
def test_fault_01_no_label_wraps_around(label):
    bad = np.array([0, 1, 2, 0, 1, 2, label, 1])
    says = rf"index must be in \[0, 3\); got {label} at row 6"
    for eagerly in (False, True):
        for activation in (None, "softmax"):
            loss = losses.SparseCategoricalCrossentropy(from_logits=activation is None)
            model = classifier(loss, activation, run_eagerly=eagerly)
            model.train_on_batch(X, np.zeros(8, "int64"))
            refuses(model, lambda m=model: m.fit(X, bad, verbose=0, shuffle=False), says)
    for from_logits in (False, True):
        with pytest.raises(ValueError, match=says):
            ops.sparse_categorical_crossentropy(bad, np.ones((8, 3), "float32"), from_logits)
        with pytest.raises(ValueError, match=says):
            losses.sparse_categorical_crossentropy(bad, np.ones((8, 3)), from_logits, ignore_class=1)


def test_fault_01_labels_that_are_no_numbers():
    for bad in (np.nan, np.inf, -np.inf, 1e10, -1e30):
        y = np.float32([0, 1, bad, 0, 1, 2, 0, 1])
        model = classifier("sparse_categorical_crossentropy", "softmax")
        model.train_on_batch(X, np.zeros(8, "float32"))
        refuses(model, lambda m=model, y=y: m.train_on_batch(X, y), r"index must be in \[0, 3\); got -?\d+ at row 2")


def test_fault_01_the_gradient_alone_refuses_them_too():
    def gradient(x, y):
        with hb.GradientTape() as tape:
            tape.watch(x)
            loss = ops.sum(ops.sparse_categorical_crossentropy(y, x, True))
        return tape.gradient(loss, x)

    x = np.ones((2, 3), "float32")
    assert hb.function(gradient)(x, np.array([0, 2], "int32")).shape == (2, 3)
    with pytest.raises(ValueError, match=r"index must be in \[0, 3\); got 3 at row 1"):
        hb.function(gradient)(x, np.array([0, 3], "int32"))


@pytest.mark.parametrize("ignored", [-1, 255, 2])
def test_fault_01_the_ignored_class_alone_may_be_out_of_range(ignored):
    p = np.full((4, 3), 1 / 3, "float32")
    for from_logits in (False, True):
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class=ignored, reduction="none")
        got = np.asarray(loss(np.array([0, ignored, 1, ignored]), p))
        np.testing.assert_allclose(got, [np.log(3), 0, np.log(3), 0], rtol=1e-6)
        with pytest.raises(ValueError, match=r"index must be in \[0, 3\); got 7 at row 2"):
            loss(np.array([0, ignored, 7, 1]), p)
    with pytest.raises((ValueError, TypeError), match="ignore_class"):
        losses.SparseCategoricalCrossentropy(ignore_class=2**63)


@pytest.mark.parametrize("dtype", INTS)
def test_fault_02_embedding_ids_out_of_range(dtype):
    model = hb.Sequential([hb.Input((2,), dtype="int32"), L.Embedding(7, 3), L.Flatten(), L.Dense(1)])
    model.compile("adam", "mse")
    good = np.array([[0, 1], [2, 6]], dtype)
    model.fit(good, np.ones(2), verbose=0)
    for bad in (7, 100, -1):
        if bad < 0 and dtype.startswith("u"):
            continue
        ids = good.copy()
        ids[1, 1] = bad
        says = rf"\[gather\] index must be in \[0, 7\); got {bad} at row 3 \(layer \"sequential/embedding\"\)"
        refuses(model, lambda ids=ids: model.predict(ids, verbose=0), says)
        refuses(model, lambda ids=ids: model.fit(ids, np.ones(2), verbose=0, shuffle=False), says)
        with pytest.raises(ValueError, match=rf"index must be in \[0, 7\); got {bad} at row 3"):
            model.layers[0](ids)


@pytest.mark.parametrize("bad", WIDE)
def test_fault_02_no_id_wraps_around(bad):
    ids = np.array([[0, 1], [2, bad]])
    says = rf"index must be in \[0, 7\); got {bad} at row 3"
    entries = [[hb.Input((2,), dtype="int32")], [hb.Input((2,), dtype="int64")], []]
    for entry in entries:
        model = hb.Sequential([*entry, L.Embedding(7, 3), L.Flatten(), L.Dense(1)])
        model.compile("sgd", "mse")
        model.train_on_batch(np.zeros((2, 2), "int64"), np.ones(2))
        refuses(model, lambda m=model: m.predict(ids, verbose=0), says)
        refuses(model, lambda m=model: m.train_on_batch(ids, np.ones(2)), says)


def test_fault_02_a_large_table_counts_rows_exactly():
    model = hb.Sequential([hb.Input((1,), dtype="int32"), L.Embedding(100_000, 2), L.Flatten()])
    model.compile("adam", "mse")
    for bad in (100_000, 2**32 + 5, -1):
        with pytest.raises(ValueError, match=rf"index must be in \[0, 100000\); got {bad} at row 1"):
            model.train_on_batch(np.array([[5], [bad]]), np.ones((2, 2)))
    model.train_on_batch(np.array([[5], [99_999]]), np.ones((2, 2)))


ROWS = np.arange(12, dtype="float32").reshape(6, 2)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("bad", [6, 7, 2**31, 2**32, 2**40, -7, -(2**40)])
def test_fault_02_every_op_that_indexes(bad, traced):
    at = hb.function if traced else (lambda f: f)
    ids = np.array([0, 1, bad])
    says = rf"index must be in \[0, 6\); got {bad} at row 2"
    for call in (
        lambda i: ops.take(ROWS, i, axis=0),
        lambda i: ops.take(ROWS.T, i, axis=1),
        lambda i: ops.convert_to_tensor(ROWS)[i],
        lambda i: ops.take_along_axis(ROWS[:, 0], i, axis=0),
        lambda i: ops.scatter(ops.expand_dims(i, -1), ROWS[:3], (6, 2)),
        lambda i: ops.scatter_update(ROWS, ops.expand_dims(i, -1), ROWS[:3]),
        lambda i: ops.scatter(ops.stack([i, i * 0], -1), ROWS[:3, 0], (6, 2)),
    ):
        with pytest.raises(ValueError, match=says):
            at(call)(ids)
    with pytest.raises(ValueError, match=rf"index must be in \[0, 2\); got {bad} at row 2"):
        at(lambda i: ops.scatter(ops.stack([i * 0, i], -1), ROWS[:3, 0], (6, 2)))(ids)


def test_fault_02_coordinates_do_not_reach_into_the_next_row():
    with pytest.raises(ValueError, match=r"index must be in \[0, 3\); got 3 at row 0"):
        ops.scatter(np.array([[0, 3]]), np.ones(1, "float32"), (2, 3))  # (1, 0) in row-major order
    got = ops.scatter(np.array([[1, 0], [0, 2], [1, 0]]), np.float32([1, 2, 3]), (2, 3))
    np.testing.assert_array_equal(got, [[0, 0, 2], [4, 0, 0]])
    got = ops.scatter(np.array([[[1, 0], [0, 1]]]), np.ones((1, 2, 4), "float32"), (2, 2, 4))
    np.testing.assert_array_equal(np.asarray(got)[..., 0], [[0, 1], [1, 0]])
    for indices, shape in ((np.zeros((2, 3), "int32"), (2, 2)), (np.zeros((), "int32"), (2,))):
        with pytest.raises(ValueError, match="`indices` must have a last axis of 1 to"):
            ops.scatter(indices, np.ones(2, "float32"), shape)


def test_fault_02_negative_indices_count_from_the_end_once():
    np.testing.assert_array_equal(ops.take(ROWS, [-1, -6], axis=0), ROWS[[-1, -6]])
    np.testing.assert_array_equal(hb.function(lambda i: ops.take(ROWS, i, axis=0))(np.array([-1, -6])), ROWS[[-1, -6]])
    with pytest.raises(ValueError, match=r"index must be in \[0, 6\); got -7 at row 0"):
        ops.take(ROWS, [-7], axis=0)


def test_fault_02_one_hot_gives_zeros_and_top_k_is_bounded():
    for bad in (3, -1, 2**32, 2**32 + 1):
        np.testing.assert_array_equal(ops.one_hot(np.array([bad]), 3), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="`k` must be at most the last axis' size, 6. Received: k=7"):
        ops.top_k(ROWS[:, 0], 7)
    with pytest.raises(ValueError, match=r"\[slice\]|`k`"):
        hb.function(lambda x: ops.top_k(x, 7)[0])(ROWS[:, 0])


def test_fault_02_masks_are_not_taken_for_indices():
    for call in (lambda m: ops.take(ROWS, m, axis=0), lambda m: ops.take_along_axis(ROWS[:, 0], m, axis=0)):
        with pytest.raises(TypeError, match="indices must be ints. Received: bools"):
            call(ROWS[:, 0] > 4)
    with pytest.raises(TypeError, match="indices must be ints. Received: bools"):
        hb.function(lambda x, m: x[m])(ROWS, ROWS[:, 0] > 4)
    np.testing.assert_array_equal(ops.convert_to_tensor(ROWS)[ROWS[:, 0] > 4], ROWS[ROWS[:, 0] > 4])


def test_fault_02_classes_that_metrics_do_not_know():
    p = np.float32([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
    for k in (1, 3):
        for label in (-1, 3, 2**32 + 1):  # the last is 1 as int32
            got = metrics.sparse_top_k_categorical_accuracy(np.array([label, 0]), p, k)
            np.testing.assert_array_equal(got, [0, 1])
    np.testing.assert_array_equal(
        ops.in_top_k(np.array([1, 0]), np.float32([[1, np.nan, 2], [np.nan, 1, 2]]), 1), [0, 0]
    )
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(np.array([2**32 + 1, 0]), p), [0, 1])
    iou = metrics.MeanIoU(3)
    iou.update_state(np.array([0, 1, 2]), np.array([0, 1, 1]))
    kept = float(iou.result())
    for bad in (3, -1, 2**32):
        for t, y in ((np.array([0, bad]), np.array([0, 0])), (np.array([0, 0]), np.array([0, bad]))):
            with pytest.raises(ValueError, match=rf"index must be in \[0, 3\); got {bad} at row 1"):
                iou.update_state(t, y)
    assert float(iou.result()) == kept
    with pytest.raises(ValueError, match=r"classes must be in \[0, 3\)"):
        hb.utils.to_categorical([0, 3], 3)
