"""Objectives: the losses and metrics of compile(), resolved for the outputs of the model.

Names such as "accuracy" mean different things for different shapes, so losses and metrics are
made when the shapes of targets and predictions are first known. Then this is the whole
objective: for each output the loss to lower, and the metrics to report.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from minidl import losses, metrics
from minidl.core.object_graph import Stamped
from minidl.core.symbolic import infer
from minidl.core.typing import PyTree
from minidl.losses import Loss
from minidl.metrics import Mean, Metric
from minidl.training.targets import checks
from minidl.training.targets.functions import check_loss
from minidl.training.targets.outputs import Outputs, is_structure


class Objectives(Stamped):
    """The losses and the metrics of a compiled model.

    Each argument is for all outputs, or a structure with an entry for each (see `Outputs.split`).

    Args:
        loss: name, function or `Loss`; None for an output that is not trained, or where layers add their losses
            themselves.
        loss_weights: factors of the losses; None for 1.
        metrics: metrics without sample weights: a list for a model of one output; a list or dict
            of metrics, or of lists of them, for several.
        weighted_metrics: the same, weighted by the sample weights.

    Raises:
        ValueError: an unknown name.
        TypeError: something that is not a metric, or a weight that is not a number.
    """

    def __init__(self, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any):
        self.loss_tracker = Mean(name="loss")
        self.built = False
        self._given_loss, self._given_weights = loss, loss_weights
        self._given_metrics, self._given_weighted = metrics, weighted_metrics
        self._outputs: Outputs | None = None
        self._trained: list[bool] = []  # whether each output has a loss
        self._objectives: list[_Objective] = []
        self._order: list[_Objective] = []  # the trained ones, as compile() names them
        self._named: dict[str, Metric] = {"loss": self.loss_tracker}
        for identifier in _leaves(loss):  # refuse unknown names at compile()
            if not _is_crossentropy(identifier):
                check_loss(losses.get(identifier))
        for weight in _leaves(loss_weights):
            if weight is not None and not isinstance(weight, (int, float)) and getattr(weight, "shape", None) != ():
                raise TypeError(
                    f"compile: loss_weights: expected a number for each output, got {weight!r}. It is the "
                    "third argument: name the metrics, as in compile('adam', 'mse', metrics=['mae'])."
                )
        for argument, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ValueError(f"compile: {argument} must be a list, such as [{given!r}], got {given!r}.")
            for identifier in _leaves(given):
                _check_metric(identifier, argument)

    @property
    def given(self) -> dict[str, Any]:
        """The arguments, unresolved."""
        return {
            "loss": self._given_loss,
            "loss_weights": self._given_weights,
            "metrics": self._given_metrics,
            "weighted_metrics": self._given_weighted,
        }

    @property
    def loss(self) -> Any:
        """The resolved loss, once built: a `Loss` or None; a list of them if there are several outputs."""
        resolved = [objective.loss for objective in self._objectives]
        return resolved if len(resolved) > 1 else resolved[0] if resolved else None

    @property
    def losses(self) -> list[Loss]:
        """The resolved losses, once built."""
        return [objective.loss for objective in self._objectives if objective.loss is not None]

    @property
    def metrics(self) -> list[Metric]:
        """The resolved metrics, without the loss but with those of each of several outputs; empty until built."""
        return list({id(metric): metric for metric in self._named.values()}.values())[1:]

    @property
    def reported(self) -> list[Metric]:
        """The reported metrics: the loss, then the others."""
        return [self.loss_tracker, *self.metrics]

    @property
    def by_name(self) -> dict[str, Metric]:
        """Name in the logs -> reported metric; the loss alone until built."""
        return dict(self._named)

    @property
    def names(self) -> list[str]:
        """The names of `reported`, in the order in which evaluate() returns the values.

        The loss; the metrics that are reported under their own names; the losses of several outputs; all else
        by name. This is the order of Keras.
        """
        own = [name for name, metric in self._named.items() if name == metric.name]
        return [*own, *sorted(set(self._named) - set(own))]

    @property
    def are_given(self) -> bool:
        """Whether `compile` was given a loss or metrics; a user's `train_step` may need neither."""
        return any(given is not None for given in (self._given_loss, self._given_metrics, self._given_weighted))

    def build(self, y: PyTree, y_pred: PyTree, output_names: Sequence[str] | None = None) -> None:
        """Resolve losses and metrics, given targets and predictions (or their shapes).

        Args:
            y: the targets.
            y_pred: the outputs.
            output_names: what the model calls its outputs, if it names them.

        Raises:
            ValueError: losses, weights or metrics for outputs that are not there, or not one for each.
        """
        if self.built:
            return
        outputs = self._outputs = Outputs(y_pred, output_names)
        given_losses = outputs.split(self._given_loss, "compile: loss")
        weights = outputs.split(self._given_weights, "compile: loss_weights")
        given_metrics = self._metrics_of(outputs, self._given_metrics, "compile: metrics")
        given_weighted = self._metrics_of(outputs, self._given_weighted, "compile: weighted_metrics")
        self._trained = [loss is not None for loss in given_losses]
        targets = outputs.split_targets(y, self._trained)
        names = outputs.names if len(outputs) > 1 else None
        for i, (target, output) in enumerate(zip(targets, outputs.values, strict=True)):
            if self._trained[i] or given_metrics[i] or given_weighted[i]:
                _check_target(target, outputs.labels[i])
            self._objectives.append(
                _Objective(
                    i,
                    names[i] if names else None,
                    _resolve_loss(given_losses[i], target, output),
                    weights[i],
                    [_resolve_metric(identifier, target, output) for identifier in given_metrics[i]],
                    [_resolve_metric(identifier, target, output) for identifier in given_weighted[i]],
                )
            )
        self._order = [self._objectives[i] for i in outputs.order(self._given_loss) if given_losses[i] is not None]
        self._name_all(outputs)
        for objective, target, output in zip(self._objectives, targets, outputs.values):
            for metric in (*objective.metrics, *objective.weighted):
                metric.build(target, output)
        self.built = True

    def compute_loss(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> Any:
        """The loss of a batch, the weighted sum over the outputs; None without a loss."""
        if not self._order:
            return None
        parts = self._parts(y, y_pred, sample_weight)
        terms = []
        for objective in self._order:
            target, output, weight = parts[objective.index]
            assert objective.loss is not None
            if not objective.checked:
                checks.activation(objective.loss, output)
                objective.checked = True
            loss = objective.loss(target, output, weight)
            if objective.tracker is not None:
                objective.tracker.update_state(loss, sample_weight=output.shape[0])
            terms.append(loss if objective.weight is None else loss * objective.weight)
        return sum(terms[1:], terms[0])

    def check_weights(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> None:
        """Call each loss on symbolic tensors, to refuse weights whose shape does not match its values."""

        def losses_of(y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> list[Any]:
            parts = self._parts(y, y_pred, sample_weight)
            return [objective.loss(*parts[objective.index]) for objective in self._order if objective.loss is not None]

        if not any(None in output.shape for output in jax.tree.leaves(y_pred)):
            infer(losses_of, (y, y_pred, sample_weight), {})

    def update_metrics(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> None:
        """Update the metrics with a batch."""
        for objective, (target, output, weight) in zip(self._objectives, self._parts(y, y_pred, sample_weight)):
            for metric in objective.metrics:
                metric.update_state(target, output)
            for metric in objective.weighted:
                metric.update_state(target, output, sample_weight=weight)

    def results(self) -> dict[str, Any]:
        """Name -> value of the reported metrics, sorted by name as in Keras's logs."""
        results: dict[str, Any] = {}
        for name, metric in self._named.items():
            value = metric.result()
            results.update(value if isinstance(value, dict) else {name: value})
        return dict(sorted(results.items()))

    def _parts(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> list[tuple[Any, Any, Any]]:
        """The targets, predictions and sample weights of each output."""
        assert self._outputs is not None, "Objectives.build() comes first."
        targets = self._outputs.split_targets(y, self._trained)
        weights = self._outputs.split(sample_weight, "sample_weight")
        for objective, target, label in zip(self._objectives, targets, self._outputs.labels, strict=True):
            if self._trained[objective.index] or objective.metrics or objective.weighted:
                _check_target(target, label)
        return list(zip(targets, jax.tree.leaves(y_pred), weights, strict=True))

    def _metrics_of(self, outputs: Outputs, given: Any, argument: str) -> list[list[Any]]:
        """The metrics of each output; all, for a single output."""
        if len(outputs) == 1 or not given:
            entries = [given or None] * len(outputs)
        else:
            entries = outputs.split(given, argument, lists=True)
        return [[identifier for identifier in _leaves(entry) if identifier is not None] for entry in entries]

    def _name_all(self, outputs: Outputs) -> None:
        """Name the reported metrics, and create a tracker for each of several losses."""
        for objective in self._objectives:
            for metric in objective.metrics:
                self._name(metric, [objective.named(metric.name)])
        for objective in self._objectives:
            for metric in objective.weighted:
                self._name(metric, [objective.named(metric.name), objective.named(f"weighted_{metric.name}")])
        if len(self._order) > 1:
            for objective in self._order:
                assert objective.loss is not None
                name = outputs.loss_name(objective.index, objective.loss.name)
                objective.tracker = Mean(name=f"{name}_loss")
                self._name(objective.tracker, [objective.tracker.name])

    def _name(self, metric: Metric, wanted: list[str]) -> None:
        """Report a metric under the first free name of those wanted, or the last one, numbered."""
        free = (name for name in wanted if name not in self._named)
        self._named[next(free, None) or _free(wanted[-1], self._named)] = metric


@dataclasses.dataclass(eq=False)
class _Objective:
    """The loss and metrics of one output."""

    index: int
    prefix: str | None  # prefix of the names of its metrics
    loss: Loss | None
    weight: Any  # factor of the loss, or None
    metrics: list[Metric]
    weighted: list[Metric]
    tracker: Mean | None = None  # the running mean of the loss, reported if there are several
    checked: bool = False  # whether the loss was checked against the output's activation

    def named(self, name: str) -> str:
        return name if self.prefix is None else f"{self.prefix}_{name}"


def _free(name: str, taken: dict[str, Any]) -> str:
    """The name, numbered if it is taken: mae, mae_1, ..."""
    numbered = [name, *(f"{name}_{i}" for i in range(1, len(taken) + 1))]
    return next(candidate for candidate in numbered if candidate not in taken)


def _resolve_loss(identifier: Any, y: PyTree, y_pred: PyTree) -> Loss | None:
    if _is_crossentropy(identifier):
        identifier = f"{_kind(y, y_pred)}_crossentropy"
    loss = losses.get(identifier)
    if loss is None or isinstance(loss, Loss):
        return loss
    name = identifier if isinstance(identifier, str) else getattr(loss, "__name__", type(loss).__name__)
    return losses.LossFunctionWrapper(loss, name=name)


def _resolve_metric(identifier: Any, y: PyTree, y_pred: PyTree) -> Metric:
    if _is_accuracy(identifier):
        found = metrics.get(f"{_kind(y, y_pred)}_accuracy")
    elif _is_crossentropy(identifier):
        found = metrics.get(f"{_kind(y, y_pred)}_crossentropy")
    else:
        found = metrics.get(identifier)
    if not isinstance(found, Metric):
        name = getattr(found, "name", None) or getattr(found, "__name__", "metric")
        return metrics.of_function(found, str(name))
    if isinstance(identifier, str):
        found.name = identifier
    return found


def _kind(y: PyTree, y_pred: PyTree) -> str:
    """The kind of "accuracy" and "crossentropy": binary for one unit, sparse for integer labels."""
    if y_pred.shape[-1:] == (1,):
        return "binary"
    sparse = len(y.shape) < len(y_pred.shape) or (y.shape[-1:] == (1,) and y_pred.shape[-1] != 1)
    return "sparse_categorical" if sparse else "categorical"


def _is_accuracy(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc")


def _is_crossentropy(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce")


def _check_target(target: Any, label: str) -> None:
    if target is None:
        raise ValueError(
            f"y has nothing for the output {label!r}, which compile() gives a loss or metrics. Give its targets, or "
            "give it no loss (None) and no metrics."
        )


def _check_metric(identifier: Any, argument: str) -> None:
    if isinstance(identifier, str):
        if not (_is_accuracy(identifier) or _is_crossentropy(identifier)):
            metrics.get(identifier)
    elif identifier is not None and not callable(identifier) and not isinstance(identifier, (dict, Metric)):
        raise TypeError(f"compile: {argument}: expected names, functions or Metric objects, got {identifier!r}.")


def _leaves(given: Any) -> list[Any]:
    """The leaves of a structure, with None."""
    if not is_structure(given):
        return [given]
    entries = given.values() if isinstance(given, dict) else given
    return [leaf for entry in entries for leaf in _leaves(entry)]
