"""Docstrings for mkdocstrings: doctests become blocks of code, and one-line sections get a heading."""

from __future__ import annotations

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^( *)>>> .*(?:\n\1(?!\s*$).+)*", re.MULTILINE)
_LABEL = re.compile(r"^(?!(?:Note|https?):)([A-Z][a-z]+(?: [a-z]+){0,2}):(?= \S)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Changes the docstring of every object when it is loaded."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change its docstring."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
        for parameter in getattr(obj, "parameters", ()) if obj.is_function else ():
            if str(parameter.annotation) == "Union":  # how the alias is seen by inspection
                parameter.annotation = "ArrayLike"


def markdown(docstring: str) -> str:
    r"""The docstring in the form of Google, as griffe reads it, with Markdown inside.

    >>> print(markdown("Sum.\n\nOutput shape: (n,).\n\nExample:\n>>> 1 + 1\n2"))
    Sum.
    <BLANKLINE>
    **Output shape:** (n,).
    <BLANKLINE>
    **Example:**
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    text = re.sub(r"^Example:$", "**Example:**\n", docstring, flags=re.MULTILINE)
    text = _LABEL.sub(r"\n**\1:**", text)
    text = _DOCTEST.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", text)
    return re.sub(r"\n{3,}", "\n\n", text)
