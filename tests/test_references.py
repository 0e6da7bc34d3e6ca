"""The numbers of every program in references/ are Keras's: committed ones, and live where keras is installed."""

import functools
import os

import jax
import numpy as np
import pytest

import minidl
from tests.references import AREAS, committed, compute

SLOW = (
    "activations",
    "applications",
    "bounding_boxes",
    "image_boxes",
    "initializers",
    "losses",
    "metrics",
    "metrics_confusion",
    "objectives",
    "ops",
    "ops_dtypes",
    "optimizers",
    "optimizers_options",
    "programs",
    "random",
    "regularizers",
    "spectrograms",
    "steps",
    "text",
    "training",
)
RELATIVE = 1e-5  # promise 1; areas may ask for exact equality by a name with "exact" in it
# TF32 has 10 bits after the point. If the rest of both factors is cut off, each changes by less than 2**-10 of itself
# and their product by less than 2**-9; in these programs a number goes through at most eight products one after the
# other. (With products emulated on a CPU, errors are up to 9.3 * 2**-10.) Over the many steps of Adam in "training"
# errors add up, and Adam enlarges those of small gradients (emulated: up to 90 * 2**-10, in weights).
TF32 = 8 * 2.0**-9
TF32_TRAINED = 8 * TF32


EVERY_AREA = [
    pytest.param(area, marks=pytest.mark.slow if area in SLOW or area.startswith("layers") else ()) for area in AREAS
]


@functools.cache
def ours(area):
    return compute(area, minidl)


def compare(area, expected, live):
    actual = {name: value for name, value in ours(area).items() if live or not name.startswith("machine")}
    assert actual.keys() == expected.keys()
    # The last bits of an orthogonal matrix depend on the LAPACK that is installed.
    # Those of what a GPU draws from a normal distribution are its own.
    same_machine = (live or area != "layers_recurrent") and jax.default_backend() == "cpu"
    tf32 = TF32_TRAINED if area == "training" else TF32
    relative = tf32 if os.environ.get("MINIDL_TESTS_TF32") else RELATIVE
    wrong = []
    for name, want in expected.items():
        got = actual[name]
        assert got.shape == want.shape and got.dtype == want.dtype, name
        try:
            if ("exact" in name and same_machine) or want.dtype.kind not in "fc":
                np.testing.assert_array_equal(got, want, err_msg=f"{area}: {name}")
            else:
                scale = np.max(np.abs(want), initial=0.0)
                np.testing.assert_allclose(got, want, rtol=relative, atol=relative * scale, err_msg=f"{area}: {name}")
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "".join(wrong)


@pytest.mark.parametrize("area", EVERY_AREA)
def test_committed_numbers_of_keras(area):
    compare(area, committed(area), live=False)


@pytest.mark.parametrize("area", EVERY_AREA)
def test_live_numbers_of_keras(area):
    keras = pytest.importorskip("keras")
    if area in ("layers_preprocessing", "layers_augmentation", "image_boxes", "text"):
        pytest.importorskip("tensorflow", reason="Keras's own preprocessing layers need it")
    compare(area, compute(area, keras), live=True)
