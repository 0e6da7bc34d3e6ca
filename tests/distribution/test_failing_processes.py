"""A process that fails ends the others, soon and with an error that says so."""

import signal
import time

import pytest

from tests.distribution.launch import finish, start


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT", "exception"])
def test_the_others_end_too(how):
    began = time.monotonic()
    (code, output, errors), (other, _, cause) = finish(start("tests.distribution.failing", how), seconds=100)
    assert code not in (0, None, -signal.SIGKILL), "the process that did not fail ended by itself"
    assert "epoch 2" in output and "JAX distributed service detected fatal errors" in errors
    assert {"SIGKILL": other == -9, "SIGTERM": other == -15}.get(how, other != 0)
    assert {"SIGINT": "KeyboardInterrupt", "exception": "something of the user's failed"}.get(how, "") in cause
    assert time.monotonic() - began < 90, "45 s, and the time to start"
