"""Initializers: the first values of weights.

A random initializer draws the same numbers at each call for one seed, and takes the seed, if
none is given, from Python's `random` once, when it is made: `set_random_seed` thus fixes every weight
of a program. Values that are not random are made with NumPy and put on the device as they are, because
compiling a program for each weight shape would take longer than training a small model.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import dtypes, names, random
from minidl.variables import Variable

# The standard deviation of a standard normal that is cut off at -2 and 2:
# sqrt(1 - 4 p(2) / (2 P(2) - 1)), with p the density and P the distribution function.
_TRUNCATED_STDDEV = 0.8796256610342398


class Initializer:
    """Base class: a function `(shape, dtype) -> array` that can be saved.

    Override `__call__`, and `get_config` if there are arguments.

    Example:
    >>> class Sevens(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return jnp.full(shape, 7, dtype)
    >>> print(Sevens()((2,), dtype="int32"))
    [7 7]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """An array of the shape and dtype (default `floatx()`)."""
        raise NotImplementedError(f"{type(self).__name__} needs a __call__(shape, dtype=None) that returns an array.")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same initializer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer that `get_config` described."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another one with the same arguments; where no seed was given, it takes a new one."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All 0.

    >>> print(Zeros()((2,)))
    [0. 0.]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return _filled(shape, 0, dtype)


class Ones(Initializer):
    """All 1.

    >>> print(Ones()((2,)))
    [1. 1.]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return _filled(shape, 1, dtype)


class Constant(Initializer):
    """One given value everywhere, or an array of given values.

    Args:
        value: a number, or an array that broadcasts to the weight's shape (such as a matrix
            of pretrained embeddings).

    Raises:
        ValueError: (when called) the array does not fit the shape.

    >>> print(Constant(0.5)((2,)), Constant([1.0, 2.0])((2, 2)))
    [0.5 0.5] [[1. 2.]
     [1. 2.]]
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return _filled(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": _to_json(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(**{name: _from_json(value) for name, value in config.items()})


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere.

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

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        if len(shape) != 2:
            raise ValueError(f"Identity: expected the shape of a matrix (2 axes), got {tuple(shape)}.")
        return _on_device(self.gain * np.eye(shape[0], shape[1]), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class STFT(Initializer):
    """Kernel of a convolution that computes a short-time Fourier transform.

    `window[t] * cos(2 pi t f / F) / norm` for the real side, `-sin` in place of `cos` for the
    imaginary one, with the time t up to T and the frequency f up to F / 2.

    Args:
        side: "real" or "imag".
        window: the name of a window in `scipy.signal`, T values, or None for none.
        scaling: the norm of the window that divides: "density" for sqrt(sum(window^2)), "spectrum"
            for sum(|window|), or None for 1.
        periodic: whether a window given by name is periodic rather than symmetric.

    Output shape: (T, 1, F // 2 + 1), as it is asked for.

    Raises:
        ValueError: an unknown side, window or scaling, or a window of other than T values.

    >>> print(STFT(window=None)((2, 1, 3)).round(3)[:, 0])
    [[ 1.  1.  1.]
     [ 1. -0. -1.]]

    Source: Allen, "Short term spectral analysis, synthesis, and modification by discrete Fourier transform", 1977.
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ):
        if side not in ("real", "imag"):
            raise ValueError(f"STFT: expected side 'real' or 'imag', got {side!r}.")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"STFT: expected scaling 'density', 'spectrum' or None, got {scaling!r}.")
        if isinstance(window, str):
            _named_window(window, 1, periodic)  # an unknown name is refused here, not when the layer is built
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        if len(shape) != 3:
            raise ValueError(f"STFT: expected a shape (frame length, 1, frequencies), got {tuple(shape)}.")
        length, _, frequencies = shape
        time = np.arange(length, dtype="float32")[:, None, None]
        frequency = np.arange(frequencies, dtype="float32") / np.float32(max(2 * (frequencies - 1), 1))
        angle = -2 * time * frequency * np.float32(np.pi)
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        return _on_device(kernel * self._scaled_window(length), dtype)

    def _scaled_window(self, length: int) -> Any:
        """The window over its norm, of shape (T, 1, 1)."""
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


class RandomInitializer(Initializer):
    """Base of the random ones: holds the seed.

    Args:
        seed: an integer, for the same draw at each call; a `SeedGenerator`, for a new draw at each call;
            None takes an integer from Python's `random` now.

    Raises:
        ValueError: the seed is something else.
    """

    def __init__(self, seed: int | random.SeedGenerator | dict[str, Any] | None = None):
        if isinstance(seed, dict):
            seed = names.deserialize(seed, {"SeedGenerator": random.SeedGenerator}, "seed generator")
        if seed is not None and not isinstance(seed, (int, random.SeedGenerator)):
            raise ValueError(f"{type(self).__name__}: expected an integer seed, a SeedGenerator or None, got {seed!r}.")
        self._init_seed = seed
        self.seed = random.make_default_seed() if seed is None else seed

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same initializer again; the seed as it was given."""
        return {"seed": names.serialize(self._init_seed)}


class RandomNormal(RandomInitializer):
    """Normal draws.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed: see `RandomInitializer`.

    >>> RandomNormal(stddev=0.1, seed=1)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Normal draws, drawn again where they fall more than two standard deviations from the mean.

    Args:
        mean: their mean.
        stddev: the standard deviation before truncation; afterwards it is 0.88 times as large.
        seed: see `RandomInitializer`.

    >>> bool(jnp.max(TruncatedNormal(stddev=1.0, seed=1)((100,))) <= 2.0)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Uniform draws from [minval, maxval).

    Args:
        minval: the lower end, included.
        maxval: the upper end, excluded.
        seed: see `RandomInitializer`.

    >>> RandomUniform(0.0, 1.0, seed=1)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Draws of mean 0 and variance `scale / n`, so that signals keep their size from layer to layer.

    n is the number of inputs of each unit ("fan_in"), of outputs ("fan_out"), or the mean of the two
    ("fan_avg"). "uniform" draws from [-limit, limit) with `limit = sqrt(3 scale / n)`.

    Args:
        scale: a positive factor of the variance.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" (also called "normal"), "untruncated_normal" or "uniform".
        seed: see `RandomInitializer`.
        input_axes: the axes whose sizes multiply to the number of inputs. By default the last but
            one, and all before it as the window of a convolution.
        output_axes: the same for the outputs; by default the last axis and the window. Both are to be
            given, or none.

    Raises:
        ValueError: a scale that is not positive, an unknown mode or distribution, or a wrong seed.

    >>> VarianceScaling(2.0, mode="fan_out", seed=1)((2, 3)).shape
    (2, 3)

    Source: Glorot & Bengio, 2010; He et al., "Delving deep into rectifiers", 2015.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        distribution = distribution.lower()
        if scale <= 0:
            raise ValueError(f"{type(self).__name__}: expected a positive scale, got {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise names.unknown("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        if distribution not in ("normal", "truncated_normal", "untruncated_normal", "uniform"):
            known = ("truncated_normal", "untruncated_normal", "uniform")
            raise names.unknown("distribution", distribution, known)
        self.scale = scale
        self.mode = mode
        self.distribution = "truncated_normal" if distribution == "normal" else distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        fan_in, fan_out = _fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, stddev, dtype, self.seed)
        return random.truncated_normal(shape, 0.0, stddev / _TRUNCATED_STDDEV, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        scaling = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return super().get_config() | scaling | {"input_axes": self.input_axes, "output_axes": self.output_axes}


class _Preset(VarianceScaling):
    """A `VarianceScaling` whose scale, mode and distribution the class fixes."""

    fixed: tuple[float, str, str]

    def __init__(
        self, seed: Any = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
    ):
        super().__init__(*self.fixed, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Preset):
    """Xavier's uniform draws, from [-limit, limit) with `limit = sqrt(6 / (fan_in + fan_out))`; the usual default.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Xavier's truncated normal draws, of variance `2 / (fan_in + fan_out)`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    fixed = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_Preset):
    """Truncated normal draws of variance `1 / fan_in`; made for `selu`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: LeCun et al., "Efficient backprop", 1998; Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    fixed = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform draws from [-limit, limit) with `limit = sqrt(3 / fan_in)`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: LeCun et al., "Efficient backprop", 1998.
    """

    fixed = (1.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal draws of variance `2 / fan_in`; made for `relu`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: He et al., "Delving deep into rectifiers", 2015.
    """

    fixed = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Preset):
    """Uniform draws from [-limit, limit) with `limit = sqrt(6 / fan_in)`; made for `relu`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: He et al., "Delving deep into rectifiers", 2015.
    """

    fixed = (2.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """A random matrix with orthogonal columns (or rows, where there are fewer of them), times `gain`.

    The Q of the QR decomposition of normal draws, its columns turned so that R has a positive diagonal, which
    makes every orthogonal matrix equally likely. More than two axes are joined, all but the last.

    Args:
        gain: a factor.
        seed: see `RandomInitializer`.

    Raises:
        ValueError: (when called) a shape with fewer than two axes.

    >>> q = Orthogonal(seed=1)((4, 2))
    >>> bool(jnp.allclose(q.T @ q, jnp.eye(2), atol=1e-6))
    True

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014;
    Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of at least 2 axes, got {tuple(shape)}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        dtype = jnp.dtype(dtypes.canonical(dtype))
        at_least_32_bits = np.promote_types(dtype, np.float32)  # a QR decomposition needs them
        draws = random.normal((max(rows, columns), min(rows, columns)), dtype=at_least_32_bits, seed=self.seed)
        return _orthogonal(draws, self.gain, tuple(shape)).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"gain": self.gain}


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
BY_NAME |= {names.snake_case(cls.__name__): cls for cls in _CLASSES}
BY_NAME |= {"zero": Zeros, "one": Ones, "normal": RandomNormal, "uniform": RandomUniform}
BY_NAME |= {f"{cls.__name__}Initializer": cls for cls in (Identity, Orthogonal, STFT)}


def get(identifier: Any) -> Any:
    """The initializer that a name, a config, a class, a function, an array or None (none) stands for.

    An array stands for a function that gives a copy of it and refuses any other shape.

    Raises:
        ValueError: an unknown name.
        TypeError: none of these.

    >>> get("he_normal").get_config()
    {'seed': None, 'input_axes': None, 'output_axes': None}
    """
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array, Variable)):
        return _giving(identifier)
    found = names.lookup(identifier, BY_NAME, "initializer")
    return found() if isinstance(found, type) else found


