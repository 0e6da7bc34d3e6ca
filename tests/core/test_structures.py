"""A layer gets a dict in the order in which it was written, wherever it comes from.

The right columns are the order of the dict's own `values()`, as Keras 3.15.1 gives it in `model(x)`.
"""

import jax
import numpy as np
import pytest

import minidl
from minidl import layers, tree
from minidl.core import structures


class Join(layers.Layer):
    """The columns of a dict (or of dicts in one, or in a list) side by side."""

    def call(self, inputs):
        return layers.concatenate(list(leaves(inputs)))


class Joined(minidl.Model):
    """`Join` as a subclassed model, with a weight to train."""

    def __init__(self):
        super().__init__()
        self.join, self.scale = Join(), layers.Dense(2, kernel_initializer="identity")

    def call(self, inputs):
        return self.scale(self.join(inputs))


def leaves(part):
    if isinstance(part, dict):
        part = list(part.values())
    return [leaf for inner in part for leaf in leaves(inner)] if isinstance(part, list) else [part]


def column(value, rows=3):
    return np.full((rows, 1), value, "float32")


FORMS = {
    "dict": {"b": column(1), "a": column(2)},
    "nested": {"z": {"b": column(1)}, "c": column(2)},
    "list of dicts": [{"b": column(1), "a": column(2)}],
}


def functional(data):
    inputs = structures.map(lambda array: layers.Input(array.shape[1:]), data)
    return minidl.Model(inputs, layers.Dense(2, kernel_initializer="identity")(Join()(inputs)))


def sequential(data):
    return minidl.Sequential([Join(), layers.Dense(2, kernel_initializer="identity")])


MODELS = {"functional": functional, "sequential": sequential, "subclass": lambda data: Joined()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", MODELS)
def test_a_dict_keeps_its_order_everywhere(kind, form):
    data, right = FORMS[form], np.tile([[1.0, 2.0]], (3, 1)).astype("float32")
    model = MODELS[kind](data)
    np.testing.assert_array_equal(model(data), right)
    np.testing.assert_array_equal(model(data, training=True), right)
    np.testing.assert_array_equal(model.predict(data, verbose=0), right)
    np.testing.assert_array_equal(model.predict_on_batch(data), right)
    np.testing.assert_array_equal(model.predict(iter([(data,)]), verbose=0), right)
    values = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
    np.testing.assert_array_equal(model.stateless_call(*values, data)[0], right)
    model.compile("sgd", "mse")
    assert model.evaluate(data, right, verbose=0) == 0
    assert model.evaluate(iter([(data, right)]), verbose=0) == 0
    assert model.test_on_batch(data, right) == 0
    assert model.fit(data, right, verbose=0).history["loss"] == [0]
    assert model.fit(data, right, verbose=0, validation_split=0.4).history["val_loss"] == [0]
    assert model.fit(iter([(data, right)]), verbose=0).history["loss"] == [0]
    assert model.train_on_batch(data, right) == 0


@pytest.mark.parametrize("kind", MODELS)
def test_outputs_keep_the_order_that_the_model_gives_them(kind):
    class Named(layers.Layer):
        def call(self, x):
            return {"q": x + 1, "c": x}

    x = column(1)
    made = {
        "functional": lambda: minidl.Model(i := layers.Input((1,)), {"q": i + 1, "c": i * 1}),
        "sequential": lambda: minidl.Sequential([Named()]),
        "subclass": lambda: type("Own", (minidl.Model,), {"call": lambda self, x: {"q": x + 1, "c": x}})(),
    }[kind]()
    for outputs in (
        made(x),
        made.predict(x, verbose=0),
        made.predict_on_batch(x),
        made.compute_output_shape((None, 1)),
    ):
        assert list(outputs) == ["q", "c"]
    assert made.predict(x, verbose=0)["q"][0, 0] == 2


def test_symbolic_tensors_and_shapes_come_in_the_order_written():
    seen = []

    class Seeing(layers.Layer):
        def build(self, input_shape):
            seen.append(list(input_shape))

        def call(self, inputs):
            seen.append(list(inputs))
            return {"y": inputs["b"], "d": inputs["a"]}

    outputs = Seeing()({"b": layers.Input((1,)), "a": layers.Input((1,))})
    assert list(outputs) == ["y", "d"] and all(keys == ["b", "a"] for keys in seen)


def test_a_step_of_the_callers_gets_plain_dicts_in_order():
    seen = []

    class Own(Joined):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            seen.append((type(x), list(x)))
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    model = Own()
    model.compile("sgd", "mse")
    model.fit(FORMS["dict"], np.ones((3, 2)), verbose=0)
    assert seen and all(entry == (dict, ["b", "a"]) for entry in seen)


def test_targets_of_a_dict_go_by_name():
    i = layers.Input((1,))
    model = minidl.Model(i, {"q": i + 1, "c": i * 1})
    model.compile("sgd", "mse")
    x = column(1)
    assert model.evaluate(x, {"c": x, "q": x + 1}, verbose=0)[0] == 0
    assert model.evaluate(x, {"q": x + 1, "c": x}, verbose=0)[0] == 0


def test_trees_are_mapped_in_order():
    """As keras.tree of Keras 3.15.1: list(keras.tree.map_structure(f, {"b": 1, "a": 2})) == ["b", "a"]."""
    nested = {"b": [1, None], "a": {"d": 2, "c": 3}}
    assert str(tree.map_structure(lambda leaf: leaf, nested)) == str(nested)
    assert str(tree.pack_sequence_as(nested, tree.flatten(nested))) == str(nested)
    assert str(tree.traverse(lambda part: None, nested)) == str(nested)
    assert tree.map_structure(lambda a, b: a + b, {"b": 1, "a": 2}, {"a": 10, "b": 20}) == {"b": 21, "a": 12}
    assert list(tree.map_structure_up_to({"b": None, "a": None}, sum, {"a": [1], "b": [2]})) == ["b", "a"]


def test_ordered_goes_through_jit_with_the_leaves_of_a_dict():
    given = structures.ordered({"b": np.ones(1), "a": [{"d": np.zeros(1), "c": np.ones(2)}]})
    made = structures.plain(jax.jit(lambda x: x)(given))
    assert list(made) == ["b", "a"] and list(made["a"][0]) == ["d", "c"] and type(made) is dict
    shapes = [leaf.shape for leaf in jax.tree.leaves(structures.plain(given))]
    assert [leaf.shape for leaf in jax.tree.leaves(given)] == shapes == [(2,), (1,), (1,)]
