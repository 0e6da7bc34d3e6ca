"""Settings for all tests: Keras, where a test compares with it, runs on JAX; equal programs are compiled once.

Most of the suite's time is XLA's, so workers share what they compile, and XLA takes the code generators that are done
soonest (a quarter less time for the whole suite).
"""

import ctypes
import gc
import importlib.metadata
import os
import pathlib
import resource
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + (
    " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    if importlib.metadata.version("jaxlib").startswith("0.10.")
    else ""  # others do not know these flags, and XLA dies of what it does not know
)

import jax
import pytest

_FOLDER = "MINIDL_TESTS_CACHE"  # where compiled programs are cached; several runs may share a folder
_DISTRIBUTED = "MINIDL_TESTS_DATA_PARALLEL"  # whether all tests run under DataParallel of the visible devices
_PEAKS = {}  # worker: gigabytes
_CLEARED_AT = 0.95
_LIMIT = {"gb": _CLEARED_AT}


def pytest_addoption(parser):
    """`--memory` prints the peak resident memory of each worker after the last test; `--part` selects some tests."""
    parser.addoption("--memory", action="store_true", help="print the peak resident memory of each worker")
    parser.addoption("--part", metavar="K/N", help="run every Nth of the selected tests, from the Kth on (from 0)")


def pytest_configure(config):
    """Make the folder, in the process that starts the workers, if none is given."""
    config.compiled = None
    if _FOLDER not in os.environ:
        config.compiled = tempfile.TemporaryDirectory(prefix="minidl-tests-")
        os.environ[_FOLDER] = config.compiled.name
    if os.environ.get(_DISTRIBUTED):
        from minidl import distribution

        distribution.set_distribution(distribution.DataParallel())
    jax.config.update("jax_compilation_cache_dir", os.environ[_FOLDER])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@pytest.hookimpl(trylast=True)  # after the selection by markers and names
def pytest_collection_modifyitems(config, items):
    """Deselect all tests but those of the part."""
    if part := config.getoption("--part"):
        first, step = map(int, part.split("/"))
        config.hook.pytest_deselected(items=[item for i, item in enumerate(items) if i % step != first])
        items[:] = items[first::step]


def pytest_unconfigure(config):
    """Remove it."""
    jax.config.update("jax_compilation_cache_dir", None)
    if config.compiled:
        config.compiled.cleanup()


@pytest.fixture(autouse=True, scope="session")
def programs_of_the_process():
    """Compile what every process compiles once, so that no test counts it for being the first."""
    from minidl import kernels

    kernels.compiler_options(mode="train", keeps_barriers=True)
    clear_a_scalar()


def clear_a_scalar():
    """As every metric does at the start of an epoch."""
    from minidl.core.variables import Variable

    Variable(0.0, name="cleared").clear()


@pytest.fixture(autouse=True)
def own_programs():
    """Let no test use what was compiled for a model of another one: many count what is traced."""
    from minidl.models import compiled_call
    from minidl.training import step_programs

    step_programs.shared.clear()
    compiled_call.shared.clear()


@pytest.fixture
def fast_forms():
    """Choose the fast forms of the kernels, also under MINIDL_KERNELS=reference: for tests of these forms."""
    from minidl import kernels

    chosen = kernels.mode()
    kernels.set_kernels("auto")
    yield
    kernels.set_kernels(chosen)


def pytest_runtest_teardown(nextitem):
    """Let compiled programs go, which JAX's caches keep for good, where a worker has grown: it would take 4.7 GB."""
    if resident_gb() > _LIMIT["gb"]:
        jax.clear_caches()
        clear_a_scalar()
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)
        _LIMIT["gb"] = max(_CLEARED_AT, resident_gb() + 0.25)


def resident_gb():
    """The memory of this process; nan where there is no /proc."""
    statm = pathlib.Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**30 if statm.exists() else float("nan")


def pytest_sessionfinish(session):
    """Report the worker's peak to the process that started it."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KB on Linux
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak_gb"] = peak


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Keep it for the summary."""
    _PEAKS[node.gateway.id] = getattr(node, "workeroutput", {}).get("peak_gb", float("nan"))


def pytest_terminal_summary(terminalreporter, config):
    """Print the peaks."""
    if config.getoption("--memory"):
        peaks = _PEAKS or {"main": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}
        for worker, peak in sorted(peaks.items()):
            terminalreporter.write_line(f"peak memory of {worker}: {peak:.2f} GB")
