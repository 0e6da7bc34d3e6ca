"""The public names of Keras: its modules, functions with their parameters, classes with their arguments and attributes.

`python -m tests.references._surface` writes surface.json, with keras installed; tests/test_surface.py compares.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import types
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "surface.json"
MODULES = (
    *("activations", "backend", "callbacks", "config", "constraints", "datasets", "distribution", "dtype_policies"),
    *("export", "initializers", "layers", "losses", "metrics", "mixed_precision", "models", "ops", "optimizers"),
    *("optimizers.schedules", "preprocessing", "random", "regularizers", "saving", "tree", "utils", "visualization"),
    *("wrappers", "legacy", "ops.image", "ops.linalg", "ops.nn", "ops.numpy"),
)
# Constructor arguments where the class needs some: name -> source evaluated with `k`, the library
MAKES: dict[str, str] = {
    "layers.Activation": "'relu'",
    "layers.AdaptiveAveragePooling1D": "2",
    "layers.AdaptiveAveragePooling2D": "2",
    "layers.AdaptiveAveragePooling3D": "2",
    "layers.AdaptiveMaxPooling1D": "2",
    "layers.AdaptiveMaxPooling2D": "2",
    "layers.AdaptiveMaxPooling3D": "2",
    "layers.AlphaDropout": "0.5",
    "layers.AveragePooling1D": "2",
    "layers.AveragePooling2D": "2",
    "layers.AveragePooling3D": "2",
    "layers.Bidirectional": "k.layers.LSTM(2)",
    "layers.CategoryEncoding": "4",
    "layers.CenterCrop": "2, 2",
    "layers.Conv1D": "2, 3",
    "layers.Conv2D": "2, 3",
    "layers.Conv3D": "2, 3",
    "layers.Conv1DTranspose": "2, 3",
    "layers.Conv2DTranspose": "2, 3",
    "layers.Conv3DTranspose": "2, 3",
    "layers.ConvLSTM1D": "2, 3",
    "layers.ConvLSTM2D": "2, 3",
    "layers.ConvLSTM3D": "2, 3",
    "layers.Dense": "2",
    "layers.DepthwiseConv1D": "3",
    "layers.DepthwiseConv2D": "3",
    "layers.Discretization": "[0.0, 1.0]",
    "layers.Dot": "1",
    "layers.Dropout": "0.5",
    "layers.EinsumDense": "'ab,bc->ac', 2",
    "layers.Embedding": "5, 2",
    "layers.GaussianDropout": "0.5",
    "layers.GaussianNoise": "0.5",
    "layers.GRU": "2",
    "layers.GRUCell": "2",
    "layers.GroupQueryAttention": "4, 4, 2",
    "layers.GroupedQueryAttention": "4, 4, 2",
    "layers.GroupNormalization": "2",
    "layers.Lambda": "abs",
    "layers.HashedCrossing": "2",
    "layers.Hashing": "2",
    "layers.LSTM": "2",
    "layers.LSTMCell": "2",
    "layers.MaxNumBoundingBoxes": "3",
    "layers.MultiHeadAttention": "2, 3",
    "layers.Permute": "(1,)",
    "layers.Pipeline": "[]",
    "layers.RandomBrightness": "0.5",
    "layers.RandomColorDegeneration": "0.5",
    "layers.RandomContrast": "0.5",
    "layers.RandomCrop": "2, 2",
    "layers.RandomHue": "0.5",
    "layers.RandomPosterization": "4",
    "layers.RandomRotation": "0.5",
    "layers.RandomSaturation": "0.5",
    "layers.RandomSharpness": "0.5",
    "layers.RandomTranslation": "0.5, 0.5",
    "layers.RandomZoom": "0.5",
    "layers.RepeatVector": "2",
    "layers.Rescaling": "2.0",
    "layers.Reshape": "(1,)",
    "layers.Resizing": "2, 2",
    "layers.RNN": "k.layers.LSTMCell(2)",
    "layers.SeparableConv1D": "2, 3",
    "layers.SeparableConv2D": "2, 3",
    "layers.SimpleRNN": "2",
    "layers.SimpleRNNCell": "2",
    "layers.SpatialDropout1D": "0.5",
    "layers.SpatialDropout2D": "0.5",
    "layers.SpatialDropout3D": "0.5",
    "layers.SpectralNormalization": "k.layers.Dense(2)",
    "layers.StackedRNNCells": "[k.layers.LSTMCell(2)]",
    "layers.TimeDistributed": "k.layers.Dense(2)",
    "layers.Wrapper": "k.layers.Dense(2)",
    "metrics.IoU": "2, [0]",
    "metrics.MeanIoU": "2",
    "metrics.OneHotIoU": "2, [0]",
    "metrics.OneHotMeanIoU": "2",
    "metrics.MeanMetricWrapper": "k.losses.mean_squared_error",
    "metrics.PrecisionAtRecall": "0.5",
    "metrics.RecallAtPrecision": "0.5",
    "metrics.SensitivityAtSpecificity": "0.5",
    "metrics.SpecificityAtSensitivity": "0.5",
    "optimizers.Optimizer": "0.1",
    "optimizers.schedules.CosineDecay": "0.1, 10",
    "optimizers.schedules.CosineDecayRestarts": "0.1, 10",
    "optimizers.schedules.ExponentialDecay": "0.1, 10, 0.5",
    "optimizers.schedules.InverseTimeDecay": "0.1, 10, 0.5",
    "optimizers.schedules.PiecewiseConstantDecay": "[1], [0.1, 0.2]",
    "optimizers.schedules.PolynomialDecay": "0.1, 10",
    "optimizers.LossScaleOptimizer": "k.optimizers.SGD()",
    "callbacks.CSVLogger": "'a.csv'",
    "callbacks.BackupAndRestore": "'a'",
    "callbacks.LearningRateScheduler": "abs",
    "callbacks.ModelCheckpoint": "'a.keras'",
    "initializers.Constant": "2.0",
    "constraints.MaxNorm": "",
    "models.Model": "",
    "KerasTensor": "(2, 3)",
    "Variable": "1.0",
    "dtype_policies.DTypePolicy": "'float32'",
    "random.SeedGenerator": "1",
    "layers.InputLayer": "(3,)",
    "layers.InputSpec": "ndim=3",
}
PLAIN = (bool, int, float, str, type(None))


def names_of(thing: Any) -> list[str]:
    """Its public names."""
    return sorted(name for name in dir(thing) if not name.startswith("_"))


def modules(library: Any) -> dict[str, Any]:
    """The public modules that the library has: "" for itself, then "layers", ..."""
    found = {"": library}
    for path in MODULES:
        module = library
        with contextlib.suppress(AttributeError):
            for part in path.split("."):
                module = getattr(module, part)
            found[path] = module
    return found


def parameters(function: Any) -> list[str] | None:
    """The names of its parameters, with "**" for any others, or None where it has no signature."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return ["**" if p.kind is p.VAR_KEYWORD else p.name for p in found if p.kind is not p.VAR_POSITIONAL]


