"""Steps of the user's own are compiled in chunks, keep their numbers, and can be looked into.

The numbers of overridden methods are compared with Keras's in references/steps.py.
"""

import gc
import threading
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from tests.counting import compilations

X = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Counted(keras.Sequential):
    traced = 0

    def train_step(self, state, data):
        self.traced += 1
        logs, state = super().train_step(state, data)
        return {**logs, "last": logs["loss"]}, state


def compiled(model, **kwargs):
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"], **kwargs)
    return model


def dense(cls=keras.Sequential, **kwargs):
    keras.utils.set_random_seed(0)
    return compiled(cls([keras.Input((4,)), keras.layers.Dense(1)]), **kwargs)


def test_an_own_step_is_traced_once_for_each_shape_of_batch():
    model = dense(Counted)
    with compilations() as names:
        model.fit(X, Y, epochs=3, verbose=0)
    assert model.traced == 2, "a full batch and the last one"
    assert names.count("jit(_train_chunk)") == 2
    with compilations() as names:
        history = model.fit(X, Y, epochs=3, verbose=0).history
    assert names == [] and set(history) == {"loss", "mae", "last"}


def test_an_own_step_trains_as_the_one_it_calls():
    own, plain = dense(Counted), dense()
    for model in (own, plain):
        keras.utils.set_random_seed(1)
        model.fit(X, Y, epochs=2, verbose=0)
    for one, other in zip(own.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_on_batch_methods_use_own_steps_too():
    model = dense(Counted)
    assert set(model.train_on_batch(X, Y, return_dict=True)) == {"loss", "mae", "last"}


def test_metrics_of_ones_own_in_the_place_of_the_compiled_ones():
    class Model(keras.Sequential):
        def __init__(self, *args):
            super().__init__(*args)
            self.rows = keras.metrics.Sum(name="rows")

        @property
        def metrics(self):
            return [self.rows]

        def train_step(self, state, data):
            trainable, non_trainable, optimizer, metrics = state
            x, _ = data
            metrics = self.rows.stateless_update_state(metrics, np.ones(len(x)))
            return {"rows": self.rows.stateless_result(metrics)}, (trainable, non_trainable, optimizer, metrics)

    history = dense(Model).fit(X, Y, epochs=2, verbose=0).history
    assert history == {"rows": [100.0, 100.0]}


class Watched(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.squares = keras.metrics.Mean(name="squares")

    def call(self, x):
        self.squares.update_state(x * x)
        return x


@pytest.mark.slow
def test_a_metric_in_a_layer_is_reported():
    model = compiled(keras.Sequential([keras.Input((4,)), Watched(), keras.layers.Dense(1)]))
    history = model.fit(X, Y, epochs=2, validation_data=(X[:40], Y[:40]), verbose=0).history
    assert history["squares"] == pytest.approx([np.mean(X**2)] * 2, rel=1e-5)
    assert history["val_squares"] == pytest.approx([np.mean(X[:40] ** 2)] * 2, rel=1e-5)
    assert set(model.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss", "mae", "squares"}


@pytest.mark.slow
def test_eager_runs_show_values():
    seen = []

    class Model(keras.Sequential):
        def train_step(self, state, data):
            seen.append(float(np.asarray(data[0]).sum()))  # a traced array would raise
            return super().train_step(state, data)

    model = dense(Model, run_eagerly=True)
    model.fit(X, Y, shuffle=False, verbose=0)
    assert sum(seen) == pytest.approx(float(X.sum()), rel=1e-4)


class Batches(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("end", batch))
        self.weights = self.model.get_weights()[0]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_steps_per_execution_is_how_often_batch_callbacks_are_called(steps):
    watcher, model = Batches(), dense(steps_per_execution=steps)
    model.fit(X[:96], Y[:96], batch_size=16, verbose=0, callbacks=[watcher])
    expected = [pair for first in range(0, 6, steps) for pair in (("begin", first), ("end", first + steps - 1))]
    assert watcher.calls == expected
    np.testing.assert_array_equal(watcher.weights, model.get_weights()[0])


@pytest.mark.slow
def test_deleted_models_are_garbage_collected():
    def cycle():
        keras.utils.clear_session()
        model = compiled(keras.Sequential([keras.layers.Dense(2, input_shape=(4,)), keras.layers.Dense(1)]))
        model.fit(X[:8], Y[:8], verbose=0)

    for _ in range(2):
        cycle()
    gc.collect()
    arrays, threads = len(jax.live_arrays()), threading.active_count()
    for _ in range(3):
        cycle()
    gc.collect()
    assert len(jax.live_arrays()) <= arrays and threading.active_count() == threads


@pytest.mark.slow
def test_deleted_models_are_collected_without_asking_for_it():
    """What pauses the collector while compiling must not hide garbage from it."""
    models = weakref.WeakSet()
    for _ in range(40):
        own = keras.layers.Dense(2, activation=lambda x: 2 * x, input_shape=(4,))  # compiled for each model
        models.add(model := compiled(keras.Sequential([own, keras.layers.Dense(1)])))
        model.fit(X[:8], Y[:8], verbose=0)
    assert len(models) < 30


def test_the_loss_as_a_pure_function_of_the_variables():
    """A kernel of 3 on x = 2 misses y = 1 by 5; the penalty of the kernel's square is 9 times 0.1."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_regularizer="l2")])
    model.layers[0].kernel_regularizer.l2 = model.weights[0].regularizer.l2 = 0.1
    model.compile("sgd", "mse")
    x, y = np.float32([[2.0]]), np.float32([[1.0]])

    def loss_of(trainable):
        y_pred, rest = model.stateless_call(trainable, [], x)
        metrics = [variable.value for variable in model.metrics_variables]
        loss, (new, *_) = model.stateless_compute_loss(trainable, rest, metrics, x, y, y_pred)
        assert new[0] is trainable[0]
        return loss

    before = model.get_weights()[0]
    loss, gradients = jax.jit(jax.value_and_grad(loss_of))([jnp.float32([[3.0]])])
    np.testing.assert_allclose(loss, 25.9, rtol=1e-6)
    np.testing.assert_allclose(gradients[0], [[2 * 5 * 2 + 0.6]], rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[0], before)


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [lambda call: call, jax.jit], ids=["eager", "compiled"])
def test_loss_and_metrics_of_a_model_that_has_not_been_fitted(wrap):
    """Outputs of 6 and 3 for targets of 1 and 1: errors of 5 and 2."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", keras.metrics.R2Score()])
    y, y_pred = np.float32([[1.0], [1.0]]), jnp.float32([[6.0], [3.0]])
    assert float(wrap(lambda y_pred: model.compute_loss(None, y, y_pred))(y_pred)) == 14.5
    assert float(model.compute_metrics(None, y, y_pred)["mae"]) == 3.5
    model.fit(y, y, verbose=0)


def test_the_loss_of_a_model_that_is_not_compiled_is_what_its_layers_add():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    with pytest.raises(ValueError, match="nothing to train: give compile"):
        model.compute_loss()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "linear", True, "ones", "zeros", "l2")])
    np.testing.assert_allclose(model.compute_loss(), 0.01, rtol=1e-6)


