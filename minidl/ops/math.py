"""Special functions, segment reductions, top-k and Fourier transforms: functions of JAX under Keras's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array, ArrayLike
from minidl.ops.operation import _hashable, operation, unary

erf = unary(jax.scipy.special.erf, "math")
erfc = unary(jax.scipy.special.erfc, "math")
erfinv = unary(jax.scipy.special.erfinv, "math")
rsqrt = unary(lax.rsqrt, "math")

_Pair: TypeAlias = tuple[Array, Array]  # real part, imaginary part

_WINDOWS = {"hann": jnp.hanning, "hamming": jnp.hamming}


@operation
def cdist(x: Array, y: Array) -> Array:
    """Pairwise Euclidean distances of the rows of x and y: (..., n, d), (..., m, d) -> (..., n, m)."""
    return jnp.sqrt(jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1))


@operation
def logdet(x: ArrayLike) -> Array:
    """Logarithm of the absolute value of the determinant."""
    return jnp.linalg.slogdet(x)[1]


@operation
def logsumexp(x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
    """Logarithm of the sum of exponentials along an axis, without overflow."""
    return jax.scipy.special.logsumexp(x, _hashable(axis), keepdims=keepdims)


@operation
def top_k(x: Array, k: int, sorted: bool = True) -> Any:
    """The k largest values along the last axis and their indices."""
    return lax.top_k(x, k)


@operation
def in_top_k(targets: Array, predictions: Array, k: int) -> Array:
    """Whether each target class is among the k largest predictions."""
    value = jnp.take_along_axis(predictions, targets[..., None], axis=-1)
    return jnp.logical_and(jnp.sum(predictions > value, axis=-1) < k, jnp.isfinite(value[..., 0]))


@operation
def segment_sum(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Array:
    """Sum of the rows of each segment."""
    return jax.ops.segment_sum(data, segment_ids, num_segments, sorted)


@operation
def segment_max(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Array:
    """Maximum of the rows of each segment."""
    return jax.ops.segment_max(data, segment_ids, num_segments, sorted)


@operation
def segment_min(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Array:
    """Minimum of the rows of each segment."""
    return jax.ops.segment_min(data, segment_ids, num_segments, sorted)


@operation
def segment_prod(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Array:
    """Product of the rows of each segment."""
    return jax.ops.segment_prod(data, segment_ids, num_segments, sorted)


@operation
def extract_sequences(x: Array, sequence_length: int, sequence_stride: int) -> Array:
    """Sliding windows along the last axis: (..., steps) -> (..., windows, sequence_length)."""
    count = (x.shape[-1] - sequence_length) // sequence_stride + 1
    places = jnp.arange(count)[:, None] * sequence_stride + jnp.arange(sequence_length)
    return x[..., places]


@operation
def fft(x: _Pair) -> _Pair:
    """Fast Fourier transform along the last axis; input and output are (real part, imaginary part)."""
    return _parts(jnp.fft.fft(_complex(x)))


@operation
def fft2(x: _Pair) -> _Pair:
    """2D fast Fourier transform over the last two axes; input and output are (real part, imaginary part)."""
    return _parts(jnp.fft.fft2(_complex(x)))


@operation
def ifft2(x: _Pair) -> _Pair:
    """Inverse 2D fast Fourier transform; input and output are (real part, imaginary part)."""
    return _parts(jnp.fft.ifft2(_complex(x)))


@operation
def rfft(x: ArrayLike, fft_length: int | None = None) -> _Pair:
    """Fast Fourier transform of real input along the last axis, as (real part, imaginary part)."""
    return _parts(jnp.fft.rfft(x, fft_length))


@operation
def irfft(x: _Pair, fft_length: int | None = None) -> Array:
    """Inverse of `rfft`: real output of (real part, imaginary part)."""
    return jnp.fft.irfft(_complex(x), fft_length)


@operation
def stft(
    x: Array,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: str | ArrayLike | None = "hann",
    center: bool = True,
) -> _Pair:
    """Short-time Fourier transform along the last axis, as (real part, imaginary part).

    Args:
        x: (..., steps).
        sequence_length: the size of a window.
        sequence_stride: the number of steps from one window to the next.
        fft_length: the size of the transform; a shorter window is centered and padded with zeros.
        window: "hann", "hamming", an array (sequence_length,), or None for fft_length ones.
        center: whether window i is centered at step `i * sequence_stride`, with the ends padded by reflection.

    Returns:
        Two arrays (..., windows, fft_length // 2 + 1).

    Raises:
        ValueError: fft_length is below sequence_length, or the window is invalid.
    """
    factors = _window(window, sequence_length, fft_length, "stft")
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    return _parts(jnp.fft.rfft(extract_sequences(x, fft_length, sequence_stride) * factors))


@operation
def istft(
    x: _Pair,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: str | ArrayLike | None = "hann",
    center: bool = True,
) -> Array:
    """Inverse short-time Fourier transform, cut to `length` steps; None for the length that the windows cover.

    Where windows overlap, each step is their mean, weighted by the squared window (Griffin and Lim, 1984). With
    window=None it is their sum; near the ends, where fewer windows overlap, it is scaled to the same level.
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
def view_as_complex(x: Array) -> Array:
    """Convert real and imaginary parts along the last axis to complex numbers."""
    return lax.complex(x[..., 0], x[..., 1])


@operation
def view_as_real(x: Array) -> Array:
    """Convert complex numbers to real and imaginary parts along a new last axis."""
    return jnp.stack(_parts(x), axis=-1)


def _complex(parts: _Pair) -> Array:
    real, imaginary = parts
    return lax.complex(real, imaginary)


def _parts(numbers: Array) -> _Pair:
    return numbers.real, numbers.imag


def _window(window: str | ArrayLike | None, length: int, fft_length: int, name: str) -> Array:
    """A window, padded with zeros on both sides to (fft_length,)."""
    if fft_length < length:
        raise ValueError(f"{name}: fft_length={fft_length} is below sequence_length={length}. Pass at least {length}.")
    if window is None:
        return jnp.ones(fft_length)
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise ValueError(f"{name}: window must be one of {list(_WINDOWS)}, an array or None, got {window!r}.")
        window = _WINDOWS[window](length + 1)[:-1]  # periodic: the last point is the first of the next period
    factors = jnp.asarray(window)
    if factors.shape != (length,):
        raise ValueError(f"{name}: window has shape {factors.shape}, but sequence_length={length}: give ({length},).")
    before = (fft_length - length) // 2
    return jnp.pad(factors, (before, fft_length - length - before))
