"""Estimators of scikit-learn, for pipelines, cross-validation and searches, that fit a model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from minidl.core.typing import Config
from minidl.models import Model
from minidl.models.cloning import clone_model


class _Estimator(BaseEstimator):
    """The base of the wrappers.

    Args:
        model: a compiled model, of which each fit trains a clone, or a function `model(X=..., y=..., **model_kwargs)`
            that makes one from the validated data.
        warm_start: whether a further fit goes on with the trained model.
        model_kwargs: further arguments of such a function.
        fit_kwargs: arguments of the model's `fit`, such as epochs and batch_size.

    Attributes:
        model_: the trained model.
        history_: the History of its fit.
    """

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: Config | None = None,
        fit_kwargs: Config | None = None,
    ):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    @property
    def epoch_(self) -> int:
        """The number of epochs of the last fit."""
        check_is_fitted(self)
        return len(self.history_.epoch)

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:  # noqa: N803
        """Fit the model.

        Args:
            X: (examples, features).
            y: (examples,), labels or numbers.
            **kwargs: arguments of the model's `fit`, over those of fit_kwargs.

        Raises:
            ValueError: invalid data, or a model that is not compiled.
        """
        X, y = validate_data(self, X, y)  # noqa: N806
        targets = self._encoded(y)
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = self._made(X, targets)
        self.history_ = self.model_.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The outputs of the model; one column is a number for each example."""
        outputs = self._raw_predictions(X)
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __sklearn_clone__(self) -> Any:
        """An estimator that is not fitted, with a copy of the model."""
        arguments = self.get_params(deep=False)
        if isinstance(self.model, Model):
            arguments["model"] = copy.deepcopy(self.model)
        return type(self)(**arguments)

    def _made(self, X: Any, y: Any) -> Model:  # noqa: N803
        where = type(self).__name__
        if isinstance(self.model, Model):
            model = clone_model(self.model)
        elif callable(self.model):
            model = self.model(X=X, y=y, **(self.model_kwargs or {}))
        else:
            raise TypeError(f"{where}: model must be a Model or a function that makes one, got {self.model!r}.")
        if not model.compiled or not model.loss:
            raise ValueError(f"{where}: the model has no loss: call model.compile(optimizer, loss) before.")
        return model

    def _encoded(self, y: Any) -> Any:
        """The targets that the model is fitted to: as columns."""
        type_of_target(y, raise_unknown=True)
        return y.reshape(-1, 1)

    def _raw_predictions(self, X: Any) -> np.ndarray:  # noqa: N803
        check_is_fitted(self)
        return self.model_.predict(validate_data(self, X, reset=False), verbose=0)


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A classifier of scikit-learn that trains a model on one-hot targets.

    Args:
        model: a compiled model with one output for each class, or a function `model(X=..., y=..., **model_kwargs)` that
            makes one for features (examples, features) and one-hot targets (examples, classes).
        warm_start: whether a further fit goes on with the trained model.
        model_kwargs: further arguments of such a function.
        fit_kwargs: arguments of the model's `fit`, such as epochs and batch_size.

    Attributes:
        model_: the trained model.
        history_: the History of its fit.
        classes_: the labels.

    Example:
    >>> from minidl import Sequential, layers
    >>> def make(X, y):
    ...     model = Sequential([layers.Dense(y.shape[1], activation="softmax")])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array(["no", "yes", "yes"])
    >>> SKLearnClassifier(make, fit_kwargs={"verbose": 0}).fit(X, y).predict(X).shape
    (3,)
    """

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable label of each example."""
        outputs = self._raw_predictions(X)
        return self.classes_[np.argmax(outputs, axis=-1)]

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """The outputs of the model: (examples, classes)."""
        return self._raw_predictions(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags

    def _encoded(self, y: Any) -> Any:
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                "SKLearnClassifier: y must hold one label for each example, of two or more classes. Only binary and "
                f"multiclass targets are supported. Unknown label type: {kind}."
            )
        self.classes_ = np.unique(y)
        if len(self.classes_) == 1:
            raise ValueError(f"SKLearnClassifier needs two classes or more, y has one class: {self.classes_[0]!r}.")
        return (y[:, None] == self.classes_).astype("float32")


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A regressor of scikit-learn that trains a model.

    Args:
        model: a compiled model with one output, or a function `model(X=..., y=..., **model_kwargs)` that makes one for
            features (examples, features) and targets (examples, 1).
        warm_start: whether a further fit goes on with the trained model.
        model_kwargs: further arguments of such a function.
        fit_kwargs: arguments of the model's `fit`, such as epochs and batch_size.

    Attributes:
        model_: the trained model.
        history_: the History of its fit.

    Example:
    >>> from minidl import Sequential, layers
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> SKLearnRegressor(model, fit_kwargs={"verbose": 0}).fit(X, X[:, 0]).predict(X).shape
    (3,)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A transformer of scikit-learn: the outputs of a model that is trained on targets.

    Args:
        model: a compiled model, or a function `model(X=..., y=..., **model_kwargs)` that makes one for features
            (examples, features) and targets (examples, 1).
        warm_start: whether a further fit goes on with the trained model.
        model_kwargs: further arguments of such a function.
        fit_kwargs: arguments of the model's `fit`, such as epochs and batch_size.

    Attributes:
        model_: the trained model.
        history_: the History of its fit.

    Example:
    >>> from minidl import Sequential, layers
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> SKLearnTransformer(model, fit_kwargs={"verbose": 0}).fit(X, X[:, 0]).transform(X).shape
    (3, 1)
    """

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """The outputs of the model."""
        return self._raw_predictions(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
