"""What networks are made of: activations, convolutions, poolings, normalizations, encodings and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from minidl import activations, config, kernels
from minidl.core import dtypes
from minidl.ops.operation import operation

celu = activations.celu
elu = activations.elu
glu = activations.glu
hard_shrink = activations.hard_shrink
hard_sigmoid = activations.hard_sigmoid
hard_silu = activations.hard_silu
hard_tanh = activations.hard_tanh
leaky_relu = activations.leaky_relu
log_sigmoid = activations.log_sigmoid
log_softmax = activations.log_softmax
relu = activations.relu
relu6 = activations.relu6
selu = activations.selu
sigmoid = activations.sigmoid
silu = activations.silu
soft_shrink = activations.soft_shrink
softmax = activations.softmax
softplus = activations.softplus
softsign = activations.softsign
sparse_plus = activations.sparse_plus
sparse_sigmoid = activations.sparse_sigmoid
sparsemax = activations.sparsemax
squareplus = activations.squareplus
tanh_shrink = activations.tanh_shrink
threshold = activations.threshold
hard_swish, swish = hard_silu, silu


@operation
def gelu(x: Any, approximate: bool = True) -> Any:
    """`x` times the share of a normal distribution below it."""
    return activations.gelu(x, approximate)


# Convolution and pooling


@operation
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """The convolution with a kernel (*window, channels, filters)."""
    last, stride, dilation = _settings(inputs, data_format, strides, dilation_rate)
    window = kernel.shape[:-2]
    amounts = kernels.pads(padding, kernels.spatial(inputs, last), window, stride, dilation)
    groups = (inputs.shape[-1] if last else inputs.shape[1]) // kernel.shape[-2]
    return kernels.conv(inputs, kernel, stride, amounts, dilation, last, groups)


@operation
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """The transpose of a convolution, with a kernel (*window, filters, channels)."""
    last, stride, dilation = _settings(inputs, data_format, strides, dilation_rate)
    added = None if output_padding is None else _sizes(output_padding, inputs.ndim - 2)
    amounts = kernels.transposed_pads(padding, kernel.shape[:-2], stride, dilation, added)
    return kernels.conv_transpose(inputs, kernel, stride, amounts, dilation, last)


@operation
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """The convolution of each channel on its own, with a kernel (*window, channels, multiplier)."""
    last, stride, dilation = _settings(inputs, data_format, strides, dilation_rate)
    amounts = kernels.pads(padding, kernels.spatial(inputs, last), kernel.shape[:-2], stride, dilation)
    return kernels.depthwise_conv(inputs, kernel, stride, amounts, dilation, last)


@operation
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A convolution of each channel on its own, then one that mixes the channels."""
    each = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(each, pointwise_kernel, 1, "valid", data_format, 1)


@operation
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The largest value of each window."""
    return _pool(kernels.max_pool, inputs, pool_size, strides, padding, data_format)


@operation
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The mean of each window."""
    return _pool(kernels.average_pool, inputs, pool_size, strides, padding, data_format)


@operation
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The mean of each of as many windows as the output has places."""
    return _adaptive_pool(jnp.mean, inputs, output_size, data_format)


@operation
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The largest value of each of as many windows as the output has places."""
    return _adaptive_pool(jnp.max, inputs, output_size, data_format)


# Parts of images


@operation
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """All windows of images as columns: (batch, channels, height, width) -> (batch, channels * window, places)."""
    window, dilations, margins, strides = (_sizes(size, 2) for size in (kernel_size, dilation, padding, stride))
    patches = lax.conv_general_dilated_patches(
        x, window, strides, [(margin, margin) for margin in margins], rhs_dilation=dilations
    )
    return patches.reshape(*patches.shape[:2], -1)


@operation
def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Images in which each window of `unfold` is added at its place: the transpose of `unfold`."""
    window = _sizes(kernel_size, 2)
    channels = x.shape[1] // (window[0] * window[1])
    images = jax.ShapeDtypeStruct((x.shape[0], channels, *_sizes(output_size, 2)), x.dtype)
    return jax.linear_transpose(lambda y: unfold(y, kernel_size, dilation, padding, stride), images)(x)[0]


@operation
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Channels as blocks of pixels: (height, width, channels) become block_size times, / block_size**2."""
    images = x if data_format == "channels_last" else jnp.moveaxis(x, 1, -1)
    batch, height, width, channels = images.shape
    depth = channels // block_size**2
    if data_format == "channels_last":
        blocks = images.reshape(batch, height, width, block_size, block_size, depth)
    else:  # here the channels of the result come before the places in a block
        blocks = jnp.moveaxis(images.reshape(batch, height, width, depth, block_size, block_size), 3, -1)
    result = blocks.swapaxes(2, 3).reshape(batch, height * block_size, width * block_size, depth)
    return result if data_format == "channels_last" else jnp.moveaxis(result, -1, 1)


@operation
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Blocks of pixels as channels: the inverse of `depth_to_space`."""
    images = x if data_format == "channels_last" else jnp.moveaxis(x, 1, -1)
    batch, height, width, channels = images.shape
    rows, columns = height // block_size, width // block_size
    blocks = images.reshape(batch, rows, block_size, columns, block_size, channels).swapaxes(2, 3)
    if data_format == "channels_last":
        return blocks.reshape(batch, rows, columns, -1)
    return jnp.moveaxis(jnp.moveaxis(blocks, -1, 3).reshape(batch, rows, columns, -1), -1, 1)


# Normalization


@operation
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Mean and variance over some axes."""
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    return jnp.mean(x, axes, keepdims=keepdims), jnp.var(x, axes, keepdims=keepdims)


