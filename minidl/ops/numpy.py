"""Keras's names for functions of NumPy, each one `jax.numpy` call."""

from __future__ import annotations

import builtins
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.ops.operation import _hashable, binary, bitwise, operation, reduction, unary

# One array, element by element

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
def ceil(x: Any) -> Any:
    """The integers not below the entries, as floating point numbers."""
    return jnp.ceil(_as_float(x))


@operation
def floor(x: Any) -> Any:
    """The integers not above the entries, as floating point numbers."""
    return jnp.floor(_as_float(x))


# Two arrays, element by element

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

# Over axes

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
def matmul(x1: Any, x2: Any) -> Any:
    """The product of matrices; that of two int8 matrices is int32."""
    return jnp.matmul(x1, x2, preferred_element_type=_accumulator(x1, x2))


@operation
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross product of vectors."""
    return jnp.cross(x1, x2, axisa, axisb, axisc, axis)


@operation
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """A product and sum that letters describe; that of int8 arrays is int32."""
    return jnp.einsum(subscripts, *operands, **{"preferred_element_type": _accumulator(*operands), **kwargs})


@operation
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over some axes of both."""
    return jnp.tensordot(x1, x2, axes)


@operation
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """The cross-correlation of two vectors."""
    return jnp.correlate(x1, x2, mode)


@operation
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """The quotient, 0 where the divisor is 0."""
    safe = jnp.where(x2 == 0, 1, x2)
    return jnp.where(x2 == 0, 0, jnp.divide(x1, safe))


# More over axes


@operation
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The weighted mean."""
    return jnp.average(x, axis, weights)


@operation
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many entries are not 0."""
    return jnp.count_nonzero(x, _hashable(axis)).astype("int32")


@operation
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The product of all entries so far."""
    return jnp.cumprod(x, axis, dtype)


@operation
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The sum of all entries so far."""
    return jnp.cumsum(x, axis, dtype)


@operation
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """The differences of neighbours, n times."""
    return jnp.diff(a, n, axis)


@operation
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The product of all entries so far, with NaN as 1."""
    return jnp.nancumprod(x, axis, dtype)


@operation
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The sum of all entries so far, with NaN as 0."""
    return jnp.nancumsum(x, axis, dtype)


@operation
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest entry."""
    return jnp.max(x, _hashable(axis), keepdims=keepdims, initial=initial)


@operation
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest entry."""
    return jnp.min(x, _hashable(axis), keepdims=keepdims, initial=initial)


@operation
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product of the entries."""
    return jnp.prod(x, _hashable(axis), dtype, keepdims=keepdims)


@operation
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The entries below which a share q lies."""
    return jnp.quantile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The entries below which q per cent lie."""
    return jnp.percentile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of the entries that are not NaN."""
    return jnp.nanquantile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`percentile` of the entries that are not NaN."""
    return jnp.nanpercentile(x, q, _hashable(axis), method=method, keepdims=keepdims)


@operation
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The integral by the trapezoidal rule."""
    return jnp.trapezoid(y, x, dx, axis)


@operation
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """The entries, none below x_min or above x_max."""
    return jnp.clip(x, x_min, x_max)


@operation
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """The entries, with numbers in the place of NaN and infinities."""
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@operation
def round(x: Any, decimals: int = 0) -> Any:
    """The nearest number with so many decimals; -1 is for the nearest ten."""
    if decimals >= 0 or not jnp.issubdtype(jnp.result_type(x), jnp.integer):
        return jnp.round(x, decimals)
    return (jnp.round(jnp.asarray(x, dtypes.floatx()) / 10**-decimals) * 10**-decimals).astype(x.dtype)


@operation
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether entries are nearly equal."""
    return jnp.isclose(x1, x2, rtol, atol, equal_nan)


@operation
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all entries are nearly equal."""
    return jnp.allclose(x1, x2, rtol, atol, equal_nan)


@operation
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether entries of x1 are among those of x2."""
    return jnp.isin(x1, x2, assume_unique, invert)


# Shapes


@operation
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """x2 behind x1."""
    return jnp.append(x1, x2, axis)


@operation
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts of nearly one size."""
    return jnp.array_split(x, indices_or_sections, axis)


@operation
def broadcast_to(x: Any, shape: Any) -> Any:
    """The array repeated to a shape."""
    return jnp.broadcast_to(x, tuple(shape))


@operation
def concatenate(xs: Any, axis: int = 0) -> Any:
    """Arrays one behind the other."""
    return jnp.concatenate(xs, axis)


@operation
def diag(x: Any, k: int = 0) -> Any:
    """The diagonal, or a matrix with this diagonal."""
    return jnp.diag(x, k)


@operation
def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with all entries on a diagonal."""
    return jnp.diagflat(x, k)


@operation
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of two axes."""
    return jnp.diagonal(x, offset, axis1, axis2)


