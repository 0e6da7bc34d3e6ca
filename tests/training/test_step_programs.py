"""Models of one structure share their compiled programs; models that differ in anything that a step reads do not."""

import functools
import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import minidl as keras
from minidl import config, kernels
from minidl.core.structural_key import structural_key
from minidl.layers import Dense, Dropout
from minidl.models import compiled_call
from minidl.training import step_programs
from tests.counting import compilations

X = np.random.default_rng(0).normal(size=(24, 6)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 24)
LOSS = "sparse_categorical_crossentropy"


def model(*layers, optimizer="sgd", **compiled):
    made = keras.Sequential([*layers, Dense(3, activation="softmax")])
    made.compile(optimizer, **{"loss": LOSS, "metrics": ["accuracy"], **compiled})
    return made


def functional(is_shared=False):
    layers = [Dense(6, activation="tanh") for _ in range(2)]
    x = keras.Input((6,))
    made = keras.Model(x, Dense(3)(layers[0 if is_shared else 1](layers[0](x))))
    made.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def operators():
    x = keras.Input((6,))
    hidden = Dense(6, activation="relu")(x) + 0.5 * x
    made = keras.Model(x, Dense(3, activation="softmax")(keras.ops.maximum(hidden, 0.0)[:, :4]))
    made.compile("sgd", LOSS)
    return made


def trained(make, seed=0):
    keras.utils.set_random_seed(seed)
    made = make()
    losses = made.fit(X, Y, batch_size=8, epochs=2, verbose=0).history["loss"]
    return [*losses, *np.ravel(made.evaluate(X, Y, verbose=0)), *made.predict(X[:5], verbose=0).ravel()]


def steps_compiled(compiled):
    return [name for name in compiled if "_chunk" in name]


@pytest.mark.parametrize(
    "make",
    [
        lambda: model(Dense(8, "relu"), Dropout(0.5)),
        pytest.param(
            lambda: model(Dense(8), keras.layers.BatchNormalization(), optimizer=keras.optimizers.Adam(clipnorm=1.0)),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda: model(keras.layers.Reshape((6, 1)), keras.layers.Conv1D(4, 3), keras.layers.LSTM(5)),
            marks=pytest.mark.slow,
        ),
        functional,
        operators,
        lambda: model(Dense(8, kernel_regularizer="l2"), optimizer=optax.adamw(1e-3)),
    ],
    ids=["dropout", "batch normalization", "convolution and LSTM", "functional", "operators", "optax"],
)
def test_a_second_model_compiles_nothing_and_computes_what_it_would_alone(make):
    alone = trained(make)
    step_programs.shared.clear()
    trained(make)
    with compilations() as compiled:
        assert trained(make) == alone
    assert steps_compiled(compiled) == []


def test_clones_and_models_with_other_weights_and_seeds_share():
    first = model(keras.Input((6,)), Dense(8, "relu"), Dropout(0.5))
    trained(lambda: first)
    clone = keras.models.clone_model(first)
    clone.compile("sgd", LOSS, metrics=["accuracy"])

    def other():
        return model(keras.Input((6,)), Dense(8, "relu"), Dropout(0.5, seed=3))

    with compilations() as compiled:
        found = [trained(lambda: clone), trained(other, seed=5)]
    assert steps_compiled(compiled) == []
    step_programs.shared.clear()
    assert found[1] == trained(other, seed=5)
    assert found[0] != found[1]


def test_calls_of_clones_share_and_those_of_others_do_not():
    def make(rate):
        keras.utils.set_random_seed(0)
        return keras.Sequential([keras.Input((6,)), Dense(5, "relu"), keras.layers.LeakyReLU(rate), Dense(2)])

    alone = np.asarray(make(0.3)(X))
    other = np.asarray(make(0.9)(X))
    compiled_call.shared.clear()
    make(0.9)(X)
    with compilations() as compiled:
        np.testing.assert_array_equal(make(0.9)(X), other)
    assert compiled == []
    np.testing.assert_array_equal(make(0.3)(X), alone)


@pytest.mark.slow
def test_learning_rates_share():
    def make(rate):
        return model(Dense(4), optimizer=keras.optimizers.Adam(rate))

    trained(lambda: make(0.1))
    with compilations() as compiled:
        found = trained(lambda: make(0.01))
    assert steps_compiled(compiled) == []
    step_programs.shared.clear()
    assert found == trained(lambda: make(0.01))


# What might be taken for the same: pairs of models of which each must compute as it does alone


def scaled(factor):
    class Scaled(keras.layers.Layer):
        def call(self, x):
            return x * factor

    return Scaled()


def times(factor):
    return lambda x: x * factor


def with_attribute(name, value):
    layer = Dense(4)
    setattr(layer, name, value)
    return layer


def frozen(flag):
    made = model(Dense(4), Dense(4))
    made.layers[0].trainable = flag
    return made


def schedule(rate):
    return keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, rate))


