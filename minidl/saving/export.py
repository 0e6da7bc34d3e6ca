"""Export: the forward pass of a model as one function in a file, which runs without the model's classes.

The file is StableHLO serialized by `jax.export`, which later versions of JAX can read for at least six months.
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
from minidl.core.typing import PyTree
from minidl.layers.preprocessing.host_layer import HostLayer
from minidl.saving.archive import reading
from minidl.saving.files import atomic_write
from minidl.saving.program import from_bytes, to_bytes


def export_model(
    model: Any,
    filepath: str | os.PathLike[str],
    input_signature: PyTree = None,
    platforms: tuple[str, ...] | None = None,
) -> None:
    """Write the forward pass of a model, including its weights.

    Args:
        model: a built model.
        filepath: the path; an existing file is replaced once the new one is complete.
        input_signature: the inputs as `KerasTensor`s or arrays, where None in a shape means any size; default: the
            inputs of a model with a graph or a known input shape, for any batch size.
        platforms: the platforms to compile for, such as ("cpu", "cuda", "tpu"); default: the current one.

    Raises:
        ValueError: a model that is not built, whose inputs are unknown, or with layers that make numbers of text.
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
        raise ValueError(f"export: {model.name!r} is not built. Build it, or call it on data, first.")
    if hosted := [layer.name for layer in model._flatten_layers() if isinstance(layer, HostLayer) and layer.needs_host]:
        raise ValueError(
            f"export: the layers {hosted} are computed on the host, which a compiled program cannot do. Export the "
            "part of the model after them, minidl.Sequential(model.layers[1:]) for example."
        )
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


def load_exported(filepath: str | os.PathLike[str]) -> Callable[[PyTree], PyTree]:
    """The function in a file that `export_model` wrote: inputs -> outputs, for any batch size.

    It is StableHLO that XLA compiles; it contains no Python code. A checksum detects damage, and custom calls other
    than JAX's own linear algebra, sorting and random numbers are refused. This does not protect against a malicious
    file with a valid checksum: the program may allocate any amount of memory or run forever, and it is parsed by native
    code. Load only files from sources that you trust.

    Raises:
        LoadError: the file is damaged, of another format, has no checksum, or has an operation that is not allowed.
        OSError: the file cannot be opened.
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
        return model.input if getattr(model, "_graph", None) is None else model._graph.input_struct
    except AttributeError as error:
        raise ValueError(
            f"export: the inputs of {model.name!r} are unknown. Pass input_signature, such as "
            "minidl.KerasTensor((None, 4), 'float32')."
        ) from error


def _spec(tensor: Any, scope: Any) -> jax.ShapeDtypeStruct:
    """A shape with a symbol for each unknown size; the first axis, the batch, has the same symbol for all inputs."""
    shape = tensor.shape if isinstance(tensor, KerasTensor) else (None, *np.shape(tensor)[1:])
    names = ["batch" if i == 0 else f"size{id(tensor)}_{i}" for i in range(len(shape))]
    text = ",".join(name if size is None else str(size) for name, size in zip(names, shape))
    return jax.ShapeDtypeStruct(jax.export.symbolic_shape(text, scope=scope), tensor.dtype)
