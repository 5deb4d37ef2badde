"""``${var:NAME}`` in a rule file, and what is not set: types, errors, warnings, and that it is no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ebrule.errors import InvalidRuleError, Problem
from ebrule.pipeline.patch import parse_assignment
from ebrule.pipeline.plan import load_rule, validate_rule
from ebrule.rulefile import KEEP, Document, parse, yaml_reader

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]
EXAMPLES = Path(__file__).parents[2] / "examples"
VALUES = [
    ("50", 50),
    ("-5", -5),
    ("0.5", 0.5),
    ("1.0e+5", 100_000.0),
    (" 50\n", 50),
    ("true", True),
    ("false", False),
    ("null", None),
    ("enabled", "enabled"),
    ('"50"', "50"),
    ('"a\\nb"', "a\nb"),
    ('"', '"'),
    ('"\\ud800"', '"\\ud800"'),
    ("50 calls", "50 calls"),
    ("[1, 2]", "[1, 2]"),
    ("{a: 1}", "{a: 1}"),
    ("${env:B}", "${env:B}"),
    ("${keep}", "${keep}"),
    ("# none", "# none"),
    ("2026-01-05", "2026-01-05"),
]
"""Values of a variable, with what they are where a format has an unquoted value."""


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def _each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with PyYAML's C parser and with its pure-Python one."""
    monkeypatch.setattr(yaml_reader, "_LOADER", request.param)


def read(text: str, name: str = "rule.yaml", **environ: str) -> Document:
    """Parse a text in an environment."""
    return parse(text, name, environ=environ)


def problems_of(text: str, name: str = "rule.yaml", **environ: str) -> tuple[Problem, ...]:
    """The problems that a text is refused for."""
    with pytest.raises(InvalidRuleError) as caught:
        read(text, name, **environ)
    return caught.value.problems


# --- the value and its type -----------------------------------------------------------------------


def is_exactly(expected: object, found: object) -> bool:
    """Whether two values are equal and of one type: to Python, 1 equals True."""
    return (type(expected), expected) == (type(found), found)


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_alone_and_unquoted_it_is_what_yaml_makes_of_it(value: str, expected: object) -> None:
    """In YAML, the value has the type that it would have in the file."""
    assert is_exactly(expected, read("a: ${var:V}", V=value).data["a"])
    assert is_exactly(expected, read("a:\n- ${var:V} # a comment\n", V=value).data["a"][0])


@pytest.mark.parametrize(("value", "expected"), [*VALUES, ("1e5", 1e5), ("on", "on"), ("012", "012")])
def test_alone_it_is_what_json_makes_of_it(value: str, expected: object) -> None:
    """In JSON, which has no unquoted text, the value is JSON where it is JSON, and text otherwise."""
    assert is_exactly(expected, read('{"a": "${var:V}"}', "rule.json", V=value).data["a"])


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize("scalar", ['"${var:V}"', "'${var:V}'", "|-\n  ${var:V}", ">-\n  ${var:V}"])
@pytest.mark.parametrize("value", ["50", "on", "012", " a\n", '"50"', "null"])
def test_quotes_make_text(scalar: str, value: str) -> None:
    """In YAML, whatever is quoted or in a block is text, exactly as the variable has it."""
    assert value == read(f"a: {scalar}\n", V=value).data["a"]


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n-${var:V}", "n-50"),
        ("${var:V}${var:V}", "5050"),
        ("${var:V}$${x}", "50${x}"),
        ("${var:V} ${env:S}", "50 s3cret"),
        ("$${var:V}", "${var:V}"),
    ],
)
@pytest.mark.parametrize("name", ["rule.yaml", "rule.json"])
def test_inside_a_longer_text_it_is_text(text: str, expected: str, name: str) -> None:
    """A value that is only a part is text, in any notation."""
    whole = f"a: {text}" if name.endswith("yaml") else f'{{"a": "{text}"}}'
    assert {"a": expected} == read(whole, name, V="50", S="s3cret").data


def test_it_is_no_secret() -> None:
    """What ``${var:NAME}`` puts in is not redacted; what ``${env:NAME}`` puts in beside it is."""
    assert frozenset({"s3cret"}) == read("a: ${var:V}\nb: ${env:S}${var:V}", V="plain", S="s3cret").secrets


def test_a_secret_is_always_text() -> None:
    """``${env:NAME}`` has no type but text, as ever."""
    assert {"a": "50"} == read("a: ${env:V}", V="50").data


def test_keys_are_left_alone() -> None:
    """A key is taken as it is."""
    assert {"${var:V}": 1} == read("${var:V}: 1", V="x").data


