"""Kind ``eventbridge``: an EventBridge routing rule.

Its contract is that of the tutorial that ebrule began with; the public API definition does not have it.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from ebrule.errors import Problem
from ebrule.rules.file_part import FilePart
from ebrule.rules.kind import Data, Kind, Path, Reference, Shape, id_problems, is_id
from ebrule.rules.matching.routing import routing_conditions
from ebrule.spelling import did_you_mean

if TYPE_CHECKING:
    from typing_extensions import Self

_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+"
_PATH = re.compile(rf"(?:/(?:{_SEGMENT}|\{{id\}}))+", re.ASCII)


def _path(text: str) -> str:
    if not _PATH.fullmatch(text) or "{id}" in text:
        raise ValueError("must be a path such as /api/v2/health: no host, no query, no . or .. in it")
    return text


def _path_with_id(text: str) -> str:
    if not _PATH.fullmatch(text) or text.count("{id}") != 1:
        raise ValueError(
            "must be a path with {id} once, such as /api/v2/rules/{id}: no host, no query, no . or .. in it"
        )
    return text


class Contract(BaseModel):
    """Paths and limits of the API, which an org may have otherwise: no public definition has them."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    rule_path: Annotated[str, AfterValidator(_path_with_id)] = "/api/v2/eventbridge/routing/rules/{id}"
    target_path: Annotated[str, AfterValidator(_path_with_id)] = "/api/v2/eventbridge/targets/{id}"
    health_path: Annotated[str, AfterValidator(_path)] = "/api/v2/health"
    max_conditions: int = Field(default=15, ge=1)
    max_expression_length: int = Field(default=1_000, ge=1)
    min_priority: int = 1
    max_priority: int = 1_000

    @model_validator(mode="after")
    def _has_priorities(self) -> Self:
        if self.min_priority > self.max_priority:
            raise ValueError("min_priority is above max_priority")
        return self


DEFAULT_CONTRACT = Contract.model_construct()  # the defaults need no check, nor the time to build one

OPERATORS = frozenset(
    {
        "equals", "notEquals", "greaterThan", "greaterThanOrEquals", "lessThan", "lessThanOrEquals", "contains",
        "startsWith", "endsWith", "in", "notIn", "exists", "matches",
    }
)  # fmt: skip


class Condition(FilePart):
    """One test of an event: all conditions of a rule must hold."""

    field: str = Field(min_length=1, description="Dotted path into the event, such as attributes.callDuration.")
    operator: str = Field(
        min_length=1, description="How the event's value is compared, such as greaterThan.", examples=sorted(OPERATORS)
    )
    value: JsonValue = Field(description="What the event's value is compared with.")


