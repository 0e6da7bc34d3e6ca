"""Synthetic files of the true formats, by the name in a URL: what `get_file`, urllib, curl and wget give a program."""

import io
import json
import pathlib
import tempfile

import numpy as np

from tests.published.arrays import images
from tests.published.corpora import CORPORA
from tests.published.makers import WORDS, both, numbered, pack, sentence
from tests.published.tables import TABLES


def provide(url, folder):
    """The path of a file for a URL, made on first use.

    Raises:
        LookupError: no synthetic file is known for this name.
    """
    name = url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    path = pathlib.Path(folder, name)
    if not path.exists():
        make = next((make for part, make in FILES.items() if part in url), None)
        if make is None:
            raise LookupError(f"no synthetic file for {url}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as made:
            root = pathlib.Path(made)
            make(root, np.random.default_rng(0))
            pack(root, path)
    return str(path)


def text(name="text", lines=400):
    """A text of sentences."""

    def make(root, random):
        rows = [sentence(random).capitalize() + "." for _ in range(lines)]
        (root / name).write_text("\n".join(rows) + "\n")

    return make


def pairs(path, columns=2, lines=1200):
    """Sentences of two languages, separated by tabs."""

    def make(root, random):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        rows = []
        for _ in range(lines):
            words = sentence(random, int(random.integers(2, 6)))
            rows.append("\t".join([f"{words.capitalize()}.", f"¿{words[::-1]}?", "attribution"][:columns]))
        target.write_text("\n".join(rows) + "\n", encoding="utf-8")

    return make


def text_folders(*folders, files=40):
    """A text file for each example, in a folder for each class."""

    def make(root, random):
        for folder, i in numbered(root, folders, files):
            (folder / f"{i}_{i % 10}.txt").write_text(sentence(random, 40) + "<br />good")

    return make


def image_folders(*folders, files=16, size=(64, 48), suffix=".jpg", named=None):
    """Pictures of noise, in a folder for each class."""

    def make(root, random):
        from PIL import Image

        for folder, i in numbered(root, folders, files):
            pixels = random.integers(0, 256, (size[1], size[0], 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{folder.name}_{i}{suffix}")
        if named:  # a file that a program asks for
            Image.fromarray(pixels).save(root / f"{named}{suffix}")

    return make


def masks(folder, image_folder_name, files=16, size=(64, 48)):
    """Segmentation masks with the classes 1 to 3, named as the pictures."""

    def make(root, random):
        from PIL import Image

        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(files):
            pixels = random.integers(1, 4, (size[1], size[0]), np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{image_folder_name}_{i}.png")

    return make


def captchas(files=64):
    """Pictures named by the five characters in them."""

    def make(root, random):
        from PIL import Image

        folder = root / "captcha_images_v2"
        folder.mkdir()
        for _ in range(files):
            label = "".join(random.choice(list("2345678bcdefgmnpwxy"), 5))
            Image.fromarray(random.integers(0, 256, (50, 200, 3), np.uint8)).save(folder / f"{label}.png")

    return make


def array(shape, dtype="uint8"):
    """An `.npy` file."""

    def make(root, random):
        np.save(root / "array.npy", random.integers(0, 255, shape).astype(dtype))

    return make


def digits(root, random):
    """The `.npz` file of MNIST."""
    (x_train, y_train), (x_test, y_test) = images((28, 28), 10, (-1,), 60_000)
    np.savez(root / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def meshes(*folders, files=4):
    """Triangles in the OFF format."""

    def make(root, random):
        for folder, i in numbered(root, folders, files):
            points = "\n".join(" ".join(f"{v:.3f}" for v in point) for point in random.normal(size=(12, 3)))
            faces = "\n".join(f"3 {j} {j + 1} {j + 2}" for j in range(10))
            (folder / f"{i}.off").write_text(f"OFF\n12 10 0\n{points}\n{faces}\n")

    return make


def stories(root, random):
    """The bAbI tasks: numbered sentences, questions with an answer and the number of its sentence."""
    people, places = ["Mary", "John", "Daniel", "Sandra"], ["bathroom", "hallway", "kitchen", "garden"]
    tasks = ["qa1_single-supporting-fact", "qa2_two-supporting-facts"]
    for task in tasks:
        for part in ("train", "test"):
            lines = []
            for _ in range(60):
                who, where = random.choice(people, 2), random.choice(places, 2)
                lines += [f"{i + 1} {who[i]} moved to the {where[i]}." for i in range(2)]
                lines.append(f"3 Where is {who[1]}? \t{where[1]}\t2")
            for folder in ("en", "en-10k"):
                path = root / "tasks_1-20_v1-2" / folder / f"{task}_{part}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join(lines) + "\n")


def vectors(root, random):
    """Word vectors in GloVe's format."""
    for size in (50, 100, 200, 300):
        rows = [f"{word} " + " ".join(f"{v:.4f}" for v in random.normal(size=size)) for word in WORDS]
        (root / f"glove.6B.{size}d.txt").write_text("\n".join(rows) + "\n")


def newsgroups(root, random):
    """Messages with a header, without suffixes of their names."""
    for group in ("alt.atheism", "comp.graphics", "rec.autos", "sci.space"):
        folder = root / "20_newsgroup" / group
        folder.mkdir(parents=True)
        for i in range(60):
            header = "\n".join(f"Line{j}: {sentence(random, 3)}" for j in range(10))
            (folder / str(38928 + i)).write_text(f"{header}\n\n{sentence(random, 60)}\n", encoding="latin-1")


def movielens(root, random):
    """Ratings in both formats of MovieLens."""
    genres = "Action|Comedy"
    small, large = root / "ml-latest-small", root / "ml-1m"
    ratings = [
        (u, m, random.integers(1, 6), 10**9 + u * 50 + m) for u in range(1, 61) for m in range(1, 41) if (u + m) % 3
    ]
    small.mkdir()
    (small / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n" + "".join(f"{u},{m},{r}.0,{t}\n" for u, m, r, t in ratings)
    )
    (small / "movies.csv").write_text(
        "movieId,title,genres\n" + "".join(f"{m},Film {m},{genres}\n" for m in range(1, 41))
    )
    large.mkdir()
    (large / "ratings.dat").write_text("".join(f"{u}::{m}::{r}::{t}\n" for u, m, r, t in ratings))
    (large / "movies.dat").write_text("".join(f"{m}::Film {m} (1999)::{genres}\n" for m in range(1, 41)))
    (large / "users.dat").write_text(
        "".join(f"{u}::{'FM'[u % 2]}::{25 + u % 3}::{u % 5}::48067\n" for u in range(1, 61))
    )


def class_index(root, random):
    """The names of ImageNet's classes."""
    (root / "index.json").write_text(json.dumps({str(i): [f"n{i:08}", f"class_{i}"] for i in range(1000)}))


def picture(root, random):
    """One picture."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (150, 200, 3), np.uint8)).save(buffer, "JPEG")
    (root / "picture").write_bytes(buffer.getvalue())


_REVIEWS = ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg")
_FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

FILES = (
    TABLES
    | CORPORA
    | {  # part of the URL: what makes the file
        "aclImdb": text_folders(*(f"aclImdb/{part}" for part in _REVIEWS)),
        "spa-eng": pairs("spa-eng/spa.txt"),
        "fra-eng": pairs("fra.txt", 3),
        "glove": vectors,
        "news20": newsgroups,
        "babi": stories,
        "tasks_1-20": stories,
        "ml-latest-small": movielens,
        "ml-1m": movielens,
        "nietzsche": text(lines=150),
        "shakespeare": text(lines=1200),
        "flower_photos": image_folders(*(f"flower_photos/{name}" for name in _FLOWERS)),
        "kagglecatsanddogs": image_folders("PetImages/Cat", "PetImages/Dog", files=40, named="PetImages/Cat/6779"),
        "cats_and_dogs": image_folders(
            *(f"cats_and_dogs_filtered/{part}/{name}" for part in ("train", "validation") for name in ("cats", "dogs"))
        ),
        "lol_dataset": both(
            image_folders(
                "lol_dataset/our485/low", "lol_dataset/our485/high", files=430, size=(144, 136), suffix=".png"
            ),
            image_folders(
                "lol_dataset/eval15/low", "lol_dataset/eval15/high", files=15, size=(144, 136), suffix=".png"
            ),
        ),
        "annotations": masks("annotations/trimaps", "images", files=1100),
        "pets/images": image_folders("images", files=1100),
        "pets/data/images": image_folders("images", files=1100),
        "BSR": image_folders(
            *(f"BSR/BSDS500/data/images/{part}" for part in ("train", "val", "test")), size=(480, 320)
        ),
        "captcha": captchas(),
        "ModelNet10": meshes(*(f"ModelNet10/{name}/{part}" for name in ("bed", "sofa") for part in ("train", "test"))),
        "mnist_test_seq": array((20, 120, 64, 64)),
        "mnist.npz": digits,
        "class_index": class_index,
        ".jpg": picture,
        ".jpeg": picture,
        ".png": picture,
    }
)
