"""What each kind of fault does to a request. ``faults.py`` decides whom it happens to."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import HTMLResponse, JSONResponse, Response

from ebrule.sandbox.replies import ApiError, error_response
from ebrule.sandbox.tokens import TokenError, token_error_response
from ebrule.sandbox.trace import trace_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HUGE_BYTES: Final = 5 * 1024 * 1024
_GZIP_MEMBERS: Final = 3
_HTML_PAGE: Final = "<!doctype html><title>Sign in</title><p>This network wants you to sign in first.</p>"


@dataclass(frozen=True)
class Reply:
    """What the application answered, kept from the client."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Exchange:
    """One request, and the means to treat it badly."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self.trace = trace_of(scope)

    async def proceed(self) -> None:
        """Let the application answer, as if nothing were wrong."""
        await self._app(self._scope, self._receive, self._send)

    async def request(self) -> list[Message]:
        """Take the request's content, so that it can be applied more than once."""
        messages = [await self._receive()]
        while messages[-1].get("more_body"):
            messages.append(await self._receive())
        return messages

    async def apply(self, request: Sequence[Message] = ()) -> Reply:
        """Let the application do its work, and keep its reply from the client.

        Args:
            request: The content to give to the application, where it was taken before.
        """
        start: Message = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        left = list(request)

        async def receive() -> Message:
            return left.pop(0) if left else await self._receive()

        # The application writes into its scope: it must find each request as it came.
        await self._app({**self._scope}, receive, keep)
        return Reply(start["status"], list(start["headers"]), bytes(body))

    async def respond(self, response: Response) -> None:
        """Send a reply."""
        await response(self._scope, self._receive, self._send)

    async def refuse(self, error: ApiError) -> None:
        """Send an error as Genesys Cloud writes it."""
        await self.respond(error_response(error, self.trace.correlation_id))

    async def give(self, reply: Reply) -> None:
        """Send a reply of the application as it is."""
        await self.begin(reply)
        await self.send_part(reply.body, last=True)

    async def begin(self, reply: Reply) -> None:
        """Send only the head of a reply, the length of its content included."""
        await self._send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})

    async def send_part(self, part: bytes, *, last: bool = False) -> None:
        """Send some of the content of a reply that has begun."""
        await self._send({"type": "http.response.body", "body": part, "more_body": not last})

    async def drop(self) -> None:
        """Close the connection as it is."""
        await self.trace.record(None)
        transport: asyncio.Transport = self._scope["extensions"]["ebrule.transport"]
        transport.close()
        await self._closed()

    async def hang(self) -> None:
        """Say nothing until the client gives up."""
        await self.trace.record(None)
        await self._closed()

    async def is_closed_within(self, seconds: float) -> bool:
        """Wait, and tell whether the client has gone meanwhile."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closed(), seconds)
            return True
        return False

    async def _closed(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    ``keys`` are its own keys with their defaults, and the keyword arguments of ``happen``; ``needs`` are
    those that must be given. ``method`` and ``path`` tell whom it meets unless the specification says so.
    """

    happen: Callable[..., Awaitable[None]]
    keys: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    method: str = "PUT"
    path: str = ""


async def _status(exchange: Exchange, *, status: int, seconds: float | None, to: str | None = None) -> None:
    retry_after = {} if seconds is None else {"Retry-After": f"{seconds:.15g}"}
    location = {} if to is None else {"Location": to}
    await exchange.refuse(ApiError(status, headers={**retry_after, **location}))


async def _status_after(exchange: Exchange, *, status: int, seconds: float | None, to: str | None) -> None:
    await exchange.apply()
    await _status(exchange, status=status, seconds=seconds, to=to)


async def _twice(exchange: Exchange) -> None:
    request = await exchange.request()
    await exchange.apply(request)
    await exchange.give(await exchange.apply(request))


async def _drop_before(exchange: Exchange) -> None:
    await exchange.drop()


async def _drop_after(exchange: Exchange) -> None:
    await exchange.apply()
    await exchange.drop()


async def _hang(exchange: Exchange) -> None:
    await exchange.hang()


async def _hang_after(exchange: Exchange) -> None:
    await exchange.apply()
    await exchange.hang()


async def _html(exchange: Exchange) -> None:
    await exchange.respond(HTMLResponse(_HTML_PAGE))


async def _empty(exchange: Exchange) -> None:
    await exchange.apply()
    await exchange.respond(Response(media_type="application/json"))


