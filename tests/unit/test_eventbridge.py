"""The limits of an EventBridge routing rule, each on both sides of its edge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebrule.core.validator import check_rule
from ebrule.rulefile import KEEP
from ebrule.rules.eventbridge import EVENTBRIDGE, OPERATORS, expression_length

if TYPE_CHECKING:
    from ebrule.errors import Problem

RULE = {"name": "Demo", "status": "enabled", "priority": 50, "conditions": [], "targets": []}
texts = st.text(max_size=6)
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A slow machine is no reason to fail."""

CONDITION = {"field": "a", "operator": "equals", "value": 1}


def found(**fields: Any) -> list[tuple[str, tuple[str | int, ...], str]]:
    """Return id, path and severity of each problem of a rule that is right but for these fields."""
    return [(problem.id, problem.path, problem.severity) for problem in check_rule(EVENTBRIDGE, {**RULE, **fields})]


def the_only(**fields: Any) -> Problem:
    """Return the one problem of such a rule."""
    (problem,) = check_rule(EVENTBRIDGE, {**RULE, **fields})
    return problem


def conditions_of_length(total: int, filler: str = "x") -> list[dict[str, Any]]:
    """Return two conditions whose texts have that many characters in all."""
    empty = [{**CONDITION, "value": ""}, {**CONDITION, "value": ""}]
    room = total - sum(len(json.dumps(condition, ensure_ascii=False)) for condition in empty)
    return [{**CONDITION, "value": ""}, {**CONDITION, "value": filler * room}]


def test_a_right_rule_has_no_problems() -> None:
    """A rule within all limits, with keys in a target that ebrule does not know, is right."""
    targets = [{"id": "t1", "type": "webhook", "url": "https://x", "headers": {"A": "b"}, "retries": 3}]

    assert found(conditions=[CONDITION], targets=targets, description=None) == []


# --- priority -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priority", [1, 2, 999, 1_000])
def test_priorities(priority: int) -> None:
    """Priorities go from 1 to 1,000."""
    assert found(priority=priority) == []


@pytest.mark.parametrize("priority", [0, 1_001, -1, 10**40])
def test_priorities_out_of_range(priority: int) -> None:
    """The message has the number and both ends of the range."""
    problem = the_only(priority=priority)

    assert (problem.id, problem.path) == ("priority-range", ("priority",))
    assert f"priority is {priority}; it must be from 1 to 1000" == problem.message


@pytest.mark.parametrize("priority", ["50", True, False, 50.0, [50]], ids=repr)
def test_what_is_no_priority(priority: Any) -> None:
    """Only a whole number is a priority; text, a boolean or a float is one problem."""
    assert found(priority=priority) == [("wrong-type", ("priority",), "error")]


@pytest.mark.parametrize("field", ["name", "status", "priority", "conditions", "targets"])
def test_a_required_field_that_is_null_is_missing(field: str) -> None:
    """Null counts as left out, so a field that a rule needs is one problem, and the limits do not trip over it."""
    assert [("missing-key", (field,), "error")] == found(**{field: None})


def test_what_may_be_left_out_may_be_null() -> None:
    """Null is the same as absent: of the rule, of a target, and among its headers."""
    target = {"id": "t1", "type": None, "url": None, "headers": {"A": None}, "retries": None}

    assert [] == found(kind=None, id=None, version=None, description=None, targets=[target])
    assert [] == found(targets=[{"id": "t1", "headers": None}])


def test_an_unknown_key_is_one_even_if_it_is_null() -> None:
    """A misspelled key is reported, whatever it holds: otherwise it would be missed."""
    assert [("unknown-key", ("prioritiy",), "error")] == found(prioritiy=None)


# --- conditions ---------------------------------------------------------------------------------------------


def test_fifteen_conditions_are_allowed() -> None:
    """A rule may have 15 conditions, and none."""
    assert found(conditions=[CONDITION] * 15) == []
    assert found(conditions=[]) == []


