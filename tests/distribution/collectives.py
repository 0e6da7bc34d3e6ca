"""The collectives of a model's compiled step, counted in the program that XLA made."""

import re
from collections import Counter

import numpy as np

from minidl.training.data.array_data import ArrayData
from minidl.training.sharded import placed

_KINDS = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"
_OP = re.compile(rf"= (\(?[a-z0-9]+\[.*?) ({_KINDS})(?:-start)?\(")
_BYTES = {"f32": 4, "s32": 4, "u32": 4, "pred": 1, "bf16": 2, "f16": 2, "s8": 1, "u8": 1, "s64": 8, "u64": 8, "f64": 8}


def lowered(model, x, y=None, mode="train", batch_size=16):
    """The program that computes chunks of such data, lowered."""
    model._prepare("fit" if mode == "train" else mode, x, y)
    chunk = placed(next(ArrayData(x, y, None, batch_size=batch_size).epoch().chunks(lambda: 1)))
    steps = model.compiled_steps
    run = steps._program(mode, chunk)
    state = steps.state()
    weights = state._replace(optimizer=[], metrics=[])
    args = {
        "train": (state, chunk.batches, chunk.num_batches),
        "test": (weights, state.metrics, chunk.batches, chunk.num_batches),
        "predict": (weights, chunk.batches[0], chunk.num_batches),
    }[mode]
    with steps._traced_for(chunk):
        return run._jit().lower(*args)


def program(*args, **kwargs):
    """Its text when XLA has compiled it."""
    return lowered(*args, **kwargs).compile().as_text()


def collectives(text):
    """Kind -> how many there are."""
    return dict(Counter(kind for _, kind in _OP.findall(text)))


def within_loops(text):
    """Kind -> how many there are in the bodies of loops over time: of all loops but the outermost, over batches."""
    computations = {}  # name -> its lines
    for line in text.splitlines():
        if found := re.match(r"(ENTRY )?%?([\w.-]+) .*\{$", line):
            lines = computations["ENTRY" if found[1] else found[2]] = []
        elif computations:
            lines.append(line)

    def below(name, depth):
        for line in computations[name]:
            yield from (kind for _, kind in _OP.findall(line) if depth > 1)
            for role, other in re.findall(r"(body|to_apply|calls)=%?([\w.-]+)", line):
                yield from below(other, depth + (role == "body"))

    return dict(Counter(below("ENTRY", 0)))


def sizes(text):
    """(kind, bytes of the results) of each."""
    found = []
    for shapes, kind in _OP.findall(text):
        parts = re.findall(r"([a-z]+\d*)\[([\d,]*)\]", shapes)
        found.append((kind, sum(_BYTES[t] * int(np.prod([int(n) for n in dims.split(",") if n])) for t, dims in parts)))
    return found
