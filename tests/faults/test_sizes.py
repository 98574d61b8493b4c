"""Faults 3 and 7 to 10: sizes that cannot be are refused before anything is allocated, by name; never a crash or a hang."""

import resource
import subprocess
import sys

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L
from hornbeam import ops

IMAGE = np.ones((1, 8, 8, 3), "float32")


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_fault_03_windows_larger_than_the_input_are_found_when_the_model_is_built(rank):
    shape = (*[4] * rank, 2)
    for layer, window in (
        (getattr(L, f"Conv{rank}D")(3, 5), 5),
        (getattr(L, f"Conv{rank}D")(3, 3, dilation_rate=2), 5),
        (getattr(L, f"Conv{rank}D")(3, (*[1] * (rank - 1), 9)), 9),
    ):
        says = rf'\[conv\] the dilated kernel \({window}\) is larger than the padded input \(4\).*layer "{layer.name}"'
        with pytest.raises(ValueError, match=says):
            layer(hb.Input(shape))
        with pytest.raises(ValueError, match=says):
            layer(np.ones((2, *shape), "float32"))
    for kind in ("Max", "Average"):
        layer = getattr(L, f"{kind}Pooling{rank}D")(5)
        with pytest.raises(
            ValueError, match=rf'the window \(5\) is larger than the padded input.*layer "{layer.name}"'
        ):
            layer(hb.Input(shape))


def test_fault_03_the_same_for_depthwise_and_separable_kernels_and_unknown_sizes():
    for layer in (L.DepthwiseConv2D(5), L.SeparableConv2D(3, 5), L.DepthwiseConv1D(5), L.SeparableConv1D(3, 5)):
        with pytest.raises(ValueError, match=r"the dilated kernel \(5\) is larger than the padded input \(4\)"):
            layer(hb.Input((*[4] * layer.rank, 2)))
    model = hb.Sequential([hb.Input((None, 2)), L.Conv1D(3, 5)])
    assert model.predict(np.ones((1, 5, 2)), verbose=0).shape == (1, 1, 3)
    with pytest.raises(ValueError, match="dimension.*negative|larger than the padded input"):
        model.predict(np.ones((1, 2, 2)), verbose=0)


@pytest.mark.parametrize("size", [4, 5, 2**40, 2**62])
def test_fault_03_cropping_leaves_something(size):
    for x in (IMAGE, hb.Input((8, 8, 3))):
        with pytest.raises(ValueError, match=r"`cropping` must leave something of each axis.*layer"):
            L.Cropping2D(size)(x)


PREPARE = """
import resource, sys
import numpy as np
import hornbeam as hb
from hornbeam import initializers, layers as L, metrics, ops, random
I, K, V = np.ones((1, 8, 8, 3), "float32"), np.ones((3, 3, 3, 2), "float32"), np.ones(6, "float32")
IDS, T = np.zeros(6, "int32"), np.ones((3, 3, 2, 3), "float32")
def zeros(*shape):
    return ops.zeros(shape)
M = hb.Sequential([hb.Input((4,)), L.Dense(3)])
M.compile("sgd", "mse")
M.predict(np.ones((1, 4)), verbose=0)
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wrong = []
for line in sys.stdin.read().splitlines():
    code, _, wanted = line.partition("  # ")
    try:
        eval(code)
        wrong.append(f"{code}: nothing raised")
    except (ValueError, MemoryError) as e:
        text = str(e)
        if "bad_alloc" in text or not text or any(w not in text for w in wanted.split()):
            wrong.append(f"{code}: {type(e).__name__}: {text}")
    except BaseException as e:
        wrong.append(f"{code}: {type(e).__name__}: {e}")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    if grown > 256:
        wrong.append(f"{code}: took {grown} MiB")
        break
print("\\n".join(wrong))
"""


def refused(cases, seconds=120):
    """Each line, in a process with 2 GiB, raises ValueError or MemoryError with the words after its ``#``."""
    run = subprocess.run([sys.executable, "-c", PREPARE], input=cases, capture_output=True, text=True, timeout=seconds)
    assert run.returncode == 0, f"the process died: {run.returncode}\n{run.stdout}\n{run.stderr[-2000:]}"
    assert not run.stdout.strip(), run.stdout


