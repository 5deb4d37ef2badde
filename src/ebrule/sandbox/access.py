"""Who calls, and may they? Every route but the token endpoint asks here first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from ebrule.sandbox import limits, tokens
from ebrule.sandbox.replies import ApiError, Detail
from ebrule.sandbox.resources import Resources
from ebrule.sandbox.services import services_of
from ebrule.sandbox.trace import trace_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from ebrule.sandbox.scopes import Need
    from ebrule.sandbox.services import Services


@dataclass(frozen=True)
class Caller:
    """The OAuth client behind a request, and what its token allows until ``expires``, seconds since the epoch."""

    client_id: str
    scopes: frozenset[str]
    expires: float
    resources: Resources


async def authorize(request: Request, need: Need | None = None) -> Caller:
    """Let a request in, and count it against its token's rate limit.

    Args:
        request: The request; its reply gets the rate limit's headers, also where it is refused from here on.
        need: The scopes of which it needs one, if any.

    Raises:
        ApiError: 401 without a good token, 429 past the limit, 403 without the scope.
    """
    token, trace = _bearer_token(request), trace_of(request.scope)
    caller, usage = await run_in_threadpool(_admit, services_of(request), token, trace.request_id)
    if usage:
        trace.headers.update(usage.headers())
        usage.check()
    if need and caller.scopes.isdisjoint(need.scopes):
        raise ApiError(
            403,
            "Unable to perform the requested action. You must have at least one of the following permissions"
            f" assigned: [{need.names}]",
            "missing.any.permissions",
            details=(Detail("missing.any.permissions", "scope", need.names),),
            params={"permissions": f"[{need.names}]"},
        )
    return caller


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ApiError(
            401,
            "No authentication bearer token specified in authorization header.",
            "authentication.required",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return token.strip()


def _admit(services: Services, token: str, request_id: str | None) -> tuple[Caller, limits.Usage | None]:
    now = time.time()
    allowed = services.config.rate_limit
    with services.database.write() as connection:
        grant = tokens.find(connection, token)
        if grant is None or grant.expires <= now:
            raise ApiError(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        usage = limits.count(connection, grant.digest, allowed=allowed, now=now) if allowed else None
    resources = Resources(services.database, services.config, grant.org, grant.client_id, request_id)
    return Caller(grant.client_id, grant.scopes, grant.expires, resources), usage
