"""Losses: names, configs, errors, and which form of the predictions a cross-entropy is computed from.

Values and gradients of every loss are compared with Keras's in references/losses.py.
"""

import inspect
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import layers, losses
from minidl.activations import sigmoid, softmax
from minidl.core import array_metadata
from tests.references.losses import ALL_REDUCTIONS, COMPILE_FAST, ROWS

# Every public class, with arguments that are not the defaults.
EXAMPLES = [
    losses.MeanSquaredError(reduction="sum", name="mine"),
    losses.MeanAbsoluteError(reduction="none"),
    losses.MeanAbsolutePercentageError(reduction="mean"),
    losses.MeanSquaredLogarithmicError(name="mine"),
    losses.CosineSimilarity(axis=0, reduction="sum"),
    losses.Huber(delta=0.2, reduction="none"),
    losses.LogCosh(reduction="sum"),
    losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, axis=1, reduction="mean"),
    losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1, axis=1, name="mine"),
    losses.BinaryCrossentropy(label_smoothing=0.2, axis=0, reduction="mean_with_sample_weight"),
    losses.CategoricalFocalCrossentropy([0.1, 0.2, 0.3, 0.4], 1.5, True, 0.1, 1),
    losses.BinaryFocalCrossentropy(True, 0.4, 1.5, True, 0.1, 0, "sum"),
    losses.CategoricalGeneralizedCrossEntropy(q=0.2, reduction="sum"),
    losses.KLDivergence(name="mine"),
    losses.Poisson(reduction="sum"),
    losses.Hinge(reduction="none"),
    losses.SquaredHinge(name="mine"),
    losses.CategoricalHinge(reduction="sum"),
    losses.Dice(axis=[1], reduction="sum"),
    losses.Tversky(0.2, 0.7, name="mine", axis=1),
    losses.Circle(gamma=2.0, margin=0.2, remove_diagonal=False),
    losses.CTC(reduction="sum"),
    losses.LossFunctionWrapper(losses.mean_squared_error, reduction="sum", name="wrapped"),
    losses.LossFunctionWrapper(losses.binary_crossentropy, from_logits=True),
]
CLASSES = ("Loss", *dict.fromkeys(name for name, *_ in ROWS.values()))
FUNCTIONS = tuple(minidl.core.naming.snake_case(name) for name in CLASSES[1:])
PUBLIC = set(
    """
    BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh
    Loss MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge Tversky binary_crossentropy binary_focal_crossentropy
    categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge
    circle cosine_similarity ctc deserialize dice get hinge huber kl_divergence log_cosh mean_absolute_error
    mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson serialize
    sparse_categorical_crossentropy squared_hinge tversky
""".split()
)  # all of keras.losses 3.15.1
ALIASES = {
    **dict.fromkeys(("bce", "BCE"), losses.binary_crossentropy),
    **dict.fromkeys(("kld", "KLD"), losses.kl_divergence),
    **dict.fromkeys(("mae", "MAE"), losses.mean_absolute_error),
    **dict.fromkeys(("mape", "MAPE"), losses.mean_absolute_percentage_error),
    **dict.fromkeys(("mse", "MSE"), losses.mean_squared_error),
    **dict.fromkeys(("msle", "MSLE"), losses.mean_squared_logarithmic_error),
}


def data(shape=(4, 4)):
    random = np.random.default_rng(0)
    return random.integers(0, 2, shape).astype("float32"), random.uniform(0.1, 0.9, shape).astype("float32")


def data_for(loss):
    """Targets and predictions that an example of EXAMPLES takes."""
    name = type(loss).__name__
    if name == "SparseCategoricalCrossentropy":
        return np.array([[0, -1, 3, 1]] * 4), data((4, 4, 4))[1]
    if name in ("CategoricalGeneralizedCrossEntropy", "Circle"):
        return next((y_true, y_pred) for of, _, y_true, y_pred in ROWS.values() if of == name)
    return data()


