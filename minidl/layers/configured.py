"""A layer as plain data: the arguments of its constructor, and the shapes that it was built for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.core.serialization import ConfigError, serialize
from minidl.layers import signatures
from minidl.layers.signatures import as_shape
from minidl.layers.symbolic_call import SymbolicCall


class Configured(SymbolicCall):
    """What saves and copies a layer; see `Layer`."""

    activity_regularizer: Any
    build: Callable[..., None]
    _build_shapes: dict[str, Any] | None
    _has_own_build: Callable[[], bool]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data; `from_config` makes the same layer of them.

        A subclass whose own arguments are plain data need not write it.

        Raises:
            NotImplementedError: an argument of the subclass is not plain data.
        """
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize(self.dtype_policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return signatures.with_own_arguments(self, config) if type(self).get_config is Configured.get_config else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer that `get_config` described, with new weights.

        Raises:
            ConfigError: arguments that the constructor does not take.
        """
        if config.get("quantization_config", "") is None:  # Keras writes it also for layers without one
            config = {key: value for key, value in config.items() if key != "quantization_config"}
        try:
            return cls(**config)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{cls.__name__} cannot be made of the config {config}: {error}") from error

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for, as plain data; None if it is not built."""
        shapes = self._build_shapes
        if shapes is not None and len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return None if shapes is None else {"shapes_dict": shapes}

    def correct_build_shapes(self, given: dict[str, Any], right: dict[str, Any]) -> None:
        """Replace sizes that stood in for unknown ones, when the layer was built, in what it was built for.

        Args:
            given: name of an input -> its shape when the layer was built.
            right: the same with None for unknown sizes.
        """

        def corrected(shape: Any) -> Any:
            return next((right[name] for name in given if given[name] == shape), shape)

        if self._build_shapes is not None:
            self._build_shapes = {name: corrected(shape) for name, shape in self._build_shapes.items()}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Build the layer for the shapes that `get_build_config` gave."""
        if not config:
            return
        if not self._has_own_build():  # nothing but a call builds the layers inside
            shapes = config.get("shapes_dict") or {"input_shape": config["input_shape"]}
            first, *others = ((name.removesuffix("_shape"), self._spec(as_shape(s))) for name, s in shapes.items())
            self.compute_output_spec(first[1], **dict(others))
        elif "shapes_dict" in config:
            self.build(**{name: as_shape(shape) for name, shape in config["shapes_dict"].items()})
        else:
            self.build(as_shape(config["input_shape"]))
