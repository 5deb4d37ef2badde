"""Where secrets stand in a rule, and how the same place is found in what the org has."""

from __future__ import annotations

from typing import Any

import pytest

from ebrule.errors import Problem
from ebrule.redaction import Places, Redactor, is_sensitive, with_key_id, without_secrets
from ebrule.redaction.keys import Key
from ebrule.redaction.places import Place
from ebrule.redaction.vocabulary import WORDS, is_rare
from ebrule.rulefile import parse
from ebrule.rules.eventbridge import OPERATORS as ROUTING_OPERATORS
from ebrule.rules.registry import KINDS
from ebrule.rules.trigger import OPERATORS as TRIGGER_OPERATORS

KEY = b"k" * 32
OLD = "the old one"


def hidden(text: str) -> str:
    """What stands in the place of ``text``."""
    return Redactor(KEY).value(text)


def redactor_of(file: str, **environ: str) -> Redactor:
    """Return the redactor of a run that knows a rule file, and only its places."""
    document = parse(file, "rule.yaml", environ={"X": "e", **environ})
    return Redactor(KEY, places=document.places)


# --- what a file knows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "there", "shown"),
    [
        pytest.param('a: "${env:X}"', {"a": OLD, "b": OLD}, {"a": hidden(OLD), "b": OLD}, id="field"),
        pytest.param('a: "1 ${env:X} 2"', {"a": OLD}, {"a": hidden(OLD)}, id="part"),
        pytest.param('a: "${env:X}"', {"a": None}, {"a": None}, id="nothing"),
        pytest.param('a: "${env:X}"', {"a": 5}, {"a": hidden("5")}, id="number"),
        pytest.param('a: "${env:X}"', {"a": {"b": [OLD, 1]}}, {"a": {"b": [hidden(OLD), hidden("1")]}}, id="below"),
        pytest.param('a: {b: "${env:X}"}', {"a": OLD}, {"a": hidden(OLD)}, id="above"),
        pytest.param(
            'a: {X-B: "${env:X}"}', {"a": {"x-b": OLD, "b": 1}}, {"a": {"x-b": hidden(OLD), "b": 1}}, id="case"
        ),
        pytest.param('a: "$${env:X}"', {"a": OLD}, {"a": OLD}, id="no-variable"),
        pytest.param(
            't: [{id: x, u: "${env:X}"}, {id: w, u: 1}]',
            {"t": [{"id": "w", "u": OLD}, {"u": OLD, "id": "x"}]},
            {"t": [{"id": "w", "u": OLD}, {"u": hidden(OLD), "id": "x"}]},
            id="by-id",
        ),
        pytest.param(
            't: [{id: x, u: "${env:X}"}, {id: w, u: 1}]',
            {"t": [{"id": "w", "u": OLD}, {"id": "z", "u": OLD}]},
            {"t": [{"id": "w", "u": OLD}, {"id": "z", "u": hidden(OLD)}]},
            id="another-id",
        ),
        pytest.param(
            't: [{id: "${env:X}", u: 1}, {id: w, u: 1}]',
            {"t": [{"id": "w", "u": 2}, {"id": OLD, "u": 2}]},
            {"t": [{"id": "w", "u": 2}, {"id": hidden(OLD), "u": 2}]},
            id="the-id",
        ),
        pytest.param(
            'c: [{f: a, v: 1}, {f: b, v: "${env:X}"}]',
            {"c": [{"f": "b", "v": OLD}, {"f": "a", "v": 2}, {"f": "a", "v": 1}]},
            {"c": [{"f": "b", "v": hidden(OLD)}, {"f": "a", "v": 2}, {"f": "a", "v": 1}]},
            id="by-the-rest",
        ),
        pytest.param(
            'c: [{f: a, v: 1}, {f: b, v: "${env:X}"}]',
            {"c": [{"f": "c", "v": OLD}, {"f": "a", "v": 1}]},
            {"c": [{"f": "c", "v": hidden(OLD)}, {"f": "a", "v": 1}]},
            id="another-element",
        ),
        pytest.param('s: [a, "${env:X}"]', {"s": [OLD, "a"]}, {"s": [hidden(OLD), "a"]}, id="set"),
        pytest.param('s: [e, "${env:X}"]', {"s": ["e", "e"]}, {"s": [hidden("e"), hidden("e")]}, id="same-value"),
        pytest.param(
            'v: [{f: a, vs: [x, "${env:X}"]}]',
            {"v": [{"f": "a", "vs": ["x", "y"]}]},
            {"v": [{"f": "a", "vs": ["x", hidden("y")]}]},
            id="list-in-list",
        ),
        pytest.param('t: [{a: "${env:X}"}]', {"t": {"a": OLD}}, {"t": {"a": hidden(OLD)}}, id="no-list-there"),
        pytest.param('t: {a: "${env:X}"}', {"t": [{"a": OLD}]}, {"t": [{"a": hidden(OLD)}]}, id="a-list-there"),
    ],
)
def test_a_place_is_found_in_what_the_org_has(file: str, there: Any, shown: Any) -> None:
    """A place is known by names and elements, whatever the order there; nothing beside it is hidden."""
    redactor = redactor_of(file)

    assert shown == redactor.data(there)
    assert [shown, shown] == redactor.data([there, there])


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("targets", [{"id": "crm", "headers": {"A": OLD}}], [{"id": "crm", "headers": {"A": hidden(OLD)}}]),
        ("targets[crm]", {"headers": {"A": OLD, "B": 1}}, {"headers": {"A": hidden(OLD), "B": 1}}),
        ("targets[crm].headers", {"A": OLD, "B": 1}, {"A": hidden(OLD), "B": 1}),
        ("targets[crm].headers.A", OLD, hidden(OLD)),
        ("targets[crm].headers.A.deeper", OLD, hidden(OLD)),
        ("targets[crm].headers.AB", OLD, OLD),
        ("targets[crm].url", OLD, OLD),
        ("targets[pbx].headers", {"A": OLD}, {"A": OLD}),
        ("targetsother", OLD, OLD),
        ("targets[crm].x-token", OLD, hidden(OLD)),
        ("owner.password.a", {"b": OLD}, {"b": hidden(OLD)}),
        ("targets[token].url", OLD, OLD),
        ("targets[a].b].token", OLD, hidden(OLD)),
    ],
)
def test_a_place_is_found_behind_a_path(path: str, value: Any, shown: Any) -> None:
    """What stands at a path is hidden as it is in the whole rule."""
    redactor = redactor_of('targets: [{id: crm, headers: {A: "${env:X}"}}, {id: pbx}]')

    assert shown == redactor.at(path, value)


