"""What is computed: a file for each family of workloads, with its sizes, its data and its Keras program.

Beside `mlp.py` stand `mlp_torch.py`, `mlp_handwritten.py` and `mlp_flax.py`, the same in other libraries; so for the
other families. The files without such an ending import no framework, because the process that starts the peers reads
them too: a Keras program takes the library as its first argument.
"""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads import (
    augmentation,
    cold,
    convnet,
    growth,
    inference,
    mlp,
    options,
    recurrent,
    saving,
    streams,
    transformer,
)

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for family in (
        mlp,
        options,
        convnet,
        augmentation,
        recurrent,
        transformer,
        inference,
        saving,
        cold,
        streams,
        growth,
    )
    for workload in family.WORKLOADS
}
