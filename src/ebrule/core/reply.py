"""A reply of a server, and the ways in which none came; the same for every transport."""

from __future__ import annotations

import json
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


MAX_DEPTH = 64


class Request(NamedTuple):
    """One request: ``url`` is whole, ``body`` is bytes as they go over the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Reply:
    """One reply: ``headers`` have lower-case names, ``body`` is decoded, ``milliseconds`` is from send to last byte.

    ``hide`` takes the secrets out of what is quoted from it: some servers show what they were sent.
    """

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        milliseconds: float = 0.0,
        hide: Callable[[str], str] = str,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.milliseconds = milliseconds
        self.hide = hide

    @cached_property
    def json(self) -> Any:
        """The body as JSON, or None where it is no JSON (a reply of ``null`` is no use to anyone either)."""
        try:
            document = json.loads(self.body, parse_constant=_no_constant, parse_float=_finite)
        except (ValueError, RecursionError):
            return None
        return document if _is_shallow(document) else None

    @property
    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def correlation_id(self) -> str | None:
        """What Genesys Cloud's support asks for."""
        context = self.object.get("contextId")
        said = self.headers.get("inin-correlation-id") or (context if isinstance(context, str) else None)
        return self.hide(said) if said else None

    def error_texts(self) -> list[str]:
        """Return what the server says went wrong, the best first. The token endpoint has fields of its own."""
        fields = (self.object.get(name) for name in ("message", "error_description", "description", "error"))
        return [text for text in fields if isinstance(text, str) and text]

    def error_text(self) -> str:
        """Return the best of what the server says went wrong, to be shown, or an empty text."""
        return self.hide(next(iter(self.error_texts()), ""))


def _is_shallow(document: Any) -> bool:
    """Return whether whatever walks the document will come back: no rule is nested deeper than this."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [below for each in level for below in _below(each)]
        if not level:
            return True
    return False


def _below(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is larger than any number that can be sent back")
    return number


class TransportError(Exception):
    """No usable reply came. The text says why, in words for a person.

    ``origin`` is where the request was to go, such as ``https://api.mypurecloud.com``; empty where none was tried.
    """

    origin = ""


class NotSentError(TransportError):
    """The request never reached the server: no name, no connection, no proxy."""


class UntrustedHostError(TransportError):
    """The host could not prove who it is, so nothing was sent."""


class BrokenError(TransportError):
    """The request was sent, wholly or in part, and the reply never came, broke off, or cannot be read."""
