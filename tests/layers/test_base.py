"""Layer: layers written as Keras documents them."""

import copy
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import layers, regularizers
from minidl.core import naming
from minidl.core.object_graph import without
from minidl.core.variables import Variable
from minidl.layers import Dense, Dropout, Input, Layer
from minidl.metrics import Mean
from minidl.random import SeedGenerator, dropout

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]], "float32")


@pytest.fixture(autouse=True)
def fresh_names():
    naming.reset_names()


def ids(variables):
    """Which variables they are: `==` compares what they hold."""
    return [id(variable) for variable in variables]


class Linear(Layer):
    """The first example of Keras's guide to layers."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True, name="b")

    def call(self, inputs):
        return inputs @ self.w + self.b


class Total(Layer):
    """State that is not trained."""

    def build(self, input_shape):
        self.total = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="total")

    def call(self, inputs):
        self.total.assign_add(inputs.sum(0))
        return self.total + 0 * inputs


class Block(Layer):
    """Layers in an attribute, a list, a tuple and a dict."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Linear(3)
        self.listed = [Linear(3), Dropout(0.5, seed=1)]
        self.paired = (Dense(3, use_bias=False),)
        self.named = {"head": Linear(1, name="head")}

    def call(self, x):
        x = self.listed[1](self.listed[0](self.first(x)))
        return self.named["head"](self.paired[0](x))


# Weights


def test_weights_are_made_by_the_first_call():
    layer = Linear(4)
    assert not layer.built and layer.weights == [] and repr(layer) == "<Linear name=linear, built=False>"
    output = layer(X)
    assert layer.built and repr(layer) == "<Linear name=linear, built=True>"
    np.testing.assert_allclose(output, X @ layer.w.numpy(), rtol=1e-5, atol=1e-6)
    assert [w.path for w in layer.weights] == ["linear/w", "linear/b"] and layer.path == "linear"
    kernel = layer.w.numpy()
    layer(X[:1])
    np.testing.assert_array_equal(layer.w, kernel)


def test_build_runs_once_whoever_asks():
    calls = []

    class Counted(Layer):
        def build(self, input_shape):
            calls.append(input_shape)
            self.w = self.add_weight((input_shape[-1],), "ones")
            super().build(input_shape)

        def call(self, x):
            return x * self.w

    class Child(Counted):
        def build(self, input_shape):
            super().build(input_shape)
            self.v = self.add_weight((1,), "ones", name="v")

    layer = Child(name="c")
    layer.build((None, 3))
    layer.build((None, 3))
    layer(X)
    assert calls == [(None, 3)] and layer.built
    assert [w.path for w in layer.weights] == ["c/variable", "c/v"]


def test_a_build_that_raises_leaves_the_layer_unbuilt():
    layer = Dense(3)
    with pytest.raises(ValueError, match=r"last axis of the input needs a known size, got \(None, None\)"):
        layer.build((None, None))
    assert not layer.built
    assert layer(X).shape == (2, 3)


def test_add_weight():
    layer = Layer(name="l", dtype="mixed_bfloat16")
    default = layer.add_weight()
    whole = layer.add_weight((2,), dtype="int32", trainable=False, name="count")
    odd = layer.add_weight(
        shape=[2, 3], initializer=minidl.initializers.Ones(), dtype="float16", regularizer="l2", constraint="non_neg"
    )
    assert (default.shape, default.dtype, default.path) == ((), "float32", "l/variable")
    assert (whole.dtype, whole.path, whole.numpy().tolist()) == ("int32", "l/count", [0, 0])
    assert (odd.shape, odd.dtype, odd.path) == ((2, 3), "float16", "l/variable_1")
    assert isinstance(odd.regularizer, regularizers.L2) and type(odd.constraint).__name__ == "NonNeg"
    assert ids(layer.weights) == ids([default, odd, whole]), "trainable ones come first"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("kernel", (3,)), "expected a shape, got 'kernel'. Give a name as a keyword argument: name='kernel'"),
        ((3,), "must be a tuple of known sizes.* got 3"),
        (((None, 3),), r"tuple of known sizes.* got \(None, 3\)"),
        (((3,), "glorot_unifrom"), "Unknown initializer 'glorot_unifrom'. Did you mean 'glorot_uniform'"),
    ],
)
def test_add_weight_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Layer().add_weight(*arguments)


