"""The kind ``trigger``: Process Automation triggers, and the topics that they may wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ebrule.sandbox import paging, scopes, seed, storing
from ebrule.sandbox.access import authorize
from ebrule.sandbox.bodies import read_json_object
from ebrule.sandbox.matching import OPERATORS
from ebrule.sandbox.openapi import Operation, Parameter
from ebrule.sandbox.replies import Detail
from ebrule.sandbox.resources import Conflict
from ebrule.sandbox.topics import TOPICS
from ebrule.sandbox.validation import Open, Text, Version, details_of, refuse_if_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from ebrule.sandbox.resources import Resource, Resources

PATH: Final = "/api/v2/processautomation/triggers/{id}"

_LIST_PATH: Final = "/api/v2/processautomation/triggers"
_TOPICS_PATH: Final = f"{_LIST_PATH}/topics"
_CONFLICT: Final = Conflict("request.conflict")
_EXAMPLE: Final[dict[str, Any]] = {
    "version": 3,
    "name": "Call back after a lost call",
    "topicName": "v2.detail.events.conversation.{id}.customer.end",
    "enabled": True,
    "target": {"type": "Workflow", "id": "flow-callback"},
    "matchCriteria": [{"jsonPath": "mediaType", "operator": "Equal", "value": "VOICE"}],
    "eventTTLSeconds": 60,
}


class MatchCriteria(Open):
    """A test of one place in the event, with either ``value`` or ``values``; all of a trigger's must hold."""

    json_path: Text
    operator: Annotated[str, Field(json_schema_extra={"enum": list(OPERATORS)})]
    value: JsonValue = None
    values: list[JsonValue] | None = None


class WorkflowTargetSettings(Open):
    """How a workflow gets the event."""

    data_format: Literal["Json", "TopLevelPrimitives"] | None = None


class TriggerTarget(Open):
    """What a matching event starts: an Architect flow. Only the trigger's test tells whether it could be started."""

    type: Literal["Workflow"]
    id: Text
    workflow_target_settings: WorkflowTargetSettings | None = None


class CreateTriggerRequest(Open):
    """The body of a POST. ``eventTTLSeconds`` and ``delayBySeconds`` exclude each other. Unknown fields are kept."""

    model_config = ConfigDict(
        json_schema_extra={"example": {key: value for key, value in _EXAMPLE.items() if key != "version"}}
    )

    name: Annotated[str, Field(min_length=1, max_length=256)]
    topic_name: Text
    target: TriggerTarget
    enabled: bool
    match_criteria: list[MatchCriteria] | None = None
    event_ttl_seconds: Annotated[int, Field(ge=10, le=2**31 - 1)] | None = Field(None, alias="eventTTLSeconds")
    delay_by_seconds: Annotated[int, Field(ge=60, le=900)] | None = None
    description: Annotated[str, Field(max_length=512)] | None = None


