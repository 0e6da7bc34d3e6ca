"""State of the user's data that a resumed run cannot restore."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from minidl.random import is_seeded
from minidl.utils.py_dataset import PyDataset

_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def global_states() -> Any:
    """The states of Python's and of NumPy's global random generators."""
    return random.getstate(), np.random.get_state(legacy=False)


def loss_of_state(source: Any, before: Any) -> str | None:
    """Why batches may differ when a run is resumed, and what to do; None if no reason is known.

    Args:
        source: the source of the batches.
        before: the global random states before its first batch was requested.
    """
    name = f"the {type(source).__name__} given as x"
    if isinstance(source, PyDataset):
        for hook in ("on_epoch_begin", "on_epoch_end"):
            if getattr(type(source), hook) is not getattr(PyDataset, hook):
                return f"{name} may change itself in {hook}. Leave the order of its batches to fit(shuffle=True)."
    own = [key for key, value in getattr(source, "__dict__", {}).items() if isinstance(value, _GENERATORS)]
    if own and not type(source).__module__.startswith("torch."):
        return f"{name} has a random generator of its own, {own[0]!r}. Draw from np.random, whose state is kept."
    if isinstance(source, Iterator) and not is_seeded() and not _same(before, global_states()):
        return (
            f"{name} draws from a global random generator, and is read again from its beginning. Call "
            "set_random_seed at the start of the program, or draw from np.random.default_rng(seed) in it."
        )
    return None


def _same(one: Any, other: Any) -> bool:
    return all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))
