"""Callbacks

A callback is an object whose methods `fit` calls: it logs, saves, changes the learning rate or stops. All of
Keras's are there.
"""

import pathlib
import tempfile

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


# %% Stop, save the best, log
# `EarlyStopping` stops when the monitored number no longer improves; `ModelCheckpoint` keeps the best model;
# `CSVLogger` writes a table.
model = classifier()
history = model.fit(
    *(x_train, y_train),
    epochs=100,
    validation_split=0.1,
    verbose=0,
    callbacks=[
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(folder / "best.keras", monitor="val_loss", save_best_only=True),
        keras.callbacks.CSVLogger(folder / "log.csv"),
    ],
)
print("columns:", (folder / "log.csv").read_text().splitlines()[0])
best = keras.models.load_model(folder / "best.keras")
print("the saved model has the restored weights:", (best.get_weights()[0] == model.get_weights()[0]).all())

# %% The learning rate
# A schedule is computed inside the compiled step; a callback changes the rate between epochs. Neither compiles
# anything again.
rates = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
history = classifier().fit(x_train, y_train, epochs=3, verbose=0, callbacks=[rates])
print([round(rate, 6) for rate in history.history["learning_rate"]])

model = classifier()
model.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, decay_steps=200)),
    "sparse_categorical_crossentropy",
)
model.fit(x_train, y_train, epochs=3, verbose=0)
print(f"at the end of the schedule: {float(model.optimizer.learning_rate):.4f}")


# %% One of your own
# Override the hooks that you need. `logs` has the numbers of the epoch, and what you add to it is in the history.
class Ratio(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["overfit"] = logs["val_loss"] / logs["loss"]
        if logs["accuracy"] > 0.9:
            self.model.stop_training = True


history = classifier().fit(x_train, y_train, epochs=50, validation_split=0.1, verbose=0, callbacks=[Ratio()])
print("logged:", sorted(history.history), "- epochs:", len(history.epoch))


# %% What a hook costs
# A callback that overrides a batch hook makes `fit` return to Python after every batch. `on_progress`, minidl's own
# hook, is called once per chunk of batches, and costs nothing.
class Calls(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def on_progress(self, mode, step, logs=None):
        self.calls += 1


calls = Calls()
classifier().fit(x_train, y_train, epochs=20, batch_size=8, verbose=0, callbacks=[calls])
batches = 20 * (len(x_train) // 8 + 1)
print(f"{batches} batches; fewer than one call for ten of them: {calls.calls < batches / 10}")


# %% What is shown
# In a terminal `fit` draws a bar that says when it compiles, how much time is left, and how far validation is; an epoch
# ends with one line. The time of a step is the elapsed time, without compilation, divided by the number of steps.
# In a notebook it draws the curves of the loss and a table of the last epochs.
history = classifier().fit(x_train, y_train, epochs=2, validation_split=0.1, verbose=2)
print(history)

# %%
# `history.plot()`, which is `utils.plot_history(history)`, draws all curves with matplotlib. `TensorBoard` writes
# them to files, with the graph of the model, and if you ask for them histograms, images, embeddings, and a profile of
# some batches. `WandbLogger` and `MLflowLogger` log epochs to Weights & Biases and MLflow.
tensorboard = keras.callbacks.TensorBoard(folder / "logs", histogram_freq=1, write_images=True)
print("a profile of batches 3 to 5:", keras.callbacks.TensorBoard(folder, profile_batch=(3, 5)).profile_batch)

# %% Find a learning rate and a batch size
# Both train a copy of the model for a moment. `plot()` of the result draws what was measured.
model = classifier()
found = keras.utils.find_learning_rate(model, x_train, y_train, steps=80)
print("between 0.0001 and 0.1:", 1e-4 < found.suggestion < 0.1, "- tried:", len(found.tried) > 40)
size = keras.utils.find_batch_size(model, x_train, y_train).suggestion
print("a power of two:", size & (size - 1) == 0)
