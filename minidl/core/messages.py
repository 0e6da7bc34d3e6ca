"""Where messages to the user go: standard output, or the log of a program that runs unattended."""

from __future__ import annotations

import logging

from minidl.core import processes

_logger = logging.getLogger("minidl")
_state = {"interactive": True}


def enable_interactive_logging() -> None:
    """Print progress and messages: the default."""
    _state["interactive"] = True


def disable_interactive_logging() -> None:
    """Give progress and messages to Python's `logging`, as INFO of the logger "minidl", and draw no bar.

    For jobs on a server, whose logs are kept.
    """
    _state["interactive"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress and messages are printed.

    >>> is_interactive_logging_enabled()
    True
    """
    return _state["interactive"]


def say(message: str) -> None:
    """Print a line, or log it; of several processes, in process 0."""
    if not processes.is_first():
        return
    if _state["interactive"]:
        print(message, flush=True)
    else:
        _logger.info(message)
