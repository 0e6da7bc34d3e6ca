"""The time of each operation of a compiled program, from a trace of `jax.profiler`.

XLA's trace has an event for each operation that runs, with the name of its instruction. On a CPU, operations that
compute on a pool of threads end their event when they have been started; until the next operation begins, the time is
theirs. Recording an event takes time itself: what a traced step takes longer than one without tracing is subtracted,
the same for each event.
"""

from __future__ import annotations

import collections
import glob
import os
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Event(NamedTuple):
    """A run of an instruction, in nanoseconds."""

    start: float
    end: float
    name: str


def recorded(run: Callable[[], Any]) -> list[Event]:
    """The runs of instructions while a function runs, by their start.

    Raises:
        RuntimeError: a trace of `jax.profiler` is running.
    """
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            run()
        files = glob.glob(os.path.join(folder, "**", "*.xplane.pb"), recursive=True)
        data = jax.profiler.ProfileData.from_file(files[0])
        return sorted(event for plane in data.planes for line in plane.lines for event in _events(line))


def _events(line: Any) -> list[Event]:
    events = []
    for event in line.events:
        name = next((value for key, value in event.stats if key == "hlo_op"), None)
        if name is not None:
            events.append(Event(event.start_ns, event.start_ns + event.duration_ns, str(name)))
    return events


def times(events: list[Event], containers: set[str]) -> tuple[dict[str, float], dict[str, int]]:
    """The seconds of each instruction, and how often it ran, such that all add up to the time that was traced.

    When several run at the same time, each has its part of that time.

    Args:
        events: by their start.
        containers: the instructions that run others, such as loops; their time is that of what is inside.

    >>> events = [Event(0, 40, "loop"), Event(0, 10, "a"), Event(20, 40, "b"), Event(30, 40, "c")]
    >>> seconds, counts = times(events, {"loop"})
    >>> {name: round(1e9 * value) for name, value in seconds.items()}
    {'a': 20, 'b': 15, 'c': 5}
    """
    inner = [event for event in events if event.name not in containers]
    counts = collections.Counter(event.name for event in inner)
    if not inner:
        return {}, counts
    seconds: dict[str, float] = collections.defaultdict(float)
    moments = sorted(
        [(event.start, 1, i) for i, event in enumerate(inner)] + [(e.end, 0, i) for i, e in enumerate(inner)]
    )
    running: dict[int, None] = {}
    last, before = inner[0], inner[0].start
    for moment, begins, i in moments:
        names = [inner[one].name for one in running] or [last.name]
        for name in names:
            seconds[name] += (moment - before) / len(names) * 1e-9
        before = moment
        if begins:
            running[i] = None
            last = inner[i]
        else:
            running.pop(i, None)
    return dict(seconds), counts


def overhead(seconds: dict[str, float], counts: dict[str, int], total: float) -> float:
    """How many seconds tracing takes for each event; no more than the shortest one lasts.

    Args:
        seconds: from `times`.
        counts: from `times`.
        total: the seconds of the same run without tracing.

    >>> overhead({"a": 4.0, "b": 2.0}, {"a": 1, "b": 1}, total=4.0)
    1.0
    """
    excess = max(0.0, sum(seconds.values()) - total) / max(1, sum(counts.values()))
    return min([excess, *(value / counts[name] for name, value in seconds.items())])
