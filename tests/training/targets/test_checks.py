"""Wrong input is refused before training starts, and the message holds the shapes and the fix."""

import warnings

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.models import Sequential
from minidl.training.targets import checks

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


SPARSE, ONE_HOT_LOSS, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"
CLASSES = np.abs(NUMBERS) > 1

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
    "x is missing": (SPARSE, 3, {"x": None}, ["x is None", "not optional"]),
    "wrong feature size": (SPARSE, 3, {"x": X[:, :5]}, ["(examples, 8)", "(examples, 5)", "input_shape=(5,)"]),
    "wrong rank": (SPARSE, 3, {"x": X[:, None]}, ["(examples, 8)", "(examples, 1, 8)"]),
    "NaN in x": (SPARSE, 3, {"x": with_nan(X)}, ["x of shape (40, 8) holds NaN in 2 of 40 rows", "row 3"]),
    "NaN in y": ("mse", 1, {"y": with_nan(NUMBERS)}, ["y of shape (40, 1)", "2 of 40"]),
    "empty data": (SPARSE, 3, {"x": X[:0], "y": LABELS[:0]}, ["empty", "(0, 8)"]),
    "a single number": (SPARSE, 3, {"y": np.array(3)}, ["y is a single number"]),
    "batch_size 0": (SPARSE, 3, {"batch_size": 0}, ["batch_size", "positive integer", "0"]),
    "batch_size not whole": (SPARSE, 3, {"batch_size": 3.5}, ["batch_size", "3.5"]),
    "initial_epoch negative": (SPARSE, 3, {"initial_epoch": -2}, ["initial_epoch", "at least 0", "-2"]),
    "examples that hold nothing": (SPARSE, 3, {"x": X[:, :0]}, ["(40, 0)", "no values"]),
    "class weights by text": (SPARSE, 3, {"class_weight": {"1": 2.0}}, ["['1']", "integers 0 to 2"]),
    "class weights by text in a stream": (
        SPARSE,
        3,
        {"x": iter([(X, LABELS)]), "y": None, "class_weight": {"1": 2.0}},
        ["['1']", "integers 0 to 2"],
    ),
    "negative class weights": (SPARSE, 3, {"class_weight": {1: -2.0}}, ["class_weight", "not negative", "-2"]),
    "infinite class weights": (SPARSE, 3, {"class_weight": {1: np.inf}}, ["class_weight", "finite", "inf"]),
    "epochs negative": (SPARSE, 3, {"epochs": -1}, ["epochs", "-1"]),
    "class_weight for no class": (SPARSE, 3, {"class_weight": {0: 1.0, 3: 2.0}}, ["[3]", "0 to 2"]),
    "class_weight by name": (SPARSE, 3, {"class_weight": {"cat": 1.0}}, ["['cat']", "{class: weight}"]),
    "both kinds of weights": (SPARSE, 3, {"class_weight": {0: 1.0}, "sample_weight": np.ones(40)}, ["not both"]),
    "validation_split of everything": (SPARSE, 3, {"validation_split": 1.0}, ["validation_split=1.0", "40 rows"]),
    "validation_data no tuple": (SPARSE, 3, {"validation_data": X}, ["validation_data", "(x, y)", "ndarray"]),
    "validation labels too large": (SPARSE, 3, {"validation_data": (X, LABELS + 1)}, ["validation_data", "1 to 3"]),
    "steps_per_epoch 0": (SPARSE, 3, {"steps_per_epoch": 0}, ["steps_per_epoch", "positive"]),
    "weights of other shape": (
        SPARSE,
        3,
        {"sample_weight": np.ones((40, 3))},
        ["sample_weight has shape", "each example"],
    ),
    "labels -1 and 1, bce": (BINARY, 1, {"y": 2.0 * CLASSES - 1}, ["-1 to 1", "from 0 to 1", "(y + 1) / 2"]),
    "bytes, bce": (BINARY, 1, {"y": 255 * CLASSES}, ["0 to 255", "y / 255"]),
    "classes, bce": (BINARY, 1, {"y": LABELS}, ["0 to 2", "sparse_categorical_crossentropy"]),
    "one unit, sparse loss": (SPARSE, 1, {"y": CLASSES}, ["(None, 1)", "one class", "sigmoid", BINARY]),
    "one unit, one-hot loss": (ONE_HOT_LOSS, 1, {"y": CLASSES}, ["(None, 1)", "one class", "sigmoid", BINARY]),
    "class_weight that is no dict": (SPARSE, 3, {"class_weight": [1, 2, 3]}, ["{class: weight}", "[1, 2, 3]"]),
    "class_weight of numbers": ("mse", 1, {"y": NUMBERS, "class_weight": {0: 1.0}}, ["(40, 1)", "sample_weight"]),
    "validation_data of four": (SPARSE, 3, {"validation_data": (X, LABELS, None, X)}, ["(x, y)", "tuple of 4"]),
    "validation_split of what is no array": (
        SPARSE,
        3,
        {"x": iter([]), "y": None, "validation_split": 0.5},
        ["_split"],
    ),
    "y with a generator": (SPARSE, 3, {"x": iter([(X, LABELS)])}, ["y cannot be given together with", "(x, y)"]),
    "weights with a generator": (
        SPARSE,
        3,
        {"x": iter([(X, LABELS)]), "y": None, "sample_weight": LABELS},
        ["sample_weight cannot be given together with"],
    ),
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


