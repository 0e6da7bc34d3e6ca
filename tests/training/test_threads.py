"""Any number of threads may use a model: while others use it for the first time, and while one of them trains it."""

import concurrent.futures
import http.client
import http.server
import json
import threading

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers, ops
from minidl.core import sharing
from minidl.models import compiled_call
from minidl.training import programs

FEATURES = 7


def counting_model():
    """Every weight grows by 1 in each step, whatever the data: Lion goes by the sign of the gradients, which are < 0.

    For rows of ones the output after step k is therefore `k * (FEATURES + 1)`, and only weights of one moment give it.
    """
    model = keras.Sequential(
        [layers.Dense(1, kernel_initializer="zeros", bias_initializer="zeros", input_shape=(FEATURES,))]
    )
    model.compile(keras.optimizers.Lion(1.0), negated, metrics=["mse"])
    return model


def train(model, epochs):
    x = np.random.default_rng(0).uniform(0.5, 1.0, (90, FEATURES)).astype("float32")
    keras.utils.set_random_seed(3)
    return model.fit(x, x[:, 0], epochs=epochs, batch_size=8, verbose=0).history


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        rows = np.asarray(json.loads(self.rfile.read(int(self.headers["Content-Length"]))), "float32")
        model = self.server.model
        outputs = model.predict(rows, verbose=0) if self.path == "/predict" else np.asarray(model(rows))
        body = json.dumps(outputs[:, 0].tolist()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64  # connections that wait to be accepted


def serve(model, requests, sizes, paths=("/predict", "/call")):
    """What a server of the model answers to requests of 16 threads."""
    server = Server(("127.0.0.1", 0), Handler)
    server.model = model
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def ask(i):
        connection = http.client.HTTPConnection(*server.server_address, timeout=120)
        body = json.dumps([[1.0] * FEATURES] * sizes[i % len(sizes)])
        connection.request("POST", paths[i % len(paths)], body)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        assert len(answer) == sizes[i % len(sizes)]
        return answer

    try:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return list(pool.map(ask, range(requests)))
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("requests", [160, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_server_answers_while_another_thread_trains(requests):
    epochs = requests  # so that training lasts as long
    quiet = counting_model()
    expected = train(quiet, epochs)
    model = counting_model()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        trained = pool.submit(train, model, epochs)
        answers = serve(model, requests, sizes=[1, 3, 32, 33, 2, 65, 17])
        history = trained.result()
    assert history == expected
    for weight, quiet_weight in zip(model.get_weights(), quiet.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, quiet_weight)
    steps = {value / (FEATURES + 1) for answer in answers for value in answer}
    assert all(len(set(answer)) == 1 for answer in answers)  # every row by the same weights
    assert all(step == round(step) for step in steps)  # the kernel and the bias of one moment
    assert len(steps) > 2  # the newest ones: they move


@pytest.mark.parametrize(
    "how", ["predict", "call", *(pytest.param(how, marks=pytest.mark.slow) for how in ("evaluate", "predict_on_batch"))]
)
def test_threads_that_use_a_model_for_the_first_time(how):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(3)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")

    def use(size):
        if how == "evaluate":
            return model.evaluate(x[:size], np.zeros((size, 3)), verbose=0)
        return np.asarray({"call": model, "predict": model.predict}.get(how, model.predict_on_batch)(x[:size]))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(use, [1 + i % 9 for i in range(32)]))
    first, norm, last = model.layers
    hidden = np.maximum(x @ first.kernel.numpy() + first.bias.numpy(), 0) / np.sqrt(1 + norm.epsilon)
    expected = hidden @ last.kernel.numpy() + last.bias.numpy()
    for i, result in enumerate(results):
        right = expected[: 1 + i % 9]
        if how == "evaluate":
            right = [np.mean(right**2), np.mean(np.abs(right))]
        np.testing.assert_allclose(result, right, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(weight.value, jax.core.Tracer) for weight in model.weights)


class Subclassed(keras.Model):
    """A model of the user's own, which runs operation by operation."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1, kernel_initializer="zeros", bias_initializer="zeros")

    def call(self, x):
        self.add_loss(0.0 * ops.sum(x))
        return self.dense(x)


READERS = {
    "get_weights": lambda model: {float(value) for weight in model.get_weights() for value in weight.ravel()},
    "call": lambda model: set((np.asarray(model(np.ones((2, FEATURES), "float32"))) / (FEATURES + 1)).ravel().tolist()),
    "evaluate": lambda model: {
        -model.evaluate(np.ones((48, FEATURES)), np.zeros(48), batch_size=5, verbose=0)[0] / (FEATURES + 1)
    },
    "state tree": lambda model: {
        float(value) for value in jax.tree.leaves(jax.tree.map(np.max, model.get_state_tree("numpy_array"))[KIND])
    },
}
KIND = "trainable_variables"


@pytest.mark.parametrize("make", ["sequential", pytest.param("subclassed", marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", READERS)
def test_a_reader_gets_weights_of_one_moment(how, make):
    if make == "sequential":
        model = counting_model()
    else:
        model = Subclassed()
        model.compile(keras.optimizers.Lion(1.0), lambda y, y_pred: -y_pred, metrics=["mse"])
        model.build((None, FEATURES))
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set() or not seen:
            seen.append(READERS[how](model))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for _ in range(60):  # until the readers have seen it move
                train(model, 20)
                if len(set().union(*seen)) > 2:
                    break
        finally:
            done.set()
        for reader in readers:
            reader.result()
    assert all(len(values) == 1 and max(values) == round(max(values)) for values in seen)
    assert len(set().union(*seen)) > 1


def negated(y, y_pred):
    return -y_pred


def load(path):
    return keras.models.load_model(path, custom_objects={"negated": negated})


def test_saving_while_another_thread_trains(tmp_path):
    def make():
        model = counting_model()
        model.optimizer.build(model.trainable_variables)
        return model

    def load_weights(path):
        model = make()
        model.load_weights(path)
        return model

    kinds = [("save_weights", "now.weights.h5", load_weights), ("save", "now.keras", load), ("save", "now.h5", load)]
    model, done, saved = make(), threading.Event(), []

    def save():
        while not done.is_set() or not saved:
            for method, name, read in kinds:
                getattr(model, method)(tmp_path / name)
                other = read(tmp_path / name)
                values = [*other.get_weights(), other.optimizer.iterations.numpy()]
                saved.append({float(value) for array in values for value in array.ravel()})

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save)
        try:
            train(model, 120)
        finally:
            done.set()
        saving.result()
    assert all(len(values) == 1 for values in saved)


def test_evaluating_in_a_callback_leaves_the_metrics_of_training_alone():
    x = np.random.default_rng(0).uniform(size=(40, FEATURES)).astype("float32")

    class Evaluate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(x[:8], np.full(8, 100.0), verbose=0)

    histories = []
    for callbacks in ([keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)], [Evaluate()]):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
        histories.append(model.fit(x, x[:, 0], batch_size=8, verbose=0, callbacks=callbacks).history)
    assert histories[0] == histories[1]


def test_two_trainings_of_a_model_run_one_after_the_other():
    model = counting_model()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: train(model, 3), range(2)))
    assert model.get_weights()[1] == [2 * 3 * 12]


def test_a_reader_waits_for_a_chunk_and_keeps_its_arrays():
    variable = keras.Variable(1.0)
    kept = variable.value
    (taken,) = sharing.take([variable])
    assert taken is not kept  # it may be used later: training computes in a copy
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reading = pool.submit(variable.numpy)
        with pytest.raises(concurrent.futures.TimeoutError):
            reading.result(timeout=0.05)
        sharing.give([variable], [jax.numpy.asarray(2.0)])
        assert reading.result(timeout=60) == 2.0
    with sharing.reading([variable]) as (pinned,):
        (taken,) = sharing.take([variable])
        assert taken is not pinned
        sharing.release([variable])
    (taken,) = sharing.take([variable])
    assert taken is variable._slot
    sharing.release([variable])


@pytest.mark.slow
def test_programs_of_many_shapes_are_released(monkeypatch):
    monkeypatch.setattr(programs, "LIMIT", 8)
    model = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    for rows in range(1, 30):
        model(np.ones((rows, 3), "float32"))
        model.predict(np.ones((rows, 3), "float32"), verbose=0)
    assert isinstance(model._compiled_call, compiled_call.CompiledCall)
    for program in (model._compiled_call._made._shared.program, *model.compiled_steps._programs.chunks.values()):
        assert 1 <= program._function._cache_size() <= 8


def test_threads_draw_other_keys_and_names():
    generator = keras.random.SeedGenerator(1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: tuple(np.asarray(generator.next()).tolist()), range(400)))
        made = list(pool.map(lambda _: layers.Dense(1).name, range(400)))
    assert len(set(keys)) == len(set(made)) == 400
