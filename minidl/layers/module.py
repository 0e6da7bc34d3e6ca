"""Module: what owns variables and other modules.

They are kept in ordinary attributes, lists and dicts, and found by looking there (`_children`), so nothing is
registered and nothing can be out of date. `Layer` adds building and calling.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from minidl import constraints, initializers, regularizers
from minidl.core import dtypes
from minidl.core.functional import of_one_moment
from minidl.core.object_graph import Stamped, children, parts, unique, without
from minidl.core.variables import Variable, name_scope
from minidl.metrics.base import Metric
from minidl.random import SeedGenerator

building = threading.RLock()  # of layers, steps and objectives, which threads that come at once must not do twice
calls_under_way: contextvars.ContextVar[tuple[int, ...]] = contextvars.ContextVar("calls", default=())


class _Added(threading.local):
    """What layers added with `add_loss` in this thread, since the last call began: layer -> losses."""

    def __init__(self) -> None:
        self.losses: weakref.WeakKeyDictionary[Module, list[Any]] = weakref.WeakKeyDictionary()


_added = _Added()

_Add = TypeVar("_Add", bound=Callable[..., Variable])

# What models and layers keep for themselves; the layers in it are found under other names.
HIDDEN = ("_layers", "_tensors", "_calls", "_nodes", "_weights", "_graph", "objectives")


def _shape_first(add: _Add) -> _Add:
    """Refuse a name in the place of the shape, where older programs put it."""

    @functools.wraps(add)
    def wrapped(self: Module, *args: Any, **kwargs: Any) -> Variable:
        if args and isinstance(args[0], str):
            raise ValueError(
                f"{self.name}.add_weight: expected a shape, got {args[0]!r}. Give a name as a keyword argument: "
                f"name={args[0]!r}."
            )
        return add(self, *args, **kwargs)

    return wrapped  # type: ignore[return-value]


class Module(Stamped):
    """Weights, and what is known about them: the half of `Layer` that does not call.

    Every layer and model is one; see `Layer` for the arguments that it takes.
    """

    name: str
    built: bool
    _trainable: bool
    _building: bool
    _weights: tuple[Variable, ...]
    _dtype_policy: dtypes.DTypePolicy
    saved_names: ClassVar[Mapping[str, str]] = {}  # attributes with another name in Keras's files -> that name

    # Weights

    @_shape_first
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
            ValueError: an invalid shape, or a call of the layer is going on: each call would make another one.
        """
        self._require_init()
        if id(self) in calls_under_way.get() and not self._building:
            raise ValueError(
                f"{self.name}.add_weight: it was called inside of call(), where every call would add a weight. Call it "
                "in `__init__` or `build`."
            )
        dtype = dtypes.canonical(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        with contextlib.nullcontext() if self._building else name_scope(self.path):
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
        self._weights += (variable,)
        return variable

    def add_variable(
        self,
        shape: Sequence[int] | None,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """The same as `add_weight`, under the name that metrics and optimizers give it."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name)

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
        inner = [v for layer in self._children(Module) for v in layer.variables]
        return unique([*own, *seeds, *inner])

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        if not self.trainable:
            return []
        own = [variable for variable in self._children(Variable) if variable.trainable]
        return unique([*own, *(v for layer in self._children(Module) for v in layer.trainable_variables)])

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All variables that are not in `trainable_variables`."""
        return without(self.variables, self.trainable_variables)

    @property
    def weights(self) -> list[Variable]:
        """The variables without the states of seed generators and of stateful recurrent layers."""
        return unique([*self._own_weights(), *(v for layer in self._children(Module) for v in layer.weights)])

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
        weights = self.weights
        with of_one_moment(weights):
            return [variable.numpy() for variable in weights]

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

    def saved_parts(self) -> list[tuple[str, Any]]:
        """What may hold layers or an optimizer, with the names that files give to it, in the order of files."""
        return parts(self, HIDDEN, self.saved_names)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of the weights that are directly in this layer into a dict: "0", "1", ... -> array.

        A subclass may write others, and read them in `load_own_variables`.
        """
        for index, variable in enumerate(self._stored_weights()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the weights that are directly in this layer from what `save_own_variables` stored.

        Raises:
            ValueError: missing, further or wrong-shaped arrays; then nothing is set.
        """
        weights = {str(index): variable for index, variable in enumerate(self._stored_weights())}
        if store.keys() != weights.keys():
            raise ValueError(
                f"{self.name!r} has {len(weights)} weights of its own, but {len(store.keys())} are stored"
                f"{'' if self.built else ' (it is not built yet: call it once, or build it)'}."
            )
        arrays = {key: store[key] for key in weights}
        for key, variable in weights.items():
            if np.shape(arrays[key]) != variable.shape:
                raise ValueError(f"{variable.path} has shape {variable.shape}, stored is {np.shape(arrays[key])}.")
        for key, variable in weights.items():
            variable.assign(arrays[key])
        self._loaded()

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
        added = [loss for layer in self._flatten_layers() for loss in _added.losses.get(layer, ())]
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
    def input_dtype(self) -> str:
        """The dtype that floating-point inputs are converted to: that of the computations."""
        return self.compute_dtype

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

    @contextlib.contextmanager
    def _in_call(self) -> Iterator[None]:
        """A call of this layer, for this thread."""
        token = calls_under_way.set((*calls_under_way.get(), id(self)))
        try:
            yield
        finally:
            calls_under_way.reset(token)

    def _add_losses(self, losses: list[Any]) -> None:
        _added.losses.setdefault(self, []).extend(losses)

    def _clear_losses(self) -> None:
        if _added.losses:
            for layer in self._flatten_layers():
                _added.losses.pop(layer, None)

    def _children(self, kind: type) -> list[Any]:
        """The objects of a kind kept directly in attributes, lists, tuples and dicts."""
        self._require_init()
        return children(self, kind, hidden=("_nodes",))  # one for each call of a shared layer, without parts

    def _own_weights(self) -> list[Variable]:
        """The weights that are not in layers inside, trainable ones first."""
        return _split(self._children(Variable))

    def _stored_weights(self) -> list[Variable]:
        """Those of them that files hold."""
        return self._own_weights()

    def _loaded(self) -> None:
        """What is left to do when the stored weights are loaded."""

    def _flatten_layers(self) -> list[Module]:
        """This layer and all layers inside, outer ones first."""
        found: dict[int, Module] = {}
        waiting: list[Module] = [self]
        while waiting:
            layer = waiting.pop(0)
            if id(layer) not in found:
                found[id(layer)] = layer
                waiting = [*layer._children(Module), *waiting]
        return list(found.values())

    def _require_init(self) -> None:
        if "_weights" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() first.")


def _split(variables: list[Variable]) -> list[Variable]:
    """Trainable ones first, as Keras orders a layer's own weights."""
    return [v for v in variables if v._made_trainable] + [v for v in variables if not v._made_trainable]
