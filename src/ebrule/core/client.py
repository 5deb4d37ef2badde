"""Where requests leave: the client, which holds every request to the house rules, whatever carries it."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from ebrule.core.notices import Requested
from ebrule.core.pace import OutOfTimeError, Pace
from ebrule.core.reply import BrokenError, NotSentError, Reply, Request, TransportError
from ebrule.core.transport import CALL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrule.core.transport import Transport

_LONGEST_WORDS = 200

_QUESTION = re.compile(r"/api/v2/processautomation/triggers/[A-Za-z0-9._-]+/test", re.ASCII)
"""The only POST that the API is ever sent: whether a saved trigger matches an event. It changes nothing."""


class WriteRefusedError(Exception):
    """A request that could change something was about to leave a run that must not. A bug in ebrule."""


class Tokens(Protocol):
    """Where the client gets its token from."""

    def header(self) -> str:
        """Return the ``Authorization`` header's value."""

    @property
    def renewals(self) -> int:
        """How often it was replaced."""

    def renew(self, seen: int) -> bool:
        """Replace a token that was refused when ``renewals`` was ``seen``; return whether to try once more."""


class Client:
    """Requests to one org's API.

    Each request goes to the configured origin only, carries the present token, ends within its limit, and is told
    to the observer. With ``read_only``, nothing but GET leaves, and what :meth:`ask` sends.

    Args:
        transport: what carries the requests.
        api_url: the origin, such as ``https://api.mypurecloud.com``.
        pace: the run's time.
        tokens: gives the token.
        read_only: whether to hold back everything but GET.
        hide: takes the secrets out of what is told of requests and replies.
    """

    def __init__(
        self,
        transport: Transport,
        api_url: str,
        pace: Pace,
        tokens: Tokens,
        *,
        read_only: bool = False,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._transport = transport
        self._origin = api_url.rstrip("/")
        self._pace = pace
        self._tokens = tokens
        self._read_only = read_only
        self._hide = hide

    def get(self, path: str) -> Reply:
        """GET ``path``, once more with a new token after a 401.

        Raises a :class:`TransportError` where no reply came.
        """
        return self._settle("GET", path)

    def ask(self, path: str, body: bytes) -> Reply:
        """POST ``body``, which is JSON, to a path that changes nothing by it, as :meth:`get` does.

        Raises a :class:`TransportError` where no reply came.
        """
        if not _QUESTION.fullmatch(path):
            raise WriteRefusedError(f"POST {path}")
        return self._settle("POST", path, body)

    def put(self, path: str, body: bytes) -> Reply:
        """PUT ``body``, which is JSON, to ``path``, exactly once.

        Raises a :class:`TransportError` where no reply came.
        """
        # Some of the time that is left is kept for asking what became of the PUT, if no answer comes.
        limit = min(CALL_SECONDS, self._pace.left() * 0.6)
        return self._send("PUT", path, self._tokens.header(), body, limit)

    def authorize(self) -> None:
        """Get a token, where there is none yet."""
        self._tokens.header()

    def renew_token(self) -> bool:
        """Replace a token that a PUT was refused with; return whether to try once more."""
        return self._tokens.renew(self._tokens.renewals)

    def _settle(self, method: str, path: str, body: bytes | None = None) -> Reply:
        seen = self._tokens.renewals
        reply = self._send(method, path, self._tokens.header(), body)
        if reply.status == HTTPStatus.UNAUTHORIZED and self._tokens.renew(seen):
            reply = self._send(method, path, self._tokens.header(), body)
        return reply

    def _send(
        self, method: str, path: str, authorization: str, body: bytes | None = None, limit: float = CALL_SECONDS
    ) -> Reply:
        if self._read_only and method not in ("GET", "POST"):  # a POST got here through its own gate
            raise WriteRefusedError(f"{method} {path}")
        url = self._origin + path
        if not path.startswith("/") or origin_of(url) != origin_of(self._origin):
            raise WriteRefusedError(f"{path} leads away from {self._origin}")
        headers = {"Authorization": authorization, **JSON_HEADERS}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return send(self._transport, Request(method, url, headers, body), self._pace, limit, self._hide)


JSON_HEADERS: Mapping[str, str] = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "ebrule",
}


def send(
    transport: Transport,
    request: Request,
    pace: Pace,
    limit: float = CALL_SECONDS,
    hide: Callable[[str], str] = str,
) -> Reply:
    """Send one request within ``limit`` seconds, and tell the observer how it ended.

    ``hide`` takes the secrets out of what is told of it, to the observer and by the reply.

    Raises a :class:`TransportError` where no reply came; giving up on a request counts as a broken one.
    """
    if pace.left() <= 0:
        raise NotSentError("the deadline is over")
    started = pace.clock.monotonic()
    url = hide(request.url.partition("?")[0])  # a query may carry a key
    error: TransportError
    try:
        reply = pace.call(lambda: transport.send(request), limit)
    except OutOfTimeError:
        error = BrokenError(f"no whole answer came in {pace.clock.monotonic() - started:.0f} s")
    except TransportError as caught:
        # A library may quote the line of a reply that it cannot read. What is cut first may show half a secret.
        error = type(caught)(hide(str(caught))[:_LONGEST_WORDS])
    else:
        reply.hide = hide
        said = (reply.status, reply.milliseconds, reply.correlation_id)
        pace.observe(Requested(request.method, url, *said))
        return reply
    elapsed = (pace.clock.monotonic() - started) * 1000
    pace.observe(Requested(request.method, url, None, elapsed, None, str(error)))
    error.origin = hide(_shown_origin(request.url))
    raise error


def _shown_origin(url: str) -> str:
    """Return scheme, host and port of a URL as text, and never the user and password that may stand before them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def as_json(data: Any) -> bytes:
    """Return ``data`` as it goes over the wire: compact JSON, in ASCII so that a lone surrogate survives."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode("ascii")
