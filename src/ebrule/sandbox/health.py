"""``GET /api/v2/health``: is the service there, and is the token good?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox.access import authorize
from ebrule.sandbox.openapi import Operation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_PATH: Final = "/api/v2/health"


class Health(BaseModel):
    """The service is there."""

    status: Literal["ok"] = "ok"


async def _read_health(request: Request) -> Response:
    await authorize(request)
    return JSONResponse(Health().model_dump())


ROUTES: Final = (Route(_PATH, _read_health, methods=["GET"]),)
OPERATIONS: Final = (Operation("get", _PATH, "getHealth", "Tell whether the service is there", Health, errors=(429,)),)
