"""`split_dataset` against Keras."""

import random

import numpy as np
import pytest

from minidl import utils
from minidl.data import Dataset

X, Y = np.arange(40.0).reshape(20, 2), np.arange(20)
SIZES = [
    *({"left_size": 0.8}, {"right_size": 0.25}, {"left_size": 5}, {"right_size": 6}, {"left_size": 4, "right_size": 3}),
    *({"left_size": 0.33, "right_size": 0.21}, {"left_size": 0.5, "shuffle": True, "seed": 3}),
    {"left_size": 11, "shuffle": True},
]
DATA = {"array": X, "list": [X, Y], "tuple": (X, Y, X)}


def listed(data):
    def plain(part):
        return tuple(map(plain, part)) if isinstance(part, tuple) else np.asarray(part).tolist()

    return [plain(element) for element in data]


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("options", SIZES, ids=str)
def test_the_same_parts_as_keras_live(name, options):
    theirs = pytest.importorskip("keras").utils.split_dataset
    pytest.importorskip("tensorflow")
    results = []
    for split in (utils.split_dataset, theirs):
        random.seed(9)
        parts = split(DATA[name], **options, **({"preferred_backend": "tensorflow"} if split is theirs else {}))
        results.append(([listed(part) for part in parts], random.random()))
    assert results[0] == results[1]


@pytest.mark.parametrize("batch_size", [None, 6])
def test_data_sets_as_in_keras_live(batch_size):
    theirs = pytest.importorskip("keras").utils.split_dataset
    tf = pytest.importorskip("tensorflow")

    def source(dataset):
        data = dataset.from_tensor_slices((X, {"y": Y}))
        return data.batch(batch_size) if batch_size else data

    def rows(data):
        return [(np.asarray(x).tolist(), np.asarray(y["y"]).tolist()) for x, y in data]

    expected = [rows(part) for part in theirs(source(tf.data.Dataset), left_size=0.7, shuffle=True, seed=2)]
    for data in (source(Dataset), source(tf.data.Dataset)):
        assert [rows(part) for part in utils.split_dataset(data, left_size=0.7, shuffle=True, seed=2)] == expected


def test_data_of_torch():
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    left, right = utils.split_dataset(rows, right_size=0.25)
    assert listed(left) + listed(right) == listed(Dataset.from_tensor_slices((X, Y)))


@pytest.mark.parametrize(
    "sizes",
    [
        *({}, {"left_size": 0}, {"left_size": 1.0}, {"right_size": 20}, {"left_size": 0.7, "right_size": 0.5}),
        *({"left_size": 15, "right_size": 15}, {"left_size": 0.01}, {"left_size": -1}),
    ],
    ids=str,
)
def test_sizes_that_cannot_be(sizes):
    with pytest.raises(ValueError, match="split_dataset"):
        utils.split_dataset(X, **sizes)


def test_other_things_are_refused():
    for wrong in ("0.5", True, np.float32(0.5)):
        with pytest.raises(TypeError, match="left_size"):
            utils.split_dataset(X, left_size=wrong)
    with pytest.raises(TypeError, match="data set or arrays"):
        utils.split_dataset(3, left_size=0.5)
    for data in ([X, Y[:3]], [], np.zeros((0, 3)), Dataset.range(0)):
        with pytest.raises(ValueError, match="same number of rows|cannot be split|smaller|number from"):
            utils.split_dataset(data, left_size=0.5)
