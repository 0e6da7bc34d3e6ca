"""MelSpectrogram: the power of signals in bands of the mel scale."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import ops
from minidl.core.typing import Array, ArrayLike, Config, Shape
from minidl.layers.preprocessing.lists import ListLayer


class MelSpectrogram(ListLayer):
    """The short-time power of signals in bands of the mel scale, in decibels.

    The mel scale is that of HTK: `mel(f) = 1127 log(1 + f / 700)`; bands are triangles with a peak of 1.

    Args:
        fft_length: size of the Fourier transform.
        sequence_stride: samples from one window to the next.
        sequence_length: samples in a window, default fft_length.
        window: "hann", "hamming", an array (sequence_length,), or None.
        sampling_rate: samples in a second.
        num_mel_bins: number of bands.
        min_freq: the lowest frequency, in Hertz.
        max_freq: the highest frequency, default half of sampling_rate.
        power_to_db: whether the result is in decibels.
        top_db: values further than this below the largest are raised to that.
        mag_exp: the exponent of the magnitude: 1 for energy, 2 for power.
        min_power: smaller values are raised to this before the logarithm.
        ref_power: the power of 0 decibels.
        **kwargs: see `Layer`.

    Input shape: (samples,) or (batch, samples).
    Output shape: (num_mel_bins, windows) or (batch, num_mel_bins, windows).

    Raises:
        ValueError: an fft_length below sequence_length.

    Example:
    >>> MelSpectrogram(num_mel_bins=64, sampling_rate=8000, sequence_stride=256)(np.ones(16000)).shape
    (64, 63)

    Source: Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", 1980.
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: str | ArrayLike | None = "hann",
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
    ):
        super().__init__(**kwargs)
        self.fft_length = fft_length
        self.sequence_stride = sequence_stride
        self.sequence_length = sequence_length or fft_length
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"MelSpectrogram: fft_length must be at least sequence_length, got {fft_length} and {sequence_length}."
            )
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = num_mel_bins
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        self.built = True

    def call(self, inputs: Array) -> Array:
        dtype = self.compute_dtype if self.compute_dtype == "float64" else "float32"  # others have no transform
        signals = inputs.astype(dtype)
        real, imag = ops.stft(signals, self.sequence_length, self.sequence_stride, self.fft_length, self.window)
        spectrum = jnp.sqrt(real**2 + imag**2) ** self.mag_exp
        matrix = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, spectrum.shape[-1], self.sampling_rate, self.min_freq, self.max_freq
        )
        bands = spectrum @ matrix
        if self.power_to_db:
            bands = 10 * jnp.log10(jnp.maximum(bands, self.min_power))
            bands -= 10 * jnp.log10(jnp.maximum(jnp.abs(jnp.asarray(self.ref_power, dtype)), self.min_power))
            bands = jnp.maximum(bands, jnp.max(bands, initial=-jnp.inf) - self.top_db)
        return jnp.swapaxes(bands, -1, -2).astype(self.compute_dtype)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: str = "float32",
    ) -> Array:
        """The weight of each frequency in each band, (num_spectrogram_bins, num_mel_bins)."""
        frequencies = jnp.linspace(0, sampling_rate / 2, num_spectrogram_bins, dtype=dtype)[
            1:, None
        ]  # HTK: no constant
        edges = jnp.linspace(
            _mel(jnp.asarray(lower_edge_hertz, dtype)), _mel(jnp.asarray(upper_edge_hertz, dtype)), num_mel_bins + 2
        )
        low, center, high = edges[:-2], edges[1:-1], edges[2:]
        mel = _mel(frequencies)
        weights = jnp.minimum((mel - low) / (center - low), (high - mel) / (high - center))
        return jnp.pad(jnp.maximum(weights, 0), [(1, 0), (0, 0)])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output."""
        samples = input_shape[-1]
        padded = None if samples is None else samples + 2 * (self.fft_length // 2)
        windows = None if padded is None else (padded - self.fft_length) // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, windows)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "fft_length": self.fft_length,
            "sequence_stride": self.sequence_stride,
            "sequence_length": self.sequence_length,
            "window": self.window.tolist() if isinstance(self.window, np.ndarray) else self.window,
            "sampling_rate": self.sampling_rate,
            "num_mel_bins": self.num_mel_bins,
            "min_freq": self.min_freq,
            "max_freq": self.max_freq,
            "power_to_db": self.power_to_db,
            "top_db": self.top_db,
            "mag_exp": self.mag_exp,
            "min_power": self.min_power,
            "ref_power": self.ref_power,
        }


def _mel(hertz: Array) -> Array:
    return 1127 * jnp.log(1 + hertz / 700)
