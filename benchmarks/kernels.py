"""Each kernel against its formula: `python -m benchmarks.kernels`, or with names of kernels.

A kernel runs with its gradient inside a loop over steps, as training has it, at the sizes of the workloads. What is
printed is the reference's time divided by that of the form which runs here, the median of several rounds in which the
two take turns: above 1, the form is faster.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.table import Table

from minidl import kernels
from minidl.kernels import reference

_SECONDS = 0.3  # approximate time of one measurement


class Case(NamedTuple):
    """One size of one kernel."""

    kernel: str
    workload: str
    call: Callable[..., Any]  # (the kernel, *arrays)
    shapes: Sequence[tuple[int, ...]]


def _conv(strides: int = 1) -> Callable[..., Any]:
    def call(conv: Any, x: Any, kernel: Any, bias: Any) -> Any:
        return conv(x, kernel, [strides] * 2, [(0, 0)] * 2, [1, 1], bias=bias)

    return call


def _same(window: int, axes: int = 2, **options: Any) -> Callable[..., Any]:
    """A convolution that keeps the sizes."""
    return lambda conv, x, kernel: conv(x, kernel, [1] * axes, [(window // 2,) * 2] * axes, [1] * axes, **options)


def _pool(kernel: Any, x: Any) -> Any:
    return kernel(x, (2, 2), (2, 2), [(0, 0)] * 2)


def _colors(materialized: Any, x: Any) -> Any:
    """Contrast, then three times what every channel has of all."""
    x = x - jnp.mean(x, (1, 2), keepdims=True)
    for _ in range(3):
        planes = jnp.split(materialized(x), 3, -1)
        spread = functools.reduce(jnp.maximum, planes) - functools.reduce(jnp.minimum, planes)
        hue = jnp.mod((planes[0] - planes[1]) / (1 + spread), 1)
        x = jnp.concatenate([jnp.clip(jnp.abs(6 * hue - i) - 1, 0, 1) + planes[2] for i in (1, 2, 3)], -1)
    return x


def _loop(loop: Any, x: Any, kernel: Any, recurrent: Any, one: Any, other: Any, *states: Any) -> Any:
    return loop(lambda part: part @ kernel, x, list(states), recurrent, (one, other), False)[0]


def _dropped(draw: Any, x: Any) -> Any:
    key = lax.bitcast_convert_type(x[0, :2], "uint32")  # different at each step
    return jnp.where(draw(key, 0.5, x.shape), x, 0)


def _recurrent(gates: int, states: int) -> list[tuple[int, ...]]:
    columns = gates * 64
    return [(80, 32, 64), (64, columns), (64, columns), (columns,), (columns,), *[(32, 64)] * states]


CASES = [
    Case("matmul", "mlp", lambda matmul, x, kernel: matmul(x, kernel), [(32, 100), (100, 64)]),
    Case("matmul", "mlp, last layer", lambda matmul, x, kernel: matmul(x, kernel), [(32, 64), (64, 10)]),
    Case("matmul", "mlp-256", lambda matmul, x, kernel: matmul(x, kernel), [(256, 100), (100, 64)]),
    Case("matmul", "mlp-2048", lambda matmul, x, kernel: matmul(x, kernel), [(2048, 100), (100, 64)]),
    Case("matmul_each", "transformer", lambda each, x, *ks: jnp.stack(each(x, ks)), [(32, 64, 64), *[(64, 64)] * 3]),
    Case("conv", "convnet, first", _conv(), [(128, 28, 28, 1), (3, 3, 1, 32), (32,)]),
    Case("conv", "convnet, second", _conv(), [(128, 13, 13, 32), (3, 3, 32, 64), (64,)]),
    Case("conv", "strided", _conv(2), [(32, 16, 16, 32), (3, 3, 32, 64), (64,)]),
    Case("conv", "1x1", _conv(), [(32, 16, 16, 32), (1, 1, 32, 64), (64,)]),
    Case("conv", "5x5", _conv(), [(32, 28, 28, 8), (5, 5, 8, 16), (16,)]),
    Case(
        "conv_transpose",
        "autoencoder",
        lambda conv, x, kernel: conv(x, kernel, [2, 2], [(2, 2)] * 2, [1, 1]),
        [(32, 14, 14, 16), (3, 3, 8, 16)],
    ),
    Case("conv", "8 groups", _same(3, groups=8), [(32, 16, 16, 64), (3, 3, 8, 64)]),
    Case("conv", "conv3d", _same(3, axes=3), [(16, 8, 12, 12, 8), (3, 3, 3, 8, 16)]),
    Case("depthwise_conv", "3x3", _same(3), [(32, 16, 16, 32), (3, 3, 32, 1)]),
    Case("depthwise_conv", "7x7", _same(7), [(32, 8, 8, 64), (7, 7, 64, 1)]),
    Case("materialized", "colors", _colors, [(64, 32, 32, 3)]),
    Case("max_pool", "convnet", _pool, [(128, 26, 26, 32)]),
    Case("max_pool", "overlapping", lambda pool, x: pool(x, (3, 3), (1, 1), [(1, 1)] * 2), [(32, 16, 16, 80)]),
    Case("average_pool", "lenet", _pool, [(32, 28, 28, 6)]),
    Case("lstm", "lstm", _loop, _recurrent(4, 2)),
    Case("gru", "gru", _loop, _recurrent(3, 1)),
    Case("attention", "transformer", lambda attention, *qkv: attention(*qkv, None), [(32, 4, 64, 16)] * 3),
    Case(
        "normalize",
        "convnet-bn",
        lambda normalize, x, gamma, beta: normalize(x, gamma, beta, (0, 1, 2), 1e-3),
        [(128, 26, 26, 32), (1, 1, 1, 32), (1, 1, 1, 32)],
    ),
    Case(
        "normalize",
        "transformer",
        lambda normalize, x, gamma, beta: normalize(x, gamma, beta, (2,), 1e-3),
        [(32, 64, 64), (1, 1, 64), (1, 1, 64)],
    ),
    Case("bernoulli", "dropout", _dropped, [(128, 512)]),
]


def program(kernel: Callable[..., Any], case: Case, is_reference: bool) -> Any:
    """A compiled loop: (number of steps, arrays) -> arrays, each step with the gradient of the call."""

    def loss(arrays: Any) -> Any:
        return jnp.sum(jnp.sin(case.call(kernel, *arrays)))

    def step(_: Any, arrays: Any) -> Any:
        return [x - 1e-6 * change for x, change in zip(arrays, jax.grad(loss)(arrays))]

    def run(count: Any, arrays: Any) -> Any:
        return lax.fori_loop(0, count, step, arrays)

    needs = kernels.needs_barriers(jax.make_jaxpr(run)(1, arrays_of(case)))
    return jax.jit(run, compiler_options={} if is_reference else kernels.compiler_options("train", needs))


def arrays_of(case: Case) -> list[jax.Array]:
    """Arrays of random numbers."""
    random = np.random.default_rng(0)
    return [jnp.asarray(0.1 * random.standard_normal(shape, dtype="float32")) for shape in case.shapes]


def ratio(case: Case, rounds: int) -> tuple[float, float]:
    """The reference's time divided by the form's, and the form's milliseconds a step."""
    runs = [program(getattr(reference, case.kernel), case, True), program(kernels.form(case.kernel), case, False)]
    arrays = arrays_of(case)
    seconds = [timed(run, 1, arrays) and timed(run, 3, arrays) / 3 for run in runs]  # the first call compiles
    count = max(1, int(_SECONDS / max(seconds)))
    measured = [[timed(run, count, arrays) / count for run in runs] for _ in range(rounds)]
    return statistics.median(one / other for one, other in measured), 1e3 * statistics.median(m for _, m in measured)


def timed(run: Any, count: int, arrays: Any) -> float:
    """The seconds that a number of steps take."""
    start = time.perf_counter()
    jax.block_until_ready(run(count, arrays))
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description="Kernels against the reference.")
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    table = Table("kernel", "workload", "reference / form", "ms a step", title=f"on {kernels.platform()}")
    for case in CASES:
        if not options.kernels or case.kernel in options.kernels:
            times, milliseconds = ratio(case, options.rounds)
            table.add_row(case.kernel, case.workload, f"{times:.2f}", f"{milliseconds:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
