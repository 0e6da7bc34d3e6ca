"""The numbers of every program in references/ are Keras's: committed ones, and live where keras is installed."""

import functools

import numpy as np
import pytest

import minidl
from tests.references import AREAS, committed, compute

SLOW = (
    "activations",
    "applications",
    "metrics_confusion",
    "objectives",
    "ops",
    "ops_dtypes",
    "optimizers",
    "optimizers_options",
    "programs",
    "random",
    "spectrograms",
)
RELATIVE = 1e-5  # promise 1; areas may ask for exact equality by a name with "exact" in it


EVERY_AREA = [
    pytest.param(area, marks=pytest.mark.slow if area in SLOW or area.startswith("layers_") else ()) for area in AREAS
]


@functools.cache
def ours(area):
    return compute(area, minidl)


def compare(area, expected, live):
    actual = {name: value for name, value in ours(area).items() if live or not name.startswith("machine")}
    assert actual.keys() == expected.keys()
    # The last bits of an orthogonal matrix depend on the LAPACK that is installed.
    same_machine = live or area != "layers_recurrent"
    for name, want in expected.items():
        got = actual[name]
        assert got.shape == want.shape and got.dtype == want.dtype, name
        if ("exact" in name and same_machine) or want.dtype.kind not in "fc":
            np.testing.assert_array_equal(got, want, err_msg=f"{area}: {name}")
        else:
            scale = np.max(np.abs(want), initial=0.0)
            np.testing.assert_allclose(got, want, rtol=RELATIVE, atol=RELATIVE * scale, err_msg=f"{area}: {name}")


@pytest.mark.parametrize("area", EVERY_AREA)
def test_committed_numbers_of_keras(area):
    compare(area, committed(area), live=False)


@pytest.mark.parametrize("area", EVERY_AREA)
def test_live_numbers_of_keras(area):
    keras = pytest.importorskip("keras")
    if area in ("layers_preprocessing", "layers_augmentation", "text"):
        pytest.importorskip("tensorflow", reason="Keras's own preprocessing layers need it")
    compare(area, compute(area, keras), live=True)