def serialize(initializer: Any) -> Any:
    """The JSON form of an initializer: its class and the arguments that make it again."""
    return names.serialize(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that `serialize` described.

    Args:
        config: a name or a dict.
        custom_objects: names -> classes of your own that the config may speak of.

    Raises:
        ValueError: an unknown name.
    """
    found = names.deserialize(config, BY_NAME | (custom_objects or {}), "initializer")
    return found() if isinstance(found, type) else found


def _giving(array: Any) -> Callable[..., jax.Array]:
    """A function that gives copies of an array."""

    def given(shape: Sequence[int], dtype: Any = None) -> jax.Array:
        if tuple(shape) != array.shape:
            raise ValueError(f"The array given as initializer has shape {array.shape}, but the weight {tuple(shape)}.")
        return _on_device(array, dtype)

    return given


def _filled(shape: Sequence[int], value: Any, dtype: Any) -> jax.Array:
    try:
        values = np.broadcast_to(np.asarray(value), tuple(shape))
    except ValueError as error:
        raise ValueError(
            f"Constant: a value of shape {np.shape(value)} cannot fill a weight of shape {tuple(shape)}."
        ) from error
    return _on_device(values, dtype)


def _on_device(values: Any, dtype: Any) -> jax.Array:
    """A copy as a device array of the dtype. `jnp.asarray` would compile a program for each shape."""
    return jax.device_put(np.array(values, jnp.dtype(dtypes.canonical(dtype))))


@functools.partial(jax.jit, static_argnames="shape")
def _orthogonal(draws: jax.Array, gain: float, shape: tuple[int, ...]) -> jax.Array:
    """Draws (m, n), m >= n -> orthonormal columns, or rows where the shape is wider than high, times gain."""
    q, r = jnp.linalg.qr(draws)
    q = q * jnp.sign(jnp.diag(r))
    if math.prod(shape[:-1]) < shape[-1]:
        q = q.T
    return gain * q.reshape(shape)


def _fans(shape: Sequence[int], input_axes: Sequence[int] | None, output_axes: Sequence[int] | None) -> tuple[int, int]:
    """How many inputs each unit has, and how many outputs each input goes to."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _named_window(name: str, length: int, periodic: bool) -> np.ndarray:
    """The values of a window of SciPy's."""
    import scipy.signal  # here because importing it takes longer than importing JAX, and few programs need it

    try:
        return scipy.signal.get_window(name, length, periodic)
    except ValueError as error:
        raise ValueError(f"STFT: {name!r} is not a window that scipy.signal.get_window makes by name.") from error


def _to_json(value: Any) -> Any:
    """Numbers and names stay; arrays take the form that Keras's files give to NumPy arrays."""
    if not hasattr(value, "dtype"):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return array.item()
    return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        return np.array(value["config"]["value"], jnp.dtype(value["config"]["dtype"]))
    return value
