"""The process that one peer runs in, for one round of one workload.

    python -m benchmarks.worker PEER WORKLOAD RESULT

WORKLOAD is the workload's fields as JSON, RESULT a file for the laps, the loss and the accuracy, and for the use of the
device if that is measured. It is a file because standard output belongs to the peer, as it does when a user trains.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import device, processes
from benchmarks.peers import BEFORE, PEERS, TURNS, Clock, Result
from benchmarks.workloads import WORKLOADS, Workload


def main(peer: str, workload: str, result: str) -> None:
    """Compute the workload and write its times."""
    if peer == "minidl-before":
        sys.path.insert(0, os.environ[BEFORE])
    fields = json.loads(workload)
    work = dataclasses.replace(WORKLOADS[fields["name"]], **fields)
    measured = measure(peer, work)
    with open(result, "w") as file:
        json.dump(measured, file)


def measure(peer: str, work: Workload) -> dict[str, Any]:
    """Compute the workload; the fields of a `Round` that this process knows.

    With the utilization of the device, there is one lap more, which is traced.
    """
    library = PEERS[peer].arrays
    if not os.environ.get(device.UTILIZATION) or library is None or work.measure == "process":
        run, clock = program(peer, work), Clock(between=processes.stop if os.environ.get(TURNS) else None)
        return {**run(work, clock), "laps": clock.laps, "preparation": clock.preparation}
    meter = device.meter(library)
    run, traced = program(peer, work), device.TracedClock(meter, laps=work.epochs)
    final = run(dataclasses.replace(work, epochs=work.epochs + 1), traced)
    used = {"device": meter.kind(), "device_memory": meter.peak_memory(), "busy": traced.busy}
    return {**final, "laps": traced.laps, "preparation": traced.preparation, **used}


def program(peer: str, work: Workload) -> Callable[[Workload, Clock], Result]:
    """The function by which a peer computes a workload; importing it imports the peer's library."""
    known = PEERS[peer]
    function = getattr(importlib.import_module(type(work).__module__ + known.programs), work.program)
    return function if known.programs else functools.partial(function, importlib.import_module(known.needs[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
