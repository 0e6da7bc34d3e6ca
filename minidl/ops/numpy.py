"""Functions of NumPy under Keras's names, each one `jax.numpy` call."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike, DType
from minidl.ops.operation import _hashable, binary, bitwise, operation, reduction, unary

# Unary, element-wise

abs = unary(jnp.abs)
absolute = unary(jnp.absolute)
angle = unary(jnp.angle)
arccos = unary(jnp.arccos)
arccosh = unary(jnp.arccosh)
arcsin = unary(jnp.arcsin)
arcsinh = unary(jnp.arcsinh)
arctan = unary(jnp.arctan)
arctanh = unary(jnp.arctanh)
bitwise_invert = unary(jnp.bitwise_invert)
bitwise_not = unary(jnp.bitwise_not)
cbrt = unary(jnp.cbrt)
conj = unary(jnp.conj)
conjugate = unary(jnp.conjugate)
copy = unary(jnp.copy)
cos = unary(jnp.cos)
cosh = unary(jnp.cosh)
deg2rad = unary(jnp.deg2rad)
exp = unary(jnp.exp)
exp2 = unary(jnp.exp2)
expm1 = unary(jnp.expm1)
fabs = unary(jnp.fabs)
fliplr = unary(jnp.fliplr)
flipud = unary(jnp.flipud)
i0 = unary(jnp.i0)
imag = unary(jnp.imag)
isfinite = unary(jnp.isfinite)
isinf = unary(jnp.isinf)
isnan = unary(jnp.isnan)
isneginf = unary(jnp.isneginf)
isposinf = unary(jnp.isposinf)
isreal = unary(jnp.isreal)
log = unary(jnp.log)
log10 = unary(jnp.log10)
log1p = unary(jnp.log1p)
log2 = unary(jnp.log2)
logical_not = unary(jnp.logical_not)
negative = unary(jnp.negative)
rad2deg = unary(jnp.rad2deg)
real = unary(jnp.real)
reciprocal = unary(jnp.reciprocal)
sign = unary(jnp.sign)
signbit = unary(jnp.signbit)
sin = unary(jnp.sin)
sinc = unary(jnp.sinc)
sinh = unary(jnp.sinh)
sqrt = unary(jnp.sqrt)
square = unary(jnp.square)
tan = unary(jnp.tan)
tanh = unary(jnp.tanh)
trunc = unary(jnp.trunc)


@operation
def ceil(x: ArrayLike) -> Array:
    """Round up to the next integer, element-wise, as floating-point numbers."""
    return jnp.ceil(_as_float(x))


@operation
def floor(x: ArrayLike) -> Array:
    """Round down to the next integer, element-wise, as floating-point numbers."""
    return jnp.floor(_as_float(x))


# Binary, element-wise

add = binary(jnp.add)
arctan2 = binary(jnp.arctan2)
bitwise_and = bitwise(jnp.bitwise_and)
bitwise_left_shift = bitwise(jnp.bitwise_left_shift)
bitwise_or = bitwise(jnp.bitwise_or)
bitwise_right_shift = bitwise(jnp.bitwise_right_shift)
bitwise_xor = bitwise(jnp.bitwise_xor)
divide = binary(jnp.divide)
equal = binary(jnp.equal)
floor_divide = binary(jnp.floor_divide)
fmax = binary(jnp.fmax)
fmin = binary(jnp.fmin)
fmod = binary(jnp.fmod)
gcd = binary(jnp.gcd)
greater = binary(jnp.greater)
greater_equal = binary(jnp.greater_equal)
heaviside = binary(jnp.heaviside)
hypot = binary(jnp.hypot)
lcm = binary(jnp.lcm)
ldexp = binary(jnp.ldexp)
left_shift = bitwise(jnp.left_shift)
less = binary(jnp.less)
less_equal = binary(jnp.less_equal)
logaddexp = binary(jnp.logaddexp)
logaddexp2 = binary(jnp.logaddexp2)
logical_and = binary(jnp.logical_and)
logical_or = binary(jnp.logical_or)
logical_xor = binary(jnp.logical_xor)
maximum = binary(jnp.maximum)
minimum = binary(jnp.minimum)
mod = binary(jnp.mod)
multiply = binary(jnp.multiply)
nextafter = binary(jnp.nextafter)
not_equal = binary(jnp.not_equal)
power = binary(jnp.power)
right_shift = bitwise(jnp.right_shift)
subtract = binary(jnp.subtract)
true_divide = binary(jnp.true_divide)

# Reductions

all = reduction(jnp.all)
amax = reduction(jnp.amax)
amin = reduction(jnp.amin)
any = reduction(jnp.any)
argmax = reduction(jnp.argmax)
argmin = reduction(jnp.argmin)
mean = reduction(jnp.mean)
median = reduction(jnp.median)
nanargmax = reduction(jnp.nanargmax)
nanargmin = reduction(jnp.nanargmin)
nanmax = reduction(jnp.nanmax)
nanmean = reduction(jnp.nanmean)
nanmedian = reduction(jnp.nanmedian)
nanmin = reduction(jnp.nanmin)
nanprod = reduction(jnp.nanprod)
nanstd = reduction(jnp.nanstd)
nansum = reduction(jnp.nansum)
nanvar = reduction(jnp.nanvar)
ptp = reduction(jnp.ptp)
std = reduction(jnp.std)
sum = reduction(jnp.sum)
var = reduction(jnp.var)

# Products

corrcoef = unary(jnp.corrcoef)
dot = binary(jnp.dot)
inner = binary(jnp.inner)
kron = binary(jnp.kron)
outer = binary(jnp.outer)
vdot = binary(jnp.vdot)


@operation
def matmul(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Matrix product of two arrays; that of two int8 arrays is int32."""
    return jnp.matmul(x1, x2, preferred_element_type=_accumulator(x1, x2))


