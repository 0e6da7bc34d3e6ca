"""The changed import: `keras`, `keras.x`, `keras_core`, `tensorflow.keras` and `tf.keras` are the tested library."""

import importlib
import importlib.abc
import importlib.util
import random
import sys

NAMES = ("tensorflow.keras", "keras_core", "tf_keras", "keras")


class _Loader(importlib.abc.Loader):
    """Gives an already imported module for another name, as it was."""

    def __init__(self, module):
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        module.__spec__ = self.spec


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of one library under the names of Keras.

    Args:
        library: "minidl" or "keras".
    """

    def __init__(self, library):
        self.library = library

    def find_spec(self, name, path=None, target=None):
        for known in NAMES:
            if name == known or name.startswith(f"{known}."):
                real = self.library + name.removeprefix(known).removeprefix(".api")
                if real == name:
                    return None
                try:
                    module = importlib.import_module(real)
                except ModuleNotFoundError as error:
                    if not real.startswith(error.name or "?"):
                        raise
                    raise ModuleNotFoundError(f"No module named {real!r}", name=name) from error
                return importlib.util.spec_from_loader(name, _Loader(module))
        return None


def redirect(library):
    """Redirect the names of Keras to a library, in this process."""
    sys.meta_path.insert(0, Finder(library))
    module = importlib.import_module(library)
    if importlib.util.find_spec("tensorflow") is not None:
        sys.meta_path.insert(0, _TensorFlow(module))
    return module


class _TensorFlow(importlib.abc.MetaPathFinder):
    """Sets `tensorflow.keras`, its parts under `tensorflow`, and the seed, when a program imports TensorFlow."""

    def __init__(self, module):
        self.module, self.busy = module, False

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow" or self.busy:
            return None
        self.busy = True
        spec = importlib.util.find_spec(name)
        self.busy = False
        execute = spec.loader.exec_module

        def exec_module(module):
            before = random.getstate()
            execute(module)
            random.setstate(before)
            module.keras = self.module
            for name in ("initializers", "losses", "metrics", "optimizers"):
                setattr(module, name, getattr(self.module, name))
            module.random.set_seed(0)

        spec.loader.exec_module = exec_module
        return spec
