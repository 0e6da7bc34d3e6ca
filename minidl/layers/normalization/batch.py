"""BatchNormalization: normalizes each channel over the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl import config
from minidl.core.typing import Array, Config, DType, Identifier, Shape
from minidl.core.variables import Variable
from minidl.kernels import moments
from minidl.layers import weight_options
from minidl.layers.input_spec import InputSpec
from minidl.layers.normalization.scaling import ScaledNormalization, precise


class BatchNormalization(ScaledNormalization):
    """Normalizes each channel over the batch (Ioffe and Szegedy, 2015).

    In training: gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of the batch, which
    also update the moving statistics: `moving = moving * momentum + batch * (1 - momentum)`. In inference, and if the
    layer is not trainable, the moving statistics are used instead.

    With `renorm` (batch renormalization, Ioffe, 2017), training is closer to inference: r * (x - mean) / stddev + d
    replaces (x - mean) / stddev, with r = stddev / renorm_stddev and d = (mean - renorm_mean) / renorm_stddev, which
    have no gradient; `renorm_mean` and `renorm_stddev` are moving statistics too.

    Args:
        axis: the axis of the channels.
        momentum: momentum of the moving statistics.
        epsilon: added to the variance.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer: of beta, (channels,).
        gamma_initializer: of gamma, (channels,).
        moving_mean_initializer: of the moving mean, (channels,).
        moving_variance_initializer: of the moving variance, (channels,).
        beta_regularizer: function of beta that is added to the loss.
        gamma_regularizer: function of gamma that is added to the loss.
        beta_constraint: function applied to beta after each update.
        gamma_constraint: function applied to gamma after each update.
        renorm: whether training uses batch renormalization.
        renorm_clipping: limits of r and d: the keys "rmin", "rmax" and "dmax" (for -d too); a missing key is no limit.
        renorm_momentum: momentum of `renorm_mean` and `renorm_stddev`.
        synchronized: accepted and not used: statistics are always of the whole batch, on all devices.
        **kwargs: see `Layer`.

    Input shape: any, with a known number of channels. Masked steps are left out of the statistics.
    Output shape: the same.

    Raises:
        ValueError: an axis of unknown size, invalid renorm_clipping, or a mask of another shape.

    Example:
    >>> x = jnp.array([[1.0], [3.0]])
    >>> BatchNormalization(epsilon=0.0)(x, training=True)
    Array([[-1.],
           [ 1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Identifier = "zeros",
        gamma_initializer: Identifier = "ones",
        moving_mean_initializer: Identifier = "zeros",
        moving_variance_initializer: Identifier = "ones",
        beta_regularizer: Identifier = None,
        gamma_regularizer: Identifier = None,
        beta_constraint: Identifier = None,
        gamma_constraint: Identifier = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            int(axis),
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.momentum = momentum
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping or {}) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        weight_options.take(
            self,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
        )

    def build(self, input_shape: Shape) -> None:
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(f"BatchNormalization: axis {self.axis} needs a known size, got the shape {input_shape}.")
        self.make_weights((size,))
        options: dict[str, Any] = {"trainable": False, "autocast": False}
        self.moving_mean = weight_options.make(self, "moving_mean", (size,), **options)
        self.moving_variance = weight_options.make(self, "moving_variance", (size,), **options)
        if self.renorm:
            initializer = self._initial_stddev
            self.moving_stddev = weight_options.make(self, "moving_stddev", (size,), initializer, **options)
            self.renorm_mean = weight_options.make(self, "renorm_mean", (size,), options="moving_mean", **options)
            self.renorm_stddev = weight_options.make(self, "renorm_stddev", (size,), initializer, **options)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Array, training: bool | None = None, mask: Array | None = None) -> Array:
        x = precise(inputs)
        if mask is not None and (mask.ndim > inputs.ndim or any(m not in (1, s) for m, s in zip(mask.shape, x.shape))):
            raise ValueError(
                f"BatchNormalization: the axes of the mask must have the sizes of the inputs' first axes, or 1, got "
                f"the shapes {mask.shape} and {inputs.shape}."
            )
        shape = [1] * x.ndim
        shape[self.axis] = x.shape[self.axis]
        correction = None
        if training and self.trainable:
            axes = [axis for axis in range(x.ndim) if shape[axis] == 1 and axis != self.axis % x.ndim]
            mean, variance = moments(x, axes) if mask is None else _masked_moments(x, mask, axes)
            if self.renorm:
                correction = self._correction(mean, jnp.sqrt(variance + self.epsilon))
                self._update_renorm(mean.ravel(), jnp.sqrt(variance.ravel() + self.epsilon))
            else:
                _update(self.moving_mean, mean.ravel(), self.momentum)
                _update(self.moving_variance, variance.ravel(), self.momentum)
                if mask is None:
                    return self.normalize_by_moments(x, axes, shape).astype(self.compute_dtype)
        else:
            mean = self.moving_mean.value.astype(x.dtype).reshape(shape)
            variance = self.moving_variance.value.astype(x.dtype).reshape(shape)
        return self.normalize(x, mean, variance, shape, correction).astype(self.compute_dtype)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            **weight_options.config(self, "moving_mean", "moving_variance"),
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": self.synchronized,
        }

    def _initial_stddev(self, shape: Sequence[int], dtype: DType | None = None) -> Array:
        initializer: Any = getattr(self, "moving_variance_initializer")  # noqa: B009, set by weight_options
        return jnp.sqrt(type(initializer).from_config(initializer.get_config())(shape, dtype))

    def _correction(self, mean: Array, stddev: Array) -> tuple[Array, Array]:
        """The r and d of batch renormalization, within their limits."""
        limits: Any = self.renorm_clipping
        shape, floor = mean.shape, math.sqrt(self.epsilon)  # early in training the stddev may be near 0
        renorm_stddev = jnp.maximum(self.renorm_stddev.value, floor).astype(mean.dtype).reshape(shape)
        r = stddev / renorm_stddev
        d = (mean - self.renorm_mean.value.astype(mean.dtype).reshape(shape)) / renorm_stddev
        r = jnp.clip(r, limits.get("rmin"), limits.get("rmax"))
        if (dmax := limits.get("dmax")) is not None:
            d = jnp.clip(d, -dmax, dmax)
        return lax.stop_gradient(r), lax.stop_gradient(d)

    def _update_renorm(self, mean: Array, stddev: Array) -> None:
        """Update all statistics; the moving variance follows from the moving standard deviation."""
        _update(self.renorm_mean, mean, self.renorm_momentum)
        _update(self.renorm_stddev, stddev, self.renorm_momentum)
        _update(self.moving_mean, mean, self.momentum)
        _update(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(jnp.maximum(jnp.square(self.moving_stddev.value) - self.epsilon, 0.0))


def _update(moving: Variable, batch: Array, momentum: float) -> None:
    moving.assign(moving.value * momentum + batch * (1.0 - momentum))


def _checked_clipping(limits: Mapping[str, float]) -> dict[str, float]:
    if unknown := set(limits) - {"rmax", "rmin", "dmax"}:
        raise ValueError(
            f"BatchNormalization: unknown keys {sorted(unknown)} in renorm_clipping, expected 'rmax', 'rmin' or 'dmax'."
        )
    rmin, rmax, dmax = limits.get("rmin"), limits.get("rmax"), limits.get("dmax")
    if rmin is not None and rmax is not None and rmax < rmin:
        raise ValueError(f"BatchNormalization: renorm_clipping needs rmin <= rmax, got rmin={rmin} and rmax={rmax}.")
    if dmax is not None and dmax < 0:
        raise ValueError(f"BatchNormalization: the dmax of renorm_clipping must be 0 or more, got {dmax}.")
    return dict(limits)


def _masked_moments(x: Array, mask: Array, axes: list[int]) -> tuple[Array, Array]:
    """Mean and variance over the steps that are not masked."""
    keep = jnp.broadcast_to(mask.astype(bool).reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), x.shape)
    count = jnp.sum(keep.astype(x.dtype), axes, keepdims=True) + config.epsilon()
    mean = jnp.sum(jnp.where(keep, x, 0.0), axes, keepdims=True) / count
    return mean, jnp.sum(jnp.where(keep, jnp.square(x - mean), 0.0), axes, keepdims=True) / count
