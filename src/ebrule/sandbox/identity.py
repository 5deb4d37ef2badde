"""``GET /api/v2/tokens/me`` and ``GET /api/v2/organizations/me``: who calls, and where are they?"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox.access import authorize
from ebrule.sandbox.clock import written
from ebrule.sandbox.openapi import Operation
from ebrule.sandbox.seed import organization_name
from ebrule.sandbox.validation import Open

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ebrule.sandbox.access import Caller

_TOKEN_PATH: Final = "/api/v2/tokens/me"  # noqa: S105 - a path, no secret
_ORGANIZATION_PATH: Final = "/api/v2/organizations/me"


class NamedEntity(Open):
    """Something with a name."""

    id: str
    name: str


class OrgOAuthClient(Open):
    """The OAuth client that a token was given to."""

    id: str
    name: str
    authorized_grant_type: Literal["CLIENT-CREDENTIALS"]
    scope: list[str]
    state: Literal["active"]
    organization: NamedEntity


class TokenInfo(Open):
    """What a token allows, and until when; ``clonedUser`` is for tokens of people only."""

    organization: NamedEntity
    home_organization: NamedEntity
    authorized_scope: list[str]
    date_token_idles: str
    o_auth_client: OrgOAuthClient = Field(alias="OAuthClient")


class Organization(NamedEntity):
    """The organization that a token is for."""

    default_language: str
    default_country_code: str
    domain: str
    features: dict[str, bool]
    version: int
    state: Literal["active"]
    product_platform: Literal["GenesysCloud"]
    self_uri: str


def _organization_of(caller: Caller) -> dict[str, str]:
    return {"id": caller.resources.org, "name": organization_name(caller.resources.org)}


async def _read_token(request: Request) -> Response:
    caller = await authorize(request)
    scopes, organization = sorted(caller.scopes), _organization_of(caller)
    return JSONResponse(
        {
            "organization": organization,
            "homeOrganization": organization,
            "authorizedScope": scopes,
            "dateTokenIdles": written(datetime.fromtimestamp(caller.expires, timezone.utc)),
            "OAuthClient": {
                "id": caller.client_id,
                "name": caller.client_id,
                "authorizedGrantType": "CLIENT-CREDENTIALS",
                "scope": scopes,
                "state": "active",
                "organization": organization,
            },
        }
    )


async def _read_organization(request: Request) -> Response:
    organization = _organization_of(await authorize(request))
    return JSONResponse(
        {
            **organization,
            "defaultLanguage": "en-us",
            "defaultCountryCode": "US",
            "domain": "sandbox",
            "features": {"purecloud": True},
            "version": 1,
            "state": "active",
            "productPlatform": "GenesysCloud",
            "selfUri": f"/api/v2/organizations/{organization['id']}",
        }
    )


ROUTES: Final = (
    Route(_TOKEN_PATH, _read_token, methods=["GET"]),
    Route(_ORGANIZATION_PATH, _read_organization, methods=["GET"]),
)
OPERATIONS: Final = (
    Operation("get", _TOKEN_PATH, "getTokensMe", "Tell what the token allows", TokenInfo, errors=(429,)),
    Operation("get", _ORGANIZATION_PATH, "getOrganizationsMe", "Read the organization", Organization, errors=(429,)),
)
