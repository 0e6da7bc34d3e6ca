"""Wrong input is refused before training starts, and the message holds the shapes and the fix."""

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.models import Sequential

X = np.random.default_rng(0).normal(size=(40, 8)).astype("float32")
LABELS = np.arange(40) % 3
ONE_HOT = np.eye(3)[LABELS]
NUMBERS = X[:, :1].copy()


def model(loss="sparse_categorical_crossentropy", units=3, activation="softmax", compiled=True):
    made = Sequential([layers.Dense(units, activation=activation, input_shape=(8,))])
    if compiled:
        made.compile(optimizer="sgd", loss=loss, metrics=["accuracy"])
    return made


def with_nan(array):
    array = array.copy()
    array[[3, 7], 0] = np.nan
    return array


SPARSE, ONE_HOT_LOSS = "sparse_categorical_crossentropy", "categorical_crossentropy"

# what is wrong -> (loss, units of the output, arguments of fit, parts of the message)
REFUSED = {
    "x and y of different length": (SPARSE, 3, {"y": LABELS[:30]}, ["x has 40", "y has 30", "one row of each"]),
    "weights of another length": (SPARSE, 3, {"sample_weight": np.ones(39)}, ["sample_weight has 39"]),
    "labels too large": (SPARSE, 3, {"y": LABELS + 8}, ["from 8 to 10", "3 classes (labels 0 to 2)", "11 units"]),
    "labels negative": (SPARSE, 3, {"y": LABELS - 1}, ["from -1 to 1", "check y for a label"]),
    "labels no whole numbers": (SPARSE, 3, {"y": LABELS + 0.5}, ["not whole numbers"]),
    "one-hot labels, sparse loss": (SPARSE, 3, {"y": ONE_HOT}, ["(40, 3)", "categorical_crossentropy'", "argmax"]),
    "images of labels": (SPARSE, 3, {"y": np.zeros((40, 8, 8), int)}, ["(40, 8, 8)", "(None, 3)", "Flatten"]),
    "integer labels, one-hot loss": (ONE_HOT_LOSS, 3, {"y": LABELS}, ["(40,)", "sparse_", "to_categorical(y, 3)"]),
    "column of labels, one-hot loss": (ONE_HOT_LOSS, 3, {"y": LABELS[:, None]}, ["(40, 1)", "sparse_"]),
    "one-hot of other width": (ONE_HOT_LOSS, 3, {"y": np.eye(5)[LABELS]}, ["(40, 5)", "(None, 3)"]),
    "(n, 1) against (n, 3), mse": ("mse", 3, {"y": NUMBERS}, ["(40, 1)", "(None, 3)", "broadcasting", "1 units"]),
    "(n,) against (n, 3), mse": ("mse", 3, {"y": NUMBERS[:, 0]}, ["(40,)", "(None, 3)"]),
    "(n, 3) against (n, 1), mae": ("mae", 1, {"y": ONE_HOT}, ["(40, 3)", "(None, 1)", "3 units"]),
    "(n, 3) against (n, 1), bce": ("binary_crossentropy", 1, {"y": ONE_HOT}, ["(40, 3)", "(None, 1)"]),
    "y is missing": (SPARSE, 3, {"y": None}, ["y is None", SPARSE]),
    "x is missing": (SPARSE, 3, {"x": None}, ["x is None"]),
    "wrong feature size": (SPARSE, 3, {"x": X[:, :5]}, ["(examples, 8)", "(examples, 5)", "input_shape=(5,)"]),
    "wrong rank": (SPARSE, 3, {"x": X[:, None]}, ["(examples, 8)", "(examples, 1, 8)"]),
    "NaN in x": (SPARSE, 3, {"x": with_nan(X)}, ["x of shape (40, 8) holds NaN in 2 of 40 rows", "row 3"]),
    "NaN in y": ("mse", 1, {"y": with_nan(NUMBERS)}, ["y of shape (40, 1)", "2 of 40"]),
    "empty data": (SPARSE, 3, {"x": X[:0], "y": LABELS[:0]}, ["empty", "(0, 8)"]),
    "a single number": (SPARSE, 3, {"y": np.array(3)}, ["y is a single number"]),
    "batch_size 0": (SPARSE, 3, {"batch_size": 0}, ["batch_size", "positive integer", "0"]),
    "batch_size not whole": (SPARSE, 3, {"batch_size": 3.5}, ["batch_size", "3.5"]),
    "epochs negative": (SPARSE, 3, {"epochs": -1}, ["epochs", "-1"]),
    "class_weight for no class": (SPARSE, 3, {"class_weight": {0: 1.0, 3: 2.0}}, ["[3]", "0 to 2"]),
    "class_weight by name": (SPARSE, 3, {"class_weight": {"cat": 1.0}}, ["['cat']", "{class: weight}"]),
    "both kinds of weights": (SPARSE, 3, {"class_weight": {0: 1.0}, "sample_weight": np.ones(40)}, ["not both"]),
    "validation_split of everything": (SPARSE, 3, {"validation_split": 1.0}, ["validation_split=1.0", "40 rows"]),
    "validation_data no tuple": (SPARSE, 3, {"validation_data": X}, ["validation_data", "(x, y)", "ndarray"]),
    "validation labels too large": (SPARSE, 3, {"validation_data": (X, LABELS + 1)}, ["validation_data", "1 to 3"]),
    "steps_per_epoch 0": (SPARSE, 3, {"steps_per_epoch": 0}, ["steps_per_epoch", "positive"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_training(case):
    loss, units, arguments, parts = REFUSED[case]
    made = model(loss, units, "softmax" if units > 1 else "sigmoid")
    before = made.get_weights()
    begun = []
    callback = minidl.callbacks.LambdaCallback(on_train_begin=begun.append)
    with pytest.raises(ValueError) as refusal:
        made.fit(**{"x": X, "y": LABELS, "callbacks": [callback], "verbose": 0, **arguments})
    for part in parts:
        assert part in str(refusal.value)
    assert begun == []
    for one, other in zip(made.get_weights(), before):
        np.testing.assert_array_equal(one, other)


OBJECTS = {
    "objects": np.array([[1, 2], [3]], dtype=object),
    "text": np.array([["a"] * 8] * 40),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_arrays_that_hold_no_numbers_are_refused(case):
    with pytest.raises(TypeError, match="holds objects or text, not numbers"):
        model().fit(OBJECTS[case], LABELS, verbose=0)


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_a_model_that_is_not_compiled_is_refused(call):
    with pytest.raises(ValueError, match=rf"{call}: .*is not compiled.*model.compile\("):
        getattr(model(compiled=False), call)(X, LABELS)


UNKNOWN = {
    "optimizer": ({"optimizer": "adma"}, "Unknown optimizer 'adma'. Did you mean 'adam"),
    "loss": ({"loss": "sparse_categorial_crossentropy"}, "Did you mean 'sparse_categorical_crossentropy'"),
    "metric": ({"metrics": ["acuracy"]}, "Did you mean"),
    "weighted metric": ({"weighted_metrics": ["mean_square_error"]}, "Did you mean 'mean_squared_error'"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_names_are_refused_by_compile_with_the_near_ones(case):
    arguments, message = UNKNOWN[case]
    with pytest.raises(ValueError) as refusal:
        model(compiled=False).compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    assert message in str(refusal.value)


def test_metrics_that_are_no_list_are_refused():
    with pytest.raises(ValueError, match=r"metrics must be a list, such as \['accuracy'\]"):
        model(compiled=False).compile(loss="mse", metrics="accuracy")


ACCEPTED = {
    "column of labels": (SPARSE, 3, {"y": LABELS[:, None]}),
    "float labels": (SPARSE, 3, {"y": LABELS.astype("float32")}),
    "bytes": (SPARSE, 3, {"x": (X > 0).astype("uint8"), "y": LABELS.astype("uint8")}),
    "booleans": ("binary_crossentropy", 1, {"y": NUMBERS > 0}),
    "(n,) against (n, 1)": ("mse", 1, {"y": NUMBERS[:, 0]}),
    "lists": (SPARSE, 3, {"x": X.tolist(), "y": LABELS.tolist()}),
    "labels of a class that never comes": (SPARSE, 5, {}),
    "class weights of some classes": (SPARSE, 3, {"class_weight": {1: 2.0}}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(case):
    loss, units, arguments = ACCEPTED[case]
    made = model(loss, units, "softmax" if units > 1 else "sigmoid")
    history = made.fit(**{"x": X, "y": LABELS, "verbose": 0, **arguments})
    assert np.isfinite(history.history["loss"]).all()


def test_ignored_labels_are_not_checked():
    made = model(minidl.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    made.fit(X, np.where(LABELS == 0, -1, LABELS), verbose=0)


def test_evaluate_and_predict_are_checked_too():
    with pytest.raises(ValueError, match="evaluate: y has integer labels from 3 to 5"):
        model().evaluate(X, LABELS + 3, verbose=0)
    with pytest.raises(ValueError, match="predict: the data set is empty"):
        model().predict(X[:0], verbose=0)
    with pytest.raises(ValueError, match=r"takes inputs of shape \(examples, 8\), but got \(examples, 3\)"):
        model().predict(X[:, :3], verbose=0)