def test_every_loss_has_a_row():
    public = {
        name
        for name, value in vars(losses).items()
        if not name.startswith("_") and isinstance(value, type) and issubclass(value, losses.Loss)
    }
    assert public == {"Loss", *(type(example).__name__ for example in EXAMPLES)}
    assert public == {"LossFunctionWrapper", *CLASSES}
    assert {"get", "serialize", "deserialize", *CLASSES, *FUNCTIONS} == PUBLIC
    assert PUBLIC <= set(losses.__all__)


def test_the_list_of_public_names_is_that_of_keras():
    keras = pytest.importorskip("keras")
    assert {name for name in dir(keras.losses) if not name.startswith("_")} == PUBLIC


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_arguments_are_those_of_keras(name):
    keras = pytest.importorskip("keras")
    ours = inspect.signature(getattr(losses, name)).parameters.values()
    theirs = inspect.signature(getattr(keras.losses, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


# Names, classes, functions and configs


@pytest.mark.slow
@pytest.mark.parametrize("loss", EXAMPLES, ids=lambda loss: type(loss).__name__)
def test_config_leads_back_to_the_same_loss(loss):
    config = json.loads(json.dumps(losses.serialize(loss)))
    for again in (losses.deserialize(config), losses.get(config)):
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()
        assert again.name == loss.name and again.reduction == loss.reduction
    if not isinstance(loss, losses.CTC):  # it takes long to compile, and has no arguments of its own
        y_true, y_pred = data_for(loss)
        got, want = jax.jit(lambda: (again(y_true, y_pred), loss(y_true, y_pred)), compiler_options=COMPILE_FAST)()
        np.testing.assert_array_equal(got, want)
    if type(loss) is not losses.LossFunctionWrapper:  # whose config holds the name of a function
        assert type(loss).from_config(loss.get_config()).get_config() == loss.get_config()


@pytest.mark.parametrize("loss", EXAMPLES[:-2], ids=lambda loss: type(loss).__name__)  # Keras's wrapper is private
def test_config_is_that_of_keras(loss):
    keras = pytest.importorskip("keras")
    ours = losses.serialize(loss)
    theirs = keras.losses.serialize(getattr(keras.losses, type(loss).__name__).from_config(ours["config"]))
    forgotten = {"SparseCategoricalCrossentropy": "axis", "CosineSimilarity": "axis", "Huber": "delta"}
    argument = forgotten.get(type(loss).__name__)
    if argument:
        assert argument not in theirs["config"]  # Keras 3.15 forgets it there
        theirs["config"][argument] = loss.get_config()[argument]
    assert ours == theirs


def test_names_of_functions():
    for name, function in {**ALIASES, **{name: getattr(losses, name) for name in FUNCTIONS}}.items():
        assert losses.get(name) is function
        assert losses.deserialize(losses.serialize(function)) is function


def test_all_names_of_losses_in_keras():
    known = pytest.importorskip("keras.src.losses").ALL_OBJECTS_DICT
    # Keras has no names for its newest loss.
    newest = {"CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"}
    assert {*ALIASES, *CLASSES, *FUNCTIONS, "LossFunctionWrapper"} == {*known, *newest}
    for name in known.keys() - {"LossFunctionWrapper"}:
        ours, theirs = losses.get(name), known[name]
        assert theirs.__name__ == (type(ours).__name__ if isinstance(ours, losses.Loss) else ours.__name__)


def test_names_of_classes_classes_and_objects():
    loss = losses.get("CategoricalCrossentropy")
    assert isinstance(loss, losses.CategoricalCrossentropy) and loss.get_config()["from_logits"] is False
    assert isinstance(losses.get(losses.MeanSquaredError), losses.MeanSquaredError)
    assert losses.get(loss) is loss
    assert losses.get(np.hypot) is np.hypot
    assert losses.get(None) is None


def test_names_of_objects():
    assert losses.MeanSquaredError().name == "mean_squared_error"
    assert losses.MeanSquaredError(name="mine").name == "mine"
    assert Quartic().name == "quartic"


def test_unknown_name_suggests_similar_ones():
    with pytest.raises(ValueError, match="Unknown loss 'sparse_categorial_crossentropy'.*'sparse_categorical_cross"):
        losses.get("sparse_categorial_crossentropy")
    with pytest.raises(ValueError, match="Unknown loss 'BinaryCrossEntropy'.*'BinaryCrossentropy'"):
        losses.deserialize({"class_name": "BinaryCrossEntropy", "config": {}})
    with pytest.raises(ValueError, match="Unknown loss 'zzz'. Known: BCE, BinaryCrossentropy"):
        losses.get("zzz")


@pytest.mark.parametrize("wrong", [3, 0.5, ["mse"]])
def test_neither_name_nor_loss(wrong):
    with pytest.raises(TypeError, match="is not a loss: give a name, a function or an object"):
        losses.get(wrong)


# Losses of a user


class Quartic(losses.Loss):
    def __init__(self, power=4, name="quartic", **kwargs):
        super().__init__(name=name, **kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        return jnp.mean((y_true - y_pred) ** self.power, axis=-1)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


def gap(y_true, y_pred, scale=1.0):
    """A loss function of a user."""
    return scale * jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


def test_own_class_and_own_function_come_back_from_custom_objects():
    config = json.loads(json.dumps(losses.serialize(Quartic(power=6))))
    with pytest.raises(ValueError, match="Unknown loss 'Quartic'"):
        losses.deserialize(config)
    again = losses.deserialize(config, custom_objects={"Quartic": Quartic})
    assert isinstance(again, Quartic) and again.power == 6
    config = json.loads(json.dumps(losses.serialize(losses.LossFunctionWrapper(gap, scale=3.0))))
    with pytest.raises(ValueError, match="Unknown function 'gap'"):
        losses.deserialize(config)
    again = losses.deserialize(config, custom_objects={"gap": gap})
    assert float(again(jnp.zeros((2, 2)), jnp.ones((2, 2)))) == 3.0


def test_a_loss_without_call():
    with pytest.raises(NotImplementedError, match=r"Half is a loss without call\(\). Write `def call"):
        type("Half", (losses.Loss,), {})()(jnp.ones((2, 2)), jnp.ones((2, 2)))


def test_wrapper_of_a_non_callable():
    with pytest.raises(TypeError, match="fn must be a function of .y_true, y_pred., got 'mse'"):
        losses.LossFunctionWrapper("mse")


@pytest.mark.parametrize("loss", [Quartic(power=2), gap, losses.LossFunctionWrapper(gap), lambda y, p: (y - p) ** 2])
def test_own_losses_train(loss):
    model = minidl.Sequential([layers.Dense(1, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(optimizer=minidl.optimizers.SGD(0.1), loss=loss)
    x = np.ones((4, 1), "float32")
    history = model.fit(x, 2 * x, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]


# Arguments


@pytest.mark.parametrize("reduction", ["average", "SUM", 3, True])
def test_unknown_reduction(reduction):
    with pytest.raises(ValueError, match="reduction must be one of .*sum_over_batch_size.*, got"):
        losses.MeanSquaredError(reduction=reduction)


def test_no_reduction_has_two_names():
    y_true, y_pred = data()
    by_name = losses.MeanSquaredError(reduction="none")(y_true, y_pred)
    np.testing.assert_array_equal(losses.MeanSquaredError(reduction=None)(y_true, y_pred), by_name)
    assert by_name.shape == (4,)


def test_functions_give_the_values_of_their_classes():
    def both():
        for case in ALL_REDUCTIONS:
            name, arguments, y_true, y_pred = ROWS[case]
            function = getattr(losses, minidl.core.naming.snake_case(name))
            loss = getattr(losses, name)(reduction="none", **arguments)
            yield case, (function(y_true, y_pred, **arguments), loss(y_true, y_pred))

    for case, (got, want) in jax.jit(lambda: dict(both()), compiler_options=COMPILE_FAST)().items():
        np.testing.assert_allclose(got, want, rtol=1e-6, err_msg=case)


@pytest.mark.parametrize("row", ["MeanSquaredError/matrices", "SparseCategoricalCrossentropy/column", "Dice/matrices"])
def test_lists_are_arrays(row):
    name, arguments, y_true, y_pred = ROWS[row]
    want = getattr(losses, name)(**arguments)(y_true, y_pred)
    got = getattr(losses, name)(**arguments)(y_true.tolist(), y_pred.tolist(), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_integer_predictions_do_not_make_the_targets_integers():
    assert float(losses.mean_squared_error([0.5, 1.5], [1, 2])) == 0.25
    assert float(losses.mean_absolute_error(np.array([0.5]), np.array([1]))) == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MeanSquaredError", "Huber", "BinaryCrossentropy", "CategoricalCrossentropy"])
def test_computes_in_its_dtype(name):
    y_true, y_pred = data()
    short = jnp.asarray(y_pred, "bfloat16")
    loss = getattr(losses, name)()
    assert loss.dtype == "float32"
    assert loss(y_true, short).dtype == jnp.float32
    np.testing.assert_array_equal(loss(y_true, short), loss(y_true, short.astype("float32")))
    assert getattr(losses, name)(dtype="bfloat16")(y_true, y_pred).dtype == jnp.bfloat16


@pytest.mark.parametrize("row", [row for row in sorted(ALL_REDUCTIONS) if "CTC" not in row])  # whose values are float32
def test_values_have_the_dtype_of_the_predictions(row):
    name, arguments, y_true, y_pred = ROWS[row]
    function = getattr(losses, minidl.core.naming.snake_case(name))
    short = jax.ShapeDtypeStruct(y_pred.shape, "bfloat16")
    assert jax.eval_shape(lambda y_pred: function(y_true, y_pred, **arguments), short).dtype == jnp.bfloat16


@pytest.mark.parametrize(
    "name, y_true, y_pred, message",
    [
        ("mean_squared_error", (3, 1), (3, 4), r"mean_squared_error: y_true has shape \(3, 1\), y_pred \(3, 4\)"),
        ("mean_squared_error", (4,), (3, 4), r"y_true has shape \(4,\), y_pred \(3, 4\).*their shapes must be equal"),
        ("mean_absolute_error", (3, 4), (3, 1), r"mean_absolute_error: y_true has shape \(3, 4\)"),
        ("binary_crossentropy", (3,), (3, 4), r"binary_crossentropy: y_true has shape \(3,\), y_pred \(3, 4\)"),
        ("categorical_crossentropy", (3,), (3, 4), r"\(3,\), y_pred \(3, 4\).*For integer labels use sparse_cat"),
        ("categorical_crossentropy", (3, 2), (3, 4), r"\(3, 2\), y_pred \(3, 4\); both need"),
        ("sparse_categorical_crossentropy", (3, 4), (3, 4), r"need labels of shape \(3,\). For one-hot labels use cat"),
        ("sparse_categorical_crossentropy", (4,), (3, 4), r"\(4,\), but predictions of shape \(3, 4\) need"),
        ("huber", (3, 1), (3, 4), r"huber: y_true has shape \(3, 1\), y_pred \(3, 4\)"),
        ("dice", (3,), (3, 4), r"dice: y_true has shape \(3,\), y_pred \(3, 4\)"),
        (
            "categorical_focal_crossentropy",
            (3,),
            (3, 4),
            r"focal_crossentropy: y_true has shape \(3,\), y_pred \(3, 4\)",
        ),
        ("circle", (3,), (4, 2), r"circle: y_true has shape \(3,\), the embeddings \(4, 2\). Give one label for each"),
        ("circle", (4,), (4,), r"circle: y_true has shape \(4,\), the embeddings \(4,\)"),
        ("ctc", (3,), (3, 5, 4), r"ctc: y_true has shape \(3,\), y_pred \(3, 5, 4\). Give labels \(batch, labels\)"),
        ("ctc", (3, 2), (3, 4), r"ctc: y_true has shape \(3, 2\), y_pred \(3, 4\)"),
    ],
)
def test_shapes_that_do_not_match(name, y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        getattr(losses, name)(np.zeros(y_true), np.full(y_pred, 0.5))


def test_shape_of_labels_of_the_generalized_cross_entropy():
    with pytest.raises(ValueError, match=r"\(3, 4\), but predictions of shape \(3, 4\) need labels of shape \(3,\)"):
        losses.categorical_generalized_cross_entropy(np.zeros((3, 4)), np.full((3, 4), 0.5), q=0.5)
    column = losses.categorical_generalized_cross_entropy(np.zeros((3, 1)), np.full((3, 4), 0.25), q=0.5)
    assert column.tolist() == [1.0, 1.0, 1.0]  # (1 - 1/2) / (1/2), and not a value for each pair


@pytest.mark.parametrize("q", [0, 1, -0.5, 2.0])
def test_q_of_the_generalized_cross_entropy(q):
    with pytest.raises(ValueError, match=f"q must be greater than 0 and less than 1, got {q}"):
        losses.CategoricalGeneralizedCrossEntropy(q=q)


def test_a_number_broadcasts_to_predictions_of_any_shape():
    assert losses.mean_squared_error(1.0, jnp.zeros((3, 4))).tolist() == [1.0, 1.0, 1.0]


def test_weights_that_do_not_go_with_the_values():
    loss = losses.MeanSquaredError()
    with pytest.raises(ValueError, match=r"sample_weight has shape \(4,\), but the loss has values of shape \(3,\)"):
        loss(np.zeros((3, 2)), np.zeros((3, 2)), np.ones(4))
    # Here the weights would broadcast: against the steps, not the examples.
    with pytest.raises(
        ValueError, match=r"\(4,\), but the loss has values of shape \(4, 4\).*for each example: \(4, 1"
    ):
        loss(np.zeros((4, 4, 2)), np.zeros((4, 4, 2)), np.ones(4))
    with pytest.raises(ValueError, match=r"\(4, 3\), but the loss has values of shape \(4, 4\)"):
        loss(np.zeros((4, 4, 2)), np.zeros((4, 4, 2)), np.ones((4, 3)))
    assert float(loss(np.zeros((4, 4, 2)), np.ones((4, 4, 2)), 2.0)) == 2.0


# Values by hand


def test_prices_of_mistakes_in_the_tversky_loss():
    y_true, y_pred = jnp.array([1.0, 1.0, 1.0, 0.0]), jnp.array([1.0, 1.0, 0.0, 1.0])  # 2 right, 1 missed, 1 added
    assert float(losses.tversky(y_true, y_pred, alpha=2.0, beta=0.0)) == pytest.approx(1 - 2 / 4)
    assert float(losses.tversky(y_true, y_pred, alpha=0.0, beta=6.0)) == pytest.approx(1 - 2 / 8)
    assert float(losses.tversky(y_true, y_pred)) == pytest.approx(float(losses.dice(y_true, y_pred)))  # the paper's


@pytest.mark.slow
def test_ctc_sums_over_all_alignments():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), size=4)  # four steps, the blank and two classes
    rows = [[1, 2], [1, 1], [2], []]
    totals = np.zeros(len(rows))
    for path in itertools.product(range(3), repeat=4):
        spelled = [label for label, _ in itertools.groupby(path) if label != 0]
        if spelled in rows:
            totals[rows.index(spelled)] += np.prod(probabilities[range(4), path])
    labels = np.array([row + [0] * (3 - len(row)) for row in rows])
    logits = np.log(probabilities)[None].repeat(len(rows), axis=0)
    np.testing.assert_allclose(losses.ctc(labels, logits), -np.log(totals), rtol=1e-5)


# Gradients where Keras's are not numbers


def test_a_vector_without_direction_has_a_finite_gradient():
    def loss(y_pred):
        return losses.CosineSimilarity()(jnp.array([[1.0, 0.0], [1.0, 0.0]]), y_pred)

    value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.array([[0.0, 0.0], [0.0, 2.0]]))
    assert float(value) == 0.0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("name", ["BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"])
def test_a_focal_loss_that_is_right_beyond_doubt_has_a_finite_gradient(name, from_logits):
    loss = getattr(losses, name)(gamma=0.5, from_logits=from_logits)
    y_true = jnp.array([[1.0, 0.0]])
    y_pred = (y_true - 0.5) * 400 if from_logits else y_true
    value, gradient = jax.jit(jax.value_and_grad(lambda y: loss(y_true, y)))(y_pred)
    assert float(value) == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(gradient, np.zeros((1, 2)), atol=1e-3)


# Masks


def test_a_mask_noted_on_the_predictions_leaves_values_out():
    values = jnp.array([[1.0, 2.0, 5.0], [3.0, 7.0, 9.0]])
    mask = jnp.array([[True, True, False], [True, False, False]])
    weight = np.array([[1.0, 0.0, 1.0], [2.0, 1.0, 1.0]])
    # By hand: the values that count are 1, 2, 3; six are there; their weights are 1, 0, 2.
    want = {"sum_over_batch_size": (6 / 3, 7 / 3), "mean": (6 / 3, 7 / 3), "sum": (6, 7)}
    want["mean_with_sample_weight"] = (6 / 3, 7 / 3)
    for reduction, (without, weighted) in want.items():
        predictions = array_metadata.annotate(values[..., None], mask=mask)
        loss = losses.MeanAbsoluteError(reduction=reduction)
        assert float(loss(jnp.zeros((2, 3, 1)), predictions)) == pytest.approx(without)
        assert float(loss(jnp.zeros((2, 3, 1)), predictions, weight)) == pytest.approx(weighted)


def test_a_mask_with_an_ignored_class():
    labels = jnp.array([[0, 1], [0, 0]])
    predictions = array_metadata.annotate(jnp.full((2, 2, 2), 0.5), mask=jnp.array([[True, True], [True, False]]))
    predictions = array_metadata.annotate(predictions * jnp.array([1.0, 3.0]), mask=array_metadata.of(predictions).mask)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=1)
    assert float(loss(labels, predictions)) == pytest.approx(np.log(4), rel=1e-6)  # the mean of two values


@pytest.mark.slow
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_ignored_values_do_not_affect_the_gradient(from_logits, bad):
    loss = losses.SparseCategoricalCrossentropy(from_logits=from_logits, ignore_class=-1)
    good = jnp.array([[0.2, 0.8], [0.5, 0.5]])
    value, gradient = jax.value_and_grad(lambda p: loss(jnp.array([1, -1]), p))(good.at[1].set(bad))
    want, want_gradient = jax.value_and_grad(lambda p: loss(jnp.array([1]), p))(good[:1])
    np.testing.assert_allclose(value, want, rtol=1e-6)
    np.testing.assert_allclose(gradient[0], want_gradient[0], rtol=1e-6)
    assert gradient[1].tolist() == [0.0, 0.0]


# Saturated outputs: the loss is computed from the logits of the softmax or sigmoid

EPSILON = 1e-7


def model_with(activation, kernel, loss, *more, **compile_arguments):
    """A dense layer that turns the input 1 into the given logits; gradient descent of rate 1."""
    kernel = np.float32([kernel])
    dense = layers.Dense(kernel.shape[1], use_bias=False, activation=activation, input_shape=(1,))
    model = minidl.Sequential([dense, *more])
    model.compile(optimizer=minidl.optimizers.SGD(1.0), loss=loss, **compile_arguments)
    model.set_weights([kernel])
    return model


def through_a_function(y_true, y_pred):
    """A user's loss that calls one of ours."""
    return 1.0 * losses.sparse_categorical_crossentropy(y_true, y_pred)


ONE = np.ones((1, 1), "float32")
SATURATED = {
    "sparse": ("softmax", "sparse_categorical_crossentropy", np.array([1])),
    "sparse_column": ("softmax", "sparse_categorical_crossentropy", np.array([[1]])),
    "one_hot": ("softmax", "categorical_crossentropy", np.float32([[0, 1, 0]])),
    "object": ("softmax", losses.CategoricalCrossentropy(), np.float32([[0, 1, 0]])),
    "function": ("softmax", through_a_function, np.array([1])),
    "ignore": ("softmax", losses.SparseCategoricalCrossentropy(ignore_class=2), np.array([1])),
}


@pytest.mark.slow
@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize("case", SATURATED)
def test_a_saturated_softmax_still_learns(case, run_eagerly):
    activation, loss, y = SATURATED[case]
    model = model_with(activation, [200.0, 0.0, -10.0], loss, run_eagerly=run_eagerly)
    assert model.predict(ONE, verbose=0)[0, 1] == 0.0, "the probability underflows"
    assert model.evaluate(ONE, y, verbose=0) == pytest.approx(200.0)
    assert model.fit(ONE, y, verbose=0).history["loss"] == [pytest.approx(200.0)]
    np.testing.assert_allclose(model.get_weights()[0], [[199.0, 1.0, -10.0]])  # minus (p - y), p = (1, 0, 0)


@pytest.mark.slow
def test_a_saturated_softmax_learns_with_a_focal_loss():
    loss = losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0)
    model = model_with("softmax", [200.0, 0.0, 0.0], loss)
    # 1 - p is 1 within rounding, so that value and gradient are those of the cross-entropy.
    assert model.fit(ONE, np.float32([[0, 1, 0]]), verbose=0).history["loss"] == [pytest.approx(200.0)]
    np.testing.assert_allclose(model.get_weights()[0], [[199.0, 1.0, 0.0]])


def test_a_saturated_sigmoid_learns_with_a_focal_loss():
    model = model_with("sigmoid", [-150.0], "binary_focal_crossentropy")
    assert model.fit(ONE, np.array([1.0]), verbose=0).history["loss"] == [pytest.approx(150.0)]
    np.testing.assert_allclose(model.get_weights()[0], [[-149.0]])


def test_a_saturated_softmax_leaves_the_generalized_cross_entropy_finite():
    model = model_with("softmax", [200.0, 0.0], losses.CategoricalGeneralizedCrossEntropy(q=0.5))
    assert model.fit(ONE, np.array([1]), verbose=0).history["loss"] == [pytest.approx(2.0)]  # 1 / q
    np.testing.assert_array_equal(model.get_weights()[0], [[200.0, 0.0]])


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss, y, shape",
    [
        (losses.Dice(), np.ones((4, 3)), (4, 2)),
        (losses.Circle(gamma=1), np.array([0, 0, 1, 1]), (4, 2)),
        (losses.CTC(), np.array([[1, 2], [2, 0], [1, 1], [0, 0]]), (4, 3, 2)),
    ],
    ids=["Dice", "Circle", "CTC"],
)
def test_losses_of_whole_batches_and_of_sequences_train(loss, y, shape):
    model = minidl.Sequential([layers.Dense(3, "sigmoid", input_shape=shape[1:])])
    model.compile(optimizer=minidl.optimizers.SGD(0.05), loss=loss)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    history = model.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]


@pytest.mark.slow
@pytest.mark.parametrize("y", [np.array([1.0]), np.array([[1]])])
def test_a_saturated_sigmoid_still_learns(y):
    model = model_with("sigmoid", [-150.0], "binary_crossentropy", metrics=["accuracy"])
    assert model.predict(ONE, verbose=0)[0, 0] == 0.0
    assert model.evaluate(ONE, y, verbose=0)[0] == pytest.approx(150.0)
    assert model.fit(ONE, y, verbose=0).history["loss"] == [pytest.approx(150.0)]
    np.testing.assert_allclose(model.get_weights()[0], [[-149.0]])
    assert model.train_on_batch(ONE, y)[0] == pytest.approx(149.0)


def test_label_smoothing_and_weights_of_a_saturated_softmax():
    loss = losses.CategoricalCrossentropy(label_smoothing=0.3)
    model = model_with("softmax", [200.0, 0.0, 0.0], loss)
    model.fit(ONE, np.float32([[0, 1, 0]]), sample_weight=np.array([0.5]), verbose=0)
    # The target is (0.1, 0.8, 0.1), the output (1, 0, 0), and the weight halves the step.
    np.testing.assert_allclose(model.get_weights()[0], [[200 - 0.45, 0.4, 0.05]], rtol=1e-6)


def test_logits_of_a_separate_softmax_layer():
    model = model_with(None, [200.0, 0.0, 0.0], "sparse_categorical_crossentropy", layers.Activation("softmax"))
    assert model.fit(ONE, np.array([1]), verbose=0).history["loss"] == [pytest.approx(200.0)]


def test_dropout_after_the_softmax_leaves_only_probabilities():
    rate = 1e-9  # keeps everything, but makes a new array
    loss = "sparse_categorical_crossentropy"
    model = model_with("softmax", [200.0, 0.0, 0.0], loss, layers.Dropout(rate, seed=1))
    assert model.fit(ONE, np.array([1]), verbose=0).history["loss"] == [pytest.approx(-np.log(EPSILON), rel=1e-6)]
    np.testing.assert_array_equal(model.get_weights()[0], [[200.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    "activation, loss", [("softmax", "binary_crossentropy"), ("sigmoid", "categorical_crossentropy")]
)
def test_logits_of_the_other_kind_are_not_used(activation, loss):
    model = model_with(activation, [3.0, -1.0, 0.5], loss)
    y = np.float32([[0, 1, 1]])
    want = losses.get(loss)(y, model.predict(ONE, verbose=0))[0]  # from probabilities: outside of the model
    assert model.fit(ONE, y, verbose=0).history["loss"] == [pytest.approx(float(want), rel=1e-6)]


@pytest.mark.slow
def test_logits_along_another_axis_are_not_used():
    logits = jax.random.normal(jax.random.key(0), (2, 3, 3))
    one_hot = jnp.eye(3)[jnp.array([[0, 1, 2], [2, 2, 0]])]
    labels = jnp.array([[0, 1, 2], [2, 2, 0]])
    for loss, y in ((losses.CategoricalCrossentropy, one_hot), (losses.SparseCategoricalCrossentropy, labels)):
        want = loss(axis=1)(y, softmax(logits))
        np.testing.assert_allclose(loss(axis=1)(y, softmax(logits)), want, rtol=1e-6)
        assert not np.allclose(loss(axis=1, from_logits=True)(y, logits), want)


def test_a_softmax_whose_axis_is_squeezed_away_is_not_used():
    logits = jnp.array([[[3.0], [0.0]], [[1.0], [2.0]]])
    y = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    with pytest.warns(UserWarning, match="size 1"):
        # All probabilities are 1, so each of the two is 1/2.
        np.testing.assert_allclose(losses.CategoricalCrossentropy()(y, softmax(logits)), np.log(2), rtol=1e-6)


def test_a_sigmoid_whose_last_axis_is_squeezed_away_still_has_its_logits():
    logits = jnp.full((2, 3, 1), -150.0)
    assert float(losses.BinaryCrossentropy()(jnp.ones((2, 3)), sigmoid(logits))) == pytest.approx(150.0)
    assert losses.binary_crossentropy(jnp.ones((2, 3)), sigmoid(logits)).tolist() == [150.0, 150.0]


@pytest.mark.slow
def test_a_step_of_ones_own_sees_the_logits_with_and_without_jit():
    def step(logits):
        return losses.CategoricalCrossentropy()(jnp.array([[0.0, 1.0]]), softmax(logits))

    logits = jnp.array([[200.0, 0.0]])
    for differentiated in (jax.value_and_grad(step), jax.jit(jax.value_and_grad(step))):
        value, gradient = differentiated(logits)
        assert float(value) == 200.0
        assert gradient.tolist() == [[1.0, -1.0]]


def test_logits_of_a_bfloat16_output_are_computed_in_float32():
    logits = jnp.array([[3.0, 0.25]], "bfloat16")
    got = losses.SparseCategoricalCrossentropy()(jnp.array([1]), softmax(logits))
    np.testing.assert_allclose(got, np.log1p(np.exp(2.75)), rtol=1e-6)


def test_generalized_crossentropy_takes_labels_with_and_without_a_last_axis():
    # Zhang & Sabuncu (2018), (1 - p[label]^q) / q; Keras 3.15.1 broadcasts labels (n, 1) to (n, n) instead.
    labels, p = np.array([0, 1, 1]), np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]], "float32")
    want = np.mean((1 - p[np.arange(3), labels] ** 0.5) / 0.5)
    loss = losses.CategoricalGeneralizedCrossEntropy()
    np.testing.assert_allclose([loss(labels, p), loss(labels[:, None], p)], [want, want], rtol=1e-6)
