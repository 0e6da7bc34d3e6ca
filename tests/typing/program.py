"""A user's program, which type checkers accept as it is, and which runs."""

from __future__ import annotations

import pathlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np

import minidl as tf
import minidl.keras.layers
from minidl import keras
from minidl.keras import layers, regularizers
from minidl.keras.callbacks import EarlyStopping, ModelCheckpoint
from minidl.keras.layers import Dense, Dropout
from minidl.keras.models import Sequential
from minidl.keras.optimizers.schedules import ExponentialDecay
from minidl.keras.utils import to_categorical

ROWS, FEATURES, CLASSES = 96, 8, 3


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points in three clouds."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=ROWS)
    points = rng.normal(size=(ROWS, FEATURES)) + 2.0 * np.eye(FEATURES)[labels]
    return points.astype("float32"), labels


# Layers, losses, metrics and callbacks of one's own


class Scaled(layers.Layer):
    """A product with a vector of weights."""

    def __init__(self, rate: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.dropout = Dropout(rate)

    def build(self, input_shape):
        self.scale = self.add_weight(
            shape=(input_shape[-1],), initializer="ones", regularizer=regularizers.L2(1e-4), name="scale"
        )

    def call(self, inputs, training=False):
        return self.dropout(inputs * self.scale, training=training)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


class Distance(keras.Layer):
    """A layer of two inputs."""

    def build(self, first_shape, second_shape):
        self.built = True

    def call(self, first: jax.Array, second: jax.Array) -> jax.Array:
        return jnp.sum((first - second) ** 2, axis=-1, keepdims=True)


class Classifier(keras.Model):
    """A subclassed model."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.hidden = [layers.Dense(units, activation="relu") for _ in range(2)]
        self.scaled = Scaled()
        self.head = Dense(CLASSES)

    def call(self, inputs, training=False):
        x = inputs
        for layer in self.hidden:
            x = layer(x)
        return self.head(self.scaled(x, training=training))


class Gap(keras.losses.Loss):
    def __init__(self, power: float = 2.0, name: str = "gap") -> None:
        super().__init__(name=name)
        self.power = power

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** self.power, axis=-1)


class Largest(keras.metrics.Metric):
    def __init__(self, name: str = "largest", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.value = self.add_weight(shape=(), initializer="zeros", name="value")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(keras.ops.maximum(self.value, keras.ops.max(y_pred)))

    def result(self):
        return self.value

    def reset_state(self):
        self.value.assign(0.0)


class Notes(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append((logs or {})["loss"])


class Batches(keras.utils.PyDataset):
    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int = 16, **kwargs) -> None:
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[rows], self.y[rows]


# Programs


def sequential() -> float:
    """The first program of every tutorial."""
    x, y = data()
    model = Sequential([keras.Input((FEATURES,)), Dense(16, activation="relu"), Dense(CLASSES, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=2, batch_size=16, validation_split=0.25, verbose=0)
    losses: list[float] = history.history["loss"]
    loss, accuracy = model.evaluate(x, y, verbose=0)
    predictions = model.predict(x, verbose=0)
    assert predictions.shape == (ROWS, CLASSES)
    print(predictions.argmax(axis=-1)[:5], loss, accuracy, min(losses))
    model.summary()
    return float(accuracy)


def functional(folder: pathlib.Path) -> keras.Model:
    x, y = data(1)
    inputs = keras.Input(shape=(FEATURES,), name="points")
    hidden = layers.BatchNormalization()(layers.Dense(16, "gelu", kernel_regularizer=regularizers.l2(1e-4))(inputs))
    joined = layers.Concatenate()([hidden, Scaled()(inputs)])
    model = keras.Model(inputs=inputs, outputs=Dense(CLASSES, name="classes")(joined))
    model.compile(
        optimizer=keras.optimizers.AdamW(ExponentialDecay(1e-3, decay_steps=100, decay_rate=0.9), weight_decay=1e-4),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        metrics=[keras.metrics.CategoricalAccuracy(name="acc"), keras.metrics.TopKCategoricalAccuracy(k=2)],
    )
    notes = Notes()
    path = folder / "best.keras"
    callbacks = [notes, EarlyStopping(monitor="val_loss", patience=1), ModelCheckpoint(path, save_best_only=True)]
    model.fit(x, to_categorical(y), epochs=3, validation_data=(x, to_categorical(y)), callbacks=callbacks, verbose=0)
    print(notes.losses, [layer.name for layer in model.layers], model.count_params())
    loaded = keras.models.load_model(path, custom_objects={"Scaled": Scaled})
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
    return model


def subclassed() -> np.ndarray:
    x, y = data(2)
    model = Classifier(16)
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.1, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(Batches(x, y), epochs=1, verbose=0)
    history.plot if len(history.epoch) > 1 else print(history)
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    print(results["loss"], {weight.path: weight.shape for weight in model.trainable_weights})
    model.save_weights(pathlib.Path(tempfile.mkdtemp()) / "model.weights.h5")
    return model.predict(x[:1], verbose=0)


def regression() -> None:
    x, _ = data(3)
    first, second = keras.Input((FEATURES,)), keras.Input((FEATURES,))
    model = keras.Model([first, second], Distance()(first, minidl.keras.layers.Dense(FEATURES)(second)))
    model.compile(loss=Gap(), optimizer=tf.keras.optimizers.SGD(1e-3, momentum=0.9), metrics=[Largest(), "mae"])
    model.fit([x, x], np.zeros((ROWS, 1)), epochs=1, verbose=0)
    gap = model.train_on_batch([x, x], np.zeros((ROWS, 1)), return_dict=True)["loss"]
    weights = [weight.numpy().sum() for weight in model.weights]
    print(float(gap), weights, keras.tree.flatten({"a": [1, 2]}), keras.config.floatx(), keras.random.normal((2,)))


def main() -> None:
    keras.utils.set_random_seed(0)
    sequential()
    with tempfile.TemporaryDirectory() as folder:
        model: keras.Model = functional(pathlib.Path(folder))
    assert model.optimizer.iterations > 0
    assert subclassed().shape == (1, CLASSES)
    regression()
    image = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=2)
    print(image.name, keras.__version__)


if __name__ == "__main__":
    main()
