"""The process that one peer runs in, for one round of one workload.

    python -m benchmarks.worker PEER WORKLOAD RESULT

WORKLOAD is the workload's fields as JSON, RESULT a file that takes the laps, the loss and the accuracy. It is a
file because standard output belongs to the peer, as it does when a user trains.
"""

from __future__ import annotations

import importlib
import json
import sys

from benchmarks.peers import PEERS, Clock
from benchmarks.workloads import Workload


def main(peer: str, workload: str, result: str) -> None:
    """Compute the workload and write what it took."""
    work = Workload(**json.loads(workload))
    module = importlib.import_module(f"benchmarks.peers.{PEERS[peer].module}")
    clock = Clock()
    final = getattr(module, work.name)(work, clock)
    with open(result, "w") as file:
        json.dump({"laps": clock.laps, **final}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
