"""Checks that 8 devices compute what one does, for every feature of fit; test_many_devices.py runs them."""

import functools

import jax
import numpy as np
import optax
import pytest

import minidl as keras
from minidl import distribution, layers, losses, metrics, optimizers
from minidl.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel

TOLERANCE = 2e-6  # of the largest
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


# Adam divides a gradient by its own size, so that rounding shows in weights with hardly any: most have SGD.
FEATURES = {
    "adam": lambda: (dense(), "adam", {}),
    "dropout": lambda: (dense(layers.Dropout(0.3)), optimizers.SGD(0.1), {}),
    "batch normalization": lambda: (dense(layers.BatchNormalization()), "sgd", {}),
    "accumulation": lambda: (dense(), optimizers.SGD(0.1, gradient_accumulation_steps=2), {}),
    "averages": lambda: (dense(), optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=3), {}),
    "clipping": lambda: (dense(), optimizers.Adam(global_clipnorm=0.1), {}),
    "an optax transformation": lambda: (dense(), optax.adamw(1e-3), {}),
    "adafactor": lambda: (dense(), optimizers.Adafactor(), {}),
    "loss scaling": lambda: (dense(), optimizers.LossScaleOptimizer(optimizers.SGD()), {}),
    "lora": lambda: (with_lora(), optimizers.SGD(0.1), {}),
    "a step of the user's own": lambda: (own_step(), optimizers.SGD(0.1), {}),
    "operation by operation": lambda: (dense(), "sgd", {"run_eagerly": True}),
}


def results(feature, kind):
    """All that a user would look at."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    distribution.set_distribution(None if kind is None else KINDS[kind]())
    model, optimizer, options = FEATURES[feature]()
    rows = 75 if options else 203
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    history = model.fit(
        X[:rows], Y[:rows], epochs=2, verbose=0, validation_split=0.1, class_weight={1: 2.0}, batch_size=32
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
    return results(feature, None)


def assert_same(found, wanted, tolerance=TOLERANCE):
    for name in wanted:
        for one, other in zip(jax.tree.leaves(found[name]), jax.tree.leaves(wanted[name]), strict=True):
            largest = max(np.abs(other).max(initial=0), 1e-3)
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * largest, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feature", FEATURES)
def test_features(feature, kind):
    assert_same(results(feature, kind), on_one_device(feature))


def test_mixed_precision():
    """bfloat16 has 8 bits: sums in another order differ by more."""
    policy = lambda: (dense(dtype="mixed_bfloat16"), "sgd", {})  # noqa: E731
    FEATURES["bfloat16"] = policy
    assert_same(results("bfloat16", "fsdp"), on_one_device("bfloat16"), 2e-2)
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
