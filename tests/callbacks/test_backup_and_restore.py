"""BackupAndRestore: an interrupted run ends with the very numbers that an uninterrupted one ends with."""

import itertools
import os
import pathlib
import random
import re
import warnings

import jax
import numpy as np
import pytest

import minidl
from minidl import layers, optimizers
from minidl.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)
from minidl.saving.state import read_state, write_state
from tests.callbacks.test_model_checkpoint import Saving
from tests.references import callbacks as references

X = np.random.RandomState(0).normal(size=(24, 3)).astype("float32")
Y = np.sin(X.sum(axis=-1, keepdims=True))


class Random(Callback):
    """Uses both global generators, as a user's own callback may."""

    def on_epoch_end(self, epoch, logs=None):
        logs["python"], logs["numpy"] = random.random(), np.random.normal()


class Interrupt(Callback):
    """Ends the program at the given moment: (method, epoch)."""

    def __init__(self, method, epoch):
        self.method, self.epoch, self.current = method, epoch, 0

    def meet(self, method):
        if (method, self.current) == (self.method, self.epoch):
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.current = epoch
        self.meet("epoch_begin")

    def on_progress(self, mode, step, logs=None):
        self.meet("progress")

    def on_test_end(self, logs=None):
        self.meet("test_end")

    def on_epoch_end(self, epoch, logs=None):
        self.meet("epoch_end")

    def on_train_end(self, logs=None):
        self.meet("train_end")


def program(folder, interrupt=None, epochs=7, **settings):
    """A whole program: what it has in the end, as plain data."""
    minidl.utils.set_random_seed(3)
    model = Saving([layers.Dense(6, activation="relu"), layers.Dropout(0.3), layers.Dense(1)])
    model.compile(optimizers.Adam(0.02, use_ema=True, ema_momentum=0.7), "mse", metrics=["mae"])
    callbacks = [
        Random(),
        LearningRateScheduler(lambda epoch, rate: rate * 0.95),
        ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=1, min_delta=100),
        EarlyStopping("val_mae", patience=4, restore_best_weights=True, min_delta=100),
        SwapEMAWeights(swap_on_epoch=True),
        CSVLogger(folder / "log.csv"),
        ModelCheckpoint(folder / "files" / "{epoch}.keras", "val_loss", save_top_k=2),
        BackupAndRestore(folder / "backup", **settings),
        *([interrupt] if interrupt else []),
    ]
    history = model.fit(X, Y, 5, epochs, verbose=0, validation_data=(X, Y), callbacks=callbacks)
    return {
        "history": history.history,
        "epochs": history.epoch,
        "weights": [weight.tobytes() for weight in model.get_weights()],
        "optimizer": [variable.numpy().tobytes() for variable in model.optimizer.variables],
        "seeds": [variable.numpy().tobytes() for variable in model.non_trainable_variables],
        "random": (random.getstate(), np.random.get_state()[1].tobytes(), np.random.get_state()[2:]),
        "csv": (folder / "log.csv").read_text(),
        "files": {path.name: path.read_bytes() for path in (folder / "files").iterdir()},
        "backup left": (folder / "backup").exists(),
    }


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return program(tmp_path_factory.mktemp("whole"))


MOMENTS = [  # in their order, so that one run can meet them all
    *[("epoch_begin", 0), ("progress", 1), ("test_end", 2), ("epoch_begin", 3), ("epoch_end", 4), ("train_end", 4)]
]


@pytest.mark.parametrize("moment", MOMENTS[2::2], ids=str)  # the next test meets them all
def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, uninterrupted, moment):
    assert uninterrupted["epochs"] == [0, 1, 2, 3, 4]  # stopped early, so that each moment comes
    with pytest.raises(KeyboardInterrupt):
        program(tmp_path, Interrupt(*moment))
    again = program(tmp_path)
    assert again.keys() == uninterrupted.keys()
    for name, want in uninterrupted.items():
        assert again[name] == want, name


@pytest.mark.slow
def test_a_run_may_be_interrupted_again_and_again(tmp_path, uninterrupted):
    for moment in MOMENTS:
        with pytest.raises(KeyboardInterrupt):
            program(tmp_path, Interrupt(*moment))
    assert program(tmp_path) == uninterrupted


