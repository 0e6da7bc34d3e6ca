"""Saving, resuming, exporting and serving

Files are those of Keras 3, both ways. A run that is killed goes on where it stopped. A model can be called from any
number of threads, also while it is trained.
"""

import concurrent.futures
import http.server
import json
import pathlib
import tempfile
import threading
import time
import urllib.request

import numpy as np

import minidl as keras

keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
folder = pathlib.Path(tempfile.mkdtemp())


def classifier():
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 16, input_shape=(8, 8)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% Save and load
# `.keras` has the model, its weights and the state of its optimizer, so that training continues with the same
# numbers. It is written next to its target and renamed, so that a crash leaves the old file or the new one.
model = classifier()
model.fit(x_train, y_train, epochs=2, verbose=0)
model.save(folder / "model.keras")
loaded = keras.models.load_model(folder / "model.keras")
print("same predictions:", np.array_equal(loaded.predict(x_test, verbose=0), model.predict(x_test, verbose=0)))
print("steps so far:", int(loaded.optimizer.iterations))

# %% Weights alone
# Weights are compared with the model before any is set.
model.save_weights(folder / "model.weights.h5")
try:
    keras.Sequential([keras.Input((8, 8)), keras.layers.Dense(3)]).load_weights(folder / "model.weights.h5")
except ValueError as error:
    print(*str(error).splitlines()[1:], sep="\n")


# %% Resume
# `BackupAndRestore` saves weights, optimizer, random states and the position in the epoch. Here a run is interrupted,
# and the program started again: the result is that of a run without an interruption, bit for bit.
class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt


def run(*callbacks):
    keras.utils.set_random_seed(7)
    model = classifier()
    model.fit(x_train, y_train, epochs=6, verbose=0, callbacks=callbacks)
    return model.get_weights()


whole = run()
try:
    run(keras.callbacks.BackupAndRestore(folder / "backup"), Interrupt())
except KeyboardInterrupt:
    print("interrupted")
resumed = run(keras.callbacks.BackupAndRestore(folder / "backup"))
print("bitwise the same:", all(np.array_equal(a, b) for a, b in zip(whole, resumed)))

# %% Export
# The forward pass as StableHLO, which `jax.export` runs without the model's classes. Needs `pip install
# 'minidl[export]'`.
model.export(folder / "model.stablehlo")
exported = keras.saving.load_exported(folder / "model.stablehlo")
difference = np.abs(exported(x_test.astype("float32")) - model.predict(x_test, verbose=0)).max()
print(f"differs by {difference:.3f}")


# %% Serve
# A threaded HTTP server of the standard library; each request calls the model in a thread of its own. Give it batches
# of one shape, because each new shape is compiled once.
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        image = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(np.asarray(model(np.asarray([image], "float32")))[0].tolist()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(image):
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}", json.dumps(image.tolist()).encode())
    with urllib.request.urlopen(request) as answer:
        return int(np.argmax(json.load(answer)))


# %% Under load, while it is trained
# Sixteen clients send all test images; at the same time the model goes on training. Every answer comes from one
# consistent set of weights.
ask(x_test[0])
trainer = threading.Thread(target=lambda: model.fit(x_train, y_train, epochs=20, verbose=0))
trainer.start()
start = time.perf_counter()
with concurrent.futures.ThreadPoolExecutor(16) as clients:
    answers = list(clients.map(ask, x_test))
seconds = time.perf_counter() - start
trainer.join()
server.shutdown()
print(f"{len(answers)} answers in {seconds:.2f} s, at least 75% right:", np.mean(answers == y_test) > 0.75)
