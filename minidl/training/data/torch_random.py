"""The random states that determine the order of a torch `DataLoader`, as plain data.

They are the states of torch's global generator and of the loader's `generator`. Torch is never imported here.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def take(source: Any) -> list[np.ndarray]:
    """The current states; empty for sources other than a `DataLoader`."""
    return [np.array(generator.get_state()) for generator in _generators(source)]


def put(source: Any, states: list[np.ndarray]) -> None:
    """Restore the states."""
    for generator, state in zip(_generators(source), states):
        generator.set_state(sys.modules["torch"].from_numpy(np.array(state)))


def _generators(source: Any) -> list[Any]:
    if not any(cls.__module__.startswith("torch.utils.data") for cls in type(source).__mro__):
        return []
    own = [source.generator, getattr(source.sampler, "generator", None)]
    own = [generator for generator in own if generator is not None]
    return [sys.modules["torch"].default_generator, *{id(generator): generator for generator in own}.values()]
