"""Pages that are programs: their text is in comments, and what they print is shown after the code.

A page starts with a docstring: its title, and text in Markdown. `# %% Title` begins a section. The comments that
follow it are text in Markdown; a line `# quote: minidl.core.functional.functional` shows the source of that object.

`python -m docs.tools.programs --save` runs all programs and saves what they print; tests compare with it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
ELSEWHERE = {"benchmarks.md": ROOT / "benchmarks" / "README.md", "contributing.md": ROOT / "CONTRIBUTING.md"}
_MARK = "# %%"
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)")
_UNITS = r"ns|us|ms|s|[kMG]?B|[kMGT]?FLOP/s|/s|%"
_MEASURED = re.compile(rf" *-?\d+(?:\.\d+)?(?:e[-+]?\d+)? ?(?:{_UNITS})(?![\w])(?:/step)?")  # not compared


class Cell(NamedTuple):
    """A section of a program."""

    text: str  # Markdown
    code: str
    line: int  # of the code, from 0


def programs() -> list[pathlib.Path]:
    """All programs that are pages."""
    return sorted(path for folder in ("start", "guides", "how") for path in (DOCS / folder).glob("*.py"))


def cells(path: pathlib.Path) -> list[Cell]:
    """The sections of a program; the docstring is the text of the first one."""
    source = path.read_text()
    docstring = ast.parse(source).body[0]
    lines = source.splitlines()
    starts = [docstring.end_lineno or 0, *(i for i, line in enumerate(lines) if line.startswith(_MARK)), len(lines)]
    title, _, rest = ast.literal_eval(docstring.value).partition("\n")  # type: ignore[attr-defined]
    found = [Cell(f"# {title.rstrip('.')}\n{rest}", *_code(lines, starts[0], starts[1]))]
    for start, end in zip(starts[1:], starts[2:]):
        first = next((i for i in range(start + 1, end) if not lines[i].startswith("#")), end)
        text = [re.sub(r"^# ?", "", line) for line in lines[start + 1 : first]]
        heading = lines[start].removeprefix(_MARK).strip()
        found.append(Cell("\n".join([f"## {heading}" if heading else "", "", *text]), *_code(lines, first, end)))
    return found


def _code(lines: Sequence[str], start: int, end: int) -> tuple[str, int]:
    while start < end and not lines[start].strip():
        start += 1
    return "\n".join(lines[start:end]).rstrip(), start


def run(path: pathlib.Path) -> Iterator[str]:
    """Run a program: yields what each section prints."""
    namespace = {"__name__": "__main__", "__file__": str(path)}
    for cell in cells(path):
        printed = io.StringIO()
        code = compile("\n" * cell.line + cell.code, str(path), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        yield printed.getvalue()


def saved(path: pathlib.Path) -> list[str]:
    """What each section printed when the output was last saved."""
    return path.with_suffix(".txt").read_text().split(f"{_MARK}\n")[1:]


def is_comparable(path: pathlib.Path) -> bool:
    """Whether the output was saved with the JAX that is installed; another one may write jaxprs otherwise."""
    return path.with_suffix(".txt").read_text().startswith(f"jax {version('jax')}\n")


def printed(path: pathlib.Path) -> list[str]:
    """What each section prints, in a process of its own.

    Raises:
        RuntimeError: the program failed; with its errors.
    """
    command = [sys.executable, "-m", "docs.tools.programs", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{path} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout.split(f"{_MARK}\n")[1:]


def differences(expected: str, got: str) -> list[str]:
    """The lines that differ, apart from times and memory, and from numbers that are within 5% or 0.02."""
    pairs = [_MEASURED.sub("#", text).split("\n") for text in (expected, got)]
    if len(pairs[0]) != len(pairs[1]):
        return [f"{len(pairs[0])} lines were saved, {len(pairs[1])} were printed:\n{got}"]
    return [f"saved   {one}\nprinted {other}" for one, other in zip(*pairs) if not _are_alike(one, other)]


def _are_alike(one: str, other: str) -> bool:
    parts = [_NUMBER.split(" ".join(text.split())) for text in (one, other)]
    if len(parts[0]) != len(parts[1]) or parts[0][::2] != parts[1][::2]:
        return False
    pairs = [(float(a), float(b)) for a, b in zip(parts[0][1::2], parts[1][1::2])]
    return all(abs(a - b) <= max(0.02, 0.05 * abs(a)) for a, b in pairs)


def page(path: pathlib.Path) -> str:
    """The page of a program, in Markdown."""
    parts = []
    for cell, output in zip(cells(path), saved(path), strict=True):
        text = re.sub(r"^quote: ([\w.]+)$", lambda found: quoted(found[1]), cell.text, flags=re.MULTILINE)
        parts.append(f"{text}\n")
        if cell.code:
            parts.append(f"```python\n{cell.code}\n```\n")
        if output:
            parts.append(f'```text title="Output"\n{output.rstrip()}\n```\n')
    parts.append(f"\nThe program of this page is `{path.relative_to(ROOT)}`: change a line, and run it.\n")
    return "\n".join(parts)


def quoted(name: str) -> str:
    """The source of a function, class or method, as Markdown with a link to its file.

    Raises:
        ValueError: there is none of that name.
    """
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        folder = ROOT.joinpath(*parts[:count])
        path = next((file for file in (folder.with_suffix(".py"), folder / "__init__.py") if file.is_file()), None)
        if path is not None:
            source = path.read_text()
            node = _found(ast.parse(source), parts[count:], name)
            first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
            lines = source.splitlines()[first - 1 : node.end_lineno]
            indent = len(lines[0]) - len(lines[0].lstrip())
            code = "\n".join(line[indent:] for line in lines)
            where = path.relative_to(ROOT).as_posix()
            return f"[{where}](../../{where}), line {first}:\n\n```python\n{code}\n```\n"
    raise ValueError(f"quote: no module has {name}.")


def _found(node: ast.AST, names: Sequence[str], full: str) -> ast.stmt:
    for name in names:
        defined = (ast.FunctionDef, ast.ClassDef)
        inside = (child for child in ast.iter_child_nodes(node) if isinstance(child, defined) and child.name == name)
        node = next(inside, None)  # type: ignore[assignment]
        if node is None:
            raise ValueError(f"quote: {full} has no {name}.")
    return node  # type: ignore[return-value]


def main(arguments: list[str]) -> None:
    """Print what the sections of a program print; with `--save`, save that of the given programs, or of all."""
    if arguments[:1] == ["--save"]:
        for path in map(pathlib.Path.resolve, map(pathlib.Path, arguments[1:])) if arguments[1:] else programs():
            path.with_suffix(".txt").write_text(
                f"jax {version('jax')}\n" + "".join(f"{_MARK}\n{output}" for output in printed(path))
            )
        return
    for output in run(pathlib.Path(arguments[0])):
        sys.stdout.write(f"{_MARK}\n{output}")


if __name__ == "__main__":
    main(sys.argv[1:])
