"""TerminateOnNaN: when it looks, what it stops, and what it costs."""

import math

import numpy as np
import pytest

import minidl
from minidl.callbacks import CallbackList, LambdaCallback, TerminateOnNaN
from tests.references import callbacks as references


def broken(rows=2000, at=40):
    """Data of which one target gives an infinite loss."""
    x, y = np.ones((rows, 2), "float32"), np.ones((rows, 1), "float32")
    y[at] = 1e30
    return x, y


def test_steps_cost_nothing_more():
    assert not CallbackList(TerminateOnNaN()).wants_batches("train")


def test_training_ends_within_the_epoch():
    model = references.small_model(minidl, "sgd")
    ended = []
    watcher = LambdaCallback(on_train_end=lambda logs: ended.append(logs))
    history = model.fit(*broken(), 1, epochs=3, shuffle=False, verbose=0, callbacks=[TerminateOnNaN(), watcher])
    assert history.epoch == [0] and len(ended) == 1
    assert not math.isfinite(history.history["loss"][0])
    assert int(model.optimizer.iterations) < 2000


def test_with_batches_it_stops_at_the_very_batch(capsys):
    model = references.small_model(minidl, "sgd")
    seen = []
    watcher = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    model.fit(*broken(), 1, epochs=3, shuffle=False, verbose=0, callbacks=[watcher, TerminateOnNaN()])
    assert seen[-1] == 40
    assert capsys.readouterr().out == "The loss is inf at batch 40. Training stops.\n"


def test_an_error_ends_training_without_on_train_end():
    model = references.small_model(minidl, "sgd")
    ended = []
    watcher = LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(epoch), on_train_end=ended.append)
    with pytest.raises(
        RuntimeError, match=r"The loss is (inf|nan) at (batch|epoch) \d+, so training was stopped. Look for a learning"
    ):
        model.fit(*broken(100), 4, verbose=0, callbacks=[watcher, TerminateOnNaN(raise_error=True)])
    assert ended == []


@pytest.mark.parametrize("logs", [{"loss": 0.5}, {"accuracy": math.nan}, {}, None])
def test_only_the_loss_counts(logs):
    model = references.Model()
    callback = TerminateOnNaN(raise_error=True)
    callback.set_model(model)
    callback.on_progress("train", 1, logs)
    callback.on_epoch_end(0, logs)
    assert not model.stop_training
    callback.on_progress("test", 1, {"loss": math.nan})  # validation does not end training
    assert not model.stop_training
