"""Layer: what every layer and every model is.

A layer owns variables and other layers, kept in ordinary attributes, lists and dicts;
they are found by looking there (`_children`), so nothing is registered and nothing
can be out of date. `build` makes the weights once the input's shape is known, `call` is the
mathematics, and `__call__` joins them: it builds on first use, casts to the compute dtype
and says whether this is training.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from minidl import constraints, dtypes, initializers, regularizers
from minidl.metrics.base import Metric
from minidl.names import auto_name, serialize
from minidl.random import SeedGenerator
from minidl.symbolic import KerasTensor, Shape, infer, is_symbolic
from minidl.tracking import children, unique, without
from minidl.variables import Variable, autocast_scope, bound, name_scope

_training: contextvars.ContextVar[bool | None] = contextvars.ContextVar("training", default=None)
_outermost: contextvars.ContextVar[bool] = contextvars.ContextVar("outermost", default=True)


class Layer:
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
    >>> layer = Scale()
    >>> layer(np.ones((2, 3))).shape, layer.count_params()
    ((2, 3), 3)
    """

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
            raise ValueError(f"{type(self).__name__}: trainable must be True or False, got {trainable!r}.")
        self.name = name or auto_name(type(self).__name__)
        self.dtype_policy = dtypes.get(dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.supports_masking = False
        self.built = False
        self.given_input_shape = shape  # from input_shape= or input_dim=: Sequential starts from it
        self._trainable = trainable
        self._building = False
        self._weights: list[Variable] = []
        self._losses: list[Any] = []

    # What a subclass writes

    def build(self, input_shape: Any) -> None:
        """Make the weights, given the shape of the input (None for sizes that are not known)."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The mathematics: arrays in, arrays out."""
        raise NotImplementedError(f"{type(self).__name__} has no `call` method. Write `def call(self, x): ...` in it.")

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
        """The layer that `get_config` described, with new weights."""
        if config.get("quantization_config", "") is None:  # Keras writes it where there is none
            config = {key: value for key, value in config.items() if key != "quantization_config"}
        return cls(**config)

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._require_init()
        if is_symbolic((args, kwargs)):
            return self._symbolic_call(args, kwargs)
        args, kwargs = jax.tree.map(self._to_compute, (args, kwargs))
        if (leaves := jax.tree.leaves(args[:1])) and not any(hasattr(leaf, "shape") for leaf in leaves):
            raise ValueError(
                f"{self.name}: expected arrays, got a {type(args[0]).__name__}. Make an array of it, for example with "
                "np.array(x, 'float32')."
            )
        if not self.built:
            self._build_for(args, kwargs)
        with self._calling(kwargs):
            outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in jax.tree.leaves(outputs):  # for each example, so that the batch size does not matter
                    examples = output.shape[0] if output.ndim else 1
                    self.add_loss(self.activity_regularizer(output) / max(1, examples))
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

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for an input of the given shape; nothing is computed."""
        spec = KerasTensor(input_shape, self.compute_dtype)
        return jax.tree.map(lambda tensor: tensor.shape, self.compute_output_spec(spec))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The output for symbolic inputs, as symbolic tensors. Builds the layer if it is not built."""
        if not self.built:
            self._build_for(args, kwargs)
        with self._keeping([*self.variables, *self.metrics_variables]):
            try:
                return infer(self, args, kwargs)
            finally:
                self._clear_losses()

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the training loss; to be called inside `call`."""
        self._losses.extend(jax.tree.leaves(loss))

    # Weights

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the layer.

        Args:
            shape: default: a scalar.
            initializer: name, function or object; default "glorot_uniform" for floats, else "zeros".
            dtype: default: the layer's variable dtype.
            trainable: whether training changes it.
            autocast: whether it reads in the compute dtype in mixed precision.
            regularizer: function of the weight that is added to the loss.
            constraint: function applied to the weight after each update.
            name: the last part of the variable's path.

        Raises:
            ValueError: a shape that is none.
        """
        self._require_init()
        if isinstance(shape, str):
            raise ValueError(f"{self.name}.add_weight: expected a shape, got {shape!r}. Give a name as name={shape!r}.")
        dtype = dtypes.canonical(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        with contextlib.nullcontext() if self._building else name_scope(self.name):
            variable = Variable(
                initializers.get(initializer),
                () if shape is None else shape,
                dtype,
                trainable,
                autocast,
                aggregation,
                name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.trainable = trainable and self.trainable
        self._weights.append(variable)
        return variable

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it sets it for all weights, and all layers inside.

        Weights that were made as not trainable stay so.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flatten_layers():
            layer._trainable = bool(value)
            for variable in layer._children(Variable):
                variable.trainable = variable._made_trainable and bool(value)

    @property
    def variables(self) -> list[Variable]:
        """All variables, the states of seed generators included; those of metrics are in `metrics_variables`."""
        own = _split(self._children(Variable))
        seeds = [generator.state for generator in self._children(SeedGenerator)]
        inner = [v for layer in self._children(Layer) for v in layer.variables]
        return unique([*own, *seeds, *inner])

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        if not self.trainable:
            return []
        own = [variable for variable in self._children(Variable) if variable.trainable]
        return unique([*own, *(v for layer in self._children(Layer) for v in layer.trainable_variables)])

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All variables that are not in `trainable_variables`."""
        return without(self.variables, self.trainable_variables)

    @property
    def weights(self) -> list[Variable]:
        """The variables without the states of seed generators."""
        own = _split(self._children(Variable))
        return unique([*own, *(v for layer in self._children(Layer) for v in layer.weights)])

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change."""
        return without(self.weights, self.trainable_variables)

    def get_weights(self) -> list[np.ndarray]:
        """The values of `weights` as NumPy arrays."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `weights`.

        Raises:
            ValueError: not as many values as weights, or one of another shape; then nothing is set.
        """
        variables = self.weights
        if len(weights) != len(variables):
            raise ValueError(
                f"{self.name}.set_weights: got {len(weights)} arrays for {len(variables)} weights"
                f"{'' if self.built else ' (the layer is not built yet: call it once, or build it)'}."
            )
        for variable, value in zip(variables, weights):
            if variable.shape != np.shape(value):
                raise ValueError(
                    f"{self.name}.set_weights: {variable.path} has shape {variable.shape}, got {np.shape(value)}."
                )
        for variable, value in zip(variables, weights):
            variable.assign(value)

    def count_params(self) -> int:
        """The number of scalars in the weights.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(f"{self.name}.count_params: the layer is not built, so it has no weights yet.")
        return sum(variable.size for variable in self.weights)

    @property
    def losses(self) -> list[Any]:
        """What the last call added with `add_loss`, and the penalties of weight regularizers."""
        added = [loss for layer in self._flatten_layers() for loss in layer._losses]
        return added + [v.regularizer(v.value) for v in self.trainable_variables if v.regularizer is not None]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics kept in this layer and the layers inside."""
        return unique([m for layer in self._flatten_layers() for m in layer._children(Metric)])

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return unique([variable for metric in self.metrics for variable in metric.variables])

    # Number formats

    @property
    def dtype_policy(self) -> dtypes.DTypePolicy:
        """What the layer computes in and stores its weights in. May be set by name."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = dtypes.get(value)

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computations."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self.dtype_policy.variable_dtype

    @property
    def dtype(self) -> str:
        """The same as `variable_dtype`."""
        return self.variable_dtype

    @property
    def path(self) -> str:
        """The layer's name; with the names of the layers around it in the paths of its variables."""
        return self.weights[0].path.rpartition("/")[0] if self._weights else self.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # Inside

    def _children(self, kind: type) -> list[Any]:
        """The objects of a kind kept directly in attributes, lists, tuples and dicts."""
        self._require_init()
        return children(self, kind)

    def _flatten_layers(self) -> list[Layer]:
        """This layer and all layers inside, outer ones first."""
        found: dict[int, Layer] = {}
        waiting = [self]
        while waiting:
            layer = waiting.pop(0)
            if id(layer) not in found:
                found[id(layer)] = layer
                waiting = [*layer._children(Layer), *waiting]
        return list(found.values())

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses = []

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
            with name_scope(self.name), autocast_scope(self.compute_dtype if mixed else None):
                yield
        finally:
            _training.reset(tokens[0])
            _outermost.reset(tokens[1])

    def _to_compute(self, value: Any) -> Any:
        """Arrays become JAX arrays, float ones in the compute dtype; the rest stays as it is."""
        if isinstance(value, Variable):
            value = value.value
        if isinstance(value, jax.ShapeDtypeStruct) or not hasattr(value, "__array__"):
            return value
        if not isinstance(value, jax.Array):
            value = np.asarray(value)
        if self.autocast and dtypes.is_float(value.dtype) and value.dtype != self.compute_dtype:
            if isinstance(value, jax.Array):
                return value.astype(self.compute_dtype)
            value = np.asarray(value, self.compute_dtype)
        return value if isinstance(value, jax.Array) else jax.device_put(value)

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outputs = self.compute_output_spec(*args, **kwargs)
        for tensor in jax.tree.leaves(outputs):
            tensor.producer = (self, args, kwargs)
        return outputs

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build from the shapes of a call: the first input's, or by name (`query_shape` for `query`)."""
        arguments = inspect.signature(self.call).bind_partial(
            *args, **{k: v for k, v in kwargs.items() if k != "training"}
        )
        given = {name: _shapes(value) for name, value in arguments.arguments.items() if _holds_arrays(value)}
        wanted = [p for p in inspect.signature(type(self).build).parameters.values() if p.name != "self"]
        if len(wanted) > 1:
            shapes = {p.name: given[n] for p in wanted if (n := p.name.removesuffix("_shape")) in given}
            missing = [p.name for p in wanted if p.default is p.empty and p.name not in shapes]
            if missing:
                raise ValueError(
                    f"{type(self).__name__}.build takes {missing}, but the inputs of this call are {list(given)}. Name "
                    "each argument of build after an input of call, with _shape behind it."
                )
            self.build(**shapes)
        else:
            self.build(next(iter(given.values()), None))
        self.built = True

    def _keeping(self, variables: list[Variable]) -> contextlib.AbstractContextManager[None]:
        """What a call changes in the variables is put back."""
        return bound(variables, [variable._value for variable in variables])

    def _require_init(self) -> None:
        if "_losses" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() first.")

    def _with_own_arguments(self, config: dict[str, Any]) -> dict[str, Any]:
        """A config with the arguments that the class's own constructor was given, and what else it takes."""
        if type(self).__init__ is Layer.__init__:
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


def _once_in_scope(build: Callable[..., None]) -> Callable[..., None]:
    """Wrap a class's `build`: it runs once, under the layer's name, and marks the layer as built."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self._building:  # super().build(...) inside a build
            build(self, *args, **kwargs)
        elif not self.built:
            self._building = True
            try:
                with name_scope(self.name):
                    build(self, *args, **kwargs)
            finally:
                self._building = False
            self.built = True

    return wrapped


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


def _split(variables: list[Variable]) -> list[Variable]:
    """Trainable ones first, as Keras orders a layer's own weights."""
    return [v for v in variables if v._made_trainable] + [v for v in variables if not v._made_trainable]


def _shapes(value: Any) -> Any:
    return jax.tree.map(lambda leaf: tuple(leaf.shape), value)


def _holds_arrays(value: Any) -> bool:
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))