def own_loss_only(library, **compiled_with):
    """A model as in the guide of writing a `train_step` with JAX: it needs no loss of compile()."""

    class Own(library.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.mean, self.loss_fn = library.metrics.Mean(name="loss"), library.losses.MeanSquaredError()

        def train_step(self, state, data):
            trainable, rest, optimizer, metrics = state
            x, y = data

            def loss_of(trainable):
                y_pred, new = self.stateless_call(trainable, rest, x, training=True)
                return self.loss_fn(y, y_pred), new

            (loss, rest), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
            metrics = self.mean.stateless_update_state(metrics[:2], loss)
            return {"loss": self.mean.stateless_result(metrics)}, (trainable, rest, optimizer, metrics)

        @property
        def metrics(self):
            return [self.mean]

    library.utils.set_random_seed(0)
    x = library.Input((4,))
    model = Own(x, library.layers.Dense(1)(x))
    model.compile("adam", **compiled_with)
    return model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history["loss"]


@pytest.mark.parametrize("compiled_with", [{}, {"loss": "mse"}], ids=["nothing", "loss"])
def test_live_order_of_the_rows_with_an_own_step(compiled_with):
    """Keras looks at a batch before it trains, and so draws an order more, only where compile() was given something."""
    want = own_loss_only(pytest.importorskip("keras"), **compiled_with)
    np.testing.assert_allclose(own_loss_only(keras, **compiled_with), want, rtol=1e-5)


def with_metrics_of_its_own(library, hides_the_compiled=False):
    class Own(library.Model):
        def __init__(self, *args):
            super().__init__(*args)
            self.rows, self.eights = library.metrics.Mean(name="rows"), library.metrics.Mean(name="eights")

        def compute_loss(self, *args, **kwargs):
            self.rows.update_state(7.0)
            self.eights.update_state(8.0)
            return super().compute_loss(*args, **kwargs)

        if hides_the_compiled:
            metrics = property(lambda self: [self.rows, self.eights])

    x = library.Input((4,))
    model = Own(x, library.layers.Dense(1, kernel_initializer="zeros")(x))
    model.compile("sgd", loss="mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("hides_the_compiled", [False, True])
def test_values_are_in_the_order_in_which_the_metrics_were_made(hides_the_compiled):
    model = with_metrics_of_its_own(keras, hides_the_compiled)
    values = model.evaluate(X, X[:, :1] * 0 + 3, verbose=0)
    assert values == ([] if hides_the_compiled else [9.0, 3.0]) + [7.0, 8.0]
    assert model.metrics_names == ([] if hides_the_compiled else ["loss", "mae"]) + ["rows", "eights"]
    assert model.test_on_batch(X, X[:, :1] * 0 + 3) == values


@pytest.mark.parametrize("hides_the_compiled", [False, True])
def test_live_order_of_the_values(hides_the_compiled):
    theirs, ours = (
        with_metrics_of_its_own(library, hides_the_compiled) for library in (pytest.importorskip("keras"), keras)
    )
    for call in ("evaluate", "test_on_batch", "train_on_batch"):
        arguments = {"verbose": 0} if call == "evaluate" else {}
        want, got = (getattr(model, call)(X, Y, **arguments) for model in (theirs, ours))
        np.testing.assert_allclose(got, want, rtol=1e-5)
