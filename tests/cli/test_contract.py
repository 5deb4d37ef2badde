"""The contract of the output: exit codes, the JSON document, the ledger's records, the event."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from ebrule.cli.exits import MEANINGS
from ebrule.errors import EbruleError, ExitCode
from receiver import receiving

if TYPE_CHECKING:
    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

RESULT_KEYS = [
    "schema_version", "result", "kind", "org_id", "rule_id", "base_version", "version", "made_version", "attempts",
    "conflicts", "latency_ms", "changes", "merged", "stored_differently", "webhook", "event_id", "audit", "error",
]  # fmt: skip
ERROR_KEYS = ["code", "message", "hint", "http_status", "correlation_id", "problems", "conflict"]
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_the_help_lists_every_exit_code(offline: CommandLine) -> None:
    """``ebrule --help`` prints the one table of exit codes, examples first."""
    out = offline("--help").out

    for code, (meaning, _) in MEANINGS.items():
        assert re.search(rf"^ +{code:d}  {re.escape(meaning)}", out, re.MULTILINE)
    assert out.index("Examples:") < out.index("Options:")
    assert list(ExitCode) == list(MEANINGS)


def test_every_error_has_a_code_of_the_table() -> None:
    """No class of error can end a command with a code that the table does not explain."""

    def below(kind: type[EbruleError]) -> list[type[EbruleError]]:
        return [kind, *(found for each in kind.__subclasses__() for found in below(each))]

    assert all(kind.exit_code in MEANINGS for kind in below(EbruleError))


@pytest.mark.parametrize(
    "command",
    [
        "update",
        "validate",
        "show",
        "diff",
        "audit resolve",
        "sandbox serve",
        "sandbox reset",
        "webhook flush",
        "webhook send",
        "webhook test",
    ],
)
def test_every_help_begins_with_examples(offline: CommandLine, command: str) -> None:
    """``ebrule COMMAND --help`` shows examples before the options."""
    out = offline(*command.split(), "--help").out

    assert out.index("Example") < out.index("Options:")
    assert f"  ebrule {command}" in out


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_told(offline: CommandLine, option: str) -> None:
    """``--version`` prints name and version."""
    assert re.fullmatch(r"ebrule \d+\.\d+\.\d+\n", offline(option).out)


def test_the_json_document_of_an_update(ebrule: CommandLine) -> None:
    """A successful update prints exactly the contract's document, on one stream, and nothing else."""
    with receiving() as receiver:
        ran = ebrule("update", "--file", ebrule.rule(), "--webhook-url", receiver.url, "--output", "json")

    document = ran.json
    assert ebrule.sandbox is not None
    assert list(document) == RESULT_KEYS
    assert {**document, "latency_ms": 0, "changes": [], "event_id": "", "audit": {}} == {
        "schema_version": 1, "result": "updated", "kind": "eventbridge", "org_id": ebrule.sandbox.org_id,
        "rule_id": "demo-rule", "base_version": 7, "version": 8, "made_version": 8, "attempts": 1, "conflicts": 0,
        "latency_ms": 0, "changes": [], "merged": [], "stored_differently": [],
        "webhook": "delivered", "event_id": "", "audit": {}, "error": None,
    }  # fmt: skip
    assert document["latency_ms"] > 0
    assert {"path": "priority", "before": 10, "after": 50} in document["changes"]
    last_line = ebrule.ledger.read_bytes().splitlines()[-1]
    assert document["audit"] == {
        "log": str(ebrule.ledger),
        "operation_id": ebrule.records()[0]["operation_id"],
        "head": hashlib.sha256(last_line).hexdigest(),
    }
    assert ran.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["update", "--file", "nowhere.yaml"],
        ["update", "--file", "rule.yaml", "--frob"],
        ["update"],
        ["update", "--file", "rule.yaml", "--rule-id", "nowhere"],
        ["update", "--file", "rule.yaml", "--expect-version", "3"],
        ["show", "nowhere"],
        ["diff", "--file", "nowhere.yaml"],
        ["validate", "rule.yaml", "--frob"],
        ["list", "--kind", "nowhere"],
        ["auth", "status", "--frob"],
        ["audit", "verify", "--audit-log", "nowhere.jsonl"],
        ["audit", "resolve", "--audit-log", "nowhere.jsonl"],
        ["explain", "nowhere"],
    ],
    ids=" ".join,
)
def test_json_is_printed_on_failure_too(ebrule: CommandLine, arguments: list[str]) -> None:
    """Whatever goes wrong, ``--output json`` prints exactly one document, with the error in it."""
    ebrule.rule(id=None)
    ran = ebrule(*arguments, "--output", "json")

    assert ran.code != 0
    assert list(ran.json) == RESULT_KEYS
    assert ran.json["result"] == "failed"
    assert list(ran.json["error"]) == ERROR_KEYS
    assert ran.json["error"]["message"]
    assert "Traceback" not in ran.err


