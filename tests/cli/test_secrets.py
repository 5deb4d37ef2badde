"""Secrets stay secret, and plain values stay plain: what stands at the place of a ``${env:…}``, now and before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from receiver import receiving

if TYPE_CHECKING:
    from command_line import CommandLine, Ran
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
TARGET = "target-uuid-12345"
OLD, NEW = "canary-old", "canary-new"
CALL = {"field": "eventType", "operator": "equals", "value": "call"}


def there(sandbox: SandboxProcess, **fields: Any) -> dict[str, Any]:
    """Give the demo rule some fields, as somebody else would, and return it."""
    with sandbox.client() as client:
        client.put(RULE, json={**client.get(RULE).json(), **fields})
        rule: dict[str, Any] = client.get(RULE).json()
        return rule


def target(**fields: Any) -> dict[str, Any]:
    """Return the demo rule's target with some fields changed."""
    return {"id": TARGET, "type": "webhook", "url": "https://one.example.com/in", **fields}


def everything(ebrule: CommandLine, *runs: Ran) -> str:
    """Return all that came out of some runs."""
    return "".join(ran.out + ran.err for ran in runs) + ebrule.ledger.read_text()


# --- the old value, which only the org has ----------------------------------------------------------------

SECRET_FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whole": ({"description": OLD}, {"description": "${env:SECRET}"}),
    "part": ({"description": f"Rule {OLD} of ours"}, {"description": "Rule ${env:SECRET} of ours"}),
    "url": ({"targets": [target(url=f"https://x/{OLD}")]}, {"targets": [target(url="${env:SECRET}")]}),
    "header": (
        {"targets": [target(headers={"x-plain": OLD, "X-Source": "demo"})]},
        {"targets": [target(headers={"X-Plain": "${env:SECRET}", "X-Source": "demo"})]},
    ),
    "condition": (
        {"conditions": [{"field": "a", "operator": "equals", "value": OLD}, CALL]},
        {"conditions": [CALL, {"field": "a", "operator": "equals", "value": "${env:SECRET}"}]},
    ),
    "another condition": (
        {"conditions": [{"field": "b", "operator": "contains", "value": [OLD]}, CALL]},
        {"conditions": [CALL, {"field": "a", "operator": "equals", "value": "${env:SECRET}"}]},
    ),
    "another target": (
        {"targets": [target(id="archive", headers={"X-Plain": OLD})]},
        {"targets": [target(headers={"X-Plain": "${env:SECRET}"})]},
    ),
    "of another type": ({"description": {"was": [OLD]}}, {"description": "${env:SECRET}"}),
}


@pytest.mark.parametrize("name", SECRET_FIELDS)
def test_the_old_secret_is_hidden_without_an_earlier_record(
    ebrule: CommandLine, sandbox: SandboxProcess, name: str
) -> None:
    """What the org has where the file says ``${env:…}`` is as secret as what comes there, for whoever sees it first."""
    was, fields = SECRET_FIELDS[name]
    there(sandbox, **was)
    ebrule.environ["SECRET"] = NEW
    file = ebrule.rule(**fields)
    with receiving() as receiver:
        runs = [
            ebrule("diff", "--file", file),
            ebrule("diff", "--file", file, "-o", "json"),
            ebrule("update", "--file", file, "-v", "--webhook-url", receiver.url),
            ebrule("audit", "show", "--changes"),
            ebrule("show", "demo-rule"),
        ]
    said = everything(ebrule, *runs) + receiver.received[0][1].decode()

    assert [0] * 5 == [ran.code for ran in runs]
    assert not {OLD, NEW} & {word for word in (OLD, NEW) if word in said}
    assert all("redacted:" in ran.out for ran in runs[:4])
    assert OLD not in json.dumps(there(sandbox))


