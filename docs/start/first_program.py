"""The first program

Train a classifier of real handwritten digits, test it on others, and save it. The 1,797 images of 8x8 pixels are
part of minidl, so no network is needed.
"""

import pathlib
import tempfile

import minidl as keras

keras.utils.set_random_seed(42)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
print(x_train.shape, "images to train on,", x_test.shape, "to test")

# %% A model
# A stack of layers. The first one is told the shape of its input, without the axis of examples.
model = keras.Sequential(
    [
        keras.Input((8, 8)),
        keras.layers.Rescaling(1 / 16),  # pixels are integers from 0 to 16
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.summary(line_length=80)

# %% Training
# `compile` sets the optimizer, the loss and the metrics; `fit` trains. `verbose=2` prints a line for each epoch;
# without it, a progress bar moves.
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=5, validation_split=0.1, verbose=2)
history = model.fit(x_train, y_train, batch_size=32, epochs=20, verbose=0)
print("numbers of each epoch:", sorted(history.history))

# %% Testing and predicting
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy: {accuracy:.2f}")
probabilities = model.predict(x_test[:3], verbose=0)
print("predicted:", probabilities.argmax(axis=1), "- true:", y_test[:3])

# %% Saving
# The file can be opened by Keras 3 too.
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "digits.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
print("the loaded model predicts:", loaded.predict(x_test[:3], verbose=0).argmax(axis=1))
