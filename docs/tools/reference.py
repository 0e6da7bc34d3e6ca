"""The reference: a page for each public module, which names what mkdocstrings shows."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import minidl

# Classes that are shown with their methods, because users call or override these.
_WITH_METHODS = {
    *("Model", "Sequential", "Layer", "Loss", "Metric", "Optimizer", "Variable", "KerasTensor", "Callback", "RNN"),
    *("Initializer", "Regularizer", "Constraint", "LearningRateSchedule", "SeedGenerator", "Wrapper", "Dataset"),
    *("PyDataset", "FeatureSpace", "Progbar", "Profile", "DeviceMesh", "TensorLayout", "LayoutMap", "ExportArchive"),
}
_LAYERS = (
    *("core", "attention", "convolution", "merging", "normalization"),
    *("pooling", "preprocessing", "recurrent", "regularization", "reshaping"),
)
_OPS = ("core", "numpy", "nn", "math", "linalg", "image")
_PARTS = ("optimizers.schedules", "preprocessing.image", "preprocessing.sequence", "utils.bounding_boxes")
_LAYER_NOTE = """Each layer also takes the arguments of [`Layer`][minidl.layers.Layer]: `name`, `dtype`, `trainable`,
`activity_regularizer`, `autocast`, and `input_shape`, `batch_shape` or `input_dtype` for the first layer of a model.
"""


def modules() -> dict[str, ModuleType]:
    """The public modules, by their full names."""
    names = [name for name in minidl.__all__ if inspect.ismodule(getattr(minidl, name)) and name != "keras"]
    names = sorted([*names, "applications", "profiling", "testing", "wrappers", *_PARTS])
    found = {f"minidl.{name}": importlib.import_module(f"minidl.{name}") for name in names}
    networks = found["minidl.applications"]
    inner = {f"minidl.applications.{name}": getattr(networks, name) for name in networks.__all__}
    return {"minidl": minidl, **found, **{name: value for name, value in inner.items() if inspect.ismodule(value)}}


def public(module: ModuleType) -> list[str]:
    """The public names of a module, without its modules."""
    listed = getattr(module, "__all__", None)
    names = listed or [
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
    ]
    return sorted(
        {name for name in names if name[0] != "_" and not inspect.ismodule(getattr(module, name))}, key=_order
    )


def _order(name: str) -> tuple[bool, str]:
    return name not in _WITH_METHODS, name.lower()


def pages() -> Iterator[tuple[str, str]]:
    """(path, Markdown) of each page."""
    for full, module in modules().items():
        names, about = public(module), inspect.cleandoc(module.__doc__ or "").split("\n>>>")[0].strip()
        if full == "minidl.layers":
            for family in _LAYERS:
                members = [name for name in names if _family(getattr(module, name)) == family]
                yield f"reference/layers/{family}.md", _page(f"{full}: {family}", _LAYER_NOTE, module, members)
        elif full == "minidl.ops":
            for family in _OPS:
                inside = getattr(module, family)
                members = [name for name in names if vars(inside).get(name) is getattr(module, name)]
                named = inside if family == "image" else module  # keras.ops.image has names of its own
                yield f"reference/ops/{family}.md", _page(f"{full}: {family}", about, named, members)
        elif names:
            yield f"reference/{full.removeprefix('minidl.')}.md", _page(full, about, module, names)


def _family(layer: Any) -> str:
    part = layer.__module__.split(".")[2:3]
    return part[0] if part and part[0] in _LAYERS else "core"


def _page(title: str, about: str, module: ModuleType, names: list[str]) -> str:
    return "\n".join([f"# {title}\n\n{about}\n", *(_entry(module, name, names) for name in names)])


def _entry(module: ModuleType, name: str, names: list[str]) -> str:
    value, full = getattr(module, name), f"{module.__name__}.{name}"
    first = getattr(value, "__name__", name)
    if first != name and first in names and getattr(module, first) is value:
        return f"## {name} {{ #{full} }}\n\nAnother name of [`{first}`][{module.__name__}.{first}].\n"
    if not callable(value):
        return f"## {name} {{ #{full} }}\n\n`{value!r}`\n"
    shown = "true" if name in _WITH_METHODS else "false"
    return f"::: {full}\n    options:\n      members: {shown}\n      inherited_members: {shown}\n"
