"""TensorBoard: what its own reader finds in the files."""

import pathlib
import sys

import numpy as np
import pytest

import minidl
from minidl.callbacks import CallbackList, TensorBoard
from tests.references import callbacks as references


@pytest.fixture
def read():
    """A function of a folder: {tag: [(step, value), ...]}, and tags of other kinds."""
    pytest.importorskip("tensorboardX")
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util import tensor_util

    def read_folder(folder):
        accumulator = accumulators.EventAccumulator(str(folder), {accumulators.TENSORS: 0, accumulators.SCALARS: 0})
        accumulator.Reload()
        tags = accumulator.Tags()
        scalars = {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in tags["scalars"]}
        for tag in tags["tensors"]:  # how TensorFlow, and so Keras, writes scalars
            events = [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in accumulator.Tensors(tag)]
            if all(value.shape == () and value.dtype.kind == "f" for _, value in events):
                scalars[tag] = [(step, float(value)) for step, value in events]
        return scalars, tags

    return read_folder


def fit(folder, keras=minidl, epochs=2, **settings):
    model = references.small_model(keras, keras.optimizers.SGD(0.25))
    x, y = references.data()
    callbacks = [keras.callbacks.TensorBoard(str(folder), **settings)]
    return model.fit(x, y, 4, epochs, verbose=0, shuffle=False, validation_data=(x, y), callbacks=callbacks).history


def test_the_curves_are_those_of_the_history(tmp_path, read):
    history = fit(tmp_path)
    train, _ = read(tmp_path / "train")
    validation, _ = read(tmp_path / "validation")
    assert train == {
        "epoch_loss": list(enumerate(np.float32(history["loss"]))),
        "epoch_learning_rate": [(0, 0.25), (1, 0.25)],
    }
    losses = np.float32(history["val_loss"])
    assert validation == {
        "epoch_loss": list(enumerate(losses)),
        "evaluation_loss_vs_iterations": list(zip([2, 4], losses)),
    }


def test_the_curves_are_those_that_keras_writes(tmp_path, read):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    for library, name in ((keras, "theirs"), (minidl, "ours")):
        fit(tmp_path / name, library, update_freq="batch", write_graph=False)
    for part in ("train", "validation"):
        theirs, ours = read(tmp_path / "theirs" / part)[0], read(tmp_path / "ours" / part)[0]
        assert ours.keys() == theirs.keys()
        for tag in ours:
            np.testing.assert_allclose(ours[tag], theirs[tag], rtol=1e-5, err_msg=tag)


@pytest.mark.parametrize(
    ("update_freq", "steps"), [("batch", [1, 2, 3, 4]), (1, [1, 2, 3, 4]), (3, [3]), ("epoch", [])]
)
def test_batches_are_written_as_often_as_asked(tmp_path, read, update_freq, steps):
    fit(tmp_path, update_freq=update_freq)
    written = read(tmp_path / "train")[0].get("batch_loss", [])
    assert [step for step, _ in written] == steps
    wants = CallbackList(TensorBoard(tmp_path, update_freq=update_freq)).wants_batches("train")
    assert wants == bool(steps)


def test_weights_speed_and_pictures(tmp_path, read):
    pytest.importorskip("PIL")
    fit(tmp_path, epochs=3, histogram_freq=2, write_images=True, write_steps_per_second=True)
    scalars, tags = read(tmp_path / "train")
    assert {"/".join(tag.split("/")[-2:]) for tag in tags["histograms"]} == {"kernel/histogram", "bias/histogram"}
    assert any(tag.endswith("kernel/image/0") or tag.endswith("kernel/image") for tag in tags["images"])
    assert len(scalars["epoch_steps_per_second"]) == 3 and all(
        value > 0 for _, value in scalars["epoch_steps_per_second"]
    )


def test_histograms_alone(tmp_path, read):
    fit(tmp_path, epochs=3, histogram_freq=2)
    _, tags = read(tmp_path / "train")
    assert {"/".join(tag.split("/")[-2:]) for tag in tags["histograms"]} == {"kernel/histogram", "bias/histogram"}


def test_an_evaluation_of_its_own_is_written_and_the_file_closed(tmp_path, read):
    model = references.small_model(minidl, "sgd")
    callback = TensorBoard(tmp_path)
    loss = model.evaluate(*references.data(), verbose=0, callbacks=callback)
    assert read(tmp_path / "validation")[0] == {"evaluation_loss_vs_iterations": [(0, np.float32(loss))]}
    assert not pathlib.Path(tmp_path, "train").exists()


def test_an_optax_optimizer_without_a_learning_rate_will_do(tmp_path, read):
    import optax

    model = references.small_model(minidl, optax.sgd(0.1))
    model.fit(*references.data(), verbose=0, callbacks=TensorBoard(tmp_path))
    assert list(read(tmp_path / "train")[0]) == ["epoch_loss"]


def test_missing_packages_are_reported_before_training(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(
        ImportError, match=r"TensorBoard needs tensorboardX. Install it: pip install 'minidl\[tensorboard\]'"
    ):
        fit(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"profile_batch": 2}, "profile_batch must be 0. Put `with jax.profiler.trace"),
        ({"embeddings_freq": 1}, "embeddings are not written"),
        ({"update_freq": "batches"}, "update_freq must be 'epoch', 'batch' or a number, got 'batches'"),
        ({"update_freq": 0}, "got 0"),
    ],
)
def test_what_it_does_not_do_is_refused(settings, message):
    with pytest.raises(ValueError, match=f"TensorBoard: .*{message}"):
        TensorBoard(**settings)
