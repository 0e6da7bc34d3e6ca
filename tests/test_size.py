"""Files and functions that one sees whole, and speed work in one folder."""

import pathlib

import pytest

import minidl
from tests.code_lines import functions

ROOT = pathlib.Path(minidl.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(ROOT.rglob("*.py"))}
LONG_FILES = {
    "activations.py": "a list of functions of a few lines, one for each activation",
    "ops/nn.py": "likewise, for each name of keras.ops.nn",
    "ops/numpy.py": "a list of functions of a few lines, one for each name of keras.ops",
}
SPEED_WORK = ("default_backend", "optimization_barrier")


def test_files_have_at_most_400_lines():
    assert {name for name, text in FILES.items() if text.count("\n") > 400} == LONG_FILES.keys()


@pytest.mark.slow
def test_functions_have_at_most_60_lines():
    long = [f"{name}:{function}" for name, text in FILES.items() for function, n in functions(text).items() if n > 60]
    assert not long


@pytest.mark.parametrize("word", SPEED_WORK)
def test_only_kernels_know_of_platforms_and_barriers(word):
    named = [name for name, text in FILES.items() if word in text]
    assert named and all(name.startswith("kernels/") for name in named)


def test_lines_of_functions_are_counted_without_docstrings():
    assert functions('def f():\n    """A.\n\n    B."""\n    # c\n\n    return 1\n') == {"f:1": 2}
