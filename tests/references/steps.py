"""Steps and batches of the user's own: overridden methods, generators, PyDatasets; with the numbers they give."""

import numpy as np

X = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True) + 1


def batches(size=16):
    for start in range(0, 100, size):
        yield X[start : start + size], Y[start : start + size]


def own_train_step(keras):
    """As Keras's guide to custom steps on JAX writes it."""
    import jax

    class Model(keras.Sequential):
        def loss_and_updates(self, trainable, non_trainable, x, y, training=False):
            y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=training)
            return self.compute_loss(x, y, y_pred), (y_pred, non_trainable)

        def train_step(self, state, data):
            trainable, non_trainable, optimizer, metrics = state
            x, y = data
            gradient = jax.value_and_grad(self.loss_and_updates, has_aux=True)
            (loss, (y_pred, non_trainable)), grads = gradient(trainable, non_trainable, x, y, training=True)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
            new, logs = [], {}
            for metric in self.metrics:
                values = metrics[len(new) : len(new) + len(metric.variables)]
                arguments = (loss,) if metric.name == "loss" else (y, y_pred)
                values = metric.stateless_update_state(values, *arguments)
                logs[metric.name] = metric.stateless_result(values)
                new += values
            return logs, (trainable, non_trainable, optimizer, new)

    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]
    return compiled(keras, Model([keras.Input((4,)), *layers]))


def own_parts(keras):
    """Steps that add to those they override, and a loss and metrics of the user's own."""

    class Model(keras.Sequential):
        def train_step(self, state, data):
            logs, state = super().train_step(state, data)
            return {**logs, "twice": logs["loss"] * 2}, state

        def test_step(self, state, data):
            logs, state = super().test_step(state, data)
            return {**logs, "thrice": logs["loss"] * 3}, state

        def predict_step(self, state, data):
            outputs, state = super().predict_step(state, data)
            return outputs + 1, state

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y, y_pred, sample_weight, training) + (1.0 if training else 2.0)

    return compiled(keras, Model([keras.Input((4,)), keras.layers.Dense(1)]))


def own_metrics(keras):
    class Model(keras.Sequential):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "last": y_pred.mean()}

    return compiled(keras, Model([keras.Input((4,)), keras.layers.Dense(1)]))


def plain(keras):
    return compiled(keras, keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))


def compiled(keras, model):
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return model


def arrays(keras):
    return (X, Y), {"batch_size": 32}


def generator(keras):
    def forever():
        while True:
            yield from batches()

    return (forever(),), {"steps_per_epoch": 5}


def data_set(keras):
    class Squares(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.order = np.arange(100)

        def __len__(self):
            return 7

        def __getitem__(self, index):
            rows = self.order[16 * index : 16 * index + 16]
            return X[rows], Y[rows], np.linspace(0.5, 1.5, len(rows), dtype="float32")

        def on_epoch_end(self):
            np.random.shuffle(self.order)

    return (Squares(),), {}


def weighted_classes(keras):
    class Halves(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            rows = slice(50 * index, 50 * index + 50)
            return X[rows], (Y[rows] > 1).astype("int32")

    return (Halves(),), {"class_weight": {0: 1.0, 1: 3.0}}


CASES = {
    "own_train_step": (own_train_step, arrays),
    "own_parts": (own_parts, arrays),
    "own_metrics": (own_metrics, arrays),
    "generator": (plain, generator),
    "data_set": (plain, data_set),
    "own_step_generator": (own_train_step, generator),
}


def cases(keras):
    numbers = {}
    for name, (make, source) in CASES.items():
        keras.utils.set_random_seed(7)
        model = make(keras)
        args, kwargs = source(keras)
        history = model.fit(*args, epochs=3, validation_data=(X, Y), verbose=0, **kwargs).history
        numbers |= {f"{name}/{log}": np.array(values) for log, values in history.items()}
        numbers |= {f"{name}/weights_{i}": weight for i, weight in enumerate(model.get_weights())}
        numbers[f"{name}/predicted"] = model.predict(X, verbose=0)
        evaluated = model.evaluate(batches(), verbose=0, return_dict=True)
        numbers |= {f"{name}/evaluated_{log}": value for log, value in evaluated.items()}
    keras.utils.set_random_seed(7)
    model = plain(keras)
    args, kwargs = weighted_classes(keras)
    numbers["class_weight/loss"] = np.array(model.fit(*args, verbose=0, **kwargs).history["loss"])
    return numbers
