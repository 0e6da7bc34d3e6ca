"""Imports run one way: the contracts in pyproject.toml hold, and no module imports itself through others."""

import ast
import graphlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import minidl

ROOT = pathlib.Path(minidl.__file__).parents[1]


def imports():
    """Module -> the modules of minidl that it imports, within functions too."""
    files = {}
    for path in (ROOT / "minidl").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: set(imported_by(path, files)) - {name} for name, path in files.items()}


def imported_by(path, modules):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not followed here"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from [full] if full in modules else [node.module] if node.module in modules else []


def test_no_module_imports_itself_through_others():
    graph = imports()
    assert "minidl.core.variables" in graph["minidl.layers.module"] | graph["minidl.layers.base"]
    order = graphlib.TopologicalSorter(graph)
    try:
        order.prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_the_contracts_of_pyproject_hold():
    command = shutil.which(
        "lint-imports", path=f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if command is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