def test_more_epochs_go_on_from_a_backup_that_was_kept(tmp_path):
    def train(folder, epochs):
        minidl.utils.set_random_seed(3)
        model = references.small_model(minidl, optimizers.SGD(0.1, momentum=0.9))
        backup = BackupAndRestore(folder, delete_checkpoint=False)
        history = model.fit(*references.data(), 3, epochs, verbose=0, callbacks=backup)
        return history.history, model.get_weights()[0].tolist()

    for epochs in (2, 5):
        parts = train(tmp_path / "parts", epochs)
    assert parts == train(tmp_path / "whole", 5)
    assert train(tmp_path / "parts", 5) == parts  # all is done: nothing is trained


def test_a_run_that_was_stopped_goes_on_from_a_backup_that_was_kept(tmp_path):
    def stop(epoch, logs):
        model.stop_training = epoch == 1

    settings = {"epochs": 4, "verbose": 0, "shuffle": False}
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    model = references.small_model(minidl, "sgd")
    model.fit(*references.data(), callbacks=[backup, LambdaCallback(on_epoch_end=stop)], **settings)
    again = references.small_model(minidl, "sgd").fit(*references.data(), callbacks=[backup], **settings)
    assert again.epoch == [0, 1, 2, 3]
    assert again.history == references.small_model(minidl, "sgd").fit(*references.data(), **settings).history


# Files


def fit(backup, epochs=2, model=None, **settings):
    model = model or references.small_model(minidl, "sgd")
    return model.fit(*references.data(), 4, epochs=epochs, verbose=0, callbacks=[backup], **settings)


def test_after_a_good_end_only_its_own_files_are_removed(tmp_path):
    fit(BackupAndRestore(tmp_path / "backup", double_checkpoint=True))
    assert os.listdir(tmp_path) == []
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / f".backup.npz.{32 * '0'}.partial").write_text("left by a writer that was killed")
    fit(BackupAndRestore(tmp_path))
    assert os.listdir(tmp_path) == ["mine.txt"]
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert sorted(os.listdir(tmp_path)) == ["backup.npz", "mine.txt"]


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))


def test_a_damaged_backup_is_refused_and_nothing_is_changed(tmp_path):
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False))
    damage(tmp_path / "backup.npz")
    model = references.small_model(minidl, "sgd")
    before = model.get_weights()[0]
    with pytest.raises(ValueError, match="backup.npz' is damaged .* To train from the beginning, remove the file"):
        fit(BackupAndRestore(tmp_path), model=model)
    assert np.array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize("how", [damage, pathlib.Path.unlink])
@pytest.mark.filterwarnings("ignore:BackupAndRestore.*Resuming from the previous backup")
def test_with_two_backups_the_one_before_is_used(tmp_path, how):
    def train(folder, epochs):
        return fit(BackupAndRestore(folder, double_checkpoint=True, delete_checkpoint=False), epochs, shuffle=False)

    train(tmp_path / "parts", 3)
    assert sorted(os.listdir(tmp_path / "parts")) == ["backup.npz", "previous.npz"]
    how(tmp_path / "parts" / "backup.npz")
    assert train(tmp_path / "parts", 4).history == train(tmp_path / "whole", 4).history


def test_an_interrupt_while_it_is_written_leaves_the_one_before(tmp_path, monkeypatch):
    def interrupted(*paths):
        raise KeyboardInterrupt

    fit(BackupAndRestore(tmp_path, delete_checkpoint=False), 1)
    before = (tmp_path / "backup.npz").read_bytes()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", interrupted)
        fit(BackupAndRestore(tmp_path, delete_checkpoint=False), 2)
    assert os.listdir(tmp_path) == ["backup.npz"] and (tmp_path / "backup.npz").read_bytes() == before


def test_a_backup_of_another_model_is_refused_and_nothing_is_changed(tmp_path):
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False))
    x, y = references.data()
    wide = minidl.Sequential([layers.Dense(3)])
    wide.compile("sgd", "mse")
    wide.build((None, 2))
    before = wide.get_weights()[0]
    with pytest.raises(
        ValueError, match=r"of another model .* as float32\(2, 1\), the model '.*kernel' as float32\(2, 3\)"
    ):
        wide.fit(x, np.tile(y, 3), verbose=0, callbacks=BackupAndRestore(tmp_path))
    assert np.array_equal(wide.get_weights()[0], before)
    with pytest.raises(ValueError, match=r"it has \d+ variables, the model \d+"):
        fit(BackupAndRestore(tmp_path), model=references.small_model(minidl, "adam"))


