"""What is known of the inputs of a model by their shapes, so that a shape is traced and checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any

import jax


@dataclasses.dataclass(eq=False)
class KnownInputs:
    """What was found for inputs of some kinds (see `kind_of`), by a model with its current layers.

    Attributes:
        outputs: the symbolic outputs.
        ranges: the valid ranges of values, as in `data.ranges`.
        plans: what is computed of text on the host, as in `data.text`.
    """

    outputs: dict[Hashable, Any] = dataclasses.field(default_factory=dict)
    ranges: dict[Hashable, Any] = dataclasses.field(default_factory=dict)
    plans: dict[Hashable, Any] = dataclasses.field(default_factory=dict)


def kind_of(x: Any) -> Hashable:
    """The structure, shapes and dtypes of arrays; the number of rows is left out.

    >>> import numpy as np
    >>> kind_of(np.ones((2, 3))) == kind_of(np.ones((4, 3))) != kind_of(np.ones((4, 2)))
    True
    """
    leaves, structure = jax.tree.flatten(x)
    return structure, tuple((leaf.shape[1:], leaf.dtype) for leaf in leaves)
