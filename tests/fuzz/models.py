"""Cases of whole models: built in three ways, trained, evaluated, saved, cloned."""

# ruff: noqa: E501, tables

import inspect
import os
import tempfile

import numpy as np

from tests.fuzz import optimizers
from tests.fuzz.values import build, call

OUTPUTS = {  # loss, activation, fill of targets
    "mse": (None, "normal"), "mae": (None, "normal"), "binary_crossentropy": ("sigmoid", "labels"), "huber": (None, "normal"),
    "categorical_crossentropy": ("softmax", "onehot"), "sparse_categorical_crossentropy": ("softmax", "labels"),
}  # fmt: skip
METRICS = {"mse": ["mae", "mse"], "categorical_crossentropy": ["accuracy", "categorical_accuracy"]}


def _body(d, shape):
    """Inner layers for one input."""
    if len(shape) == 1:
        kinds = [
            call("layers.Dense", 4, activation="relu"),
            call("layers.Dropout", 0.3),
            call("layers.BatchNormalization"),
        ]
    elif len(shape) == 2:
        kinds = [call("layers.LSTM", 3, return_sequences=True), call("layers.Conv1D", 3, 2, padding="same"),
                 call("layers.LayerNormalization"), call("layers.GRU", 3, return_sequences=True)]  # fmt: skip
    else:
        kinds = [call("layers.Conv2D", 3, 2, padding="same", activation="relu"), call("layers.BatchNormalization"),
                 call("layers.MaxPooling2D", 2, padding="same")]  # fmt: skip
    return [d.choice(kinds) for _ in range(d.randint(1, 2))] + [call("layers.Flatten")] * (len(shape) > 1)


def draw(d):
    shape, rows = d.choice([[3], [3], [4, 2], [4, 4, 1]]), d.choice([5, 8, 11, 16])
    kind = d.choice(["sequential", "sequential", "functional", "dicts", "several", "subclass"])
    loss = d.choice(list(OUTPUTS))
    units = 1 if loss == "binary_crossentropy" else 3
    activation, fill = OUTPUTS[loss]
    target = [rows] if loss == "sparse_categorical_crossentropy" else [rows, units]
    x = d.array([rows, *shape], "float32", "normal", 0)
    y = d.array(target, "int32" if "sparse" in loss else "float32", fill, 0, high=max(units, 2))
    fit = {"epochs": d.randint(1, 3), "batch_size": d.choice([2, 4, 5, 32]), "verbose": 0}
    fit |= d.options(shuffle=[False, True])
    if d.chance(0.3):
        fit["validation_split"] = 0.4
    if d.chance(0.25):
        fit["sample_weight"] = d.array([rows], "float32", "weights", 0)
    elif d.chance(0.2) and fill in ("onehot", "labels") and kind in ("sequential", "functional", "subclass"):
        fit["class_weight"] = {"dict": [[0, 1.0], [1, 2.0], [2, 0.5]][: max(units, 2)]}
    if d.chance(0.3):
        fit["callbacks"] = [d.choice([
            call("callbacks.EarlyStopping", monitor="loss", patience=0, **d.options(restore_best_weights=[True])),
            call("callbacks.ReduceLROnPlateau", monitor="loss", patience=1, min_delta=10.0),
            call("callbacks.TerminateOnNaN"),
        ])]  # fmt: skip
    metrics = d.choice([[], METRICS.get(loss, ["mse"])])
    compiled = {"optimizer": optimizers.optimizer(d), "loss": loss, "metrics": metrics}
    compiled |= d.options(weighted_metrics=[["mae"]], steps_per_execution=[2]) if d.chance(0.3) else {}
    after = d.choice(["nothing", "save", "clone", "weights", "train_on_batch"])
    body = _body(d, shape)
    if any(layer["call"] == "layers.BatchNormalization" for layer in body):
        # The gradient of a bias before it is rounding noise, which optimizers that normalize gradients enlarge.
        compiled["optimizer"] = call("optimizers.SGD", learning_rate=0.01)
    return {
        "kind": kind, "shape": shape, "body": body, "units": units, "activation": activation, "x": x, "y": y,
        "compile": compiled, "fit": fit, "after": after, "seed": d.randint(0, 99), "tolerance": 50.0,
    }  # fmt: skip


def _model(library, case):
    """The model of a case, one way of building for each kind."""
    layers, shape = library.layers, tuple(case["shape"])
    body = build(library, case["body"])
    last = layers.Dense(case["units"], activation=case["activation"], name="last")
    if case["kind"] == "sequential":
        return library.Sequential([library.Input(shape), *body, last])
    if case["kind"] == "subclass":

        class Own(library.Model):
            def __init__(self):
                super().__init__()
                self.body, self.last = body, last

            def call(self, x, training=None):
                for layer in self.body:
                    takes = "training" in inspect.signature(layer.call).parameters
                    x = layer(x, training=training) if takes else layer(x)
                return self.last(x)

        return Own()
    names = ["z", "a"] if case["kind"] in ("dicts", "several") else ["x"]
    inputs = {name: library.Input(shape, name=name) for name in names}
    tops = []
    for x in inputs.values():
        for layer in body:  # shared between inputs
            x = layer(x)
        tops.append(x)
    x = layers.Concatenate()(tops) if len(tops) > 1 else tops[0]
    if case["kind"] == "dicts":
        return library.Model(inputs, last(x))
    if case["kind"] == "several":
        return library.Model(list(inputs.values()), last(x))
    return library.Model(inputs["x"], last(x))


def _after(library, case, model, x, y):
    """What is done with the trained model."""
    if case["after"] == "train_on_batch":
        return [float(value) for value in np.atleast_1d(model.train_on_batch(x, y))]
    if case["after"] == "clone" and case["kind"] != "subclass":
        return library.models.clone_model(model).get_weights()
    if case["after"] not in ("save", "weights") or case["kind"] == "subclass":
        return None
    with tempfile.TemporaryDirectory() as folder:
        if case["after"] == "save":
            model.save(os.path.join(folder, "model.keras"))
            loaded = library.models.load_model(os.path.join(folder, "model.keras"))
            return [loaded.predict(x, verbose=0), loaded.train_on_batch(x, y)]
        model.save_weights(os.path.join(folder, "model.weights.h5"))
        model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
        model.load_weights(os.path.join(folder, "model.weights.h5"))
        return model.get_weights()


def run(library, case):
    model = _model(library, case)
    x, y = build(library, case["x"]), build(library, case["y"])
    x = {"dicts": {"a": x[::-1], "z": x}, "several": [x, x[::-1]]}.get(case["kind"], x)
    model.compile(**build(library, case["compile"]))
    history = model.fit(x, y, **build(library, case["fit"])).history
    found = {key: [float(value) for value in values] for key, values in history.items()}
    result = {"history": found, "weights": model.get_weights(), "predicted": model.predict(x, verbose=0)}
    result["evaluated"] = model.evaluate(x, y, verbose=0, return_dict=True)
    result["iterations"] = int(model.optimizer.iterations)
    return result | {"after": _after(library, case, model, x, y)}
