"""Neural network operations: activations, convolution, pooling, normalization, attention, encodings, losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax import lax

from minidl import activations, config, kernels
from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike, DType
from minidl.ops.operation import operation

Size: TypeAlias = int | Sequence[int]  # one for all spatial axes, or one for each

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
def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """Gaussian error linear unit: x times the cumulative normal distribution at x."""
    return activations.gelu(x, approximate)


# Convolution and pooling


@operation
def conv(
    inputs: Array,
    kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """Convolution in 1, 2 or 3 dimensions, with a kernel (*window, channels, filters)."""
    last, stride, dilation = _settings(inputs, data_format, strides, dilation_rate)
    window = kernel.shape[:-2]
    amounts = kernels.pads(padding, kernels.spatial(inputs, last), window, stride, dilation)
    groups = (inputs.shape[-1] if last else inputs.shape[1]) // kernel.shape[-2]
    return kernels.conv(inputs, kernel, stride, amounts, dilation, last, groups)


@operation
def conv_transpose(
    inputs: Array,
    kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    output_padding: Size | None = None,
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """Transposed convolution (deconvolution), with a kernel (*window, filters, channels)."""
    last, stride, dilation = _settings(inputs, data_format, strides, dilation_rate)
    added = None if output_padding is None else _sizes(output_padding, inputs.ndim - 2)
    amounts = kernels.transposed_pads(padding, kernel.shape[:-2], stride, dilation, added)
    return kernels.conv_transpose(inputs, kernel, stride, amounts, dilation, last)


@operation
def depthwise_conv(
    inputs: Array,
    kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """Depthwise convolution: each channel on its own, with a kernel (*window, channels, multiplier)."""
    last, stride, dilation = _settings(inputs, data_format, strides, dilation_rate)
    amounts = kernels.pads(padding, kernels.spatial(inputs, last), kernel.shape[:-2], stride, dilation)
    return kernels.depthwise_conv(inputs, kernel, stride, amounts, dilation, last)


@operation
def separable_conv(
    inputs: Array,
    depthwise_kernel: Array,
    pointwise_kernel: Array,
    strides: Size = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Size = 1,
) -> Array:
    """Separable convolution: a depthwise one, then a pointwise one that mixes the channels."""
    each = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(each, pointwise_kernel, 1, "valid", data_format, 1)


@operation
def max_pool(
    inputs: Array, pool_size: Size, strides: Size | None = None, padding: str = "valid", data_format: str | None = None
) -> Array:
    """Max pooling: the maximum of each window."""
    return _pool(kernels.max_pool, inputs, pool_size, strides, padding, data_format)


@operation
def average_pool(
    inputs: Array, pool_size: Size, strides: Size | None = None, padding: str = "valid", data_format: str | None = None
) -> Array:
    """Average pooling: the mean of each window."""
    return _pool(kernels.average_pool, inputs, pool_size, strides, padding, data_format)


@operation
def adaptive_average_pool(inputs: Array, output_size: Size, data_format: str | None = None) -> Array:
    """Adaptive average pooling: average pooling to a given output size."""
    return _adaptive_pool(jnp.mean, inputs, output_size, data_format)


@operation
def adaptive_max_pool(inputs: Array, output_size: Size, data_format: str | None = None) -> Array:
    """Adaptive max pooling: max pooling to a given output size."""
    return _adaptive_pool(jnp.max, inputs, output_size, data_format)


# Patches of images


@operation
def unfold(x: Array, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Array:
    """Extract sliding patches (im2col): (batch, channels, height, width) -> (batch, channels * window, patches)."""
    window, dilations, margins, strides = (_sizes(size, 2) for size in (kernel_size, dilation, padding, stride))
    patches = lax.conv_general_dilated_patches(
        x, window, strides, [(margin, margin) for margin in margins], rhs_dilation=dilations
    )
    return patches.reshape(*patches.shape[:2], -1)


@operation
def fold(
    x: Array,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Array:
    """Sum sliding patches into images (col2im), the transpose of `unfold`."""
    window = _sizes(kernel_size, 2)
    channels = x.shape[1] // (window[0] * window[1])
    images = jax.ShapeDtypeStruct((x.shape[0], channels, *_sizes(output_size, 2)), x.dtype)
    return jax.linear_transpose(lambda y: unfold(y, kernel_size, dilation, padding, stride), images)(x)[0]


@operation
def depth_to_space(x: Array, block_size: int, data_format: str = "channels_last") -> Array:
    """Rearrange channels into blocks of pixels: (h, w, c) -> (h * block_size, w * block_size, c / block_size**2)."""
    images = x if data_format == "channels_last" else jnp.moveaxis(x, 1, -1)
    batch, height, width, channels = images.shape
    depth = channels // block_size**2
    if data_format == "channels_last":
        blocks = images.reshape(batch, height, width, block_size, block_size, depth)
    else:  # here the output channels come before the positions in a block
        blocks = jnp.moveaxis(images.reshape(batch, height, width, depth, block_size, block_size), 3, -1)
    result = blocks.swapaxes(2, 3).reshape(batch, height * block_size, width * block_size, depth)
    return result if data_format == "channels_last" else jnp.moveaxis(result, -1, 1)


@operation
def space_to_depth(x: Array, block_size: int, data_format: str = "channels_last") -> Array:
    """Rearrange blocks of pixels into channels, the inverse of `depth_to_space`."""
    images = x if data_format == "channels_last" else jnp.moveaxis(x, 1, -1)
    batch, height, width, channels = images.shape
    rows, columns = height // block_size, width // block_size
    blocks = images.reshape(batch, rows, block_size, columns, block_size, channels).swapaxes(2, 3)
    if data_format == "channels_last":
        return blocks.reshape(batch, rows, columns, -1)
    return jnp.moveaxis(jnp.moveaxis(blocks, -1, 3).reshape(batch, rows, columns, -1), -1, 1)


# Normalization


@operation
def moments(
    x: ArrayLike, axes: int | Sequence[int], keepdims: bool = False, synchronized: bool = False
) -> tuple[Array, Array]:
    """Mean and variance over axes."""
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    return jnp.mean(x, axes, keepdims=keepdims), jnp.var(x, axes, keepdims=keepdims)


@operation
def batch_normalization(
    x: Array,
    mean: Array,
    variance: Array,
    axis: int,
    offset: Array | None = None,
    scale: Array | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """Batch normalization with given statistics: `(x - mean) / sqrt(variance + epsilon) * scale + offset`."""
    shape = [1] * x.ndim
    shape[axis] = mean.shape[0]
    factor = lax.rsqrt(variance.reshape(shape) + epsilon)
    factor = factor if scale is None else factor * scale.reshape(shape)
    result = (x - mean.reshape(shape)) * factor
    return result if offset is None else result + offset.reshape(shape)


@operation
def layer_normalization(
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Array:
    """Layer normalization over axes: `(x - mean) / sqrt(variance + epsilon) * gamma + beta`."""
    axes, shape = _axes_and_shape(x, axis)
    mean, variance = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True)
    result = (x - mean) * lax.rsqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    result = result if gamma is None else result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


@operation
def rms_normalization(
    x: Array, scale: Array | None = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Array:
    """Root mean square normalization over axes: `x / sqrt(mean(x**2) + epsilon) * scale`."""
    axes, shape = _axes_and_shape(x, axis)
    mean = jnp.mean(jnp.square(x), axes, keepdims=True)
    result = x * lax.rsqrt(mean + (config.epsilon() if epsilon is None else epsilon))
    return result if scale is None else result * scale.reshape(shape)


@operation
def normalize(x: Array, axis: int = -1, order: int | float = 2, epsilon: float | None = None) -> Array:
    """Normalize vectors along an axis to unit norm."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        return x * lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis, keepdims=True), epsilon**2))
    return x / jnp.maximum(jnp.linalg.norm(x, order, axis, keepdims=True), epsilon)


