"""Calls of a model on arrays, `model(x)`, as one compiled program if that is equivalent.

Run eagerly, a small model spends its time between the operations: one program is twenty times as fast.
It replaces the call only if it is equivalent: minidl's own layers in inference, without masks, penalties
or state that changes. Whatever is set on a layer between two calls counts in the second, as it would without it.
"""

from __future__ import annotations

import contextvars
import functools
import operator
from typing import Any

import jax
import numpy as np
from jax._src.core import trace_state_clean  # for the reason in minidl/kernels/cpu/products.py

from minidl import kernels
from minidl.core import array_metadata, arrays, forks, structures, waiting
from minidl.core.binding import is_binding
from minidl.core.functional import bound
from minidl.core.host_arrays import DTYPE
from minidl.core.naming import is_own
from minidl.core.object_graph import Place, Watch, places
from minidl.core.shared_by_key import SharedByKey
from minidl.core.sharing import reading
from minidl.core.variables import Variable
from minidl.layers import Lambda, Layer, Masking
from minidl.layers.module import Module
from minidl.training.programs import Program
from minidl.training.step_programs import key_of


class CompiledCall:
    """The compiled inference of a model.

    Args:
        model: a built `Sequential` or functional model.
    """

    def __init__(self, model: Any):
        self._model = model
        self._made: _Made | None = None

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs; None if the call must run eagerly."""
        if not self._takes(args, kwargs):
            return None
        forks.check()
        made = self._made
        if made is None or not made.is_for(self._model):
            made = self._made = _Made(self._model)
        return made(args[0], kwargs.get("training"))

    def _takes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a call with these arguments can be compiled."""
        if (
            len(args) != 1
            or self._model.run_eagerly
            or (kwargs and (kwargs.keys() != {"training"} or kwargs["training"]))
        ):
            return False
        if not trace_state_clean():  # the call becomes a part of a function of the user's, which is traced now
            return False
        if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            return False
        leaves = args if type(args[0]) is np.ndarray else jax.tree.leaves(args)
        return bool(leaves) and all(_has_values(leaf) and array_metadata.of(leaf).mask is None for leaf in leaves)


class _CallProgram:
    """The compiled inference of all models of one structure; it keeps none of them."""

    def __init__(self) -> None:
        self.program = Program(self._run, static_argnums=2)
        self.is_one_program = True  # until a call turns out to change a variable

    def _run(self, values: list[Any], inputs: Any, training: bool | None) -> Any:
        model, variables = _called.get()
        with bound(variables, values):
            outputs = structures.ordered(Layer.__call__(model, structures.plain(inputs), training=training))
            if any(variable._value is not value for variable, value in zip(variables, values)):
                self.is_one_program = False
        return outputs


shared: SharedByKey[_CallProgram] = SharedByKey(limit=32)
_called: contextvars.ContextVar[tuple[Any, list[Variable]]] = contextvars.ContextVar("called")  # what is traced


class _Made:
    """The program for the current state of a model.

    Args:
        model: the model.
    """

    def __init__(self, model: Any):
        self._model = model
        self._variables: list[Variable] = model.variables
        self._attributes, self._watch = self._look()
        self._is_one_program = _is_plain(model) and all(map(_is_known, self._attributes))
        self._shared = shared.get(key_of(model) if self._is_one_program else None, _CallProgram)
        self._placed: tuple[Any, str] = (None, "")  # the sharding of the first variable, and its platform

    def is_for(self, model: Any) -> bool:
        """Whether all attributes of the model's layers are unchanged."""
        if self._watch.is_unchanged() and self._attributes[0] is kernels.mode():
            return True
        attributes, self._watch = self._look()
        same_length = len(attributes) == len(self._attributes)
        return same_length and all(map(operator.is_, attributes, self._attributes))

    def _look(self) -> tuple[list[Any], Watch]:
        """All attributes of the layers, their classes, and overridden methods of the model."""
        model = self._model
        found = places(model.layers, (Module,))
        values: list[Any] = [kernels.mode(), *(type(place.owner) for place in found if place.owner is not None)]
        values += [value for name, value in vars(model).items() if callable(value) and hasattr(type(model), name)]
        values += [value for place in found for _, value in place.items()]
        return values, Watch([*found, Place(model, vars(model))])

    def __call__(self, inputs: Any, training: bool | None) -> Any:
        if not self._is_one_program or not self._shared.is_one_program:
            return None
        token = _called.set((self._model, self._variables))
        try:
            with reading(self._variables) as values, kernels.lowered_for(platform := self._platform(values)):
                now = [variable._value for variable in self._variables] if is_binding() else values
                outputs = structures.plain(self._shared.program(now, structures.ordered(inputs), training))
        finally:
            _called.reset(token)
        if not self._shared.is_one_program:
            return None
        # Another device than a CPU is best left to compute while this thread goes on.
        return waiting.awake(outputs) if platform == "cpu" else outputs

    def _platform(self, values: list[jax.Array]) -> str:
        if not values:
            return kernels.platform()
        if values[0].sharding is not self._placed[0]:
            self._placed = values[0].sharding, kernels.platform(values[0])
        return self._placed[1]


def _has_values(leaf: Any) -> bool:
    """Whether a value is a concrete array: not a tracer, and not a subclass of NumPy's."""
    if type(leaf) is np.ndarray:
        return arrays.fits_device(leaf)
    return isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer)


def _is_known(value: Any) -> bool:
    """Whether a function is not the user's, which may depend on mutable state."""
    if isinstance(value, functools.partial):
        return _is_known(value.func)
    return not callable(value) or str(getattr(value, "__module__", "")).partition(".")[0] in ("minidl", "jax")


def _is_plain(model: Any) -> bool:
    """Whether a call has no side effects."""
    for layer in model._flatten_layers():
        if not is_own(type(layer)) or isinstance(layer, (Lambda, Masking)) or layer.activity_regularizer is not None:
            return False
        graph = getattr(layer, "_graph", None)
        calls = [] if graph is None else [(node.args, node.kwargs) for node in graph.nodes]
        if not all(map(_is_known, jax.tree.leaves(calls))):
            return False
        gives_text = getattr(layer, "output_dtype", None) == DTYPE
        if gives_text or getattr(layer, "mask_zero", False) or getattr(layer, "stateful", False):
            return False
    return True
