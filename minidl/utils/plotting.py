"""plot_model: a picture of a model's layers and what flows between them, through pydot and Graphviz."""

from __future__ import annotations

import html
import pathlib
from typing import Any

import jax

from minidl.core.optional import needed


def plot_model(
    model: Any,
    to_file: str | pathlib.Path | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Write a picture of a model to a file.

    Args:
        model: a built model.
        to_file: the path; its ending says the format, such as .png, .svg or .pdf. None writes nothing.
        show_shapes: whether to show the shapes that go in and out.
        show_dtype: whether to show the dtypes of the outputs.
        show_layer_names: whether to show the names of the layers.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: whether to show the layers of models inside.
        dpi: dots per inch.
        show_layer_activations: whether to show activations.
        show_trainable: whether to show which layers train.
        splines: how lines run: "ortho" with corners, "curved", "polyline", "spline".

    Returns:
        The picture, for a notebook to show; None where IPython is not installed.

    Raises:
        ImportError: pydot is not installed.
        OSError: Graphviz is not installed.
        ValueError: the model is not built.
    """
    dot = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        False,
        show_layer_activations,
        show_trainable,
        splines,
    )
    if to_file is None:
        return _shown(dot.create(format="svg"), "svg")
    path = pathlib.Path(to_file)
    picture = dot.create(format=path.suffix.removeprefix(".") or "png")
    path.write_bytes(picture)
    return _shown(picture, path.suffix)


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """The picture as a graph of pydot; the arguments are those of `plot_model`.

    Args:
        subgraph: whether to make a cluster for a place in another graph.

    Raises:
        ImportError: pydot is not installed.
        ValueError: the model is not built.
    """
    pydot = needed("pydot", "plot_model (with the program Graphviz)", "minidl[plot]")
    if not model.built:
        raise ValueError(f"plot_model: {model.name!r} is not built yet. Call it on data, or build it.")
    shown = _Shown(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    dot: Any
    if subgraph:
        dot = pydot.Cluster(graph_name=model.name, label=model.name)
    else:
        dot = pydot.Dot(rankdir=rankdir, splines=splines, dpi=str(dpi), concentrate="true")
        dot.set_node_defaults(shape="plaintext", fontname="Helvetica")
    _draw(pydot, dot, model, shown, expand_nested, "")
    return dot


class _Shown:
    """What the box of a layer says."""

    def __init__(self, shapes: bool, dtype: bool, names: bool, activations: bool, trainable: bool):
        self.shapes, self.dtype, self.names, self.activations, self.trainable = (
            shapes,
            dtype,
            names,
            activations,
            trainable,
        )

    def label(self, operation: Any, inputs: list[Any], outputs: list[Any]) -> str:
        """A table in HTML: name and class above, what was asked for below."""
        kind = getattr(operation, "function_name", type(operation).__name__)
        title = f"<b>{html.escape(kind)}</b>"
        if self.names:
            title = f"{html.escape(operation.name)} ({title})"
        rows = [title]
        activation = getattr(operation, "activation", None)
        if self.activations and activation is not None:
            rows.append(f"Activation: <b>{html.escape(getattr(activation, '__name__', type(activation).__name__))}</b>")
        if self.shapes:
            before = f"Input shape: <b>{_joined(tensor.shape for tensor in inputs)}</b>" if inputs else ""
            rows += [text for text in (before, f"Output shape: <b>{_joined(t.shape for t in outputs)}</b>") if text]
        if self.dtype:
            rows.append(f"Output dtype: <b>{_joined(tensor.dtype for tensor in outputs)}</b>")
        if self.trainable and getattr(operation, "weights", None):
            rows.append("Trainable" if operation.trainable else "Non-trainable")
        cells = "".join(f"<tr><td>{row}</td></tr>" for row in rows)
        return f'<<table border="0" cellborder="1" cellspacing="0" cellpadding="6">{cells}</table>>'


def _draw(pydot: Any, dot: Any, model: Any, shown: _Shown, expand_nested: bool, prefix: str) -> tuple[str, str]:
    """Draw a model's layers into a graph; returns the names of its first and its last box."""
    calls = _calls(model)
    boxes: dict[int, tuple[str, str]] = {}  # an operation's id -> the boxes where it begins and ends
    for operation, inputs, outputs, _ in calls:
        name = f"{prefix}{operation.name}"
        if expand_nested and hasattr(operation, "layers"):
            cluster = pydot.Cluster(graph_name=name.replace("/", "_"), label=operation.name, style="dashed")
            boxes[id(operation)] = _draw(pydot, cluster, operation, shown, expand_nested, f"{name}/")
            dot.add_subgraph(cluster)
        else:
            dot.add_node(pydot.Node(f'"{name}"', label=shown.label(operation, inputs, outputs)))
            boxes[id(operation)] = name, name
    for operation, _, _, sources in calls:
        for source in sources:
            dot.add_edge(pydot.Edge(f'"{boxes[id(source)][1]}"', f'"{boxes[id(operation)][0]}"'))
    every = list(boxes.values())
    return every[0][0], every[-1][1]


def _calls(model: Any) -> list[tuple[Any, list[Any], list[Any], list[Any]]]:
    """Each operation of a model with its input and output tensors, and the operations before it."""
    graph = getattr(model, "graph", None)
    if graph is not None:
        found = []
        for operation in graph.operations:
            nodes = graph.nodes_of(operation)
            inputs = [tensor for node in nodes for tensor in node.inputs]
            sources = list({id(s): s for s in (graph.producer(tensor).operation for tensor in inputs)}.values())
            found.append((operation, inputs, [t for node in nodes for t in node.output_tensors], sources))
        return found
    calls = []
    before: Any = None
    for layer in model.layers:
        nodes = layer._nodes[:1]
        inputs = nodes[0].inputs if nodes else []
        outputs = jax.tree.leaves(nodes[0].outputs) if nodes else []
        is_chain = before is not None and bool(nodes)
        calls.append((layer, inputs, outputs, [before] if is_chain else []))
        before = layer
    return calls


def _joined(values: Any) -> str:
    return html.escape(", ".join(str(value) for value in values))


def _shown(picture: bytes, kind: str) -> Any:
    """The picture as an object that a notebook shows."""
    try:
        from IPython import display
    except ImportError:
        return None
    return display.SVG(picture) if kind.endswith("svg") else display.Image(picture) if kind.endswith("png") else None
