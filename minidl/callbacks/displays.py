"""Displays of progress: a terminal, a notebook, or plain lines in a file or pipe.

Each display has the same two methods: `update` redraws the current state in place, `finish` replaces it by a final line
of text. There are no threads.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

from minidl.core.messages import is_interactive_logging_enabled, say

BAR_WIDTH = 20  # default width, in characters


class Display(Protocol):
    """Protocol of displays. `live` is whether `update` shows anything."""

    live: bool

    def update(self, count: str, fraction: float | None, details: str) -> None:
        """Draw the count, a bar filled to the fraction (None: no bar) and the details, in place."""

    def finish(self, line: str) -> None:
        """Replace the drawing by a final line of text."""


def choose_display(width: int = BAR_WIDTH) -> Display:
    """The display for the current standard output; `width` is that of its bar, in characters."""
    if not is_interactive_logging_enabled():
        return LineDisplay()
    if _in_notebook():
        return NotebookDisplay(width)
    if hasattr(sys.stdout, "isatty") and sys.stdout.isatty():
        return TerminalDisplay(width)
    return LineDisplay()


class LineDisplay:
    """No live display, one line at the end."""

    live = False

    def update(self, count: str, fraction: float | None, details: str) -> None:
        """Show nothing."""

    def finish(self, line: str) -> None:
        """Print or log the line."""
        say(line)


class TerminalDisplay:
    """A coloured live bar, drawn with rich; other output appears above it."""

    live = True

    def __init__(self, width: int = BAR_WIDTH) -> None:
        self.width = width
        self._live: Any = None

    def update(self, count: str, fraction: float | None, details: str) -> None:
        """Draw; the first call opens the bar."""
        from rich import get_console  # imported lazily: short runs never draw
        from rich.live import Live
        from rich.text import Text

        console = get_console()  # shared with the user's own rich displays, so that both can be on screen
        if self._live is None:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        full, empty = _bar(fraction, self.width, "━" if console.encoding.startswith("utf") else "=")
        space = " " if fraction is not None else ""
        text = Text.assemble((count, "bold"), " ", (full, "green"), (empty, "dim"), space, details)
        self._live.update(text, refresh=True)

    def finish(self, line: str) -> None:
        """Erase the bar, if any, and print the line."""
        if self._live is not None:
            self._live.update("")  # stop() draws once more
            self._live.stop()
            self._live = None
        say(line)


class NotebookDisplay:
    """An output of a Jupyter cell, updated in place by its display id."""

    live = True

    def __init__(self, width: int = BAR_WIDTH) -> None:
        self.width = width
        self._handle: Any = None

    def update(self, count: str, fraction: float | None, details: str) -> None:
        """Draw; the first call adds the output to the cell."""
        full, empty = _bar(fraction, self.width, "█", "░")
        self._show(" ".join(part for part in (count, full + empty, details) if part))

    def finish(self, line: str) -> None:
        """Replace the bar by the line, or print it if there is no bar."""
        if self._handle is None:
            say(line)
        else:
            self._show(line)
            self._handle = None

    def _show(self, text: str) -> None:
        from IPython.display import display  # imported by the notebook already

        content = {"text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def _bar(fraction: float | None, width: int, full: str, empty: str | None = None) -> tuple[str, str]:
    if fraction is None:
        return "", ""
    done = round(width * min(fraction, 1.0))
    return full * done, (empty or full) * (width - done)


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel (Colab's shell is a subclass of Jupyter's)."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return any(cls.__name__ == "ZMQInteractiveShell" for cls in type(shell).__mro__)
