"""Metric: a running statistic of targets and predictions.

All state is in variables, so an object can be used by itself (`update_state`, `result`, `reset_state`) and as pure
functions inside a compiled step (`stateless_*`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from minidl import initializers
from minidl.core import dtypes
from minidl.core.arguments import CheckedArguments
from minidl.core.functional import bound, functional
from minidl.core.naming import auto_name
from minidl.core.object_graph import Stamped, children
from minidl.core.typing import DType, Identifier, PyTree
from minidl.core.variables import Variable, name_scope


class Metric(CheckedArguments, Stamped):
    """Base class of metrics. A subclass adds variables in `__init__` and implements `update_state` and `result`.

    Args:
        dtype: the dtype to compute in, default `floatx()`.
        name: default: the class's name in snake case.

    Example:
    >>> import numpy as np
    >>> class Count(Metric):
    ...     def __init__(self, name="count", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.seen = self.add_variable(shape=(), initializer="zeros", name="seen")
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.seen.assign_add(len(y_true))
    ...
    ...     def result(self):
    ...         return self.seen.value
    >>> metric = Count()
    >>> float(metric(np.zeros(3), np.zeros(3)))
    3.0
    """

    def __init__(self, dtype: DType | None = None, name: str | None = None):
        self.name = name or auto_name(type(self).__name__)
        self.dtype_policy = dtypes.get(dtype or dtypes.floatx())
        self.built = True  # False until the shapes of the first batch are known, if variables depend on them
        self._own_variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """The dtype that the metric computes in."""
        return self.dtype_policy.compute_dtype

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Update the state with a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no update_state(). Write one.")

    def result(self) -> PyTree:
        """The statistic so far: a scalar, or a dict of scalars."""
        raise NotImplementedError(f"{type(self).__name__} has no result(). Write one.")

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Create the variables of a metric whose state depends on the shapes of a batch (its `built` is False).

        A compiled step must know all variables, so `fit` builds metrics first. By itself a metric is built lazily.

        Args:
            y_true: targets; only shape and dtype are used.
            y_pred: predictions, likewise.
        """
        if self.built:
            return
        one = [jax.ShapeDtypeStruct((1, *batch.shape[1:]), batch.dtype) for batch in (y_true, y_pred)]
        jax.eval_shape(self.stateless_update_state, [variable._value for variable in self.variables], *one)

    def reset_state(self) -> None:
        """Reset all variables to their initial values."""
        for variable in self.variables:
            variable.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> PyTree:
        """Update with a batch and return the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """`update_state` as a pure function: values of `self.variables` in, new ones out."""
        self._check_values(metric_variables)
        with bound(self.variables, metric_variables):
            self.update_state(*args, **kwargs)
            return [variable._value for variable in self.variables]  # with those that are created lazily

    def stateless_result(self, metric_variables: Sequence[Any]) -> PyTree:
        """`result` as a pure function of the values of `self.variables`."""
        self._check_values(metric_variables)
        return functional(self.result, self.variables)(metric_variables)[0]

    def stateless_reset_state(self) -> list[Any]:
        """The initial values of `self.variables`; the metric itself is not changed."""
        variables = self.variables
        with bound(variables, [variable._value for variable in variables]):
            self.reset_state()
            return [variable._value for variable in variables]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Identifier = "zeros",
        dtype: DType | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Create a variable that belongs to the metric."""
        if "_own_variables" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() first.")
        with name_scope(self.name.replace("/", ">")):
            variable = Variable(
                initializers.get(initializer), shape, dtype, trainable=False, aggregation=aggregation, name=name
            )
        self._own_variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Identifier = None,
        dtype: DType | None = None,
        name: str | None = None,
    ) -> Variable:
        """As `add_variable`, by default a scalar."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The variables of this metric and of nested metrics."""
        return [*children(self, Variable), *(v for metric in children(self, Metric) for v in metric.variables)]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """The metric that `get_config` described."""
        return cls(**config)

    def check_built(self, learned: str) -> None:
        """Refuse a result before the first batch, for a metric that is built lazily.

        Args:
            learned: what is inferred from the first batch, for the error.

        Raises:
            RuntimeError: the metric is not built.
        """
        if not self.built:
            raise RuntimeError(f"{self.name}: no result yet. Call update_state first, which infers {learned}.")

    def _check_values(self, values: Sequence[Any]) -> None:
        if len(values) != len(self.variables):
            raise ValueError(f"{self.name}: got {len(values)} values for {len(self.variables)} variables.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
