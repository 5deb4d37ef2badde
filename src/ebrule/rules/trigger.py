"""Kind ``trigger``: a Process Automation trigger, which starts a workflow for each matching event.

Sources: the official SDK's models, the gc CLI, the Terraform provider.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from ebrule.errors import Problem
from ebrule.rules.file_part import FilePart
from ebrule.rules.kind import Data, Kind, Reference, Shape, id_problems, is_id
from ebrule.rules.matching.criteria import trigger_conditions
from ebrule.spelling import did_you_mean

TRIGGERS = "/api/v2/processautomation/triggers"
TOPICS = f"{TRIGGERS}/topics"

MIN_TTL_SECONDS = 10
DELAY_SECONDS = range(60, 901)
MAX_NAME = 256
MAX_DESCRIPTION = 512

OPERATORS = (
    "Equal", "NotEqual", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual", "In", "NotIn", "Contains",
    "All", "Exists", "Size",
)  # fmt: skip


def _has(name: str) -> dict[str, JsonValue]:
    """Return what a JSON Schema says of an object that has a key, and not as null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class Criterion(FilePart):
    """One test of an event: all criteria of a trigger must hold."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_has("value"), _has("values")]})

    jsonPath: str = Field(min_length=1, description="Goessner's JSONPath into the event, such as $.mediaType.")  # noqa: N815 - the wire's own spelling
    operator: str = Field(min_length=1, description=f"One of {', '.join(OPERATORS)}.", examples=list(OPERATORS))
    value: JsonValue = Field(default=None, description="What the event's value is compared with.")
    values: list[JsonValue] | None = Field(default=None, description="Several values to compare with.")


class WorkflowSettings(FilePart):
    """How the event is handed to the workflow."""

    dataFormat: Literal["Json", "TopLevelPrimitives"] | None = None  # noqa: N815 - the wire's own spelling


class WorkflowTarget(FilePart):
    """The Architect workflow that is started."""

    type: Literal["Workflow"]
    id: str = Field(min_length=1, description="Id of an active, published workflow.")
    workflowTargetSettings: WorkflowSettings | None = None  # noqa: N815 - the wire's own spelling


_INTEGER: dict[str, JsonValue] = {"type": "integer"}


class Trigger(FilePart):
    """A rule file of kind ``trigger``."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["eventTTLSeconds", "delayBySeconds"],
                "properties": {"eventTTLSeconds": _INTEGER, "delayBySeconds": _INTEGER},
            }
        },
    )

    kind: Literal["trigger"] = "trigger"
    id: str | None = Field(default=None, description="The trigger's id; must agree with --rule-id.")
    version: int | None = Field(default=None, ge=0, description="Update only if the org still has this version.")
    name: str = Field(min_length=1, max_length=MAX_NAME, description="What people call the trigger.")
    description: str | None = Field(default=None, max_length=MAX_DESCRIPTION, description="What the trigger is for.")
    enabled: bool = Field(description="Whether the trigger fires.")
    topicName: str = Field(min_length=1, description="The event topic; it cannot be changed.")  # noqa: N815 - the wire's own spelling
    target: WorkflowTarget
    matchCriteria: list[Criterion] | None = Field(default=None, description="All must hold; none: every event matches.")  # noqa: N815 - the wire's own spelling
    eventTTLSeconds: int | None = Field(default=None, ge=MIN_TTL_SECONDS, description="How old an event may be.")  # noqa: N815 - the wire's own spelling
    delayBySeconds: int | None = Field(  # noqa: N815 - the wire's own spelling
        default=None,
        ge=DELAY_SECONDS.start,
        le=DELAY_SECONDS.stop - 1,
        description="How long to wait before the workflow is started.",
    )


def _limits(rule: Data) -> list[Problem]:
    found = []
    # What a file keeps is the org's to know.
    if all(isinstance(rule.get(name), int) for name in ("eventTTLSeconds", "delayBySeconds")):
        found.append(
            Problem(
                "ttl-and-delay",
                "eventTTLSeconds and delayBySeconds exclude each other",
                ("delayBySeconds",),
                hint="Keep one of the two.",
            )
        )
    target = rule.get("target")
    if isinstance(target, dict):
        found += id_problems(target.get("id"), "flow", ("target", "id"))
    criteria = rule.get("matchCriteria")
    for index, criterion in enumerate(criteria if isinstance(criteria, list) else ()):
        if isinstance(criterion, dict):
            found += _criterion_problems(criterion, ("matchCriteria", index))
    return found


def _criterion_problems(criterion: Data, path: tuple[str | int, ...]) -> list[Problem]:
    found = []
    has_value, has_values = criterion.get("value") is not None, criterion.get("values") is not None
    if has_value == has_values:
        both = "both value and values" if has_value else "neither value nor values"
        found.append(
            Problem("value-or-values", f"this criterion has {both}", path, hint="A criterion has exactly one of them.")
        )
    operator = criterion.get("operator")
    if isinstance(operator, str) and operator and operator not in OPERATORS:
        found.append(
            Problem(
                "unknown-operator",
                f'"{operator}" is no operator that ebrule knows; the org decides{did_you_mean(operator, OPERATORS)}',
                (*path, "operator"),
                hint=f"Known operators: {', '.join(OPERATORS)}.",
                severity="warning",
            )
        )
    return found


def _why_no_target(flow: Data) -> str | None:
    name = flow.get("name") or flow.get("id")
    if str(flow.get("type", "")).upper() != "WORKFLOW":
        return f'flow "{name}" is of type {flow.get("type")}; a trigger starts a workflow'
    if flow.get("deleted"):
        return f'flow "{name}" is deleted'
    if not flow.get("active"):
        return f'flow "{name}" is not active'
    return None if flow.get("publishedVersion") else f'flow "{name}" is not published'


def _references(rule: Data, _rule_id: str | None) -> list[Reference]:
    topic, target = rule.get("topicName"), rule.get("target")
    found = []
    flow = target.get("id") if isinstance(target, dict) else None
    if isinstance(flow, str) and is_id(flow):
        found.append(Reference(("target", "id"), "flow", flow, f"/api/v2/flows/{flow}", _why_no_target))
    if isinstance(topic, str):
        found.append(Reference(("topicName",), "topic", topic, TOPICS, in_list=True))
    return found


TRIGGER = Kind(
    name="trigger",
    title="trigger",
    model=Trigger,
    resource=f"{TRIGGERS}/{{id}}",
    listing=TRIGGERS,
    trial=f"{TRIGGERS}/{{id}}/test",
    write_scopes=frozenset({"process-automation"}),
    reference_scopes=frozenset({"architect", "architect:readonly"}),
    event_type="genesys.processautomation.trigger.updated",
    shape=Shape(
        objects=frozenset({"target", "target.workflowTargetSettings"}),
        item_keys={"matchCriteria": frozenset(Criterion.model_fields)},
    ),
    limits=_limits,
    related={"ttl-and-delay": ("eventTTLSeconds", "delayBySeconds")},
    references=_references,
    conditions=trigger_conditions,
    immutable={"topicName": "A trigger keeps its topic for life; create a new trigger for another one."},
)
