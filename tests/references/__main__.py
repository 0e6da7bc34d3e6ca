"""Write the reference files anew: `python -m tests.references [AREA ...]`, with keras installed."""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from tests.references import AREAS, FOLDER, compute

for area in sys.argv[1:] or AREAS:
    numbers = compute(area, keras)
    np.savez_compressed(FOLDER / f"{area}.npz", **numbers)
    print(f"{area}: {len(numbers)} arrays from Keras {keras.__version__}")