@pytest.mark.parametrize(
    ("written", "text", "secrets"),
    [
        ("${env:X}", OLD, [OLD]),
        ("Bearer ${env:X}", "Bearer old", ["old"]),
        ("Bearer ${env:X}", "Basic old", ["Basic old"]),
        ("https://u:${env:X}@h/${env:Y}?code=${env:X}", "https://u:a@h/b?code=c", ["a", "b", "c"]),
        ("${env:X}${env:Y}-", "ab-", ["ab"]),
        ("${var:HOST}/${env:X}", "one/two", ["two"]),
        ("ab${env:X}ba", "aba", ["aba"]),
        ("a${env:X}b${env:Y}c", "axc", ["axc"]),
    ],
)
def test_the_old_secret_is_cut_out_of_the_old_value(written: str, text: str, secrets: list[str]) -> None:
    """Where the org's value is like the file's, what stood in the place of each variable is told."""
    assert secrets == Place((), written).secrets_in(text)


def test_a_long_old_secret_is_hidden_everywhere_else() -> None:
    """What the org has at the place of a variable is a secret in other fields too, and where a server quotes it."""
    redactor = redactor_of('a: "Bearer ${env:X}"').knowing(None, {"a": "Bearer old-secret-1"})

    assert {"b": hidden("say old-secret-1")} == redactor.data({"b": "say old-secret-1"})
    assert f"the org says: {hidden('old-secret-1')}" == redactor.text("the org says: old-secret-1")
    assert "a Bearer" == redactor.text("a Bearer")


# --- what the ledger knows --------------------------------------------------------------------------------


def test_a_place_of_the_ledger_hides_what_has_come_there_since() -> None:
    """Where a record has a digest, the org's present value is hidden, short or not; a part of a URL is no place."""
    recorded = {"a": hidden("x"), "t": [{"id": "y", "b": hidden("x")}], "u": f"https://{hidden('x')}@h/"}
    there = {"a": "e", "t": [{"id": "z", "b": "e"}, {"id": "y", "b": "e"}], "u": "https://h/e"}
    shown = {"a": hidden("e"), "t": [{"id": "z", "b": "e"}, {"id": "y", "b": hidden("e")}], "u": "https://h/e"}

    assert shown == Redactor(KEY).knowing(recorded, there).data(there)
    assert shown == Redactor(KEY).knowing([None, recorded], there).data(there)


def test_what_is_plainly_said_is_no_secret_any_more() -> None:
    """A file that has a plain value where the ledger has a digest shows it; what the org has there stays hidden."""
    redactor = redactor_of("a: plain").knowing({"a": hidden("x")}, {"a": OLD})

    assert ({"a": "plain"}, {"a": hidden(OLD)}) == (redactor.data({"a": "plain"}), redactor.data({"a": OLD}))