def other_run(folder, killed=False, rows=20, size=4, optimizer="adam", rate=0.01, activation="tanh", **settings):
    """A run on 20 rows, killed in the middle of its second epoch or not; the epochs and batches done."""
    minidl.utils.set_random_seed(0)
    done = []

    class Kill(Callback):
        def on_train_batch_end(self, batch, logs=None):
            done.append(batch)
            if killed and len(done) == 8:
                raise KeyboardInterrupt

    model = minidl.Sequential([layers.Dense(3, activation=activation), layers.Dense(1)])
    model.compile(optimizers.get({"class_name": optimizer, "config": {"learning_rate": rate}}), "mse")
    x = X[:rows] + settings.pop("shift", 0)
    backup = BackupAndRestore(folder, save_freq=2, delete_checkpoint=False, **settings)
    model.fit(x, Y[:rows], size, epochs=3, verbose=0, callbacks=[Kill(), backup])
    return done


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 5}, "data.batch_size was 4, is 5"),
        ({"rows": 16}, r"data.arrays\[0\] was float32\[20, 3\], is float32\[16, 3\]"),
        ({"shift": 1}, "data.hash was "),
        ({"optimizer": "adamw"}, "optimizer.class was Adam, is AdamW"),
        ({"rate": 0.5}, r"learning_rate\[0\] was 0.0099"),
        ({"activation": "relu"}, r"layers\[2\].settings.activation was tanh, is relu"),
    ],
)
def test_a_backup_of_another_run_is_refused_with_the_difference(tmp_path, change, message):
    with pytest.raises(KeyboardInterrupt):
        other_run(tmp_path, killed=True)
    with pytest.raises(ValueError, match=f"is of another run: {message}.*strict=False"):
        other_run(tmp_path, **change)
    with pytest.warns(UserWarning, match=f"is of another run: {message}.*It is accepted"):
        done = other_run(tmp_path, **change, strict=False)
    # Backups are made after 2, 4 and 6 batches, so one of the second epoch is done; of other data it begins again.
    whole = list(range(-(-change.get("rows", 20) // change.get("size", 4))))
    same_data = not {"size", "rows", "shift"} & change.keys()
    rest = [1, 2, 3, 4] if same_data else whole
    assert done == [*rest, *whole]


def test_a_model_that_goes_on_with_a_lowered_learning_rate_is_the_same_run(tmp_path):
    model = minidl.Sequential([layers.Dense(1, activation=lambda x: x), layers.Lambda(lambda x: 2 * x)])
    model.compile("sgd", "mse")
    callbacks = [LearningRateScheduler(lambda _, rate: rate / 2), BackupAndRestore(tmp_path, delete_checkpoint=False)]
    for epochs in (1, 2):
        epochs_done = model.fit(X, Y, epochs=epochs, verbose=0, callbacks=callbacks).epoch
    assert epochs_done == [0, 1]


@pytest.mark.parametrize("content", [{"format": 0}, {"format": 1}, [1, 2], None])
def test_files_that_are_not_backups_of_this_version_are_refused(tmp_path, content):
    write_state(tmp_path / "backup.npz", {"content": content} if content is None else content)
    with pytest.raises(ValueError, match="is not a backup, or one of another version of minidl. Remove it"):
        fit(BackupAndRestore(tmp_path))


def test_other_callbacks_than_before_are_named(tmp_path):
    model = references.small_model(minidl, "sgd")
    callbacks = [EarlyStopping("loss"), BackupAndRestore(tmp_path, delete_checkpoint=False)]
    model.fit(*references.data(), verbose=0, callbacks=callbacks)
    callbacks = [LambdaCallback(), ReduceLROnPlateau("loss"), BackupAndRestore(tmp_path)]
    with pytest.warns(
        UserWarning, match="EarlyStopping 1 gone, ReduceLROnPlateau 1 new. New ones start from the beginning"
    ):
        model.fit(*references.data(), verbose=0, callbacks=callbacks)


def test_what_a_callback_cannot_keep_is_named(tmp_path):
    class Odd(Callback):
        def get_state(self):
            return {"odd": object()}

    with pytest.raises(TypeError, match=r"state\['state'\]\['callbacks'\]\[0\]\[1\]\['odd'\] is <object"):
        references.small_model(minidl, "sgd").fit(
            *references.data(), verbose=0, callbacks=[Odd(), BackupAndRestore(tmp_path)]
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backup_dir": ""}, "backup_dir is empty"),
        ({"backup_dir": None}, "backup_dir is empty"),
        (
            {"backup_dir": "x", "save_freq": "batch"},
            "save_freq must be 'epoch' or a number of batches, got 'batch'",
        ),
        (
            {"backup_dir": "x", "save_freq": False},
            "save_freq must be 'epoch' or a number of batches, got False",
        ),
    ],
)
def test_wrong_settings_are_refused(given, message):
    with pytest.raises(ValueError, match=f"BackupAndRestore: {message}"):
        BackupAndRestore(**given)


# When it is called


def test_it_comes_after_all_others_and_asks_for_no_batches():
    backup, history = BackupAndRestore("x"), History()
    callbacks = CallbackList([backup, Callback(), history], references.Model())
    assert callbacks.callbacks[-1] is backup and backup.callback_list is callbacks
    assert not callbacks.wants_batches("train")


def test_with_batches_training_goes_on_with_the_next_batch(tmp_path):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights()[0])
            if len(seen) == 3:  # in the second epoch of two batches
                raise KeyboardInterrupt

    seen, starts = [], []
    with pytest.raises(KeyboardInterrupt):
        references.small_model(minidl, "sgd").fit(
            *references.data(), 4, epochs=3, verbose=0, callbacks=[Stop(), BackupAndRestore(tmp_path, save_freq=2)]
        )
    model = references.small_model(minidl, "sgd")
    watcher = LambdaCallback(on_epoch_begin=lambda epoch, logs: starts.append((epoch, model.get_weights()[0])))
    model.fit(*references.data(), 4, epochs=3, verbose=0, callbacks=[watcher, BackupAndRestore(tmp_path, save_freq=2)])
    assert [epoch for epoch, _ in starts] == [0, 1, 2]  # the backup was made at the end of the first epoch's batches
    assert np.array_equal(starts[0][1], seen[1])


class InterruptAfter(Callback):
    """Ends the program after a number of batches."""

    def __init__(self, batches):
        self.left = batches

    def on_progress(self, mode, step, logs=None):
        self.left -= mode == "train"
        if self.left < 0:
            raise KeyboardInterrupt


class Rows(minidl.utils.PyDataset):
    """Batches in a new order each epoch."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5]


def batches_without_end():
    """A generator that draws from NumPy's global generator as it goes."""
    while True:
        rows = np.random.permutation(len(X))[:5]
        yield X[rows], Y[rows]


def validated():
    """Validation from a generator with a state of its own."""
    generator = np.random.default_rng(4)
    rows = (generator.integers(0, 24, 5) for _ in itertools.count())
    return (X, Y, 5), {"validation_data": ((X[i], Y[i]) for i in rows), "validation_steps": 2}


def torch_loader(own_generator):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1) if own_generator else None
    rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return (torch.utils.data.DataLoader(rows, batch_size=5, shuffle=True, generator=generator),), {}


