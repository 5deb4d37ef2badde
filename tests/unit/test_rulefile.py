"""The text of a rule file ⇄ data with places: what is read, what is refused and where, what is written."""

from __future__ import annotations

import copy
import io
import os
import pickle
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebrule.errors import InvalidRuleError, Problem
from ebrule.rulefile import (
    KEEP,
    MAX_BYTES,
    Document,
    Place,
    comment_lines,
    dump_yaml,
    load,
    parse,
    read_text,
    unwritable,
    yaml_reader,
)
from ebrule.rulefile.builder import Builder, Stop
from ebrule.rulefile.yaml_errors import stop_at_error

if TYPE_CHECKING:
    from pathlib import Path

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]
ENVIRON = {"TOKEN": "s3cret", "EMPTY": "", "NESTED": "${env:TOKEN}", "LONG": "x" * 100_000}

AMBIGUOUS_WORDS = "y Y n N yes Yes YES no No NO on On ON off Off OFF = << +.inf .INF -.Inf .nan .NaN"
AMBIGUOUS_NUMBERS = """
    012 08 00 -012 0o17 0x1F 0X1f 0b1 0b_1 1_000 -1_0.5 1:30 -1:30 1:30:45 1:30.5
    1e5 1E5 1.5e3 -.5 01.5 1.0e999
"""
RULE = """\
kind: eventbridge            # the default
id: demo-rule
priority: 50
conditions:
  - {field: eventType, operator: equals, value: 'é😀'}
  - field: duration
    operator:
targets:
- id: crm
  headers: {Authorization: "Bearer ${env:TOKEN}", X-Old: "${keep}"}
description: |
  one
  two
"""
RULE_DATA = {
    "kind": "eventbridge",
    "id": "demo-rule",
    "priority": 50,
    "conditions": [
        {"field": "eventType", "operator": "equals", "value": "é😀"},
        {"field": "duration", "operator": None},
    ],
    "targets": [{"id": "crm", "headers": {"Authorization": "Bearer s3cret", "X-Old": KEEP}}],
    "description": "one\ntwo\n",
}


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def _each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with PyYAML's C parser and with its pure-Python one."""
    monkeypatch.setattr(yaml_reader, "_LOADER", request.param)


def read(text: str, name: str = "rule.yaml") -> Document:
    """Parse with this module's environment."""
    return parse(text, name, environ=ENVIRON)


def value_of(scalar: str, name: str = "rule.yaml") -> Any:
    """What one unquoted or quoted scalar means."""
    return read(f"a: {scalar}\n" if name.endswith("yaml") else f'{{"a": {scalar}}}', name).data["a"]


def problems_of(text: str, name: str = "rule.yaml") -> tuple[Problem, ...]:
    """The problems that a text is refused for."""
    with pytest.raises(InvalidRuleError) as caught:
        read(text, name)
    return caught.value.problems


def summary(text: str, name: str = "rule.yaml") -> list[tuple[str, int | None, int | None]]:
    """The id, line and column of each problem."""
    return [(found.id, found.line, found.column) for found in problems_of(text, name)]


def at(document: Document, place: Place) -> tuple[int, str]:
    """The line of a place, and the text that it points to."""
    return place.line, document.source.lines[place.line - 1][place.column - 1 : place.end_column - 1]


def refusal(path: str | os.PathLike[str], stdin: io.BytesIO | None = None) -> InvalidRuleError:
    """The error that a file is refused with."""
    with pytest.raises(InvalidRuleError) as caught:
        load(path, environ=ENVIRON, stdin=stdin)
    return caught.value


@pytest.mark.usefixtures("_each_parser")
class TestData:
    """What a right file means."""

    def test_a_rule(self) -> None:
        """A rule file becomes mappings, lists and scalars, its substitutions filled in."""
        document = read(RULE)

        assert document.data == RULE_DATA
        assert document.data["targets"][0]["headers"]["X-Old"] is KEEP
        assert document.secrets == {"s3cret"}
        assert document.source.name == "rule.yaml"
        assert document.source.lines[1] == "id: demo-rule"

    @pytest.mark.parametrize(
        ("scalar", "expected"),
        [
            ("", None),
            ("~", None),
            ("null", None),
            ("NULL", None),
            ("true", True),
            ("True", True),
            ("FALSE", False),
            ("0", 0),
            ("-12", -12),
            ("+12", 12),
            ("9" * 40, int("9" * 40)),
            ("1.5", 1.5),
            ("-0.25", -0.25),
            (".5", 0.5),
            ("7.", 7.0),
            ("1.0e+3", 1000.0),
            ("2026-01-31", "2026-01-31"),
            ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
            ("1.2.3", "1.2.3"),
            ("nULL", "nULL"),
            ("tRUE", "tRUE"),
            ("onward", "onward"),
            ("0x", "0x"),
            ("0xfg", "0xfg"),
            ("1:99", "1:99"),
            ("٣", "٣"),
            ("a b", "a b"),
            ("$", "$"),
            ("US$5", "US$5"),
            ('"on"', "on"),
            ("'012'", "012"),
            ("'1_000'", "1_000"),
            ('"~"', "~"),
            ('"<<"', "<<"),
            (r'"\x1b[0m\0\u202e"', "\x1b[0m\0\u202e"),
        ],
    )
    def test_scalars(self, scalar: str, expected: object) -> None:
        """A scalar is what all readers of YAML agree that it is; quoted, it is text."""
        assert repr(value_of(scalar)) == repr(expected)

    @pytest.mark.parametrize(
        ("literal", "expected"),
        [
            ("null", None),
            ("false", False),
            ("-0", 0),
            ("1e5", 1e5),
            ("2.5E-1", 0.25),
            (r'"\ud83d\ude00"', "😀"),
            (r'"\u0000\/\n"', "\0/\n"),
            ('"\u2028"', "\u2028"),
            ("[]", []),
            ("\t{ }\r\n", {}),
            ('[[1, "x"], {"b": true}]', [[1, "x"], {"b": True}]),
        ],
    )
    @pytest.mark.parametrize("name", ["rule.json", "RULE.JSON", "<stdin>"])
    def test_json(self, literal: str, expected: object, name: str) -> None:
        """JSON is read as JSON, also where the file's name does not say that it is JSON."""
        assert repr(value_of(literal, name)) == repr(expected)

    def test_flow_style_yaml_is_not_mistaken_for_json(self) -> None:
        """A YAML file that begins with a bracket is YAML where it is not JSON."""
        assert read('{"a": 1, b: two, }  # done').data == {"a": 1, "b": "two"}

    @pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_line_breaks_and_byte_order_mark(self, line_break: str, mark: str) -> None:
        """The three line breaks, and a byte order mark, change neither the data nor a place."""
        document = read(mark + RULE.replace("\n", line_break))

        assert document.data == RULE_DATA
        assert document.values == read(RULE).values
        assert document.source.lines == read(RULE).source.lines

    def test_keep_stays_itself(self) -> None:
        """KEEP survives copying and pickling as the one object that it is, and shows as the file has it."""
        assert copy.deepcopy([KEEP])[0] is KEEP
        assert pickle.loads(pickle.dumps(KEEP)) is KEEP  # noqa: S301 - made one line above
        assert repr(KEEP) == "${keep}"

    def test_a_document_does_not_show_its_secrets(self) -> None:
        """The representation of a document, which may end up in a traceback, holds no data."""
        assert "s3cret" not in repr(read(RULE))


