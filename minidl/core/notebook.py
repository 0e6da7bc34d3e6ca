"""HTML for notebooks: tables, curves and bars, shown by IPython's display protocol. IPython is not required."""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")
_WIDTH, _HEIGHT, _LEFT, _MARGIN = 420, 170, 60, 20  # of a plot, in pixels


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel (Colab's shell is a subclass of Jupyter's).

    >>> in_notebook()
    False
    """
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return any(cls.__name__ == "ZMQInteractiveShell" for cls in type(shell).__mro__)


def show(content: str, text: str, handle: Any = None) -> Any:
    """Add an output to the cell, or replace an earlier one.

    Args:
        content: HTML.
        text: the same as plain text, for displays without HTML.
        handle: what an earlier call returned, to replace its output.

    Returns:
        The handle of the output.
    """
    from IPython.display import display  # imported by the notebook already

    bundle = {"text/html": content, "text/plain": text}
    if handle is None:
        return display(bundle, raw=True, display_id=True)
    handle.update(bundle, raw=True)
    return handle


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of texts, which are escaped.

    Args:
        header: the titles of the columns.
        rows: the texts of the cells.
        numbers: the columns that are aligned to the right.

    >>> table(["<a>"], [["1"]], numbers=[0])
    '<table><tr><th style="text-align:right">&lt;a&gt;</th></tr><tr><td style="text-align:right">1</td></tr></table>'
    """

    def row(cells: Sequence[str], tag: str) -> str:
        sides = ["right" if i in numbers else "left" for i in range(len(cells))]
        parts = [f'<{tag} style="text-align:{side}">{html.escape(c)}</{tag}>' for c, side in zip(cells, sides)]
        return f"<tr>{''.join(parts)}</tr>"

    return f"<table>{row(header, 'th')}{''.join(row(cells, 'td') for cells in rows)}</table>"


def bar(fraction: float | None) -> str:
    """A progress bar.

    >>> bar(0.5), bar(None)
    ('<progress value="0.5000" max="1"></progress>', '')
    """
    return "" if fraction is None else f'<progress value="{fraction:.4f}" max="1"></progress>'


def curves(values: Mapping[str, Sequence[float]], first: int = 1) -> str:
    """Curves of numbers per epoch as an SVG picture. Numbers that are not finite are left out.

    Args:
        values: name -> one number per epoch; the curve ends with the last epoch of the longest one.
        first: the number of the first epoch.

    >>> curves({"loss": [2.0, 1.0]}).count("<polyline"), curves({"loss": [math.nan]})
    (1, '')
    """
    finite = [number for numbers in values.values() for number in numbers if math.isfinite(number)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    length = max(map(len, values.values()))
    right, bottom = _WIDTH - _MARGIN, _HEIGHT - _MARGIN

    def point(index: int, number: float) -> str:
        x = _LEFT + (right - _LEFT) * (index / (length - 1) if length > 1 else 0.5)
        y = bottom - (bottom - _MARGIN) * ((number - low) / (high - low) if high > low else 0.5)
        return f"{x:.1f},{y:.1f}"

    parts = [_text(_LEFT - 6, bottom, f"{low:.4g}", "end"), _text(_LEFT - 6, _MARGIN + 4, f"{high:.4g}", "end")]
    parts += [_text(_LEFT, _HEIGHT - 4, f"epoch {first}"), _text(right, _HEIGHT - 4, str(first + length - 1), "end")]
    parts.append(f'<path d="M{_LEFT},{_MARGIN}V{bottom}H{right}" fill="none" stroke="currentColor" opacity="0.4"/>')
    for i, (name, numbers) in enumerate(values.items()):
        color = _COLORS[i % len(_COLORS)]
        shift = length - len(numbers)
        points = [point(shift + n, number) for n, number in enumerate(numbers) if math.isfinite(number)]
        parts += [f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="2" fill="{color}"/>' for p in points[-1:]]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts.append(_text(_LEFT + 10 + 110 * i, 12, name, color=color))
    return f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" font-size="11">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, anchor: str = "start", color: str = "currentColor") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{color}">{html.escape(text)}</text>'