TARGETS = {  # what is wrong -> (loss, units of the output, targets, parts of the message)
    "classes, hinge": ("hinge", 1, LABELS, ["values from 0 to 2", "from -1 to 1", "sparse_categorical_crossentropy"]),
    "classes, squared hinge": ("squared_hinge", 1, LABELS + 1, ["values from 1 to 3", "-1 and 1"]),
    "integer labels, categorical hinge": ("categorical_hinge", 3, LABELS, ["(40,)", "to_categorical(y, 3)"]),
    "no one-hot labels, categorical hinge": ("categorical_hinge", 3, 5 * ONE_HOT, ["0 to 5", "to_categorical(y)"]),
    "negative counts": ("poisson", 1, NUMBERS - 9, ["poisson", "from 0 to inf", "mean_squared_error"]),
    "(n, 3) against (n, 1), huber": ("huber", 1, ONE_HOT, ["(40, 3)", "(None, 1)", "the huber compares"]),
    "labels -1 and 1, focal": ("binary_focal_crossentropy", 1, 2.0 * CLASSES - 1, ["-1 to 1", "(y + 1) / 2"]),
    "integer labels, focal": ("categorical_focal_crossentropy", 3, LABELS, ["(40,)", "to_categorical(y, 3)"]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets_that_the_loss_does_not_take(case):
    loss, units, y, parts = TARGETS[case]
    if not hasattr(minidl.losses, loss):
        pytest.skip(f"the loss {loss!r} is not there yet")
    with pytest.raises(ValueError) as refusal:
        model(loss, units, None).fit(X, y, verbose=0)
    for part in parts:
        assert part in str(refusal.value)


def two_outputs(form, **compiled):
    """A model that puts out a number and three probabilities, in the structure that `form` makes of them."""
    price, kind = layers.Dense(1), layers.Dense(3, activation="softmax")

    class TwoOutputs(minidl.Model):
        def __init__(self):
            super().__init__()
            self.price, self.kind = price, kind

        def call(self, x):
            return form(self.price(x), self.kind(x))

    made = TwoOutputs()
    made.compile(optimizer="sgd", **compiled)
    return made


def as_dict(price, kind):
    return {"price": price, "kind": kind}


def as_list(price, kind):
    return [price, kind]


BOTH = {"price": "mse", "kind": SPARSE}

# what is wrong -> (structure of the outputs, arguments of compile, arguments of fit, parts of the message)
REFUSED_OF_SEVERAL = {
    "loss for no output": (as_dict, {"loss": {"prize": "mse"}}, {}, ["loss", "'prize'", "Did you mean 'price'"]),
    "metrics for no output": (
        as_dict,
        {"loss": BOTH, "metrics": {"kinds": ["accuracy"]}},
        {},
        ["metrics", "'kinds'", "Did you mean 'kind'"],
    ),
    "too few losses": (as_list, {"loss": ["mse"]}, {}, ["loss is a list of 1", "2 outputs"]),
    "metrics in a flat list": (as_list, {"loss": ["mse", SPARSE], "metrics": ["mae"]}, {}, ["metrics", "list of 1"]),
    "one array of targets": (as_list, {"loss": ["mse", SPARSE]}, {"y": NUMBERS}, ["y is one array", "2 outputs"]),
    "targets of one output": (as_dict, {"loss": BOTH}, {"y": {"price": NUMBERS}}, ["nothing for the output 'kind'"]),
    "targets of different length": (
        as_dict,
        {"loss": BOTH},
        {"y": as_dict(NUMBERS, LABELS[:30])},
        ["y['kind'] has 30", "y['price'] has 40"],
    ),
    "labels too large": (
        as_dict,
        {"loss": BOTH},
        {"y": as_dict(NUMBERS, LABELS + 1)},
        ["y of 'kind' has integer labels from 1 to 3"],
    ),
    "targets the wrong way round": (
        as_list,
        {"loss": ["mse", SPARSE]},
        {"y": [ONE_HOT, NUMBERS]},
        ["y of '0' has shape (40, 3)", "(None, 1)"],
    ),
    "class_weight": (as_dict, {"loss": BOTH}, {"class_weight": {0: 1.0}}, ["one output", "has 2", "sample_weight"]),
    "weights for no output": (
        as_dict,
        {"loss": BOTH},
        {"sample_weight": {"kinds": np.ones(40)}},
        ["sample_weight", "'kinds'", "Did you mean 'kind'"],
    ),
    "too few weights": (
        as_list,
        {"loss": ["mse", SPARSE]},
        {"sample_weight": [np.ones(40)] * 3},
        ["sample_weight is a list of 3"],
    ),
    "NaN in targets": (as_dict, {"loss": BOTH}, {"y": as_dict(with_nan(NUMBERS), LABELS)}, ["NaN in 2 of 40"]),
    "no loss at all": (as_dict, {"loss": {"price": None}}, {}, ["nothing to train", "loss", "add_loss()"]),
}


@pytest.mark.parametrize("case", REFUSED_OF_SEVERAL)
def test_refused_before_training_several_outputs(case):
    form, compiled, arguments, parts = REFUSED_OF_SEVERAL[case]
    with pytest.raises(ValueError) as refusal:
        two_outputs(form, **compiled).fit(**{"x": X, "y": form(NUMBERS, LABELS), "verbose": 0, **arguments})
    for part in parts:
        assert part in str(refusal.value)


@pytest.mark.parametrize(("shape", "message"), [((6,), "sample_weight has 6"), ((5,), r"\(5,\).*shape \(5, 6\)")])
def test_weights_of_steps_for_whole_sequences_are_refused(shape, message):
    made = Sequential([layers.Dense(2, input_shape=(6, 8))])
    made.compile(loss="mse")
    with pytest.raises(ValueError, match=message):
        made.fit(np.ones((5, 6, 8)), np.ones((5, 6, 2)), sample_weight=np.ones(shape), verbose=0)


@pytest.mark.parametrize("freq", [0, -1, 1.5, "each", [1, 0]])
def test_validation_freq_that_names_no_epochs_is_refused(freq):
    with pytest.raises(ValueError, match="validation_freq must be a positive integer, or a list"):
        checks.schedule("fit", freq, True)


@pytest.mark.parametrize("shuffle", ["yes", None, 2])
def test_unknown_ways_to_shuffle_are_refused(shuffle):
    with pytest.raises(ValueError, match="shuffle must be True, False or 'batch'"):
        checks.schedule("fit", 1, shuffle)


def test_epochs_and_ways_to_shuffle_that_are_known_are_accepted():
    checks.schedule("fit", 2, "batch")
    checks.schedule("fit", [1, 3], False)
    checks.schedule("fit", range(1, 9, 2), np.True_)


def test_nothing_to_train_is_refused():
    with pytest.raises(ValueError, match=r"nothing to train: give compile\(\) a loss"):
        model(loss=None).fit(X, LABELS, verbose=0)


def test_a_softmax_over_one_unit_is_refused():
    with pytest.warns(UserWarning, match="every result is 1"):
        made = model(BINARY, 1, "softmax")
        with pytest.raises(ValueError, match=r"always 1: it cannot learn. Use activation='sigmoid'"):
            made.fit(X, CLASSES, verbose=0)


class Subclassed(minidl.Model):
    """A model whose last layer `fit` sees only while it traces."""

    def __init__(self, units, activation):
        super().__init__()
        self.last, self.first = layers.Dense(units, activation=activation), layers.Dense(4, activation="relu")

    def call(self, x):
        return self.last(self.first(x))


def sequential(units, activation):
    return Sequential([layers.Dense(4, activation="relu"), layers.Dense(units, activation=activation)])


LOGITS = {
    SPARSE: minidl.losses.SparseCategoricalCrossentropy(from_logits=True),
    BINARY: minidl.losses.BinaryCrossentropy(from_logits=True),
}

# what is wrong -> (units, activation, loss, targets, what the warning says)
WARNED = {
    "softmax twice": (3, "softmax", LOGITS[SPARSE], LABELS, "from_logits=True, but the output is a softmax already"),
    "sigmoid twice": (1, "sigmoid", LOGITS[BINARY], CLASSES, "from_logits=True, but the output is a sigmoid already"),
    "no softmax": (3, None, SPARSE, LABELS, "no activation. Give the loss from_logits=True, .*'softmax'"),
    "linear": (3, "linear", ONE_HOT_LOSS, ONE_HOT, "no activation. Give the loss from_logits=True, .*'softmax'"),
    "no sigmoid": (1, None, BINARY, CLASSES, "no activation. Give the loss from_logits=True, .*'sigmoid'"),
    "a sigmoid for each class": (3, "sigmoid", SPARSE, LABELS, "a sigmoid for each. Use activation='softmax'"),
}


@pytest.mark.parametrize("kind", [sequential, Subclassed])
@pytest.mark.parametrize("case", WARNED)
def test_warned(case, kind):
    units, activation, loss, y, message = WARNED[case]
    made = kind(units, activation)
    made.compile(optimizer="sgd", loss=loss)
    with pytest.warns(UserWarning, match=message) as warned:
        made.test_on_batch(X, y)
    assert len(warned) == 1


SILENT = {
    "softmax": (3, "softmax", SPARSE, LABELS),
    "sigmoid": (1, "sigmoid", BINARY, CLASSES),
    "several labels": (3, "sigmoid", BINARY, ONE_HOT),
    "logits": (3, None, LOGITS[SPARSE], LABELS),
    "numbers": (1, None, "mse", NUMBERS),
    "an activation of the user's own": (3, lambda x: minidl.activations.relu(x) / 9, SPARSE, LABELS),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SILENT)
def test_not_warned(case):
    units, activation, loss, y = SILENT[case]
    made = sequential(units, activation)
    made.compile(optimizer="sgd", loss=loss)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.test_on_batch(X, y)


OBJECTS = {
    "objects": np.array([[1, 2], [3]], dtype=object),
    "text": np.array([["a"] * 8] * 40),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_arrays_that_hold_no_numbers_are_refused(case):
    with pytest.raises(TypeError, match="holds objects or text, not numbers|takes numbers, got text of shape"):
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


def test_metrics_that_are_not_a_list_are_refused():
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


def test_no_epochs_give_an_empty_history():
    """Keras 3.15.1: model.fit(x, y, epochs=0).history == {}."""
    made = model()
    before = made.get_weights() if made.built else None
    history = made.fit(X, LABELS, epochs=0, validation_data=(X, LABELS), verbose=0)
    assert history.history == {} and history.epoch == []
    np.testing.assert_array_equal(made.get_weights()[0], before[0])