@operation
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, each of them along an axis."""
    shape = [1] * x.ndim
    shape[axis] = mean.shape[0]
    factor = lax.rsqrt(variance.reshape(shape) + epsilon)
    factor = factor if scale is None else factor * scale.reshape(shape)
    result = (x - mean.reshape(shape)) * factor
    return result if offset is None else result + offset.reshape(shape)


@operation
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, over an axis or axes."""
    axes, shape = _axes_and_shape(x, axis)
    mean, variance = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True)
    result = (x - mean) * lax.rsqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    result = result if gamma is None else result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


@operation
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """`x / sqrt(mean(x**2) + epsilon) * scale`, over an axis or axes."""
    axes, shape = _axes_and_shape(x, axis)
    mean = jnp.mean(jnp.square(x), axes, keepdims=True)
    result = x * lax.rsqrt(mean + (config.epsilon() if epsilon is None else epsilon))
    return result if scale is None else result * scale.reshape(shape)


@operation
def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> Any:
    """The vectors along an axis, brought to length 1."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        return x * lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis, keepdims=True), epsilon**2))
    return x / jnp.maximum(jnp.linalg.norm(x, order, axis, keepdims=True), epsilon)


# Attention


@operation
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """`softmax(query @ key.T * scale) @ value` for (batch, length, heads, features)."""
    if attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention: attn_logits_soft_cap is not there; take None.")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return jax.nn.dot_product_attention(query, key, value, bias, mask, scale=scale, is_causal=is_causal)


# Encodings


@operation
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """1 at the place of each class, 0 elsewhere."""
    return jax.nn.one_hot(x, num_classes, axis=axis, dtype=dtypes.canonical(dtype or dtypes.floatx()))


@operation
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """1 at the places of all classes of an example, 0 elsewhere."""
    assert num_classes is not None
    encoded = one_hot(jnp.asarray(inputs, "int32"), num_classes, axis, dtype)
    return jnp.max(encoded, axis=1 if inputs.ndim > 1 else 0)


@operation
def polar(abs_: Any, angle: Any) -> Any:
    """The complex numbers of given sizes and angles."""
    return lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle))


# Losses


@operation
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The cross-entropy of each entry."""
    target = jnp.asarray(target, output.dtype)
    if from_logits:
        return jnp.maximum(output, 0) - output * target + jnp.log1p(jnp.exp(-jnp.abs(output)))
    output = jnp.clip(output, config.epsilon(), 1 - config.epsilon())
    return -(target * jnp.log(output) + (1 - target) * jnp.log(1 - output))


@operation
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The cross-entropy of each example, of targets as one-hot vectors."""
    return -jnp.sum(target * _log_probabilities(output, from_logits, axis), axis)


@operation
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The cross-entropy of each example, of targets as integers."""
    target = jnp.asarray(target, "int32")
    target = target[..., 0] if target.ndim == output.ndim and target.shape[-1] == 1 else target
    encoded = jax.nn.one_hot(target, output.shape[axis], axis=axis)
    return -jnp.sum(encoded * _log_probabilities(output, from_logits, axis), axis)


@operation
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """-log of the probability that logits (batch, steps, classes) spell labels (batch, labels); see `losses.ctc`."""
    output = output.astype(jnp.promote_types(output.dtype, "float32"))
    beyond = [
        (jnp.arange(x.shape[1]) >= jnp.asarray(length)[:, None]).astype(output.dtype)
        for x, length in ((output, output_length), (target, target_length))
    ]
    return optax.ctc_loss(output, beyond[0], jnp.asarray(target, "int32"), beyond[1], blank_id=mask_index)


@operation
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """The peak signal-to-noise ratio, in decibels."""
    return 20 * jnp.log10(max_val) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return jax.nn.log_softmax(output, axis)
    output = output / jnp.sum(output, axis, keepdims=True)
    return jnp.log(jnp.clip(output, config.epsilon(), 1 - config.epsilon()))


def _pool(
    function: Callable[..., Any], inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Any:
    last, window, stride = _settings(inputs, data_format, pool_size, pool_size if strides is None else strides)
    amounts = kernels.pads(padding, kernels.spatial(inputs, last), window, stride, [1] * len(window))
    return function(inputs, window, stride, amounts, last)


def _adaptive_pool(function: Callable[..., Any], x: Any, output_size: Any, data_format: str | None) -> Any:
    """Window i of n along an axis of size s reaches from floor(i s / n) to ceil((i + 1) s / n)."""
    last = (data_format or config.image_data_format()) == "channels_last"
    # One axis after the other: windows of one place have one size, so that the mean of their means is their mean.
    for axis, number in enumerate(_sizes(output_size, x.ndim - 2), 1 if last else 2):
        size = x.shape[axis]
        windows = [(i * size // number, -(-(i + 1) * size // number)) for i in range(number)]
        x = jnp.stack([function(lax.slice_in_dim(x, *ends, axis=axis), axis) for ends in windows], axis)
    return x


def _settings(inputs: Any, data_format: str | None, *sizes: Any) -> tuple[Any, ...]:
    """Whether channels come last, and each size as one for each axis."""
    last = (data_format or config.image_data_format()) == "channels_last"
    return last, *(_sizes(size, inputs.ndim - 2) for size in sizes)


def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _axes_and_shape(x: Any, axis: Any) -> tuple[tuple[int, ...], list[int]]:
    axes = tuple(one % x.ndim for one in (axis if isinstance(axis, (list, tuple)) else [axis]))
    return axes, [x.shape[i] if i in axes else 1 for i in range(x.ndim)]
