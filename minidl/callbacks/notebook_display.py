"""NotebookDisplay: the progress of a run as one output of a Jupyter cell, updated in place."""

from __future__ import annotations

import html
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from minidl.core import notebook
from minidl.core.messages import say

_LINES = 100  # of the plain text, the last ones
_SECONDS = 0.125  # between the ends of epochs that are shown


class NotebookDisplay:
    """The bar; for a run of several epochs also a table of the last ones and the curves of the loss.

    Front ends without HTML show the lines of the epochs.
    """

    live = True

    def __init__(self) -> None:
        self._handle: Any = None
        self._history: Any = None
        self._lines: list[str] = []
        self._shown_time = 0.0

    def begin_epoch(self, heading: str, history: Any) -> None:
        """Keep the heading, if there are several epochs, and where their numbers are."""
        if heading:
            self._lines.append(heading)
            self._history = history

    def update(
        self, count: str, fraction: float | None, details: Sequence[str], less_important: Sequence[str] = ()
    ) -> None:
        """Draw; the first call adds the output to the cell."""
        now = " - ".join([count, *details])
        self._show([now], f"{notebook.bar(fraction)} {html.escape(now)}")

    def finish(self, line: str) -> None:
        """Add the final line. It is shown at once, or with later ones if epochs are very short."""
        if not self._lines and self._handle is None:
            say(line)
            return
        self._lines = [*self._lines[-_LINES:], line]
        if self._history is None or perf_counter() - self._shown_time >= _SECONDS:
            self._show([], html.escape(line))

    def clear(self) -> None:
        """Show the lines without a bar."""
        if self._handle is not None or self._lines:
            self._show([], html.escape(self._lines[-1] if self._lines else ""))

    def _show(self, more: Sequence[str], line: str) -> None:
        headings = [text for text in self._lines if text.startswith("Epoch ")]
        first = f"{html.escape(headings[-1])}: " if headings else ""
        report = "" if self._history is None or not self._history.history else self._history._repr_html_()
        content = f'<div><div style="font-family:monospace">{first}{line}</div>{report}</div>'
        self._handle = notebook.show(content, "\n".join([*self._lines, *more]), self._handle)
        self._shown_time = perf_counter()
