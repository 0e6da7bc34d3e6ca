"""HashedCrossing: the bucket of a hash for each combination of features."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.core import budget, dtypes
from minidl.core.string_hashes import crossed
from minidl.core.symbolic import KerasTensor
from minidl.core.text import as_text, may_be_text
from minidl.core.typing import Config, DType
from minidl.layers.preprocessing.encodings import encoded, encoded_shape
from minidl.layers.preprocessing.host_layer import HostLayer, as_host_array


class HashedCrossing(HostLayer):
    """The hash of each combination of the values of several features, modulo num_bins.

    Args:
        num_bins: the number of bins.
        output_mode: "int" for the numbers of bins, "one_hot" for vectors of size num_bins.
        sparse: must be False.
        name: see `Layer`.
        dtype: of the output, default an integer type with "int" and `floatx()` otherwise.

    Input shape: a list of arrays of one shape, (), (batch,) or (batch, 1), strings or integers.
    Output shape: the same; with "one_hot" (batch, num_bins).

    Raises:
        ValueError: an unknown output_mode; fewer than two inputs, of other or different shapes.

    Example:
    >>> HashedCrossing(5)((["A", "B", "A"], [1, 1, 2]))
    Array([0, 0, 3], dtype=int32)
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: DType | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, dtype=dtype or ("int64" if output_mode == "int" else None))
        if output_mode not in ("int", "one_hot"):
            raise ValueError(f"HashedCrossing: output_mode must be 'int' or 'one_hot', got {output_mode!r}.")
        if sparse:
            raise ValueError("HashedCrossing: sparse tensors are not supported; set sparse=False.")
        if output_mode != "int":
            budget.charge_numbers(num_bins, "numbers in a vector")
        self.num_bins = num_bins
        self.output_mode = output_mode
        self.sparse = sparse

    def compute(self, inputs: Any) -> np.ndarray:
        columns = [as_text(column, "HashedCrossing") if may_be_text(column) else column for column in inputs]
        found = crossed(columns, self.num_bins)
        return (
            found if self.output_mode == "int" else encoded(found, self.output_mode, self.num_bins, self.output_dtype)
        )

    def as_inputs(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(f"HashedCrossing: expected a list of at least two inputs, got {inputs!r}.")
        columns = [as_host_array(column) for column in inputs]
        shape = columns[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(f"HashedCrossing: inputs must have the shape (), (batch,) or (batch, 1), got {shape}.")
        if any(column.shape != shape for column in columns):
            raise ValueError(f"HashedCrossing: inputs must have one shape, got {[c.shape for c in columns]}.")
        for column in columns:
            dtype = str(column.dtype)
            if not (may_be_text(column) or dtype == "string" or "int" in dtype):
                raise ValueError(f"HashedCrossing: inputs must be strings or integers, got an array of dtype {dtype}.")
        return columns

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output, for a list of shapes."""
        if len(input_shape) < 2 or not all(isinstance(shape, (tuple, list)) for shape in input_shape):
            raise ValueError(f"HashedCrossing: expected a list of at least two shapes, got {input_shape!r}.")
        if any(tuple(shape) != tuple(input_shape[0]) for shape in input_shape):
            raise ValueError(f"HashedCrossing: inputs must have one shape, got {input_shape}.")
        return encoded_shape(tuple(input_shape[0]), self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """The output as a symbolic tensor."""
        shape = self.compute_output_shape([tuple(tensor.shape) for tensor in inputs])
        return KerasTensor(shape, self.output_dtype)

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return dtypes.canonical(self.compute_dtype)

    def get_config(self) -> Config:
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }
