"""Synthetic files of the true formats, by the name in a URL: what `get_file`, urllib, curl and wget give a program."""

import gzip
import io
import json
import pathlib
import shutil
import tempfile
import zipfile

import numpy as np

from tests.published.arrays import images

WORDS = "the of and to a in is it you that he was for on are with as his they be at one have this from".split()
WORDS += ["cat", "sat", "mat", "movie"]


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
            _pack(root, path)
    return str(path)


def _pack(root, path):
    """An archive of a folder, or its only file."""
    name = path.name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(root.rglob("*")):
                archive.write(file, file.relative_to(root))
    elif name.endswith((".tar.gz", ".tgz", ".tar")):
        kind = "tar" if name.endswith(".tar") else "gztar"
        shutil.move(shutil.make_archive(str(path) + ".made", kind, root), path)
    else:
        (file,) = root.iterdir()
        content = file.read_bytes()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def sentence(random, length=12):
    """Words in a row."""
    return " ".join(random.choice(WORDS, length))


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


def numbered(root, folders, files):
    """Each folder, made if it is missing, with the number of each file in it."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        yield from ((root / folder, i) for i in range(files))


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


def both(*makers):
    """The files of several makers."""

    def make(root, random):
        for maker in makers:
            maker(root, random)

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


def table(columns, rows=600, path="table.csv", header=True, separator=",", end="\n"):
    """A table; a column is a list of values to choose from, (low, high), or a function of the row's number."""

    def make(root, random):
        lines = [separator.join(columns)] if header else []
        for row in range(rows):
            lines.append(separator.join(_cell(kind, row, random) for kind in columns.values()))
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(lines) + end)

    return make


def _cell(kind, row, random):
    if callable(kind):
        return str(kind(row))
    if isinstance(kind, tuple):
        low, high = kind
        return str(int(random.integers(low, high))) if isinstance(low, int) else f"{random.uniform(low, high):.4f}"
    return str(kind[int(random.integers(len(kind)))])


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


def _date(row):
    return f"{1 + row // 144 % 28:02}.{1 + row // 4032 % 12:02}.2009 {row // 6 % 24:02}:{row % 6}0:00"


_CLIMATE = ["p (mbar)", "T (degC)", "Tpot (K)", "Tdew (degC)", "rh (%)", "VPmax (mbar)", "VPact (mbar)"]
_CLIMATE += ["VPdef (mbar)", "sh (g/kg)", "H2OC (mmol/mol)", "rho (g/m**3)", "wv (m/s)", "max. wv (m/s)", "wd (deg)"]
_HEART = {"age": (29, 77), "sex": (0, 2), "cp": (0, 5), "trestbps": (94, 200), "chol": (126, 564), "fbs": (0, 2)}
_HEART |= {"restecg": (0, 3), "thalach": (71, 202), "exang": (0, 2), "oldpeak": (0.0, 6.2), "slope": (1, 4)}
_HEART |= {"ca": (0, 4), "thal": ["fixed", "normal", "reversible"], "target": (0, 2)}
_WORK = [" Private", " Self-emp-not-inc", " Local-gov"]
_CENSUS = {"age": (17, 90), "workclass": _WORK, "fnlwgt": (20000, 400000), "education": [" HS-grad", " Bachelors"]}
_CENSUS |= {"education_num": (1, 17), "marital_status": [" Never-married", " Divorced"], "occupation": [" Sales"]}
_CENSUS |= {"relationship": [" Husband", " Wife"], "race": [" White", " Black"], "gender": [" Male", " Female"]}
_CENSUS |= {"capital_gain": (0, 5000), "capital_loss": (0, 2000), "hours_per_week": (1, 99)}
_CENSUS |= {"native_country": [" United-States", " Mexico", " Cuba", " India"], "income_bracket": [" <=50K", " >50K"]}
_COVER = {f"c{i}": (0, 2000) if i < 10 else (0, 2) for i in range(54)} | {"type": (1, 8)}
_MILES = {"mpg": (10.0, 40.0), "cyl": [4, 6, 8], "disp": (70.0, 400.0), "hp": (50.0, 200.0)}
_MILES |= {"weight": (1600.0, 5000.0), "acc": (8.0, 24.0), "year": (70, 83), "origin": [1, 2, 3]}
_SERIES = {
    "timestamp": lambda row: f"2014-04-{1 + row // 288:02} {row // 12 % 24:02}:{row % 12 * 5:02}:00",
    "value": (0.0, 50.0),
}
_REVIEWS = ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg")
_FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

FILES = {  # part of the URL: what makes the file
    "jena_climate": table(
        {"Date Time": _date} | {name: (0.1, 20.0) for name in _CLIMATE}, 8000, "jena_climate_2009_2016.csv", end=""
    ),
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
    "heart": table(_HEART, 303),
    "adult.data": table(_CENSUS, 600, header=False),
    "adult.test": table(_CENSUS, 300, header=False),
    "covtype": table(_COVER, 4000, header=False),
    "FordA": table({"label": [-1, 1]} | {f"t{i}": (-2.0, 2.0) for i in range(120)}, 400, header=False, separator="\t"),
    "art_daily_small_noise": table(_SERIES, 4032),
    "art_daily_jumpsup": table(_SERIES | {"value": lambda row: 500.0 if 2000 < row < 2300 else row % 50}, 4032),
    "auto-mpg": table(_MILES, 398, header=False, separator="  "),
    "creditcard": table(
        {"Time": (0, 999), **{f"V{i}": (-3.0, 3.0) for i in range(1, 30)}, "Class": ['"0"', '"1"']}, 2000
    ),
    "flower_photos": image_folders(*(f"flower_photos/{name}" for name in _FLOWERS)),
    "kagglecatsanddogs": image_folders("PetImages/Cat", "PetImages/Dog", files=40, named="PetImages/Cat/6779"),
    "cats_and_dogs": image_folders(
        *(f"cats_and_dogs_filtered/{part}/{name}" for part in ("train", "validation") for name in ("cats", "dogs"))
    ),
    "annotations": masks("annotations/trimaps", "images", files=1100),
    "pets/images": image_folders("images", files=1100),
    "pets/data/images": image_folders("images", files=1100),
    "BSR": image_folders(*(f"BSR/BSDS500/data/images/{part}" for part in ("train", "val", "test")), size=(480, 320)),
    "captcha": captchas(),
    "ModelNet10": meshes(*(f"ModelNet10/{name}/{part}" for name in ("bed", "sofa") for part in ("train", "test"))),
    "mnist_test_seq": array((20, 120, 64, 64)),
    "mnist.npz": digits,
    "class_index": class_index,
    ".jpg": picture,
    ".jpeg": picture,
    ".png": picture,
}