# Attention


@operation
def dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Array:
    """Dot-product attention: `softmax(query @ key.T * scale) @ value`, for (batch, length, heads, features)."""
    if attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention: attn_logits_soft_cap is not available; leave it None.")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return jax.nn.dot_product_attention(query, key, value, bias, mask, scale=scale, is_causal=is_causal)


# Encodings


@operation
def one_hot(x: ArrayLike, num_classes: int, axis: int = -1, dtype: DType | None = None, sparse: bool = False) -> Array:
    """One-hot encoding of integer classes."""
    return jax.nn.one_hot(x, num_classes, axis=axis, dtype=dtypes.canonical(dtype or dtypes.floatx()))


@operation
def multi_hot(
    inputs: Array, num_classes: int | None = None, axis: int = -1, dtype: DType | None = None, sparse: bool = False
) -> Array:
    """Multi-hot encoding: one vector for all classes of an example."""
    assert num_classes is not None
    encoded = one_hot(jnp.asarray(inputs, "int32"), num_classes, axis, dtype)
    return jnp.max(encoded, axis=1 if inputs.ndim > 1 else 0)


@operation
def polar(abs_: Array, angle: Array) -> Array:
    """Complex numbers from polar coordinates: absolute value and angle."""
    return lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle))


# Losses


