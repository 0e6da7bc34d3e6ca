"""The workloads: a file for each family, with its sizes, its data and its Keras program.

`mlp_torch.py`, `mlp_handwritten.py` and `mlp_flax.py` are `mlp.py` in other libraries; so for the
other families. The files without such an ending import no framework, because the process that starts the peers reads
them too: a Keras program takes the library as its first argument.
"""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads import (
    augmentation,
    building,
    cold,
    convnet,
    gpu,
    growth,
    inference,
    kfold,
    mlp,
    options,
    recurrent,
    saving,
    streams,
    transformer,
    zoo,
)

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for family in (
        mlp,
        options,
        convnet,
        augmentation,
        building,
        recurrent,
        transformer,
        inference,
        saving,
        cold,
        kfold,
        streams,
        growth,
        zoo,
        gpu,
    )
    for workload in family.WORKLOADS
}