class Target(FilePart):
    """Where matching events go. Keys that ebrule does not know are kept."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1, description="Id of a target that exists in the org.")
    type: str | None = Field(default=None, description="What kind of target it is, such as webhook.")
    url: str | None = Field(default=None, description="Where a webhook target receives events.")
    headers: dict[str, str | None] | None = Field(default=None, description="HTTP headers sent along.")


class EventBridgeRule(FilePart):
    """A rule file of kind ``eventbridge``."""

    kind: Literal["eventbridge"] = "eventbridge"
    id: str | None = Field(default=None, description="The rule's id; must agree with --rule-id.")
    version: int | None = Field(default=None, ge=0, description="Update only if the org still has this version.")
    name: str = Field(min_length=1, description="What people call the rule.")
    description: str | None = Field(default=None, description="What the rule is for.")
    status: Literal["enabled", "disabled"] = Field(description="Whether the rule routes events.")
    priority: int = Field(description=f"{DEFAULT_CONTRACT.min_priority} to {DEFAULT_CONTRACT.max_priority}.")
    conditions: list[Condition] = Field(description=f"At most {DEFAULT_CONTRACT.max_conditions}; all must hold.")
    targets: list[Target] = Field(description="Where matching events go.")


def expression_length(conditions: list[Any]) -> int:
    """Return how long the conditions are as the limit counts: each as JSON text, not ASCII-escaped, in characters."""
    return sum(len(json.dumps(condition, ensure_ascii=False, default=str)) for condition in conditions)


def _condition_problems(contract: Contract, conditions: list[Any]) -> list[Problem]:
    found = []
    if len(conditions) > contract.max_conditions:
        found.append(
            Problem(
                "too-many-conditions",
                f"{len(conditions)} conditions; a rule may have at most {contract.max_conditions}",
                ("conditions",),
                hint="Split the rule in two, or test several values with one `in` condition.",
            )
        )
    length, longest = expression_length(conditions), contract.max_expression_length
    if length > longest:
        found.append(
            Problem(
                "expression-too-long",
                f"the conditions are {length:,} characters long; at most {longest:,} are allowed",
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


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")  # a tab may stand in a header's value


def _header_problems(headers: Data, path: Path) -> list[Problem]:
    found = []
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            hint = "A header name has letters, digits, and !#$%&'*+-.^_`|~ only (RFC 9110)."
            found.append(Problem("bad-header-name", f'"{name}" is not a header name', (*path, name), hint=hint))
        if isinstance(value, str) and (control := _CONTROL.search(value)):
            message = f'the value of header "{name}" contains the control character U+{ord(control[0]):04X}'
            hint = "Remove it, or the line break at the end of the variable that it comes from."
            found.append(Problem("bad-header-value", message, (*path, name), hint=hint))
    return found


def _target_problems(targets: list[Any]) -> list[Problem]:
    found = []
    first_place: dict[str, int] = {}
    for index, target in enumerate(targets):
        if not isinstance(target, dict):
            continue
        target_id, headers = target.get("id"), target.get("headers")
        if isinstance(headers, dict):
            found += _header_problems(headers, ("targets", index, "headers"))
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


def _limits(contract: Contract, rule: Data) -> list[Problem]:
    found = []
    priority, least, most = rule.get("priority"), contract.min_priority, contract.max_priority
    if isinstance(priority, int) and not isinstance(priority, bool) and not least <= priority <= most:
        found.append(
            Problem(
                "priority-range",
                f"priority is {priority}; it must be from {least} to {most}",
                ("priority",),
                hint=f"Choose a whole number from {least} to {most}.",
            )
        )
    conditions, targets = rule.get("conditions"), rule.get("targets")
    if isinstance(conditions, list):
        found += _condition_problems(contract, conditions)
    if isinstance(targets, list):
        found += _target_problems(targets)
    return found


def _references(contract: Contract, rule: Data, _rule_id: str | None) -> list[Reference]:
    targets = rule.get("targets")
    return [
        Reference(
            ("targets", index, "id"),
            "target",
            target["id"],
            contract.target_path.replace("{id}", target["id"]),
        )
        for index, target in enumerate(targets if isinstance(targets, list) else ())
        if isinstance(target, dict) and isinstance(target.get("id"), str) and is_id(target["id"])
    ]


def eventbridge_with(contract: Contract) -> Kind:
    """Return the kind for an org whose paths and limits are those."""
    return Kind(
        name="eventbridge",
        title="EventBridge routing rule",
        model=EventBridgeRule,
        resource=contract.rule_path,
        event_type="genesys.eventbridge.rule.updated",
        shape=Shape(
            keyed={"targets": "id"},
            item_keys={"conditions": frozenset(Condition.model_fields)},
        ),
        limits=partial(_limits, contract),
        references=partial(_references, contract),
        conditions=routing_conditions,
        version_increments_by_one=True,
        constraints={
            "priority": {"minimum": contract.min_priority, "maximum": contract.max_priority},
            "conditions": {"maxItems": contract.max_conditions},
        },
        health=contract.health_path,
        write_scopes=frozenset({"eventbridge:write"}),
    )


EVENTBRIDGE = eventbridge_with(DEFAULT_CONTRACT)
