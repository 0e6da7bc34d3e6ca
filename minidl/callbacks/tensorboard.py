"""TensorBoard: write losses, metrics and histograms of weights to event files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from minidl.callbacks.base import Callback, Logs, fine_without
from minidl.callbacks.learning_rates import learning_rates
from minidl.callbacks.tensorboard_content import graph_of, images_of, labels_of
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
        write_graph: write the layers and their connections when training begins.
        write_images: also write the weights as images, with the histograms; the least value is black, the largest
            white.
        write_steps_per_second: write the steps per second of each epoch.
        update_freq: "epoch"; or the number of batches between writes of `batch_loss` and the like, for which
            the loop computes batch by batch; "batch" means 1.
        profile_batch: the number of a batch, counted from 1, or the first and the last one, to profile with
            `jax.profiler`; 0 for none. The loop computes batch by batch until then. TensorBoard shows profiles with the
            package xprof.
        embeddings_freq: the number of epochs between copies of the weights of `Embedding` layers for the projector;
            0 for none.
        embeddings_metadata: a file of labels for the rows of the embeddings, one a line, or several columns separated
            by tabs below a header; a dict of name of the layer -> file, if there are several layers.

    Raises:
        ImportError: when training begins, tensorboardX (or pillow, for images) is not installed.
        ValueError: an invalid update_freq or profile_batch; labels for a layer that is not an embedding.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        frequency = 1 if update_freq == "batch" else update_freq
        if frequency != "epoch" and (not isinstance(frequency, int) or frequency < 1):
            raise ValueError(f"TensorBoard: update_freq must be 'epoch', 'batch' or a number, got {update_freq!r}.")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = frequency
        self.profile_batch = _batches(profile_batch)
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._is_profiling = False
        self._writers: dict[str, Any] = {}
        self._training = False
        self._batches = 0  # since training began
        self._epoch_start = (0, 0.0)  # iterations, time
        self._choose_hooks()

    def on_train_begin(self, logs: Logs = None) -> None:
        """Check that the packages are installed; reset the state."""
        needed("tensorboardX", "TensorBoard", "minidl[tensorboard]")
        if self.write_images:
            needed("PIL", "TensorBoard", "minidl[tensorboard]")
        if self.embeddings_freq:
            self._labels()
        self._stop_profile()
        self._close()
        self._training = True
        self._batches = 0
        self._choose_hooks()
        if self.write_graph:
            self._writer("train").file_writer.add_event(graph_of(self.model))

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Store the time."""
        self._epoch_start = (int(self.model.optimizer.iterations), time.perf_counter())

    @fine_without
    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Start the profile. Called only if batches are to be profiled."""
        if self.profile_batch and self._batches + 1 == self.profile_batch[0] and processes.is_first():
            jax.profiler.start_trace(self.log_dir)
            self._is_profiling = True

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Write the logs of the epoch so far, and the profile. Called only if one of them is wanted."""
        self._batches += 1
        if self.profile_batch and self._batches >= self.profile_batch[1]:
            self._stop_profile()
            self._choose_hooks()
        if self.update_freq != "epoch" and self._batches % int(self.update_freq) == 0:
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
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
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
        self._stop_profile()
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
            images = images_of(values)
            if self.write_images and images is not None:
                writer.add_images(f"{weight.path}/image", images, epoch, dataformats="NHWC")

    def _labels(self) -> dict[str, Any]:
        """Name of each embedding -> its file of labels, or None."""
        names = [layer.name for layer in self._embeddings()]
        given = self.embeddings_metadata
        files = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)
        if unknown := files.keys() - set(names):
            raise ValueError(f"TensorBoard: embeddings_metadata names {sorted(unknown)}, the embeddings are {names}.")
        return files

    def _embeddings(self) -> list[Any]:
        from minidl.layers import Embedding

        return [layer for layer in self.model._flatten_layers() if isinstance(layer, Embedding)]

    def _write_embeddings(self, epoch: int) -> None:
        files = self._labels()
        for layer in self._embeddings():
            path = files.get(layer.name)
            labels, header = (None, None) if path is None else labels_of(path)
            values = np.asarray(layer.embeddings.numpy(), "float32")
            self._writer("train").add_embedding(values, labels, None, epoch, layer.name, header)

    def _choose_hooks(self) -> None:
        """The loop computes batch by batch as long as these hooks are needed."""
        profiles = self.profile_batch is not None and self._batches < self.profile_batch[1]
        hooks = ["on_train_batch_begin"] * profiles + ["on_train_batch_end"] * (profiles or self.update_freq != "epoch")
        self.needed_hooks = tuple(hooks)

    def _stop_profile(self) -> None:
        if self._is_profiling:
            self._is_profiling = False
            jax.profiler.stop_trace()

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


def _batches(profile_batch: Any) -> tuple[int, int] | None:
    """The first and the last batch to profile."""
    pair = (profile_batch, profile_batch) if isinstance(profile_batch, int) else tuple(profile_batch)
    if len(pair) != 2 or not all(isinstance(number, int) and number >= 0 for number in pair) or pair[0] > pair[1]:
        raise ValueError(
            "TensorBoard: profile_batch must be the number of a batch, or those of the first and the last one; got "
            f"{profile_batch!r}."
        )
    return (max(pair[0], 1), pair[1]) if pair[1] else None