def test_an_old_ledger_that_hid_words_hides_them_no_more() -> None:
    """Names and values of choice that a short secret had turned into digests are read, and do not stay hidden."""
    recorded = {hidden("status"): hidden("enabled"), "status": hidden("enabled"), hidden("name"): "one"}
    there = {"status": "enabled", "name": "one"}
    redactor = Redactor(KEY).knowing(recorded, there)

    assert there == redactor.data(there)
    assert {**there} == redactor.restore(recorded, there)


def test_a_number_comes_back_where_it_was() -> None:
    """A value that was no text is restored as it was, and only at its place."""
    recorded = {"a": hidden("5"), "b": hidden("6")}

    assert {"a": 5, "b": hidden("6")} == Redactor(KEY).restore(recorded, {"a": 5, "c": 6})


# --- problems and records ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "message", "shown"),
    [
        (("a",), 'a is "e"; did you mean "enabled"?', f'a is "{hidden("e")}"; did you mean "enabled"?'),
        (("a",), "'e' is no kind of the org's", f"'{hidden('e')}' is no kind of the org's"),
        (("c", 1, "v"), 'from "e" to "x"', f'from "{hidden("e")}" to "{hidden("x")}"'),
        (("a",), f'"{"e " * 200}"', f'"{hidden("e " * 200 + chr(34))}"'),
        (("a",), 'is "e" or "', f'is "{hidden("e")}" or "{hidden("")}"'),
        (("c", 0, "v"), '"e" is odd', '"e" is odd'),
        (("c",), '"e" is odd', '"e" is odd'),
    ],
)
def test_a_problem_at_a_place_quotes_no_value(path: tuple[str | int, ...], message: str, shown: str) -> None:
    """What stands between quotation marks is hidden there, but for a rule's own words."""
    redactor = redactor_of('a: "${env:X}"\nc: [{v: 1}, {v: "${env:X}"}]')

    assert shown == redactor.problem(Problem("odd", message, path)).message


def test_a_problem_is_hidden_under_a_key_of_no_other_use() -> None:
    """What no record has is hidden under a key that nobody knows."""
    places = Places.of({"a": "e"}, {("a",): "${env:X}"})
    shown = {without_secrets(Problem("odd", '"e"', ("a",)), [], places).message for _ in range(2)}

    assert len(shown) == 2
    assert not any('"e"' in text for text in shown)


def test_a_record_with_digests_names_their_key() -> None:
    """A record that holds a digest says of which key, and one that holds none says nothing."""
    key = Key(KEY)
    held = {"after": {"a": [f"see {hidden('x')}"]}}

    assert {**held, "key_id": key.id} == with_key_id(held, key)
    assert {"after": {"a": 1}} == with_key_id({"after": {"a": 1}}, key)
    assert key.id == Redactor(KEY).key_id


# --- words ------------------------------------------------------------------------------------------------


def names_of(schema: Any) -> set[str]:
    """Return the names that a JSON schema gives to fields."""
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = schema.get("properties", {}) if isinstance(schema, dict) else {}
    return {name for name in own if not name.startswith("$")}.union(*map(names_of, parts))


def words_of(schema: Any) -> set[str]:
    """Return the names and the choices of a JSON schema."""
    if isinstance(schema, list):
        return set().union(*map(words_of, schema))
    if not isinstance(schema, dict):
        return set()
    own = {*names_of(schema), *schema.get("enum", ()), *filter(None, [schema.get("const")])}
    return own.union(*(words_of(value) for value in schema.values()))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_words_of_a_rule_are_known(kind: Any) -> None:
    """No key of a schema, choice, operator or kind is ever taken for a secret."""
    words = {
        *words_of(kind.model.model_json_schema()),
        *kind.read_only,
        *ROUTING_OPERATORS,
        *TRIGGER_OPERATORS,
        kind.name,
    }

    assert words <= WORDS
    assert not any(is_rare(word) for word in words)


def test_no_field_of_a_rule_is_sensitive_by_its_name() -> None:
    """But for the one that holds the org's own credentials, the names of a schema say nothing of secrets."""
    fields = {name for kind in KINDS.values() for name in names_of(kind.model.model_json_schema())}

    assert {"credentials"} == set(filter(is_sensitive, fields))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e", False),
        ("1234567", False),
        ("12345678", True),
        ("jsonPath", False),
        ("JSONPATH", False),
        ("sonPaths", True),
    ],
)
def test_a_secret_is_rare_where_it_is_long_and_no_word(text: str, expected: bool) -> None:
    """Eight characters are enough, unless they are a word of rules or of ebrule."""
    assert expected == is_rare(text)
