"""``POST /oauth/token``: the client-credentials grant, with the errors of Genesys Cloud's login host."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox import database, scopes, seed
from ebrule.sandbox.bodies import read_body
from ebrule.sandbox.openapi import Operation
from ebrule.sandbox.services import services_of

if TYPE_CHECKING:
    import sqlite3

    from starlette.requests import Request
    from starlette.responses import Response

    from ebrule.sandbox.services import Config, Services

DEFAULT_CLIENT: Final = ("sandbox", "sandbox-secret")

_KEPT_AFTER_EXPIRY_SECONDS: Final = 86_400
_NOT_STORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PATH: Final = "/oauth/token"
_FORM: Final = "application/x-www-form-urlencoded"


class TokenRequest(BaseModel):
    """The form that asks for a token."""

    grant_type: Literal["client_credentials"]


class TokenReply(BaseModel):
    """A token; ``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a type, no secret
    expires_in: int


class OAuthError(BaseModel):
    """An error as Genesys Cloud's login host writes it."""

    error: str
    description: str
    error_description: str


@dataclass(frozen=True)
class Client:
    """An OAuth client that may fetch tokens; ``org`` is the id of its organization."""

    id: str
    secret: str
    scopes: frozenset[str]
    org: str


@dataclass(frozen=True)
class Grant:
    """A token as stored: only its SHA-256 is kept. ``expires`` is in seconds since the epoch."""

    digest: str
    org: str
    client_id: str
    scopes: frozenset[str]
    expires: float


class TokenError(Exception):
    """A token request that is refused: HTTP status, OAuth error code, text."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


def clients(config: Config) -> dict[str, Client]:
    """Give the OAuth clients that a server knows, by id."""
    main_id, main_secret = config.client or DEFAULT_CLIENT
    _, secret = DEFAULT_CLIENT
    org = config.org_id or seed.ORGANIZATION
    known = (
        Client("sandbox-readonly", secret, scopes.READ_ONLY, org),
        Client("sandbox-noflows", secret, scopes.ALL_BUT_FLOWS, org),
        Client("sandbox-noscope", secret, frozenset(), org),
        Client("sandbox-other", secret, scopes.ALL, seed.OTHER_ORGANIZATION),
        Client(main_id, main_secret, scopes.ALL, org),
    )
    return {client.id: client for client in known}


def find(connection: sqlite3.Connection, token: str) -> Grant | None:
    """Look a token up.

    Returns:
        The grant, which may have expired, or None for a token that no server of this state gave out.
    """
    digest = _digest(token)
    row = connection.execute(
        "SELECT org, client_id, scopes, expires FROM tokens WHERE digest = ?", (digest,)
    ).fetchone()
    if row is None:
        return None
    org, client_id, granted, expires = row
    return Grant(digest, org, client_id, frozenset(granted.split()), expires)


async def _issue(request: Request) -> Response:
    try:
        client = _authenticate(clients(services_of(request).config), request.headers.get("authorization", ""))
        _check_grant_type(await read_body(request, _FORM))
    except TokenError as error:
        return token_error_response(error)
    reply = await run_in_threadpool(_store_new_token, services_of(request), client)
    return JSONResponse(reply.model_dump(), headers=_NOT_STORED)


def token_error_response(error: TokenError) -> Response:
    """Write a refused token request as the login host does."""
    body = OAuthError(error=error.error, description=error.description, error_description=error.description)
    challenge = {"WWW-Authenticate": 'Basic realm="sandbox"'} if error.status == HTTPStatus.UNAUTHORIZED else {}
    return JSONResponse(body.model_dump(), error.status, headers={**_NOT_STORED, **challenge})


def _authenticate(known: dict[str, Client], authorization: str) -> Client:
    scheme, _, credentials = authorization.partition(" ")
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except ValueError:
        decoded = ""
    client_id, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise TokenError(401, "invalid_client", "client credentials are malformed")
    client = known.get(client_id)
    if client is None:
        raise TokenError(400, "invalid_client", "client not found")
    if not hmac.compare_digest(secret.encode(), client.secret.encode()):
        raise TokenError(401, "invalid_client", "authentication failed")
    return client


def _check_grant_type(body: bytes) -> None:
    try:
        form = parse_qs(body.decode(), strict_parsing=True, max_num_fields=20) if body else {}
    except ValueError as error:
        raise TokenError(400, "invalid_request", "the form is malformed") from error
    if "grant_type" not in form:
        raise TokenError(400, "invalid_request", "grant_type is missing")
    if form["grant_type"] != ["client_credentials"]:
        raise TokenError(400, "unsupported_grant_type", "grant_type is not client_credentials")


def _store_new_token(services: Services, client: Client) -> TokenReply:
    token = secrets.token_urlsafe(48)
    seconds = services.config.token_seconds
    now = time.time()
    with services.database.write() as connection:
        connection.execute("DELETE FROM tokens WHERE expires < ?", (now - _KEPT_AFTER_EXPIRY_SECONDS,))
        connection.execute(
            "INSERT INTO tokens (digest, org, client_id, scopes, expires) VALUES (?, ?, ?, ?, ?)",
            (_digest(token), client.org, client.id, " ".join(sorted(client.scopes)), now + seconds),
        )
        database.fill(connection, client.org)
    return TokenReply(access_token=token, expires_in=seconds)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


ROUTES: Final = (Route(_PATH, _issue, methods=["POST"]),)
OPERATIONS: Final = (
    Operation(
        "post",
        _PATH,
        "postOauthToken",
        "Fetch a token for a client's id and secret",
        TokenReply,
        body=TokenRequest,
        media_type=_FORM,
        errors=(400, 413, 415),
        security="client",
        error_model=OAuthError,
    ),
)
