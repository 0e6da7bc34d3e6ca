"""What a program changes counts from the next batch on: in callbacks, between two calls of fit, anywhere."""

import gc
import weakref

import numpy as np
import pytest

import minidl as keras
from minidl import layers, ops
from minidl.core import object_graph
from minidl.training import compiled_steps, fingerprint, step_programs
from tests.counting import compilations

X = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")


class Penalized(keras.Model):
    """Adds `beta * mean(z ** 2)` to the loss."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.beta = layers.Dense(3), layers.Dense(5), 0.0

    def call(self, x):
        z = self.encoder(x)
        self.add_loss(self.beta * ops.mean(ops.square(z)))
        return self.decoder(z)


class At(keras.callbacks.Callback):
    """Does something to the model at a hook, when its first argument has a value."""

    def __init__(self, hook, do, when=None):
        super().__init__()

        def called(first=None, logs=None):
            if when is None or first == when:
                do(self.model)

        setattr(self, hook, called)


def losses_with(model, *callbacks, epochs=1, **compiled):
    keras.utils.set_random_seed(1)
    model = model()
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    options = {"batch_size": 8, "shuffle": False, "verbose": 0, "callbacks": list(callbacks)}
    return [round(loss, 5) for loss in model.fit(X, X, epochs=epochs, **options).history["loss"]]


def dropped():
    return keras.Sequential([keras.Input((5,)), layers.Dense(8), layers.Dropout(0.1), layers.Dense(5)])


# Keras 3.15.1 on JAX, with the same model, seed and callback.
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin"])
def test_an_attribute_set_before_the_first_batch(hook):
    assert losses_with(Penalized, At(hook, lambda model: setattr(model, "beta", 5.0))) == [7.77629]


def test_a_dropout_rate_set_when_training_begins():
    assert losses_with(dropped, At("on_train_begin", lambda model: setattr(model.layers[1], "rate", 0.5))) == [1.98396]


def test_a_variable_in_a_loss_set_when_training_begins():
    factor = keras.Variable(0.0, trainable=False)

    def loss(y, y_pred):
        return ops.mean(ops.square(y - y_pred), -1) + factor * ops.mean(ops.abs(y_pred), -1)

    def model():
        return keras.Sequential([keras.Input((5,)), layers.Dense(5)])

    came = losses_with(model, At("on_train_begin", lambda _: factor.assign(5.0)), loss=loss)
    assert came == [5.33527]


def test_later_changes_take_effect_in_the_next_epoch():
    """The second epoch with a beta of 5 is one that goes on from the weights after the first, with that beta."""
    changed = losses_with(Penalized, At("on_epoch_begin", lambda model: setattr(model, "beta", 5.0), 1), epochs=2)
    keras.utils.set_random_seed(1)
    model = Penalized()
    model.compile("sgd", "mse")
    first = model.fit(X, X, batch_size=8, shuffle=False, verbose=0).history["loss"]
    other = Penalized()
    other.beta = 5.0
    other.compile("sgd", "mse")
    other.build((None, 5))
    other.set_weights(model.get_weights())
    second = other.fit(X, X, batch_size=8, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(changed, [*first, *second], rtol=1e-5)


def test_a_variable_in_a_loss_changes_from_step_to_step_without_compiling():
    factor = keras.Variable(1.0, trainable=False)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(5)])
    model.compile(keras.optimizers.SGD(0.0), lambda y, y_pred: factor * ops.mean(ops.square(y - y_pred), -1))
    seen = []
    double = At("on_train_batch_end", lambda _: factor.assign(2 * factor.value))
    kept = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    model.fit(X[:8], X[:8], batch_size=8, verbose=0, callbacks=[kept])
    with compilations() as compiled:
        model.fit(X[:8], X[:8], batch_size=8, epochs=3, verbose=0, callbacks=[kept, double])
    assert "jit(_train_chunk)" not in compiled
    np.testing.assert_allclose(seen, [seen[0] * scale for scale in (1, 1, 2, 4)], rtol=1e-6)
    assert float(factor) == 8


def test_an_attribute_that_no_step_reads_compiles_nothing():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(5)])
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)
    with compilations() as compiled:
        model.fit(
            X, X, epochs=3, verbose=0, callbacks=[At("on_epoch_end", lambda m: setattr(m, "best", m.optimizer.name))]
        )
        model.layers[0].remark = "new"
        model.fit(X, X, verbose=0)
    assert not [name for name in compiled if "batches" in name]


@pytest.mark.parametrize("frozen_first", [False, True])
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_train_batch_begin"])
def test_freezing_and_unfreezing_in_a_callback(hook, frozen_first):
    def two():
        return keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(5)])

    keras.utils.set_random_seed(1)
    model = two()
    first = model.layers[0]
    first.trainable = not frozen_first
    model.compile(keras.optimizers.Adam(0.1), "mse")
    seen = []
    change = At(hook, lambda _: setattr(first, "trainable", frozen_first), 1)
    watch = At("on_epoch_end", lambda _: seen.append(first.kernel.numpy()))
    model.fit(X, X, epochs=3, batch_size=20, verbose=0, callbacks=[change, watch])
    assert [not np.array_equal(before, after) for before, after in zip(seen, seen[1:])] == [frozen_first] * 2
    assert len(model.optimizer.variables) == 2 + 2 * 4  # iterations, the rate, and two slots for each weight


def test_unfreezing_keeps_the_state_of_the_other_weights():
    """As if all weights had been trained from the start, with gradients of zero while they were frozen."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(5)])
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.fit(X, X, verbose=0)
    last = model.layers[1]
    before = {v.path: v.numpy() for v in model.optimizer.variables if last.kernel.path.replace("/", "_") in v.path}
    assert len(before) == 1 and all(np.abs(value).max() > 0 for value in before.values())
    model.layers[0].trainable = True
    model.optimizer.extend(model.trainable_variables)
    after = {v.path: v.numpy() for v in model.optimizer.variables}
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value)
    assert [v.shape for v in model.optimizer.variables[2:]] == [w.shape for w in model.trainable_variables]


