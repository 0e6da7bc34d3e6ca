"""TensorBoard: what its own reader finds in the files."""

import json
import pathlib
import re
import sys
import time
import urllib.request

import numpy as np
import pytest

import minidl
from minidl.callbacks import CallbackList, TensorBoard, tensorboard_content
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


def test_the_graph_has_the_layers_and_their_connections(tmp_path):
    pytest.importorskip("tensorboardX")
    inputs = minidl.Input((4,), name="in")
    inner = minidl.Sequential(
        [minidl.Input((4,)), minidl.layers.Dense(3, name="d"), minidl.layers.ReLU(name="r")], name="net"
    )
    outputs = minidl.layers.Concatenate(name="both")([inner(inputs), minidl.layers.Dense(2, name="side")(inputs)])
    event = tensorboard_content.graph_of(minidl.Model(inputs, outputs))
    from tensorboardX.proto import graph_pb2

    nodes = graph_pb2.GraphDef.FromString(event.graph_def).node
    assert {node.name: (node.op, list(node.input)) for node in nodes} == {
        "in": ("InputLayer", []),
        "net/d": ("Dense", ["in"]),
        "net/r": ("ReLU", ["net/d"]),
        "side": ("Dense", ["in"]),
        "both": ("Concatenate", ["net/r", "side"]),
    }
    shapes = {node.name: [d.size for d in node.attr["_output_shapes"].list.shape[0].dim] for node in nodes}
    assert shapes["both"] == [-1, 5]


def test_weights_are_images_from_their_least_to_their_largest_value():
    scale = np.array([[-0.02, 0.0], [0.02, 0.01], [0.0, 0.0]])
    image = tensorboard_content.images_of(scale)
    assert image.shape == (1, 2, 3, 1) and image.min() == 0.0 and image.max() == 1.0
    np.testing.assert_allclose(image[0, :, :, 0], (scale.T + 0.02) / 0.04)
    assert tensorboard_content.images_of(np.ones(3)).tolist() == [[[[0.0], [0.0], [0.0]]]]
    assert tensorboard_content.images_of(np.zeros((3, 3, 3, 8))).shape == (8, 3, 3, 3)
    assert tensorboard_content.images_of(np.zeros((3, 3, 1, 8))).shape == (8, 3, 3, 1)
    assert tensorboard_content.images_of(np.zeros((3, 3, 16, 8))) is None


@pytest.mark.parametrize(("profile_batch", "batches"), [(2, (2, 2)), ((2, 3), (2, 3)), (0, None)])
def test_batches_are_profiled_and_then_the_loop_is_fast_again(tmp_path, monkeypatch, profile_batch, batches):
    pytest.importorskip("tensorboardX")
    calls = []
    callback = TensorBoard(tmp_path, profile_batch=profile_batch)
    monkeypatch.setattr("jax.profiler.start_trace", lambda folder: calls.append((folder, callback._batches + 1)))
    monkeypatch.setattr("jax.profiler.stop_trace", lambda: calls.append(callback._batches))
    model = references.small_model(minidl, "sgd")
    model.fit(*references.data(), batch_size=2, epochs=2, verbose=0, callbacks=callback)
    assert calls == ([(str(tmp_path), batches[0]), batches[1]] if batches else [])
    assert not CallbackList(callback).wants_batches("train")


@pytest.mark.slow
def test_a_profile_is_written_where_tensorboard_looks_for_it(tmp_path):
    pytest.importorskip("tensorboardX")
    model = references.small_model(minidl, "sgd")
    model.fit(*references.data(), batch_size=2, verbose=0, callbacks=TensorBoard(tmp_path, profile_batch=(1, 2)))
    assert list(tmp_path.glob("plugins/profile/*/*.xplane.pb"))


def embedding_model():
    layers = minidl.layers
    model = minidl.Sequential(
        [minidl.Input((2,)), layers.Embedding(3, 2, name="words"), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    return model, np.array([[0, 1], [1, 2]]), np.ones((2, 1))


@pytest.mark.parametrize("content", ["a\nb\nc\n", "word\tkind\na\tx\nb\ty\nc\tx\n"])
def test_embeddings_are_written_with_their_labels(tmp_path, content):
    pytest.importorskip("tensorboardX")
    (tmp_path / "labels.tsv").write_text(content)
    model, *data = embedding_model()
    callback = TensorBoard(tmp_path / "logs", embeddings_freq=2, embeddings_metadata={"words": tmp_path / "labels.tsv"})
    model.fit(*data, epochs=3, verbose=0, callbacks=callback)
    config = (tmp_path / "logs" / "train" / "projector_config.pbtxt").read_text()
    assert [part.split('"')[0] for part in config.split('tensor_name: "')[1:]] == ["words:00000", "words:00002"]
    folder = tmp_path / "logs" / "train" / "00002" / "words"
    np.testing.assert_allclose(
        np.loadtxt(folder / "tensors.tsv"), model.get_layer("words").embeddings.numpy(), rtol=1e-5
    )
    assert (folder / "metadata.tsv").read_text() == content


def test_labels_for_what_is_no_embedding_are_refused(tmp_path):
    pytest.importorskip("tensorboardX")
    model, *data = embedding_model()
    callback = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"word": "labels.tsv"})
    with pytest.raises(ValueError, match=r"names \['word'\], the embeddings are \['words'\]"):
        model.fit(*data, verbose=0, callbacks=callback)


@pytest.mark.slow
def test_the_real_tensorboard_shows_it(tmp_path):
    """Its server is asked as its pages ask it."""
    pytest.importorskip("tensorboardX"), pytest.importorskip("tensorboard")
    model, *data = embedding_model()
    callback = TensorBoard(tmp_path, embeddings_freq=1, histogram_freq=1, write_images=True)
    history = model.fit(*data, epochs=2, verbose=0, callbacks=callback, validation_data=data)
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", str(tmp_path), "--port", "0", "--load_fast", "false"])
    address = server.launch()

    def asked(path):
        with urllib.request.urlopen(f"{address}data/{path}", timeout=30) as answer:
            return answer.read()

    deadline = time.monotonic() + 60
    while not (runs := json.loads(asked("runs"))) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert set(runs) == {"train", "validation"}
    shown = json.loads(asked("plugin/scalars/scalars?run=train&tag=epoch_loss"))
    np.testing.assert_allclose([value for _, _, value in shown], history.history["loss"], rtol=1e-6)
    graph = asked("plugin/graphs/graph?run=train&conceptual=false").decode()
    assert re.search(r'name: "words"\s+op: "Embedding"', graph) and 'input: "words"' in graph
    assert "words:00001" in asked("plugin/projector/info?run=train").decode()
    tags = json.loads(asked("plugin/images/tags"))["train"]
    assert any("words/embeddings/image" in tag for tag in tags), list(tags)


def test_missing_packages_are_reported_before_training(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(
        ImportError, match=r"TensorBoard needs tensorboardX. Install it: pip install 'minidl\[tensorboard\]'"
    ):
        fit(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"profile_batch": (3, 2)}, r"profile_batch must be the number of a batch, .*; got \(3, 2\)"),
        ({"profile_batch": -1}, "got -1"),
        ({"profile_batch": "2, 3"}, "got '2, 3'"),
        ({"update_freq": "batches"}, "update_freq must be 'epoch', 'batch' or a number, got 'batches'"),
        ({"update_freq": 0}, "got 0"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"TensorBoard: .*{message}"):
        TensorBoard(**settings)
