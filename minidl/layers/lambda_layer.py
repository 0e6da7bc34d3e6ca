"""Lambda: a function as a layer."""

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
    """Applies a function of yours. It has no weights: write a `Layer` where there are some.

    A model with a Lambda is saved by the function's name, and loaded only with that name in `custom_objects`: code is
    never written into a file. For a function without a name, a `lambda`, that is the name of the layer.

    Args:
        function: `(inputs)` or `(inputs, mask=, training=)` and more, which `arguments` holds.
        output_shape: the shape of the output without the batch, or a function of the input's shape; default: what
            tracing the function says.
        mask: the mask of the output, or a function of (inputs, mask) that gives it.
        arguments: further arguments of the function.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: what the function gives.

    Raises:
        TypeError: function cannot be called.

    Example:
    >>> import numpy as np
    >>> Lambda(lambda x: x**2)(np.array([3.0]))
    Array([9.], dtype=float32)
    """

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
        """The shape of the output: the one given to the layer, or what tracing the function says."""
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
            config: what `get_config` gave.
            custom_objects: names -> functions of yours that it names.
            safe_mode: accepted, as Keras has it: code in a config is never run, whatever it is.

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
    """A function, or what else may stand in its place; name is what a function without one is called."""
    if not isinstance(config, dict):
        return tuple(config) if isinstance(config, list) else config
    if config.get("class_name") in ("__numpy__", "__tensor__"):  # a mask
        array = serialization.deserialize_any(config)
        return jnp.asarray(array) if config["class_name"] == "__tensor__" else array
    if config.get("class_name") == "__lambda__":  # code, in files of Keras's
        if (found := registry.custom(name)) is not None:
            return found
        raise ValueError(
            "This Lambda layer holds its function as code, which is never run: it could do anything (arbitrary code "
            f"execution). Give the function in custom_objects={{{name!r}: ...}}."
        )
    if config.get("class_name") != "function":
        raise ValueError(f"Expected a function of a Lambda layer, got the config of a {config.get('class_name')!r}.")
    return serialization.deserialize(config, {}, "function of a Lambda layer")
