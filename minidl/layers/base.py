"""Layer: what every layer and every model is.

`build` makes the weights once the input's shape is known, `call` is the mathematics, and `__call__`
joins them: it builds on first use, casts to the compute dtype, says whether this is training and carries masks.
What a layer owns (weights, layers inside, metrics) is in module.py.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from minidl import regularizers
from minidl.core import arrays, dtypes, forks, structures
from minidl.core.functional import bound, of_one_moment
from minidl.core.naming import auto_name, is_own
from minidl.core.serialization import ConfigError, serialize
from minidl.core.symbolic import KerasTensor, Node, Shape, infer, is_symbolic
from minidl.core.variables import Variable, autocast_scope, name_scope
from minidl.layers import masks, pipelines
from minidl.layers.input_spec import check_inputs
from minidl.layers.module import Module, building, calls_under_way

_training: contextvars.ContextVar[bool | None] = contextvars.ContextVar("training", default=None)
_outermost: contextvars.ContextVar[bool] = contextvars.ContextVar("outermost", default=True)


class Layer(Module):
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
        ValueError: a name that is no string, or holds "/"; a trainable that is no bool; an unknown dtype.

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
    autograph_info__ = None  # its presence tells AutoGraph of TensorFlow to call layers as they are
    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
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
        shape = _first_input_shape(kwargs)
        if kwargs:
            raise TypeError(
                f"{type(self).__name__}: unknown arguments {sorted(kwargs)}. Layers take name, dtype, trainable, "
                "autocast, activity_regularizer, input_shape or input_dim, and what the class itself names."
            )
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"{type(self).__name__}: name must be a string without '/', got {name!r}.")
        if not isinstance(trainable, bool):
            raise ValueError(f"{type(self).__name__}: expected trainable to be a boolean, got {trainable!r}.")
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
        self._weights: list[Variable] = []
        self._nodes: list[Node] = []  # the calls on symbolic tensors
        self._build_shapes: dict[str, Any] = {}  # what `build` was given

    # What a subclass writes

    def build(self, input_shape: Any) -> None:
        """Make the weights, given the shape of the input (None for sizes that are not known).

        Where a class does not write it, the layers inside are built, by a trace of `call` for such an input.
        """
        if type(self).build is Layer.build and not all(layer.built for layer in self._children(Layer)):
            self.compute_output_spec(self._spec(_as_shape(input_shape)))
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The mathematics: arrays in, arrays out."""
        raise NotImplementedError(
            f"{type(self).__name__} does not have a `call` method implemented. Write `def call(self, x): ...` in it."
        )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output, for the inputs and their mask: the same one, if the layer `supports_masking`."""
        return previous_mask

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data; `from_config` makes the same layer of them.

        A subclass whose own arguments are plain data need not write it.

        Raises:
            NotImplementedError: an argument of the subclass is not plain data.
        """
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize(self.dtype_policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return self._with_own_arguments(config) if type(self).get_config is Layer.get_config else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer that `get_config` described, with new weights.

        Raises:
            ConfigError: arguments that the constructor does not take.
        """
        if config.get("quantization_config", "") is None:  # Keras writes it where there is none
            config = {key: value for key, value in config.items() if key != "quantization_config"}
        try:
            return cls(**config)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{cls.__name__} cannot be made of the config {config}: {error}") from error

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for, as plain data; None if it is not built."""
        if len(self._build_shapes) == 1:
            return {"input_shape": next(iter(self._build_shapes.values()))}
        return {"shapes_dict": self._build_shapes} if self._build_shapes else None

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Build the layer for the shapes that `get_build_config` gave."""
        if not config:
            return
        if type(self).build is Layer.build:  # nothing but a call builds the layers inside
            shapes = config.get("shapes_dict") or {"input_shape": config["input_shape"]}
            first, *others = ((name.removesuffix("_shape"), self._spec(_as_shape(s))) for name, s in shapes.items())
            self.compute_output_spec(first[1], **dict(others))
        elif "shapes_dict" in config:
            self.build(**{name: _as_shape(shape) for name, shape in config["shapes_dict"].items()})
        else:
            self.build(_as_shape(config["input_shape"]))

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._require_init()
        if is_symbolic((args, kwargs)):
            return self._symbolic_call(args, kwargs)
        forks.check()
        if pipelines.in_graph((args, kwargs)):
            return pipelines.call(self, args, kwargs)
        if (outputs := self._as_one_program(args, kwargs)) is not None:
            return outputs
        args, kwargs = structures.map(self._to_compute, (args, kwargs))
        if (leaves := jax.tree.leaves(args[:1])) and not any(hasattr(leaf, "shape") for leaf in leaves):
            raise ValueError(
                f"{self.name}: expected arrays, got a {type(args[0]).__name__}. Make an array of it, for example with "
                "np.array(x, 'float32')."
            )
        parameters = _parameters(type(self).call)
        given = {n: v for n, v in [*zip(parameters, args), *kwargs.items()] if _holds_arrays(v)}
        first = args[0] if args else next(iter(given.values()), None)
        self._check_inputs(first)
        if not self.built:
            self._build_for(args, kwargs)
            self._check_inputs(first)  # against what `build` may have learned
        masks.fill(kwargs, given, parameters)
        previous_mask = kwargs["mask"] if kwargs.get("mask") is not None else masks.get(first)
        with self._calling(kwargs), self._one_moment():
            outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in jax.tree.leaves(outputs):  # for each example, so that the batch size does not matter
                    examples = output.shape[0] if output.ndim else 1
                    self.add_loss(self.activity_regularizer(output) / max(1, examples))
        masks.carry(self, first, previous_mask, outputs, used=any(name.endswith("mask") for name in parameters))
        return outputs

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
        if not is_own(type(self).compute_output_shape) and all(layer.built for layer in self._flatten_layers()):
            return self._spec_from_own_shape(args, kwargs)
        with self._keeping([*self.variables, *self.metrics_variables]):
            try:
                return infer(self, args, kwargs)
            finally:
                self._clear_losses()

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the training loss; to be called inside `call`."""
        self._add_losses(jax.tree.leaves(loss))

    # In a graph

    @property
    def input(self) -> Any:
        """The symbolic tensor (or structure of them) that the layer was first called on.

        Raises:
            AttributeError: it never was.
        """
        return _single(self._first_node("input").inputs)

    @property
    def output(self) -> Any:
        """What the layer gave when it was first called on a symbolic tensor.

        Raises:
            AttributeError: it never was.
        """
        return _single(self._first_node("output").output_tensors)

    # Inside

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
        wanted, default = _training_argument(type(self).call)
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
                yield
        finally:
            _training.reset(tokens[0])
            _outermost.reset(tokens[1])

    def _to_compute(self, value: Any) -> Any:
        """Arrays become JAX arrays, float ones in the compute dtype, with their masks; the rest stays as it is."""
        if isinstance(value, Variable):
            value = value.value
        if isinstance(value, jax.ShapeDtypeStruct) or not arrays.holds_array(value):
            return value
        array = value if isinstance(value, jax.Array) else arrays.dense(value)
        if self.autocast and dtypes.is_float(array.dtype) and array.dtype != self.compute_dtype:
            array = array.astype(self.compute_dtype)
        array = array if isinstance(array, jax.Array) else jax.device_put(array)
        return array if array is value else masks.put(array, masks.get(value))

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._check_inputs(args[0] if args else next(iter(kwargs.values())))
        outputs = self.compute_output_spec(*args, **kwargs)
        self._nodes.append(Node(self, args, kwargs, outputs))
        return outputs

    def _spec(self, shape: Any) -> Any:
        """Symbolic tensors of a shape, or of each in a structure of them."""
        if isinstance(shape, dict):
            return {name: self._spec(item) for name, item in shape.items()}
        if isinstance(shape, (list, tuple)) and any(isinstance(item, (list, tuple, dict)) for item in shape):
            return [self._spec(item) for item in shape]
        return None if shape is None else KerasTensor(shape, self.compute_dtype)

    def _spec_from_own_shape(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `compute_output_spec` gives, from the `compute_output_shape` and `compute_mask` of a user's class."""
        parameters = tuple(inspect.signature(type(self).compute_output_shape).parameters)[1:]
        given = dict(zip(_parameters(type(self).call), args)) | kwargs
        shapes = {f"{name}_shape": _shapes(value) for name, value in given.items() if _holds_arrays(value)}
        if len(parameters) == 1:
            shapes = {parameters[0]: next(iter(shapes.values()))}
        outputs = _tensors(self.compute_output_shape(**shapes), self.compute_dtype)

        def output_masks(*args: Any, **kwargs: Any) -> Any:
            first = args[0] if args else next(iter(kwargs.values()))
            previous = kwargs["mask"] if kwargs.get("mask") is not None else masks.get(first)
            return self.compute_mask(first, previous)

        if self.supports_masking:
            found = jax.tree.leaves(infer(output_masks, args, kwargs), is_leaf=lambda mask: mask is None)
            for output, mask in zip(jax.tree.leaves(outputs), found):
                masks.put(output, mask)
        return outputs

    def _check_inputs(self, inputs: Any) -> None:
        if self.input_spec is not None:
            check_inputs(self.input_spec, inputs, f"{type(self).__name__} {self.name!r}")

    def _first_node(self, what: str) -> Node:
        if not self._nodes:
            raise AttributeError(f"{self.name!r} was not called on a symbolic tensor, so it has no {what} to ask for.")
        return self._nodes[0]

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build for a call, once, whatever threads come at the same time."""
        with building:
            if not self.built:
                self._build_for_shapes(args, kwargs)

    def _build_for_shapes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build from the shapes of a call: the first input's, or by name (`query_shape` for `query`)."""
        arguments = inspect.signature(self.call).bind_partial(
            *args, **{k: v for k, v in kwargs.items() if k != "training"}
        )
        given = {name: _shapes(value) for name, value in arguments.arguments.items() if _holds_arrays(value)}
        wanted = [p for p in inspect.signature(type(self).build).parameters.values() if p.name != "self"]
        if len(wanted) > 1:
            _require_names(type(self).__name__, [p.name for p in wanted], _parameters(type(self).call))
            shapes = {p.name: given[n] for p in wanted if (n := p.name.removesuffix("_shape")) in given}
            missing = [p.name for p in wanted if p.default is p.empty and p.name not in shapes]
            if missing:
                raise ValueError(
                    f"{type(self).__name__}.build takes {missing}, but the inputs of this call are {list(given)}."
                )
            self.build(**shapes)
        elif type(self).build is not Layer.build:
            self.build(next(iter(given.values()), None))
        else:  # the call that follows builds the layers inside
            self._build_shapes = {f"{name}_shape": shape for name, shape in given.items()}
        self.built = True

    def _one_moment(self) -> contextlib.AbstractContextManager[None]:
        """For a call from outside in a program of several threads: weights of one moment."""
        is_inner = threading.active_count() == 1 or len(calls_under_way.get()) > 1
        if is_inner or not all(layer.built for layer in self._flatten_layers()):
            return contextlib.nullcontext()
        return of_one_moment(self.variables)

    def _keeping(self, variables: list[Variable]) -> contextlib.AbstractContextManager[None]:
        """What a call changes in the variables is put back."""
        return bound(variables, [variable._value for variable in variables])

    def _with_own_arguments(self, config: dict[str, Any]) -> dict[str, Any]:
        """A config with the arguments that the class's own constructor was given, and what else it takes."""
        if is_own(type(self).__init__):
            return config
        args, kwargs = self._init_arguments
        signature = inspect.signature(type(self).__init__)
        call = signature.bind(self, *args, **kwargs)
        call.apply_defaults()
        kinds = {p.kind: name for name, p in signature.parameters.items()}
        own: dict[str, Any] = {}
        for name, value in list(call.arguments.items())[1:]:
            own.update(value if name == kinds.get(inspect.Parameter.VAR_KEYWORD) else {name: value})
        own = {name: value for name, value in own.items() if name not in config}
        odd = [name for name, value in own.items() if not _is_plain(value)]
        if odd or own.pop(kinds.get(inspect.Parameter.VAR_POSITIONAL, ""), ()):
            raise NotImplementedError(
                f"{type(self).__name__}: write get_config(), since the arguments {odd} are not plain data."
            )
        takes_any = inspect.Parameter.VAR_KEYWORD in kinds
        return {name: value for name, value in config.items() if takes_any or name in signature.parameters} | own


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
                    self._build_shapes = _bound_arguments(build, args, kwargs)
                finally:
                    self._building = False
                self.built = True
            else:
                self._check_same_build(*args, **kwargs)

    return wrapped


def _require_names(kind: str, wanted: Sequence[str], parameters: Sequence[str]) -> None:
    """Refuse a build of several shapes whose arguments are not named after inputs of the call."""
    advice = "Name each argument of build after an input of call, with _shape behind it."
    for name in wanted:
        if not name.endswith("_shape"):
            raise ValueError(f"{kind}.build takes the argument `{name}`, which does not end in `_shape`. {advice}")
        if (of := name.removesuffix("_shape")) not in parameters:
            raise ValueError(f"{kind}.build takes `{name}`, but `call()` does not have argument `{of}`. {advice}")


def _bound_arguments(build: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    names = list(inspect.signature(build).parameters)[1:]
    return {**dict(zip(names, args)), **kwargs}


@functools.cache
def _training_argument(call: Any) -> tuple[bool, bool | None]:
    """Whether a `call` takes `training`, and what it is if nobody gives it."""
    argument = inspect.signature(call).parameters.get("training")
    if argument is None:
        return False, None
    return True, False if argument.default is argument.empty else argument.default


def _first_input_shape(kwargs: dict[str, Any]) -> Shape | None:
    """The full shape behind input_shape=, input_dim=, batch_input_shape= or batch_size=."""
    batch = kwargs.pop("batch_size", None)
    full = kwargs.pop("batch_input_shape", kwargs.pop("batch_shape", None))
    shape = kwargs.pop("input_shape", None)
    dim = kwargs.pop("input_dim", None)
    if full is not None:
        return tuple(full)
    if shape is None and dim is not None:
        shape = (dim,)
    return None if shape is None else (batch, *((shape,) if isinstance(shape, int) else shape))


@functools.cache
def _parameters(call: Any) -> tuple[str, ...]:
    """The names that a `call` takes, without self."""
    return tuple(inspect.signature(call).parameters)[1:]


def _tensors(shape: Any, dtype: str) -> Any:
    """A symbolic tensor of a shape, or one of each in a structure of them."""
    if isinstance(shape, dict):
        return {name: _tensors(item, dtype) for name, item in shape.items()}
    if any(isinstance(item, (list, tuple, dict)) for item in shape):
        return type(shape)(_tensors(item, dtype) for item in shape)
    return KerasTensor(shape, dtype)


def _single(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def _as_shape(value: Any) -> Any:
    """A shape that went through JSON: a list of sizes is a tuple again; lists and dicts of shapes stay."""
    if isinstance(value, dict):
        return {name: _as_shape(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)) and any(isinstance(item, (list, tuple, dict)) for item in value):
        return [_as_shape(item) for item in value]
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _shapes(value: Any) -> Any:
    return structures.map(lambda leaf: tuple(leaf.shape), value)


def _holds_arrays(value: Any) -> bool:
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))
