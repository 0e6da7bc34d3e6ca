"""FeatureSpace: tables of mixed columns as one array of numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minidl import layers
from minidl.core import serialization
from minidl.core.arrays import holds_array
from minidl.core.host_arrays import HostArray
from minidl.core.text import may_be_text
from minidl.core.typing import Config
from minidl.layers import pipelines
from minidl.saving import save_model
from minidl.utils.features import Cross, Feature, FeatureKinds, TFDConcat

_BATCH = 32  # examples that come one by one are adapted to so many at a time, as in Keras
_KINDS = ("float", "float_normalized", "float_rescaled", "integer_categorical", "string_categorical")


class FeatureSpace(FeatureKinds, layers.Layer):
    """Prepares the columns of a table: each by a layer of its own, the results encoded and concatenated.

    Args:
        features: name of a column -> its kind: "float", "float_normalized", "float_rescaled", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what a function of
            such a name gives, for example `FeatureSpace.string_categorical(max_tokens=10)`.
        output_mode: "concat" for one array, "dict" for one for each feature and cross.
        crosses: tuples of names of features whose combinations are hashed, or what `FeatureSpace.cross` gives.
        crossing_dim: the number of bins of crosses.
        hashing_dim: the number of bins of hashed features.
        num_discretization_bins: the number of bins of discretized features.
        name: see `Layer`.

    Input shape: name -> values, (batch,) or (batch, 1), or () for one example.
    Output shape: (batch, features), or (features,) for one example; a dict of such with "dict".

    Raises:
        ValueError: no features, unknown kinds, or crosses of unknown features.

    Example:
    >>> space = FeatureSpace({"size": "float", "color": "string_categorical"})
    >>> space.adapt({"size": [1.0, 2.0, 3.0], "color": ["red", "blue", "red"]})
    >>> space({"size": [0.5, 1.5], "color": ["red", "green"]})
    Array([[0. , 1. , 0. , 0.5],
           [1. , 0. , 0. , 1.5]], dtype=float32)
    """

    wide_in_graph = True

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError("FeatureSpace: features must not be empty.")
        if output_mode not in ("dict", "concat"):
            raise ValueError(f"FeatureSpace: output_mode must be 'dict' or 'concat', got {output_mode!r}.")
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = output_mode
        self.features = {name: self._as_feature(name, feature) for name, feature in features.items()}
        self.crosses = [self._as_cross(cross) for cross in crosses or ()]
        self.inputs = {
            name: layers.Input((1,), dtype=feature.dtype, name=name) for name, feature in self.features.items()
        }
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self.one_hot_encoders: dict[str, Any] = {}
        self.concat: TFDConcat | None = None
        self.encoded_features: Any = None
        self._is_adapted = not self._adaptable()

    # Adapting

    def adapt(self, dataset: Any) -> None:
        """Adapt the layers of the features to data.

        Args:
            dataset: name -> values; or an iterable of such dicts, of examples or of batches, as a `tf.data.Dataset` is.

        Raises:
            ValueError: something else.
        """
        names = self._adaptable()
        found: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for element in _elements(dataset):
            for name in names:
                found[name].append(np.asarray(element[name]))
        for name, columns in found.items():
            self.preprocessors[name].adapt(_batches(columns))
        self._is_adapted = True
        self.encoded_features, self.one_hot_encoders, self.concat = None, {}, None
        self.get_encoded_features()
        self.built = True

    def get_inputs(self) -> dict[str, Any]:
        """Name -> symbolic input, for a model of raw columns."""
        self._check_adapted()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """What the space makes of `get_inputs()`, as symbolic tensors: for a model, that of raw columns or another.

        Raises:
            ValueError: the space is not adapted yet.
        """
        self._check_adapted()
        if self.encoded_features is None:
            self.encoded_features = self.call(self.inputs)
        return self.encoded_features

    def _adaptable(self) -> list[str]:
        """The features whose layers learn from data."""
        return [
            name
            for name, layer in self.preprocessors.items()
            if hasattr(layer, "adapt")
            and not (isinstance(layer, layers.Normalization) and layer.input_mean is not None)
            and not (isinstance(layer, layers.TextVectorization) and layer.is_fixed)
        ]

    def _check_adapted(self) -> None:
        if not self._is_adapted:
            raise ValueError("FeatureSpace: call adapt() with data before the space is used.")

    # Calling

    def __call__(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_adapted()
        if not isinstance(data, dict) or data.keys() != self.features.keys():
            given = sorted(data) if isinstance(data, dict) else type(data).__name__
            raise ValueError(f"FeatureSpace: expected a dict with the keys {sorted(self.features)}, got {given}.")
        if not pipelines.in_graph(data):
            data = {name: value if _is_array(value) else np.asarray(value) for name, value in data.items()}
        return super().__call__(data, *args, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        self.get_encoded_features()

    def call(self, data: dict[str, Any]) -> Any:
        is_single = any(value.ndim == 0 for value in data.values())
        columns = {name: _as_column(value) for name, value in data.items()}
        features = {name: self.preprocessors[name](columns[name]) for name in self.features}
        crosses = {
            cross.name: self.crossers[cross.name]([features[name] for name in cross.feature_names])
            for cross in self.crosses
        }
        modes = {name: self.features[name].output_mode for name in features}
        modes |= {cross.name: cross.output_mode for cross in self.crosses}
        encoded = {}
        for group in (features, crosses):
            for name in sorted(group):
                value = group[name]
                encoded[name] = self._one_hot(name, value) if modes[name] == "one_hot" else value
        if self.output_mode == "concat":
            joined = self._joined(encoded)
            return joined[0] if is_single else joined
        return {name: value[0] for name, value in encoded.items()} if is_single else encoded

    def _one_hot(self, name: str, value: Any) -> Any:
        if name not in self.one_hot_encoders:
            if not str(value.dtype).startswith("int"):
                raise ValueError(
                    f"FeatureSpace: the feature {name!r} has output_mode='one_hot', but its layer gives {value.dtype} "
                    "instead of integers."
                )
            size = _num_categories(self.preprocessors.get(name) or self.crossers[name])
            if size is None:
                raise ValueError(
                    f"FeatureSpace: the feature {name!r} has output_mode='one_hot', but it is not known how many "
                    "different integers its layer gives. Use output_mode='int'."
                )
            self.one_hot_encoders[name] = layers.CategoryEncoding(size, output_mode="multi_hot")
        return self.one_hot_encoders[name](value)

    def _joined(self, encoded: dict[str, Any]) -> Any:
        for name, value in encoded.items():
            if "int" in str(value.dtype) or str(value.dtype) == "string" or may_be_text(value):
                raise ValueError(
                    f"FeatureSpace: the feature {name!r} of dtype {value.dtype} cannot be concatenated with others, as "
                    "it is not encoded. Use output_mode='dict'."
                )
        if self.concat is None:
            self.concat = TFDConcat(axis=-1)
        return self.concat(list(encoded.values()))

    # Making features

    def _as_feature(self, name: str, feature: Any) -> Feature:
        if isinstance(feature, dict):
            feature = serialization.deserialize(feature, {"Feature": Feature}, "feature")
        if isinstance(feature, Feature):
            return feature
        if feature in _KINDS:
            return getattr(self, feature)(name=name)
        if feature == "float_discretized":
            return self.float_discretized(self.num_discretization_bins, name=name)
        if feature in ("integer_hashed", "string_hashed"):
            return getattr(self, feature)(self.hashing_dim, name=name)
        raise ValueError(f"FeatureSpace: the feature {name!r} is of an unknown kind: {feature!r}.")

    def _as_cross(self, cross: Any) -> Cross:
        if isinstance(cross, dict):
            cross = serialization.deserialize(cross, {"Cross": Cross}, "cross")
        if not isinstance(cross, Cross):
            if not self.crossing_dim:
                raise ValueError("FeatureSpace: crosses need crossing_dim, the number of their bins.")
            cross = Cross(cross, self.crossing_dim)
        if unknown := sorted(set(cross.feature_names) - self.features.keys()):
            raise ValueError(f"FeatureSpace: a cross has the features {unknown}, which are not among the features.")
        return cross

    # Files

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Write the space into a `.keras` file, for `load_model`."""
        save_model(self, filepath)

    def save_own_variables(self, store: Any) -> None:
        """The space itself has no weights."""

    def load_own_variables(self, store: Any) -> None:
        """The space itself has no weights."""

    def get_config(self) -> Config:
        return {
            "features": serialization.serialize(self.features),
            "output_mode": self.output_mode,
            "crosses": serialization.serialize(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    def get_build_config(self) -> Config:
        """The shapes that the layers of the features were built for."""
        return {name: layer.get_build_config() or {} for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: Config | None) -> None:
        """Build the layers of the features; the space counts as adapted."""
        for name, shapes in (config or {}).items():
            if name in self.preprocessors and not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(shapes)
        self._is_adapted = True


def _elements(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """The examples, or the batches, of data."""
    if isinstance(dataset, Mapping):
        columns = {name: np.asarray(values) for name, values in dataset.items()}
        rows = len(next(iter(columns.values())))
        yield from ({name: column[row] for name, column in columns.items()} for row in range(rows))
        return
    if not hasattr(dataset, "__iter__") or holds_array(dataset) or isinstance(dataset, (str, bytes, list, tuple)):
        raise ValueError(f"FeatureSpace.adapt: expected a dict, or an iterable of dicts, got {type(dataset).__name__}.")
    for element in dataset:
        if not isinstance(element, Mapping):
            raise ValueError(
                f"FeatureSpace.adapt: expected dicts of columns, the data gives a {type(element).__name__}. Leave "
                "targets out: dataset.map(lambda x, y: x)."
            )
        yield element


def _batches(columns: list[np.ndarray]) -> Iterator[np.ndarray]:
    """What the elements of a data set have for one feature, as batches."""
    if columns and columns[0].ndim == 0:
        columns = [np.stack(columns[i : i + _BATCH]) for i in range(0, len(columns), _BATCH)]
    return (column[..., None] if column.ndim == 1 else column for column in columns)


def _as_column(value: Any) -> Any:
    """Values of shape () or (batch,) as (1, 1) or (batch, 1)."""
    return value[None, None] if value.ndim == 0 else value[..., None] if value.ndim == 1 else value


def _is_array(value: Any) -> bool:
    return isinstance(value, HostArray) or hasattr(value, "ndim")


def _num_categories(layer: Any) -> int | None:
    """How many different integers a layer gives; None if that is not known."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, layers.CategoryEncoding):
        return layer.num_tokens
    if isinstance(layer, layers.Discretization):
        return layer.num_bins
    return layer.num_bins if isinstance(layer, (layers.HashedCrossing, layers.Hashing)) else None


layers.NAMES["FeatureSpace"] = FeatureSpace
