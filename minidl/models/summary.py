"""The table that `model.summary()` prints."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

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

    table = Table(show_lines=False, width=line_length)
    table.add_column("Layer (type)")
    table.add_column("Output Shape")
    table.add_column("Param #", justify="right")
    if show_trainable:
        table.add_column("Trainable", justify="center")
    for depth, layer, shape in _rows(_selected(_layers(model), layer_range), expand_nested):
        name = f"{'   ' * depth + '└ ' if depth else ''}{layer.name} ({type(layer).__name__})"
        parameters = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        row = [escape(name), "?" if shape is None else str(shape), parameters]
        table.add_row(*row, *([_trains(layer)] if show_trainable else []))

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
    """A number of bytes for people.

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


_Row = tuple[Layer, Any]  # a layer and the shape of its output, None where that is not known


def _layers(model: Any) -> list[_Row]:
    shapes = getattr(model, "_shapes", [])[1:]
    return list(zip(model.layers, shapes or [None] * len(model.layers)))


def _rows(layers: list[_Row], expand_nested: bool, depth: int = 0) -> Iterator[tuple[int, Layer, Any]]:
    for layer, shape in layers:
        yield depth, layer, shape
        if expand_nested and hasattr(layer, "layers"):
            yield from _rows(_layers(layer), expand_nested, depth + 1)


def _selected(layers: list[_Row], layer_range: Sequence[str] | None) -> list[_Row]:
    """The layers from the first that matches one pattern to the last that matches the other, in either order."""
    if layer_range is None:
        return layers
    names = [layer.name for layer, _ in layers]
    found = [[i for i, name in enumerate(names) if re.match(pattern, name)] for pattern in layer_range]
    if len(found) != 2 or not all(found):
        raise ValueError(f"summary: layer_range must name a first and a last layer of {names}, got {layer_range}.")
    first, last = found if found[0][0] <= found[1][-1] else found[::-1]
    return layers[first[0] : last[-1] + 1]


def _trains(layer: Layer) -> str:
    return "-" if not layer.weights else "Y" if layer.trainable else "N"
