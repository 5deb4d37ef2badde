"""What a misspelled word was probably meant to be."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# No word that is known is near to a longer one, and comparing is slow for those.
_LONGEST: Final = 100
_LIKENESS: Final = 0.7


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like ``word``, whatever the case of its letters, or None."""
    if len(word) > _LONGEST:
        return None
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=_LIKENESS)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question to append to a message about an unknown word; empty if no known one is near."""
    near = nearest(word, known)
    return f'; did you mean "{near}"?' if near else ""
