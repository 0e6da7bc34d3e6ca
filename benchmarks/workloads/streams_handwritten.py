"""The hand-written loop of `mlp` on memory maps: it gathers rows from them as from any array."""

from __future__ import annotations

from benchmarks.workloads.mlp_handwritten import train as train
