"""ModelCheckpoint: what tests/references does not show: the best few, weights only, real training, and errors."""

import os

import numpy as np
import pytest

import minidl
from minidl.callbacks import CallbackList, ModelCheckpoint
from tests.references import callbacks as references


class Saving(minidl.Sequential):
    """A model whose files are NumPy's, so that saving formats have tests of their own."""

    def save(self, path):
        with open(path, "wb") as file:
            np.savez(file, *self.get_weights())

    save_weights = save


class Recorder(references.Model):
    """Knows which epoch was saved where."""

    epoch = -1

    def save(self, path):
        with open(path, "w") as file:
            file.write(str(self.epoch))


def run(saver, values, name="val_loss", batches=0):
    model = Recorder()
    saver.set_model(model)
    saver.on_train_begin()
    for model.epoch, value in enumerate(values):
        saver.on_epoch_begin(model.epoch)
        for batch in range(batches):
            saver.on_train_batch_end(batch, {name: value})
        saver.on_epoch_end(model.epoch, {name: value})


def files(folder):
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


VALUES = [0.5, 0.9, 0.3, float("nan"), 0.4, 0.8, 0.4]


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"save_top_k": 1}, ["3"]),
        ({"save_top_k": 3}, ["3", "5", "7"]),  # the last one ties with epoch 5
        ({"save_top_k": 3, "mode": "max"}, ["1", "2", "6"]),
        ({"save_top_k": 20}, ["1", "2", "3", "4", "5", "6", "7"]),
        ({"save_top_k": 1, "save_best_only": True}, ["3"]),
        ({"save_top_k": 5, "save_best_only": True}, ["1", "3"]),
        ({"save_top_k": 5, "save_best_only": True, "initial_value_threshold": 0.4}, ["3"]),
    ],
)
def test_the_best_few_stay(tmp_path, settings, left):
    saver = ModelCheckpoint(tmp_path / "{epoch}.keras", **settings)
    run(saver, VALUES)
    assert files(tmp_path) == {f"{number}.keras": str(int(number) - 1) for number in left}
    ranked = [value for value, _ in saver.kept if not np.isnan(value)]
    assert ranked == sorted(ranked, reverse=settings.get("mode") == "max")


def test_a_path_that_is_written_again_counts_once(tmp_path):
    saver = ModelCheckpoint(tmp_path / "{val_loss:.1f}.keras", save_top_k=2)
    run(saver, [0.52, 0.51, 0.5, 0.3])
    assert files(tmp_path) == {"0.3.keras": "3", "0.5.keras": "2"}


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "0.keras").write_text("mine")
    run(ModelCheckpoint(tmp_path / "{epoch}.keras", save_top_k=1), VALUES)
    assert files(tmp_path) == {"0.keras": "mine", "3.keras": "2"}


def test_one_object_serves_several_fits(tmp_path):
    saver = ModelCheckpoint(tmp_path / "best.keras", save_best_only=True)
    run(saver, [0.5, 0.1])
    assert files(tmp_path) == {"best.keras": "1"} and saver.best == 0.1
    run(saver, [0.9, 0.8, 0.7])
    assert files(tmp_path) == {"best.keras": "2"} and saver.best == 0.7


def test_batch_hooks_are_needed_only_with_a_number():
    each_epoch, each_five = ModelCheckpoint("a.keras"), ModelCheckpoint("{batch}.keras", save_freq=5)
    assert not CallbackList(each_epoch).wants_batches("train")
    assert CallbackList([each_epoch, each_five]).wants_batches("train")
    assert not CallbackList(each_five).wants_batches("test")


def test_batches_of_others_do_not_make_it_save(tmp_path):
    run(ModelCheckpoint(tmp_path / "{epoch}.keras"), [0.5], batches=3)
    assert files(tmp_path) == {"1.keras": "0"}


