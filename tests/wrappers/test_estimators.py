"""Wrappers for scikit-learn: its own checks of estimators, as far as Keras's wrappers pass them."""

import pickle

import numpy as np
import pytest

import minidl as keras

sklearn = pytest.importorskip("sklearn", minversion="1.6")
from sklearn import base, datasets, model_selection, pipeline, preprocessing  # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

from minidl.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer  # noqa: E402

# Keras's wrappers do not pass these either; its own tests leave out six more.
NOT_ASKED = {
    "SKLearnClassifier": {
        "check_classifiers_classes": "a few steps do not find all classes",
        "check_classifiers_train": "decision_function has a column for each of two classes",
    }
}


def make(X, y, loss, layers=(10,), activation="linear"):  # noqa: N803
    keras.utils.set_random_seed(1)  # the checks ask that two fits are equal
    hidden = [keras.layers.Dense(units, activation="relu") for units in layers]
    model = keras.Sequential([keras.Input(X.shape[1:]), *hidden, keras.layers.Dense(y.shape[1], activation=activation)])
    model.compile("rmsprop", loss)
    return model


CLASSIFIER = SKLearnClassifier(
    make,
    model_kwargs={"loss": "categorical_crossentropy", "layers": [20, 20, 20], "activation": "softmax"},
    fit_kwargs={"epochs": 5, "verbose": 0},
)
REGRESSOR = SKLearnRegressor(make, model_kwargs={"loss": "mse"}, fit_kwargs={"verbose": 0})
TRANSFORMER = SKLearnTransformer(make, model_kwargs={"loss": "mse"}, fit_kwargs={"verbose": 0})


def checks():
    """The checks of scikit-learn that are asked; its own decorator puts addresses into the names of tests."""
    for estimator in (CLASSIFIER, REGRESSOR, TRANSFORMER):
        kind = type(estimator).__name__
        for i, (one, check) in enumerate(estimator_checks_generator(estimator)):
            name = check.func.__name__
            if name not in NOT_ASKED.get(kind, {}):
                yield pytest.param(one, check, id=f"{kind}-{name}-{i}")


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_a_pipeline_finds_the_classes():
    X, y = datasets.make_blobs(120, centers=3, random_state=0)  # noqa: N806
    labels = np.array(["a", "b", "c"])[y]
    classifier = SKLearnClassifier(
        make, model_kwargs={**CLASSIFIER.model_kwargs}, fit_kwargs={"epochs": 60, "verbose": 0}
    )
    model = pipeline.make_pipeline(preprocessing.StandardScaler(), classifier)
    assert model_selection.cross_val_score(model, X, labels, cv=2).mean() > 0.8
    fitted = model.fit(X, labels)
    assert fitted.decision_function(X).shape == (120, 3) and set(fitted.predict(X)) == {"a", "b", "c"}
    assert classifier.epoch_ == 60


def test_a_model_is_cloned_by_each_fit_and_kept_by_a_warm_start():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    X, y = np.ones((8, 2)), np.ones(8)  # noqa: N806
    cold = SKLearnRegressor(model, fit_kwargs={"verbose": 0, "shuffle": False})
    warm = SKLearnRegressor(model, warm_start=True, fit_kwargs={"verbose": 0, "shuffle": False})
    first = [estimator.fit(X, y).predict(X)[0] for estimator in (cold, warm)]
    second = [estimator.fit(X, y).predict(X)[0] for estimator in (cold, warm)]
    assert first[0] == first[1] == second[0] and second[1] > first[1]
    np.testing.assert_array_equal(model.get_weights()[0], 0)  # the one that was given is not trained


@pytest.mark.slow
def test_arguments_survive_a_clone_and_a_pickle():
    """Keras's clone loses fit_kwargs."""
    again = base.clone(REGRESSOR)
    assert again.get_params() == REGRESSOR.get_params() and again.fit_kwargs == {"verbose": 0}
    X = np.arange(6.0).reshape(3, 2)  # noqa: N806
    fitted = again.fit(X, X[:, 0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
    fitted.fit(X, X[:, 0], epochs=2)
    assert fitted.epoch_ == 2 and fitted.fit_kwargs == {"verbose": 0}


def test_refused():
    X = np.arange(6.0).reshape(3, 2)  # noqa: N806
    with pytest.raises(ValueError, match="compile"):
        SKLearnRegressor(keras.Sequential([keras.layers.Dense(1)])).fit(X, X[:, 0])
    with pytest.raises(TypeError, match="function that makes one"):
        SKLearnRegressor("model").fit(X, X[:, 0])
    with pytest.raises(ValueError, match="multiclass"):
        CLASSIFIER.fit(X, X[:, 0] + 0.5)
    with pytest.raises(ValueError, match="one class"):
        base.clone(CLASSIFIER).fit(X, np.zeros(3, "int32"))
    with pytest.raises(AttributeError, match="SKLearnNothing"):
        _ = keras.wrappers.SKLearnNothing
