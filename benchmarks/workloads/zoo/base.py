"""What all architectures of the zoo share: sizes, the programs around a Keras model, and the loss of predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workload import Split, Workload

Loss = Literal["sparse_categorical_crossentropy", "logits", "binary_crossentropy", "mean_squared_error"]
SEED = 1  # of every peer: with it minidl and Keras on JAX have equal weights, and equal losses
Program = Callable[[Any, Any, Clock], Result]


@dataclass(frozen=True)
class Zoo(Workload):
    """An architecture of the literature, in training or in inference, both with the initial weights of Keras.

    Args:
        model: its name in the `MODELS` of the file of its class, and of the file of the other library.
        loss: Keras's name of it, or "logits" for the cross-entropy of logits.
        size: pixels along an edge, or steps of a sequence.
        width: channels of the first convolution, units of a layer, the size of an embedding.
        classes: labels are 0 to classes - 1, where there are labels.
    """

    peers: tuple[str, ...] = ("minidl", "keras-jax", "keras-tensorflow", "torch")
    rows: int = 640
    epochs: int = 4
    series: str = "zoo: architectures from the literature, batch 32, Adam, unless said otherwise"
    ratios: bool = True
    most_rounds: int | None = 3
    model: str = ""
    loss: Loss = "sparse_categorical_crossentropy"
    size: int = 32
    width: int = 16
    classes: int = 10

    @property
    def has_labels(self) -> bool:
        """Whether targets are labels, so that accuracy is a metric."""
        return self.loss != "mean_squared_error"

    def data(self, split: Split = "train") -> tuple[Any, np.ndarray]:
        """Inputs, an array (rows, ...) or a dict of them by the names of inputs, and targets (rows, ...)."""
        raise NotImplementedError


def trained_and_used(*works: Zoo) -> tuple[Zoo, ...]:
    """Each workload, and the same model's inference as a workload of its own, of more laps since they are shorter."""
    used = {"program": "predict", "measure": "row", "epochs": 8}
    return tuple(
        one for work in works for one in (work, dataclasses.replace(work, name=f"{work.name}-predict", **used))
    )


def programs(models: Mapping[str, Callable[[Any, Any], Any]]) -> tuple[Program, Program]:
    """The functions `train` and `predict` of a file, from its functions that build a model."""

    def train(keras: Any, work: Zoo, clock: Clock) -> Result:
        """Train the model."""
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if work.loss == "logits" else work.loss
        metrics = ("accuracy",) if work.has_labels else ()
        keras.utils.set_random_seed(SEED)
        x, y = work.data()
        model = models[work.model](keras, work)
        return loop.fit(keras, model, work, clock, x, y, loss=loss, metrics=metrics, batch_size=work.batch_size)

    def predict(keras: Any, work: Zoo, clock: Clock) -> Result:
        """Predict all rows in each lap, with the initial weights."""
        keras.utils.set_random_seed(SEED)
        x, y = work.data()
        model = models[work.model](keras, work)
        clock.start()
        for _ in range(work.epochs):
            outputs = model.predict(x, batch_size=work.batch_size)
            clock.lap()
        return {"loss": loss_of(work, outputs, y), "accuracy": None}

    return train, predict


def loss_of(work: Zoo, outputs: np.ndarray, y: np.ndarray) -> float:
    """The mean loss of predictions: classes or channels on the last axis."""
    match work.loss:
        case "mean_squared_error":
            return float(np.mean((outputs.reshape(y.shape) - y) ** 2))
        case "binary_crossentropy":
            return float(-np.log(np.where(y.reshape(outputs.shape), outputs, 1 - outputs)).mean())
        case "logits":
            outputs = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
            outputs /= outputs.sum(axis=-1, keepdims=True)
    return float(-np.log(np.take_along_axis(outputs, y[..., None], axis=-1)).mean())


def positions(keras: Any, x: Any) -> Any:
    """Add a trained vector for each position to (batch, length, width)."""

    class Positions(keras.layers.Layer):  # type: ignore[misc, name-defined]  # a class of the library that is passed
        def build(self, shape: Any) -> None:
            self.vectors = self.add_weight(shape=shape[1:], initializer="random_uniform", name="vectors")

        def call(self, x: Any) -> Any:
            return x + self.vectors

    return Positions()(x)


def encoder_block(keras: Any, x: Any, heads: int, causal: bool = False) -> Any:
    """A pre-norm Transformer block (Xiong et al., 2020): attention, then two dense layers, four times wider inside."""
    layers, width = keras.layers, x.shape[-1]
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(heads, width // heads)(y, y, use_causal_mask=causal)
    x = layers.add([x, y])
    y = layers.LayerNormalization()(x)
    y = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(y))
    return layers.add([x, y])
