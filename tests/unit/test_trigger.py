"""The limits of a Process Automation trigger, each on both sides of its edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ebrule.core.validator import check_rule, writable
from ebrule.rules.merge import merge3
from ebrule.rules.trigger import OPERATORS, TOPICS, TRIGGER

if TYPE_CHECKING:
    from ebrule.errors import Problem
    from ebrule.rules.kind import Reference

TOPIC = "v2.detail.events.conversation.{id}.customer.end"
RULE = {"name": "Demo", "enabled": True, "topicName": TOPIC, "target": {"type": "Workflow", "id": "flow-1"}}
CRITERION = {"jsonPath": "mediaType", "operator": "Equal", "value": "VOICE"}


def problems(**fields: Any) -> list[Problem]:
    """Return the problems of a trigger that is right but for these fields."""
    return check_rule(TRIGGER, {**RULE, **fields})


def found(**fields: Any) -> list[tuple[str, tuple[str | int, ...]]]:
    """Return id and path of each problem of such a trigger."""
    return [(problem.id, problem.path) for problem in problems(**fields)]


def test_a_right_trigger_has_no_problems() -> None:
    """Criteria, settings and times may be left out, or be there."""
    settings = {"dataFormat": "Json"}
    assert [] == found()
    assert [] == found(
        id="t",
        version=3,
        description="What it is for",
        target={**RULE["target"], "workflowTargetSettings": settings},  # type: ignore[dict-item]  # a mapping
        matchCriteria=[CRITERION],
        eventTTLSeconds=60,
    )


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"eventTTLSeconds": 10}, None),
        ({"eventTTLSeconds": 9}, ("eventTTLSeconds",)),
        ({"delayBySeconds": 60}, None),
        ({"delayBySeconds": 900}, None),
        ({"delayBySeconds": 59}, ("delayBySeconds",)),
        ({"delayBySeconds": 901}, ("delayBySeconds",)),
        ({"name": "x" * 256}, None),
        ({"name": "x" * 257}, ("name",)),
        ({"name": ""}, ("name",)),
        ({"description": "x" * 512}, None),
        ({"description": "x" * 513}, ("description",)),
        ({"enabled": "true"}, ("enabled",)),
        ({"target": {"type": "workflow", "id": "f"}}, ("target", "type")),
        ({"target": {"type": "Workflow", "id": "../x"}}, ("target", "id")),
        ({"target": {"type": "Workflow", "id": "f", "workflowTargetSettings": {"dataFormat": "Xml"}}},
         ("target", "workflowTargetSettings", "dataFormat")),
        ({"matchCriteria": [{**CRITERION, "jsonPath": ""}]}, ("matchCriteria", 0, "jsonPath")),
        ({"priority": 5}, ("priority",)),
    ],
    ids=str,
)  # fmt: skip
def test_each_limit(fields: dict[str, Any], problem: tuple[str | int, ...] | None) -> None:
    """Each bound lets its own value through, and reports the next one, at its place."""
    assert ([] if problem is None else [problem]) == [path for _, path in found(**fields)]


def test_ttl_and_delay_exclude_each_other() -> None:
    """A trigger has one of the two at most; null is as if it were not there."""
    assert [("ttl-and-delay", ("delayBySeconds",))] == found(eventTTLSeconds=60, delayBySeconds=60)
    assert [] == found(eventTTLSeconds=None, delayBySeconds=60)


@pytest.mark.parametrize("operator", OPERATORS)
def test_known_operators(operator: str) -> None:
    """Each operator of the service is taken without a word."""
    assert [] == found(matchCriteria=[{**CRITERION, "operator": operator}])


def test_an_unknown_operator_is_a_warning() -> None:
    """The org decides about what ebrule does not know."""
    (problem,) = problems(matchCriteria=[{**CRITERION, "operator": "StartsWith"}])
    assert ("unknown-operator", "warning", ("matchCriteria", 0, "operator")) == (
        problem.id,
        problem.severity,
        problem.path,
    )


@pytest.mark.parametrize(
    ("criterion", "right"),
    [
        ({"value": False}, True),
        ({"value": ["a"]}, True),
        ({"values": ["a"]}, True),
        ({"value": "a", "values": None}, True),
        ({"value": None, "values": ["a"]}, True),
        ({"value": "a", "values": ["a"]}, False),
        ({"value": None, "values": None}, False),
        ({"value": None}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_criterion_has_a_value_or_values(criterion: dict[str, Any], right: bool) -> None:
    """Exactly one of ``value`` and ``values``; a list and false are values, and null is as if it were not there."""
    problem = [] if right else [("value-or-values", ("matchCriteria", 0))]
    assert problem == found(matchCriteria=[{"jsonPath": "a", "operator": "In", **criterion}])


def flow(**fields: Any) -> dict[str, Any]:
    """Return a flow that a trigger can start, but for these fields."""
    good = {"id": "flow-1", "name": "Callback", "type": "WORKFLOW", "active": True, "deleted": False}
    return {**good, "publishedVersion": {"id": "1"}, **fields}


def reference_of(what: str) -> Reference:
    """Return the trigger's reference of that name."""
    return next(reference for reference in TRIGGER.references(RULE, "t") if reference.what == what)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"type": "workflow"}, None),
        ({"type": "INBOUNDCALL"}, 'flow "Callback" is of type INBOUNDCALL; a trigger starts a workflow'),
        ({"deleted": True}, 'flow "Callback" is deleted'),
        ({"active": False}, 'flow "Callback" is not active'),
        ({"publishedVersion": None}, 'flow "Callback" is not published'),
    ],
    ids=str,
)
def test_the_flow_must_be_a_workflow_that_can_run(fields: dict[str, Any], reason: str | None) -> None:
    """It is of type workflow in whatever case, active, not deleted, and published."""
    assert reason == reference_of("flow").check(flow(**fields))


def test_what_a_trigger_refers_to() -> None:
    """The flow by its id, and the topic in the org's list."""
    assert [("flow", "/api/v2/flows/flow-1", False), ("topic", TOPICS, True)] == [
        (each.what, each.resource, each.in_list) for each in TRIGGER.references(RULE, "t")
    ]
    assert [] == TRIGGER.references({}, "t")


def test_changes_of_the_target_merge_key_by_key() -> None:
    """One side changes the flow, the other its data format: both stay."""
    target = {"type": "Workflow", "id": "a", "workflowTargetSettings": {"dataFormat": "Json"}, "timeout": 3}
    ours = {"target": {**target, "id": "b"}}
    theirs = {"target": {**target, "workflowTargetSettings": {"dataFormat": "TopLevelPrimitives"}}}
    merge = merge3(TRIGGER.shape, {"target": target}, ours, theirs)

    assert ({**theirs["target"], "id": "b"}, ()) == (merge.content["target"], merge.overlaps)


def test_what_a_file_can_say_of_a_trigger() -> None:
    """Keys that only the org knows are left out at every depth."""
    whole = {
        **RULE,
        "division": {"id": "home"},
        "target": {"type": "Workflow", "id": "f", "timeoutSeconds": 3},
        "matchCriteria": [{**CRITERION, "caseSensitive": False}],
    }
    assert {
        **RULE,
        "target": {"type": "Workflow", "id": "f"},
        "matchCriteria": [CRITERION],
    } == writable(TRIGGER.model, whole)
