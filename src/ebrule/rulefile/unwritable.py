"""What an org may hold, and no rule file can: found before it is written, with what ``parse`` would say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ebrule.rulefile.builder import MAX_DEPTH, MAX_DIGITS
from ebrule.rulefile.problems import problem, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrule.errors import Problem
    from ebrule.rulefile.places import Path


def unwritable(data: Any, path: Path = ()) -> Iterator[Problem]:
    """Yield a problem for each part of data that ``parse`` would refuse, at its path.

    Args:
        data: mappings with string keys, lists, strings, numbers, booleans, None and ``KEEP``.
        path: where it stands in the rule file.
    """
    if isinstance(data, (Mapping, list)):
        parts = data.items() if isinstance(data, Mapping) else enumerate(data)
        if len(path) >= MAX_DEPTH:
            yield problem("too-deep", path=path, limit=MAX_DEPTH)
        elif isinstance(data, Mapping) and any(map(_is_broken, data)):
            yield _half_a_character(path)
        else:
            for name, part in parts:
                yield from unwritable(part, (*path, name))
    elif isinstance(data, str) and _is_broken(data):
        yield _half_a_character(path)
    elif isinstance(data, int) and abs(data) >= 10**MAX_DIGITS:
        yield problem("number-too-long", path=path, text=quoted(str(data)), limit=MAX_DIGITS)


def _is_broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _half_a_character(path: Path) -> Problem:
    return problem("invalid-escape", path=path, what="half of a surrogate pair", hint="")
