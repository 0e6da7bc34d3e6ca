"""Damage good files in thousands of ways and open them: `python -m tests.hostile.fuzz FOLDER COUNT SEED`.

A third of the files have damaged bytes anywhere, a third in the weights (in an archive that is whole), and a third
values of other kinds in the config. Prints a JSON object: how often what happened, and the files with which something
else than an error in words, or a loaded model, came of it.
"""

import collections
import io
import json
import pathlib
import random
import sys
import zipfile

from tests.hostile import bounds, guard

VALUES = [
    None,
    True,
    -1,
    0,
    1,
    2,
    7,
    255,
    10**6,
    10**9,
    2**63,
    -(2**70),
    1e308,
    float("nan"),
    0.5,
    "",
    "x",
    "/",
    "relu",
]
VALUES += ["os.system", [], {}, [[]], [None], [-1], [10**9, 10**9], {"a": 1}, {"class_name": "Dense", "config": {}}]
VALUES += [{"class_name": "__lambda__", "config": {}}, {"module": "os", "class_name": "function", "config": "system"}]
PARTS = ("metadata.json", "config.json", "model.weights.h5")


def parts_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in PARTS}


def packed(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def flipped(data, rng):
    """Some bytes changed, or the end or a part in the middle missing."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(data))
        data[at] = rng.choice([data[at] ^ (1 << rng.randrange(8)), rng.randrange(256), 0, 255])
    if rng.random() < 0.1:
        data = data[: rng.randrange(len(data))]
    if rng.random() < 0.1:
        at = rng.randrange(len(data) + 1)
        del data[at : at + rng.randrange(64)]
    return bytes(data)


def places(value, path=()):
    """The path of every value inside plain data."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def changed(text, rng):
    """A config with values of other kinds, or without some."""
    config = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice(list(places(config)))
        if not path:
            continue
        holder = config
        for key in path[:-1]:
            holder = holder[key]
        if rng.random() < 0.15:
            del holder[path[-1]]
        else:
            holder[path[-1]] = rng.choice(VALUES)
    return json.dumps(config).encode()


def damaged(data, rng):
    kind = rng.randrange(3)
    if kind == 0:
        return flipped(data, rng)
    parts = parts_of(data)
    part, change = ("model.weights.h5", flipped) if kind == 1 else ("config.json", changed)
    return packed({**parts, part: change(parts[part], rng)})


def main(folder, count, seed):
    """Run with the guard of `guard.py` on."""
    good = [path.read_bytes() for path in sorted(pathlib.Path(folder, "good").glob("*.keras"))]
    path = pathlib.Path(folder, "damaged.keras")
    guard.prepare(folder)
    counts, wrong = collections.Counter(), []
    slowest = largest = 0
    for number in range(seed, seed + count):
        rng = random.Random(number)
        path.write_bytes(damaged(rng.choice(good), rng))
        result, cost, grown = guard.watched(str(path))
        counts[result.partition(":")[0]] += 1
        slowest, largest = max(slowest, cost), max(largest, grown)
        if not result.startswith(("LoadError: ", "opened")) or cost > bounds.MOST_COST:
            wrong.append([number, result[:300], cost])
    print(json.dumps({"counts": counts, "wrong": wrong, "slowest": slowest, "largest": largest}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
