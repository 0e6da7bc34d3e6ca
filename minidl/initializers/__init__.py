"""Initializers: functions that create the initial values of weights, and their lookup by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from minidl.core import naming, serialization
from minidl.core.typing import Array, ArrayLike, Config, Identifier
from minidl.core.variables import Variable
from minidl.initializers.base import Initializer
from minidl.initializers.constants import STFT, Constant, Identity, Ones, Zeros, giving
from minidl.initializers.draws import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
he_uniform, he_normal = HeUniform, HeNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT

_CLASSES = (
    Initializer, Zeros, Ones, Constant, Identity, STFT, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling,
    GlorotUniform, GlorotNormal, LecunUniform, LecunNormal, HeUniform, HeNormal, Orthogonal,
)  # fmt: skip
BY_NAME: dict[str, type[Initializer]] = {cls.__name__: cls for cls in _CLASSES}
BY_NAME |= {naming.snake_case(cls.__name__): cls for cls in _CLASSES}
BY_NAME |= {"zero": Zeros, "one": Ones, "normal": RandomNormal, "uniform": RandomUniform}
BY_NAME |= {f"{cls.__name__}Initializer": cls for cls in (Identity, Orthogonal, STFT)}


def get(identifier: Identifier | ArrayLike | Variable) -> Any:
    """Look up an initializer: by name, config or class; a function is returned as it is, None as None.

    For an array, the initializer returns a copy of it and refuses any other shape.

    Raises:
        ValueError: an unknown name.
        TypeError: the identifier is of another type.

    >>> get("he_normal").get_config()
    {'seed': None, 'input_axes': None, 'output_axes': None}
    """
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array, Variable)):
        return giving(identifier)
    found = serialization.lookup(identifier, BY_NAME, "initializer")
    return found() if isinstance(found, type) else found


def serialize(initializer: Callable[..., Any] | None) -> str | Config | None:
    """The JSON form of an initializer: its class and the arguments of its constructor."""
    return serialization.serialize(initializer)


def deserialize(config: str | Config, custom_objects: dict[str, Any] | None = None) -> Callable[..., Array] | None:
    """The initializer of a JSON form made by `serialize`.

    Args:
        config: a name or a dict.
        custom_objects: name -> your own class, for names in the config.

    Raises:
        ValueError: an unknown name.
    """
    found = serialization.deserialize(config, BY_NAME, "initializer", custom_objects)
    return found() if isinstance(found, type) else found
