"""Messages to the user: printed, or logged by programs that run unattended."""

from __future__ import annotations

import logging

from minidl.core import processes

_logger = logging.getLogger("minidl")
_state = {"interactive": True}


def enable_interactive_logging() -> None:
    """Print progress and messages (the default)."""
    _state["interactive"] = True


def disable_interactive_logging() -> None:
    """Log progress and messages with level INFO of the logger "minidl" instead of printing, without a progress bar.

    For unattended jobs.
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
