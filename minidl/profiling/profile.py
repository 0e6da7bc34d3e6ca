"""The function `minidl.profile`."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import jax

from minidl.core import tracebacks
from minidl.core.typing import PyTree
from minidl.models import Model
from minidl.profiling import flops, hlo, jaxprs, machine
from minidl.profiling.program import Measured, StepProgram, nbytes
from minidl.profiling.report import Memory, Part, Profile
from minidl.profiling.scopes import COMMUNICATION, OTHERS, REST, Scope, Scopes, is_backward
from minidl.training.data import nonfinite
from minidl.training.targets import checks
from minidl.training.targets.objectives import Objectives


@tracebacks.filtered
def profile(
    model: Model, x: Any, y: PyTree = None, batch_size: int | None = None, sample_weight: PyTree = None
) -> Profile:
    """Measure what a step of training is made of, and whether training fits in memory.

    The train step is traced and compiled for this model alone, in the loop in which `fit` runs it, and run on a copy of
    the model's state. The model is built if it is not; weights, optimizer, metrics and random states stay as they are.

    - FLOPs are counted in the traced step, with the formulas of all kernels: see `minidl.profiling.flops`.
    - Bytes are those that the compiled operations read and write.
    - The time of the step is measured. The shares of it are from a trace of `jax.profiler`, with what tracing takes
      subtracted; operations that XLA has fused count for the layer of the matrix product in them, or of the last.
    - Memory is from XLA's analysis of the compiled program. If there is not enough, nothing is run.

    Args:
        model: a compiled model.
        x: inputs, as for `fit`: arrays, or anything that yields batches, of which the first is used.
        y: targets.
        batch_size: rows in a batch, default 32; for arrays.
        sample_weight: a weight for each example.

    Returns:
        The `Profile`. Printed, it is a table.

    Raises:
        ValueError: the model is not compiled or runs eagerly, or the data does not match it.
        TypeError: it is not a model.

    Example:
    >>> import minidl as keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.layers.Dense(64, activation="relu", name="hidden"), keras.layers.Dense(10)])
    >>> model.compile("adam", "mse")
    >>> profile = keras.profile(model, np.ones((320, 100)), np.ones((320, 10)), batch_size=32)
    >>> hidden = profile.layer("hidden")
    >>> hidden.output, hidden.parameters, hidden.product_flops == 4 * 32 * 100 * 64, profile.fits
    ((32, 64), 6464, True, True)
    """
    if not isinstance(model, Model):
        raise TypeError(f"profile: expected a model, got a {type(model).__name__}: wrap layers in a Sequential model.")
    checks.compiled(model, "profile")
    checks.positive("profile", batch_size=batch_size)
    if model.run_eagerly:
        raise ValueError(
            f"profile: {model.name!r} has run_eagerly=True, so that nothing is compiled. Set model.run_eagerly = False."
        )
    with _objectives_kept(model), model._data("profile", x, y, sample_weight, batch_size, None) as data:
        nonfinite.check("profile", model, data)
        scopes = Scopes(model)
        program = StepProgram(model, data, scopes)
        return _profile(model, scopes, program)


@contextlib.contextmanager
def _objectives_kept(model: Model) -> Iterator[None]:
    """At the end, losses and metrics that were not resolved are so again: `fit` draws from NumPy when it does that."""
    was_built = model.objectives is None or model.objectives.built
    try:
        yield
    finally:
        if not was_built:
            model.objectives = Objectives(**model.objectives.given)
            model._forget()


def _profile(model: Model, scopes: Scopes, program: StepProgram) -> Profile:
    compiled = hlo.Program(program.compiled.as_text())
    owners = compiled.owners(scopes.owner, REST, COMMUNICATION)
    device = next(iter(program.steps.flat()[0]._value.devices()))
    memory, free = _memory(program, device)
    timed = program.measure(compiled) if free is None or memory.needed <= free else None
    costs, unknown = _costs(scopes, program)
    for instruction, runs in compiled.executed():
        costs[owners[instruction.name]].bytes += runs * compiled.bytes_of(instruction)
    times = timed.instructions if timed is not None else {}
    for name, value in times.items():
        costs[owners.get(name, REST)].share += value / sum(times.values())
    seconds = timed.seconds if timed is not None else None
    known = seconds if times else None

    def instructions(name: str) -> list[str]:
        own = (one for one, _ in compiled.executed() if owners[one.name] == scopes.named(name))
        return [one.name for one in own if one.opcode not in hlo.FREE]

    return Profile(
        model=model.name,
        batch_size=jax.tree.leaves(program.chunk.batches)[0].shape[1],
        device=device.device_kind,
        dtype=model.compute_dtype,
        layers=[costs[scope].part(scope, known) for scope in scopes.all],
        others=[costs[name].part(name, known) for name in OTHERS],
        seconds=seconds,
        measured=_how(timed, device),
        accounted=timed.accounted if timed is not None and times else None,
        compile_seconds=program.seconds,
        memory=memory,
        peak_flops_per_second=machine.peak(device, model.compute_dtype),
        unknown=unknown,
        _jaxpr=lambda name: jaxprs.text_of(program.jaxpr, scopes.owner, scopes.named(name)),
        _hlo=lambda name: compiled.text_of(instructions(name)),
    )


@dataclasses.dataclass
class _Costs:
    """What a part of the step costs."""

    forward: int = 0
    backward: int = 0
    product: int = 0
    bytes: int = 0
    share: float = 0.0

    def part(self, owner: Scope | str, seconds: float | None) -> Part:
        """The row of the table, given the time of a step; None if there are no shares of it."""
        layer = owner if isinstance(owner, Scope) else None
        return Part(
            name=layer.path if layer else str(owner),
            type=type(layer.layer).__name__ if layer else OTHERS[str(owner)],
            output=layer.outputs if layer else None,
            parameters=layer.parameters() if layer else 0,
            forward_flops=self.forward,
            backward_flops=self.backward,
            product_flops=self.product,
            bytes=self.bytes,
            seconds=None if seconds is None else self.share * seconds,
            share=None if seconds is None else self.share,
            depth=layer.depth if layer else 0,
        )


def _costs(scopes: Scopes, program: StepProgram) -> tuple[dict[Any, _Costs], list[str]]:
    """Owner -> its FLOPs; and what is not counted."""
    costs: dict[Any, _Costs] = collections.defaultdict(_Costs)
    unknown: dict[str, None] = {}
    for one in flops.count(program.formulas):
        owner = scopes.owner(one.stack)
        if is_backward(one.stack):
            costs[owner].backward += one.flops
        else:
            costs[owner].forward += one.flops
        costs[owner].product += one.flops if one.is_product else 0
        if one.unknown:
            unknown[f"{one.unknown} in {owner if isinstance(owner, str) else owner.path}"] = None
    return costs, list(unknown)


def _how(timed: Measured | None, device: jax.Device) -> str:
    """How the times were measured."""
    if timed is None:
        return "not measured: a copy of the model's state does not fit into memory"
    of_step = "of a step: the median of several runs"
    if not timed.instructions:
        return f"{of_step}; no shares: traces of {device.platform} name no operations"
    return (
        f"{of_step}; shares: from traces by jax.profiler, whose operations add up to {timed.accounted:.0%} of the step"
    )


def _memory(program: StepProgram, device: jax.Device) -> tuple[Memory, int | None]:
    """What training needs, and what is free now, besides the model's state."""
    analysis = program.compiled.memory_analysis()
    weights = program.size_of("trainable") + program.size_of("non_trainable")
    optimizer, metrics = program.size_of("optimizer"), program.size_of("metrics")
    other = analysis.output_size_in_bytes - analysis.alias_size_in_bytes + analysis.generated_code_size_in_bytes
    batches = 2 * sum(map(nbytes, jax.tree.leaves(program.chunk.batches)))
    free = machine.free_memory(device)
    available = None if free is None else free + weights + optimizer + metrics
    return Memory(weights, optimizer, metrics, batches, analysis.temp_size_in_bytes, other, available), free
