"""Discretization: bins numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Array, Config, DType
from minidl.layers.preprocessing.category_encoding import encode
from minidl.layers.preprocessing.lists import ListLayer


class Discretization(ListLayer):
    """Bins numbers: the index of a bin is the number of boundaries that a value reaches.

    Args:
        bin_boundaries: the boundaries of the bins, in ascending order.
        num_bins: number of bins, instead of bin_boundaries: `adapt` computes quantile boundaries.
        epsilon: precision of the quantiles in `adapt`, which keeps about 1 / epsilon values.
        output_mode: "int" for the index of the bin, or as in `CategoryEncoding`.
        sparse: must be False.
        dtype: see `Layer`.
        name: see `Layer`.

    Input shape: any.
    Output shape: the same, or as in `CategoryEncoding`.

    Raises:
        ValueError: both or neither of bin_boundaries and num_bins, or an unknown output_mode.

    Example:
    >>> Discretization([0.0, 1.0])(np.array([-1.5, 0.5, 3.0]))
    Array([0, 1, 2], dtype=int32)
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: DType | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if output_mode not in ("int", "one_hot", "multi_hot", "count"):
            raise ValueError(
                f"Discretization: output_mode must be 'int', 'one_hot', 'multi_hot' or 'count', got {output_mode!r}."
            )
        if sparse:
            raise ValueError("Discretization: sparse tensors are not supported; set sparse=False.")
        if bin_boundaries is None and num_bins is None:
            raise ValueError("Discretization: give num_bins or bin_boundaries.")
        if bin_boundaries is not None and num_bins is not None:
            raise ValueError("Discretization: give either num_bins or bin_boundaries, not both.")
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"Discretization: num_bins must not be negative, got {num_bins}.")
        self.bin_boundaries = bin_boundaries
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode
        self.sparse = sparse
        self.built = True

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Compute quantile boundaries from data: bins of about equally many values.

        Args:
            data: an array, or an iterable of batches.
            steps: number of batches to use, default all.

        Raises:
            ValueError: the layer has bin_boundaries.
        """
        if self.num_bins is None:
            raise ValueError(
                "Discretization: the layer has fixed bin_boundaries; construct it with num_bins to use adapt()."
            )
        kept = np.zeros((2, 0), "float32")
        for i, batch in enumerate([data] if hasattr(data, "shape") or not isinstance(data, Iterable) else data):
            if steps is not None and i >= steps:
                break
            kept = _merged(_summary(np.array(batch, "float32"), self.epsilon), kept, self.epsilon)
        self.bin_boundaries = _compressed(kept, 1.0 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs: Array) -> Array:
        if self.bin_boundaries is None:
            raise ValueError(
                "Discretization: the layer has no boundaries yet. Give bin_boundaries, or call adapt() with data."
            )
        bins = jnp.digitize(inputs, jnp.asarray(self.bin_boundaries, inputs.dtype)).astype("int32")
        if self.output_mode == "int":
            return bins
        return encode(bins, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output, known from `num_bins` before `adapt`."""
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
        return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """The output as a symbolic tensor, also before `adapt`."""
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)

    def get_config(self) -> Config:
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config: Config) -> Discretization:
        """The layer that `get_config` described; an adapted layer keeps its boundaries."""
        if config.get("num_bins") is None:
            return cls(**config)
        layer = cls(**{name: value for name, value in config.items() if name != "bin_boundaries"})
        layer.bin_boundaries = config.get("bin_boundaries")
        return layer


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    """About 1 / epsilon of the sorted values, and the number of values that each represents: (2, values)."""
    values = np.sort(values.ravel())
    step = max(values.size * epsilon, 1)
    sampled = values[int(step - 1) :: int(step)]
    return np.stack([sampled, np.full_like(sampled, step)])


def _merged(first: np.ndarray, second: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate([first, second], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A summary with at most about 1 / epsilon values, interpolated."""
    if summary.shape[1] * epsilon < 1:
        return summary
    quantiles = epsilon + np.arange(0.0, 1.0, epsilon)
    sums = summary[1].cumsum()
    values, sums = (np.interp(quantiles, sums / sums[-1], row) for row in (summary[0], sums))
    return np.stack([values, np.diff(sums, prepend=0.0)]).astype("float32")
