"""``ebrule validate``: every problem of every file, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from command_line import EXAMPLE

if TYPE_CHECKING:
    from command_line import CommandLine

RULE = EXAMPLE.read_text()


def test_a_right_file_is_right(offline: CommandLine) -> None:
    """A right file needs no org, and ends with 0."""
    ran = offline("validate", offline.rule())

    assert (ran.code, ran.out, ran.err) == (0, "1 file: 1 right, 0 wrong\n", "")


def test_every_file_is_looked_at(offline: CommandLine) -> None:
    """Problems of all files are told in one run, each under a caret, with a count at the end."""
    files = [offline.rule("a.yaml", priority=0), offline.rule("b.yaml"), "nowhere.yaml"]
    ran = offline("validate", *files)

    assert ran.code == 3
    assert "a.yaml:" in ran.out
    assert "error[priority-range]: priority is 0; it must be from 1 to 1000" in ran.out
    assert "    | " + " " * 10 + "^\n" in ran.out
    assert "nowhere.yaml: error[file-not-found]: there is no such file" in ran.out
    assert ran.out.endswith("3 files: 1 right, 2 wrong (2 errors)\n")


def test_a_warning_is_an_error_only_when_strict(offline: CommandLine) -> None:
    """An operator that ebrule does not know is left to the org; ``--strict`` refuses it."""
    name = offline.file("rule.yaml", RULE.replace("greaterThan", "fuzzy"))

    ran = offline("validate", name)
    assert ran.code == 0
    assert 'warning[unknown-operator]: "fuzzy" is no operator that ebrule knows; the org decides' in ran.out
    assert offline("validate", "--strict", name).code == 3


def test_the_json_document(offline: CommandLine) -> None:
    """``--output json`` prints the contract's document."""
    ran = offline("validate", "--output", "json", offline.file("rule.yaml", RULE.replace("50", "0")))

    assert ran.code == 3
    assert ran.json == {
        "schema_version": 1,
        "result": "invalid",
        "files": [
            {
                "path": "rule.yaml",
                "kind": "eventbridge",
                "problems": [
                    {
                        "id": "priority-range",
                        "severity": "error",
                        "line": 6,
                        "column": 11,
                        "path": "priority",
                        "message": "priority is 0; it must be from 1 to 1000",
                        "hint": "Choose a whole number from 1 to 1000.",
                    }
                ],
            }
        ],
    }


def test_standard_input_can_be_validated(offline: CommandLine) -> None:
    """``-`` is standard input, and is called so."""
    ran = offline("validate", "-", stdin=RULE.replace("50", "0"))

    assert "<stdin>:6:11: error[priority-range]" in ran.out


def test_a_key_that_is_misspelled_is_told_once(offline: CommandLine) -> None:
    """A misspelled key gives one problem with the right spelling, not also a missing key."""
    ran = offline("validate", offline.file("rule.yaml", RULE.replace("priority:", "priorty:")))

    assert 'unknown key "priorty" in the rule; did you mean "priority"?' in ran.out
    assert "missing-key" not in ran.out


def test_windows_line_ends_and_a_byte_order_mark_are_read(offline: CommandLine) -> None:
    """A file saved by a Windows editor is as good as any other, and its places are right."""
    text = "\ufeff" + RULE.replace("50", "0").replace("\n", "\r\n")
    ran = offline("validate", offline.file("rule.yaml", text))

    assert "rule.yaml:6:11: error[priority-range]" in ran.out
