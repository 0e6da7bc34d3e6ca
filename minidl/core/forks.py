"""Detection of processes that were forked after JAX had started.

JAX is multithreaded, and `os.fork` does not copy threads: the first computation in the child would deadlock. A fork
before the first computation is harmless, as is a spawned process.
"""

from __future__ import annotations

import atexit
import os
import sys

from jax._src import api, xla_bridge

_forked = False


def check() -> None:
    """Raise if this process was forked after JAX had started.

    Raises:
        RuntimeError: the process was forked too late.
    """
    if _forked:
        atexit.register(_exit)  # after the error: a normal exit would wait for the threads, too
        raise RuntimeError(
            f"Process {os.getpid()} was forked after JAX had started its threads, so no computation can finish in it. "
            "Start it with multiprocessing.get_context('spawn'), or fork before anything is computed."
        )


def _exit() -> None:
    """Exit without XLA's destructors, which wait for threads that do not exist."""
    atexit.unregister(_exit)
    atexit.unregister(api.clean_up)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if getattr(sys, "last_value", None) is not None else 0)


def _after_in_child() -> None:
    global _forked
    _forked = _forked or xla_bridge.backends_are_initialized()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_in_child)
