"""The kind ``eventbridge-source``: integrations, and how those of them are set up that send events to Amazon."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, JsonValue, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox import scopes, seed, storing
from ebrule.sandbox.access import authorize
from ebrule.sandbox.bodies import read_json_object
from ebrule.sandbox.openapi import Operation
from ebrule.sandbox.replies import Detail
from ebrule.sandbox.resources import Conflict
from ebrule.sandbox.validation import Open, Text, Version, details_of, refuse_if_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from ebrule.sandbox.resources import Resource, Resources

EVENTBRIDGE_SOURCE: Final = "amazon-eventbridge-source"

_PATH: Final = "/api/v2/integrations/{id}"
_CONFIGURATION_PATH: Final = f"{_PATH}/config/current"
_CONFLICT: Final = Conflict("version.conflict", "Integration configuration update failed due to version conflict.")


class IntegrationType(Open):
    """What an integration does."""

    id: str


class Integration(Open):
    """An integration; its name is that of its configuration."""

    id: str
    name: str
    integration_type: IntegrationType
    intended_state: str
    self_uri: str


class SourceProperties(Open):
    """The properties of an integration of type ``amazon-eventbridge-source``; no topic may be there twice."""

    event_source_suffix: Text
    aws_account_id: Annotated[str, Field(pattern="^[0-9]{12}$")]
    aws_account_region: Text
    event_filter: Annotated[list[Text], Field(min_length=1)]


class ConfigurationUpdate(Open):
    """The body of a PUT: the whole configuration, and the version that it was made from. Unknown fields are kept.

    What ``properties`` may be depends on the integration's type, see ``SourceProperties``.
    """

    version: Version
    name: Text
    properties: dict[str, JsonValue]
    advanced: dict[str, JsonValue]
    notes: str
    credentials: dict[str, dict[str, JsonValue]]


class IntegrationConfiguration(ConfigurationUpdate):
    """The configuration of an integration as stored; its ``id`` is always ``current``."""

    id: str
    self_uri: str


async def _read_integration(request: Request) -> Response:
    caller = await authorize(request, scopes.INTEGRATION_READ)
    integration, configuration = await run_in_threadpool(_find, caller.resources, request.path_params["id"])
    uri = _CONFIGURATION_PATH.format(id=integration.id)
    return JSONResponse(
        {
            "id": integration.id,
            "name": configuration.body.get("name", ""),
            **integration.body,
            "config": {"current": {"id": "current", "selfUri": uri}},
            "selfUri": _PATH.format(id=integration.id),
        }
    )


class _ConfigurationEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        caller = await authorize(request, scopes.INTEGRATION_READ)
        configuration = await run_in_threadpool(
            caller.resources.read_replica, seed.CONFIGURATION, request.path_params["id"]
        )
        return _configuration_response(caller.resources, configuration)

    async def put(self, request: Request) -> Response:
        caller = await authorize(request, scopes.INTEGRATION_EDIT)
        body = await read_json_object(request)
        configuration = await run_in_threadpool(_replace, caller.resources, request.path_params["id"], body)
        return _configuration_response(caller.resources, configuration)


def _configuration_response(resources: Resources, configuration: Resource) -> Response:
    uri = _CONFIGURATION_PATH.format(id=configuration.id)
    return JSONResponse({**resources.reply(seed.CONFIGURATION, configuration, uri), "id": "current"})


def _find(resources: Resources, integration_id: str) -> tuple[Resource, Resource]:
    return resources.read(seed.INTEGRATION, integration_id), resources.read(seed.CONFIGURATION, integration_id)


def _replace(resources: Resources, integration_id: str, body: dict[str, Any]) -> Resource:
    integration, present = _find(resources, integration_id)
    checked = storing.completed(resources.config.stores, seed.CONFIGURATION, body)
    refuse_if_any(_problems(checked, integration, present), "configuration")
    return resources.replace(seed.CONFIGURATION, present.id, body, conflict=_CONFLICT)


def _problems(body: dict[str, Any], integration: Resource, present: Resource) -> Iterator[Detail]:
    name = present.body.get("name")
    try:
        ConfigurationUpdate.model_validate(body)
    except ValidationError as error:
        yield from details_of(error, present.id, name)
        return
    if integration.body["integrationType"]["id"] != EVENTBRIDGE_SOURCE:
        return
    try:
        properties = SourceProperties.model_validate(body["properties"])
    except ValidationError as error:
        yield from details_of(error, present.id, name, within="properties")
        return
    if max(Counter(properties.event_filter).values()) > 1:
        yield Detail("duplicate.value", "properties.eventFilter", present.id, name)


_REFUSED: Final = (403, 404, 429)
_IDS: Final = ("integration-eventbridge", "integration-data-actions")
ROUTES: Final = (
    Route(_PATH, _read_integration, methods=["GET"]),
    Route(_CONFIGURATION_PATH, _ConfigurationEndpoint),
)
OPERATIONS: Final = (
    Operation(
        "get",
        _PATH,
        "getIntegration",
        "Read an integration",
        Integration,
        need=scopes.INTEGRATION_READ,
        errors=_REFUSED,
        ids=_IDS,
    ),
    Operation(
        "get",
        _CONFIGURATION_PATH,
        "getIntegrationConfigCurrent",
        "Read the configuration of an integration",
        IntegrationConfiguration,
        need=scopes.INTEGRATION_READ,
        errors=_REFUSED,
        ids=_IDS,
    ),
    Operation(
        "put",
        _CONFIGURATION_PATH,
        "putIntegrationConfigCurrent",
        "Replace the configuration of an integration, if it still has the version that the body names",
        IntegrationConfiguration,
        need=scopes.INTEGRATION_EDIT,
        body=ConfigurationUpdate,
        errors=(*_REFUSED, 400, 409, 413, 415),
        ids=_IDS,
    ),
)