class UpdateTriggerRequest(CreateTriggerRequest):
    """The body of a PUT: the whole trigger with its present topic, and the version that it was made from."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    version: Version


class Trigger(UpdateTriggerRequest):
    """A trigger as stored."""

    id: str
    self_uri: str


class CursorListing(Open):
    """A page of a list, and where the pages beside it are; there is no ``nextUri`` on the last one."""

    self_uri: str
    next_uri: str | None = None
    previous_uri: str | None = None


class TriggerEntityListing(CursorListing):
    """A page of triggers."""

    entities: list[Trigger]


class TopicCursorEntityListing(CursorListing):
    """A page of topics."""

    entities: list[str]


class _TriggersEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        caller = await authorize(request, scopes.TRIGGER_READ)
        return JSONResponse(await run_in_threadpool(_page, caller.resources, request))

    async def post(self, request: Request) -> Response:
        caller = await authorize(request, scopes.TRIGGER_ADD)
        body = await read_json_object(request)
        return JSONResponse(await run_in_threadpool(_create, caller.resources, body))


class _TriggerEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        caller = await authorize(request, scopes.TRIGGER_READ)
        trigger = await run_in_threadpool(caller.resources.read_replica, seed.TRIGGER, request.path_params["id"])
        return JSONResponse(_entity(caller.resources, trigger))

    async def put(self, request: Request) -> Response:
        caller = await authorize(request, scopes.TRIGGER_EDIT)
        body = await read_json_object(request)
        return JSONResponse(await run_in_threadpool(_replace, caller.resources, request.path_params["id"], body))

    async def delete(self, request: Request) -> Response:
        caller = await authorize(request, scopes.TRIGGER_DELETE)
        await run_in_threadpool(caller.resources.delete, seed.TRIGGER, request.path_params["id"])
        return Response(status_code=204)


class _TopicsEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        await authorize(request, scopes.TRIGGER_READ)
        part, links = paging.cut(request, TOPICS)
        return JSONResponse({"entities": TOPICS[part], **links})


def _entity(resources: Resources, trigger: Resource) -> dict[str, Any]:
    return resources.reply(seed.TRIGGER, trigger, PATH.format(id=trigger.id))


def _page(resources: Resources, request: Request) -> dict[str, Any]:
    topics = paging.text_parameter(request, "topicName")
    enabled = paging.boolean_parameter(request, "enabled")
    has_delay_by = paging.boolean_parameter(request, "hasDelayBy")
    triggers = [
        trigger
        for trigger in resources.read_all(seed.TRIGGER)
        if (topics is None or trigger.body["topicName"] in topics.split(","))
        and enabled in (None, trigger.body["enabled"])
        and has_delay_by in (None, trigger.body.get("delayBySeconds") is not None)
    ]
    part, links = paging.cut(request, [trigger.id for trigger in triggers])
    return {"entities": [_entity(resources, trigger) for trigger in triggers[part]], **links}


def _create(resources: Resources, body: dict[str, Any]) -> dict[str, Any]:
    refuse_if_any(_problems(body, CreateTriggerRequest, None), "trigger")
    return _entity(resources, resources.create(seed.TRIGGER, body))


def _replace(resources: Resources, trigger_id: str, body: dict[str, Any]) -> dict[str, Any]:
    present = resources.read(seed.TRIGGER, trigger_id)
    drops_fields = storing.drops_fields(resources.config.stores)
    refuse_if_any(_problems(body, UpdateTriggerRequest, present, drops_fields=drops_fields), "trigger")
    return _entity(resources, resources.replace(seed.TRIGGER, present.id, body, conflict=_CONFLICT))


def _problems(
    body: dict[str, Any], model: type[CreateTriggerRequest], present: Resource | None, *, drops_fields: bool = False
) -> Iterator[Detail]:
    entity = (present.id, present.body.get("name")) if present else (None, None)
    try:
        trigger = model.model_validate(body)
    except ValidationError as error:
        yield from details_of(error, *entity)
        return
    if present is None and trigger.topic_name not in TOPICS:
        yield Detail("invalid.field", "topicName")
    if present and trigger.topic_name != present.body["topicName"]:
        yield Detail("immutable.field", "topicName", *entity)
    if trigger.event_ttl_seconds is not None and trigger.delay_by_seconds is not None:
        yield Detail("mutually.exclusive", "delayBySeconds", *entity)
    for index, criterion in enumerate(trigger.match_criteria or ()):
        place = f"matchCriteria[{index}]"
        if criterion.operator not in OPERATORS:
            yield Detail("invalid.field", f"{place}.operator", *entity)
        # A null is a value that an event can have, so that it counts as one.
        has_value, has_values = "value" in criterion.model_fields_set, criterion.values is not None
        if has_value and has_values:
            yield Detail("mutually.exclusive", f"{place}.values", *entity)
        elif not (has_value or has_values or drops_fields):
            yield Detail("required.field", f"{place}.value", *entity)


_REFUSED: Final = (403, 404, 429)
_REFUSED_BODIES: Final = (400, 413, 415)
_IDS: Final = ("demo-trigger", "trigger-unknown-fields")
ROUTES: Final = (
    Route(_LIST_PATH, _TriggersEndpoint),
    Route(_TOPICS_PATH, _TopicsEndpoint),
    Route(PATH, _TriggerEndpoint),
)
OPERATIONS: Final = (
    Operation(
        "get",
        _LIST_PATH,
        "getProcessautomationTriggers",
        "List triggers",
        TriggerEntityListing,
        need=scopes.TRIGGER_READ,
        errors=(400, 403, 429),
        query=(
            *paging.PARAMETERS,
            Parameter("topicName", {"type": "string"}, "Only those that wait for these topics, separated by commas."),
            Parameter("enabled", {"type": "boolean"}, "Only those that are enabled, or are not."),
            Parameter("hasDelayBy", {"type": "boolean"}, "Only those that have a `delayBySeconds`, or have none."),
        ),
    ),
    Operation(
        "post",
        _LIST_PATH,
        "postProcessautomationTriggers",
        "Create a trigger",
        Trigger,
        need=scopes.TRIGGER_ADD,
        body=CreateTriggerRequest,
        errors=(*_REFUSED_BODIES, 403, 429),
    ),
    Operation(
        "get",
        _TOPICS_PATH,
        "getProcessautomationTriggersTopics",
        "List the topics that triggers may wait for",
        TopicCursorEntityListing,
        need=scopes.TRIGGER_READ,
        errors=(400, 403, 429),
        query=paging.PARAMETERS,
    ),
    Operation(
        "get",
        PATH,
        "getProcessautomationTrigger",
        "Read a trigger",
        Trigger,
        need=scopes.TRIGGER_READ,
        errors=_REFUSED,
        ids=_IDS,
    ),
    Operation(
        "put",
        PATH,
        "putProcessautomationTrigger",
        "Replace a trigger, if it still has the version that the body names",
        Trigger,
        need=scopes.TRIGGER_EDIT,
        body=UpdateTriggerRequest,
        errors=(*_REFUSED, *_REFUSED_BODIES, 409),
        ids=_IDS,
    ),
    Operation(
        "delete",
        PATH,
        "deleteProcessautomationTrigger",
        "Delete a trigger",
        None,
        need=scopes.TRIGGER_DELETE,
        errors=_REFUSED,
        ids=("trigger-disabled",),
    ),
)