@operation
def binary_crossentropy(target: Array, output: Array, from_logits: bool = False) -> Array:
    """Binary cross-entropy, element-wise."""
    target = jnp.asarray(target, output.dtype)
    if from_logits:
        return jnp.maximum(output, 0) - output * target + jnp.log1p(jnp.exp(-jnp.abs(output)))
    output = jnp.clip(output, config.epsilon(), 1 - config.epsilon())
    return -(target * jnp.log(output) + (1 - target) * jnp.log(1 - output))


@operation
def categorical_crossentropy(target: Array, output: Array, from_logits: bool = False, axis: int = -1) -> Array:
    """Categorical cross-entropy of one-hot targets, along an axis."""
    return -jnp.sum(target * _log_probabilities(output, from_logits, axis), axis)


@operation
def sparse_categorical_crossentropy(target: Array, output: Array, from_logits: bool = False, axis: int = -1) -> Array:
    """Categorical cross-entropy of integer targets."""
    target = jnp.asarray(target, "int32")
    target = target[..., 0] if target.ndim == output.ndim and target.shape[-1] == 1 else target
    encoded = jax.nn.one_hot(target, output.shape[axis], axis=axis)
    return -jnp.sum(encoded * _log_probabilities(output, from_logits, axis), axis)


@operation
def ctc_loss(
    target: Array, output: Array, target_length: ArrayLike, output_length: ArrayLike, mask_index: int = 0
) -> Array:
    """CTC loss of logits (batch, steps, classes) and labels (batch, labels); see `losses.ctc`."""
    output = output.astype(jnp.promote_types(output.dtype, "float32"))
    paddings = [
        (jnp.arange(x.shape[1]) >= jnp.asarray(length)[:, None]).astype(output.dtype)
        for x, length in ((output, output_length), (target, target_length))
    ]
    return optax.ctc_loss(output, paddings[0], jnp.asarray(target, "int32"), paddings[1], blank_id=mask_index)


@operation
def psnr(x1: Array, x2: Array, max_val: float) -> Array:
    """Peak signal-to-noise ratio, in decibels."""
    return 20 * jnp.log10(max_val) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))


def _log_probabilities(output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return jax.nn.log_softmax(output, axis)
    output = output / jnp.sum(output, axis, keepdims=True)
    return jnp.log(jnp.clip(output, config.epsilon(), 1 - config.epsilon()))


def _pool(
    function: Callable[..., Any],
    inputs: Array,
    pool_size: Size,
    strides: Size | None,
    padding: str,
    data_format: str | None,
) -> Array:
    last, window, stride = _settings(inputs, data_format, pool_size, pool_size if strides is None else strides)
    amounts = kernels.pads(padding, kernels.spatial(inputs, last), window, stride, [1] * len(window))
    return function(inputs, window, stride, amounts, last)


def _adaptive_pool(function: Callable[..., Any], x: Array, output_size: Size, data_format: str | None) -> Array:
    """Pool to n windows along each axis of size s; window i is floor(i s / n) to ceil((i + 1) s / n)."""
    last = (data_format or config.image_data_format()) == "channels_last"
    # One axis after another: the windows that are averaged have equal sizes, so the mean of means is the mean.
    for axis, number in enumerate(_sizes(output_size, x.ndim - 2), 1 if last else 2):
        size = x.shape[axis]
        windows = [(i * size // number, -(-(i + 1) * size // number)) for i in range(number)]
        x = jnp.stack([function(lax.slice_in_dim(x, *ends, axis=axis), axis) for ends in windows], axis)
    return x


def _settings(inputs: Array, data_format: str | None, *sizes: Size) -> tuple[Any, ...]:
    """Whether channels come last, then each size as a tuple with one entry per spatial axis."""
    last = (data_format or config.image_data_format()) == "channels_last"
    return last, *(_sizes(size, inputs.ndim - 2) for size in sizes)


def _sizes(value: Size, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _axes_and_shape(x: Array, axis: Any) -> tuple[tuple[int, ...], list[int]]:
    axes = tuple(one % x.ndim for one in (axis if isinstance(axis, (list, tuple)) else [axis]))
    return axes, [x.shape[i] if i in axes else 1 for i in range(x.ndim)]