def test_an_optimizer_that_cannot_take_more_weights_raises():
    class Own(keras.optimizers.SGD):
        def build(self, variables):
            super().build(variables)

    model = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(5)])
    model.layers[0].trainable = False
    model.compile(Own(0.1), "mse")
    model.fit(X, X, verbose=0)
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match=r"built for 2 weights.*dense.*kernel.*compile\(\) with a new optimizer"):
        model.fit(X, X, verbose=0)


def test_compile_in_a_callback():
    def compile_anew(model):
        model.compile(keras.optimizers.SGD(0.0), "mae")

    def model():
        return keras.Sequential([keras.Input((5,)), layers.Dense(5)])

    losses = losses_with(model, At("on_epoch_begin", compile_anew, 1), epochs=3)
    assert losses[1] == losses[2] and losses[0] != losses[1]


def test_a_step_of_ones_own_may_give_a_loss_alone():
    """As in Keras's guide to custom steps in JAX."""

    class Own(keras.Sequential):
        def train_step(self, state, data):
            logs, state = super().train_step(state, data)
            return logs["loss"], state

        def test_step(self, state, data):
            logs, state = super().test_step(state, data)
            return logs["loss"], state

    keras.utils.set_random_seed(1)
    own = Own([keras.Input((5,)), layers.Dense(5)])
    own.compile("sgd", "mse")
    plain = keras.models.clone_model(keras.Sequential(own.layers))
    plain.build((None, 5))
    plain.set_weights(own.get_weights())
    plain.compile("sgd", "mse")
    options = {"shuffle": False, "verbose": 0}
    assert own.fit(X, X, **options).history == plain.fit(X, X, **options).history
    assert own.evaluate(X, X, verbose=0) == plain.evaluate(X, X, verbose=0)


# model(x): what the user's functions read counts at each call


def called_with(activation):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, kernel_initializer="ones", activation=activation)])
    return lambda: float(np.asarray(model(np.ones((1, 2), "float32")))[0, 0])


def test_an_activation_that_reads_a_closure():
    state = {"temperature": 1.0}
    call = called_with(lambda x: x * state["temperature"])
    assert call() == 2.0
    state["temperature"] = 5.0
    assert call() == 10.0


def test_an_activation_that_reads_a_variable():
    temperature = keras.Variable(1.0)
    call = called_with(lambda x: x * temperature)
    assert call() == 2.0
    temperature.assign(4.0)
    assert call() == 8.0


def test_an_activation_that_is_a_method_of_an_object():
    class Scale:
        factor = 1.0

        def act(self, x):
            return x * self.factor

    scale = Scale()
    call = called_with(scale.act)
    assert call() == 2.0
    scale.factor = 3.0
    assert call() == 6.0


def test_an_activation_that_draws_with_numpy():
    call = called_with(lambda x: x * np.float32(np.random.rand()))
    assert len({call() for _ in range(3)}) == 3


def test_minidls_own_activations_are_compiled():
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(2, activation="relu"), layers.Dense(2, activation=ops.tanh)]
    )
    model(np.ones((1, 2), "float32"))
    assert model._compiled_call._made._is_one_program


