"""The device of benchmarks: its use, from traces as a GPU's are; limits of time; and `on_gpu.sh` on a CPU."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from rich.console import Console

from benchmarks import __main__ as command_line
from benchmarks import comparison, device, hardware, readme, report, runner, saved, worker
from benchmarks.device import jax as jax_device
from benchmarks.loops import handwritten
from benchmarks.peers import PEERS, Clock, Peer
from benchmarks.processes import run_in_turns
from benchmarks.runner import ROOT, Measured, PeerError, Round
from benchmarks.workloads import WORKLOADS, convnet_handwritten
from minidl.profiling import machine

ON_GPU = {name: work for name, work in WORKLOADS.items() if work.device == "gpu"}
TINY = dataclasses.replace(WORKLOADS["gpu-mlp"], rows=64, batch_size=16, units=32, epochs=2)
HARDWARE = {
    "device": "Some GPU",
    "memory": 80_000_000_000,
    "peak": {"bfloat16": 8e14, "float32": 4e14, "float32 at the highest precision": 5e13},
    "flops": {"gpu-mlp": 2 * 10**10},
}


def a_round(lap: float, **given) -> Round:
    return Round([2.0 + lap, lap, lap], 1.0, 0.5, wall=5.0, peak_memory=300_000_000, load=1.0, **given)


def used(lap: float, busy: float) -> Round:
    return a_round(lap, device="Some GPU", device_memory=250_000_000, busy=busy)


# What is measured of a device


class FakeMeter:
    """Counts calls; a trace has two operations that overlap."""

    def __init__(self):
        self.calls = []

    def kind(self):
        return "fake"

    def peak_memory(self):
        return 5

    def start(self):
        self.calls.append("start")

    def stop(self):
        self.calls.append("stop")
        return [(1.0, 1.5), (1.25, 2.0)]


def test_one_lap_more_is_traced_and_not_counted():
    meter = FakeMeter()
    clock = device.TracedClock(meter, laps=2)
    clock.start()
    clock.lap()
    assert meter.calls == []
    clock.lap()
    assert meter.calls == ["start"] and clock.busy is None
    clock.lap()
    assert meter.calls == ["start", "stop"]
    assert len(clock.laps) == 2 and clock.busy == 1.0


def test_the_idle_share_is_of_a_steady_lap():
    assert used(lap=0.4, busy=0.3).idle == pytest.approx(0.25)
    assert used(lap=0.4, busy=0.41).idle == 0.0
    assert a_round(0.4).idle is None


def plane(name, **lines):
    """A plane of a trace: its lines by name, with the (name, start, duration) of their events in nanoseconds."""

    def event(name, start, duration):
        return SimpleNamespace(name=name, start_ns=start, duration_ns=duration, stats=[])

    return SimpleNamespace(
        name=name,
        lines=[SimpleNamespace(name=line, events=[event(*one) for one in events]) for line, events in lines.items()],
    )


def test_operations_of_a_gpu_are_what_its_streams_run_except_transfers():
    kernels = {"Stream #13(Compute)": [("fusion", 1e9, 2e9)], "Stream #14(MemcpyH2D)": [("MemcpyH2D", 0, 9e9)]}
    others = {"XLA Modules": [("jit_step", 0, 9e9)], "Stream #15": [("MemcpyD2D", 5e9, 1e9)]}
    planes = [
        plane("/host:CPU", python=[("call", 0, 9e9)]),
        plane("/device:GPU:1", **{"Stream #1": [("fusion", 0, 9e9)]}),
        plane("/device:GPU:0", **kernels, **others),
    ]
    assert sorted(jax_device.operations(planes, on_gpu=True)) == [pytest.approx((1.0, 3.0)), pytest.approx((5.0, 6.0))]


def test_a_trace_without_operations_says_nothing():
    meter = FakeMeter()
    meter.stop = lambda: jax_device.operations([plane("/host:CPU", python=[("call", 0, 9e9)])], on_gpu=True)
    clock = device.TracedClock(meter, laps=1)
    clock.start()
    clock.lap()
    clock.lap()
    assert clock.busy is None


def test_operations_in_a_trace_of_pytorch():
    torch_device = pytest.importorskip(
        "benchmarks.device.torch", reason="PyTorch is not installed", exc_type=ImportError
    )
    events = [
        {"cat": "kernel", "name": "gemm", "ts": 1e6, "dur": 2e6},
        {"cat": "gpu_memcpy", "name": "Memcpy HtoD (Pageable -> Device)", "ts": 0, "dur": 9e6},
        {"cat": "gpu_memcpy", "name": "Memcpy DtoD (Device -> Device)", "ts": 5e6, "dur": 1e6},
        {"cat": "gpu_user_annotation", "name": "Optimizer.step#Adam.step", "ts": 0, "dur": 9e6},
        {"ph": "M", "name": "process_name"},
    ]
    found = torch_device.operations(events, torch_device._ON_GPU)
    assert found == [pytest.approx((1.0, 3.0)), pytest.approx((5.0, 6.0))]


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["minidl", "handwritten", "torch"])
def test_a_peer_reports_the_use_of_its_device(peer, monkeypatch):
    if missing := PEERS[peer].missing():
        pytest.skip(f"not installed: {missing}")
    monkeypatch.setenv(device.UTILIZATION, "1")
    found = worker.measure(peer, TINY)
    assert len(found["laps"]) == TINY.epochs and found["preparation"] > 0 and found["busy"] > 0 and found["device"]
    assert found["device_memory"] is None  # not known of a CPU
    Round(**found, wall=1.0, peak_memory=1, load=1.0)


@pytest.mark.slow
def test_products_and_the_operations_of_a_step():
    assert machine.peak(jax.devices()[0], "float32", "highest", (64,)) > 1e6
    products = 3 * 2 * TINY.batch_size * (784 * 32 + 32 * 32 + 32 * 10)  # forward, and by weights and by inputs
    products -= 2 * TINY.batch_size * 784 * 32  # not by the inputs of the model
    assert products < hardware.step_flops(TINY) < 1.1 * products
    assert hardware.step_flops(WORKLOADS["predict"]) is None


# Tables and files


def test_tables_show_the_use_of_the_device(tmp_path):
    work = WORKLOADS["gpu-mlp"]  # 15 steps
    measured = {"minidl": Measured([used(0.015, busy=0.009)]), "torch": Measured([used(0.030, busy=0.0264)])}
    console = Console(width=150, color_system=None)
    with console.capture() as capture:
        console.print(comparison.tables([(work, measured)], HARDWARE))
    lines = [line.split() for line in capture.get().splitlines()]
    assert ["gpu-mlp", "1.00", "ms/step", "2.00"] in lines
    assert ["gpu-mlp", "1.00", "2.00"] in lines  # ms
    assert ["gpu-mlp", "40.0", "12.0"] in lines  # %, idle
    assert ["gpu-mlp", "250", "250"] in lines  # MB of the device
    assert ["gpu-mlp", "5.00", "2.50"] in lines  # %: 2e10 in 1 ms are 2e13 a second, of 4e14

    record = json.loads(json.dumps(report.record({work.name: (work, measured)}, HARDWARE)))
    (tmp_path / "results.json").write_text(json.dumps(record))
    (row,) = saved.read(tmp_path / "results.json")
    assert row.share_of_peak("minidl") == pytest.approx(0.05)
    text = readme.markdown({"new.json": record})
    assert "| gpu-mlp | 40.0 | 12.0 |" in text and "Device: Some GPU." in text and "800 TFLOP/s in bfloat16" in text


def test_without_a_known_peak_there_is_no_share():
    row = saved.Row(WORKLOADS["gpu-mlp"], {"minidl": [a_round(0.02)]})
    assert row.share_of_peak("minidl") is None
    assert not any("device" in grid.title for grid in comparison.grids([row]))


# The command line


@pytest.fixture
def runs(monkeypatch):
    """What would run with everything installed."""
    seen = []
    monkeypatch.setattr(Peer, "missing", lambda self: [])
    monkeypatch.setattr(runner, "missing_libraries", lambda names: [])

    def run(work, peers, *_):
        seen.extend((work, peer) for peer in peers)
        return {peer: a_round(0.06) for peer in peers}

    monkeypatch.setattr(runner, "run", run)
    monkeypatch.setenv(device.DEVICE, "cpu")  # so that it is as before after the test
    monkeypatch.delenv(device.UTILIZATION, raising=False)
    return seen


def test_the_device_chooses_the_workloads(runs):
    assert command_line.main(["--peers", "minidl", "--rounds", "1"]) == 0
    assert not ON_GPU.keys() & {work.name for work, _ in runs}
    runs.clear()
    assert command_line.main(["--device", "gpu", "--peers", "minidl", "--rounds", "1"]) == 0
    assert [work.name for work, _ in runs] == list(ON_GPU)


def test_peers_of_the_cpu_are_skipped_on_a_gpu(runs, capsys):
    assert command_line.main(["mlp", "--device", "gpu", "--rounds", "1"]) == 0
    assert {"scikit-learn", "keras-tensorflow"}.isdisjoint(peer for _, peer in runs)
    assert "scikit-learn skipped: computes on the CPU." in capsys.readouterr().out


@pytest.mark.slow
def test_a_second_list_of_peers_runs_after_all_workloads(runs, tmp_path):
    lists, file = ["--peers", "minidl", "--peers", "torch,flax"], tmp_path / "results.json"
    assert command_line.main(["mlp", "lstm", *lists, "--rounds", "1", "--json", str(file)]) == 0
    assert [(work.name, peer) for work, peer in runs] == [
        *[("mlp", "minidl"), ("lstm", "minidl")],
        *[("mlp", "torch"), ("mlp", "flax"), ("lstm", "torch"), ("lstm", "flax")],
    ]
    assert list(json.loads(file.read_text())["workloads"]["lstm"]["peers"]) == ["minidl", "torch", "flax"]


def test_sizes_can_be_divided(runs):
    assert command_line.main(["gpu", "--divide", "512", "--rounds", "1"]) == 0
    for work, _ in runs:
        whole = WORKLOADS[work.name]
        assert work.steps == whole.steps and work.batch_size == whole.batch_size // 512 and not work.rows % work.steps


def test_results_are_written_after_every_workload(runs, monkeypatch, tmp_path):
    def run(work, peers, *_):
        if work.name == "mlp-256":
            raise KeyboardInterrupt
        return {peer: a_round(0.06) for peer in peers}

    monkeypatch.setattr(runner, "run", run)
    results = tmp_path / "results.json"
    with pytest.raises(KeyboardInterrupt):
        command_line.main(["mlp", "mlp-256", "--peers", "minidl", "--rounds", "1", "--json", str(results)])
    record = json.loads(results.read_text())
    assert list(record["workloads"]) == ["mlp"] and record["workloads"]["mlp"]["peers"]["minidl"]["rounds"]


def test_a_device_whose_peak_is_not_measured_is_an_error_at_the_end(runs, monkeypatch, capsys):
    def fails(works, limit):
        raise PeerError("no such device")

    monkeypatch.setattr(runner, "hardware", fails)
    assert command_line.main(["mlp", "--peers", "minidl", "--rounds", "1", "--utilization"]) == 1
    assert "no such device" in capsys.readouterr().out and len(runs) == 1
    assert os.environ[device.UTILIZATION] == "1"
    monkeypatch.delenv(device.UTILIZATION)


def test_a_peer_that_the_budget_ends_has_not_failed_unlike_one_that_failed_before(runs, monkeypatch):
    monkeypatch.setattr(runner, "run", lambda work, peers, *_: {"torch": PeerError("exit status 1")})
    measured = runner.measure(TINY, ["minidl", "torch"], rounds=1, deadline=time.monotonic() + 60)
    assert measured["minidl"] == Measured(skipped="no time was left")
    assert measured["torch"] == Measured(error="exit status 1")


def test_nothing_begins_after_the_budget(runs):
    measured = runner.measure(TINY, ["minidl", "torch"], rounds=2, deadline=time.monotonic() + 1)
    assert not runs and measured["torch"] == Measured(skipped="no time was left")
    assert command_line.main(["mlp", "--budget", "1", "--rounds", "1"]) == 0


# Processes


def error_of(program: str, limit: float) -> str:
    process = runner._process(["-c", program], {}, limit)
    run_in_turns([process])
    return process.error


@pytest.mark.slow
def test_a_hanging_peer_has_failed_with_all_that_it_started(tmp_path):
    begun, file = time.monotonic(), tmp_path / "child"
    child = f"import time; time.sleep(4); open({str(file)!r}, 'w')"
    hangs = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    error = error_of(f"print('at work', flush=True); {hangs}", limit=2)
    assert "at work" in error and "no result after 2 s" in error
    assert time.monotonic() - begun < 30
    time.sleep(4)
    assert not file.exists()


def test_a_hanging_peer_does_not_stop_the_others(runs, monkeypatch):
    def run(work, peers, cache, limit, _):
        return {
            peer: PeerError(f"no result after {limit:.0f} s") if peer == "torch" else a_round(0.06) for peer in peers
        }

    monkeypatch.setattr(runner, "run", run)
    measured = runner.measure(TINY, ["torch", "minidl"], rounds=1, limit=7)
    assert measured["torch"].error == "no result after 7 s" and len(measured["minidl"].rounds) == 1


@pytest.mark.parametrize(
    "chosen, platforms, visible, preallocates",
    [("cpu", "cpu", "-1", "None"), ("gpu", "cuda,cpu", "None", "false")],
)
def test_the_environment_of_a_peer(chosen, platforms, visible, preallocates, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    monkeypatch.setenv(device.DEVICE, chosen)
    names = ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES", "XLA_PYTHON_CLIENT_PREALLOCATE")
    program = f"import os; print(*[os.environ.get(name) for name in {names}]); raise SystemExit(3)"
    assert error_of(program, limit=60) == f"{platforms} {visible} {preallocates}\nexit status 3"


# What the hand-written loop does on a GPU


@pytest.mark.slow
def test_the_handwritten_loop_learns_the_same_with_all_rows_on_the_device(monkeypatch):
    work = dataclasses.replace(WORKLOADS["mlp"], rows=2_560, epochs=8)
    losses = {}
    for on_gpu in (False, True):
        monkeypatch.setattr(handwritten, "ON_GPU", on_gpu)
        clock = Clock()
        losses[str(on_gpu)] = worker.program("handwritten", work)(work, clock)["loss"]
        assert len(clock.laps) == work.epochs
    assert runner.disagreements(losses) == {}


@pytest.mark.slow
def test_the_handwritten_convolutions_are_the_same(monkeypatch):
    x, kernel = jax.random.normal(jax.random.key(0), (2, 7, 8, 3)), jax.random.normal(jax.random.key(1), (3, 3, 3, 5))
    found = []
    for on_gpu in (False, True):
        monkeypatch.setattr(handwritten, "ON_GPU", on_gpu)
        found.append(convnet_handwritten._conv(x, kernel))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)


# The script


@pytest.mark.slow
def test_the_script_runs_on_a_cpu(tmp_path):
    given = {
        "OUT": str(tmp_path),
        "PYTHON": sys.executable,
        "DEVICE": "cpu",
        "DIVIDE": "512",
        "WORKLOADS": "gpu-mlp",
        "PEERS": "minidl,handwritten",
        "PEERS_AT_LAST": "",
        "HIGHEST": "constraints schedules",
        "TF32": "no_such_area",
    }
    script = ["bash", str(ROOT / "benchmarks" / "on_gpu.sh")]
    done = subprocess.run(script, env={**os.environ, **given}, capture_output=True, text=True)
    assert done.returncode == 1 and "== FAILED: tf32" in done.stdout, "a part that fails does not stop the next one"
    assert "== highest: passed" in done.stdout and "== benchmarks: passed" in done.stdout
    assert "2 passed" in (tmp_path / "gpu-highest.log").read_text()
    (results,) = tmp_path.glob("*-gpu.json")
    record = json.loads(results.read_text())
    for peer in ("minidl", "handwritten"):
        (one,) = record["workloads"]["gpu-mlp"]["peers"][peer]["rounds"]
        assert one["busy"] > 0 and len(one["laps"]) == WORKLOADS["gpu-mlp"].epochs
    assert record["hardware"]["flops"]["gpu-mlp"] > 0 and record["hardware"]["peak"]["float32"] > 0
