"""Checks that 8 devices compute what one does, for every feature of fit; test_many_devices.py runs them."""

import contextlib
import functools
import itertools

import jax
import numpy as np
import optax
import pytest

import minidl as keras
from minidl import distribution, layers, losses, metrics, optimizers
from minidl.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel

TOLERANCE = 2e-6  # of the largest
# Batch normalization subtracts the mean of what comes before it, and the gradients through it lose theirs: what is left
# is small compared with what is rounded. The largest difference measured is 2.4e-6, and it depends on the processor.
TOLERANCES = {"batch normalization": 1e-5}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(203, 20)).astype("float32"), RNG.integers(0, 8, 203)


@pytest.fixture(autouse=True)
def clean():
    yield
    distribution.set_distribution(None)


def model_parallel():
    layouts = LayoutMap(DeviceMesh((2, 4), ["batch", "model"]))
    layouts[".*dense(_1)?/kernel"] = (None, "model")
    layouts[".*dense/bias"] = ("model",)
    return ModelParallel(layout_map=layouts)


KINDS = {"data": DataParallel, "fsdp": functools.partial(DataParallel, shard_weights=True), "model": model_parallel}


class OwnStep(keras.Model):
    """Keras's documented form of a step for JAX."""

    def train_step(self, state, data):
        trainable, non_trainable, optimizer, metrics_ = state
        x, y = data[:2]

        def loss_of(trainable, non_trainable):
            y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
            loss, _ = self.stateless_compute_loss(trainable, non_trainable, metrics_, x, y, y_pred)
            return loss, non_trainable

        (loss, non_trainable), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable, non_trainable)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return {"loss": loss}, (trainable, non_trainable, optimizer, metrics_)


def dense(*more, dtype=None):
    wide = [layers.Dense(64, activation="relu", dtype=dtype), layers.Dense(128, activation="tanh", dtype=dtype)]
    return keras.Sequential([layers.Input((20,)), *wide, *more, layers.Dense(8, activation="softmax")])


def with_lora():
    made = dense()
    made.layers[1].enable_lora(4)
    return made


def own_step():
    x = layers.Input((20,))
    return OwnStep(x, layers.Dense(8, activation="softmax")(layers.Dense(128, activation="relu")(x)))


FEATURES = {
    "adam": lambda: (dense(), "adam", {}),
    "momentum": lambda: (dense(), optimizers.SGD(0.1, 0.9), {}),
    "dropout": lambda: (dense(layers.Dropout(0.3)), "adam", {}),
    "batch normalization": lambda: (dense(layers.BatchNormalization()), "adam", {}),
    "accumulation": lambda: (dense(), optimizers.Adam(gradient_accumulation_steps=2), {}),
    "averages": lambda: (dense(), optimizers.Adam(use_ema=True, ema_overwrite_frequency=3), {}),
    "clipping": lambda: (dense(), optimizers.Adam(global_clipnorm=0.1), {}),
    "an optax transformation": lambda: (dense(), optax.adamw(1e-3), {}),
    "adafactor": lambda: (dense(), optimizers.Adafactor(), {}),
    "loss scaling": lambda: (dense(), optimizers.LossScaleOptimizer(optimizers.Adam()), {}),
    "lora": lambda: (with_lora(), "adam", {}),
    "a step of the user's own": lambda: (own_step(), "adam", {}),
    "operation by operation": lambda: (dense(), "adam", {"run_eagerly": True}),
}


