"""Write the reference files: `python -m tests.references [AREA ...]`, with keras installed."""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from tests.references import AREAS, FOLDER, compute

for area in sys.argv[1:] or AREAS:
    numbers = compute(area, keras)
    portable = {name: value for name, value in numbers.items() if not name.startswith("machine")}
    np.savez_compressed(FOLDER / f"{area}.npz", **portable)
    print(f"{area}: {len(portable)} arrays from Keras {keras.__version__}")
