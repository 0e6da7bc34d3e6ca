"""Prepared: models built for data, with losses and metrics for their outputs, and compiled steps."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from types import MethodType
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.arrays import as_arrays
from minidl.core.binding import is_binding
from minidl.core.functional import functional
from minidl.core.object_graph import Watch, places
from minidl.core.symbolic import tensors_like
from minidl.core.typing import Array, PyTree
from minidl.layers.module import Module, building
from minidl.training.compiled import Compiled
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data import ranges, text
from minidl.training.data.adapt import Data, adapt
from minidl.training.data.array_data import ArrayData
from minidl.training.data.known_inputs import kind_of
from minidl.training.data.splits import class_weights_to_sample_weights
from minidl.training.data.streams import StreamData
from minidl.training.targets import checks
from minidl.training.targets.functions import check_steps


class Prepared(Compiled):
    """The part of `Trainer` between `compile` and the loop: the loss, the metrics, the data, the steps."""

    output_names: list[str] | None = None  # the names of the outputs, if the model has any
    _fitting: Any  # set by `Trainer`

    def compute_loss(
        self,
        x: PyTree = None,
        y: PyTree = None,
        y_pred: PyTree = None,
        sample_weight: PyTree = None,
        training: bool = True,
    ) -> Array:
        """The loss of a batch: the compiled loss plus the losses of layers and regularizers. May be overridden.

        Raises:
            ValueError: there is neither a loss nor a loss of a layer.
        """
        self._build_objectives(y, y_pred)
        loss = self.objectives.compute_loss(y, y_pred, sample_weight) if self.compiled else None
        terms = [*([] if loss is None else [loss]), *(term.astype("float32") for term in self.losses)]
        if not terms and not training:
            return jnp.zeros(())
        if not terms:
            raise ValueError("There is nothing to train: give compile() a loss, or call add_loss() in a layer.")
        return sum(terms[1:], terms[0])

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: PyTree = None,
        y: PyTree = None,
        y_pred: PyTree = None,
        sample_weight: PyTree = None,
        training: bool = True,
    ) -> tuple[Any, tuple[list[Any], list[Any], list[Any]]]:
        """`compute_loss` as a pure function of the variables.

        Losses that layers add with `add_loss` are not included: `stateless_call(return_losses=True)` returns them.

        Returns:
            (loss, (trainable, non-trainable, metrics values after it)).
        """
        groups = [self.trainable_variables, self.non_trainable_variables, self.metrics_variables]
        values = [*trainable_variables, *non_trainable_variables, *metrics_variables]
        pure = functional(self.compute_loss, [variable for group in groups for variable in group])
        loss, changed = pure(values, x, y, y_pred, sample_weight, training)
        rest = iter(changed)
        trainable, non_trainable, metrics = ([next(rest) for _ in group] for group in groups)
        return loss, (trainable, non_trainable, metrics)

    def compute_metrics(self, x: PyTree, y: PyTree, y_pred: PyTree, sample_weight: PyTree = None) -> dict[str, Any]:
        """Update the metrics with a batch. May be overridden.

        Returns:
            The logs: name -> number.
        """
        self._build_objectives(y, y_pred)
        self.objectives.update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    # Metrics and steps

    @property
    def metrics(self) -> list[Any]:
        """The loss as a metric, the compiled metrics (once their kind is known), and those of the model's layers."""
        watch, found = self._fitting.inside
        if watch is None or not watch.is_unchanged():
            found = super().metrics
            self._fitting.inside = Watch(places([self], (Module,))), found
        if self.objectives is None:
            return list(found)
        return [self.objectives.loss_tracker, *self.objectives.metrics, *found]

    @property
    def metrics_names(self) -> list[str]:
        """The names of the values that `evaluate` returns, in order."""
        if not self.compiled:
            return []
        shows_compiled, own = self._reported_metrics()
        return [*(self.objectives.names if shows_compiled else []), *(metric.name for metric in own)]

    def reset_metrics(self) -> None:
        """Reset the state of all metrics."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Name -> value of the loss and the metrics so far."""
        shows_compiled, own = self._reported_metrics()
        results = self.objectives.results() if shows_compiled else {}
        for metric in own:
            value = metric.result()
            results |= value if isinstance(value, dict) else {metric.name: value}
        return results

    def _reported_metrics(self) -> tuple[bool, list[Any]]:
        """Whether the logs have the compiled loss and metrics, unless `metrics` is the user's own; and all others."""
        metrics, compiled = self.metrics, {id(metric) for metric in self.objectives.reported}
        shows_compiled = compiled <= {id(metric) for metric in metrics}
        return shows_compiled, [metric for metric in metrics if not shows_compiled or id(metric) not in compiled]

    @property
    def compiled_steps(self) -> CompiledSteps:
        """The compiled steps for the model's current variables; created again when these change."""
        if self._steps is not None and is_binding():  # called by a step that is being traced
            return self._steps
        with building:
            steps = CompiledSteps(self) if self._steps is None else self._steps.renewed()
            return steps if steps is self._steps else steps.use()

    def prepare(self, x: PyTree, y: PyTree = None, sample_weight: PyTree = None) -> CompiledSteps:
        """The model's steps as pure functions, for a custom training loop in JAX.

        Builds the model, losses and metrics for data like the given arrays (any number of rows).

        Args:
            x: inputs, (examples, ...).
            y: targets, (examples, ...).
            sample_weight: a weight for each example, or None.

        Example:
        >>> import numpy as np
        >>> from minidl.layers import Dense
        >>> from minidl.models import Sequential
        >>> model = Sequential([Dense(1)])
        >>> model.compile(optimizer="sgd", loss="mse")
        >>> x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
        >>> steps = model.prepare(x, y)
        >>> state = jax.lax.fori_loop(0, 999, lambda i, state: steps.train_step(state, (x, y, None)), steps.state())
        >>> steps.put(state)
        >>> model.predict(x, verbose=0).round(2)[0]
        array([1.], dtype=float32)
        """
        self._prepare("prepare", as_arrays(x), as_arrays(y), as_arrays(sample_weight))
        return self.compiled_steps

    # Inside

    @contextlib.contextmanager
    def _data(
        self,
        call: str,
        x: Any,
        y: PyTree,
        sample_weight: PyTree,
        batch_size: int | None,
        steps: int | None,
        class_weight: dict[int, float] | None = None,
        shuffle: bool | str = False,
    ) -> Iterator[Data]:
        """Checked data, for a model that is built for it; closed at the end, also if a check fails."""
        weigh = None if class_weight is None else functools.partial(self._class_weights, call, class_weight)
        use = "validation" if call == "fit: validation_data" else "prediction" if call == "predict" else "training"
        if use == "training" and (not self.built or (self.compiled and not self.objectives.built)):
            use = "building"
        options = batch_size, steps, shuffle, weigh, use, functools.partial(text.on_host, self)
        with contextlib.closing(adapt(call, x, y, sample_weight, *options)) as data:
            if call == "fit" and isinstance(data, ArrayData) and not self.objectives.built:
                if self.objectives.are_given or not self._is_built_inside():
                    data.skip_order()
            self._prepare(call, *data.first)
            if isinstance(data, StreamData):
                data.check = functools.partial(self._check_values, call)
            yield data

    def _arrays(self, call: str, x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
        """One batch as checked arrays."""
        x, y, sample_weight = as_arrays(x, text=True), as_arrays(y), as_arrays(sample_weight)
        checks.arrays(call, x, y, sample_weight)
        return text.on_host(self, x), y, sample_weight

    def _class_weights(self, call: str, class_weight: dict[int, float], x: Any, y: Any, sample_weight: Any) -> Any:
        """The weight of each example, or of each of its steps, from class weights."""
        outputs = self._output_spec(x)
        checks.class_weight(call, class_weight, sample_weight, y, outputs)
        return class_weights_to_sample_weights(jax.tree.leaves(y)[0], class_weight, jax.tree.leaves(outputs)[0].ndim)

    def _build_objectives(self, y: PyTree, y_pred: PyTree) -> None:
        """Build losses and metrics lazily, for custom training loops."""
        if self.compiled and not self.objectives.built:
            with jax.ensure_compile_time_eval():  # variables of metrics are concrete, also while tracing
                self.objectives.build(y, y_pred, self.output_names)

    def _prepare(self, call: str, x: PyTree, y: PyTree = None, sample_weight: PyTree = None) -> None:
        """Build the model, losses and metrics, and check the targets against the outputs."""
        with building:
            y_pred = self._output_spec(x)  # builds the model
        if self.compiled and not call.startswith("predict"):
            checks.has_targets(call, self.loss, y)
            check_steps(self)
            with building:
                self.objectives.build(y, y_pred, self.output_names)
        self._check_values(call, x, y, sample_weight)
        if self.compiled and sample_weight is not None and self.compute_loss == MethodType(Prepared.compute_loss, self):
            rows = len(jax.tree.leaves(x)[0])
            self.objectives.check_weights(*(tensors_like(part, rows) for part in (y, y_pred, sample_weight)))

    def _check_values(self, call: str, x: PyTree, y: PyTree, sample_weight: PyTree) -> None:
        """Refuse targets that do not match the outputs, and values that a layer or the loss cannot take."""
        y_pred = self._output_spec(x)
        ranges.check(call, self, x)
        if self.compiled and not call.startswith("predict"):
            checks.weights(call, sample_weight)
            checks.targets(call, self.objectives.loss, y, y_pred, self.output_names)

    def _output_spec(self, x: PyTree) -> Any:
        """The shapes of the outputs for inputs like x (symbolic tensors); builds the model if it is not built."""
        kind = kind_of(x)
        if kind not in self._known_inputs.outputs:
            spec = self.compute_output_spec(text.symbolic(x))
            if spec is None:
                raise ValueError(f"{type(self).__name__}.call returned None. End it with `return outputs`.")
            self._known_inputs.outputs[kind] = spec
        return self._known_inputs.outputs[kind]

    def _is_built_inside(self) -> bool:
        return all(layer.built for layer in self._flatten_layers())
