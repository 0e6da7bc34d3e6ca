"""HLO: the text of a compiled program, and which part of the model each of its instructions belongs to.

XLA fuses operations of several layers into one instruction. A fused instruction belongs to the layer of the matrix
product or convolution in it; without one, to that of its last operation, whose name it bears.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

_COMPUTATION = re.compile(r"^(ENTRY )?%([\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%([\w.\-]+) = ((?:\([^=]*\)|\S+)) ([\w\-]+)\((.*)$")
_ARRAY = re.compile(r"(\w+?)(\d*)\[([\d,]*)\]")
_NAME = re.compile(r'op_name="((?:[^"\\]|\\.)*)"')
_CALLED = re.compile(r"(?:calls|to_apply|body|condition|true_computation|false_computation)=%([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TIMES = re.compile(r'known_trip_count":\{"n":"(\d+)"')
_OPERAND = re.compile(r"%([\w.\-]+)")
FREE = frozenset(
    "parameter constant tuple get-tuple-element bitcast while conditional call after-all opt-barrier".split()
)
_COLLECTIVES = ("all-", "reduce-scatter", "collective-")
_SLICES = frozenset(("dynamic-slice", "slice", "gather"))


@dataclasses.dataclass(eq=False)
class Instruction:
    """An instruction of a program."""

    name: str
    type: str  # such as f32[32,64]{1,0}
    opcode: str
    operands: list[str]
    stack: str  # the scopes that it was traced under; empty if unknown
    called: list[str]  # the names of computations
    times: int  # how often these run, for a loop of known length
    line: str


class Program:
    """A compiled program.

    Args:
        text: from `compiled.as_text()`.
    """

    def __init__(self, text: str):
        self.computations: dict[str, list[Instruction]] = {}
        self.instructions: dict[str, Instruction] = {}
        self.entry = ""
        inside: list[Instruction] = []
        for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
            if header := _COMPUTATION.match(line):
                inside = self.computations[header[2]] = []
                self.entry = header[2] if header[1] else self.entry
            elif (found := _INSTRUCTION.match(line)) is not None:
                instruction = _parsed(found, line)
                inside.append(instruction)
                self.instructions[instruction.name] = instruction

    def executed(self) -> Iterator[tuple[Instruction, int]]:
        """The instructions that one step runs, and how often: those inside the loop over the batches of a chunk."""
        loops = [one for one in self.computations[self.entry] if one.opcode == "while"]
        sizes = [sum(1 for _ in self._inside(loop.called, 1)) for loop in loops]
        if loops:
            yield from self._inside(loops[sizes.index(max(sizes))].called, 1)

    def _inside(self, called: list[str], times: int) -> Iterator[tuple[Instruction, int]]:
        for computation in called:
            for one in self.computations[computation]:
                if one.opcode in ("while", "conditional", "call"):
                    yield from self._inside(one.called, times * one.times)
                yield one, times

    def containers(self) -> set[str]:
        """The names of the instructions that run others."""
        return {name for name, one in self.instructions.items() if one.opcode in ("while", "conditional", "call")}

    def stack(self, name: str) -> str:
        """The scopes of an instruction, for the layer that it belongs to; empty if unknown."""
        if (instruction := self.instructions.get(name)) is None:
            return ""
        inner = [one for called in instruction.called for one in self.computations[called]]
        if instruction.opcode in ("fusion", "call"):
            for one in inner:
                if one.opcode in ("dot", "convolution") and one.stack:
                    return one.stack
        return instruction.stack

    def owners(self, owner: Callable[[str], Any], rest: Any, communication: Any = None) -> dict[str, Any]:
        """Name of an instruction -> what owns it. Copies that XLA adds belong to what they copy, or are copied for.

        Args:
            owner: the scopes of an instruction -> what owns it.
            rest: what `owner` returns for scopes that belong to nothing.
            communication: what owns the transfers between devices.
        """
        found = {name: owner(self.stack(name)) for name in self.instructions}
        users: dict[str, list[str]] = collections.defaultdict(list)
        for name, instruction in self.instructions.items():
            for operand in instruction.operands:
                users[operand].append(name)
        for name, instruction in self.instructions.items():
            if found[name] == rest and instruction.opcode in ("fusion", "copy", "call", "transpose"):
                inner = [one.stack for called in instruction.called for one in self.computations[called]]
                near = [*map(owner, filter(None, inner)), *(found.get(one, rest) for one in users[name])]
                near += [found.get(one, rest) for one in instruction.operands]
                found[name] = next((one for one in near if one != rest), rest)
            elif instruction.opcode.startswith(_COLLECTIVES):
                found[name] = communication
        return found

    def bytes_of(self, instruction: Instruction) -> int:
        """The bytes of memory that one run of an instruction reads and writes, if nothing is in a cache."""
        if instruction.opcode in FREE:
            return 0
        if instruction.opcode in _SLICES:
            return 2 * size_of(instruction.type)
        if instruction.opcode == "dynamic-update-slice":
            return 2 * self._size(instruction.operands[1])
        if instruction.opcode != "fusion":
            return size_of(instruction.type) + sum(map(self._size, instruction.operands))
        inner = self.computations[instruction.called[0]]
        parameters = [one for one in inner if one.opcode == "parameter"]
        parameters.sort(key=lambda one: int(one.line.split("parameter(")[1].split(")")[0]))
        written = size_of(instruction.type)
        root = inner[-1]
        aliased = None
        if root.opcode == "dynamic-update-slice":  # in place
            aliased, written = root.operands[0], self._size(root.operands[1])
        read = 0
        for parameter in parameters:
            if parameter.name != aliased:
                users = [one for one in inner if parameter.name in one.operands]
                sliced = users and all(one.opcode in _SLICES and one.operands[0] == parameter.name for one in users)
                read += sum(size_of(one.type) for one in users) if sliced else size_of(parameter.type)
        return read + written

    def _size(self, name: str) -> int:
        return size_of(self.instructions[name].type) if name in self.instructions else 0

    def text_of(self, names: list[str]) -> str:
        """The lines of instructions, each with the computation that it calls."""
        lines = []
        for name in names:
            instruction = self.instructions[name]
            lines.append(_without_details(instruction.line))
            if instruction.opcode in ("fusion", "call"):
                inner = (one for called in instruction.called for one in self.computations[called])
                lines += ["  " + _without_details(one.line) for one in inner if one.opcode != "parameter"]
        return "\n".join(lines)


def _parsed(found: re.Match[str], line: str) -> Instruction:
    name, kind, opcode, rest = found.groups()
    operands = _OPERAND.findall(rest.split("), ", 1)[0])
    called = _CALLED.findall(rest) if opcode != "reduce" else []
    called += [one for branches in _BRANCHES.findall(rest) for one in _OPERAND.findall(branches)]
    stack, times = _NAME.search(rest), _TIMES.search(rest)
    scopes = stack[1].rpartition("/")[0] if stack else ""  # without the name of the operation itself
    return Instruction(name, kind, opcode, operands, scopes, called, int(times[1]) if times else 1, line)


def size_of(kind: str) -> int:
    """The bytes of an array of a type, or of a tuple of them.

    >>> size_of("f32[32,64]{1,0}"), size_of("(s32[], bf16[8])"), size_of("pred[3]")
    (8192, 20, 3)
    """
    bits = (
        (int(bits) if bits else 8) * math.prod(map(int, filter(None, shape.split(","))))
        for _, bits, shape in _ARRAY.findall(kind)
    )
    return sum(bits) // 8


def _without_details(line: str) -> str:
    return re.sub(r" stack_frame_id=\d+|, backend_config=.*$", "", line)
