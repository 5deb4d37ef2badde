"""``ebrule test``: which condition decided, with the value it saw; case files; what pipelines read."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from rich.cells import cell_len

from command_line import EXAMPLE

if TYPE_CHECKING:
    from command_line import CommandLine

EXAMPLES = EXAMPLE.parent
ANSWERED = "com.genesys.cloud.telephony.call.answered"


def case(name: str = "a call", expect: str = "match", duration: Any = 45, **more: Any) -> dict[str, Any]:
    """Return a case for the example rule."""
    event = {"eventType": ANSWERED, "attributes": {"callDuration": duration}}
    return {"name": name, "event": event, "expect": expect, **more}


def case_file(line: CommandLine, *cases: dict[str, Any], name: str = "cases.yaml") -> str:
    """Write a case file, and return its name."""
    return line.file(name, yaml.safe_dump({"cases": list(cases)}))


# --- results ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "cases"),
    [("rule.yaml", "cases.yaml"), ("trigger.yaml", "trigger-cases.yaml"), ("source.yaml", "source-cases.yaml")],
)
def test_the_examples_pass(offline: CommandLine, rule: str, cases: str) -> None:
    """Each example rule has its example cases, and passes them."""
    ran = offline("test", str(EXAMPLES / rule), "--cases", str(EXAMPLES / cases))

    assert (0, "") == (ran.code, ran.err)
    assert ran.out.endswith(" cases passed\n")


def test_a_failed_case_tells_what_decided(offline: CommandLine) -> None:
    """Each condition of a failed case is told with the value that it found, and the run ends with 3."""
    cases = case_file(
        offline, case(), case("short", duration=12), case("none", "no-match", 31), case("odd", duration="45")
    )
    ran = offline("test", offline.rule(), "--cases", cases)

    assert (3, "") == (ran.code, ran.err)
    assert ran.out == (
        "  ok    a call\n"
        "  FAIL  short: expected match, but it does not match\n"
        f'          eventType = {ANSWERED}   equals "{ANSWERED}"   true\n'
        "          attributes.callDuration = 12                            greaterThan 30"
        "                                       false\n"
        "  FAIL  none: expected no-match, but it matches\n"
        f'          eventType = {ANSWERED}   equals "{ANSWERED}"   true\n'
        "          attributes.callDuration = 31                            greaterThan 30"
        "                                       true\n"
        "  FAIL  odd: expected match, but it does not match\n"
        f'          eventType = {ANSWERED}   equals "{ANSWERED}"   true\n'
        '          attributes.callDuration = "45"                          greaterThan 30'
        "                                       false\n"
        "3 of 4 cases failed\n"
    )


def test_what_decided_stands_in_columns_beside_wide_letters(offline: CommandLine) -> None:
    """Letters of two columns, and combining marks of none, move no other column."""
    texts = ("日本語", "e\u0301tude", "plain")
    rule = offline.rule(conditions=[{"field": f"a.{text}", "operator": "equals", "value": text} for text in texts])
    ran = offline("test", rule, "--cases", case_file(offline, case(event={"a": {text: text for text in texts[1:]}})))

    assert 3 == ran.code
    rows = [line for line in ran.out.splitlines() if " equals " in line]
    assert 3 == len(rows)
    assert 1 == len({cell_len(row[: row.index("equals ")]) for row in rows})
    assert 1 == len({cell_len(row[: row.rindex("   ")]) for row in rows})


def test_a_field_that_is_missing_is_told_so(offline: CommandLine) -> None:
    """Missing is told apart from null."""
    ran = offline("test", offline.rule(), "--cases", case_file(offline, case(duration=None), case("empty", event={})))

    assert "attributes.callDuration = null  " in ran.out
    assert "attributes.callDuration is missing  " in ran.out


def test_a_rule_without_conditions(offline: CommandLine) -> None:
    """Every event matches a rule without conditions, and a failed case says so."""
    ran = offline("test", offline.rule(conditions=[]), "--cases", case_file(offline, case(expect="no-match")))

    assert 3 == ran.code
    assert "the rule has no conditions: every event matches" in ran.out


def test_several_case_files(offline: CommandLine) -> None:
    """Cases of several files run together, and each says where it is from."""
    files = [case_file(offline, case(), name="a.yaml"), case_file(offline, case(), name="b.yaml")]
    ran = offline("test", offline.rule(), "--cases", files[0], "--cases", files[1])

    assert "  ok    a call  (a.yaml)\n  ok    a call  (b.yaml)\n2 cases passed\n" == ran.out


def test_cases_are_picked_by_name(offline: CommandLine) -> None:
    """``--run`` runs the cases whose name it is found in; none, or a wrong pattern, is wrong usage."""
    arguments = [
        "test",
        offline.rule(),
        "--cases",
        case_file(offline, case("night 1"), case("day", "no-match")),
        "--run",
    ]

    assert (0, "  ok    night 1\n1 case passed\n") == ((ran := offline(*arguments, "^night")).code, ran.out)
    nothing = offline(*arguments, "evening")
    assert (2, "") == (nothing.code, nothing.out)
    assert """no case has a name that 'evening' matches\nThere are "night 1", "day".\n""" in nothing.err
    wrong = offline(*arguments, "(")
    assert (2, True) == (wrong.code, "--run: this pattern cannot be searched for: unclosed group" in wrong.err)


def test_the_json_document(offline: CommandLine) -> None:
    """``--output json`` prints one document with every condition of every case."""
    ran = offline("test", offline.rule(), "--cases", case_file(offline, case(duration=3)), "--output", "json")

    assert (3, "") == (ran.code, ran.err)
    assert ran.json == {
        "schema_version": 1,
        "result": "failed",
        "kind": "eventbridge",
        "rule": "rule.yaml",
        "counts": {"cases": 1, "passed": 0, "failed": 1},
        "cases": [
            {
                "file": "cases.yaml",
                "name": "a call",
                "expect": "match",
                "got": "no-match",
                "passed": False,
                "org": None,
                "conditions": [
                    {
                        "path": "eventType",
                        "text": f'equals "{ANSWERED}"',
                        "value": ANSWERED,
                        "found": True,
                        "result": True,
                    },
                    {
                        "path": "attributes.callDuration",
                        "text": "greaterThan 30",
                        "value": 3,
                        "found": True,
                        "result": False,
                    },
                ],
            }
        ],
    }


def test_an_error_is_one_json_document_too(offline: CommandLine) -> None:
    """Whatever ends the run, standard output holds one document."""
    ran = offline("test", offline.rule(), "--cases", "nowhere.yaml", "--output", "json")

    assert (3, "failed", "file-not-found") == (ran.code, ran.json["result"], ran.json["error"]["problems"][0]["id"])


def test_a_missing_file_is_told_once(offline: CommandLine) -> None:
    """What to do about a file that is not there stands under it, and nowhere else."""
    ran = offline("test", offline.rule(), "--cases", "nowhere.yaml")

    assert (3, "") == (ran.code, ran.out)
    assert [
        "nowhere.yaml: error[file-not-found]: there is no such file",
        "      Check the path and the current folder",
        "error: nowhere.yaml cannot be used",
    ] == ran.err.splitlines()


def test_standard_input(offline: CommandLine) -> None:
    """Either file may be standard input, but not both."""
    cases = json.dumps({"cases": [case()]})

    assert "1 case passed\n" in offline("test", offline.rule(), "--cases", "-", stdin=cases).out
    assert (
        "1 case passed\n"
        in offline("test", "-", "--cases", offline.file("c.json", cases), stdin=EXAMPLE.read_text()).out
    )
    assert 2 == offline("test", "-", "--cases", "-", stdin=cases).code


# --- JUnit --------------------------------------------------------------------------------------------------


def test_the_junit_report(offline: CommandLine) -> None:
    """``--junit`` writes well-formed XML with each case, and what decided where it failed, whatever names hold."""
    cases = case_file(offline, case("a & <b> \x1b[31m\ufffe"), case("short", duration=3))
    ran = offline("test", offline.rule(), "--cases", cases, "--junit", "report.xml")

    assert 3 == ran.code
    root = ET.fromstring((offline.folder / "report.xml").read_bytes())  # noqa: S314 - our own, of a moment ago
    counts = {"tests": "2", "failures": "1", "errors": "0", "skipped": "0"}
    assert ("testsuites", counts) == (root.tag, root.attrib)
    (suite,) = root
    assert ("testsuite", {"name": "rule.yaml", **counts}) == (suite.tag, suite.attrib)
    assert [("cases.yaml", "a & <b> \\x1b[31m"), ("cases.yaml", "short")] == [
        (each.get("classname"), each.get("name")) for each in suite
    ]
    (failure,) = suite[1]
    assert ("failure", "expected match, but it does not match") == (failure.tag, failure.get("message"))
    assert "attributes.callDuration = 3" in (failure.text or "")


@pytest.mark.parametrize("name", ["rule.yaml", "cases.yaml", "folder"])
def test_the_junit_report_is_written_over_nothing_else(offline: CommandLine, name: str) -> None:
    """An earlier JUnit file, whoever wrote it, or an empty file is replaced; anything else is left as it was."""
    (offline.folder / "folder").mkdir()
    arguments = ("test", offline.rule(), "--cases", case_file(offline, case()), "--junit")
    before = {path: path.read_bytes() for path in offline.folder.glob("*.yaml")}
    offline.file("empty.xml", "")
    offline.file("other.xml", '<?xml version="1.0"?>\n<testsuite tests="0"/>')

    for replaced in ("empty.xml", "other.xml", "other.xml"):
        assert (0, "") == ((ran := offline(*arguments, replaced)).code, ran.err)
        assert b"a call" in (offline.folder / replaced).read_bytes()
    ran = offline(*arguments, name)

    assert (2, "  ok    a call\n1 case passed\n") == (ran.code, ran.out)
    assert ran.err == (
        f"error: {name} exists and is no JUnit file; it was left as it is\nChoose another name, or remove it first.\n"
    )
    assert before == {path: path.read_bytes() for path in offline.folder.glob("*.yaml")}


@pytest.mark.parametrize(("duration", "code", "result"), [(45, 2, "passed"), (3, 3, "failed")])
def test_a_report_that_cannot_be_written(offline: CommandLine, duration: int, code: int, result: str) -> None:
    """A report that has no place to go hides no result: failed cases end with 3, otherwise it is wrong usage."""
    cases = case_file(offline, case(duration=duration))
    arguments = ("test", offline.rule(), "--cases", cases, "--junit", "no/where.xml")

    said = "error: cannot write no/where.xml: No such file or directory\nChoose another --junit.\n"
    ran = offline(*arguments)
    assert (code, said) == (ran.code, ran.err)
    assert f"1 case{' passed' * (code == 2)}" in ran.out
    document = offline(*arguments, "--output", "json")
    assert (code, result, said) == (document.code, document.json["result"], document.err)


def test_a_report_that_finds_no_room(offline: CommandLine) -> None:
    """Where the disk takes nothing, no half of a report is left behind, and an earlier one stays."""
    arguments = shlex.join(["-m", "ebrule", "test", offline.rule(), "--cases", case_file(offline, case()), "--junit"])
    earlier = '<testsuites name="earlier"/>'
    offline.file("earlier.xml", earlier)
    before = sorted(path.name for path in offline.folder.iterdir())

    for name in ("report.xml", "earlier.xml"):
        command = f"ulimit -f 0; exec {shlex.quote(sys.executable)} {arguments} {name}"
        ran = subprocess.run(
            ["sh", "-c", command], cwd=offline.folder, env=offline.environ, capture_output=True, text=True, check=False
        )
        assert (2, "  ok    a call\n1 case passed\n") == (ran.returncode, ran.stdout)
        assert f"error: cannot write {name}: File too large\n" in ran.stderr
    assert before == sorted(path.name for path in offline.folder.iterdir())
    assert earlier == (offline.folder / "earlier.xml").read_text()


# --- case files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["event.json", "-", "deep/event.yaml"])
def test_an_event_in_a_file_of_its_own(offline: CommandLine, name: str) -> None:
    """``event_file`` is looked for beside the case file; ``-`` is a name like any other there."""
    (offline.folder / "tests" / name).parent.mkdir(parents=True)
    offline.file(f"tests/{name}", json.dumps(case()["event"]))
    cases = case_file(offline, {"name": "a call", "event_file": name, "expect": "match"}, name="tests/cases.yaml")

    assert "1 case passed\n" in offline("test", offline.rule(), "--cases", cases).out


def test_an_event_file_may_have_a_path_of_its_own(offline: CommandLine) -> None:
    """One that begins at the root is looked for there."""
    offline.file("event.json", json.dumps(case()["event"]))
    name = str(offline.folder / "event.json")
    (offline.folder / "tests").mkdir()
    cases = case_file(offline, {"name": "a call", "event_file": name, "expect": "match"}, name="tests/cases.yaml")

    assert "1 case passed\n" in offline("test", offline.rule(), "--cases", cases).out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cases: []", ":1:8: error[no-cases]: there are no cases in this file"),
        ("case: []", 'unknown key "case" in the case file; did you mean "cases"?'),
        ("cases: {}", "error[wrong-type]: cases must be a list, not a mapping"),
        ("cases: [x]", "cases[0] must be a mapping, not text"),
        (
            "cases:\n- {name: a, event: {}, expects: match}",
            ':2:24: error[unknown-key]: unknown key "expects" in cases[0]',
        ),
        ("cases:\n- {name: a, event: {}, expect: mach}", 'must be match or no-match; did you mean "match"?'),
        ("cases:\n- {name: a, expect: match}", "error[event-or-event-file]: cases[0] has neither event nor event_file"),
        ("cases:\n- {name: a, event: {}, event_file: e, expect: match}", "cases[0] has both event and event_file"),
        ("cases:\n- &a {name: a, event: {}, expect: match}\n- *a", "error[alias]"),
        ("cases:\n- {name: a, name: b}", "error[duplicate-key]"),
        ("cases:\n- {name: a, event: [], expect: match}", "cases[0].event must be a mapping, not a list"),
        ("cases:\n- {name: a, event_file: 'no.json', expect: match}", "./no.json: error[file-not-found]"),
        ("cases:\n- {name: a, event_file: cases.txt/x, expect: match}", "./cases.txt/x: error[file-not-found]"),
        ("[]", "error[not-a-mapping]"),
        ("", "error[empty-file]"),
        (f"cases: {'[' * 30}{']' * 30}", "error[too-deep]"),
        (
            "cases:\n- {name: a, event: {}, expect: match}\n- {name: a, event: {}, expect: match}",
            ':3:10: error[duplicate-case]: "a" is the name of cases[0] too',
        ),
    ],
)
def test_case_files_that_are_wrong(offline: CommandLine, text: str, said: str) -> None:
    """What is wrong with a case file is told with its place, and nothing is run."""
    ran = offline("test", offline.rule(), "--cases", offline.file("cases.txt", text))

    assert (3, "") == (ran.code, ran.out)
    assert said in ran.err


def test_events_are_taken_as_they_are(offline: CommandLine) -> None:
    """``${`` in an event is text as any other, and a control character of it is shown, not obeyed."""
    event = {"eventType": "${env:HOME} ${x \x1b[2J ::error::"}
    cases = offline.file("cases.json", json.dumps({"cases": [case(event=event)]}))
    ran = offline("test", offline.rule(), "--cases", cases)

    assert 3 == ran.code
    assert 'eventType = "${env:HOME} ${x \\u001b[2J ::error::"' in ran.out


def test_long_values_are_cut(offline: CommandLine) -> None:
    """What an event holds may be long; its beginning is shown."""
    ran = offline("test", offline.rule(), "--cases", case_file(offline, case(duration="x" * 5_000)))

    assert max(map(len, ran.out.splitlines())) < 250
    assert "xxx…" in ran.out


# --- rules --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            {"operator": "fuzzy"},
            'error[unknown-operator]: "fuzzy" is no operator that ebrule knows: only the org can tell',
        ),
        (
            {"operator": "matches", "value": "(?=a)"},
            "error[unusable-value]: this pattern cannot be searched for: look-around",
        ),
        ({"operator": "in", "value": "x"}, "error[unusable-value]: this operator compares with a list"),
    ],
    ids=str,
)
def test_rules_that_only_the_org_can_evaluate(offline: CommandLine, condition: dict[str, Any], said: str) -> None:
    """A condition that cannot be evaluated here decides nothing: its place in the rule file is told, with 3."""
    rule = offline.rule(conditions=[{"field": "a", "value": 1, **condition}])
    ran = offline("test", rule, "--cases", case_file(offline, case()))

    assert (3, "") == (ran.code, ran.out)
    assert said in ran.err
    assert "rule.yaml:" in ran.err


def test_a_wrong_rule_is_not_tested(offline: CommandLine) -> None:
    """A rule file with mistakes is told as ``validate`` does."""
    ran = offline("test", offline.rule(priority=0), "--cases", case_file(offline, case()))

    assert (3, True) == (ran.code, "error[priority-range]" in ran.err)


def test_secrets_of_the_rule_are_not_shown(offline: CommandLine) -> None:
    """What ``${env:…}`` put into a condition stands in no output, even where an event holds it too."""
    offline.environ["NUMBER"] = "s3cr3t-number"
    conditions = [
        {"field": "eventType", "operator": "notEquals", "value": "${env:NUMBER}"},
        {"field": "attributes.${env:NUMBER}", "operator": "exists", "value": True},
    ]
    rule = offline.rule(conditions=conditions)
    cases = case_file(offline, case(event={"eventType": "s3cr3t-number"}))

    for output in ("text", "json"):
        ran = offline("test", rule, "--cases", cases, "--output", output, "--junit", "report.xml")
        assert 3 == ran.code
        assert "redacted:" in ran.out
        assert "s3cr3t" not in ran.out + ran.err + Path(offline.folder / "report.xml").read_text()


# --- the org's own test -------------------------------------------------------------------------------------

TRIGGER = str(EXAMPLES / "trigger.yaml")
REMOTE = ("test", TRIGGER, "--cases", str(EXAMPLES / "trigger-cases.yaml"), "--remote")


@pytest.mark.loopback
def test_the_org_agrees(ebrule: CommandLine) -> None:
    """``--remote`` asks the org about the saved rule; where both say the same, the case passes."""
    assert 0 == ebrule("update", "--file", TRIGGER).code
    ran = ebrule(*REMOTE)

    assert (0, "") == (ran.code, ran.err)
    assert ran.out.endswith("4 cases passed\n")


@pytest.mark.loopback
def test_the_org_disagrees(ebrule: CommandLine) -> None:
    """A case on which org and file differ fails, with both views, whatever was expected."""
    assert 0 == ebrule("update", "--file", TRIGGER).code
    event = {"mediaType": "VOICE", "direction": "INBOUND", "interactingDurationMs": 12_000}
    text = Path(TRIGGER).read_text().replace("value: 20000", "value: 10000")
    rule = ebrule.file("other.yaml", text)
    cases = case_file(ebrule, case("12 s", "no-match", event=event), case("12 s again", event={**event}))
    url = ebrule.environ["EBRULE_API_URL"]
    ran = ebrule("test", rule, "--cases", cases, "--remote", "--rule-id", "demo-trigger", "--api-url", url)

    assert 3 == ran.code
    assert "  FAIL  12 s: ebrule says no-match, the org says match\n" in ran.out
    assert "12 s again: expected match, but it does not match; ebrule says no-match, the org says match\n" in ran.out
    assert "          the org: $.interactingDurationMs LessThan   true\n" in ran.out
    assert "The org tests the rule as it has saved it." in ran.err
    look = f"diff --file other.yaml --rule-id demo-trigger --api-url {url}"
    assert ran.err.endswith(f"\nTo look:  ebrule {look}\n")
    assert 0 == ebrule(*look.split()).code
    document = ebrule("test", rule, "--cases", cases, "--remote", "--output", "json").json
    assert ("failed", "no-match", "match") == (
        document["result"],
        document["cases"][0]["got"],
        document["cases"][0]["org"],
    )


@pytest.mark.loopback
def test_a_rule_that_the_org_does_not_have(ebrule: CommandLine) -> None:
    """Only a saved rule can be tested by the org: 6, in one JSON document too."""
    ran = ebrule(*REMOTE, "--rule-id", "nobody", "--output", "json")

    assert (6, "rule-not-found") == (ran.code, ran.json["error"]["code"])


def test_what_the_org_cannot_be_asked(offline: CommandLine) -> None:
    """A kind whose API has no test, a file without an id, or no org at all, is told before anything is sent."""
    cases = case_file(offline, case())
    kind = offline("test", offline.rule(), "--cases", cases, "--remote")
    assert (2, True) == (kind.code, "the API has no test of EventBridge routing rules" in kind.err)

    nameless = offline.file("trigger.yaml", Path(TRIGGER).read_text().replace("id: demo-trigger", "", 1))
    unknown = offline("test", nameless, "--cases", cases, "--remote")
    assert (2, True) == (unknown.code, "Add --rule-id ID." in unknown.err)
    assert 4 == offline(*REMOTE).code


@pytest.mark.parametrize("option", ["--region=sandbox", "--deadline=5", "--verbose"])
def test_options_of_a_connection_need_remote(offline: CommandLine, option: str) -> None:
    """What would make believe that the org was asked is wrong usage, as for ``validate``."""
    ran = offline("test", offline.rule(), "--cases", case_file(offline, case()), option)

    name = option.partition("=")[0]
    assert (2, "") == (ran.code, ran.out)
    assert f"error: {name} is for asking the org\nAdd --remote, or leave out {name}.\n" == ran.err