def test_add_weight_refuses_a_positional_name():
    """As tf.keras was once called: `add_weight("kernel", shape=...)`."""
    with pytest.raises(ValueError, match=r"Give a name as a keyword argument: name='kernel'"):
        Layer().add_weight("kernel", shape=(3,))


def test_variables_of_nested_layers():
    block = Block(name="block")
    block(X)
    own = ["linear/w", "linear/b", "linear_1/w", "linear_1/b", "dense/kernel", "head/w", "head/b"]
    assert [v.path for v in block.weights] == [f"block/{path}" for path in own]
    assert [v.path for v in without(block.variables, block.weights)] == ["seed_generator/seed_generator_state"]
    assert ids(block.trainable_variables) == ids(block.trainable_weights) == ids(block.weights)
    assert ids(block.non_trainable_variables) == ids([block.listed[1].seed_generator.state])
    assert block.non_trainable_weights == []
    assert block.count_params() == 3 * 3 + 3 + 3 * 3 + 3 + 3 * 3 + 3 + 1


def test_order_of_variables():
    class Mixed(Layer):
        def __init__(self):
            super().__init__(name="m")
            self.inner = Dense(1)
            self.count = Variable(0, trainable=False, name="count")
            self.free = Variable([1.0], name="free")
            self.generator = SeedGenerator(1, name="g")
            self.again = self.free

        def build(self, input_shape):
            self.state = self.add_weight((1,), trainable=False, name="state")
            self.scale = self.add_weight((1,), name="scale")

        def call(self, x):
            return self.inner(x * self.scale + self.free)

    layer = Mixed()
    layer(X)
    weights = ["m/scale", "free", "m/state", "count", "m/dense/kernel", "m/dense/bias"]
    assert [v.path for v in layer.weights] == weights
    assert [v.path for v in layer.variables] == weights[:4] + ["g/seed_generator_state"] + weights[4:]
    layer.scale.trainable = False
    assert [v.path for v in layer.weights] == weights, "freezing one does not reorder what get_weights gives"
    assert [v.path for v in layer.trainable_variables] == ["free", "m/dense/kernel", "m/dense/bias"]


def test_a_shared_layer_counts_once():
    class Twice(Layer):
        def __init__(self):
            super().__init__()
            self.a = Dense(3)
            self.b = [self.a]

        def call(self, x):
            return self.b[0](self.a(x))

    layer = Twice()
    layer(X)
    assert len(layer.weights) == len(layer.variables) == 2
    assert len(layer.losses) == 0


def test_layers_added_and_replaced_later_are_found():
    class Growing(Layer):
        def __init__(self):
            super().__init__()
            self.steps = []

        def call(self, x):
            for step in self.steps:
                x = step(x)
            return x

    layer = Growing()
    layer(X)
    layer.steps.append(Linear(5))
    assert layer(X).shape == (2, 5) and len(layer.weights) == 2
    layer.steps[0] = Linear(4)
    assert layer(X).shape == (2, 4) and ids(layer.weights) == ids(layer.steps[0].weights)


def test_freezing():
    block = Block()
    block(X)
    everything = list(block.variables)
    block.first.trainable = False
    assert ids(block.trainable_variables) == ids(block.weights[2:])
    assert ids(block.non_trainable_weights) == ids(block.weights[:2])
    assert set(ids(block.non_trainable_variables)) == set(ids(everything)) - set(ids(block.weights[2:]))
    block.trainable = False
    assert block.trainable_variables == [] and ids(block.non_trainable_variables) == ids(everything)
    assert not block.named["head"].trainable and not block.listed[0].trainable
    block.named["head"].trainable = True
    assert block.trainable_variables == [] and len(block.named["head"].trainable_variables) == 2
    block.trainable = True
    assert ids(block.trainable_variables) == ids(block.weights) and block.first.trainable
    frozen = Dense(3, trainable=False)
    frozen(X)
    assert frozen.trainable_weights == [] and len(frozen.non_trainable_weights) == 2
    assert not frozen.kernel.trainable
    frozen.trainable = True
    assert frozen.kernel.trainable and len(frozen.trainable_weights) == 2
    total = Total()
    total(X)
    total.trainable = False
    total.trainable = True
    assert total.trainable_weights == [], "what was never trainable does not become so"


