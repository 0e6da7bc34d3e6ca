"""Assets: files that layers save in addition to their weights, such as a vocabulary; `assets/` in a `.keras` file.

A custom layer writes them in `save_assets(folder)` and reads them in `load_assets(folder)`. Each layer gets a temporary
folder of its own; in the file, its assets have the layer's path in the model.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from minidl.saving.errors import LoadError
from minidl.saving.tree import Owner, owners

FOLDER = "assets"


def write_assets(root: Owner, put: Callable[[pathlib.Path, pathlib.PurePosixPath], None]) -> None:
    """Write the assets of each layer that has `save_assets`.

    Args:
        root: a model.
        put: called with each file, and its path in the archive or folder of the model.
    """
    for path, owner in owners(root):
        if hasattr(owner, "save_assets"):
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                owner.save_assets(name)
                for file in sorted(file for file in folder.rglob("*") if file.is_file()):
                    put(file, pathlib.PurePosixPath(FOLDER, path, file.relative_to(folder)))


def load_assets(root: Owner, assets: Mapping[str, bytes]) -> None:
    """Load the assets of each layer that has `load_assets`.

    Args:
        root: a model.
        assets: the path of each file in `assets/` -> its contents.

    Raises:
        LoadError: a file that belongs to no layer with `load_assets`.
    """
    readers = {path: owner for path, owner in owners(root) if hasattr(owner, "load_assets")}
    files: dict[str, dict[str, bytes]] = {path: {} for path in readers}
    for name, contents in assets.items():
        parents = [path for path in readers if not path or name.startswith(f"{path}/")]
        if not parents:
            raise LoadError(f"{FOLDER}/{name} is in the file, but no layer with load_assets() has this path")
        path = max(parents, key=len)  # the innermost layer
        files[path][name.removeprefix(f"{path}/")] = contents
    for path, owner in readers.items():
        if files[path]:
            _load(owner, files[path])


def _load(owner: Any, files: Mapping[str, bytes]) -> None:
    """Call a layer's `load_assets` on a temporary folder with the files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, contents in files.items():
            file = pathlib.Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(contents)
        owner.load_assets(folder)
