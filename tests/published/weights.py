"""Files for `weights="imagenet"`: first weights of Keras's own model, in its format, the same for both libraries."""

import os
import pathlib
import re
import sys

ADDRESS = re.compile(r"(keras-applications|deep-learning-models)/.*\.h5$")


def provide(url, folder):
    """The path of a file of weights, which a process with Keras makes on first use.

    Raises:
        LookupError: Keras has no model for this name, or is not installed.
    """
    path = pathlib.Path(folder, url.rsplit("/", 1)[-1])
    if not path.exists():
        command = [sys.executable, "-m", "tests.published.weights", str(path)]
        child = os.posix_spawn(sys.executable, command, os.environ | {"KERAS_BACKEND": "jax"})
        if os.waitpid(child, 0)[1] != 0:
            raise LookupError(f"no weights for {url}")
    return str(path)


def application(file, names):
    """The name of the model that a file of weights is for: `vgg16_weights_tf_..._notop.h5` is for VGG16."""
    stem = re.sub(r"[^a-z0-9]", "", file.lower())
    return max((name for name in names if name.lower() in stem), key=len, default=None)


def main(path):
    """Write the weights of the model that the file's name says."""
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    path = pathlib.Path(path)
    model = getattr(keras.applications, application(path.name, dir(keras.applications)))
    keras.utils.set_random_seed(0)
    made = model(weights=None, include_top=not re.search(r"no_?top", path.name))
    part = path.with_suffix(".part")
    with h5py.File(part, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, made)
    part.rename(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