@operation
def cross(
    x1: ArrayLike, x2: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    """Cross product of vectors with 2 or 3 components."""
    return jnp.cross(x1, x2, axisa, axisb, axisc, axis)


@operation
def einsum(subscripts: str, *operands: ArrayLike, **kwargs: Any) -> Array:
    """Einstein summation of arrays; that of int8 arrays is int32."""
    return jnp.einsum(subscripts, *operands, **{"preferred_element_type": _accumulator(*operands), **kwargs})


@operation
def tensordot(x1: ArrayLike, x2: ArrayLike, axes: int | Sequence[Any] = 2) -> Array:
    """Tensor contraction: sum of products over the given axes of both arrays."""
    return jnp.tensordot(x1, x2, axes)


@operation
def correlate(x1: ArrayLike, x2: ArrayLike, mode: str = "valid") -> Array:
    """Cross-correlation of two 1D arrays."""
    return jnp.correlate(x1, x2, mode)


@operation
def divide_no_nan(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Divide element-wise; 0 where the divisor is 0."""
    safe = jnp.where(x2 == 0, 1, x2)
    return jnp.where(x2 == 0, 0, jnp.divide(x1, safe))


# Reductions with more parameters, cumulative functions


@operation
def average(x: ArrayLike, axis: int | Sequence[int] | None = None, weights: ArrayLike | None = None) -> Array:
    """Weighted average along an axis."""
    return jnp.average(x, axis, weights)


@operation
def count_nonzero(x: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """Count the nonzero elements along an axis."""
    return jnp.count_nonzero(x, _hashable(axis)).astype("int32")


@operation
def cumprod(x: ArrayLike, axis: int | None = None, dtype: DType | None = None) -> Array:
    """Cumulative product along an axis."""
    return jnp.cumprod(x, axis, dtype)


@operation
def cumsum(x: ArrayLike, axis: int | None = None, dtype: DType | None = None) -> Array:
    """Cumulative sum along an axis."""
    return jnp.cumsum(x, axis, dtype)


@operation
def diff(a: ArrayLike, n: int = 1, axis: int = -1) -> Array:
    """n-th difference of adjacent elements along an axis."""
    return jnp.diff(a, n, axis)


@operation
def nancumprod(x: ArrayLike, axis: int | None = None, dtype: DType | None = None) -> Array:
    """Cumulative product along an axis, with NaN counted as 1."""
    return jnp.nancumprod(x, axis, dtype)


@operation
def nancumsum(x: ArrayLike, axis: int | None = None, dtype: DType | None = None) -> Array:
    """Cumulative sum along an axis, with NaN counted as 0."""
    return jnp.nancumsum(x, axis, dtype)


@operation
def max(
    x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False, initial: ArrayLike | None = None
) -> Array:
    """Maximum along an axis."""
    return jnp.max(x, _hashable(axis), keepdims=keepdims, initial=initial)


@operation
def min(
    x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False, initial: ArrayLike | None = None
) -> Array:
    """Minimum along an axis."""
    return jnp.min(x, _hashable(axis), keepdims=keepdims, initial=initial)


@operation
def prod(
    x: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False, dtype: DType | None = None
) -> Array:
    """Product of the elements along an axis."""
    return jnp.prod(x, _hashable(axis), dtype, keepdims=keepdims)


@operation
def quantile(
    x: ArrayLike, q: ArrayLike, axis: int | Sequence[int] | None = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """q-th quantile along an axis, q between 0 and 1."""
    return jnp.quantile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def percentile(
    x: ArrayLike, q: ArrayLike, axis: int | Sequence[int] | None = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """q-th percentile along an axis, q between 0 and 100."""
    return jnp.percentile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def nanquantile(
    x: ArrayLike, q: ArrayLike, axis: int | Sequence[int] | None = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """q-th quantile along an axis, ignoring NaN."""
    return jnp.nanquantile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def nanpercentile(
    x: ArrayLike, q: ArrayLike, axis: int | Sequence[int] | None = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """q-th percentile along an axis, ignoring NaN."""
    return jnp.nanpercentile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: float = 1.0, axis: int = -1) -> Array:
    """Integrate along an axis with the trapezoidal rule."""
    return jnp.trapezoid(y, x, dx, axis)


@operation
def clip(x: ArrayLike, x_min: ArrayLike, x_max: ArrayLike) -> Array:
    """Limit the elements to the interval [x_min, x_max]."""
    return jnp.clip(x, x_min, x_max)


@operation
def nan_to_num(x: ArrayLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """Replace NaN and infinities with finite numbers."""
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@operation
def round(x: Array, decimals: int = 0) -> Array:
    """Round to a number of decimals; -1 rounds to the nearest ten."""
    if decimals >= 0 or not jnp.issubdtype(jnp.result_type(x), jnp.integer):
        return jnp.round(x, decimals)
    return (jnp.round(jnp.asarray(x, dtypes.floatx()) / 10**-decimals) * 10**-decimals).astype(x.dtype)


@operation
def isclose(x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether elements are equal within a tolerance, element-wise."""
    return jnp.isclose(x1, x2, rtol, atol, equal_nan)


@operation
def allclose(x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether all elements are equal within a tolerance."""
    return jnp.allclose(x1, x2, rtol, atol, equal_nan)


@operation
def isin(x1: ArrayLike, x2: ArrayLike, assume_unique: bool = False, invert: bool = False) -> Array:
    """Whether each element of x1 is in x2."""
    return jnp.isin(x1, x2, assume_unique, invert)


# Shapes: joining, splitting, rearranging


@operation
def append(x1: ArrayLike, x2: ArrayLike, axis: int | None = None) -> Array:
    """Append x2 to the end of x1; both are flattened if axis is None."""
    return jnp.append(x1, x2, axis)


@operation
def array_split(x: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Split an array into parts of nearly equal size."""
    return jnp.array_split(x, indices_or_sections, axis)


@operation
def broadcast_to(x: ArrayLike, shape: Sequence[int]) -> Array:
    """Broadcast an array to a shape."""
    return jnp.broadcast_to(x, tuple(shape))


@operation
def concatenate(xs: Sequence[ArrayLike], axis: int = 0) -> Array:
    """Concatenate arrays along an existing axis."""
    return jnp.concatenate(xs, axis)


@operation
def diag(x: ArrayLike, k: int = 0) -> Array:
    """Extract a diagonal, or build a diagonal matrix."""
    return jnp.diag(x, k)


@operation
def diagflat(x: ArrayLike, k: int = 0) -> Array:
    """Build a matrix with the flattened input as its diagonal."""
    return jnp.diagflat(x, k)


@operation
def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Diagonal of two axes of an array."""
    return jnp.diagonal(x, offset, axis1, axis2)


@operation
def dsplit(x: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Split an array along the third axis."""
    return jnp.dsplit(x, indices_or_sections)


@operation
def dstack(xs: Sequence[ArrayLike]) -> Array:
    """Concatenate arrays along the third axis."""
    return jnp.dstack(xs)


@operation
def expand_dims(x: ArrayLike, axis: int | Sequence[int]) -> Array:
    """Insert new axes of size 1."""
    return jnp.expand_dims(x, _hashable(axis))


@operation
def flip(x: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """Reverse the order of elements along axes; along all of them if axis is None."""
    return jnp.flip(x, _hashable(axis))


@operation
def hsplit(x: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Split an array horizontally, along the second axis."""
    return jnp.hsplit(x, indices_or_sections)


@operation
def hstack(xs: Sequence[ArrayLike]) -> Array:
    """Concatenate arrays horizontally, along the second axis."""
    return jnp.hstack(xs)


@operation
def meshgrid(*x: ArrayLike, indexing: str = "xy") -> list[Array]:
    """Coordinate matrices from coordinate vectors."""
    return list(jnp.meshgrid(*x, indexing=indexing))  # a tuple since JAX 0.12


@operation
def moveaxis(x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Move axes to new positions."""
    return jnp.moveaxis(x, source, destination)


@operation
def pad(
    x: ArrayLike, pad_width: int | Sequence[Any], mode: str = "constant", constant_values: ArrayLike | None = None
) -> Array:
    """Pad an array."""
    more = {} if constant_values is None else {"constant_values": constant_values}
    return jnp.pad(x, pad_width, mode, **more)


@operation
def ravel(x: ArrayLike) -> Array:
    """Flatten an array to one axis."""
    return jnp.ravel(x)


@operation
def repeat(x: ArrayLike, repeats: Any, axis: int | None = None) -> Array:
    """Repeat each element along an axis."""
    return jnp.repeat(x, np.asarray(repeats) if isinstance(repeats, (list, tuple)) else repeats, axis)


@operation
def reshape(x: ArrayLike, newshape: int | Sequence[int | None]) -> Array:
    """Change the shape without changing the elements; -1 or None is the one size to be inferred."""
    sizes = newshape if isinstance(newshape, (list, tuple)) else [newshape]
    return jnp.reshape(jnp.asarray(x), [-1 if size is None else size for size in sizes])


@operation
def roll(x: ArrayLike, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Array:
    """Shift elements along axes; those that leave at the end come back at the start."""
    return jnp.roll(x, shift, axis)


@operation
def rot90(array: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Rotate by k times 90 degrees in the plane of two axes."""
    return jnp.rot90(array, k, (axes[0], axes[1]))


@operation
def split(x: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Split an array into parts of equal size, or at the given indices."""
    return jnp.split(x, indices_or_sections, axis)


@operation
def squeeze(x: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """Remove axes of size 1."""
    return jnp.squeeze(x, _hashable(axis))


@operation
def stack(x: Array | Sequence[ArrayLike], axis: int = 0) -> Array:
    """Stack arrays along a new axis."""
    return jnp.stack(x, axis)


@operation
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Array:
    """Swap two axes."""
    return jnp.swapaxes(x, axis1, axis2)


@operation
def tile(x: ArrayLike, repeats: int | Sequence[int]) -> Array:
    """Repeat a whole array along each axis."""
    return jnp.tile(x, repeats)


@operation
def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Sum of the elements on a diagonal."""
    return jnp.trace(x, offset, axis1, axis2)


@operation
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes; reverse them if axes is None."""
    return jnp.transpose(x, axes)


@operation
def tril(x: ArrayLike, k: int = 0) -> Array:
    """Lower triangle: elements above the k-th diagonal are set to 0."""
    return jnp.tril(x, k)


@operation
def triu(x: ArrayLike, k: int = 0) -> Array:
    """Upper triangle: elements below the k-th diagonal are set to 0."""
    return jnp.triu(x, k)


@operation
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:  # noqa: N803, Keras's names
    """Vandermonde matrix: the powers of each element."""
    return jnp.vander(x, N, increasing)


@operation
def vsplit(x: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Split an array vertically, along the first axis."""
    return jnp.vsplit(x, indices_or_sections)


@operation
def vstack(xs: Sequence[ArrayLike]) -> Array:
    """Concatenate arrays vertically, along the first axis."""
    return jnp.vstack(xs)


@operation
def view(x: Array, dtype: DType | None = None) -> Array:
    """Reinterpret the bytes of an array as another dtype."""
    return x if dtype is None else jnp.asarray(x).view(dtypes.canonical(dtype))


# Sorting, searching, indexing


@operation
def argsort(x: ArrayLike, axis: int | None = -1) -> Array:
    """Indices that sort an array along an axis."""
    return jnp.argsort(x, axis)


@operation
def argpartition(x: ArrayLike, kth: int, axis: int = -1) -> Array:
    """Indices that partition an array: those of the kth smallest elements come first."""
    return jnp.argpartition(x, kth, axis)


@operation
def bincount(x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, sparse: bool = False) -> Array:
    """Count the occurrences of each non-negative integer in x, or in each row of x.

    The length of the result is the largest integer plus one, at least minlength. In a compiled function, where values
    are unknown, it is minlength, and larger integers are not counted.
    """
    x = jnp.asarray(x)
    if not isinstance(x, jax.core.Tracer):
        length = builtins.max(int(np.asarray(x).max()) + 1 if x.size else 0, minlength)
    elif minlength > 0:
        length = minlength
    else:
        raise ValueError(
            "bincount: the length of the result depends on values, which a model or a compiled function does not know. "
            "Pass the length of the result as minlength=."
        )

    def count(row: Any, weights: Any = None) -> Any:
        return jnp.bincount(row, weights, length=length)

    rows = (x,) if weights is None else (x, weights)
    return jax.vmap(count)(*rows) if x.ndim == 2 else count(*rows)


@operation
def digitize(x: ArrayLike, bins: ArrayLike) -> Array:
    """Index of the bin that each element belongs to."""
    return jnp.digitize(x, jnp.asarray(bins)).astype("int32")


@operation
def get_item(x: Any, key: Any) -> Any:
    """Indexing and slicing: `x[key]`; x may also be a tuple that a function returned."""
    x = jnp.asarray(x) if type(x) is list else x
    return x[tuple(key) if isinstance(key, list) else key]


@operation
def histogram(x: ArrayLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Array, Array]:
    """Histogram of the elements: counts and bin edges."""
    return jnp.histogram(x, bins, range)


@operation
def nonzero(x: ArrayLike) -> tuple[Array, ...]:
    """Indices of the nonzero elements, an array for each axis."""
    return jnp.nonzero(x)


@operation
def searchsorted(sorted_sequence: ArrayLike, values: ArrayLike, side: str = "left") -> Array:
    """Insertion indices that keep a sorted sequence sorted."""
    return jnp.searchsorted(sorted_sequence, values, side)


@operation
def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Array:
    """Choose element-wise from the first array whose condition is true."""
    return jnp.select(condlist, choicelist, default)


@operation
def sort(x: ArrayLike, axis: int = -1) -> Array:
    """Sort along an axis, in ascending order."""
    return jnp.sort(x, axis)


@operation
def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """Take elements along an axis by index."""
    return jnp.take(x, jnp.asarray(indices), axis)


@operation
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """Take elements by an array of indices along an axis."""
    return jnp.take_along_axis(x, indices, axis)


@operation
def unique(
    x: ArrayLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Array | tuple[Array, ...]:
    """Unique elements, and optionally their first indices, the inverse indices and the counts.

    A compiled function needs `size`, the number of elements to return: further ones are dropped, missing ones are
    `fill_value`.
    """
    wanted = return_index, return_inverse, return_counts
    return jnp.unique(x, *wanted, axis, equal_nan=False, size=size, fill_value=fill_value, sorted=sorted)


@operation
def unravel_index(indices: ArrayLike, shape: Sequence[int]) -> tuple[Array, ...]:
    """Convert flat indices to an index for each axis."""
    return jnp.unravel_index(indices, shape)


@operation
def where(condition: ArrayLike, x1: Any = None, x2: Any = None) -> Array:
    """Choose from x1 where the condition is true, else from x2; without both, the indices of nonzero elements."""
    return jnp.where(condition, x1, x2)


# Array creation


def arange(
    start: ArrayLike, stop: ArrayLike | None = None, step: ArrayLike | None = None, dtype: DType | None = None
) -> Array:
    """Evenly spaced values with a given step, stop excluded."""
    return jnp.arange(start, stop, step, dtype)


@operation
def array(x: ArrayLike, dtype: DType | None = None) -> Array:
    """Convert to an array."""
    return jnp.asarray(x, dtype)


def empty(shape: int | Sequence[int], dtype: DType | None = None) -> Array:
    """Array of zeros; JAX has no uninitialized arrays."""
    return jnp.zeros(shape, dtype or dtypes.floatx())


def eye(N: int, M: int | None = None, k: int = 0, dtype: DType | None = None) -> Array:  # noqa: N803, Keras's names
    """Matrix with ones on a diagonal and zeros elsewhere."""
    return jnp.eye(N, M, k, dtype or dtypes.floatx())


def full(shape: int | Sequence[int], fill_value: ArrayLike, dtype: DType | None = None) -> Array:
    """Array filled with one value."""
    return jnp.full(shape, fill_value, dtype or dtypes.floatx())


@operation
def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: DType | None = None, axis: int = 0
) -> Array:
    """Values evenly spaced on a logarithmic scale, from start to stop."""
    return jnp.geomspace(start, stop, num, endpoint, dtype, axis)


def identity(n: int, dtype: DType | None = None) -> Array:
    """Identity matrix."""
    return jnp.identity(n, dtype or dtypes.floatx())


@operation
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DType | None = None,
    axis: int = 0,
) -> Array | tuple[Array, Array]:
    """Evenly spaced values over an interval."""
    return jnp.linspace(start, stop, num, endpoint, retstep, dtype, axis)


@operation
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10,
    dtype: DType | None = None,
    axis: int = 0,
) -> Array:
    """Values evenly spaced on a logarithmic scale, from base**start to base**stop."""
    return jnp.logspace(start, stop, num, endpoint, base, dtype, axis)


def ones(shape: int | Sequence[int], dtype: DType | None = None) -> Array:
    """Array of ones."""
    return jnp.ones(shape, dtype or dtypes.floatx())


def tri(N: int, M: int | None = None, k: int = 0, dtype: DType | None = None) -> Array:  # noqa: N803, Keras's names
    """Matrix with ones on and below a diagonal and zeros elsewhere."""
    return jnp.tri(N, M, k, dtype or dtypes.floatx())


def zeros(shape: int | Sequence[int], dtype: DType | None = None) -> Array:
    """Array of zeros."""
    return jnp.zeros(shape, dtype or dtypes.floatx())


def bartlett(x: int) -> Array:
    """Bartlett window (triangular) of x points."""
    return jnp.bartlett(x).astype(dtypes.floatx())


def blackman(x: int) -> Array:
    """Blackman window of x points."""
    return jnp.blackman(x).astype(dtypes.floatx())


def hamming(x: int) -> Array:
    """Hamming window of x points."""
    return jnp.hamming(x).astype(dtypes.floatx())


def hanning(x: int) -> Array:
    """Hann window of x points."""
    return jnp.hanning(x).astype(dtypes.floatx())


def kaiser(x: int, beta: ArrayLike) -> Array:
    """Kaiser window of x points."""
    return jnp.kaiser(x, beta).astype(dtypes.floatx())


@operation
def full_like(x: ArrayLike, fill_value: ArrayLike, dtype: DType | None = None) -> Array:
    """Array filled with one value, with the shape and dtype of x."""
    return jnp.full_like(x, fill_value, dtype)


@operation
def ones_like(x: ArrayLike, dtype: DType | None = None) -> Array:
    """Array of ones with the shape and dtype of x."""
    return jnp.ones_like(x, dtype)


@operation
def zeros_like(x: ArrayLike, dtype: DType | None = None) -> Array:
    """Array of zeros with the shape and dtype of x."""
    return jnp.zeros_like(x, dtype)


@operation
def empty_like(x: ArrayLike, dtype: DType | None = None) -> Array:
    """Array of zeros with the shape and dtype of x; JAX has no uninitialized arrays."""
    return jnp.zeros_like(x, dtype)


def ndim(x: ArrayLike) -> int:
    """Number of axes."""
    return len(x.shape) if hasattr(x, "shape") else jnp.ndim(x)


def size(x: ArrayLike) -> int | None:
    """Number of elements; None for a symbolic tensor with an unknown size."""
    shape = x.shape if hasattr(x, "shape") else jnp.shape(x)
    return None if None in shape else int(np.prod(shape))


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """Vectorize a function of scalars into a function of arrays."""
    return jnp.vectorize(pyfunc, excluded=excluded or set(), signature=signature)


def _as_float(x: ArrayLike) -> ArrayLike:
    """Convert integers and booleans to `floatx()`."""
    return x if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else jnp.asarray(x, dtypes.floatx())


def _accumulator(*operands: ArrayLike) -> str | None:
    """The dtype in which products are summed; None for that of the products."""
    return "int32" if builtins.all(jnp.result_type(x) == "int8" for x in operands) else None