def tensorflow_data():
    tensorflow = pytest.importorskip("tensorflow")
    return (tensorflow.data.Dataset.from_tensor_slices((X, Y)).shuffle(24, seed=1).batch(5),), {}


def own_data(**passes):
    shuffled = minidl.data.Dataset.from_tensor_slices((X, Y)).shuffle(24, seed=1)
    noisy = shuffled.map(lambda x, y: (x + 1, y), num_parallel_calls=2)
    return (noisy.repeat(3).batch(5).prefetch(2) if passes else noisy.batch(5),), passes


SOURCES = {
    "validation from a generator": validated,
    "Dataset": own_data,
    "Dataset over epochs": lambda: own_data(steps_per_epoch=4),
    "torch": lambda: torch_loader(own_generator=False),
    "torch with a generator": lambda: torch_loader(own_generator=True),
    "tf.data": tensorflow_data,
    "arrays": lambda: ((X, Y, 5), {}),
    "arrays over epochs": lambda: ((X, Y, 5), {"steps_per_epoch": 3}),
    "order within batches": lambda: ((X, Y, 5), {"shuffle": "batch"}),
    "PyDataset": lambda: ((Rows(),), {}),
    "generator": lambda: ((batches_without_end(),), {"steps_per_epoch": 4}),
    "generator with an end": lambda: (
        (iter([(X[i : i + 3], Y[i : i + 3]) for i in range(0, 24, 3)] * 3),),
        {"steps_per_epoch": 5},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("save_freq", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("source", SOURCES)
def test_a_run_interrupted_within_epochs_ends_as_if_it_had_not_been(tmp_path, source, save_freq):
    def run(folder, *interrupt):
        args, settings = SOURCES[source]()  # first, since TensorFlow draws from Python's generator as it is imported
        minidl.utils.set_random_seed(3)
        model = minidl.Sequential([layers.Dense(6, activation="relu"), layers.Dropout(0.3), layers.Dense(1)])
        model.compile(optimizers.Adam(0.02), "mse", metrics=["mae"])
        schedule = LearningRateScheduler(lambda epoch, rate: rate * 0.95)
        backup = BackupAndRestore(folder, save_freq=save_freq)
        settings = {"validation_data": (X, Y), **settings, "epochs": 4, "verbose": 0}
        settings["callbacks"] = [schedule, backup, *interrupt]
        history = model.fit(*args, **settings)
        weights = [weight.tobytes() for weight in (*model.get_weights(), *map(np.asarray, model.optimizer.variables))]
        return history.history, weights, random.getstate(), np.random.get_state()[1].tobytes()

    whole = run(tmp_path / "whole")
    for batches in (1, 2, 3, 0):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", InterruptAfter(batches))
    assert run(tmp_path / "parts") == whole


def test_weights_in_other_dtypes_come_back(tmp_path):
    def make():
        model = minidl.Sequential([layers.Dense(1, dtype="bfloat16", kernel_initializer="ones")])
        model.compile("sgd", "mse")
        return model

    first = make()
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False), model=first)
    again = make()
    fit(BackupAndRestore(tmp_path), model=again)
    assert str(again.weights[0].value.dtype) == "bfloat16"
    assert np.array_equal(jax.device_get(first.weights[0].value), jax.device_get(again.weights[0].value))


def test_a_backup_can_be_read_without_pickle(tmp_path):
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False))
    with np.load(tmp_path / "backup.npz", allow_pickle=False) as file:
        assert all(array.dtype == np.uint8 for array in dict(file).values())
    assert read_state(tmp_path / "backup.npz")["state"]["epoch"] == 2


