"""Callbacks, the list that calls them, the history, and callbacks made of functions."""

import inspect
import subprocess
import sys
import unittest.mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import callbacks as callbacks_module
from minidl.callbacks import Callback, CallbackList, EarlyStopping, History, LambdaCallback, ProgbarLogger
from minidl.callbacks.base import HOOKS
from minidl.saving.state import read_state, write_state
from tests.references import callbacks as references


class Model:
    history = None


NOT_COMPARED = {  # each has its test file
    "TensorBoard": "needs all of TensorFlow",
    "RemoteMonitor": "needs a server",
    "OrbaxCheckpoint": "its folders are not Keras's",
    "WandbLogger": "is minidl's own",
    "MLflowLogger": "is minidl's own",
    "MonitorCallback": "is the base of others",
}


def test_every_public_name_is_compared_with_keras():
    source = inspect.getsource(references)
    names = [name for name in callbacks_module.__all__ if f"keras.callbacks.{name}" not in source]
    assert set(names) == set(NOT_COMPARED)


@pytest.mark.slow
def test_importing_callbacks_does_not_import_rich():
    program = "import sys, minidl.callbacks; assert 'rich' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_nothing_is_required_of_a_subclass():
    class Bare(Callback):
        def __init__(self):
            pass

    bare = Bare()
    assert bare.model is None and bare.params is None
    callbacks = CallbackList(bare, "the model", {"epochs": 3})
    for hook in HOOKS:
        getattr(callbacks, hook)(*([0] if "batch" in hook or "epoch" in hook else []))
    assert bare.model == "the model" and bare.params == {"epochs": 3}


# The list


def test_callbacks_may_be_none_one_or_nested():
    a, b, c = Callback(), Callback(), Callback()
    assert CallbackList().callbacks == CallbackList([]).callbacks == CallbackList([None, [None]]).callbacks == []
    assert CallbackList(a).callbacks == [a]
    assert CallbackList([a, (b, [c])]).callbacks == [a, b, c]
    assert CallbackList([a, CallbackList([b, c])]).callbacks == [a, b, c]


def test_users_callbacks_come_first_then_the_history_then_the_bar():
    user = Callback()
    model = Model()
    callbacks = CallbackList(user, model, {"verbose": 0}, add_history=True, add_progbar=True).callbacks
    assert [type(callback) for callback in callbacks] == [Callback, History, ProgbarLogger]
    assert model.history is callbacks[1]


def test_what_the_user_brings_is_not_added_twice():
    history, bar, model = History(), ProgbarLogger(), Model()
    callbacks = CallbackList([history, bar], model, {"verbose": 0}, add_history=True, add_progbar=True)
    assert callbacks.callbacks == [history, bar]
    assert model.history is history


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (EarlyStopping, r"got the class EarlyStopping; give an object: EarlyStopping\(\)"),
        (print, r"the function print is not a callback.*LambdaCallback\(on_epoch_end=function\)"),
        (
            "early_stopping",
            r"'early_stopping' is not a callback: it has no set_model\(\). Subclass minidl.callbacks.Callback",
        ),
        ({"a": Callback()}, "is not a callback"),
    ],
)
def test_invalid_callbacks_are_refused(given, message):
    with pytest.raises(TypeError, match=message):
        CallbackList([Callback(), given])


def test_keras_order_of_arguments_is_refused_rather_than_misread():
    with pytest.raises(TypeError, match="add_history=True by name"):
        CallbackList([], True)


def test_params_may_be_given_one_by_one():
    callback = Callback()
    CallbackList(callback, None, {"verbose": 0}, epochs=2)
    assert callback.params == {"verbose": 0, "epochs": 2}


def test_logs_are_one_new_dict_of_python_floats():
    seen = []
    watchers = [LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs)) for _ in range(2)]
    given = {
        "loss": np.float32(0.5),
        "count": 3,
        "per_class": jnp.array([1.0, 0.5]),
        "accuracy": jnp.array(0.25),
        "note": "x",
    }
    CallbackList(watchers).on_epoch_end(0, given)
    assert seen[0] is seen[1] is not given
    assert list(seen[0]) == ["accuracy", "count", "loss", "note", "per_class"]
    assert {name: type(value) for name, value in seen[0].items()} == {
        "accuracy": float,
        "count": float,
        "loss": float,
        "note": str,
        "per_class": np.ndarray,
    }


