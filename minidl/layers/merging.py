"""Layers that make one array of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array, Config, Shape
from minidl.layers.base import Layer


class _Merge(Layer):
    """What the element by element merges share: inputs of broadcastable shapes, in a list."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        _require_list(self, input_shape)
        shapes = [tuple(shape) for shape in input_shape]
        if len({shape[0] for shape in shapes if shape} - {None}) > 1:
            raise ValueError(f"{type(self).__name__}: the inputs have different batch sizes, in the shapes {shapes}.")
        rank = max(map(len, shapes))
        for sizes in zip(*(_with_rank(shape, rank) for shape in shapes)):
            if len(set(sizes) - {None, 1}) > 1:
                raise ValueError(
                    f"{type(self).__name__}: inputs of the shapes {shapes} do not go together: sizes differ."
                )

    def call(self, inputs: Array) -> Array:
        rank = max(x.ndim for x in inputs)
        return self.merge([x.reshape(_with_rank(x.shape, rank)) for x in inputs])

    def merge(self, inputs: list[Any]) -> Any:
        """The result for arrays of one rank."""
        raise NotImplementedError

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        """A step counts where it counts in any of the inputs; without a mask in one of them, every step does.

        Raises:
            ValueError: inputs and masks that are no lists of one length.
        """
        masks = _masks_of(self, inputs, mask)
        return None if any(mask is None for mask in masks) else _folded(jnp.logical_or, masks)


class Add(_Merge):
    """Adds its inputs.

    Input shape: a list of shapes that broadcast.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Add()([jnp.ones(2), jnp.ones(2)])
    Array([2., 2.], dtype=float32)
    """

    def merge(self, inputs: list[Any]) -> Any:
        return _folded(jnp.add, inputs)


class Subtract(_Merge):
    """Subtracts the second of its two inputs from the first.

    Input shape: a list of two shapes that broadcast.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: not two inputs, or shapes that do not broadcast.

    Example:
    >>> Subtract()([jnp.ones(2), jnp.ones(2)])
    Array([0., 0.], dtype=float32)
    """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(f"A Subtract layer should be called on exactly 2 inputs, got {len(input_shape)}.")

    def merge(self, inputs: list[Any]) -> Any:
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """Multiplies its inputs, element by element.

    Input shape: a list of shapes that broadcast. A masked step of an input is left out of the product; one that is
        masked in all of them gives 0.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Multiply()([2 * jnp.ones(2), 3 * jnp.ones(2)])
    Array([6., 6.], dtype=float32)
    """

    def call(self, inputs: Array, mask: Array | None = None) -> Array:
        masks = _masks_of(self, inputs, mask)
        product = super().call([x if m is None else jnp.where(_behind(m, x), x, 1) for x, m in zip(inputs, masks)])
        if any(m is None for m in masks):
            return product
        return jnp.where(_behind(_folded(jnp.logical_or, masks), product), product, 0)

    def merge(self, inputs: list[Any]) -> Any:
        return _folded(jnp.multiply, inputs)


class Average(_Merge):
    """The mean of its inputs.

    Input shape: a list of shapes that broadcast.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Average()([jnp.ones(2), 3 * jnp.ones(2)])
    Array([2., 2.], dtype=float32)
    """

    def merge(self, inputs: list[Any]) -> Any:
        return _folded(jnp.add, inputs) / len(inputs)


class _Choice(_Merge):
    """What `Maximum` and `Minimum` share: one of two values is taken, and only from where it is not masked."""

    def call(self, inputs: Array, mask: Array | None = None) -> Array:
        rank = max(x.ndim for x in inputs)
        arrays = [x.reshape(_with_rank(x.shape, rank)) for x in inputs]
        masks = [m if m is None else _behind(m, x) for m, x in zip(_masks_of(self, inputs, mask), arrays)]
        chosen, counts = arrays[0], masks[0]
        for x, m in zip(arrays[1:], masks[1:]):
            other = x if m is None else jnp.where(m, x, chosen)
            chosen = self.choose(chosen if counts is None else jnp.where(counts, chosen, other), other)
            counts = None if m is None or counts is None else jnp.logical_or(counts, m)
        return chosen

    def choose(self, x: Any, y: Any) -> Any:
        """The result for two arrays that count."""
        raise NotImplementedError


class Maximum(_Choice):
    """The largest of its inputs, element by element.

    Input shape: a list of shapes that broadcast. A masked step of an input is not looked at.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Maximum()([jnp.array([1.0, 5.0]), jnp.array([2.0, 3.0])])
    Array([2., 5.], dtype=float32)
    """

    def choose(self, x: Any, y: Any) -> Any:
        return jnp.maximum(x, y)


class Minimum(_Choice):
    """The smallest of its inputs, element by element.

    Input shape: a list of shapes that broadcast. A masked step of an input is not looked at.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Minimum()([jnp.array([1.0, 5.0]), jnp.array([2.0, 3.0])])
    Array([1., 3.], dtype=float32)
    """

    def choose(self, x: Any, y: Any) -> Any:
        return jnp.minimum(x, y)