@operation
def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts along the third axis."""
    return jnp.dsplit(x, indices_or_sections)


@operation
def dstack(xs: Any) -> Any:
    """Arrays one behind the other along a third axis."""
    return jnp.dstack(xs)


@operation
def expand_dims(x: Any, axis: Any) -> Any:
    """A new axis of size 1."""
    return jnp.expand_dims(x, _hashable(axis))


@operation
def flip(x: Any, axis: Any = None) -> Any:
    """The entries in the opposite order."""
    return jnp.flip(x, _hashable(axis))


@operation
def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts side by side."""
    return jnp.hsplit(x, indices_or_sections)


@operation
def hstack(xs: Any) -> Any:
    """Arrays side by side."""
    return jnp.hstack(xs)


@operation
def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    """Coordinates of a grid."""
    return jnp.meshgrid(*x, indexing=indexing)


@operation
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes at other places."""
    return jnp.moveaxis(x, source, destination)


@operation
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Entries before and behind each axis."""
    more = {} if constant_values is None else {"constant_values": constant_values}
    return jnp.pad(x, pad_width, mode, **more)


@operation
def ravel(x: Any) -> Any:
    """All entries along one axis."""
    return jnp.ravel(x)


@operation
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each entry several times."""
    return jnp.repeat(x, np.asarray(repeats) if isinstance(repeats, (list, tuple)) else repeats, axis)


@operation
def reshape(x: Any, newshape: Any) -> Any:
    """The same entries in another shape; -1, or None, for the size that follows from the others."""
    sizes = newshape if isinstance(newshape, (list, tuple)) else [newshape]
    return jnp.reshape(jnp.asarray(x), [-1 if size is None else size for size in sizes])


@operation
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """The entries moved along, the last ones to the front."""
    return jnp.roll(x, shift, axis)


@operation
def rot90(array: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """The array turned by k quarters."""
    return jnp.rot90(array, k, tuple(axes))


@operation
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts of one size, or between given places."""
    return jnp.split(x, indices_or_sections, axis)


@operation
def squeeze(x: Any, axis: Any = None) -> Any:
    """The array without axes of size 1."""
    return jnp.squeeze(x, _hashable(axis))


@operation
def stack(x: Any, axis: int = 0) -> Any:
    """Arrays along a new axis."""
    return jnp.stack(x, axis)


@operation
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes, one in the place of the other."""
    return jnp.swapaxes(x, axis1, axis2)


@operation
def tile(x: Any, repeats: Any) -> Any:
    """The array several times along each axis."""
    return jnp.tile(x, repeats)


@operation
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal."""
    return jnp.trace(x, offset, axis1, axis2)


@operation
def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order."""
    return jnp.transpose(x, axes)


@operation
def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle."""
    return jnp.tril(x, k)


@operation
def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle."""
    return jnp.triu(x, k)


@operation
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:  # noqa: N803, Keras's names
    """The powers of each entry."""
    return jnp.vander(x, N, increasing)


@operation
def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts one below the other."""
    return jnp.vsplit(x, indices_or_sections)


@operation
def vstack(xs: Any) -> Any:
    """Arrays one below the other."""
    return jnp.vstack(xs)


@operation
def view(x: Any, dtype: Any = None) -> Any:
    """The same bytes as another dtype."""
    return x if dtype is None else jnp.asarray(x).view(dtypes.canonical(dtype))


# Places


@operation
def argsort(x: Any, axis: int | None = -1) -> Any:
    """The places of the entries in order."""
    return jnp.argsort(x, axis)


@operation
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Places, those of the kth smallest entries first."""
    return jnp.argpartition(x, kth, axis)


@operation
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each integer is in x, or in each row of x.

    The result is as long as the largest integer wants, at least minlength. In a compiled function, where no value is
    known, it has the length minlength, and larger integers are not counted.
    """
    x = jnp.asarray(x)
    if not isinstance(x, jax.core.Tracer):
        length = builtins.max(int(np.asarray(x).max()) + 1 if x.size else 0, minlength)
    elif minlength > 0:
        length = minlength
    else:
        raise ValueError(
            "bincount: the length of the result depends on values, which a model or a compiled function does not know. "
            "Give the number of different integers as minlength=."
        )

    def count(row: Any, weights: Any = None) -> Any:
        return jnp.bincount(row, weights, length=length)

    rows = (x,) if weights is None else (x, weights)
    return jax.vmap(count)(*rows) if x.ndim == 2 else count(*rows)


@operation
def digitize(x: Any, bins: Any) -> Any:
    """The bin of each entry."""
    return jnp.digitize(x, jnp.asarray(bins)).astype("int32")


@operation
def get_item(x: Any, key: Any) -> Any:
    """`x[key]`; a part of a tuple that a function gave, too."""
    x = jnp.asarray(x) if type(x) is list else x
    return x[tuple(key) if isinstance(key, list) else key]


