"""Mathematics: special functions, parts of sequences, Fourier transforms; Keras's names for functions of JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minidl.ops.operation import _hashable, operation, unary

erf = unary(jax.scipy.special.erf, "math")
erfc = unary(jax.scipy.special.erfc, "math")
erfinv = unary(jax.scipy.special.erfinv, "math")
rsqrt = unary(lax.rsqrt, "math")

_WINDOWS = {"hann": jnp.hanning, "hamming": jnp.hamming}


@operation
def cdist(x: Any, y: Any) -> Any:
    """The distance of each row of x from each row of y: (..., n, d), (..., m, d) -> (..., n, m)."""
    return jnp.sqrt(jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1))


@operation
def logdet(x: Any) -> Any:
    """The logarithm of the determinant's size."""
    return jnp.linalg.slogdet(x)[1]


@operation
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The logarithm of the sum of exponentials."""
    return jax.scipy.special.logsumexp(x, _hashable(axis), keepdims=keepdims)


@operation
def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The k largest entries along the last axis, and their places."""
    return lax.top_k(x, k)


@operation
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether each target is among the k largest predictions."""
    value = jnp.take_along_axis(predictions, targets[..., None], axis=-1)
    return jnp.logical_and(jnp.sum(predictions > value, axis=-1) < k, jnp.isfinite(value[..., 0]))


@operation
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The sum of the rows of each segment."""
    return jax.ops.segment_sum(data, segment_ids, num_segments, sorted)


@operation
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The largest of the rows of each segment."""
    return jax.ops.segment_max(data, segment_ids, num_segments, sorted)


@operation
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The smallest of the rows of each segment."""
    return jax.ops.segment_min(data, segment_ids, num_segments, sorted)


@operation
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The product of the rows of each segment."""
    return jax.ops.segment_prod(data, segment_ids, num_segments, sorted)


@operation
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Windows along the last axis: (..., steps) -> (..., windows, sequence_length)."""
    count = (x.shape[-1] - sequence_length) // sequence_stride + 1
    places = jnp.arange(count)[:, None] * sequence_stride + jnp.arange(sequence_length)
    return x[..., places]


@operation
def fft(x: Any) -> Any:
    """The Fourier transform along the last axis, of and as (real part, imaginary part)."""
    return _parts(jnp.fft.fft(_complex(x)))


@operation
def fft2(x: Any) -> Any:
    """The Fourier transform along the last two axes, of and as (real part, imaginary part)."""
    return _parts(jnp.fft.fft2(_complex(x)))


@operation
def ifft2(x: Any) -> Any:
    """The inverse of `fft2`."""
    return _parts(jnp.fft.ifft2(_complex(x)))


@operation
def rfft(x: Any, fft_length: int | None = None) -> Any:
    """The Fourier transform of real numbers along the last axis, as (real part, imaginary part)."""
    return _parts(jnp.fft.rfft(x, fft_length))


@operation
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of `rfft`."""
    return jnp.fft.irfft(_complex(x), fft_length)


@operation
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Any:
    """The Fourier transform of windows along the last axis, as (real part, imaginary part).

    Args:
        x: (..., steps).
        sequence_length: the size of a window.
        sequence_stride: how far it is from one window to the next.
        fft_length: the size of the transform; windows stand in the middle of so many numbers.
        window: "hann", "hamming", an array (sequence_length,), or None for ones, fft_length of them.
        center: whether window i has its middle at `i * sequence_stride`, with steps mirrored beyond the ends.

    Returns:
        Two arrays (..., windows, fft_length // 2 + 1).

    Raises:
        ValueError: fft_length is below sequence_length, or another window.
    """
    factors = _window(window, sequence_length, fft_length, "stft")
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    return _parts(jnp.fft.rfft(extract_sequences(x, fft_length, sequence_stride) * factors))


@operation
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The inverse of `stft`, with `length` steps; None for as many as the windows hold.

    Where windows overlap, each step is the mean of what they say, weighted by the squares of the window (Griffin
    and Lim, 1984). With None as window it is the sum, but for the ends, where it is what the sum would be inside.
    """
    factors = _window(window, sequence_length, fft_length, "istft")
    parts = jnp.fft.irfft(_complex(x), fft_length) * factors  # (..., windows, fft_length)
    places = jnp.arange(parts.shape[-2])[:, None] * sequence_stride + jnp.arange(fft_length)
    steps = fft_length + sequence_stride * (parts.shape[-2] - 1)
    total = jnp.zeros((*parts.shape[:-2], steps), parts.dtype).at[..., places].add(parts)
    weights = jnp.zeros(steps, parts.dtype).at[places].add(jnp.square(factors))
    signal = total / jnp.where(weights > 1e-10, weights, 1)
    if window is None:
        signal = signal * (fft_length / sequence_stride)
    first = fft_length // 2 if center else 0
    end = first + length if length is not None else steps - first
    return signal[..., first:end]


@operation
def view_as_complex(x: Any) -> Any:
    """Complex numbers of their two parts along the last axis."""
    return lax.complex(x[..., 0], x[..., 1])


@operation
def view_as_real(x: Any) -> Any:
    """Complex numbers as their two parts along a last axis."""
    return jnp.stack(_parts(x), axis=-1)


def _complex(parts: Any) -> Any:
    real, imaginary = parts
    return lax.complex(real, imaginary)


def _parts(numbers: Any) -> tuple[Any, Any]:
    return numbers.real, numbers.imag


def _window(window: Any, length: int, fft_length: int, what: str) -> Any:
    """The factors (fft_length,) of a window, with zeros before and behind it."""
    if fft_length < length:
        raise ValueError(
            f"{what}: fft_length={fft_length} is below sequence_length={length}. Give one that is as large, or larger."
        )
    if window is None:
        return jnp.ones(fft_length)
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise ValueError(f"{what}: window must be one of {list(_WINDOWS)}, an array or None, got {window!r}.")
        window = _WINDOWS[window](length + 1)[:-1]  # of a period: the end would be the next one's beginning
    factors = jnp.asarray(window)
    if factors.shape != (length,):
        raise ValueError(f"{what}: window has shape {factors.shape}, but sequence_length={length}: give ({length},).")
    before = (fft_length - length) // 2
    return jnp.pad(factors, (before, fft_length - length - before))
