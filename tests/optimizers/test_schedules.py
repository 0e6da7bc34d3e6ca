"""Learning rate schedules: configs, errors, and following one while training.

Values at many steps are compared with Keras's in references/schedules.py.
"""

import json

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import minidl
from minidl import layers, optimizers
from minidl.core.variables import Variable
from minidl.optimizers import schedules
from tests.references.schedules import SCHEDULES, make


def test_every_schedule_has_a_row():
    public = {name for name in schedules.__all__ if isinstance(getattr(schedules, name), type)}
    assert public == {"LearningRateSchedule"} | {kind for kind, _ in SCHEDULES.values()}
    assert minidl.optimizers.schedules is schedules


@pytest.mark.parametrize("name", SCHEDULES)
def test_config_leads_back_to_the_same_schedule(name):
    schedule = make(minidl, name)
    config = json.loads(json.dumps(schedules.serialize(schedule)))
    assert config["module"] == "keras.optimizers.schedules"
    again = schedules.deserialize(config)
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    assert float(again(7)) == float(schedule(7)) == float(schedule(Variable(7))) == float(schedule(jnp.int32(7)))


@pytest.mark.parametrize("kind", ["Adam", "Lion"])
def test_an_optimizer_takes_its_schedule_through_its_config(kind):
    optimizer = getattr(optimizers, kind)(schedules.CosineDecay(0.5, 4, warmup_target=1.0, warmup_steps=2))
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    copies = [
        optimizers.deserialize(config),
        optimizers.get(config),
        type(optimizer).from_config(config["config"]),
        optimizers.deserialize(optimizers.serialize(optimizers.LossScaleOptimizer(optimizer))).inner_optimizer,
    ]
    for copy in copies:
        assert copy.get_config() == optimizer.get_config()
        copy.apply([1.0], [Variable(1.0)])
        assert float(copy.learning_rate) == 0.75
        with pytest.raises(TypeError, match="the learning rate is a schedule, which a number cannot replace"):
            copy.learning_rate = 0.1


class Halving(schedules.LearningRateSchedule):
    """A schedule of a user."""

    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start * 0.5 ** jnp.asarray(step, "float32")

    def get_config(self):
        return {"start": self.start}


def test_a_schedule_of_ones_own():
    config = json.loads(json.dumps(optimizers.serialize(optimizers.SGD(Halving(1.0)))))
    with pytest.raises(ValueError, match="Unknown learning rate schedule 'Halving'"):
        optimizers.deserialize(config)
    for optimizer in (
        optimizers.deserialize(config, custom_objects={"Halving": Halving}),
        optimizers.SGD.from_config(config["config"], custom_objects={"Halving": Halving}),
    ):
        weight = Variable(1.0)
        for _ in range(3):
            optimizer.apply([1.0], [weight])
        assert float(weight) == 1 - 1 - 0.5 - 0.25
    with pytest.raises(NotImplementedError, match="Half has no `get_config` method"):
        schedules.serialize(type("Half", (schedules.LearningRateSchedule,), {})())
    with pytest.raises(NotImplementedError, match=r"Half has no `__call__\(self, step\)` method"):
        type("Half", (schedules.LearningRateSchedule,), {})()(0)


@pytest.mark.parametrize(
    "rate",
    [
        schedules.PiecewiseConstantDecay([0, 1], [0.5, 0.25, 0.125]),
        optax.join_schedules([optax.constant_schedule(v) for v in (0.5, 0.25, 0.125)], [1, 2]),
        lambda step: 0.5 ** (1.0 + jnp.minimum(step, 2)),
    ],
)
def test_fit_follows_a_schedule(rate):
    model = minidl.Sequential([layers.Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
    model.compile(optimizer=optimizers.SGD(rate), loss="mse")
    model.fit(np.ones((4, 1)), np.zeros((4, 1)), batch_size=1, epochs=1, verbose=0)
    # The gradient of weight^2 is 2 * weight: each step keeps 1 - 2 * rate of it; the first rate leaves nothing.
    assert float(model.get_weights()[0].squeeze()) == 0.0
    model.set_weights([np.float32([[1.0]])])
    model.fit(np.ones((2, 1)), np.zeros((2, 1)), batch_size=1, epochs=1, verbose=0)
    assert float(model.get_weights()[0].squeeze()) == 0.75**2
    assert float(model.optimizer.learning_rate) == 0.125


@pytest.mark.parametrize(
    "kind, arguments, message",
    [
        ("ExponentialDecay", (0.1, 0, 0.5), "ExponentialDecay: decay_steps must be above 0, got 0"),
        ("PolynomialDecay", (0.1, -1), "PolynomialDecay: decay_steps must be above 0, got -1"),
        ("InverseTimeDecay", (0.1, 0, 0.5), "InverseTimeDecay: decay_steps must be above 0"),
        ("CosineDecay", (0.1, 0), "CosineDecay: decay_steps must be above 0"),
        ("CosineDecayRestarts", (0.1, 0), "CosineDecayRestarts: first_decay_steps must be above 0"),
        ("PiecewiseConstantDecay", ([1, 2], [0.1, 0.2]), "2 boundaries need 3 values, got 2"),
    ],
)
def test_wrong_arguments(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(schedules, kind)(*arguments)


def test_a_misspelled_schedule():
    with pytest.raises(ValueError, match="Unknown learning rate schedule 'CosinDecay'. Did you mean 'CosineDecay'"):
        schedules.deserialize({"class_name": "CosinDecay", "config": {}})
