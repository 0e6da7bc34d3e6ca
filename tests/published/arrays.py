"""Synthetic arrays in place of those of `datasets.*.load_data`, with the shapes, dtypes and ranges of the real ones."""

import functools

import numpy as np


def install(library):
    """Replace what a library's data sets load."""
    for name in ("mnist", "fashion_mnist"):
        getattr(library.datasets, name).load_data = lambda *args, **kwargs: images((28, 28), 10, (-1,), 60_000)
    library.datasets.cifar10.load_data = lambda: images((32, 32, 3), 10, (-1, 1), 50_000)
    library.datasets.cifar100.load_data = lambda label_mode="fine": images(
        (32, 32, 3), 100 if label_mode == "fine" else 20, (-1, 1), 50_000
    )
    library.datasets.boston_housing.load_data = lambda *args, **kwargs: table(404, 102, 13, 22.0)
    library.datasets.california_housing.load_data = lambda version="large", *args, **kwargs: table(
        16512 if version == "large" else 480, 4128 if version == "large" else 120, 8, 200_000.0
    )
    for name, classes, rows, test in (("imdb", 2, 25_000, 25_000), ("reuters", 46, 8982, 2246)):
        module = getattr(library.datasets, name)
        module.load_data = functools.partial(texts, classes, rows, test)
        module.get_word_index = lambda *args, **kwargs: {f"word{i}": i for i in range(1, 30_000)}


def images(shape, classes, labels, rows, test_rows=10_000):
    """Bright patches whose place depends on the class, in noise: `(x_train, y_train), (x_test, y_test)`."""
    random = np.random.default_rng(0)
    patterns = random.integers(0, 200, (classes, *shape), np.uint8)

    def part(count):
        y = random.integers(0, classes, count).astype(np.uint8)
        x = patterns[y] + random.integers(0, 56, (count, *shape), np.uint8)
        return x, y.reshape(labels)

    return part(rows), part(test_rows)


def table(rows, test_rows, columns, mean):
    """A noisy linear target around a mean."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows + test_rows, columns)).astype("float32")
    y = (mean * (1 + 0.1 * x[:, 0]) + random.normal(size=len(x))).astype("float32")
    return (x[:rows], y[:rows]), (x[rows:], y[rows:])


def texts(classes, rows, test_rows, path="", num_words=None, maxlen=None, start_char=1, index_from=3, **_):
    """Lists of word numbers that begin with `start_char`; one word in four depends on the class."""
    random = np.random.default_rng(0)
    last = (num_words or 20_000) - 1

    def sequence(label):
        length = int(random.integers(20, min(maxlen or 200, 200)))
        words = np.minimum(random.geometric(0.01, length) + index_from, last)
        words[::4] = min(10 + label, last)
        return [start_char, *words.tolist()]

    def part(count):
        y = random.integers(0, classes, count).astype("int64")
        x = np.empty(count, object)
        x[:] = [sequence(label) for label in y]
        return x, y

    return part(rows), part(test_rows)
