"""Processes in terminals of their own, of which one runs at a time: each stops itself so that another one continues."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

_LINES_OF_AN_ERROR = 30


class Process:
    """A process, started by its first turn. It and those that it starts are ended at its limit.

    Args:
        command: the program and its arguments.
        environment: its environment variables.
        folder: where it runs.
        limit: the seconds that its turns may take.

    Attributes:
        seconds: that its turns took.
        peak_memory: the most bytes of memory that it held, once it has ended.
        error: the end of its output and its exit status, if it has failed.
        is_cut_off: whether the deadline has ended it, which is no failure.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: os.PathLike[str], limit: float):
        self.seconds = 0.0
        self.peak_memory = 0
        self.error: str | None = None
        self.is_cut_off = False
        self._command, self._environment, self._folder = list(command), dict(environment), folder
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None
        self._written = bytearray()

    def turn(self, deadline: float = math.inf) -> bool:
        """Run until it stops itself, ends, or is ended at its limit or the deadline, a time of `time.monotonic`.

        Returns:
            Whether it has ended.
        """
        begun = time.perf_counter()
        if self._process is None:
            self._process = self._start()
        else:
            os.killpg(self._process.pid, signal.SIGCONT)
        left, late = min(self._limit - self.seconds, deadline - time.monotonic()), threading.Event()
        timer = threading.Timer(max(0.0, left), self._end, [late])
        timer.start()
        try:
            _, status, usage = os.wait4(self._process.pid, os.WUNTRACED)  # unlike wait(), it returns the memory
            if os.WIFSTOPPED(status):
                return False
            self._reader.join()  # of all that it started, too
        finally:
            timer.cancel()
            self.seconds += time.perf_counter() - begun
        self.peak_memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self._process.returncode = code = os.waitstatus_to_exitcode(status)
        self.is_cut_off = late.is_set() and time.monotonic() >= deadline
        if code and not self.is_cut_off:
            lines = self._written.decode(errors="replace").splitlines()[-_LINES_OF_AN_ERROR:]
            why = f"no result after {self.seconds:.0f} s" if late.is_set() else f"exit status {code}"
            self.error = "\n".join([*lines, why])
        return True

    def _start(self) -> subprocess.Popen[bytes]:
        screen, terminal = pty.openpty()
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            cwd=self._folder,
            env=self._environment,
            start_new_session=True,  # its number is that of the group of all processes that it starts
        )
        os.close(terminal)
        self._reader = threading.Thread(target=self._read, args=[screen])
        self._reader.start()
        return process

    def end(self) -> None:
        """End it and all that it started, if it runs."""
        if self._process is not None and self._process.returncode is None:
            self._end(threading.Event())
            self._process.wait()

    def _end(self, late: threading.Event) -> None:
        late.set()
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)  # type: ignore[union-attr]

    def _read(self, screen: int) -> None:
        """Read what is written on a terminal until its last writer exits, which Linux reports as an error."""
        try:
            while piece := os.read(screen, 65536):
                self._written += piece
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        finally:
            os.close(screen)


def run_in_turns(processes: Sequence[Process], deadline: float = math.inf) -> None:
    """Run processes to their ends, a turn of each after the other, then in reverse order, and so on."""
    running = list(processes)
    try:
        while running:
            running = [process for process in running if not process.turn(deadline)]
            running.reverse()
    finally:
        for process in running:
            process.end()


def stop() -> None:
    """End the turn of this process: it and all that it started are stopped until their next turn."""
    os.killpg(0, signal.SIGSTOP)
