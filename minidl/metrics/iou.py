"""Intersection over union (Jaccard index) of classes, for segmentation: tp / (tp + fp + fn) of each class.

The state is the confusion matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.tracebacks import warn
from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.base import Metric
from minidl.metrics.counts import for_values


class IoU(Metric):
    """The mean intersection over union of the given classes.

    Classes that occur neither in labels nor in predictions are left out of the mean.

    Args:
        num_classes: the number of classes.
        target_class_ids: the classes to take the mean over.
        name: default: "io_u".
        dtype: the dtype of the counts, default "int32"; fractional weights need a float type.
        ignore_class: a label that is ignored.
        sparse_y_true: whether labels are integers; otherwise their argmax along `axis`.
        sparse_y_pred: the same for predictions.
        axis: the axis of the classes where labels or predictions are not integers.

    Raises:
        ValueError: a target class that is not one of the classes.

    >>> round(float(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])), 3)
    0.333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DType | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(dtypes.canonical(dtype or "int32"), name)
        wrong = [target for target in target_class_ids if not 0 <= target < num_classes]
        if wrong:
            raise ValueError(f"{self.name}: target_class_ids must be from 0 to {num_classes - 1}, got {wrong}.")
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", self.dtype, name="total_confusion_matrix"
        )

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch.

        Args:
            y_true: labels, (batch, ...); values outside of the classes are ignored.
            y_pred: predicted classes, of the same shape or flat. NaN counts as a class other than the label.
            sample_weight: weights per example or per value, or None.
        """
        labels = jnp.asarray(y_true) if self.sparse_y_true else jnp.argmax(jnp.asarray(y_true), self.axis)
        y_pred = jnp.asarray(y_pred)
        predicted, undefined = y_pred, jnp.isnan(y_pred)
        if not self.sparse_y_pred:
            predicted, undefined = jnp.argmax(y_pred, self.axis), jnp.any(undefined, self.axis)
        labels, predicted = labels.astype("int32"), predicted.astype("int32")
        if labels.size != predicted.size:
            raise ValueError(
                f"{self.name}: y_true has shape {jnp.shape(y_true)}, y_pred {jnp.shape(y_pred)}: the numbers of labels "
                "and predicted classes differ. Check sparse_y_true and sparse_y_pred."
            )
        weight = self._weights(labels, sample_weight)
        labels, predicted = labels.reshape(-1), predicted.reshape(-1)
        predicted = jnp.where(undefined.reshape(-1), (labels + 1) % self.num_classes, predicted)
        counted = (labels >= 0) & (labels < self.num_classes) & (predicted >= 0) & (predicted < self.num_classes)
        if self.ignore_class is not None:
            counted &= labels != self.ignore_class
        labels, predicted = jnp.where(counted, labels, 0), jnp.where(counted, predicted, 0)
        batch = jnp.zeros(self.total_cm.shape, self.dtype)
        self.total_cm.assign_add(batch.at[labels, predicted].add(jnp.where(counted, weight, 0)))

    def result(self) -> Array:
        """The mean over the target classes, in float32."""
        matrix, epsilon = self.total_cm.value, dtypes.epsilon()
        targets = jnp.asarray(self.target_class_ids, "int32")
        both = jnp.diag(matrix)
        either = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - both
        both, either = both[targets].astype("float32"), either[targets].astype("float32")
        seen = either > 1e-9
        return jnp.sum(jnp.where(seen, both / (either + epsilon), 0)) / (jnp.sum(seen) + epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _weights(self, labels: Array, sample_weight: ArrayLike | None) -> Array:
        """One weight per label, flat, in the dtype of the counts."""
        if sample_weight is None:
            return jnp.ones(labels.size, self.dtype)
        given = getattr(sample_weight, "dtype", None)
        if given is not None and dtypes.is_float(given) and not dtypes.is_float(self.dtype):
            warn(
                f"{self.name}: sample_weight is {given}, but the counts are {self.dtype}, so fractions of weights are "
                "dropped. Give the metric dtype='float32'."
            )
        weight = jnp.asarray(sample_weight).astype(self.dtype)
        if weight.shape == (labels.size,):
            return weight
        weight = for_values(self.name, labels.astype(self.dtype), weight)
        return jnp.broadcast_to(weight, labels.shape).reshape(-1)


class BinaryIoU(IoU):
    """The mean intersection over union of the classes 0 and 1, for probabilities and a threshold.

    Args:
        target_class_ids: the classes to take the mean over: (0, 1), (0,) or (1,).
        threshold: predictions of at least this are class 1.
        name: default: "binary_io_u".
        dtype: the dtype of the counts, default "int32".

    Raises:
        ValueError: a target class other than 0 and 1.

    >>> round(float(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 3)
    0.333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        y_pred = jnp.asarray(y_pred, "float32")
        classes = jnp.where(jnp.isnan(y_pred), jnp.nan, (y_pred >= self.threshold).astype("float32"))
        super().update_state(y_true, classes, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return {**Metric.get_config(self), **own}


class MeanIoU(IoU):
    """The mean intersection over union of all classes.

    Args:
        num_classes: the number of classes.
        name: default: "mean_io_u".
        dtype: the dtype of the counts, default "int32".
        ignore_class: a label that is ignored.
        sparse_y_true: whether labels are integers; otherwise their argmax along `axis`.
        sparse_y_pred: the same for predictions.
        axis: the axis of the classes where labels or predictions are not integers.

    >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 3)
    0.333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DType | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        everything = range(num_classes)
        super().__init__(num_classes, everything, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "target_class_ids")


class OneHotIoU(IoU):
    """The mean intersection over union of the given classes, for one-hot labels.

    Args:
        num_classes: the number of classes.
        target_class_ids: the classes to take the mean over.
        name: default: "one_hot_io_u".
        dtype: the dtype of the counts, default "int32".
        ignore_class: a label that is ignored.
        sparse_y_pred: whether predictions are integers; otherwise their argmax along `axis`.
        axis: the axis of the classes.

    Raises:
        ValueError: a target class that is not one of the classes.

    >>> y_true = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    >>> y_pred = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    >>> round(float(OneHotIoU(num_classes=3, target_class_ids=[0, 2])(y_true, y_pred)), 3)
    0.167
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DType | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """The mean intersection over union of all classes, for one-hot labels.

    Args:
        num_classes: the number of classes.
        name: default: "one_hot_mean_io_u".
        dtype: the dtype of the counts, default "int32".
        ignore_class: a label that is ignored.
        sparse_y_pred: whether predictions are integers; otherwise their argmax along `axis`.
        axis: the axis of the classes.

    >>> y_true = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    >>> y_pred = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    >>> round(float(OneHotMeanIoU(num_classes=3)(y_true, y_pred)), 3)
    0.111
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DType | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")


def _without(config: dict[str, Any], argument: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != argument}
