"""STFTSpectrogram: short-time Fourier transforms as convolutions, whose kernels may be trained."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import config, initializers, kernels, ops
from minidl.core import dtypes
from minidl.core.tracebacks import warn
from minidl.core.typing import Array, Config, Shape
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of
from minidl.layers.input_spec import InputSpec

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Spectrograms of signals, by short-time Fourier transforms whose window and frequencies are weights.

    Args:
        mode: "log" and "magnitude" of the transform, "psd" for its power, "real" and "imag" for its parts, "angle" for
            its phase, "stft" for both parts, concatenated along the frequencies.
        frame_length: samples in a frame.
        frame_step: samples from one frame to the next, default half of frame_length.
        fft_length: twice the number of frequencies, default the power of two that is not below frame_length.
        window: the name of a window in `scipy.signal`, an array (frame_length,), or None.
        periodic: whether a window given by name is periodic rather than symmetric.
        scaling: "density", "spectrum" or None; see `initializers.STFT`.
        padding: "valid" or "same".
        expand_dims: whether frequencies and channels have an axis each, as in an image.
        data_format: "channels_last" or "channels_first"; default: that of `config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, time, channels), or (batch, channels, time) with "channels_first"; each channel is transformed.
    Output shape: (batch, frames, channels * frequencies), with expand_dims (batch, frames, frequencies, channels);
        with "channels_first" (batch, channels * frequencies, frames) and (batch, channels, frames, frequencies).
        There are fft_length // 2 + 1 frequencies, twice as many with mode="stft".

    Raises:
        ValueError: an unknown mode, scaling, padding or window, a frame_step above frame_length, or an fft_length
            below it.
        TypeError: inputs that are not floats.

    Example:
    >>> STFTSpectrogram(frame_length=256, frame_step=128, fft_length=512)(np.ones((3, 1600, 1))).shape
    (3, 11, 257)

    Source: Allen, "Short term spectral analysis, synthesis, and modification by discrete Fourier transform", 1977.
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
    ):
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ValueError(f"STFTSpectrogram: mode must be one of {_MODES}, got {mode!r}.")
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(f"STFTSpectrogram: frame_step must be from 1 to {frame_length}, got {frame_step}.")
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(f"STFTSpectrogram: fft_length must be at least {frame_length}, got {fft_length}.")
        if fft_length is not None and fft_length & (fft_length - 1):
            warn(f"STFTSpectrogram: fft_length should be a power of two, got {fft_length}.")
        if padding not in ("valid", "same"):
            raise ValueError(f"STFTSpectrogram: padding must be 'valid' or 'same', got {padding!r}.")
        self._kernels = {
            side: initializers.STFT(side, window, scaling, periodic)
            for side, other in (("real", "imag"), ("imag", "real"))
            if mode != other
        }
        self.mode = mode
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = data_format_of(data_format)
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        length = self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))
        for side, initializer in self._kernels.items():
            kernel = self.add_weight((self.frame_length, 1, length // 2 + 1), initializer, name=f"{side}_kernel")
            setattr(self, f"{side}_kernel", kernel)

    def call(self, inputs: Array) -> Array:
        if not dtypes.is_float(inputs.dtype):
            raise TypeError(f"STFTSpectrogram: inputs must be floats, got an array of dtype {inputs.dtype}.")
        is_last = self.data_format == "channels_last"
        signals = jnp.swapaxes(inputs, 1, 2) if is_last else inputs  # (batch, channels, time)
        real, imag = (self._transform(signals, side) if side in self._kernels else None for side in ("real", "imag"))
        spectrum = self._spectrum(real, imag)  # (batch, channels, frames, frequencies)
        if self.expand_dims:
            return jnp.moveaxis(spectrum, 1, -1) if is_last else spectrum
        batch, channels, frames, frequencies = spectrum.shape
        merged = jnp.swapaxes(spectrum, 2, 3).reshape(batch, channels * frequencies, frames)
        return jnp.swapaxes(merged, 1, 2) if is_last else merged

    def _transform(self, signals: Array, side: str) -> Array:
        stride = self.frame_step or self.frame_length // 2
        ends = kernels.pads(self.padding, signals.shape[-1:], (self.frame_length,), (stride,), (1,))
        frames = ops.extract_sequences(jnp.pad(signals, [(0, 0), (0, 0), *ends]), self.frame_length, stride)
        return frames @ jnp.asarray(getattr(self, f"{side}_kernel").value, signals.dtype)[:, 0]

    def _spectrum(self, real: Any, imag: Any) -> Array:
        if self.mode in ("real", "imag"):
            return real if imag is None else imag
        if self.mode == "angle":
            return jnp.arctan2(imag, real)
        if self.mode == "stft":
            return jnp.concatenate([real, imag], axis=-1)
        power = real**2 + imag**2
        if self.mode == "psd":  # each frequency but the first and the last has a negative one too
            return power + jnp.pad(power[..., 1:-1], [(0, 0)] * 3 + [(1, 1)])
        magnitude = jnp.sqrt(jnp.maximum(power, config.epsilon()))
        return magnitude if self.mode == "magnitude" else jnp.log(jnp.maximum(magnitude, config.epsilon()))

    def get_config(self) -> Config:
        window = self.window.tolist() if isinstance(self.window, np.ndarray) else self.window
        return {
            **super().get_config(),
            "mode": self.mode,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "fft_length": self.fft_length,
            "window": window,
            "periodic": self.periodic,
            "scaling": self.scaling,
            "padding": self.padding,
            "data_format": self.data_format,
            "expand_dims": self.expand_dims,
        }
