"""Importing minidl: what it does not start, and that it leaves Python's collector of garbage as it was."""

import gc
import subprocess
import sys

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


def test_nothing_is_collected_inside_and_all_of_it_can_be_afterwards(collecting):
    class Ring:
        def __init__(self):
            self.itself = self

    had_frozen = gc.get_freeze_count() > 0  # of the program, or, in 3.12, of Python itself: then nothing is moved
    before = sum(isinstance(found, Ring) for found in gc.get_objects())
    with without_collecting():
        assert not gc.isenabled()
        Ring()
    assert gc.isenabled()
    assert any(isinstance(found, Ring) for found in gc.get_objects(generation=0)) == had_frozen, "else it counts as old"
    assert sum(isinstance(found, Ring) for found in gc.get_objects()) == before + 1
    gc.collect()
    assert sum(isinstance(found, Ring) for found in gc.get_objects()) == before


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
