"""``POST /api/v2/processautomation/triggers/{id}/test``: would a trigger be started by an event?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ConfigDict, JsonValue, RootModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox import flows, matching, scopes, seed
from ebrule.sandbox.access import authorize
from ebrule.sandbox.bodies import parse_json, read_json
from ebrule.sandbox.openapi import Operation
from ebrule.sandbox.replies import ApiError, Detail
from ebrule.sandbox.triggers import PATH
from ebrule.sandbox.validation import Open

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ebrule.sandbox.resources import Resources

_PATH: Final = f"{PATH}/test"


class EventBody(RootModel[dict[str, JsonValue] | str]):
    """An event's body: a JSON object, or a string that holds one, as clients made from the public definition send."""

    model_config = ConfigDict(defer_build=True)


class MatchTestResult(Open):
    """What a criterion found in the event."""

    value: JsonValue
    path: str


class MatchCriteriaTestResult(Open):
    """Whether one criterion held, and what it was compared with."""

    json_path: str
    operator: str
    value: JsonValue = None
    values: list[JsonValue] | None = None
    generated_json_path_condition: str
    match: bool
    json_path_extraction: list[MatchTestResult]


class _Step(Open):
    name: str
    step: int
    matches: bool


class TestSchemaOperation(_Step):
    """Whether the event is one."""

    details: list[str]


class TestTargetOperation(_Step):
    """Whether the flow could be started."""

    details: list[str]


class TestMatchesOperation(_Step):
    """Whether the criteria held."""

    details: list[MatchCriteriaTestResult]


class TestModeResults(Open):
    """What a test found; ``triggerMatches`` is about the event alone, not about the target."""

    schema_validation: TestSchemaOperation
    target_validation: TestTargetOperation
    json_path_validation: TestMatchesOperation
    trigger_matches: bool


async def _test(request: Request) -> Response:
    caller = await authorize(request, scopes.TRIGGER_TEST)
    event = await read_json(request)
    if not isinstance(event, (dict, str)):
        raise ApiError(400, "The request body must be an event: a JSON object, or a string that holds one.")
    return JSONResponse(await run_in_threadpool(_results, caller.resources, request.path_params["id"], event))


def _results(resources: Resources, trigger_id: str, body: dict[str, Any] | str) -> dict[str, Any]:
    trigger = resources.read(seed.TRIGGER, trigger_id).body
    event = _event(body)
    target_problems = flows.problems(resources, trigger["target"]["id"])
    tried = [] if event is None else _try(event, trigger.get("matchCriteria") or [])
    matches = event is not None and all(result["match"] for result in tried)
    return {
        "schemaValidation": {
            "name": "Schema validation",
            "step": 1,
            "matches": event is not None,
            "details": ["The event body is no JSON object."] if event is None else [],
        },
        "targetValidation": {
            "name": "Target validation",
            "step": 2,
            "matches": not target_problems,
            "details": target_problems,
        },
        "jsonPathValidation": {"name": "JSON path validation", "step": 3, "matches": matches, "details": tried},
        "triggerMatches": matches,
    }


def _event(body: dict[str, Any] | str) -> dict[str, Any] | None:
    if isinstance(body, dict):
        return body
    try:
        value = parse_json(body.encode())
    except ApiError:
        return None
    return value if isinstance(value, dict) else None


def _try(event: dict[str, Any], criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results = []
    for index, criterion in enumerate(criteria):
        path, operator = criterion["jsonPath"], criterion["operator"]
        expected = criterion["value"] if "value" in criterion else criterion.get("values")
        try:
            found = matching.find(event, path)
        except matching.PathError as error:
            # Better no answer than a wrong one.
            place = Detail("unsupported.json.path", f"matchCriteria[{index}].jsonPath")
            raise ApiError(400, f"The sandbox follows simple paths only: {error}", details=(place,)) from error
        there = found.value is not matching.MISSING
        results.append(
            {
                **criterion,
                "generatedJsonPathCondition": matching.condition(operator, path, expected),
                "match": matching.holds(operator, found.value, expected),
                "jsonPathExtraction": [{"value": found.value, "path": found.path}] if there else [],
            }
        )
    return results


ROUTES: Final = (Route(_PATH, _test, methods=["POST"]),)
OPERATIONS: Final = (
    Operation(
        "post",
        _PATH,
        "postProcessautomationTriggerTest",
        "Tell whether a trigger would be started by an event",
        TestModeResults,
        need=scopes.TRIGGER_TEST,
        body=EventBody,
        errors=(400, 403, 404, 413, 415, 429),
        ids=("demo-trigger", "trigger-unknown-fields"),
    ),
)
