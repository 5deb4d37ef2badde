"""What comes out of a rule file: data, and where each piece of it stands."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ebrule.redaction import Places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.errors import Problem, Source
    from ebrule.rulefile.places import Path, Place


class Keep(enum.Enum):
    """The type of ``KEEP``: an enum, so that the one value survives copying and pickling as itself."""

    KEEP = "${keep}"

    def __repr__(self) -> str:
        """As the file has it."""
        return self.value


KEEP: Final = Keep.KEEP
"""Stands in the data where the file says ``${keep}``: leave the server's value."""


class Document(NamedTuple):
    """The data of a rule file, and the place of each part of it, by its path (keys and indexes).

    Attributes:
        source: The name and the lines of the text, to point into.
        data: A mapping, of mappings, lists, strings, numbers, booleans, None and ``KEEP``.
        values: The places of the values; the whole is at ``()``.
        keys: The places of the keys, by the path of the entry.
        secrets: The values that ``${env:…}`` put in. They must never be shown.
        problems: What is wrong with the text. Something stands in the data for each value that it left unclear.
        assigned: The paths whose values do not come from the text, and have no place in it; for each, how to say that
            the value is text.
        as_text: What to do to make a value text that has its type from a ``${var:NAME}``, by its path.
        from_environ: What the text says, by the path, where it says ``${env:…}``.
    """

    source: Source
    data: Any
    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]
    secrets: frozenset[str]
    problems: tuple[Problem, ...] = ()
    assigned: Mapping[Path, str] = MappingProxyType({})
    as_text: Mapping[Path, str] = MappingProxyType({})
    from_environ: Mapping[Path, str] = MappingProxyType({})

    def __repr__(self) -> str:
        """Show nothing of the data, which may hold secrets."""
        return f"Document(source={self.source!r}, problems={self.problems!r})"

    @property
    def unset(self) -> frozenset[Path]:
        """The paths of the values that cannot be known, since a variable is not set."""
        return frozenset(problem.path for problem in self.problems if problem.id == "unset-variable")

    @property
    def places(self) -> Places:
        """Where secrets stand in the data."""
        return Places.of(self.data, self.from_environ)

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Where the value at ``path`` stands, or its key.

        Args:
            path: Keys and indexes, from the top.
            key: Ask for the key; where there is none (a list's item), the value's place is given.

        Returns:
            The place; if nothing is at ``path``, that of the nearest part around it that exists.
        """
        if key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if place := self.values.get(path[:length]):
                return place
        return None

    def locate(self, problem: Problem, *, key: bool = False) -> Problem:
        """A copy of a problem, with the place that its path leads to.

        Args:
            problem: Its ``path`` says where.
            key: Point to the key, not to the value.
        """
        if any(problem.path[: len(path)] == path for path in self.assigned):
            return problem
        place = self.place(problem.path, key=key)
        return problem if place is None else problem._replace(**place._asdict())
