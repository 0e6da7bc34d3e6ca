"""California housing: 20,640 rows of the 1990 census, for regression."""

from __future__ import annotations

from minidl.datasets.fetched import Parts, check_split, fetch, read_npz, shuffled, split
from minidl.utils.files import Path

_SMALL = 600  # rows


def load_data(
    version: str = "large", path: Path = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> Parts:
    """The rows, shuffled and split, downloaded when they are first used (743 KB).

    Args:
        version: "large" for all rows, "small" for the first 600.
        path: name of the file in the cache folder, `~/.keras/datasets`.
        test_split: share of the rows in the test part.
        seed: of the order of the rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: float32 of shape (rows, 8): median income, age of the houses, average
        rooms and bedrooms, population, average occupation, latitude and longitude of a block. y: float32 of shape
        (rows,), the median value of a house in dollars.

    Raises:
        OSError: there is no network; the message says where to put the file.
        ValueError: another version, or test_split is not in [0, 1).

    Source: R. K. Pace and R. Barry, "Sparse Spatial Autoregressions", 1997.
    """
    check_split("california_housing.load_data", test_split)
    if version not in ("small", "large"):
        raise ValueError(f"california_housing.load_data: version must be 'small' or 'large', got {version!r}.")
    x, y = read_npz(fetch("california_housing", path), "x", "y")
    rows = slice(_SMALL if version == "small" else None)
    x, y = shuffled(seed, x[rows], y[rows])
    return split(x, y, test_split)