def test_fault_07_convolutions_whose_sizes_overflow():
    refused(
        "\n".join(
            f"{call}  # {words}"
            for call, words in (
                ("ops.conv(I, K, dilation_rate=2**62)", "[conv] `dilations` 4611686018427387904"),
                ("ops.conv(I, K, dilation_rate=2**62, padding='same')", "[conv] `low` 4611686018427387904"),
                ("ops.conv(I, K, dilation_rate=2**31 - 1)", "[conv] kernel (4294967295) larger"),
                ("ops.conv(I, K, padding=[(2**62, 2**62), (0, 0)])", "[conv] `low`"),
                ("ops.conv(I, K, padding=[(0, 2**63 - 1), (0, 0)])", "[conv] `high`"),
                ("ops.conv(I, K, padding=[(2**31 - 1, 0), (2**31 - 1, 0)])", "[conv] overflows"),
                ("ops.conv(I, K, padding=[(2**31 - 1, 0), (0, 0)])", "[conv] result needs 96.0 GiB"),
                ("ops.conv(I, K, padding=[(2**29, 0), (0, 0)])", "[conv] result needs 24.0 GiB"),
                ("ops.conv_transpose(I, T, 2**62)", "64 bits"),
                ("ops.conv_transpose(I, T, 2**31)", "[conv_input_grad]"),
                ("ops.conv_transpose(I, T, 2**40)", "[conv_input_grad]"),
                ("ops.conv_transpose(I, T, dilation_rate=2**62)", "64 bits"),
                ("ops.conv_transpose(I, T, dilation_rate=2**40)", "[conv_input_grad]"),
                ("ops.depthwise_conv(I, K, dilation_rate=2**62)", "[conv] `dilations`"),
                ("L.Conv2D(4, 1250999896764, dilation_rate=1250999896764)(hb.Input((8, 8, 3)))", "conv2d kernel GiB"),
                ("L.Conv2D(4, 2**40)(hb.Input((8, 8, 3)))", "conv2d_1/kernel GiB"),
                ("L.Conv2D(2**40, 3)(I)", "conv2d_2/kernel GiB"),
                (
                    "L.Conv2D(4, 3, dilation_rate=2**62, name='big')(hb.Input((8, 8, 3)))",
                    '[conv] `dilations` layer "big"',
                ),
                ("L.Conv2D(4, 3, dilation_rate=2**62, padding='same', name='big')(I)", '[conv] `low` layer "big"'),
                ("L.Conv1D(4, 3, padding='causal', dilation_rate=2**62, name='big')(V[None, :, None])", 'layer "big"'),
                ("L.Conv2DTranspose(4, 3, 2**62, name='big')(hb.Input((8, 8, 3)))", '64 bits layer "big"'),
                ("L.Conv2DTranspose(4, 3, 2**31, name='big')(I)", "big"),
                ("L.DepthwiseConv2D(3, depth_multiplier=2**62, name='big')(I)", "big/kernel GiB"),
                ("L.SeparableConv2D(4, 3, depth_multiplier=2**40, name='big')(I)", "big/depthwise_kernel GiB"),
                ("ops.max_pool(I, 2**62)", "[max_pool] `window` 4611686018427387904"),
                ("ops.average_pool(I, 2**31 - 1)", "[average_pool] window (2147483647) larger"),
                ("ops.max_pool(I, 2**62, padding='same')", "[max_pool] `window`"),
                ("ops.max_pool(I, 2, padding=[(2**31 - 1, 0), (0, 0)])", "[max_pool] result GiB"),
                ("ops.average_pool(I, 2, padding=[(2**31, 2**31), (0, 0)])", "[average_pool] `low`"),
                ("L.MaxPooling2D(2**62, name='big')(I)", '[max_pool] layer "big"'),
            )
        )
    )


def test_fault_07_strides_and_windows_longer_than_the_input_cost_nothing():
    k = np.ones((3, 3, 3, 2), "float32")
    for stride in (9, 2**20, 2**31 - 1):
        for padding in ("valid", "same"):
            assert ops.conv(IMAGE, k, stride, padding).shape == (1, 1, 1, 2)
            np.testing.assert_array_equal(ops.max_pool(IMAGE, 3, stride, padding), np.ones((1, 1, 1, 3)))
            np.testing.assert_array_equal(ops.average_pool(IMAGE, 3, stride, padding), np.ones((1, 1, 1, 3)))
    x = np.arange(192, dtype="float32").reshape(1, 8, 8, 3)
    for window in (15, 2**20, 2**30):  # all of the image, wherever it begins
        for op, want in ((ops.max_pool, x.max((1, 2))), (ops.average_pool, x.mean((1, 2)))):
            got = np.asarray(op(x, window, 1, "same"))
            np.testing.assert_allclose(got, np.broadcast_to(want[:, None, None], x.shape), rtol=1e-5)
    for stride in (2**31, 2**62, 2**63 - 1):
        for call in (lambda s=stride: ops.conv(IMAGE, k, s), lambda s=stride: ops.max_pool(IMAGE, 3, s)):
            with pytest.raises(ValueError, match=rf"parameter `strides` must be in \[1, 2147483647\], not \[{stride},"):
                call()


