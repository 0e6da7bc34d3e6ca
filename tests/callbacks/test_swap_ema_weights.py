"""SwapEMAWeights: what tests/references does not show: prediction, stopping early, and errors."""

import numpy as np
import pytest

import minidl
from minidl import optimizers
from minidl.callbacks import LambdaCallback, SwapEMAWeights
from tests.references import callbacks as references


def trained(epochs=2, callbacks=(), **settings):
    model = references.small_model(minidl, optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8, **settings))
    model.fit(*references.data(), 4, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks))
    return model


def test_predict_and_evaluate_use_the_average_and_give_the_weights_back():
    average = trained().get_weights()  # where training leaves the model
    model = trained()
    own = [np.zeros_like(weight) for weight in average]
    model.set_weights(own)
    x, y = references.data()
    swap = SwapEMAWeights()
    np.testing.assert_allclose(model.predict(x, verbose=0, callbacks=swap), x @ average[0] + average[1], rtol=1e-5)
    loss = np.mean((x @ average[0] + average[1] - y) ** 2)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0, callbacks=swap), loss, rtol=1e-5)
    assert all(np.array_equal(weight, zero) for weight, zero in zip(model.get_weights(), own))
    assert not model.predict(x, verbose=0).any()


@pytest.mark.parametrize("swap_first", [True, False])
def test_training_that_is_stopped_early_ends_with_the_average_too(swap_first):
    def stop(epoch, logs):
        if epoch == 1:
            stopper.model.stop_training = True

    stopper = LambdaCallback(on_epoch_end=stop)
    swap = SwapEMAWeights(swap_on_epoch=True)
    stopped = trained(5, [swap, stopper] if swap_first else [stopper, swap])
    for weight, expected in zip(stopped.get_weights(), trained(2).get_weights()):
        np.testing.assert_array_equal(weight, expected)


def test_an_evaluation_between_epochs_keeps_the_average_in_place():
    seen = []

    def evaluate(epoch, logs):
        before = callback.model.get_weights()
        callback.model.evaluate(*references.data(), verbose=0, callbacks=swap)
        seen.append(all(np.array_equal(a, b) for a, b in zip(before, callback.model.get_weights())))

    callback, swap = LambdaCallback(on_epoch_end=evaluate), SwapEMAWeights(swap_on_epoch=True)
    model = trained(2, [swap, callback])
    assert seen == [True, True]
    np.testing.assert_array_equal(model.get_weights()[0], trained(2).get_weights()[0])


def test_before_the_first_step_the_weights_are_used():
    model = references.small_model(minidl, optimizers.SGD(0.1, use_ema=True))
    x, y = references.data()
    assert model.evaluate(x, y, verbose=0, callbacks=SwapEMAWeights()) == model.evaluate(x, y, verbose=0)


def test_an_optimizer_without_average_is_refused_before_training():
    model = references.small_model(minidl, optimizers.SGD(0.1))
    before = model.get_weights()
    with pytest.raises(
        ValueError,
        match="SwapEMAWeights: 'sgd.*' keeps no average of the weights. Make the optimizer with use_ema",
    ):
        model.fit(*references.data(), verbose=0, callbacks=SwapEMAWeights())
    assert np.array_equal(model.get_weights()[0], before[0])


def test_an_optimizer_inside_a_loss_scale_optimizer_will_do():
    scaled = optimizers.LossScaleOptimizer(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8), initial_scale=1.0)
    model = references.small_model(minidl, scaled)
    x, y = references.data()
    history = model.fit(
        x, y, 4, 2, verbose=0, shuffle=False, validation_data=(x, y), callbacks=SwapEMAWeights()
    ).history
    np.testing.assert_allclose(model.get_weights()[0], trained().get_weights()[0], rtol=1e-6)
    assert history["val_loss"][-1] == model.evaluate(x, y, verbose=0)
    with pytest.raises(ValueError, match="'sgd.*' keeps no average"):
        plain = optimizers.LossScaleOptimizer(optimizers.SGD(0.1))
        references.small_model(minidl, plain).fit(x, y, verbose=0, callbacks=SwapEMAWeights())
