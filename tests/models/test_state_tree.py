"""State trees: what is in them, that they can be set, and what is refused."""

import numpy as np
import pytest

import minidl as keras
from minidl import Model, layers


def compiled_model():
    keras.utils.clear_session(free_memory=False)  # the optimizer's name is in the tree: no other test has had it
    x = keras.Input((3,))
    model = Model(x, layers.Dense(1, name="price")(layers.BatchNormalization(name="even")(x)))
    model.compile(optimizer="adam", loss="mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    return model


def test_a_tree_holds_all_variables_by_their_paths():
    model = compiled_model()
    tree = model.get_state_tree("numpy_array")
    assert list(tree) == [
        "trainable_variables",
        "non_trainable_variables",
        "optimizer_variables",
        "metrics_variables",
    ]
    np.testing.assert_array_equal(tree["trainable_variables"]["price"]["kernel"], model.layers[-1].kernel)
    assert set(tree["non_trainable_variables"]["even"]) == {"moving_mean", "moving_variance"}
    assert tree["optimizer_variables"]["adam"]["iteration"] == 1
    assert tree["optimizer_variables"]["adam"]["price_bias_momentum"].shape == (1,)
    assert tree["metrics_variables"]["loss"]["count"] == 4


def test_setting_a_tree_takes_a_model_back():
    model = compiled_model()
    before, x = model.get_state_tree("numpy_array"), np.ones((4, 3))
    predictions = model.predict(x, verbose=0)
    model.fit(x, np.ones((4, 1)), epochs=3, verbose=0)
    assert not np.allclose(model.predict(x, verbose=0), predictions)
    model.set_state_tree(before)
    np.testing.assert_array_equal(model.predict(x, verbose=0), predictions)
    assert int(model.optimizer.iterations) == 1


def test_what_a_tree_leaves_out_stays():
    model = compiled_model()
    kernel = model.layers[-1].kernel.numpy()
    model.set_state_tree({"trainable_variables": {"price": {"bias": [0.5]}}})
    assert model.layers[-1].bias.numpy() == 0.5
    np.testing.assert_array_equal(model.layers[-1].kernel, kernel)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"weights": {}}, "Unknown kind of variable in the state tree 'weights'"),
        ({"trainable_variables": {"price": {"bas": [1.0]}}}, "'price/bas'. Did you mean 'price/bias'"),
        ({"trainable_variables": {"price": {"bias": [1.0, 2.0]}}}, r"price/bias has the shape \(1,\), got .*\(2,\)"),
    ],
)
def test_a_tree_that_does_not_fit_sets_nothing(tree, message):
    model = compiled_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.set_state_tree({"trainable_variables": {"price": {"kernel": np.zeros((3, 1))}}, **tree})
    for value, weight in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, weight)


def test_two_variables_of_one_path_and_other_formats_are_refused():
    class Twice(Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(2, name="same"), layers.Dense(2, name="same")

        def call(self, x):
            return self.second(self.first(x))

    model = Twice()
    model(np.ones((1, 2)))
    with pytest.raises(ValueError, match="Two variables of the model have the path '.*same/kernel'"):
        model.get_state_tree()
    with pytest.raises(ValueError, match="value_format must be 'backend_tensor' or 'numpy_array', got 'list'"):
        compiled_model().get_state_tree("list")
