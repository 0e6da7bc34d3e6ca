"""TensorBoard: write losses, metrics and histograms of weights to event files."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback, Logs, fine_without
from minidl.callbacks.learning_rates import learning_rates
from minidl.core import processes
from minidl.core.optional import needed


class TensorBoard(Callback):
    """Event files for TensorBoard, in `log_dir/train` and `log_dir/validation`; view them with
    `tensorboard --logdir logs`.

    Needs the package tensorboardX. After each epoch it writes `epoch_loss` and the like, for training with
    `epoch_learning_rate`; after each evaluation `evaluation_loss_vs_iterations` and the like.

    Args:
        log_dir: the folder, made if missing. Each run needs one of its own.
        histogram_freq: the number of epochs between histograms of the weights; 0 for none.
        write_graph: accepted and ignored; no graph is written.
        write_images: also write the weights as images, with the histograms.
        write_steps_per_second: write the steps per second of each epoch.
        update_freq: "epoch"; or the number of batches between writes of `batch_loss` and the like, for which
            the loop computes batch by batch; "batch" means 1.
        profile_batch: only 0: to profile, put `with jax.profiler.trace(log_dir):` around `fit`.
        embeddings_freq: only 0.
        embeddings_metadata: only None.

    Raises:
        ImportError: when training begins, tensorboardX (or pillow, for images) is not installed.
        ValueError: an invalid update_freq, or an option that is not supported.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        if profile_batch:
            raise ValueError(
                "TensorBoard: profile_batch must be 0. Put `with jax.profiler.trace(log_dir):` around fit."
            )
        if embeddings_freq or embeddings_metadata is not None:
            raise ValueError(
                "TensorBoard: embeddings are not written; leave out embeddings_freq and embeddings_metadata."
            )
        frequency = 1 if update_freq == "batch" else update_freq
        if frequency != "epoch" and (not isinstance(frequency, int) or frequency < 1):
            raise ValueError(f"TensorBoard: update_freq must be 'epoch', 'batch' or a number, got {update_freq!r}.")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = frequency
        self.profile_batch = profile_batch
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        if frequency != "epoch":
            self.needed_hooks = ("on_train_batch_end",)
        self._writers: dict[str, Any] = {}
        self._training = False
        self._batches = 0  # since training began
        self._epoch_start = (0, 0.0)  # iterations, time

    def on_train_begin(self, logs: Logs = None) -> None:
        """Check that the packages are installed; reset the state."""
        needed("tensorboardX", "TensorBoard", "minidl[tensorboard]")
        if self.write_images:
            needed("PIL", "TensorBoard", "minidl[tensorboard]")
        self._close()
        self._training = True
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Store the time."""
        self._epoch_start = (int(self.model.optimizer.iterations), time.perf_counter())

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Write the logs of the epoch so far. Called only with a number as update_freq."""
        if self.update_freq == "epoch":
            return
        self._batches += 1
        if self._batches % int(self.update_freq) == 0:
            self._write("train", {f"batch_{name}": value for name, value in (logs or {}).items()}, self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the logs of the epoch, and histograms every `histogram_freq` epochs."""
        logs = logs or {}
        train = {f"epoch_{name}": value for name, value in logs.items() if not name.startswith("val_")}
        validation = {
            f"epoch_{name.removeprefix('val_')}": value for name, value in logs.items() if name.startswith("val_")
        }
        train.update(self._learning_rate())
        if self.write_steps_per_second:
            steps, start = self._epoch_start
            seconds = time.perf_counter() - start
            train["epoch_steps_per_second"] = (int(self.model.optimizer.iterations) - steps) / seconds
        self._write("train", train, epoch)
        self._write("validation", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs = None) -> None:
        """Write the logs of the evaluation, by the number of training steps so far."""
        optimizer = self.model.optimizer
        numbers = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._write("validation", numbers, int(optimizer.iterations))
        if not self._training:
            self._close()

    def on_train_end(self, logs: Logs = None) -> None:
        """Close the files."""
        self._close()
        self._training = False

    def get_state(self) -> dict[str, Any]:
        """The number of batches so far."""
        return {"batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the number of batches."""
        self._batches = state["batches"]

    def _learning_rate(self) -> dict[str, float]:
        try:
            return {f"epoch_{name}": rate for name, rate in learning_rates(self.model.optimizer).items()}
        except AttributeError:  # an optax transformation whose learning rate is not accessible
            return {}

    def _write(self, folder: str, numbers: dict[str, Any], step: int) -> None:
        for name, value in numbers.items():
            if np.ndim(value) == 0 and not isinstance(value, str):
                self._writer(folder).add_scalar(name, value, step)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for weight in (weight for layer in self.model.layers for weight in layer.weights):
            values = weight.numpy().astype("float32")
            writer.add_histogram(f"{weight.path}/histogram", values, epoch)
            images = _images(values)
            if self.write_images and images is not None:
                writer.add_images(f"{weight.path}/image", images, epoch, dataformats="NHWC")

    def _writer(self, folder: str) -> Any:
        """The writer of a folder, created lazily."""
        if folder not in self._writers:
            tensorboard = needed("tensorboardX", "TensorBoard", "minidl[tensorboard]")
            path = os.path.join(self.log_dir, folder)
            self._writers[folder] = tensorboard.SummaryWriter(path, write_to_disk=processes.is_first())
        return self._writers[folder]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _images(weight: np.ndarray) -> np.ndarray | None:
    """A weight as grayscale images (count, height, width, 1) with values from 0 to 1; None for more than 3 axes."""
    weight = weight.squeeze()
    if weight.ndim == 1:
        images = weight[None, :, None]
    elif weight.ndim == 2:
        images = (weight.T if weight.shape[0] > weight.shape[1] else weight)[None]
    elif weight.ndim == 3:
        images = np.moveaxis(weight, -1, 0)  # an image per kernel
    else:
        return None
    return np.clip(images, 0.0, 1.0)[..., None]
