"""Metrics: names, configs, errors, masks, and the stateless forms against the stateful ones.

Results of every metric are compared with Keras's in references/metrics.py.
"""

import inspect
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import layers, losses, metrics
from minidl.core import array_metadata
from minidl.core.variables import Variable
from tests.references import metrics_confusion
from tests.references.metrics import ROWS, VALUES


def gap(y_true, y_pred, scale=1.0):
    """A metric function of a user."""
    return scale * jnp.abs(y_true - y_pred)


class Largest(metrics.Metric):
    """The largest value, as a user would write it: state that does not begin with zero, and a result of two."""

    def __init__(self, start=-1.0, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.start = start
        self.value = self.add_weight(shape=(), initializer="zeros", name="value")
        self.parts = {"seen": [metrics.Sum(name="seen")]}
        self.reset_state()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(jnp.maximum(self.value.value, jnp.max(y_pred)))
        self.parts["seen"][0].update_state(jnp.ones_like(y_pred))

    def result(self):
        return {"largest": self.value.value, "seen": self.parts["seen"][0].result()}

    def reset_state(self):
        super().reset_state()
        self.value.assign(self.start)

    def get_config(self):
        return {**super().get_config(), "start": self.start}


# Every public class, with arguments that are not the defaults.
EXAMPLES = [
    metrics.Mean(name="mine"),
    metrics.Sum(name="mine", dtype="float16"),
    metrics.MeanMetricWrapper(metrics.mean_squared_error, name="wrapped"),
    metrics.MeanMetricWrapper(metrics.binary_accuracy, threshold=0.25),
    metrics.Accuracy(dtype="float16"),
    metrics.BinaryAccuracy(threshold=0.75),
    metrics.CategoricalAccuracy(name="mine"),
    metrics.SparseCategoricalAccuracy(name="mine"),
    metrics.TopKCategoricalAccuracy(k=3),
    metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True),
    metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.25),
    metrics.CategoricalCrossentropy(from_logits=True, label_smoothing=0.25, axis=1),
    metrics.SparseCategoricalCrossentropy(from_logits=True, ignore_class=3, axis=1),
    metrics.MeanSquaredError(name="mine"),
    metrics.MeanAbsoluteError(name="mine"),
    metrics.RootMeanSquaredError(name="mine"),
    metrics.MeanAbsolutePercentageError(name="mine"),
    metrics.MeanSquaredLogarithmicError(name="mine"),
    metrics.LogCoshError(name="mine"),
    metrics.CosineSimilarity(axis=0),
    metrics.KLDivergence(name="mine"),
    metrics.Poisson(name="mine"),
    metrics.Hinge(name="mine"),
    metrics.SquaredHinge(name="mine"),
    metrics.CategoricalHinge(name="mine"),
    metrics.R2Score(class_aggregation="variance_weighted_average", num_regressors=1),
    metrics.PearsonCorrelation(axis=0),
    metrics.ConcordanceCorrelation(axis=0),
    metrics.TruePositives(thresholds=[0.5, 0.25]),
    metrics.FalsePositives(thresholds=0.25),
    metrics.TrueNegatives(name="mine"),
    metrics.FalseNegatives(name="mine"),
    metrics.Precision(thresholds=[0.0, 0.5, 1.0], top_k=2),
    metrics.Recall(top_k=2, class_id=1),
    metrics.SensitivityAtSpecificity(0.5, num_thresholds=9, class_id=2),
    metrics.SpecificityAtSensitivity(0.5, num_thresholds=9),
    metrics.PrecisionAtRecall(0.5, num_thresholds=9),
    metrics.RecallAtPrecision(0.5, num_thresholds=9),
    metrics.AUC(9, "PR", "majoring", thresholds=[0.75, 0.5, 0.125], from_logits=True),
    metrics.AUC(multi_label=True),
    metrics.IoU(4, [0, 2], ignore_class=1),
    metrics.BinaryIoU((1,), threshold=0.25),
    metrics.MeanIoU(4, sparse_y_pred=False),
    metrics.OneHotIoU(4, [0, 2], dtype="float32"),
    metrics.OneHotMeanIoU(4, name="mine"),
    metrics.FBetaScore(average="weighted", beta=2.0, threshold=0.5),
    metrics.F1Score(),
]
NAMES = [type(metric).__name__ for metric in EXAMPLES]
FUNCTIONS = [name for name in metrics.__all__ if name.islower() and name not in ("get", "serialize", "deserialize")]


