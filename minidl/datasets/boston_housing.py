"""Boston housing: 506 rows of the 1970 census, for regression."""

from __future__ import annotations

from minidl.datasets.fetched import Parts, check_split, fetch, read_npz, shuffled, split
from minidl.utils.files import Path


def load_data(path: Path = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Parts:
    """The rows, shuffled and split, downloaded when they are first used (57 KB).

    One of the columns assumes that people prefer to live apart by the colour of their skin; `california_housing` is the
    better choice for a table of houses.

    Args:
        path: name of the file in the cache folder, `~/.keras/datasets`.
        test_split: share of the rows in the test part.
        seed: of the order of the rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: float64 of shape (404, 13) and (102, 13). y: float64 of shape (404,)
        and (102,), the median value of a house in thousands of dollars.

    Raises:
        OSError: there is no network; the message says where to put the file.
        ValueError: test_split is not in [0, 1).

    Source: D. Harrison and D. L. Rubinfeld, "Hedonic housing prices and the demand for clean air", 1978.
    """
    check_split("boston_housing.load_data", test_split)
    x, y = shuffled(seed, *read_npz(fetch("boston_housing", path), "x", "y"))
    return split(x, y, test_split)
