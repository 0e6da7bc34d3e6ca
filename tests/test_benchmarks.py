"""The benchmarks' machinery: what their numbers mean is checked on known ones, and every workload runs once, tiny."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import minidl
from benchmarks import __main__ as command_line
from benchmarks import device, readme, report, runner, saved, worker
from benchmarks.peers import BEFORE, PEERS, Clock, Peer
from benchmarks.runner import Measured, PeerError, Round
from benchmarks.workloads import WORKLOADS, mlp_handwritten, streams
from benchmarks.workloads.building import Building
from benchmarks.workloads.growth import Growth
from benchmarks.workloads.saving import Saving
from benchmarks.workloads.zoo.base import Zoo

MLP = WORKLOADS["mlp"]
TINY = dataclasses.replace(MLP, rows=640, epochs=2)
TINY_SIZES = {"mlp-wide": {"units": 32}, "lstm": {"length": 5}, "gru": {"length": 5}, "transformer": {"length": 4}}
TINY_SIZES |= {f"gpu-{name}": TINY_SIZES[name] for name in ("lstm", "gru", "transformer")}
TINY_SIZES |= {"gpu-mlp": {"units": 32}}
TINY_SIZES |= {"save": {"units": 8}, "load": {"units": 8}, "growth-width-1024": {"units": 32}}
TINY_SIZES |= {f"build-{name}": {"size": 32, "blocks": 1} for name in ("resnet", "lstm", "encoder")}
TINY_SIZES |= {f"growth-depth-{depth}": {"depth": 3} for depth in (10, 50, 100, 200)}


def a_round(lap: float, loss: float = 1.0, wall: float = 5.0) -> Round:
    """Two seconds of compilation, then three epochs, the last one disturbed."""
    return Round([2.0 + lap, lap, lap, 10 * lap], loss, 0.5, wall, peak_memory=300_000_000, load=1.0)


def shown(work, measured) -> str:
    """The report as a terminal of 80 columns shows it."""
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(report.table(work, measured))
    return capture.get()


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_a_round_separates_compilation_from_steps():
    one = a_round(lap=0.06)  # 600 steps
    assert one.cost(MLP) == pytest.approx(100.0)
    assert one.compile == pytest.approx(2.0)
    assert one.cost(WORKLOADS["cold"]) == 5.0


def test_making_the_model_counts_until_epochs_are_steady():
    assert a_round(lap=0.06).until_steady is None
    assert dataclasses.replace(a_round(lap=0.06), preparation=1.5).until_steady == pytest.approx(3.5)
    clock = Clock()
    assert clock.preparation is None
    clock.start()
    assert 0 <= clock.preparation < 60


def test_ratios_are_taken_within_rounds():
    # The machine was ten times slower in the second round: medians of times would say 20 / 2.
    assert runner.median_ratio([4.0, 20.0, 40.0], [2.0, 10.0, 2.0]) == 2.0
    # A peer that stopped after two rounds is compared in those two.
    assert runner.median_ratio([3.0, 30.0], [1.0, 10.0, 7.0]) == 3.0


def test_disagreement_of_final_losses():
    losses = {"a": 1.0, "b": 1.04, "c": 0.97, "d": 1.2, "e": float("inf")}
    assert set(runner.disagreements(losses)) == {"d", "e", "c"}  # the median is 1.04
    assert runner.disagreements({"a": 1.0, "b": 1.04, "c": 0.97}) == {}


def test_the_table_shows_times_ratios_and_the_skipped_peer():
    measured = {
        "minidl": Measured([a_round(0.06), a_round(0.12), a_round(0.06)]),
        "keras-jax": Measured([a_round(0.18), a_round(0.36), a_round(0.24)]),
        "torch": Measured(skipped="not installed: torch"),
    }
    text = shown(MLP, measured)
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert "us/step" in text
    assert lines["keras-jax"] == ["keras-jax", "400", "300-600", "3.00", "2.00", "5.00", "300", "1.000"]
    assert lines["minidl"][1:4] == ["100", "100-200", "1.00"]
    assert "torch skipped: not installed: torch." in text
    assert "All final losses are within 5% of their median." in text


def test_long_steps_are_shown_in_milliseconds():
    lines = shown(MLP, {"minidl": Measured([a_round(0.6)]), "torch": Measured([a_round(1.2)])}).splitlines()
    assert any("ms/step" in line for line in lines)
    assert [line.split()[1] for line in lines if line.split()[:1] in (["minidl"], ["torch"])] == ["1.00", "2.00"]


def test_the_tables_of_the_readme_show_the_newest_results():
    def record(lap: float) -> dict:
        measured = {"minidl": Measured([a_round(0.06)]), "torch": Measured([a_round(lap)])}
        return json.loads(json.dumps(report.record({"mlp": (MLP, measured), "cold": (WORKLOADS["cold"], measured)})))

    text = readme.markdown({"old.json": record(0.12), "new.json": record(0.18)})
    assert "| mlp | 100 us/step | 3.00 |" in text
    assert "| cold | 5.00 | 5.00 |" in text
    assert "new.json" in text and "old.json" not in text


def test_the_table_of_the_main_readme_has_a_few_workloads():
    measured = {"minidl": Measured([a_round(0.06)]), "torch": Measured([a_round(0.18)])}
    works = {name: (WORKLOADS[name], measured) for name in ("mlp", "mlp-256", "cold")}
    records = {"new.json": json.loads(json.dumps(report.record(works)))}
    text = readme.markdown(records, is_short=True)
    assert "| mlp | 100 us/step | 3.00 |" in text and "mlp-256" not in text and "cold" not in text
    assert "(benchmarks/README.md)" in text and set(readme.SHORT) < set(WORKLOADS)


def test_the_table_shows_errors_and_losses_that_differ():
    measured = {
        "minidl": Measured([a_round(0.06)]),
        "keras-jax": Measured([a_round(0.06, loss=1.01)]),
        "handwritten": Measured([a_round(0.06, loss=1.5)]),
        "torch": Measured(error="RuntimeError: no such thing"),
    }
    text = shown(MLP, measured)
    assert "torch FAILED:\nRuntimeError: no such thing" in text
    assert "NOT COMPARABLE: final losses further than 5% from the median of all: handwritten +49%." in unwrapped(text)


def test_the_handwritten_gradients_are_those_of_the_loss():
    random = np.random.default_rng(0)
    weights = mlp_handwritten.initial_weights(TINY)
    x, y = random.standard_normal((8, TINY.features), "float32"), np.arange(8)

    def loss(weights):
        kernel_1, kernel_2, kernel_3, biases = weights
        hidden = jax.nn.relu(x @ kernel_1 + biases[:64])
        hidden = jax.nn.relu(hidden @ kernel_2 + biases[64:128])
        return -jnp.mean(jax.nn.log_softmax(hidden @ kernel_3.T + biases[128:])[np.arange(8), y])

    expected_loss, expected = jax.jit(jax.value_and_grad(loss))(weights)
    actual_loss, _, actual = jax.jit(mlp_handwritten.gradients)(weights, x, y)
    np.testing.assert_allclose(actual_loss, expected_loss, rtol=1e-5)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_clock_must_be_started():
    with pytest.raises(RuntimeError, match="call Clock.start"):
        Clock().lap()


def test_every_peer_of_a_workload_exists():
    of_the_command_line = {"minidl-before"}
    assert {peer for work in WORKLOADS.values() for peer in work.peers} | of_the_command_line == set(PEERS)
    for work in WORKLOADS.values():
        for peer in work.peers:
            assert importlib.util.find_spec(type(work).__module__ + PEERS[peer].programs), (work.name, peer)


QUICK = ("mlp", "options", "cold", "predict-row", "save")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name, work in WORKLOADS.items()
        if not isinstance(work, Zoo)  # in test_zoo.py
    ],
)
def test_every_workload_runs(name):
    known = WORKLOADS[name]
    for library in known.needs:
        pytest.importorskip(library)
    work = dataclasses.replace(known, rows=16, batch_size=8, epochs=2, **TINY_SIZES.get(name, {}))
    if not isinstance(work, (Building, Saving)):
        x, y = work.data()
        assert len(x) == len(y) == work.rows and x.dtype in (np.float32, np.int32) and y.dtype == np.int32
    clock = Clock()
    result = worker.program("minidl", work)(work, clock)
    assert len(clock.laps) == (getattr(work, "folds", 0) if work.measure == "process" else work.epochs)
    assert np.isfinite(result["loss"])
    if isinstance(work, (Building, Saving)) or (isinstance(work, Growth) and not work.metrics):
        assert result["accuracy"] is None
    else:
        assert 0 <= result["accuracy"] <= 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["mpl"], "unknown: 'mpl'; known: mlp, mlp-256, "),
        (["--peers", "minidl,kears-jax"], "unknown: 'kears-jax'; known: minidl, "),
        (["--rounds", "0"], "expected a whole number from 1, got '0'"),
        (["--before", "tests"], "expected a folder that holds minidl/, got 'tests'"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_runs(arguments, message, capsys):
    with pytest.raises(SystemExit):
        command_line.main(arguments)
    assert message in capsys.readouterr().err


def test_a_peer_that_is_not_installed_is_skipped(monkeypatch):
    monkeypatch.setitem(PEERS, "nobody", Peer("nobody", ("no_such_library",)))
    measured = runner.measure(TINY, ["nobody"], rounds=1)
    assert measured["nobody"] == Measured(skipped="not installed: no_such_library")


def test_a_workload_is_skipped_without_the_libraries_that_it_needs():
    work = dataclasses.replace(WORKLOADS["stream-tfdata"], needs=("no_such_library",))
    assert runner.measure(work, ["minidl"], rounds=1)["minidl"].skipped == "not installed: no_such_library"


def test_a_peer_that_compiles_is_skipped_without_a_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "the C++ compiler no-such-compiler" in PEERS["torch-compiled"].missing()
    assert "the C++ compiler no-such-compiler" not in PEERS["torch"].missing()


@pytest.fixture
def runs(monkeypatch):
    """What would run with everything installed: the peers, each with its folder for compiled programs."""
    seen = []
    monkeypatch.setattr(Peer, "missing", lambda self: [])
    monkeypatch.setattr(runner, "missing_libraries", lambda names: [])

    def one(peer, cache):
        seen.append((peer, cache))
        return a_round(lap=0.06 * len(seen))

    monkeypatch.setattr(runner, "run", lambda work, peers, cache, *_: {peer: one(peer, cache) for peer in peers})
    return seen


def test_the_run_that_fills_a_cache_comes_first_and_is_not_counted_and_rounds_alternate(runs):
    told = []
    measured = runner.measure(WORKLOADS["cold"], ["minidl", "minidl+cache"], rounds=2, announce=told.append)
    assert [peer for peer, _ in runs] == ["minidl+cache", "minidl", "minidl+cache", "minidl+cache", "minidl"]
    assert len({cache for _, cache in runs}) == 1
    assert [one.laps[1] for one in measured["minidl+cache"].rounds] == [0.06 * 3, 0.06 * 4]
    assert told[:2] == [
        "cold: a run that fills the cache and is not counted, minidl+cache",
        "cold: round 1 of 2, minidl",
    ]


def test_peers_take_turns_within_a_round_unless_their_processes_are_measured(runs, monkeypatch):
    groups, run = [], runner.run
    monkeypatch.setattr(runner, "run", lambda work, peers, *rest: groups.append(peers) or run(work, peers, *rest))
    runner.measure(TINY, ["minidl", "torch"], rounds=2, announce=list)
    assert groups == [["minidl", "torch"], ["torch", "minidl"]]
    groups.clear()
    runner.measure(WORKLOADS["kfold"], ["minidl", "torch"], rounds=2, announce=list)
    assert groups == [["minidl"], ["torch"], ["torch"], ["minidl"]]
    groups.clear()
    monkeypatch.setenv(device.DEVICE, "gpu")  # a process keeps the memory of a GPU
    runner.measure(TINY, ["minidl", "torch"], rounds=1, announce=list)
    assert groups == [["minidl"], ["torch"]]


def test_a_workload_may_limit_its_rounds(runs):
    work = dataclasses.replace(TINY, most_rounds=2)
    assert len(runner.measure(work, ["minidl"], rounds=5)["minidl"].rounds) == 2
    assert len(runner.measure(work, ["minidl"], rounds=1)["minidl"].rounds) == 1


def test_a_name_chooses_all_that_begin_with_it_and_a_series_is_one_table(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert command_line.main(["growth", "stream-memmap", "--rounds", "1"]) == 0
    text = capsys.readouterr().out
    assert text.count("growth: minidl as one thing grows") == 1
    lines = [line.split() for line in text.splitlines()]
    assert ["50", "layers", "deep", "keras-jax"] in [line[:4] for line in lines]
    assert [line[:3] for line in lines if line[1:2] == ["rows"]] == [
        [rows, "rows", "minidl"] for rows in ("10,000", "100,000", "1,000,000", "10,000,000")
    ]
    assert [line[:2] for line in lines if line[:1] == ["handwritten"]], "the stream has a table of its own"


def test_peers_choose_the_points_of_a_series(runs):
    assert command_line.main(["growth", "--peers", "keras-jax", "--rounds", "1"]) == 0
    assert [peer for peer, _ in runs] == ["keras-jax"] * 3  # depths


def test_another_version_is_measured_where_the_command_line_names_its_folder(runs, monkeypatch, tmp_path):
    monkeypatch.delenv(BEFORE, raising=False)
    peers = ["--peers", "minidl,minidl-before", "--rounds", "1"]
    assert command_line.main(["mlp-256", *peers]) == 0
    assert [peer for peer, _ in runs] == ["minidl"]
    (tmp_path / "minidl").mkdir()
    (tmp_path / "minidl" / "__init__.py").touch()
    monkeypatch.setenv(BEFORE, "")  # so that it is as before after the test
    assert command_line.main(["mlp-256", "--before", str(tmp_path), *peers]) == 0
    assert [peer for peer, _ in runs[1:]] == ["minidl", "minidl-before"]
    assert os.environ[BEFORE] == str(tmp_path)


def test_the_readme_shows_each_point_of_a_series(runs):
    points = {name: work for name, work in WORKLOADS.items() if name.startswith("growth-depth")}
    measured = {name: (work, runner.measure(work, work.peers, rounds=1)) for name, work in points.items()}
    text = readme.markdown({"new.json": json.loads(json.dumps(report.record(measured)))})
    assert "| 2 layers deep | minidl | 600 | 2.00 | 300 |" in text  # 60 ms for 100 steps
    assert "| 2 layers deep | keras-jax | 1200 | 2.00 | 300 |" in text
    assert "Steady time" not in text


def test_saving_writes_results_and_a_plot(runs, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(saved, "RESULTS", tmp_path / "results")
    assert command_line.main(["mlp", "--peers", "minidl,handwritten", "--rounds", "1", "--save"]) == 0
    (results,) = saved.files()
    assert results.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    (row,) = saved.read(results)
    assert row.ratio("handwritten") == 2.0 and row.work == MLP  # the second run takes twice as long


def test_saving_says_why_there_is_no_plot(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(saved, "RESULTS", tmp_path / "results")
    assert command_line.main(["mlp", "--peers", "minidl", "--rounds", "1", "--save"]) == 0
    assert "No plot: only minidl was measured." in capsys.readouterr().out
    assert len(saved.files()) == 1
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert command_line.main(["mlp", "--peers", "minidl,torch", "--rounds", "1", "--save"]) == 0
    assert "(pip install 'minidl[plot]')" in capsys.readouterr().out


def test_a_plot_has_a_chart_for_each_comparison(runs, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import plot

    names = ["mlp", "cold", "options", "growth-depth-2"]
    results = {name: (WORKLOADS[name], runner.measure(WORKLOADS[name], ["minidl", "torch"], 1)) for name in names[:2]}
    results |= {name: (WORKLOADS[name], runner.measure(WORKLOADS[name], ["minidl"], 1)) for name in names[2:]}
    record = report.record(results)
    file = tmp_path / "results.json"
    file.write_text(json.dumps(record))
    whole = plot.draw(saved.comparable(saved.read(file)), record)
    assert f"jax {jax.__version__}" in whole.get_suptitle()
    charts = [chart for chart in whole.axes if chart.axison]
    assert [chart.get_title() for chart in charts] == ["mlp", "cold"]
    assert [bar.get_width() for bar in charts[0].patches] == [0.0, 1.0]  # 1 and 2 times minidl, from minidl's line
    assert [text.get_text() for text in charts[0].texts] == ["1.00", "2.00"]


def test_results_without_a_comparison_are_not_drawn(runs, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import plot

    file = tmp_path / "results.json"
    file.write_text(json.dumps(report.record({"mlp": (MLP, runner.measure(MLP, ["minidl"], 1))})))
    with pytest.raises(ValueError, match="no workload with minidl and another peer"):
        plot.write(file)


def test_laps_that_are_not_timed_separately_share_the_time():
    clock = Clock()
    clock.start()
    clock.lap(4)
    assert len(clock.laps) == 4 and len(set(clock.laps)) == 1
    clock.lap()
    assert len(clock.laps) == 5


def test_a_memory_map_holds_the_data_of_the_classifier():
    work = dataclasses.replace(WORKLOADS["stream-memmap"], rows=64)
    for mapped, array in zip(work.data(), dataclasses.replace(MLP, rows=64).data(), strict=True):
        assert isinstance(mapped, np.memmap)
        np.testing.assert_array_equal(mapped, array)


def test_the_generator_gives_every_row_once_in_an_epoch():
    work = dataclasses.replace(WORKLOADS["stream-generator"], rows=12, batch_size=8)
    x, _ = work.data()
    batches = streams.batches(work)
    for _ in range(2):
        rows = np.concatenate([next(batches)[0] for _ in range(work.steps)])
        np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(x, axis=0))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # all epochs are used up, as they should
@pytest.mark.parametrize("name, library", [("mlp", "sklearn"), ("stream-torch", "torch"), ("mlp", "torch")])
def test_the_programs_of_other_libraries_learn_the_same(name, library):
    pytest.importorskip(library)
    work = dataclasses.replace(WORKLOADS[name], rows=2_560, epochs=8)
    minidl.utils.set_random_seed(1)  # scikit-learn draws from NumPy's generator too
    if library == "torch":
        importlib.import_module("torch").manual_seed(1)
    losses = {}
    for peer in ("minidl", "scikit-learn" if library == "sklearn" else "torch"):
        clock = Clock()
        losses[peer] = worker.program(peer, work)(work, clock)["loss"]
        assert len(clock.laps) == work.epochs
    assert runner.disagreements(losses) == {}


@pytest.mark.slow
def test_an_error_in_a_peer_is_shown():
    # Rows that do not fill whole batches are refused by the hand-written loop.
    found = runner.run(dataclasses.replace(TINY, rows=33), ["handwritten"])["handwritten"]
    assert isinstance(found, PeerError)
    assert "ValueError: The hand-written loop takes whole batches: 33 rows" in str(found)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads the processes of Linux")
def test_ending_the_benchmarks_ends_the_process_of_the_peer():
    command = [sys.executable, "-m", "benchmarks", "mlp-wide", "--peers", "minidl", "--rounds", "1"]
    process = subprocess.Popen(command, cwd=runner.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with process:
        assert "round 1 of 1, minidl" in process.stderr.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (started := children.read_text().split()):
            time.sleep(0.01)
        time.sleep(0.5)  # the worker was forked; now it runs, and the runner reads what it writes
        process.terminate()
        assert process.wait(timeout=30) == 1
    assert not any(Path("/proc", child).exists() for child in started)


@pytest.mark.slow
def test_a_peer_runs_in_its_own_process(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(command_line.WORKLOADS, "mlp", TINY)
    results = tmp_path / "results.json"
    status = command_line.main(["mlp", "--peers", "handwritten+metrics", "--rounds", "1", "--json", str(results)])
    assert status == 0
    assert "handwritten+metrics" in capsys.readouterr().out

    (one,) = json.loads(results.read_text())["workloads"]["mlp"]["peers"]["handwritten+metrics"]["rounds"]
    assert len(one["laps"]) == TINY.epochs
    assert sum(one["laps"]) + one["preparation"] < one["wall"]
    assert 0 < one["loss"] < np.log(MLP.classes)  # it learned: better than a guess
    assert 1 / MLP.classes < one["accuracy"] < 1
    assert one["peak_memory"] > 50_000_000
