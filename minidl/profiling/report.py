"""Profile: what `minidl.profile` returns, as an object, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import dataclasses
import html
import textwrap
from collections.abc import Callable
from typing import Any

_WIDTH = 80
_HEADS = ("layer", "output", "params", "FLOPs", "bytes", "time", "share")
_WIDTHS = (25, 15, 8, 6, 6, 7, 6)


@dataclasses.dataclass(frozen=True)
class Part:
    """A layer as a part of a step; or the loss, the metrics, the optimizer or the rest.

    A model or layer inside has its own parts, so each part is what is outside of these, and all add up to the step.

    Args:
        name: the names of the layers around it and its own, separated by "/".
        type: its class; for what is not a layer, what it is.
        output: the shape of its output, or a structure of shapes; None if it is not called.
        parameters: the number of its weights.
        forward_flops: floating-point operations in a step, in the forward pass.
        backward_flops: likewise, in the backward pass.
        product_flops: those of them that are in matrix products and convolutions.
        bytes: what its compiled operations read and write in a step.
        seconds: its part of the time of a step; None if it was not measured.
        share: the same as a fraction of the step.
        depth: how many parts it is in.
    """

    name: str
    type: str
    output: Any
    parameters: int
    forward_flops: int
    backward_flops: int
    product_flops: int
    bytes: int
    seconds: float | None
    share: float | None
    depth: int = 0

    @property
    def flops(self) -> int:
        """The floating-point operations in a step."""
        return self.forward_flops + self.backward_flops


@dataclasses.dataclass(frozen=True)
class Memory:
    """The bytes of memory that training needs, on each device.

    Args:
        weights: of the model, trainable or not.
        optimizer: its state.
        metrics: their state.
        batches: what is trained on, and what is gathered meanwhile.
        temporaries: activations, gradients and scratch memory, from XLA's analysis of the compiled program.
        other: outputs that are not written over inputs, and machine code.
        available: what is free, with what the model's state takes already; None where it is not known.
    """

    weights: int
    optimizer: int
    metrics: int
    batches: int
    temporaries: int
    other: int
    available: int | None

    @property
    def needed(self) -> int:
        """The sum."""
        return self.weights + self.optimizer + self.metrics + self.batches + self.temporaries + self.other

    @property
    def fits(self) -> bool | None:
        """Whether it is available; None where that is not known."""
        return None if self.available is None else self.needed <= self.available


@dataclasses.dataclass(frozen=True, repr=False)
class Profile:
    """What a step of training is made of: see `profile`.

    Args:
        model: the name of the model.
        batch_size: rows in a batch.
        device: the kind of device.
        dtype: the dtype that the model computes in.
        layers: a part for each layer, outer ones first.
        others: the loss, the metrics, the optimizer, and the rest.
        seconds: of a step, the median of several runs; None if it was not run.
        measured: how the shares were measured, or why they were not.
        accounted: the time of all operations in the trace, as a fraction of the step's without tracing.
        compile_seconds: "trace", "lower" and "compile" -> how long it took.
        memory: what training needs.
        peak_flops_per_second: of a product of large matrices in this dtype, measured.
        unknown: operations whose FLOPs are not known, and not counted.
    """

    model: str
    batch_size: int
    device: str
    dtype: str
    layers: list[Part]
    others: list[Part]
    seconds: float | None
    measured: str
    accounted: float | None
    compile_seconds: dict[str, float]
    memory: Memory
    peak_flops_per_second: float
    unknown: list[str]
    _jaxpr: Callable[[str], str] = dataclasses.field(compare=False)
    _hlo: Callable[[str], str] = dataclasses.field(compare=False)

    @property
    def parts(self) -> list[Part]:
        """The layers and the others."""
        return [*self.layers, *self.others]

    @property
    def flops(self) -> int:
        """The floating-point operations of a step."""
        return sum(part.flops for part in self.parts)

    @property
    def bytes(self) -> int:
        """The bytes that the operations of a step read and write."""
        return sum(part.bytes for part in self.parts)

    @property
    def flops_per_second(self) -> float | None:
        """Those of a step in its time."""
        return None if self.seconds is None else self.flops / self.seconds

    @property
    def fits(self) -> bool | None:
        """Whether there is enough memory to train."""
        return self.memory.fits

    def layer(self, name: str) -> Part:
        """The part of a name, such as "dense", "block/dense" or "optimizer".

        Raises:
            ValueError: there is none.
        """
        found = [
            part for part in self.parts if name in (part.name, part.name.rpartition("/")[2], part.name.strip("[]"))
        ]
        if not found:
            raise ValueError(f"profile: no layer {name!r}. There are {', '.join(part.name for part in self.parts)}.")
        return found[0]

    def jaxpr(self, layer: str) -> str:
        """The operations of a layer in a step, as JAX traced them: a function for each part of the program it is in.

        Args:
            layer: its name or path, or "loss", "metrics", "optimizer" or "rest".

        Raises:
            ValueError: there is no such layer.
        """
        return self._jaxpr(self.layer(layer).name)

    def hlo(self, layer: str) -> str:
        """The instructions of a layer in the compiled program. What XLA has fused belongs to one layer.

        Args:
            layer: its name or path, or "loss", "metrics", "optimizer" or "rest".

        Raises:
            ValueError: there is no such layer.
        """
        return self._hlo(self.layer(layer).name)

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain data, for a file or a data frame: `pandas.DataFrame(profile.to_dict()["layers"])`."""
        names = [field.name for field in dataclasses.fields(self) if not field.name.startswith("_")]
        plain = {name: getattr(self, name) for name in names if name not in ("layers", "others", "memory")}
        parts = {
            name: [{**dataclasses.asdict(part), "flops": part.flops} for part in getattr(self, name)]
            for name in ("layers", "others")
        }
        memory = {**dataclasses.asdict(self.memory), "needed": self.memory.needed, "fits": self.memory.fits}
        totals = {"flops": self.flops, "bytes": self.bytes, "flops_per_second": self.flops_per_second}
        return {**plain, **totals, **parts, "memory": memory}

    def __str__(self) -> str:
        lines = [self._title(), "", _line(_HEADS), "-" * (_WIDTH - 1)]
        lines += [_line(_cells(part)) for part in self._shown()]
        lines += ["-" * (_WIDTH - 1), _line(self._totals()), ""]
        for name, text in self._remarks().items():
            lines += textwrap.wrap(f"{name:<9}{text}", _WIDTH - 1, subsequent_indent=" " * 9)
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [_cells(part) for part in self._shown()]
        body = [_html_row(row, "td") for row in rows] + [_html_row(self._totals(), "th")]
        remarks = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td style='text-align:left'>"
            f"{html.escape(text)}</td></tr>"
            for name, text in self._remarks().items()
        )
        table = f"<table><thead>{_html_row(_HEADS, 'th')}</thead><tbody>{''.join(body)}</tbody></table>"
        return f"<p>{html.escape(self._title())}</p>{table}<table>{remarks}</table>"

    def _title(self) -> str:
        return f"A step of {self.model!r}: a batch of {self.batch_size}, {self.dtype}, on {self.device}"

    def _shown(self) -> list[Part]:
        """Without the model itself, if all it does is in its layers, and without communication on one device."""
        hidden = (self.layers[0].name, "[communication]")
        return [part for part in self.parts if part.name not in hidden or part.flops or part.bytes or part.parameters]

    def _totals(self) -> tuple[str, ...]:
        share = None if self.seconds is None else 1.0
        parameters = sum(part.parameters for part in self.parts)
        return ("step", "", _count(parameters), *_numbers(self.flops, self.bytes, self.seconds, share))

    def _remarks(self) -> dict[str, str]:
        memory, remarks = self.memory, {"time": self.measured}
        peak = f"{_short(self.peak_flops_per_second)}FLOP/s of a matrix product"
        if self.flops_per_second is not None:
            ratio = self.flops_per_second / self.peak_flops_per_second
            remarks["speed"] = f"{_short(self.flops_per_second)}FLOP/s, {ratio:.0%} of the {peak} here"
        else:
            remarks["speed"] = f"{peak} here"
        if self.unknown:
            remarks["FLOPs"] = f"not counted: {', '.join(self.unknown)}"
        parts = ", ".join(f"{name} {_time(seconds)}" for name, seconds in self.compile_seconds.items())
        remarks["compile"] = f"{_time(sum(self.compile_seconds.values()))}: {parts}"
        sizes = ("weights", "optimizer", "batches", "temporaries")
        remarks["memory"] = ", ".join(f"{name} {_short(getattr(memory, name))}B" for name in sizes)
        if memory.available is not None:
            verdict = "it fits" if memory.fits else "IT DOES NOT FIT"
            remarks["fits"] = f"{verdict}: {_short(memory.needed)}B needed, {_short(memory.available)}B available"
        else:
            remarks["fits"] = f"{_short(memory.needed)}B needed; how much is available is not known"
        return remarks