def test_get_and_set_weights():
    block, other = Block(), Block()
    block(X), other(X)
    weights = block.get_weights()
    assert all(isinstance(w, np.ndarray) for w in weights) and len(weights) == 7
    other.set_weights(weights)
    np.testing.assert_array_equal(other(X), block(X))
    other.set_weights([w.tolist() for w in weights])
    np.testing.assert_array_equal(other(X), block(X))
    weights[0][:] = 7
    assert not np.any(block.get_weights()[0] == 7), "they are copies"


def test_set_weights_refuses_and_then_sets_nothing():
    layer = Linear(2)
    with pytest.raises(ValueError, match=r"linear.set_weights: got 2 arrays for 0 weights \(the layer is not built"):
        layer.set_weights([np.ones((3, 2)), np.ones(2)])
    layer(X)
    before = layer.get_weights()
    with pytest.raises(ValueError, match="linear.set_weights: got 1 arrays for 2 weights"):
        layer.set_weights([np.ones((3, 2))])
    with pytest.raises(ValueError, match=r"linear.set_weights: linear/b has shape \(2,\), got \(3,\)"):
        layer.set_weights([np.ones((3, 2)), np.ones(3)])
    for got, want in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(got, want)


def test_count_params():
    layer = Linear(4)
    with pytest.raises(ValueError, match="linear.count_params: the layer is not built"):
        layer.count_params()
    layer.build((None, 3))
    assert layer.count_params() == 16
    assert Dropout(0.1).count_params() == 0


@pytest.mark.parametrize("clone", [copy.deepcopy])
def test_copies_have_weights_of_their_own(clone):
    layer = Linear(2)
    layer(X)
    cloned = clone(layer)
    np.testing.assert_array_equal(cloned(X), layer(X))
    cloned.w.assign(np.zeros((3, 2)))
    assert np.any(layer.w.numpy()) and cloned.get_config() == layer.get_config()


# Losses


class Penalized(Layer):
    def call(self, x):
        self.add_loss(jnp.sum(x))
        self.add_loss([jnp.mean(x), {"more": jnp.max(x)}])
        return x


def test_losses_of_the_last_call():
    layer = Penalized()
    assert layer.losses == []
    for x in (X, 2 * X):
        layer(x)
        np.testing.assert_allclose(layer.losses, [x.sum(), x.mean(), x.max()], rtol=1e-6)


def test_losses_of_all_layers_inside():
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Penalized()
            self.dense = Dense(2, kernel_initializer="ones", kernel_regularizer="l2", activity_regularizer="l1")

        def call(self, x):
            self.add_loss(jnp.float32(7))
            return self.dense(self.inner(self.inner(x)))

    layer = Outer()
    for _ in range(2):
        layer(X)
        inner = [X.sum(), X.mean(), X.max()]
        activity = 0.01 * np.abs(X @ np.ones((3, 2))).sum() / 2  # for each of the two examples
        np.testing.assert_allclose(layer.losses, [7, *inner, *inner, activity, 0.06], rtol=1e-6)
    layer.inner(X)
    assert len(layer.inner.losses) == 3, "an outermost call begins anew"
    layer.dense.trainable = False
    assert len(layer.losses) == 1 + 3 + 1, "weights that are not trained are not penalized"


def test_activity_regularizer_of_structures_and_scalars():
    class Two(Layer):
        def call(self, x):
            return {"all": x, "one": jnp.sum(x)}

    layer = Two(activity_regularizer=lambda output: jnp.sum(jnp.square(output)))
    layer(X)
    np.testing.assert_allclose(layer.losses, [np.square(X).sum() / 2, X.sum() ** 2], rtol=1e-6)