def test_the_records_of_an_update(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Intent, outcome and delivery stand in the ledger, chained, with the contract's fields."""
    with receiving() as receiver:
        ebrule(
            "update",
            "--file",
            ebrule.rule(),
            "--webhook-url",
            receiver.url + "?key=canary",
            "--reason",
            "why",
        )

    intent, outcome, delivery = ebrule.records()
    for record, kind in zip((intent, outcome, delivery), ("intent", "outcome", "delivery"), strict=True):
        assert (record["schema"], record["type"], record["rule_id"], record["kind"]) == (
            1,
            kind,
            "demo-rule",
            "eventbridge",
        )
        assert TIMESTAMP.fullmatch(record["timestamp"])
        assert UUID7.fullmatch(record["operation_id"])
    assert (intent["base_version"], intent["attempt"], intent["region"]) == (
        7,
        1,
        sandbox.url.removeprefix("http://"),
    )
    assert {"user", "host"} <= intent["actor"].keys()
    assert (intent["before"]["priority"], intent["after"]["priority"]) == (10, 50)
    assert {"path": "priority", "before": 10, "after": 50} in intent["changes"]
    assert (outcome["version"], outcome["success"], outcome["error"]) == (8, True, None)
    assert (outcome["result"], outcome["exit_code"], outcome["attempts"], outcome["conflicts"]) == (
        "updated",
        0,
        1,
        0,
    )
    assert outcome["latency_ms"] > 0
    assert outcome["correlation_id"]
    assert (delivery["event_id"], delivery["status"], delivery["success"]) == (
        outcome["event"]["id"],
        200,
        True,
    )
    assert delivery["url"] == receiver.url
    assert "canary" not in ebrule.ledger.read_text()


def test_the_ledger_is_a_chain(ebrule: CommandLine) -> None:
    """Each line holds the SHA-256 of the bytes of the line before; the first holds 64 zeros; the mode is 0600."""
    for priority in (1, 2, 3):
        ebrule("update", "--file", ebrule.rule(priority=priority))

    lines = ebrule.ledger.read_bytes().splitlines()
    heads = ["0" * 64, *(hashlib.sha256(line).hexdigest() for line in lines)]
    assert heads[:-1] == [json.loads(line)["prev"] for line in lines]
    assert ebrule.ledger.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("priority", "result"), [(10, "unchanged"), (0, "failed")])
def test_an_outcome_alone_tells_who_and_why(ebrule: CommandLine, priority: int, result: str) -> None:
    """An update that sent nothing has no intent; its outcome says who asked for it, and why."""
    ebrule("update", "--rule-id", "demo-rule", "--set", f"priority={priority}", "--reason", "CHG-7")
    (outcome,) = ebrule.records()

    assert (result, "CHG-7") == (outcome["result"], outcome["reason"])
    assert {"user", "host"} <= outcome["actor"].keys()


