"""Model: compile, fit, evaluate and predict as their users see them."""

import numpy as np
import optax
import pytest

import minidl as keras

X = np.random.default_rng(0).normal(size=(100, 8)).astype("float32")
Y = (X[:, 0] > 0).astype("int64") + (X[:, 1] > 0)


def classifier(**compiled):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(16, activation="relu", input_shape=(8,)), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compiled})
    return model


def test_all_names_of_the_package_are_one():
    import minidl as tf

    assert tf.keras is tf is keras
    assert tf.keras.models.Sequential is keras.Sequential is keras.models.Sequential
    from minidl.keras import layers

    assert layers.Dense is keras.layers.Dense


@pytest.mark.slow
def test_fit_returns_the_history_of_all_epochs():
    model = classifier(metrics=["accuracy"])
    history = model.fit(X, Y, epochs=4, initial_epoch=1, validation_data=(X, Y), verbose=0)
    assert history is model.history
    assert history.epoch == [1, 2, 3]
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(len(values) == 3 and all(type(v) is float for v in values) for values in history.history.values())


def test_training_learns():
    history = (
        classifier(optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"]).fit(X, Y, epochs=60, verbose=0).history
    )
    assert history["accuracy"][-1] > 0.9
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_what_evaluate_returns():
    assert isinstance(classifier().evaluate(X, Y, verbose=0), float)
    model = classifier(metrics=["accuracy", "sparse_categorical_crossentropy"])
    loss, accuracy, crossentropy = model.evaluate(X, Y, verbose=0)
    assert model.metrics_names == ["loss", "accuracy", "sparse_categorical_crossentropy"]
    assert loss == pytest.approx(crossentropy, rel=1e-5)
    named = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert named == {"loss": loss, "accuracy": accuracy, "sparse_categorical_crossentropy": crossentropy}


def test_evaluate_and_predict_do_not_change_the_model():
    model = classifier(metrics=["accuracy"])
    before = model.get_weights()
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    model.test_on_batch(X, Y)
    for one, other in zip(model.get_weights(), before):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rows", [1, 33, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (31, 32, 100))])
def test_predict_gives_a_row_for_each_row_whatever_the_batch_size(rows):
    model = classifier()
    outputs = [model.predict(X[:rows], batch_size=size, verbose=0) for size in (1, 7, 32, 1000)]
    for output in outputs:
        assert isinstance(output, np.ndarray) and output.shape == (rows, 3)
        np.testing.assert_allclose(output, outputs[0], rtol=1e-5)
    np.testing.assert_allclose(outputs[0], model(X[:rows]), rtol=1e-5)
    np.testing.assert_allclose(outputs[0], model.predict_on_batch(X[:rows]), rtol=1e-5)


@pytest.mark.slow
def test_predict_of_outputs_without_features():
    inputs = keras.Input((8,))
    assert keras.Model(inputs, inputs[:, :0]).predict(X[:5], verbose=0).shape == (5, 0)


def test_predict_needs_no_compile_and_the_result_is_the_users():
    model = keras.Sequential([keras.layers.Dense(2)])
    first = model.predict(X, verbose=0)
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(model.predict(X, verbose=0), kept)


@pytest.mark.slow
def test_two_metrics_of_one_name_are_both_reported():
    model = classifier(metrics=["accuracy", keras.metrics.SparseCategoricalAccuracy(name="accuracy")])
    history = model.fit(X, Y, verbose=0).history
    assert history["accuracy"] == history["accuracy_1"]


def test_functions_as_loss_and_metrics():
    def squares(y_true, y_pred):
        return (y_true - y_pred[:, 0]) ** 2

    model = classifier(loss=squares, metrics=[squares])
    history = model.fit(X, Y, verbose=0).history
    assert sorted(history) == ["loss", "squares"]
    loss, metric = model.evaluate(X, Y, verbose=0)
    assert loss == pytest.approx(float(np.mean((Y - model.predict(X, verbose=0)[:, 0]) ** 2)), rel=1e-5)
    assert metric == pytest.approx(loss, rel=1e-5)


def test_weighted_metrics_take_the_weights_and_metrics_do_not():
    model = classifier(
        metrics=["accuracy"], weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="weighted")]
    )
    weights = (Y == 0).astype("float32")
    _, plain, weighted = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    right = model.predict(X, verbose=0).argmax(1) == Y
    assert plain == pytest.approx(right.mean())
    assert weighted == pytest.approx(right[Y == 0].mean())


