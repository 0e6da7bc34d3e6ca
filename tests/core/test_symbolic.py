"""Symbolic tensors: shapes without values, and the shapes that come out of calls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl.core import naming
from minidl.core.symbolic import KerasTensor, infer, is_symbolic


def shape_of(call, *shapes, dtype="float32"):
    return infer(call, tuple(KerasTensor(shape, dtype) for shape in shapes), {}).shape


def test_attributes_of_a_symbolic_tensor():
    naming.reset_names()
    tensor, other = KerasTensor([None, 3]), KerasTensor((2, 3), "int64", name="x")
    assert (tensor.shape, tensor.dtype, tensor.ndim, tensor.name) == ((None, 3), "float32", 2, "keras_tensor")
    assert (other.shape, other.dtype, other.name, KerasTensor(()).name) == ((2, 3), "int32", "x", "keras_tensor_1")
    assert repr(tensor) == "<KerasTensor shape=(None, 3), dtype=float32, name=keras_tensor>"
    assert tensor.producer is None


def test_a_tensor_has_no_values():
    tensor = KerasTensor((2,))
    with pytest.raises(ValueError, match="has no values: it is symbolic. Call the model on real arrays"):
        np.asarray(tensor)
    with pytest.raises(ValueError, match="has no values"):
        np.sum(tensor)
    with pytest.raises(TypeError, match="no truth value, it is symbolic. Use array operations in place of `if`"):
        if tensor:
            pass


def test_is_symbolic():
    tensor = KerasTensor((2,))
    assert is_symbolic(tensor) and is_symbolic([1, {"a": (tensor, None)}])
    assert not is_symbolic(np.ones(2)) and not is_symbolic([None, "text", {}]) and not is_symbolic(None)


@pytest.mark.parametrize(
    ("call", "shapes", "want"),
    [
        (lambda x: x + 1, [(None, 3)], (None, 3)),
        (lambda x: x.sum(0), [(None, 3)], (3,)),
        (lambda x: x.reshape(x.shape[0], -1), [(None, 4, 5)], (None, 20)),
        (lambda x: x.reshape(x.shape[0], -1), [(None, None, 3)], (None, None)),
        (lambda x: x.reshape(-1, 4), [(None, 8)], (None, 4)),
        (lambda x: x.reshape(-1, 6, 2), [(None, 2)], (None, 6, 2)),  # groups of an axis of unknown size
        (lambda x: x[:, ::2] + x[:, 1::2], [(None, None, 3)], (None, None, 3)),
        (lambda x: jnp.concatenate([x, jnp.ones((x.shape[0], 2))], 1), [(None, 3)], (None, 5)),
        (lambda x: x[:7], [(None, 3)], (7, 3)),
        (lambda x, y: x @ y, [(None, 3), (3, 5)], (None, 5)),
        (lambda x, y: x + y, [(None, 3), (None, 1)], (None, 3)),
        (lambda x: jnp.zeros(4), [(None, 3)], (4,)),
        (lambda x: x, [(2, 3)], (2, 3)),
        (lambda x: x.mean(), [(None, None)], ()),
    ],
)
def test_sizes_that_follow_unknown_ones_are_unknown(call, shapes, want):
    assert shape_of(call, *shapes) == want


def test_an_axis_may_be_halved_and_doubled_again():
    def unet(x):
        steps = [x]
        for _ in range(5):
            steps.append(steps[-1][:, ::2, ::2])
        for skipped in reversed(steps[:-1]):
            steps[-1] = jnp.repeat(jnp.repeat(steps[-1], 2, 1), 2, 2) + skipped
        return steps[-1]

    assert shape_of(unet, (None, None, None, 3)) == (None, None, None, 3)


def test_sizes_like_the_stand_ins_stay_known():
    from minidl.core.inference import _STAND_INS

    for size in _STAND_INS[0]:
        assert shape_of(lambda x: x * 2, (None, size)) == (None, size)
        assert shape_of(lambda x: x * 2, (size, 3)) == (size, 3)


def test_dtypes_follow_the_call():
    infer_dtype = lambda call, dtype: infer(call, (KerasTensor((None,), dtype),), {}).dtype  # noqa: E731
    assert infer_dtype(lambda x: x > 0, "float32") == "bool"
    assert infer_dtype(lambda x: x.astype("bfloat16"), "int32") == "bfloat16"
    assert infer_dtype(jnp.argmax, "float16") == "int32"


def test_structures_and_other_arguments():
    def call(pair, scale, names=None, flag=False):
        assert flag is True and scale == 2 and names == ["n"]
        return {"sum": pair["a"] + pair["b"][0], "none": None, "list": [pair["a"] * scale]}

    a, b = KerasTensor((None, 3)), KerasTensor((1, 3))
    outputs = infer(call, ({"a": a, "b": [b]}, 2), {"names": ["n"], "flag": True})
    assert outputs["sum"].shape == (None, 3) and outputs["none"] is None and outputs["list"][0].shape == (None, 3)
    mixed = infer(lambda x, y: x + y, (a, np.ones((5, 1, 3), "float32")), {})
    assert mixed.shape == (5, None, 3)
    assert infer(lambda x, y: x + y, (), {"x": a, "y": 1.0}).shape == (None, 3)


def test_every_symbolic_tensor_is_dense():
    x = KerasTensor((None, 3))
    assert not x.sparse and not x.ragged and not (x + 1).sparse


def test_nothing_is_computed_and_errors_come_through():
    ran = []

    def call(x):
        jax.debug.callback(lambda: ran.append(1))
        return jnp.ones((2**20, 2**20)) @ x[: 2**20]

    assert shape_of(call, (2**21, 3)) == (2**20, 3) and not ran
    with pytest.raises(KeyError, match="mine"):
        shape_of(lambda x: {}["mine"], (None, 3))


def test_sizes_that_fit_some_numbers_only():
    assert shape_of(lambda x: x.reshape(8, 4).reshape(2, 4, 4), (None, 4, 4)) == (2, 4, 4)
    assert shape_of(lambda x: x + jnp.ones((50, 3)), (None, 3)) == (50, 3)
    assert shape_of(lambda x: jnp.zeros((x.shape[0] - 1000, 3)), (None, 3)) == (None, 3)


@pytest.mark.parametrize(
    ("call", "shapes", "want"),
    [  # what Keras 3.15.1 gives for ops.matmul(KerasTensor(a), KerasTensor(b)).shape
        (jnp.matmul, [(None, None, 5), (None, None)], (None, None, None)),
        (jnp.matmul, [(None, None), (5, None)], (None, None)),
        (jnp.matmul, [(None, 5), (None, 7)], (None, 7)),
        (lambda x, y: (x + y).reshape(8, 4), [(None, 4), (None, 4)], (8, 4)),  # here both batches must be 8
    ],
)
def test_a_size_that_one_axis_must_have_leaves_the_others_unknown(call, shapes, want):
    assert shape_of(call, *shapes) == want


def test_the_first_error_is_raised_after_few_tries():
    sizes = []

    def call(x):
        sizes.append(x.shape[0])
        raise ValueError(f"{x.shape} is not divisible by 7, 11, 13, 17, 19 or 23")

    with pytest.raises(ValueError, match=r"^\(None, 3\) is not divisible by 7, 11, 13, 17, 19 or 23"):
        shape_of(call, (None, 3))
    assert len(sizes) == 6

    def other(x):
        sizes.append(x.shape[0])
        return x @ jnp.ones((4, 3))

    sizes.clear()
    with pytest.raises(TypeError) as caught:
        shape_of(other, (None, 3))
    assert len(sizes) == 2 and "480" not in str(caught.value)
