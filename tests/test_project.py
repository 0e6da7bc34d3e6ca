"""What stands around the library: the versions that are named, and commands that exist."""

import pathlib
import re
import tomllib

import minidl

ROOT = pathlib.Path(minidl.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_changelog_names_the_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert minidl.__version__ in text and text.index("## [Unreleased]") < text.index("### Added")


def test_the_workflow_runs_the_oldest_jax_and_every_python():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    oldest = next(re.fullmatch(r"jax>=([\d.]+)", name)[1] for name in PROJECT["dependencies"] if name.startswith("jax"))
    assert f'jax: ["{oldest}.0", newest]' in workflow
    pythons = [name.rsplit(" ", 1)[1] for name in PROJECT["classifiers"] if "Python :: 3." in name]
    assert f"python: {pythons}".replace("'", '"') in workflow
    assert PROJECT["requires-python"] == f">={pythons[0]}"


def test_files_that_the_guide_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = [name for name in re.findall(r"`((?:tests|minidl|benchmarks)/[\w/]+(?:\.py|/))`", text)]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_tests_that_the_guide_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", text))
    defined = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (\w+)\(", path.read_text())
    }
    assert len(named) > 8 and named <= defined
