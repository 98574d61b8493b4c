"""Layers that show which frequencies a sound has when."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.validation import choice, number, positive_int
from hornbeam.initializers import STFT
from hornbeam.layers.layer import Layer

__all__ = ["MelSpectrogram", "STFTSpectrogram"]

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


def _mel(hertz: Any) -> Any:
    """The mel scale of the Hidden Markov Model Toolkit: even steps sound evenly spaced."""
    return 1127.0 * np.log1p(np.asarray(hertz, "float64") / 700.0)


class MelSpectrogram(Layer):
    """Sound signals as spectrograms on the mel scale.

    The mel scale is that of Young and others, "The HTK book" (2006): ``mel(f) = 1127 log(1 + f / 700)``.

    Args:
        fft_length: the length of each Fourier transform.
        sequence_stride: how many samples a frame is from the one before.
        sequence_length: how many samples the window takes in, at most ``fft_length``, which None stands for.
        window: "hann", "hamming", an array ``(sequence_length,)``, or None.
        sampling_rate: samples a second.
        num_mel_bins: the number of frequency bands.
        min_freq: where the lowest begins, in hertz.
        max_freq: where the highest ends; None for half the sampling rate.
        power_to_db: whether to return decibels: ``10 log10(x / ref_power)``.
        top_db: decibels further below the largest of the whole batch are raised to this distance.
        mag_exp: the power to which magnitudes are raised.
        min_power: what is smaller counts as this before logarithms are taken; also of ``ref_power``.
        ref_power: what has 0 decibels.

    Input shape:
        ``(samples,)`` or ``(batch, samples)``, float32 or float64; ints and half floats are computed in float32.

    Output shape:
        ``(num_mel_bins, frames)`` or ``(batch, num_mel_bins, frames)``, with ``1 + samples // sequence_stride`` frames
        for an even ``fft_length``.

    Example:
        >>> layer = MelSpectrogram(num_mel_bins=64, sampling_rate=8000, sequence_stride=256)
        >>> tuple(layer(np.zeros((2, 16000), "float32")).shape)
        (2, 64, 63)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length = positive_int("fft_length", fft_length)
        self.sequence_stride = positive_int("sequence_stride", sequence_stride)
        self.sequence_length = positive_int(
            "sequence_length", fft_length if sequence_length is None else sequence_length
        )
        if self.fft_length < self.sequence_length:
            raise ValueError(
                "`fft_length` must be greater than or equal to `sequence_length`. Received: "
                f"sequence_length={sequence_length}, fft_length={fft_length}"
            )
        self.window = choice("window", window, ("hann", "hamming")) if isinstance(window, str) else window
        if not (isinstance(window, str) or window is None or np.shape(window) == (self.sequence_length,)):
            raise ValueError(
                "`window` must be 'hann', 'hamming', None or an array (sequence_length,). "
                f"Received: window={window!r}, sequence_length={self.sequence_length}"
            )
        self.sampling_rate = positive_int("sampling_rate", sampling_rate)
        self.num_mel_bins = positive_int("num_mel_bins", num_mel_bins)
        self.min_freq = number("min_freq", min_freq, 0)
        self.max_freq = number("max_freq", int(sampling_rate / 2) if max_freq is None else max_freq)
        if not self.min_freq < self.max_freq:
            raise ValueError(
                "`min_freq` must be below `max_freq`. "
                f"Received: min_freq={min_freq}, max_freq={max_freq}, sampling_rate={sampling_rate}"
            )
        self.power_to_db = bool(power_to_db)
        self.top_db, self.mag_exp = number("top_db", top_db), number("mag_exp", mag_exp)
        self.min_power, self.ref_power = number("min_power", min_power), number("ref_power", ref_power)

    def call(self, inputs: Any) -> Any:
        """The mel spectrograms."""
        if len(inputs.shape) not in (1, 2):
            raise ValueError(
                f"MelSpectrogram takes (samples,) or (batch, samples). Received: shape={tuple(inputs.shape)}"
            )
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        re, im = ops.stft(
            ops.cast(inputs, dtype),
            self.sequence_length,
            self.sequence_stride,
            self.fft_length,
            window=self.window,
        )
        x = ops.power(ops.sqrt(ops.add(ops.square(re), ops.square(im))), self.mag_exp)
        bands = (self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, self.min_freq, self.max_freq)
        x = ops.matmul(x, self.linear_to_mel_weight_matrix(*bands, dtype))
        if self.power_to_db:
            x = self._decibels(x)
        return ops.cast(ops.swapaxes(x, -1, -2), self.compute_dtype)

    def _decibels(self, x: Any) -> Any:
        reference = 10 * np.log10(max(abs(self.ref_power), self.min_power))
        x = ops.subtract(ops.multiply(ops.log(ops.maximum(x, self.min_power)), 10 / np.log(10)), reference)
        loudest = ops.max(ops.max(x, (-2, -1), keepdims=True), initial=-np.inf)  # a batch may have no samples
        return ops.maximum(x, ops.subtract(loudest, self.top_db))

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: str = "float32",
    ) -> Any:
        """What a spectrogram is multiplied with to become a mel spectrogram: triangles of height 1 on the mel scale.

        Args:
            num_mel_bins: the number of bands, each from the middle of the one before to the middle of the next.
            num_spectrogram_bins: of the Fourier transform, from 0 to half the sampling rate; the first is left out.
            sampling_rate: samples a second.
            lower_edge_hertz: where the lowest band begins.
            upper_edge_hertz: where the highest ends.
            dtype: name of a float type.

        Returns:
            A tensor ``(num_spectrogram_bins, num_mel_bins)``.
        """
        bins = _mel(np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins))[:, None]
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
        triangles[0] = 0.0
        return to_tensor(np.maximum(triangles, 0.0), dtype)


