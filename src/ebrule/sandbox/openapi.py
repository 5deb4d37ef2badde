"""The OpenAPI document: features describe their operations, this room writes them down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ebrule.sandbox.scopes import Need

ID_PATTERN: Final = "^[A-Za-z0-9._-]{1,128}$"
"""What every id in a path looks like."""

_REF: Final = "#/components/schemas/{model}"
_DESCRIPTION: Final = (
    "A local Genesys Cloud for event-routing rules. The resources under /api/v2/eventbridge and /api/v2/health are "
    "those of the EventBridge routing rule contract; they are not part of the public Genesys Cloud API definition. "
    "All others are. "
    "The well-known client is `sandbox` with the secret `sandbox-secret`; `sandbox-other`, with the same secret, "
    "belongs to another organization with resources of its own."
)
_ERRORS: Final = {
    400: "A parameter is wrong, or the body is no valid JSON, or breaks the rules of the resource; `details` name the"
    " fields.",
    401: "No token, or one that is unknown or expired.",
    403: "The token's client lacks the scope.",
    404: "No such resource.",
    405: "The resource has no such method; `Allow` names those that it has.",
    409: "The `version` of the body is not the current one. Nothing was changed.",
    410: "It was there, and is deleted.",
    413: "The body is over 256 KiB.",
    415: "The body has another media type.",
    429: "Over the rate limit of the token.",
}
_CORRELATION_ID: Final = {
    "description": "Identifies the request, as `contextId` does in error bodies.",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_RATE_LIMIT_HEADERS: Final = {
    "inin-ratelimit-count": "Requests in the present minute, this one included.",
    "inin-ratelimit-allowed": "Requests that a minute admits.",
    "inin-ratelimit-reset": "Seconds until the next minute begins.",
}
_ERROR_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"WWW-Authenticate": "The scheme to use."},
    405: {"Allow": "The methods to use."},
    429: {"Retry-After": "Seconds to wait.", **_RATE_LIMIT_HEADERS},
}
_COUNT: Final = {"type": "integer", "minimum": 0}


class ErrorDetail(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(defer_build=True)

    errorCode: str  # noqa: N815 - the wire's own spelling
    fieldName: str  # noqa: N815 - the wire's own spelling
    entityId: str = ""  # noqa: N815 - the wire's own spelling
    entityName: str = ""  # noqa: N815 - the wire's own spelling


class ErrorBody(BaseModel):
    """An error as Genesys Cloud writes it."""

    model_config = ConfigDict(
        defer_build=True,
        json_schema_extra={
            "example": {
                "message": "The requested resource was not found.",
                "code": "not.found",
                "status": 404,
                "contextId": "b1946ac9-2492-4d23-8c0e-6f3a5a3e1c11",
                "details": [],
                "errors": [],
            }
        },
    )

    message: str
    code: str
    status: int
    contextId: str  # noqa: N815 - the wire's own spelling
    details: list[ErrorDetail]
    errors: list[dict[str, Any]]
    messageParams: dict[str, str] = Field(default_factory=dict)  # noqa: N815 - the wire's own spelling
    limit: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query; all of them are optional.

    Args:
        name: As it is written in the URL.
        schema: The JSON schema of its value.
        description: One line.
    """

    name: str
    schema: Mapping[str, Any]
    description: str


@dataclass(frozen=True)
class Operation:
    """What the document says about one method of one path.

    Args:
        method: In lower case.
        path: With its parameters in braces; every one of them is an id.
        name: The ``operationId``.
        summary: One line.
        reply: The model of the reply when all is well, or None for a 204 without content.
        need: The OAuth scopes of which the caller needs one, if any.
        body: The model of the request's body, if it has one.
        media_type: The body's media type.
        errors: Statuses of the error replies, beside 401 and 405, which all operations have.
        ids: Examples of the path's ids; none where the path has no id.
        query: The parameters of its query.
        security: ``oauth`` for a bearer token, ``client`` for id and secret.
        error_model: The model of the error replies but for 405, 413 and 415.
    """

    method: str
    path: str
    name: str
    summary: str
    reply: type[BaseModel] | None
    need: Need | None = None
    body: type[BaseModel] | None = None
    media_type: str = "application/json"
    errors: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    query: tuple[Parameter, ...] = ()
    security: str = "oauth"
    error_model: type[BaseModel] = ErrorBody


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Write the OpenAPI 3.1 document of some operations.

    Args:
        operations: What the sandbox serves.
    """
    described = tuple(operations)
    models: dict[str, type[BaseModel]] = {ErrorBody.__name__: ErrorBody}
    for operation in described:
        used = (operation.reply, operation.body, operation.error_model)
        models.update({model.__name__: model for model in used if model})
    _, schemas = models_json_schema([(model, "validation") for model in models.values()], ref_template=_REF)
    scopes = sorted({scope for operation in described if operation.need for scope in operation.need.scopes})
    paths: dict[str, dict[str, Any]] = {}
    for operation in described:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ebrule sandbox", "version": "1", "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": _security_schemes(scopes)},
    }


def _security_schemes(scopes: Iterable[str]) -> dict[str, Any]:
    flow = {"tokenUrl": "/oauth/token", "scopes": {scope: scope for scope in scopes}}
    return {
        "oauth": {"type": "oauth2", "flows": {"clientCredentials": flow}},
        "client": {"type": "http", "scheme": "basic", "description": "Id and secret of the OAuth client."},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    counted = {} if operation.security == "client" else _RATE_LIMIT_HEADERS
    replies = {"200" if operation.reply else "204": _reply("Done.", operation.reply, counted)}
    for status in sorted({401, 405, *operation.errors}):
        # These are refused before an operation's own errors come in.
        model = ErrorBody if status in (405, 413, 415) else operation.error_model
        replies[str(status)] = _reply(_ERRORS[status], model, _ERROR_HEADERS.get(status, counted))
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": [{operation.security: [scope]} for scope in operation.need.scopes]
        if operation.need
        else [{operation.security: []}],
        "responses": replies,
    }
    parameters = [_id_parameter(operation.ids)] if operation.ids else []
    parameters += [_query_parameter(parameter) for parameter in operation.query]
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        content = {operation.media_type: {"schema": _ref(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _id_parameter(examples: Iterable[str]) -> dict[str, Any]:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": ID_PATTERN},
        "examples": {example: {"value": example} for example in examples},
    }


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _reply(description: str, model: type[BaseModel] | None, headers: Mapping[str, str]) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "description": description,
        "headers": {
            "ININ-Correlation-Id": _CORRELATION_ID,
            **{name: _header(name, text) for name, text in headers.items()},
        },
    }
    if model:
        reply["content"] = {"application/json": {"schema": _ref(model)}}
    return reply


def _header(name: str, text: str) -> dict[str, Any]:
    counted = name.startswith("inin-") or name == "Retry-After"
    return {"description": text, "schema": _COUNT if counted else {"type": "string"}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