@pytest.mark.usefixtures("_each_parser")
class TestSubstitution:
    """What ``${…}`` does inside a text."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("${env:TOKEN}", "s3cret"),
            ("a ${env:TOKEN}-${env:TOKEN}", "a s3cret-s3cret"),
            ("${env:NESTED}", "${env:TOKEN}"),
            ("$${env:TOKEN}", "${env:TOKEN}"),
            ("$${", "${"),
            ("$$${keep}", "$${keep}"),
            ("$${keep}", "${keep}"),
            ("$TOKEN $$ {env:TOKEN}", "$TOKEN $$ {env:TOKEN}"),
            ("${keep}", KEEP),
        ],
    )
    @pytest.mark.parametrize("name", ["rule.yaml", "rule.json"])
    def test_text(self, text: str, expected: object, name: str) -> None:
        """Variables are filled in once, ``$${`` is a literal, a lone ``$`` is a character."""
        assert value_of(f'"{text}"', name) == expected

    def test_unquoted_and_block_texts(self) -> None:
        """Substitution does not depend on how a text is quoted."""
        document = read("a: ${env:TOKEN}\nb: '${env:TOKEN}'\nc: |-\n  x\n  ${env:TOKEN}\n")

        assert document.data == {"a": "s3cret", "b": "s3cret", "c": "x\ns3cret"}

    def test_a_filled_in_value_is_text(self) -> None:
        """A variable's value is text, whatever it looks like."""
        assert parse("a: ${env:N}", "r.yaml", environ={"N": "012"}).data == {"a": "012"}

    def test_secrets(self) -> None:
        """The secrets are the values that were put in, and no others."""
        document = read('a: "${env:TOKEN}$${env:NESTED}"')

        assert document.secrets == {"s3cret"}

    def test_keys_are_left_alone(self) -> None:
        """Nothing is substituted in a key."""
        assert read('"${env:TOKEN}$${": 1').data == {"${env:TOKEN}$${": 1}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("${env:A} ${env:B}", ["unset-variable", "unset-variable"]),
            ("${env:EMPTY}", ["unset-variable"]),
            ("${env:lower-case}", ["unknown-substitution"]),
            ("${env:1A}", ["unknown-substitution"]),
            ("${env:}", ["unknown-substitution"]),
            ("${env: TOKEN}", ["unknown-substitution"]),
            ("${TOKEN}", ["unknown-substitution"]),
            ("${}", ["unknown-substitution"]),
            ("${env:TOKEN", ["unknown-substitution"]),
            ("${env:${env:TOKEN}}", ["unknown-substitution"]),
            ("x${keep}", ["misplaced-keep"]),
            ("${keep} ${keep}", ["misplaced-keep", "misplaced-keep"]),
            ("${Keep}", ["unknown-substitution"]),
            ("${env:LONG}${env:LONG}${env:LONG}", ["substitution-too-large"]),
        ],
    )
    def test_refused(self, text: str, expected: list[str]) -> None:
        """Each substitution that cannot be made is a problem at the value."""
        found = problems_of(f'a:\n  - "{text}"\n')

        assert [one.id for one in found] == expected
        assert {(one.line, one.column, one.path) for one in found} == {(2, 5, ("a", 0))}

    def test_a_variable_that_is_not_utf8(self) -> None:
        """A variable whose bytes are not UTF-8 is refused, since it could not be sent."""
        with pytest.raises(InvalidRuleError) as caught:
            parse("a: ${env:V}", "rule.yaml", environ={"V": "\udcff"})

        assert [found.id for found in caught.value.problems] == ["invalid-variable"]

    def test_no_value_in_a_message(self) -> None:
        """A problem names the variable, never its value."""
        found = problems_of('a: "${env:TOKEN} ${env:NOPE}"')

        assert "NOPE" in found[0].message
        assert "s3cret" not in repr(found)


@pytest.mark.usefixtures("_each_parser")
class TestPlaces:
    """Where things stand."""

    @pytest.mark.parametrize(
        ("path", "line", "value", "key"),
        [
            ((), 1, "kind: eventbridge            # the default", None),
            (("kind",), 1, "eventbridge", "kind"),
            (("priority",), 3, "50", "priority"),
            (("conditions", 0), 5, "{field: eventType, operator: equals, value: 'é😀'}", None),
            (("conditions", 0, "value"), 5, "'é😀'", "value"),
            (("conditions", 1), 6, "field: duration", None),
            (("conditions", 1, "operator"), 7, "operator", "operator"),
            (("targets",), 9, "- id: crm", None),
            (("targets", 0), 9, "id: crm", None),
            (("targets", 0, "headers", "X-Old"), 10, '"${keep}"', "X-Old"),
            (("description",), 11, "|", "description"),
        ],
    )
    def test_yaml(self, path: tuple[str | int, ...], line: int, value: str, key: str | None) -> None:
        """Each key and value of a YAML file has its place, in characters; an empty value has its key's."""
        document = read(RULE)

        assert at(document, document.values[path]) == (line, value)
        assert key is None or at(document, document.keys[path])[1] == key
        assert (path in document.keys) == (bool(path) and isinstance(path[-1], str))

    @pytest.mark.parametrize(
        ("path", "line", "value", "key"),
        [
            ((), 1, "{", None),
            (("é😀",), 2, "[1,", '"é😀"'),
            (("é😀", 0), 2, "1", None),
            (("é😀", 1), 3, '"a\\n"', None),
            (("b",), 4, "{}", '"b"'),
        ],
    )
    def test_json(self, path: tuple[str | int, ...], line: int, value: str, key: str | None) -> None:
        """Each key and value of a JSON file has its place."""
        document = read('{\n "é😀": [1,\r\n  "a\\n"],\n "b": {}}', "rule.json")

        assert at(document, document.values[path]) == (line, value)
        assert key is None or at(document, document.keys[path]) == (line, key)

    def test_key_and_value(self) -> None:
        """A place is the value's, or the key's if that is asked for and there is one."""
        document = read(RULE)

        assert document.place(("id",)) == Place(2, 5, 14)
        assert document.place(("id",), key=True) == Place(2, 1, 3)
        assert document.place(("targets", 0), key=True) == Place(9, 3, 10)

    def test_what_is_missing_is_placed_around(self) -> None:
        """The place of something missing is that of the nearest part around it."""
        document = read(RULE)

        assert document.place(("targets", 0, "url")) == document.values["targets", 0]
        assert document.place(("targets", 7, "x"), key=True) == document.values["targets",]
        assert document.place(("nothing",)) == document.values[()]

    def test_nothing_is_placed_nowhere(self) -> None:
        """A document without places has none to give, and leaves a problem as it is."""
        document = Document(read(RULE).source, {}, {}, {}, frozenset())
        problem = Problem("x", "x", ("a",))

        assert document.place(("a",)) is None
        assert document.locate(problem) is problem

    def test_locate(self) -> None:
        """A problem gets the place that its path leads to, and keeps all else."""
        document = read(RULE)
        problem = Problem("priority-range", "too high", ("priority",), "lower it", "warning")

        assert document.locate(problem) == Problem(
            "priority-range", "too high", ("priority",), "lower it", "warning", 3, 11, 13
        )
        assert document.locate(problem, key=True).column == 1