def test_fault_08_layers_and_ops_that_enlarge():
    refused(
        """ops.image.resize(I, (2**62, 2**62))  # resized GiB
ops.image.resize(I, (2**31, 2))  # resized GiB
ops.image.resize(I, (2**63, 2))  # 64 bits
L.Resizing(2**62, 2**62, name='big')(I)  # GiB big
L.Resizing(2**40, 2, name='big')(hb.Input((8, 8, 3)))  # GiB big
L.UpSampling1D(2**62, name='big')(hb.Input((8, 3)))  # 64 bits big
L.UpSampling1D(2**40, name='big')(np.ones((1, 8, 3)))  # TiB big
L.UpSampling2D(2**62, name='big')(I)  # big
L.UpSampling2D(2**31, name='big')(I)  # TiB big
L.UpSampling2D(2**62, interpolation='bilinear', name='big')(I)  # 64 bits big
L.UpSampling2D(2**40, interpolation='bilinear', name='big')(hb.Input((8, 8, 3)))  # GiB big
L.UpSampling3D(2**40, name='big')(hb.Input((8, 8, 8, 3)))  # overflows big
L.ZeroPadding1D(2**63 - 1, name='big')(np.ones((1, 8, 3)))  # 9223372036854775807 overflows big
L.ZeroPadding2D(2**62, name='big')(hb.Input((8, 8, 3)))  # overflows big
L.ZeroPadding2D(2**31, name='big')(I)  # overflows big
L.ZeroPadding3D(2**20, name='big')(np.ones((1, 2, 2, 2, 1)))  # big
L.RepeatVector(2**40, name='big')(np.ones((2, 4)))  # TiB big
L.RepeatVector(2**62, name='big')(np.ones((2, 4)))  # overflows big
ops.pad(V, 2**62)  # overflows
ops.pad(V, 2**63 - 1)  # overflows
ops.pad(V, 2**40)  # [pad] TiB
ops.pad(V, 2**40, mode='reflect')  # GiB
ops.pad(V, 2**62, mode='symmetric')  # GiB
ops.tile(V, 2**62)  # overflows
ops.tile(V, 2**40)  # [broadcast_to] TiB
ops.repeat(V, 2**40)  # [broadcast_to] TiB
ops.repeat(V, 2**63 - 1)  # overflows
ops.broadcast_to(V, (2**40, 6))  # [broadcast_to] TiB
ops.broadcast_to(V, (2**62, 6))  # [broadcast_to] overflows"""
    )


