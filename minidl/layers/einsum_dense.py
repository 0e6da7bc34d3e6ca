"""EinsumDense: a dense layer given by an einsum equation."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np  # noqa: F401, used by the examples

from minidl import activations, regularizers
from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.initializers.draws import VarianceScaling
from minidl.kernels import matmul
from minidl.layers import weight_options
from minidl.layers.input_spec import InputSpec
from minidl.layers.lora import LowRank


class EinsumDense(LowRank):
    """Dense layer given by an einsum equation: `activation(einsum(equation, x, kernel) + bias)`.

    Args:
        equation: such as "abc,cd->abd": the axes of the input, the kernel and the output. An ellipsis "..." is
            allowed at the start or at the end of the input and the output.
        output_shape: the shape of the output without the batch and the axes of the ellipsis; None for sizes
            that are those of the input.
        activation: name or function applied to the result; None for no activation.
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
        ValueError: an invalid equation, or one that does not match the shapes.

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
        self._kernel = weight_options.make(self, "kernel", axes.kernel_shape(), self._initializer_with_fans(axes))
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

    def _initializer_with_fans(self, axes: _Axes) -> Callable[..., Any]:
        """The kernel's initializer; one that scales by the fans gets them from the equation."""
        initializer: Any = getattr(self, "kernel_initializer")  # noqa: B009, set by weight_options
        fixed = isinstance(initializer, VarianceScaling) and None not in (
            initializer.input_axes,
            initializer.output_axes,
        )
        if not isinstance(initializer, VarianceScaling) or fixed:
            return initializer
        inputs, outputs = axes.fans()
        config = {**initializer.get_config(), "seed": initializer.seed, "input_axes": inputs, "output_axes": outputs}
        return type(initializer).from_config(config)


def einsum(equation: str, x: Array, kernel: Array) -> Array:
    """`jnp.einsum`, as one matrix product where possible.

    That is where the contracted axes are the last of x and the first of the kernel, in the same order.

    >>> einsum("abc,cde->abde", jnp.ones((2, 3, 4)), jnp.ones((4, 5, 6))).shape
    (2, 3, 5, 6)
    """
    left, weights, right = _split(equation)
    contracted = [axis for axis in weights if axis in left and axis not in right]
    count = len(contracted)
    free = left.removesuffix("".join(contracted))
    if count and left == free + "".join(contracted) and right == free + weights[count:]:
        features = math.prod(kernel.shape[:count])
        product = matmul(x.reshape(*x.shape[: x.ndim - count], features), kernel.reshape(features, -1))
        return product.reshape(*product.shape[:-1], *kernel.shape[count:])
    return jnp.einsum(equation, x, kernel)


class _Axes(NamedTuple):
    """The axes of an equation, without the ellipsis, and the sizes of the input's and the output's axes."""

    kernel: str
    output: str
    input_sizes: dict[str, int | None]
    output_sizes: dict[str, int | None]
    trailing: int  # number of axes of an ellipsis at the end

    @classmethod
    def of(cls, equation: str, input_shape: Shape, output_shape: Shape) -> _Axes:
        left, kernel, right = _split(equation)
        front, back = left.startswith("0"), left.endswith("0")
        left, right = left.strip("0"), right.strip("0")
        elided = len(input_shape) - len(left)
        if elided < 0 or (elided and not (front or back)):
            raise ValueError(f"EinsumDense: the equation {equation!r} does not match an input of shape {input_shape}.")
        input_sizes = dict(zip(left, input_shape[elided:] if front else input_shape))
        # The whole output shape: the batch and the axes of the ellipsis are those of the input.
        head = input_shape[:elided] if front and elided else input_shape[:1]
        whole = (*head, *output_shape) if front else (*input_shape[:1], *output_shape, *input_shape[len(left) :])
        output_sizes = dict(zip(right, whole[elided:] if front else whole))
        for axis in left:
            if axis in output_sizes and output_sizes[axis] is not None and output_sizes[axis] != input_sizes[axis]:
                raise ValueError(
                    f"EinsumDense: axis {axis!r} of {equation!r} has size {input_sizes[axis]} in the input of shape "
                    f"{input_shape}, but {output_sizes[axis]} in the output of shape {output_shape}."
                )
        if unknown := [axis for axis in kernel if axis not in input_sizes and axis not in output_sizes]:
            raise ValueError(f"EinsumDense: axes {unknown} of the kernel are in no other term of {equation!r}.")
        if unknown := [axis for axis in right if axis not in input_sizes and axis not in kernel]:
            raise ValueError(f"EinsumDense: axes {unknown} of the output are in no other term of {equation!r}.")
        return cls(kernel, right, input_sizes, output_sizes, elided if back else 0)

    def kernel_shape(self) -> list[Any]:
        return [
            self.output_sizes[axis] if axis in self.output_sizes else self.input_sizes[axis] for axis in self.kernel
        ]

    def bias_shape(self, bias_axes: str) -> list[Any]:
        if unknown := [axis for axis in bias_axes if axis not in self.output]:
            raise ValueError(f"EinsumDense: bias_axes {unknown} are not among the axes {self.output!r} of the output.")
        first = min(self.output.find(axis) for axis in bias_axes)
        return [self.output_sizes[axis] if axis in bias_axes else 1 for axis in self.output[first:]] + [
            1
        ] * self.trailing

    def fans(self) -> tuple[list[int], list[int]]:
        """The contracted axes of the kernel, and the others."""
        outputs = [i for i, axis in enumerate(self.kernel) if axis in self.output_sizes]
        return [i for i in range(len(self.kernel)) if i not in outputs], outputs


def _split(equation: str) -> tuple[str, str, str]:
    """The three terms of an equation, with "0" for the ellipsis."""
    match = re.fullmatch(
        r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)|(0[a-zA-Z]+),([a-zA-Z]+)->(0[a-zA-Z]+)|"
        r"([a-zA-Z]{2,}0),([a-zA-Z]+)->([a-zA-Z]+0)",
        equation.replace("...", "0"),
    )
    if match is None:
        raise ValueError(f"EinsumDense: invalid equation {equation!r}. Write 'abc,cd->abd' or '...b,bc->...c'.")
    left, kernel, right = (part for part in match.groups() if part is not None)
    return left, kernel, right
