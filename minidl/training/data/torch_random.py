"""The random states that the order of a torch `DataLoader` comes from, as plain data.

They are torch's global one and that of the loader's own `generator`. Torch is never imported for it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def take(source: Any) -> list[np.ndarray]:
    """The states now; none for another source than a `DataLoader`."""
    return [np.array(generator.get_state()) for generator in _generators(source)]


def put(source: Any, states: list[np.ndarray]) -> None:
    """Set them as they were."""
    for generator, state in zip(_generators(source), states):
        generator.set_state(sys.modules["torch"].from_numpy(np.array(state)))


def _generators(source: Any) -> list[Any]:
    if not any(cls.__module__.startswith("torch.utils.data") for cls in type(source).__mro__):
        return []
    own = [source.generator, getattr(source.sampler, "generator", None)]
    own = [generator for generator in own if generator is not None]
    return [sys.modules["torch"].default_generator, *{id(generator): generator for generator in own}.values()]
