"""Fault specifications: what goes wrong on request, for which requests, and how often.

    KIND[:KEY=VALUE,KEY=VALUE…]

for example ``status:status=503,times=2`` or ``drop-after:rate=0.2,seed=7``. Every kind knows these keys:

    times     how many requests are met, counted for each server process (default: no end)
    rate      the probability that a request is met, 0 to 1 (default 1)
    seed      makes the choice under ``rate`` repeatable (default 0)
    method    the HTTP method (default PUT; POST for ``token-throttle``); ``*`` is any
    path      a part of the request's path (default: any path)

Some kinds know further ones, see ``misbehaviour.KINDS``:

    status    the HTTP status of the reply
    seconds   how long to wait; of an error reply, its ``Retry-After``
    to        where a redirect leads: its ``Location``

Several faults wrap each other, the first one outermost: a request that the first lets pass meets the second.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ebrule.sandbox.misbehaviour import KINDS, Exchange, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Fault:
    """A parsed specification; ``settings`` holds the values of the kind's own keys."""

    name: str
    kind: Kind
    settings: dict[str, Any]
    method: str
    path: str
    times: int | None
    rate: float
    seed: int


def parse(text: str) -> Fault:
    """Read a fault specification.

    Args:
        text: The specification, see above.

    Raises:
        ValueError: It is wrong; the message names the bad part and what is allowed in its place.
    """
    name, _, rest = text.partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"fault {text!r}: no kind {name!r}; the kinds are {', '.join(sorted(KINDS))}")
    given: dict[str, Any] = {}
    allowed = {**_COMMON, **{key: _OWN[key] for key in kind.keys}}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if not equals or key not in allowed:
            raise ValueError(f"fault {text!r}: no key {key!r}; {name} knows {', '.join(sorted(allowed))}")
        if key in given:
            raise ValueError(f"fault {text!r}: {key!r} is given twice")
        try:
            given[key] = allowed[key](value)
        except ValueError as error:
            raise ValueError(f"fault {text!r}: {key} must be {error}, not {value!r}") from None
    absent = [key for key in kind.needs if key not in given]
    if absent:
        raise ValueError(f"fault {text!r}: {name} needs {', '.join(absent)}")
    return Fault(
        name=name,
        kind=kind,
        settings={key: given.get(key, default) for key, default in kind.keys.items()},
        method=given.get("method", kind.method),
        path=given.get("path", kind.path),
        times=given.get("times"),
        rate=given.get("rate", 1.0),
        seed=given.get("seed", 0),
    )


class FaultMiddleware:
    """Lets one fault happen to the requests that it is meant for; the others pass untouched."""

    def __init__(self, app: ASGIApp, fault: Fault) -> None:
        self._app = app
        self._fault = fault
        self._left = fault.times
        self._random = random.Random(fault.seed)  # noqa: S311 - repeatable by intent, nothing depends on secrecy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, well or badly."""
        if scope["type"] != "http" or not self._strikes(scope):
            await self._app(scope, receive, send)
            return
        exchange = Exchange(self._app, scope, receive, send)
        exchange.trace.fault = self._fault.name
        await self._fault.kind.happen(exchange, **self._fault.settings)

    def _strikes(self, scope: Scope) -> bool:
        fault = self._fault
        if fault.method not in ("*", scope["method"]) or fault.path not in scope["path"] or self._left == 0:
            return False
        if fault.rate < 1 and self._random.random() >= fault.rate:
            return False
        if self._left is not None:
            self._left -= 1
        return True


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("a whole number from 0")
    return int(text)


def _probability(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise ValueError("a number of seconds from 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _status(text: str) -> int:
    if text not in _STATUSES:
        raise ValueError("an HTTP status from 200 to 599 that has a body")
    return int(text)


def _url(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a URL in ASCII")
    return text


def _method(text: str) -> str:
    if text not in _METHODS:
        raise ValueError(f"one of {', '.join(_METHODS)}")
    return text


_STATUSES: Final = {str(status) for status in range(200, 600)} - {"204", "205", "304"}
_METHODS: Final = ("GET", "PUT", "POST", "DELETE", "*")
_COMMON: Final[dict[str, Callable[[str], Any]]] = {
    "times": _count,
    "rate": _probability,
    "seed": _count,
    "method": _method,
    "path": str,
}
_OWN: Final[dict[str, Callable[[str], Any]]] = {
    "status": _status,
    "seconds": _seconds,
    "to": _url,
}
