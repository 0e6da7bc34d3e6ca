"""LearningRateScheduler: what tests/references does not show, such as errors, messages and real training."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minidl import optimizers
from minidl.callbacks import LearningRateScheduler
from tests.references import callbacks as references


def begin(schedule, epoch=0, **settings):
    model = references.Model()
    model.optimizer = optimizers.SGD(0.1, name="scheduled")
    scheduler = LearningRateScheduler(schedule, **settings)
    scheduler.set_model(model)
    scheduler.on_epoch_begin(epoch)
    return float(model.optimizer.learning_rate)


@pytest.mark.parametrize("rate", [1, 0.25, np.float64(0.25), np.array(0.25), jnp.array(0.25)])
def test_a_schedule_may_give_any_kind_of_number(rate):
    assert begin(lambda epoch: rate) == float(rate)


def test_an_optax_schedule_will_do():
    assert begin(optax.exponential_decay(1.0, 1, 0.5), epoch=3) == 0.125


@pytest.mark.parametrize("rate", ["0.1", None, True, [0.1], np.array([0.1]), (lambda: 0.1)])
def test_anything_else_is_refused(rate):
    with pytest.raises(ValueError, match="schedule must return a number; for epoch 4 it returned"):
        begin(lambda epoch: rate, epoch=4)


def test_an_error_in_the_schedule_is_not_hidden():
    def schedule(epoch, rate):
        raise TypeError("a mistake of the user's")

    with pytest.raises(TypeError, match="a mistake of the user's"):
        begin(schedule)


def test_invalid_schedules_are_refused_before_training():
    with pytest.raises(TypeError, match=r"must be a function of \(epoch, rate\), got 0.1"):
        LearningRateScheduler(0.1)
    with pytest.raises(TypeError, match=r"must take \(epoch, rate\) or \(epoch\); .* takes \(a, b, c\)"):
        LearningRateScheduler(lambda a, b, c: 0.1)


def test_an_optimizer_with_a_schedule_of_its_own_is_refused():
    model = references.Model()
    model.optimizer = optimizers.SGD(lambda step: 0.1)
    scheduler = LearningRateScheduler(lambda epoch: 0.5)
    scheduler.set_model(model)
    with pytest.raises(TypeError, match="the learning rate is a schedule"):
        scheduler.on_epoch_begin(0)


def test_verbose_prints_the_rate(capsys):
    begin(lambda epoch: 0.25, verbose=1)
    assert capsys.readouterr().out == "Epoch 1: the learning rate of scheduled is 0.25.\n"
    begin(lambda epoch: 0.25)
    assert capsys.readouterr().out == ""


def test_training_obeys():
    import minidl

    model = references.small_model(minidl, optimizers.SGD(0.1))
    frozen = model.get_weights()
    history = model.fit(
        *references.data(),
        epochs=2,
        verbose=0,
        callbacks=LearningRateScheduler(lambda epoch: 0.0 if epoch == 0 else 0.5),
    )
    assert history.history["learning_rate"] == [0.0, 0.5]
    x, y = references.data()
    first = np.mean((x @ frozen[0] + frozen[1] - y) ** 2)
    np.testing.assert_allclose(history.history["loss"], [first, first], rtol=1e-6)  # the first epoch changed nothing
    assert not np.array_equal(model.get_weights()[0], frozen[0])