def test_on_progress_reaches_those_who_watch_and_no_others():
    class Watcher(Callback):
        seen = ()

        def on_progress(self, mode, step, logs=None):
            self.seen = (*self.seen, (mode, step, logs))

    class Foreign:
        """Has Keras's methods, and so no on_progress."""

    for hook in ("set_model", "set_params", *HOOKS):
        setattr(Foreign, hook, lambda self, *args, **logs: None)
    watcher = Watcher()
    callbacks = CallbackList([watcher, Foreign(), Callback()])
    callbacks.on_progress("train", 32, {"loss": 0.5})
    assert watcher.seen == (("train", 32, {"loss": 0.5}),)


def overriding(hook):
    return type("Overriding", (Callback,), {hook: lambda self, batch, logs=None: None})()


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
@pytest.mark.parametrize("when", ["begin", "end"])
def test_a_batch_method_asks_for_batches_of_its_mode_only(mode, when):
    hook = f"on_{mode}_batch_{when}"
    for callback in (overriding(hook), LambdaCallback(**{hook: lambda batch, logs: None})):
        callbacks = CallbackList([Callback(), callback])
        wanted = [m for m in ("train", "test", "predict") if callbacks.wants_batches(m)]
        assert wanted == [mode]


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end"])
def test_the_older_names_ask_for_training_batches(hook):
    callbacks = CallbackList(overriding(hook))
    assert callbacks.wants_batches("train") and not callbacks.wants_batches("test")


def test_a_batch_method_is_seen_in_a_subclass_of_the_bar_and_on_an_object():
    bar = type("Bar", (ProgbarLogger,), {"on_train_batch_end": lambda self, batch, logs=None: None})()
    assert CallbackList(bar).wants_batches("train")
    callback = Callback()
    callback.on_test_batch_end = print
    assert CallbackList(callback).wants_batches("test")


def test_a_test_double_is_called_for_every_batch():
    double = unittest.mock.Mock()
    callbacks = CallbackList(double)
    assert callbacks.wants_batches("train")
    callbacks.on_train_batch_end(3, {"loss": 0.5})
    double.on_train_batch_end.assert_called_once_with(3, logs={"loss": 0.5})


def test_what_fit_adds_asks_for_no_batches():
    quiet = [LambdaCallback(on_epoch_end=print), EarlyStopping(), overriding("on_epoch_end")]
    callbacks = CallbackList(quiet, Model(), {"verbose": 0}, add_history=True, add_progbar=True)
    assert not any(callbacks.wants_batches(mode) for mode in ("train", "test", "predict"))


def test_callbacks_made_for_keras_are_taken_as_they_are():
    keras = pytest.importorskip("keras")
    stopper = keras.callbacks.EarlyStopping(monitor="loss", patience=1)
    model = references.Model()
    callbacks = CallbackList([stopper], model)
    assert not callbacks.wants_batches("train")
    assert CallbackList(keras.callbacks.LambdaCallback(on_train_batch_end=print)).wants_batches("train")
    callbacks.on_train_begin()
    for epoch, loss in enumerate([1.0, 2.0, 3.0]):
        callbacks.on_epoch_end(epoch, {"loss": loss})
    assert model.stop_training and stopper.stopped_epoch == 2


# Every callback: quiet while nothing asks for batches, fresh in every fit, and able to go on

EVERY = {
    "BackupAndRestore": (lambda c, folder: c.BackupAndRestore(folder / "backup"), []),
    "CSVLogger": (lambda c, folder: c.CSVLogger(folder / "log.csv"), ["_size"]),
    "EarlyStopping": (
        lambda c, folder: c.EarlyStopping("loss", patience=9, restore_best_weights=True),
        ["best", "wait"],
    ),
    "History": (lambda c, folder: c.History(), ["history", "epoch"]),
    "LambdaCallback": (lambda c, folder: c.LambdaCallback(on_epoch_end=lambda epoch, logs: None), []),
    "LearningRateScheduler": (lambda c, folder: c.LearningRateScheduler(lambda epoch: 0.1), []),
    "MLflowLogger": (lambda c, folder: c.MLflowLogger(folder / "runs"), []),
    "ModelCheckpoint": (lambda c, folder: c.ModelCheckpoint(folder / "{epoch}.keras", "loss", save_top_k=2), ["kept"]),
    "OrbaxCheckpoint": (lambda c, folder: c.OrbaxCheckpoint(folder / "orbax"), []),
    "ProgbarLogger": (lambda c, folder: c.ProgbarLogger(), []),
    "ReduceLROnPlateau": (lambda c, folder: c.ReduceLROnPlateau("loss"), ["best", "wait"]),
    "RemoteMonitor": (lambda c, folder: c.RemoteMonitor("http://127.0.0.1:9"), []),
    "SwapEMAWeights": (lambda c, folder: c.SwapEMAWeights(swap_on_epoch=True), ["_own"]),
    "TensorBoard": (lambda c, folder: c.TensorBoard(folder / "logs"), []),
    "WandbLogger": (lambda c, folder: c.WandbLogger(folder=folder), []),
    "TerminateOnNaN": (lambda c, folder: c.TerminateOnNaN(), []),
}  # name -> how to make one, and what it remembers of a run


