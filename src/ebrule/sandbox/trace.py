"""What is noted about each request: its correlation id, and one row in the table ``requests``."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders

from ebrule.sandbox.clock import timestamp

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ebrule.sandbox.database import Database

_LONGEST_REQUEST_ID: Final = 200


@dataclass
class Trace:
    """What is known about one request while it is being answered.

    ``headers`` go onto the reply, whatever the reply turns out to be. ``request_id`` is the client's own
    ``X-Request-Id``. ``fault`` is the kind of the fault that met the request.
    """

    database: Database
    method: str
    path: str
    request_id: str | None
    correlation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    headers: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    recorded: bool = False

    async def record(self, status: int | None) -> None:
        """Log the request, once: a second call does nothing.

        Args:
            status: What the client is answered, or None if it is not answered at all.
        """
        if not self.recorded:
            self.recorded = True
            await run_in_threadpool(self._insert, status)

    def _insert(self, status: int | None) -> None:
        with self.database.write() as connection:
            connection.execute(
                "INSERT INTO requests (time, method, path, status, fault, correlation_id, request_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    timestamp(),
                    self.method,
                    self.path,
                    status,
                    self.fault,
                    self.correlation_id,
                    self.request_id,
                ),
            )


def trace_of(scope: Scope) -> Trace:
    """Find the trace of the request that a scope belongs to."""
    trace: Trace = scope["state"]["trace"]
    return trace


class TraceMiddleware:
    """Gives each request a trace, records it before its reply's first byte, adds the trace's headers."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = Headers(scope=scope).get("x-request-id")
        trace = Trace(
            self._database,
            scope["method"],
            scope["path"],
            request_id and request_id[:_LONGEST_REQUEST_ID],
        )
        state: dict[str, Any] = scope.setdefault("state", {})
        state["trace"] = trace

        async def send_traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                await trace.record(message["status"])
                MutableHeaders(scope=message).update({"ININ-Correlation-Id": trace.correlation_id, **trace.headers})
            await send(message)

        try:
            await self._app(scope, receive, send_traced)
        finally:
            await trace.record(None)
