"""``ebrule validate``: every problem of every file, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


def test_a_file_in_utf16_is_one_error(offline: CommandLine) -> None:
    """What an editor saved in UTF-16 without a mark is told as that, and how to mend it."""
    (offline.folder / "rule.yaml").write_bytes(RULE.encode("utf-16-le"))
    ran = offline("validate", "rule.yaml")

    assert 3 == ran.code
    assert "rule.yaml: error[not-utf8]: this looks like UTF-16, and not like UTF-8\n" in ran.out
    assert ran.out.endswith("1 file: 0 right, 1 wrong (1 error)\n")


WRONG_ALL_OVER = """\
name: on
status: Enabled
priority: 0
priority: 5000
1: x
conditions:
  - {field: eventType, operator: equal, value: 012}
  - {field: a, operater: equals, value: "${env:NOPE}"}
targets:
  - id: "${env:NOPE}"
    headers: {A: 1}
  - !target {id: ../x}
"""


def test_text_and_data_are_checked_in_one_run(offline: CommandLine) -> None:
    """What is wrong with the text and what is wrong with the data come together, in the order of the text."""
    ran = offline("validate", "--output", "json", offline.file("rule.yaml", WRONG_ALL_OVER))

    assert [(found["id"], found["line"], found["column"]) for found in ran.json["files"][0]["problems"]] == [
        ("ambiguous-scalar", 1, 7),
        ("unknown-value", 2, 9),
        ("duplicate-key", 4, 1),
        ("priority-range", 4, 11),
        ("non-string-key", 5, 1),
        ("unknown-operator", 7, 34),
        ("ambiguous-scalar", 7, 48),
        ("unknown-key", 8, 16),
        ("unset-variable", 8, 41),
        ("unset-variable", 10, 9),
        ("wrong-type", 11, 18),
        ("tag", 12, 5),
        ("bad-target-id", 12, 18),
    ]


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("priority: 50", "priority: 0x0", ["ambiguous-scalar"]),
        ("priority: 50", "priority: *p", ["alias"]),
        ("priority: 50", "priority: '${env:NOPE}'", ["unset-variable"]),
        ("priority: 50", "priority: 50\non: 1", ["ambiguous-scalar"]),
        ("priority: 50", "<<: *base", ["merge-key", "alias"]),
        ("kind: eventbridge", "kind: on", ["ambiguous-scalar"]),
        ("priority: 50", 'priority: 50\n"\\ud800": 1', ["invalid-escape"]),
    ],
)
def test_what_follows_from_a_mistake_is_not_told_too(
    offline: CommandLine, line: str, instead: str, said: list[str]
) -> None:
    """A place that the text left unclear is complained of once, and a merged mapping is not missing keys."""
    ran = offline("validate", "--output", "json", offline.file("rule.yaml", RULE.replace(line, instead)))

    assert said == [found["id"] for found in ran.json["files"][0]["problems"]]


def test_what_a_second_mapping_of_a_key_is_missing_is_placed_there(offline: CommandLine) -> None:
    """Of a key that appears twice the second value is checked, and nothing is placed in the first."""
    text = RULE.replace("conditions:", "conditions: [{field: a}, {field: b, value: 1}]\nconditions:")
    ran = offline("validate", "--output", "json", offline.file("rule.yaml", text.replace(", value: 30", "")))
    first = text.splitlines().index("conditions:") + 1

    assert [(found["id"], found["line"]) for found in ran.json["files"][0]["problems"]] == [
        ("duplicate-key", first),
        ("missing-key", first + 2),
    ]


def test_a_file_of_another_kind_is_a_problem_of_that_file(offline: CommandLine) -> None:
    """``--kind`` tells what every file must be; another kind is told with its place, and the others are checked."""
    files = [offline.rule("a.yaml", kind="eventbrige"), offline.rule("b.yaml")]
    ran = offline("validate", *files)
    wrong_name = offline("validate", "--kind", "eventbrige", *files)

    assert "'eventbrige' is no kind of rule; did you mean \"eventbridge\"?" in ran.out
    assert ran.out.endswith("2 files: 1 right, 1 wrong (1 error)\n")
    assert wrong_name.code == 2
    assert 'Did you mean "eventbridge"?' in wrong_name.err


def test_a_warning_is_an_error_only_when_strict(offline: CommandLine) -> None:
    """An operator that ebrule does not know is left to the org; ``--strict`` refuses it."""
    name = offline.file("rule.yaml", RULE.replace("greaterThan", "fuzzy"))

    ran = offline("validate", name)
    assert ran.code == 0
    assert 'warning[unknown-operator]: "fuzzy" is no operator that ebrule knows; the org decides' in ran.out
    assert offline("validate", "--strict", name).code == 3


@pytest.mark.parametrize(
    ("name", "was", "unusable", "said"),
    [
        ("rule.yaml", "greaterThan, value: 30", 'matches, value: "["', "9:64: warning[unusable-value]: this pattern"),
        ("rule.yaml", "greaterThan, value: 30", "in, value: 30", "9:59: warning[unusable-value]: this operator"),
        ("trigger.yaml", "jsonPath: mediaType", "jsonPath: '$.a['", "13:16: warning[unusable-path]: "),
    ],
)
def test_what_only_the_org_could_evaluate_is_a_warning(
    offline: CommandLine, name: str, was: str, unusable: str, said: str
) -> None:
    """A pattern, a value or a path that ``ebrule test`` would refuse is told at once, and left to the org."""
    file = offline.file(name, (EXAMPLE.parent / name).read_text().replace(was, unusable))
    ran = offline("validate", file)

    assert (0, True) == (ran.code, f"{name}:{said}" in ran.out)
    assert "; the org decides\n" in ran.out
    assert 3 == offline("validate", "--strict", file).code


def test_conditions_that_the_org_keeps_are_no_warning(offline: CommandLine) -> None:
    """What the file leaves to the org is nothing to warn of."""
    ran = offline("validate", "--strict", offline.rule(conditions="${keep}"))

    assert (0, "1 file: 1 right, 0 wrong\n") == (ran.code, ran.out)


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
    assert "      Write something into it, or check what should have written it\n" in offline("validate", "-").out


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
