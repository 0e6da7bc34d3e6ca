"""Variables: slots that read like arrays, and the pure form of calls that change them."""

import copy
import operator
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import initializers
from minidl.core import dtypes, naming
from minidl.core.functional import bound, functional
from minidl.core.variables import Variable, autocast_scope, name_scope

VALUES = np.array([[1.0, -2.0], [0.5, 4.0]], "float32")
OTHER = np.array([[3.0, 2.0], [-1.5, 0.25]], "float32")
COUNTS = np.array([[1, 6], [3, 4]], "int32")


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"),
        (True, "bool"),
        (1.0, "float32"),
        ([1, 2], "int32"),
        ([1.0, 2], "float32"),
        (np.float64(3), "float32"),
        (np.ones(2, "float16"), "float16"),
        (np.ones(2, "int64"), "int32"),
        (jnp.ones(2, "bfloat16"), "bfloat16"),
        (jnp.ones(2, "uint32"), "uint32"),
        (Variable(np.ones(2, "int8")), "int8"),
    ],
)
def test_first_value_from_a_value(value, dtype):
    variable = Variable(value)
    assert variable.dtype == dtype and isinstance(variable.value, jax.Array)
    assert variable.shape == np.shape(value) and variable.ndim == np.ndim(value) and variable.size == np.size(value)
    np.testing.assert_array_equal(variable.numpy(), np.asarray(value, dtype))


def test_first_value_from_a_function():
    variable = Variable(initializers.Ones(), shape=[2, 3], dtype="float16")
    assert (variable.shape, variable.dtype, variable.ndim, variable.size) == ((2, 3), "float16", 2, 6)
    assert Variable(lambda shape, dtype: np.zeros(shape), shape=(2,)).dtype == "float32"
    assert Variable(np.ones((2, 3)), shape=(2, 3), dtype="int32").dtype == "int32"


def test_python_floats_follow_floatx():
    dtypes.set_floatx("float16")
    try:
        assert Variable(1.0).dtype == "float16" and Variable(1).dtype == "int32"
    finally:
        dtypes.set_floatx("float32")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Variable(initializers.Ones()), "an initializer that is a function needs shape="),
        (lambda: Variable(np.ones(2), shape=(3,)), r"has shape \(2,\), not the given \(3,\)"),
        (lambda: Variable(jnp.zeros, shape=2), "must be a tuple of known sizes.* got 2"),
        (lambda: Variable(jnp.zeros, shape=(-2,)), r"sizes of at least 0, got \(-2,\)"),
        (lambda: Variable(jnp.zeros, shape=(None, 2)), r"tuple of known sizes.* got \(None, 2\)"),
        (lambda: Variable(jnp.zeros, shape=(2.0,)), r"tuple of known sizes.* got \(2.0,\)"),
        (lambda: Variable("zeros", shape=(2,)), r"got 'zeros'; give the object, initializers.get\('zeros'\)"),
        (lambda: Variable(1.0, dtype="flaot32"), "Unknown dtype 'flaot32'"),
    ],
)
def test_wrong_first_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_variable_does_not_follow_the_array_it_was_made_from():
    memory = np.empty(64 * 4 + 64, "uint8")
    given = memory[-memory.ctypes.data % 64 :][: 64 * 4].view("float32")  # so aligned, JAX would take it as it is
    given[:] = 1
    variable, other = Variable(given), Variable(np.zeros(64))
    other.assign(given)
    given[:] = 5
    np.testing.assert_array_equal(variable, np.ones(64))
    np.testing.assert_array_equal(other, np.ones(64))


@pytest.mark.parametrize("make", [np.asarray, jnp.asarray, np.ndarray.tolist, Variable])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bfloat16"])
def test_assign_keeps_the_dtype(make, dtype):
    variable = Variable(np.zeros((2, 2)), dtype=dtype)
    result = variable.assign(make(COUNTS.astype("float64")))
    assert variable.dtype == dtype and result.dtype == dtype and isinstance(result, jax.Array)
    np.testing.assert_array_equal(variable.numpy(), COUNTS)
    np.testing.assert_array_equal(result, COUNTS)


