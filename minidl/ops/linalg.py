"""Linear algebra: Keras's names for functions of `jax.numpy.linalg`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl.ops.operation import operation, unary

det = unary(jnp.linalg.det, "linalg")
inv = unary(jnp.linalg.inv, "linalg")
lu_factor = unary(jax.scipy.linalg.lu_factor, "linalg")
slogdet = unary(jnp.linalg.slogdet, "linalg")


@operation
def cholesky(x: Any, upper: bool = False) -> Any:
    """The triangular factor of a positive definite matrix."""
    return jnp.linalg.cholesky(x, upper=upper)


@operation
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of the matrix with a given triangular factor."""
    return jax.scipy.linalg.cho_solve((x, not upper), jnp.eye(x.shape[-1], dtype=x.dtype))


@operation
def eig(x: Any) -> Any:
    """Eigenvalues and eigenvectors."""
    return tuple(jnp.linalg.eig(x))


@operation
def eigh(x: Any) -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    return tuple(jnp.linalg.eigh(x))


def jvp(fun: Any, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """What a function gives, and how much it changes along tangents, as `jax.jvp`."""
    return jax.jvp(fun, primals, tangents, has_aux)


@operation
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The least squares solution of a x = b."""
    return jnp.linalg.lstsq(a, b, rcond)[0]


@operation
def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """How many singular values are above tol."""
    return jnp.linalg.matrix_rank(x, tol=tol).astype("int32")


@operation
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The length of vectors or matrices."""
    return jnp.linalg.norm(x, ord, tuple(axis) if isinstance(axis, list) else axis, keepdims)


@operation
def pinv(x: Any, rcond: float | None = None) -> Any:
    """The pseudo-inverse."""
    return jnp.linalg.pinv(x, rcond)


@operation
def qr(x: Any, mode: str = "reduced") -> Any:
    """The factors Q and R."""
    return tuple(jnp.linalg.qr(x, mode))


@operation
def solve(a: Any, b: Any) -> Any:
    """The solution of a x = b."""
    return jnp.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else jnp.linalg.solve(a, b)


@operation
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """The solution of a x = b for a triangular a."""
    if b.ndim == a.ndim - 1:
        return jax.scipy.linalg.solve_triangular(a, b[..., None], lower=lower)[..., 0]
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@operation
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular values, with the factors around them."""
    result = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result