def test_a_metric_that_is_missing_or_is_many_numbers_warns_and_saves(tmp_path):
    saver = ModelCheckpoint(tmp_path / "{epoch}.keras", "val_loss", save_best_only=True)
    with pytest.warns(
        UserWarning, match="ModelCheckpoint: the metric 'val_loss' .* the model is saved without a comparison"
    ):
        run(saver, [0.5], name="loss")
    with pytest.warns(UserWarning, match="'val_loss' is an array of 2 values, not a scalar: the model is saved"):
        run(saver, [0.5, np.array([0.5, 0.25])])
    assert files(tmp_path) == {"1.keras": "0", "2.keras": "1"}


def test_verbose_messages(tmp_path, capsys):
    path = str(tmp_path / "m.keras")
    run(ModelCheckpoint(path, save_best_only=True, verbose=1), [0.5, 0.75])
    assert capsys.readouterr().out == (
        f"Epoch 1: saved {path}, val_loss 0.5.\nEpoch 2: val_loss 0.75 is not better than 0.5; nothing is saved.\n"
    )
    run(ModelCheckpoint(path, save_top_k=1, verbose=1), [0.5, 0.75])
    assert "Epoch 2: val_loss 0.75 is not among the best 1; nothing is saved.\n" in capsys.readouterr().out
    run(ModelCheckpoint(path, verbose=1), [0.5])
    assert capsys.readouterr().out == f"Epoch 1: saved {path}.\n"


@pytest.mark.parametrize(
    ("path", "settings", "message"),
    [
        ("m.h6", {}, r"save_weights_only=False the filepath must end in .keras or .h5, got 'm.h6'"),
        ("m.keras", {"save_weights_only": True}, "must end in .weights.h5, got 'm.keras'"),
        (
            "m.keras",
            {"save_freq": "batch"},
            "save_freq must be 'epoch' or a number of batches, got 'batch'",
        ),
        ("m.keras", {"save_freq": 0}, "save_freq must be 'epoch' or a number of batches, got 0"),
        ("m.keras", {"save_freq": 1.5}, "save_freq must be 'epoch' or a number of batches, got 1.5"),
        ("{epoch}.keras", {"save_top_k": 0}, "save_top_k must be a number of at least 1, or None, got 0"),
        ("m.keras", {"save_top_k": 2}, "needs a different path for each save, got 'm.keras'"),
        ("m.keras", {"mode": "best"}, "mode must be 'auto', 'min' or 'max', got 'best'"),
        ("m.keras", {"monitor": "reward", "save_best_only": True}, "cannot infer from the metric 'reward'"),
    ],
)
def test_wrong_settings_are_refused_before_training(path, settings, message):
    with pytest.raises(ValueError, match=f"ModelCheckpoint: .*{message}"):
        ModelCheckpoint(path, **settings).set_model(None)
    assert ModelCheckpoint("m.keras", monitor="reward")  # compares nothing


def test_a_field_that_is_not_in_the_logs_is_named(tmp_path):
    with pytest.raises(
        ValueError, match="Unknown field in ModelCheckpoint's filepath 'val_los'. Did you mean 'val_loss'"
    ):
        run(ModelCheckpoint(tmp_path / "{val_los:.2f}.keras"), [0.5])


@pytest.mark.parametrize(
    ("name", "settings"),
    [("{epoch}.keras", {}), ("{epoch}.weights.h5", {"save_weights_only": True}), ("{epoch}.keras", {"save_freq": 2})],
)
def test_real_training_saves_the_weights_of_the_moment(tmp_path, name, settings):
    model = Saving([minidl.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    saver = ModelCheckpoint(tmp_path / name, **settings)
    model.fit(*references.data(), 4, epochs=2, verbose=0, callbacks=saver)
    assert sorted(os.listdir(tmp_path)) == [name.format(epoch=1), name.format(epoch=2)]
    first, last = (np.load(tmp_path / name.format(epoch=epoch))["arr_0"] for epoch in (1, 2))
    assert np.array_equal(last, model.get_weights()[0]) and not np.array_equal(first, last)