# Training or not


class Says(Layer):
    def call(self, x, training=None):
        return training


class Passes(Layer):
    """A layer that does not know of training."""

    def __init__(self, inner=None):
        super().__init__()
        self.inner = inner or Says()

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize("training", [True, False, None])
def test_training_reaches_the_layers_inside(training):
    assert Says()(X, training=training) is training
    assert Passes(Passes())(X, training=training) is training
    drop = Dropout(0.5, seed=1)
    same = np.array_equal(Passes(drop)(X, training=training), X)
    assert same != bool(training)


def test_arguments_given_to_a_nested_layer_take_precedence():
    class Decides(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Passes()

        def call(self, x, training=None):
            return training, self.inner(x, training=False), self.inner(x)

    assert Decides()(X, training=True) == (True, False, True)
    assert Says()(X) is None, "nothing is left behind"


def test_defaults_in_the_signature():
    class On(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Says()

        def call(self, x, training=True):
            return training, self.inner(x)

    class Required(Layer):
        def call(self, x, training):
            return training

    assert On()(X) == (True, True)
    assert On()(X, training=False) == (False, False)
    assert Passes(On())(X, training=False) == (False, False)
    assert Required()(X) is False and Required()(X, training=True) is True


def test_no_state_is_left_when_a_call_raises():
    class Fails(Layer):
        def call(self, x, training=None):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Passes(Fails())(X, training=True)
    assert Passes()(X) is None
    layer = Penalized()
    layer(X), layer(X)
    assert len(layer.losses) == 3


# Inputs


def test_several_inputs_are_built_by_name():
    class Attend(Layer):
        def build(self, query_shape, value_shape):
            self.q = self.add_weight((query_shape[-1], 2), name="q")
            self.v = self.add_weight((value_shape[-1], 2), name="v")

        def call(self, query, value=None, scale=1.0):
            return (query @ self.q + value @ self.v) * scale

    layer = Attend()
    assert layer(X, value=np.ones((2, 5)), scale=2.0).shape == (2, 2)
    assert (layer.q.shape, layer.v.shape) == ((3, 2), (5, 2))


def test_a_build_with_an_argument_that_is_not_an_input_is_refused():
    class Wrong(Layer):
        def build(self, query_shape, keys_shape):
            raise AssertionError("not reached")

        def call(self, query, key):
            return query + key

    with pytest.raises(ValueError, match=r"Wrong.build: \['keys_shape'\] are not among \["):
        Wrong()(X, X)

    class Unnamed(Layer):
        def build(self, query_shape, units):
            raise AssertionError("not reached")

        def call(self, query, units):
            return query + units

    with pytest.raises(ValueError, match=r"Unnamed.build: \['units'\] are not among \["):
        Unnamed()(X, X)

    class Asking(Layer):
        def build(self, query_shape, key_shape):
            raise AssertionError("not reached")

        def call(self, query, key=None):
            return query

    with pytest.raises(ValueError, match=r"Asking: the inputs \['key'\] are missing; this call has \['query'\]"):
        Asking()(X)


def test_weights_are_not_made_in_a_call():
    class Late(Layer):
        def call(self, x):
            self.w = self.add_weight((), "zeros")
            return x + self.w

    with pytest.raises(
        ValueError, match=r"late.add_weight: it was called inside of call\(\), where every call would add a weight"
    ):
        Late()(X)
    layer = Late()
    layer.v = layer.add_weight((), "ones", name="v")  # outside of one they may be
    assert layer.v.path == "late_1/v"


def test_a_users_output_shape_is_taken_as_it_is():
    class Untraceable(Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            return np.asarray(x)[:, :2], {"b": np.asarray(x)}

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 2), {"b": input_shape}

        def compute_mask(self, inputs, mask):
            return mask, None

    first, second = Untraceable()(layers.Masking()(Input((3, 4))))
    assert (first.shape, second["b"].shape) == ((None, 2), {"b": (None, 3, 4)}["b"])
    assert first._keras_mask.shape == (None, 3) and second["b"]._keras_mask is None

    class Block(Layer):  # its Dense is not built yet, so that the call must be traced
        def __init__(self):
            super().__init__()
            self.dense = Dense(5)

        def call(self, x):
            return self.dense(x)

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 5)

    block = Block()
    assert block(Input((3,))).shape == (None, 5) and block.dense.built
    assert block(Input((3,))).shape == (None, 5)


def test_structures_of_inputs():
    class Join(Layer):
        def build(self, input_shape):
            self.shapes = input_shape
            self.w = self.add_weight((input_shape["a"][-1] + input_shape["b"][0][-1],), "ones")

        def call(self, inputs):
            return jnp.concatenate([inputs["a"], inputs["b"][0]], -1) * self.w

    layer = Join()
    assert layer({"a": X, "b": [np.ones((2, 1))]}).shape == (2, 4)
    assert layer.shapes == {"a": (2, 3), "b": [(2, 1)]}


def test_inputs_become_arrays_of_the_compute_dtype():
    class Dtype(Layer):
        def call(self, x, other=None):
            return [str(leaf.dtype) for leaf in jax.tree.leaves((x, other)) if isinstance(leaf, jax.Array)]

    given = [np.ones(2), jnp.ones(2, "bfloat16"), np.ones(2, "int64"), np.ones(2, bool), np.float64(1), Variable(1.0)]
    assert Dtype()(given) == ["float32", "float32", "int32", "bool", "float32", "float32"]
    assert Dtype(dtype="mixed_bfloat16")(X, other=X) == ["bfloat16", "bfloat16"]
    assert Dtype(dtype="float16", autocast=False)(X, other="text") == ["float32"]


def test_tensors_of_other_libraries():
    class Tensor:
        shape = X.shape

        def __array__(self, dtype=None, copy=None):
            return X.astype("float64")

    layer = Dense(2)
    np.testing.assert_array_equal(layer(Tensor()), layer(X))


@pytest.mark.parametrize("wrong", [[[1.0, 2.0, 3.0]], 2.0, "text", True, (1, 2)])
def test_non_arrays_are_refused(wrong):
    layer = Dense(2)
    for _ in range(2):
        with pytest.raises(ValueError, match=f"dense: expected arrays, got a {type(wrong).__name__}. Make an array"):
            layer(wrong)
        layer(X)


def test_mixed_precision():
    class Scaled(Layer):
        def build(self, input_shape):
            self.w = self.add_weight((3,), "ones", name="w")
            self.exact = self.add_weight((3,), "ones", autocast=False, name="exact")
            self.steps = self.add_weight((), "zeros", "int32", trainable=False, name="steps")

        def call(self, x):
            self.steps.assign_add(1)
            self.seen = [str(v.value.dtype) for v in (self.w, self.exact, self.steps)]
            return x * self.w

    layer = Scaled(dtype="mixed_bfloat16")
    assert layer(X).dtype == "bfloat16" and layer.seen == ["bfloat16", "float32", "int32"]
    assert [v.dtype for v in layer.weights] == ["float32", "float32", "int32"]
    assert layer.compute_dtype == "bfloat16" and layer.dtype == layer.variable_dtype == "float32"
    whole = Passes(Scaled())
    assert whole(X).dtype == "float32" and whole.inner.seen == ["float32", "float32", "int32"]


def test_the_policy_may_be_set_by_name():
    layer = Linear(2)
    layer.dtype_policy = "mixed_bfloat16"
    assert layer(X).dtype == "bfloat16" and layer.w.dtype == "float32"
    with pytest.raises(ValueError, match="Unknown dtype policy 'float31'"):
        layer.dtype_policy = "float31"


# Symbolic calls


def test_a_symbolic_call_gives_shapes_and_builds():
    layer = Block()
    output = layer(Input((3,)))
    assert (output.shape, output.dtype) == ((None, 1), "float32") and layer.built and layer.count_params() == 37
    assert output.producer.operation is layer
    assert Dense(4, dtype="mixed_bfloat16")(Input((5, 3), batch_size=2)).dtype == "bfloat16"
    assert layer(X).shape == (2, 1)


def test_shape_inference_with_an_unknown_batch():
    layer = Linear(4)
    assert layer.compute_output_shape((None, 3)) == (None, 4)
    assert layer.compute_output_shape((7, 3)) == (7, 4)
    assert layer.compute_output_shape((None, None, 3)) == (None, None, 4)
    assert Penalized().compute_output_spec(Input((2,))).shape == (None, 2)


def test_a_symbolic_call_changes_nothing():
    """Also not in layers that are made or built while it runs."""

    class Lazy(Layer):
        def __init__(self):
            super().__init__()
            self.total = Total()
            self.mean = Mean()
            self.generator = None

        def call(self, x):
            self.mean.update_state(x)
            self.generator = self.generator or SeedGenerator(3)
            self.add_loss(jnp.sum(x))
            return dropout(self.total(x), 0.5, seed=self.generator)

    layer = Lazy()
    for _ in range(2):
        assert layer(Input((3,)), training=True).shape == (None, 3)
        np.testing.assert_array_equal(layer.total.total, np.zeros(3))
        np.testing.assert_array_equal(layer.generator.state, [3, 0])
        assert float(layer.mean.result()) == 0 and layer.losses == []
    layer(X)
    np.testing.assert_array_equal(layer.total.total, X.sum(0))
    np.testing.assert_array_equal(layer.generator.state, [3, 1])
    assert float(layer.mean.result()) == pytest.approx(X.mean())


def test_a_layer_built_inside_a_compiled_function_has_real_weights():
    layer = Block()
    jax.jit(lambda x: layer(x))(X)
    again = Block()
    again(X)
    again.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(X), again(X), rtol=1e-6)


