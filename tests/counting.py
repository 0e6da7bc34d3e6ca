"""Counting what a clock would only guess: compilations, and reads from the device."""

import contextlib
import threading

import jax

import minidl.training.chunk

_COMPILE_EVENT = "/jax/core/compile/backend_compile_duration"
_listening: list[tuple[list[str], bool]] = []


def _note(event, duration, **details):
    if event == _COMPILE_EVENT:
        for names, is_elsewhere in _listening:
            if not is_elsewhere or threading.current_thread() is not threading.main_thread():
                names.append(details.get("fun_name", "?"))


jax.monitoring.register_event_duration_secs_listener(_note)


@contextlib.contextmanager
def compilations(elsewhere=False):
    """The names of the functions that XLA compiles inside the block; or of those that another thread compiles."""
    names: list[str] = []
    _listening.append((names, elsewhere))
    try:
        yield names
    finally:
        _listening.pop()


@contextlib.contextmanager
def device_reads():
    """The shapes of the logs that are read from the device inside the block."""
    shapes: list[tuple[int, ...]] = []
    read = minidl.training.chunk.Reported.read

    def counted(self):
        shapes.append(self.scalars.shape)
        return read(self)

    minidl.training.chunk.Reported.read = counted
    try:
        yield shapes
    finally:
        minidl.training.chunk.Reported.read = read
