"""The kind ``eventbridge``: routing rules that may be read and replaced, and targets that may be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox import scopes, seed, storing
from ebrule.sandbox.access import authorize
from ebrule.sandbox.bodies import read_json_object
from ebrule.sandbox.openapi import ID_PATTERN, Operation
from ebrule.sandbox.replies import Detail
from ebrule.sandbox.validation import Open, Text, Version, details_of, refuse_if_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from ebrule.sandbox.resources import Resource, Resources

MAX_CONDITIONS: Final = 15
MAX_EXPRESSION_CHARACTERS: Final = 1000

_RULE_PATH: Final = "/api/v2/eventbridge/routing/rules/{id}"
_TARGET_PATH: Final = "/api/v2/eventbridge/targets/{id}"


class Condition(Open):
    """A test of one field of the event; all of a rule's conditions must hold."""

    field: Text
    operator: Text
    value: JsonValue = None


class Target(Open):
    """Where matching events go; ``id`` names a target that exists."""

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    type: str | None = None
    url: str | None = None
    headers: dict[str, str] | None = None


class RuleUpdate(Open):
    """The body of a PUT: the whole rule, and the version that it was made from.

    All conditions together, each as JSON text with a space after every comma and colon, may have 1,000
    characters. Every target must exist. Unknown fields are kept.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "version": 7,
                "name": "Updated Call Duration Filter",
                "description": "Captures answered calls exceeding 30 seconds",
                "status": "enabled",
                "priority": 50,
                "conditions": [
                    {"field": "attributes.callDuration", "operator": "greaterThan", "value": 30},
                ],
                "targets": [
                    {
                        "id": "target-uuid-12345",
                        "type": "webhook",
                        "url": "https://internal.example.com/process",
                        "headers": {"X-Source": "EventBridge"},
                    }
                ],
            }
        }
    )

    version: Version
    name: Text
    description: str | None = None
    status: Literal["enabled", "disabled"]
    priority: Annotated[int, Field(ge=1, le=1000)]
    conditions: Annotated[list[Condition], Field(max_length=MAX_CONDITIONS)]
    targets: list[Target]


class Author(Open):
    """The OAuth client behind a change."""

    id: str


class Rule(RuleUpdate):
    """A rule as stored; a PUT ignores the fields that ``RuleUpdate`` does not have."""

    id: str
    date_created: str
    date_modified: str
    created_by: Author
    modified_by: Author
    self_uri: str


class TargetEntity(Open):
    """A target that rules may name."""

    id: str
    name: str
    status: Literal["active"]
    self_uri: str


class _RuleEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        caller = await authorize(request, scopes.RULE_READ)
        rule = await run_in_threadpool(caller.resources.read_replica, seed.RULE, request.path_params["id"])
        return _rule_response(caller.resources, rule)

    async def put(self, request: Request) -> Response:
        caller = await authorize(request, scopes.RULE_WRITE)
        body = await read_json_object(request)
        rule = await run_in_threadpool(_replace, caller.resources, request.path_params["id"], body)
        return _rule_response(caller.resources, rule)


async def _read_target(request: Request) -> Response:
    caller = await authorize(request, scopes.RULE_READ)
    target = await run_in_threadpool(caller.resources.read, seed.TARGET, request.path_params["id"])
    self_uri = _TARGET_PATH.format(id=target.id)
    return JSONResponse({"id": target.id, **target.body, "selfUri": self_uri})


def _rule_response(resources: Resources, rule: Resource) -> Response:
    return JSONResponse(resources.reply(seed.RULE, rule, _RULE_PATH.format(id=rule.id)))


def _replace(resources: Resources, rule_id: str, body: dict[str, Any]) -> Resource:
    present = resources.read(seed.RULE, rule_id)
    checked = storing.completed(resources.config.stores, seed.RULE, body)
    refuse_if_any(_problems(resources, checked, present), "rule")
    return resources.replace(seed.RULE, present.id, body)


def _problems(resources: Resources, body: dict[str, Any], present: Resource) -> Iterator[Detail]:
    name = present.body.get("name")
    try:
        rule = RuleUpdate.model_validate(body)
    except ValidationError as error:
        yield from details_of(error, present.id, name)
        return
    if _expression_characters(body["conditions"]) > MAX_EXPRESSION_CHARACTERS:
        yield Detail("expressions.too.long", "conditions", present.id, name)
    unknown = resources.missing(seed.TARGET, [target.id for target in rule.targets])
    for index, target in enumerate(rule.targets):
        if target.id in unknown:
            yield Detail("target.not.found", f"targets[{index}].id", target.id)


def _expression_characters(conditions: list[Any]) -> int:
    return sum(len(json.dumps(condition, ensure_ascii=False)) for condition in conditions)


_REFUSED_READS: Final = (403, 404, 429)
ROUTES: Final = (
    Route(_RULE_PATH, _RuleEndpoint),
    Route(_TARGET_PATH, _read_target, methods=["GET"]),
)
OPERATIONS: Final = (
    Operation(
        "get",
        _RULE_PATH,
        "getEventbridgeRoutingRule",
        "Read a rule",
        Rule,
        need=scopes.RULE_READ,
        errors=_REFUSED_READS,
        ids=("demo-rule", "demo-rule-unknown-fields"),
    ),
    Operation(
        "put",
        _RULE_PATH,
        "putEventbridgeRoutingRule",
        "Replace a rule, if it still has the version that the body names",
        Rule,
        need=scopes.RULE_WRITE,
        body=RuleUpdate,
        errors=(*_REFUSED_READS, 400, 409, 413, 415),
        ids=("demo-rule", "demo-rule-unknown-fields"),
    ),
    Operation(
        "get",
        _TARGET_PATH,
        "getEventbridgeTarget",
        "Read a target",
        TargetEntity,
        need=scopes.RULE_READ,
        errors=_REFUSED_READS,
        ids=("target-uuid-12345", "target-001"),
    ),
)
