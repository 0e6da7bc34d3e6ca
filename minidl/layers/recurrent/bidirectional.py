"""Bidirectional: a wrapper that runs a recurrent layer in both directions."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core import serialization
from minidl.core.typing import Array, Config, Shape
from minidl.layers.base import Layer


class Bidirectional(Layer):
    """Runs recurrent layers forwards and backwards and merges their outputs (Schuster and Paliwal, 1997).

    Args:
        layer: the recurrent layer; a copy of it runs forwards.
        merge_mode: "concat", "sum", "mul", "ave", or None to return both outputs.
        weights: not used; set them with `set_weights`.
        backward_layer: the layer that runs backwards, default: a copy of `layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features).
    Output shape: that of the layer, twice as wide with "concat".

    Raises:
        ValueError: arguments that are not layers, an unknown merge_mode, or layers with different options.

    Example:
    >>> from minidl.layers import LSTM
    >>> Bidirectional(LSTM(3, return_sequences=True))(jnp.ones((2, 5, 4))).shape
    (2, 5, 6)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        for one in (layer, backward_layer):
            if one is not None and not isinstance(one, Layer):
                raise ValueError(f"Bidirectional takes layers, got {one!r}.")
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(
                f"Bidirectional: merge_mode must be 'sum', 'mul', 'ave', 'concat' or None, got {merge_mode!r}."
            )
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward_")
        self.backward_layer = _copy(layer, "backward_", go_backwards=True) if backward_layer is None else backward_layer
        _require_same_options(self.forward_layer, self.backward_layer)
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences
            if hasattr(layer, "use_cudnn"):  # not part of the config
                one.use_cudnn = layer.use_cudnn
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Array | None = None, training: bool | None = None
    ) -> Any:
        half = len(initial_state) // 2 if initial_state is not None else 0
        first, second = (initial_state[:half], initial_state[half:]) if initial_state is not None else (None, None)
        forward = self.forward_layer(sequences, initial_state=first, mask=mask, training=training)
        backward = self.backward_layer(sequences, initial_state=second, mask=mask, training=training)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        if self.return_sequences:
            backward = jnp.flip(backward, 1)
        if self.merge_mode is None:
            return (forward, backward, *states)
        output = _MERGES[self.merge_mode](forward, backward).astype(self.compute_dtype)
        return (output, *states) if self.return_state else output

    def compute_mask(self, inputs: Array, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list) else mask
        own = mask if self.return_sequences else None
        outputs = [own, own] if self.merge_mode is None else [own]
        states = 2 * len(self.forward_layer.state_size) if self.return_state else 0
        masks = [*outputs, *(None for _ in range(states))]
        return masks if len(masks) > 1 else own

    @property
    def states(self) -> Any:
        """The states that are kept between batches, or None."""
        both = self.forward_layer.states, self.backward_layer.states
        return tuple(state for states in both for state in states) if all(both) else None

    def reset_state(self) -> None:
        """Reset the kept states to zeros.

        Raises:
            AttributeError: the layer is not stateful.
        """
        if not self.stateful:
            raise AttributeError(f"Bidirectional {self.name!r} is not stateful, so it has no state to reset.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialization.serialize(self.forward_layer),
            "backward_layer": serialization.serialize(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
        """The layer that `get_config` described, with new weights."""
        layers = {key: config[key] for key in ("layer", "backward_layer") if config.get(key) is not None}
        return cls(
            **{
                **config,
                **{key: serialization.deserialize_layer(value, custom_objects) for key, value in layers.items()},
            }
        )


_MERGES: dict[str, Any] = {
    "concat": lambda a, b: jnp.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
}


def _copy(layer: Layer, prefix: str, **changes: Any) -> Any:
    """A new layer of the same config, with a prefix to its name."""
    config = serialization.serialize(layer)
    config["config"] = {**config["config"], **changes, "name": prefix + layer.name.removeprefix(prefix)}
    config.pop("build_config", None)
    return serialization.deserialize_layer(config, {type(layer).__name__: type(layer)})


def _require_same_options(forward: Any, backward: Any) -> None:
    if forward.go_backwards == backward.go_backwards:
        raise ValueError(
            "Bidirectional: of the two layers one must have go_backwards=True and the other False, got "
            f"{forward.go_backwards} for both."
        )
    for name in ("stateful", "return_sequences", "return_state"):
        if getattr(forward, name) != getattr(backward, name):
            raise ValueError(f"Bidirectional: the two layers must have the same {name}.")
