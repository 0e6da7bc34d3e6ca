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
    result = jnp.fft.fft(x[0] + 1j * x[1])
    return result.real, result.imag


@operation
def rfft(x: Any, fft_length: int | None = None) -> Any:
    """The Fourier transform of real numbers along the last axis, as (real part, imaginary part)."""
    result = jnp.fft.rfft(x, fft_length)
    return result.real, result.imag


@operation
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of `rfft`."""
    return jnp.fft.irfft(x[0] + 1j * x[1], fft_length)
