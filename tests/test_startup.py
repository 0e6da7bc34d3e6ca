"""Importing minidl: what it does not start, and that it leaves Python's collector of garbage as it was."""

import gc
import subprocess
import sys
import weakref

import pytest

from minidl.startup import without_collecting


@pytest.fixture
def collecting():
    """The collector is on when a test begins, and as it was when it ends."""
    was = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was else gc.disable)()


def test_importing_does_not_start_jax():
    """Else `jax.distributed.initialize`, and a choice of devices, would have to come before the import."""
    program = "import minidl, jax; jax.config.update('jax_num_cpu_devices', 3); assert len(jax.devices('cpu')) == 3"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_does_not_import_h5py():
    program = "import sys, minidl; assert 'h5py' not in sys.modules and 'concurrent.futures.process' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


class Ring:
    """Garbage for the collector alone, once nobody else has it."""

    def __init__(self):
        self.itself = self


def test_nothing_is_collected_inside_and_all_of_it_can_be_afterwards(collecting):
    alive = weakref.WeakSet()
    with without_collecting():
        assert not gc.isenabled()
        alive.add(Ring())
    assert gc.isenabled()
    assert len(alive) == 1
    gc.collect()
    assert not alive


def test_younger_collections_leave_alone_what_was_there():
    """Also at the end of the process, where an object made since is still told of its end."""
    program = (
        "import gc, os\n"
        "before = gc.get_freeze_count()\n"
        "import minidl\n"
        "frozen = gc.get_freeze_count()\n"
        "assert frozen > 100_000 or frozen == before\n"
        "gc.collect(0), gc.collect(1)\n"
        "assert gc.get_freeze_count() > 0.99 * frozen\n"
        "class Ring:\n"
        "    def __init__(self): self.itself = self\n"
        "    def __del__(self, write=os.write): write(1, b'ended')\n"
        "ring = Ring()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "ended" and not ran.stderr


def test_the_collector_is_on_again_after_an_error(collecting):
    with pytest.raises(ImportError), without_collecting():
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off(collecting):
    gc.disable()
    with without_collecting():
        pass
    assert not gc.isenabled()


def test_what_a_program_has_frozen_stays_so(collecting):
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with without_collecting():
            pass
        assert gc.isenabled() and gc.get_freeze_count() >= frozen - 1000, "objects that were freed since are few"
    finally:
        gc.unfreeze()