def batch(metric, seed=0):
    """Arguments for `update_state` for an example."""
    random = np.random.default_rng(seed)
    kind = type(metric).__name__
    probabilities = random.uniform(0.1, 0.9, (4, 4)).astype("float32")
    if kind in ("Mean", "Sum"):
        return (probabilities[0],)
    if kind == "SparseCategoricalCrossentropy":
        return random.integers(0, 4, (4, 4)), random.normal(size=(4, 4, 4)).astype("float32")
    if kind == "IoU":
        return random.integers(0, 4, 9), random.integers(0, 4, 9)
    if kind == "SparseTopKCategoricalAccuracy":
        return random.integers(0, 4, 4), random.integers(0, 4, (4, 4))
    if kind.startswith("Sparse") or kind == "MeanIoU":
        return random.integers(0, 4, 4), probabilities
    return np.eye(4, dtype="float32")[random.permutation(4)], probabilities


def test_every_metric_has_a_row():
    public = {
        name
        for name in metrics.__all__
        if isinstance(getattr(metrics, name), type) and issubclass(getattr(metrics, name), metrics.Metric)
    }
    assert public == {"Metric", *NAMES}
    compared = {*(name for name, *_ in ROWS.values()), *metrics_confusion.ROWS}
    assert public - {"Metric", "Mean", "Sum", "MeanMetricWrapper"} == compared


def test_all_names_of_keras_exist():
    keras = pytest.importorskip("keras")
    theirs = {name for name in dir(keras.metrics) if not name.startswith("_")}
    assert theirs == set(metrics.__all__)
    from keras.src.metrics import ALL_OBJECTS_DICT as NAMED

    for name, cls in NAMED.items():
        if cls.__name__ != "Metric":
            assert metrics.NAMES[name] is getattr(metrics, cls.__name__), name


def test_everything_that_is_public_is_in_all():
    ours = {
        name
        for name, value in vars(metrics).items()
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, type))
    }
    assert ours - {"Any", "Callable", "of_function"} == set(metrics.__all__)


