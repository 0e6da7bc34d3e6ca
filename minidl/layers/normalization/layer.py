"""LayerNormalization: normalizes each example over its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np  # noqa: F401, used by the example

from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.kernels import moments
from minidl.layers.normalization.scaling import ScaledNormalization, precise


class LayerNormalization(ScaledNormalization):
    """Normalizes each example over its features (Ba et al., 2016).

    gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance over `axis`.

    Args:
        axis: the axis, or axes, to normalize over.
        epsilon: added to the variance.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer: of beta, with the sizes along `axis`.
        gamma_initializer: of gamma, with the sizes along `axis`.
        beta_regularizer: function of beta that is added to the loss.
        gamma_regularizer: function of gamma that is added to the loss.
        beta_constraint: function applied to beta after each update.
        gamma_constraint: function applied to gamma after each update.
        **kwargs: see `Layer`.

    Input shape: any, with known sizes along `axis`.
    Output shape: the same.

    Raises:
        ValueError: an axis that the input does not have.

    Example:
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0], [0.0, 4.0]]))
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Identifier = "zeros",
        gamma_initializer: Identifier = "ones",
        beta_regularizer: Identifier = None,
        gamma_regularizer: Identifier = None,
        beta_constraint: Identifier = None,
        gamma_constraint: Identifier = None,
        **kwargs: Any,
    ):
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"LayerNormalization: axis must be an integer or a list of them, got {axis!r}.")
        rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(
            axis if isinstance(axis, int) else list(axis),
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
        self.rms_scaling = rms_scaling
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        self.axis = normalized_axes(self.axis, input_shape, "LayerNormalization")
        if self.rms_scaling:
            self.scale, self.center = True, False
        self.make_weights([input_shape[axis] for axis in self.axis])

    def call(self, inputs: Array) -> Array:
        x = precise(inputs)
        axes = sorted(axis % x.ndim for axis in self.axis)
        shape = [x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)]
        if self.rms_scaling:
            mean, variance = moments(x, axes)
            return self.normalize(x, 0.0 * mean, variance, shape).astype(self.compute_dtype)
        return self.normalize_by_moments(x, axes, shape).astype(self.compute_dtype)

    def get_config(self) -> Config:
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


def normalized_axes(axis: int | Sequence[int], input_shape: Shape, where: str) -> list[int]:
    """An axis, or axes, as a sorted list; ValueError for one that is out of bounds."""
    axes = [axis] if isinstance(axis, int) else sorted(axis)
    if any(not -len(input_shape) <= number < len(input_shape) for number in axes):
        raise ValueError(f"{where}: an input of shape {input_shape} has no axis {axis}.")
    return axes
