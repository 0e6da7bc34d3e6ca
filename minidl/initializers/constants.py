"""Deterministic initializers: zeros, ones, constants, the identity, the short-time Fourier transform.

Values are computed with NumPy and copied to the device, because compiling a program for each weight shape would take
longer than training a small model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from minidl.core import serialization
from minidl.core.typing import ArrayLike, DType
from minidl.core.variables import Variable
from minidl.initializers.base import Initializer, on_device


class Zeros(Initializer):
    """All zeros.

    >>> print(Zeros()((2,)))
    [0. 0.]
    """

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        return _filled(shape, 0, dtype)


class Ones(Initializer):
    """All ones.

    >>> print(Ones()((2,)))
    [1. 1.]
    """

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        return _filled(shape, 1, dtype)


class Constant(Initializer):
    """A constant: one value, or an array of values.

    Args:
        value: a number, or an array that broadcasts to the weight's shape (such as a matrix
            of pretrained embeddings).

    Raises:
        ValueError: (when called) the array does not broadcast to the shape.

    >>> print(Constant(0.5)((2,)), Constant([1.0, 2.0])((2, 2)))
    [0.5 0.5] [[1. 2.]
     [1. 2.]]
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        return _filled(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": _to_json(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(**{name: _from_json(value) for name, value in config.items()})


class Identity(Initializer):
    """Identity matrix times `gain`.

    Args:
        gain: the value on the diagonal.

    Raises:
        ValueError: (when called) the shape is not that of a matrix.

    >>> print(Identity(2.0)((2, 3)))
    [[2. 0. 0.]
     [0. 2. 0.]]
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        if len(shape) != 2:
            raise ValueError(f"Identity: expected the shape of a matrix (2 axes), got {tuple(shape)}.")
        return on_device(self.gain * np.eye(shape[0], shape[1]), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class STFT(Initializer):
    """Kernel of a convolution that computes a short-time Fourier transform.

    `window[t] * cos(2 pi t f / F) / norm` for the real part, with `-sin` for the imaginary part;
    time t below T, frequency f up to F / 2.

    Args:
        side: "real" or "imag".
        window: the name of a window in `scipy.signal`, an array of T values, or None.
        scaling: the norm that the window is divided by: "density" for sqrt(sum(window^2)), "spectrum"
            for sum(|window|), or None for 1.
        periodic: whether a window given by name is periodic rather than symmetric.

    Output shape: the requested (T, 1, F // 2 + 1).

    Raises:
        ValueError: an unknown side, window or scaling, or a window of other than T values.

    >>> print(STFT(window=None)((2, 1, 3)).round(3)[:, 0])
    [[ 1.  1.  1.]
     [ 1. -0. -1.]]

    Source: Allen, "Short term spectral analysis, synthesis, and modification by discrete Fourier transform", 1977.
    """

    def __init__(
        self,
        side: str = "real",
        window: str | ArrayLike | None = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ):
        if side not in ("real", "imag"):
            raise ValueError(f"STFT: unknown side {side!r}; the sides are 'real' and 'imag'.")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"STFT: expected scaling 'density', 'spectrum' or None, got {scaling!r}.")
        if isinstance(window, str):
            _named_window(window, 1, periodic)  # refuse an unknown name now, not when the layer is built
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        if len(shape) != 3:
            raise ValueError(f"STFT: expected a shape (frame length, 1, frequencies), got {tuple(shape)}.")
        length, _, frequencies = shape
        time = np.arange(length, dtype="float32")[:, None, None]
        frequency = np.arange(frequencies, dtype="float32") / np.float32(max(2 * (frequencies - 1), 1))
        angle = -2 * time * frequency * np.float32(np.pi)
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        return on_device(kernel * self._scaled_window(length), dtype)

    def _scaled_window(self, length: int) -> Any:
        """The window divided by its norm, of shape (T, 1, 1)."""
        if self.window is None:
            return 1
        window = self.window
        if isinstance(window, str):
            window = _named_window(window, length, self.periodic)
        window = np.asarray(window, "float32")
        if window.shape != (length,):
            raise ValueError(
                f"STFT: the window has shape {window.shape}, but frames have {length} values. Give one value for each."
            )
        norms = {None: 1, "density": np.sqrt(np.sum(window**2)), "spectrum": np.sum(np.abs(window))}
        return (window / norms[self.scaling])[:, None, None]

    def get_config(self) -> dict[str, Any]:
        window = _to_json(self.window)
        return {"side": self.side, "window": window, "periodic": self.periodic, "scaling": self.scaling}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> STFT:
        return cls(**{name: _from_json(value) for name, value in config.items()})


def giving(array: jax.Array | np.ndarray | np.generic | Variable) -> Callable[..., jax.Array]:
    """An initializer that returns copies of an array."""

    def given(shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        if tuple(shape) != array.shape:
            raise ValueError(
                f"The array given as initializer has shape {array.shape}, but the weight has shape {tuple(shape)}."
            )
        return on_device(np.asarray(array), dtype)

    return given


def _filled(shape: Sequence[int], value: ArrayLike, dtype: DType | None) -> jax.Array:
    try:
        values = np.broadcast_to(np.asarray(value), tuple(shape))
    except ValueError as error:
        raise ValueError(
            f"Constant: a value of shape {np.shape(value)} cannot fill a weight of shape {tuple(shape)}."
        ) from error
    return on_device(values, dtype)


def _named_window(name: str, length: int, periodic: bool) -> np.ndarray:
    """A window of scipy.signal."""
    import scipy.signal  # imported here: it takes longer than importing JAX

    try:
        return scipy.signal.get_window(name, length, periodic)
    except ValueError as error:
        raise ValueError(f"STFT: {name!r} is not the name of a window of scipy.signal.get_window.") from error


def _to_json(value: Any) -> Any:
    """Numbers and names as they are; arrays in the form of NumPy arrays in Keras's configs."""
    if not hasattr(value, "dtype"):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return array.item()
    return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        return serialization.deserialize_any(value)
    return value
