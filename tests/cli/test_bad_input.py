"""Bad input: a clear error, the right exit code, nothing sent, and one outcome in the ledger."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from command_line import EXAMPLE
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine

pytestmark = pytest.mark.loopback

RULE = EXAMPLE.read_text()
CONDITION = "  - {field: eventType, operator: equals, value: x}\n"

FILES = {
    "empty": ("", "empty-file", "1:1"),
    "two documents": (RULE + "---\n" + RULE, "two-documents", "15:1"),
    "not a mapping": ("- a\n", "not-a-mapping", "1:1"),
    "unknown key": (RULE.replace("status:", "statsu:"), "unknown-key", "5:1"),
    "unknown key in a condition": (
        RULE.replace("operator: equals", "operater: equals"),
        "unknown-key",
        "8:24",
    ),
    "text for a number": (RULE.replace("50", '"50"'), "wrong-type", "6:11"),
    "true for a number": (RULE.replace("50", "true"), "wrong-type", "6:11"),
    "target without id": (RULE.replace("id: target-uuid-12345\n    ", ""), "missing-key", "11:5"),
    "unset variable": (RULE.replace("priority: 50", 'priority: "${env:NOWHERE}"'), "unset-variable", "6:11"),
    "brackets without end": ("a: " + "{" * 1_200, "too-deep", "1:23"),
    "unknown kind": (RULE.replace("kind: eventbridge", "kind: eventbrige"), "unknown-kind", "1:7"),
}

LIMITS = {
    "16 conditions": (RULE.replace("targets:", CONDITION * 14 + "targets:"), "too-many-conditions", "7:1"),
    "conditions that are too long": (
        RULE.replace("value: 30", "value: " + "x" * 1000),
        "expression-too-long",
        "7:1",
    ),
    "priority 0": (RULE.replace("50", "0"), "priority-range", "6:11"),
    "priority 1001": (RULE.replace("50", "1001"), "priority-range", "6:11"),
    "target id that leads elsewhere": (
        RULE.replace("target-uuid-12345", "../clients"),
        "bad-target-id",
        "11:9",
    ),
}
"""What only a look at the org's rule tells from a value that it has already."""


@pytest.mark.parametrize("name", [*FILES, *LIMITS])
def test_a_file_that_is_not_right_is_refused(ebrule: CommandLine, sandbox: SandboxProcess, name: str) -> None:
    """Each mistake is told with file, line, column and id; exit 3; one outcome; at most the rule itself was read."""
    text, problem, place = {**FILES, **LIMITS}[name]
    before = len(sandbox.requests())
    ran = ebrule("update", "--file", ebrule.file("rule.yaml", text))

    assert ran.code == 3
    assert f"rule.yaml:{place}: error[{problem}]: " in ran.err
    assert "\nerror: rule.yaml has 1 mistake. Nothing was sent.\n" in ran.err
    assert ran.out == ""
    assert len(sandbox.requests()) == before if name in FILES else len(sandbox.requests("PUT")) == 0
    assert [("outcome", 3, False)] == [
        (record["type"], record["exit_code"], record["success"]) for record in ebrule.records()
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [("nowhere.yaml", "file-not-found"), (".", "not-a-file")],
)
def test_a_file_that_cannot_be_read_is_refused(ebrule: CommandLine, name: str, problem: str) -> None:
    """A file that is not there, and a folder, end with 3."""
    ran = ebrule("update", "--file", name)

    assert ran.code == 3
    assert f"error[{problem}]" in ran.err