def test_without_an_environment_nothing_is_substituted() -> None:
    """In files of cases, ``${`` is text."""
    assert {"a": "${var:V}"} == parse("a: ${var:V}", "cases.yaml", environ=None).data


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.sampled_from([("a: ${var:V}\nb: 1", "rule.yaml"), ('{"a": "${var:V}", "b": 1}', "rule.json")]),
)
def test_any_value_is_one_value(value: str, file: tuple[str, str]) -> None:
    """No value can add a key, an element or a level, whatever stands in it; some are refused."""
    try:
        data = read(*file, V=value).data
    except InvalidRuleError as error:
        assert {("a",)} == {problem.path for problem in error.problems}  # noqa: PT017 - only some values raise
        return
    assert ["a", "b"] == list(data)
    assert not isinstance(data["a"], (dict, list))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("on", 'set V to true for the boolean, or write "${var:V}", with the quotes, for the text'),
        ("No", 'set V to false for the boolean, or write "${var:V}", with the quotes, for the text'),
        ("012", 'set V to 10 or 12 for the number, or write "${var:V}", with the quotes, for the text'),
        ("1:30", 'set V to 90 for the number, or write "${var:V}", with the quotes, for the text'),
        ("=", 'write "${var:V}", with the quotes, for the text'),
        (
            ".inf",
            'a rule holds no infinity and no NaN; write "${var:V}", with the quotes, for the text, or a number',
        ),
        ("0" * 50, "set V to the number in plain decimal digits, or put it in double quotes"),
    ],
)
def test_an_ambiguous_value_is_refused(value: str, hint: str) -> None:
    """What readers of YAML disagree on is an error in a variable too, with the ways to write it clearly."""
    (found,) = problems_of("b: 1\na: ${var:V}", V=value)

    assert ("ambiguous-scalar", 2, 4, ("a",)) == (found.id, found.line, found.column, found.path)
    assert found.message.startswith(f'the value of V, "{value[:39]}')
    assert hint == found.hint


@pytest.mark.parametrize("value", ["9" * 41, "1.0e+999", "\udcff"], ids=["digits", "infinity", "bytes"])
@pytest.mark.parametrize("name", ["rule.yaml", "rule.json"])
def test_a_value_that_no_rule_can_hold_is_refused(value: str, name: str) -> None:
    """The bounds of numbers and texts hold for a variable as for a file."""
    (found,) = problems_of("a: ${var:V}" if name.endswith("yaml") else '{"a": "${var:V}"}', name, V=value)

    assert ("a",) == found.path
    assert found.id in {"number-too-long", "number-too-large", "invalid-variable"}


@pytest.mark.parametrize("value", [None, "", " ", "\n"], ids=repr)
@pytest.mark.parametrize(("text", "name"), [("a: ${var:V}", "rule.yaml"), ('{"a": "${var:V}"}', "rule.json")])
def test_an_unset_or_blank_one_is_an_error(value: str | None, text: str, name: str) -> None:
    """A variable that is not there does not silently become null; the error has its place."""
    (found,) = problems_of(text, name, **({} if value is None else {"V": value}))

    assert ("unset-variable", "error", ("a",), 1) == (found.id, found.severity, found.path, found.line)
    assert "set V, or remove ${var:V} from the file" == found.hint


def test_too_much_is_refused() -> None:
    """The bound on what the environment puts in counts plain values."""
    assert "substitution-too-large" == problems_of("a: x${var:V}${var:V}${var:V}", V="x" * 100_000)[0].id


# --- what is not set, and may be so ---------------------------------------------------------------


def test_what_may_be_unset_is_a_warning() -> None:
    """Each place has its warning, and the document is given."""
    found = parse("a: ${var:V}\nb: x${env:S}\nc: ${keep}", "r.yaml", environ={}, allow_unset=True)

    assert [("unset-variable", "warning", 1), ("unset-variable", "warning", 2)] == [
        (problem.id, problem.severity, problem.line) for problem in found.problems
    ]
    assert (frozenset({("a",), ("b",)}), KEEP) == (found.unset, found.data["c"])


