"""LoRA: low-rank adaptation of a large weight (Hu et al., 2022).

The weight W is frozen, and a low-rank product is trained in addition: W + alpha / rank * (A B). A is initialized
randomly and B to zeros, so that the sum is W at first. Files store the sum, which layers without LoRA can load.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, ClassVar

import numpy as np

from minidl.core.object_graph import without
from minidl.core.typing import Array, Config, Identifier
from minidl.core.variables import Variable
from minidl.layers.base import Layer


class LowRank(Layer):
    """The base of layers with a weight that LoRA can adapt.

    A subclass keeps the weight in the attribute `_kernel` (or another, which `adapted_weight` names), calls
    `begin_lora` at the end of `build`, and computes with `effective_weight()`.

    Args:
        lora_rank: rank of the product that is trained instead of the weight; None for no LoRA.
        lora_alpha: the product is scaled by `lora_alpha / lora_rank`; default `lora_rank`.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a rank that is not a positive integer.

    Example:
    >>> from minidl.layers import Dense
    >>> layer = Dense(16)
    >>> layer.build((None, 8))
    >>> layer.enable_lora(2)
    >>> [weight.name for weight in layer.trainable_weights]
    ['bias', 'lora_kernel_a', 'lora_kernel_b']
    """

    adapted_weight: ClassVar[str] = "kernel"

    def __init__(self, *, lora_rank: int | None = None, lora_alpha: float | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.lora_rank = None if lora_rank is None else _checked(self, lora_rank)
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = False

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Identifier = "he_uniform",
        b_initializer: Identifier = "zeros",
    ) -> None:
        """Freeze the weight and train a low-rank product that is added to it.

        A model that was compiled before must be compiled again.

        Args:
            rank: of the product.
            lora_alpha: the product is scaled by `lora_alpha / rank`; default `rank`.
            a_initializer: of A, whose shape is that of the weight with `rank` as the last size.
            b_initializer: of B, (rank, the last size of the weight).

        Raises:
            ValueError: the layer is not built, LoRA is enabled already, or the weight has a constraint.
        """
        name = self.adapted_weight
        if getattr(self, f"{name}_constraint") is not None:
            raise ValueError(f"{self.name}.enable_lora: {name}_constraint cannot be combined with LoRA; leave it out.")
        if not (self.built or self._building):
            raise ValueError(f"{self.name}.enable_lora: the layer has no weights yet. Call it once, or build it.")
        if self.lora_enabled:
            raise ValueError(f"{self.name}.enable_lora: the layer has LoRA weights of rank {self.lora_rank} already.")
        self.lora_rank = _checked(self, rank)
        self.lora_alpha = rank if lora_alpha is None else lora_alpha
        weight = self._frozen()
        shapes = {"a": ((*weight.shape[:-1], rank), a_initializer), "b": ((rank, weight.shape[-1]), b_initializer)}
        for part, (shape, initializer) in shapes.items():
            part_name = f"lora_{name}_{part}"
            variable = self.add_weight(
                shape, initializer, "float32", regularizer=getattr(self, f"{name}_regularizer"), name=part_name
            )
            setattr(self, part_name, variable)
        weight.trainable = False
        self.lora_enabled = True

    def begin_lora(self) -> None:
        """Enable LoRA if the constructor was given a rank."""
        if self.lora_rank is not None:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def effective_weight(self) -> Array:
        """The array that the layer computes with: the weight, or its sum with the product."""
        return self._sum().astype(self.compute_dtype) if self.lora_enabled else self._frozen().value

    def weight_or_sum(self) -> Any:
        """The public weight of the layer: the variable, or the sum if LoRA is enabled.

        Raises:
            AttributeError: the layer is not built.
        """
        return self.effective_weight() if self.lora_enabled else self._frozen()

    def lora_config(self) -> Config:
        """The config of the LoRA arguments, if a rank is set."""
        return {} if self.lora_rank is None else {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        for index, variable in enumerate(self._stored_weights()):
            is_sum = self.lora_enabled and variable is self._frozen()
            store[str(index)] = np.asarray(self._sum(), variable._value.dtype) if is_sum else variable.numpy()

    def _stored_weights(self) -> list[Variable]:
        stored = super()._stored_weights()
        return without(stored, self._pair()) if self.lora_enabled else stored

    def _loaded(self) -> None:
        if self.lora_enabled:  # the loaded weight is already the sum
            for variable in self._pair():
                variable.assign(np.zeros(variable.shape))

    def _frozen(self) -> Variable:
        attribute = f"_{self.adapted_weight}"
        if attribute not in vars(self):
            raise AttributeError(f"{type(self).__name__} {self.name!r} is not built, so it has no {attribute[1:]} yet.")
        return vars(self)[attribute]

    def _sum(self) -> Array:
        a, b = self._pair()
        assert self.lora_rank is not None and self.lora_alpha is not None
        return self._frozen().value + (self.lora_alpha / self.lora_rank) * (a.value @ b.value)

    def _pair(self) -> list[Variable]:
        return [getattr(self, f"lora_{self.adapted_weight}_{part}") for part in "ab"]


def _checked(layer: Layer, rank: Any) -> int:
    if isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or rank <= 0:
        raise ValueError(f"{type(layer).__name__}: the rank of LoRA must be a positive integer, got {rank!r}.")
    return int(rank)
