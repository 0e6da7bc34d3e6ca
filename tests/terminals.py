"""A program in a terminal of a chosen width, and the screens that its user sees."""

import os
import select
import struct
import subprocess
import sys
import textwrap
import time

import pytest


class Terminal:
    """Runs a Python program in a terminal emulated by pyte.

    Args:
        program: the source.
        columns: the width of the window.
        resize: (text, columns): the new width of the window, once the text is on the screen.

    Attributes:
        screens: the different screens so far, each a list of rows without those that are empty.
        cursors: for each screen the column of the cursor.
    """

    def __init__(self, program: str, columns: int = 80, resize: tuple[str, int] | None = None):
        pyte, pty = pytest.importorskip("pyte"), pytest.importorskip("pty")
        self._screen = pyte.Screen(columns, 40)
        self._stream = pyte.ByteStream(self._screen)
        self._resize = resize
        self.screens: list[list[str]] = []
        self.cursors: list[int] = []
        self._ours, theirs = pty.openpty()
        self._set_width(columns)
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        env |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-c", textwrap.dedent(program)]
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        self._read()
        self.code = process.wait(timeout=60)
        os.close(self._ours)

    @property
    def last(self) -> list[str]:
        """The screen at the end."""
        return self.screens[-1]

    def rows(self, part: str) -> list[str]:
        """All rows that were on a screen and contain a text, each once, in order."""
        return list(dict.fromkeys(row for screen in self.screens for row in screen if part in row))

    def _read(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and select.select([self._ours], [], [], 60)[0]:
            try:
                written = os.read(self._ours, 65536)
            except OSError:  # how Linux says that the program has closed its end
                break
            for number, piece in enumerate(written.split(b"\x1b[2K")):  # how a drawing begins
                self._stream.feed(b"\x1b[2K" * (number > 0) + piece)
                self._look()

    def _look(self) -> None:
        rows = [row.rstrip() for row in self._screen.display if row.strip()]
        if rows and (not self.screens or rows != self.screens[-1]):
            self.screens.append(rows)
            self.cursors.append(self._screen.cursor.x)
        if self._resize is not None and any(self._resize[0] in row for row in rows):
            self._set_width(self._resize[1])
            self._screen.resize(columns=self._resize[1])
            self._resize = None

    def _set_width(self, columns: int) -> None:
        import fcntl
        import termios

        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