def _cells(part: Part) -> tuple[str, ...]:
    indent = "  " * part.depth
    name = part.name.rpartition("/")[2]
    label = f"{indent}{name} ({part.type})" if not part.name.startswith("[") else name
    output = "" if part.output is None else str(part.output)
    numbers = _numbers(part.flops, part.bytes, part.seconds, part.share)
    return (label, output, _count(part.parameters) if part.parameters else "", *numbers)


def _numbers(flops: int, size: int, seconds: float | None, share: float | None) -> tuple[str, ...]:
    measured = ("", "") if seconds is None or share is None else (_time(seconds), f"{share:.1%}")
    return (_short(flops), _short(size), *measured)


def _count(number: int) -> str:
    return f"{number:,}" if number < 1_000_000 else _short(number)


def _short(number: float) -> str:
    """A number in four or five characters.

    >>> _short(64), _short(6464), _short(1.25e12)
    ('64', '6.5k', '1.2T')
    """
    for unit in ("", "k", "M", "G", "T", "P"):
        if number < 999.5:
            return f"{number:.0f}{unit}" if number >= 99.5 or not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.0f}E"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.1f}{unit}"
    return f"{seconds / 1e-6:.1f}us"


def _line(cells: tuple[str, ...]) -> str:
    fitted = [cell if len(cell) <= width else cell[: width - 1] + "…" for cell, width in zip(cells, _WIDTHS)]
    return " ".join(
        cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(fitted, _WIDTHS))
    ).rstrip()


def _html_row(cells: tuple[str, ...], tag: str) -> str:
    sides = ["left"] * 2 + ["right"] * (len(cells) - 2)
    row = (
        f"<{tag} style='text-align:{side};white-space:pre'>{html.escape(cell)}</{tag}>"
        for cell, side in zip(cells, sides)
    )
    return f"<tr>{''.join(row)}</tr>"
