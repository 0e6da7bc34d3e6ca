"""Importing minidl: what it does not start, and that it changes nothing outside of itself."""

import subprocess
import sys

import pytest


def run(program):
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_does_not_start_jax():
    """Else `jax.distributed.initialize`, and a choice of devices, would have to come before the import."""
    run("import minidl, jax; jax.config.update('jax_num_cpu_devices', 3); assert len(jax.devices('cpu')) == 3")


@pytest.mark.slow
def test_importing_does_not_import_h5py():
    run("import sys, minidl; assert 'h5py' not in sys.modules and 'concurrent.futures.process' not in sys.modules")


@pytest.mark.slow
def test_importing_does_not_import_the_profiler():
    run("import sys, minidl; assert 'minidl.profiling' not in sys.modules and minidl.profile.__name__ == 'profile'")


def test_nothing_is_imported_later_for_which_jax_traces_all_functions_again():
    """Pallas, which jax.extend imports, adds to the context of which JAX's caches have one entry each."""
    run(
        "import sys, numpy as np\n"
        "import jax, minidl\n"
        "from minidl import layers\n"
        "x, compiled = np.ones((5, 6, 6, 1), 'float32'), []\n"
        "record = lambda event, *_, **more: compiled.append(more['fun_name']) if 'backend_compile' in event else None\n"
        "jax.monitoring.register_event_duration_secs_listener(record)\n"
        "inside = [layers.Conv2D(2, 3), layers.MaxPooling2D(2, 1), layers.Flatten(), layers.Dense(1)]\n"
        "model = minidl.Sequential([minidl.Input((6, 6, 1)), *inside])\n"
        "model.compile('adam', 'mse')\n"
        "model.fit(x, x[:, 0, 0], epochs=3, verbose=0, validation_data=(x, x[:, 0, 0]))\n"
        "model.predict(x, verbose=0), model(x)\n"
        "model.fit(x, x[:, 0, 0], verbose=0)\n"
        "chunks = [name for name in compiled if 'chunk' in name]\n"
        "assert sorted(chunks) == [f'jit(_{mode}_chunk)' for mode in ('predict', 'test', 'train')], chunks\n"
        "assert not {'jax.extend', 'jax._src.pallas'} & set(sys.modules)\n"
    )


def test_importing_changes_nothing_global():
    """Given what minidl stands on: the collector of garbage, what runs at exit, signals, warnings, JAX's settings."""
    run(
        "import atexit, gc, signal, sys, threading, warnings\n"
        "import jax, optax, numpy, rich.console, rich.table, ml_dtypes\n"
        "def state():\n"
        "    handlers = [signal.getsignal(number) for number in signal.valid_signals()]\n"
        "    collector = gc.isenabled(), gc.get_freeze_count(), gc.get_threshold(), list(gc.callbacks)\n"
        "    hooks = sys.excepthook, sys.displayhook, threading.excepthook, list(sys.meta_path), list(sys.path)\n"
        "    return handlers, collector, hooks, list(warnings.filters), atexit._ncallbacks(), dict(jax.config.values)\n"
        "gc.freeze()\n"
        "before = state()\n"
        "import minidl\n"
        "for one, other in zip(state(), before, strict=True): assert one == other, (one, other)\n"
        "assert threading.active_count() == 1\n"
    )


@pytest.mark.slow
def test_a_collector_that_is_off_stays_off_and_one_that_is_on_is_on_again():
    run("import gc; gc.disable(); import minidl; assert not gc.isenabled()")
    run("import gc, minidl; assert gc.isenabled()")


IMPORTED = "any(one is minidl.layers.__dict__ for one in gc.get_objects({}))"


@pytest.mark.slow
def test_the_collector_never_scans_what_a_program_imported_at_its_begin():
    """Python 3.12 has frozen objects of its own."""
    run(f"import gc, minidl; assert not {IMPORTED.format('')}; gc.unfreeze(); assert {IMPORTED.format('')}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    ["import sys; sys.ps1 = '>>> '", "many = [[] for _ in range(200_000)]", "file = open(os.devnull, 'w')"],
    ids=["an interactive session", "a program with many objects", "a file to be flushed"],
)
def test_where_much_may_have_happened_before_an_import_the_collector_finds_its_garbage(before):
    """What was imported is in the oldest generation, so that the next collection does not scan it."""
    run(
        f"import os, weakref; {before}\n"
        "class Node: pass\n"
        "node = Node(); node.itself = node; left = weakref.ref(node)\n"
        f"import gc, minidl; assert {IMPORTED.format('generation=2')}\n"
        "del node; gc.collect(); assert left() is None"
    )


@pytest.mark.slow
def test_a_file_in_a_cycle_is_flushed_at_exit(tmp_path):
    make = "node = Node(); node.itself = node; node.file = open({!r}, 'w'); node.file.write('text')\n"
    first, second = (str(tmp_path / name) for name in ("first", "second"))
    run(f"class Node: pass\n{make.format(first)}import minidl\n{make.format(second)}")
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["text", "text"]
