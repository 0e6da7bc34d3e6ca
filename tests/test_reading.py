"""docs/reading.md: the files from `fit` to the compiled step exist, and an evening is enough for them."""

import pathlib
import re

from tests.code_lines import code_lines

DOCS = pathlib.Path(__file__).parents[1] / "docs"
ENTRIES = re.findall(r"^(\d+)\. \[[^]]+\]\(([^)]+)\): (.+)$", (DOCS / "reading.md").read_text(), re.MULTILINE)
MOST = 3000


def test_every_entry_is_a_file_with_one_sentence():
    lines = [line for line in (DOCS / "reading.md").read_text().splitlines() if line[:1].isdigit()]
    assert len(ENTRIES) == len(lines) and [int(number) for number, *_ in ENTRIES] == [*range(1, len(lines) + 1)]
    for _, path, sentence in ENTRIES:
        assert (DOCS / path).is_file(), path
        assert sentence.endswith(".") and ". " not in sentence, sentence
    assert len({path for _, path, _ in ENTRIES}) == len(ENTRIES)


def test_the_way_passes_each_station():
    paths = [path for _, path, _ in ENTRIES]
    stations = ("trainer.py", "sequential.py", "layers/dense.py", "crossentropy.py", "adam.py", "compiled_steps.py")
    places = [next(i for i, path in enumerate(paths) if path.endswith(station)) for station in stations]
    assert places == sorted(places)


def test_they_are_read_in_an_evening():
    counted = {path: len(code_lines((DOCS / path).read_text())) for _, path, _ in ENTRIES}
    assert sum(counted.values()) <= MOST, counted


def test_what_is_counted():
    source = (
        '"""Of the file."""\n\n\n# a comment\ndef f(x):\n    """Two\n    lines."""\n    return (\n        x\n    )\n'
    )
    assert code_lines(source) == {5, 8, 9, 10}
    assert code_lines('TEXT = """no\ndocstring"""\n') == {1, 2}
