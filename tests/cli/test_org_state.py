"""What the org already has is no mistake of the user, however odd it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from command_line import CommandLine
from reliability.echoing_org import RULE_ID, TOPIC, EchoingOrg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Serve = Callable[..., "Odd"]

pytestmark = pytest.mark.loopback

CONDITION = {"field": "eventType", "operator": "equals", "value": "call.answered"}
CRITERION = {"jsonPath": "mediaType", "operator": "Equal", "value": "VOICE"}
RULES: dict[str, dict[str, Any]] = {
    "eventbridge": {
        "name": "Demo",
        "description": "Captures calls",
        "status": "enabled",
        "priority": 50,
        "conditions": [CONDITION],
        "targets": [{"id": "crm", "type": "webhook", "url": "https://crm.example.com"}],
    },
    "trigger": {
        "name": "Demo",
        "enabled": True,
        "topicName": TOPIC,
        "target": {"type": "Workflow", "id": "flow-1"},
        "matchCriteria": [CRITERION],
    },
    "eventbridge-source": {
        "name": "Demo",
        "properties": {
            "eventSourceSuffix": "events",
            "awsAccountId": "123456789012",
            "awsAccountRegion": "eu-central-1",
            "eventFilter": ["v2.a", "v2.b"],
        },
    },
}
PROPERTIES = RULES["eventbridge-source"]["properties"]
CRM = RULES["eventbridge"]["targets"][0]


def nested(levels: int) -> Any:
    """Return a value that is nested so deep."""
    return 1 if levels == 0 else {"a": nested(levels - 1)}


class Odd:
    """An org that takes whatever it is sent, with one rule, and a command line that talks to it."""

    def __init__(self, org: EchoingOrg, ebrule: CommandLine, kind: str) -> None:
        self.org = org
        self.ebrule = ebrule
        self.kind = ("--kind", kind)
        ebrule.environ |= {"EBRULE_API_URL": org.url, "GENESYSCLOUD_ACCESS_TOKEN": "made-up-token"}

    @property
    def puts(self) -> list[dict[str, Any]]:
        """The bodies of the PUTs so far."""
        return [json.loads(asked.body) for asked in self.org.asked if asked.what == "put"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start an org with a rule of a kind that is as usual but for some fields."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def started(kind: str, **fields: Any) -> Odd:
            org = EchoingOrg({"id": RULE_ID, "version": 7, **RULES[kind], **fields}, "made-up-token")
            stack.enter_context(org.serving())
            return Odd(org, CommandLine(tmp_path), kind)

        yield started


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param(
            "trigger",
            {
                "matchCriteria": [
                    {**CRITERION, "values": None},
                    {"jsonPath": "direction", "operator": "In", "value": None, "values": ["INBOUND"]},
                ]
            },
            id="null-beside-a-value",
        ),
        pytest.param(
            "trigger",
            {"target": {"type": "Workflow", "id": "flow-1", "workflowTargetSettings": {"dataFormat": "NewFormat"}}},
            id="new-data-format",
        ),
        pytest.param("trigger", {"description": "long " * 120}, id="long-description"),
        pytest.param("trigger", {"description": "half \ud800 a character"}, id="lone-surrogate"),
        pytest.param("trigger", {"matchCriteria": [{**CRITERION, "value": nested(25)}]}, id="deep-nesting"),
        pytest.param("trigger", {"eventTTLSeconds": 60, "delayBySeconds": 60}, id="ttl-and-delay"),
        pytest.param(
            "trigger",
            {
                "division": {"id": "home", "tags": [None]},
                "target": {"type": "Workflow", "id": "flow-1", "timeoutSeconds": 3},
                "matchCriteria": [{**CRITERION, "caseSensitive": False}],
            },
            id="unknown-fields",
        ),
        pytest.param("trigger", {"target": None, "topicName": None}, id="nothing-where-a-file-says-something"),
        pytest.param("eventbridge", {"status": "archived", "priority": 5000}, id="new-status"),
        pytest.param("eventbridge", {"conditions": [CONDITION] * 20}, id="many-conditions"),
        pytest.param("eventbridge", {"targets": [CRM, {**CRM, "url": "https://two.example.com"}]}, id="target-twice"),
        pytest.param("eventbridge", {"targets": [{**CRM, "id": "My Target"}]}, id="bad-target-id"),
        pytest.param("eventbridge", {"conditions": {"all": [CONDITION]}, "priority": "50"}, id="other-types"),
        pytest.param(
            "eventbridge-source", {"properties": {**PROPERTIES, "eventFilter": ["v2.a", "v2.b", "v2.a"]}}, id="topic-twice"
        ),
        pytest.param("eventbridge-source", {"properties": {**PROPERTIES, "awsAccountId": "12"}}, id="bad-account-id"),
        pytest.param("eventbridge-source", {"properties": {**PROPERTIES, "eventFilter": []}}, id="empty-filter"),
        pytest.param("eventbridge-source", {"properties": {}}, id="no-properties"),
    ],
)  # fmt: skip
def test_a_rule_of_the_org_is_a_valid_file_and_can_be_changed(serve: Serve, kind: str, fields: dict[str, Any]) -> None:
    """``show -o yaml`` prints a file that is valid and changes nothing; a change of another field leaves the rest."""
    odd = serve(kind, **fields)
    ebrule, was = odd.ebrule, odd.org.rule
    shown = ebrule("show", RULE_ID, *odd.kind, "-o", "yaml")
    ebrule.file("rule.yaml", shown.out)
    valid, same = ebrule("validate", "rule.yaml"), ebrule("diff", "--file", "rule.yaml", "--exit-code")
    changed = ebrule("update", "--rule-id", RULE_ID, *odd.kind, "--set", "name=New name")

    assert (0, 0, "1 file: 1 right, 0 wrong\n") == (shown.code, valid.code, valid.out)
    assert (0, "") == (same.code, same.err)
    assert (0, "") == (changed.code, changed.err)
    assert [{**was, "name": "New name"}] == [{**body, "id": RULE_ID} for body in odd.puts]
    assert was == {**json.loads(ebrule("show", RULE_ID, *odd.kind, "-o", "json").out), "name": "Demo", "version": 7}
