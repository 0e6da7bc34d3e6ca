"""Settings: the opt-in to JAX's compilation cache, and where messages go."""

import logging
import os
import subprocess
import sys
import traceback

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras

PROGRAM = """
import sys
import jax
import numpy as np
import minidl
minidl.config.enable_compilation_cache(sys.argv[1])
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)


class Own(minidl.layers.Dense):
    pass


model = minidl.Sequential([Own(3, input_shape=(2,)), minidl.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((40, 2)), np.ones((40, 1)), verbose=0)
print(len(hits))
"""


@pytest.mark.slow
def test_a_second_run_finds_its_programs(tmp_path):
    """Those of a model with a layer of the user's; for others see tests/training/test_executables.py."""

    def run():
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "new" / "cache")]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])

    assert run() == 0
    assert run() >= 2, "the full batches and the last one"


@pytest.mark.parametrize("shared", ["cache", "."])
def test_a_cache_that_others_can_write_to_is_refused(shared, tmp_path):
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / shared).chmod(0o777)
    with pytest.raises(PermissionError, match="writable by others"):
        keras.config.enable_compilation_cache(tmp_path / "cache")


def test_a_cache_that_has_grown_loses_what_was_used_longest_ago(tmp_path):
    jax_settings = [name for name in dir(jax.config) if "compilation_cache" in name or "persistent_cache" in name]
    before = {name: getattr(jax.config, name) for name in jax_settings}
    tmp_path.chmod(0o700)
    for age, name in enumerate(["new", "old", "older"]):
        (tmp_path / f"{name}-cache").write_bytes(b"0" * 1000)
        os.utime(tmp_path / f"{name}-cache", (1e9 - age, 1e9 - age))
    (tmp_path / "other").write_bytes(b"0" * 5000)
    (tmp_path / "gone-cache").symlink_to("nowhere")  # as a file that another run deletes after this one has listed it
    try:
        keras.config.enable_compilation_cache(tmp_path, max_bytes=2500)
        assert sorted(path.name for path in tmp_path.iterdir()) == [*("gone-cache", "new-cache", "old-cache", "other")]
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


@pytest.fixture
def logged(caplog):
    keras.config.disable_interactive_logging()
    with caplog.at_level(logging.INFO, "minidl"):
        yield caplog
    keras.config.enable_interactive_logging()


def test_without_interactive_logging_progress_and_messages_are_logged(logged, capsys):
    assert not keras.utils.is_interactive_logging_enabled()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    halving = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5, verbose=1)
    model.fit(np.ones((4, 2)), np.ones((4, 1)), callbacks=[halving])
    assert capsys.readouterr().out == ""
    assert [record.name for record in logged.records] == ["minidl", "minidl"]
    assert logged.messages[0].endswith("is 0.5.") and "loss: " in logged.messages[1]


def test_interactive_logging_prints(capsys, caplog):
    assert keras.config.is_interactive_logging_enabled()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with caplog.at_level(logging.INFO, "minidl"):
        model.evaluate(np.ones((4, 2)), np.ones((4, 1)))
    assert "loss: " in capsys.readouterr().out
    assert not caplog.messages


def test_traceback_filtering_shows_and_hides_the_frames_of_jax():
    def frames():
        try:
            jax.jit(lambda x: jnp.dot(x, jnp.ones(3)))(jnp.ones(2))
        except TypeError as error:
            return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]

    before = jax.config.jax_traceback_filtering
    try:
        keras.config.disable_traceback_filtering()
        assert not keras.config.is_traceback_filtering_enabled()
        everything = len(frames())
        keras.config.enable_traceback_filtering()
        assert keras.config.is_traceback_filtering_enabled()
        jax.config.update("jax_traceback_filtering", "remove_frames")  # what "auto" is outside of IPython and pytest
        assert keras.config.is_traceback_filtering_enabled()
        assert len(frames()) < everything
    finally:
        jax.config.update("jax_traceback_filtering", before)


def test_version_is_a_function_as_in_keras():
    assert keras.version() == keras.__version__
    assert keras.backend.Variable is keras.Variable


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.backend.set_image_data_format("channels_last")


@pytest.mark.slow
def test_the_default_data_format_is_that_of_layers_and_functions(channels_first):
    """The same numbers as with the argument, which every layer is compared with Keras for."""
    assert keras.config.image_data_format() == keras.backend.image_data_format() == "channels_first"
    x = np.random.default_rng(0).random((2, 3, 6, 6), "float32")
    for make in (
        lambda **given: keras.layers.Conv2D(4, 3, kernel_initializer="ones", **given),
        lambda **given: keras.layers.MaxPooling2D(2, **given),
        lambda **given: keras.layers.UpSampling2D(2, interpolation="bilinear", **given),
        lambda **given: keras.layers.Flatten(**given),
        lambda **given: keras.layers.GlobalAveragePooling2D(**given),
    ):
        np.testing.assert_array_equal(make()(x), make(data_format="channels_first")(x))
        assert make().get_config()["data_format"] == "channels_first"
    want = keras.ops.max_pool(x, 2, data_format="channels_first")
    np.testing.assert_array_equal(keras.ops.max_pool(x, 2), want)


def test_an_unknown_data_format_is_refused():
    with pytest.raises(ValueError, match="expected one of channels_last, channels_first, got 'middle'"):
        keras.config.set_image_data_format("middle")


def test_attributes_that_describe_a_layer():
    """Values of Keras 3.15.1."""
    assert keras.layers.Dense(1, dtype="mixed_float16").input_dtype == "float16"
    assert keras.layers.MaxPooling2D().pool_mode == "max"
    assert keras.layers.AveragePooling1D().pool_mode == "average"
