"""Fourier transforms, frames, windows, and the layers and initializers made of them."""

import numpy as np

R = np.random.RandomState(8)
SIGNAL = R.normal(size=(2, 3, 50)).astype("float32")
OTHER = R.normal(size=(2, 3, 50)).astype("float32")
SOUND = R.normal(size=(2, 900)).astype("float32")
STEREO = R.normal(size=(2, 300, 2)).astype("float32")

FRAMES = [  # sequence_length, sequence_stride, fft_length, window, center
    (8, 4, 8, "hann", True),
    (6, 4, 9, "hamming", False),
    (6, 3, 8, None, True),
    (6, 7, 16, np.linspace(0.5, 1.0, 6).astype("float32"), False),
]
WINDOWS = (
    "boxcar hann hamming blackman nuttall blackmanharris flattop bartlett barthann bohman lanczos tukey cosine".split()
)
MEL = {
    "defaults": {"sampling_rate": 8000},
    "frames": {"fft_length": 256, "sequence_stride": 100, "sequence_length": 200, "num_mel_bins": 20},
    "magnitude": {
        **{"fft_length": 300, "window": "hamming", "power_to_db": False, "min_freq": 100.0, "max_freq": 3000.0},
        **{"mag_exp": 1.0, "num_mel_bins": 10},
    },
    "decibels": {"fft_length": 200, "window": None, "ref_power": 2.0, "top_db": 10.0, "num_mel_bins": 12},
    "floor": {"fft_length": 256, "num_mel_bins": 3, "min_power": 50.0, "ref_power": 3.0, "sampling_rate": 44100},
    "half": {"fft_length": 128, "num_mel_bins": 6, "dtype": "float16"},
}
STFT = {
    "defaults": {},
    "same": {
        **{"frame_length": 50, "frame_step": 20, "fft_length": 64, "padding": "same", "expand_dims": True},
        **{"scaling": "spectrum", "window": "hamming", "periodic": True},
    },
    "plain": {"frame_length": 33, "window": None, "scaling": None},
}


def cases(K):
    """The calls, by name."""
    ops, L, out = K.ops, K.layers, {}
    x, y = (ops.convert_to_tensor(a) for a in (SIGNAL, OTHER))
    out["fft"] = lambda: ops.fft((x, y))
    out["fft2"] = lambda: ops.fft2((x, y))
    out["ifft2"] = lambda: ops.ifft2((x, y))
    for n in (None, 7, 64, 1):
        out[f"rfft {n}"] = lambda n=n: ops.rfft(x, n)
        out[f"irfft {n}"] = lambda n=n: ops.irfft((x, y), n)
    for length, stride in ((6, 4), (5, 7), (50, 3)):
        out[f"extract_sequences {length} {stride}"] = lambda a=length, b=stride: ops.extract_sequences(x, a, b)
    for i, (length, stride, n, window, center) in enumerate(FRAMES):
        args = (length, stride, n)
        out[f"stft {i}"] = lambda a=args, w=window, c=center: ops.stft(x, *a, window=w, center=c)
        part = SIGNAL[..., : n // 2 + 1], OTHER[..., : n // 2 + 1]
        for samples in (None, 5):
            out[f"istft {i} {samples}"] = lambda a=args, s=samples, w=window, c=center, p=part: ops.istft(
                tuple(map(ops.convert_to_tensor, p)), *a, length=s, window=w, center=c
            )
    for n in (0, 1, 2, 7):
        out[f"windows {n}"] = lambda n=n: [
            *(getattr(ops, name)(n) for name in ("bartlett", "blackman", "hamming", "hanning")),
            ops.kaiser(n, 3.5),
        ]
    for window in WINDOWS:
        out[f"STFT({window})"] = lambda w=window: [
            *(K.initializers.STFT("real", w, None, p)((n, 1, 3)) for n in (1, 7, 8) for p in (False, True)),
            K.initializers.STFT("imag", w, "density")((7, 1, 5)),
            K.initializers.STFT("imag", w, "spectrum", True)((6, 1, 5)),
        ]
    out["STFT(None)"] = lambda: K.initializers.STFT("imag", None)((5, 1, 4))
    out["STFT(values)"] = lambda: K.initializers.STFT("imag", [1.0, 2.0, 3.0, 4.0])((4, 1, 4))
    out["mel matrix"] = lambda: L.MelSpectrogram().linear_to_mel_weight_matrix()
    for name, options in MEL.items():
        out[f"MelSpectrogram {name}"] = lambda o=options: [L.MelSpectrogram(**o)(a) for a in (SOUND, SOUND[0])]
        out[f"MelSpectrogram config {name}"] = lambda o=options: _numbers(L.MelSpectrogram(**o))
    for mode in ("log", "magnitude", "psd", "real", "imag", "stft"):  # not "angle", which means nothing where all is 0
        for name, options in STFT.items():
            out[f"STFTSpectrogram {mode} {name}"] = lambda m=mode, o=options: L.STFTSpectrogram(mode=m, **o)(STEREO)
    return out


def _numbers(layer):
    """The numbers of a config, by the names of the arguments."""
    config = layer.get_config()
    return {k: np.float64(v) for k, v in config.items() if isinstance(v, (int, float))}
