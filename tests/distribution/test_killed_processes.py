"""Runs of two processes that are killed at random moments and started again end as if they had not been."""

import json
import random
import time

import pytest

from tests.distribution.launch import finish, outputs, start

MODULE = "tests.distribution.killed"
KILLS = 20


def killed(folder, randomness):
    """Start it, and kill one process or both while it trains. Returns the results if it ended before that."""
    started = start(MODULE, folder)
    for process in started:  # "training", after what gloo says
        while "training" not in (line := process.stdout.readline()):
            assert line, process.stderr.read()
    time.sleep(randomness.uniform(0.5, 4.0))
    victims = started if randomness.random() < 0.5 else [randomness.choice(started)]
    for process in victims:
        process.kill()
    return finish(started)


@pytest.mark.slow
def test_runs_that_are_killed_end_as_if_they_were_not(tmp_path):
    wanted = [json.loads(output.splitlines()[-1]) for output in outputs(MODULE, _made(tmp_path / "whole"))]
    randomness, kills, folder = random.Random(0), 0, _made(tmp_path / "0")
    while kills < KILLS:
        results = killed(folder, randomness)
        kills += any(code != 0 for code, _, _ in results)
        if all(code == 0 for code, _, _ in results) or kills == KILLS or not kills % 4:
            found = [json.loads(output.splitlines()[-1]) for output in outputs(MODULE, folder)]
            assert found == wanted
            folder = _made(tmp_path / str(kills))
    assert wanted[0]["state"] == wanted[1]["state"] and wanted[0]["history"] == wanted[1]["history"]


def _made(folder):
    folder.mkdir(exist_ok=True)
    return folder
