"""The secret parts of URLs: user information and sensitive parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from ebrule.redaction.names import is_sensitive_parameter

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
