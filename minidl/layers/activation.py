"""Activation functions as layers, and the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl import activations, constraints, initializers, regularizers
from minidl.core.typing import Array, Config, Identifier, PyTree
from minidl.layers.base import Layer


class Activation(Layer):
    """Applies an activation function.

    Args:
        activation: name or function.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Example:
    >>> import jax.numpy as jnp
    >>> Activation("relu")(jnp.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """

    def __init__(self, activation: Identifier, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        return self.activation(inputs)

    def get_config(self) -> Config:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Identity(Layer):
    """Returns its input unchanged.

    Args:
        **kwargs: see `Layer`.

    Input shape: any, or a structure of arrays.
    Output shape: the same.

    Example:
    >>> import jax.numpy as jnp
    >>> Identity()(jnp.array([3.0]))
    Array([3.], dtype=float32)
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: PyTree) -> PyTree:
        return inputs


class ReLU(Layer):
    """Rectified linear unit: `negative_slope * (x - threshold)` below the threshold, `min(x, max_value)` above.

    Args:
        max_value: the largest output; None for no limit.
        negative_slope: 0 or more.
        threshold: 0 or more.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: an argument below 0.

    Example:
    >>> ReLU(max_value=2.0)(jnp.array([-1.0, 1.0, 3.0]))
    Array([0., 1., 2.], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (
            ("max_value", max_value or 0),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if value is None or value < 0:
                raise ValueError(f"ReLU: {name} must be 0 or more, got {value}.")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> Config:
        own = {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}
        return {**super().get_config(), **own}


class LeakyReLU(Layer):
    """Leaky rectified linear unit: `negative_slope * x` below 0 (Maas et al., 2013).

    Args:
        negative_slope: 0 or more; default 0.3.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: the slope is None or below 0.

    Example:
    >>> LeakyReLU(0.5)(jnp.array([-1.0, 1.0]))
    Array([-0.5,  1. ], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        if "alpha" in kwargs:  # the argument's name in Keras 2
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"LeakyReLU: negative_slope must be 0 or more, got {negative_slope}.")
        self.negative_slope = negative_slope
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        return activations.leaky_relu(inputs, self.negative_slope)

    def get_config(self) -> Config:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class PReLU(Layer):
    """Parametric rectified linear unit: `alpha * x` below 0, with learned slopes (He et al., 2015).

    Args:
        alpha_initializer: of the slopes.
        alpha_regularizer: function of the slopes that is added to the loss.
        alpha_constraint: function applied to the slopes after each update.
        shared_axes: axes (the batch is 0) along which a slope is shared: [1, 2] for images.
        **kwargs: see `Layer`.

    Input shape: any, with known sizes except for the batch and the shared axes.
    Output shape: the same.

    Example:
    >>> PReLU(alpha_initializer="ones")(jnp.array([[-1.0, 2.0]]))
    Array([[-1.,  2.]], dtype=float32)
    """

    def __init__(
        self,
        alpha_initializer: Identifier = "Zeros",
        alpha_regularizer: Identifier = None,
        alpha_constraint: Identifier = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape = [1 if axis in (self.shared_axes or ()) else size for axis, size in enumerate(input_shape)][1:]
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        self.built = True

    def call(self, inputs: Array) -> Array:
        return jnp.maximum(inputs, 0) - self.alpha.value * jnp.maximum(-inputs, 0)

    def get_config(self) -> Config:
        own = {
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
        return {**super().get_config(), **own}


class ELU(Layer):
    """Exponential linear unit: `alpha * (exp(x) - 1)` below 0 (Clevert et al., 2016).

    Args:
        alpha: large negative inputs approach -alpha.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Example:
    >>> ELU()(jnp.array([-100.0, 1.0]))
    Array([-1.,  1.], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        return activations.elu(inputs, self.alpha)

    def get_config(self) -> Config:
        return {**super().get_config(), "alpha": self.alpha}


class Softmax(Layer):
    """Softmax: normalizes scores to probabilities.

    Args:
        axis: the axis, or axes, along which the outputs sum to 1.
        **kwargs: see `Layer`.

    Call arguments:
        inputs: scores.
        mask: booleans that broadcast to the scores: where False, the output is 0.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: the mask does not broadcast to the scores.

    Example:
    >>> Softmax()(jnp.array([[1.0, 1.0, 5.0]]), mask=jnp.array([[True, True, False]]))
    Array([[0.5, 0.5, 0. ]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array, mask: Array | None = None) -> Array:
        if mask is None:
            return self._softmax(inputs)
        mask = jnp.asarray(mask, bool)
        if mask.ndim > inputs.ndim:
            raise ValueError(
                f"Softmax: the mask must not have more axes than the scores, got the shapes {mask.shape} and "
                f"{inputs.shape}."
            )
        if any(m not in (1, size) for m, size in zip(reversed(mask.shape), reversed(inputs.shape))):
            raise ValueError(
                f"Softmax: the mask of shape {mask.shape} cannot be broadcast to the scores of shape {inputs.shape}; "
                "give one boolean for each score."
            )
        return jnp.where(mask, self._softmax(jnp.where(mask, inputs, jnp.finfo(inputs.dtype).min)), 0)

    def _softmax(self, inputs: Array) -> Array:
        if isinstance(self.axis, int):
            return activations.softmax(inputs, axis=self.axis)
        exponentials = jnp.exp(inputs - jnp.max(inputs, axis=tuple(self.axis), keepdims=True))
        return exponentials / jnp.sum(exponentials, axis=tuple(self.axis), keepdims=True)

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}