@operation
def histogram(x: Any, bins: int = 10, range: Any = None) -> Any:
    """How many entries are in each bin, and the bins."""
    return jnp.histogram(x, bins, range)


@operation
def nonzero(x: Any) -> Any:
    """The places of entries that are not 0."""
    return jnp.nonzero(x)


@operation
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values belong in a sorted sequence."""
    return jnp.searchsorted(sorted_sequence, values, side)


@operation
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The entries of the first choice whose condition holds."""
    return jnp.select(condlist, choicelist, default)


@operation
def sort(x: Any, axis: int = -1) -> Any:
    """The entries in order."""
    return jnp.sort(x, axis)


@operation
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The entries at given places."""
    return jnp.take(x, jnp.asarray(indices), axis)


@operation
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The entries at given places along an axis."""
    return jnp.take_along_axis(x, indices, axis)


@operation
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Each entry once, and on request the places of the first ones, where each entry went, and how many there are.

    A compiled function needs `size`, how many to give: further ones are cut off, missing ones are `fill_value`.
    """
    wanted = return_index, return_inverse, return_counts
    return jnp.unique(x, *wanted, axis, equal_nan=False, size=size, fill_value=fill_value, sorted=sorted)


@operation
def unravel_index(indices: Any, shape: Any) -> Any:
    """Places as one number for each axis."""
    return jnp.unravel_index(indices, shape)


@operation
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where a condition holds, else x2."""
    return jnp.where(condition, x1, x2)


# New arrays


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Numbers from start to stop."""
    return jnp.arange(start, stop, step, dtype)


def array(x: Any, dtype: Any = None) -> Any:
    """An array of numbers."""
    return jnp.asarray(x, dtype)


def empty(shape: Any, dtype: Any = None) -> Any:
    """Zeros."""
    return jnp.zeros(shape, dtype or dtypes.floatx())


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:  # noqa: N803, Keras's names
    """Ones on a diagonal."""
    return jnp.eye(N, M, k, dtype or dtypes.floatx())


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One number everywhere."""
    return jnp.full(shape, fill_value, dtype or dtypes.floatx())


@operation
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers at one ratio."""
    return jnp.geomspace(start, stop, num, endpoint, dtype, axis)


def identity(n: int, dtype: Any = None) -> Any:
    """The unit matrix."""
    return jnp.identity(n, dtype or dtypes.floatx())


@operation
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Numbers at one distance."""
    return jnp.linspace(start, stop, num, endpoint, retstep, dtype, axis)


@operation
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers at one ratio, between powers."""
    return jnp.logspace(start, stop, num, endpoint, base, dtype, axis)


def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones."""
    return jnp.ones(shape, dtype or dtypes.floatx())


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:  # noqa: N803, Keras's names
    """Ones on and below a diagonal."""
    return jnp.tri(N, M, k, dtype or dtypes.floatx())


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros."""
    return jnp.zeros(shape, dtype or dtypes.floatx())


def bartlett(x: Any) -> Any:
    """The triangular window of x numbers."""
    return jnp.bartlett(x).astype(dtypes.floatx())


def blackman(x: Any) -> Any:
    """The Blackman window of x numbers."""
    return jnp.blackman(x).astype(dtypes.floatx())


def hamming(x: Any) -> Any:
    """The Hamming window of x numbers."""
    return jnp.hamming(x).astype(dtypes.floatx())


def hanning(x: Any) -> Any:
    """The Hann window of x numbers."""
    return jnp.hanning(x).astype(dtypes.floatx())


def kaiser(x: Any, beta: Any) -> Any:
    """The Kaiser window of x numbers."""
    return jnp.kaiser(x, beta).astype(dtypes.floatx())


@operation
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One number everywhere, in the shape of an array."""
    return jnp.full_like(x, fill_value, dtype)


@operation
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones in the shape of an array."""
    return jnp.ones_like(x, dtype)


@operation
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of an array."""
    return jnp.zeros_like(x, dtype)


@operation
def empty_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of an array."""
    return jnp.zeros_like(x, dtype)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape) if hasattr(x, "shape") else jnp.ndim(x)


def size(x: Any) -> Any:
    """The number of entries; None for a symbolic tensor with a size that is not known."""
    shape = x.shape if hasattr(x, "shape") else jnp.shape(x)
    return None if None in shape else int(np.prod(shape))


def vectorize(pyfunc: Any, *, excluded: Any = None, signature: str | None = None) -> Any:
    """A function of entries as one of arrays."""
    return jnp.vectorize(pyfunc, excluded=excluded or set(), signature=signature)


def _as_float(x: Any) -> Any:
    """Integers and booleans as floats."""
    return x if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else jnp.asarray(x, dtypes.floatx())


def _accumulator(*operands: Any) -> str | None:
    """The dtype in which products are summed; None for that of the products."""
    return "int32" if builtins.all(jnp.result_type(x) == "int8" for x in operands) else None