class Shuffled(minidl.utils.PyDataset):
    """Has a new order each epoch."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(20)

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = self.order[4 * index : 4 * index + 4]
        return np.ones((4, 3)) * rows[:, None], rows[:, None]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


class Drawing:
    """Can be iterated again, and goes on with a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __iter__(self):
        for _ in range(5):
            yield self.rng.normal(size=(4, 3)), np.ones((4, 1))


def drawn(normal):
    while True:
        yield normal(size=(4, 3)), np.ones((4, 1))


@pytest.mark.parametrize(
    ("source", "seeded", "message"),
    [
        (Shuffled, True, "Shuffled given as x may change itself in on_epoch_end. Leave the order .* to fit"),
        (Drawing, True, "Drawing given as x has a random generator of its own, 'rng'. Draw from np.random"),
        (lambda: drawn(np.random.normal), False, "generator given as x draws from a global .* Call set_random_seed"),
        (lambda: drawn(np.random.normal), True, None),
        (lambda: drawn(np.random.default_rng(0).normal), False, None),
        (Rows, False, None),
        (lambda: np.ones((20, 3)), False, None),
    ],
)
def test_what_will_not_be_resumed_exactly_is_said_when_training_begins(tmp_path, monkeypatch, source, seeded, message):
    monkeypatch.setattr("minidl.random._seeded", {True} if seeded else set())
    model = minidl.Sequential([minidl.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = source()
    options = {"steps_per_epoch": 5, "verbose": 0} | ({"y": np.ones((20, 1))} if isinstance(x, np.ndarray) else {})
    for callbacks in ([], [BackupAndRestore(tmp_path / "backup")]):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(x, callbacks=callbacks, **options)
        said = [str(warning.message) for warning in caught if "BackupAndRestore" in str(warning.message)]
        assert len(said) == bool(callbacks and message)
        assert not said or re.search(f"may get other batches: the {message}", said[0])
