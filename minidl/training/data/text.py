"""Text in the inputs of a model: what is computed of it on the host, as the data is prepared; see core/host_plan.py."""

from __future__ import annotations

from typing import Any

import jax

from minidl.core import host_plan, structures
from minidl.core.arrays import device_dtype
from minidl.core.host_arrays import DTYPE
from minidl.core.symbolic import KerasTensor
from minidl.core.text import may_be_text
from minidl.layers.module import building
from minidl.training.data import ranges
from minidl.training.data.known_inputs import kind_of


def on_host(model: Any, x: Any) -> Any:
    """Inputs with the text in them as numbers, a `HostBatch`; inputs without text as they are. Builds the model."""
    if not any(map(may_be_text, jax.tree.leaves(x))):
        return x
    kind = kind_of(x)
    if kind not in model._known_inputs.plans:
        with building:
            model._output_spec(x)  # builds the model, after which other things are known
            model._known_inputs.plans[kind] = host_plan.plan(lambda values: ranges.call(model, values), x)
    return model._known_inputs.plans[kind](x).settled()


def symbolic(x: Any) -> Any:
    """Inputs as symbolic tensors of an unknown number of rows."""

    def tensor(leaf: Any) -> KerasTensor:
        return KerasTensor((None, *leaf.shape[1:]), DTYPE if may_be_text(leaf) else device_dtype(leaf))

    if isinstance(x, host_plan.HostBatch):
        return jax.tree.map(tensor, x).filled(lambda index, shape: KerasTensor((None, *shape), DTYPE))
    return structures.map(tensor, x)
