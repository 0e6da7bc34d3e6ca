"""Whole programs: a classifier built, trained, evaluated and asked for predictions, with every number it gives."""

import numpy as np


def cases(keras):
    return {f"{name}/{key}": value for name, run in _RUNS.items() for key, value in run(keras).items()}


def _data(rows=1010, test_rows=300):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(10, 100))
    labels = rng.integers(0, 10, rows + test_rows)
    x = (centers[labels] + 2.0 * rng.normal(size=(rows + test_rows, 100))).astype("float32")
    return x[:rows], labels[:rows], x[rows:], labels[rows:]


def _classifier(keras, *middle):
    return keras.models.Sequential(
        [
            keras.layers.Dense(64, activation="relu", input_shape=(100,)),
            *middle,
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def _numbers(model, history, x_test, y_test):
    result = {f"history/{name}": np.array(values) for name, values in history.history.items()}
    result["evaluation"] = np.array(model.evaluate(x_test, y_test, verbose=0))
    result["predictions"] = model.predict(x_test, verbose=0)
    result |= {f"weight{i}": weight for i, weight in enumerate(model.get_weights())}
    return result


def _run(middle=(), loss="sparse_categorical_crossentropy", rows=1010, **fit):
    """A run of the program that the README shows; `middle` makes layers for its middle."""

    def run(keras):
        keras.utils.set_random_seed(42)
        x_train, y_train, x_test, y_test = _data(rows)
        model = _classifier(keras, *(make(keras) for make in middle))
        model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
        arguments = {key: value(x_train, y_train) if callable(value) else value for key, value in fit.items()}
        history = model.fit(x_train, y_train, batch_size=32, verbose=0, **arguments)
        return _numbers(model, history, x_test, y_test)

    return run


def _weights(x, y):
    return np.linspace(0.0, 2.0, len(x)).astype("float32")


def _second_fit(keras):
    """Fit, evaluate, fit again with another batch size and a number of epochs that goes on."""
    keras.utils.set_random_seed(7)
    x_train, y_train, x_test, y_test = _data(500)
    model = _classifier(keras)
    model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), loss="sparse_categorical_crossentropy")
    first = model.fit(x_train, y_train, epochs=2, verbose=0).history["loss"]
    middle = model.evaluate(x_test, y_test, verbose=0)
    history = model.fit(x_train, y_train, epochs=5, initial_epoch=2, batch_size=100, verbose=0)
    return {"first": np.array(first), "middle": np.array(middle), **_numbers(model, history, x_test, y_test)}


def _regression(keras):
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(330, 6))  # float64, as NumPy gives it
    y = x @ rng.normal(size=6) + 0.1 * rng.normal(size=330)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae", keras.metrics.RootMeanSquaredError()])
    history = model.fit(x, y, epochs=3, validation_data=(x[:50], y[:50]), verbose=0)
    return _numbers(model, history, x, y)


def _binary(keras):
    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(330, 6)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] > 0).astype("int64")
    model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adamw", loss="binary_crossentropy", metrics=["accuracy"], weighted_metrics=["bce"])
    history = model.fit(x, y, epochs=5, class_weight={0: 1.0, 1: 3.0}, verbose=0)
    return _numbers(model, history, x, y)


def _one_hot(keras):
    keras.utils.set_random_seed(5)
    x_train, y_train, x_test, y_test = _data(330)
    y_train, y_test = (keras.utils.to_categorical(y, 10) for y in (y_train, y_test))
    model = _classifier(keras)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=5, verbose=0)
    return _numbers(model, history, x_test, y_test)


def _on_batches(keras):
    """train_on_batch, test_on_batch and predict_on_batch, on batches of several sizes."""
    keras.utils.set_random_seed(6)
    x, y, x_test, y_test = _data(100, 20)
    model = _classifier(keras, keras.layers.Dropout(0.3))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    trained = [model.train_on_batch(x[i : i + n], y[i : i + n]) for i, n in ((0, 32), (32, 32), (64, 16), (80, 20))]
    weighted = model.train_on_batch(x[:32], y[:32], sample_weight=np.linspace(0, 1, 32))
    by_class = model.train_on_batch(x[:32], y[:32], class_weight={0: 2.0}, return_dict=True)
    return {
        "trained": np.array(trained),
        "weighted": np.array(weighted),
        "by class": np.array([by_class["loss"], by_class["accuracy"]]),
        "tested": np.array(model.test_on_batch(x_test, y_test)),
        "predicted": model.predict_on_batch(x_test),
    }


def _regularized(keras):
    """Regularizers, constraints and activity losses enter the loss as they do in Keras."""
    keras.utils.set_random_seed(8)
    x_train, y_train, x_test, y_test = _data(330)
    model = keras.Sequential(
        [
            keras.Input((100,)),
            keras.layers.Dense(
                32,
                activation="relu",
                kernel_regularizer="l2",
                bias_regularizer=keras.regularizers.L1(0.01),
                activity_regularizer=keras.regularizers.L2(1e-4),
                kernel_constraint=keras.constraints.MaxNorm(1.0),
            ),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss, metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=3, verbose=0)
    return _numbers(model, history, x_test, y_test)


_RUNS = {
    "plain": _run(rows=960, epochs=10),
    "ragged": _run(epochs=10),
    "dropout": _run([lambda keras: keras.layers.Dropout(0.2)], epochs=10),
    "validation split": _run(validation_split=0.15, epochs=5),
    "sample weight": _run(sample_weight=_weights, epochs=5),
    "all": _run(
        [lambda keras: keras.layers.Dropout(0.3), lambda keras: keras.layers.Activation("gelu")],
        sample_weight=_weights,
        validation_split=0.2,
        epochs=5,
    ),
    "no shuffle": _run(shuffle=False, epochs=3),
    "shuffle batch": _run(shuffle="batch", epochs=3),
    "validation data": _run(validation_data=lambda x, y: (x[:70], y[:70], _weights(x[:70], y)), epochs=4),
    "validation freq": _run(validation_data=lambda x, y: (x[:70], y[:70]), validation_freq=2, epochs=4),
    "steps": _run(steps_per_epoch=12, validation_data=lambda x, y: (x, y), validation_steps=3, epochs=4),
    "class weight": _run(class_weight=dict.fromkeys(range(5), 3.0), epochs=3),
    "crossentropy by name": _run(loss="crossentropy", epochs=2),
    "second fit": _second_fit,
    "regression": _regression,
    "binary": _binary,
    "one-hot": _one_hot,
    "on batches": _on_batches,
    "regularized": _regularized,
}
