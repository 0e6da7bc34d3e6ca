"""A run that is killed at any moment, and started again, ends with the bits of one that was not."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest


def start(folder, save_freq):
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.killed", str(folder), save_freq]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(process):
    """What a run says in the end."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


def killed_after(process, seconds):
    """Whether the process was still at work, and was killed, that long after it began to train."""
    assert process.stdout.readline() == "training\n"
    time.sleep(seconds)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return True


@pytest.mark.slow
@pytest.mark.parametrize(("save_freq", "count"), [("1", 30), ("epoch", 10)])
def test_killed_again_and_again(save_freq, count, tmp_path):
    whole = finish(start(tmp_path / "whole", save_freq))
    rng = random.Random(1)
    kills = runs = 0
    while kills < count:
        process = start(tmp_path / f"parts{runs}", save_freq)
        if killed_after(process, rng.uniform(0, 1.6)):
            kills += 1
        else:  # it was complete: start again
            assert finish(process) == whole
            runs += 1
    assert finish(start(tmp_path / f"parts{runs}", save_freq)) == whole
