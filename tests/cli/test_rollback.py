"""``ebrule rollback``: back to a state that the ledger knows, as safely as any update."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ledgers import LedgerWriter
from receiver import receiving

if TYPE_CHECKING:
    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
HEADERS = "targets[target-uuid-12345].headers"
HEADER = f"{HEADERS}.Authorization"
ROLLBACK = ("rollback", "--rule-id", "demo-rule")


def content(sandbox: SandboxProcess, path: str = RULE) -> dict[str, Any]:
    """Return a rule as the sandbox has it, without what changes by itself."""
    with sandbox.client() as client:
        rule = client.get(path).json()
    return {name: value for name, value in rule.items() if name not in ("version", "dateModified", "modifiedBy")}


def somebody_changes(sandbox: SandboxProcess, **fields: Any) -> None:
    """Change the demo rule behind ebrule's back."""
    with sandbox.client() as client:
        client.put(RULE, json={**client.get(RULE).json(), **fields})


def test_the_last_update_is_undone(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """The rule is as it was before, under a new version, and the records say what was done and why."""
    was = content(sandbox)
    ebrule("update", "-f", ebrule.rule())
    ran = ebrule(*ROLLBACK, "--reason", "it was wrong", "-o", "json")
    outcome = ebrule.records()[-1]

    assert (0, "rolled_back", 8, 9) == (ran.code, ran.json["result"], ran.json["base_version"], ran.json["version"])
    assert was == content(sandbox)
    assert ("outcome", "rolled_back", True) == (outcome["type"], outcome["result"], outcome["success"])
    assert "it was wrong" == ebrule.records()[-2]["reason"]


def test_a_rollback_can_be_undone(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """It is an update like any other: the next one goes back over it."""
    ebrule("update", "-f", ebrule.rule())
    updated = content(sandbox)
    codes = [ebrule(*ROLLBACK).code, ebrule(*ROLLBACK).code]

    assert ([0, 0], updated) == (codes, content(sandbox))


def test_back_to_a_version(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Any version that the ledger found or made can be gone back to; again, there is nothing to do."""
    was = content(sandbox)
    for priority in (1, 2, 3):
        ebrule("update", "--rule-id", "demo-rule", "--set", f"priority={priority}")
    ran = ebrule(*ROLLBACK, "--to-version", "7")

    assert (0, was) == (ran.code, content(sandbox))
    assert "Rolled back: version 10 → 11" in ran.out
    assert (
        "demo-rule is already as version 7 in the ledger says (version 11). Nothing sent.\n"
        == ebrule(*ROLLBACK, "--to-version", "7").out
    )


def test_a_preview_writes_nothing(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``--dry-run`` tells the changes; with ``--exit-code`` it ends with 10."""
    ebrule("update", "-f", ebrule.rule())
    before = (ebrule.ledger.read_text(), content(sandbox))
    ran = ebrule(*ROLLBACK, "--dry-run", "--exit-code")

    assert (10, True) == (ran.code, "50 → 10" in ran.out)
    assert before == (ebrule.ledger.read_text(), content(sandbox))


def test_what_came_after_is_not_undone_unawares(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Somebody changed the rule since: that ends with 5, and the two ways on are named."""
    ebrule("update", "-f", ebrule.rule())
    somebody_changes(sandbox, description="Do not page at night")
    ran = ebrule(*ROLLBACK)

    assert (5, "Do not page at night") == (ran.code, content(sandbox)["description"])
    assert "--on-conflict merge" in ran.err
    assert "--expect-version 9" in ran.err
    assert ran.err.endswith("\nTo look:        ebrule show demo-rule\n")


def test_what_to_do_next_is_said_as_it_can_be_typed(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """The kind is said where it must be, and no other command is told to take a rollback's side."""
    of_kind = ("--kind", "trigger")
    expected = ebrule(
        "update", *of_kind, "--rule-id", "demo-trigger", "--set", "enabled=false", "--expect-version", "1"
    )
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77", "--set", "status=disabled")
    somebody_changes(sandbox, priority=99)
    clash = ebrule(*ROLLBACK, "--on-conflict", "merge", "--set", "description=x")

    assert (5, True) == (expected.code, "ebrule show demo-trigger --kind trigger\n" in expected.err)
    assert (5, False) == (clash.code, "ebrule update" in clash.err)
    assert 0 == ebrule("show", "demo-trigger", "--kind", "trigger").code


def test_what_came_after_is_kept_where_it_can_be(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``--on-conflict merge`` undoes the ledger's change and keeps theirs; in the same field it is a conflict."""
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    somebody_changes(sandbox, description="Do not page at night")
    merged = ebrule(*ROLLBACK, "--on-conflict", "merge")
    rule = content(sandbox)
    somebody_changes(sandbox, priority=99)
    clash = ebrule(*ROLLBACK, "--on-conflict", "merge")

    assert (0, 10, "Do not page at night") == (merged.code, rule["priority"], rule["description"])
    assert (5, 99) == (clash.code, content(sandbox)["priority"])


def test_what_came_after_is_undone_when_that_is_said(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``--expect-version`` with the present version says that it has been seen."""
    was = content(sandbox)
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    somebody_changes(sandbox, description="Do not page at night")
    ran = ebrule(*ROLLBACK, "--expect-version", "9")

    assert (0, was) == (ran.code, content(sandbox))


def test_a_secret_that_the_org_still_has_is_kept(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """The ledger's digest still fits the org's value, so it stays; it shows nowhere."""
    ebrule.environ["TOKEN"] = "canary-70c1"
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADER}=${{env:TOKEN}}")
    del ebrule.environ["TOKEN"]
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    ran = ebrule(*ROLLBACK, "--verbose")

    assert (0, "canary-70c1") == (ran.code, content(sandbox)["targets"][0]["headers"]["Authorization"])
    assert "canary-70c1" not in ran.out + ran.err + ebrule.ledger.read_text()


def test_a_secret_of_a_plain_field_stays_one(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A value that came from the environment is hidden in the rollback too, whatever its field is called."""
    ebrule.environ["NAME"] = "canary-41aa"
    ebrule("update", "--rule-id", "demo-rule", "--set", "description=${env:NAME}")
    del ebrule.environ["NAME"]
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    ran = ebrule(*ROLLBACK, "-o", "json")

    assert (0, "canary-41aa") == (ran.code, content(sandbox)["description"])
    assert "canary-41aa" not in ran.out + ran.err + ebrule.ledger.read_text()


def test_a_secret_that_nobody_has_is_asked_for(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where neither ledger nor org has the value, the command says which it needs, and takes it."""
    ebrule.environ["TOKEN"] = "canary-9e4f"
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADER}=${{env:TOKEN}}")
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADER}=null")
    asked = ebrule(*ROLLBACK)
    given = ebrule(*ROLLBACK, "--set", f"{HEADER}=${{env:TOKEN}}")

    assert (3, True) == (asked.code, f"error[secret-needed]: {HEADER}" in asked.err)
    assert (0, "canary-9e4f") == (given.code, content(sandbox)["targets"][0]["headers"]["Authorization"])


def test_a_secret_may_stay_as_the_org_has_it(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``${keep}`` in ``--set`` keeps the org's value, or its absence."""
    ebrule.environ["TOKEN"] = "canary-9e4f"
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADER}=${{env:TOKEN}}")
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADER}=null", "--set", "priority=77")
    ran = ebrule(*ROLLBACK, "--set", f"{HEADER}=${{keep}}")
    rule = content(sandbox)

    assert (0, 10) == (ran.code, rule["priority"])
    assert "Authorization" not in rule["targets"][0]["headers"]


def test_what_is_kept_can_be_changed(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A ``--set`` may go on from what ``${keep}`` brought back, and that is a change like any other."""
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADERS}.X-Kept=yes", "--set", "priority=77")
    somebody_changes(sandbox, priority=10)
    keep = ("--set", f"{HEADERS}=${{keep}}", "--set", f"{HEADERS}.X-New=yes")
    ran = ebrule(*ROLLBACK, "--expect-version", "9", *keep)
    headers = content(sandbox)["targets"][0]["headers"]

    assert (0, {"X-Source": "EventBridge", "X-Kept": "yes", "X-New": "yes"}) == (ran.code, headers)


def test_a_name_that_held_a_secret_comes_back(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A header whose name holds a secret is recorded as a digest, which never gets to the org."""
    ebrule.environ["WORD"] = "Lantern-4417"
    headers = {"X-Lantern-4417": "yes"}
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADERS}={json.dumps(headers)}")
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADERS}.X-Word=${{env:WORD}}")
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADERS}={{}}")
    recorded = ebrule.records()[2]["before"]["targets"][0]["headers"]
    asked = ebrule(*ROLLBACK, "--to-version", "8", "-o", "json")
    given = ebrule(*ROLLBACK, "--to-version", "8", "--set", f"{HEADERS}={json.dumps(headers)}")
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADERS}.X-Word=${{env:WORD}}", "--set", "priority=77")
    again = ebrule(*ROLLBACK)

    assert ["yes"] == [value for name, value in recorded.items() if name.startswith("redacted:")]
    assert (3, "secret-needed") == (asked.code, asked.json["error"]["problems"][0]["id"])
    assert (0, 0, headers) == (given.code, again.code, content(sandbox)["targets"][0]["headers"])


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        ("status=on-fire", "unknown-value"),
        ("descripton=x", "unknown-key"),
        (f'{HEADERS}={{"X-Source": "${{keep}}"}}', "nothing-to-keep"),
    ],
)
def test_what_is_set_must_be_right(ebrule: CommandLine, sandbox: SandboxProcess, assignment: str, problem: str) -> None:
    """A value that could not stand in a rule file is told, and nothing is sent."""
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    before = len(sandbox.requests("PUT"))
    ran = ebrule(*ROLLBACK, "--set", assignment)

    assert (3, True, before) == (ran.code, f"error[{problem}]" in ran.err, len(sandbox.requests("PUT")))


