"""MultiOptimizer: several optimizers, each for some of the weights; OptimizerMap: which optimizer for which path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

from minidl.core import serialization
from minidl.core.variables import Variable
from minidl.optimizers.base import Optimizer
from minidl.optimizers.loss_scale import LossScaleOptimizer
from minidl.optimizers.table import deserialize


class OptimizerMap(MutableMapping[str, Optimizer]):
    """The optimizer for each weight: by its path, or by a regular expression that matches the whole path.

    Args:
        default_optimizer: for paths that no key matches.
        optimizer_map: path or regular expression -> optimizer.

    Raises:
        TypeError: default_optimizer is not an `Optimizer`, or optimizer_map is not a dict.
        ValueError: a path that two patterns match.

    Example:
    >>> from minidl.optimizers.adam import Adam
    >>> from minidl.optimizers.sgd import SGD
    >>> optimizers = OptimizerMap(SGD(name="rest"), {"encoder/.*": Adam(name="for_encoder")})
    >>> optimizers["encoder/kernel"].name, optimizers["decoder/kernel"].name
    ('for_encoder', 'rest')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"OptimizerMap: expected an optimizer as default_optimizer, got {default_optimizer!r}.")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"OptimizerMap: expected a dict of optimizers as optimizer_map, got {optimizer_map!r}.")
        self.default_optimizer = default_optimizer
        self._map: dict[str, Optimizer] = dict(optimizer_map or {})

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._map:
            return self._map[key]
        found = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(f"OptimizerMap: {key!r} is matched by more than one pattern: {found}.")
        return self._map[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: a key is a path or a pattern, got {key!r}.")
        if key in self._map:
            raise ValueError(f"OptimizerMap: {key!r} already has the optimizer {self._map[key].name!r}; del it first.")
        self._map[key] = _checked(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "default_optimizer": serialization.serialize(self.default_optimizer),
            "optimizer_map": {key: serialization.serialize(optimizer) for key, optimizer in self._map.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> OptimizerMap:
        """A new map from the config of `get_config`."""
        named = {key: deserialize(value, custom_objects) for key, value in config["optimizer_map"].items()}
        return cls(deserialize(config["default_optimizer"], custom_objects), named)


class MultiOptimizer(Optimizer):
    """Update different weights with different optimizers.

    Each of `optimizers` has its own learning rate, clipping and other options.

    Args:
        optimizer_map: an `OptimizerMap`, or a function from a weight to its optimizer.
        loss_scale_factor: set for all optimizers.
        name: default "multi_optimizer".

    Raises:
        ValueError: the optimizer of a weight is not an `Optimizer`, or wraps other optimizers.

    Example:
    >>> from minidl.optimizers.sgd import SGD
    >>> slow, fast = SGD(0.125), SGD(0.5)
    >>> kernel, bias = Variable(1.0, name="kernel"), Variable(1.0, name="bias")
    >>> MultiOptimizer(OptimizerMap(slow, {".*bias": fast})).apply([1.0, 1.0], [kernel, bias])
    >>> float(kernel), float(bias)
    (0.875, 0.5)
    """

    def __init__(
        self,
        optimizer_map: Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        self.optimizers: list[Optimizer] = []
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._optimizer_of = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._add(optimizer)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        owners = [_checked(self._optimizer_of(weight)) for weight in variables]
        for optimizer in owners:
            self._add(optimizer)
        self._owners = owners
        for optimizer in self.optimizers:
            own = [weight for weight, owner in zip(variables, owners) if owner is optimizer]
            if own:
                optimizer.build(own)

    def _build_slots(self) -> None:
        """The optimizers have the slots."""

    def _add(self, optimizer: Optimizer) -> None:
        if not any(optimizer is known for known in self.optimizers):
            optimizer.loss_scale_factor = self.loss_scale_factor
            self.optimizers.append(optimizer)

    @property
    def variables(self) -> list[Variable]:
        return [*super().variables, *(variable for optimizer in self.optimizers for variable in optimizer.variables)]

    @property
    def loss_scale_factor(self) -> float | None:
        """The loss scale of all the optimizers; setting it sets theirs."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in self.optimizers:
            optimizer.loss_scale_factor = value

    @property
    def learning_rate(self) -> Any:
        """Not defined: each of `optimizers` has its own.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"{self.name} has no learning rate: read or set that of each of its `optimizers`.")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(f"{self.name} has no learning rate: read or set that of each of its `optimizers`.")

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        if len(grads) == 0:  # nothing to train
            return
        weights = self._checked_weights(grads, trainable_variables)
        owners = [self._owners[self._get_variable_index(weight)] for weight in weights]
        for optimizer in self.optimizers:
            pairs = [
                (grad, w) for grad, w, owner in zip(grads, weights, owners) if owner is optimizer and grad is not None
            ]
            if pairs:
                optimizer.apply_gradients(pairs)
        self._iterations.assign(self._next_iteration())

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        for optimizer in self.optimizers:
            own = [weight for weight in var_list if self._owners[self._get_variable_index(weight)] is optimizer]
            optimizer.finalize_variable_values(own)

    def get_config(self) -> dict[str, Any]:
        return {
            "optimizer_map": serialization.serialize(self._optimizer_of),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        mapping = config["optimizer_map"]
        if isinstance(mapping, dict):
            mapping = OptimizerMap.from_config(mapping["config"], custom_objects)
        elif isinstance(mapping, str):
            mapping = serialization.lookup(mapping, custom_objects or {}, "function from a weight to its optimizer")
        return cls(**{**config, "optimizer_map": mapping})


def _checked(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(
            "MultiOptimizer: each weight needs an Optimizer that is neither a LossScaleOptimizer nor a MultiOptimizer, "
            f"got {optimizer!r}."
        )
    return optimizer
