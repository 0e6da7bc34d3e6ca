"""The states of a source that determine the order of its batches, as plain data.

For a `Dataset` they are the number of its passes and its seeds; for a torch `DataLoader` the states of torch's global
generator and of the loader's `generator`. Torch is never imported here.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from minidl.data import Dataset


def take(source: Any) -> Any:
    """The current state; empty for other sources."""
    if isinstance(source, Dataset):
        return source.state()
    return [np.array(generator.get_state()) for generator in _generators(source)]


def put(source: Any, state: Any) -> None:
    """Restore the state."""
    if isinstance(source, Dataset):
        source.restore(state)
        return
    for generator, array in zip(_generators(source), state):
        generator.set_state(sys.modules["torch"].from_numpy(np.array(array)))


def _generators(source: Any) -> list[Any]:
    if not any(cls.__module__.startswith("torch.utils.data") for cls in type(source).__mro__):
        return []
    own = [source.generator, getattr(source.sampler, "generator", None)]
    own = [generator for generator in own if generator is not None]
    return [sys.modules["torch"].default_generator, *{id(generator): generator for generator in own}.values()]
