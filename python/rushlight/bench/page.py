"""One HTML page of a run: facts, pictures, tables. Nothing is fetched from anywhere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..viz.canvas import style
from . import memory, report, training
from .document import Document
from .pictures import Picture, pictures

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .15rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: right }
th:first-child, td:first-child, .left { text-align: left }
tbody tr:hover { background: var(--soft) }
figure { margin: 1.5rem 0 }
figure svg { max-width: 100%; height: auto; background: white; border-radius: 6px }
figcaption { font-size: 13px; opacity: .8 }
svg text { font-family: 'DejaVu Sans', Verdana, sans-serif }
"""


def write(document: Document, path: Path) -> None:
    """The page."""
    path.write_text(html(document), encoding="utf-8")


def html(document: Document) -> str:
    """The page as text."""
    parts = ["<h1>rushlight bench</h1>", _facts(document)]
    parts += [_figure(picture) for picture in pictures(document)]
    for threads in document.threads:
        summary = report.summary(document, threads)
        parts += [f"<h2>{report.plural(threads)}</h2>", f"<p>{escape(summary).replace(chr(10), '<br>')}</p>"]
        parts += [_blocks(report.tables(document, threads))]
    if document.memory:
        parts += ["<h2>Peak memory of a call</h2>", _blocks(memory.table(document.memory))]
    if document.training:
        parts += ["<h2>Training steps</h2>", _blocks(training.training_table(document.training))]
    if document.overhead:
        parts += ["<h2>Overhead, microseconds</h2>", _blocks(training.overhead_table(document.overhead))]
    notes = report.notes(document.results)
    parts += ["<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"] if notes else []
    head = f'<meta charset="utf-8"><title>rushlight bench</title><style>{STYLE}</style>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}{view}</head>\n<body>\n{body}\n</body></html>\n'


def _facts(document: Document) -> str:
    """Machine, versions and settings, a row each."""
    facts = {"when": document.when, **document.machine, **document.versions, **document.settings}
    lines = [[name, _text(value)] for name, value in facts.items()]
    return "<details><summary>Machine, versions, settings</summary>" + _table([], lines) + "</details>"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _blocks(text: str) -> str:
    """Paragraphs and Markdown tables, as report.py writes them."""
    parts, lines = [], [*text.split("\n"), ""]
    rows: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if rows:
            parts.append(_table(rows[0], rows[2:]))
            rows = []
        if line:
            parts.append(f"<p>{escape(line)}</p>")
    return "\n".join(parts)


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        left = [" class=left" if cell[:1].isalpha() else "" for cell in row]
        pairs = zip(left, row, strict=True)
        return "<tr>" + "".join(f"<{tag}{side}>{escape(cell)}</{tag}>" for side, cell in pairs) + "</tr>"

    head = f"<thead>{cells('th', header)}</thead>" if header else ""
    body = "".join(cells("td", line) for line in lines)
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def svg(picture: Picture) -> str:
    """A picture as it stands in a page: its text is text, in the page's font."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with style(), rc_context({"svg.fonttype": "none"}):
        picture.figure().savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _figure(picture: Picture) -> str:
    return f"<figure>{svg(picture)}<figcaption>{escape(picture.caption)}</figcaption></figure>"
