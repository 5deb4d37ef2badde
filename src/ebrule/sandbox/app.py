"""The application: every feature's routes, and around them, outermost first, trace, latency and faults."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox import (
    eventbridge,
    flows,
    health,
    identity,
    integrations,
    replies,
    seed,
    storing,
    testmode,
    tokens,
    triggers,
)
from ebrule.sandbox.database import Database
from ebrule.sandbox.faults import FaultMiddleware, parse
from ebrule.sandbox.openapi import document
from ebrule.sandbox.services import Services
from ebrule.sandbox.trace import TraceMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ebrule.sandbox.services import Config

_FEATURES: Final = (tokens, health, identity, eventbridge, triggers, testmode, flows, integrations)


class _LatencyMiddleware:
    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)


def _org_id(text: str | None) -> str | None:
    try:
        return text and str(uuid.UUID(text))
    except ValueError:
        raise ValueError(f"invalid organization id: {text!r} (a UUID, such as {seed.ORGANIZATION})") from None


def _ignore_case(route: BaseRoute) -> None:
    if isinstance(route, Route):
        route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)


def openapi_document() -> dict[str, Any]:
    """Give the OpenAPI document of everything that a sandbox serves."""
    return document([operation for feature in _FEATURES for operation in feature.OPERATIONS])


async def _read_document(_request: Request) -> Response:
    return JSONResponse(openapi_document())


def create_app(config: Config) -> Starlette:
    """Make the application of one server process.

    The caller closes ``app.state.services.database`` at the end.

    Args:
        config: How it behaves.

    Raises:
        ValueError: A fault specification is wrong, a way to store is unknown, the organization's id is no UUID, or a
            number is out of range.
        DatabaseError: The state file cannot be used.
        OSError: The state folder or file cannot be made.
    """
    faults = [parse(text) for text in config.faults]
    config = replace(config, stores=storing.names_in(config.stores), org_id=_org_id(config.org_id))
    if config.replica_lag < 0 or config.replicas < 1:
        raise ValueError(f"invalid replicas: {config.replicas} with a lag of {config.replica_lag} reads")
    database = Database(config.state_dir)
    app = Starlette(
        routes=[
            Route("/openapi.json", _read_document, methods=["GET"]),
            *(route for feature in _FEATURES for route in feature.ROUTES),
        ],
        middleware=[
            Middleware(TraceMiddleware, database=database),
            Middleware(_LatencyMiddleware, seconds=config.latency_ms / 1000),
            *(Middleware(FaultMiddleware, fault=fault) for fault in faults),
        ],
        exception_handlers={
            replies.ApiError: replies.on_api_error,
            HTTPException: replies.on_http_exception,
            ClientDisconnect: replies.on_client_gone,
            sqlite3.OperationalError: replies.on_busy,
            Exception: replies.on_bug,
        },
    )
    app.router.redirect_slashes = False
    if config.any_case_paths:
        for route in app.routes:
            _ignore_case(route)
    app.state.services = Services(config, database)
    return app
