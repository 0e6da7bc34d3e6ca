"""The zoo of benchmarks: programs compute Keras's numbers, PyTorch's have its weights, the tables are right."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math

import numpy as np
import pytest
from rich.console import Console

import minidl
from benchmarks import __main__ as command_line
from benchmarks import comparison, readme, report, runner, saved, worker
from benchmarks.peers import Clock, Peer
from benchmarks.runner import Measured, Round
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.zoo.base import Zoo

ZOO = {name: work for name, work in WORKLOADS.items() if name.startswith("zoo-")}
TRAINED = {work.model: work for work in ZOO.values() if work.measure == "step"}
TINY_SIZES = {
    "convolutional": {"size": 16, "width": 4},
    "patches": {"size": 16, "width": 8},
    "maps": {"size": 8, "width": 4},
    "sequences": {"size": 12, "width": 8},
    "tables": {"users": 40, "width": 4},
    "volumes": {"size": 8, "width": 2, "depth": 4},
}
QUICK = ("textcnn", "widedeep")


def family(work: Zoo) -> str:
    return type(work).__module__.rpartition(".")[2]


def tiny(work: Zoo, **given) -> Zoo:
    return dataclasses.replace(work, **{"rows": 20, "batch_size": 8, "epochs": 2, **TINY_SIZES[family(work)], **given})


def models(names):
    """Parameters of a test: most of them slow."""
    return [pytest.param(name, marks=() if name.split("-")[1] in QUICK else pytest.mark.slow) for name in names]


def one_round(lap: float, loss: float = 1.0) -> Round:
    return Round([2.0 + lap, lap, lap], loss, 0.5, wall=5.0, peak_memory=300_000_000, load=1.0)


def measured(name: str, minidl: float, **others: float) -> tuple[Zoo, dict[str, Measured]]:
    """A workload, with a round of each peer in which a step or row takes so many microseconds."""
    work = ZOO[name]
    costs = {"minidl": minidl, **{peer.replace("_", "-"): cost for peer, cost in others.items()}}
    return work, {peer: Measured([one_round(cost * work.parts / 1e6)]) for peer, cost in costs.items()}


def shown(points) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(comparison.tables(points))
    return capture.get()


POINTS = [
    measured("zoo-resnet", 2_000.0, keras_jax=4_000.0, torch=1_000.0),
    measured("zoo-vit", 500.0, keras_jax=750.0, torch=500.0),
    measured("zoo-resnet-predict", 100.0, keras_jax=50.0),
]


def test_there_are_sixteen_architectures_each_in_training_and_in_inference():
    assert len(TRAINED) >= 16
    assert {work.model for work in ZOO.values() if work.measure == "row"} == TRAINED.keys()
    for name, work in ZOO.items():
        assert name == f"zoo-{work.model}" + ("-predict" if work.program == "predict" else "")
        assert work.peers == ("minidl", "keras-jax", "keras-tensorflow", "torch")


@pytest.mark.slow
@pytest.mark.parametrize("name", models(ZOO))
def test_a_program_computes_what_it_computes_with_keras(name):
    pytest.importorskip("keras")
    work = tiny(ZOO[name])
    losses = {}
    for library in ("minidl", "keras"):
        clock = Clock()
        result = worker.program("minidl" if library == "minidl" else "keras-jax", work)(work, clock)
        assert len(clock.laps) == work.epochs and np.isfinite(result["loss"])
        assert (result["accuracy"] is not None) == (work.has_labels and work.measure == "step")
        losses[library] = result["loss"]
    assert losses["minidl"] == pytest.approx(losses["keras"], rel=1e-4)


def kernels_of_keras(model) -> list[np.ndarray]:
    """All that is not a bias, a factor or statistic of normalization, or a random state."""
    weights = [np.asarray(weight) for weight in model.trainable_weights if "bias" not in weight.path.split("/")[-1]]
    return [weight for weight in weights if weight.ndim > 1]


def kernels_of_torch(model, torch) -> list[np.ndarray]:
    found = []
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            if weight.ndim > 1:
                found += weight.chunk(3) if name == "in_proj_weight" else [weight]  # query, key and value
    return [weight.detach().numpy() for weight in found]


@pytest.mark.parametrize("name", models([work.name for work in TRAINED.values()]))
def test_pytorch_begins_with_as_many_weights_of_the_same_size(name):
    torch = pytest.importorskip("torch")
    from benchmarks.loops.torch import initialize

    work = ZOO[name]
    minidl.utils.set_random_seed(1)
    torch.manual_seed(1)
    programs = importlib.import_module(type(work).__module__), importlib.import_module(type(work).__module__ + "_torch")
    expected = kernels_of_keras(programs[0].MODELS[work.model](minidl, work))
    actual = kernels_of_torch(programs[1].MODELS[work.model](work).apply(initialize), torch)
    expected, actual = [
        sorted((weight.size, math.sqrt(np.mean(weight**2))) for weight in weights) for weights in (expected, actual)
    ]
    assert [size for size, _ in actual] == [size for size, _ in expected]
    for (size, one), (_, other) in zip(actual, expected):
        assert one == pytest.approx(other, rel=5 / math.sqrt(size)), f"{size} numbers"  # eleven standard errors


@pytest.fixture
def one_thread():
    """Tiny models wait for threads of PyTorch longer than they compute, on cores that others use too."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_pytorch_trains_and_predicts(name, one_thread):
    work = tiny(ZOO[name])
    clock = Clock()
    assert np.isfinite(worker.program("torch", work)(work, clock)["loss"])
    assert len(clock.laps) == work.epochs


