"""Lambda: a layer that applies a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import registry, serialization, structures
from minidl.core.lambdas import NamelessFunction
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Array, Config
from minidl.layers.base import Layer


class Lambda(Layer):
    """Applies a function. It has no weights: write a subclass of `Layer` for a function with weights.

    A saved model stores the function's name, never its code; pass the function by that name in `custom_objects` to load
    the model. For a function without a name, a `lambda`, the name is that of the layer.

    Args:
        function: `(inputs)`, optionally with `mask=`, `training=` and the names in `arguments`.
        output_shape: the shape of the output without the batch, or a function of the input's shape; default:
            inferred by tracing the function.
        mask: the mask of the output, or a function of (inputs, mask) that gives it.
        arguments: further keyword arguments of the function.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: that of the function's result.

    Raises:
        TypeError: function is not callable.

    Example:
    >>> import numpy as np
    >>> Lambda(lambda x: x**2)(np.array([3.0]))
    Array([9.], dtype=float32)
    """

    takes_text = True

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda takes a function, got {function!r}.")
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        self.built = True

    def call(self, inputs: Array, mask: Array | None = None, training: bool | None = None) -> Array:
        names = inspect.signature(self.function).parameters
        given = {"mask": mask, "training": training}
        wanted = {name: value for name, value in given.items() if name in names}
        return self.function(inputs, **self.arguments, **wanted)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output: `output_shape`, or inferred by tracing the function."""
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        if self._output_shape is not None:
            batch = jax.tree.leaves(input_shape, is_leaf=lambda leaf: leaf is None)[0]
            return (batch, *self._output_shape)
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self._output_shape is None:
            return super().compute_output_spec(*args, **kwargs)
        shape = self.compute_output_shape(structures.map(lambda tensor: tensor.shape, args[0]))
        return KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> Config:
        config = {**super().get_config(), "function": _function_config(self.function, self.name)}
        if self._output_shape is not None:
            config["output_shape"] = _function_config(self._output_shape, f"{self.name}/output_shape")
        if self.mask is not None:
            config["mask"] = _function_config(self.mask, f"{self.name}/mask")
        return {**config, "arguments": serialization.serialize(self.arguments)}

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Lambda:
        """The layer that `get_config` described.

        Args:
            config: from `get_config`.
            custom_objects: name -> function, for the functions named in the config.
            safe_mode: accepted for compatibility with Keras: code in a config is never run.

        Raises:
            ValueError: a function that is not in `custom_objects`.
        """
        name = config.get("name")
        parts = {"function": name, "output_shape": f"{name}/output_shape", "mask": f"{name}/mask"}
        with registry.known_names(custom_objects):
            functions = {part: _function(config[part], key) for part, key in parts.items() if part in config}
            return cls(**{**config, **functions, "arguments": serialization.deserialize_any(config.get("arguments"))})


def _function_config(value: Any, name: str) -> Any:
    if not callable(value):
        return serialization.serialize(value)
    config = serialization.serialize(value)
    if isinstance(config, NamelessFunction):
        return NamelessFunction(value, name)
    named = {"module": "builtins", "class_name": "function", "config": config, "registered_name": config}
    return config if isinstance(config, dict) else named


def _function(config: Any, name: Any) -> Any:
    """The function (or shape, or mask) of a config; `name` is that of a function without a name."""
    if not isinstance(config, dict):
        return tuple(config) if isinstance(config, list) else config
    if config.get("class_name") in ("__numpy__", "__tensor__"):  # a mask
        array = serialization.deserialize_any(config)
        return jnp.asarray(array) if config["class_name"] == "__tensor__" else array
    if config.get("class_name") == "__lambda__":  # code, in Keras's files
        if (found := registry.custom(name)) is not None:
            return found
        raise ValueError(
            "The file stores the function of a Lambda layer as code, which is never run since it could do anything. "
            f"Pass the function in custom_objects={{{name!r}: ...}}."
        )
    if config.get("class_name") != "function":
        raise ValueError(f"Expected a function of a Lambda layer, got the config of a {config.get('class_name')!r}.")
    return serialization.deserialize(config, {}, "function of a Lambda layer")
