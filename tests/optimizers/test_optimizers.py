"""Optimizers: names, configs, errors, the pure form, optax transformations in fit, and changes while training.

Weights and variables after steps with every option are compared with Keras's in references/optimizers.py.
"""

import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import minidl
from minidl import callbacks, layers, optimizers
from minidl.core.variables import Variable
from tests.counting import compilations
from tests.references.optimizers import PLAIN

# Every public class, with arguments that are not the defaults; OptaxOptimizer, which has no config, is further down.
EXAMPLES = [
    optimizers.SGD(0.1, momentum=0.5, nesterov=True, clipnorm=2.0),
    optimizers.RMSprop(0.1, rho=0.5, momentum=0.25, epsilon=0.5, centered=True, clipvalue=0.5),
    optimizers.Adam(0.1, beta_1=0.5, beta_2=0.25, epsilon=0.5, amsgrad=True, global_clipnorm=0.5, name="mine"),
    optimizers.AdamW(0.1, weight_decay=0.5, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
    optimizers.Adam(0.1, gradient_accumulation_steps=2, loss_scale_factor=4.0, weight_decay=0.25),
    optimizers.Adamax(0.1, beta_1=0.5, beta_2=0.25, epsilon=0.5),
    optimizers.Nadam(0.1, beta_1=0.5, beta_2=0.25, epsilon=0.5),
    optimizers.Adagrad(0.1, initial_accumulator_value=0.5, epsilon=0.5),
    optimizers.Adadelta(0.5, rho=0.5, epsilon=0.5),
    optimizers.Adafactor(0.1, -0.5, 0.25, 0.5, clip_threshold=0.5, relative_step=False),
    optimizers.Ftrl(0.1, -0.25, 0.5, 0.125, 0.25, 0.5, beta=1.0),
    optimizers.Lion(0.1, beta_1=0.5, beta_2=0.25),
    optimizers.Lamb(0.1, beta_1=0.5, beta_2=0.25, epsilon=0.5),
    optimizers.Muon(0.1, adam_beta_1=0.5, exclude_layers=["out"], momentum=0.5, ns_steps=2, rms_rate=None),
    optimizers.ScheduleFreeAdamW(0.1, beta_1=0.5, beta_2=0.25, epsilon=0.5, warmup_steps=2),
]
CLASSES = (
    *("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Adafactor", "Ftrl"),
    *("Lion", "Lamb", "Muon", "ScheduleFreeAdamW"),
)
IDS = [type(optimizer).__name__ for optimizer in EXAMPLES]


def weights_and_gradients(seed=0):
    random = np.random.default_rng(seed)
    arrays = [random.normal(size=shape).astype("float32") for shape in [(2, 3), (3,), (2, 3), (3,)]]
    return [Variable(arrays[0], name="kernel"), Variable(arrays[1], name="bias")], arrays[2:]


def fresh(example):
    return type(example).from_config(example.get_config())


def test_every_optimizer_has_a_row():
    public = {
        name
        for name in optimizers.__all__
        if isinstance(getattr(optimizers, name), type) and issubclass(getattr(optimizers, name), optimizers.Optimizer)
    }
    # Those that combine other optimizers are in test_subclasses.py.
    assert public == {"Optimizer", "OptaxOptimizer", "LossScaleOptimizer", "MultiOptimizer", *CLASSES}
    assert {*IDS} == {*CLASSES} == {name for name, _ in PLAIN.values()}


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_of_keras_is_taken_with_its_default(name):
    keras = pytest.importorskip("keras")
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters.values()
    defaults = {p.name: p.default for p in theirs if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert "learning_rate" in defaults and "gradient_accumulation_steps" in defaults
    config = getattr(optimizers, name)(**defaults).get_config()
    known = {key: default for key, default in defaults.items() if key not in ("name", "exclude_layers")}
    assert {key: config[key] for key in known} == pytest.approx(known)
    own = [p.name for p in inspect.signature(getattr(optimizers, name)).parameters.values() if p.name != "kwargs"]
    assert own == list(defaults)[: len(own)], "the positions of the arguments"


# Names and configs


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", EXAMPLES, ids=IDS)
def test_config_leads_back_to_the_same_optimizer(optimizer):
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    steps = []
    for again in (fresh(optimizer), optimizers.deserialize(config), optimizers.get(config)):
        assert type(again) is type(optimizer)
        assert again.get_config() == optimizer.get_config()
        weights, gradients = weights_and_gradients()
        again.apply(gradients, weights)
        again.apply(gradients)
        steps.append([weight.numpy() for weight in weights])
    assert not np.array_equal(steps[0][0], weights_and_gradients()[0][0])
    for other in steps[1:]:
        np.testing.assert_array_equal(np.concatenate(other, axis=None), np.concatenate(steps[0], axis=None))


@pytest.mark.parametrize("optimizer", EXAMPLES, ids=IDS)
def test_config_is_that_of_keras(optimizer):
    keras = pytest.importorskip("keras")
    if isinstance(optimizer, optimizers.Lamb):
        pytest.skip("keras.optimizers.deserialize does not know Lamb")
    ours = optimizers.serialize(optimizer)
    theirs = keras.optimizers.deserialize(json.loads(json.dumps(ours)))  # a copy: Keras changes what it is given
    assert ours == keras.optimizers.serialize(theirs)


@pytest.mark.parametrize("name", CLASSES)
def test_names_classes_and_objects(name):
    kind = getattr(optimizers, name)
    for identifier in (name, name.lower(), name.upper(), kind):
        assert type(optimizers.get(identifier)) is kind
    made = kind(name="mine")
    assert optimizers.get(made) is made


def test_unknown_name_suggests_similar_ones():
    with pytest.raises(ValueError, match="Unknown optimizer 'admaw'. Did you mean 'adamw'"):
        optimizers.get("admaw")
    with pytest.raises(ValueError, match="Unknown optimizer 'zzz'. Known: Adadelta, Adafactor, Adagrad, Adam, AdamW"):
        optimizers.get("zzz")
    with pytest.raises(ValueError, match="Unknown optimizer 'adan'"):
        minidl.Sequential([layers.Dense(1)]).compile(optimizer="adan", loss="mse")


@pytest.mark.parametrize("wrong", [3, 0.5, ["sgd"]])
def test_neither_name_nor_optimizer(wrong):
    with pytest.raises(TypeError, match="is not an? optimizer: give a name, a function or an object"):
        optimizers.get(wrong)


class Sign(optimizers.Optimizer):
    """An optimizer of a user."""

    def __init__(self, learning_rate=0.5, **kwargs):
        super().__init__(learning_rate, **kwargs)

    def transformation(self):
        def update(gradients, state, params=None, *, learning_rate, step, **_):
            return [-learning_rate * jnp.sign(g) for g in gradients], state

        return optax.GradientTransformationExtraArgs(lambda params: {}, update)


def test_own_optimizer():
    config = json.loads(json.dumps(optimizers.serialize(Sign(0.25))))
    with pytest.raises(ValueError, match="Unknown optimizer 'Sign'"):
        optimizers.deserialize(config)
    optimizer = optimizers.deserialize(config, custom_objects={"Sign": Sign})
    weight = Variable([1.0, 1.0, 1.0])
    optimizer.apply([np.float32([3.0, 0.0, -7.0])], [weight])
    assert weight.numpy().tolist() == [0.75, 1.0, 1.25]
    with pytest.raises(NotImplementedError, match="Half: define the method `transformation` or `update_step`"):
        type("Half", (optimizers.Optimizer,), {})(0.1).apply([1.0], [Variable(1.0)])


# Arguments


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"learning_rate": "fast"}, "learning_rate must be a number or a schedule, got 'fast'"),
        ({"learning_rate": None}, "learning_rate must be a number or a schedule, got None"),
        ({"learning_rate": [0.1, 0.2]}, "learning_rate must be a number"),
        ({"learning_rate": np.ones(2)}, "learning_rate must be a number"),
        ({"learning_rate": {"class_name": "X"}}, "learning_rate must be a number"),
        ({"learning_rate": True}, "learning_rate must be a number"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "expected at most one kind of gradient clipping"),
        ({"clipnorm": 1.0, "global_clipnorm": 1.0}, "expected at most one kind of gradient clipping"),
        ({"clipvalue": -1.0}, "clipping needs a number of at least 0, or None; got .*'clipvalue': -1.0"),
        ({"clipnorm": float("nan")}, "clipping needs a number of at least 0"),
        ({"use_ema": True, "ema_momentum": 1.5}, "ema_momentum must be from 0 to 1, got 1.5"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, "integer of at least 1, got 0"),
        ({"use_ema": True, "ema_overwrite_frequency": 2.5}, "integer of at least 1, got 2.5"),
        ({"gradient_accumulation_steps": 1}, "gradient_accumulation_steps must be at least 2, got 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"^Adam: .*{message}"):
        optimizers.Adam(**arguments)


def test_wrong_arguments_of_one_class():
    with pytest.raises(ValueError, match="SGD: momentum must be at least 0 and at most 1, got 1.5"):
        optimizers.SGD(momentum=1.5)
    with pytest.raises(ValueError, match="AdamW: weight_decay must be a number, got None"):
        optimizers.AdamW(weight_decay=None)
    with pytest.raises(TypeError, match="lr"):
        optimizers.Adam(lr=0.1)


@pytest.mark.parametrize("rate", [1, 0.5, np.float32(0.5), np.array(2), jnp.float32(0.5)])
def test_kinds_of_learning_rates(rate):
    optimizer = optimizers.SGD(rate)
    assert float(optimizer.learning_rate) == float(rate)
    assert optimizer.learning_rate.dtype == "float32"


# Applying gradients


def test_gradients_without_weights_and_weights_without_gradients():
    optimizer = optimizers.SGD(1.0)
    with pytest.raises(ValueError, match=r"sgd.*apply: pass trainable_variables too, or call build\(variables\) first"):
        optimizer.apply([1.0])
    kernel, bias = Variable(1.0, name="kernel"), Variable(2.0, name="bias")
    with pytest.raises(ValueError, match="apply: got 1 gradients for 2 weights"):
        optimizer.apply([1.0], [kernel, bias])
    with pytest.raises(ValueError, match="all gradients are None"):
        optimizer.apply([None, None], [kernel, bias])
    with pytest.raises(ValueError, match="unknown variable <Variable path=other.*make another optimizer for others"):
        optimizer.apply([1.0], [Variable(1.0, name="other")])
    assert int(optimizer.iterations) == 0 and float(kernel) == 1.0


def test_no_weights_is_not_a_step():
    optimizer = optimizers.Adam()
    optimizer.apply([], [])
    assert int(optimizer.iterations) == 0


def test_build_refuses_arrays():
    with pytest.raises(TypeError, match="sgd.*build: expected Variables, got a ArrayImpl.*stateless_apply"):
        optimizers.SGD().apply([jnp.ones(2)], [jnp.ones(2)])


def test_pairs_and_weights_in_another_order():
    kernel, bias = Variable(1.0, name="kernel"), Variable(2.0, name="bias")
    optimizer = optimizers.SGD(1.0, momentum=0.5)
    assert int(optimizer.apply_gradients([(0.25, kernel), (0.5, bias)])) == 1
    assert int(optimizer.apply_gradients(zip([0.0, 0.0], [bias, kernel], strict=True))) == 2
    # Each moves on by half of its own first step.
    assert float(kernel) == 1 - 0.25 - 0.125 and float(bias) == 2 - 0.5 - 0.25


@pytest.mark.parametrize("extra", [{}, {"gradient_accumulation_steps": 2}, {"use_ema": True}])
def test_a_weight_without_a_gradient_stays(extra):
    kernel, bias = Variable(1.0, name="kernel"), Variable(2.0, name="bias")
    optimizer = optimizers.Adam(0.5, weight_decay=0.5, **extra)
    for _ in range(2):
        with pytest.warns(UserWarning, match="adam.*: the gradients of kernel are None, so these"):
            optimizer.apply([None, 1.0], [kernel, bias])
    assert float(kernel) == 1.0
    assert float(bias) < 2.0


def test_a_constraint_holds_after_the_step():
    weight = Variable(np.float32([3.0, 4.0]))
    weight.constraint = minidl.constraints.get("unit_norm")
    optimizers.SGD(1.0).apply([np.float32([0.0, 0.0])], [weight])
    np.testing.assert_allclose(weight, [0.6, 0.8], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", EXAMPLES, ids=IDS)
def test_weights_keep_their_dtype(optimizer):
    weight = Variable(np.ones(3), dtype="bfloat16")
    optimizer = fresh(optimizer)
    for _ in range(2):
        optimizer.apply([jnp.ones(3, "float32")], [weight])
    assert weight.dtype == "bfloat16" and float(weight[0]) < 1
    assert {variable.dtype for variable in optimizer.variables[2:] if variable.dtype != "int32"} == {"bfloat16"}


def test_two_optimizers_do_not_share_state():
    one, other = optimizers.Adam(name="one"), optimizers.Adam(name="other")
    weights, gradients = weights_and_gradients()
    one.apply(gradients, weights)
    other.build(weights)
    assert int(one.iterations) == 1 and int(other.iterations) == 0
    assert not np.any(other.variables[2])


# The pure form


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", EXAMPLES, ids=IDS)
def test_stateless_apply_is_apply_and_changes_nothing(optimizer):
    optimizer, stateful = fresh(optimizer), fresh(optimizer)
    weights, gradients = weights_and_gradients()
    same_weights, _ = weights_and_gradients()
    optimizer.build(weights)
    before = [np.asarray(variable) for variable in [*weights, *optimizer.variables]]
    step = jax.jit(optimizer.stateless_apply)
    values, variables = [weight.value for weight in weights], [variable.value for variable in optimizer.variables]
    for factor in (1.0, -0.5, 2.0):
        values, variables = step(variables, [factor * gradient for gradient in gradients], values)
        stateful.apply([factor * gradient for gradient in gradients], same_weights)
    for variable, value in zip([*weights, *optimizer.variables], before, strict=True):
        np.testing.assert_array_equal(variable, value)
    for variable, value in zip([*same_weights, *stateful.variables], [*values, *variables], strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-5, atol=1e-6)


def test_stateless_apply_wants_all_values():
    optimizer = optimizers.SGD(0.1, momentum=0.5, name="it")
    with pytest.raises(ValueError, match=r"it.stateless_apply: not built yet. Call build\(\) with the weights first"):
        optimizer.stateless_apply([], [1.0], [1.0])
    optimizer.build([Variable(1.0)])
    state = [variable.value for variable in optimizer.variables]
    wanted = "it was built with 1 weights and has 3 variables"
    with pytest.raises(ValueError, match=f"got 1 weights and 2 optimizer variables; {wanted}"):
        optimizer.stateless_apply(state[:2], [1.0], [1.0])
    with pytest.raises(ValueError, match=f"got 2 weights and 2 optimizer variables; {wanted}"):
        optimizer.stateless_apply(state[:2], [1.0], [1.0, 1.0])


# Variables


def test_set_weights():
    weights, gradients = weights_and_gradients()
    optimizer = optimizers.Adam(0.1)
    with pytest.raises(ValueError, match=r"set_weights: the optimizer is not built, so it has no state to set"):
        optimizer.set_weights([1])
    optimizer.apply(gradients, weights)
    state = [variable.numpy() for variable in optimizer.variables]
    optimizer.apply(gradients)
    optimizer.set_weights(state)
    assert int(optimizer.iterations) == 1
    with pytest.raises(ValueError, match="got 3 arrays for 6 variables"):
        optimizer.set_weights(state[:3])
    with pytest.raises(ValueError, match="cannot be assigned a value of shape"):
        optimizer.set_weights(state[::-1])


def test_excluding_from_weight_decay_comes_before_building():
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    kernel, bias = Variable(1.0, name="kernel"), Variable(1.0, name="my_bias")
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([0.0, 0.0], [kernel, bias])
    assert float(kernel) == 0.5 and float(bias) == 1.0
    with pytest.raises(ValueError, match="exclude_from_weight_decay has no effect after build"):
        optimizer.exclude_from_weight_decay(var_list=[kernel])


def test_finalizing_without_an_average_leaves_the_weights():
    weights, gradients = weights_and_gradients()
    optimizer = optimizers.SGD(0.1)
    optimizer.finalize_variable_values(weights)
    optimizer.apply(gradients, weights)
    before = weights[0].numpy()
    optimizer.finalize_variable_values(weights)
    np.testing.assert_array_equal(weights[0], before)


def test_scaling_the_loss():
    assert float(optimizers.SGD(loss_scale_factor=8.0).scale_loss(jnp.float32(2.0))) == 16.0
    assert float(optimizers.SGD().scale_loss(jnp.float32(2.0))) == 2.0


# Learning rates


def test_a_learning_rate_that_is_set():
    weight = Variable(1.0)
    optimizer = optimizers.SGD(0.5)
    optimizer.apply([1.0], [weight])
    optimizer.learning_rate = 0.25
    optimizer.apply([1.0])
    optimizer.learning_rate.assign(0.125)
    optimizer.apply([1.0])
    assert float(weight) == 1 - 0.5 - 0.25 - 0.125
    assert optimizer.get_config()["learning_rate"] == 0.125


def test_a_learning_rate_that_is_a_function():
    weight = Variable(1.0)
    optimizer = optimizers.SGD(lambda step: 0.5**step)
    assert float(optimizer.learning_rate) == 1.0
    for _ in range(3):
        optimizer.apply([1.0], [weight])
    assert float(weight) == 1 - 1 - 0.5 - 0.25
    assert float(optimizer.learning_rate) == 0.125
    assert [variable.name for variable in optimizer.variables] == ["iteration"]
    with pytest.raises(TypeError, match="the learning rate is a schedule, which a number cannot replace"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = optax.constant_schedule(2.0)
    optimizer.apply([1.0])
    assert float(weight) == -0.75 - 2


def test_a_learning_rate_that_is_a_function_of_nothing():
    weight = Variable(1.0)
    optimizer = optimizers.SGD(lambda: 0.25)
    assert optimizer.learning_rate == 0.25
    optimizer.apply([1.0], [weight])
    assert float(weight) == 0.75


def test_iterations_count_updates():
    weight = Variable(1.0)
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=3)
    seen = []
    for _ in range(7):
        optimizer.apply([0.5], [weight])
        seen.append((int(optimizer.iterations), float(weight)))
    assert seen == [(0, 1), (0, 1), (1, 0.5), (1, 0.5), (1, 0.5), (2, 0), (2, 0)]


# In fit: a linear model, against explicit loops

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X @ np.float32([[1.0], [-2.0], [0.5]]) + 1
START = [np.float32([[0.1], [0.2], [0.3]]), np.float32([0.4])]


def linear_model(optimizer):
    model = minidl.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile(optimizer=optimizer, loss="mse")
    model.set_weights(START)
    return model


def fit(model, epochs=2, **arguments):
    return model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **arguments)


X_Y = jnp.asarray(X), jnp.asarray(Y)


def gradients_of(weights, rows):
    def loss(weights):
        x, y = X_Y[0][rows], X_Y[1][rows]
        return jnp.mean((x @ weights[0] + weights[1] - y) ** 2)

    return jax.grad(loss)(weights)


def by_hand(transformation, epochs=2, before_epoch=lambda epoch, state: state):
    """The weights after a loop over batches of 8 with an optax transformation."""
    weights = [jnp.asarray(weight) for weight in START]
    state = transformation.init(weights)
    for epoch in range(epochs):
        state = before_epoch(epoch, state)
        for begin in range(0, len(X), 8):
            updates, state = transformation.update(gradients_of(weights, slice(begin, begin + 8)), state, weights)
            weights = optax.apply_updates(weights, updates)
    return weights


def assert_weights(model, want):
    for got, expected in zip(model.get_weights(), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


OPTAX = {
    "adam": optax.adam(0.1),
    "adamw": optax.adamw(0.1, weight_decay=0.1),  # looks at the weights
    "chain": optax.chain(optax.clip_by_global_norm(1.0), optax.trace(0.9), optax.scale(-0.1)),
    "schedule": optax.sgd(optax.linear_schedule(0.2, 0.0, 6), momentum=0.9),
    "inject": optax.inject_hyperparams(optax.adam)(learning_rate=0.1),
    "inject_in_chain": optax.chain(optax.clip(0.5), optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)),
    "multi": optax.partition({"k": optax.adam(0.1), "b": optax.set_to_zero()}, ["k", "b"]),
    "no_state": optax.sgd(0.1),
    "random": optax.chain(optax.sgd(0.1), optax.add_noise(0.1, 0.5, jax.random.key(7))),
    "many_steps": optax.MultiSteps(optax.adam(0.1), every_k_schedule=2).gradient_transformation(),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("chain", "schedule") else pytest.mark.slow) for name in OPTAX]
)
def test_an_optax_transformation_trains_as_in_a_loop_by_hand(name):
    model = linear_model(OPTAX[name])
    assert isinstance(model.optimizer, optimizers.OptaxOptimizer)
    fit(model)
    assert_weights(model, by_hand(OPTAX[name]))
    assert int(model.optimizer.iterations) == 6
    fit(model, epochs=1)
    assert_weights(model, by_hand(OPTAX[name], epochs=3))


