"""The trigger's own test: does an event meet its criteria, and could its flow be started?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contract.test_sandbox import refusal, violations
from ebrule.sandbox.matching import MISSING, PathError, find, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from sandbox_process import SandboxProcess

TRIGGER = "/api/v2/processautomation/triggers/demo-trigger"
EVENT = {"mediaType": "VOICE", "direction": "INBOUND", "interactingDurationMs": 12_000}


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    """A client with every scope, on the initial data."""
    sandbox.reset()
    with sandbox.client() as opened:
        yield opened


@pytest.mark.loopback
class TestResults:
    """What the endpoint answers."""

    def test_match(self, client: httpx.Client) -> None:
        """An event that meets all criteria is told to match, with what each criterion found."""
        criteria = client.get(TRIGGER).json()["matchCriteria"]
        conditions = [
            '$[?(@.mediaType == "VOICE")]',
            '$[?(@.direction == "INBOUND")]',
            "$[?(@.interactingDurationMs < 30000)]",
        ]
        assert client.post(f"{TRIGGER}/test", json=EVENT).json() == {
            "schemaValidation": {"name": "Schema validation", "step": 1, "matches": True, "details": []},
            "targetValidation": {"name": "Target validation", "step": 2, "matches": True, "details": []},
            "jsonPathValidation": {
                "name": "JSON path validation",
                "step": 3,
                "matches": True,
                "details": [
                    {
                        **criterion,
                        "generatedJsonPathCondition": condition,
                        "match": True,
                        "jsonPathExtraction": [{"value": EVENT[key], "path": f"$['{key}']"}],
                    }
                    for criterion, condition, key in zip(criteria, conditions, EVENT, strict=True)
                ],
            },
            "triggerMatches": True,
        }

    def test_no_match(self, client: httpx.Client) -> None:
        """One criterion that fails is enough; a place that the event lacks is not extracted."""
        event = {"mediaType": "CHAT", "interactingDurationMs": 1}
        results = client.post(f"{TRIGGER}/test", json=event).json()
        details = results["jsonPathValidation"]["details"]
        assert results["triggerMatches"] is results["jsonPathValidation"]["matches"] is False
        assert [detail["match"] for detail in details] == [False, False, True]
        assert [len(detail["jsonPathExtraction"]) for detail in details] == [1, 0, 1]

    @pytest.mark.parametrize(
        ("body", "valid"), [(json.dumps(EVENT), True), ("[]", False), ("{", False), ('{"a": NaN}', False), ("", False)]
    )
    def test_event_as_text(self, client: httpx.Client, body: str, valid: bool) -> None:
        """The event may be a string that holds JSON, as the public definition has it; it must be an object."""
        results = client.post(f"{TRIGGER}/test", json=body).json()
        assert (results["schemaValidation"]["matches"], results["triggerMatches"]) == (valid, valid)

    @pytest.mark.parametrize("body", ["[]", "null", "5", "{"])
    def test_no_event(self, client: httpx.Client, body: str) -> None:
        """What is neither an object nor a string is a 400."""
        reply = client.post(f"{TRIGGER}/test", content=body, headers={"Content-Type": "application/json"})
        assert refusal(reply) == (400, "bad.request")

    @pytest.mark.parametrize(
        ("flow", "problem"),
        [
            ("flow-unpublished", "The flow is not published."),
            ("flow-inactive", "The flow is not active."),
            ("flow-inbound", "The flow is of type INBOUNDCALL, not WORKFLOW."),
            ("no-such", "There is no flow no-such."),
        ],
    )
    def test_target(self, client: httpx.Client, flow: str, problem: str) -> None:
        """A trigger may name a flow that cannot be started: its test tells, and still says if the event matches."""
        trigger = client.get(TRIGGER).json()
        reply = client.put(TRIGGER, json={**trigger, "target": {"type": "Workflow", "id": flow}})
        assert reply.status_code == 200
        results = client.post(f"{TRIGGER}/test", json=EVENT).json()
        assert results["targetValidation"]["details"] == [problem]
        assert (results["targetValidation"]["matches"], results["triggerMatches"]) == (False, True)

    def test_deleted_target(self, client: httpx.Client) -> None:
        """Everything that is wrong with a flow is told."""
        trigger = client.get(TRIGGER).json()
        client.put(TRIGGER, json={**trigger, "target": {"type": "Workflow", "id": "flow-deleted"}})
        results = client.post(f"{TRIGGER}/test", json=EVENT).json()
        assert results["targetValidation"]["details"] == ["The flow has been deleted.", "The flow is not active."]

    def test_no_criteria(self, client: httpx.Client) -> None:
        """Without criteria every event matches."""
        path = TRIGGER.replace("demo-trigger", "trigger-every-event")
        assert client.post(f"{path}/test", json={}).json()["triggerMatches"] is True

    def test_many_operators(self, client: httpx.Client) -> None:
        """Lists by ``value`` and by ``values`` and paths of every simple form are followed."""
        path = TRIGGER.replace("demo-trigger", "trigger-operators")
        event = {
            "mediaType": "CALLBACK",
            "disconnectType": "PEER",
            "externalContactId": None,
            "conversationExternalContactIds": ["contact-1", "contact-2"],
            "interactingDurationMs": 600_000,
        }
        assert client.post(f"{path}/test", json=event).json()["triggerMatches"] is True
        assert client.post(f"{path}/test", json={**event, "mediaType": "CHAT"}).json()["triggerMatches"] is False

    def test_unsupported_path(self, client: httpx.Client) -> None:
        """A path that the sandbox cannot follow is stored, but testing it is refused rather than answered wrongly."""
        trigger = client.get(TRIGGER).json()
        trigger["matchCriteria"].append({"jsonPath": "$..mediaType", "operator": "Exists", "value": True})
        assert client.put(TRIGGER, json=trigger).status_code == 200
        reply = client.post(f"{TRIGGER}/test", json=EVENT)
        assert violations(reply) == [("unsupported.json.path", "matchCriteria[3].jsonPath")]

    def test_unknown_trigger(self, client: httpx.Client) -> None:
        """A trigger that is not there is a 404."""
        assert refusal(client.post(f"{TRIGGER}s/test", json=EVENT)) == (404, "not.found")


class TestMatching:
    """Paths and operators by themselves."""

    @pytest.mark.parametrize(
        ("path", "written", "value"),
        [
            ("to.entityId", "$['to']['entityId']", "x"),
            ("$.to.entityId", "$['to']['entityId']", "x"),
            ("$['to']['entityId']", "$['to']['entityId']", "x"),
            ('$["to"].entityId', "$['to']['entityId']", "x"),
            ("$.list[1].a", "$['list'][1]['a']", 5),
            ("$", "$", {"to": {"entityId": "x"}, "list": [0, {"a": 5}], "none": None}),
            ("none", "$['none']", None),
            ("$['']", "$['']", MISSING),
            ("to.missing", "$['to']['missing']", MISSING),
            ("none.deeper", "$['none']['deeper']", MISSING),
            ("list.a", "$['list']['a']", MISSING),
            ("list[2]", "$['list'][2]", MISSING),
            ("to[0]", "$['to'][0]", MISSING),
        ],
    )
    def test_path(self, path: str, written: str, value: object) -> None:
        """A simple path, with or without a dollar sign, leads to one place."""
        found = find({"to": {"entityId": "x"}, "list": [0, {"a": 5}], "none": None}, path)
        assert (found.path, found.value) == (written, value)

    @pytest.mark.parametrize("path", ["$..a", "a.*", "a[*]", "a[?(@.b)]", "a[-1]", "a[0:2]", "a['b','c']", "a.", " a"])
    def test_other_path(self, path: str) -> None:
        """A path that may lead to several places, or is none, is told apart."""
        with pytest.raises(PathError, match="cannot follow"):
            find({}, path)

    @pytest.mark.parametrize(
        ("operator", "left", "right", "expected"),
        [
            ("Equal", 1, 1.0, True),
            ("Equal", "a", "A", False),
            ("Equal", 5, "5.0", True),
            ("Equal", "5", 5, True),
            ("Equal", "5.0", 5, False),
            ("Equal", 5, "five", False),
            ("Equal", True, 1, False),
            ("Equal", 0, False, False),
            ("Equal", None, None, True),
            ("Equal", MISSING, None, False),
            ("Equal", [1, {"a": 2}], [1, {"a": 2}], True),
            ("Equal", [True], [1], False),
            ("NotEqual", "a", "b", True),
            ("NotEqual", MISSING, "b", True),
            ("NotEqual", 2, 2, False),
            ("GreaterThan", 2, 1, True),
            ("GreaterThan", 1, 1, False),
            ("GreaterThan", "b", "a", True),
            ("GreaterThan", "2", 1, False),
            ("GreaterThan", True, 0, False),
            ("GreaterThan", MISSING, 0, False),
            ("GreaterThanOrEqual", 1, 1, True),
            ("LessThan", 1, 2, True),
            ("LessThan", 2, 2, False),
            ("LessThanOrEqual", 2, 2, True),
            ("In", "a", ["a", "b"], True),
            ("In", "c", ["a", "b"], False),
            ("In", "a", "abc", False),
            ("NotIn", "c", ["a", "b"], True),
            ("NotIn", "a", ["a", "b"], False),
            ("NotIn", MISSING, ["a"], True),
            ("Contains", "abc", "b", True),
            ("Contains", ["a", "b"], "b", True),
            ("Contains", ["ab"], "b", False),
            ("Contains", 123, 2, False),
            ("All", ["a", "b", "c"], ["a", "c"], True),
            ("All", ["a"], ["a", "c"], False),
            ("All", "a", ["a"], False),
            ("Exists", 0, True, True),
            ("Exists", None, True, True),
            ("Exists", MISSING, True, False),
            ("Exists", MISSING, False, True),
            ("Exists", 1, "true", False),
            ("Size", [1, 2], 2, True),
            ("Size", "abc", 3, True),
            ("Size", {"a": 1}, 1, False),
            ("Size", [1], True, False),
            ("StartsWith", "tel:+49900", "tel:", True),
            ("StartsWith", 49, "4", False),
        ],
    )
    def test_operator(self, operator: str, left: Any, right: Any, expected: bool) -> None:
        """Each operator holds for what it says, and for nothing of another type."""
        assert holds(operator, left, right) is expected
