"""Peers that take turns: which process runs when, and what of its time counts."""

from __future__ import annotations

import dataclasses
import os
import sys
import time

import pytest

from benchmarks import processes, runner
from benchmarks.peers import Clock
from benchmarks.workloads import WORKLOADS


def python(program, tmp_path, limit=60.0):
    """A process that runs a program with `say`, which writes to a file that others write to."""
    prepared = "import os, sys, time; from benchmarks import processes; say = open('said', 'a', buffering=1).write\n"
    path = {"PYTHONPATH": str(runner.ROOT)}
    return processes.Process([sys.executable, "-c", prepared + program], os.environ | path, tmp_path, limit)


@pytest.mark.slow
def test_processes_take_turns_of_which_only_their_own_time_counts(tmp_path):
    lap = "say('begins\\n'); time.sleep(0.3); say('ends\\n'); processes.stop()\n"
    some = [python(f"say({name!r}); {lap}" * laps, tmp_path) for name, laps in (("a ", 2), ("b ", 3), ("c ", 2))]
    begun = time.perf_counter()
    processes.run_in_turns(some)
    taken = time.perf_counter() - begun
    lines = (tmp_path / "said").read_text().splitlines()
    assert lines[1::2] == ["ends"] * 7
    assert lines[::2] == [f"{name} begins" for name in ("a", "b", "c", "c", "b", "a", "b")]
    assert [process.error for process in some] == [None] * 3
    assert sum(process.seconds for process in some) <= taken
    assert all(process.seconds < 0.75 * taken and process.peak_memory > 2**20 for process in some)


@pytest.mark.slow
def test_nothing_runs_in_the_turns_of_others(tmp_path):
    """Neither threads nor processes that were started before."""
    child = "import time, pathlib; [(time.sleep(0.05), pathlib.Path('child').write_text('x' * i)) for i in range(999)]"
    busy = f"import subprocess; child = subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(1)\n"
    size = "os.stat('child').st_size"
    sees = f"time.sleep(0.5); before = {size}; time.sleep(0.5); say(str({size} - before))"
    processes.run_in_turns([python(sees, tmp_path), python(busy + "processes.stop(); child.kill()", tmp_path)][::-1])
    assert (tmp_path / "said").read_text() == "0"


@pytest.mark.slow
def test_a_process_that_fails_or_hangs_does_not_end_the_others(tmp_path):
    fails = python("processes.stop(); 1 / 0", tmp_path)
    hangs = python("processes.stop(); time.sleep(60)", tmp_path, limit=2)
    good = python("processes.stop(); say('one '); processes.stop(); say('two')", tmp_path)
    processes.run_in_turns([fails, hangs, good])
    assert "ZeroDivisionError" in fails.error and fails.error.endswith("exit status 1")
    assert hangs.error.endswith("no result after 2 s")
    assert good.error is None and (tmp_path / "said").read_text() == "one two"


@pytest.mark.slow
def test_the_deadline_ends_all_that_have_not_ended_which_is_no_failure(tmp_path):
    hang = [python("processes.stop(); time.sleep(60)", tmp_path) for _ in range(2)]
    failed = python("1 / 0", tmp_path)
    begun = time.monotonic()
    processes.run_in_turns([failed, *hang], deadline=begun + 2)
    assert time.monotonic() - begun < 10
    assert [(process.is_cut_off, process.error) for process in hang] == [(True, None)] * 2
    assert not failed.is_cut_off and "ZeroDivisionError" in failed.error


def test_what_is_between_laps_belongs_to_none(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def others():
        now[0] += 100

    clock = Clock(between=others)
    clock.start()
    for lap in (3.0, 4.0):
        now[0] += lap
        clock.lap()
    assert clock.laps == [3.0, 4.0]


@pytest.mark.slow
def test_peers_in_turns_report_their_own_laps():
    work = dataclasses.replace(WORKLOADS["mlp"], rows=64, epochs=3)
    found = runner.run(work, ["handwritten", "minidl"])
    for one in found.values():
        assert len(one.laps) == work.epochs and sum(one.laps) + one.preparation < one.wall