class Rounding(keras.callbacks.Callback):
    """How far rounding may move each weight under Adam, which divides gradients by the root s of their mean square.

    If a gradient is wrong by d, the mean m of gradients and s are wrong by d at most, and |m| < 1.3 s for so few steps
    (the weights of both means differ by a factor of 1.7), so that lr m / (s + epsilon) is wrong by 2.3 lr d / (s +
    epsilon). For d we take 4 float32 roundings of the weight's largest gradient. After one step s is the size of the
    first gradient itself: of 10,000 weights, one has a first gradient of a millionth of the largest, which is rounding.
    """

    def __init__(self):
        super().__init__()
        self.updates = []  # for each update of the weights: of each trainable weight, the means of squares

    def on_train_batch_end(self, batch, logs=None):
        found = [v.numpy().copy() for v in self.model.optimizer.variables if v.path.endswith("velocity")]
        before = self.updates[-1] if self.updates else list(map(np.zeros_like, found))
        if any((one != other).any() for one, other in zip(found, before)):  # not between accumulated gradients
            self.updates.append(found)

    def allowed(self):
        """For each weight of the model, an array of its shape. Statistics of outputs may move as far as a bias."""
        roots = [[np.sqrt(v / (1 - 0.999**t)) for v in update] for t, update in enumerate(self.updates, 1)]
        moved = {}
        if not roots:
            return [0.0] * len(self.model.weights)
        for variable, *over_time in zip(self.model.trainable_variables, *roots):
            wrong = 4 * 2.0**-23 * max(s.max() for s in over_time)
            moved[variable.path] = sum(2.3 * 1e-3 * wrong / (s + 1e-7) for s in over_time)
        most = max(array.max() for array in moved.values() if array.ndim == 1)
        return [moved.get(variable.path, most) for variable in self.model.weights]


