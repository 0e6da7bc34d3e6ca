"""What type checkers and editors see: a user's program, all public names, and completion."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

import minidl
from minidl.core.public import public_modules

pytestmark = pytest.mark.slow  # type checkers of a whole program

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM = HERE / "program.py"
REVEALED = """
import numpy as np
from minidl import keras
from minidl.keras import layers

inputs = keras.Input((3,))
model = keras.Model(inputs, layers.Dense(2)(inputs))
reveal_type(model)  # Model
reveal_type(keras.Sequential([layers.Dense(1)]))  # Sequential
reveal_type(model.fit(np.ones((3, 3)), np.ones((3, 2))))  # History
reveal_type(model.fit(np.ones((3, 3)), np.ones((3, 2))).history["loss"])  # list
reveal_type(model.predict(np.ones((3, 3))))  # ndarray
reveal_type(layers.Dense(3))  # Dense
reveal_type(keras.optimizers.Adam(1e-3))  # Adam
"""
EXPECTED = re.findall(r"# (\w+)$", REVEALED, re.MULTILINE)
WRONG = """
from minidl import keras
keras.layers.Dens(3)
keras.optimzers
keras.layers.Dense(units=3).kernal
"""


def modules():
    """The public modules, those that are imported on demand too."""
    found = [minidl, *public_modules(minidl)]
    for name in ("applications", "wrappers"):
        module = getattr(minidl, name)
        found += [module, *public_modules(module)]
    return {module.__name__.replace("minidl.keras", "minidl"): module for module in found}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder."""
    folder = tmp_path_factory.mktemp("user")
    lines = [
        f"from {path.replace('minidl', 'minidl.keras', 1)} import {name} as n{i}_{j}\n"
        for i, (path, module) in enumerate(modules().items())
        for j, name in enumerate(module.__all__)
    ]
    assert len(lines) > 1300
    (folder / "names.py").write_text("".join(lines))
    (folder / "program.py").write_text(PROGRAM.read_text())
    (folder / "revealed.py").write_text(REVEALED)
    (folder / "wrong.py").write_text(WRONG)
    return folder


def checked(command, folder):
    """What a checker prints about each file."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, env=env, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    return {
        name: [line for line in lines if f"{name}.py:" in line] for name in ("names", "program", "revealed", "wrong")
    }


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def said(request, folder):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"pip install {request.param}")
    files = ["names.py", "program.py", "revealed.py", "wrong.py"]
    options = {
        "mypy": ["--check-untyped-defs", "--cache-dir", str(folder / "cache"), *files],
        "pyright": ["--pythonpath", sys.executable, *files],
    }
    return checked([request.param, *options[request.param]], folder)


def test_the_program_of_a_user_has_no_error(said):
    assert len(PROGRAM.read_text().splitlines()) >= 200
    assert said["program"] == []


def test_every_public_name_is_found_under_minidl_keras(said):
    assert said["names"] == []


def test_results_have_their_types(said):
    types = [re.search(r'(?:Revealed type is|is) "([^"]*)"$', line)[1] for line in said["revealed"]]
    names = [re.search(r"(\w+)(?:\[.*\])?$", one)[1] for one in types]
    assert names == EXPECTED


def test_misspelt_names_are_reported(said):
    assert len(said["wrong"]) == 3, said["wrong"]


@pytest.mark.slow
def test_the_program_runs():
    subprocess.run([sys.executable, PROGRAM], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("path", modules())
def test_dir_shows_public_names_only(path):
    module = modules()[path]
    names = dir(module)
    assert names == sorted(names) and set(module.__all__) <= set(names)
    assert set(names) - set(module.__all__) <= {"applications", "wrappers"}
    assert not [name for name in names if name.startswith("_") and name != "__version__"]
    assert not {"Any", "Callable", "jax", "jnp", "np", "annotations", "serialization"} & set(names)


def test_the_modules_of_keras_for_type_checkers_are_the_public_modules():
    root = ROOT / "minidl" / "keras"
    files = [path.relative_to(root).with_suffix("") for path in sorted(root.rglob("*.py*")) if "cache" not in str(path)]
    paths = {".".join(("minidl", *(part for part in path.parts if part != "__init__"))) for path in files}
    assert paths == set(modules())
    for name in paths - {"minidl"}:
        path = root.joinpath(*name.split(".")[1:])
        text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
        assert f"\nfrom {name} import *\n" in text, name


def test_modules_under_minidl_keras_are_the_modules_themselves():
    program = (
        "import minidl, minidl.keras.layers, minidl.keras.optimizers.schedules as schedules, sys\n"
        "assert minidl.keras is minidl and minidl.layers.__name__ == 'minidl.layers'\n"
        "assert schedules is sys.modules['minidl.optimizers.schedules']"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