def test_a_secret_of_a_target_that_is_gone_need_not_be_known(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``${keep}`` takes what the org has, and from a target that it has no more, nothing."""
    ebrule.environ["TOKEN"] = "canary-9e4f"
    ebrule("update", "--rule-id", "demo-rule", "--set", f"{HEADER}=${{env:TOKEN}}")
    ebrule("update", "--rule-id", "demo-rule", "--set", 'targets=[{"id": "archive"}]')
    ran = ebrule(*ROLLBACK, "--set", f"{HEADER}=${{keep}}")

    assert (0, {"X-Source": "EventBridge"}) == (ran.code, content(sandbox)["targets"][0]["headers"])


def test_unknown_fields_stay(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """What the org added meanwhile and ebrule does not know goes through a rollback."""
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    somebody_changes(sandbox, division={"id": "home"})
    ran = ebrule(*ROLLBACK, "--expect-version", "9")

    assert (0, {"id": "home"}) == (ran.code, content(sandbox)["division"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (ROLLBACK, "has no update of demo-rule"),
        ((*ROLLBACK, "--kind", "trigger"), "has no update of demo-rule (kind trigger)"),
        (("rollback",), "--rule-id"),
        (("rollback", "--rule-id", "../x"), "is no rule id"),
        ((*ROLLBACK, "--kind", "nope"), "no kind of rule"),
        ((*ROLLBACK, "--exit-code"), "--dry-run"),
    ],
    ids=str,
)
def test_a_wrong_command_line(ebrule: CommandLine, arguments: tuple[str, ...], words: str) -> None:
    """What cannot be meant ends with 2, before anything is asked."""
    ran = ebrule(*arguments)

    assert (2, True) == (ran.code, words in ran.err)


def test_an_unknown_version_names_the_known_ones(ebrule: CommandLine) -> None:
    """The versions that could be gone back to are told."""
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    ran = ebrule(*ROLLBACK, "--to-version", "3")

    assert (2, True) == (ran.code, "It knows: 7, 8." in ran.err)


@pytest.mark.parametrize(
    ("was", "edited", "words"),
    [
        (b'"priority":10', b'"priority":90', "line 2 does not continue the line before"),
        (b'"type":"outcome"', b'"type";"outcome"', "line 2 is not JSON"),
    ],
    ids=["another state", "no record"],
)
def test_a_broken_ledger_leads_nowhere(
    ebrule: CommandLine, sandbox: SandboxProcess, was: bytes, edited: bytes, words: str
) -> None:
    """An edited ledger's states are not gone back to: that ends with 11, the line, and two ways on."""
    ebrule("update", "-f", ebrule.rule())
    before = content(sandbox)
    ebrule.ledger.write_bytes(ebrule.ledger.read_bytes().replace(was, edited, 1))
    previewed = ebrule(*ROLLBACK, "--dry-run")
    ran = ebrule(*ROLLBACK, "-o", "json")

    assert (11, 11, "broken-ledger") == (previewed.code, ran.code, ran.json["error"]["code"])
    assert f"{ebrule.ledger} is broken: {words}" in ran.err
    assert "ebrule audit verify" in ran.err
    assert "ebrule show demo-rule --kind eventbridge -o yaml" in ran.err
    assert before == content(sandbox)


def test_a_torn_line_breaks_nothing(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """What a killed run left half written does not keep a rollback from its way."""
    was = content(sandbox)
    ebrule("update", "-f", ebrule.rule())
    with ebrule.ledger.open("ab") as file:
        file.write(b'{"schema":1,"type":"intent","timest')

    assert (0, was) == (ebrule(*ROLLBACK).code, content(sandbox))


def test_a_rollback_is_announced(ebrule: CommandLine) -> None:
    """The webhook gets the event of an update, with the restored rule."""
    ebrule("update", "-f", ebrule.rule())
    with receiving() as receiver:
        ran = ebrule(*ROLLBACK, "--webhook-url", receiver.url)
        ((_, body),) = receiver.received
    event = json.loads(body)

    assert 0 == ran.code
    assert ("genesys.eventbridge.rule.updated", 9, 10) == (
        event["eventType"],
        event["data"]["version"],
        event["data"]["priority"],
    )


def test_a_target_that_is_gone_is_told(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """What the earlier state refers to must still be there, or nothing is sent."""
    ebrule("update", "--rule-id", "demo-rule", "--set", 'targets=[{"id": "archive"}]')
    with sandbox.client() as client:
        gone = client.get("/api/v2/eventbridge/targets/target-uuid-12345").status_code
    ran = ebrule(*ROLLBACK, "--set", "targets[target-uuid-12345].id=gone-target")

    assert (200, 3, True) == (gone, ran.code, "error[unknown-target]" in ran.err)


@pytest.mark.parametrize(
    ("kind", "rule_id", "change"),
    [
        ("trigger", "demo-trigger", "enabled=false"),
        ("eventbridge-source", "integration-eventbridge", 'properties.eventFilter=["v2.users.{id}.presence"]'),
    ],
)
def test_each_kind_goes_back(
    ebrule: CommandLine, sandbox: SandboxProcess, kind: str, rule_id: str, change: str
) -> None:
    """The other kinds are rolled back in the same way, and the ledger knows which one it is."""
    ebrule("update", "--kind", kind, "--rule-id", rule_id, "--set", change)
    codes = [ebrule("rollback", "--rule-id", rule_id, *given).code for given in ((), ("--kind", kind))]

    assert [0, 0] == codes
    assert 0 == ebrule("diff", "--kind", kind, "--rule-id", rule_id, "--set", change, "--exit-code").code


def test_an_id_of_two_kinds_needs_the_kind(ebrule: CommandLine) -> None:
    """Where the ledger has updates of two rules of one id, it is not guessed which is meant: both commands are told."""
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    here = ebrule.records()[0]["region"]
    LedgerWriter(ebrule.ledger).update(2, kind="trigger", region=here)
    asked = ebrule(*ROLLBACK)
    given = ebrule(*ROLLBACK, "--kind", "eventbridge")

    assert (2, 0) == (asked.code, given.code)
    for kind in ("eventbridge", "trigger"):
        assert f"ebrule rollback --rule-id demo-rule --kind {kind}\n" in asked.err


def test_an_id_of_another_kind_elsewhere_is_another_rule(ebrule: CommandLine) -> None:
    """Updates in another org do not count when the kind is looked for."""
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=77")
    LedgerWriter(ebrule.ledger).update(2, kind="trigger", region="us-east-1")

    assert 0 == ebrule(*ROLLBACK).code


@pytest.mark.parametrize("command", ["rollback", "schema"])
def test_options_of_a_command_without_a_file_speak_of_none(offline: CommandLine, command: str) -> None:
    """What takes no rule file does not explain its options by one."""
    shown = " ".join(offline(command, "--help").out.split())

    assert ("--kind" in shown, "the file" in shown) == (True, False)
