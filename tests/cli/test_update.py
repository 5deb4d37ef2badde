"""``ebrule update`` does the main job, and says what it did."""

from __future__ import annotations

import contextlib
import json
import shlex
from typing import TYPE_CHECKING

import pytest

from command_line import EXAMPLE
from receiver import receiving
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine, Ran

pytestmark = pytest.mark.loopback


def test_a_rule_becomes_what_the_file_says(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """An update changes the rule, prints the diff and one result line, and ends with 0."""
    ran = ebrule("update", "--rule-id", "demo-rule", "--file", ebrule.rule())

    assert ran.code == 0
    assert "~ priority" in ran.out
    assert "10 → 50" in ran.out
    assert "Updated version 7 → 8 in " in ran.out
    assert ran.err == ""
    (step,) = sandbox.history()
    assert (7, 8) == (step.parent, step.version)


def test_a_second_update_sends_nothing(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A rule that is already as the file says is success, without a PUT."""
    ebrule("update", "--file", ebrule.rule())
    ran = ebrule("update", "--file", "rule.yaml")

    assert ran.code == 0
    assert ran.out == "demo-rule is already as rule.yaml says (version 8). Nothing sent.\n"
    assert len(sandbox.history()) == 1


def test_the_file_can_come_from_standard_input(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``-`` reads the rule from standard input."""
    ran = ebrule("update", "-f", "-", stdin=EXAMPLE.read_text())

    assert ran.code == 0
    assert len(sandbox.history()) == 1


def test_fields_that_the_file_leaves_out_stay(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A description that the file does not mention stays as the org has it, and so do fields ebrule does not know."""
    with sandbox.client() as client:
        rule = client.get("/api/v2/eventbridge/routing/rules/demo-rule").json()
        rule["division"] = {"id": "d-1"}
        client.put("/api/v2/eventbridge/routing/rules/demo-rule", json=rule)

    ebrule("update", "--file", ebrule.rule(description=None))

    sent = json.loads(sandbox.history()[-1].body)
    assert sent["description"] == "Captures answered calls"
    assert sent["division"] == {"id": "d-1"}


def test_a_clean_update_makes_no_more_requests_than_it_needs(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Token, rule, org, target and PUT: five requests, three of them side by side, and no health check before them."""
    before = len(sandbox.requests())
    ebrule("update", "--file", ebrule.rule())

    assert len(sandbox.requests()) - before == 5


def test_a_dry_run_changes_nothing(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``--dry-run`` prints the diff, sends no PUT, and leaves no ledger."""
    ran = ebrule("update", "--file", ebrule.rule(), "--dry-run")

    assert ran.code == 0
    assert "5 changes to version 7. Nothing was sent" in ran.out
    assert sandbox.history() == []
    assert not ebrule.state.exists()


@pytest.mark.parametrize(("priority", "code"), [(77, 10), (10, 0)])
def test_a_dry_run_can_tell_differences_by_its_exit_code(ebrule: CommandLine, priority: int, code: int) -> None:
    """With ``--exit-code``, 10 says that there are differences."""
    show = ebrule("show", "demo-rule", "-o", "yaml").out.replace("priority: 10", f"priority: {priority}")

    for command in (["update", "--dry-run"], ["diff"]):
        ran = ebrule(*command, "--exit-code", "--file", "-", stdin=show)
        assert ran.code == code


def test_an_expected_version_that_is_gone_is_a_conflict(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``--expect-version`` of another version ends with 5, and nothing is sent."""
    ran = ebrule("update", "--file", ebrule.rule(), "--expect-version", "6")

    assert ran.code == 5
    assert "has version 7, and version 6 was expected" in ran.err
    assert sandbox.history() == []


def test_a_version_in_the_file_is_expected_too(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A file that names another version than the org's ends with 5, and one that names the present one works."""
    assert ebrule("update", "--file", ebrule.rule(version=6)).code == 5
    assert ebrule("update", "--file", ebrule.rule(version=7)).code == 0


def test_a_file_of_an_older_version_merges_when_asked_to(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """With ``--on-conflict merge``, a file of an older version that the ledger knows keeps what changed since."""
    ebrule("update", "--file", ebrule.rule())
    with sandbox.client() as client:
        rule = client.get("/api/v2/eventbridge/routing/rules/demo-rule").json()
        client.put(
            "/api/v2/eventbridge/routing/rules/demo-rule",
            json={**rule, "description": "Do not page at night"},
        )

    ran = ebrule("update", "--file", ebrule.rule(version=8, priority=60), "--on-conflict", "merge")

    assert ran.code == 0
    assert 'description   "Captures answered calls exceeding 30 seconds" → "Do not page at night"' in ran.err
    sent = json.loads(sandbox.history()[-1].body)
    assert (60, "Do not page at night") == (sent["priority"], sent["description"])


def to_type(ran: Ran, label: str) -> list[str]:
    """Return the words behind ``ebrule`` that a run says to type next."""
    (line,) = (line for line in ran.err.splitlines() if line.startswith(label))
    return shlex.split(line.partition("ebrule ")[2])


@pytest.mark.parametrize("way", ["profile", "urls"])
def test_what_to_do_next_asks_the_same_org(ebrule: CommandLine, sandbox: SandboxProcess, way: str) -> None:
    """What the command line said of the org is said again, quoted where it must be, so that it runs as it is typed."""
    url = ebrule.environ.pop("EBRULE_API_URL")
    client_id, secret = sandbox.credentials
    profile = f'["my org"]\napi_url = "{url}"\nclient_id = "{client_id}"\nclient_secret = "{secret}"\n'
    ebrule.environ["EBRULE_CONFIG"] = ebrule.file("config.toml", profile)
    org = {"profile": ["--profile", "my org"], "urls": ["--api-url", url, "--login-url", url]}[way]
    rule = ("update", "--file", ebrule.rule("my rule.yaml", version=7), *org)

    assert 0 == ebrule(*rule).code
    gone = ebrule(*rule, "--expect-version", "7", "--set", "priority=60")
    with sandbox.client() as client:
        path = "/api/v2/eventbridge/routing/rules/demo-rule"
        client.put(path, json={**client.get(path).json(), "priority": 77})
    clash = ebrule(
        "update", "--file", ebrule.rule("my rule.yaml", version=8, priority=60), *org, "--on-conflict", "merge"
    )

    assert (5, 5) == (gone.code, clash.code)
    assert ["show", "demo-rule", *org] == to_type(gone, "To look:")
    assert 0 == ebrule(*to_type(gone, "To look:")).code
    file = ["--rule-id", "demo-rule", "--file", "my rule.yaml"]
    assert ["diff", *file, *org] == to_type(clash, "To look:")
    assert ["update", *file, "--on-conflict", "overwrite", *org] == to_type(clash, "To take yours:")
    assert 0 == ebrule(*to_type(clash, "To take yours:")).code


def test_what_became_of_an_update_is_asked_of_the_same_org(tmp_path: Path, ebrule: CommandLine) -> None:
    """An outcome that is not known is told with the command that asks again, with the org that was given."""
    with contextlib.closing(SandboxProcess(tmp_path / "sandbox", faults=["hang"])) as server:
        ebrule.environ.pop("EBRULE_API_URL")
        ran = ebrule("update", "--file", ebrule.rule(), "--api-url", server.url, "--deadline", "4")

    assert 9 == ran.code
    assert ["audit", "resolve", "--api-url", server.url] == to_type(ran, "Ask again")


def test_a_reason_is_kept_in_the_ledger(ebrule: CommandLine) -> None:
    """``--reason`` stands in the intent."""
    ebrule("update", "--file", ebrule.rule(), "--reason", "CHG-1042")

    assert ebrule.records()[0]["reason"] == "CHG-1042"


def test_the_webhook_is_told(ebrule: CommandLine) -> None:
    """The event has the seed's body, with id and previous version, and the headers of Standard Webhooks."""
    with receiving(500, 204) as receiver:
        ran = ebrule("update", "--file", ebrule.rule(), "--webhook-url", receiver.url)

    assert ran.code == 0
    assert "Event delivered." in ran.out
    (first, body), (second, again) = receiver.received
    event = json.loads(body)
    assert body == again
    assert first["webhook-id"] == second["webhook-id"] == event["id"]
    assert event["eventType"] == "genesys.eventbridge.rule.updated"
    assert (event["previousVersion"], event["data"]["version"]) == (7, 8)
    assert event["data"]["priority"] == 50


def test_a_webhook_that_stays_down_leaves_the_event_pending(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """The rule is changed, the event stays in the ledger, and the exit code is 8."""
    with receiving(503) as receiver:
        ran = ebrule("update", "--file", ebrule.rule(), "--webhook-url", receiver.url, "--output", "json")

    assert ran.code == 8
    assert (ran.json["result"], ran.json["webhook"]) == ("updated", "pending")
    assert len(sandbox.history()) == 1
    outcome = next(record for record in ebrule.records() if record["type"] == "outcome")
    assert outcome["event"]["id"] == ran.json["event_id"]
    tries = [record["status"] for record in ebrule.records() if record["type"] == "delivery"]
    assert tries == [503, 503, 503]


def test_no_webhook_tells_nobody(ebrule: CommandLine) -> None:
    """``--no-webhook`` wins over the environment's URL."""
    with receiving() as receiver:
        ebrule.environ["EBRULE_WEBHOOK_URL"] = receiver.url
        ran = ebrule("update", "--file", ebrule.rule(), "--no-webhook", "--output", "json")

    assert ran.json["webhook"] == "disabled"
    assert receiver.received == []


def test_verbose_logs_each_request_and_no_secret(ebrule: CommandLine) -> None:
    """``--verbose`` tells method, URL, status, time and correlation id of each request."""
    ran = ebrule("update", "--file", ebrule.rule(), "--verbose")

    lines = ran.err.splitlines()
    assert ["POST", "GET", "GET", "GET", "PUT"] == [line.split()[0] for line in lines]
    assert all(" 200 " in line and " ms " in line for line in lines)
    assert "sandbox-secret" not in ran.err