NOT_YAML = [
    ("a: [${env:TOKEN}]", "${…} stands unquoted"),
    ("a:\n\tb: 1\n", "tab"),
    ("a: 1\n\tb: 1\n", "tab"),
    ("a: |\n\tb\n", "tab"),
    ("a: @x", '"@"'),
    ("a: [|]", '"|"'),
    ("a: [1, 2\nb: 3", "list that begins at line 1"),
    ('a: ["b" "c"]', "list that begins at line 1"),
    ("a: {b: 2\nb: 3", 'mapping that begins at line 1 goes on wrongly here: "," or "}"'),
    ("a: {b: 2", 'mapping that begins at line 1 goes on wrongly here: "," or "}"'),
    ("a: 'x", "quote that opens here"),
    ("a: 'it''s", "quote that opens here"),
    (r'a: "\"', "quote that opens here"),
    ('a: "x\n...\n', "quote that opens here"),
    ("a: 1\nb\n", 'neither "key: value"'),
    ("a: 1\n'b'\nc: 1\n", 'neither "key: value"'),
    (f"a: 1\n{'k' * 1030}: 1\n", 'neither "key: value"'),
    ("a:\n  b: 2\n c: 3\n", "block that begins at line 1"),
    ("a: 'it's'", "block that begins at line 1"),
    ("x: 1\na:\n- [b]: c\n  'd' e: f\n", "block that begins at line 3"),
    ("- a\nb: 1\n", "block that begins at line 1"),
    ("a: >x\n", '"|" or ">"'),
    ("a: |0\n", '"|" or ">"'),
    ("a: ? b", '"? "'),
    ("a: - b", '"- "'),
    ("a: [- b]", '"- "'),
    ("a: b: c", '":"'),
    (": 1", '":"'),
    ("a: ]", "value must stand here"),
    ("a: [1,,2]", "value must stand here"),
    ("{a: 1}\nb", "document has ended"),
    ("a: 1\n...\nb: 1\n", "document has ended"),
    (r'a: "\q"', "escape"),
    (r'a: "\x\"', "escape"),
    (r'a: "\u12"', "escape"),
    ("a: *", "alias"),
    ("a: 1\n*b\nc: 1\n", "alias"),
    ("a: !x!y 1", "tag"),
    ("a: !<x", "tag"),
    ("a: 1\n%\n", "directive"),
    ("a: 1\n...\n%YAML 1.1\n%YAML 1.1\n---\n", "directive"),
]
"""Texts that are no YAML, with some of the words that tell why."""


def reworded(loader: Any) -> Any:
    """A loader whose errors say nothing, for all that their words are."""

    class Reworded(loader):  # type: ignore[misc]  # one of two classes
        def get_event(self) -> Any:
            try:
                return super().get_event()
            except yaml.MarkedYAMLError as error:
                error.problem, error.context = "42", error.context and "43"
                raise

    return Reworded