def test_an_attribute_that_changes_a_constant_array_alone():
    """The text of the traced step is the same; its constants are not. (2 + 2 * 2 + 3) ** 2 = 81."""

    class Scaled(layers.Layer):
        def __init__(self):
            super().__init__()
            self.scale = 1.0

        def call(self, x):
            return x * np.array([self.scale, 2 * self.scale, 3.0], "float32")

    scaled = Scaled()
    model = keras.Sequential([keras.Input((3,)), scaled, layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 1))
    assert model.evaluate(x, y, verbose=0) == model.fit(x, y, verbose=0).history["loss"][0] == 36
    scaled.scale = 2.0
    assert model.evaluate(x, y, verbose=0) == model.fit(x, y, verbose=0).history["loss"][0] == 81


def doubled(part, method):
    """Assign a function of twice what a method gives to an object, in the place of the method."""
    old = getattr(part, method)
    setattr(part, method, lambda *args, **kwargs: keras.tree.map_structure(lambda x: 2 * x, old(*args, **kwargs)))


@pytest.mark.slow
@pytest.mark.parametrize("warm", [False, True])
def test_a_method_or_function_assigned_to_an_object_counts_in_all_calls(warm):
    """The last layer is linear without a bias: twice its output is that of twice its kernel."""
    for change in (
        lambda model: doubled(model.layers[1], "call"),
        lambda model: doubled(model, "call"),
        lambda model: setattr(model.layers[1], "activation", lambda x: 2 * x),
    ):
        model = keras.Sequential([keras.Input((5,)), layers.Dense(4, "relu"), layers.Dense(5, use_bias=False)])
        other = keras.models.clone_model(model)
        for each in (model, other):
            each.compile(keras.optimizers.SGD(0.0), "mse")
        if warm:
            model.predict(X, verbose=0), model.evaluate(X, X, verbose=0), model.fit(X, X, verbose=0)
        kernel, last = (layer.kernel.numpy() for layer in model.layers)
        bias = model.layers[0].bias.numpy()
        change(model)
        other.set_weights([kernel, bias, 2 * last])
        np.testing.assert_allclose(model.predict(X, verbose=0), other.predict(X, verbose=0), rtol=1e-6)
        loss = other.evaluate(X, X, verbose=0)
        assert model.evaluate(X, X, verbose=0) == pytest.approx(loss, rel=1e-6)
        assert model.fit(X, X, verbose=0).history["loss"] == pytest.approx([loss], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("warm", [False, True])
def test_a_step_assigned_to_a_model_is_run(warm):
    """As Keras does before the first call, with these numbers; after it Keras keeps the old one."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(5)])
    model.compile("sgd", "mse")
    if warm:
        model.predict(X, verbose=0), model.evaluate(X, X, verbose=0), model.fit(X, X, verbose=0)
    weights = model.get_weights()
    model.train_step = lambda state, data: ({"loss": 7.0}, state)
    model.test_step = lambda state, data: ({"loss": 8.0}, state)
    model.predict_step = lambda state, data: (9 + 0 * data, state[1])
    assert model.fit(X, X, verbose=0).history["loss"] == [0.0] and model.evaluate(X, X, verbose=0) == 0.0
    np.testing.assert_array_equal(model.predict(X, verbose=0), np.full_like(X, 9))
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU, layers.SimpleRNN])
@pytest.mark.parametrize("warm", [False, True])
def test_a_method_assigned_to_a_recurrent_cell_is_run(layer, warm):
    """In all layers the output is the new state too, so without weights of the state its double is twice the output."""
    x = X.reshape(8, 5, 5)
    for method in ("call", "step"):
        model = keras.Sequential([keras.Input((5, 5)), layer(3, use_bias=False, return_sequences=True)])
        first = model.predict(x, verbose=0)[:, 0] if warm else np.asarray(model.layers[0](x))[:, 0]
        doubled(model.layers[0].cell, method)
        np.testing.assert_allclose(model.predict(x, verbose=0)[:, 0], 2 * first, rtol=1e-5)
        np.testing.assert_allclose(model(x)[:, 0], 2 * first, rtol=1e-5)


class Told(keras.callbacks.Callback):
    """Wants every batch, and changes nothing."""

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.slow
def test_a_batch_costs_no_walk_over_the_model_unless_something_is_set(monkeypatch):
    walks = []
    taken = compiled_steps.fingerprint
    monkeypatch.setattr(compiled_steps, "fingerprint", lambda *args, **given: walks.append(1) or taken(*args, **given))
    model = dropped()
    model.compile("adam", "mse")
    counts = []
    for batch_size in (40, 20, 2, 1):  # the first call makes the steps
        walks.clear()
        model.fit(X, X, batch_size=batch_size, verbose=0, callbacks=[Told()])
        model.evaluate(X, X, batch_size=batch_size, verbose=0)
        counts.append(len(walks))
    assert counts[2] == counts[3] <= counts[0]
    walks.clear()
    for _ in range(10):
        model.predict(X[:1], verbose=0)
        model.train_on_batch(X[:1], X[:1])
    assert len(walks) <= 2
    model.layers[1].rate = 0.5
    model.train_on_batch(X[:1], X[:1])
    assert walks


def test_a_row_costs_no_look_at_the_attributes_of_layers(monkeypatch):
    model = dropped()
    calls = [lambda: model.predict(X[:1]), lambda: model.predict(X[:1], verbose=0), lambda: model(X[:1])]
    looks = []
    for name in ("_now", "_now_in_stamped"):  # a model of minidl's own layers has no lists, which have no stamp
        look = getattr(object_graph.Watch, name)
        monkeypatch.setattr(object_graph.Watch, name, lambda self, look=look: looks.append(1) or look(self))
    for rate, call in enumerate(calls, 2):
        call()
        looks.clear()
        call()
        assert not looks
        model.layers[1].rate = 1 / rate
        call()
        assert looks


def test_an_epoch_costs_no_walk_over_the_model(monkeypatch):
    walks, counts = [], []
    monkeypatch.setattr(compiled_steps, "fingerprint", lambda model: walks.append(1) or fingerprint.fingerprint(model))
    monkeypatch.setattr(compiled_steps, "key_of", lambda model: walks.append(1) or step_programs.key_of(model))
    model = keras.Sequential([keras.Input((5,)), layers.Dense(5)])
    model.compile("adam", "mse", metrics=["mae"])
    end = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: counts.append(len(walks)))
    model.fit(X, X, epochs=4, verbose=0, callbacks=[end])
    assert counts == counts[:1] * 4
    assert counts[0] <= 6  # when the steps are made; before and after each of the two shapes is traced


def test_a_first_call_traces_a_step_once():
    traces = []

    class Traced(layers.Layer):
        def call(self, x):
            traces.append(1)
            return x + 1

    model = keras.Sequential([keras.Input((5,)), layers.Dense(5), Traced()])
    model.compile("sgd", "mse")
    for call in (
        lambda: model.evaluate(X, X, batch_size=8, verbose=0),
        lambda: model.predict(X, batch_size=8, verbose=0),
        lambda: model.fit(X, X, batch_size=8, verbose=0),
    ):
        traces.clear()
        call()
        assert len(traces) == 1
        call()
        assert len(traces) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model.layers[1], "rate", 0.5),
        lambda model: model.layers[1].__dict__.update(extra=1),
        lambda model: model.list.append(1),
        lambda model: model.list[0].append(1),
        lambda model: model.table.update(one=2),
        lambda model: model.table.pop("one"),
        lambda model: (model.list.pop(), model.after.insert(0, 2.5)),
        lambda model: setattr(model.layers[0].kernel, "trainable", False),
        lambda model: setattr(model.layers[0], "trainable", False),
        lambda model: setattr(model.optimizer, "clipnorm", 1.0),
        lambda model: setattr(model.layers[2].kernel_regularizer, "l2", 1.0),
        lambda model: setattr(model.objectives.losses[0], "reduction", "sum"),
        lambda model: setattr(model.metrics[1], "threshold", 0.25),
        lambda model: model.compile("adam", "mse"),
    ],
)
def test_a_watch_sees_what_a_fingerprint_shows(change):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(8), layers.Dropout(0.1)])
    model.add(layers.Dense(5, kernel_regularizer="l2"))
    model.list, model.after, model.table = [[0], 2.5], [3.5], {"one": 1}
    model.compile("adam", keras.losses.MeanSquaredError(), metrics=[keras.metrics.BinaryAccuracy()])
    model.train_on_batch(X, X)
    known = fingerprint.fingerprint(model)
    watch = object_graph.Watch(known.places, known.variables)
    assert watch.is_unchanged()
    change(model)
    assert not watch.is_unchanged()


@pytest.mark.slow
def test_data_are_not_kept_when_training_has_ended():
    model = dropped()
    model.compile("adam", "mse")
    rows = X.copy()
    kept = weakref.ref(rows)
    model.fit(rows, X, batch_size=8, verbose=0)
    del rows
    gc.collect()
    assert kept() is None
