"""ReduceLROnPlateau: what tests/references does not show, such as errors, messages and real training."""

import pytest

import minidl
from minidl import optimizers
from minidl.callbacks import ReduceLROnPlateau
from tests.references import callbacks as references


def run(reducer, values, rate=0.5):
    model = references.Model()
    model.optimizer = optimizers.SGD(rate, name="plateau")
    reducer.set_model(model)
    reducer.on_train_begin()
    for epoch, value in enumerate(values):
        reducer.on_epoch_end(epoch, {"val_loss": value})
    return float(model.optimizer.learning_rate)


def test_one_object_serves_several_fits():
    reducer = ReduceLROnPlateau(patience=2, factor=0.5, cooldown=5)
    assert run(reducer, [0.1, 0.2, 0.2]) == 0.25
    assert run(reducer, [0.9, 0.9, 0.9]) == 0.25


def test_in_cooldown():
    reducer = ReduceLROnPlateau(patience=1, factor=0.5, cooldown=2)
    run(reducer, [0.1, 0.2])
    assert reducer.in_cooldown()
    run(reducer, [0.1, 0.2, 0.2, 0.05])
    assert not reducer.in_cooldown()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factor": 1.0}, "factor must be below 1 to lower the learning rate, got 1.0"),
        ({"mode": "least"}, "mode must be 'auto', 'min' or 'max', got 'least'"),
        ({"monitor": "reward"}, "cannot infer from the metric 'reward'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"ReduceLROnPlateau: {message}"):
        ReduceLROnPlateau(**settings).set_model(None)


def test_a_metric_that_is_missing_warns_and_the_rate_is_in_the_logs_all_the_same():
    reducer = ReduceLROnPlateau(monitor="val_accuracy")
    with pytest.warns(UserWarning, match="Plateau: the metric 'val_accuracy' is not .* have: learning_rate, val_loss"):
        assert run(reducer, [0.5]) == 0.5
    logs = {}
    with pytest.warns(UserWarning):
        reducer.on_epoch_end(0, logs)
    assert logs == {"learning_rate": 0.5}


def test_verbose_messages(capsys):
    run(ReduceLROnPlateau(patience=1, factor=0.5, verbose=1), [0.5, 0.6])
    assert capsys.readouterr().out == "Epoch 2: the learning rate of plateau is lowered to 0.25.\n"


def test_training_obeys_and_the_history_has_the_rates():
    model = references.small_model(minidl, optimizers.SGD(0.5))
    reducer = ReduceLROnPlateau("loss", factor=0.0, patience=1, min_delta=100.0)
    history = model.fit(*references.data(), epochs=4, shuffle=False, verbose=0, callbacks=reducer).history
    assert history["learning_rate"] == [0.5, 0.5, 0.0, 0.0]
    assert history["loss"][0] != history["loss"][1] and history["loss"][2] == history["loss"][3]
