"""Merging layers: sum, product, concatenation and others of several inputs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array, Config
from minidl.layers.base import Layer


class _Merge(Layer):
    """The base of element-wise merging layers: a list of inputs with broadcastable shapes."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        _require_list(self, input_shape)
        shapes = [tuple(shape) for shape in input_shape]
        if len({shape[0] for shape in shapes if shape} - {None}) > 1:
            raise ValueError(f"{type(self).__name__}: the inputs have different batch sizes, in the shapes {shapes}.")
        rank = max(map(len, shapes))
        for sizes in zip(*(_with_rank(shape, rank) for shape in shapes)):
            if len(set(sizes) - {None, 1}) > 1:
                raise ValueError(
                    f"{type(self).__name__}: inputs of the shapes {shapes} cannot be broadcast: sizes differ."
                )

    def call(self, inputs: list[Array]) -> Array:
        rank = max(x.ndim for x in inputs)
        return self.merge([x.reshape(_with_rank(x.shape, rank)) for x in inputs])

    def merge(self, inputs: list[Array]) -> Array:
        """The result for arrays of the same rank."""
        raise NotImplementedError

    def compute_mask(self, inputs: list[Array], mask: Any = None) -> Array | None:
        """The union of the inputs' masks; None if one of them has no mask.

        Raises:
            ValueError: inputs and masks that are not lists of the same length.
        """
        masks = _masks_of(self, inputs, mask)
        return None if any(mask is None for mask in masks) else functools.reduce(jnp.logical_or, masks)


class Add(_Merge):
    """Element-wise sum of its inputs.

    Input shape: a list of shapes that broadcast.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Add()([jnp.ones(2), jnp.ones(2)])
    Array([2., 2.], dtype=float32)
    """

    def merge(self, inputs: list[Array]) -> Array:
        return functools.reduce(jnp.add, inputs)


class Subtract(_Merge):
    """Element-wise difference of its two inputs.

    Input shape: a list of two shapes that broadcast.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: not two inputs, or shapes that do not broadcast.

    Example:
    >>> Subtract()([jnp.ones(2), jnp.ones(2)])
    Array([0., 0.], dtype=float32)
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(f"Subtract takes a list of 2 inputs, got {len(input_shape)}.")

    def merge(self, inputs: list[Array]) -> Array:
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """Element-wise product of its inputs.

    Input shape: a list of shapes that broadcast. Masked steps of an input are left out of the product; a step that
        is masked in all inputs gives 0.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Multiply()([2 * jnp.ones(2), 3 * jnp.ones(2)])
    Array([6., 6.], dtype=float32)
    """

    def call(self, inputs: list[Array], mask: Any = None) -> Array:
        masks = _masks_of(self, inputs, mask)
        product = super().call(
            [x if m is None else jnp.where(_with_axes_of(m, x), x, 1) for x, m in zip(inputs, masks)]
        )
        if any(m is None for m in masks):
            return product
        return jnp.where(_with_axes_of(functools.reduce(jnp.logical_or, masks), product), product, 0)

    def merge(self, inputs: list[Array]) -> Array:
        return functools.reduce(jnp.multiply, inputs)


class Average(_Merge):
    """Element-wise mean of its inputs.

    Input shape: a list of shapes that broadcast.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Average()([jnp.ones(2), 3 * jnp.ones(2)])
    Array([2., 2.], dtype=float32)
    """

    def merge(self, inputs: list[Array]) -> Array:
        return functools.reduce(jnp.add, inputs) / len(inputs)


class _Selection(_Merge):
    """The base of `Maximum` and `Minimum`, which select among the values that are not masked."""

    def call(self, inputs: list[Array], mask: Any = None) -> Array:
        rank = max(x.ndim for x in inputs)
        arrays = [x.reshape(_with_rank(x.shape, rank)) for x in inputs]
        masks = [m if m is None else _with_axes_of(m, x) for m, x in zip(_masks_of(self, inputs, mask), arrays)]
        result, valid = arrays[0], masks[0]
        for x, m in zip(arrays[1:], masks[1:]):
            other = x if m is None else jnp.where(m, x, result)
            result = self.choose(result if valid is None else jnp.where(valid, result, other), other)
            valid = None if m is None or valid is None else jnp.logical_or(valid, m)
        return result

    def choose(self, x: Array, y: Array) -> Array:
        """The element-wise choice between two arrays."""
        raise NotImplementedError


class Maximum(_Selection):
    """Element-wise maximum of its inputs.

    Input shape: a list of shapes that broadcast. Masked steps of an input are ignored.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Maximum()([jnp.array([1.0, 5.0]), jnp.array([2.0, 3.0])])
    Array([2., 5.], dtype=float32)
    """

    def choose(self, x: Array, y: Array) -> Array:
        return jnp.maximum(x, y)


class Minimum(_Selection):
    """Element-wise minimum of its inputs.

    Input shape: a list of shapes that broadcast. Masked steps of an input are ignored.
    Output shape: the shape that they broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
    >>> Minimum()([jnp.array([1.0, 5.0]), jnp.array([2.0, 3.0])])
    Array([1., 3.], dtype=float32)
    """

    def choose(self, x: Array, y: Array) -> Array:
        return jnp.minimum(x, y)


class Concatenate(_Merge):
    """Concatenates its inputs along an axis.

    Args:
        axis: the axis to concatenate along.
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

    def build(self, input_shape: Any) -> None:
        _require_list(self, input_shape)
        shapes = [tuple(shape) for shape in input_shape]
        others = [shape[: (axis := self.axis % len(shape))] + shape[axis + 1 :] for shape in shapes]
        if len(set(map(len, shapes))) > 1 or any(len(set(sizes) - {None}) > 1 for sizes in zip(*others)):
            raise ValueError(
                f"Concatenate: the shapes of the inputs may differ only along axis {self.axis}, got {shapes}."
            )

    def call(self, inputs: list[Array]) -> Array:
        return jnp.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs: list[Array], mask: Any = None) -> Array | None:
        """The union of the inputs' masks; an input without a mask has all steps valid.

        Raises:
            ValueError: inputs and masks that are not lists of the same length.
        """
        masks = _masks_of(self, inputs, mask)
        if all(mask is None for mask in masks):
            return None
        full = [_broadcast_mask(mask, x) for mask, x in zip(masks, inputs)]
        return jnp.any(jnp.concatenate(full, axis=self.axis), axis=-1)

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}


