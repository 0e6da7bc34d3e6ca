"""Networks of rows of tables: users and items, and columns of several kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workload import Split
from benchmarks.workloads.zoo.base import Zoo, programs, trained_and_used

CATEGORIES = (8, 16, 32, 64, 128, 256)  # values of each column of categories
NUMBERS = 13  # columns of numbers
UNITS = (64, 32)  # of the dense layers


@dataclass(frozen=True)
class Tables(Zoo):
    """A network of rows.

    Args:
        users: how many there are, and half as many items.
    """

    batch_size: int = 256
    rows: int = 10_240
    epochs: int = 5
    width: int = 32
    users: int = 20_000

    def data(self, split: Split = "train") -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Columns by their names, and a noisy score that their values have, or whether it is above its mean."""
        rows, random = self._generator(split)
        named = self._columns(rows, random)
        score = 0.5 * random.standard_normal(rows)
        for column in named.values():
            numbers = column if column.ndim == 2 else np.sin(column.astype("float64"))[:, None]
            score += numbers.sum(axis=1) / np.sqrt(len(named))
        y = score > 0 if self.has_labels else score
        return named, y.astype("int32" if self.has_labels else "float32")

    def _columns(self, rows: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        if self.model in ("factorization", "towers"):
            sizes = {"user": self.users, "item": self.users // 2}
            return {name: random.integers(size, size=rows, dtype=np.int32) for name, size in sizes.items()}
        numbers = random.standard_normal((rows, NUMBERS), dtype=np.float32) / np.float32(np.sqrt(NUMBERS))
        named = {f"category_{i}": random.integers(size, size=rows) for i, size in enumerate(CATEGORIES)}
        return {"numbers": numbers, **{name: column.astype("int32") for name, column in named.items()}}


WORKLOADS = trained_and_used(
    Tables(
        "zoo-factorization",
        "matrix factorization: 20,000 users, 10,000 items, width 32, batch 256",
        model="factorization",
        loss="mean_squared_error",
    ),
    Tables(
        "zoo-towers",
        "two towers over embeddings of users and items, batch 256",
        model="towers",
        loss="binary_crossentropy",
    ),
    Tables(
        "zoo-widedeep",
        "wide and deep: 13 numbers, 6 categories, batch 256",
        model="widedeep",
        loss="binary_crossentropy",
        width=8,
    ),
)


def _users_and_items(keras: Any) -> dict[str, Any]:
    return {name: keras.Input((), dtype="int32", name=name) for name in ("user", "item")}


def factorization(keras: Any, work: Tables) -> Any:
    """Koren et al., 2009: the product of two vectors, and a bias each."""
    layers, inputs = keras.layers, _users_and_items(keras)
    sizes = {"user": work.users, "item": work.users // 2}
    vectors = [layers.Embedding(size, work.width)(inputs[name]) for name, size in sizes.items()]
    biases = [layers.Embedding(size, 1)(inputs[name]) for name, size in sizes.items()]
    return keras.Model(inputs, layers.add([layers.Dot(axes=1)(vectors), *biases]))


def towers(keras: Any, work: Tables) -> Any:
    """Covington et al., 2016."""
    layers, inputs = keras.layers, _users_and_items(keras)
    ends = []
    for name, size in (("user", work.users), ("item", work.users // 2)):
        x = layers.Embedding(size, work.width)(inputs[name])
        for units in UNITS:
            x = layers.Dense(units, activation="relu")(x)
        ends.append(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Dot(axes=1)(ends)))


def widedeep(keras: Any, work: Tables) -> Any:
    """Cheng et al., 2016."""
    layers = keras.layers
    inputs = {"numbers": keras.Input((NUMBERS,), name="numbers")}
    inputs |= {f"category_{i}": keras.Input((), dtype="int32", name=f"category_{i}") for i in range(len(CATEGORIES))}
    columns = [(size, inputs[f"category_{i}"]) for i, size in enumerate(CATEGORIES)]
    wide = [layers.Embedding(size, 1)(column) for size, column in columns]
    deep = [layers.Embedding(size, work.width)(column) for size, column in columns]
    x = layers.concatenate([layers.BatchNormalization()(inputs["numbers"]), *deep])
    for units in UNITS:
        x = layers.Dense(units, activation="relu")(x)
    score = layers.add([layers.Dense(1)(x), layers.Dense(1)(inputs["numbers"]), *wide])
    return keras.Model(inputs, layers.Activation("sigmoid")(score))


MODELS = {build.__name__: build for build in (factorization, towers, widedeep)}
train, predict = programs(MODELS)
