"""BatchNormalization: normalizes each channel over the batch."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl import config
from minidl.layers import weight_options
from minidl.layers.input_spec import InputSpec
from minidl.layers.normalization.scaling import ScaledNormalization, moments, precise


class BatchNormalization(ScaledNormalization):
    """Normalizes each channel over the batch (Ioffe and Szegedy, 2015).

    While training: gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of the batch,
    which also move the moving ones: `moving = moving * momentum + batch * (1 - momentum)`. Otherwise, and if the
    layer is not trainable, the moving ones take their place.

    Args:
        axis: the axis of the channels.
        momentum: how slowly the moving statistics move.
        epsilon: added to the variance.
        center: whether there is a beta.
        scale: whether there is a gamma.
        beta_initializer: of beta, (channels,).
        gamma_initializer: of gamma, (channels,).
        moving_mean_initializer: of the moving mean, (channels,).
        moving_variance_initializer: of the moving variance, (channels,).
        beta_regularizer: function of beta that is added to the loss.
        gamma_regularizer: function of gamma that is added to the loss.
        beta_constraint: function applied to beta after each update.
        gamma_constraint: function applied to gamma after each update.
        renorm: must be False: batch renormalization is not there.
        renorm_clipping: None.
        renorm_momentum: not used.
        synchronized: accepted: a batch that is spread over devices is one batch in any case.
        **kwargs: see `Layer`.

    Input shape: any, with a known number of channels. A mask leaves steps out of the statistics.
    Output shape: the same.

    Raises:
        ValueError: renorm, or an axis of unknown size.

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
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
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
        if renorm:
            raise ValueError("BatchNormalization: batch renormalization is not there; take renorm=False.")
        self.momentum = momentum
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        weight_options.take(
            self,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
        )

    def build(self, input_shape: Any) -> None:
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(f"BatchNormalization: axis {self.axis} needs a known size, got the shape {input_shape}.")
        self.make_weights((size,))
        options: dict[str, Any] = {"trainable": False, "autocast": False}
        self.moving_mean = weight_options.make(self, "moving_mean", (size,), **options)
        self.moving_variance = weight_options.make(self, "moving_variance", (size,), **options)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None and (mask.ndim > inputs.ndim or mask.shape != inputs.shape[: mask.ndim]):
            raise ValueError(
                f"BatchNormalization: the mask has shape {mask.shape}, the inputs {inputs.shape}: the mask must have "
                "the first axes of the inputs."
            )
        x = precise(inputs)
        shape = [1] * x.ndim
        shape[self.axis] = x.shape[self.axis]
        if training and self.trainable:
            axes = [axis for axis in range(x.ndim) if shape[axis] == 1 and axis != self.axis % x.ndim]
            mean, variance = moments(x, axes) if mask is None else _masked_moments(x, mask, axes)
            self._move(mean.ravel(), variance.ravel())
        else:
            mean = self.moving_mean.value.astype(x.dtype).reshape(shape)
            variance = self.moving_variance.value.astype(x.dtype).reshape(shape)
        return self.normalize(x, mean, variance, shape).astype(self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            **weight_options.config(self, "moving_mean", "moving_variance"),
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": self.synchronized,
        }

    def _move(self, mean: Any, variance: Any) -> None:
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + batch * (1.0 - self.momentum))


def _masked_moments(x: Any, mask: Any, axes: list[int]) -> tuple[Any, Any]:
    """Mean and variance of the steps that count."""
    counts = jnp.broadcast_to(mask.astype(bool).reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), x.shape)
    number = jnp.sum(counts.astype(x.dtype), axes, keepdims=True) + config.epsilon()
    mean = jnp.sum(jnp.where(counts, x, 0.0), axes, keepdims=True) / number
    return mean, jnp.sum(jnp.where(counts, jnp.square(x - mean), 0.0), axes, keepdims=True) / number
