"""Cropping and zero padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp

from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of, sizes_of
from minidl.layers.input_spec import InputSpec

Amounts: TypeAlias = int | Sequence[int | Sequence[int]]  # of both sides, one for each axis, or (before, after)


class _Borders(Layer):
    """The base of cropping and padding layers: an amount before and after each axis of an example."""

    rank: int
    argument: str

    def __init__(self, amounts: Amounts, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.amounts = _both_sides(amounts, self.rank, f"{type(self).__name__}: {self.argument}")
        self.data_format = data_format_of(data_format) if self.rank > 1 else "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def _amounts_of_all_axes(self) -> list[tuple[int, int]]:
        inner = list(self.amounts)
        return [(0, 0), *inner, (0, 0)] if self.data_format == "channels_last" else [(0, 0), (0, 0), *inner]

    def get_config(self) -> Config:
        amounts = self.amounts[0] if self.rank == 1 else self.amounts
        config = {**super().get_config(), self.argument: amounts}
        return {**config, "data_format": self.data_format} if self._config_has_data_format() else config

    def _config_has_data_format(self) -> bool:
        return self.rank > 1


class Cropping1D(_Borders):
    """Crops steps at both ends of sequences.

    Args:
        cropping: the amounts: an integer for both ends, or (at the beginning, at the end).
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features).
    Output shape: (batch, steps - cropped, features).

    Raises:
        ValueError: an amount that is negative, or leaves nothing.

    Example:
    >>> Cropping1D(1)(jnp.ones((2, 5, 3))).shape
    (2, 3, 3)
    """

    rank, argument = 1, "cropping"

    def __init__(self, cropping: Amounts = (1, 1), **kwargs: Any):
        super().__init__(cropping, **kwargs)

    @property
    def cropping(self) -> Any:
        """The amounts, as (before, after), for each axis if there are several."""
        return self.amounts[0] if self.rank == 1 else self.amounts

    def call(self, inputs: Array) -> Array:
        amounts = self._amounts_of_all_axes()
        if any(before + after >= size for (before, after), size in zip(amounts, inputs.shape) if before + after):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: cropping {self.cropping} leaves nothing of an input of shape "
                f"{inputs.shape}. The two amounts of an axis must be less than its size together."
            )
        return inputs[tuple(slice(before, size - after) for (before, after), size in zip(amounts, inputs.shape))]


class Cropping2D(Cropping1D):
    """Crops rows and columns at the borders of images.

    Args:
        cropping: the amounts: an integer for all borders, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: an amount that is negative, or leaves nothing.

    Example:
    >>> Cropping2D(((2, 2), (4, 4)))(jnp.ones((2, 28, 28, 3))).shape
    (2, 24, 20, 3)
    """

    rank = 2

    def __init__(self, cropping: Amounts = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format=data_format, **kwargs)


class Cropping3D(Cropping1D):
    """Crops slices at the borders of volumes.

    Args:
        cropping: the amounts: an integer for all borders, one for each axis, or (before, after) for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: an amount that is negative, or leaves nothing.

    Example:
    >>> Cropping3D((1, 2, 0))(jnp.ones((2, 8, 8, 8, 3))).shape
    (2, 6, 4, 8, 3)
    """

    rank = 3

    def __init__(self, cropping: Amounts = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format=data_format, **kwargs)


class ZeroPadding1D(_Borders):
    """Pads sequences with zeros at both ends.

    Args:
        padding: the amounts: an integer for both ends, or (at the beginning, at the end).
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features), or (batch, features, steps).
    Output shape: the same with more steps.

    Raises:
        ValueError: a negative amount.

    Example:
    >>> ZeroPadding1D(2)(jnp.ones((2, 5, 3))).shape
    (2, 9, 3)
    """

    rank, argument = 1, "padding"

    def __init__(self, padding: Amounts = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format=data_format, **kwargs)
        self.data_format = data_format_of(data_format)

    @property
    def padding(self) -> Any:
        """The amounts, as (before, after), for each axis if there are several."""
        return self.amounts[0] if self.rank == 1 else self.amounts

    def call(self, inputs: Array) -> Array:
        return jnp.pad(inputs, self._amounts_of_all_axes())

    def _config_has_data_format(self) -> bool:
        return True


class ZeroPadding2D(ZeroPadding1D):
    """Pads images with rows and columns of zeros.

    Args:
        padding: the amounts: an integer for all borders, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same with larger sizes.

    Raises:
        ValueError: a negative amount.

    Example:
    >>> ZeroPadding2D(1)(jnp.ones((2, 4, 4, 3))).shape
    (2, 6, 6, 3)
    """

    rank = 2

    def __init__(self, padding: Amounts = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(ZeroPadding1D):
    """Pads volumes with slices of zeros.

    Args:
        padding: the amounts: an integer for all borders, one for each axis, or (before, after) for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same with larger sizes.

    Raises:
        ValueError: a negative amount.

    Example:
    >>> ZeroPadding3D(1)(jnp.ones((2, 4, 4, 4, 3))).shape
    (2, 6, 6, 6, 3)
    """

    rank = 3

    def __init__(self, padding: Amounts = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)


def _both_sides(value: Amounts, rank: int, name: str) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis: from one integer, one for each axis, or the pairs."""
    pairs: Any = (value,) * rank if isinstance(value, int) else (value,) if rank == 1 else value
    if not isinstance(pairs, (list, tuple)) or len(pairs) != rank:
        raise ValueError(f"{name} must be an integer or have {rank} elements, got {value!r}.")
    return tuple(sizes_of(pair, 2, name, allow_zero=True) for pair in pairs)  # type: ignore[misc]
