"""Layer: what every layer and every model is.

`build` makes the weights once the input's shape is known, `call` is the mathematics, and `__call__`
joins them: it builds on first use, casts to the compute dtype, says whether this is training and carries masks.
What a layer owns (weights, layers inside, metrics) is in module.py.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import jax

from minidl import regularizers
from minidl.core import arrays, dtypes, forks, inference, placement, structures, tracebacks
from minidl.core.arguments import ArgumentError, check_arguments, constructor_arguments, explained, unknown_argument
from minidl.core.functional import bound, of_one_moment
from minidl.core.host_arrays import HostArray
from minidl.core.naming import auto_name
from minidl.core.symbolic import Node, is_symbolic
from minidl.core.text import may_be_text
from minidl.core.typing import any_signature
from minidl.core.variables import Variable, autocast_scope, name_scope
from minidl.layers import masks, pipelines, signatures
from minidl.layers.configured import Configured
from minidl.layers.input_spec import check_inputs
from minidl.layers.module import building, calls_under_way
from minidl.layers.signatures import as_shape, holds_arrays, parameters_of

_training: contextvars.ContextVar[bool | None] = contextvars.ContextVar("training", default=None)
_outermost: contextvars.ContextVar[bool] = contextvars.ContextVar("outermost", default=True)


class Layer(Configured):
    """The base of layers and models.

    A subclass writes `call` (the mathematics), usually `build` (its weights, given the input
    shape) and `get_config` (its arguments).

    Args:
        activity_regularizer: function of the output that is added to the loss.
        trainable: whether training changes the weights.
        dtype: a dtype or a dtype policy such as "mixed_bfloat16".
        autocast: whether float inputs are cast to the compute dtype.
        name: default: the class's name in snake case, with a number from the second on.

    Raises:
        TypeError: an argument that no layer has.
        ValueError: a name that is not a string, or holds "/"; a trainable that is not a bool; an unknown dtype.

    Example:
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")
    ...
    ...     def call(self, x):
    ...         return x * self.factor
    >>> import numpy as np
    >>> layer = Scale()
    >>> layer(np.ones((2, 3))).shape, layer.count_params()
    ((2, 3), 3)
    """

    floats_in_graph = False  # whether all arrays from a graph of TensorFlow are cast to the compute dtype
    input_advice = ""  # a sentence for the end of errors about `input_spec`
    takes_text = False  # whether a layer of minidl's own is given text as it is
    wide_in_graph = False  # whether integers are of 64 bits there
    autograph_info__ = None  # its presence tells AutoGraph of TensorFlow to call layers as they are
    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_arguments(cls, args, kwargs)
        layer = super().__new__(cls)
        layer._init_arguments = (args, kwargs)
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _once_in_scope(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        shape = signatures.first_input_shape(kwargs)
        if kwargs:
            raise ArgumentError(unknown_argument(type(self).__name__, kwargs, constructor_arguments(type(self))))
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"{type(self).__name__}: name must be a string without '/', got {name!r}.")
        if not isinstance(trainable, bool):
            raise ValueError(f"{type(self).__name__}: trainable must be True or False, got {trainable!r}.")
        self.name = name or auto_name(type(self).__name__)
        self.dtype_policy = dtypes.get(dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.supports_masking = type(self).compute_mask is not Layer.compute_mask
        self.input_spec: Any = None  # an InputSpec, or one for each input, that calls are checked against
        self.built = False
        self.given_input_shape = shape  # from input_shape= or input_dim=: Sequential starts from it
        self._trainable = trainable
        self._building = False
        self._weights: tuple[Variable, ...] = ()
        self._nodes: tuple[Node, ...] = ()
        self._build_shapes: dict[str, Any] | None = None  # what `build` was given

    # What a subclass writes

    @any_signature
    def build(self, input_shape: Any) -> None:
        """Make the weights, given the shape of the input (None for sizes that are not known).

        Where a class does not write it, the layers inside are built, by a trace of `call` for such an input.
        """
        if not self._has_own_build() and not all(layer.built for layer in self._children(Layer)):
            self.compute_output_spec(self._spec(as_shape(input_shape)))
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The mathematics: arrays in, arrays out."""
        raise NotImplementedError(
            f"{type(self).__name__} is a layer without call(). Write `def call(self, x): ...` in it."
        )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output, for the inputs and their mask: the same one, if the layer `supports_masking`."""
        return previous_mask

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._require_init()
        try:
            if (outputs := self._as_one_program(args, kwargs)) is not None:
                return outputs
            if is_symbolic((args, kwargs)):
                return self._symbolic_call(args, kwargs)
            forks.check()
            if pipelines.in_graph((args, kwargs)):
                return pipelines.call(self, args, kwargs)
            args, kwargs = structures.map(self._to_compute, (args, kwargs))
            if (leaves := jax.tree.leaves(args[:1])) and not any(hasattr(leaf, "shape") for leaf in leaves):
                raise ValueError(
                    f"{self.name}: expected arrays, got a {type(args[0]).__name__}. Make an array of it, for example "
                    "with np.array(x, 'float32')."
                )
            parameters = parameters_of(type(self).call)
            given = {n: v for n, v in [*zip(parameters, args), *kwargs.items()] if holds_arrays(v)}
            first = args[0] if args else next(iter(given.values()), None)
            self._check_inputs(first)
            if not self.built:
                self._build_for(args, kwargs)
                self._check_inputs(first)  # against what `build` may have learned
            inference.note_call(self, lambda: signatures.shapes_by_name(self.call, args, kwargs))
            masks.fill(kwargs, given, parameters)
            previous_mask = kwargs["mask"] if kwargs.get("mask") is not None else masks.get(first)
            with self._calling(kwargs), self._one_moment():
                outputs = self.call(*args, **kwargs)
                if self.activity_regularizer is not None:
                    for output in jax.tree.leaves(outputs):  # for each example, so that the batch size does not matter
                        examples = output.shape[0] if output.ndim else 1
                        self.add_loss(self.activity_regularizer(output) / max(1, examples))
                if placement.current() is not None:
                    outputs = placement.laid_out(outputs, f"{self.path}/output")
            masks.carry(self, first, previous_mask, outputs, used=any(name.endswith("mask") for name in parameters))
            return outputs
        except Exception as error:
            self._explain(error, args, kwargs)
            raise

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Call the layer as a pure function of its variables.

        Args:
            trainable_variables: values for `self.trainable_variables`, in order.
            non_trainable_variables: values for `self.non_trainable_variables`.
            *args: the inputs of the call.
            return_losses: whether to return `self.losses` of this call too.
            **kwargs: further arguments of the call, such as `training`.

        Returns:
            (outputs, new non-trainable values), or with the losses as a third.

        Raises:
            ValueError: the layer is not built, or the number of values is wrong.
        """
        if not self.built:
            raise ValueError(f"{self.name}: build the layer (call it once) before stateless_call.")
        trainable, rest = self.trainable_variables, self.non_trainable_variables
        if (len(trainable_variables), len(non_trainable_variables)) != (len(trainable), len(rest)):
            raise ValueError(
                f"{self.name}.stateless_call: expected values for {len(trainable)} trainable and {len(rest)} "
                f"non-trainable variables, got {len(trainable_variables)} and {len(non_trainable_variables)}."
            )
        values = [*trainable_variables, *non_trainable_variables]
        with bound([*trainable, *rest], values), self._keeping(self.metrics_variables):
            outputs = self(*args, **kwargs)
            new_values = [variable._value for variable in rest]
            losses = self.losses if return_losses else None
            self._clear_losses()
        return (outputs, new_values, losses) if return_losses else (outputs, new_values)

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the training loss; to be called inside `call`."""
        self._add_losses(jax.tree.leaves(loss))

    # Inside

    def _has_own_build(self) -> bool:
        return type(self).build is not Layer.build

    def _check_same_build(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a second `build` that wants another layer. The weights are there, so none does more than that."""

    def _as_one_program(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs of a call, where a compiled program gives them; None where it runs operation by operation."""
        return None

    @contextlib.contextmanager
    def _calling(self, kwargs: dict[str, Any]) -> Iterator[None]:
        """The surroundings of `call`: the training flag, the compute dtype and the name scope.

        What is given as `training=` counts first, then what the call around was given, then the default in
        the signature of `call`. It holds for the layers inside as well; `kwargs` gets it if `call` wants it.
        """
        wanted, default = signatures.training_argument(type(self).call)
        given = (kwargs.pop("training", None), _training.get(), default)
        training = next((value for value in given if value is not None), None)
        if wanted and training is not None:
            kwargs["training"] = training
        if _outermost.get():
            self._clear_losses()
        tokens = _training.set(training), _outermost.set(False)
        mixed = self.compute_dtype != self.variable_dtype
        try:
            with self._in_call(), name_scope(self.name), autocast_scope(self.compute_dtype if mixed else None):
                with jax.named_scope(self.name):  # metadata of the program's operations, for profilers
                    yield
        finally:
            _training.reset(tokens[0])
            _outermost.reset(tokens[1])

    def _explain(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Name this layer and what it was given in an error of its call or `build`."""
        if isinstance(error, TypeError) and "keyword" in str(error):
            if message := explained(self.call, kwargs, further=("training", "mask")):
                error.args = (f"{type(self).__name__}.{message}",)
        tracebacks.add_layer(error, self, args, kwargs)
        tracebacks.clean(error)

    def _to_compute(self, value: Any) -> Any:
        """Arrays become JAX arrays, float ones in the compute dtype, with their masks; the rest stays as it is."""
        if isinstance(value, Variable):
            value = value.value
        if isinstance(value, HostArray):
            return signatures.text_for(self, value)
        if isinstance(value, jax.ShapeDtypeStruct) or not arrays.holds_array(value):
            return value
        array = value if isinstance(value, jax.Array) else arrays.dense(value)
        if may_be_text(array):
            return signatures.text_for(self, array)
        if self.autocast and dtypes.is_float(array.dtype) and array.dtype != self.compute_dtype:
            array = array.astype(self.compute_dtype)
        array = array if isinstance(array, jax.Array) else jax.device_put(array)
        return array if array is value else masks.put(array, masks.get(value))

    def _check_inputs(self, inputs: Any) -> None:
        if self.input_spec is not None:
            check_inputs(self.input_spec, inputs, f"{type(self).__name__} {self.name!r}", self.input_advice)

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build for a call, once, whatever threads come at the same time."""
        with building:
            if not self.built:
                self._build_for_shapes(args, kwargs)

    def _build_for_shapes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build from the shapes of a call: the first input's, or by name (`query_shape` for `query`)."""
        given = signatures.shapes_by_name(self.call, args, kwargs)
        wanted = signatures.of_method(type(self).build)
        if len(wanted) > 1:
            self.build(**signatures.build_shapes(type(self).__name__, wanted, given, parameters_of(type(self).call)))
        elif self._has_own_build():
            self.build(*[next(iter(given.values()), None)][: len(wanted)])
        else:  # the call that follows builds the layers inside
            self._build_shapes = {f"{name}_shape": shape for name, shape in given.items()}
            inference.note_build(self)
        self.built = True

    def _one_moment(self) -> contextlib.AbstractContextManager[None]:
        """For a call from outside in a program of several threads: weights of one moment."""
        is_inner = threading.active_count() == 1 or len(calls_under_way.get()) > 1
        if is_inner or not all(layer.built for layer in self._flatten_layers()):
            return contextlib.nullcontext()
        return of_one_moment(self.variables)


def is_outermost() -> bool:
    """Whether no layer's call is under way."""
    return _outermost.get() and _training.get() is None


def _once_in_scope(build: Callable[..., None]) -> Callable[..., None]:
    """Wrap a class's `build`: it runs once, under the layer's name, and marks the layer as built."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        with building:
            if self._building:  # super().build(...) inside a build
                build(self, *args, **kwargs)
            elif not self.built:
                self._building = True
                try:
                    with name_scope(self.name):
                        build(self, *args, **kwargs)
                    self._build_shapes = signatures.bound_arguments(build, args, kwargs)
                    inference.note_build(self)
                except Exception as error:
                    self._explain(error, args, kwargs)
                    raise
                finally:
                    self._building = False
                self.built = True
            else:
                self._check_same_build(*args, **kwargs)

    return wrapped
