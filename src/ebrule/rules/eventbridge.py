"""Kind ``eventbridge``: an EventBridge routing rule.

Its contract is that of the tutorial that ebrule began with; the public API definition does not have it.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ebrule.errors import Problem
from ebrule.rules.kind import Data, Kind, Reference, Shape, checked_id, id_problems
from ebrule.rules.matching.routing import routing_conditions
from ebrule.spelling import did_you_mean

MAX_CONDITIONS = 15
MAX_EXPRESSION_LENGTH = 1_000
PRIORITIES = range(1, 1_001)

OPERATORS = frozenset(
    {
        "equals", "notEquals", "greaterThan", "greaterThanOrEquals", "lessThan", "lessThanOrEquals", "contains",
        "startsWith", "endsWith", "in", "notIn", "exists", "matches",
    }
)  # fmt: skip


class Condition(BaseModel):
    """One test of an event: all conditions of a rule must hold."""

    model_config = ConfigDict(strict=True, extra="forbid")

    field: str = Field(min_length=1, description="Dotted path into the event, such as attributes.callDuration.")
    operator: str = Field(min_length=1, description="How the event's value is compared, such as greaterThan.")
    value: JsonValue = Field(description="What the event's value is compared with.")


class Target(BaseModel):
    """Where matching events go. Keys that ebrule does not know are kept."""

    model_config = ConfigDict(strict=True, extra="allow")

    id: str = Field(min_length=1, description="Id of a target that exists in the org.")
    type: str | None = Field(default=None, description="What kind of target it is, such as webhook.")
    url: str | None = Field(default=None, description="Where a webhook target receives events.")
    headers: dict[str, str] | None = Field(default=None, description="HTTP headers sent along.")


class EventBridgeRule(BaseModel):
    """A rule file of kind ``eventbridge``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    kind: Literal["eventbridge"] = "eventbridge"
    id: str | None = Field(default=None, description="The rule's id; must agree with --rule-id.")
    version: int | None = Field(default=None, ge=0, description="Update only if the org still has this version.")
    name: str = Field(min_length=1, description="What people call the rule.")
    description: str | None = Field(default=None, description="What the rule is for.")
    status: Literal["enabled", "disabled"] = Field(description="Whether the rule routes events.")
    priority: int = Field(description=f"{PRIORITIES.start} to {PRIORITIES.stop - 1}.")
    conditions: list[Condition] = Field(description=f"At most {MAX_CONDITIONS}; all must hold.")
    targets: list[Target] = Field(description="Where matching events go.")


def expression_length(conditions: list[Any]) -> int:
    """Return how long the conditions are as the limit counts: each as JSON text, not ASCII-escaped, in characters."""
    return sum(len(json.dumps(condition, ensure_ascii=False, default=str)) for condition in conditions)


def _condition_problems(conditions: list[Any]) -> list[Problem]:
    found = []
    if len(conditions) > MAX_CONDITIONS:
        found.append(
            Problem(
                "too-many-conditions",
                f"{len(conditions)} conditions; a rule may have at most {MAX_CONDITIONS}",
                ("conditions",),
                hint="Split the rule in two, or test several values with one `in` condition.",
            )
        )
    length = expression_length(conditions)
    if length > MAX_EXPRESSION_LENGTH:
        found.append(
            Problem(
                "expression-too-long",
                f"the conditions are {length:,} characters long; at most {MAX_EXPRESSION_LENGTH:,} are allowed",
                ("conditions",),
                hint="Shorten field names or values, or split the rule in two.",
            )
        )
    for index, condition in enumerate(conditions):
        operator = condition.get("operator") if isinstance(condition, dict) else None
        if isinstance(operator, str) and operator and operator not in OPERATORS:
            meant = did_you_mean(operator, OPERATORS)
            found.append(
                Problem(
                    "unknown-operator",
                    f'"{operator}" is no operator that ebrule knows; the org decides{meant}',
                    ("conditions", index, "operator"),
                    hint=f"Known operators: {', '.join(sorted(OPERATORS))}.",
                    severity="warning",
                )
            )
    return found


def _target_problems(targets: list[Any]) -> list[Problem]:
    found = []
    first_place: dict[str, int] = {}
    for index, target in enumerate(targets):
        target_id = target.get("id") if isinstance(target, dict) else None
        if not isinstance(target_id, str):
            continue
        found += id_problems(target_id, "target", ("targets", index, "id"))
        if target_id in first_place:
            found.append(
                Problem(
                    "duplicate-target",
                    f'target "{target_id}" stands twice; first as targets[{first_place[target_id]}]',
                    ("targets", index, "id"),
                    hint="Keep one of the two.",
                )
            )
        first_place.setdefault(target_id, index)
    return found


def _limits(rule: Data) -> list[Problem]:
    found = []
    priority = rule.get("priority")
    if isinstance(priority, int) and not isinstance(priority, bool) and priority not in PRIORITIES:
        found.append(
            Problem(
                "priority-range",
                f"priority is {priority}; it must be from {PRIORITIES.start} to {PRIORITIES.stop - 1}",
                ("priority",),
                hint=f"Choose a whole number from {PRIORITIES.start} to {PRIORITIES.stop - 1}.",
            )
        )
    conditions, targets = rule.get("conditions"), rule.get("targets")
    if isinstance(conditions, list):
        found += _condition_problems(conditions)
    if isinstance(targets, list):
        found += _target_problems(targets)
    return found


def _references(rule: Data, _rule_id: str) -> list[Reference]:
    targets = rule.get("targets")
    return [
        Reference(
            ("targets", index, "id"),
            "target",
            target["id"],
            f"/api/v2/eventbridge/targets/{checked_id(target['id'], 'target id')}",
        )
        for index, target in enumerate(targets if isinstance(targets, list) else ())
    ]


EVENTBRIDGE = Kind(
    name="eventbridge",
    title="EventBridge routing rule",
    model=EventBridgeRule,
    resource="/api/v2/eventbridge/routing/rules/{id}",
    event_type="genesys.eventbridge.rule.updated",
    shape=Shape(
        keyed={"targets": "id"},
        item_keys={"conditions": frozenset(Condition.model_fields)},
    ),
    limits=_limits,
    references=_references,
    conditions=routing_conditions,
    steps_by_one=True,
    health="/api/v2/health",
    write_scopes=frozenset({"eventbridge:write"}),
)