# Pure calls


def test_stateless_call():
    layer = Total()
    with pytest.raises(ValueError, match="total: build the layer"):
        layer.stateless_call([], [], X)
    layer.build((None, 3))
    outputs, new = layer.stateless_call([], [np.ones(3, "float32")], X)
    np.testing.assert_array_equal(new[0], X.sum(0) + 1)
    np.testing.assert_array_equal(outputs[0], X.sum(0) + 1)
    np.testing.assert_array_equal(layer.total, np.zeros(3))


def test_stateless_call_in_jax_transformations():
    layer = Block()
    layer(X)
    trainable = [v.value for v in layer.trainable_variables]
    rest = [v.value for v in layer.non_trainable_variables]
    before = layer.get_weights()

    @jax.jit
    def step(trainable, rest, x):
        def loss(trainable):
            outputs, new_rest = layer.stateless_call(trainable, rest, x, training=True)
            return jnp.mean(outputs**2), new_rest

        gradients, rest = jax.grad(loss, has_aux=True)(trainable)
        return [w - 0.1 * g for w, g in zip(trainable, gradients)], rest

    for count in range(1, 3):
        trainable, rest = step(trainable, rest, X)
        np.testing.assert_array_equal(rest[0], [1, count])  # the seed generator has moved on
    assert all(np.isfinite(w).all() for w in trainable)
    for got, want in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(got, want)
    batched = jax.vmap(lambda x: layer.stateless_call(trainable, rest, x)[0])(np.stack([X, 2 * X, 3 * X]))
    assert batched.shape == (3, 2, 1)
    np.testing.assert_allclose(batched[1], layer.stateless_call(trainable, rest, 2 * X)[0], rtol=1e-5)


