"""FLOPs: the floating-point operations of a traced function, equation by equation.

| operation | FLOPs |
|---|---|
| matrix product | 2 * the result's size * the length of the sum |
| convolution | 2 * the result's size * the window's size * input channels per group; likewise each gradient |
| arithmetic on floats, `exp`, `sqrt`, ... | 1 for each element of the result |
| sums, maxima, ... | the elements that are reduced, less those of the result |

Comparisons, selections, copies, and arithmetic on integers are not counted. Loops count as often as they run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp

_ARITHMETIC = frozenset(
    "add sub mul div neg abs max min sign floor ceil round exp exp2 log log1p expm1 sqrt rsqrt cbrt square pow "
    "integer_pow rem sin cos tan tanh sinh cosh asin acos atan atan2 asinh acosh atanh logistic erf erfc erf_inv "
    "lgamma digamma igamma igammac bessel_i0e bessel_i1e regularized_incomplete_beta clamp nextafter add_any "
    "complex real imag conj cumsum cumprod cummax cummin cumlogsumexp".split()
)
_REDUCTIONS = frozenset("reduce_sum reduce_max reduce_min reduce_prod reduce".split())
_WINDOWS = frozenset("reduce_window reduce_window_sum reduce_window_max reduce_window_min".split())
_SCATTERS = frozenset("scatter_add scatter-add scatter_mul scatter_sub".split())
_UNKNOWN = frozenset(
    "custom_call ffi_call pure_callback io_callback pallas_call fft cholesky eig eigh lu qr svd geqrf "
    "householder_product triangular_solve schur tridiagonal tridiagonal_solve".split()
)


@dataclasses.dataclass(frozen=True)
class Count:
    """The operations of one equation.

    Args:
        stack: the names that it was traced under.
        flops: its operations, in all runs of the loops around it.
        is_product: whether it is a matrix product or a convolution.
        unknown: why its operations are not known, if so: the name of a function, or of a loop.
    """

    stack: str
    flops: int
    is_product: bool = False
    unknown: str | None = None


def count(jaxpr: Any, stack: str = "", times: int = 1) -> Iterator[Count]:
    """Count the operations of a jaxpr.

    Args:
        jaxpr: from `jax.make_jaxpr(function)(*args).jaxpr`.
        stack: the names that it was traced under.
        times: how often it runs.

    >>> import jax
    >>> jaxpr = jax.make_jaxpr(lambda x, w: jnp.tanh(x @ w))(jnp.ones((2, 3)), jnp.ones((3, 4)))
    >>> [one.flops for one in count(jaxpr.jaxpr)]
    [48, 8]
    """
    for equation in jaxpr.eqns:
        name, here = equation.primitive.name, joined(stack, equation)
        if name == "scan":
            yield from count(equation.params["jaxpr"].jaxpr, here, times * equation.params["length"])
        elif name == "while":
            yield Count(here, 0, unknown="a loop, counted once: its number of steps depends on data")
            yield from count(equation.params["body_jaxpr"].jaxpr, here, times)
        elif name == "cond":
            branches = [list(count(branch.jaxpr, here, times)) for branch in equation.params["branches"]]
            yield from max(branches, key=lambda counts: sum(one.flops for one in counts))
        elif name in _UNKNOWN:
            yield Count(here, 0, unknown=name)
        elif (inner := called(equation)) is not None:
            yield from count(inner, here, times)
        elif flops := _flops(name, equation):
            yield Count(here, times * flops, is_product=name in ("dot_general", "conv_general_dilated"))


def joined(stack: str, equation: Any) -> str:
    """The names that an equation was traced under, given those of the function that it is in."""
    own = str(equation.source_info.name_stack)
    return "/".join(filter(None, (stack, own)))


def called(equation: Any) -> Any:
    """The jaxpr of the function that an equation calls; None for other equations."""
    if equation.primitive.name in _REDUCTIONS | _WINDOWS | _SCATTERS:
        return None
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if (inner := equation.params.get(name)) is not None:
            return getattr(inner, "jaxpr", inner)
    return None


def _flops(name: str, equation: Any) -> int:
    result = equation.outvars[0].aval
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        lengths = (equation.invars[0].aval.shape[axis] for axis in contracted)
        return int(2 * result.size * math.prod(lengths))
    if name == "conv_general_dilated":
        return _convolution(equation)
    if not jnp.issubdtype(getattr(result, "dtype", "int32"), jnp.inexact):
        return 0
    if name in _ARITHMETIC:
        return int(result.size)
    if name in _REDUCTIONS:
        return int(equation.invars[0].aval.size - result.size)
    if name in _WINDOWS:
        return int(result.size * (math.prod(equation.params["window_dimensions"]) - 1))
    if name in _SCATTERS:
        return int(equation.invars[2].aval.size)
    if name == "select_and_scatter_add":
        return int(equation.invars[0].aval.size * math.prod(equation.params["window_dimensions"]))
    return 0


def _convolution(equation: Any) -> int:
    """Along an axis, the products are the fewest of all pairs of positions: of result, input and window.

    Any two determine the third. So the gradients of a convolution take as many operations as it does, whether they are
    convolutions with windows that go over the edge or over zeros between elements.
    """
    images, kernel, result = equation.invars[0].aval, equation.invars[1].aval, equation.outvars[0].aval
    numbers = equation.params["dimension_numbers"]
    size = 2 * kernel.shape[numbers.rhs_spec[1]]  # input channels per group
    size *= result.shape[numbers.out_spec[0]] * result.shape[numbers.out_spec[1]]
    for axes in zip(numbers.out_spec[2:], numbers.lhs_spec[2:], numbers.rhs_spec[2:]):
        out, given, window = result.shape[axes[0]], images.shape[axes[1]], kernel.shape[axes[2]]
        size *= min(out * window, given * window, out * given)
    return int(size)
