"""Counting what a clock would only guess: compilations, and reads from the device."""

import contextlib

import jax

import minidl.training.chunk

_COMPILE_EVENT = "/jax/core/compile/backend_compile_duration"
_listening: list[list[str]] = []


def _note(event, duration, **details):
    if event == _COMPILE_EVENT:
        for names in _listening:
            names.append(details.get("fun_name", "?"))


jax.monitoring.register_event_duration_secs_listener(_note)


@contextlib.contextmanager
def compilations():
    """The names of the functions that XLA compiles inside the block."""
    names: list[str] = []
    _listening.append(names)
    try:
        yield names
    finally:
        _listening.remove(names)


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
