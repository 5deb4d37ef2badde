"""Where each part of a text stands, in lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Path: TypeAlias = tuple[str | int, ...]

Span: TypeAlias = tuple[int, int]
"""Offsets into a text: where something begins, and where it ends."""

LINE_BREAK: Final = re.compile(r"\r\n|\n|\r")


class Place(NamedTuple):
    """Where a key or a value stands: counted from 1, in characters, the end exclusive and on the same line.

    What spans several lines ends, here, with its first.
    """

    line: int
    column: int
    end_column: int


class Layout:
    """A text in lines."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.lines = tuple(LINE_BREAK.split(text))

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in LINE_BREAK.finditer(self._text))]

    def place(self, start: int, end: int) -> Place:
        """The place of a piece of the text; at least one character, so that it can be pointed at."""
        line = bisect_right(self._starts, start)
        begin = self._starts[line - 1]
        last = min(end - begin, len(self.lines[line - 1].rstrip()))
        column = start - begin + 1
        return Place(line, column, max(column, last) + 1)


class Places(Mapping[Path, Place]):
    """Places by path. Each is worked out when somebody asks for it: for most parts of a right file, nobody does."""

    def __init__(self, layout: Layout, spans: Mapping[Path, Span]) -> None:
        self._layout = layout
        self._spans = spans

    def __getitem__(self, path: Path) -> Place:
        """The place of what is at a path."""
        return self._layout.place(*self._spans[path])

    def __iter__(self) -> Iterator[Path]:
        """The paths, in the order of the text."""
        return iter(self._spans)

    def __len__(self) -> int:
        """How many parts have a place."""
        return len(self._spans)