class Dot(_Merge):
    """Batched dot product of two inputs along an axis of each.

    Args:
        axes: the axis of both, or (axis of the first, axis of the second); not the batch.
        normalize: whether to scale the vectors to unit length first, which gives the cosine similarity.
        **kwargs: see `Layer`.

    Input shape: a list of two shapes of at least two axes.
    Output shape: (batch, axes of the first but its own, axes of the second but its own), at least (batch, 1).

    Raises:
        TypeError: axes that are not integers.
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

    def build(self, input_shape: Any) -> None:
        _require_list(self, input_shape)
        if len(input_shape) != 2:
            raise ValueError(f"Dot takes a list of 2 inputs, got {len(input_shape)}.")
        first, second = input_shape
        a, b = self._axes_of(len(first), len(second))
        if first[a] is not None and second[b] is not None and first[a] != second[b]:
            raise ValueError(f"Dot: axis {a} of {first} and axis {b} of {second} must have the same size.")

    def call(self, inputs: list[Array]) -> Array:
        x, y = inputs
        a, b = self._axes_of(x.ndim, y.ndim)
        if self.normalize:
            x, y = _unit(x, a), _unit(y, b)
        product = lax.dot_general(x, y, (((a,), (b,)), ((0,), (0,))))
        return product[:, None] if product.ndim == 1 else product

    def compute_mask(self, inputs: list[Array], mask: Any = None) -> None:
        """None: the output has no steps."""

    def get_config(self) -> Config:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}

    def _axes_of(self, first_rank: int, second_rank: int) -> tuple[int, int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        a, b = axes[0] % first_rank, axes[1] % second_rank
        if 0 in (a, b) or min(first_rank, second_rank) < 2:
            raise ValueError(f"Dot: axes {self.axes} include the batch axis; give axes from 1 on.")
        return a, b


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of a list of arrays or symbolic tensors; see `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The difference of two arrays or symbolic tensors; see `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of a list of arrays or symbolic tensors; see `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of a list of arrays or symbolic tensors; see `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The element-wise maximum of a list of arrays or symbolic tensors; see `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The element-wise minimum of a list of arrays or symbolic tensors; see `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Arrays or symbolic tensors, concatenated along an axis; see `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """The dot product of two arrays or symbolic tensors; see `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)


def _require_list(layer: Layer, input_shape: Any) -> None:
    if not isinstance(input_shape, (list, tuple)) or not input_shape or not isinstance(input_shape[0], (list, tuple)):
        raise ValueError(f"{type(layer).__name__} takes a list of inputs, got one of shape {input_shape}.")


def _with_rank(shape: Sequence[Any], rank: int) -> tuple[Any, ...]:
    """The shape with axes of size 1 inserted after the batch, up to the given rank."""
    return (*shape[:1], *(1,) * (rank - len(shape)), *shape[1:])


def _masks_of(layer: Layer, inputs: Any, mask: Any) -> Sequence[Any]:
    """The mask of each input, or None."""
    if mask is None:
        return [None] * len(inputs)
    for name, value in (("mask", mask), ("inputs", inputs)):
        if not isinstance(value, (list, tuple)):
            kind = type(value).__name__
            raise ValueError(f"{type(layer).__name__}: {name} must be a list, got {kind}.")
    if len(mask) != len(inputs):
        raise ValueError(
            f"{type(layer).__name__}: expected one mask for each of {len(inputs)} inputs, got {len(mask)}."
        )
    return [None if m is None else jnp.asarray(m) for m in mask]


def _with_axes_of(mask: Array, x: Array) -> Array:
    """The mask with trailing axes of size 1, up to the rank of x."""
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))


def _broadcast_mask(mask: Array | None, x: Array) -> Array:
    """The mask of an input, broadcast to its shape."""
    if mask is None:
        return jnp.ones(x.shape, bool)
    return jnp.broadcast_to(mask[..., None], x.shape) if mask.ndim < x.ndim else mask


def _unit(x: Array, axis: int) -> Array:
    return x * lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis, keepdims=True), 1e-12))
