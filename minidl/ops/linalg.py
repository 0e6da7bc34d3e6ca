"""Linear algebra: functions of `jax.numpy.linalg` under Keras's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.typing import Array, ArrayLike, PyTree
from minidl.ops.operation import operation, unary

det = unary(jnp.linalg.det, "linalg")
inv = unary(jnp.linalg.inv, "linalg")
lu_factor = unary(jax.scipy.linalg.lu_factor, "linalg")
slogdet = unary(jnp.linalg.slogdet, "linalg")


@operation
def cholesky(x: ArrayLike, upper: bool = False) -> Array:
    """Cholesky decomposition of a positive definite matrix: its triangular factor."""
    return jnp.linalg.cholesky(_square("cholesky", x), upper=upper)


@operation
def cholesky_inverse(x: Array, upper: bool = False) -> Array:
    """Inverse of a matrix from its Cholesky factor."""
    return jax.scipy.linalg.cho_solve((x, not upper), jnp.eye(x.shape[-1], dtype=x.dtype))


@operation
def eig(x: ArrayLike) -> tuple[Array, ...]:
    """Eigenvalues and eigenvectors of a square matrix."""
    return tuple(jnp.linalg.eig(_square("eig", x)))


@operation
def eigh(x: ArrayLike) -> tuple[Array, ...]:
    """Eigenvalues and eigenvectors of a symmetric (Hermitian) matrix."""
    return tuple(jnp.linalg.eigh(_square("eigh", x)))


def jvp(fun: Callable[..., PyTree], primals: PyTree, tangents: PyTree, has_aux: bool = False) -> tuple[PyTree, ...]:
    """Jacobian-vector product (forward-mode derivative), with the value of the function; see `jax.jvp`."""
    return jax.jvp(fun, primals, tangents, has_aux)


@operation
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> Array:
    """Least-squares solution of a x = b."""
    return jnp.linalg.lstsq(a, b, rcond)[0]


@operation
def matrix_rank(x: ArrayLike, tol: float | None = None) -> Array:
    """Matrix rank: the number of singular values above tol."""
    return jnp.linalg.matrix_rank(x, tol=tol).astype("int32")


@operation
def norm(x: ArrayLike, ord: int | str | None = None, axis: Any = None, keepdims: bool = False) -> Array:
    """Vector or matrix norm."""
    return jnp.linalg.norm(x, ord, tuple(axis) if isinstance(axis, list) else axis, keepdims)


@operation
def pinv(x: ArrayLike, rcond: float | None = None) -> Array:
    """Moore-Penrose pseudo-inverse of a matrix."""
    return jnp.linalg.pinv(x, rcond)


@operation
def qr(x: ArrayLike, mode: str = "reduced") -> tuple[Array, ...]:
    """QR decomposition of a matrix: (q, r), with as many columns in q as rows in r.

    Args:
        x: a matrix, or a batch of them.
        mode: "reduced" for an r of min(rows, columns) rows, "complete" for a square q.

    Raises:
        ValueError: another mode.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f'qr: mode must be "reduced" or "complete", got {mode!r}.')
    return tuple(jnp.linalg.qr(x, mode))


@operation
def solve(a: Array, b: Array) -> Array:
    """Solve the linear system a x = b."""
    return jnp.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else jnp.linalg.solve(a, b)


@operation
def solve_triangular(a: Array, b: Array, lower: bool = False) -> Array:
    """Solve the linear system a x = b for a triangular matrix a."""
    if b.ndim == a.ndim - 1:
        return jax.scipy.linalg.solve_triangular(a, b[..., None], lower=lower)[..., 0]
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@operation
def svd(x: ArrayLike, full_matrices: bool = True, compute_uv: bool = True) -> Array | tuple[Array, ...]:
    """Singular value decomposition: (u, s, v) with x = u diag(s) v; s alone if compute_uv is False."""
    result = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


def _square(function: str, x: ArrayLike) -> Array:
    """A square matrix, or a batch of them.

    Raises:
        ValueError: it is not.
    """
    x = jnp.asarray(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{function}: expected square matrices (..., n, n), got the shape {x.shape}.")
    return x