def test_stateless_call_with_losses():
    layer = Dense(2, kernel_initializer="ones", kernel_regularizer="l2")
    layer(X)
    values = [np.full((3, 2), 2.0, "float32"), np.zeros(2, "float32")]
    outputs, rest, losses = layer.stateless_call(values, [], X, return_losses=True)
    np.testing.assert_allclose(losses, [0.01 * 6 * 4], rtol=1e-6)
    assert rest == [] and outputs.shape == (2, 2)
    np.testing.assert_allclose(layer.losses, [0.06], rtol=1e-6)


def test_stateless_call_leaves_no_losses():
    layer = Penalized()
    layer.build((None, 3))
    _, _, losses = jax.jit(lambda x: layer.stateless_call([], [], x, return_losses=True))(X)
    np.testing.assert_allclose(losses, [X.sum(), X.mean(), X.max()], rtol=1e-6)
    assert layer.losses == []


@pytest.mark.parametrize("given", [([], []), ([X], [X]), ([X, X, X], [])])
def test_stateless_call_refuses_another_number_of_values(given):
    layer = Dense(2, name="d")
    layer(X)
    message = f"d.stateless_call: expected values for 2 trainable and 0 .* got {len(given[0])} and {len(given[1])}"
    with pytest.raises(ValueError, match=message):
        layer.stateless_call(*given, X)


