"""A layer called on symbolic tensors: shapes are computed, nothing else, and the call becomes a node of a graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax

from minidl.core import structures
from minidl.core.functional import bound
from minidl.core.naming import is_own
from minidl.core.symbolic import Node, infer, infer_once
from minidl.core.variables import Variable
from minidl.layers import masks, signatures
from minidl.layers.module import Module, building
from minidl.layers.signatures import holds_arrays, parameters_of, shapes_of


class SymbolicCall(Module):
    """What a layer is in a graph; see `Layer`."""

    built: bool
    compute_dtype: str
    supports_masking: bool
    call: Callable[..., Any]
    __call__: Callable[..., Any]
    compute_mask: Callable[..., Any]
    _build_for: Callable[[tuple[Any, ...], dict[str, Any]], None]
    _check_inputs: Callable[[Any], None]
    _nodes: tuple[Node, ...]  # the calls on symbolic tensors

    def compute_output_shape(self, input_shape: Any, *more: Any, **named: Any) -> Any:
        """The shape of the output for inputs of the given shapes; nothing is computed.

        Args:
            input_shape: of the first argument of `call`: a shape, or a list or dict of shapes.
            *more: of further arguments, in order.
            **named: of further arguments by name, `value_shape` for `value`.
        """
        specs = [self._spec(shape) for shape in (input_shape, *more)]
        by_name = {name.removesuffix("_shape"): self._spec(shape) for name, shape in named.items()}
        return structures.map(lambda tensor: tensor.shape, self.compute_output_spec(*specs, **by_name))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The output for symbolic inputs, as symbolic tensors. Builds the layer if it is not built.

        A layer of yours that has `compute_output_shape` is asked for it; else `call` is traced.
        """
        if not self.built:
            self._build_for(args, kwargs)
        is_built = all(layer.built for layer in self._flatten_layers())
        if is_built and not is_own(type(self).compute_output_shape):
            return self._spec_from_own_shape(args, kwargs)
        with self._keeping([*self.variables, *self.metrics_variables]):
            try:
                return (infer_once if is_built else infer)(self, args, kwargs)  # a trace builds the layers inside
            finally:
                self._clear_losses()

    @property
    def input(self) -> Any:
        """The symbolic tensor (or structure of them) that the layer was first called on.

        Raises:
            AttributeError: it never was.
        """
        tensors = self._first_node("input").inputs
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """What the layer gave when it was first called on a symbolic tensor.

        Raises:
            AttributeError: it never was.
        """
        tensors = self._first_node("output").output_tensors
        return tensors[0] if len(tensors) == 1 else tensors

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._check_inputs(args[0] if args else next(iter(kwargs.values())))
        outputs = self.compute_output_spec(*args, **kwargs)
        if outputs is None:
            raise ValueError(f"{type(self).__name__}.call returned None. End it with `return outputs`.")
        with building:  # another thread may call the layer, too
            self._nodes += (Node(self, args, kwargs, outputs),)
        return outputs

    def _spec(self, shape: Any) -> Any:
        """Symbolic tensors of a shape, or of each in a structure of them."""
        return None if shape is None else signatures.tensors(shape, self.compute_dtype)

    def _spec_from_own_shape(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `compute_output_spec` gives, from the `compute_output_shape` and `compute_mask` of a user's class."""
        parameters = parameters_of(type(self).compute_output_shape)
        given = dict(zip(parameters_of(type(self).call), args)) | kwargs
        shapes = {f"{name}_shape": shapes_of(value) for name, value in given.items() if holds_arrays(value)}
        if len(parameters) == 1:
            shapes = {parameters[0]: next(iter(shapes.values()))}
        outputs = signatures.tensors(self.compute_output_shape(**shapes), self.compute_dtype)

        def output_masks(*args: Any, **kwargs: Any) -> Any:
            first = args[0] if args else next(iter(kwargs.values()))
            previous = kwargs["mask"] if kwargs.get("mask") is not None else masks.get(first)
            return self.compute_mask(first, previous)

        if self.supports_masking:
            found = jax.tree.leaves(infer(output_masks, args, kwargs), is_leaf=lambda mask: mask is None)
            for output, mask in zip(jax.tree.leaves(outputs), found):
                masks.put(output, mask)
        return outputs

    def _first_node(self, what: str) -> Node:
        if not self._nodes:
            raise AttributeError(f"{self.name!r} was not called on a symbolic tensor, so it has no {what} to ask for.")
        return self._nodes[0]

    def _keeping(self, variables: list[Variable]) -> contextlib.AbstractContextManager[None]:
        """What a call changes in the variables is put back."""
        return bound(variables, [variable._value for variable in variables])