def constant(value):
    layer = keras.layers.Normalization(mean=np.full(6, value), variance=np.ones(6))
    return layer


class Doubled(Dense):
    pass


PAIRS = {
    "user layers of one name": lambda i: model(scaled(i + 1.0)),
    "a constant in a closure": lambda i: model(Dense(4, activation=times(i + 1.0))),
    "a Lambda": lambda i: model(keras.layers.Lambda(times(i + 1.0))),
    "an activation": lambda i: model(Dense(4, activation=["relu", "gelu"][i])),
    "an argument of an optimizer": lambda i: model(Dense(4), optimizer=keras.optimizers.SGD(momentum=[0.5, 0.9][i])),
    "clipping": lambda i: model(Dense(4), optimizer=keras.optimizers.SGD(clipnorm=[1e-3, None][i])),
    "a schedule": lambda i: model(Dense(4), optimizer=schedule([0.5, 0.9][i])),
    "optax closures": lambda i: model(Dense(4), optimizer=optax.sgd([0.1, 0.5][i])),
    "a regularizer": lambda i: model(Dense(4, kernel_regularizer=keras.regularizers.L2([0.1, 0.2][i]))),
    "a constraint": lambda i: model(Dense(4, kernel_constraint=keras.constraints.MaxNorm([0.1, 0.2][i]))),
    "a rate": lambda i: model(Dense(4), Dropout([0.1, 0.7][i])),
    "a rate that was set": lambda i: model(Dense(4), Dropout(0.1), with_attribute("use_bias", True)),
    "frozen layers": lambda i: frozen(bool(i)),
    "a constant array": lambda i: model(constant(float(i))),
    "a subclass": lambda i: model([Dense, Doubled][i](4)),
    "the argument of a loss": lambda i: model(
        Dense(4), loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=[None, 1][i])
    ),
    "a metric": lambda i: model(Dense(4), metrics=[keras.metrics.SparseTopKCategoricalAccuracy([1, 2][i])]),
    "weights of losses": lambda i: model(Dense(4), loss_weights=[1.0, 2.0][i]),
    "a dtype policy": lambda i: model(Dense(4, dtype=["float32", "mixed_bfloat16"][i])),
    "one layer called twice": lambda i: functional(is_shared=bool(i)),
    "a dtype that is a policy's name": lambda i: model(
        Dense(4), keras.layers.Softmax(dtype=["float16", "bfloat16"][i]), Dense(4)
    ),
    "a setting that is a name": lambda i: model(
        Dense(4),
        loss=keras.losses.SparseCategoricalCrossentropy(
            reduction=["sum", "sum_over_batch_size"][i], name=["sum", "sum_over_batch_size"][i]
        ),
    ),
    "numbers that are equal": lambda i: model(Dense(4), keras.layers.LeakyReLU([0.0, -0.0][i])),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_models_that_differ_do_not_share(name):
    alone = []
    for i in (0, 1):
        step_programs.shared.clear()
        alone.append(trained(functools.partial(PAIRS[name], i)))
    step_programs.shared.clear()
    assert [trained(functools.partial(PAIRS[name], i)) for i in (0, 1, 0)] == [*alone, alone[0]]


@pytest.mark.slow
def test_a_method_that_was_exchanged_counts(monkeypatch):
    before = trained(lambda: model(Dense(4)))
    with monkeypatch.context() as patch:
        patch.setattr(Dense, "call", lambda self, x: x @ self.kernel * 3.0)
        other = trained(lambda: model(Dense(4)))
    assert other != before == trained(lambda: model(Dense(4)))


@pytest.mark.slow
def test_settings_of_the_library_count():
    trained(lambda: model(Dense(4)))
    try:
        for change in (lambda: kernels.set_kernels("reference"), lambda: config.set_epsilon(1e-2)):
            change()
            found = trained(lambda: model(Dense(4)))
            step_programs.shared.clear()
            assert found == trained(lambda: model(Dense(4)))
    finally:
        kernels.set_kernels("auto")
        config.set_epsilon(1e-7)


@pytest.mark.slow
def test_a_model_that_changes_leaves_the_programs_of_others_as_they_were():
    def make():
        return model(Dense(4), Dropout(0.5))

    def shorter(made):
        return made.fit(X[:20], Y[:20], batch_size=5, verbose=0).history["loss"]

    keras.utils.set_random_seed(0)
    other = make()
    other.fit(X, Y, batch_size=8, verbose=0)
    alone = shorter(other)
    step_programs.shared.clear()
    keras.utils.set_random_seed(0)
    changed, other = make(), None
    changed.fit(X, Y, batch_size=8, verbose=0)
    changed.layers[1].rate = 0.0
    assert shorter(changed) != alone  # another shape of batch, traced with the new rate
    keras.utils.set_random_seed(0)
    other = make()
    other.fit(X, Y, batch_size=8, verbose=0)
    assert shorter(other) == alone


