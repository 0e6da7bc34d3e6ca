"""WandbLogger and MLflowLogger: what their own packages read from the folders."""

import json
import sys
import time
import types

import pytest

import minidl
from minidl.callbacks import MLflowLogger, WandbLogger
from tests.references import callbacks as references


def fit(callback, epochs=2):
    model = references.small_model(minidl, minidl.optimizers.SGD(0.25))
    x, y = references.data()
    return model.fit(x, y, 4, epochs, verbose=0, validation_data=(x, y), callbacks=callback)


class Run:
    """What a run of wandb is called with."""

    def __init__(self):
        self.logged, self.is_finished = [], False
        self.config = types.SimpleNamespace(update=lambda values, allow_val_change: self.logged.append(values))

    def log(self, values):
        self.logged.append(values)

    def finish(self):
        self.is_finished = True


def test_a_run_that_is_passed_gets_every_epoch_and_stays_open():
    run = Run()
    history = fit(WandbLogger(run=run)).history
    settings, *epochs = run.logged
    assert settings["optimizer"] == "SGD" and settings["epochs"] == 2
    expected = [
        {"epoch": i + 1, "learning_rate": 0.25, **{name: values[i] for name, values in history.items()}}
        for i in range(2)
    ]
    assert epochs == expected and not run.is_finished


def test_a_run_of_its_own_is_offline_in_the_folder_and_ends(monkeypatch, tmp_path):
    runs = []

    def init(**settings):
        runs.append((settings, Run()))
        return runs[0][1]

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=init))
    fit(WandbLogger("digits", tmp_path / "logs", config={"seed": 1}))
    ((settings, run),) = runs
    assert settings == {
        "project": "digits",
        "dir": str(tmp_path / "logs"),
        "mode": "offline",
        "config": {"seed": 1},
    }
    assert run.is_finished and (tmp_path / "logs").is_dir()


@pytest.mark.slow
def test_the_file_of_an_offline_run_of_wandb_has_the_numbers(monkeypatch, tmp_path):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    history = fit(WandbLogger("digits", tmp_path, settings=wandb.Settings(silent=True)))
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    numbers = [json.dumps(value).encode() for name in ("loss", "val_loss") for value in history.history[name]]
    deadline = time.monotonic() + 60
    while not all(number in path.read_bytes() for number in numbers):  # its own process writes the file
        assert time.monotonic() < deadline, path.read_bytes()
        time.sleep(0.2)


@pytest.mark.slow
def test_mlflow_itself_reads_the_run(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    callback = MLflowLogger(tmp_path / "runs", "digits", "first")
    history = fit(callback)
    fit(MLflowLogger(tmp_path / "runs", "digits"))
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("digits")
    assert len(client.search_runs([experiment.experiment_id])) == 2
    run = client.get_run(callback.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "first" and run.data.params["optimizer"] == "SGD"
    for name in ("loss", "val_loss"):
        metrics = client.get_metric_history(callback.run_id, name)
        assert [metric.step for metric in metrics] == [1, 2]
        assert [metric.value for metric in metrics] == pytest.approx(history.history[name])
    assert run.data.metrics["learning_rate"] == 0.25


@pytest.mark.parametrize(("callback", "package"), [(WandbLogger(), "wandb"), (MLflowLogger(), "mlflow")])
def test_a_missing_package_is_reported_before_training(monkeypatch, callback, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}. Install it: pip install 'minidl\[{package}\]'"):
        fit(callback)