def test_the_actor_names_the_pipeline_run(ebrule: CommandLine) -> None:
    """On a pipeline the record leads to the run, the commit and the person."""
    ebrule.environ |= {
        "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "7", "GITHUB_SHA": "abc", "GITHUB_ACTOR": "ada",
    }  # fmt: skip
    ebrule("update", "--file", ebrule.rule())

    actor = ebrule.records()[0]["actor"]
    assert actor["run"] == "https://github.example/o/r/actions/runs/7"
    assert (actor["commit"], actor["login"]) == ("abc", "ada")


def test_secrets_stay_out_of_everything(ebrule: CommandLine) -> None:
    """What came from the environment, or stands in a header that speaks of auth, is nowhere to be read."""
    ebrule.environ["MESH_TOKEN"] = "canary-one"
    target = {
        "id": "target-uuid-12345",
        "type": "webhook",
        "url": "https://internal.example.com/in?api_key=canary-two",
        "headers": {"Authorization": "Bearer ${env:MESH_TOKEN}", "X-Api-Key": "canary-three"},
    }
    with receiving() as receiver:
        ran = ebrule("update", "--file", ebrule.rule(targets=[target]), "-v", "--webhook-url", receiver.url)
        again = ebrule("show", "demo-rule", "-o", "yaml")

    assert ran.code == 0
    event = receiver.received[0][1].decode()
    everything = ran.out + ran.err + again.out + again.err + ebrule.ledger.read_text() + event
    assert "canary" not in everything
    assert "redacted:" in ran.out
    assert 'Authorization: "${keep}"' in again.out
    assert "canary-one" in ebrule("show", "demo-rule", "--reveal").out


def test_a_kept_secret_diffs_clean(ebrule: CommandLine) -> None:
    """``${keep}``, as ``show`` prints it, leaves the org's value."""
    shown = ebrule("show", "demo-rule-secret", "-o", "yaml").out
    ran = ebrule("diff", "-f", "-", "--exit-code", stdin=shown)

    assert "${keep}" in shown
    assert ran.code == 0


def every_rule(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """Return the rules that the sandbox begins with."""
    with sandbox.client() as client:
        ids = ["demo-rule", "demo-rule-disabled", "demo-rule-secret", "demo-rule-unknown-fields"]
        return [client.get(f"/api/v2/eventbridge/routing/rules/{each}").json() for each in ids]


def test_what_show_prints_as_yaml_is_a_valid_file_that_diffs_clean(
    ebrule: CommandLine, sandbox: SandboxProcess
) -> None:
    """``show -o yaml`` round-trips, whatever fields the org has that ebrule does not know."""
    for rule in every_rule(sandbox):
        shown = ebrule("show", rule["id"], "-o", "yaml").out
        assert ebrule("validate", "-", stdin=shown).code == 0
        assert ebrule("diff", "-f", "-", "--exit-code", stdin=shown).code == 0


def test_no_text_of_a_rule_can_drive_the_terminal_or_the_pipeline(ebrule: CommandLine) -> None:
    """Escape sequences, bidi controls, markup and workflow commands come out as plain text."""
    name = "\x1b[31mred\x07 \u202egnp [bold]x[/bold]\n::error::boo\n##[error]boo"
    ebrule("update", "--file", ebrule.file("rule.json", json.dumps({**every_field(), "name": name})))
    for output in ("text", "yaml", "json"):
        out = ebrule("show", "demo-rule", "-o", output).out
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out)
        assert not re.search(r"^\s*::", out, re.MULTILINE)
        assert "##[" not in out
    assert "[bold]x[/bold]" in out


def every_field() -> dict[str, Any]:
    """Return a whole rule."""
    return {
        "id": "demo-rule",
        "name": "x",
        "status": "enabled",
        "priority": 1,
        "conditions": [{"field": "eventType", "operator": "equals", "value": "x"}],
        "targets": [{"id": "crm"}],
    }
