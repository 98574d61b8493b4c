"""Fourier transforms against NumPy's, their gradients against differences, frames and spectrograms against closed forms."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers, ops

SIZES = (1, 2, 3, 5, 7, 16, 17, 60, 64, 67, 97, 100, 134, 1000, 1024, 1021, 8192)
LIMIT = {"float32": 6e-7, "float64": 2e-15}  # of the error, by the largest coefficient


def numbers(*shape, dtype="float64", seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype(dtype)


def joined(pair):
    re, im = (np.asarray(t, "float64") for t in pair)
    return re + 1j * im


def assert_near(found, wanted, dtype):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max(initial=0) <= LIMIT[dtype] * np.abs(wanted).max(initial=0)


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("n", SIZES)
def test_every_length_is_numpys(n, dtype):
    re, im = numbers(2, n, dtype=dtype), numbers(2, n, dtype=dtype, seed=1)
    found = ops.fft((re, im))
    assert [t.dtype for t in found] == [dtype, dtype]
    assert_near(joined(found), np.fft.fft(re.astype("float64") + 1j * im), dtype)
    half = np.fft.rfft(re.astype("float64"))
    assert_near(joined(ops.rfft(re)), half, dtype)
    parts = half.real.astype(dtype), half.imag.astype(dtype)
    assert_near(ops.irfft(parts, n).numpy(), re, dtype)


@pytest.mark.parametrize("fft_length", [1, 6, 7, 9, 10, 75])
def test_real_transforms_cut_and_fill(fft_length):
    x, im = numbers(3, 9), numbers(3, 9, seed=1)
    assert_near(joined(ops.rfft(x, fft_length)), np.fft.rfft(x, fft_length), "float64")
    assert_near(ops.irfft((x, im), fft_length).numpy(), np.fft.irfft(x + 1j * im, fft_length), "float64")
    assert_near(ops.irfft((x, im)).numpy(), np.fft.irfft(x + 1j * im), "float64")


@pytest.mark.parametrize("rows,columns", [(1, 1), (3, 4), (67, 2), (5, 100)])
def test_two_axes(rows, columns):
    re, im = numbers(2, rows, columns), numbers(2, rows, columns, seed=1)
    assert_near(joined(ops.fft2((re, im))), np.fft.fft2(re + 1j * im), "float64")
    assert_near(joined(ops.ifft2((re, im))), np.fft.ifft2(re + 1j * im), "float64")


def test_batches_of_no_and_of_many_axes():
    for shape in ((0, 70), (70,), (2, 0, 3, 8), (2, 3, 2, 70)):
        re, im = numbers(*shape), numbers(*shape, seed=1)
        assert_near(joined(ops.fft((re, im))), np.fft.fft(re + 1j * im), "float64")
        assert_near(joined(ops.rfft(re)), np.fft.rfft(re), "float64")


def test_dtypes():
    x = numbers(2, 100)
    for dtype in ("float16", "bfloat16"):
        half = ops.cast(x, dtype)
        wide = np.asarray(half, "float32")
        found = ops.fft((half, half))
        assert [t.dtype for t in found] == [dtype, dtype]
        np.testing.assert_allclose(joined(found), np.fft.fft(wide + 1j * wide), rtol=0.01, atol=0.1)
    assert ops.rfft(np.arange(4))[0].dtype == "float32"
    assert [t.dtype for t in ops.fft((x.astype("float32"), x))] == ["float64", "float64"]


def test_what_is_not_a_number_spreads():
    x = np.ones((2, 70))
    x[0, 3] = np.nan
    re, im = (t.numpy() for t in ops.rfft(x))
    assert np.isnan(re[0]).all() and np.isnan(im[0]).all()
    assert np.isfinite(re[1]).all() and np.isfinite(im[1]).all()


def numeric_gradient(f, x, step=1e-5):
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = step
        out[i] = (f(x + e) - f(x - e)) / (2 * step)
    return out


@pytest.mark.parametrize(
    "n,f",
    [
        (7, lambda x: ops.fft((x, ops.square(x)))),
        (70, lambda x: ops.fft((x, ops.square(x)))),
        (67, lambda x: ops.rfft(x)),
        (9, lambda x: ops.irfft((x, ops.sin(x)))),
        (20, lambda x: ops.stft(x, 5, 3, 8)),
        (20, lambda x: ops.istft((ops.reshape(x, (4, 5)), ops.reshape(ops.sin(x), (4, 5))), 6, 3, 8)),
    ],
)
def test_gradients(n, f):
    x = numbers(n)
    leaves = f(x) if isinstance(f(x), tuple) else (f(x),)
    weights = [numbers(*t.shape, seed=i) for i, t in enumerate(leaves)]

    def total(x):
        found = f(x) if isinstance(f(x), tuple) else (f(x),)
        return sum(ops.sum(w * ops.square(t)) for w, t in zip(weights, found))

    v = hb.Variable(x, dtype="float64")
    with hb.GradientTape() as tape:
        y = total(ops.multiply(v, 1.0))
    found = np.asarray(tape.gradient(y, v))
    np.testing.assert_allclose(found, numeric_gradient(lambda a: float(total(a)), x), rtol=1e-6, atol=1e-7)


def test_frames():
    x = np.arange(24).reshape(2, 12)
    for length, stride in ((3, 2), (4, 4), (6, 4), (5, 7), (12, 1), (1, 5), (13, 2)):
        starts = range(0, 12 - length + 1, stride)
        wanted = np.array([[row[i : i + length] for i in starts] for row in x]).reshape(2, len(starts), length)
        found = ops.extract_sequences(x, length, stride)
        assert found.dtype == "int64"
        assert np.array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("window", ["hann", "hamming", np.linspace(0.5, 1, 6)])
@pytest.mark.parametrize("center", [True, False])
def test_a_signal_comes_back(window, center):
    x = numbers(2, 3, 50)
    found = ops.istft(ops.stft(x, 6, 2, 8, window, center), 6, 2, 8, window=window, center=center).numpy()
    inside = slice(0, 50) if center else slice(8, 42)
    np.testing.assert_allclose(found[..., inside], x[..., inside], rtol=1e-12, atol=1e-12)
    long = ops.istft(ops.stft(x, 6, 2, 8, window, center), 6, 2, 8, 70, window, center)
    assert tuple(long.shape) == (2, 3, 70)
    assert not np.any(long.numpy()[..., 58:])


def test_frames_that_meet_without_overlap_come_back():
    x = numbers(2, 40)
    np.testing.assert_allclose(ops.istft(ops.stft(x, 8, 8, 8, None, False), 8, 8, 8, None, None, False), x, atol=1e-12)


def test_a_tone_is_where_it_belongs():
    t = np.arange(2048) / 8000
    re, im = ops.stft(np.sin(2 * np.pi * 1000 * t), 256, 64, 256)
    power = np.square(joined((re, im))).real + 2 * np.square(np.asarray(im))
    assert (power[2:-2].argmax(-1) == 32).all()  # 1,000 Hz of 8,000 Hz / 256


def test_sizes_known_only_to_the_running_model():
    signals = hb.Input((None,))
    spectrum = ops.stft(signals, 6, 4, 9)
    model = hb.Model(signals, [*spectrum, ops.istft(spectrum, 6, 4, 9)])
    for shape in ((1, 31), (4, 50)):
        x = numbers(*shape, dtype="float32")
        for found, wanted in zip(model.predict(x, verbose=0), [*ops.stft(x, 6, 4, 9)]):
            np.testing.assert_allclose(found, wanted, atol=1e-5)
    cut = hb.Model(signals, ops.rfft(signals, 9))
    for n in (5, 12):
        x = numbers(2, n, dtype="float32")
        assert_near(joined(cut.predict(x, verbose=0)), np.fft.rfft(x.astype("float64"), 9), "float32")
    rows = hb.Input((70,))
    found = hb.Model(rows, ops.rfft(rows)).predict(numbers(3, 70, dtype="float32"), verbose=0)
    assert_near(joined(found), np.fft.rfft(numbers(3, 70, dtype="float32").astype("float64")), "float32")


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda x: ops.fft(x), "tuple of two tensors"),
        (lambda x: ops.fft((x, x, x)), "tuple of two tensors"),
        (lambda x: ops.fft((x, x[:1])), "same shape"),
        (lambda x: ops.fft((x.astype("int32"), x.astype("int32"))), "float dtype"),
        (lambda x: ops.fft2((x[0], x[0])), "rank >= 2"),
        (lambda x: ops.fft((x[0, 0], x[0, 0])), "rank >= 1"),
        (lambda x: ops.fft((x[:, :0], x[:, :0])), "not empty"),
        (lambda x: ops.rfft(x[0, 0]), "rank >= 1"),
        (lambda x: ops.rfft(x, 0), "`fft_length`"),
        (lambda x: ops.rfft(hb.Input((None,))), "last dimension fully-defined"),
        (lambda x: ops.irfft((x[:, :1], x[:, :1])), "`fft_length`"),
        (lambda x: ops.extract_sequences(x, 0, 1), "`sequence_length`"),
        (lambda x: ops.extract_sequences(x[0, 0], 1, 1), "rank >= 1"),
        (lambda x: ops.stft(x, 9, 2, 8), "`fft_length` must equal or larger"),
        (lambda x: ops.stft(x, 4, 0, 8), "`sequence_stride` must be a positive integer"),
        (lambda x: ops.stft(x, 4, 2, 8, "kaiser"), "`window`"),
        (lambda x: ops.stft(x, 4, 2, 8, np.ones(5)), "shape of `window`"),
        (lambda x: ops.istft((x, x), 4, -1, 8), "`sequence_stride` must be a positive integer"),
        (lambda x: ops.istft((x, x), 4, 2, 8, -1), "`length`"),
        (lambda x: ops.kaiser(4, np.nan), "`beta`"),
        (lambda x: ops.hanning(-1), "`x`"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(numbers(2, 8))


def test_other_dtypes_of_frames_are_refused():
    with pytest.raises(TypeError, match="Expected `float32` or `float64`"):
        ops.stft(np.arange(20), 4, 2, 8)


def test_mel_bands():
    """Each band is 1 where its triangle has its top, and neighbours sum to 1 between their tops."""
    layer = layers.MelSpectrogram()
    matrix = layer.linear_to_mel_weight_matrix(10, 20001, 16000, 100.0, 7000.0, "float64").numpy()
    assert matrix.shape == (20001, 10)
    np.testing.assert_allclose(matrix.max(0), 1, atol=0.02)
    tops = matrix.argmax(0)
    np.testing.assert_allclose(matrix[tops[0] + 1 : tops[-1]].sum(1), 1, atol=1e-9)
    assert not matrix[0].any()


def test_spectrograms_in_a_model_a_file_and_training(tmp_path):
    x = numbers(3, 400, dtype="float32")
    model = hb.Sequential([hb.Input((400,)), layers.MelSpectrogram(64, 16, num_mel_bins=8, sampling_rate=8000)])
    wanted = model.layers[-1](x).numpy()
    assert wanted.shape == (3, 8, 26)
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-4)
    model.save(tmp_path / "mel.hornbeam")
    again = hb.saving.load_model(tmp_path / "mel.hornbeam")
    np.testing.assert_allclose(again.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-4)

    model = hb.Sequential([hb.Input((400, 1)), layers.STFTSpectrogram(frame_length=32), layers.GlobalMaxPooling1D()])
    model.compile("sgd", "mse")
    before = model.layers[0].real_kernel.numpy()
    model.fit(x[..., None], np.zeros((3, 17), "float32"), verbose=0)
    assert np.abs(model.layers[0].real_kernel.numpy() - before).max() > 0


def test_decibels_begin_at_the_loudest_of_the_batch():
    x = numbers(2, 400, dtype="float32") * np.array([[1.0], [1e-4]], "float32")
    layer = layers.MelSpectrogram(64, 16, num_mel_bins=8, sampling_rate=8000, top_db=20.0)
    y = layer(x).numpy()
    assert y[1].max() == y.min() == np.float32(y.max() - 20)


def test_angles_are_those_of_the_parts():
    x = numbers(2, 300, 3, dtype="float32")
    angle, re, im = (layers.STFTSpectrogram(mode, frame_length=32)(x).numpy() for mode in ("angle", "real", "imag"))
    np.testing.assert_allclose(angle, np.arctan2(im, re), rtol=1e-5, atol=1e-6)


def test_channels_first_are_the_same_numbers():
    x = numbers(2, 300, 3, dtype="float32")
    for expand in (False, True):
        make = lambda f, e=expand: layers.STFTSpectrogram(frame_length=32, expand_dims=e, data_format=f)  # noqa: E731
        last, first = make("channels_last")(x).numpy(), make("channels_first")(np.swapaxes(x, 1, 2)).numpy()
        assert np.array_equal(first, last.transpose(0, 3, 1, 2) if expand else last.swapaxes(1, 2))


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: layers.MelSpectrogram(256, sequence_length=512), "`fft_length` must be greater than or equal to"),
        (lambda: layers.MelSpectrogram(window="kaiser"), "`window`"),
        (lambda: layers.MelSpectrogram(sampling_rate=0), "`sampling_rate`"),
        (lambda: layers.MelSpectrogram(min_freq=9000.0), "`min_freq` must be below `max_freq`"),
        (lambda: layers.MelSpectrogram()(np.zeros((2, 3, 4000), "float32")), "takes .samples,. or"),
        (lambda: layers.STFTSpectrogram(frame_length=256, frame_step=1024), "`frame_step`"),
        (lambda: layers.STFTSpectrogram(fft_length=128), "`fft_length`"),
        (lambda: layers.STFTSpectrogram(padding="divide"), "`padding`"),
        (lambda: layers.STFTSpectrogram(scaling="l2"), "`scaling`"),
        (lambda: layers.STFTSpectrogram("spectrogram"), "`mode`"),
        (lambda: layers.STFTSpectrogram(window="unknowable"), "`window`"),
        (lambda: layers.STFTSpectrogram(window=[1.0, 2.0])(np.zeros((1, 400, 1), "float32")), "shape of `window`"),
        (lambda: hb.initializers.STFT("both"), "`side`"),
        (lambda: hb.initializers.STFT()((3, 2, 4)), "frame length, 1, bins"),
    ],
)
def test_what_layers_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_whole_numbers_are_no_sound():
    with pytest.raises(TypeError, match="Expected `float16`, `float32` or `float64`"):
        layers.STFTSpectrogram()(np.zeros((2, 1600, 1), "int32"))


def test_other_lengths_than_powers_of_two_are_told_of():
    with pytest.warns(UserWarning, match="power of two"):
        layers.STFTSpectrogram(fft_length=300)