RULES: dict[str, dict[str, Any]] = {
    "eventbridge": {
        "kind": "eventbridge",
        "id": "demo",
        "version": 7,
        "name": "n",
        "description": "d",
        "status": "enabled",
        "priority": 5,
        "conditions": [
            {"field": "a", "operator": "matches", "value": "x"},
            {"field": "b", "operator": "in", "value": [1]},
        ],
        "targets": [{"id": "t", "type": "webhook", "url": "https://x.example", "headers": {"A": "b"}}, {"id": "u"}],
    },
    "trigger": {
        "kind": "trigger",
        "name": "n",
        "enabled": True,
        "topicName": "v2.calls",
        "target": {"type": "Workflow", "id": "f", "workflowTargetSettings": {"dataFormat": "Json"}},
        "matchCriteria": [{"jsonPath": "a", "operator": "In", "values": ["x"]}],
        "delayBySeconds": 60,
    },
    "eventbridge-source": {
        "kind": "eventbridge-source",
        "name": "n",
        "properties": {
            "eventSourceSuffix": "x",
            "awsAccountId": "012345678901",
            "awsAccountRegion": "eu-west-1",
            "eventFilter": ["v2.a", "v2.b"],
        },
    },
}


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each value, those of mappings and lists too, but for the whole."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [found for key, value in inner for found in ((*path, key), *places(value, (*path, key)))]


@pytest.mark.parametrize("text", ["${var:NOPE}", "x-${var:NOPE}", "${env:NOPE}"])
@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, rule in RULES.items() for path in places(rule)])
def test_an_unset_value_has_no_other_problem(tmp_path: Path, kind: str, path: tuple[Any, ...], text: str) -> None:
    """Type and limits of what is not known are not checked, wherever it stands; all else is."""
    rule = json.loads(json.dumps(RULES[kind]))
    part = rule
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = text
    file = tmp_path / "rule.json"
    file.write_text(json.dumps(rule))

    found = validate_rule(file, environ={}, allow_unset=True)
    assert [("unset-variable", "warning")] == [(problem.id, problem.severity) for problem in found.problems]
    assert ["unset-variable"] == [problem.id for problem in validate_rule(file, environ={}).problems]

    file.write_text(json.dumps({**rule, "nope": 1}))
    found = validate_rule(file, environ={}, allow_unset=True)
    assert (path == ("kind",)) == (found.errors == 0)


def test_an_error_behind_many_warnings_is_reported(tmp_path: Path) -> None:
    """However many variables are not set, a file with an error is invalid."""
    headers = {f"H{number}": "${env:NOPE}" for number in range(300)}
    file = tmp_path / "rule.json"
    file.write_text(json.dumps({**RULES["eventbridge"], "targets": [{"id": "t", "headers": headers}], "nope": 1}))
    found = validate_rule(file, environ={}, allow_unset=True)

    assert (1, 100) == (found.errors, len(found.problems))


# --- what else reads it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("priority=${var:V}", 50),
        ('priority="${var:V}"', "50"),
        ("name=n ${var:V}", "n 50"),
        ('conditions=["${var:V}"]', ["50"]),
    ],
)
def test_set_takes_variables(text: str, expected: object) -> None:
    """``--set`` takes what a rule file does: a bare value has a type, and quotes make text."""
    found = parse_assignment(text, {"V": "50"})
    assert is_exactly(expected, found.value)
    assert frozenset() == found.secrets


@pytest.mark.parametrize(
    ("text", "name", "hint"),
    [
        ("name: ${var:V}", "rule.yaml", 'write "${var:V}", with the quotes'),
        ('{"name": "${var:V}"}', "rule.json", 'set V to "12", with the quotes'),
        ("name: 12", "rule.yaml", "Put it in quotes."),
    ],
)
def test_how_to_make_it_text_is_told(tmp_path: Path, text: str, name: str, hint: str) -> None:
    """Where a variable gives a number and text is needed, the hint says what to change, and it helps."""
    file = tmp_path / name
    file.write_text(text)
    found = validate_rule(file, environ={"V": "12"}).problems

    assert ("wrong-type", hint) == next((each.id, each.hint) for each in found if each.path == ("name",))
    assert {"name": "12"} == read('name: "${var:V}"', V="12").data == read(text, name, V='"12"').data or "V" not in text


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_example_is_right_with_the_values_of_each_stage(stage: str) -> None:
    """The example's two sets of values make two valid rules of one file."""
    lines = (EXAMPLES / f"{stage}.env").read_text().splitlines()
    environ = dict(line.split("=", 1) for line in lines)
    rule = load_rule(EXAMPLES / "per-environment.yaml", environ=environ)

    assert (int(environ["PRIORITY"]), int(environ["MIN_SECONDS"])) == (
        rule.fields["priority"],
        rule.fields["conditions"][1]["value"],
    )
    assert environ["ACCOUNT"] == rule.fields["targets"][0]["headers"]["X-Account"]
    assert [f"({stage})"] == rule.fields["name"].split()[-1:]
