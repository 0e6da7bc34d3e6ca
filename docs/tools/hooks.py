"""Hooks of mkdocs: adds the pages that are made, and the sources that pages link to."""

from __future__ import annotations

import pathlib
import posixpath
import re
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from mkdocs.structure.files import File

from docs.tools import programs, reference

_SOURCE = re.compile(r"\]\((?:\.\./)+((?:minidl|tests|examples|benchmarks)/[\w/]+\.py)\)")


def on_config(config: Any) -> Any:
    """Add the reference to the navigation."""
    config.nav.append({"API reference": _nav([path for path, _ in reference.pages()])})
    return config


def _nav(paths: list[str]) -> list[Any]:
    entries: list[Any] = []
    for path in paths:
        *folder, name = path.removeprefix("reference/").removesuffix(".md").split("/")
        if folder and not (entries and isinstance(entries[-1].get(f"minidl.{folder[0]}"), list)):
            entries.append({f"minidl.{folder[0]}": []})
        if folder:
            entries[-1][f"minidl.{folder[0]}"].append({name: path})
        else:
            entries.append({name if name == "minidl" else f"minidl.{name}": path})
    return entries


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    made = {
        path.relative_to(programs.DOCS).with_suffix(".md").as_posix(): programs.page(path)
        for path in programs.programs()
    }
    made |= dict(reference.pages())
    made |= {path: source.read_text().replace("](docs/", "](") for path, source in programs.ELSEWHERE.items()}
    texts = [*made.values(), *(file.content_string for file in files if file.src_uri.endswith(".md"))]
    for source in sorted({found for text in texts for found in _SOURCE.findall(text)}):
        code = (programs.ROOT / source).read_text()
        made[f"source/{source[:-3]}.md"] = (
            f'---\nsearch:\n  exclude: true\n---\n# {source}\n\n````python linenums="1"\n{code}````\n'
        )
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Let links to files of code lead to their pages."""
    here = posixpath.dirname(page.file.src_uri) or "."
    return _SOURCE.sub(lambda found: f"]({posixpath.relpath(f'source/{found[1][:-3]}.md', here)})", markdown)
