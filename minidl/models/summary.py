"""The table that `model.summary()` prints."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import jax

from minidl.core.symbolic import FunctionCall
from minidl.layers.base import Layer


def print_summary(
    model: Any,
    line_length: int | None = None,
    print_fn: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print the layers of a model with output shapes and parameters, and the totals with their size in memory.

    The arguments are those of `Model.summary`.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rows = _selected(_rows_of(model), layer_range)
    connected = any(row.connected for row in rows)
    table = Table(show_lines=False, width=line_length)
    table.add_column("Layer (type)")
    table.add_column("Output Shape")
    table.add_column("Param #", justify="right")
    if connected:
        table.add_column("Connected to")
    if show_trainable:
        table.add_column("Trainable", justify="center")
    for depth, row in _expanded(rows, expand_nested):
        name = f"{'   ' * depth + '└ ' if depth else ''}{row.operation.name} ({_kind(row.operation)})"
        cells = [escape(name), "?" if row.shape is None else escape(str(row.shape)), _parameters(row.operation)]
        cells += [escape(", ".join(row.connected) or "-")] if connected else []
        table.add_row(*cells, *([_trains(row.operation)] if show_trainable else []))

    console = Console(highlight=False, width=line_length)
    if print_fn is not None:
        console = Console(highlight=False, force_terminal=False, color_system=None, width=line_length or 100)
    with console.capture() as captured:
        console.print(f'[bold]Model: "{escape(model.name)}"[/bold]')
        console.print(table)
        for title, variables in _totals(model):
            count = sum(variable.size for variable in variables)
            size = sum(variable.size * variable._value.dtype.itemsize for variable in variables)
            console.print(f"[bold] {title}:[/bold] {count:,} ({memory_size(size)})")
    (print_fn or print)(captured.get().rstrip("\n"))


def memory_size(size: float) -> str:
    """A human-readable number of bytes.

    >>> memory_size(0), memory_size(1536), memory_size(5 * 2**20)
    ('0.00 B', '1.50 KB', '5.00 MB')
    """
    units = ("B", "KB", "MB", "GB", "TB", "PB")
    power = min(int(math.log2(size) // 10), len(units) - 1) if size > 0 else 0
    return f"{size / 1024**power:.2f} {units[power]}"


def _totals(model: Any) -> list[tuple[str, list[Any]]]:
    optimizer = model.optimizer.variables if model.optimizer is not None and model.optimizer.built else []
    totals = [
        ("Total params", [*model.weights, *optimizer]),
        ("Trainable params", model.trainable_weights),
        ("Non-trainable params", model.non_trainable_weights),
    ]
    return [*totals, ("Optimizer params", optimizer)] if optimizer else totals


@dataclasses.dataclass
class _Row:
    """A row of the table.

    Args:
        operation: a layer, or a call of a function.
        shape: the shape of its output, None if unknown.
        connected: the operations whose outputs it takes, in a graph that is more than a chain.
    """

    operation: Any
    shape: Any
    connected: list[str]


def _rows_of(model: Any) -> list[_Row]:
    if getattr(model, "graph", None) is not None:
        return _graph_rows(model.graph)
    shapes = [jax.tree.map(lambda tensor: tensor.shape, tensors) for tensors in getattr(model, "_tensors", [])[1:]]
    return [_Row(layer, shape, []) for layer, shape in zip(model.layers, shapes or [None] * len(model.layers))]


def _graph_rows(graph: Any) -> list[_Row]:
    rows = []
    for operation in graph.operations:
        nodes = graph.nodes_of(operation)
        shapes = [tensor.shape for tensor in nodes[0].output_tensors]
        sources = [
            f"{source.operation.name}[{graph.nodes_of(source.operation).index(source)}]"
            for node in nodes
            for source in map(graph.producer, node.inputs)
        ]
        rows.append(_Row(operation, shapes[0] if len(shapes) == 1 else shapes, sources))
    chain = all(len(row.connected) == (i > 0) for i, row in enumerate(rows))
    return [_Row(row.operation, row.shape, []) for row in rows] if chain else rows


def _expanded(rows: list[_Row], expand_nested: bool, depth: int = 0) -> Iterator[tuple[int, _Row]]:
    for row in rows:
        yield depth, row
        if expand_nested and hasattr(row.operation, "layers"):
            yield from _expanded(_rows_of(row.operation), expand_nested, depth + 1)


def _selected(rows: list[_Row], layer_range: Sequence[str] | None) -> list[_Row]:
    """The rows from the first that matches one pattern to the last that matches the other, in either order."""
    if layer_range is None:
        return rows
    names = [row.operation.name for row in rows]
    found = [[i for i, name in enumerate(names) if re.match(pattern, name)] for pattern in layer_range]
    if len(found) != 2 or not all(found):
        raise ValueError(f"summary: layer_range must name a first and a last layer of {names}, got {layer_range}.")
    first, last = found if found[0][0] <= found[1][-1] else found[::-1]
    return rows[first[0] : last[-1] + 1]


def _kind(operation: Any) -> str:
    if isinstance(operation, FunctionCall):
        return operation.function_name
    return (getattr(operation, "serialized_as", None) or (None, type(operation).__name__))[1]


def _parameters(operation: Any) -> str:
    if not isinstance(operation, Layer):
        return "0"
    return f"{operation.count_params():,}" if operation.built else "0 (unbuilt)"


def _trains(operation: Any) -> str:
    return "-" if not getattr(operation, "weights", None) else "Y" if operation.trainable else "N"
