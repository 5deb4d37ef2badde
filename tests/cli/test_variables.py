"""``${var:NAME}`` in rule files as a user meets it, and ``ebrule validate --allow-unset``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from command_line import CommandLine
    from sandbox_process import SandboxProcess

RULE = """\
kind: eventbridge
id: ${var:RULE_ID}
name: Calls of ${var:STAGE}
description: "${env:PHRASE}"
status: ${var:STATUS}
priority: ${var:PRIORITY}
conditions:
  - field: eventType
    operator: equals
    value: ${var:NUMBER}
targets:
  - id: ${var:TARGET}
    url: https://${var:HOST}/process
"""
VALUES = {
    "RULE_ID": "demo-rule",
    "STAGE": "production-stage",
    "PHRASE": "c4nary phrase",
    "STATUS": "enabled",
    "PRIORITY": "321",
    "NUMBER": "30",
    "TARGET": "target-uuid-12345",
    "HOST": "internal-host.example.com",
}


@pytest.mark.loopback
def test_a_plain_value_is_shown_and_recorded(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """What ``${var:NAME}`` puts in reaches the org with its type, and is in output and ledger; a secret is not."""
    ebrule.environ |= VALUES
    ran = ebrule("update", "--file", ebrule.file("rule.yaml", RULE))
    shown = ebrule("show", "demo-rule", "-o", "json").json

    assert 0 == ran.code
    assert (321, 30, "enabled") == (shown["priority"], shown["conditions"][0]["value"], shown["status"])
    assert "Calls of production-stage" == shown["name"]
    for text in (ran.out, ebrule.ledger.read_text()):
        assert "Calls of production-stage" in text
        assert "https://internal-host.example.com/process" in text
        assert "321" in text
        assert "c4nary" not in text
        assert "redacted:" in text


@pytest.mark.loopback
def test_set_takes_a_plain_value(ebrule: CommandLine) -> None:
    """``--set`` takes ``${var:NAME}``, over a file and alone, and the value is shown."""
    ebrule.environ |= VALUES
    ran = ebrule(
        "update", "--rule-id", "demo-rule", "--set", "priority=${var:PRIORITY}", "--set", "name=N ${var:STAGE}"
    )

    assert 0 == ran.code
    assert "10 → 321" in ran.out
    assert '"N production-stage"' in ran.out


def test_an_unset_one_is_an_error_with_its_place(offline: CommandLine) -> None:
    """Each place has its own, of both kinds of variable."""
    file = offline.file("rule.yaml", RULE)
    ran = offline("validate", file)

    assert 3 == ran.code
    assert len(VALUES) == ran.out.count("error[unset-variable]")
    assert (
        "rule.yaml:6:11: error[unset-variable]: the environment variable PRIORITY is not set, or empty\n"
        "  6 | priority: ${var:PRIORITY}\n"
        "    |           ^^^^^^^^^^^^^^^\n"
        "      Set PRIORITY, or remove ${var:PRIORITY} from the file\n"
    ) in ran.out
    assert 3 == offline("diff", "--file", file, "--rule-id", "demo-rule", "--region", "sandbox").code


def test_an_unset_one_may_be_allowed(offline: CommandLine) -> None:
    """With ``--allow-unset`` it is a warning, and a value whose type is not known has no other problem."""
    ran = offline("validate", "--allow-unset", offline.file("rule.yaml", RULE))

    assert (0, "") == (ran.code, ran.err)
    assert len(VALUES) == ran.out.count("warning[unset-variable]")
    assert "1 file: 1 right, 0 wrong (8 warnings)" == ran.out.splitlines()[-1]


def test_all_else_is_checked(offline: CommandLine) -> None:
    """What is wrong beside an unset variable, or with one that is set, is an error all the same."""
    offline.environ["PRIORITY"] = "1001"
    ran = offline("validate", "--allow-unset", offline.file("rule.yaml", RULE.replace("field:", "feld:")))

    assert 3 == ran.code
    assert "rule.yaml:6:11: error[priority-range]: priority is 1001" in ran.out
    assert 'rule.yaml:8:5: error[unknown-key]: unknown key "feld"' in ran.out


def test_strict_leaves_what_is_allowed(offline: CommandLine) -> None:
    """``--strict`` makes errors of all warnings but those that ``--allow-unset`` allows by name."""
    offline.file("rule.yaml", RULE)
    offline.file("odd.yaml", RULE.replace("operator: equals", "operator: fuzzy"))
    right, odd = (offline("validate", "--strict", "--allow-unset", file) for file in ("rule.yaml", "odd.yaml"))

    assert (0, 3) == (right.code, odd.code)
    assert "error[unknown-operator]" in odd.out
    assert "error[unset-variable]" not in odd.out


def test_json_has_the_severity(offline: CommandLine) -> None:
    """A program can tell what was allowed from what is wrong."""
    document = offline("validate", "--allow-unset", offline.file("rule.yaml", RULE), "-o", "json").json

    assert "valid" == document["result"]
    assert {("unset-variable", "warning")} == {
        (each["id"], each["severity"]) for each in document["files"][0]["problems"]
    }


def test_an_ambiguous_value_is_an_error(offline: CommandLine) -> None:
    """What YAML's readers disagree on is refused in a variable as in a file, and quotes make it text."""
    offline.environ |= {**VALUES, "NUMBER": "012"}
    bare = offline("validate", offline.file("rule.yaml", RULE))
    quoted = offline("validate", offline.file("rule.yaml", RULE.replace("${var:NUMBER}", '"${var:NUMBER}"')))

    assert (3, 0) == (bare.code, quoted.code)
    assert 'rule.yaml:10:12: error[ambiguous-scalar]: the value of NUMBER, "012", means different things' in bare.out
    assert 'Set NUMBER to 10 or 12 for the number, or write "${var:NUMBER}", with the quotes, for the text' in bare.out