def made(path: str, cls: type, library: Any) -> Any:
    """An object of the class, or None where it cannot be made from MAKES or without arguments."""
    library.utils.clear_session(free_memory=False)  # resets names and seeds
    library.utils.set_random_seed(1)
    first = f"{path.rpartition('.')[0]}.{cls.__name__}".lstrip(".")
    try:
        return eval(f"cls({MAKES.get(first, '')})", {"k": library, "cls": cls, "abs": abs})
    except (TypeError, ValueError, NotImplementedError, ImportError, RuntimeError):
        return None


def plain(value: Any) -> bool:
    """Whether it is data that can be compared: a number, a text, or a list of them."""
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    return isinstance(value, PLAIN) and value == value and value not in (float("inf"), -float("inf"))


def attributes(thing: Any) -> dict[str, Any]:
    """Its public attributes: the value in a list for plain data, "method" for what can be called, else "object"."""
    found: dict[str, Any] = {}
    for name in names_of(thing):
        try:
            value = getattr(thing, name)
        except Exception:  # a property that needs a built layer
            found[name] = "unset"
            continue
        found[name] = [value] if plain(value) else "method" if callable(value) else "object"
    return found


def describe(path: str, thing: Any, library: Any) -> dict[str, Any]:
    """A function or class: its parameters, and of a class the attributes of an object."""
    found: dict[str, Any] = {"parameters": parameters(thing)}
    if inspect.isclass(thing):
        one = made(path, thing, library)
        found["attributes"] = attributes(thing if one is None else one)
        found["methods"] = {
            name: parameters(getattr(thing, name))
            for name in names_of(thing)
            if inspect.isfunction(inspect.getattr_static(thing, name))
        }
    return found


def surface(library: Any) -> dict[str, Any]:
    """Every public name of the library by its path; what has two names is described under the first."""
    found: dict[str, Any] = {}
    paths: dict[int, str] = {}
    kept = []  # so that no id is used twice
    for path, module in modules(library).items():
        for name in names_of(module):
            thing = getattr(module, name)
            full = f"{path}.{name}" if path else name
            if id(thing) in paths:
                found[full] = {"same": paths[id(thing)]}
            elif isinstance(thing, types.ModuleType):
                found[full] = {}
            elif callable(thing):
                found[full] = describe(full, thing, library)
                paths[id(thing)] = full
                kept.append(thing)
    return found


def compressed(found: dict[str, Any], library: Any) -> dict[str, Any]:
    """Without what a class has from its public base."""
    classes = {}
    for path in found:
        thing = library
        for part in path.split("."):
            thing = getattr(thing, part)
        if inspect.isclass(thing) and "same" not in found[path]:
            classes[thing] = path
    result = dict(found)
    for cls, path in classes.items():
        base = next((classes[one] for one in cls.__mro__[1:] if one in classes), None)
        if base is not None:
            kept = {
                part: {key: value for key, value in found[path][part].items() if found[base][part].get(key) != value}
                for part in ("attributes", "methods")
            }
            result[path] = {**found[path], **kept, "base": base}
    return result


def read() -> dict[str, Any]:
    """Keras's surface, whole."""
    packed = json.loads(FILE.read_text())

    def whole(path: str) -> dict[str, Any]:
        entry = packed[path]
        if "base" not in entry:
            return entry
        base = whole(entry["base"])
        return {**entry, **{part: {**base[part], **entry[part]} for part in ("attributes", "methods")}}

    return {path: whole(entry.get("same", path)) for path, entry in packed.items()}


def main() -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    entries = compressed(surface(keras), keras).items()
    lines = [f"{json.dumps(path)}: {json.dumps(entry, sort_keys=True)}" for path, entry in sorted(entries)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
