"""Runs programs of a few lines as a user's file, and formats their errors as Python shows them."""

import linecache
import traceback

import jax
import jax.numpy as jnp
import numpy as np

import minidl as keras

FILE = "program.py"
SETUP = '''
def classifier(loss="sparse_categorical_crossentropy"):
    return compiled(
        keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]), loss
    )

def convnet():
    return compiled(
        keras.Sequential([
            keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")
        ]),
        "sparse_categorical_crossentropy",
    )

def regressor():
    return compiled(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))

def two_inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    return compiled(keras.Model([a, b], keras.layers.Dense(1)(keras.layers.Concatenate()([a, b]))))

def compiled(model, loss="mse"):
    model.compile("adam", loss)
    return model

class Forgetful(keras.Layer):
    def call(self, x):
        x * 2

class ForgetfulModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        self.dense(x)

class Branching(keras.Layer):
    def call(self, x):
        if x.sum() > 0:
            return x
        return -x

class Numpy(keras.Layer):
    def call(self, x):
        return np.maximum(np.array(x), 0)

class Matrix(keras.Layer):
    def build(self, shape):
        self.kernel = self.add_weight((4, 1))

    def call(self, x):
        return jnp.dot(x, self.kernel.value)

class Failing(keras.Layer):
    def call(self, x):
        return x * (1 / 0)

class Outer(keras.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = Matrix(name="matrix")

    def call(self, x):
        return self.inner(x)

class Net(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = Matrix(name="matrix")

    def call(self, x):
        return self.inner(x)

class Halves(keras.Layer):
    def call(self, x):
        raise ValueError(f"{x.size} values in {x.shape[0] - 1} rows")

class Broken(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"]

def broken_batches():
    yield np.ones((4, 3)), np.ones((4, 1))
    open("no-such-file")

class Uninitialized(keras.Model):
    def __init__(self):
        self.dense = keras.layers.Dense(3)

class OldStep(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        loss = self.compute_loss(x, y, self(x, training=True))
        return {"loss": loss}

class TapeStep(OldStep):
    def train_step(self, state, data):
        x, y = data
        return {"loss": 0.0}

class Foreign:
    """As a layer of Keras or torch."""
    def __call__(self, x):
        return jnp.tanh(x)

def load_unknown():
    import os, tempfile
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.keras")
        keras.Sequential([keras.Input((3,)), Failing2()]).save(path)
        del globals()["Failing2"]
        keras.models.load_model(path)

class Failing2(keras.Layer):
    def call(self, x):
        return x

images, labels = np.ones((4, 28, 28), "float32"), np.arange(4)
'''


def traceback_of(program):
    """The lines that Python prints for the error of a program, without the frame of this function."""
    space = {"keras": keras, "np": np, "jnp": jnp, "jax": jax, "__name__": "__main__"}
    source = f"{SETUP}\n{program}\n"
    linecache.cache[FILE] = len(source), None, source.splitlines(keepends=True), FILE
    try:
        exec(compile(source, FILE, "exec"), space)
    except Exception as error:
        error.__traceback__ = error.__traceback__.tb_next
        return "".join(traceback.format_exception(error)).splitlines()
    return []
