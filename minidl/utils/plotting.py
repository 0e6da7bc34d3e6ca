"""plot_model: a diagram of a model's layers and the tensors between them, drawn by pydot and Graphviz."""

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
    """Draw a diagram of a model into a file.

    Args:
        model: a built model.
        to_file: the path; its ending selects the format, such as .png, .svg or .pdf. None for no file.
        show_shapes: whether to show input and output shapes.
        show_dtype: whether to show the dtypes of the outputs.
        show_layer_names: whether to show the names of the layers.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: whether to show the layers of nested models.
        dpi: dots per inch.
        show_layer_activations: whether to show activations.
        show_trainable: whether to show which layers are trainable.
        splines: the style of lines: "ortho" (right angles), "curved", "polyline", "spline".

    Returns:
        The image, for display in a notebook; None where IPython is not installed.

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
        return _displayable(dot.create(format="svg"), "svg")
    path = pathlib.Path(to_file)
    image = dot.create(format=path.suffix.removeprefix(".") or "png")
    path.write_bytes(image)
    return _displayable(image, path.suffix)


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
    """The diagram as a pydot graph; the arguments are those of `plot_model`.

    Args:
        subgraph: whether to return a cluster, to add to another graph.

    Raises:
        ImportError: pydot is not installed.
        ValueError: the model is not built.
    """
    pydot = needed("pydot", "plot_model (with the program Graphviz)", "minidl[plot]")
    if not model.built:
        raise ValueError(f"plot_model: {model.name!r} is not built. Build it, or call it on data, first.")
    content = _Content(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    dot: Any
    if subgraph:
        dot = pydot.Cluster(graph_name=model.name, label=model.name)
    else:
        dot = pydot.Dot(rankdir=rankdir, splines=splines, dpi=str(dpi), concentrate="true")
        dot.set_node_defaults(shape="plaintext", fontname="Helvetica")
    _draw(pydot, dot, model, content, expand_nested, "")
    return dot


class _Content:
    """What the node of a layer shows."""

    def __init__(self, shapes: bool, dtype: bool, names: bool, activations: bool, trainable: bool):
        self.shapes, self.dtype, self.names, self.activations, self.trainable = (
            shapes,
            dtype,
            names,
            activations,
            trainable,
        )

    def label(self, operation: Any, inputs: list[Any], outputs: list[Any]) -> str:
        """An HTML table: a title with name and class, then a row for each option."""
        class_name = getattr(operation, "function_name", type(operation).__name__)
        title = f"<b>{html.escape(class_name)}</b>"
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


def _draw(pydot: Any, dot: Any, model: Any, content: _Content, expand_nested: bool, prefix: str) -> tuple[str, str]:
    """Add a model's layers to a graph; returns the names of its first and its last node."""
    calls = layer_calls(model)
    nodes: dict[int, tuple[str, str]] = {}  # id of an operation -> its first and its last node
    for operation, inputs, outputs, _ in calls:
        name = f"{prefix}{operation.name}"
        if expand_nested and hasattr(operation, "layers"):
            cluster = pydot.Cluster(graph_name=name.replace("/", "_"), label=operation.name, style="dashed")
            nodes[id(operation)] = _draw(pydot, cluster, operation, content, expand_nested, f"{name}/")
            dot.add_subgraph(cluster)
        else:
            dot.add_node(pydot.Node(f'"{name}"', label=content.label(operation, inputs, outputs)))
            nodes[id(operation)] = name, name
    for operation, _, _, sources in calls:
        for source in sources:
            dot.add_edge(pydot.Edge(f'"{nodes[id(source)][1]}"', f'"{nodes[id(operation)][0]}"'))
    names = list(nodes.values())
    return names[0][0], names[-1][1]


def layer_calls(model: Any) -> list[tuple[Any, list[Any], list[Any], list[Any]]]:
    """Each operation of a model with its input and output tensors, and the operations before it."""
    graph = getattr(model, "_graph", None)
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


def _displayable(image: bytes, format: str) -> Any:
    """The image as an object that a notebook displays."""
    try:
        from IPython import display
    except ImportError:
        return None
    return display.SVG(image) if format.endswith("svg") else display.Image(image) if format.endswith("png") else None
