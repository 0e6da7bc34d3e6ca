"""One program in this process: `python -m tests.published.worker LIBRARY PROGRAM RESULT SECONDS`."""

import ast
import functools
import importlib
import importlib.util
import json
import os
import pathlib
import random
import resource
import sys
import traceback
import types

MEMORY = 10 * 2**30


def _nothing(*args, **kwargs):
    pass


def _iterate(values=(), *args, **kwargs):
    return values


DATA_SETS = ["image_dataset_from_directory", "text_dataset_from_directory", "audio_dataset_from_directory"]
DATA_SETS += ["timeseries_dataset_from_array"]
DISPLAYS = {
    "IPython": {"__path__": [], "get_ipython": _nothing, "version_info": (9, 0)},
    "IPython.display": dict.fromkeys(("Image", "display", "HTML", "clear_output", "Audio", "Markdown"), _nothing),
    "tqdm": {"tqdm": _iterate, "trange": range, "__path__": []},
    "tqdm.auto": {"tqdm": _iterate},
    "tqdm.notebook": {"tqdm": _iterate},
}


def main(library_name, program, result, seconds="180"):
    """Run a program and write its outcome: the error, if any, and the numbers that it computed."""
    from tests.published import aliases, arrays, cuts, downloads, programs

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 10))
    library = aliases.redirect(library_name)
    records = []
    cuts.install(library, lambda method, numbers: records.append((method, numbers)))
    arrays.install(library)
    shell = downloads.install(library, os.path.abspath("files"), os.environ["JAX_COMPILATION_CACHE_DIR"])
    library.utils.plot_model = _nothing  # it needs the program `dot`
    stand_ins()
    text = programs.code(program)
    downloads.by_hand(text, shell)
    import_first(text)
    seed(library)
    one_order(library)
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=program, _shell=shell, display=lambda *values: None)
    outcome = {"error": None}
    try:
        tree = ast.parse(text, program)
        tree = cuts.FewEpochs().visit(programs.ShellBlocks().visit(tree))
        sys.modules["__main__"], sys.argv = module, [program]
        exec(compile(ast.fix_missing_locations(tree), program, "exec"), module.__dict__)
    except SystemExit as stop:
        outcome["error"] = f"exit {stop.code}" if stop.code else None
    except BaseException as error:  # whatever a program raises is its outcome
        traceback.print_exc()
        outcome["error"] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        outcome["refused"] = isinstance(error, (downloads.Refused, ModuleNotFoundError, FileNotFoundError))
    outcome["records"] = records
    pathlib.Path(result).write_text(json.dumps(outcome))


def stand_ins():
    """Modules that only display, and TensorFlow's data sets, where they are not installed."""
    installed = {name for name in ("IPython", "tqdm") if importlib.util.find_spec(name)}
    if importlib.util.find_spec("tensorflow_datasets") is None:
        sys.modules["tensorflow_datasets"] = importlib.import_module("tests.published.tfds")
    for name, content in DISPLAYS.items():
        if name.partition(".")[0] not in installed:
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__dict__.update(content)


def import_first(text):
    """Import what draws from `random` when it is imported: one of the libraries may have imported it already."""
    for name in ("tensorflow", "torch", "sklearn.metrics", "pandas"):
        if name.partition(".")[0] in text and importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)


def seed(library):
    """The same draws in both libraries; TensorFlow is seeded where the program imports it."""
    random.seed(0)
    library.utils.set_random_seed(0)


def one_order(library):
    """The same batches in both libraries.

    Data sets of files are not shuffled, which each library does in its own way. Those of TensorFlow and PyTorch are
    shuffled in one way: Keras iterates them once more than the program.
    """
    for module in (library.utils, library.preprocessing):
        for name in DATA_SETS:
            if hasattr(module, name):
                setattr(module, name, in_order(getattr(module, name)))
    tensorflow, torch = sys.modules.get("tensorflow"), sys.modules.get("torch")
    if tensorflow is not None:
        dataset = tensorflow.data.Dataset
        original = dataset.shuffle

        def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=None, name=None):
            return original(self, buffer_size, seed, reshuffle_each_iteration=False, name=name)

        dataset.shuffle = shuffle
    if torch is not None:
        sampler = torch.utils.data.RandomSampler
        shuffled = sampler.__iter__

        def seeded(self):
            torch.manual_seed(0)
            yield from shuffled(self)

        sampler.__iter__ = seeded


def in_order(function):
    """A function that makes a data set, without its shuffle."""

    @functools.wraps(function)
    def made(*args, **kwargs):
        return function(*args, **kwargs | {"shuffle": False})

    return made


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # threads of a program need not end
