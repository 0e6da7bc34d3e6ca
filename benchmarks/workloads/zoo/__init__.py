"""The zoo: architectures from the literature, each in training (`zoo-NAME`) and in inference (`zoo-NAME-predict`).

A file for each kind of data has the models' Keras programs, and the file with `_torch` the same in PyTorch. The sizes
are such that a step takes milliseconds; two of them, `size` and `width`, scale every model.
"""

from __future__ import annotations

from benchmarks.workloads.zoo import convolutional, maps, patches, sequences, tables, volumes

WORKLOADS = tuple(
    work for family in (convolutional, patches, maps, sequences, tables, volumes) for work in family.WORKLOADS
)
