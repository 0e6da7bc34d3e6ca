"""Data of every kind

`fit`, `evaluate` and `predict` take arrays, data frames, sparse matrices, generators, `PyDataset`s, minidl's own
`Dataset`, `tf.data` and PyTorch's `DataLoader`. All are converted to one form, and checked before training begins.
"""

import numpy as np

import minidl as keras

keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
print("images:", x_train.shape, x_train.dtype, "labels:", y_train.shape)


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


# %% Arrays
# NumPy and JAX arrays, memory maps (`np.load(path, mmap_mode="r")`) and `scipy.sparse` matrices are read by rows.
# Each epoch is shuffled. `validation_split` takes the last rows before the first shuffle.
history = classifier().fit(x_train, y_train, batch_size=32, epochs=5, validation_split=0.1, verbose=0)
print(f"validation accuracy: {history.history['val_accuracy'][-1]:.2f}")

# %% Several inputs and outputs
# A dict gives each input and each output by its name. The names are those of the `Input` and of the output layer.
image, flag = keras.Input((8, 8), name="image"), keras.Input((1,), name="flag")
hidden = keras.layers.Concatenate()([keras.layers.Flatten()(image), flag])
outputs = {
    "digit": keras.layers.Dense(10, activation="softmax", name="digit")(hidden),
    "even": keras.layers.Dense(1, activation="sigmoid", name="even")(hidden),
}
model = keras.Model({"image": image, "flag": flag}, outputs)
model.compile("adam", {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"})
inputs = {"image": x_train / 16, "flag": np.ones((len(x_train), 1))}
targets = {"digit": y_train, "even": (y_train % 2 == 0).astype("float32")[:, None]}
history = model.fit(inputs, targets, epochs=3, verbose=0)
print("logged:", sorted(history.history))

# %% Weights of examples and of classes
# `sample_weight` has a number for each row, or for each step of a row. `class_weight` has one for each class.
first, second = classifier(), classifier()
second.set_weights(first.get_weights())
first.fit(x_train, y_train, sample_weight=np.where(y_train == 8, 2.0, 1.0), shuffle=False, verbose=0)
second.fit(x_train, y_train, class_weight={**dict.fromkeys(range(10), 1.0), 8: 2.0}, shuffle=False, verbose=0)
distance = max(np.abs(a - b).max() for a, b in zip(first.get_weights(), second.get_weights()))
print(f"the weights after both differ by {distance:.1f}")

# %% A Dataset
# `minidl.data.Dataset` has the methods of `tf.data.Dataset`, on NumPy arrays. Functions given to `map` are ordinary
# Python and run in threads while the device computes. `image_dataset_from_directory` and its relatives return one.
dataset = (
    keras.data.Dataset.from_tensor_slices((x_train, y_train))
    .shuffle(len(x_train), seed=1)
    .map(lambda x, y: (np.flip(x, axis=0), y), num_parallel_calls=2)
    .batch(64)
    .prefetch(2)
)
print("batches:", len(dataset), "first:", next(iter(dataset))[0].shape)
print("loss:", f"{classifier().fit(dataset, epochs=2, verbose=0).history['loss'][-1]:.1f}")


# %% A generator
# A generator is read once and need not end, so `steps_per_epoch` says what an epoch is. It is read ahead in a thread.
def batches():
    while True:
        rows = np.random.randint(0, len(x_train), 32)
        yield x_train[rows], y_train[rows]


history = classifier().fit(batches(), steps_per_epoch=40, epochs=3, verbose=0)
print("epochs:", len(history.history["loss"]))


# %% A PyDataset
# A `PyDataset` computes batch number i: in threads with `workers`, in processes with `use_multiprocessing=True`.
class Digits(keras.utils.PyDataset):
    def __len__(self):
        return len(x_train) // 32

    def __getitem__(self, index):
        rows = slice(32 * index, 32 * index + 32)
        return x_train[rows], y_train[rows]


history = classifier().fit(Digits(workers=2), epochs=3, verbose=0)
print("epochs:", len(history.history["loss"]))

# %% Wrong data is refused
# Before anything is computed, with what came and what was expected.
try:
    classifier().fit(x_train, y_train + 1, verbose=0)
except ValueError as error:
    print(error)
