"""Export: the inference of a model as one compiled function in a file, which runs without the model's classes.

The file is StableHLO in the form of `jax.export`, which JAX keeps readable by later versions for at least six months.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jax
import jax.export
import numpy as np

from minidl.core import structures
from minidl.core.optional import needed
from minidl.core.symbolic import KerasTensor
from minidl.saving.archive import reading
from minidl.saving.files import atomic_write
from minidl.saving.program import from_bytes, to_bytes


def export_model(
    model: Any, filepath: str | os.PathLike[str], input_signature: Any = None, platforms: tuple[str, ...] | None = None
) -> None:
    """Write the inference of a model, weights included.

    Args:
        model: a model that is built.
        filepath: where to; the file that was there stands until the new one is complete.
        input_signature: the inputs as `KerasTensor`s or arrays, None in a shape for any size; default: the inputs of a
            model with a graph or a known shape, for a batch of any size.
        platforms: what to compile for, such as ("cpu", "cuda", "tpu"); default: the present one.

    Raises:
        ValueError: a model that is not built, or whose inputs are not known.
        ImportError: flatbuffers is not installed.

    Example:
    >>> import tempfile, minidl
    >>> model = minidl.Sequential([minidl.layers.Input((2,)), minidl.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_model(model, folder + "/model.stablehlo")
    ...     run = load_exported(folder + "/model.stablehlo")
    >>> run(np.ones((5, 2), "float32")).shape
    (5, 1)
    """
    if not model.built:
        raise ValueError(f"{model.name!r} is not built: call it on some data once, or build it, before export.")
    signature = _signature(model) if input_signature is None else input_signature
    scope = jax.export.SymbolicScope()
    specs = jax.tree.map(lambda tensor: _spec(tensor, scope), signature)
    trainable, others = ([v.value for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables))

    def infer(inputs: Any) -> Any:
        return model.stateless_call(trainable, others, structures.like(signature, inputs), training=False)[0]

    needed("flatbuffers", "export", "minidl[export]")
    exported = jax.export.export(jax.jit(infer), platforms=platforms)(specs)
    data = to_bytes(exported)
    with atomic_write(filepath) as file:
        file.write(data)


def load_exported(filepath: str | os.PathLike[str]) -> Callable[[Any], Any]:
    """The function in a file that `export_model` wrote: inputs -> outputs, for a batch of any size.

    It is StableHLO that XLA compiles; nothing of it is Python. The checksum in the file tells of damage, and custom
    calls other than JAX's own linear algebra, sorting and random numbers are refused. Against somebody who writes such
    a file on purpose, checksum included, that is not enough: the program may ask for any amount of memory and run
    without end, and parsers of native code read it. So load only files of those whose programs you would run.

    Raises:
        LoadError: the file is damaged or another, has no checksum, or has an operation that is not allowed.
        OSError: it cannot be opened.
        ImportError: flatbuffers is not installed.
    """
    with open(filepath, "rb") as file:
        data = file.read()
    needed("flatbuffers", "load_exported", "minidl[export]")
    with reading(filepath):
        exported = from_bytes(data)
    run = jax.jit(exported.call)
    return lambda inputs: run(jax.tree.map(np.asarray, inputs))


def _signature(model: Any) -> Any:
    try:
        return model.input if getattr(model, "graph", None) is None else model.graph.input_struct
    except AttributeError as error:
        raise ValueError(
            f"export: the inputs of {model.name!r} are not known: give input_signature, such as "
            "minidl.KerasTensor((None, 4), 'float32')."
        ) from error


def _spec(tensor: Any, scope: Any) -> jax.ShapeDtypeStruct:
    """The shape with a letter for each size that is not known; the first, the batch, is the same for all inputs."""
    shape = tensor.shape if isinstance(tensor, KerasTensor) else (None, *np.shape(tensor)[1:])
    names = ["batch" if i == 0 else f"size{id(tensor)}_{i}" for i in range(len(shape))]
    text = ",".join(name if size is None else str(size) for name, size in zip(names, shape))
    return jax.ShapeDtypeStruct(jax.export.symbolic_shape(text, scope=scope), tensor.dtype)
