"""One-hot labels, normalized arrays, and what set_random_seed and clear_session do to unseeded draws."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np


def cases(keras: Any) -> dict[str, Any]:
    """Compute them."""
    return {**to_categorical(keras), **normalize(keras), **sessions(keras), **batches(keras), **padded(keras)}


def padded(keras: Any) -> dict[str, Any]:
    """Sequences of different lengths, of numbers, vectors and texts."""
    pad_sequences = keras.utils.pad_sequences
    numbers, vectors = [[1], [], [2.5, 3, 4]], [[[1, 2]], [[3, 4], [5, 6], [7, 8]]]
    results = {}
    for padding in ("pre", "post"):
        for truncating in ("pre", "post"):
            for maxlen in (None, 2, 4):
                options = {"maxlen": maxlen, "padding": padding, "truncating": truncating}
                name = f"{padding}_{truncating}_{maxlen}"
                results[f"exact_padded_{name}"] = pad_sequences(numbers, dtype="float32", value=-1, **options)
                results[f"exact_padded_vectors_{name}"] = pad_sequences(vectors, **options)
    return {**results, "exact_padded_texts": pad_sequences([["a"], ["b", "c"]], dtype="<U3", value="pad")}


def batches(keras: Any) -> dict[str, Any]:
    """The parts of a batch, put together and taken apart; what a PyDataset gives when iterated."""
    pack, unpack = keras.utils.pack_x_y_sample_weight, keras.utils.unpack_x_y_sample_weight
    packed = [pack(1), pack([1]), pack(1, 2), pack(1, 2, 3), pack((1, 2), 3)]
    unpacked = [unpack(1), unpack((1,)), unpack((1, 2)), unpack([1, 2, 3]), unpack({"a": 1})]

    class Three(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            return np.arange(2) + index

    return {
        "exact_packed": np.array(repr(packed)),
        "exact_unpacked": np.array(repr(unpacked)),
        "exact_iterated": np.array(list(Three())),
        "exact_sequence": np.array(keras.utils.Sequence is keras.utils.PyDataset),
    }


def to_categorical(keras: Any) -> dict[str, Any]:
    """Every kind and shape of labels."""
    one_hot = keras.utils.to_categorical
    labels = np.random.RandomState(0).randint(0, 5, (4, 3))
    inputs = {
        "list": ([0, 2, 1], None),
        "with_num_classes": ([0, 2, 1], 5),
        "num_classes_0": ([0, 2, 1], 0),
        "column": ([[0], [3]], None),
        "one_label": ([2], None),
        "one_by_one": ([[2]], None),
        "number": (2, None),
        "matrix": (labels, 5),
        "matrix_column": (labels[..., None], 5),
        "int8": (labels.astype("int8"), 5),
        "whole_floats": ([0.0, 2.0], 3),
        "bool": ([True, False], None),
        "no_labels": ([], 3),
        "jax": (jnp.asarray(labels), 5),
        "jax_column": (jnp.asarray(labels)[..., None], 5),
        "jax_vector": (jnp.array([1, 0]), 3),
    }
    return {f"exact_to_categorical_{name}": one_hot(x, n) for name, (x, n) in inputs.items()}


def normalize(keras: Any) -> dict[str, Any]:
    """Each axis and order that Keras computes rightly, on both kinds of array."""
    random = np.random.RandomState(1)
    x = random.normal(size=(3, 4)).astype("float32")
    x[1] = 0
    cube = random.normal(size=(2, 3, 4))
    numbers = {
        "vector": keras.utils.normalize(np.array([3.0, 4.0])),
        "zeros": keras.utils.normalize(x),
        "int": keras.utils.normalize(np.arange(6).reshape(2, 3)),
        "float64": keras.utils.normalize(cube),
        "middle_axis": keras.utils.normalize(cube, axis=1),
        "largest": keras.utils.normalize(x, order=np.inf),
        "jax_vector": keras.utils.normalize(jnp.array([3.0, 4.0])),
        "jax_first_axis": keras.utils.normalize(jnp.asarray(x), axis=0),
        "list": keras.utils.normalize([[1.0, 2.0], [0.0, 0.0]]),
        "number": keras.utils.normalize(3.0),
        "tiny": keras.utils.normalize(jnp.array([[1e-9, 2e-9]])),
    }
    for order in (1, 2, 3):
        numbers[f"order_{order}"] = keras.utils.normalize(x, axis=-1, order=order)
        numbers[f"jax_order_{order}"] = keras.utils.normalize(jnp.asarray(x), axis=-1, order=order)
    return {f"normalize_{name}": value for name, value in numbers.items()}


def sessions(keras: Any) -> dict[str, Any]:
    """Unseeded draws before and after each way of resetting."""
    keras.utils.set_random_seed(3)
    draws = {"first": keras.random.uniform((4,)), "second": keras.random.uniform((4,))}
    keras.utils.clear_session()
    draws["after_clear_session"] = keras.random.uniform((4,))
    keras.utils.set_random_seed(3)
    draws["after_set_random_seed"] = keras.random.uniform((4,))
    draws["numpy"] = np.random.random(3)
    return {f"exact_session_{name}": value for name, value in draws.items()}
