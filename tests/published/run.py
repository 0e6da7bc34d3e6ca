"""A program in a process of its own, under one library or both, and what came of it."""

import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
STOPPED = "stopped"  # by the time limit or by the system, which says nothing of a library
WAIT = 30  # seconds on the clock for one of CPU time
TOLERANCE = 1e-3  # of losses after a few steps, relative; rounding grows with every step


def run(library, program, seconds, cache):
    """The outcome of a program under one library: {"error", "records", ...}.

    `seconds` are of CPU time, so that a busy machine stops no program; one that only waits is stopped in the end.
    """
    environment = {
        name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    }
    with tempfile.TemporaryDirectory() as folder:
        environment |= {
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": "0",
            "KERAS_BACKEND": "jax",
            "MPLBACKEND": "Agg",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "HOME": folder,
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(cache),
        }
        result = pathlib.Path(folder, "result.json")
        log = pathlib.Path(folder, "log.txt")
        worker = [sys.executable, "-m", "tests.published.worker"]
        command = [*worker, library, os.path.abspath(program), str(result), str(seconds)]
        work = pathlib.Path(folder, "work")
        work.mkdir()
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,  # not a new session, which would have its own priority
            )
            try:
                code = process.wait(WAIT * seconds)
            except subprocess.TimeoutExpired:
                code = f"waited for more than {WAIT * seconds} s"
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        code = f"more than {seconds} s of CPU time" if code == -signal.SIGXCPU else code
        outcome = json.loads(result.read_text()) if result.exists() else {"error": f"{STOPPED}: {code}", "records": []}
        return outcome | {"log": log.read_text(errors="replace")[-4000:]}


def runs(outcome):
    """Whether a program ran to its end with finite numbers."""
    return outcome is not None and outcome["error"] is None and finite(outcome["records"])


def finite(records):
    """Whether all numbers are finite, and outputs were."""
    return all(
        math.isfinite(value) and (name != "finite" or value == 1)
        for _, numbers in records
        for name, values in numbers.items()
        for value in values
    )


def losses(records):
    """The losses of each call that trained or evaluated, in order."""
    return [value for _, numbers in records for name, values in numbers.items() if name == "loss" for value in values]


def equal(ours, theirs):
    """Whether two outcomes have the same losses; None if there are none to compare."""
    a, b = losses(ours["records"]), losses(theirs["records"])
    if not a and not b:
        return None
    return len(a) == len(b) and all(abs(x - y) <= TOLERANCE * max(abs(y), 1e-2) for x, y in zip(a, b))
