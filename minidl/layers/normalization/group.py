"""GroupNormalization: normalizes each example over groups of channels."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the example

from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.layers.input_spec import InputSpec
from minidl.layers.normalization.scaling import ScaledNormalization, precise


class GroupNormalization(ScaledNormalization):
    """Normalizes each example over groups of channels (Wu and He, 2018).

    With one group it is a layer normalization over all axes, with as many groups as channels an
    instance normalization.

    Args:
        groups: number of groups; -1 for one per channel.
        axis: the axis of the channels.
        epsilon: added to the variance.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer: of beta, (channels,).
        gamma_initializer: of gamma, (channels,).
        beta_regularizer: function of beta that is added to the loss.
        gamma_regularizer: function of gamma that is added to the loss.
        beta_constraint: function applied to beta after each update.
        gamma_constraint: function applied to gamma after each update.
        **kwargs: see `Layer`.

    Input shape: any, with a known number of channels.
    Output shape: the same.

    Raises:
        ValueError: a number of channels that is not a multiple of groups.

    Example:
    >>> GroupNormalization(groups=2)(jnp.ones((2, 8, 8, 4))).shape
    (2, 8, 8, 4)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
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
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(f"GroupNormalization: groups must be at least 1 or -1, got {groups!r}.")
        super().__init__(
            axis,
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
        self.groups = groups
        self.autocast = False

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(f"GroupNormalization: axis {self.axis} needs a known size, got the shape {input_shape}.")
        if channels < self.groups:
            raise ValueError(
                f"GroupNormalization: each group needs a channel; got {channels} channels for {self.groups} groups."
            )
        if channels % abs(self.groups):
            raise ValueError(
                f"GroupNormalization: {channels} channels cannot be divided into {self.groups} groups of equal size."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self.make_weights((channels,))

    def call(self, inputs: Array) -> Array:
        x = precise(inputs)
        axis = self.axis % x.ndim
        groups = self.groups if self.groups > 0 else x.shape[axis]
        sizes = groups, x.shape[axis] // groups
        grouped = x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])
        axes = [i for i in range(1, grouped.ndim) if i != axis]
        shape = [1] * axis + [*sizes] + [1] * (x.ndim - axis - 1)
        outputs = self.normalize_by_moments(grouped, axes, shape)
        return outputs.reshape(x.shape).astype(self.compute_dtype)

    def get_config(self) -> Config:
        return {**super().get_config(), "groups": self.groups}