def test_assign_add_and_sub():
    variable = Variable(VALUES)
    np.testing.assert_array_equal(variable.assign_add(1), VALUES + 1)
    np.testing.assert_array_equal(variable.assign_sub(Variable(OTHER)), VALUES + 1 - OTHER)
    np.testing.assert_array_equal(variable, VALUES + 1 - OTHER)
    count = Variable(3)
    assert int(count.assign_add(1.75)) == 4 and count.dtype == "int32"


@pytest.mark.parametrize("value", [1.0, np.ones(3), np.ones((1, 2)), Variable(np.ones((2, 1)))])
def test_assign_refuses_another_shape(value):
    variable = Variable(np.arange(2.0), name="slot")
    with pytest.raises(ValueError, match=r"Variable 'slot' has shape \(2,\); it cannot be assigned a value of shape"):
        variable.assign(value)
    np.testing.assert_array_equal(variable, [0.0, 1.0])


def test_numpy_is_a_copy():
    variable = Variable(np.zeros(3))
    copied = variable.numpy()
    copied[:] = 7
    np.testing.assert_array_equal(variable, np.zeros(3))
    variable.assign(np.ones(3))
    np.testing.assert_array_equal(copied, [7, 7, 7])


FLOAT = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "eq", "ne", "lt", "le", "gt", "ge")
WHOLE = ("and_", "or_", "xor", "eq", "floordiv", "mod")
UNARY = (operator.neg, operator.pos, operator.abs)


def operations(left, right, counts, plain=lambda given: given):
    """Every operator on variables, on arrays of NumPy and JAX, and on numbers, from both sides."""
    results = {}
    for name in FLOAT:
        apply = getattr(operator, name)
        results[name] = apply(left, right)
        results[f"{name} numpy"] = apply(plain(VALUES), right), apply(left, plain(OTHER))
        results[f"{name} jax"] = apply(jnp.asarray(VALUES), right), apply(left, jnp.asarray(OTHER))
        if name != "matmul":
            results[f"{name} number"] = apply(2, right), apply(left, 2), apply(plain(np.float32(2)), right)
    for name in WHOLE:
        apply = getattr(operator, name)
        results[f"{name} int"] = apply(counts, counts), apply(counts, 5), apply(5, counts)
    return results | {f"{apply}": apply(left) for apply in UNARY} | {"invert": ~counts}


@pytest.mark.slow
def test_operators():
    variables = [Variable(VALUES), Variable(OTHER), Variable(COUNTS)]
    arrays = [jnp.asarray(VALUES), jnp.asarray(OTHER), jnp.asarray(COUNTS)]
    want = jax.jit(lambda *arrays: operations(*arrays, plain=jnp.asarray))(*arrays)
    # Compiled, because one program for all is faster than one for each, and an operator that NumPy takes fails there.
    got, _ = jax.jit(functional(lambda: operations(*variables), variables))(arrays)
    assert got.keys() == want.keys()
    for name in want:
        for ours, theirs in zip(jax.tree.leaves(got[name]), jax.tree.leaves(want[name])):
            assert ours.dtype == theirs.dtype, name
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=name)


def test_rounding():
    variable = Variable([2.25, -1.75])
    np.testing.assert_array_equal(round(variable), [2.0, -2.0])
    np.testing.assert_allclose(round(variable, 1), [2.2, -1.8], rtol=1e-6)  # half to even


def test_operators_give_arrays():
    for result in (Variable(VALUES) + OTHER, OTHER + Variable(VALUES), -Variable(VALUES), Variable(VALUES) > 0):
        assert isinstance(result, jax.Array)


def test_all_operators_of_keras_exist():
    keras = pytest.importorskip("keras")
    assert [name for name in vars(keras.Variable) if name.startswith("__") and not hasattr(Variable, name)] == []


def test_an_unknown_operand_is_left_to_its_own_class():
    class Money:
        def __radd__(self, other):
            return "money"

    assert Variable(1.0) + Money() == "money"
    with pytest.raises(TypeError):
        Variable(1.0) + object()


