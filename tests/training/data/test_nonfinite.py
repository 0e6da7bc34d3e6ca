"""NaN and infinity train where the program handles them; else they are refused, and the weights stay as they were."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import layers, ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 5)).astype("float32")
Y = RANDOM.normal(size=(40, 3)).astype("float32")
GAPS = np.where(RANDOM.random(Y.shape) < 0.3, np.nan, Y).astype("float32")


def put(array, value, row=7):
    array = array.copy()
    array[row, 0] = value
    return array


def masked_mse(y_true, y_pred):
    known = ops.logical_not(ops.isnan(y_true))
    gap = ops.where(known, y_true, y_pred) - y_pred
    return ops.sum(gap * gap) / ops.maximum(ops.sum(ops.cast(known, "float32")), 1.0)


def masked_too_late(y_true, y_pred):
    """Finite, but its gradient is NaN: 0 * NaN in the part that `where` leaves out."""
    return ops.mean(ops.where(ops.isnan(y_true), 0.0, ops.square(y_true - y_pred)))


def compiled(loss="mse", units=3, fill=False, optimizer="sgd"):
    inputs = layers.Input((5,))
    outputs = layers.Dense(units, kernel_initializer="ones")(ops.nan_to_num(inputs) if fill else inputs)
    model = minidl.Model(inputs, outputs)
    model.compile(optimizer, loss)
    return model


def as_stream(x, y):
    return {"x": iter([(x[i : i + 8], y[i : i + 8]) for i in range(0, len(x), 8)]), "y": None}


@pytest.mark.parametrize("stream", [False, True])
def test_labels_that_the_loss_leaves_out_train(stream):
    model = compiled(masked_mse)
    right = np.nanmean((GAPS[:8] - model.predict(X[:8], verbose=0)) ** 2)
    data = as_stream(X, GAPS) if stream else {"x": X, "y": GAPS, "batch_size": 8, "shuffle": False}
    first: list = []
    seen = minidl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: first.append(logs))
    model.fit(**data, verbose=0, callbacks=seen)
    np.testing.assert_allclose(first[0]["loss"], right, rtol=1e-5)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.slow
def test_the_trial_leaves_no_trace():
    """The same numbers as with the gaps in labels that a weight of 0 takes out, optimizer and seeds included."""
    results = []
    for y in (GAPS, np.where(np.isnan(GAPS), 1e6, GAPS)):
        minidl.utils.set_random_seed(0)
        model = minidl.Sequential([layers.Dropout(0.5), layers.Dense(3)])
        model.compile("adam", lambda t, p: jnp.mean(jnp.where(jnp.isnan(t) | (t > 1e5), p, t) - p) + jnp.mean(p**2))
        results.append(model.fit(X, y, epochs=2, verbose=0).history["loss"])
    assert results[0] == results[1]


@pytest.mark.slow
def test_inputs_that_the_model_fills_train():
    history = compiled(fill=True).fit(put(X, np.nan), Y, validation_data=(put(X, np.nan), Y), verbose=0).history
    assert np.isfinite([*history["loss"], *history["val_loss"]]).all()


REFUSED = {
    "NaN in x": ({"x": put(X, np.nan)}, "x of shape (40, 5) holds NaN in 1 of 40 rows, the first at row 7"),
    "inf in x": ({"x": put(X, np.inf)}, "x of shape (40, 5) holds infinite values in 1 of 40 rows"),
    "inf in y": ({"y": put(Y, -np.inf)}, "y of shape (40, 3) holds infinite values in 1 of 40 rows"),
    "NaN in y": ({"y": GAPS}, "y of shape (40, 3) holds NaN"),
    "NaN to validate on": (
        {"validation_data": (put(X, np.nan, 2), Y)},
        "validation_data: x of shape (40, 5) holds",
    ),
    "NaN in a stream": (as_stream(put(X, np.nan), Y), "x of shape (8, 5) holds NaN in 1 of 8 rows"),
    "inf as a weight": ({"sample_weight": np.r_[np.inf, np.ones(39)]}, "sample_weight has values from 1 to inf"),
    "NaN as a weight": ({"sample_weight": np.r_[np.nan, np.ones(39)]}, "sample_weight has values from nan"),
    "a negative weight": ({"sample_weight": np.r_[-1, np.ones(39)]}, "sample_weight has values from -1 to 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_lost(case):
    arguments, message = REFUSED[case]
    model = compiled()
    before = model.get_weights()
    with pytest.raises(ValueError) as refusal:
        model.fit(**{"x": X, "y": Y, "verbose": 0, **arguments})
    assert message in str(refusal.value)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert int(model.optimizer.iterations) == 0


def test_a_gradient_that_is_nan_is_refused_too():
    model = compiled(masked_too_late)
    with pytest.raises(ValueError, match="y of shape"):
        model.fit(X, GAPS, verbose=0)
    with pytest.raises(ValueError, match="y of shape"):
        model.train_on_batch(X, GAPS)
    assert np.isfinite(model.get_weights()[0]).all()


def test_a_sparse_matrix_that_holds_nan_is_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match="x of shape .* NaN in 1 of 40 rows, the first at row 7"):
        compiled().fit(sparse.csr_matrix(put(X * (X > 1), np.nan)), Y, verbose=0)


def test_one_warning_if_the_loss_becomes_nan():
    model = compiled(lambda y_true, y_pred: ops.mean(ops.log(y_pred - 100.0)))
    with pytest.warns(UserWarning, match="loss is NaN at batch") as caught:
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    assert sum("loss is NaN" in str(warning.message) for warning in caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled().fit(X, Y, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["run_eagerly", "own train_step", "loss scale"])
def test_the_trial_goes_the_way_of_the_training(how):
    class Own(minidl.Sequential):
        def train_step(self, state, data):
            return super().train_step(state, data)

    kind = Own if how == "own train_step" else minidl.Sequential
    for loss, refused in ((masked_mse, False), ("mse", True)):
        model = kind([layers.Input((5,)), layers.Dense(3)])
        optimizer = minidl.optimizers.SGD()
        if how == "loss scale":
            optimizer = minidl.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, loss, run_eagerly=how == "run_eagerly", metrics=["mae"] if refused else None)
        before = model.get_weights()
        if not refused:
            assert np.isfinite(model.fit(X, GAPS, verbose=0).history["loss"]).all()
            continue
        with pytest.raises(ValueError, match="y of shape"):
            model.fit(X, GAPS, verbose=0)
        np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinite values")])
def test_a_mapped_file_is_checked_as_it_is_read(tmp_path, shuffle, value, kind):
    """Training ends at the bad chunk with the weights of the batches before it, which those of a short file give."""
    np.save(tmp_path / "x.npy", put(X, value, row=29))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    model, short = compiled(), compiled()
    options = {"batch_size": 8, "verbose": 0, "shuffle": shuffle}
    with pytest.raises(ValueError, match=rf"fit: x of shape \(40, 5\) in a mapped file holds {kind}, in row 29 among"):
        model.fit(mapped, Y, **options)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    if not shuffle:
        every = minidl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
        model = compiled()
        with pytest.raises(ValueError, match="row 29"):
            model.fit(mapped, Y, callbacks=every, **options)
        short.fit(X[:24], Y[:24], **options)
        for ours, right in zip(model.get_weights(), short.get_weights(), strict=True):
            np.testing.assert_allclose(ours, right, rtol=1e-6)
    with pytest.raises(ValueError, match="fit: validation_data: x of shape .* in row 29"):
        compiled().fit(X, Y, validation_data=(mapped, Y), **options)
    if np.isnan(value):  # which nan_to_num replaces by 0
        assert np.isfinite(compiled(fill=True).fit(mapped, Y, **options).history["loss"]).all()