@pytest.mark.slow
def test_any_optax_transformation_is_an_optimizer():
    model = classifier(optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adabelief(0.01)))
    history = model.fit(X, Y, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_a_subclassed_model_is_built_by_its_first_data():
    class Classifier(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = [keras.layers.Dense(8, activation="relu") for _ in range(2)]
            self.dropout = keras.layers.Dropout(0.5)
            self.output_layer = keras.layers.Dense(3, activation="softmax")

        def call(self, x, training=None):
            for layer in self.hidden:
                x = layer(x)
            return self.output_layer(self.dropout(x))

    model = Classifier()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert len(model.trainable_variables) == 6
    assert set(history) == {"accuracy", "loss"}
    assert model.predict(X, verbose=0).shape == (100, 3)
    assert [layer.name for layer in model.layers] == [
        layer.name for layer in (*model.hidden, model.dropout, model.output_layer)
    ]


def test_a_loss_that_layers_add_is_enough():
    class Penalty(keras.layers.Layer):
        def call(self, x):
            self.add_loss((x**2).mean())
            return x

    model = keras.Sequential([keras.layers.Dense(2, input_shape=(8,)), Penalty()])
    model.compile(optimizer="adam")
    history = model.fit(X, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    plain = keras.Sequential([keras.layers.Dense(2, input_shape=(8,))])
    plain.compile(optimizer="adam")
    with pytest.raises(ValueError, match="nothing to train"):
        plain.fit(X, verbose=0)


def test_compute_loss_can_be_overridden():
    class Doubled(keras.Sequential):
        def compute_loss(self, *args, **kwargs):
            return 2 * super().compute_loss(*args, **kwargs)

    def evaluated(kind):
        keras.utils.set_random_seed(0)
        model = kind([keras.layers.Dense(1, input_shape=(8,))])
        model.compile(optimizer="sgd", loss="mse")
        return model.evaluate(X, Y, verbose=0)

    assert evaluated(Doubled) == pytest.approx(2 * evaluated(keras.Sequential), rel=1e-6)


class Recorder(keras.callbacks.Callback):
    """Records the calls of its hooks, and the first weight at that time."""

    def __init__(self):
        self.told = []

    def note(self, *what):
        self.told.append(what)


for _name in ("on_train_begin", "on_train_end", "on_test_begin", "on_test_end"):
    setattr(Recorder, _name, lambda self, logs=None, _name=_name: self.note(_name))
for _name in ("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_end"):
    setattr(Recorder, _name, lambda self, index, logs=None, _name=_name: self.note(_name, index))


@pytest.mark.slow
def test_callbacks_are_called_in_order():
    recorder = Recorder()
    classifier().fit(X[:64], Y[:64], epochs=2, validation_data=(X[:40], Y[:40]), callbacks=[recorder], verbose=0)
    epoch = [
        *[(f"on_train_batch_{when}", i) for i in range(2) for when in ("begin", "end")],
        ("on_test_begin",),
        *[("on_test_batch_end", i) for i in range(2)],
        ("on_test_end",),
    ]
    epochs = [part for e in range(2) for part in (("on_epoch_begin", e), *epoch, ("on_epoch_end", e))]
    assert recorder.told == [("on_train_begin",), *epochs, ("on_train_end",)]


def test_batch_callbacks_see_the_weights_and_logs_of_their_batch():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((self.model.get_weights()[0], logs["loss"]))

    model, by_hand = classifier(), classifier()
    model.fit(X, Y, shuffle=False, callbacks=[Watch()], verbose=0)
    losses = []
    for i, (weight, loss) in enumerate(seen):
        rows = slice(32 * i, 32 * (i + 1))
        losses.append(by_hand.train_on_batch(X[rows], Y[rows]))
        np.testing.assert_allclose(weight, by_hand.get_weights()[0], rtol=1e-5, atol=1e-7)
        assert loss == pytest.approx(np.average(losses, weights=[32, 32, 32, 4][: i + 1]), rel=1e-5)
    assert len(seen) == 4


def test_callbacks_steer_training():
    class Steer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.0 if epoch == 1 else 0.01
            self.before = self.model.get_weights()

        def on_epoch_end(self, epoch, logs=None):
            moved = any((a != b).any() for a, b in zip(self.before, self.model.get_weights()))
            assert moved == (epoch != 1)
            if epoch == 2:
                self.model.set_weights([np.zeros_like(weight) for weight in self.before])
                self.model.stop_training = True

    model = classifier(optimizer="sgd")
    history = model.fit(X, Y, epochs=10, callbacks=[Steer()], verbose=0)
    assert history.epoch == [0, 1, 2]
    assert all((weight == 0).all() for weight in model.get_weights())


def test_stopping_within_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.stop_training = True

    model = classifier()
    model.fit(X, Y, epochs=5, callbacks=[Stop()], verbose=0)
    assert int(model.optimizer.iterations) == 2


def test_an_interrupted_fit_leaves_its_newest_weights():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.weights = self.model.get_weights()
                raise KeyboardInterrupt

    interrupt, model = Interrupt(), classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=5, callbacks=[interrupt], verbose=0)
    for one, other in zip(model.get_weights(), interrupt.weights):
        np.testing.assert_array_equal(one, other)
    assert int(model.optimizer.iterations) == 8
    model.fit(X, Y, verbose=0)


def test_early_stopping_restores_the_best_weights():
    model = classifier(optimizer=keras.optimizers.SGD(20.0))
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
    history = model.fit(X, Y, epochs=50, validation_data=(X, Y), callbacks=[stopping], verbose=0).history["val_loss"]
    assert len(history) < 50
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(min(history), rel=1e-5)


def test_moving_averages_are_the_final_weights():
    model = classifier(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    model.fit(X, Y, epochs=2, verbose=0)
    averages = [v.numpy() for v in model.optimizer.variables if v.name.endswith("average")]
    for one, other in zip(model.get_weights(), averages):
        np.testing.assert_array_equal(one, other)


def test_get_layer():
    model = classifier()
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(model.layers[1].name) is model.layers[1]
    with pytest.raises(ValueError, match=r"no layer 'other' in .*it has \['"):
        model.get_layer("other")
    with pytest.raises(ValueError, match="no layer at index 5"):
        model.get_layer(index=5)
    with pytest.raises(ValueError, match="a name or an index"):
        model.get_layer()


def test_compiling_again_starts_with_a_new_optimizer():
    model = classifier(metrics=["accuracy"])
    model.fit(X, Y, verbose=0)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    assert sorted(model.fit(X, Y, verbose=0).history) == ["loss"]
    assert int(model.optimizer.iterations) == 4


@pytest.mark.slow
def test_metrics_in_fit_know_the_logits_as_in_evaluate():
    model = keras.Sequential([keras.layers.Dense(3, activation="softmax", kernel_initializer="ones", input_shape=(8,))])
    model.layers[0].set_weights([np.linspace(-200, 200, 24).reshape(8, 3), np.zeros(3)])  # saturated
    model.compile(
        optimizer=keras.optimizers.SGD(0.0),
        loss="sparse_categorical_crossentropy",
        metrics=["sparse_categorical_crossentropy"],
    )
    history = model.fit(X, Y, verbose=0).history
    loss, metric = model.evaluate(X, Y, verbose=0)
    assert loss > 20
    assert metric == pytest.approx(loss, rel=1e-5)
    assert history["sparse_categorical_crossentropy"][0] == pytest.approx(loss, rel=1e-5)


@pytest.mark.slow
def test_a_schedule_set_between_two_fits_takes_effect():
    model = classifier(optimizer="sgd")
    model.fit(X, Y, verbose=0)
    model.optimizer.learning_rate = lambda step: 0.0 * step
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    for one, other in zip(model.get_weights(), before):
        np.testing.assert_array_equal(one, other)


def test_build_of_a_subclass_makes_the_weights_of_the_layers_inside(tmp_path):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding, self.blocks = keras.layers.Embedding(10, 4), [keras.layers.Dense(2)]

        def call(self, x):
            return self.blocks[0](self.embedding(x))

    model = Net()
    model.build((None, 3))
    assert model.built and [weight.shape for weight in model.weights] == [(10, 4), (4, 2), (2,)]
    weights = model.get_weights()
    model.save(tmp_path / "net.keras")
    x = np.ones((2, 3), "int32")
    again = keras.models.load_model(tmp_path / "net.keras", {"Net": Net})
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(model.get_weights()[0], weights[0], "the call makes no new ones")


@pytest.mark.parametrize(
    "name",
    ["steps", "graph", "inputs", "outputs", "input_shape", "output_shape", "input_names", "operations", "prepare"],
)
def test_attributes_of_a_users_model_may_have_any_name_that_is_free_in_keras(name):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            setattr(self, name, 7)
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x) * getattr(self, name)

    x = np.ones((4, 2), "float32")
    model = Own()
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), 7 * (x @ model.dense.kernel + model.dense.bias), rtol=1e-6)
    assert getattr(model, name) == 7


def test_what_follows_from_a_graph_cannot_be_assigned():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    with pytest.raises(AttributeError, match="outputs of 'functional.*' follows from its graph"):
        model.outputs = []