def test_numpy_and_jax_functions():
    variable = Variable(VALUES)
    for module, given in ((np, variable), (jnp, variable.value), (jnp, jnp.asarray(variable))):
        np.testing.assert_allclose(module.sum(given), 3.5)
        np.testing.assert_allclose(module.exp(given), np.exp(VALUES), rtol=1e-6)
        np.testing.assert_array_equal(module.concatenate([given, OTHER]), np.concatenate([VALUES, OTHER]))
        np.testing.assert_array_equal(module.where(given > 0, given, 0), np.where(VALUES > 0, VALUES, 0))
    assert np.asarray(variable, dtype="float64").dtype == np.float64


def test_indexing_iteration_and_length():
    variable = Variable(VALUES)
    np.testing.assert_array_equal(variable[0], VALUES[0])
    np.testing.assert_array_equal(variable[..., 1:], VALUES[..., 1:])
    np.testing.assert_array_equal(variable[jnp.array([1, 0])], VALUES[[1, 0]])
    assert len(variable) == 2
    np.testing.assert_array_equal(np.stack(list(variable)), VALUES)
    with pytest.raises(TypeError):
        len(Variable(1.0))


def test_conversions_to_python_numbers():
    assert float(Variable(2.5)) == 2.5 and int(Variable(7)) == 7
    assert bool(Variable(True)) is True and bool(Variable(0.0)) is False
    assert [10, 20, 30][Variable(1)] == 20 and list(range(Variable(3))) == [0, 1, 2]
    with pytest.raises(TypeError):
        [10, 20][Variable(1.0)]
    with pytest.raises(ValueError):
        bool(Variable(VALUES))


def test_variables_are_hashed_by_identity():
    first, second = Variable(1.0), Variable(1.0)
    assert len({first, second, first}) == 2


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda variable: pickle.loads(pickle.dumps(variable))])
def test_copies_have_a_slot_of_their_own(clone):
    variable = Variable(VALUES, trainable=False, name="w")
    cloned = clone(variable)
    cloned.assign_add(1)
    np.testing.assert_array_equal(variable, VALUES)
    assert (cloned.path, cloned.trainable, cloned.dtype) == ("w", False, "float32")


def test_names_and_scopes():
    naming.reset_names()
    with name_scope("outer"):
        first = Variable(1.0, name="w")
        with name_scope("inner"):
            second = Variable(1.0)
        with pytest.raises(KeyError), name_scope("broken"):
            raise KeyError
        third = Variable(1.0)
    assert [v.path for v in (first, second, third)] == ["outer/w", "outer/inner/variable", "outer/variable_1"]
    assert first.name == "w" and Variable(1.0, name="v").path == "v"
    assert repr(first) == "<Variable path=outer/w, shape=(), dtype=float32>"


def test_autocast():
    weight, count, stored = Variable(VALUES), Variable(COUNTS), Variable(VALUES, autocast=False)
    with autocast_scope("bfloat16"):
        assert weight.value.dtype == weight.dtype == "bfloat16" and (weight * 1).dtype == "bfloat16"
        assert jnp.asarray(weight).dtype == "bfloat16" and np.asarray(weight).dtype == "bfloat16"
        assert count.dtype == "int32" and stored.dtype == stored.value.dtype == "float32"
        assert weight.numpy().dtype == "float32"
        with autocast_scope(None):
            assert weight.dtype == "float32"
        weight.assign(weight * 2)  # what is stored keeps its dtype
        weight.assign_add(1e-3)
    assert weight.dtype == "float32"
    np.testing.assert_allclose(weight, VALUES * 2 + 1e-3, rtol=1e-6)


def accumulate(total, x):
    total.assign_add(jnp.sum(x))
    return total * 2


def test_functional_is_pure():
    total = Variable(1.0)
    pure = functional(lambda x: accumulate(total, x), [total])
    for run in (pure, jax.jit(pure)):
        output, (new,) = run([3.0], jnp.ones(4))
        assert (float(output), float(new), float(total)) == (14.0, 7.0, 1.0)