def test_inputs_that_data_is_for_by_name():
    data = {"a": X, "b": X[::-1] * 2}

    def found(*names):
        keras.utils.set_random_seed(0)
        inputs = [keras.Input((6,), name=name) for name in names]
        made = keras.Model(inputs, Dense(3)(keras.layers.Subtract()(inputs)))
        return made.predict(data, verbose=0)

    alone = [found("a", "b"), step_programs.shared.clear(), found("b", "a")]
    step_programs.shared.clear()
    found("a", "b")
    np.testing.assert_array_equal(found("b", "a"), alone[2])
    assert not np.array_equal(alone[0], alone[2])


def test_names_of_weights_that_do_not_decay():
    def found(name):
        keras.utils.set_random_seed(0)
        made = keras.Sequential([keras.Input((6,)), Dense(3)])
        extra = made.add_weight((3,), "ones", name=name)
        made.compile(keras.optimizers.AdamW(0.1, weight_decay=0.5), LOSS)
        made.optimizer.exclude_from_weight_decay(var_names=["bias"])
        made.fit(X, Y, verbose=0)
        return np.asarray(extra).tolist()

    assert found("bias2") == [1.0] * 3
    assert found("other") == pytest.approx([0.95] * 3)


@pytest.mark.slow
def test_a_change_that_made_no_difference_yet_counts_where_it_does():
    def make():
        return model(keras.Input((6,)), Dense(8), Dropout(0.1, seed=1))

    def losses(others):
        keras.utils.set_random_seed(0)
        changed = make()
        changed.evaluate(X, Y, verbose=0)
        changed.layers[1].rate = 0.9
        changed.evaluate(X, Y, verbose=0)
        if others:
            make().fit(X, Y, shuffle=False, verbose=0)
        return changed.fit(X, Y, shuffle=False, verbose=0).history["loss"]

    alone = losses(others=False)
    step_programs.shared.clear()
    assert losses(others=True) == alone


def test_a_policy_that_was_set_counts_for_shapes_that_others_have_traced():
    def make():
        keras.utils.set_random_seed(0)
        return model(keras.Input((6,)), Dense(64), Dense(4))

    def found(others):
        changed = make()
        changed.predict(X, batch_size=8, verbose=0)
        changed.layers[0].dtype_policy = "mixed_bfloat16"
        if others:
            make().predict(X, batch_size=6, verbose=0)
        return changed.predict(X, batch_size=6, verbose=0)

    alone = found(others=False)
    step_programs.shared.clear()
    np.testing.assert_array_equal(found(others=True), alone)


def test_arrays_that_change_in_place_are_not_shared():
    def make(values):
        keras.utils.set_random_seed(0)
        return keras.Sequential([keras.Input((6,)), keras.layers.Rescaling(values), Dense(3)])

    alone = np.asarray(make(np.ones(6, "float32"))(X))
    for call in (lambda made, x: np.asarray(made(x)), lambda made, x: made.predict(x, verbose=0)):
        values = np.ones(6, "float32")
        changed = make(values)
        call(changed, X[:4])
        values *= 10
        call(changed, X[:5])
        np.testing.assert_allclose(call(make(np.ones(6, "float32")), X[:5]), alone[:5], rtol=1e-5)


@pytest.mark.slow
def test_programs_keep_no_cell():
    made = model(keras.layers.Reshape((6, 1)), keras.layers.SimpleRNN(5))
    made.predict(X, verbose=0)
    kept = weakref.ref(made.layers[1].cell)
    del made
    gc.collect()
    assert kept() is None


def test_attributes_of_any_kind_do_not_stop_training():
    made = model(Dense(3))
    made.key, made.gone = jax.random.key(0), jnp.ones(3)
    made.gone.delete()
    made.fit(X, Y, verbose=0)
    assert step_programs.key_of(made) is None


def test_what_is_not_seen_has_no_key():
    assert structural_key(Dense(3, activation=lambda x: x)) is None
    assert structural_key({"a": object()}) is None
    assert structural_key([np.array([object()])]) is None
    assert structural_key(np.ones(3)) is None  # it may change in place
    assert structural_key(jnp.ones(3)) == structural_key(jnp.ones(3)) != structural_key(jnp.zeros(3))
    assert structural_key([1]) != structural_key([True]) != structural_key([1.0])
    lists = [1.0], [1.0]
    assert structural_key(lists) != structural_key((lists[0], lists[0]))


def test_programs_keep_no_model():
    made = [model(Dense(4))]
    trained(lambda: made[0])
    kept = weakref.ref(made.pop())
    gc.collect()
    assert kept() is None


@pytest.mark.slow
def test_few_structures_are_kept(monkeypatch):
    monkeypatch.setattr(step_programs.shared, "limit", 2)
    for units in (3, 4, 5):
        trained(functools.partial(model, Dense(units)))
    assert len(step_programs.shared) == 2
    with compilations() as compiled:
        trained(lambda: model(Dense(5)))
        assert steps_compiled(compiled) == []
        trained(lambda: model(Dense(3)))
    assert steps_compiled(compiled)