# Metrics in layers


def test_metrics_in_layers():
    class Measured(Layer):
        def __init__(self):
            super().__init__()
            self.mean = Mean(name="mean_input")
            self.inner = Dense(1)

        def call(self, x):
            self.mean.update_state(x)
            return self.inner(x)

    outer = Passes(Measured())
    outer(X)
    outer(X + 1)
    assert outer.metrics == [outer.inner.mean] and ids(outer.metrics_variables) == ids(outer.inner.mean.variables)
    assert float(outer.inner.mean.result()) == pytest.approx(X.mean() + 0.5)
    assert len(outer.metrics_variables) == 2 and ids(outer.variables) == ids(outer.weights)
    values = [v.value for v in outer.trainable_variables]
    outer.stateless_call(values, [], X + 7)
    jax.jit(lambda x: outer.stateless_call(values, [], x)[0])(X + 7)
    assert float(outer.inner.mean.result()) == pytest.approx(X.mean() + 0.5), "a pure call changes no metric"


# Arguments, names and configs


class Custom(Layer):
    """No get_config: its arguments are plain data."""

    def __init__(self, units, scale=1.0, *, options=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale, self.options = units, scale, options

    def call(self, x):
        return x * self.scale


def test_automatic_config():
    layer = Custom(3, options={"a": [1, None, "b"]}, name="mine", trainable=False, dtype="mixed_bfloat16")
    config = layer.get_config()
    assert (config["units"], config["scale"], config["options"]) == (3, 1.0, {"a": [1, None, "b"]})
    assert (config["name"], config["trainable"], config["dtype"]["config"]) == (
        "mine",
        False,
        {"name": "mixed_bfloat16"},
    )
    again = Custom.from_config(json.loads(json.dumps(config)))
    assert (again.units, again.scale, again.options, again.name, again.trainable) == (
        3,
        1.0,
        {"a": [1, None, "b"]},
        "mine",
        False,
    )
    assert again.get_config() == config


def test_automatic_config_of_a_constructor_without_more_arguments():
    class Strict(Layer):
        def __init__(self, units, name=None):
            super().__init__(name=name)
            self.units = units

    layer = Strict(3, name="s")
    assert layer.get_config() == {"units": 3, "name": "s"}
    assert Strict.from_config(layer.get_config()).name == "s"

    class NoArguments(Layer):
        def call(self, x):
            return x

    assert NoArguments.from_config(NoArguments(name="n").get_config()).name == "n"


def test_a_config_that_is_not_plain_data_is_refused():
    class Holds(Layer):
        def __init__(self, function, *more, **kwargs):
            super().__init__(**kwargs)

    for layer in (Holds(np.sin), Holds(Dense(2)), Holds(np.ones(2)), Holds(1, 2)):
        with pytest.raises(NotImplementedError, match=r"Holds: write get_config\(\), since the arguments"):
            layer.get_config()


def test_own_get_config():
    class Explicit(Linear):
        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Written(Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def get_config(self):
            return {**super().get_config(), "inner": layers.serialize(self.inner)}

        @classmethod
        def from_config(cls, config):
            return cls(**{**config, "inner": layers.deserialize(config["inner"])})

    again = Explicit.from_config(Explicit(5, activity_regularizer="l2").get_config())
    assert again.units == 5 and isinstance(again.activity_regularizer, regularizers.L2)
    config = json.loads(json.dumps(layers.serialize(Written(Dense(3)))))
    assert config["registered_name"] == "Written" and config["module"] == __name__
    again = layers.deserialize(config, custom_objects={"Written": Written})
    assert isinstance(again.inner, Dense) and again.inner.units == 3
    with pytest.raises(ValueError, match="Unknown layer 'Written'"):
        layers.deserialize(config)


def test_missing_call_of_super():
    class Forgets(Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    class Late(Layer):
        def __init__(self):
            self.dense = Dense(2)
            super().__init__()

        def call(self, x):
            return self.dense(x)

    for use in (lambda layer: layer(X), lambda layer: layer.weights, lambda layer: layer.add_weight((1,))):
        with pytest.raises(RuntimeError, match=r"Forgets.__init__ must call super\(\).__init__\(\) first"):
            use(Forgets())
    late = Late()
    late(X)
    assert len(late.weights) == 2


def test_unknown_arguments():
    with pytest.raises(
        TypeError, match="Dense: unknown argument 'unitz'. Did you mean 'units'[?] .* 'regularizer'. Did you mean"
    ):
        Dense(3, unitz=3, regularizer="l2")
    with pytest.raises(ValueError, match="Unknown regularizer 'l1l3'. Did you mean 'l1l2'"):
        Dense(3, kernel_regularizer="l1l3")
    with pytest.raises(ValueError, match="Unknown dtype policy 'float31'"):
        Dense(3, dtype="float31")


@pytest.mark.parametrize("wrong", ["a/b", 3, ["a"]])
def test_wrong_names(wrong):
    with pytest.raises(ValueError, match="Linear: name must be a string without '/', got"):
        Linear(name=wrong)


@pytest.mark.parametrize("wrong", [1, None, "yes"])
def test_wrong_trainable(wrong):
    with pytest.raises(ValueError, match="Linear: trainable must be True or False, got"):
        Linear(trainable=wrong)


def test_call_is_missing():
    class Empty(Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty is a layer without call\(\). Write `def call"):
        Empty()(X)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"input_shape": (3, 4)}, (None, 3, 4)),
        ({"input_shape": 3}, (None, 3)),
        ({"input_shape": [3]}, (None, 3)),
        ({"input_dim": 3}, (None, 3)),
        ({"input_shape": (3,), "batch_size": 2}, (2, 3)),
        ({"batch_input_shape": (2, 3)}, (2, 3)),
        ({}, None),
    ],
)
def test_given_input_shapes(arguments, shape):
    assert Dense(2, **arguments).given_input_shape == shape


def test_add_variable_is_add_weight():
    layer = layers.Layer(name="owner")
    count = layer.add_variable((), "zeros", dtype="int32", trainable=False, name="count")
    assert layer.non_trainable_weights == [count] and count.path == "owner/count" and count.dtype == "int32"


def test_a_config_that_the_constructor_refuses():
    for error in (TypeError, ValueError):  # Keras's, and the constructor's own
        with pytest.raises(
            error, match=r"Embedding cannot be made of the config .*input_dim must be a positive integer"
        ):
            layers.Embedding.from_config({"input_dim": 3.7, "output_dim": 8})


def without_shapes(self):
    self.scale = self.add_weight(shape=(2,), initializer="ones")


def with_any_shapes(self, *shapes, **more):
    assert not shapes and not more  # as in Keras
    self.scale = self.add_weight(shape=(2,), initializer="ones")


@pytest.mark.parametrize("build", [without_shapes, with_any_shapes])
def test_a_build_may_take_no_shape(build, tmp_path):
    def call(self, x):
        return x * self.scale

    kind = type("Scaled", (Layer,), {"build": build, "call": call})
    minidl.saving.register_keras_serializable("no shape")(kind)
    layer = kind()
    np.testing.assert_array_equal(layer(np.full((1, 2), 3.0)), [[3, 3]])
    assert layer.get_build_config() == {"shapes_dict": {}}  # as in Keras
    model = minidl.Sequential([Input((2,)), kind(), Dense(2)])
    model.save(tmp_path / "model.keras")
    x = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(minidl.saving.load_model(tmp_path / "model.keras")(x), model(x))