def test_every_callback_has_a_row():
    assert EVERY.keys() == set(callbacks_module.__all__) - {"Callback", "CallbackList", "MonitorCallback"}


@pytest.mark.parametrize("name", EVERY)
def test_no_callback_needs_batch_hooks_by_default(name, tmp_path):
    if name == "OrbaxCheckpoint":
        pytest.importorskip("orbax.checkpoint")
    callbacks = CallbackList(EVERY[name][0](callbacks_module, tmp_path))
    assert not any(callbacks.wants_batches(mode) for mode in ("train", "test", "predict"))


@pytest.mark.parametrize("name", [name for name, (_, remembered) in EVERY.items() if remembered])
def test_state_of_callbacks_is_saved_and_restored(name, tmp_path):
    def run(callback, losses, state=None):
        model = SmallModel(minidl.optimizers.SGD(0.1, use_ema=True))
        callback.set_model(model)
        callback.on_train_begin()
        if state is not None:
            callback.set_state(state)
        start = 0 if state is None else 3
        for epoch, loss in enumerate(losses, start):
            callback.on_epoch_begin(epoch)
            model.optimizer.apply([np.ones(2, "float32")], model.trainable_variables)
            callback.on_epoch_end(epoch, {"loss": loss})
        return {name: as_plain(getattr(callback, name)) for name in remembered}

    make, remembered = EVERY[name]
    first = make(callbacks_module, tmp_path)
    kept = run(first, [0.5, 0.4, 0.6])
    write_state(tmp_path / "state.npz", first.get_state())
    again = make(callbacks_module, tmp_path)
    assert run(again, [], read_state(tmp_path / "state.npz")) == kept
    assert all(as_plain(getattr(make(callbacks_module, tmp_path), name)) != kept[name] for name in remembered)


class SmallModel(references.Model):
    """Two weights and an optimizer."""

    def __init__(self, optimizer):
        super().__init__()
        self.trainable_variables = [minidl.Variable(np.ones(2, "float32"))]
        self.optimizer = optimizer
        optimizer.build(self.trainable_variables)

    def save(self, path):
        with open(path, "w"):
            pass


def as_plain(value):
    return jax.tree.map(lambda leaf: leaf.tolist() if isinstance(leaf, (np.ndarray, jax.Array)) else leaf, value)


# The history


def test_a_history_used_again_keeps_its_numbers_and_restarts_the_epochs():
    history = History()
    for _ in range(2):
        history.on_train_begin()
        history.on_epoch_end(5, {"loss": 0.5})
    assert history.history == {"loss": [0.5, 0.5]} and history.epoch == [5]


# Callbacks made of functions


def test_lambda_callback_takes_attributes_of_other_names():
    assert LambdaCallback(threshold=3).threshold == 3


def test_lambda_callback_names_the_nearest_hook():
    with pytest.raises(
        ValueError, match="Unknown LambdaCallback argument 'on_epoch_ends'. Did you mean 'on_epoch_end'"
    ):
        LambdaCallback(on_epoch_ends=print)


def test_lambda_callback_needs_functions():
    with pytest.raises(TypeError, match="on_train_begin must be a function, got 'print'"):
        LambdaCallback(on_train_begin="print")


def test_lambda_callback_ignores_none():
    callback = LambdaCallback(on_epoch_end=None, on_test_batch_end=None)
    callback.on_epoch_end(0, {})
    assert not CallbackList(callback).wants_batches("test")
