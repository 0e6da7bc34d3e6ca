"""The documentation: programs print what pages show, what is named exists, every public name is in the reference."""

import importlib
import importlib.util
import json
import pathlib
import re
import subprocess
import sys

import pytest

import minidl
from docs.tools import programs, reference

ROOT = programs.ROOT
IDS = [path.relative_to(programs.DOCS).as_posix() for path in programs.programs()]
DIFFERENCES = (programs.DOCS / "differences.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("path", programs.programs(), ids=IDS)
def test_a_program_prints_what_its_page_shows(path):
    got, saved = programs.printed(path), programs.saved(path)
    assert len(got) == len(saved), "run `python -m docs.tools.programs --save`"
    if not programs.is_comparable(path):
        return  # it runs
    different = [line for pair in zip(saved, got) for line in programs.differences(*pair)]
    assert not different, "\n".join(different)


def test_numbers_are_compared_and_times_are_not():
    assert not programs.differences("loss: 0.52, 3.1 s, 99us/step", "loss: 0.53, 12 s, 60us/step")
    assert not programs.differences("dense  825k   7.9us 28.0%", "dense  825k  15.8us  9.0%")
    assert programs.differences("loss: 0.52", "loss: 0.62")
    assert programs.differences("a 1", "b 1")
    assert programs.differences("one", "one\ntwo")
    assert programs.differences("True", "False")


@pytest.mark.parametrize("path", programs.programs(), ids=IDS)
def test_a_page_is_made_of_a_program(path):
    page = programs.page(path)
    assert page.startswith("# ") and '```text title="Output"' in page
    assert "quote:" not in page
    for target in re.findall(r"\]\(((?:\.\./)+[\w/.]+\.(?:py|md))[)#]", page):
        found = (path.parent / target).resolve()
        is_made = found.parent == programs.DOCS and found.name in programs.ELSEWHERE
        assert is_made or found.exists() or found.with_suffix(".py").exists(), target


def test_quotes_are_the_source():
    text = programs.quoted("minidl.core.functional.bound")
    assert "](../../minidl/core/functional.py), line " in text and "binding.holding({id(v)" in text
    assert "    def train(" not in (text := programs.quoted("minidl.training.step.DefaultStep.train"))
    assert "def train(self" in text
    with pytest.raises(ValueError, match="has no bounds"):
        programs.quoted("minidl.core.functional.bounds")


def test_every_public_name_of_keras_that_is_here_is_in_the_reference():
    text = "\n".join(page for _, page in reference.pages())
    shown = set(re.findall(r"^::: ([\w.]+)|\{ #([\w.]+) \}", text, re.MULTILINE))
    shown = {one or other for one, other in shown}
    surface = json.loads((ROOT / "tests" / "references" / "surface.json").read_text())
    both = re.compile(r"^ops\.(nn|numpy|linalg)\.")  # shown as `ops.relu`, of which `ops.nn.relu` is another name
    missing = [name for name in names_of(surface) if f"minidl.{both.sub('ops.', name)}" not in shown]
    assert not missing


def names_of(surface):
    """The names of Keras, such as `layers.Dense`, that minidl has."""
    for name in surface:
        module, _, last = name.rpartition(".")
        try:
            owner = importlib.import_module(f"minidl.{module}" if module else "minidl")
        except ModuleNotFoundError:
            continue
        if callable(getattr(owner, last, None)):
            yield name


def test_every_difference_has_a_reason_and_a_test():
    rows = [line for line in DIFFERENCES.splitlines() if line.startswith("| ") and not line.startswith("| minidl")]
    assert len(rows) > 50
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 4 and all(cells[:3]), row
        tests = re.findall(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)", cells[3])
        assert tests, f"no test: {row}"
        for name, file in tests:
            assert f"def {name}(" in (ROOT / file).read_text(), f"{file} has no {name}"


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    for package in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(package) is None:
            pytest.skip("pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'id="minidl.layers.Dense"' in (tmp_path / "reference/layers/core/index.html").read_text()


def test_pages_of_the_navigation_exist():
    text = (ROOT / "mkdocs.yml").read_text()
    pages = re.findall(r"- ([\w/]+)\.md", text[text.index("nav:") :])
    assert len(pages) > 20
    for page in pages:
        made = page in ("benchmarks", "contributing")
        assert made or any(pathlib.Path(programs.DOCS / f"{page}{suffix}").exists() for suffix in (".md", ".py")), page
    assert {f"{name.removesuffix('.py')}" for name in IDS} <= set(pages)


def test_extras_that_the_pages_name_exist():
    texts = [*(path.read_text() for path in programs.DOCS.rglob("*.md")), (ROOT / "README.md").read_text()]
    named = {
        one for text in texts for found in re.findall(r"(?:minidl|\.)\[([\w,]+)\]'", text) for one in found.split(",")
    }
    extras = set(re.findall(r"^(\w+) = \[\"", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    assert named and named <= extras, named - extras
    assert minidl.__version__
