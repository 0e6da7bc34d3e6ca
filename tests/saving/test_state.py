"""Plain data with arrays in a file: what comes back, and what is refused."""

import math
import pickle
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from minidl.saving.state import read_state, write_state


def test_everything_comes_back_bit_for_bit(tmp_path):
    path = tmp_path / "state.npz"
    bits = np.array([0x7FC00001, 0x80000000, 1], np.uint32).view(np.float32)  # a NaN with a message, -0.0, a denormal
    arrays = {
        "bits": bits,
        "doubles": np.array([[0.1, -np.inf]]),
        "bfloat16": jnp.array([0.1, 3e38, jnp.nan], "bfloat16"),
        "float8": jnp.array([0.5], "float8_e4m3fn"),
        "scalar": jnp.array(7),
        "empty": np.zeros((0, 3), np.int8),
        "booleans": np.array([True, False]),
        "texts": np.array(["a", "bcd"]),
        "transposed": np.arange(6).reshape(2, 3).T,
    }
    plain = {"list": [1, [2.5, None]], "text": 'ü"', "large": 2**80, "third": 1 / 3, "yes": True, "infinite": math.inf}
    write_state(path, {"arrays": arrays, "plain": plain, "nan": math.nan, "numpy": np.float32(0.1)})
    state = read_state(path)
    assert state["plain"] == plain and math.isnan(state["nan"]) and state["numpy"] == float(np.float32(0.1))
    assert list(state["arrays"]) == list(arrays)
    for name, array in arrays.items():
        got, want = state["arrays"][name], np.asarray(array)
        assert (got.dtype, got.shape, got.tobytes()) == (want.dtype, want.shape, want.tobytes()), name
        assert got.flags.writeable


def test_a_tuple_comes_back_as_a_list(tmp_path):
    write_state(tmp_path / "state.npz", (1, 2))
    assert read_state(tmp_path / "state.npz") == [1, 2]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [0, object()]}, r"state\['a'\]\[1\] is <object"),
        ({1: 2}, r"state is \{1: 2\}, which cannot be saved"),
        ({"a": np.array([object()])}, r"state\['a'\] is an array of object"),
        ({"__array__": 1}, "cannot be saved"),
        ({1, 2}, "cannot be saved"),
    ],
)
def test_what_cannot_be_written_is_named_and_the_old_file_stays(tmp_path, value, message):
    path = tmp_path / "state.npz"
    write_state(path, "old")
    with pytest.raises(TypeError, match=message):
        write_state(path, value)
    assert read_state(path) == "old"


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    write_state(path, {"weights": np.arange(300.0)})
    whole = path.read_bytes()
    for damaged in (b"", b"0", whole[:-10], whole[: len(whole) // 2], whole.replace(whole[900:908], b"12345678")):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is damaged or was not written by minidl"):
            read_state(path)


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "state.npz"
    write_state(path, {"weights": np.arange(8.0), "epoch": 3})
    whole = path.read_bytes()
    for position in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[position] ^= 16
        path.write_bytes(bytes(flipped))
        try:
            state = read_state(path)
        except ValueError:
            continue
        assert state["epoch"] == 3 and np.array_equal(state["weights"], np.arange(8.0)), position


class Hostile:
    def __reduce__(self):
        return (pytest.fail, ("a file was run",))


def test_nothing_in_a_file_is_run(tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ValueError, match="damaged or was not written"):
        read_state(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("json.npy", pickle.dumps(Hostile()))
    with pytest.raises(ValueError, match="damaged or was not written"):
        read_state(path)
    np.savez(path, json=np.array([Hostile()], object), allow_pickle=True)
    with pytest.raises(ValueError, match="damaged or was not written"):
        read_state(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "missing.npz")


def test_a_file_that_unpacks_to_much_more_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "state.npz"
    np.savez_compressed(path, a=np.zeros(10_000_000, np.uint8))
    with pytest.raises(ValueError, match="its members are compressed"):
        read_state(path)
