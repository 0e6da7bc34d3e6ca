"""Inputs of a model: where a graph, or a `Sequential`, begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.core import dtypes
from minidl.core.arguments import ArgumentError, constructor_arguments, unknown_argument
from minidl.core.symbolic import KerasTensor, Node
from minidl.core.typing import Config, DType
from minidl.layers.base import Layer


class InputLayer(Layer):
    """The input of a model: its shape and dtype.

    Args:
        shape: the shape of one example, without the batch.
        batch_size: the size of the batch, if it is fixed.
        dtype: the dtype of the input, default `floatx()`.
        sparse: must be False: sparse tensors are not supported.
        ragged: must be False: ragged tensors are not supported.
        batch_shape: the shape with the batch, instead of `shape` and `batch_size`.
        input_tensor: a symbolic tensor to use as the input, instead of a new one. Other arguments must match it.
        optional: whether the input may be None.
        name: default "input_layer".

    Raises:
        ValueError: no shape or two shapes, an invalid shape, or an input_tensor that is not a symbolic tensor or
            does not match the other arguments.

    Example:
    >>> InputLayer((28, 28)).batch_shape
    (None, 28, 28)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: DType | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name)
        shape = kwargs.pop("input_shape", shape)  # their names in Keras 2
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ArgumentError(unknown_argument("InputLayer", kwargs, constructor_arguments(InputLayer)))
        if input_tensor is not None:
            _require_match(input_tensor, shape, batch_shape, batch_size, dtype, sparse)
            shape, batch_shape, batch_size, dtype = None, input_tensor.shape, None, input_tensor.dtype
        if shape is not None and batch_shape is not None:
            raise ValueError(f"Input: give either shape or batch_shape, got {shape} and {batch_shape}.")
        if batch_shape is not None and batch_size is not None:
            raise ValueError("Input: give either batch_size or batch_shape, which includes the batch size.")
        if shape is None and batch_shape is None:
            raise ValueError("Input: no shape given. Give `shape`, the shape of one example without the batch.")
        if sparse or ragged:
            raise ValueError("Input: sparse and ragged tensors are not supported; give dense arrays.")
        sizes = batch_shape if shape is None else shape
        if not isinstance(sizes, (list, tuple)) or not all(s is None or _is_size(s) for s in sizes):
            raise ValueError(
                f"Input: shape must be a tuple of sizes (None where unknown), got {sizes!r}. "
                "One size is written with a comma: Input((3,))."
            )
        sizes = tuple(None if size is None else int(size) for size in sizes)
        self.batch_shape = sizes if shape is None else (batch_size, *sizes)
        self._input_dtype = dtypes.canonical(dtype)
        self.sparse = self.ragged = False
        self.optional = optional
        tensor = (
            KerasTensor(self.batch_shape, self._input_dtype, name=self.name) if input_tensor is None else input_tensor
        )
        self._nodes += (Node(self, (), {}, tensor),)
        self.built = True

    def call(self, inputs: Any = None) -> Any:
        return inputs

    @property
    def input_dtype(self) -> str:
        return self._input_dtype

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._input_dtype

    def get_config(self) -> Config:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._input_dtype,
            "sparse": False,
            "ragged": False,
            "optional": self.optional,
            "name": self.name,
        }


def _require_match(
    tensor: Any,
    shape: Sequence[int | None] | None,
    batch_shape: Sequence[int | None] | None,
    batch_size: int | None,
    dtype: DType | None,
    sparse: bool | None,
) -> None:
    """Raise ValueError for arguments of an input that do not match the given tensor."""
    if not isinstance(tensor, KerasTensor):
        raise ValueError(f"Input: expected a symbolic tensor as input_tensor, got a {type(tensor).__name__}.")
    given = {
        "shape": (shape and tuple(shape), tensor.shape[1:]),
        "batch_shape": (batch_shape and tuple(batch_shape), tensor.shape),
        "batch_size": (batch_size, tensor.shape[0] if tensor.shape else None),
        "dtype": (dtype and dtypes.canonical(dtype), tensor.dtype),
        "sparse": (sparse, False),
    }
    for name, (value, own) in given.items():
        if value is not None and value != own:
            raise ValueError(f"Input: {name}={value} contradicts input_tensor, whose {name} is {own}.")


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and bool(value >= 0)


def Input(  # noqa: N802, a function that Keras writes like a class
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: DType | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor for the input of a model: see `InputLayer` for the arguments; `tensor` is its `input_tensor`.

    >>> Input((28, 28)).shape
    (None, 28, 28)
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output