@pytest.mark.usefixtures("_each_parser")
class TestRefused:
    """What is refused, and where the error points."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            # Nothing, or something else than one mapping.
            ("", [("empty-file", 1, 1)]),
            (" \n\t\n", [("empty-file", 1, 1)]),
            ("# only\n# comments\n", [("empty-file", 1, 1)]),
            ("---\n", [("empty-file", 1, 1)]),
            ("- a: 1\n", [("not-a-mapping", 1, 1)]),
            ("\njust text\n", [("not-a-mapping", 2, 1)]),
            ("[1]", [("not-a-mapping", 1, 1)]),
            ("a: 1\n---\nb: 2\n", [("two-documents", 2, 1)]),
            ("%YAML 1.1\n---\na: 1\n", [("directive", 1, 1)]),
            ("# x\n\n%FOO\n---\na: 1\n", [("directive", 3, 1)]),
            ("a: 1\n%\n", [("directive", 2, 1)]),
            # Aliases, merge keys, tags.
            ("a: &x 1\nb: *x\n", [("alias", 1, 4), ("alias", 2, 4)]),
            ("a: &x {b: 1}\n", [("alias", 1, 4)]),
            ("*x : 1\n", [("alias", 1, 1)]),
            ("a: *\n", [("alias", 1, 4)]),
            ("a:\n  <<: {b: 1}\n", [("merge-key", 2, 3)]),
            ("a: !x b\n", [("tag", 1, 4)]),
            ("a: !!str 1\n", [("tag", 1, 4)]),
            ("a: !!python/object:os.system {}\n", [("tag", 1, 4)]),
            ("a: !undefined!x b\n", [("tag", 1, 4)]),
            ("a: !<x\n", [("tag", 1, 4)]),
            ("a: ! [x]\n", [("tag", 1, 4)]),
            # Keys.
            ("a: 1\nb:\n  a: 2\na: 3\n", [("duplicate-key", 4, 1)]),
            ("a: 1\na: 2\n'a': 3\n", [("duplicate-key", 2, 1), ("duplicate-key", 3, 1)]),
            ("{x: {a: 1, a: 2}}", [("duplicate-key", 1, 12)]),
            ("1: x\n", [("non-string-key", 1, 1)]),
            ("1.5: x\n", [("non-string-key", 1, 1)]),
            ("true: x\n", [("non-string-key", 1, 1)]),
            ("null: x\n", [("non-string-key", 1, 1)]),
            ("? \n: x\n", [("non-string-key", 1, 2)]),
            ("[a]: x\n", [("non-string-key", 1, 1)]),
            ("? {a: b}\n: x\n", [("non-string-key", 1, 3)]),
            ("? - a\n  - b\n: x\n", [("non-string-key", 1, 3)]),
            ("on: x\n", [("ambiguous-scalar", 1, 1)]),
            # Syntax.
            ("a: b: c\n", [("yaml-syntax", 1, 5)]),
            ("a: - b\n", [("yaml-syntax", 1, 4)]),
            ("a: 'x\nb: 1\n", [("yaml-syntax", 1, 4)]),
            ('a: "x\n---\n"', [("yaml-syntax", 1, 4)]),
            ("a: [1, 2\nb: 3\n", [("yaml-syntax", 2, 2)]),
            ("a: {x: 1\nb: 3\n", [("yaml-syntax", 2, 2)]),
            ("a: 1\nb\nc: 2\n", [("yaml-syntax", 2, 1)]),
            ("a: b\n c\nd\n", [("yaml-syntax", 3, 1)]),
            ("a:\n  b: 2\n c: 3\n", [("yaml-syntax", 3, 2)]),
            ("a: ]\n", [("yaml-syntax", 1, 4)]),
            ("a: [1,,2]\n", [("yaml-syntax", 1, 7)]),
            ("a: |x\n b\n", [("yaml-syntax", 1, 5)]),
            ("a: @x\n", [("yaml-syntax", 1, 4)]),
            ("a:\n\tb: 1\n", [("yaml-syntax", 2, 1)]),
            ("a: [${env:TOKEN}]\n", [("yaml-syntax", 1, 6)]),
            ("{a: 1}\nb\n", [("yaml-syntax", 2, 1)]),
            ("a: ? b\n", [("yaml-syntax", 1, 4)]),
            # Characters.
            (r'a: "\q"', [("invalid-escape", 1, 5)]),
            (r'a: "é\xzz"', [("invalid-escape", 1, 6)]),
            (r'a: "\\\x\"', [("invalid-escape", 1, 7)]),
            (r'a: "\U00110000"', [("invalid-escape", 1, 5)]),
            (r'a: "\UFFFFFFFF"', [("invalid-escape", 1, 5)]),
            ("a: \x1b\nb: \x00\n", [("control-character", 1, 4), ("control-character", 2, 4)]),
            ("# comment\u2028evil: 1\n", [("control-character", 1, 10)]),
            ("a: b\x85c\n", [("control-character", 1, 5)]),
            ("a: \ud800\n", [("not-utf8", 1, 4)]),
            # Numbers.
            ("a: " + "9" * 41, [("number-too-long", 1, 4)]),
            ("a: -" + "1" * 5000, [("number-too-long", 1, 4)]),
            ("a: 1." + "1" * 5000, [("number-too-long", 1, 4)]),
            ("a: 1.0e+999", [("number-too-large", 1, 4)]),
        ],
    )
    def test_yaml(self, text: str, expected: list[tuple[str, int, int]]) -> None:
        """What YAML has and a rule has no use for, or what is not YAML, is refused at its place."""
        assert summary(text) == expected

    @pytest.mark.parametrize("text", [r'a: "\ud83d\ude00"', r'a: "\udc00"'])
    def test_surrogates_in_yaml(self, text: str) -> None:
        """Surrogate escapes are no YAML, in pairs or alone."""
        assert [found.id for found in problems_of(text)] == ["invalid-escape"]

    @pytest.mark.parametrize("scalar", [*AMBIGUOUS_WORDS.split(), *AMBIGUOUS_NUMBERS.split()])
    def test_ambiguous_scalars(self, scalar: str) -> None:
        """What YAML 1.1 and YAML 1.2 read differently is refused, with the quoted form in the hint."""
        (found,) = problems_of(f"a: [{scalar}]" if ":" not in scalar else f"a:\n- {scalar}")

        assert found.id == "ambiguous-scalar"
        assert f'"{scalar}"' in (found.hint or "")

    @pytest.mark.parametrize(
        ("scalar", "hint"),
        [
            ("on", 'write true for the boolean, or "on" for the text'),
            ("No", 'write false for the boolean, or "No" for the text'),
            ("012", 'write 10 or 12 for the number, or "012" for the text'),
            ("007", 'write 7 for the number, or "007" for the text'),
            ("-08", 'write -8 for the number, or "-08" for the text'),
            ("0x1F", 'write 31 for the number, or "0x1F" for the text'),
            ("0o17", 'write 15 for the number, or "0o17" for the text'),
            ("1_000", 'write 1000 for the number, or "1_000" for the text'),
            ("12:30:45", 'write 45045 for the number, or "12:30:45" for the text'),
            ("-1:30.5", 'write -90.5 for the number, or "-1:30.5" for the text'),
            ("1e20", 'write 1.0e+20 for the number, or "1e20" for the text'),
            ("1e999", 'write a smaller one for the number, or "1e999" for the text'),
            (".inf", 'a rule holds no infinity and no NaN; write ".inf" for the text, or a number'),
            ("=", 'write "=" for the text'),
            ("0" * 41, "write the number in plain decimal digits, or put the text in double quotes"),
        ],
    )
    def test_hints_for_ambiguous_scalars(self, scalar: str, hint: str) -> None:
        """The hint shows the clear ways to write what may have been meant."""
        assert problems_of(f"a: {scalar}")[0].hint == hint

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", [("empty-file", 1, 1)]),
            ("null", [("empty-file", 1, 1)]),
            ("[]", [("not-a-mapping", 1, 1)]),
            ("a: 1", [("json-syntax", 1, 1)]),
            ("{", [("json-syntax", 1, 2)]),
            ('{"a": 1,}', [("json-syntax", 1, 9)]),
            ('{"a": [1,]}', [("json-syntax", 1, 10)]),
            ('{"a": 1 "b": 2}', [("json-syntax", 1, 9)]),
            ('{"a" 1}', [("json-syntax", 1, 6)]),
            ("{'a': 1}", [("json-syntax", 1, 2)]),
            ('{"a":\n 012}', [("json-syntax", 2, 2)]),
            ('{"a": +1}', [("json-syntax", 1, 7)]),
            ('{"a": True}', [("json-syntax", 1, 7)]),
            ('{"a": }', [("json-syntax", 1, 7)]),
            ('{"a": 1} // x', [("json-syntax", 1, 10)]),
            ('{"a": "x\ny"}', [("json-syntax", 1, 9)]),
            ('{"a": "x', [("json-syntax", 1, 7)]),
            ('{"a": "x\\', [("json-syntax", 1, 7)]),
            (r'{"a": "\x41"}', [("json-syntax", 1, 8)]),
            (r'{"a": "\\\u12"}', [("json-syntax", 1, 10)]),
            ('{"a": "\\n\x01"}', [("json-syntax", 1, 10)]),
            ('\ufeff{"a": 1, "a": 2}', [("duplicate-key", 1, 10)]),
            ('{"a": "\\ud83d"}', [("invalid-escape", 1, 7)]),
            ('{"a": NaN, "b": -Infinity}', [("not-a-number", 1, 7), ("not-a-number", 1, 17)]),
            ('{"a": 1e999}', [("number-too-large", 1, 7)]),
            ('{"a": ' + "1" * 5000 + "}", [("number-too-long", 1, 7)]),
        ],
    )
    def test_json(self, text: str, expected: list[tuple[str, int, int]]) -> None:
        """A file whose name ends in .json must be strict JSON, and is refused where it is not."""
        assert summary(text, "rule.json") == expected

    @pytest.mark.parametrize(
        ("string", "words"),
        [
            ('"x', "quote that opens here is never closed"),
            ('"x\\', "quote that opens here is never closed"),
            ('"x\n"', "line break"),
            (r'"\q"', "escape"),
            (r'"\u00g0"', "escape"),
        ],
    )
    def test_strings_of_json_in_words(self, string: str, words: str) -> None:
        """What is wrong with a string is told in a user's words, whatever the decoder's are."""
        (found,) = problems_of(f'{{"a": {string}', "rule.json")

        assert words in found.message

    @pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": "\\ud83d"}', '{"a": 1, "a": 2}'])
    def test_json_under_another_name(self, text: str) -> None:
        """JSON that is refused for what it says is refused under any name, not tried as YAML."""
        assert summary(text, "<stdin>") == summary(text, "rule.json")

    def test_all_in_one_go(self) -> None:
        """All that can be found is found in one run, in the order of the text."""
        text = "a: on\na: !x 1\n1: *y\nb: ${env:NOPE} ${nope}\nc: 012\nd: 'x\n"

        assert summary(text) == [
            ("ambiguous-scalar", 1, 4),
            ("duplicate-key", 2, 1),
            ("tag", 2, 4),
            ("non-string-key", 3, 1),
            ("alias", 3, 4),
            ("unset-variable", 4, 4),
            ("unknown-substitution", 4, 4),
            ("ambiguous-scalar", 5, 4),
            ("yaml-syntax", 6, 4),
        ]

    def test_never_more_than_a_hundred(self) -> None:
        """A file that is wrong all over is told of a hundred problems, and no more is read."""
        assert len(problems_of("a: on\n" * 1000)) == 100
        assert len(problems_of("\x01" * 1000)) == 100
        assert len(problems_of('{"a": NaN' + ', "a": NaN' * 1000 + "}", "rule.json")) == 100

    def test_paths(self) -> None:
        """A problem's path leads to the value, or to the entry of the key that appears twice."""
        (ambiguous, duplicate) = problems_of("a:\n  - b: on\n    b: x\n")

        assert ambiguous.path == ("a", 0, "b")
        assert duplicate.path == ("a", 0, "b")
        assert duplicate.message == '"b" appears twice in this mapping; first at line 2'
        assert duplicate.hint == "keep one of the two; the first is at line 2, column 5"

    def test_the_error(self) -> None:
        """The error holds the source to point into, and says at once what is wrong."""
        with pytest.raises(InvalidRuleError) as one:
            read("a: 1\na: 2\n")
        with pytest.raises(InvalidRuleError) as two:
            read("a: on\nb: off\n")

        assert one.value.message == 'rule.yaml: "a" appears twice in this mapping; first at line 1'
        assert one.value.hint == "keep one of the two; the first is at line 1, column 1"
        assert one.value.source is not None
        assert one.value.source.lines[1] == "a: 2"
        assert two.value.message == "rule.yaml: 2 problems"

    @pytest.mark.parametrize(("text", "words"), NOT_YAML)
    def test_syntax_in_words(self, text: str, words: str) -> None:
        """What is wrong is told in a user's words."""
        found = problems_of(text)[-1]

        assert words in found.message
        assert found.hint

    @pytest.mark.parametrize("text", [text for text, _ in NOT_YAML])
    def test_the_words_of_the_parser_do_not_matter(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A release of the parser that words its errors differently changes nothing of what is told."""
        expected = problems_of(text)
        monkeypatch.setattr(yaml_reader, "_LOADER", reworded(yaml_reader._LOADER))

        assert expected == problems_of(text)

    def test_errors_that_only_a_later_parser_has(self) -> None:
        """Where the text does not show what is wrong, the parser's own words stand behind the general message."""
        for words, detail in ((None, ""), ("found a new mistake", '; the parser says "found a new mistake"')):
            builder = Builder("a: 1", "rule.yaml", {})
            with pytest.raises(Stop):
                stop_at_error(yaml.scanner.ScannerError(problem=words), "a: 1", builder)

            assert f"this is not YAML{detail}" == builder.problems[0].message

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            # The scanner is ahead of the parser by a whole key.
            ("{a: on, b: @x}", [("ambiguous-scalar", 1, 5), ("yaml-syntax", 1, 12)]),
            ("{a: 1, a: on, 'b\n", [("duplicate-key", 1, 8), ("ambiguous-scalar", 1, 11), ("yaml-syntax", 1, 15)]),
            ("{a: *x, b: &y 1, c: |", [("alias", 1, 5), ("alias", 1, 12), ("yaml-syntax", 1, 21)]),
            ("a: {b: " + "[" * 30 + "@", [("too-deep", 1, 26)]),
        ],
    )
    def test_what_stands_before_a_syntax_error(self, text: str, expected: list[tuple[str, int, int]]) -> None:
        """What is wrong before the place where the scanner gives up is told too, and first."""
        assert summary(text) == expected

    @pytest.mark.parametrize(
        ("text", "name"),
        [("a: {}{}", "rule.yaml"), ("{{a: {}{}}}", "rule.yaml"), ('{{"a": {}{}}}', "rule.json")],
    )
    def test_depth(self, text: str, name: str) -> None:
        """Twenty levels are read, the twenty-first is refused."""
        assert read(text.format("[" * 19, "]" * 19), name).data
        assert [found.id for found in problems_of(text.format("[" * 20, "]" * 20), name)] == ["too-deep"]

    @pytest.mark.parametrize(
        ("bomb", "expected"),
        [
            ("[" * MAX_BYTES, "too-deep"),
            ("{" * MAX_BYTES, "too-deep"),
            ("{a: " * (MAX_BYTES // 4), "too-deep"),
            ("- " * (MAX_BYTES // 2), "too-deep"),
            ("? " * (MAX_BYTES // 2), "too-deep"),
            ("a: " + "[" * (MAX_BYTES // 2), "too-deep"),
            ("\n".join(" " * level + "a:" for level in range(700)), "too-deep"),
            ("a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "alias"),
            ("\n" * MAX_BYTES, "empty-file"),
            ("#\n" * (MAX_BYTES // 2), "empty-file"),
            ("%" * MAX_BYTES, "directive"),
            ("a: 1\n" * (MAX_BYTES // 5), "duplicate-key"),
            ("a: " + "9" * (MAX_BYTES - 3), "number-too-long"),
            ("a: 0x" + "f" * (MAX_BYTES - 5), "ambiguous-scalar"),
            ("a: 1" + ":1" * (MAX_BYTES // 2 - 2), "ambiguous-scalar"),
            ('a: "' + "${" * (MAX_BYTES // 2 - 3) + '"', "unknown-substitution"),
            ('a: "' + "${env:LONG}" * (MAX_BYTES // 11 - 1) + '"', "substitution-too-large"),
        ],
    )
    def test_bombs(self, bomb: str, expected: str) -> None:
        """A text made to exhaust time, memory or the stack ends as a problem like any other."""
        assert problems_of(bomb)[0].id == expected


class TestFiles:
    """What can be read, and what cannot."""

    def test_a_file(self, tmp_path: Path) -> None:
        """A file is read by its path, and named by it."""
        path = tmp_path / "rule.yaml"
        path.write_text(RULE, encoding="utf-8")

        assert read_text(path) == (str(path), RULE)
        assert load(str(path), environ=ENVIRON).data == RULE_DATA

    def test_a_link(self, tmp_path: Path) -> None:
        """A link to a file is as good as the file."""
        (tmp_path / "rule.yaml").write_text("a: 1")
        (tmp_path / "link.yaml").symlink_to("rule.yaml")

        assert load(tmp_path / "link.yaml", environ={}).data == {"a": 1}

    @pytest.mark.parametrize(("path", "name"), [("-", "<stdin>"), ("/dev/stdin", "/dev/stdin")])
    def test_standard_input(self, path: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A dash, or its device, is the standard input that was passed in, or the process's own."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"b: 2")))

        assert read_text(path, io.BytesIO(b"a: 1")) == (name, "a: 1")
        assert read_text(path) == (name, "b: 2")

    def test_standard_input_in_pieces(self) -> None:
        """A pipe that hands over a few bytes at a time is read to its end."""

        class Slow(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(min(size or 0, 2))

        assert read_text("-", Slow(b"a: 1\nb: 2\n"))[1] == "a: 1\nb: 2\n"

    def test_half_a_standard_input(self) -> None:
        """What a non-blocking input has so far does not pass for the whole."""

        class NotReady(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(size) or None  # type: ignore[return-value]  # as a raw stream does

        assert [found.id for found in refusal("-", NotReady(b"a: 1\n")).problems] == ["unreadable-file"]

    def test_no_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process without a standard input says so."""
        monkeypatch.setattr(sys, "stdin", None)

        assert [found.id for found in refusal("-").problems] == ["unreadable-file"]

    def test_process_substitution(self) -> None:
        """The pipe of a shell's ``<(command)`` is read, to its end."""
        reader, writer = os.pipe()
        try:
            os.write(writer, b"a: 1\n")
            os.close(writer)

            assert load(f"/dev/fd/{reader}", environ={}).data == {"a": 1}
        finally:
            os.close(reader)

    def test_a_fifo(self, tmp_path: Path) -> None:
        """A FIFO, which could block for ever, is refused without waiting for a writer."""
        os.mkfifo(tmp_path / "fifo")

        assert [found.id for found in refusal(tmp_path / "fifo").problems] == ["not-a-file"]

    def test_a_fifo_by_a_detour(self, tmp_path: Path) -> None:
        """A path that only begins like a descriptor's is no process substitution."""
        os.mkfifo(tmp_path / "fifo")

        assert [found.id for found in refusal(f"/dev/fd/../../../{tmp_path}/fifo").problems] == ["not-a-file"]

    def test_a_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A socket is refused."""
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")

            assert [found.id for found in refusal("socket").problems] == ["not-a-file"]

    @pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
    def test_a_device(self, path: str) -> None:
        """A device, which could be endless, is refused."""
        assert [found.id for found in refusal(path).problems] == ["not-a-file"]

    def test_a_folder(self, tmp_path: Path) -> None:
        """A folder is refused as what it is."""
        error = refusal(tmp_path)

        assert [found.id for found in error.problems] == ["not-a-file"]
        assert error.message == f"{tmp_path}: it is a folder"

    def test_no_file(self, tmp_path: Path) -> None:
        """A file that is not there is an invalid rule with a hint, whichever part of its path is missing."""
        (tmp_path / "file").write_text("a: 1")
        for path in (tmp_path / "none.yaml", tmp_path / "none" / "x.yaml", tmp_path / "file" / "x.yaml"):
            error = refusal(path)

            assert [found.id for found in error.problems] == ["file-not-found"]
            assert error.exit_status == 3
            assert error.source is not None
            assert error.source.name == str(path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
    def test_no_permission(self, tmp_path: Path) -> None:
        """A file that may not be read says why."""
        path = tmp_path / "rule.yaml"
        path.write_text("a: 1")
        path.chmod(0)

        assert [found.id for found in refusal(path).problems] == ["unreadable-file"]

    def test_a_path_that_no_system_has(self, tmp_path: Path) -> None:
        """A path that cannot be opened at all is a problem too."""
        loop = tmp_path / "loop"
        loop.symlink_to(loop)
        for path in ("a\0b", str(loop)):
            assert [found.id for found in refusal(path).problems] == ["unreadable-file"]

    def test_size(self, tmp_path: Path) -> None:
        """256 KiB are read, one byte more is refused."""
        path = tmp_path / "rule.yaml"
        path.write_bytes(b"a: 1\n" + b"#" * (MAX_BYTES - 5))
        assert load(path, environ={}).data == {"a": 1}

        path.write_bytes(b"a: 1\n" + b"#" * (MAX_BYTES - 4))
        assert [found.id for found in refusal(path).problems] == ["file-too-large"]

    def test_endless_standard_input(self) -> None:
        """Of an endless input, only as much is read as tells that it is too large."""

        class Endless(io.BytesIO):
            count = 0

            def read(self, size: int | None = -1, /) -> bytes:
                self.count += size or 0
                return b"#" * (size or 0)

        stdin = Endless()

        assert [found.id for found in refusal("-", stdin).problems] == ["file-too-large"]
        assert stdin.count == MAX_BYTES + 1

    @pytest.mark.parametrize(
        ("data", "offset", "line", "column"),
        [
            (b"\xffa: 1", 0, 1, 1),
            (b"a: 1\r\nb: \xc3\xa9\xe9\n", 11, 2, 5),
            (b"\xef\xbb\xbfa: \xed\xa0\x80", 6, 1, 5),
        ],
    )
    def test_not_utf8(self, data: bytes, offset: int, line: int, column: int) -> None:
        """Bytes that are not UTF-8 are named by their offset, and pointed at."""
        error = refusal("-", io.BytesIO(data))

        assert [(found.id, found.line, found.column) for found in error.problems] == [("not-utf8", line, column)]
        assert error.problems[0].message == f"byte {offset} is not UTF-8"
        assert error.source is not None
        assert "\ufffd" in error.source.lines[line - 1]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf16(self, encoding: str) -> None:
        """UTF-16, with its mark or without, is one problem, and not one for each NUL."""
        (found,) = refusal("-", io.BytesIO("name: Café\npriority: 50\n".encode(encoding))).problems

        assert ("not-utf8", None) == (found.id, found.line)
        assert ("this looks like UTF-16, and not like UTF-8", "save the file in UTF-8") == (found.message, found.hint)

    @pytest.mark.parametrize("data", [b"a: b\0c\n", b"\0" * 40])
    def test_a_few_control_characters_are_not_utf16(self, data: bytes) -> None:
        """Where a text has a NUL here and there, or nothing else, it is read as it is."""
        assert data.decode() == read_text("-", io.BytesIO(data))[1]


WORDS = """
    y N on off yes No true NULL ~ = << - ? : # | >
    012 0o17 0x1F 0b1 1_000 1:30 1:30.5 1e5 1.5 .5 -.5 5. .inf .NaN
    2026-01-31 1.2.3 10.0.0.1 1,000 12345678-1234-1234
    ${ $${ $$${ ${keep} ${env:TOKEN} $ $.a a$
    a: #a {a} [a] 'a' "a" \\d+ --- ... %a @a `a !a &a *a é 😀 ٣ https://example.com/#x /^a(b|c)$/
"""
LINES = [
    "",
    " ",
    "a: b",
    "a #b",
    "a ",
    " a",
    "- a",
    "? a",
    "a, b",
    "+49 30 1234",
    "2026-01-31 10:00:00",
    "a" * 3000,
]
BLOCKS = [
    "a\n",
    "a\n\n",
    "\na",
    " a\nb",
    "a\n b\n",
    "a\n\nb",
    "a \nb",
    "a\n" * 50,
    "|\na",
    "# a\n# b\n",
    "a\n---\nb\n",
]
CONTROLS = [
    "\t",
    "a\tb",
    "a\r\nb",
    "\0",
    "\x1b[0m",
    "\x7f",
    "\x85",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ufffe",
    "\xa0",
]
TRICKY = [*WORDS.split(), *LINES, *BLOCKS, *CONTROLS, "👩\u200d🚒", "\U000e0001"]
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
TEXTS = st.one_of(
    st.sampled_from(TRICKY),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text("yYnNoOfF0123456789._:+-eExXb~<=> \n#'\"${}\\", max_size=8),
    st.lists(st.sampled_from(["a", "", " b", "c ", "#", "é😀", "${"]), min_size=2).map("\n".join),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40) + 1, 10**40 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.just(KEEP),
)
DATA = st.dictionaries(
    TEXTS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


ODD_TEXTS = TEXTS | st.text(st.characters(exclude_categories=()), max_size=3)


def nest(levels: int) -> Any:
    """Mappings in one another, so many."""
    return 1 if levels == 0 else {"a": nest(levels - 1)}


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists and mappings of what there is, some in many others."""
    return st.lists(inner, max_size=2) | st.dictionaries(ODD_TEXTS, inner, max_size=2) | inner.map(lambda x: [[[[x]]]])


def depth(value: Any) -> int:
    """How deep mappings and lists stand in one another."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def escaped(value: Any) -> Any:
    """Data as a reader that knows no substitutions finds it in a file."""
    if isinstance(value, dict):
        return {key: escaped(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, str):
        return value.replace("${", "$${")
    return "${keep}" if value is KEEP else value


@pytest.mark.usefixtures("_each_parser")
class TestDump:
    """What is written, and that it is read back."""

    def test_a_rule(self) -> None:
        """A rule is written in block style, in its own order, quoted only where it must be."""
        assert dump_yaml(RULE_DATA) == (
            "kind: eventbridge\n"
            "id: demo-rule\n"
            "priority: 50\n"
            "conditions:\n"
            "  - field: eventType\n"
            "    operator: equals\n"
            "    value: é😀\n"
            "  - field: duration\n"
            "    operator: null\n"
            "targets:\n"
            "  - id: crm\n"
            "    headers:\n"
            "      Authorization: Bearer s3cret\n"
            '      X-Old: "${keep}"\n'
            "description: |\n"
            "  one\n"
            "  two\n"
        )

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (None, "null"),
            (True, "true"),
            (-3, "-3"),
            (1e16, "1.0e+16"),
            (1e-07, "1.0e-07"),
            (-2.5, "-2.5"),
            ({}, "{}"),
            ([], "[]"),
            ((), "[]"),
            (KEEP, '"${keep}"'),
            ("${keep}", '"$${keep}"'),
            ("$${", '"$$${"'),
            ("on", '"on"'),
            ("y", '"y"'),
            ("tRuE", '"tRuE"'),
            ("012", '"012"'),
            ("1:30", '"1:30"'),
            ("0o17", '"0o17"'),
            ("1e5", '"1e5"'),
            ("1.2.3", '"1.2.3"'),
            ("2026-01-31", '"2026-01-31"'),
            ("=", '"="'),
            ("", '""'),
            ("a: b", '"a: b"'),
            ("a #b", '"a #b"'),
            ("a#b:c", "a#b:c"),
            ("trailing ", '"trailing "'),
            ("https://example.com/x?y=1", "https://example.com/x?y=1"),
            ('say "hi"', 'say "hi"'),
            ("\\d+", '"\\\\d+"'),
            ("tab\there", '"tab\\there"'),
            ("\x1b[31m", '"\\u001b[31m"'),
            ("\x85\x7f", '"\\x85\\x7f"'),
            ("a\u202eb", '"a\\u202eb"'),
            ("\U000e0001", '"\\U000e0001"'),
            ("grüße 😀", "grüße 😀"),
            ("x" * 500 + " y" * 500, "x" * 500 + " y" * 500),
            ("a\nb", "|-\n  a\n  b"),
            ("a\n\n  b\n", "|\n  a\n\n    b\n".removesuffix("\n")),
            ("a \nb", '"a \\nb"'),
            ([["a", "b"], [{"c": "d"}]], "\n  - - a\n    - b\n  - - c: d"),
        ],
    )
    def test_values(self, value: object, expected: str) -> None:
        """A value is written so that no reader can take it for another."""
        text = dump_yaml({"k": value})

        assert text == f"k: {expected}\n".replace(": \n", ":\n")

    def test_keys(self) -> None:
        """A key is quoted like a text, its ``${`` left alone, and marked where it is very long."""
        long = "k" * 1001
        data = {"on": 1, "1": 2, "${x}": 3, long: {"a": 1}, long + "l": "x\ny"}

        assert dump_yaml(data) == (f'"on": 1\n"1": 2\n"${{x}}": 3\n? {long}\n:\n  a: 1\n? {long}l\n: |-\n  x\n  y\n')
        assert read(dump_yaml(data)).data == data

    def test_nothing(self) -> None:
        """A mapping without entries is written as such."""
        assert dump_yaml({}) == "{}\n"

    @pytest.mark.parametrize("value", [float("inf"), float("nan")])
    def test_numbers_that_are_none(self, value: float) -> None:
        """What no rule file can hold is not written."""
        with pytest.raises(ValueError, match="cannot be written into a rule file"):
            dump_yaml({"a": [value]})

    def test_other_types(self) -> None:
        """A value of an unknown type is a mistake of the caller."""
        with pytest.raises(TypeError, match="bytes cannot be written into a rule file"):
            dump_yaml({"a": b"x"})

    @MANY
    @given(data=DATA.filter(lambda data: depth(data) <= 20))
    def test_round_trip(self, data: dict[str, Any]) -> None:
        """Whatever is written is read back as the same data, types and order included."""
        assert repr(read(dump_yaml(data)).data) == repr(data)

    @MANY
    @given(data=DATA)
    def test_a_yaml_1_1_reader_agrees(self, data: dict[str, Any]) -> None:
        """A reader of YAML 1.1 understands what is written as the same data, but for substitutions."""
        assert repr(yaml.safe_load(dump_yaml(data))) == repr(escaped(data))

    @pytest.mark.parametrize("text", TRICKY)
    def test_tricky_texts(self, text: str) -> None:
        """Each text that is known to trip a reader is read back as itself, as key, value and item."""
        data = {text: text, "list": [text, [text], {text: text}]}

        assert read(dump_yaml(data)).data == data

    def test_comments(self) -> None:
        """A comment stands above its entry, as far in as that is, at whatever depth; what is read stays the same."""
        data = {"a": {"b": 1, "c": [{"d": KEEP}]}, "k" * 1001: "x\ny", "e": []}
        comments = {
            ("a",): ["# one", "# two"],
            ("a", "b"): comment_lines("three\n\nfour\x1b\u2028\ud800"),
            ("a", "c", 0, "d"): ["# five"],
            ("k" * 1001,): ["# six"],
            ("nowhere",): ["# seven"],
        }
        text = dump_yaml(data, comments)

        assert text == (
            "# one\n# two\na:\n  # three\n  #\n  # four\\x1b\\u2028\\ud800\n  b: 1\n"
            '  c:\n    - # five\n      d: "${keep}"\n'
            f"# six\n? {'k' * 1001}\n: |-\n  x\n  y\ne: []\n"
        )
        assert read(text).data == data

    @pytest.mark.parametrize(
        ("value", "problem", "path"),
        [
            (nest(19), None, ()),
            (nest(20), "too-deep", ("a",) * 20),
            ([[nest(30)]], "too-deep", ("a", 0, 0, *("a",) * 17)),
            ("half \ud800", "invalid-escape", ("a",)),
            ([{"x": {"\udfff": 1}}], "invalid-escape", ("a", 0, "x")),
            (10**40 - 1, None, ()),
            (-(10**40), "number-too-long", ("a",)),
            (1e300, None, ()),
        ],
        ids=str,
    )
    def test_what_no_file_can_hold(self, value: object, problem: str | None, path: tuple[str | int, ...]) -> None:
        """What could be written, but not be read, is found with the id that the reader has for it, and its place."""
        data = {"a": value}
        assert [each[:1] + each[2:3] for each in unwritable(data)] == ([(problem, path)] if problem else [])
        if problem:
            assert problem in {each.id for each in problems_of(dump_yaml(data))}
        else:
            assert read(dump_yaml(data)).data == data

    @MANY
    @given(data=st.dictionaries(ODD_TEXTS, st.recursive(SCALARS | ODD_TEXTS | st.integers(), deeper, max_leaves=6)))
    def test_whatever_else_is_written_is_read(self, data: dict[str, Any]) -> None:
        """Data in which nothing is found that no file can hold is read back."""
        part = {name: value for name, value in data.items() if not any(unwritable({name: value}))}

        assert repr(read(dump_yaml(part)).data) == repr(part)


CHARACTERS = "{ } [ ] , : - ? # & * ! | > ' \" % @ ` \\ ~ $ \\u \\x \\ud800 ${ << --- ... é 😀 \x85 \u2028 \0"
PIECES = [
    *(piece.encode() for piece in CHARACTERS.split(" ")),
    b"\t",
    b"\r",
    b"\n  ",
    b"&a ",
    b"*a ",
    b"\xff",
]
EDITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 4), st.sampled_from(PIECES)), max_size=5)
JSON_RULE = '{"a": [1, "\\ud83d\\ude00", {"b": null}], "c": "${env:TOKEN}"}'


def edited(text: str, edits: list[tuple[int, int, bytes]]) -> bytes:
    """A text's bytes with pieces of it replaced."""
    data = text.encode()
    for start, length, piece in edits:
        data = data[:start] + piece + data[start + length :]
    return data


def outcome(data: bytes) -> Document | InvalidRuleError:
    """A document, or the error that it is refused with."""
    try:
        return load("-", environ=ENVIRON, stdin=io.BytesIO(data))
    except InvalidRuleError as error:
        return error


class TestRobustness:
    """Whatever the bytes are, the outcome is a document or an ``InvalidRuleError``."""

    @pytest.mark.usefixtures("_each_parser")
    @MANY
    @given(text=st.sampled_from([RULE, JSON_RULE]), edits=EDITS)
    def test_mutations(self, text: str, edits: list[tuple[int, int, bytes]]) -> None:
        """A right file with some bytes changed is read, or refused with problems that point into it."""
        result = outcome(edited(text, edits))

        if isinstance(result, Document):
            assert isinstance(result.data, dict)
            assert result.keys.keys() < result.values.keys() or not result.data
            return
        assert result.source is not None
        assert result.problems
        for found in result.problems:
            assert found.message
            assert found.hint
            assert 1 <= (found.line or 0) <= len(result.source.lines)
            assert 1 <= (found.column or 0) < (found.end_column or 0)

    @pytest.mark.skipif(len(LOADERS) == 1, reason="PyYAML was built without its C parser")
    @MANY
    @given(edits=EDITS)
    def test_the_parsers_never_disagree(self, edits: list[tuple[int, int, bytes]]) -> None:
        """Each of the two parsers refuses some texts that the other reads; what both read is the same."""
        results = []
        for loader in LOADERS:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(yaml_reader, "_LOADER", loader)
                results.append(outcome(edited(RULE, edits)))

        if all(isinstance(result, Document) for result in results):
            assert results[0] == results[1]
