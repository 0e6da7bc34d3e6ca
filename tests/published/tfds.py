"""A stand-in for `tensorflow_datasets`: small synthetic data with the features and splits of its data sets."""

import dataclasses
import re

import numpy as np

from tests.published.makers import sentence

ROWS = 400  # at most, in a split; indices in a split's name are scaled to it


class Split:
    """Names of splits."""

    TRAIN, TEST, VALIDATION, ALL = "train", "test", "validation", "all"


@dataclasses.dataclass
class Image:
    """Pixels; a size of None differs from image to image. Masks have classes from 1."""

    shape: tuple
    low: int = 0
    high: int = 256
    dtype = "uint8"

    def draw(self, random):
        size = tuple(int(random.integers(96, 160)) if n is None else n for n in self.shape)
        return random.integers(self.low, self.high, size).astype(self.dtype)


@dataclasses.dataclass
class Classes:
    """A label."""

    num_classes: int
    shape = ()
    dtype = "int64"

    @property
    def names(self):
        return [f"class_{i}" for i in range(self.num_classes)]

    def int2str(self, label):
        return self.names[int(label)]

    def str2int(self, name):
        return self.names.index(name)

    def draw(self, random):
        return random.integers(self.num_classes)


@dataclasses.dataclass
class Text:
    """Words."""

    length: int
    shape = ()
    dtype = "string"

    def draw(self, random):
        return sentence(random, int(random.integers(2, self.length)))


@dataclasses.dataclass
class Info:
    """What `with_info=True` returns; features are drawn in their order, and the supervised ones are the first two."""

    name: str
    features: dict
    sizes: dict  # the true number of rows in each split

    @property
    def splits(self):
        return {name: Part(rows(size)) for name, size in self.sizes.items()}

    @property
    def supervised_keys(self):
        return tuple(self.features)[:2]


@dataclasses.dataclass
class Part:
    """Metadata of a split."""

    num_examples: int


def _images(shape, classes, **sizes):
    return {"image": Image(shape), "label": Classes(classes)}, sizes


_ANY = (None, None, 3)
_PETS = {"image": Image((120, 100, 3)), "label": Classes(37), "species": Classes(2), "file_name": Text(3)}
_PETS |= {"segmentation_mask": Image((120, 100, 1), 1, 4)}
DATA = {
    "mnist": _images((28, 28, 1), 10, train=60_000, test=10_000),
    "fashion_mnist": _images((28, 28, 1), 10, train=60_000, test=10_000),
    "cifar10": _images((32, 32, 3), 10, train=50_000, test=10_000),
    "cifar100": _images((32, 32, 3), 100, train=50_000, test=10_000),
    "cats_vs_dogs": _images(_ANY, 2, train=23_262),
    "horses_or_humans": _images((300, 300, 3), 2, train=1027, test=256),
    "rock_paper_scissors": _images((300, 300, 3), 3, train=2520, test=372),
    "tf_flowers": _images(_ANY, 5, train=3670),
    "oxford_flowers102": _images(_ANY, 102, train=1020, test=6149, validation=1020),
    "stanford_dogs": _images(_ANY, 120, train=12_000, test=8580),
    "oxford_iiit_pet": (_PETS, {"train": 3680, "test": 3669}),
    "imdb_reviews": (
        {"text": Text(200), "label": Classes(2)},
        {"train": 25_000, "test": 25_000, "unsupervised": 50_000},
    ),
}


def rows(size):
    """The rows that are made of a split."""
    return min(size, ROWS)


def info(name):
    """The metadata of a data set; its version and configuration, after `:` and `/`, do not matter."""
    known = re.split(r"[:/]", name)[0]
    if known not in DATA:
        raise LookupError(f"no synthetic data set {name}")
    return Info(known, *DATA[known])


def indices(split, sizes):
    """The (split, row) of each example of a split's name: `train[:40%]`, `train[100:]`, `train+test`, `all`."""
    if split == "all":
        split = "+".join(sizes)
    chosen = []
    for part in split.split("+"):
        name, first, last = re.fullmatch(r"(\w+)(?:\[(-?\d*%?):(-?\d*%?)\])?", part.strip()).groups()
        size = sizes[name]
        start, stop = (_index(text, size, default) for text, default in ((first, 0), (last, size)))
        chosen += [(name, row) for row in range(rows(size))[start:stop]]
    return chosen


def _index(text, size, default):
    """A row of the synthetic split for a row, or a percentage, of the true one."""
    if not text:
        text = str(default)
    share = int(text[:-1]) / 100 if text.endswith("%") else int(text) / size
    return round(share * rows(size))


def load(name, split=None, batch_size=None, as_supervised=False, with_info=False, **options):
    """The data sets of the splits, in the structure of `split`, with the metadata if it is asked for."""
    metadata = info(name)

    def made(split):
        if isinstance(split, dict):
            return {key: made(value) for key, value in split.items()}
        if isinstance(split, (list, tuple)):
            return type(split)(made(value) for value in split)
        return dataset(metadata, str(split), batch_size, as_supervised)

    result = made({name: name for name in metadata.sizes} if split is None else split)
    return (result, metadata) if with_info else result


def dataset(metadata, split, batch_size, as_supervised):
    """A `tf.data.Dataset`, or its tensors with a batch size of -1."""
    import tensorflow as tf

    chosen = indices(split, metadata.sizes)
    names = metadata.supervised_keys if as_supervised else tuple(metadata.features)
    structure = tuple if as_supervised else lambda values: dict(zip(names, values))

    def examples():
        for part, row in chosen:
            random = np.random.default_rng([sorted(metadata.sizes).index(part), row])
            drawn = {name: feature.draw(random) for name, feature in metadata.features.items()}
            yield structure([drawn[name] for name in names])

    specs = [tf.TensorSpec(feature.shape, feature.dtype) for feature in map(metadata.features.get, names)]
    data = tf.data.Dataset.from_generator(examples, output_signature=structure(specs))
    data = data.apply(tf.data.experimental.assert_cardinality(len(chosen)))
    if batch_size is None:
        return data
    data = data.padded_batch(len(chosen) if batch_size == -1 else batch_size)
    return next(iter(data)) if batch_size == -1 else data


class builder:
    """The data set's builder."""

    def __init__(self, name, **options):
        self.name, self.info = name, info(name)

    def download_and_prepare(self, **options):
        """Nothing: the data are made when they are read."""

    def as_dataset(self, split=None, **options):
        return load(self.name, split, **options)


def as_numpy(data):
    """An iterable of NumPy arrays for a data set; arrays for tensors."""
    import tensorflow as tf

    return tf.nest.map_structure(
        lambda value: value.as_numpy_iterator() if isinstance(value, tf.data.Dataset) else value.numpy(), data
    )


def disable_progress_bar():
    """Nothing."""


def enable_progress_bar():
    """Nothing."""
