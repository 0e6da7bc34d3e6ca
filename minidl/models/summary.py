"""The table that `model.summary()` prints."""

from __future__ import annotations

import dataclasses
import html
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import jax

from minidl.core import notebook
from minidl.core.optional import random_kept
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
    rows = _selected(_rows_of(model), layer_range)
    connected = any(row.connected for row in rows)
    columns = ["Layer (type)", "Output Shape", "Param #"]
    columns += ["Connected to"] * connected + ["Trainable"] * show_trainable
    cells = [_cells(depth, row, connected, show_trainable) for depth, row in _expanded(rows, expand_nested)]
    title, totals = f'Model: "{model.name}"', _totals(model)
    if print_fn is None and notebook.in_notebook():
        lines = [f"<b>{html.escape(title)}</b>", notebook.table(columns, cells, numbers=[2])]
        lines += [f"<div><b>{name}:</b> {size}</div>" for name, size in totals]
        notebook.show(f"<div>{''.join(lines)}</div>", _as_text(title, columns, cells, totals, line_length))
    elif print_fn is not None:
        print_fn(_as_text(title, columns, cells, totals, line_length))
    else:
        print(_as_text(title, columns, cells, totals, line_length, is_plain=False))


def _cells(depth: int, row: _Row, connected: bool, show_trainable: bool) -> list[str]:
    """The texts of a row."""
    name = f"{'   ' * depth + '└ ' if depth else ''}{row.operation.name} ({_kind(row.operation)})"
    texts = [name, "?" if row.shape is None else str(row.shape), _parameters(row.operation)]
    texts += [", ".join(row.connected) or "-"] if connected else []
    return texts + ([_trains(row.operation)] if show_trainable else [])


def _as_text(
    title: str,
    columns: list[str],
    cells: list[list[str]],
    totals: list[tuple[str, str]],
    width: int | None,
    is_plain: bool = True,
) -> str:
    """The summary as text; a plain one has no colours."""
    with random_kept():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

    table = Table(show_lines=False, width=width)
    for column in columns:
        table.add_column(
            column, justify="right" if column == "Param #" else "center" if column == "Trainable" else "left"
        )
    for row in cells:
        table.add_row(*map(escape, row))
    console = Console(highlight=False, width=width)
    if is_plain:
        console = Console(
            highlight=False, force_terminal=False, force_jupyter=False, color_system=None, width=width or 100
        )
    with console.capture() as captured:
        console.print(f"[bold]{escape(title)}[/bold]")
        console.print(table)
        for name, size in totals:
            console.print(f"[bold] {name}:[/bold] {size}")
    return captured.get().rstrip("\n")


def memory_size(size: float) -> str:
    """A human-readable number of bytes.

    >>> memory_size(0), memory_size(1536), memory_size(5 * 2**20)
    ('0.00 B', '1.50 KB', '5.00 MB')
    """
    units = ("B", "KB", "MB", "GB", "TB", "PB")
    power = min(int(math.log2(size) // 10), len(units) - 1) if size > 0 else 0
    return f"{size / 1024**power:.2f} {units[power]}"


def _totals(model: Any) -> list[tuple[str, str]]:
    """The numbers of parameters and their sizes in memory."""
    optimizer = model.optimizer.variables if model.optimizer is not None and model.optimizer.built else []
    totals = [
        ("Total params", [*model.weights, *optimizer]),
        ("Trainable params", model.trainable_weights),
        ("Non-trainable params", model.non_trainable_weights),
    ]
    totals += [("Optimizer params", optimizer)] if optimizer else []
    return [
        (title, f"{sum(v.size for v in variables):,} ({memory_size(_bytes(variables))})") for title, variables in totals
    ]


def _bytes(variables: list[Any]) -> int:
    return sum(variable.size * variable._value.dtype.itemsize for variable in variables)


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
    if getattr(model, "_graph", None) is not None:
        return _graph_rows(model._graph)
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