def test_an_unknown_target_is_refused_at_its_place(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A target that the org does not have is a mistake in the file; ``--no-check-targets`` leaves it to the org."""
    name = ebrule.file("rule.yaml", RULE.replace("target-uuid-12345", "nowhere"))
    ran = ebrule("update", "--file", name)

    assert ran.code == 3
    assert 'rule.yaml:11:9: error[unknown-target]: target "nowhere" does not exist' in ran.err
    assert sandbox.history() == []
    unchecked = ebrule("update", "--file", name, "--no-check-targets")
    assert unchecked.code == 3
    assert "rule.yaml:11:9: error[refused-by-org]: targets[0].id: the org says: target.not.found\n" in unchecked.err
    assert " 11 |   - id: nowhere\n    |         ^^^^^^^\n" in unchecked.err


def test_an_unknown_rule_is_told(ebrule: CommandLine) -> None:
    """A rule that the org does not have ends with 6."""
    ran = ebrule("update", "--file", ebrule.rule(id="nowhere"))

    assert ran.code == 6
    assert "there is no EventBridge routing rule 'nowhere' in this org" in ran.err


USAGE: dict[str, list[str]] = {
    "a slash in the rule id": ["update", "--rule-id", "a/b", "--file", "rule.yaml"],
    "only dots": ["update", "--rule-id", "..", "--file", "rule.yaml"],
    "another rule id than the file's": ["update", "--rule-id", "other", "--file", "rule.yaml"],
    "no file": ["update", "--rule-id", "demo-rule"],
    "no attempts": ["update", "--file", "rule.yaml", "--max-attempts", "0"],
    "no time": ["update", "--file", "rule.yaml", "--deadline", "0"],
    "an unknown region": ["show", "demo-rule", "--region", "eu-wst-1"],
    "an unknown command": ["updaet"],
    "an unknown option": ["show", "demo-rule", "--frob"],
    "plain http to another machine": ["show", "demo-rule", "--api-url", "http://example.com"],
    "a webhook with a password": [
        "update",
        "--file",
        "rule.yaml",
        "--webhook-url",
        "https://u:p@example.com/",
    ],
    "a webhook on the link-local address": [
        "update",
        "--file",
        "rule.yaml",
        "--webhook-url",
        "https://169.254.169.254/",
    ],
    "an unknown kind": ["show", "demo-rule", "--kind", "triger"],
    "no rule": ["validate"],
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage_ends_with_2(ebrule: CommandLine, sandbox: SandboxProcess, name: str) -> None:
    """Wrong usage is told in one error, exit 2; nothing is sent and nothing recorded."""
    ebrule.rule()
    ebrule.environ.pop("EBRULE_API_URL") if "region" in name else None
    before = len(sandbox.requests())
    ran = ebrule(*USAGE[name])

    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    assert ebrule.records() == []
    assert len(sandbox.requests()) == before


def test_a_typing_mistake_is_answered_with_the_nearest_name(offline: CommandLine) -> None:
    """An unknown region, kind or command suggests the one that was probably meant."""
    assert 'Did you mean "eu-west-1"?' in offline("show", "demo-rule", "--region", "eu-wst-1").err
    assert "update" in offline("updaet").err


def test_without_credentials_the_error_names_the_variables_and_the_sandbox(offline: CommandLine) -> None:
    """Nothing to work with ends with 4 and tells what to set, or to try the sandbox."""
    ran = offline("update", "--file", offline.rule())

    assert ran.code == 4
    for words in (
        "GENESYSCLOUD_REGION",
        "GENESYSCLOUD_OAUTHCLIENT_ID",
        "GENESYSCLOUD_OAUTHCLIENT_SECRET",
        "--region sandbox",
    ):
        assert words in ran.err


def test_a_wrong_secret_is_told(ebrule: CommandLine) -> None:
    """Credentials that the org does not accept end with 4, and the secret is not shown."""
    ebrule.environ["GENESYSCLOUD_OAUTHCLIENT_SECRET"] = "not-the-secret-canary"
    ran = ebrule("update", "--file", ebrule.rule())

    assert ran.code == 4
    assert "does not accept these credentials" in ran.err
    assert "canary" not in ran.err + ran.out + ebrule.ledger.read_text()


def test_a_missing_scope_is_told(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A client that may read but not write ends with 4, with the correlation id for support."""
    ebrule.environ["GENESYSCLOUD_OAUTHCLIENT_ID"] = "sandbox-readonly"
    ran = ebrule("update", "--file", ebrule.rule(), "--output", "json")

    assert ran.code == 4
    assert (ran.json["error"]["http_status"], ran.json["error"]["code"]) == (403, "forbidden")
    assert ran.json["error"]["correlation_id"]
    assert sandbox.history() == []


def test_a_server_that_is_down_is_told(ebrule: CommandLine) -> None:
    """A refused connection ends with 7, and says where nobody listened."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ebrule.environ["EBRULE_API_URL"] = f"http://127.0.0.1:{free.getsockname()[1]}"
        ran = ebrule("update", "--file", ebrule.rule())

    assert ran.code == 7
    assert f"no connection to {ebrule.environ['EBRULE_API_URL']}: " in ran.err


FAULTS: dict[str, tuple[str, list[str], str]] = {
    "HTML": ("html:method=GET", [], "is not what this API sends"),
    "500": ("status:method=GET,status=500", [], "the org answered 500"),
    "nothing": ("hang:method=GET", ["--deadline", "2"], "deadline"),
    "a redirect": ("redirect:method=GET,to=http://127.0.0.1:1/x", [], "is not what this API answers"),
    "more than 1 MiB": ("huge:method=GET", [], "larger than"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_server_that_answers_wrongly_is_told(tmp_path: Path, ebrule: CommandLine, name: str) -> None:
    """A server that answers with HTML, 500, nothing, a redirect or far too much ends with 7."""
    fault, options, words = FAULTS[name]
    with contextlib.closing(SandboxProcess(tmp_path / "sandbox", faults=[fault])) as server:
        ebrule.environ["EBRULE_API_URL"] = server.url
        ran = ebrule("update", "--file", ebrule.rule(), *options)

    assert ran.code == 7
    assert words in ran.err


def unwritable(folder: Path, what: str) -> Path:
    """Make a path that no ledger can be written to."""
    path = folder / "ledger"
    if what == "below a file":
        path.write_text("")
        return path / "audit.jsonl"
    if what == "a symlink":
        path.symlink_to(folder / "elsewhere")
    elif what == "a folder":
        path.mkdir()
    return path


@pytest.mark.parametrize("what", ["below a file", "a symlink", "a folder"])
def test_a_ledger_that_cannot_be_written_stops_everything(
    ebrule: CommandLine, sandbox: SandboxProcess, tmp_path: Path, what: str
) -> None:
    """Without a ledger nothing is sent, not even for a token: exit 11."""
    before = len(sandbox.requests())
    ran = ebrule("update", "--file", ebrule.rule(), "--audit-log", str(unwritable(tmp_path, what)), "-o", "json")

    assert ran.code == 11
    assert ran.json["error"]["code"] == "ledger"
    assert len(sandbox.requests()) == before


def problems_of(document: Any) -> list[str]:
    """Return the ids of the problems in a result."""
    return [problem["id"] for problem in document["error"]["problems"]]


def test_all_mistakes_are_told_in_one_run(ebrule: CommandLine) -> None:
    """A file with several mistakes is not sent back and forth for each of them."""
    text = (
        RULE.replace("50", "0")
        .replace("status: enabled", "status: on-fire")
        .replace("operator: equals", "operater: equals")
    )
    ran = ebrule("update", "--file", ebrule.file("rule.yaml", text), "-o", "json")

    assert problems_of(ran.json) == ["unknown-value", "priority-range", "unknown-key"]


EMPTY = {
    "update --rule-id demo-rule --set priority=5 --file": ("--file", "a file, or leave it out"),
    "update --file rule.yaml --rule-id": ("--rule-id", "a rule's id, or leave it out"),
    "rollback --rule-id": ("--rule-id", "a rule's id"),
    "show": ("ID", "a rule's id"),
    "validate rule.yaml": ("FILE", "a file, or leave it out"),
    "test rule.yaml --cases": ("--cases", "a file"),
    "audit show --rule-id": ("--rule-id", "a rule's id, or leave it out"),
}


@pytest.mark.parametrize("typed", EMPTY)
def test_a_name_that_a_script_left_empty_is_wrong_usage(ebrule: CommandLine, typed: str) -> None:
    """A variable that is not set makes an empty file's name or id: that is told, and nothing is recorded."""
    ebrule.rule()
    ran = ebrule(*typed.split(), "")

    name, wanted = EMPTY[typed]
    assert (2, "") == (ran.code, ran.out)
    assert f"error: {name} is empty\nA variable that is not set is empty too. Give {wanted}.\n" == ran.err
    assert not ebrule.ledger.exists()