def test_functional_under_grad_and_vmap():
    weight, count = Variable(3.0), Variable(0)

    def call(x, power=2):
        count.assign_add(1)
        return (np.float64(2) * weight) ** power * x  # NumPy leaves the product to the traced variable

    pure = functional(call, [weight, count])
    gradient, (_, new_count) = jax.grad(lambda w: pure([w, jnp.int32(4)], 5.0), has_aux=True)(3.0)
    assert float(gradient) == 8 * 3.0 * 5.0 and int(new_count) == 5
    outputs, (_, counts) = jax.vmap(pure, in_axes=([0, None], None))([jnp.arange(3.0), jnp.int32(0)], 1.0)
    np.testing.assert_array_equal(outputs, [0.0, 4.0, 16.0])
    assert pure([1.0, 0], 1.0, power=3)[0] == 8.0
    assert float(weight) == 3.0 and int(count) == 0


def test_values_are_put_back_when_the_call_raises():
    total = Variable(1.0)

    def call(x):
        accumulate(total, x)
        raise KeyError("from the call")

    pure = functional(call, [total])
    for run in (pure, jax.jit(pure)):
        with pytest.raises(KeyError, match="from the call"):
            run([3.0], jnp.ones(4))
        assert float(total) == 1.0


def test_values_are_put_back_when_tracing_raises():
    total = Variable(1.0)
    pure = functional(lambda x: accumulate(total, x) if x > 0 else x, [total])
    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(pure)([3.0], 1.0)
    assert float(total) == 1.0


def test_bound_refuses_another_number_of_values():
    first, second = Variable(1.0), Variable(2.0)
    for values in ([], [5.0], [5.0, 6.0, 7.0]):
        with pytest.raises(ValueError, match=f"one value for each of 2 variables, got {len(values)}"):
            with bound([first, second], values):
                pass
    assert (float(first), float(second)) == (1.0, 2.0)


def test_bound_can_be_nested():
    variable = Variable(1.0)
    with bound([variable], [jnp.float32(2.0)]):
        with bound([variable], [jnp.float32(3.0)]):
            assert float(variable) == 3.0
        assert float(variable) == 2.0
    assert float(variable) == 1.0


def test_variables_made_while_tracing_are_real():
    made = []

    def call(x):
        made.append(Variable(initializers.RandomUniform(seed=1), shape=(2,)))
        made.append(Variable(np.arange(2), name="count"))
        with bound([], []):  # as in a layer inside a layer
            made.append(Variable([1.0, 2.0]))
        for variable in made:
            variable.assign_add(x)
        return made[0] * x

    jax.jit(functional(call, []))([], jnp.ones(2))
    uniform, count, listed = made
    np.testing.assert_array_equal(uniform, initializers.RandomUniform(seed=1)((2,)))
    np.testing.assert_array_equal(count, [0, 1])
    np.testing.assert_array_equal(listed, [1.0, 2.0])


TOO_LARGE = """
import resource
import jax
import numpy as np
import minidl
from minidl import layers
wide = minidl.Sequential([layers.Input((2,)), layers.Dense(2**15)])
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
made = {
    "dense/kernel": lambda: layers.Dense(2**21, name="dense").build((None, 2**12)),
    "zeros/kernel": lambda: layers.Dense(2**21, "relu", kernel_initializer="zeros", name="zeros").build((None, 2**12)),
    "table/embeddings": lambda: layers.Embedding(2**31, 64, name="table").build(),
    "model/inner/kernel": lambda: minidl.Sequential(
        [layers.Input((2**11,)), layers.Dense(2**21, name="inner")], name="model"
    ),
}
for path, make in made.items():
    try:
        make()
    except MemoryError as error:
        assert repr(path) in str(error) and "parameters" in str(error) and "bytes" in str(error), error
    else:
        raise AssertionError(path)
x = np.ones((2**17, 2), "float32")
for call in (lambda: wide.predict(x, batch_size=len(x), verbose=0), lambda: wide.predict_on_batch(x)):
    try:
        call()
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        assert "allocat" in str(error), error
    else:
        raise AssertionError(call)
assert layers.Dense(2)(minidl.ops.ones((3, 4))).shape == (3, 2)
"""


@pytest.mark.slow
def test_a_variable_too_large_for_memory_is_an_error():
    done = subprocess.run([sys.executable, "-c", TOO_LARGE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
