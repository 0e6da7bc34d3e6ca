"""The forms of a convolution on the CPU, over a grid of shapes: `python -m benchmarks.convolutions`.

For each shape the milliseconds of XLA's convolution (`direct_conv`: of two positions at a time for few uneven filters),
of a product of patches, and of what minidl chooses: one of them, or one of them for several positions at a time. Inside
a loop, with both gradients and without. The fastest of many runs counts, so that other load matters less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.table import Table

from minidl import kernels
from minidl.kernels import windows
from minidl.kernels.cpu import conv, direct_conv
from minidl.kernels.cpu.geometry import Geometry

_STEPS, _RUNS, _SECONDS = 4, 15, 0.02  # of a loop; of a measurement, and how long each of them takes at least


class Shape(NamedTuple):
    """A convolution of images with equal edges, padded to keep their size."""

    images: int
    edge: int
    channels: int
    filters: int
    window: int
    stride: int = 1
    rank: int = 2

    @property
    def padding(self) -> windows.Pads:
        """Zeros before and after each axis."""
        rank = self.rank
        return windows.pads("same", [self.edge] * rank, [self.window] * rank, [self.stride] * rank, [1] * rank)


_BLOCKS = [(32, 16, 32, 64, 2), (32, 64, 3, 32, 4), (8, 64, 3, 64, 16)]  # windows as wide as the strides
SHAPES = [
    *(Shape(32, 32, channels, 16, 3) for channels in (1, 3, 4, 8, 16, 32)),
    *(Shape(32, 16, 32, filters, 3) for filters in (8, 16, 32, 64)),
    *(Shape(32, 16, channels, 32, 5) for channels in (1, 3, 8, 16, 32)),
    *(Shape(32, 32, channels, 32, 3, 2) for channels in (3, 8, 16, 32)),
    *(Shape(images, 13, 32, 64, 3) for images in (8, 32, 64, 128, 256)),
    *(Shape(32, edge, 64, 64, 3) for edge in (4, 8, 16)),
    *(Shape(32, 32, 3, filters, 3) for filters in (8, 24, 32, 64)),
    *(Shape(32, 28, channels, 6, 5) for channels in (1, 3)),
    *(Shape(32, 14, channels, 16, 5) for channels in (6, 12)),
    *(Shape(32, 16, 48, filters, 3) for filters in (3, 12, 20)),
    Shape(128, 28, 1, 32, 3),
    Shape(32, 64, 3, 32, 7, 2),
    Shape(32, 16, 32, 64, 1),
    Shape(32, 16, 32, 64, 1, 2),
    *(Shape(*sizes, window, window) for *sizes, window in _BLOCKS),
    Shape(32, 45, 16, 16, 3, 4),
    Shape(32, 80, 64, 64, 4, 4, rank=1),
    Shape(8, 16, 1, 16, 4, 4, rank=3),
    *(Shape(32, 80, 64, 64, width, rank=1) for width in (3, 5)),
    Shape(32, 200, 64, 128, 7, rank=1),
    Shape(8, 16, 1, 16, 3, rank=3),
    Shape(8, 16, 16, 32, 3, rank=3),
]


def main() -> None:
    """Measure all shapes, and print a line for each."""
    table = Table("images", "edge", "channels", "filters", "window", "stride", "axes", *_COLUMNS, box=None)
    for shape in SHAPES:
        table.add_row(*map(str, shape), *(f"{value:.2f}" for value in measured(shape)))
    Console(width=120).print(table)


_COLUMNS = ("train: XLA", "product", "minidl", "infer: XLA", "product", "minidl")


def measured(shape: Shape) -> Iterator[float]:
    """The milliseconds of a step: of the three forms with gradients, then without."""
    rank = shape.rank
    random = np.random.default_rng(0)
    x = random.standard_normal((shape.images, *[shape.edge] * rank, shape.channels), dtype="float32")
    kernel = random.standard_normal((*[shape.window] * rank, shape.channels, shape.filters), dtype="float32") / 100
    geometry = Geometry.of(x, kernel.shape[:-2], [shape.stride] * rank, shape.padding, [1] * rank)
    chosen = lambda x, kernel, _: conv.conv(x, kernel, *geometry[2:])  # noqa: E731
    direct = direct_conv.conv if rank < 3 else chosen  # as images
    for trains in (True, False):
        for form in (direct, conv.product, chosen):
            yield _milliseconds(_loop(lambda x, kernel, form=form: form(x, kernel, geometry), trains), x, kernel)


def _loop(call: Callable[..., Any], trains: bool) -> Any:
    def step(_: Any, carry: Any) -> Any:
        if trains:
            gradients = jax.grad(lambda *arrays: jnp.sum(jax.nn.relu(call(*arrays)) ** 2), (0, 1))(*carry)
            return jax.tree.map(lambda value, gradient: value - 1e-6 * gradient, carry, gradients)
        return carry[0] * (1 + 1e-12 * jnp.sum(call(*carry))), carry[1]

    def run(x: Any, kernel: Any) -> Any:
        return lax.fori_loop(0, _STEPS, step, (x, kernel))

    return jax.jit(run, compiler_options=kernels.compiler_options("train" if trains else "predict", True))


def _milliseconds(function: Any, *args: Any) -> float:
    jax.block_until_ready(function(*args))
    start = time.perf_counter()
    jax.block_until_ready(function(*args))
    repeats, fastest = int(_SECONDS / (time.perf_counter() - start)) + 1, float("inf")
    for _ in range(_RUNS):
        start = time.perf_counter()
        for _ in range(repeats):
            outputs = function(*args)
        jax.block_until_ready(outputs)
        fastest = min(fastest, (time.perf_counter() - start) / repeats / _STEPS)
    return fastest * 1e3


if __name__ == "__main__":
    main()
