"""Activation functions, and their lookup by name.

Each is a function of one array, a few lines of `jax.numpy` and `jax.nn`. A layer's `activation=` takes a name from here
or any function of an array. Piecewise formulas say which piece includes the boundary, as that determines the gradient
there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import array_metadata, operation, registry, serialization, tracebacks
from minidl.core import lambdas as nameless
from minidl.core.typing import ArrayLike, Config, Identifier


@operation.operation
def relu(
    x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> jax.Array:
    """Rectified linear unit: `max(x, 0)`.

    With all arguments, piecewise:

    - `max_value` where `x >= max_value`;
    - `x` where `threshold < x < max_value`;
    - `negative_slope * (x - threshold)` elsewhere.

    Args:
        x: any array.
        negative_slope: the slope below the threshold.
        max_value: where the function saturates; None for nowhere.
        threshold: the value above which x is unchanged.

    >>> print(relu([-2.0, 0.0, 3.0]), relu([-2.0, 0.0, 3.0], negative_slope=0.5, max_value=2.0))
    [0. 0. 3.] [-1.  0.  2.]

    Source: Nair & Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """
    x = jnp.asarray(x)
    if negative_slope and max_value is None and not threshold:
        return jax.nn.leaky_relu(x, negative_slope)
    if max_value == 6 and not threshold:
        positive = jax.nn.relu6(x)  # its slope at 0 is 1/2; that of relu is 0
    else:
        positive = jnp.where(x > threshold, x, 0) if threshold else jax.nn.relu(x)
        positive = positive if max_value is None else jnp.clip(positive, 0, max_value)
    return positive - negative_slope * jax.nn.relu(threshold - x) if negative_slope else positive


@operation.operation
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> jax.Array:
    """Leaky rectified linear unit: `x` where `x >= 0`, `negative_slope * x` elsewhere.

    Args:
        x: any array.
        negative_slope: the slope below zero.

    >>> print(leaky_relu([-5.0, 5.0]))
    [-1.  5.]

    Source: Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """
    return jax.nn.leaky_relu(jnp.asarray(x), negative_slope)


@operation.operation
def relu6(x: ArrayLike) -> jax.Array:
    """Rectified linear unit that saturates at six: `min(max(x, 0), 6)`.

    >>> print(relu6([-1.0, 3.0, 8.0]))
    [0. 3. 6.]

    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """
    return jax.nn.relu6(jnp.asarray(x))


@operation.operation
def elu(x: ArrayLike, alpha: float = 1.0) -> jax.Array:
    """Exponential linear unit: `x` where `x > 0`, `alpha * (exp(x) - 1)` elsewhere.

    Args:
        x: any array.
        alpha: the function tends to -alpha for large negative x.

    >>> print(elu([0.0, 2.0]))
    [0. 2.]

    Source: Clevert et al., "Fast and accurate deep network learning by exponential linear units", 2016.
    """
    return jax.nn.elu(jnp.asarray(x), alpha)


@operation.operation
def celu(x: ArrayLike, alpha: float = 1.0) -> jax.Array:
    """Exponential linear unit with a continuous slope: `max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`.

    Args:
        x: any array.
        alpha: the function tends to -alpha for large negative x.

    >>> print(celu([0.0, 2.0], alpha=0.5))
    [0. 2.]

    Source: Barron, "Continuously differentiable exponential linear units", 2017.
    """
    return jax.nn.celu(jnp.asarray(x), alpha)


@operation.operation
def selu(x: ArrayLike) -> jax.Array:
    """Scaled exponential linear unit: `scale * elu(x, alpha)`, alpha = 1.67326..., scale = 1.05070....

    The two constants keep mean 0 and variance 1 from layer to layer, given weights from
    `LecunNormal` and `AlphaDropout` in place of dropout.

    >>> print(selu([0.0]))
    [0.]

    Source: Klambauer et al., "Self-normalizing neural networks", 2017.
    """
    return jax.nn.selu(jnp.asarray(x))


@operation.of_family("activations")
def gelu(x: ArrayLike, approximate: bool = False) -> jax.Array:
    """Gaussian error linear unit: `x * P(Z <= x)` for a standard normal Z.

    Args:
        x: any array.
        approximate: use the tanh approximation instead of the exact formula with erf.

    >>> print(gelu([0.0, 100.0]))
    [  0. 100.]

    Source: Hendrycks & Gimpel, "Gaussian error linear units", 2016.
    """
    return jax.nn.gelu(jnp.asarray(x), approximate)


@operation.operation
def silu(x: ArrayLike) -> jax.Array:
    """Sigmoid linear unit, also called swish: `x * sigmoid(x)`.

    >>> print(silu([0.0, 100.0]))
    [  0. 100.]

    Source: Elfwing et al., 2017; Ramachandran et al., "Searching for activation functions", 2017.
    """
    return jax.nn.silu(jnp.asarray(x))


@operation.operation
def hard_silu(x: ArrayLike) -> jax.Array:
    """Hard sigmoid linear unit, also called hard swish, piecewise: `x * relu6(x + 3) / 6`.

    >>> print(hard_silu([-3.0, 0.0, 3.0]))
    [-0.  0.  3.]

    Source: Howard et al., "Searching for MobileNetV3", 2019.
    """
    return jax.nn.hard_silu(jnp.asarray(x))


@operation.of_family("activations")
def mish(x: ArrayLike) -> jax.Array:
    """Mish: `x * tanh(softplus(x))`.

    >>> print(mish([0.0, 100.0]))
    [  0. 100.]

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019.
    """
    return jax.nn.mish(jnp.asarray(x))


@operation.operation
def glu(x: ArrayLike, axis: int = -1) -> jax.Array:
    """Gated linear unit: `a * sigmoid(b)`, where a and b are the halves of x along an axis.

    Args:
        x: an array whose size along the axis is even.
        axis: the axis to split.

    Output shape: that of x, with half the size along the axis.

    Raises:
        ValueError: the size along the axis is odd.

    >>> print(glu([4.0, 0.0]))
    [2.]

    Source: Dauphin et al., "Language modeling with gated convolutional networks", 2017.
    """
    x = jnp.asarray(x)
    if x.shape[axis] % 2:
        raise ValueError(f"glu: axis {axis} of the shape {x.shape} has an odd size, so it cannot be split in two.")
    return jax.nn.glu(x, axis)


@operation.operation
def sigmoid(x: ArrayLike) -> jax.Array:
    """Logistic sigmoid: `1 / (1 + exp(-x))`.

    >>> print(sigmoid([-100.0, 0.0, 100.0]))
    [0.  0.5 1. ]
    """
    x = jnp.asarray(x)
    return array_metadata.annotate(jax.nn.sigmoid(x), sigmoid_logits=x)


@operation.operation
def hard_sigmoid(x: ArrayLike) -> jax.Array:
    """Hard sigmoid, piecewise linear: `relu6(x + 3) / 6`.

    >>> print(hard_sigmoid([-3.0, 0.0, 3.0]))
    [0.  0.5 1. ]

    Source: Courbariaux et al., "BinaryConnect", 2015; with this slope, Howard et al., 2019.
    """
    return jax.nn.hard_sigmoid(jnp.asarray(x))


@operation.operation
def sparse_sigmoid(x: ArrayLike) -> jax.Array:
    """Sparse sigmoid: 0 where `x <= -1`, `(x + 1) / 2` where `-1 < x < 1`, 1 where `x >= 1`.

    >>> print(sparse_sigmoid([-2.0, 0.0, 2.0]))
    [0.  0.5 1. ]

    Source: Blondel et al., "Learning classifiers with Fenchel-Young losses", 2019.
    """
    return jax.nn.sparse_sigmoid(jnp.asarray(x))


@operation.operation
def log_sigmoid(x: ArrayLike) -> jax.Array:
    """Logarithm of the sigmoid, computed stably: `-softplus(-x)`.

    >>> print(log_sigmoid([-100.0, 100.0]))
    [-100.   -0.]
    """
    return jax.nn.log_sigmoid(jnp.asarray(x))


@operation.operation
def tanh(x: ArrayLike) -> jax.Array:
    """Hyperbolic tangent: `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`.

    >>> print(tanh([-100.0, 0.0, 100.0]))
    [-1.  0.  1.]
    """
    return jnp.tanh(jnp.asarray(x))


@operation.operation
def hard_tanh(x: ArrayLike) -> jax.Array:
    """Hard tanh, piecewise linear: x clipped to [-1, 1].

    >>> print(hard_tanh([-2.0, 0.5, 2.0]))
    [-1.   0.5  1. ]

    Source: Collobert, "Large scale machine learning", 2004.
    """
    return jax.nn.hard_tanh(jnp.asarray(x))


@operation.operation
def tanh_shrink(x: ArrayLike) -> jax.Array:
    """Tanh shrinkage: `x - tanh(x)`.

    >>> print(tanh_shrink([0.0, 100.0]))
    [ 0. 99.]
    """
    x = jnp.asarray(x)
    return x - jnp.tanh(x)


@operation.operation
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> jax.Array:
    """Soft shrinkage (soft thresholding): `sign(x) * max(|x| - threshold, 0)`.

    Args:
        x: any array.
        threshold: half the width of the flat part.

    >>> print(soft_shrink([-2.0, 0.5, 2.0]))
    [-1.5  0.   1.5]

    Source: Donoho, "De-noising by soft-thresholding", 1995.
    """
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0.0))


@operation.operation
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> jax.Array:
    """Hard shrinkage (hard thresholding): `x` where `|x| > threshold`, 0 elsewhere.

    Args:
        x: any array.
        threshold: half the width of the flat part.

    >>> print(hard_shrink([-2.0, 0.5, 2.0]))
    [-2.  0.  2.]

    Source: Donoho & Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.
    """
    x = jnp.asarray(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


@operation.operation
def threshold(x: ArrayLike, threshold: float, default_value: float) -> jax.Array:
    """Thresholding: `x` where `x > threshold`, `default_value` elsewhere.

    Args:
        x: any array.
        threshold: the largest value that is replaced.
        default_value: the replacement.

    >>> print(threshold([-2.0, 1.0, 2.0], threshold=1.0, default_value=9.0))
    [9. 9. 2.]
    """
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x, default_value)


@operation.operation
def softplus(x: ArrayLike) -> jax.Array:
    """Softplus, a smooth relu: `log(1 + exp(x))`.

    >>> print(softplus([-200.0, 100.0]))
    [  0. 100.]

    Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.
    """
    return jax.nn.softplus(jnp.asarray(x))


@operation.operation
def sparse_plus(x: ArrayLike) -> jax.Array:
    """Sparse softplus: 0 where `x <= -1`, `(x + 1)^2 / 4` where `-1 < x < 1`, `x` where `x >= 1`.

    >>> print(sparse_plus([-2.0, 0.0, 2.0]))
    [0.   0.25 2.  ]
    """
    return jax.nn.sparse_plus(jnp.asarray(x))


@operation.operation
def squareplus(x: ArrayLike, b: float = 4) -> jax.Array:
    """Squareplus, softplus without exponentials: `(x + sqrt(x^2 + b)) / 2`.

    Args:
        x: any array.
        b: smoothness; 0 gives relu.

    >>> print(squareplus([0.0]))
    [1.]

    Source: Barron, "Squareplus: a softplus-like algebraic rectifier", 2021.
    """
    return jax.nn.squareplus(jnp.asarray(x), b)


@operation.operation
def softsign(x: ArrayLike) -> jax.Array:
    """Softsign: `x / (1 + |x|)`.

    >>> print(softsign([-1.0, 0.0, 3.0]))
    [-0.5   0.    0.75]

    Source: Bergstra et al., "Quadratic polynomials learn better image features", 2009.
    """
    return jax.nn.soft_sign(jnp.asarray(x))


@operation.of_family("activations")
def exponential(x: ArrayLike) -> jax.Array:
    """Exponential: `exp(x)`.

    >>> print(exponential([0.0]))
    [1.]
    """
    return jnp.exp(jnp.asarray(x))


def linear(x: ArrayLike) -> Any:
    """Identity: the input itself.

    >>> linear(3)
    3
    """
    return x


@operation.operation
def softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """Softmax, probabilities from logits: `exp(x) / sum(exp(x))`.

    Args:
        x: logits, of any shape with at least one axis.
        axis: the axis, or axes, along which the results sum to 1.

    Warns:
        UserWarning: the axis has size 1, so that every result is 1.

    >>> print(softmax([[0.0, 0.0], [100.0, -100.0]]))
    [[0.5 0.5]
     [1.  0. ]]
    """
    x = jnp.asarray(x)
    if isinstance(axis, int) and x.ndim and x.shape[axis] == 1:
        tracebacks.warn(
            f"softmax: axis {axis} of the shape {x.shape} has size 1, so every result is 1. "
            "For a single output use a sigmoid."
        )
    probabilities = jax.nn.softmax(x, axis)
    is_last = axis in (-1, x.ndim - 1)
    return array_metadata.annotate(probabilities, softmax_logits=x) if is_last else probabilities


@operation.operation
def log_softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """Logarithm of the softmax, computed stably: `x - log(sum(exp(x)))`.

    Args:
        x: logits, of any shape with at least one axis.
        axis: the axis, or axes, along which the probabilities sum to 1.

    >>> print(log_softmax([200.0, 0.0]))
    [   0. -200.]
    """
    return jax.nn.log_softmax(jnp.asarray(x), axis)


@operation.operation
def sparsemax(x: ArrayLike, axis: int = -1) -> jax.Array:
    """Sparsemax, probabilities with exact zeros: the Euclidean projection of x onto the simplex.

    `max(x - tau, 0)`, with the tau for which the results sum to 1. For x in descending
    order, the first k results are positive, k the largest with `1 + k x_k > x_1 + ... + x_k`, and
    `tau = (x_1 + ... + x_k - 1) / k`.

    Args:
        x: logits, of any shape with at least one axis.
        axis: the axis along which the results sum to 1.

    >>> print(sparsemax([1.0, 0.5, -1.0]))
    [0.75 0.25 0.  ]

    Source: Martins & Astudillo, "From softmax to sparsemax", 2016, algorithm 1.
    """
    scores = jnp.moveaxis(jnp.asarray(x, jnp.result_type(jnp.asarray(x), 1.0)), axis, -1)  # integers as floats
    # The result is invariant to a shift; this one keeps the sums accurate.
    scores = scores - jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True, initial=-jnp.inf))
    ordered = jnp.sort(scores, axis=-1, descending=True)
    k = jnp.arange(1, scores.shape[-1] + 1)
    in_support = 1 + k * ordered > jnp.cumsum(ordered, axis=-1)
    support_sum = jnp.sum(jnp.where(in_support, ordered, 0), axis=-1, keepdims=True)
    tau = (support_sum - 1) / jnp.sum(in_support, axis=-1, keepdims=True)
    return jnp.moveaxis(jnp.maximum(scores - tau, 0), -1, axis)


swish = silu
hard_swish = hard_silu

_FUNCTIONS = (
    celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear,
    log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign,
    sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold,
)  # fmt: skip
BY_NAME: dict[str, Callable[..., Any]] = {function.__name__: function for function in _FUNCTIONS}
BY_NAME |= {"swish": silu, "hard_swish": hard_silu}


def get(identifier: Identifier) -> Callable[..., Any]:
    """Look up an activation: by name or config; a function is returned as it is, None gives `linear`.

    Raises:
        ValueError: an unknown name.
        TypeError: the identifier is of another type.

    >>> get("swish") is silu, get(None) is linear
    (True, True)
    """
    return linear if identifier is None else serialization.lookup(identifier, BY_NAME, "activation")


def serialize(activation: Callable[..., Any] | None) -> str | Config | None:
    """The JSON form of an activation: the name of a built-in one, a small dict for a user's.

    A user's function is saved by its name, qualified by its module if a built-in activation has the same name.

    >>> serialize(relu)
    'relu'
    """
    if not hasattr(activation, "__name__"):  # None, or an object with a config, such as a layer
        return serialization.serialize(activation)
    name = registry.registered_name(activation)
    if nameless.is_nameless(activation):
        return serialization.serialize(activation)
    if BY_NAME.get(name) is activation:
        return name
    if name in BY_NAME:
        name = f"{activation.__module__}>{name}"
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def deserialize(config: str | Config, custom_objects: dict[str, Any] | None = None) -> Callable[..., Any]:
    """The activation of a JSON form made by `serialize`.

    Args:
        config: a name or a dict.
        custom_objects: name -> your own function, for names in the config.

    Raises:
        ValueError: an unknown name.
    """
    return serialization.deserialize(config, BY_NAME, "activation", custom_objects)