def test_the_old_secret_is_hidden_where_set_puts_the_new_one(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A ``--set`` with a variable has a place as a file has: in a target by its id, in another list by the index."""
    there(sandbox, targets=[target(headers={"X-Plain": OLD})], conditions=[{**CALL, "value": OLD}])
    ebrule.environ["SECRET"] = NEW
    ran = ebrule(
        "update",
        "--rule-id",
        "demo-rule",
        "--set",
        f"targets[{TARGET}].headers.X-Plain=${{env:SECRET}}",
        "--set",
        "conditions[0].value=a ${env:SECRET}",
    )

    assert (0, 4) == (ran.code, ran.out.count("redacted:"))
    assert "canary" not in everything(ebrule, ran)


def test_a_set_over_the_file_hides_what_it_replaces(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A plain value in the place of the file's variable is shown, and what the org had there is not."""
    there(sandbox, description=OLD)
    ebrule.environ["SECRET"] = NEW
    ran = ebrule("update", "--file", ebrule.rule(description="${env:SECRET}"), "--set", "description=plain words")

    assert (0, True) == (ran.code, '→ "plain words"' in ran.out)
    assert "canary" not in everything(ebrule, ran)


def test_an_element_that_set_takes_away_moves_no_place(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Behind a condition that is taken away, the variable is where it was."""
    ebrule.environ["SECRET"] = "e"
    secret = {"field": "b", "operator": "equals", "value": "${env:SECRET}"}
    file = ebrule.rule(conditions=[CALL, secret])
    ran = ebrule("update", "--file", file, "--set", "conditions[0]=null")
    after = ebrule.records()[0]["after"]["conditions"]

    assert (0, True) == (ran.code, after[0]["value"].startswith("redacted:"))
    assert ("b", "equals") == (after[0]["field"], after[0]["operator"])


def test_a_conflict_shows_neither_old_nor_new_secret(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """All three sides of a conflict at the place of a variable are hidden; other fields' sides are not."""
    ebrule.environ["SECRET"] = NEW
    rule = there(sandbox, targets=[target(headers={"X-Plain": OLD})])
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=11")
    there(sandbox, targets=[target(headers={"X-Plain": "canary-theirs"})], priority=12)
    file = ebrule.rule(priority=13, targets=[target(headers={"X-Plain": "${env:SECRET}"})], version=rule["version"] + 1)
    ran = ebrule("update", "--file", file, "--on-conflict", "merge", "-o", "json")
    sides = {each["path"]: each for each in ran.json["error"]["conflict"]}

    assert (5, (11, 13, 12)) == (ran.code, tuple(sides["priority"][side] for side in ("base", "ours", "theirs")))
    assert json.dumps(sides[f"targets[{TARGET}].headers"]).count("redacted:") == 3
    assert "canary" not in ran.out + ran.err + json.dumps(ebrule.records()[-1])


def test_what_comes_to_a_known_place_later_is_hidden(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where the ledger has a digest, a value that somebody else has put there since is a secret too."""
    ebrule.environ["SECRET"] = OLD
    ebrule("update", "--file", ebrule.rule(targets=[target(headers={"X-Plain": "${env:SECRET}"})]))
    del ebrule.environ["SECRET"]
    there(sandbox, targets=[target(headers={"X-Plain": NEW})])
    runs = [
        ebrule("show", "demo-rule"),
        ebrule("diff", "--rule-id", "demo-rule", "--set", "priority=3"),
        ebrule("update", "--rule-id", "demo-rule", "--set", "priority=3", "-o", "json"),
    ]

    assert [0, 0, 0] == [ran.code for ran in runs]
    assert "canary" not in everything(ebrule, *runs)


# --- short and common values ------------------------------------------------------------------------------

COMMON = ("e", "prod", "true", "name", "enabled", "webhook", "operator", "eventTTL", "unchanged")


@pytest.mark.parametrize("value", COMMON)
def test_a_common_value_hides_nothing_but_itself(ebrule: CommandLine, sandbox: SandboxProcess, value: str) -> None:
    """A short or common secret is hidden at its place; keys, paths, enum values and plain values stay as they are."""
    there(sandbox, description="prod name e", targets=[target(headers={"X-Source": "prod e"})])
    ebrule.environ["SECRET"] = value
    headers = {"X-Source": "prod e", "X-Plain": "${env:SECRET}"}
    file = ebrule.rule(description="prod name e", targets=[target(headers=headers)])
    ran = ebrule("update", "--file", file, "--reason", "unchanged prod e")
    ebrule("update", "--file", file, "--set", "status=disabled", "--set", "priority=51")
    back = ebrule("rollback", "--rule-id", "demo-rule")
    last = ebrule.records()[-2]
    after = last["after"]

    assert (0, 0) == (ran.code, back.code)
    assert "unchanged prod e" == ebrule.records()[0]["reason"]
    assert ("prod name e", "enabled", 50) == (after["description"], after["status"], after["priority"])
    assert {*headers} == {*after["targets"][0]["headers"]}
    assert ("prod e", True) == (
        after["targets"][0]["headers"]["X-Source"],
        after["targets"][0]["headers"]["X-Plain"].startswith("redacted:"),
    )
    assert ["status", "priority"] == [change["path"] for change in last["changes"]]
    assert f"+ targets[{TARGET}].headers.X-Plain" in ran.out
    assert value == there(sandbox)["targets"][0]["headers"]["X-Plain"]


@pytest.mark.parametrize(
    "fields", [{"status": "${env:SECRET}"}, {"conditions": [{**CALL, "operator": "${env:SECRET}"}]}]
)
def test_a_short_value_is_not_quoted_at_its_place(offline: CommandLine, fields: dict[str, Any]) -> None:
    """A problem at the place of a variable does not show its value, however short; allowed values are shown."""
    offline.environ["SECRET"] = "zq"
    ran = offline("validate", offline.rule(**fields))

    assert '"zq"' not in ran.out + ran.err
    assert "enabled" in ran.out + ran.err or "startsWith" in ran.out + ran.err


def test_a_case_does_not_show_a_short_value(offline: CommandLine) -> None:
    """What a failed case says of a condition has a digest in the place of a variable's value."""
    offline.environ["SECRET"] = "e"
    secret = {"field": "a", "operator": "equals", "value": "${env:SECRET}"}
    file = offline.rule(conditions=[CALL, secret])
    cases = {"cases": [{"name": "one", "event": {"eventType": "call", "a": "x"}, "expect": "match"}]}
    ran = offline("test", file, "--cases", offline.file("cases.json", json.dumps(cases)))

    assert (3, True) == (ran.code, 'equals "redacted:' in ran.out)
    assert ('equals "call"' in ran.out, 'equals "e"' in ran.out) == (True, False)
