"""Layers that take the borders of each example away, or put zeros around it."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of, sizes_of
from minidl.layers.input_spec import InputSpec


class _Borders(Layer):
    """What cropping and padding share: an amount before and behind each axis of an image."""

    rank: int
    argument: str

    def __init__(self, amounts: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.amounts = _both_sides(amounts, self.rank, f"{type(self).__name__}: {self.argument}")
        self.data_format = data_format_of(data_format) if self.rank > 1 else "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def _of_all_axes(self) -> list[tuple[int, int]]:
        inner = list(self.amounts)
        return [(0, 0), *inner, (0, 0)] if self.data_format == "channels_last" else [(0, 0), (0, 0), *inner]

    def get_config(self) -> dict[str, Any]:
        amounts = self.amounts[0] if self.rank == 1 else self.amounts
        config = {**super().get_config(), self.argument: amounts}
        return config if self.rank == 1 and not self._writes_format() else {**config, "data_format": self.data_format}

    def _writes_format(self) -> bool:
        return False


class Cropping1D(_Borders):
    """Takes steps away at both ends of sequences.

    Args:
        cropping: how many: an integer for both ends, or (at the beginning, at the end).
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

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(cropping, **kwargs)

    @property
    def cropping(self) -> Any:
        """The amounts, as (before, behind), for each axis if there are several."""
        return self.amounts[0] if self.rank == 1 else self.amounts

    def call(self, inputs: Any) -> Any:
        amounts = self._of_all_axes()
        if any(before + behind >= size for (before, behind), size in zip(amounts, inputs.shape) if before + behind):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: cropping {self.cropping} leaves nothing of an input of shape "
                f"{inputs.shape}. Values in `cropping` argument should be smaller than the sizes, both sides together."
            )
        return inputs[tuple(slice(before, size - behind) for (before, behind), size in zip(amounts, inputs.shape))]


class Cropping2D(Cropping1D):
    """Takes rows and columns away at the borders of images.

    Args:
        cropping: how many: an integer for all borders, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same, smaller.

    Raises:
        ValueError: an amount that is negative, or leaves nothing.

    Example:
    >>> Cropping2D(((2, 2), (4, 4)))(jnp.ones((2, 28, 28, 3))).shape
    (2, 24, 20, 3)
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format=data_format, **kwargs)


class Cropping3D(Cropping1D):
    """Takes slices away at the borders of volumes.

    Args:
        cropping: how many: an integer for all borders, one for each axis, or (before, behind) for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same, smaller.

    Raises:
        ValueError: an amount that is negative, or leaves nothing.

    Example:
    >>> Cropping3D((1, 2, 0))(jnp.ones((2, 8, 8, 8, 3))).shape
    (2, 6, 4, 8, 3)
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format=data_format, **kwargs)


class ZeroPadding1D(_Borders):
    """Puts zeros at both ends of sequences.

    Args:
        padding: how many: an integer for both ends, or (at the beginning, at the end).
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features), or (batch, features, steps).
    Output shape: the same, longer.

    Raises:
        ValueError: a negative amount.

    Example:
    >>> ZeroPadding1D(2)(jnp.ones((2, 5, 3))).shape
    (2, 9, 3)
    """

    rank, argument = 1, "padding"

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format=data_format, **kwargs)
        self.data_format = data_format_of(data_format)

    @property
    def padding(self) -> Any:
        """The amounts, as (before, behind), for each axis if there are several."""
        return self.amounts[0] if self.rank == 1 else self.amounts

    def call(self, inputs: Any) -> Any:
        return jnp.pad(inputs, self._of_all_axes())

    def _writes_format(self) -> bool:
        return True


class ZeroPadding2D(ZeroPadding1D):
    """Puts rows and columns of zeros around images.

    Args:
        padding: how many: an integer for all borders, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same, larger.

    Raises:
        ValueError: a negative amount.

    Example:
    >>> ZeroPadding2D(1)(jnp.ones((2, 4, 4, 3))).shape
    (2, 6, 6, 3)
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(ZeroPadding1D):
    """Puts slices of zeros around volumes.

    Args:
        padding: how many: an integer for all borders, one for each axis, or (before, behind) for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same, larger.

    Raises:
        ValueError: a negative amount.

    Example:
    >>> ZeroPadding3D(1)(jnp.ones((2, 4, 4, 4, 3))).shape
    (2, 6, 6, 6, 3)
    """

    rank = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)


def _both_sides(value: Any, rank: int, name: str) -> tuple[tuple[int, int], ...]:
    """(before, behind) for each axis: from one integer, one for each axis, or the pairs."""
    if isinstance(value, int):
        value = (value,) * rank
    elif rank == 1:
        value = (value,)
    if not isinstance(value, (list, tuple)) or len(value) != rank:
        raise ValueError(f"{name} must be an integer or have {rank} elements, got {value!r}.")
    return tuple(sizes_of(pair, 2, name, allow_zero=True) for pair in value)  # type: ignore[misc]
