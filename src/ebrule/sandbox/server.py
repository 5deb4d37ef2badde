"""Run a sandbox on loopback until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
import threading
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ebrule.sandbox.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

    from ebrule.sandbox.services import Config

_GRACE_SECONDS: Final = 0.3
_KEEP_ALIVE_SECONDS: Final = 75


def serve(
    config: Config,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], None],
    lifeline: bool = False,
) -> None:
    """Serve a sandbox until SIGINT or SIGTERM, and come back within a second of it.

    Args:
        config: How it behaves, and where it keeps its state.
        host: A loopback address, since the credentials are well known.
        port: The port; 0 takes a free one.
        on_ready: Called once with the URL, when connections are accepted.
        lifeline: Also stop at the end of standard input, and so with the process that holds its other end.

    Raises:
        ValueError: The host is not loopback, or something in ``config`` is wrong, see ``create_app``.
        OSError: The port is taken, or the state folder cannot be written.
        DatabaseError: The state file cannot be used.
    """
    listener = _bind(host, port)
    with contextlib.closing(listener):
        app = create_app(config)
        with contextlib.closing(app.state.services.database):
            server = _Server(app, lambda: on_ready(_url(listener)))
            if lifeline:
                threading.Thread(target=_follow_standard_input, args=(server,), daemon=True).start()
            server.run(sockets=[listener])


def _bind(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        parsed = None
    if parsed is None or not parsed.is_loopback:
        raise ValueError(f"the sandbox serves loopback addresses only (127.0.0.1, ::1), not {host!r}")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Only for sockets that say TCP does asyncio switch off Nagle's algorithm, which costs 40 ms a reply.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Elsewhere than on POSIX this option would let two servers share a port.
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"


def _follow_standard_input(server: _Server) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    server.should_exit = True


class _Protocol(H11Protocol):
    """Lets the application at its connection: only whoever holds the transport can truly drop it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        app: ASGIApp = self.app

        async def app_with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})["ebrule.transport"] = transport
            await app(scope, receive, send)

        self.app = app_with_transport


class _Server(uvicorn.Server):
    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal again after the shutdown, and so end a clean stop as a failure.
        del sig, frame
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_GRACE_SECONDS)
        # What is left was asked to hang: its clients see the connection close, never a made-up reply.
        logging.getLogger("uvicorn.error").disabled = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
