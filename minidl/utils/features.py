"""Features of tables, and their crosses: how `FeatureSpace` prepares each column."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl import layers
from minidl.core import serialization
from minidl.core.naming import auto_name
from minidl.core.typing import Array, Config

_MODULE = "keras.src.layers.preprocessing.feature_space"  # where Keras has these classes, which files name


class Feature:
    """A column: its dtype, the layer that prepares it, and how the result is encoded.

    Args:
        dtype: "float32", "int32" or "string".
        preprocessor: a layer.
        output_mode: "float" or "int" for what the layer gives, "one_hot" for vectors of the integers that it gives.

    Raises:
        ValueError: another output_mode.
    """

    serialized_as = (_MODULE, "Feature")

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str):
        if output_mode not in ("int", "one_hot", "float"):
            raise ValueError(f"Feature: output_mode must be 'int', 'one_hot' or 'float', got {output_mode!r}.")
        self.dtype = dtype
        self.preprocessor = (
            serialization.deserialize_layer(preprocessor) if isinstance(preprocessor, dict) else preprocessor
        )
        self.output_mode = output_mode

    def get_config(self) -> Config:
        """The arguments that make the same feature again."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialization.serialize(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: Config) -> Feature:
        """The feature that `get_config` described."""
        return cls(**config)


class Cross:
    """Features whose combinations are hashed to one.

    Args:
        feature_names: the names of the features.
        crossing_dim: the number of bins.
        output_mode: "one_hot" or "int".

    Raises:
        ValueError: another output_mode.
    """

    serialized_as = (_MODULE, "Cross")

    def __init__(self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"):
        if output_mode not in ("int", "one_hot"):
            raise ValueError(f"Cross: output_mode must be 'int' or 'one_hot', got {output_mode!r}.")
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the features, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> Config:
        """The arguments that make the same cross again."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: Config) -> Cross:
        """The cross that `get_config` described."""
        return cls(**config)


class TFDIdentity(layers.Layer):
    """Numbers as they are, in the compute dtype."""

    serialized_as = (_MODULE, "TFDIdentity")

    def call(self, x: Array) -> Array:
        return jnp.asarray(x, self.compute_dtype)


class TFDConcat(layers.Layer):
    """Arrays joined along an axis.

    Args:
        axis: the axis.
        **kwargs: see `Layer`.
    """

    serialized_as = (_MODULE, "TFDConcat")

    def __init__(self, axis: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, xs: list[Array]) -> Array:
        return jnp.concatenate([jnp.asarray(x, self.compute_dtype) for x in xs], axis=self.axis)

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}


class FeatureKinds:
    """The kinds of features, each as a function that makes one; see `FeatureSpace`."""

    @classmethod
    def cross(cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Features whose combinations are hashed to one of crossing_dim bins."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column that a layer of yours prepares; see `Feature`."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        return Feature("float32", TFDIdentity(dtype="float32", name=_named(name, "float")), "float")

    @classmethod
    def float_rescaled(
        cls, scale: builtins.float = 1.0, offset: builtins.float = 0.0, name: str | None = None
    ) -> Feature:
        """Numbers times a scale, plus an offset."""
        return Feature("float32", layers.Rescaling(scale, offset, name=_named(name, "float_rescaled")), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers with mean 0 and variance 1."""
        return Feature("float32", layers.Normalization(axis=-1, name=_named(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int,
        bin_boundaries: Sequence[Any] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """The bins of numbers, of about equally many each."""
        name = _named(name, "float_discretized")
        return Feature("float32", layers.Discretization(bin_boundaries, num_bins, name=name), output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Integers as categories."""
        lookup = layers.IntegerLookup(max_tokens, num_oov_indices, name=_named(name, "integer_categorical"))
        return Feature("int32", lookup, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Strings as categories."""
        lookup = layers.StringLookup(max_tokens, num_oov_indices, name=_named(name, "string_categorical"))
        return Feature("string", lookup, output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Strings hashed to one of num_bins bins."""
        return Feature("string", layers.Hashing(num_bins, name=_named(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Integers hashed to one of num_bins bins."""
        return Feature("int32", layers.Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode)


def _named(name: str | None, kind: str) -> str:
    return f"{name or auto_name(kind)}_preprocessor"


layers.NAMES.update(Feature=Feature, Cross=Cross, TFDIdentity=TFDIdentity, TFDConcat=TFDConcat)
