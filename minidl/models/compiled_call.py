"""A model called on arrays, `model(x)`, as one compiled program where nobody can tell the difference.

Run operation by operation, a small model spends its time between the operations: one program is twenty times as fast.
It stands for the call only where that is all the call does: minidl's own layers in inference, without masks, penalties
or state that changes. Whatever is set on a layer between two calls counts in the second, as it would without it.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np

from minidl import arrays, structures
from minidl.layers import Lambda, Layer, Masking, masks
from minidl.layers.module import Module
from minidl.names import is_own
from minidl.variables import Variable, bound


class CompiledCall:
    """The inference of a model.

    Args:
        model: a `Sequential` or a `Model` of a graph, built.
    """

    def __init__(self, model: Any):
        self._model = model
        self._known: list[Any] = []  # the attributes of all layers when the function was made
        self._function: Any = None  # None: this model has to run operation by operation
        self._variables: list[Variable] = []
        self._changes = False  # whether the call was seen to change a variable

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs; None where they have to be computed operation by operation."""
        if not self._takes(args, kwargs):
            return None
        values = [variable._value for variable in self._variables]
        outputs = structures.plain(self._function(values, structures.ordered(args[0]), kwargs.get("training")))
        if self._changes:
            self._function = None
        return None if self._changes else outputs

    def _takes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a call with these arguments is one to make here."""
        if len(args) != 1 or kwargs.keys() - {"training"} or kwargs.get("training") or self._model.run_eagerly:
            return False
        leaves = jax.tree.leaves(args)
        if not leaves or not all(_has_values(leaf) and masks.get(leaf) is None for leaf in leaves):
            return False
        known = _attributes(self._model)
        if len(known) != len(self._known) or not all(map(_is, known, self._known)):
            self._known = known
            self._function = self._made() if _is_plain(self._model) else None
        return self._function is not None

    def _made(self) -> Any:
        self._variables = self._model.variables
        self._changes = False

        @functools.partial(jax.jit, static_argnums=2)
        def run(values: list[Any], inputs: Any, training: bool | None) -> Any:
            with bound(self._variables, values):
                outputs = structures.ordered(Layer.__call__(self._model, inputs, training=training))
                self._changes |= any(v._value is not value for v, value in zip(self._variables, values))
            return outputs

        return run


def _has_values(leaf: Any) -> bool:
    """Whether something is an array with values: none that is traced, and of no other kind of NumPy's."""
    if type(leaf) is np.ndarray:
        return arrays.fits_device(leaf)
    return isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer)


def _is(one: Any, other: Any) -> bool:
    return one is other


def _attributes(model: Any) -> list[Any]:
    """Everything that is set on the layers."""
    values: list[Any] = []
    seen: set[int] = set()
    waiting: list[Any] = [model.layers]
    while waiting:
        container = waiting.pop()
        for name, value in container.items() if isinstance(container, dict) else enumerate(container):
            if name == "_losses":
                continue
            values.append(value)
            if isinstance(value, (list, tuple, dict)) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)
            elif isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(vars(value))
    return values


def _is_plain(model: Any) -> bool:
    """Whether all that a call does is to compute its output."""
    for layer in model._flatten_layers():
        if not is_own(type(layer)) or isinstance(layer, (Lambda, Masking)) or layer.activity_regularizer is not None:
            return False
        if getattr(layer, "mask_zero", False) or getattr(layer, "stateful", False):
            return False
    return True
