"""Docstrings as Markdown, for the reference. In the source they are written to be read in a terminal:
arguments in columns, formulas indented, examples as sessions. Here columns become lists, formulas and
sessions code. mkdocs.yml names this file among mkdocstrings' extensions.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROW = re.compile(r"(?P<name>\S.*?)(?: {2,}|: )(?P<text>\S.*)")
_COLUMNS = re.compile(r"\S+(?:, \S+)*  +\S")
_FORMULA = re.compile(r"[a-z][\w ]*(?:\[[^]]*\])? [+]?= ")


class Docstrings(griffe.Extension):
    """Rewrites every docstring that the reference shows."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """The same text, block by block."""
    return "\n\n".join([_block(block.strip("\n")) for block in re.split(r"\n\s*\n", docstring)])


def _block(block: str) -> str:
    first, *rest = block.split("\n")
    if first.lstrip().startswith(">>>"):
        return f"```pycon\n{block}\n```"
    if _COLUMNS.match(first):
        return "\n".join([f"- `{name}`: {_plain(text)}" for name, text in _rows(block)])
    if _FORMULA.match(first) or first.startswith("    ") or any(line.startswith("    ") for line in rest):
        return f"```text\n{block}\n```"
    return _plain(block)


def _rows(block: str) -> list[tuple[str, str]]:
    """Names and what is said of them; indented lines go on with the row above."""
    rows: list[tuple[str, str]] = []
    for line in block.split("\n"):
        row = None if line.startswith(" ") else _ROW.match(line)
        if row:
            rows.append((row["name"], row["text"]))
        else:
            name, text = rows.pop()
            rows.append((name, f"{text} {line.strip()}"))
    return rows


def _plain(text: str) -> str:
    """Stars and underlines outside of code are no emphasis."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join([part if part.startswith("`") else _escaped(part) for part in parts])


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[\]])", r"\\\1", text).replace("<", "&lt;")
