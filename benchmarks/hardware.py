"""What a device can do, and what workloads ask of it: the process in which this is measured.

    python -m benchmarks.hardware WORKLOADS RESULT

WORKLOADS is a list of workloads' fields as JSON, RESULT a file for the `Hardware`, as JSON. It is a process of its own
because the one that starts the peers imports no framework.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any
from unittest import mock

import jax

import minidl
from benchmarks.peers import Clock
from benchmarks.worker import program
from benchmarks.workloads import WORKLOADS, Workload
from minidl.profiling import flops, machine

_SIZES = (1024, 2048, 4096, 8192, 16384)
_PRODUCTS = {
    "bfloat16": ("bfloat16", "default"),
    "float32": ("float32", "default"),  # TF32 on NVIDIA's GPUs from Ampere on
    "float32 at the highest precision": ("float32", "highest"),
}


def main(workloads: str, result: str) -> None:
    """Measure the products, and count the operations of each workload."""
    works = [dataclasses.replace(WORKLOADS[fields["name"]], **fields) for fields in json.loads(workloads)]
    device = jax.local_devices()[0]
    found = {
        "device": device.device_kind,
        "memory": (device.memory_stats() or {}).get("bytes_limit"),
        "peak": {name: machine.peak(device, *given, _SIZES) for name, given in _PRODUCTS.items()},
        "flops": {work.name: step_flops(work) for work in works},
    }
    with open(result, "w") as file:
        json.dump(found, file)


def step_flops(work: Workload) -> int | None:
    """The floating-point operations of one step's loss and gradients; None for a workload that does not train by `fit`.

    minidl's model is traced, not run, with the formulas of all kernels: what else a program computes does not count.
    """
    if work.measure != "step":
        return None
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        return _traced_flops(*_compiled_model(dataclasses.replace(work, rows=work.batch_size)))


def _traced_flops(model: Any, x: Any, y: Any) -> int:
    variables = model.trainable_variables, model.non_trainable_variables, model.metrics_variables
    weights, others, metrics = ([variable.value for variable in some] for some in variables)

    def loss(weights: Any) -> Any:
        outputs, _ = model.stateless_call(weights, others, x, training=True)
        return model.stateless_compute_loss(weights, others, metrics, x, y, outputs)[0]

    with minidl.kernels.lowered_for("any"):
        traced = jax.make_jaxpr(jax.value_and_grad(loss))(weights)
    return sum(one.flops for one in flops.count(traced.jaxpr))


class _Compiled(Exception):  # noqa: N818  # ends a program when its model is compiled
    pass


def _compiled_model(work: Workload) -> tuple[Any, Any, Any]:
    """The model of minidl's program, compiled and built, and the data that `fit` would get."""

    def fit(model: Any, *data: Any, **_: Any) -> None:
        raise _Compiled(model, *data)

    with mock.patch.object(minidl.Model, "fit", fit):
        try:
            program("minidl", work)(work, Clock())
        except _Compiled as compiled:
            model, x, y = compiled.args
    return model, x, y


if __name__ == "__main__":
    main(*sys.argv[1:])
