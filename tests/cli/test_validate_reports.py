"""``ebrule validate --output github|sarif``: what was found, for pipelines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from command_line import EXAMPLE

if TYPE_CHECKING:
    from command_line import CommandLine, Ran

RULE = EXAMPLE.read_text()
_COMMAND = re.compile(r"::(?P<level>\w+) (?P<properties>[^:]*)::(?P<message>.*)")


def decoded(text: str) -> str:
    """Return a part of a workflow command as GitHub's runner decodes it."""
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def commands_in(ran: Ran) -> list[tuple[str, dict[str, str], str]]:
    """Return the annotations that GitHub's runner would read: level, properties and message."""
    found = []
    for line in ran.out.splitlines():
        if command := _COMMAND.fullmatch(line):
            properties = dict(each.split("=", 1) for each in command["properties"].split(","))
            shown = {name: decoded(value) for name, value in properties.items()}
            found.append((command["level"], shown, decoded(command["message"])))
    return found


def test_each_problem_is_an_annotation_on_its_line(offline: CommandLine) -> None:
    """GitHub is told of errors and warnings with file, line, column, id, message and hint; then comes the count."""
    name = offline.file("rule.yaml", RULE.replace("50", "0").replace("greaterThan", "fuzzy"))
    ran = offline("validate", "-o", "github", name)

    (level, properties, message), (other_level, _, _) = commands_in(ran)
    assert ("error", "warning") == (level, other_level)
    assert {"file": "rule.yaml", "line": "6", "col": "11", "title": "priority-range"} == properties
    assert message == "priority is 0; it must be from 1 to 1000\nChoose a whole number from 1 to 1000."
    assert ran.out.endswith("\n1 file: 0 right, 1 wrong (1 error, 1 warning)\n")
    assert ran.code == 3


FORGERIES = [
    "::add-mask::x",
    "a%0A::error::b",
    "a\r\n::set-output name=x::y",
    "##[command]x",
    "a,line=1::b",
    "100%25",
    "\u2028::error::",
    "\x1b]0;x\x07",
]


@pytest.mark.parametrize("text", FORGERIES)
def test_no_text_of_a_file_forges_a_command(offline: CommandLine, text: str) -> None:
    """Keys, values and names of files come through as data: one command for each problem, and no other."""
    name = f"{text.replace('/', '')}.json"
    offline.file(name, '{"kind": "' + "".join(f"\\u{ord(char):04x}" for char in text) + '"}')
    ran = offline("validate", "-o", "github", name)

    *commands, count = ran.out.splitlines()
    assert count == "1 file: 0 right, 1 wrong (1 error)"
    assert len(commands) == 1
    ((level, properties, message),) = commands_in(ran)
    assert ("error", "unknown-kind", {"file", "line", "col", "title"}) == (level, properties["title"], set(properties))
    assert "##[" not in ran.out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u2028]", message)


def sarif(offline: CommandLine, *files: str) -> dict[str, Any]:
    """Return the one run of the log that files give."""
    log = offline("validate", "-o", "sarif", *files).json
    assert {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0"} == {
        name: log[name] for name in ("$schema", "version")
    }
    (run,) = log["runs"]
    return dict(run)


def test_sarif_tells_each_problem_as_a_result(offline: CommandLine) -> None:
    """A result names its rule, its level, and where it is, in characters counted from 1."""
    text = RULE.replace("status: enabled", "status: '😀'").replace("greaterThan", "fuzzy")
    run = sarif(offline, offline.file("my rule.yaml", text), "nowhere.yaml")

    assert run["columnKind"] == "unicodeCodePoints"
    wrong, warning, missing = run["results"]
    assert {
        "ruleId": "unknown-value",
        "ruleIndex": 2,
        "level": "error",
        "message": {"text": "status must be enabled or disabled\nAllowed: enabled, disabled."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "my%20rule.yaml"},
                    "region": {"startLine": 5, "startColumn": 9, "endColumn": 12},
                }
            }
        ],
    } == wrong
    assert ("warning", "unknown-operator") == (warning["level"], warning["ruleId"])
    assert {"artifactLocation": {"uri": "nowhere.yaml"}} == missing["locations"][0]["physicalLocation"]


def test_sarif_describes_each_rule_that_a_result_names(offline: CommandLine) -> None:
    """Each result's index leads to the rule of its id, and each rule says what it is and how to mend it."""
    name = offline.file("rule.yaml", RULE.replace("50", "0").replace("greaterThan", "fuzzy").replace("kind", "knd"))
    run = sarif(offline, name, "nowhere.yaml")
    driver = run["tool"]["driver"]

    assert driver["name"] == "ebrule"
    assert [rule["id"] for rule in driver["rules"]] == sorted({result["ruleId"] for result in run["results"]})
    for result in run["results"]:
        assert result["ruleId"] == driver["rules"][result["ruleIndex"]]["id"]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert "ebrule explain" in rule["help"]["text"]
        assert "helpUri" not in rule


def test_sarif_of_right_files_has_no_results(offline: CommandLine) -> None:
    """Nothing wrong is an empty list of results: code scanning then closes what it knew."""
    assert sarif(offline, offline.rule())["results"] == []


@pytest.mark.parametrize("name", ["a:b.yaml", "100%.yaml", "#.yaml", "é.yaml"])
def test_a_name_that_is_no_uri_is_encoded(offline: CommandLine, name: str) -> None:
    """SARIF names files by URI references, relative as they were given."""
    (result,) = sarif(offline, offline.rule(name, priority=0))["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert unquote(uri) == name
    assert re.fullmatch(r"[A-Za-z0-9._%-]+", uri)


def test_an_absolute_path_is_a_file_uri(offline: CommandLine) -> None:
    """An absolute path is told with the scheme that it needs."""
    offline.rule(priority=0)
    (result,) = sarif(offline, str(offline.folder / "rule.yaml"))["results"]

    assert (offline.folder / "rule.yaml").as_uri() == (
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    )