def test_between_brackets_yaml_needs_quotes(offline: CommandLine) -> None:
    """An unquoted one in a flow mapping is no YAML, and the hint says that quotes make text of it."""
    offline.environ |= VALUES
    ran = offline(
        "validate", offline.file("rule.yaml", RULE.replace("  - id: ${var:TARGET}", "  - {id: ${var:TARGET}}"))
    )

    assert "For text, put it in double quotes" in ran.out
    assert "for a number, write one entry on each line, without brackets" in ran.out


def test_a_secret_with_a_line_break_is_no_header(offline: CommandLine) -> None:
    """A variable that ends with a line break is reported at the header, and its value is not shown."""
    offline.environ |= {**VALUES, "PHRASE": "c4nary\n"}
    rule = RULE.replace("description:", "# ") + '    headers:\n      X-Source: "${env:PHRASE}"\n      X Name: a\n'
    ran = offline("validate", offline.file("rule.yaml", rule))

    assert 3 == ran.code
    assert "rule.yaml:15:17: error[bad-header-value]: the value of header " in ran.out
    assert "contains the control character U+000A" in ran.out
    assert 'rule.yaml:16:7: error[bad-header-name]: "X Name" is not a header name' in ran.out
    assert "c4nary" not in ran.out


@pytest.mark.loopback
def test_the_org_is_asked_about_what_is_known(ebrule: CommandLine) -> None:
    """With ``--online``, what needs an unset variable is left out, and the rest is asked about."""
    ebrule.environ |= VALUES | {"PHRASE": "", "HOST": "", "RULE_ID": ""}
    ebrule.file("rule.yaml", RULE)
    right = ebrule("validate", "--online", "--allow-unset", "rule.yaml")
    ebrule.environ["TARGET"] = "nowhere"
    wrong = ebrule("validate", "--online", "--allow-unset", "rule.yaml")

    assert (0, 3, "") == (right.code, wrong.code, right.err)
    assert 3 == right.out.count("warning[unset-variable]")
    assert "error[unknown-target]" in wrong.out


@pytest.mark.loopback
def test_the_org_is_not_asked_for_a_rule_whose_id_is_not_known(ebrule: CommandLine) -> None:
    """A part of an id leads to no other rule, and a rule that exists is not compared with what is not known."""
    ebrule.environ |= VALUES | {"STAGE": "", "PRIORITY": ""}
    part = ebrule(
        "validate", "--online", "--allow-unset", ebrule.file("a.yaml", RULE.replace("RULE_ID}", "RULE_ID}${var:STAGE}"))
    )
    known = ebrule("validate", "--online", "--allow-unset", ebrule.file("b.yaml", RULE))

    assert (0, 0) == (part.code, known.code)
