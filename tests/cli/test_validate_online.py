"""``ebrule validate --online``: what only the org can say of rule files, on their lines."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from command_line import EXAMPLE, CommandLine
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.loopback

EXAMPLES = EXAMPLE.parent
TRIGGER = (EXAMPLES / "trigger.yaml").read_text()
SOURCE = (EXAMPLES / "source.yaml").read_text()
FILES = [str(EXAMPLES / name) for name in ("rule.yaml", "trigger.yaml", "source.yaml")]


def test_right_files_are_right_in_the_org_too(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Files of all kinds are found right, and nothing but GETs and the one for a token is sent."""
    ran = ebrule("validate", "--online", *FILES)

    assert (0, "3 files: 3 right, 0 wrong\n", "") == (ran.code, ran.out, ran.err)
    assert len(sandbox.requests()) == len(sandbox.requests("GET")) + 1


WRONG = {
    "a rule that does not exist": (EXAMPLE.read_text(), "id: demo-rule", "id: demo", "2:5: error[unknown-rule]"),
    "a target": (EXAMPLE.read_text(), "target-uuid-12345", "nowhere", "11:9: error[unknown-target]"),
    "a flow": (TRIGGER, "flow-callback", "flow-nowhere", "10:7: error[unknown-flow]"),
    "a flow that is none of a trigger": (TRIGGER, "flow-callback", "flow-inbound", "10:7: error[unfit-flow]"),
    "a topic": (TRIGGER, "customer.end ", "customer.ends ", '.end"?'),
    "a topic that cannot be changed": (TRIGGER, "customer.end ", "acw ", "7:12: error[immutable-field]"),
    "a limit broken by file and org together": (
        TRIGGER,
        "eventTTLSeconds: 60 ",
        "delayBySeconds: 60 ",
        "16:17: error[ttl-and-delay]",
    ),
    "an integration": (SOURCE, ": integration-eventbridge", ": nowhere", "4:5: error[unknown-integration]"),
    "an integration of another type": (
        SOURCE,
        ": integration-eventbridge",
        ": integration-data-actions",
        "4:5: error[unfit-integration]",
    ),
    "nothing to keep": (
        EXAMPLE.read_text(),
        "{X-Source: EventBridge}",
        '{X-Key: "${keep}"}',
        "error[nothing-to-keep]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_org_knows_is_told_on_the_line(ebrule: CommandLine, name: str) -> None:
    """Each thing that the org does not have, or would not let change, is a problem where the file names it."""
    text, was, wrong, said = WRONG[name]
    ran = ebrule("validate", "--online", ebrule.file("rule.yaml", text.replace(was, wrong)))

    assert text.count(was) == 1
    assert (3, True) == (ran.code, said in ran.out)


def test_a_file_without_an_id_is_checked_for_what_it_names(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where no file says which rule it is for, its references are asked about, and no rule is."""
    source = SOURCE.replace("id: integration-eventbridge\n", "")
    names = [ebrule.rule("rule.yaml", id=None), ebrule.file("source.yaml", source)]
    ran = ebrule("validate", "--online", *names)

    assert (0, "2 files: 2 right, 0 wrong\n") == (ran.code, ran.out)
    assert [200] == sandbox.requests("GET")


def test_an_identity_change_is_a_warning(ebrule: CommandLine) -> None:
    """What an update does with consent only is a warning; ``--strict`` refuses it."""
    name = ebrule.file("source.yaml", SOURCE.replace("123456789012", "123456789013"))
    ran, strict = ebrule("validate", "--online", name), ebrule("validate", "--online", "--strict", name)

    assert "source.yaml:9:17: warning[identity-change]: properties.awsAccountId would change" in ran.out
    assert (0, 3) == (ran.code, strict.code)


def test_what_several_files_name_is_asked_once(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Ten files with one target, one flow and one list of topics take as many requests as one of each."""
    names = [ebrule.rule(f"rule-{number}.yaml", priority=number + 1) for number in range(5)]
    names += [ebrule.file(f"trigger-{number}.yaml", f"{TRIGGER}# {number}\n") for number in range(5)]
    ran = ebrule("validate", "--online", *names)

    assert "10 files: 10 right, 0 wrong\n" == ran.out
    assert 1 == len(sandbox.requests("GET", "%/targets/%")) == len(sandbox.requests("GET", "%/flows/%"))
    assert 1 == len(sandbox.requests("GET", "%/topics")) == len(sandbox.requests("POST"))
    assert 2 == len(sandbox.requests("GET", "%/rules/%")) + len(sandbox.requests("GET", "%/triggers/demo-trigger"))


def test_a_file_that_is_wrong_by_itself_is_not_asked_about(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Problems of all files come in their order; without a right file, no org is needed at all."""
    wrong, missing = ebrule.rule("a.yaml", priority=0), ebrule.rule("b.yaml", id="nowhere")
    ran = ebrule("validate", "--online", "-o", "json", wrong, missing)
    asked = len(sandbox.requests())
    alone = ebrule("validate", "--online", wrong)

    assert (3, "invalid") == (ran.code, ran.json["result"])
    assert [["priority-range"], ["unknown-rule"]] == [[p["id"] for p in file["problems"]] for file in ran.json["files"]]
    assert (3, asked) == (alone.code, len(sandbox.requests()))


def test_every_output_has_what_the_org_says(ebrule: CommandLine) -> None:
    """Annotations and SARIF place the org's problems as they do others."""
    name = ebrule.rule(id="nowhere")
    line = (ebrule.folder / name).read_text().splitlines().index("id: nowhere") + 1
    annotations, sarif = (ebrule("validate", "--online", "-o", output, name) for output in ("github", "sarif"))
    (result,) = sarif.json["runs"][0]["results"]

    assert f"::error file=rule.yaml,line={line},col=5,title=unknown-rule::" in annotations.out
    assert ("unknown-rule", line) == (
        result["ruleId"],
        result["locations"][0]["physicalLocation"]["region"]["startLine"],
    )
    assert (3, 3) == (annotations.code, sarif.code)


@pytest.fixture
def nowhere(tmp_path: Path) -> CommandLine:
    """The command line with an org that nobody answers for."""
    ebrule = CommandLine(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ebrule.environ |= {"EBRULE_API_URL": f"http://127.0.0.1:{port}", "GENESYSCLOUD_ACCESS_TOKEN": "made-up"}
    return ebrule


def test_what_is_known_is_told_before_why_there_is_no_more(nowhere: CommandLine) -> None:
    """An org that cannot be reached ends the run with 7, after the problems of the files by themselves."""
    names = nowhere.rule("a.yaml", priority=0), nowhere.rule("b.yaml")
    ran = nowhere("validate", "--online", *names)

    assert 7 == ran.code
    assert "error[priority-range]" in ran.out
    assert ran.out.endswith("2 files: 1 right, 1 wrong (1 error), as far as the org was asked\n")
    assert "no connection to the org" not in ran.out
    assert ran.err.startswith("error: reading EventBridge routing rule demo-rule")


def test_programs_are_told_of_the_failure_too(nowhere: CommandLine) -> None:
    """JSON stays one document, with the error in it, and SARIF says that the run was not successful."""
    name = nowhere.rule()
    found, sarif = (
        nowhere("validate", "--online", "-o", "json", name),
        nowhere("validate", "--online", "-o", "sarif", name),
    )

    assert (7, "failed", []) == (found.code, found.json["result"], found.json["files"][0]["problems"])
    assert "no-connection" == found.json["error"]["code"]
    assert [False] == [each["executionSuccessful"] for each in sarif.json["runs"][0]["invocations"]]


def test_without_credentials_the_files_are_checked_by_themselves(offline: CommandLine) -> None:
    """No org to ask is exit 4, and what is wrong with the files is told nevertheless."""
    ran = offline("validate", "--online", offline.rule("a.yaml", priority=0), offline.rule("b.yaml"))

    assert (4, True) == (ran.code, "error[priority-range]" in ran.out)
    assert ran.err.startswith("error: no org to talk to\n")


def test_answers_that_came_are_told(ebrule: CommandLine, tmp_path: Path) -> None:
    """Where one question is not answered, what the others found out is told before that."""
    faults = ["status:status=503,method=GET,path=/topics"]
    with contextlib.closing(SandboxProcess(tmp_path / "faulty", faults=faults)) as server:
        ebrule.environ["EBRULE_API_URL"] = server.url
        ran = ebrule("validate", "--online", ebrule.file("a.yaml", TRIGGER.replace("id: demo-t", "id: t")))

    assert (7, True) == (ran.code, "a.yaml:4:5: error[unknown-rule]" in ran.out)
    assert "error: checking topic v2.detail" in ran.err


def test_a_deadline_holds_for_all_files(ebrule: CommandLine, tmp_path: Path) -> None:
    """An org that is too slow ends the run with 7, and the hint says how to allow more."""
    with contextlib.closing(SandboxProcess(tmp_path / "slow", latency_ms=5_000)) as server:
        ebrule.environ["EBRULE_API_URL"] = server.url
        ran = ebrule("validate", "--online", "--deadline", "0.5", *FILES)

    assert (7, True) == (ran.code, "--deadline" in ran.err)


def test_what_the_environment_put_in_is_not_shown(ebrule: CommandLine, nowhere: CommandLine) -> None:
    """A secret that stands in a reference is in no problem, and in no error."""
    ebrule.environ["CANARY"] = nowhere.environ["CANARY"] = "c4nary-target"
    name = ebrule.file("rule.yaml", EXAMPLE.read_text().replace("target-uuid-12345", '"${env:CANARY}"'))
    told, failed = ebrule("validate", "--online", name), nowhere("validate", "--online", name)

    assert (3, True) == (told.code, "error[unknown-target]" in told.out)
    assert 7 == failed.code
    assert "c4nary" not in told.out + told.err + failed.out + failed.err


@pytest.mark.parametrize("option", ["--region=sandbox", "--api-url=http://127.0.0.1:1", "--deadline=5", "--verbose"])
def test_options_of_a_connection_need_online(offline: CommandLine, option: str) -> None:
    """What would make believe that the org was asked is wrong usage; the environment may say it anyhow."""
    ran = offline("validate", option, offline.rule())
    offline.environ["GENESYSCLOUD_REGION"] = "nowhere"

    name = option.partition("=")[0]
    assert (2, "") == (ran.code, ran.out)
    assert f"error: {name} is for asking the org\nAdd --online, or leave out {name}.\n" == ran.err
    assert 0 == offline("validate", "rule.yaml").code
