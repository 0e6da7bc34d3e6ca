"""Each mistake of a first user gets a message that says what was passed, what was expected, and how to fix it."""

import warnings

import pytest

import minidl as keras
from tests.mistakes.harness import FILE, traceback_of
from tests.mistakes.programs import PROGRAMS

MOST_LINES = 12
RAISED_BY_JAX = ("jnp on a symbolic tensor", "a layer of Keras on a symbolic tensor")  # outside of any call of minidl
DEEPER = ("np on a symbolic tensor",)  # NumPy calls minidl, which cannot remove NumPy's frames


@pytest.fixture(autouse=True)
def names():
    keras.utils.clear_session()


def test_there_are_many():
    assert len(PROGRAMS) >= 60


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_message_says_what_came_what_was_expected_and_the_fix(name):
    program, wanted = PROGRAMS[name]
    lines = traceback_of(program)
    shown = "\n".join(lines)
    assert lines, "it should raise"
    assert [text for text in wanted if text not in shown] == [], shown
    assert sum(bool(line.strip(" ~^")) for line in lines) <= MOST_LINES, shown  # Python 3.13 marks more positions
    assert shown.count("Traceback (most recent call last)") == 1, shown
    assert "480" not in shown and "61440" not in shown, "sizes that the user did not write"
    assert " at 0x" not in shown, "addresses of objects"
    if name not in RAISED_BY_JAX:
        assert "JAX has removed" not in shown
    frames = [line for line in lines if line.startswith("  File ")]
    assert FILE in frames[0]
    if name not in (*RAISED_BY_JAX, *DEEPER):
        assert not [line for line in frames if "/jax/" in line or "contextlib" in line]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["matrix product in call", "LSTM on LSTM", "error in a nested layer"])
def test_without_filtering_all_frames_are_shown(name):
    few = traceback_of(PROGRAMS[name][0])
    keras.config.disable_traceback_filtering()
    try:
        many = traceback_of(PROGRAMS[name][0])
    finally:
        keras.config.enable_traceback_filtering()
    assert len(many) > 2 * len(few)
    assert [line for line in many if "minidl/layers/base.py" in line]


WARNINGS = {
    "a metric to monitor": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0, "
        "callbacks=[keras.callbacks.EarlyStopping('val_acc')])"
    ),
    "a generator that ends early": (
        "regressor().fit(iter([(np.ones((4, 3)), np.ones((4, 1)))] * 3), steps_per_epoch=2, epochs=2, verbose=0)"
    ),
    "a slow length": "keras.layers.STFTSpectrogram(frame_length=64, fft_length=100)",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WARNINGS)
def test_warnings_point_at_the_line_of_the_user(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert not traceback_of(WARNINGS[name])
    assert [one.filename for one in caught if one.category is UserWarning] == [FILE] * len(caught), caught
    assert caught
