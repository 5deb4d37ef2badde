"""Replies as Genesys Cloud writes them.

Codes and messages are those of the public API definition where it has one for the case.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ebrule.sandbox.trace import trace_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_CODES: Final = {
    400: ("bad.request", "The request could not be understood by the server due to malformed syntax."),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("not.authorized", "You are not authorized to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    405: ("method.not.allowed", "The method is not allowed for the requested resource."),
    408: ("request.timeout", "The client did not produce a request within the server timeout limit."),
    409: ("general.conflict", "The request conflicts with the current state of the target resource."),
    413: ("request.entity.too.large", "The request is over the size limit."),
    415: ("unsupported.media.type", "Unsupported Media Type - Unsupported or incorrect media type."),
    429: ("too.many.requests.retry.after", "Rate limit exceeded the maximum. Retry the request later."),
    500: (
        "internal.server.error",
        "The server encountered an unexpected condition which prevented it from fulfilling the request.",
    ),
    503: ("service.unavailable", "Service Unavailable - The server is currently unavailable."),
    504: ("request.timeout", "The request timed out."),
}


@dataclass(frozen=True)
class Detail:
    """One thing that is wrong with a request; ``fieldName`` is a path such as ``conditions[3].operator``."""

    errorCode: str  # noqa: N815 - the wire's own spelling
    fieldName: str  # noqa: N815 - the wire's own spelling
    entityId: str | None = None  # noqa: N815 - the wire's own spelling
    entityName: str | None = None  # noqa: N815 - the wire's own spelling


@dataclass(eq=False)
class ApiError(Exception):
    """A refusal, to be raised anywhere below a route.

    ``code`` and ``message`` default to the usual ones of the status. ``params`` are the values inside the
    message; ``limit`` names the limit that was hit (``key``, ``namespace``, ``value``).
    """

    status: int
    message: str | None = None
    code: str | None = None
    details: tuple[Detail, ...] = ()
    params: dict[str, str] = field(default_factory=dict)
    limit: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


def error_response(error: ApiError, correlation_id: str) -> Response:
    """Write a refusal as Genesys Cloud does."""
    code, message = _CODES.get(error.status) or _phrase(error.status)
    body: dict[str, Any] = {
        "message": error.message or message,
        "code": error.code or code,
        "status": error.status,
        "contextId": correlation_id,
        "details": [{k: v for k, v in asdict(detail).items() if v is not None} for detail in error.details],
        "errors": [],
    }
    if error.params:
        body["messageParams"] = error.params
    if error.limit:
        body["limit"] = error.limit
    return JSONResponse(body, error.status, headers=error.headers)


def _phrase(status: int) -> tuple[str, str]:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return phrase.lower().replace(" ", "."), f"{phrase}."


async def on_api_error(request: Request, error: Exception) -> Response:
    """Answer with a refusal that was raised below a route."""
    if not isinstance(error, ApiError):
        raise error
    return error_response(error, trace_of(request.scope).correlation_id)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer with what the router refuses by itself: unknown paths and methods."""
    if not isinstance(error, HTTPException):
        raise error
    return await on_api_error(request, ApiError(error.status_code, headers=dict(error.headers or {})))


async def on_client_gone(request: Request, _error: Exception) -> Response:
    """End a request whose client went away before it was whole; nobody reads the reply."""
    await trace_of(request.scope).record(None)
    return await on_api_error(request, ApiError(408))


async def on_busy(request: Request, _error: Exception) -> Response:
    """Answer for a state file that cannot be used just now: locked for too long, disk full."""
    return await on_api_error(request, ApiError(503))


async def on_bug(request: Request, _error: Exception) -> Response:
    """Answer for what must not happen; the traceback goes to standard error."""
    return await on_api_error(request, ApiError(500))
