"""What makers of synthetic files share: words, tables, archives."""

import gzip
import pathlib
import shutil
import tempfile
import zipfile

WORDS = "the of and to a in is it you that he was for on are with as his they be at one have this from".split()
WORDS += ["cat", "sat", "mat", "movie"]


def pack(root, path):
    """An archive of a folder, or its only file."""
    name = path.name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(root.rglob("*")):
                archive.write(file, file.relative_to(root))
    elif name.endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar")):
        kind = {".tar": "tar", ".bz2": "bztar"}.get(path.suffix, "gztar")
        shutil.move(shutil.make_archive(str(path) + ".made", kind, root), path)
    else:
        (file,) = root.iterdir()
        content = file.read_bytes()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def numbered(root, folders, files):
    """Each folder, made if it is missing, with the number of each file in it."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        yield from ((root / folder, i) for i in range(files))


def sentence(random, length=12):
    """Words in a row."""
    return " ".join(random.choice(WORDS, length))


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


def within(name, maker):
    """An archive in an archive: what `maker` makes, packed as `name`."""

    def make(root, random):
        with tempfile.TemporaryDirectory() as made:
            inner = pathlib.Path(made)
            maker(inner, random)
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            pack(inner, target)

    return make


def both(*makers):
    """The files of several makers."""

    def make(root, random):
        for maker in makers:
            maker(root, random)

    return make
