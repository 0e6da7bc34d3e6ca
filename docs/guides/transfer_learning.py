"""Transfer learning

Train a model on one task, keep its first layers, and train new last layers for another task. Here the first task is
to recognize the digits 0 to 4, and the second the digits 5 to 9, of which there are only 100 images.
"""

import numpy as np

import minidl as keras

keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
x_train, x_test = x_train[..., None] / 16, x_test[..., None] / 16

# %% The first task
base = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Flatten(),
    ],
    name="base",
)
first = keras.Sequential([base, keras.layers.Dense(5, activation="softmax")])
first.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
low = y_train < 5
first.fit(x_train[low], y_train[low], epochs=5, verbose=0)
print(f"digits 0 to 4: {first.evaluate(x_test[y_test < 5], y_test[y_test < 5], verbose=0)[1]:.2f}")

# %% Frozen layers under a new head
# `trainable = False` takes weights out of `trainable_weights`; a frozen `BatchNormalization` uses its moving
# statistics.
base.trainable = False
second = keras.Sequential([base, keras.layers.Dense(5, activation="softmax")])
second.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
high = np.flatnonzero(y_train >= 5)[:100]
before = base.get_weights()
second.fit(x_train[high], y_train[high] - 5, epochs=60, batch_size=16, verbose=0)
high_test = y_test >= 5
accuracy = second.evaluate(x_test[high_test], y_test[high_test] - 5, verbose=0)[1]
print("trainable weights:", len(second.trainable_weights), "of", len(second.weights))
print("the base has not changed:", all(np.array_equal(a, b) for a, b in zip(before, base.get_weights())))
print(f"digits 5 to 9: {accuracy:.2f}")

# %% Fine tuning
# Then all layers, at a low learning rate. Compile again after `trainable` has changed.
base.trainable = True
second.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
second.fit(x_train[high], y_train[high] - 5, epochs=20, batch_size=16, verbose=0)
accuracy = second.evaluate(x_test[high_test], y_test[high_test] - 5, verbose=0)[1]
print(f"trainable weights: {len(second.trainable_weights)}, digits 5 to 9: {accuracy:.2f}")

# %% LoRA
# `enable_lora` freezes a kernel and trains a product of two small matrices that is added to it.
head = second.layers[-1]
head.enable_lora(rank=2)
print([(weight.name, weight.shape) for weight in head.trainable_weights])

# %% Networks for images
# `minidl.applications` has VGG, ResNet, Xception, MobileNet and EfficientNet, with Keras's names of layers. They read
# the weights of ImageNet that Keras has downloaded (`weights="imagenet"`); minidl downloads none.
network = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3), alpha=0.35)
print(network.name, network.output.shape)