def test_fault_09_products_of_dimensions_that_overflow():
    refused(
        """zeros(2**40, 2**40)  # GiB
zeros(2**62, 2)  # GiB
zeros(2**63 - 1)  # GiB
zeros(2**63)  # 64 bits
hb.function(lambda: ops.zeros((2**40, 2**40)) + 1.0)()  # overflows
ops.reshape(V, (2**40, 2**40))  # 1099511627776 * 1099511627776 overflows
ops.reshape(V, (2**63 - 1, -1))  # [reshape]
ops.broadcast_to(V, (2**40, 2**40, 6))  # overflows
ops.eye(2**40)  # GiB
ops.eye(2**62)  # GiB
ops.one_hot(IDS, 2**62)  # GiB
ops.arange(2**62)  # GiB
ops.arange(0, 2**63 - 1)  # GiB
ops.arange(0.0, 1e300, 1e-3)  # GiB
ops.arange(2**64)  # 64 bits
ops.linspace(0.0, 1.0, 2**62)  # GiB
ops.segment_sum(V, IDS, 2**62)  # [scatter_add]
ops.scatter(IDS[:, None], V, (2**62,))  # [scatter_add]
ops.scatter(np.zeros((6, 2), 'int32'), V, (2**40, 2**40))  #
random.uniform((2**62,))  # [random_uniform]
random.uniform((2**40, 2**40))  # [random_uniform]
random.categorical(zeros(1, 3), 2**62)  # overflows
random.gamma((2**62,), 1.0)  # GiB
L.Dense(2**63)  # 64 bits
L.Dense(2**62, name='big')(hb.Input((2**62,)))  # big/kernel GiB
L.Dense(3, name='big')(hb.Input((2**40, 2**40)))  # big/kernel GiB
L.Flatten(name='big')(hb.Input((2**40, 2**40)))  # 64 bits big
L.Reshape((2**62, 2**62), name='big')(hb.Input((4,)))  # target_shape big
L.PReLU(name='big')(hb.Input((2**40, 2**40)))  # big/alpha GiB
L.Embedding(2**62, 2**40, name='big')(IDS)  # big/embeddings GiB
L.MultiHeadAttention(2**40, 2**40)(hb.Input((3, 4)), hb.Input((3, 4)))  # query/kernel GiB
L.Dropout(0.5, noise_shape=(2**62, 4), name='big')(np.ones((2, 4)), training=True)  # noise_shape
hb.Input((2**63,))  # 64 bits
hb.Input((4,), batch_size=2**63)  # 64 bits
metrics.AUC(num_thresholds=2**62)  # GiB
metrics.AUC(num_thresholds=2**40)  # GiB
metrics.MeanIoU(2**40)  # total GiB
hb.function(lambda: ops.fori_loop(0, 2**62, lambda i, v: v + 1, zeros()))()  #
hb.function(lambda: ops.fori_loop(0, 2**63, lambda i, v: v + 1, zeros()))()  # 64 bits
M.predict(np.ones((4, 4)), batch_size=2**63, verbose=0)  # batch_size 64 bits
M.fit(np.ones((4, 4)), np.ones((4, 3)), batch_size=2**63, verbose=0)  # batch_size 64 bits"""
    )


def test_fault_10_tensors_larger_than_the_machine():
    refused(
        """zeros(2**35)  # GiB
ops.ones((2**34,))  # GiB
ops.full((2**34,), 3.0)  # GiB
hb.function(lambda: ops.zeros((2**35,)) + 1.0)()  # GiB
ops.outer(zeros(2**20), zeros(2**20))  # result [1048576,1048576] 4.0 TiB
ops.matmul(zeros(2**20, 1), zeros(1, 2**20))  # [matmul] TiB
ops.add(zeros(2**20, 1), zeros(1, 2**20))  # result [1048576,1048576] 4.0 TiB
ops.concatenate([zeros(2**20, 8)] * 2**10)  # GiB
ops.eye(2**20)  # GiB
ops.one_hot(IDS, 2**40)  # GiB
ops.one_hot(np.zeros(2**20, 'int32'), 2**20)  # TiB
ops.segment_sum(V, IDS, 2**40)  # [scatter_add] TiB
ops.scatter(np.ones((6, 2), 'int32'), V, (2**20, 2**20))  # [scatter_add] TiB
random.uniform((2**36,))  # [random_uniform] GiB
initializers.GlorotUniform()((2**40,))  #
L.Dense(2**40)(hb.Input((2**20,)))  # dense_1/kernel 4294967296.0 GiB
L.Dense(2**31, name='big')(hb.Input((4,)))  # big/kernel GiB
L.Dense(2**40, name='big')(np.ones((2, 2**20), 'uint8'))  # big/kernel GiB
L.LSTM(2**40, name='big')(hb.Input((5, 3)))  # kernel GiB
L.GRU(2**40)(hb.Input((5, 3)))  # kernel GiB
L.BatchNormalization(name='big')(hb.Input((2**62,)))  # big/gamma GiB
L.EinsumDense('abc,cd->abd', (None, 2**62), name='big')(hb.Input((5, 4)))  # big/kernel GiB
hb.Variable(initializers.Zeros(), shape=(2**40,))  #"""
    )
    x = L.Dense(3)(np.ones((2, 4), "float32"))  # and what does fit goes on
    assert x.shape == (2, 3)


def test_fault_10_a_failed_layer_can_be_called_again():
    layer = L.Dense(2**31)
    for _ in range(2):
        with pytest.raises(MemoryError, match="kernel.*GiB"):
            layer(np.ones((2, 2**10), "float32"))
        assert not layer.built and not layer.weights
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8 << 20