@pytest.mark.slow
def test_optax_multi_steps_may_be_given_as_it_is():
    steps = optax.MultiSteps(optax.adam(0.1), every_k_schedule=2)
    model = linear_model(steps)
    fit(model)
    assert_weights(model, by_hand(steps.gradient_transformation()))


def test_an_optax_transformation_in_its_pure_form():
    weights, gradients = weights_and_gradients()
    optimizer = optimizers.get(optax.adam(0.1))
    optimizer.build(weights)
    state = [variable.value for variable in optimizer.variables]
    values, state = jax.jit(optimizer.stateless_apply)(state, gradients, [weight.value for weight in weights])
    updates, want = OPTAX["adam"].update(gradients, OPTAX["adam"].init([weight.value for weight in weights]))
    np.testing.assert_allclose(values[0], weights[0] + updates[0], rtol=1e-6)
    assert int(state[0]) == 1
    for got, leaf in zip(state[1:], jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(got, leaf, rtol=1e-6)


def test_an_optax_transformation_takes_the_weights_in_any_order():
    optimizer = optimizers.get(optax.sgd(1.0))
    weights, gradients = weights_and_gradients()
    want = [weight - gradient for weight, gradient in zip(weights, gradients, strict=True)]
    optimizer.build(weights)
    optimizer.apply(gradients[::-1], weights[::-1])
    for weight, value in zip(weights, want, strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-6)


def test_what_an_optax_transformation_cannot_do():
    optimizer = optimizers.get(optax.adam(0.1))
    with pytest.raises(AttributeError, match=r"build the optimizer \(or train a step\) to read or set its learning"):
        optimizer.learning_rate = 0.5
    weights, gradients = weights_and_gradients()
    with pytest.raises(ValueError, match="an optax transformation needs a gradient for every weight"):
        optimizer.apply([gradients[0], None], weights)
    optimizer.apply(gradients, weights)
    with pytest.raises(AttributeError, match="no learning rate that can be read or set.*inject_hyperparams"):
        optimizer.learning_rate  # noqa: B018, reading it is the test
    with pytest.raises(NotImplementedError, match="consists of functions, which have no config"):
        optimizers.serialize(optimizer)


class SetRate(callbacks.Callback):
    """Sets the learning rate for the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.optimizer.learning_rate = 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inject", "inject_in_chain"])
def test_an_injected_learning_rate_is_read_and_changed_while_training(name):
    def before_epoch(epoch, state):
        hyperparams = (state if name == "inject" else state[1]).hyperparams
        hyperparams["learning_rate"] = jnp.float32(0.01 if epoch else 0.1)
        return state

    model = linear_model(OPTAX[name])
    with compilations() as compiled:
        fit(model, epochs=1, callbacks=[SetRate()])
        assert float(model.optimizer.learning_rate) == pytest.approx(0.1)
        once = [name for name in compiled if "train" in name]
        fit(model, epochs=2, initial_epoch=1, callbacks=[SetRate()])
    assert once and [name for name in compiled if "train" in name] == once
    assert_weights(model, by_hand(OPTAX[name], before_epoch=before_epoch))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)


@pytest.mark.slow
def test_every_optimizer_trains_in_fit_as_applied_by_hand():
    made = {f"{name} {i}": (fresh(example), fresh(example)) for i, (name, example) in enumerate(zip(IDS, EXAMPLES))}
    for optimizer, _ in made.values():
        optimizer.build([Variable(weight, name=name) for weight, name in zip(START, ("kernel", "bias"), strict=True)])

    @jax.jit
    def step(states, begin):
        new = {}
        for name, (weights, variables) in states.items():
            optimizer = made[name][0]
            gradients = [optimizer.scale_loss(g) for g in gradients_of(weights, begin + jnp.arange(8))]
            new[name] = optimizer.stateless_apply(variables, gradients, weights)
        return new

    states = {
        name: ([jnp.asarray(weight) for weight in START], [variable.value for variable in optimizer.variables])
        for name, (optimizer, _) in made.items()
    }
    for begin in [0, 8, 16] * 2:
        states = step(states, begin)
    for name, (optimizer, same) in made.items():
        model = linear_model(same)
        fit(model)
        if same.use_ema:  # fit ends with the average
            optimizer.set_weights(states[name][1])
            states[name] = [variable.value for variable in optimizer._averages], states[name][1]
        for got, want in zip(
            [*model.get_weights(), *same.variables], [*states[name][0], *states[name][1]], strict=True
        ):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_a_learning_rate_changed_while_training_takes_effect_and_compiles_nothing():
    def before_epoch(epoch, state):
        return state._replace(hyperparams={"learning_rate": jnp.float32(0.01 if epoch else 0.1)})

    model = linear_model(optimizers.SGD(0.1))
    with compilations() as compiled:
        fit(model, epochs=2, callbacks=[SetRate()])
    assert len([name for name in compiled if "train" in name]) == 1
    assert_weights(model, by_hand(optax.inject_hyperparams(optax.sgd)(learning_rate=0.1), before_epoch=before_epoch))


def test_accumulated_gradients_are_those_of_a_larger_batch():
    model = linear_model(optimizers.Adam(0.1, gradient_accumulation_steps=3))
    fit(model)  # three batches of 8, twice
    whole = linear_model(optimizers.Adam(0.1))
    whole.fit(X, Y, batch_size=24, epochs=2, verbose=0)
    assert_weights(model, whole.get_weights())


def test_a_scaled_loss_trains_and_reports_as_the_loss_itself():
    model, plain = linear_model(optimizers.SGD(0.1, loss_scale_factor=1024.0)), linear_model(optimizers.SGD(0.1))
    np.testing.assert_allclose(fit(model).history["loss"], fit(plain).history["loss"], rtol=1e-5)
    assert_weights(model, plain.get_weights())


def test_fit_ends_with_the_average_of_the_weights():
    model = linear_model(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.75))
    fit(model)
    weights = [jnp.asarray(weight) for weight in START]
    averages = None
    for begin in [0, 8, 16] * 2:
        gradients = gradients_of(weights, slice(begin, begin + 8))
        weights = [w - 0.1 * g for w, g in zip(weights, gradients, strict=True)]
        averages = averages or weights
        averages = [0.75 * a + 0.25 * w for a, w in zip(averages, weights, strict=True)]
    assert_weights(model, averages)


def test_frozen_weights_are_left_alone():
    model = minidl.Sequential([layers.Dense(2, input_shape=(3,), trainable=False), layers.Dense(1)])
    model.compile(optimizer=optimizers.Adam(0.1, weight_decay=0.5), loss="mse")
    before = model.get_weights()
    fit(model)
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert not np.array_equal(after[2], before[2])


def test_a_variable_may_be_overwritten_by_its_gradient():
    start = np.array([1.0, 4.0], "float32")
    kept, trained = Variable(start), Variable(start)
    kept.overwrite_with_gradient = True
    gradient = np.array([2.0, 3.0], "float32")
    optimizers.SGD(1.0, clipvalue=0.5).apply([gradient, gradient], [kept, trained])
    np.testing.assert_array_equal(kept, gradient)
    np.testing.assert_array_equal(trained, start - 0.5)


def test_the_largest_accumulated_gradient_overwrites():
    kept, trained = Variable([1.0, 4.0]), Variable([1.0, 4.0])
    kept.overwrite_with_gradient = True
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    seen = []
    for gradient in ([1.0, 5.0], [2.0, 3.0], [0.5, 0.5]):
        optimizer.apply([np.array(gradient, "float32")] * 2, [kept, trained])
        seen.append((kept.numpy().tolist(), trained.numpy().tolist()))
    assert seen == [([1.0, 4.0], [1.0, 4.0]), ([2.0, 5.0], [-0.5, 0.0]), ([2.0, 5.0], [-0.5, 0.0])]


def test_a_loss_scale_leaves_what_overwrites_as_it_is():
    kept, trained = Variable(1.0), Variable(1.0)
    kept.overwrite_with_gradient = True
    optimizers.LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=4.0).apply([2.0, 2.0], [kept, trained])
    assert (float(kept), float(trained)) == (2.0, 0.5)


def test_unknown_arguments_are_named_in_their_order():
    with pytest.raises(ValueError, match="LossScaleOptimizer: unknown arguments: `foo`, `bar`"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), foo=True, bar=3)


def test_parts_of_muon():
    """With a = 1.5 and b = -0.5 the iteration goes to the orthogonal factor of the polar decomposition."""
    muon = optimizers.Muon(muon_a=1.5, muon_b=-0.5, muon_c=0.0, rms_rate=0.2)
    matrix = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 1.0]], "float32")
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    np.testing.assert_allclose(muon.zeropower_via_newtonschulz5(matrix, 12), left @ right, atol=1e-5)
    np.testing.assert_allclose(muon.lr_adjust(np.ones((4, 2))), np.full((4, 2), 2 * 0.2), rtol=1e-6)
    np.testing.assert_array_equal(optimizers.Muon(rms_rate=None).lr_adjust(matrix), matrix)


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf"), np.float32(-1)])
def test_an_invalid_learning_rate_is_refused(rate):
    for make in (optimizers.Adam, optimizers.SGD, optimizers.RMSprop):
        with pytest.raises(ValueError, match="learning_rate must be a finite number of at least 0"):
            make(rate)
        optimizer = make(0.5)
        with pytest.raises(ValueError, match="learning_rate must be a finite number of at least 0"):
            optimizer.learning_rate = rate
        assert float(optimizer.learning_rate) == 0.5


DECAYS = {
    "beta_1": ["Adam", "AdamW", "Adamax", "Nadam", "Lamb", "ScheduleFreeAdamW"],
    "beta_2": ["Adam", "AdamW", "Adamax", "Nadam", "Lamb", "ScheduleFreeAdamW", "Lion"],
    "rho": ["RMSprop", "Adadelta"],
    "momentum": ["RMSprop", "Muon"],
    "adam_beta_1": ["Muon"],
    "adam_beta_2": ["Muon"],
}


@pytest.mark.parametrize("name", DECAYS)
def test_decays_of_running_means_are_below_1(name):
    """At 1 the bias correction divides by 1 - beta^t = 0."""
    for kind in DECAYS[name]:
        for value in (1.0, 1.5, -0.1, float("nan")):
            with pytest.raises(ValueError, match=f"{name} must be at least 0 and below 1"):
                getattr(optimizers, kind)(**{name: value})
        getattr(optimizers, kind)(**{name: 0.0})


@pytest.mark.slow
@pytest.mark.parametrize("count", [2**31 - 3, 2**31 - 2, 2**31 - 1])
@pytest.mark.parametrize("optimizer", EXAMPLES, ids=IDS)
def test_the_count_of_steps_does_not_overflow(optimizer, count):
    # 840 steps before, a multiple of all periods in EXAMPLES, the count t is the same to 4e-7 of it.
    def after_three_steps(start):
        weights, grads = weights_and_gradients()
        own = fresh(optimizer)
        own.build(weights)
        own._iterations.assign(start)
        with jax.debug_nans(True):
            for _ in range(3):
                own.apply(grads, weights)
        return [weight.numpy() for weight in weights], int(own._iterations)

    got, end = after_three_steps(count)
    want, _ = after_three_steps(count - 840)
    assert 2**31 - 1000 < end < 2**31
    for ours, expected in zip(got, want):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("accumulation, frequency", [(None, None), (3, None), (None, 5), (3, 5), (7, 11)])
def test_accumulation_and_averages_keep_their_rhythm_at_the_last_count(accumulation, frequency):
    # Steps t with t % accumulation == 0 update, and averages overwrite when the number of updates is a multiple of
    # `frequency`: worked out here with Python's integers, which do not end.
    optimizer = minidl.optimizers.SGD(
        1.0,
        gradient_accumulation_steps=accumulation,
        use_ema=frequency is not None,
        ema_momentum=0.5,
        ema_overwrite_frequency=frequency,
    )
    weight = Variable(0.0)
    optimizer.build([weight])
    start = 2**31 - 20
    optimizer._iterations.assign(start)
    value = average = total = 0.0
    for count in range(start, start + 200):
        optimizer.apply([1.0], [weight])
        total += 1.0
        if (count + 1) % (accumulation or 1) == 0:
            value, total = value - total / (accumulation or 1), 0.0
        if frequency is not None:
            average = (average + value) / 2
            if (count // (accumulation or 1) + 1) % frequency == 0:
                value = average
        np.testing.assert_allclose(float(weight), value, rtol=1e-5)
        assert 2**31 - 100 < int(optimizer._iterations) < 2**31
