"""What the TensorBoard callback writes besides numbers: graphs of models, weights as images, labels of embeddings."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from minidl.core.optional import needed


def graph_of(model: Any) -> Any:
    """An event with the layers of a model: a node for each layer, with its class and the shape of its output.

    A nested model is a group of nodes. Of a subclassed model it has the layers, without connections.
    """
    graph = needed("tensorboardX.proto.graph_pb2", "TensorBoard", "minidl[tensorboard]").GraphDef()
    _add_nodes(graph, model, "")
    events = needed("tensorboardX.proto.event_pb2", "TensorBoard", "minidl[tensorboard]")
    return events.Event(graph_def=graph.SerializeToString())


def _add_nodes(graph: Any, model: Any, scope: str) -> tuple[str, str]:
    """Add the layers of a model; returns the names of the first and the last node."""
    from minidl.utils.plotting import layer_calls

    ends: dict[int, tuple[str, str]] = {}  # id of a layer -> its first and its last node
    for operation, _, outputs, sources in layer_calls(model):
        name = f"{scope}{operation.name}"
        before = [ends[id(source)][1] for source in sources if id(source) in ends]
        if getattr(operation, "layers", None):
            at = len(graph.node)
            ends[id(operation)] = _add_nodes(graph, operation, f"{name}/")
            if len(graph.node) > at:
                graph.node[at].input.extend(before)
            continue
        node = graph.node.add(name=name, op=getattr(operation, "function_name", type(operation).__name__))
        node.input.extend(before)
        for tensor in outputs[:1]:
            shape = node.attr["_output_shapes"].list.shape.add()
            for size in tensor.shape:
                shape.dim.add(size=-1 if size is None else size)
        ends[id(operation)] = name, name
    names = list(ends.values())
    return (names[0][0], names[-1][1]) if names else (scope, scope)


def images_of(weight: np.ndarray) -> np.ndarray | None:
    """A weight as images (count, height, width, channels), from black for its least value to white for its largest.

    A vector is a row of pixels, a matrix one image, and the kernel of a convolution of one or three channels one image
    for each output; None for other weights.

    >>> images_of(np.array([[-0.1, 0.0, 0.1]])).ravel().tolist()
    [0.0, 0.5, 1.0]
    """
    weight = weight.squeeze()
    if weight.ndim == 1:
        images = weight[None, None, :, None]
    elif weight.ndim == 2:
        images = (weight.T if weight.shape[0] > weight.shape[1] else weight)[None, :, :, None]
    elif weight.ndim == 3:
        images = np.moveaxis(weight, -1, 0)[..., None]
    elif weight.ndim == 4 and weight.shape[2] == 3:
        images = np.moveaxis(weight, -1, 0)
    else:
        return None
    low, high = np.min(images, initial=np.inf), np.max(images, initial=-np.inf)
    return (images - low) / (high - low) if high > low else np.zeros_like(images)


def labels_of(path: str | os.PathLike[str]) -> tuple[list[Any], list[str] | None]:
    """The labels in a file, one a line; or of several columns, separated by tabs, the rows and the header."""
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    if len(rows[0]) == 1:
        return [row[0] for row in rows], None
    return rows[1:], rows[0]
