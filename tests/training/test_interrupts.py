"""Ctrl-C: at any moment it ends a fit, and the model keeps the weights of the newest finished chunk."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import minidl as keras
from minidl.training import programs
from minidl.training.interrupts import Shield


@pytest.fixture(autouse=True)
def handler_of_python():
    """Programs started in the background may find interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_under_the_shield_is_raised_at_its_end():
    shield, reached = Shield(), False
    with shield.installed(), pytest.raises(KeyboardInterrupt), shield:
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
    assert reached


def test_outside_it_is_raised_at_once():
    shield = Shield()
    with pytest.raises(KeyboardInterrupt), shield.installed():
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_users_own_is_called_and_stays():
    called = []
    before = signal.signal(signal.SIGINT, lambda *args: called.append(args))
    try:
        shield = Shield()
        with shield.installed(), shield:
            os.kill(os.getpid(), signal.SIGINT)
            assert called == []
        assert len(called) == 1
    finally:
        assert signal.signal(signal.SIGINT, before) is not before


def test_an_interrupt_while_a_chunk_is_dispatched_loses_no_weights(monkeypatch):
    """The moment after the call that takes the weights' memory and before the new ones are assigned."""
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    model.compile(optimizer="adam", loss="mse")
    x, y = np.ones((64, 3), "float32"), np.ones((64, 2), "float32")
    model.prepare(x, y)
    compute = programs.Program.__call__

    def interrupted(*args):
        results = compute(*args)
        os.kill(os.getpid(), signal.SIGINT)
        return results

    monkeypatch.setattr(programs.Program, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0)
    assert int(model.optimizer.iterations) > 0
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


PROGRAM = """
    import threading, os, signal, numpy as np, minidl as keras
    signal.signal(signal.SIGINT, signal.default_int_handler)
    model = keras.Sequential([keras.layers.Dense(64, input_shape=(100,)), keras.layers.Dense(10)])
    model.compile(optimizer="adam", loss="mse")
    x, y = np.ones((3200, 100), "float32"), np.ones((3200, 10), "float32")
    model.fit(x, y, verbose=0)
    threading.Timer({delay}, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        model.fit(x, y, epochs=100_000, verbose=0)
    except KeyboardInterrupt:
        finished = int(model.optimizer.iterations)
        assert finished > 100, finished
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        print("kept", finished)
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.2, 0.317])
def test_a_process_that_is_interrupted_keeps_its_model(delay):
    program = textwrap.dedent(PROGRAM.format(delay=delay))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("kept"), done.stderr
