"""The secret parts of URLs: user information, sensitive parameters, and paths that are capabilities."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit

from ebrule.redaction.names import is_sensitive_parameter
from ebrule.redaction.places import DIGEST

if TYPE_CHECKING:
    from collections.abc import Callable


class Grammar(NamedTuple):
    """The sensitive parts of URLs in a string, and what parameters look like there."""

    user_information: re.Pattern[str]
    parameter: re.Pattern[str]
    value: re.Pattern[str]


def _grammar(end: str) -> Grammar:
    """How to read URLs that end before one of the characters ``end``.

    User information ends at the last "@" of the authority. A password that holds a "/", "?" or "#" breaks
    the URL and must not show for that: the second form, told by a "port" that is no number. Its length has a
    limit, so that no string takes quadratic time.
    """
    broken = rf"[^/?#:@\[{end}]*:(?!\d+\b|[/?#])[^{end}]{{1,100}}"
    return Grammar(
        user_information=re.compile(rf"(?<=://)(?:[^/?#{end}]+|{broken})(?=@)"),
        parameter=re.compile(rf"[?&;#]([^?&;#=@(\s{end}]+)="),  # with "@" or "(" it is a filter in a JSONPath
        value=re.compile(rf"[^&#{end}]*"),
    )


_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ALONE = _grammar(end=r"\n")
IN_TEXT = _grammar(end=r"\s\"<>")


def grammar_of(text: str) -> Grammar:
    """Return how to read the URLs of a value: it is one, or may hold some."""
    return _ALONE if _URL.match(text) else IN_TEXT


def without_secret_parts(text: str, grammar: Grammar, hide: Callable[[str], str]) -> str:
    """Return a text with the user information and the sensitive parameters of its URLs as ``hide`` shows them."""
    if "://" in text:
        text = grammar.user_information.sub(lambda match: hide(match[0]), text)
    if "=" not in text:
        return text
    done, position = [], 0
    for parameter in grammar.parameter.finditer(text):
        if parameter.start() < position or not is_sensitive_parameter(unquote_plus(parameter[1])):
            continue
        value = grammar.value.match(text, parameter.end())
        if value and value[0]:
            done += [text[position : value.start()], hide(value[0])]
            position = value.end()
    return "".join((*done, text[position:]))


# --- capabilities -------------------------------------------------------------------------------------------------

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