class Concatenate(_Merge):
    """Puts its inputs one behind the other.

    Args:
        axis: along which.
        **kwargs: see `Layer`.

    Input shape: a list of shapes that differ only along the axis.
    Output shape: the same, with the sum of the sizes along the axis.

    Raises:
        ValueError: shapes that differ elsewhere.

    Example:
    >>> Concatenate()([jnp.ones((2, 3)), jnp.ones((2, 4))]).shape
    (2, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Shape) -> None:
        _require_list(self, input_shape)
        shapes = [tuple(shape) for shape in input_shape]
        others = [shape[: (axis := self.axis % len(shape))] + shape[axis + 1 :] for shape in shapes]
        if len(set(map(len, shapes))) > 1 or any(len(set(sizes) - {None}) > 1 for sizes in zip(*others)):
            raise ValueError(
                f"Concatenate requires inputs with matching shapes except for the concatenation axis, {self.axis}, got "
                f"{shapes}."
            )

    def call(self, inputs: Array) -> Array:
        return jnp.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        """A step counts where it counts in any of the inputs; an input without a mask counts everywhere.

        Raises:
            ValueError: inputs and masks that are no lists of one length.
        """
        masks = _masks_of(self, inputs, mask)
        if all(mask is None for mask in masks):
            return None
        full = [_like(mask, x) for mask, x in zip(masks, inputs)]
        return jnp.any(jnp.concatenate(full, axis=self.axis), axis=-1)

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}


class Dot(_Merge):
    """The dot product of two inputs along an axis of each, example by example.

    Args:
        axes: the axis of both, or (axis of the first, axis of the second); not the batch.
        normalize: whether to bring the vectors to length 1 first: the result is then the cosine.
        **kwargs: see `Layer`.

    Input shape: a list of two shapes of at least two axes.
    Output shape: (batch, axes of the first but its own, axes of the second but its own), at least (batch, 1).

    Raises:
        TypeError: axes that are no integers.
        ValueError: not two inputs, or sizes that differ.

    Example:
    >>> Dot(axes=(1, 2))([jnp.ones((2, 3)), jnp.ones((2, 5, 3))]).shape
    (2, 5)
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(axes, int) and not isinstance(axes, (list, tuple)):
            raise TypeError(f"Dot: axes must be an integer or two, got {axes!r}.")
        if not isinstance(axes, int) and (len(axes) != 2 or not all(isinstance(axis, int) for axis in axes)):
            raise ValueError(f"Dot: axes must be an integer or two, got {axes!r}.")
        self.axes = axes
        self.normalize = normalize
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        _require_list(self, input_shape)
        if len(input_shape) != 2:
            raise ValueError(f"Dot takes a list of exactly 2 inputs, got {len(input_shape)}.")
        first, second = input_shape
        a, b = self._axes_of(len(first), len(second))
        if first[a] is not None and second[b] is not None and first[a] != second[b]:
            raise ValueError(
                f"Dot: axis {a} of {first} and axis {b} of {second} must have one size: incompatible dimensions."
            )

    def call(self, inputs: Array) -> Array:
        x, y = inputs
        a, b = self._axes_of(x.ndim, y.ndim)
        if self.normalize:
            x, y = _unit(x, a), _unit(y, b)
        product = lax.dot_general(x, y, (((a,), (b,)), ((0,), (0,))))
        return product[:, None] if product.ndim == 1 else product

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> None:
        """None: the steps are summed over."""

    def get_config(self) -> Config:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}

    def _axes_of(self, first_rank: int, second_rank: int) -> tuple[int, int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        a, b = axes[0] % first_rank, axes[1] % second_rank
        if 0 in (a, b) or min(first_rank, second_rank) < 2:
            raise ValueError(f"Dot: axes {self.axes} name the batch, which stays as it is.")
        return a, b


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of a list of arrays or symbolic tensors; see `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first of two arrays or symbolic tensors without the second; see `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of a list of arrays or symbolic tensors; see `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of a list of arrays or symbolic tensors; see `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of a list of arrays or symbolic tensors; see `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of a list of arrays or symbolic tensors; see `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """A list of arrays or symbolic tensors one behind the other; see `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """The dot product of two arrays or symbolic tensors; see `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)


def _require_list(layer: Layer, input_shape: Any) -> None:
    if not isinstance(input_shape, (list, tuple)) or not input_shape or not isinstance(input_shape[0], (list, tuple)):
        raise ValueError(f"{type(layer).__name__} takes a list of inputs, got one of shape {input_shape}.")


def _with_rank(shape: Sequence[Any], rank: int) -> tuple[Any, ...]:
    """The shape with axes of size 1 behind the batch."""
    return (*shape[:1], *(1,) * (rank - len(shape)), *shape[1:])


def _folded(function: Any, values: Sequence[Any]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = function(result, value)
    return result


def _masks_of(layer: Layer, inputs: Any, mask: Any) -> Sequence[Any]:
    """The mask of each input, None where there is none."""
    if mask is None:
        return [None] * len(inputs)
    for name, value in (("mask", mask), ("inputs", inputs)):
        if not isinstance(value, (list, tuple)):
            kind = type(value).__name__
            raise ValueError(f"{type(layer).__name__}.compute_mask: `{name}` should be a list. It is of type {kind}.")
    if len(mask) != len(inputs):
        raise ValueError(
            f"{type(layer).__name__}.compute_mask: inputs and mask should have the same length, got {len(inputs)} and "
            f"{len(mask)}."
        )
    return [None if one is None else jnp.asarray(one) for one in mask]


def _behind(mask: Any, x: Any) -> Any:
    """A mask with as many axes as an array."""
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))


def _like(mask: Any, x: Any) -> Any:
    """A mask with the shape of the input that it belongs to."""
    if mask is None:
        return jnp.ones(x.shape, bool)
    return jnp.broadcast_to(mask[..., None], x.shape) if mask.ndim < x.ndim else mask


def _unit(x: Any, axis: int) -> Any:
    return x * lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis, keepdims=True), 1e-12))
