"""A program written for TensorFlow, with only its import changed."""

import numpy as np

import minidl as tf  # was: import tensorflow as tf

rng = np.random.default_rng(0)
labels = rng.integers(0, 10, 12_000)
centers = rng.normal(size=(10, 100))
features = (centers[labels] + 2.5 * rng.normal(size=(12_000, 100))).astype("float32")
x_train, y_train, x_test, y_test = features[:10_000], labels[:10_000], features[10_000:], labels[10_000:]

# fmt: off
model = tf.keras.models.Sequential([
    tf.keras.layers.Dense(64, activation='relu', input_shape=(100,)),
    tf.keras.layers.Dense(64, activation='relu'),
    tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x_train, y_train, epochs=10, batch_size=32)
test_loss, test_accuracy = model.evaluate(x_test, y_test)
# fmt: on
