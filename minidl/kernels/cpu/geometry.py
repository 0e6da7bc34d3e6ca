"""Where the window of a convolution slides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minidl.core.typing import Array
from minidl.kernels import windows
from minidl.kernels.windows import Pads, reach


class Geometry(NamedTuple):
    """The sliding window of a convolution, by the axes between those of the batch and of the channels.

    Args:
        sizes: of the input.
        window: the sizes of the kernel.
        strides: places between windows next to each other.
        padding: zeros before and after each axis of the input.
        dilation: places between elements of the window next to each other.
    """

    sizes: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    @classmethod
    def of(
        cls,
        x: Array,
        window: Sequence[int],
        strides: Sequence[int],
        padding: Pads,
        dilation: Sequence[int] | None = None,
    ) -> Geometry:
        """That of a window over an input (batch, *sizes, channels).

        Raises:
            ValueError: no window fits along one of the axes.
        """
        pads = tuple((before, after) for before, after in padding)
        found = cls(x.shape[1:-1], tuple(window), tuple(strides), pads, tuple(dilation or [1] * len(window)))
        windows.out_sizes(*found)
        return found

    @classmethod
    def transposed(
        cls, x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, dilation: Sequence[int]
    ) -> Geometry:
        """That of the convolution whose gradient with respect to its input is a transposed convolution of `x`.

        Args:
            x: the input of the transposed one, (batch, *sizes, channels): where the other one has its outputs.
            window: the sizes of the kernel.
            strides: how many places of the transposed one's outputs lie between two of its inputs.
            padding: of `x`, with zeros between its pixels.
            dilation: places between the elements of the window.
        """
        spread = [reach(size, stride) for size, stride in zip(x.shape[1:-1], strides)]
        outputs = windows.out_sizes(spread, window, [1] * len(window), padding, dilation)
        spans = [reach(width, distance) - 1 for width, distance in zip(window, dilation)]
        outer = tuple((span - before, span - after) for span, (before, after) in zip(spans, padding))
        return cls(tuple(outputs), tuple(window), tuple(strides), outer, tuple(dilation))

    @property
    def positions(self) -> list[int]:
        """The number of windows along each axis."""
        return windows.out_sizes(*self)

    @property
    def overlaps(self) -> bool:
        """Whether windows next to each other share places."""
        return windows.overlap(self.window, self.strides, self.dilation)

    @property
    def is_of_blocks(self) -> bool:
        """Whether the windows lie side by side, without padding."""
        return self.window == self.strides and not any(map(any, self.padding)) and set(self.dilation) == {1}

    def of_images(self) -> Geometry:
        """That of volumes as images: without the first axis."""
        sizes, window, strides, padding, dilation = self
        return Geometry(sizes[1:], window[1:], strides[1:], padding[1:], dilation[1:])

    def of_one_row(self) -> Geometry:
        """That of sequences as images of one row."""
        sizes, window, strides, padding, dilation = self
        return Geometry((1, *sizes), (1, *window), (1, *strides), ((0, 0), *padding), (1, *dilation))

    def back(self, outputs: Sequence[int]) -> Geometry:
        """That of the convolution that gives the input's gradient, of outputs with zeros between them for the strides.

        Args:
            outputs: the sizes of the outputs.
        """
        pads = []
        for size, width, stride, (before, _), distance, count in zip(*self, outputs):
            span = reach(width, distance) - 1
            pads.append((span - before, size + before - reach(count, stride)))
        return Geometry(tuple(outputs), self.window, (1,) * len(pads), tuple(pads), self.dilation)
