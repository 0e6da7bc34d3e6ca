"""Images per second from a folder: minidl's loader, tf.data as Keras uses it, and torch's `DataLoader`.

    python -m benchmarks.images [--images 2000] [--size 180] [--fit]

makes a folder of JPEGs, and reads it with each loader, in turns, without and with a fit of a small convolutional net
from the folder, and from the same batches kept in memory. Each reads the same files to the same size, in batches of 32,
shuffled. Torch's has no decoder without torchvision, so it is given minidl's reading function, in its worker processes.
It prints images per second, and the processor time of an image, which other programs on the machine change less.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

LOADERS = ("minidl", "tf.data", "torch")
BATCH = 32


def make_folder(folder: pathlib.Path, count: int) -> None:
    """JPEGs of about 500 x 375 pixels in five classes, with the detail of photographs."""
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"class{number % 5}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        width, height = 500 + int(random.integers(-60, 60)), 375 + int(random.integers(-60, 60))
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((width, height), 3)
        noise = random.normal(0, 12, (height, width, 3))
        pixels = np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=90)


class TorchFiles:
    """A map-style data set for torch, at the top of a module so that its workers find it."""

    def __init__(self, paths: list[str], size: int):
        self.paths = paths
        self.size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Any:
        from minidl.utils.image_dataset import Reader

        path = self.paths[number]
        read = Reader("RGB", (self.size, self.size), "bilinear", "distort", True)
        return read(path), int(path.split("class")[1][0])


def loader(name: str, folder: str, size: int) -> Any:
    """Batches of images and labels."""
    options = {"image_size": (size, size), "batch_size": BATCH, "seed": 1, "verbose": False}
    if name == "minidl":
        import minidl

        return minidl.utils.image_dataset_from_directory(folder, **options)
    if name == "tf.data":
        import keras

        return keras.utils.image_dataset_from_directory(folder, **options)
    import torch

    paths = sorted(map(str, pathlib.Path(folder).glob("*/*.jpg")))
    files = TorchFiles(paths, size)
    return torch.utils.data.DataLoader(files, BATCH, shuffle=True, num_workers=os.cpu_count() or 1)  # type: ignore[arg-type]


def passes(batches: Any) -> Iterator[int]:
    """The images of each batch, in two passes."""
    for _ in range(2):
        yield sum(len(labels) for _, labels in batches)


def model(name: str, size: int) -> Any:
    """A small convolutional net."""
    if name == "minidl":
        import minidl as keras
    else:
        import keras
    layers = keras.layers
    made = keras.Sequential(
        [
            layers.Input((size, size, 3)),
            layers.Rescaling(1 / 255),
            *(layers.Conv2D(16, 3, strides=4, activation="relu") for _ in range(2)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile("adam", loss)
    return made


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """Seconds, and seconds of processor time of this process and of those that it has started and that have ended."""
    start = time.perf_counter(), processor_time()
    action()
    return time.perf_counter() - start[0], processor_time() - start[1]


def processor_time() -> float:
    """Seconds so far."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(name: str, folder: str, size: int, fits: bool) -> dict[str, tuple[float, float]]:
    """Seconds and processor seconds per image: of the second pass, and of the third epochs of fits."""
    batches = loader(name, folder, size)
    each = passes(batches)
    count = next(each)
    found = {"read": timed(lambda: next(each))}
    if fits and name != "torch":
        for kind, data in (("fit", batches), ("fit in memory", batches.cache())):
            made = model(name, size)
            fit = functools.partial(made.fit, data, verbose=0)
            fit(epochs=2)
            found[kind] = timed(fit)
    return {kind: (seconds / count, processor / count) for kind, (seconds, processor) in found.items()}


def main() -> None:
    """Measure each loader in a process of its own, three times in turns, and print the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", type=int, default=180)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fit", action="store_true", help="also a fit from the folder, with Keras on TensorFlow")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, args.folder, args.size, args.fit)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_folder(pathlib.Path(folder), args.images)
        found: dict[str, list[dict[str, tuple[float, float]]]] = {name: [] for name in LOADERS}
        for _ in range(args.rounds):
            for name in LOADERS:
                command = [sys.executable, "-m", "benchmarks.images", "--one", name, "--folder", folder]
                command += ["--size", str(args.size), *(["--fit"] if args.fit else [])]
                environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
                done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
    for kind in ("read", "fit", "fit in memory"):
        for name, runs in found.items():
            if kind in runs[0]:
                rates = [1 / run[kind][0] for run in runs]
                processor = statistics.median(run[kind][1] for run in runs) * 1e3
                print(
                    f"{kind} {name}: {statistics.median(rates):.0f} images/s ({', '.join(f'{r:.0f}' for r in rates)}), "
                    f"{processor:.2f} ms of processor time each"
                )


if __name__ == "__main__":
    main()
