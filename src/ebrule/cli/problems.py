"""Problems of rule files as text for people: what, where, and the line of the file with a caret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from ebrule.cli.render import one_line
from ebrule.redaction import is_sensitive

if TYPE_CHECKING:
    from ebrule.errors import Problem, Source

Line = Callable[..., None]
"""What prints one line of parts."""

_ROOM = 160  # for a line of a file where there is no terminal to tell
_LEAST_ROOM = 20
# A name is looked for where a word begins only: elsewhere, long words would take quadratic time.
_NAMED_VALUE = re.compile(
    r"""(?<![\w-])([\w-]+)["']?[ \t]*:[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[^"'$,{}\[\]#\s][^,{}\[\]#]*)"""
)


def show_problem(line: Line, problem: Problem, source: Source, width: int | None = None) -> None:
    """Print one problem with its place, the line of the file, and a caret under what is wrong.

    Args:
        line: what prints.
        problem: what is wrong.
        source: the file.
        width: how many columns the terminal has.
    """
    line(
        f"{one_line(_where(problem, source))}: ",
        (f"{problem.severity}[{problem.id}]", problem.severity),
        f": {one_line(problem.message)}",
    )
    if problem.line is not None and problem.column is not None and problem.line <= len(source.lines):
        gutter = f"{problem.line:>3} | "
        room = _ROOM if width is None else max(width - len(gutter), _LEAST_ROOM)
        end = max(problem.end_column or 0, problem.column + 1)
        before, marked, after = _excerpt(source.lines[problem.line - 1], problem.column, end, room)
        line((gutter, "faint"), before + marked + after)
        carets = "^" * max(cells(marked), 1)
        line((" " * (len(gutter) - 2) + "| ", "faint"), " " * cells(before), (carets, problem.severity))
    if problem.hint:
        line(f"      {problem.hint[0].upper()}{one_line(problem.hint[1:])}")


def _where(problem: Problem, source: Source) -> str:
    if problem.line is not None:
        return f"{source.name}:{problem.line}:{problem.column or 1}"
    from ebrule.core.validator import path_text
    from ebrule.pipeline.patch import SET

    # Several assignments are one source, whose parts are known by their paths.
    return f"{SET} {path_text(problem.path)}" if source.name == SET and problem.path else source.name


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide letters take two, combining marks and joiners none."""
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    category = unicodedata.category(char)
    if category in {"Mn", "Me", "Cf"}:  # of the last, only the joiners are printed
        return 0
    # Python gives characters that are not assigned any width.
    return 2 if category != "Cn" and unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _excerpt(line: str, column: int, end_column: int, room: int) -> tuple[str, str, str]:
    """Return what stands before a place, in it and behind it, as shown: together at most ``room`` cells."""
    text = _starred_out(line)
    parts = text[: column - 1], text[column - 1 : end_column - 1], text[end_column - 1 :]
    # No part is cleaned further than it can be seen: a line may be as long as a file.
    before, marked, after = one_line(parts[0][-room:]), one_line(parts[1][:room]), one_line(parts[2][:room])
    if cells(before + marked + after) <= room and len(line) <= room:
        return before, marked, after
    before = _head(before[::-1], max(room // 2, room - cells(marked + after)))[::-1]
    marked = _head(marked, room - cells(before))
    return before, marked, _head(after, room - cells(before + marked))


def _head(text: str, room: int) -> str:
    """Return the beginning of a text that fits into ``room`` cells, with an ellipsis where something is left out."""
    if cells(text) <= room:
        return text
    end = room
    while end > 0 and cells(text[:end]) >= room:
        end -= 1
    return f"{text[:end]}…" if room > 0 else ""


@lru_cache(maxsize=1)
def _starred_out(line: str) -> str:
    """Return a line, as long as it was, without its tabs and the values of sensitive names.

    The line may end up in a pipeline's log.
    """
    return _NAMED_VALUE.sub(_starred, line.replace("\t", " "))


def _starred(match: re.Match[str]) -> str:
    name, value = match[1], match[2]
    return match[0][: -len(value)] + "*" * len(value) if is_sensitive(name) else match[0]
