"""Paths of URLs that are capabilities: whoever knows one can post there."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from ebrule.redaction.places import DIGEST

if TYPE_CHECKING:
    from collections.abc import Callable

_KNOWN = re.compile(
    r"/services/(?=T[^/]+/B[^/]+/.)"  # Slack
    r"|/api(?:/v[0-9]+)?/webhooks/(?=[0-9]+/.)"  # Discord
    r"|/hooks/[a-z]+/(?=[0-9]+/.)"  # Zapier
    r"|/webhook(?:b2)?/(?=[0-9a-f-]{36}@)"  # Microsoft Teams
    r"|/with/key/(?=.)"  # IFTTT
)
_LEAST = 8
_LONG = 16
_MOST_DIGITS = 6
_LEAST_HUMP = 3
_MOST_ODD = 2
_LONGEST_HUMP = 15
_LONGEST_HUMP_WITHOUT_VOWEL = 4
_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)


def capability_in(path: str) -> int:
    """Return where the part of a URL's path begins that lets whoever knows it post there; its length where none does.

    That is what follows the fixed part of a well-known service's webhooks; else, the first segment that looks random.
    """
    if DIGEST.search(path):
        return len(path)
    if known := _KNOWN.search(path):
        return known.end()
    start = 0
    for segment in path.split("/"):
        if _looks_random(unquote(segment)):
            return start
        start += len(segment) + 1
    return len(path)


def shown_url(url: str, hide: Callable[[str], str]) -> str:
    """Return scheme, host and path of a receiver's URL; ``hide`` shows what lets whoever knows it post there.

    A query may carry a key, and is left out.
    """
    scheme, netloc, path, _, _ = urlsplit(url)
    at = capability_in(path)
    return urlunsplit((scheme, netloc, path[:at] + (hide(path[at:]) if path[at:] else ""), "", ""))


def _looks_random(segment: str) -> bool:
    """Whether a segment of a path is no name that a person would give: words, and numbers behind them."""
    if len(segment) < _LEAST:
        return False
    if _UUID.search(segment):
        return True
    pieces = _PIECE.findall(segment)
    mixed = sum(one.isdecimal() and other.isalpha() for one, other in pairwise(pieces))  # as in 3f9a1c
    return (
        mixed > (len(segment) < _LONG)
        or any(piece.isdecimal() and len(piece) > _MOST_DIGITS for piece in pieces)
        or any(_is_no_word(piece) for piece in pieces if piece.isalpha() and len(piece) >= _LEAST)
    )


def _is_no_word(letters: str) -> bool:
    """Whether letters are neither a word nor several in camel case."""
    humps = _HUMP.findall(letters)
    odd = sum(len(hump) < _LEAST_HUMP or hump.isupper() for hump in humps)
    return (
        odd > _MOST_ODD
        or any(len(hump) > _LONGEST_HUMP for hump in humps)
        or any(len(hump) > _LONGEST_HUMP_WITHOUT_VOWEL and not _VOWEL.search(hump) for hump in humps)
    )
