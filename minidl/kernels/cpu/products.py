"""The products of convolutions as operations of JAX whose gradients are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

# jax.extend imports Pallas, which adds to JAX's tracing context: all functions would be traced and compiled again.
from jax._src.core import Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

from minidl.core.typing import Array
from minidl.kernels.cpu.geometry import Geometry

Product: TypeAlias = Callable[[Array, Array, Geometry], Any]  # linear in each array


def same_dtype(x: Array, kernel: Array) -> tuple[Array, Array]:
    """Both in the dtype of their product."""
    dtype = jnp.result_type(x, kernel)
    return x.astype(dtype), kernel.astype(dtype)


def products(name: str, outputs: Product, of_input: Product, of_kernel: Product) -> tuple[Product, Product, Product]:
    """The three products of a convolution as operations of JAX, which knows that each is a gradient of the others.

    So gradients of any order, in reverse and forward mode, are computed in these forms.

    Args:
        name: of the first one in JAX's programs.
        outputs: (x, kernel, geometry) -> the outputs.
        of_input: (g, kernel, geometry) -> the gradient of `x`, of that of the outputs.
        of_kernel: (x, g, geometry) -> the gradient of `kernel`, likewise.
    """
    of_x = _Operation(name, outputs)
    of_g = _Operation(f"{name}_of_input", of_input)
    of_k = _Operation(f"{name}_of_kernel", of_kernel)
    gradients: list[tuple[Product, Product]] = [
        (lambda g, kernel, to: of_g(g, kernel, to), lambda x, g, to: of_k(x, g, to)),
        (lambda x, kernel, to: of_x(x, kernel, to), lambda g, x, to: of_k(x, g, to)),
        (lambda kernel, g, to: of_g(g, kernel, to), lambda x, kernel, to: of_x(x, kernel, to)),
    ]
    for operation, (of_first, of_second) in zip((of_x, of_g, of_k), gradients):
        ad.defbilinear(
            operation.primitive,
            lambda g, _, other, geometry, traced, gradient=of_first: gradient(g, other, geometry),
            lambda g, one, _, geometry, traced, gradient=of_second: gradient(one, g, geometry),
        )
    return of_x, of_g, of_k


def linear(name: str, apply: Product, transposed: Product) -> Product:
    """A function that is linear in its first array and not differentiated by the second, with its transposed function.

    Args:
        name: of the operation in JAX's programs.
        apply: (x, other, geometry) -> the outputs.
        transposed: (g, other, geometry) -> the gradient of `x`, of that of the outputs.
    """
    forward, back = _Operation(name, apply), _Operation(f"{name}_transposed", transposed)
    for operation, of_first in ((forward, back), (back, forward)):
        gradient = lambda g, _, other, geometry, traced, of_first=of_first: of_first(g, other, geometry)  # noqa: E731
        ad.defbilinear(operation.primitive, gradient, None)
    return forward


class _Operation:
    """A primitive of JAX that computes a product.

    Args:
        name: its name in programs.
        product: what it computes.
    """

    def __init__(self, name: str, product: Product):
        self._product = product
        self._compiled = jax.jit(product, static_argnums=2)
        self.primitive = primitive = Primitive(name)
        primitive.def_impl(lambda one, other, geometry, traced: self._compiled(one, other, geometry))
        primitive.def_abstract_eval(lambda one, other, geometry, traced: traced.out_avals[0])
        batching.primitive_batchers[primitive] = self._batched
        computed = lambda one, other, geometry, traced: jaxpr_as_fun(traced)(one, other)[0]  # noqa: E731
        mlir.register_lowering(primitive, mlir.lower_fun(computed, multiple_results=False))

    def __call__(self, one: Array, other: Array, geometry: Geometry) -> Any:
        """Compute the product. In a function that is traced it is traced too, to show what it needs of the compiler."""
        if not any(isinstance(array, jax.core.Tracer) for array in (one, other)):
            return self._compiled(one, other, geometry)
        traced = self._compiled.trace(one, other, geometry).jaxpr
        return self.primitive.bind(one, other, geometry=geometry, traced=traced)

    def _batched(self, arrays: Any, axes: Any, geometry: Geometry, traced: Any) -> tuple[Any, int]:
        return jax.vmap(lambda one, other: self._product(one, other, geometry), axes)(*arrays), 0
