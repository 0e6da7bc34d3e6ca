"""Objectives: what compile() was given, resolved against what the model puts out.

Names such as "accuracy" mean different things for different shapes, so losses and metrics are
made when the shapes of targets and predictions are first known. Then this is the whole
objective: the loss to lower, and the metrics to report.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl import losses, metrics
from minidl.losses import Loss
from minidl.metrics import Mean, Metric


class Objectives:
    """The loss and the metrics of a compiled model.

    Args:
        loss: name, function or `Loss`; None where layers add their losses themselves.
        loss_weights: what the loss is multiplied with.
        weighted_metrics: metrics that take sample weights into account.
        metrics: metrics that do not.

    Raises:
        ValueError: an unknown name.
    """

    def __init__(self, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any):
        self.loss_tracker = Mean(name="loss")
        self.built = False
        self._given_loss = _only(loss, "loss")
        self._loss_weight = _only(loss_weights, "loss_weights")
        self._given = [*_listed(metrics, "metrics")], [*_listed(weighted_metrics, "weighted_metrics")]
        self._metrics: list[Metric] = []
        self._weighted: list[Metric] = []
        self._loss: Loss | None = None
        for identifier in (*self._given[0], *self._given[1]):  # an unknown name is refused at compile()
            if not _is_accuracy(identifier):
                _metric_class(identifier)
        if not _is_crossentropy(self._given_loss):
            losses.get(self._given_loss)

    @property
    def loss(self) -> Loss | None:
        """The resolved loss, once built."""
        return self._loss

    @property
    def metrics(self) -> list[Metric]:
        """The resolved metrics, without the loss; empty until built."""
        return [*self._metrics, *self._weighted]

    @property
    def reported(self) -> list[Metric]:
        """All that is reported: the loss, then the metrics."""
        return [self.loss_tracker, *self.metrics]

    def build(self, y: Any, y_pred: Any) -> None:
        """Resolve names, given targets and predictions (or their shapes)."""
        if self.built:
            return
        y, y_pred = _single(y), _single(y_pred)
        self._loss = _resolve_loss(self._given_loss, y, y_pred)
        self._metrics, self._weighted = ([_resolve_metric(m, y, y_pred) for m in given] for given in self._given)
        self.built = True

    def compute_loss(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The loss of a batch; None without a loss."""
        if self._loss is None:
            return None
        loss = self._loss(_single(y), _single(y_pred), _single(sample_weight))
        return loss if self._loss_weight is None else loss * self._loss_weight

    def update_metrics(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Take a batch into the metrics."""
        y, y_pred, sample_weight = _single(y), _single(y_pred), _single(sample_weight)
        for metric in self._metrics:
            metric.update_state(y, y_pred)
        for metric in self._weighted:
            metric.update_state(y, y_pred, sample_weight=sample_weight)

    def results(self) -> dict[str, Any]:
        """Name -> value of everything reported, sorted by name as Keras logs it."""
        results: dict[str, Any] = {}
        for metric in self.reported:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {_free(metric.name, results): value})
        return dict(sorted(results.items()))


def names_of(reported: list[Metric]) -> list[str]:
    """The names under which metrics are reported, in their order."""
    names: dict[str, Any] = {}
    for metric in reported:
        names[_free(metric.name, names)] = None
    return list(names)


def _free(name: str, taken: dict[str, Any]) -> str:
    """The name, numbered if it is taken: mae, mae_1, ..."""
    numbered = [name, *(f"{name}_{i}" for i in range(1, len(taken) + 1))]
    return next(candidate for candidate in numbered if candidate not in taken)


def _resolve_loss(identifier: Any, y: Any, y_pred: Any) -> Loss | None:
    if _is_crossentropy(identifier):
        identifier = f"{_kind(y, y_pred)}_crossentropy"
    loss = losses.get(identifier)
    if loss is None or isinstance(loss, Loss):
        return loss
    name = identifier if isinstance(identifier, str) else getattr(loss, "__name__", type(loss).__name__)
    return losses.LossFunctionWrapper(loss, name=name)


def _resolve_metric(identifier: Any, y: Any, y_pred: Any) -> Metric:
    if _is_accuracy(identifier):
        found = metrics.get(f"{_kind(y, y_pred)}_accuracy")
    else:
        found = metrics.get(identifier)
    if not isinstance(found, Metric):
        name = getattr(found, "name", None) or getattr(found, "__name__", "metric")
        return metrics.of_function(found, str(name))
    if isinstance(identifier, str):
        found.name = identifier
    return found


def _kind(y: Any, y_pred: Any) -> str:
    """What "accuracy" and "crossentropy" mean: binary for one output, sparse for integer labels."""
    if y_pred.shape[-1:] == (1,):
        return "binary"
    sparse = len(y.shape) < len(y_pred.shape) or (y.shape[-1:] == (1,) and y_pred.shape[-1] != 1)
    return "sparse_categorical" if sparse else "categorical"


def _is_accuracy(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc")


def _is_crossentropy(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce")


def _metric_class(identifier: Any) -> None:
    if isinstance(identifier, str):
        metrics.get(identifier)
    elif not callable(identifier) and not isinstance(identifier, dict):
        raise TypeError(f"metrics: expected names, functions or Metric objects, got {identifier!r}.")


def _listed(given: Any, argument: str) -> list[Any]:
    if given is None:
        return []
    if not isinstance(given, (list, tuple, dict)):
        raise ValueError(f"compile: {argument} must be a list, such as [{given!r}], got {given!r}.")
    return jax.tree.leaves(given, is_leaf=lambda leaf: not isinstance(leaf, (list, tuple, dict)))


def _only(given: Any, argument: str) -> Any:
    """What was given for the one output, taken out of a list or dict."""
    if not isinstance(given, (list, tuple, dict)) or (isinstance(given, dict) and "class_name" in given):
        return given
    values = list(given.values()) if isinstance(given, dict) else list(given)
    if len(values) != 1:
        raise ValueError(f"compile: {argument} has {len(values)} entries; the models here have one output.")
    return values[0]


def _single(structure: Any) -> Any:
    """The one array of a structure."""
    if structure is None or hasattr(structure, "shape"):
        return structure
    leaves = jax.tree.leaves(structure)
    if len(leaves) != 1:
        raise ValueError(f"Expected one output and one array of targets, got {len(leaves)}: {jnp.shape(structure)}.")
    return leaves[0]