@pytest.mark.parametrize("name", ["Metric", *dict.fromkeys(NAMES), *FUNCTIONS])
def test_arguments_are_those_of_keras(name):
    keras = pytest.importorskip("keras")
    ours = inspect.signature(getattr(metrics, name)).parameters.values()
    theirs = inspect.signature(getattr(keras.metrics, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


# Names, classes, functions and configs


@pytest.mark.slow
@pytest.mark.parametrize("metric", EXAMPLES, ids=NAMES)
def test_config_leads_back_to_the_same_metric(metric):
    config = json.loads(json.dumps(metrics.serialize(metric)))
    metric.reset_state()
    want = metric(*batch(metric))
    for again in (metrics.deserialize(config), metrics.get(config)):
        assert type(again) is type(metric) and again.name == metric.name
        assert again.get_config() == metric.get_config()
        result = again(*batch(metric))
        assert result.dtype == want.dtype == ("float32" if metric.dtype == "int32" else metric.dtype)
        np.testing.assert_array_equal(result, want)
    if type(metric) is not metrics.MeanMetricWrapper:  # whose config holds the name of a function
        assert type(metric).from_config(metric.get_config()).get_config() == metric.get_config()


@pytest.mark.parametrize("metric", EXAMPLES, ids=NAMES)
def test_config_is_that_of_keras(metric):
    keras = pytest.importorskip("keras")
    ours = metrics.serialize(metric)
    if type(metric) is metrics.CosineSimilarity:  # whose axis Keras forgets
        del ours["config"]["axis"]
    assert ours == keras.metrics.serialize(keras.metrics.deserialize(ours))


@pytest.mark.parametrize(
    "name, kind",
    [
        ("mse", "MeanSquaredError"),
        ("MSE", "MeanSquaredError"),
        ("mean_squared_error", "MeanSquaredError"),
        ("mae", "MeanAbsoluteError"),
        ("MAE", "MeanAbsoluteError"),
        ("MAPE", "MeanAbsolutePercentageError"),
        ("msle", "MeanSquaredLogarithmicError"),
        ("log_cosh_error", "LogCoshError"),
        ("rmse", "RootMeanSquaredError"),
        ("RMSE", "RootMeanSquaredError"),
        ("bce", "BinaryCrossentropy"),
        ("BCE", "BinaryCrossentropy"),
        ("accuracy", "Accuracy"),
        ("BinaryAccuracy", "BinaryAccuracy"),
        ("top_k_categorical_accuracy", "TopKCategoricalAccuracy"),
        ("sparse_top_k_categorical_accuracy", "SparseTopKCategoricalAccuracy"),
        ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
    ],
)
def test_names(name, kind):
    metric = metrics.get(name)
    assert type(metric) is getattr(metrics, kind)
    assert metrics.get(kind).get_config() == metric.get_config() == getattr(metrics, kind)().get_config()


def test_classes_objects_functions_and_nothing():
    metric = metrics.get(metrics.Mean)
    assert type(metric) is metrics.Mean and metric.name == "mean"
    assert metrics.get(metric) is metric
    assert metrics.get(gap) is gap
    assert metrics.get(None) is None


def test_unknown_name_suggests_similar_ones():
    with pytest.raises(ValueError, match="Unknown metric 'mean_squard_error'. Did you mean 'mean_squared_error'"):
        metrics.get("mean_squard_error")
    with pytest.raises(ValueError, match="Unknown metric 'zzz'. Known: AUC, Accuracy"):
        metrics.get("zzz")
    with pytest.raises(ValueError, match="Unknown metric 'Largest'"):
        metrics.deserialize(metrics.serialize(Largest()))


@pytest.mark.parametrize("wrong", [3, 0.5, ["mse"]])
def test_neither_name_nor_metric(wrong):
    with pytest.raises(TypeError, match="is not a metric: give a name, a function or an object"):
        metrics.get(wrong)


def test_own_metric_and_own_function_come_back_from_custom_objects():
    config = json.loads(json.dumps(metrics.serialize(Largest(start=-5.0))))
    again = metrics.deserialize(config, custom_objects={"Largest": Largest})
    assert isinstance(again, Largest) and again.start == -5.0
    config = json.loads(json.dumps(metrics.serialize(metrics.MeanMetricWrapper(gap, scale=3.0))))
    with pytest.raises(ValueError, match="Unknown function 'gap'"):
        metrics.deserialize(config)
    again = metrics.deserialize(config, custom_objects={"gap": gap})
    assert float(again(jnp.zeros(2), jnp.ones(2))) == 3.0


# In compile()


def fitted(metric, loss="mse", activation=None, units=1, y=None, rows=40, weights=None, weighted=False):
    """The logs of a first epoch without updates, and the predictions that they are of."""
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    y = x[:, :1] if y is None else y
    minidl.utils.set_random_seed(0)
    model = minidl.Sequential([layers.Dense(units, activation=activation, input_shape=(3,))])
    given = {"weighted_metrics" if weighted else "metrics": [metric]}
    model.compile(optimizer=minidl.optimizers.SGD(0.0), loss=loss, **given)
    return model.fit(x, y, sample_weight=weights, shuffle=False, verbose=0).history, y, model.predict(x, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy"])
def test_accuracy_is_of_the_kind_that_the_targets_are(name):
    labels = np.arange(40) % 3
    softmax = {"activation": "softmax", "units": 3}
    history, _, p = fitted(name, "sparse_categorical_crossentropy", y=labels, **softmax)
    assert history[name] == [pytest.approx(np.mean(p.argmax(-1) == labels))]
    history, _, p = fitted(name, "categorical_crossentropy", y=np.eye(3)[labels], **softmax)
    assert history[name] == [pytest.approx(np.mean(p.argmax(-1) == labels))]
    history, _, p = fitted(name, "bce", "sigmoid", y=labels % 2)
    assert history[name] == [pytest.approx(np.mean((p[:, 0] > 0.5) == labels % 2))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "metric, name",
    [
        ("mae", "mae"),
        ("MAE", "MAE"),
        (metrics.MeanAbsoluteError(), "mean_absolute_error"),
        (metrics.MeanAbsoluteError(name="mine"), "mine"),
        (metrics.MeanAbsoluteError, "mean_absolute_error"),
        (losses.mean_absolute_error, "mean_absolute_error"),
        (losses.MeanAbsoluteError(), "mean_absolute_error"),
        (losses.MeanAbsoluteError(reduction="sum", name="mine"), "mine"),
        (gap, "gap"),
        (lambda y_true, y_pred: abs(y_true - y_pred), "lambda"),
        (metrics.MeanMetricWrapper(gap, name="wrapped"), "wrapped"),
    ],
)
def test_ways_to_name_a_metric(metric, name):
    history, y, p = fitted(metric)
    assert history.keys() == {"loss", name}
    assert history[name] == [pytest.approx(np.mean(np.abs(y - p)), rel=1e-5)]


@pytest.mark.slow
def test_weighted_metrics():
    weights = np.arange(40) % 4
    history, y, p = fitted("mae", weights=weights, weighted=True)
    assert history["mae"] == [pytest.approx(np.average(np.abs(y - p)[:, 0], weights=weights), rel=1e-5)]
    history, y, p = fitted("mae", weights=weights)
    assert history["mae"] == [pytest.approx(np.mean(np.abs(y - p)), rel=1e-5)]


def test_a_metric_of_several_numbers():
    history, _, p = fitted(Largest())
    assert history == {"loss": history["loss"], "largest": [pytest.approx(p.max(), rel=1e-6)], "seen": [40.0]}


# Arguments


@pytest.mark.parametrize(
    "name, y_true, y_pred, message",
    [
        (
            "categorical_accuracy",
            (3,),
            (3, 4),
            r"categorical_accuracy: y_true has shape \(3,\), y_pred \(3, 4\).*use sp",
        ),
        ("categorical_accuracy", (3, 1), (3, 4), r"\(3, 1\), y_pred \(3, 4\); both need one value for each class"),
        ("top_k_categorical_accuracy", (3,), (3, 4), "integer labels use sparse_top_k_categorical_accuracy"),
        ("sparse_categorical_accuracy", (4, 4), (4, 4), r"need labels of shape \(4,\). For one-hot labels use cat"),
        ("sparse_categorical_accuracy", (3,), (4, 4), r"y_true has shape \(3,\), but predictions of shape \(4, 4\)"),
        ("sparse_top_k_categorical_accuracy", (4, 4), (4, 4), "one-hot labels use top_k_categorical_accuracy"),
        ("binary_accuracy", (4,), (4, 4), r"binary_accuracy: y_true has shape \(4,\), y_pred \(4, 4\)"),
        ("mean_squared_error", (4,), (4, 4), r"mean_squared_error: y_true has shape \(4,\), y_pred \(4, 4\)"),
    ],
)
def test_shapes_that_do_not_match(name, y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(np.zeros(y_true), np.zeros(y_pred))


@pytest.mark.parametrize("metric", [metrics.Accuracy(), metrics.RootMeanSquaredError()])
def test_shapes_that_would_broadcast(metric):
    with pytest.raises(ValueError, match=r"y_true has shape \(4,\), y_pred \(4, 4\)"):
        metric.update_state(np.zeros(4), np.zeros((4, 4)))


def test_weights_that_do_not_go_with_the_values():
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\), but the metric has values of shape \(4,\)"):
        metrics.Mean().update_state(np.zeros(4), sample_weight=np.ones(3))
    with pytest.raises(
        ValueError, match=r"sample_weight has shape \(4, 3\), but the metric has values of shape \(4,\)"
    ):
        metrics.Mean().update_state(np.zeros(4), sample_weight=np.ones((4, 3)))


def test_wrapper_of_a_non_callable():
    with pytest.raises(TypeError, match="fn must be a function of .y_true, y_pred., got 'mse'"):
        metrics.MeanMetricWrapper("mse")


def test_a_metric_that_is_not_finished():
    half = type("Half", (metrics.Metric,), {})()
    with pytest.raises(NotImplementedError, match=r"Half has no update_state\(\)"):
        half.update_state(1)
    with pytest.raises(NotImplementedError, match=r"Half has no result\(\)"):
        half.result()

    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_variable((), "zeros")

    with pytest.raises(RuntimeError, match=r"Forgetful.__init__ must call super\(\).__init__\(\) first"):
        Forgetful()


def test_lists_and_single_numbers():
    assert float(metrics.Mean()(3.0)) == 3.0
    assert float(metrics.MeanSquaredError()([[0.0], [1.0]], [[2.0], [1.0]], sample_weight=[1.0, 3.0])) == 1.0
    assert float(metrics.SparseCategoricalAccuracy()([1, 0], [[0.0, 1.0], [0.0, 1.0]])) == 0.5


def test_small_steps_are_counted():
    metric = metrics.Sum()
    for _ in range(3):
        metric.update_state([1, 2], sample_weight=0.5)
    assert float(metric.result()) == 4.5


# State


@pytest.mark.slow
@pytest.mark.parametrize("metric", [*EXAMPLES, Largest()], ids=[*NAMES, "Largest"])
def test_stateless_forms_are_the_stateful_ones_and_change_nothing(metric):
    batches = [batch(metric, seed) for seed in (1, 2)]
    metric.reset_state()
    metric.update_state(*batches[0])
    before = [variable.numpy() for variable in metric.variables]

    update = jax.jit(metric.stateless_update_state)
    state = metric.stateless_reset_state()
    for each in batches:
        state = update(state, *each)
    result = metric.stateless_result(state)
    for variable, value in zip(metric.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)

    metric.reset_state()
    for each in batches:
        metric.update_state(*each)
    assert len(state) == len(metric.variables)
    for variable, value in zip(metric.variables, state, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-6)
    want = metric.result()
    assert jax.tree.structure(result) == jax.tree.structure(want)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), result, want)


@pytest.mark.parametrize("wrong", [[], [0.0] * 3])
def test_stateless_forms_want_all_values(wrong):
    with pytest.raises(ValueError, match=f"mean: got {len(wrong)} values for 2 variables"):
        metrics.Mean().stateless_update_state(wrong, 1.0)
    with pytest.raises(ValueError, match=f"mean: got {len(wrong)} values for 2 variables"):
        metrics.Mean().stateless_result(wrong)


def test_reset_and_the_result_of_no_data():
    for name, (values, weight) in VALUES.items():
        metric = metrics.Mean()
        assert float(metric.result()) == 0.0
        metric.update_state(values[0], sample_weight=weight)
        metric.reset_state()
        assert float(metric.result()) == 0.0
        assert float(metric(np.float32([7.0]))) == 7.0, name


def test_variables_are_named_and_belong_to_the_metric():
    metric = metrics.Mean(name="val/loss")
    assert [variable.path for variable in metric.variables] == ["val>loss/total", "val>loss/count"]
    assert not any(variable.trainable for variable in metric.variables)
    assert all(isinstance(variable, Variable) for variable in Largest().variables)
    assert [variable.path for variable in Largest().variables] == ["largest/value", "seen/total"]


def test_adds_up_in_its_dtype():
    assert metrics.Mean(dtype="float16").variables[0].dtype == "float16"
    assert metrics.Mean().dtype == "float32"


# Masks


def test_a_mask_noted_on_the_predictions_leaves_examples_out():
    y_pred = array_metadata.annotate(jnp.array([[1.0], [5.0], [9.0]]), mask=jnp.array([True, True, False]))
    metric = metrics.MeanAbsoluteError()
    metric.update_state(jnp.zeros((3, 1)), y_pred)
    assert float(metric.result()) == 3.0
    metric.reset_state()
    metric.update_state(jnp.zeros((3, 1)), y_pred, sample_weight=np.array([3.0, 1.0, 7.0]))
    assert float(metric.result()) == (3 * 1 + 5) / 4


@pytest.mark.slow
@pytest.mark.parametrize("dtype, right", [("float32", 1.0), ("bfloat16", 0.0)])
def test_logits_distinguish_classes_with_equal_probabilities(dtype, right):
    """In 16 bits ties are common, and Keras's count of them is kept."""
    probabilities = minidl.activations.softmax(jnp.array([[0.0, 1e-8]], dtype))
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state(np.array([1]), probabilities)
    assert float(metric.result()) == right


@pytest.mark.parametrize("weights", [None, np.ones(3)])
def test_an_ignored_class_is_not_counted(weights):
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    probabilities = np.array([[0.2, 0.4, 0.4], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    metric.update_state(np.array([0, 2, 1]), probabilities, sample_weight=weights)
    assert float(metric.result()) == pytest.approx(-(np.log(0.2) + np.log(0.3)) / 2, rel=1e-6)


def test_the_module_of_accuracies_keeps_its_name():
    assert sys.modules["minidl.metrics.accuracy"] is metrics.accuracy


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("aggregation", ["uniform_average", None])
def test_r2_of_equal_targets_is_zero_also_where_it_is_compiled(rows, aggregation):
    # Keras 3.15.1: R2Score()(np.full((1, 1), 0.7), np.full((1, 1), 0.2)) is 0.0, with 8 rows too. XLA fuses the
    # product into the difference, which leaves the rounding error of the product instead of 0.
    metric = metrics.R2Score(class_aggregation=aggregation)
    model = minidl.Sequential([minidl.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[metric])
    history = model.fit(np.ones((rows, 4), "float32"), np.full((rows, 1), 0.7, "float32"), verbose=0).history
    np.testing.assert_array_equal(np.ravel(history["r2_score"]), [0.0])
