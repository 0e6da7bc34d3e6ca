"""Displays of progress: a terminal, a notebook, or plain lines in a file or pipe.

Each display has the same two methods: `update` redraws the current state in place, `finish` replaces it by a final line
of text. There are no threads.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from minidl.callbacks.notebook_display import NotebookDisplay
from minidl.core import notebook
from minidl.core.messages import is_interactive_logging_enabled, say
from minidl.core.optional import random_kept

BAR_WIDTH = 20  # default width, in characters
_LEAST_BAR = 5  # where the window is narrow


class Display(Protocol):
    """Protocol of displays. `live` is whether `update` shows anything."""

    live: bool

    def begin_epoch(self, heading: str, history: Any) -> None:
        """Show the heading of an epoch, if it is not empty; history: a `History` of the epochs before, or None."""

    def update(
        self, count: str, fraction: float | None, details: Sequence[str], less_important: Sequence[str] = ()
    ) -> None:
        """Draw one line in place: the count, a bar filled to the fraction (None: no bar), and the details.

        Args:
            count: how much is done.
            fraction: the fraction that is done.
            details: texts, in order.
            less_important: those that are left out where the line is too long, the first one first.
        """

    def finish(self, line: str) -> None:
        """Replace the drawing by a final line of text."""

    def clear(self) -> None:
        """Erase the drawing."""


def choose_display(width: int = BAR_WIDTH) -> Display:
    """The display for the current standard output; `width` is that of its bar, in characters."""
    if not is_interactive_logging_enabled():
        return LineDisplay()
    if notebook.in_notebook():
        return NotebookDisplay()
    if hasattr(sys.stdout, "isatty") and sys.stdout.isatty():
        return TerminalDisplay(width)
    return LineDisplay()


class LineDisplay:
    """No live display, one line at the end."""

    live = False

    def begin_epoch(self, heading: str, history: Any) -> None:
        """Print or log the heading."""
        if heading:
            say(heading)

    def update(
        self, count: str, fraction: float | None, details: Sequence[str], less_important: Sequence[str] = ()
    ) -> None:
        """Show nothing."""

    def finish(self, line: str) -> None:
        """Erase what is drawn, if anything, and print or log the line."""
        self.clear()
        say(line)

    def clear(self) -> None:
        """Nothing is shown."""


class TerminalDisplay(LineDisplay):
    """A coloured live bar, drawn with rich; other output appears above it."""

    live = True

    def __init__(self, width: int = BAR_WIDTH) -> None:
        self.width = width
        self._live: Any = None

    def update(
        self, count: str, fraction: float | None, details: Sequence[str], less_important: Sequence[str] = ()
    ) -> None:
        """Draw; the first call opens the bar."""
        if self._live is None:
            with random_kept():
                from rich import get_console  # imported lazily: short runs never draw
                from rich.live import Live

            # The console is shared with the user's own rich displays, so that both can be on screen.
            self._live = Live(console=get_console(), auto_refresh=False, transient=True)
            self._live.start()
        full = "━" if self._live.console.encoding.startswith("utf") else "="
        self._live.update(_Line(count, fraction, details, less_important, self.width, full), refresh=True)

    def finish(self, line: str) -> None:
        """Replace the bar by the line, broken between its parts where the window is narrower."""
        super().finish(_broken(line, shutil.get_terminal_size().columns))

    def clear(self) -> None:
        """Erase the bar."""
        if self._live is not None:
            self._live.update(_Erased())  # stop() draws once more
            self._live.stop()
            self._live = None


def _broken(line: str, width: int) -> str:
    """Lines that fit a width, of whole parts.

    >>> print(_broken("9/9 - 2ms - loss: 0.1 - accuracy: 0.9 - val_loss: 0.2", 40))
    9/9 - 2ms - loss: 0.1 - accuracy: 0.9
      - val_loss: 0.2
    """
    first, *parts = line.split(" - ")
    lines = [first]
    for part in parts:
        if len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" - {part}"
        else:
            lines.append(f"  - {part}")
    return "\n".join(lines)


@dataclasses.dataclass
class _Line:
    """A line that fits the width of the window at the time of drawing, for rich."""

    count: str
    fraction: float | None
    details: Sequence[str]
    less_important: Sequence[str]
    width: int
    full: str

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.control import Control
        from rich.segment import ControlType, Segment
        from rich.text import Text

        yield from _Erased().__rich_console__(console, options)
        width, details = self.fitted(options.max_width - 1)
        full, empty = _bar(self.fraction, width, self.full)
        space = " " if width else ""
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        tokens = [(self.count, "bold"), (" ", ""), (full, "green"), (empty, "dim"), (space + details, "")]
        yield text.append_tokens(tokens)
        # The cursor stays at the start of the line. If the window becomes narrower, many terminals wrap the line and
        # leave the cursor in its first row, so that the next drawing erases all of it.
        yield Control(ControlType.CARRIAGE_RETURN)
        yield Segment.line()

    def fitted(self, width: int) -> tuple[int, str]:
        """The width of the bar, and the details, of a line of at most this width.

        >>> line = _Line("9/9", 1.0, ["1ms left", "2ms/step", "loss: 0.1"], ["2ms/step"], width=20, full="=")
        >>> line.fitted(80), line.fitted(30), line.fitted(20)
        ((20, '1ms left - 2ms/step - loss: 0.1'), (5, '1ms left - loss: 0.1'), (7, '1ms left'))
        """
        bar = 0 if self.fraction is None else min(_LEAST_BAR, self.width)
        details, doubtful = list(self.details), [*self.less_important, *reversed(self.details)]
        fixed = len(self.count) + 1 + bool(bar)
        while details and fixed + bar + len(" - ".join(details)) > width:
            text = doubtful.pop(0)
            details = [detail for detail in details if detail != text]
        text = " - ".join(details)
        return (min(self.width, max(bar, width - fixed - len(text))) if bar else 0), text


class _Erased:
    """Nothing, and nothing below, for rich."""

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.segment import ControlType, Segment

        yield Segment("\x1b[J", None, [(ControlType.ERASE_IN_LINE, 0)])


def _bar(fraction: float | None, width: int, full: str, empty: str | None = None) -> tuple[str, str]:
    if fraction is None:
        return "", ""
    done = round(width * min(fraction, 1.0))
    return full * done, (empty or full) * (width - done)
