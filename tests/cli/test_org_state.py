"""What the org already has is no mistake of the user, however odd it is."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

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

    def file(self, more: str = "", **fields: Any) -> str:
        """Write what the org has into a rule file, with some fields changed (``...`` leaves one out)."""
        said = {name: value for name, value in {**self.org.rule, **fields, "version": ...}.items() if value is not ...}
        return self.ebrule.file("rule.yaml", yaml.safe_dump(said) + more)

    @property
    def puts(self) -> list[dict[str, Any]]:
        """The bodies of the PUTs so far."""
        return [json.loads(asked.body) for asked in self.org.asked if asked.what == "put"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start an org with a rule of a kind that is as usual but for some fields."""
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
            "eventbridge-source", {"properties": {**PROPERTIES, "eventFilter": ["v2.a", "v2.a"]}}, id="topic-twice"
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


def test_a_program_gets_half_a_character_as_it_is(serve: Serve) -> None:
    """``-o json`` is the resource, and one document of ASCII, whatever its texts are."""
    odd = serve("trigger", description="\ud800", matchCriteria=[{**CRITERION, "value": nested(25)}])
    out = odd.ebrule("show", RULE_ID, *odd.kind, "-o", "json").out

    assert odd.org.rule == json.loads(out)
    assert out.isascii()


def test_what_the_file_says_of_it_again_is_a_warning(serve: Serve) -> None:
    """A value that breaks a limit is an error offline; where the org has it, an update names it and goes on."""
    odd = serve("eventbridge", priority=5000, status="archived")
    file = odd.file(description="New")
    valid, ran = odd.ebrule("validate", file), odd.ebrule("update", "--file", file)

    assert (3, 2) == (valid.code, valid.out.count(": error["))
    assert (0, ["priority-range", "unknown-value"]) == (ran.code, sorted(re.findall(r"warning\[([a-z-]+)\]", ran.err)))
    assert "priority is 5000; it must be from 1 to 1000; the org has this value already, and it stays" in ran.err
    assert [(5000, "archived", "New")] == [(put["priority"], put["status"], put["description"]) for put in odd.puts]


@pytest.mark.parametrize("command", ["update", "diff"])
def test_what_the_run_changes_must_be_right(serve: Serve, command: str) -> None:
    """A limit that the file breaks is an error on its line, beside one that only the org breaks; nothing is sent."""
    odd = serve("eventbridge", priority=5000, status="archived")
    file = odd.file(priority=4000)
    line = (odd.ebrule.folder / file).read_text().splitlines().index("priority: 4000") + 1
    ran = odd.ebrule(command, "--file", file)
    alone = odd.ebrule(command, "--rule-id", RULE_ID, "--set", "priority=4000")

    assert (3, 3, []) == (ran.code, alone.code, odd.puts)
    assert ran.err.startswith(
        f"rule.yaml:{line}:11: error[priority-range]: priority is 4000; it must be from 1 to 1000\n"
    )
    assert ran.err.endswith("error: rule.yaml has 1 mistake. Nothing was sent.\n")
    assert alone.err.startswith("--set priority: error[priority-range]: priority is 4000; it must be from 1 to 1000\n")


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("priority", 'priority: "5000"'),
        ("priority", "prioritiy: 5000"),
        ("name", "name: null"),
        ("", "status: enabled"),
    ],
)
def test_an_error_of_form_is_found_before_the_first_request(serve: Serve, key: str, wrong: str) -> None:
    """A wrong type, an unknown, missing or duplicate key needs no org to be one; limits are named beside it."""
    odd = serve("eventbridge", priority=5000)
    ran = odd.ebrule("update", "--file", odd.file(f"{wrong}\n", **{key: ...}, conditions=[CONDITION] * 16))

    assert (3, []) == (ran.code, odd.org.asked)
    assert "error[too-many-conditions]" in ran.err


def test_a_rollback_leads_back_to_what_the_org_had(serve: Serve) -> None:
    """The state before an update may break limits: the org had it."""
    odd = serve("eventbridge", priority=5000, status="archived")
    changed = odd.ebrule("update", "--rule-id", RULE_ID, "--set", "priority=50")
    back = odd.ebrule("rollback", "--rule-id", RULE_ID)

    assert (0, 0) == (changed.code, back.code)
    assert [50, 5000] == [put["priority"] for put in odd.puts]


def test_a_reference_that_went_bad_is_the_orgs_own(ebrule: CommandLine) -> None:
    """A trigger whose flow is no longer published stays as it is, with a warning; another such flow is an error."""
    kind = ("--kind", "trigger")
    ebrule.file("rule.yaml", ebrule("show", "trigger-unpublished", *kind, "-o", "yaml").out)
    same = ebrule("diff", "--file", "rule.yaml", "--exit-code")
    other = ebrule("diff", "--rule-id", "demo-trigger", *kind, "--set", "target.id=flow-unpublished")

    assert (0, True) == (same.code, "warning[unfit-flow]" in same.err)
    assert (3, True) == (other.code, "error[unfit-flow]" in other.err)
