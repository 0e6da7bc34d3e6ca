"""The matrix product of layers, with a gradient that is fast on the CPU.

The gradient of a kernel is `x.T @ g`, where g is that of the output. XLA's CPU backend is slow where g has few columns:
there `(g.T @ x).T` is up to 2 times as fast, with ten columns up to 4. It is slow to read a small factor by its columns
too, so that one is first transposed in memory: a small classifier's step is 4% faster. Values and derivatives (forward
and reverse) are those of `@`; only the order of the operations differs.

For the same reason the training loop carries narrow kernels transposed. A kernel of shape (64, 10) has rows of ten
numbers, too short for vector instructions, so that its optimizer update takes six times as long as it
should, and the product for its gradient twice: a small classifier's step is 8% faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array

NARROW = 16  # float32 numbers in the widest vector registers: shorter rows do not fill them
_SMALL, _LARGE = 2**20, 2**22  # multiplications; large products are multithreaded, and read columns as fast
_FEW_COLUMNS = 64  # of a product of more rows; up to here it is faster transposed, which costs a copy of it
_LONG = 8  # numbers that each element sums, by the number of columns; from here on that copy is worth it
_MANY_ROWS = 1024  # above, one product with concatenated kernels is faster than several


def matmul(x: Array, kernel: Array) -> Array:
    if x.ndim < 2:
        return jnp.matmul(x, kernel)
    dtype = jnp.result_type(x, kernel)
    rows = x.astype(dtype).reshape(-1, x.shape[-1])
    return _product(rows, kernel.astype(dtype)).reshape(*x.shape[:-1], kernel.shape[1])


def matmul_each(x: Array, kernels: Sequence[Any]) -> list[Any]:
    if math.prod(x.shape[:-1]) < _MANY_ROWS:
        return [matmul(x, kernel) for kernel in kernels]
    ends, joined = [0], matmul(x, jnp.concatenate(kernels, axis=1))
    for kernel in kernels:
        ends.append(ends[-1] + kernel.shape[1])
    return [joined[..., begin:end] for begin, end in zip(ends, ends[1:])]


def is_carried_transposed(weight: Array) -> bool:
    return weight.ndim == 2 and weight.shape[1] < NARROW <= weight.shape[0]


@jax.custom_jvp
def _product(x: Array, kernel: Array) -> Any:
    """(rows, features) @ (features, units)."""
    return lax.dot(x, kernel)  # as `@`, traced in half the time


@_product.defjvp
def _derivative(primals: Any, tangents: Any) -> Any:
    (x, kernel), (d_x, d_kernel) = primals, tangents
    return lax.dot(x, kernel), lax.dot(d_x, kernel) + _of_kernel(x, d_kernel)


def _of_kernel(x: Array, d_kernel: Any) -> Any:
    """`x @ d_kernel`, written so that reverse mode, which transposes it, computes the kernel's gradient fast.

    It becomes `(g.T @ x).T` if there are few units, of which a small one has g transposed in memory, and
    `transpose(x) @ g`, with x transposed in memory, if it is small and has more units.
    """
    (rows, features), units = x.shape, d_kernel.shape[1]
    size = rows * features * units
    if size <= _SMALL and units < NARROW:
        return lax.optimization_barrier(lax.dot(d_kernel.T, x.T)).T
    if _is_faster_transposed(rows, features, units):
        return lax.dot_general(lax.optimization_barrier(d_kernel.T), x, (((1,), (1,)), ((), ()))).T
    is_middle = NARROW <= features <= rows and units >= NARROW  # otherwise transposing x is not worth it
    if size > _LARGE or (size > _SMALL and not is_middle):
        return lax.dot(x, d_kernel)
    return _contracted(lax.optimization_barrier(x.T), d_kernel)


def contract_first(a: Array, b: Array) -> Any:
    """(k, m), (k, n) -> (m, n)."""
    summed, rows = a.shape
    if _is_faster_transposed(summed, rows, b.shape[1]):
        return lax.optimization_barrier(_contracted(b, a)).T
    return _contracted(a, b)


def _is_faster_transposed(summed: int, rows: int, columns: int) -> bool:
    """Whether a product, a sum of so many numbers for each of its elements, is faster with rows and columns swapped."""
    is_worth_it = summed >= _LONG * columns or columns < NARROW  # narrow kernels are carried transposed
    return is_worth_it and columns <= _FEW_COLUMNS and 2 * columns <= rows


def _contracted(a: Array, b: Array) -> Any:
    return lax.dot_general(a, b, (((0,), (0,)), ((), ())))
