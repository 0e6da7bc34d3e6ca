"""Models with several outputs: what is trained, weighted and reported for each."""

import numpy as np

SPARSE = "sparse_categorical_crossentropy"


def cases(keras):
    return {f"{name}/{key}": value for name, run in _RUNS.items() for key, value in run(keras).items()}


def _as_list(price, kind):
    return [price, kind]


def _as_dict(price, kind):
    return {"price": price, "kind": kind}


def _nested(price, kind):
    return {"now": (price, kind), "later": {"price": 2.0 * price, "kind": kind}}


def _prices(price, kind):
    return {"there": price, "back": price + 1.0}


def _one(price, kind):
    return price


def _two_tasks(keras, form):
    class TwoTasks(keras.Model):
        """A model that puts out a number and the probabilities of three classes, in a structure."""

        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(8, activation="tanh")
            self.price = keras.layers.Dense(1)
            self.kind = keras.layers.Dense(3, activation="softmax")

        def call(self, x):
            hidden = self.hidden(x)
            return form(self.price(hidden), self.kind(hidden))

    return TwoTasks()


def _data(rows=50):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 4)).astype("float32")
    return x, x[:, :1] * x[:, 1:2], rng.integers(0, 3, rows)


def _ramp(rows, start, end):
    return np.linspace(start, end, rows).astype("float32")


def _run(form, y, sample_weight=None, rows=40, **objectives):
    """Two epochs with a validation after each; `y` makes the targets, `sample_weight` the weights."""

    def run(keras):
        keras.utils.set_random_seed(11)
        x, price, kind = _data(rows)
        model = _two_tasks(keras, form)
        model.compile(optimizer="adam", **objectives)
        targets = y(price, kind)
        weights = None if sample_weight is None else sample_weight(rows)
        validation = (x, targets)
        history = model.fit(
            x, targets, 20, 2, sample_weight=weights, validation_data=validation, validation_batch_size=rows, verbose=0
        )
        result = {f"history/{name}": np.array(values) for name, values in history.history.items()}
        result["evaluation"] = np.array(model.evaluate(x, targets, batch_size=rows, verbose=0))
        return result | {f"weight{i}": weight for i, weight in enumerate(model.get_weights())}

    return run


_RUNS = {
    "list": _run(
        _as_list,
        _as_list,
        sample_weight=lambda rows: [_ramp(rows, 0, 2), None],
        loss=["mse", SPARSE],
        loss_weights=[0.5, 2.0],
        metrics=[["mae"], ["accuracy"]],
        weighted_metrics=[["mse"], [SPARSE]],
    ),
    "dict": _run(
        _as_dict,
        _as_dict,
        sample_weight=lambda rows: {"price": _ramp(rows, 0, 2), "kind": _ramp(rows, 1, 0)},
        rows=50,  # the last batch is a smaller one
        loss={"price": "mse", "kind": SPARSE},
        loss_weights={"price": 0.5, "kind": 2.0},
        metrics={"kind": ["accuracy", SPARSE], "price": "mae"},
        weighted_metrics={"kind": ["accuracy"]},
    ),
    "one output is not trained": _run(
        _as_dict,
        _as_dict,
        sample_weight=lambda rows: _ramp(rows, 0, 2),
        loss={"price": "mae", "kind": None},
        metrics={"kind": ["accuracy"]},
        weighted_metrics={"price": ["mse"]},
    ),
    "one loss for all": _run(
        _prices,
        lambda price, kind: {"there": price, "back": 2.0 * price},
        loss="mse",
        metrics=[["mae"], ["mse"]],
    ),
    "nested": _run(
        _nested,
        _nested,
        loss={"now": ["mse", SPARSE], "later": {"kind": SPARSE, "price": "mae"}},
        metrics={"now": [["mae"], ["accuracy"]], "later": {"kind": [SPARSE], "price": []}},
    ),
    "one output": _run(
        _one,
        lambda price, kind: [price],
        sample_weight=lambda rows: [_ramp(rows, 0, 2)],
        loss=["mse"],
        loss_weights=0.5,
        metrics=[["mae"]],
        weighted_metrics=["mse", "mean_absolute_error"],
    ),
}
