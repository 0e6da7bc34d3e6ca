"""Optimizers of users, in Keras's style; and optimizers that hold others.

Numbers of LossScaleOptimizer and MultiOptimizer are compared with Keras's in references/optimizers.py.
"""

import json

import numpy as np
import pytest

import minidl
from minidl import layers, optimizers, saving
from minidl.core.variables import Variable

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X @ np.float32([[1.0], [-2.0], [0.5]]) + 1


def trained(optimizer, **arguments):
    """The weights and the optimizer of a small model after six steps of fit."""
    minidl.utils.set_random_seed(0)
    model = minidl.Sequential([layers.Dense(2, "tanh", input_shape=(3,)), layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse", **arguments)
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    return model.get_weights(), [variable.numpy() for variable in model.optimizer.variables]


class Momentum(optimizers.Optimizer):
    """Gradient descent with momentum, as Keras's documentation writes an optimizer."""

    def __init__(self, learning_rate=0.1, momentum=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        super().build(variables)
        self.momentums = []
        for variable in variables:
            self.momentums.append(self.add_variable_from_reference(reference_variable=variable, name="momentum"))

    def update_step(self, gradient, variable, learning_rate):
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - gradient * learning_rate)
        self.assign_add(variable, m)

    def get_config(self):
        config = super().get_config()
        config.update({"momentum": self.momentum})
        return config


OPTIONS = {
    "plain": {},
    "decay_and_clip": {"weight_decay": 0.1, "global_clipnorm": 0.5},
    "accumulation": {"gradient_accumulation_steps": 2},
    "average": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "schedule": {"learning_rate": optimizers.schedules.InverseTimeDecay(0.1, 2, 0.5)},
}


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_an_optimizer_with_update_step_trains_as_its_twin(option):
    arguments = {"learning_rate": 0.1, "momentum": 0.8, **OPTIONS[option]}
    own, twin = trained(Momentum(**arguments)), trained(optimizers.SGD(**arguments))
    for got, want in zip(own, twin, strict=True):
        for one, other in zip(got, want, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_an_optimizer_with_update_step_has_a_config_and_a_pure_form():
    optimizer = Momentum(0.5, momentum=0.5, name="momentum")
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    again = optimizers.deserialize(config, custom_objects={"Momentum": Momentum})
    assert again.get_config() == optimizer.get_config()
    weight = Variable(1.0, name="w")
    again.build([weight])
    values, state = again.stateless_apply([variable.value for variable in again.variables], [1.0], [weight.value])
    assert (float(values[0]), float(state[2])) == (0.5, -0.5)
    assert float(weight) == 1.0
    assert [variable.path for variable in again.variables] == [
        *("momentum/iteration", "momentum/learning_rate", "momentum/w_momentum")
    ]


class Cautious(optimizers.SGD):
    """A subclass of an optimizer that steps only downwards."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(np.maximum(gradient, 0), variable, learning_rate)


def test_update_step_of_a_subclass_may_call_that_of_its_base():
    one, other = Variable(1.0, name="one"), Variable(1.0, name="other")
    Cautious(0.5, momentum=0.5).apply([1.0, -1.0], [one, other])
    assert (float(one), float(other)) == (0.5, 1.0)


def test_update_step_can_be_called_directly():
    weight = Variable([1.0, 1.0])
    optimizer = optimizers.SGD(0.5)
    optimizer.build([weight])
    optimizer.update_step([1.0, 2.0], weight, 0.25)
    assert weight.numpy().tolist() == [0.75, 0.5]


class Counting(optimizers.Optimizer):
    """Counts its steps in a variable, and keeps two more for each weight."""

    def build(self, variables):
        super().build(variables)
        self.count = self.add_variable((), initializer="ones", dtype="int32", name="count")
        self.low, self.high = self.add_optimizer_variables(variables, ["low", "high"], initializer=["zeros", "ones"])

    def update_step(self, gradient, variable, learning_rate):
        self.assign_add(self.count, 1)
        self.assign_sub(variable, learning_rate)


def test_variables_that_an_optimizer_adds():
    weights = [Variable(1.0, name="a"), Variable(np.ones(2), name="b")]
    optimizer = Counting(0.5, name="it")
    optimizer.apply([1.0, np.ones(2)], weights)
    assert [variable.path for variable in optimizer.variables[2:]] == [
        *("it/count", "it/a_low", "it/a_high", "it/b_low", "it/b_high")
    ]
    assert int(optimizer.count) == 3 and optimizer.high[1].numpy().tolist() == [1, 1]
    with pytest.raises(ValueError, match="it: got 1 initializers for the 2 names"):
        optimizer.add_optimizer_variables(weights, ["x", "y"], initializer=["zeros"])


def test_variables_are_saved_and_loaded_as_a_dict():
    weights = [Variable(np.ones(2), name="a")]
    optimizer, other = optimizers.Adam(0.5), optimizers.Adam(0.1)
    optimizer.apply([np.ones(2)], weights)
    store = {}
    optimizer.save_own_variables(store)
    assert list(store) == ["0", "1", "2", "3"] and store["2"].shape == (2,)
    with pytest.raises(ValueError, match="build the optimizer"):
        other.load_own_variables(store)
    other.build(weights)
    other.load_own_variables(store)
    for one, two in zip(optimizer.variables, other.variables, strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="got 3 arrays for 4 variables"):
        other.load_own_variables({key: store[key] for key in "012"})


# LossScaleOptimizer and MultiOptimizer


@pytest.mark.slow
def test_a_scale_that_finds_itself_changes_no_number_of_fit():
    inner = optimizers.Adam(0.1)
    scaled = optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=4)
    weights, state = trained(scaled)
    want, _ = trained(optimizers.Adam(0.1))
    for one, other in zip(weights, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert (state[2], state[3], int(scaled.iterations)) == (2, 8.0, 6)
    scaled.learning_rate = 0.5
    assert float(inner.learning_rate) == 0.5


def test_a_step_that_overflows_is_left_out():
    weight = Variable(1.0)
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=8.0)
    assert float(optimizer.scale_loss(1.0)) == 8.0
    for gradient, after, scale in [(np.nan, 1.0, 4.0), (np.inf, 1.0, 2.0), (1.0, 0.5, 2.0)]:
        optimizer.apply([gradient], [weight])
        assert (float(weight), float(optimizer.scale_loss(1.0))) == (after, scale)
    assert int(optimizer.iterations) == 1


def test_what_a_loss_scale_optimizer_refuses():
    with pytest.raises(TypeError, match="inner_optimizer must be an Optimizer, got 'adam'"):
        optimizers.LossScaleOptimizer("adam")
    with pytest.raises(ValueError, match="got clipnorm=1.0; set `clipnorm` of the inner optimizer"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0)
    with pytest.raises(ValueError, match="for a fixed scale, set `loss_scale_factor` of the inner optimizer"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic=False)
    with pytest.raises(ValueError, match="unknown arguments: `scale`"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), scale=2.0)
    assert optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic=True, use_ema=False).initial_scale == 2**15
    with pytest.raises(ValueError, match="pass trainable_variables too"):
        optimizers.LossScaleOptimizer(optimizers.SGD()).apply([1.0])


def test_optimizers_by_path():
    optimizer = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.0), {".*dense_1/.*": optimizers.SGD(0.1)})
    )
    minidl.utils.clear_session()
    minidl.utils.set_random_seed(0)
    model = minidl.Sequential([layers.Dense(2, "tanh", input_shape=(3,)), layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse")
    before = model.get_weights()
    model.fit(X, Y, batch_size=8, verbose=0)
    changed = [not np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]
    with pytest.raises(AttributeError, match="has no learning rate"):
        optimizer.learning_rate  # noqa: B018, reading it is the test
    with pytest.raises(AttributeError, match="has no learning rate"):
        optimizer.learning_rate = 0.1


def test_several_optimizers_within_a_scale_that_finds_itself():
    parts = optimizers.SGD(0.5), optimizers.SGD(0.25)
    inner = optimizers.MultiOptimizer(optimizers.OptimizerMap(parts[0], {"b": parts[1]}), loss_scale_factor=8.0)
    optimizer = optimizers.LossScaleOptimizer(inner, initial_scale=4.0)
    assert [part.loss_scale_factor for part in (inner, *parts)] == [None, None, None]
    weights = [Variable(1.0, name="a"), Variable(1.0, name="b")]
    optimizer.apply([4.0, 4.0], weights)
    assert [float(weight) for weight in weights] == [0.5, 0.75]


def test_what_an_optimizer_map_refuses():
    choice = optimizers.OptimizerMap(optimizers.SGD(), {"a.*": optimizers.Adam(), ".*b": optimizers.Lion()})
    assert len(choice) == 2 and list(choice) == ["a.*", ".*b"]
    with pytest.raises(ValueError, match=r"'ab' is matched by more than one pattern: \['a\.\*', '\.\*b'\]"):
        choice["ab"]
    with pytest.raises(ValueError, match="already has the optimizer"):
        choice["a.*"] = optimizers.SGD()
    with pytest.raises(ValueError, match="neither a LossScaleOptimizer nor a MultiOptimizer"):
        choice["c"] = optimizers.LossScaleOptimizer(optimizers.SGD())
    with pytest.raises(TypeError, match="expected an optimizer as default_optimizer"):
        optimizers.OptimizerMap("sgd")
    with pytest.raises(TypeError, match="expected a dict of optimizers as optimizer_map"):
        optimizers.OptimizerMap(optimizers.SGD(), ["sgd"])
    del choice["a.*"]
    assert isinstance(choice["ab"], optimizers.Lion)


HOLDERS = {
    "LossScaleOptimizer": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.5), 4.0, 3),
    "MultiOptimizer": lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.5), {"a": optimizers.Lion(0.25)}), loss_scale_factor=2.0
    ),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_holder_survives_its_config(name):
    keras = pytest.importorskip("keras")
    optimizer = HOLDERS[name]()
    config = optimizers.serialize(optimizer)
    again = optimizers.get(json.loads(json.dumps(config)))
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()
    saved = json.loads(json.dumps(saving.serialize_keras_object(optimizer)))
    assert saving.deserialize_keras_object(saved).get_config() == optimizer.get_config()
    assert keras.optimizers.serialize(keras.optimizers.deserialize(json.loads(json.dumps(config)))) == config