class STFTSpectrogram(Layer):
    """Spectrograms by convolution with the waves of a short-time Fourier transform, which may be trained further.

    Args:
        mode: what to return: "log" (of the magnitude), "magnitude", "psd" (the power spectral density), "real", "imag",
            "angle", or "stft" (real parts, then imaginary ones).
        frame_length: samples a frame.
        frame_step: how many samples a frame is from the one before, at most ``frame_length``, half of which None
            stands for.
        fft_length: the length of the transform, at least ``frame_length``; None for the next power of two.
        window: the name of a window as SciPy has it, its values, or None.
        periodic: whether a window given by its name is one period of a periodic function; else it is symmetric.
        scaling: "density", "spectrum" or None; see ``initializers.STFT``.
        padding: "valid" or "same".
        expand_dims: whether frequencies get an axis of their own, beside that of the channels.
        data_format: "channels_last" or "channels_first"; None for "channels_last".

    Input shape:
        ``(batch, samples, channels)``, or ``(batch, channels, samples)`` with channels first: float16, float32 or float64.

    Output shape:
        With ``bins = fft_length // 2 + 1`` (twice as many in mode "stft"): ``(batch, frames, channels * bins)``, expanded
        ``(batch, frames, bins, channels)``; with channels first ``(batch, channels * bins, frames)`` and ``(batch,
        channels, frames, bins)``.

    Example:
        >>> layer = STFTSpectrogram(frame_length=64, fft_length=64)
        >>> tuple(layer(np.zeros((3, 640, 2), "float32")).shape)
        (3, 19, 66)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mode = choice("mode", mode, _MODES)
        self.frame_length, self.frame_step = positive_int("frame_length", frame_length), frame_step
        if frame_step is not None and positive_int("frame_step", frame_step) > frame_length:
            raise ValueError(
                "`frame_step` should be a positive integer not greater than `frame_length`. "
                f"Received: frame_step={frame_step}, frame_length={frame_length}"
            )
        self.fft_length = fft_length
        if fft_length is not None:
            if positive_int("fft_length", fft_length) < frame_length:
                raise ValueError(
                    "`fft_length` should be not less than `frame_length`. "
                    f"Received: fft_length={fft_length}, frame_length={frame_length}"
                )
            if fft_length & (fft_length - 1):
                warnings.warn(
                    f"`fft_length` is recommended to be a power of two. Received: fft_length={fft_length}", stacklevel=2
                )
        made = STFT("real", window, scaling, periodic)  # checks these arguments
        self.window, self.scaling, self.periodic = made.window, made.scaling, made.periodic
        self.padding = choice("padding", padding, ("valid", "same"))
        self.expand_dims = bool(expand_dims)
        self.data_format = "channels_last"
        if data_format is not None:
            self.data_format = choice("data_format", data_format, ("channels_last", "channels_first"))

    def build(self, input_shape: Any) -> None:
        """Makes the kernels ``(frame_length, 1, bins)`` that the mode needs."""
        length = self.fft_length or 1 << (self.frame_length - 1).bit_length()
        self.real_kernel = self.imag_kernel = None
        for side, other in (("real", "imag"), ("imag", "real")):
            if self.mode != other:
                kernel = self.add_weight(
                    (self.frame_length, 1, length // 2 + 1),
                    STFT(side, self.window, self.scaling, self.periodic),
                    name=f"{side}_kernel",
                )
                setattr(self, f"{side}_kernel", kernel)

    def call(self, inputs: Any) -> Any:
        """The spectrograms."""
        if inputs.dtype not in ("float16", "float32", "float64"):
            raise TypeError(
                f"Invalid input type. Expected `float16`, `float32` or `float64`. Received: input type={inputs.dtype}"
            )
        self._expect_axes(inputs, 3)
        signals = inputs if self.data_format == "channels_first" else ops.swapaxes(inputs, 1, 2)
        batch, channels, samples = dims_of(signals)
        x = self._spectrum(ops.reshape(signals, [batch * channels, samples, 1]))
        _, frames, bins = dims_of(x)
        x = ops.reshape(x, [batch, channels, frames, bins])
        if self.expand_dims:
            return x if self.data_format == "channels_first" else ops.transpose(x, [0, 2, 3, 1])
        if self.data_format == "channels_first":
            return ops.reshape(ops.swapaxes(x, 2, 3), [batch, channels * bins, frames])
        return ops.reshape(ops.swapaxes(x, 1, 2), [batch, frames, channels * bins])

    def _spectrum(self, x: Any) -> Any:
        """``(signals, samples, 1)`` as ``(signals, frames, bins)``."""
        step = self.frame_step or self.frame_length // 2
        re, im = (
            None if kernel is None else ops.conv(x, ops.cast(kernel, x.dtype), strides=step, padding=self.padding)
            for kernel in (self.real_kernel, self.imag_kernel)
        )
        if re is None or im is None:
            return im if re is None else re
        if self.mode == "angle":
            return ops.arctan2(im, re)
        if self.mode == "stft":
            return ops.concatenate([re, im], axis=-1)
        power = ops.add(ops.square(re), ops.square(im))
        if self.mode == "psd":  # of the frequencies that stand for two, a positive and a negative one, twice the power
            return ops.add(power, ops.pad(power[..., 1:-1], [(0, 0), (0, 0), (1, 1)]))
        magnitude = ops.sqrt(ops.maximum(power, config.epsilon()))
        return magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, config.epsilon()))
