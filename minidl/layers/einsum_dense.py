"""EinsumDense: a dense layer over any axes, said by an equation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np  # noqa: F401, used by the examples

from minidl import activations, regularizers
from minidl.core.symbolic import Shape
from minidl.core.typing import Array, Config, Identifier
from minidl.initializers.draws import VarianceScaling
from minidl.kernels import matmul
from minidl.layers import weight_options
from minidl.layers.input_spec import InputSpec
from minidl.layers.lora import LowRank


class EinsumDense(LowRank):
    """Computes `activation(einsum(equation, x, kernel) + bias)`.

    Args:
        equation: such as "abc,cd->abd": the axes of the input, of the kernel and of the output. "..." may stand for
            axes in front of the input and the output, or behind them.
        output_shape: the shape of the output without the batch and what "..." stands for; None for sizes that
            follow from the input.
        activation: name or function applied to the result; None for none.
        bias_axes: the axes of the output that have a bias, such as "d"; None for no bias.
        kernel_initializer: of the kernel.
        bias_initializer: of the bias.
        kernel_regularizer: function of the kernel that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        bias_constraint: function applied to the bias after each update.
        **kwargs: `lora_rank` and `lora_alpha`, see `LowRank`; and see `Layer`.

    Input shape: as in the equation.
    Output shape: as in the equation.

    Raises:
        ValueError: an equation that is none, or that does not go with the shapes.

    Example:
    >>> EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")(np.ones((2, 32, 128))).shape
    (2, 32, 64)
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Identifier = None,
        bias_axes: str | None = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        weight_options.take(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Shape) -> None:
        axes = _Axes.of(self.equation, tuple(input_shape), self.partial_output_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        self._kernel = weight_options.make(self, "kernel", axes.kernel_shape(), self._scaled_by(axes))
        self.bias = None
        if self.bias_axes is not None:
            self.bias = weight_options.make(self, "bias", axes.bias_shape(self.bias_axes))
        self.begin_lora()

    @property
    def kernel(self) -> Any:
        """The kernel; AttributeError before the layer is built."""
        return self.weight_or_sum()

    def call(self, inputs: Array) -> Array:
        outputs = einsum(self.equation, inputs, self.effective_weight())
        if self.bias is not None:
            outputs = outputs + self.bias.value
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            **weight_options.config(self, "kernel", "bias"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **self.lora_config(),
        }

    def _scaled_by(self, axes: _Axes) -> Any:
        """The kernel's initializer; one that scales by the fans takes them from the equation."""
        found: Any = getattr(self, "kernel_initializer")  # noqa: B009, set by weight_options
        if not isinstance(found, VarianceScaling) or not (found.input_axes is None or found.output_axes is None):
            return found
        inputs, outputs = axes.fans()
        config = {**found.get_config(), "seed": found.seed, "input_axes": inputs, "output_axes": outputs}
        return type(found).from_config(config)


def einsum(equation: str, x: Any, kernel: Any) -> Any:
    """`jnp.einsum`, as one product of matrices where the equation is one.

    That is so where the axes that are summed over are the last of x and the first of the kernel, in one order.

    >>> einsum("abc,cde->abde", jnp.ones((2, 3, 4)), jnp.ones((4, 5, 6))).shape
    (2, 3, 5, 6)
    """
    left, weights, right = _split(equation)
    summed = [axis for axis in weights if axis in left and axis not in right]
    count = len(summed)
    free = left.removesuffix("".join(summed))
    if count and left == free + "".join(summed) and right == free + weights[count:]:
        features = math.prod(kernel.shape[:count])
        product = matmul(x.reshape(*x.shape[: x.ndim - count], features), kernel.reshape(features, -1))
        return product.reshape(*product.shape[:-1], *kernel.shape[count:])
    return jnp.einsum(equation, x, kernel)


class _Axes(NamedTuple):
    """The letters of an equation, "..." left out, and the sizes of the input's and the output's axes."""

    kernel: str
    output: str
    given: dict[str, int | None]  # of the input
    made: dict[str, int | None]  # of the output
    behind: int  # how many axes "..." stands for at the end

    @classmethod
    def of(cls, equation: str, input_shape: Shape, output_shape: Shape) -> _Axes:
        left, kernel, right = _split(equation)
        front, back = left.startswith("0"), left.endswith("0")
        left, right = left.strip("0"), right.strip("0")
        elided = len(input_shape) - len(left)
        if elided < 0 or (elided and not (front or back)):
            raise ValueError(
                f"EinsumDense: the equation {equation!r} does not go with an input of shape {input_shape}."
            )
        given = dict(zip(left, input_shape[elided:] if front else input_shape))
        # The output as a whole: the batch and what is elided come from the input.
        head = input_shape[:elided] if front and elided else input_shape[:1]
        whole = (*head, *output_shape) if front else (*input_shape[:1], *output_shape, *input_shape[len(left) :])
        made = dict(zip(right, whole[elided:] if front else whole))
        for axis in left:
            if axis in made and made[axis] is not None and made[axis] != given[axis]:
                raise ValueError(
                    f"EinsumDense: axis {axis!r} of {equation!r} has size {given[axis]} in the input of shape "
                    f"{input_shape}, but {made[axis]} in the output of shape {output_shape}."
                )
        if unknown := [axis for axis in kernel if axis not in given and axis not in made]:
            raise ValueError(f"EinsumDense: axes {unknown} of the kernel are in no other part of {equation!r}.")
        if unknown := [axis for axis in right if axis not in given and axis not in kernel]:
            raise ValueError(f"EinsumDense: axes {unknown} of the output are in no other part of {equation!r}.")
        return cls(kernel, right, given, made, elided if back else 0)

    def kernel_shape(self) -> list[Any]:
        return [self.made[axis] if axis in self.made else self.given[axis] for axis in self.kernel]

    def bias_shape(self, bias_axes: str) -> list[Any]:
        if unknown := [axis for axis in bias_axes if axis not in self.output]:
            raise ValueError(f"EinsumDense: bias_axes {unknown} are not among the axes {self.output!r} of the output.")
        first = min(self.output.find(axis) for axis in bias_axes)
        return [self.made[axis] if axis in bias_axes else 1 for axis in self.output[first:]] + [1] * self.behind

    def fans(self) -> tuple[list[int], list[int]]:
        """The kernel's axes that are summed over, and the others."""
        outputs = [i for i, axis in enumerate(self.kernel) if axis in self.made]
        return [i for i in range(len(self.kernel)) if i not in outputs], outputs


def _split(equation: str) -> tuple[str, str, str]:
    """The three parts, with "0" for "..."."""
    found = re.fullmatch(
        r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)|(0[a-zA-Z]+),([a-zA-Z]+)->(0[a-zA-Z]+)|"
        r"([a-zA-Z]{2,}0),([a-zA-Z]+)->([a-zA-Z]+0)",
        equation.replace("...", "0"),
    )
    if found is None:
        raise ValueError(f"EinsumDense: {equation!r} is no equation. Write one like 'abc,cd->abd' or '...b,bc->...c'.")
    left, kernel, right = (part for part in found.groups() if part is not None)
    return left, kernel, right