async def _cut(exchange: Exchange) -> None:
    reply = await exchange.apply()
    await exchange.begin(reply)
    await exchange.send_part(reply.body[: len(reply.body) // 2])
    await exchange.drop()


async def _slow(exchange: Exchange, *, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await exchange.proceed()


async def _drip(exchange: Exchange, *, seconds: float) -> None:
    reply = await exchange.apply()
    await exchange.begin(reply)
    for position in range(len(reply.body)):
        if await exchange.is_closed_within(seconds):
            return
        await exchange.send_part(reply.body[position : position + 1])
    await exchange.send_part(b"", last=True)


async def _conflict(exchange: Exchange) -> None:
    await exchange.refuse(ApiError(409))


async def _conflict_400(exchange: Exchange) -> None:
    await exchange.refuse(
        ApiError(400, "The version of the request does not match the current version of the resource.")
    )


async def _stale_400(exchange: Exchange) -> None:
    reply = await exchange.apply()
    if reply.status == HTTPStatus.CONFLICT:
        await _conflict_400(exchange)
        return
    await exchange.give(reply)


async def _huge(exchange: Exchange) -> None:
    reply = await exchange.apply()
    padded = {**json.loads(reply.body), "padding": "x" * _HUGE_BYTES}
    await exchange.respond(JSONResponse(padded, reply.status))


async def _echo(exchange: Exchange) -> None:
    request = await exchange.request()
    reply = await exchange.apply(request)
    sent = b"".join(message.get("body", b"") for message in request)
    if reply.status == HTTPStatus.OK:
        await exchange.respond(Response(sent, media_type="application/json"))
    else:
        await exchange.give(reply)


async def _overtaken(exchange: Exchange) -> None:
    reply = await exchange.apply()
    if reply.status == HTTPStatus.OK:
        overtaking = {**json.loads(reply.body), "description": "Changed by somebody else"}
        reply = await exchange.apply([{"type": "http.request", "body": json.dumps(overtaking).encode()}])
    await exchange.give(reply)


async def _gzip_members(exchange: Exchange) -> None:
    reply = await exchange.apply()
    size = len(reply.body) // _GZIP_MEMBERS + 1
    members = [gzip.compress(reply.body[at : at + size]) for at in range(0, len(reply.body), size)]
    headers = {"Content-Encoding": "gzip"}
    await exchange.respond(Response(b"".join(members), reply.status, headers, "application/json"))


async def _redirect(exchange: Exchange, *, status: int, to: str) -> None:
    await exchange.respond(Response(status_code=status, headers={"Location": to}))


async def _token_throttle(exchange: Exchange) -> None:
    await exchange.respond(token_error_response(TokenError(400, "invalid_request", "rate limit exceeded")))


_ERROR_KEYS: Final = {"status": None, "seconds": None}

KINDS: Final[Mapping[str, Kind]] = {
    # Answered instead of being applied.
    "status": Kind(_status, _ERROR_KEYS, needs=("status",)),
    "rate-limit": Kind(partial(_status, status=429), {"seconds": None}),
    "conflict": Kind(_conflict),
    "conflict-400": Kind(_conflict_400),
    # Applied, if it can be, and otherwise refused as some resources do it: a stale version is a 400.
    "stale-400": Kind(_stale_400),
    "html": Kind(_html),
    "redirect": Kind(_redirect, {"status": 302, "to": None}, needs=("to",)),
    "token-throttle": Kind(_token_throttle, method="POST", path="/oauth/token"),
    "drop-before": Kind(_drop_before),
    "hang": Kind(_hang),
    # Applied, then answered wrongly or not at all.
    "status-after": Kind(_status_after, {**_ERROR_KEYS, "to": None}, needs=("status",)),
    # As by a gateway that repeats a PUT: the reply is the second one, a refusal of a stale version.
    "twice": Kind(_twice),
    # Answered with the body that was sent, its old version included.
    "echo": Kind(_echo),
    "empty": Kind(_empty),
    "huge": Kind(_huge),
    "cut": Kind(_cut),
    "drop-after": Kind(_drop_after),
    "hang-after": Kind(_hang_after),
    # Applied, and so is another write after it; the reply shows the version of that one.
    "overtaken": Kind(_overtaken),
    # Applied and answered rightly, but in several gzip members.
    "gzip-members": Kind(_gzip_members),
    # Applied and answered rightly, slowly.
    "slow": Kind(_slow, {"seconds": 1}),
    "drip": Kind(_drip, {"seconds": 0.1}),
}