def results(feature, kind, *callbacks):
    """All that a user would look at."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    distribution.set_distribution(None if kind is None else KINDS[kind]())
    model, optimizer, options = FEATURES[feature]()
    rows = 75 if options else 203
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    history = model.fit(
        *(X[:rows], Y[:rows]),
        **{"epochs": 2, "verbose": 0, "validation_split": 0.1, "class_weight": {1: 2.0}, "batch_size": 32},
        callbacks=list(callbacks),
    )
    found = {
        "history": history.history,
        "train_on_batch": model.train_on_batch(X[:16], Y[:16]),
        "test_on_batch": model.test_on_batch(X[:11], Y[:11]),
        "predict_on_batch": model.predict_on_batch(X[:7]),
        "predict": model.predict(X, verbose=0),
        "evaluate": model.evaluate(X, Y, verbose=0),
        "call": np.asarray(model(X[:4])),
        "weights": model.get_weights(),
        "optimizer": [variable.numpy() for variable in model.optimizer.variables],
    }
    distribution.set_distribution(None)
    return found


@functools.cache
def on_one_device(feature):
    """The results, and how far rounding may move the weights."""
    rounding = Rounding()
    found = results(feature, None, rounding)
    rounding.on_train_batch_end(0)  # that of train_on_batch
    return found, rounding.allowed()


def assert_same(found, wanted, tolerance=TOLERANCE, allowed=()):
    for name in wanted:
        more = allowed if name == "weights" else ()
        pairs = zip(jax.tree.leaves(found[name]), jax.tree.leaves(wanted[name]), strict=True)
        for (one, other), add in itertools.zip_longest(pairs, more, fillvalue=0.0):
            bound = tolerance * max(np.abs(other).max(initial=0), 1e-3)
            distance = np.abs(np.asarray(one, "float64") - np.asarray(other, "float64"))
            assert (distance <= np.maximum(bound, add)).all(), (name, distance.max(), bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feature", FEATURES)
def test_features(feature, kind):
    wanted, allowed = on_one_device(feature)
    assert_same(results(feature, kind), wanted, TOLERANCES.get(feature, TOLERANCE), allowed)


RECURRENT = {  # whose gradients are contracted after the loop by another formula than on one device
    "GRU, reset before": ((6, 5), lambda: layers.GRU(8, reset_after=False, recurrent_dropout=0.2, go_backwards=True)),
    "GRU, recurrent dropout": ((6, 5), lambda: layers.GRU(8, recurrent_dropout=0.2)),
    "LSTM, recurrent dropout": ((6, 5), lambda: layers.LSTM(8, recurrent_dropout=0.2, dropout=0.1, unroll=True)),
    "SimpleRNN, recurrent dropout": ((6, 5), lambda: layers.SimpleRNN(8, recurrent_dropout=0.2)),
    "ConvLSTM1D": ((4, 7, 3), lambda: layers.ConvLSTM1D(4, 3, recurrent_dropout=0.2, return_sequences=True)),
    "ConvLSTM2D": ((4, 3, 6, 5), lambda: layers.ConvLSTM2D(4, (2, 3), data_format="channels_first")),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(name):
    shape, made = RECURRENT[name]
    x = np.random.default_rng(1).normal(size=(48, *shape)).astype("float32")
    x[:, 4:] *= np.arange(48).reshape(-1, *[1] * len(shape)) % 2  # masked steps

    def trained(kind):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        with KINDS[kind]().scope() if kind else contextlib.nullcontext():
            masking = [layers.Masking()] if len(shape) == 2 else []
            last = [layers.Flatten(), layers.Dense(3)]
            model = keras.Sequential([layers.Input(shape), *masking, made(), *last])
            model.compile(optimizers.SGD(0.1, 0.9), "mse")
            history = model.fit(x, x.reshape(48, -1)[:, :3], batch_size=16, epochs=3, verbose=0).history
            return {"history": history, "weights": model.get_weights(), "predict": model.predict(x, verbose=0)}

    assert_same(trained("data"), trained(None))


def test_mixed_precision():
    """bfloat16 has 8 bits: sums in another order differ by more."""
    policy = lambda: (dense(dtype="mixed_bfloat16"), "sgd", {})  # noqa: E731
    FEATURES["bfloat16"] = policy
    assert_same(results("bfloat16", "fsdp"), results("bfloat16", None), 2e-2)
    del FEATURES["bfloat16"]


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return X[index * 32 : index * 32 + 32], Y[index * 32 : index * 32 + 32]


def generator():
    while True:
        for index in range(6):
            yield Sequence()[index]


def tensorflow():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X[:192], Y[:192])).batch(32)


def torch_loader():
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(X[:192].copy()), torch.from_numpy(Y[:192].copy()))
    return torch.utils.data.DataLoader(pairs, batch_size=32)


def grain_loader():
    grain = pytest.importorskip("grain")
    rows = [(x, y) for x, y in zip(X[:192], Y[:192])]
    return grain.MapDataset.source(rows).to_iter_dataset().batch(32)


SOURCES = {
    "arrays": lambda: X[:192],
    "PyDataset": Sequence,
    "generator": generator,
    "tf.data": tensorflow,
    "torch": torch_loader,
    "grain": grain_loader,
}


@pytest.mark.parametrize("source", SOURCES)
def test_sources_of_data(source):
    def losses_of(kind, source):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        with KINDS[kind]().scope():
            model, optimizer, _ = FEATURES["adam"]()
            model.compile(optimizer, "sparse_categorical_crossentropy")
            more = {"y": Y[:192]} if source == "arrays" else {}
            steps = {"steps_per_epoch": 6} if source == "generator" else {}
            return model.fit(SOURCES[source](), **more, epochs=2, shuffle=False, verbose=0, **steps).history["loss"]

    np.testing.assert_allclose(losses_of("data", source), losses_of("data", "arrays"), rtol=1e-6)


@pytest.mark.parametrize("rows", [7, 13, 31])
def test_uneven_batches_are_bit_equal(rows):
    def trained(kind):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        distribution.set_distribution(None if kind is None else KINDS[kind]())
        model = dense(layers.BatchNormalization(), layers.Dropout(0.2))
        model.compile(
            "adam", losses.SparseCategoricalCrossentropy(), metrics=[metrics.SparseTopKCategoricalAccuracy(2)]
        )
        history = model.fit(X[: 3 * rows], Y[: 3 * rows], batch_size=rows, epochs=2, verbose=0)
        return [*model.get_weights(), *history.history.values(), model.predict(X[:rows], verbose=0)]

    for one, other in zip(trained("data"), trained(None), strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_it_may_be_set_between_two_calls_of_fit():
    def trained(*kinds):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        model = dense()
        model.compile("adam", "sparse_categorical_crossentropy")
        for kind in kinds:
            distribution.set_distribution(None if kind is None else KINDS[kind]())
            model.fit(X, Y, verbose=0)
        return {"weights": model.get_weights(), "predict": model.predict(X, verbose=0)}

    assert_same(trained(None, "fsdp", "data", None), trained(None, None, None, None))
