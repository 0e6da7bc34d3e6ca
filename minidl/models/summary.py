"""The table that `model.summary()` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    shapes = dict(zip((id(layer) for layer in model.layers), getattr(model, "_shapes", [None])[1:]))
    for depth, layer in _rows(_selected(model.layers, layer_range), expand_nested):
        name = f"{'   ' * depth}{layer.name} ({type(layer).__name__})"
        parameters = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        row = [escape(name), str(shapes.get(id(layer)) or "?"), parameters]
        table.add_row(*row, *([_trains(layer)] if show_trainable else []))

    console = Console(highlight=False)
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


def _rows(layers: list[Layer], expand_nested: bool, depth: int = 0) -> list[tuple[int, Layer]]:
    rows = []
    for layer in layers:
        rows.append((depth, layer))
        if expand_nested:
            rows.extend(_rows(getattr(layer, "layers", []), expand_nested, depth + 1))
    return rows


def _selected(layers: list[Layer], layer_range: Sequence[str] | None) -> list[Layer]:
    if layer_range is None:
        return layers
    names = [layer.name for layer in layers]
    missing = [name for name in layer_range if name not in names]
    if len(layer_range) != 2 or missing:
        raise ValueError(f"summary: layer_range must name a first and a last layer of {names}, got {layer_range}.")
    return layers[names.index(layer_range[0]) : names.index(layer_range[1]) + 1]


def _trains(layer: Layer) -> str:
    return "-" if not layer.weights else "yes" if layer.trainable_weights else "no"
