"""Losses, weights and metrics go to the outputs that compile() names, and are reported under Keras's names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import Input, Model
from minidl.layers import Dense
from minidl.training.targets.objectives import Objectives
from minidl.training.targets.outputs import Outputs

RNG = np.random.default_rng(0)
PRICE, KIND = RNG.normal(size=(4, 1)).astype("float32"), np.array([0, 1, 2, 0])
GUESS = RNG.normal(size=(4, 1)).astype("float32")
CHANCES = np.asarray(jax.nn.softmax(RNG.normal(size=(4, 3)).astype("float32")))
SPARSE = "sparse_categorical_crossentropy"

SQUARES, SURPRISES = (GUESS - PRICE)[:, 0] ** 2, -np.log(CHANCES[np.arange(4), KIND])  # of each example
HITS = CHANCES.argmax(-1) == KIND
RIGHT = np.mean(HITS)

OUTPUTS = {
    "list": ([PRICE, KIND], [GUESS, CHANCES]),
    "tuple": ((PRICE, KIND), (GUESS, CHANCES)),
    "targets in a tuple": ((PRICE, KIND), [GUESS, CHANCES]),
    "dict": ({"price": PRICE, "kind": KIND}, {"price": GUESS, "kind": CHANCES}),
    "nested": ({"price": [PRICE], "kind": {"now": KIND}}, {"price": [GUESS], "kind": {"now": CHANCES}}),
    "one": (PRICE, GUESS),
    "one in a list": ([PRICE], [GUESS]),
    "one in a dict": ({"price": PRICE}, {"price": GUESS}),
}


def results(outputs, sample_weight=None, output_names=None, **given):
    """The loss and the reported numbers of one batch."""
    y, y_pred = OUTPUTS[outputs] if isinstance(outputs, str) else outputs
    objectives = made(y, y_pred, output_names, **given)
    loss = objectives.compute_loss(y, y_pred, sample_weight)
    objectives.update_metrics(y, y_pred, sample_weight)
    reported = {name: float(value) for name, value in objectives.results().items()}
    del reported["loss"]  # the step updates it
    return reported if loss is None else {"loss": float(loss), **reported}


def made(y, y_pred, output_names=None, loss=None, loss_weights=None, metrics=None, weighted_metrics=None):
    objectives = Objectives(loss, loss_weights, metrics, weighted_metrics)
    objectives.build(y, y_pred, output_names)
    return objectives


MSE, CE = float(np.mean(SQUARES)), float(np.mean(SURPRISES))
WEIGHT = np.array([0.0, 1.0, 2.0, 5.0], "float32")
WEIGHTED_MSE, WEIGHTED_CE = float(np.mean(WEIGHT * SQUARES)), float(np.mean(WEIGHT * SURPRISES))
BOTH_NAMES = ["price", "kind"]
BOTH = {"price": "mse", "kind": SPARSE}

# what is given -> (outputs, what compile() and the batch are given, what is reported); each number is its definition's
REPORTED = {
    "losses in a list": ("list", {"loss": ["mse", SPARSE]}, {"loss": MSE + CE, "mse_loss": MSE, f"{SPARSE}_loss": CE}),
    "in a tuple": ("tuple", {"loss": ("mse", SPARSE)}, {"loss": MSE + CE, "mse_loss": MSE, f"{SPARSE}_loss": CE}),
    "targets in a tuple": (
        "targets in a tuple",
        {"loss": ["mse", SPARSE]},
        {"loss": MSE + CE, "mse_loss": MSE, f"{SPARSE}_loss": CE},
    ),
    "in a dict": ("dict", {"loss": BOTH}, {"loss": MSE + CE, "price_loss": MSE, "kind_loss": CE}),
    "a list for a dict, by sorted key": (
        "dict",
        {"loss": [SPARSE, "mse"], "metrics": [["accuracy"], []]},
        {"loss": MSE + CE, "price_loss": MSE, "kind_loss": CE, "kind_accuracy": RIGHT},
    ),
    "names of the model": (
        "list",
        {"loss": BOTH, "metrics": {"kind": "accuracy"}, "output_names": BOTH_NAMES},
        {"loss": MSE + CE, "price_loss": MSE, "kind_loss": CE, "kind_accuracy": RIGHT},
    ),
    "nested": (
        "nested",
        {"loss": {"price": ["mse"], "kind": {"now": SPARSE}}, "metrics": {"kind": {"now": ["accuracy"]}}},
        {"loss": MSE + CE, "price/mse_loss": MSE, "kind/now_loss": CE, "accuracy": RIGHT},
    ),
    "weights of losses": (
        "list",
        {"loss": ["mse", SPARSE], "loss_weights": [0.5, 3.0]},
        {"loss": 0.5 * MSE + 3.0 * CE, "mse_loss": MSE, f"{SPARSE}_loss": CE},
    ),
    "weights in a dict": (
        "dict",
        {"loss": BOTH, "loss_weights": {"kind": 3.0}},
        {"loss": MSE + 3.0 * CE, "price_loss": MSE, "kind_loss": CE},
    ),
    "one weight for all": (
        "dict",
        {"loss": BOTH, "loss_weights": 0.5},
        {"loss": 0.5 * (MSE + CE), "price_loss": MSE, "kind_loss": CE},
    ),
    "metrics without a loss": (
        "dict",
        {"metrics": {"kind": ["accuracy"], "price": ["mse"]}},
        {"kind_accuracy": RIGHT, "price_mse": MSE},
    ),
    "an output without loss": ("list", {"loss": ["mse", None]}, {"loss": MSE}),
    "an output without loss, in a dict": (
        "dict",
        {"loss": {"price": "mse"}, "metrics": {"kind": ["accuracy"]}},
        {"loss": MSE, "kind_accuracy": RIGHT},
    ),
    "targets of the trained output only": (([KIND], [GUESS, CHANCES]), {"loss": [None, SPARSE]}, {"loss": CE}),
    "the one target that is trained": ((KIND, [GUESS, CHANCES]), {"loss": [None, SPARSE]}, {"loss": CE}),
    "one of two targets, in a dict": (
        ({"kind": KIND}, {"price": GUESS, "kind": CHANCES}),
        {"loss": {"kind": SPARSE}},
        {"loss": CE},
    ),
    "one loss for all": (
        ({"a": PRICE, "b": PRICE}, {"a": GUESS, "b": PRICE}),
        {"loss": "mse"},
        {"loss": MSE, "a_loss": MSE, "b_loss": 0.0},
    ),
    "two losses of one name": (
        ([PRICE, PRICE], [GUESS, PRICE]),
        {"loss": "mse"},
        {"loss": MSE, "mse_loss": MSE, "mse_loss_1": 0.0},
    ),
    "a weight for each example": (
        "dict",
        {"loss": BOTH, "metrics": {"price": "mse"}, "weighted_metrics": {"price": "mse"}, "sample_weight": WEIGHT},
        {
            "loss": WEIGHTED_MSE + WEIGHTED_CE,
            "price_loss": WEIGHTED_MSE,
            "kind_loss": WEIGHTED_CE,
            "price_mse": MSE,
            "price_weighted_mse": float(np.average(SQUARES, weights=WEIGHT)),
        },
    ),
    "a weight for each example of an output": (
        "list",
        {"loss": ["mse", SPARSE], "weighted_metrics": [None, ["accuracy"]], "sample_weight": [None, WEIGHT]},
        {
            "loss": MSE + WEIGHTED_CE,
            "mse_loss": MSE,
            f"{SPARSE}_loss": WEIGHTED_CE,
            "accuracy": float(np.average(HITS, weights=WEIGHT)),
        },
    ),
    "weights of an output, in a dict": (
        "dict",
        {"loss": BOTH, "sample_weight": {"kind": WEIGHT}},
        {"loss": MSE + WEIGHTED_CE, "price_loss": MSE, "kind_loss": WEIGHTED_CE},
    ),
    "one output": ("one", {"loss": "mse", "metrics": ["mse"]}, {"loss": MSE, "mse": MSE}),
    "one output in a list": ("one in a list", {"loss": ["mse"], "metrics": [["mse"]]}, {"loss": MSE, "mse": MSE}),
    "one output in a dict": (
        "one in a dict",
        {"loss": {"price": "mse"}, "metrics": {"price": ["mse"]}, "loss_weights": {"price": 2.0}},
        {"loss": 2.0 * MSE, "mse": MSE},
    ),
    "metrics of one name": (
        "one",
        {"loss": "mse", "metrics": ["mse", "mse"], "weighted_metrics": ["mse", "mse"], "sample_weight": WEIGHT},
        {
            "loss": WEIGHTED_MSE,
            "mse": MSE,
            "mse_1": MSE,
            "weighted_mse": float(np.average(SQUARES, weights=WEIGHT)),
            "weighted_mse_1": float(np.average(SQUARES, weights=WEIGHT)),
        },
    ),
}


@pytest.mark.parametrize("case", REPORTED)
def test_names_of_reported_values(case):
    outputs, given, expected = REPORTED[case]
    assert results(outputs, **given) == pytest.approx(expected, rel=1e-5, abs=1e-7)


ORDERS = {  # the order of Keras's evaluate()
    "one output": ("one", {"loss": "mse", "metrics": ["mse", "mae"]}, ["loss", "mse", "mae"]),
    "list": (
        "list",
        {"loss": ["mse", SPARSE], "metrics": [["mse"], ["accuracy"]]},
        ["loss", "mse", "accuracy", "mse_loss", f"{SPARSE}_loss"],
    ),
    "dict, as the losses come": (
        "dict",
        {"loss": BOTH, "metrics": {"price": ["mse"], "kind": ["accuracy"]}},
        ["loss", "price_loss", "kind_loss", "kind_accuracy", "price_mse"],
    ),
    "dict, one loss": (
        ({"b": PRICE, "a": PRICE}, {"b": GUESS, "a": GUESS}),
        {"loss": "mse"},
        ["loss", "a_loss", "b_loss"],
    ),
}


@pytest.mark.parametrize("case", ORDERS)
def test_order_of_names(case):
    outputs, given, expected = ORDERS[case]
    assert made(*(OUTPUTS[outputs] if isinstance(outputs, str) else outputs), **given).names == expected


REFUSED = {
    "a loss for no output": (
        {"loss": {"prize": "mse"}},
        "dict",
        "`loss`: Unknown output 'prize'. Did you mean 'price'?",
    ),
    "metrics for no output": (
        {"loss": BOTH, "metrics": {"kinds": ["accuracy"]}},
        "dict",
        "compile: Invalid `metrics`: Unknown output 'kinds'. Did you mean 'kind'?",
    ),
    "weighted metrics for no output": (
        {"loss": BOTH, "weighted_metrics": {"kinds": ["accuracy"]}},
        "dict",
        "compile: Invalid `weighted_metrics`: Unknown output 'kinds'",
    ),
    "a weight for no output": ({"loss": BOTH, "loss_weights": {"kimd": 2.0}}, "dict", "`loss_weights`: Unknown output"),
    "names for a list": ({"loss": BOTH}, "list", "compile: loss is a dict with the keys ['price', 'kind'], but"),
    "too few losses": ({"loss": ["mse"]}, "list", "compile: loss is a list of 1, but the model has 2 outputs"),
    "too many losses": ({"loss": ["mse"] * 3}, "dict", "compile: loss is a list of 3, but the model has 2 outputs"),
    "losses for one output": ({"loss": ["mse", "mae"]}, "one", "compile: loss has 2 entries, but the model has one"),
    "losses inside of an output": (
        {"loss": {"price": {"now": "mse"}, "kind": SPARSE}},
        "dict",
        "compile: loss: the output 'price' is one array, but it is given more than the one entry expected",
    ),
    "metrics inside of an output": (
        {"loss": BOTH, "metrics": {"price": {"now": "mse"}}},
        "dict",
        "compile: metrics: the output 'price' is one array, but it is given more than the one entry expected",
    ),
    "targets inside of an output": (
        {"loss": ["mse", SPARSE]},
        ([[PRICE, PRICE], KIND], OUTPUTS["list"][1]),
        "y: the output '0' is one array, but it is given more than the one entry expected: a list of 2",
    ),
    "no losses": ({"loss": []}, "one", "compile: loss has 0 entries"),
    "a flat list of metrics": ({"loss": BOTH, "metrics": ["accuracy"]}, "dict", "compile: metrics is a list of 1"),
    "weights of other number": ({"loss": BOTH, "loss_weights": [1.0]}, "dict", "loss_weights is a list of 1"),
    "one array of targets": ({"loss": "mse"}, (PRICE, [GUESS, GUESS]), "y is one array, but the model has 2 outputs"),
    "targets for no output": (
        {"loss": BOTH},
        ({"price": PRICE, "kind": KIND, "kinds": KIND}, OUTPUTS["dict"][1]),
        "Invalid `y`: Unknown output 'kinds'. Did you mean 'kind'? Expected keys: ['kind', 'price'].",
    ),
    "targets missing": ({"loss": BOTH}, ({"price": PRICE}, OUTPUTS["dict"][1]), "y has nothing for the output 'kind'"),
    "targets missing for metrics": (
        {"loss": ["mse", None], "metrics": [None, ["accuracy"]]},
        ([PRICE], OUTPUTS["list"][1]),
        "y has nothing for the output '1'",
    ),
    "two targets for one output": ({"loss": "mse"}, ([PRICE, PRICE], GUESS), "y has 2 arrays, but the model has one"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    given, outputs, message = REFUSED[case]
    with pytest.raises(ValueError) as refusal:
        made(*(OUTPUTS[outputs] if isinstance(outputs, str) else outputs), **given)
    assert message in str(refusal.value)


def test_invalid_metrics_and_weights_are_refused_by_compile():
    with pytest.raises(TypeError, match="metrics: expected names, functions or Metric objects, got 3"):
        Objectives("mse", None, [["mae"], [3]], None)
    with pytest.raises(TypeError, match="loss_weights: expected a number for each output, got 'x'"):
        Objectives("mse", ["x"], None, None)
    with pytest.raises(ValueError, match="Did you mean 'sparse_categorical_crossentropy'"):
        Objectives({"kind": "sparse_categorial_crossentropy"}, None, None, None)
    with pytest.raises(ValueError, match="Did you mean"):
        Objectives("mse", None, {"kind": ["acuracy"]}, None)


def test_one_output_carries_only_the_loss_and_its_metrics():
    objectives = made(PRICE, GUESS, loss="mse", metrics=["mae"])
    assert [metric.name for metric in objectives.reported] == ["loss", "mae"]
    assert isinstance(objectives.loss, minidl.losses.Loss)


@pytest.mark.parametrize("outputs", ["one", "one in a list", "one in a dict"])
def test_one_output_computes_nothing_but_its_loss(outputs):
    y, y_pred = OUTPUTS[outputs]
    objectives = made(y, y_pred, loss="mse")
    ours = jax.make_jaxpr(lambda y, y_pred: objectives.compute_loss(y, y_pred, None))(y, y_pred)
    theirs = jax.make_jaxpr(minidl.losses.MeanSquaredError())(PRICE, GUESS)
    assert str(ours) == str(theirs)


def test_a_metric_object_of_two_outputs_is_carried_once():
    shared = minidl.metrics.MeanAbsoluteError()
    objectives = made([PRICE, PRICE], [GUESS, PRICE], loss="mse", metrics=[[shared], [shared]])
    assert sum(metric is shared for metric in objectives.reported) == 1
    assert shared.name == "mean_absolute_error"


@pytest.mark.slow
def test_gradients_follow_the_weights_of_the_losses():
    y, y_pred = OUTPUTS["dict"]
    objectives = made(y, y_pred, loss=BOTH, loss_weights={"price": 0.0, "kind": 2.0})
    gradients = jax.grad(lambda y_pred: objectives.compute_loss(y, y_pred, None))(jax.tree.map(jnp.asarray, y_pred))
    assert not np.any(gradients["price"])
    np.testing.assert_allclose(gradients["kind"][0, 0], 2.0 / 4 * (1.0 - 1.0 / CHANCES[0, 0]), rtol=1e-4)


def test_the_names_of_outputs():
    assert Outputs({"b": 1, "a": 2}).names == ["a", "b"]
    assert Outputs([1, 2], ["x", "y"]).names == ["x", "y"]
    assert Outputs([1, 2]).names is None
    assert Outputs({"a": [1, 2]}).labels == ["a/0", "a/1"]


def two_outputs(kind):
    x = Input((3,))
    a, b = Dense(1, name="a")(x), Dense(1, name="b")(x)
    return Model(x, {"a": a, "b": b} if kind is dict else kind([a, b]))


def test_a_list_of_one_loss_is_that_loss():
    model = two_outputs(list)
    model.compile("sgd", ["mse", ["mae"]], loss_weights=[1.0, [2.0]])
    logs = model.evaluate(np.ones((4, 3)), [np.zeros((4, 1))] * 2, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["a_loss"] + 2 * logs["b_loss"], rel=1e-6)


def test_a_function_for_a_nested_structure_of_outputs_is_refused():
    x = Input((3,))
    a, b = Dense(1, name="a")(x), Dense(1, name="b")(x)
    model = Model(x, {"pair": (a, b), "other": a})
    y = np.zeros((8, 1))
    model.compile("sgd", {"pair": lambda y_true, y_pred: abs(y_true[0] - y_pred[0]), "other": "mae"})
    with pytest.raises(ValueError, match=r"one function is given for the structure of outputs .* Give a loss for each"):
        model.fit(np.ones((8, 3)), {"pair": (y, y), "other": y}, verbose=0)


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
@pytest.mark.parametrize("units, labels", [(1, np.ones((2, 1))), (3, np.array([0, 2])), (3, np.eye(3)[[0, 2]])])
def test_crossentropy_as_a_metric_is_the_one_of_the_labels(name, units, labels):
    # compile's documentation: "a similar conversion is done for the strings 'crossentropy' and 'ce'".
    model = minidl.Sequential([Input((2,)), Dense(units, activation="softmax" if units > 1 else "sigmoid")])
    kind = {(1, 2): "binary", (3, 1): "sparse_categorical", (3, 2): "categorical"}[units, labels.ndim]
    model.compile("sgd", f"{kind}_crossentropy", metrics=[name])
    logs = model.evaluate(np.ones((2, 2), "float32"), labels, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs[name], logs["loss"], rtol=1e-6)
