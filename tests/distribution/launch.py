"""Programs in several processes on this machine, as tests start them."""

import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", "-m", ""]


def environment(devices, **more):
    """That of a program with so many virtual CPU devices."""
    flags = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if "device_count" not in flag]
    flags.append(f"--xla_force_host_platform_device_count={devices}")
    return {**os.environ, "XLA_FLAGS": " ".join(flags), "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT), **more}


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(module, *args, processes=2, devices=1):
    """Start a module in each of several processes, which find each other by Keras's environment variables."""
    port, started = free_port(), []
    for number in range(processes):
        found = {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
            "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
            "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
        }
        command = [sys.executable, "-u", "-m", module, *map(str, args)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment(devices, **found), **pipes))
    return started


def finish(started, seconds=240):
    """(return code, output, errors) of each, once all have ended; they are killed at the end of the time."""
    end, results = time.monotonic() + seconds, []
    try:
        for process in started:
            output, errors = process.communicate(timeout=max(1.0, end - time.monotonic()))
            results.append((process.returncode, output, errors))
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return results


def outputs(*args, **options):
    """What each process prints; all must end well."""
    results = finish(start(*args, **options))
    for code, output, errors in results:
        assert code == 0, f"{output}\n{errors[-4000:]}"
    return [output for _, output, _ in results]


def run_checks(name, devices=8):
    """Run the tests of a file of checks, in a program of its own with so many devices, compiled in half the time."""
    path = pathlib.Path(__file__).with_name(name)
    env = environment(devices)
    env["XLA_FLAGS"] += " --xla_backend_optimization_level=0"
    done = subprocess.run([*PYTEST, str(path)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=2400)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
