"""Save every model with Keras: `python -m tests.saved`."""

import os
import pathlib
import tempfile
import zipfile

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from tests.saved import FOLDER, go_on, outputs_of, programs

with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(FOLDER / "files.zip", "w", zipfile.ZIP_DEFLATED) as files:
    results = {}
    for name, program in programs().items():
        model, leaves, _ = program(keras)
        path = pathlib.Path(folder, f"{name}.keras")
        model.save(path)
        files.write(path, path.name)
        for i, output in enumerate(outputs_of(model, leaves)):
            results[f"{name}/output{i}"] = output
        if name.startswith("optimizer"):
            results |= {f"{name}/later{i}": value for i, value in enumerate(go_on(model))}
    np.savez_compressed(FOLDER / "results.npz", **results)
    print(f"{len(files.namelist())} files, {len(results)} arrays from Keras {keras.__version__}")
