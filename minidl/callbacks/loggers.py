"""WandbLogger and MLflowLogger: the logs of epochs as runs of Weights & Biases and MLflow, through their packages."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.learning_rates import learning_rates
from minidl.core.optional import needed


class WandbLogger(Callback):
    """Log every epoch to a run of Weights & Biases: the logs, and `learning_rate` where it can be read.

    Needs the package wandb. By default the run is offline, in a folder that `wandb sync` uploads.

    Args:
        project: the name of the project.
        folder: the folder for the files of the run, in `folder/wandb`.
        mode: "offline", "online" or "disabled".
        run: a run that `wandb.init` returned, to log to; it is left open. The other arguments are for a new one.
        **settings: other arguments of `wandb.init`, such as `config` and `name`.

    Raises:
        ImportError: when training begins, wandb is not installed.
    """

    first_process_only = True

    def __init__(
        self,
        project: str = "minidl",
        folder: str | os.PathLike[str] = ".",
        mode: str = "offline",
        run: Any = None,
        **settings: Any,
    ):
        self.project = project
        self.folder = folder
        self.mode = mode
        self.run = run
        self.settings = settings
        self._is_own = run is None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begin a run, unless there is one."""
        if self._is_own:
            wandb = needed("wandb", "WandbLogger", "minidl[wandb]")
            pathlib.Path(self.folder).mkdir(parents=True, exist_ok=True)
            self.run = wandb.init(project=self.project, dir=os.fspath(self.folder), mode=self.mode, **self.settings)
        self.run.config.update(_settings(self.model, self.params), allow_val_change=True)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Log the epoch; its number, from 1, is in `epoch`."""
        self.run.log({"epoch": epoch + 1, **_numbers(self.model, logs)})

    def on_train_end(self, logs: Logs = None) -> None:
        """End the run that this callback began."""
        if self._is_own:
            self.run.finish()


class MLflowLogger(Callback):
    """Log every epoch to a run of MLflow: the logs, and `learning_rate` where it can be read.

    Needs the package mlflow-skinny or mlflow. View the runs with `mlflow ui --backend-store-uri sqlite:///folder/mlflow.db`.

    Args:
        folder: the folder with the runs, made if missing; they are in the database `mlflow.db` in it.
        experiment: the name of the experiment, made if missing.
        run_name: the name of the run; default: one that MLflow makes.
        tracking_uri: the address of a tracking server or another store, instead of the folder.

    Attributes:
        run_id: MLflow's id of the last run.

    Raises:
        ImportError: when training begins, mlflow is not installed.
    """

    first_process_only = True

    def __init__(
        self,
        folder: str | os.PathLike[str] = "mlruns",
        experiment: str = "minidl",
        run_name: str | None = None,
        tracking_uri: str | None = None,
    ):
        self.folder = folder
        self.experiment = experiment
        self.run_name = run_name
        self.tracking_uri = tracking_uri
        self.run_id: str | None = None
        self._client: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begin a run."""
        mlflow = needed("mlflow", "MLflowLogger", "minidl[mlflow]")
        self._client = mlflow.MlflowClient(tracking_uri=self.tracking_uri or self._own_store())
        found = self._client.get_experiment_by_name(self.experiment)
        experiment_id = found.experiment_id if found is not None else self._new_experiment()
        self.run_id = self._client.create_run(experiment_id, run_name=self.run_name).info.run_id
        for name, value in _settings(self.model, self.params).items():
            self._client.log_param(self.run_id, name, value)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Log the epoch; the step is its number, from 1."""
        for name, value in _numbers(self.model, logs).items():
            self._client.log_metric(self.run_id, name, value, step=epoch + 1)

    def on_train_end(self, logs: Logs = None) -> None:
        """End the run."""
        self._client.set_terminated(self.run_id)

    def _own_store(self) -> str:
        needed("sqlalchemy", "MLflowLogger", "minidl[mlflow]")
        folder = pathlib.Path(self.folder).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder / 'mlflow.db'}"

    def _new_experiment(self) -> str:
        artifacts = None if self.tracking_uri else (pathlib.Path(self.folder).resolve() / "artifacts").as_uri()
        return self._client.create_experiment(self.experiment, artifact_location=artifacts)


def _settings(model: Any, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """What describes the run."""
    return {
        "model": model.name,
        "parameters": model.count_params(),
        "optimizer": type(model.optimizer).__name__,
        "epochs": (params or {}).get("epochs"),
        "steps": (params or {}).get("steps"),
    }


def _numbers(model: Any, logs: Logs) -> dict[str, float]:
    """The logs that are numbers, and the learning rates."""
    numbers = {name: float(value) for name, value in (logs or {}).items() if _is_number(value)}
    try:
        return {**learning_rates(model.optimizer), **numbers}
    except AttributeError:  # an optax transformation whose learning rate is not accessible
        return numbers


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) and np.ndim(value) == 0