def test_sixteen_conditions_are_too_many() -> None:
    """The message says how many there are and may be."""
    problem = the_only(conditions=[CONDITION] * 16)

    assert (problem.id, problem.path) == ("too-many-conditions", ("conditions",))
    assert problem.message == "16 conditions; a rule may have at most 15"


@pytest.mark.parametrize("filler", ["x", "é", "字", "😀"])
def test_a_thousand_characters_are_allowed(filler: str) -> None:
    """Conditions are measured in characters of their JSON text, in whatever alphabet."""
    conditions = conditions_of_length(1_000, filler)

    assert sum(len(json.dumps(condition, ensure_ascii=False)) for condition in conditions) == 1_000
    assert found(conditions=conditions) == []


@pytest.mark.parametrize("filler", ["x", "é", "字", "😀"])
def test_one_character_more_is_too_long(filler: str) -> None:
    """The message says how long the conditions are and may be."""
    problem = the_only(conditions=conditions_of_length(1_001, filler))

    assert (problem.id, problem.path) == ("expression-too-long", ("conditions",))
    assert problem.message == "the conditions are 1,001 characters long; at most 1,000 are allowed"


@calm
@given(st.lists(st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none(), max_size=3), max_size=4))
def test_the_length_is_that_of_the_json_texts(conditions: list[dict[str, Any]]) -> None:
    """The measure is the sum over the conditions, each by itself, with a space after commas and colons."""
    texts = [json.dumps(each, ensure_ascii=False, separators=(", ", ": ")) for each in conditions]

    assert sum(map(len, texts)) == expression_length(conditions)


def test_the_length_of_what_a_file_keeps() -> None:
    """A value that stands for the org's own does not break the measuring."""
    assert expression_length([{**CONDITION, "value": KEEP}]) > 0


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_known_operators(operator: str) -> None:
    """Operators that ebrule knows are right."""
    assert found(conditions=[{**CONDITION, "operator": operator}]) == []


@pytest.mark.parametrize("operator", ["Equals", "equal", "=="])
def test_an_unknown_operator_is_a_warning(operator: str) -> None:
    """The org decides about operators that ebrule does not know."""
    path = ("conditions", 1, "operator")

    assert [("unknown-operator", path, "warning")] == found(conditions=[CONDITION, {**CONDITION, "operator": operator}])


@pytest.mark.parametrize("value", [1, 1.5, "x", True, None, [1, "a"], {"a": [None]}], ids=repr)
def test_a_condition_compares_with_any_json(value: Any) -> None:
    """The value of a condition may be whatever JSON can say."""
    assert found(conditions=[{**CONDITION, "value": value}]) == []


# --- targets ------------------------------------------------------------------------------------------------


def test_a_target_needs_an_id() -> None:
    """A target without an id is told where it stands."""
    problem = the_only(targets=[{"id": "t1"}, {"type": "webhook"}])

    assert (problem.id, problem.path) == ("missing-key", ("targets", 1, "id"))
    assert problem.message == 'targets[1] needs "id"'


@pytest.mark.parametrize("target_id", ["../../oauth/clients", ".", "a b", "http://evil/x", "x" * 129])
def test_a_target_id_is_an_id(target_id: str) -> None:
    """An id that could lead to another resource is refused before anything is asked."""
    problem = the_only(targets=[{"id": target_id}])

    assert (problem.id, problem.path) == ("bad-target-id", ("targets", 0, "id"))


def test_an_empty_target_id_is_one_problem() -> None:
    """An empty id is told once."""
    assert found(targets=[{"id": ""}]) == [("empty-text", ("targets", 0, "id"), "error")]


@pytest.mark.parametrize("name", ["X-Source", "x_y.z", "!#$%&'*+-.^_`|~", "1"])
@pytest.mark.parametrize("value", ["EventBridge", "", "a\tb", "Grüße, 漢字", "Bearer a b", KEEP, None, 5])
def test_headers_that_http_has(name: str, value: Any) -> None:
    """A name is a token, and a value is one line; what is no text is not the limits' to tell."""
    assert [] == EVENTBRIDGE.limits({"targets": [{"id": "a", "headers": {name: value}}]})