def test_tables_show_ratios_and_the_summary_counts_them():
    text = shown(POINTS)
    lines = [line.split() for line in text.splitlines()]
    assert ["zoo-resnet", "2.00", "ms/step", "2.00", "0.500"] in lines
    assert ["zoo-vit", "500", "us/step", "1.50", "1.00"] in lines
    assert ["zoo-resnet-predict", "100", "us/row", "0.500"] in lines
    assert ["zoo-vit", "2.00", "2.00", "2.00"] in lines  # seconds of compilation
    assert ["zoo-vit", "300", "300", "300"] in lines  # MB
    assert (
        "Training: minidl is not slower than keras-jax in 2 of 2, torch in 1 of 2; than every peer in 1 of 2." in text
    )
    assert "Inference: minidl is not slower than keras-jax in 0 of 1; than every peer in 0 of 1." in text
    assert "Final losses" not in text


def test_the_time_until_epochs_are_steady_counts_what_is_compiled_while_a_model_is_built():
    work, peers = measured("zoo-vit", 500, keras_jax=500, torch=500)
    for peer, preparation in (("minidl", 1.0), ("keras-jax", 8.0), ("torch", 0.5)):
        peers[peer].rounds[0] = dataclasses.replace(peers[peer].rounds[0], preparation=preparation)
    text = shown([(work, peers)])
    assert ["zoo-vit", "3.00", "10.0", "2.50"] in [line.split() for line in text.splitlines()]
    assert (
        "Training: until epochs are steady, minidl takes no longer than keras-jax in 1 of 1, torch in 0 of 1; "
        "than every peer in 0 of 1." in text
    )
    assert "until epochs are steady" not in shown(POINTS), "older results do not have it"


def test_losses_that_differ_are_shown_of_training_alone():
    for name in ("zoo-resnet", "zoo-resnet-predict"):
        work, peers = measured(name, 1.0, keras_jax=1.0, torch=1.0)
        peers["torch"] = Measured([one_round(1.0, loss=1.5)])
        peers["keras-tensorflow"] = Measured(error="RuntimeError: no such thing")
        text = shown([(work, peers)])
        assert ("from the median of all; initial weights differ: zoo-resnet, torch +50%." in text) == (
            name == "zoo-resnet"
        )
        assert f"{name}, keras-tensorflow FAILED:\nRuntimeError: no such thing" in text


def test_a_peer_is_compared_where_it_was_measured():
    rows = [saved.Row(work, {peer: one.rounds for peer, one in peers.items()}) for work, peers in POINTS[:2]]
    del rows[0].rounds["torch"]
    (line,) = comparison.summary(rows)
    assert (
        line == "Training: minidl is not slower than keras-jax in 2 of 2, torch in 1 of 1; than every peer in 2 of 2."
    )
    del rows[1].rounds["minidl"]
    (line,) = comparison.summary(rows)
    assert line == "Training: minidl is not slower than keras-jax in 1 of 1; than every peer in 1 of 1."


def test_the_readme_of_the_benchmarks_shows_the_zoo():
    record = json.loads(json.dumps(report.record({work.name: (work, peers) for work, peers in POINTS})))
    text = readme.markdown({"new.json": record})
    assert "| zoo-resnet | 2.00 ms/step | 2.00 | 0.500 |" in text
    assert "Training: minidl is not slower than keras-jax in 2 of 2, torch in 1 of 2" in text
    assert "- zoo-vit: vision Transformer" in text
    assert "zoo-resnet" not in readme.markdown({"new.json": record}, is_short=True)


def test_the_command_line_measures_all_and_prints_one_comparison(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(Peer, "missing", lambda self: [])

    def run(work, peers, *_):
        seen.extend((work.name, peer) for peer in peers)
        return {peer: one_round(0.1) for peer in peers}

    monkeypatch.setattr(runner, "run", run)
    assert command_line.main(["zoo", "--peers", "minidl,torch", "--rounds", "1"]) == 0
    assert seen == [(name, peer) for name in ZOO for peer in ("minidl", "torch")]
    text = " ".join(capsys.readouterr().out.split())
    count = len(TRAINED)
    for what in ("Training", "Inference"):
        won = f"{what}: minidl is not slower than torch in {count} of {count}; than every peer in {count} of {count}."
        assert text.count(won) == 1