@pytest.mark.parametrize("name", ["", "X Source", "X:", "X\r\nY", "X\x00", "Ü", "(X)", "X\t", "\u2028", "X\n"])
def test_what_is_no_header_name(name: str) -> None:
    """Spaces, colons, separators, line breaks and other alphabets are refused, at the name."""
    (found,) = EVENTBRIDGE.limits({"targets": [{"id": "a"}, {"headers": {"A": "b", name: "v"}}]})
    assert ("bad-header-name", ("targets", 1, "headers", name)) == (found.id, found.path)


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\x00", "\x0b", "\x1b", "\x7f", "\x85"])
@pytest.mark.parametrize("value", ["{}canary", "can{}ary", "canary{}"])
def test_what_is_no_header_value(value: str, character: str) -> None:
    """A control character is refused wherever it stands, and the value, which may be a secret, is not shown."""
    (found,) = EVENTBRIDGE.limits({"targets": [{"id": "a", "headers": {"A": value.format(character)}}]})
    assert ("bad-header-value", ("targets", 0, "headers", "A")) == (found.id, found.path)
    assert f"U+{ord(character[0]):04X}" in found.message
    assert "ary" not in f"{found.message} {found.hint}"


def test_each_target_stands_once() -> None:
    """Every further target with the same id is told, with the place of the first."""
    targets = [{"id": "t1"}, {"id": "t2"}, {"id": "t1"}, {"id": "t1"}]

    assert [("duplicate-target", ("targets", n, "id"), "error") for n in (2, 3)] == found(targets=targets)
    assert "first as targets[0]" in check_rule(EVENTBRIDGE, {**RULE, "targets": targets})[1].message


@pytest.mark.parametrize("field", ["conditions", "targets"])
@pytest.mark.parametrize("value", ["x", 1, {"a": 1}], ids=repr)
def test_what_is_no_list(field: str, value: Any) -> None:
    """Where a list is needed, anything else is one problem, and the limits do not trip over it."""
    assert [("wrong-type", (field,), "error")] == found(**{field: value})


@pytest.mark.parametrize("field", ["conditions", "targets"])
@pytest.mark.parametrize("item", ["x", 1, None, []], ids=repr)
def test_what_is_no_mapping(field: str, item: Any) -> None:
    """Where a mapping is needed in a list, anything else is one problem."""
    assert [("wrong-type", (field, 0), "error")] == found(**{field: [item]})


# --- references ---------------------------------------------------------------------------------------------


def test_each_target_is_looked_up() -> None:
    """Every target is a reference, with its place and the path of its resource."""
    references = EVENTBRIDGE.references({"targets": [{"id": "t1"}, {"id": "t.2"}]}, "r")

    assert [(r.path, r.what, r.id, r.resource) for r in references] == [
        (("targets", 0, "id"), "target", "t1", "/api/v2/eventbridge/targets/t1"),
        (("targets", 1, "id"), "target", "t.2", "/api/v2/eventbridge/targets/t.2"),
    ]
    assert [reference.check({}) for reference in references] == [None, None]


@pytest.mark.parametrize("rule", [{}, {"targets": None}, {"targets": []}, {"targets": KEEP}], ids=str)
def test_a_file_without_targets_refers_to_nothing(rule: dict[str, Any]) -> None:
    """A file that names no targets, or keeps the org's, leaves nothing to look up."""
    assert EVENTBRIDGE.references(rule, "r") == []


def test_no_reference_leads_elsewhere() -> None:
    """Whatever an org has in the place of a target, or of its id, no request is made of it."""
    odd: list[Any] = [{"id": "../../oauth/clients"}, {"id": 5}, {}, None, "t1"]
    assert EVENTBRIDGE.references({"targets": odd}, "r") == []
