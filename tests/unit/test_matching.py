"""Which events a rule matches: conditions, criteria, paths and topics, on plain data."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebrule.errors import InvalidRuleError, Problem
from ebrule.rules.eventbridge import OPERATORS
from ebrule.rules.matching import MISSING, Condition, matches
from ebrule.rules.matching.criteria import trigger_conditions
from ebrule.rules.matching.json_path import JsonPath, JsonPathError
from ebrule.rules.matching.routing import routing_conditions
from ebrule.rules.matching.topics import is_topic, topic_conditions
from semantics import README, ROUTING, TRIGGER, Example, event_of, routing, table, the_condition, trigger

if TYPE_CHECKING:
    from collections.abc import Callable

calm = settings(deadline=None)
"""A slow machine is no reason to fail."""

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3)
)
"""JSON values."""

MAKERS = {"eventbridge": routing, "trigger": trigger}
VERDICTS = [
    (kind, each.operator, each.value, value, result)
    for kind, examples in (("eventbridge", ROUTING), ("trigger", TRIGGER))
    for each in examples
    for result, listed in ((True, each.holds), (False, each.fails))
    for value in listed
]


def problem_of(found: list[Condition | Problem]) -> tuple[str, tuple[str | int, ...]]:
    """Return id and path of the only problem that stands in a condition's place."""
    (problem,) = found
    assert isinstance(problem, Problem)
    return problem.id, problem.path


# --- what operators mean ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "operator", "value", "found", "result"), VERDICTS, ids=repr)
def test_semantics(kind: str, operator: str, value: Any, found: Any, result: bool) -> None:
    """Each operator holds for the values that the README's tables say, and for no others."""
    finding = MAKERS[kind](operator, value).examine(event_of(found))

    assert (finding.result, finding.found) == (result, found is not MISSING)


@pytest.mark.parametrize("examples", [ROUTING, TRIGGER], ids=["eventbridge", "trigger"])
def test_the_readme_has_the_tables(examples: tuple[Example, ...]) -> None:
    """The README's tables of semantics are those that the tests run; ``python tests/semantics.py`` writes them."""
    assert f"\n{table(examples)}\n" in README.read_text()


def test_every_operator_has_a_meaning() -> None:
    """Each operator that ebrule knows can be evaluated, and has its rows in the README."""
    assert {each.operator for each in ROUTING} == set(OPERATORS)


@pytest.mark.parametrize("examples", [ROUTING, TRIGGER], ids=["eventbridge", "trigger"])
def test_a_missing_field_fails_all_but_three_operators(examples: tuple[Example, ...]) -> None:
    """Where the event has nothing, only not-equal, not-in and ``exists: false`` hold."""
    holding = {
        (each.operator.lower().removesuffix("s"), each.value is False) for each in examples if MISSING in each.holds
    }

    assert {("notequal", False), ("notin", False), ("exist", True)} == holding


@calm
@given(values, values)
def test_opposites(value: Any, found: Any) -> None:
    """An operator and its negation never agree, whatever is compared."""
    for make, pairs in (
        (routing, [("equals", "notEquals", value), ("in", "notIn", [value])]),
        (trigger, [("Equal", "NotEqual", value), ("In", "NotIn", [value])]),
    ):
        for one, other, given_value in pairs:
            verdicts = {make(name, given_value).examine({"a": found}).result for name in (one, other)}
            assert {True, False} == verdicts


@calm
@given(
    st.lists(values | st.sampled_from(["1", "1.0", 1, 1.0, -0.0, 0, True, [1], [1.0], [0.0], [-0.0]])),
    st.lists(values | st.sampled_from(["1", "1.0", 1, 1.0, -0.0, 0, False, [1], [1.0], [0.0], [-0.0]])),
)
def test_all_is_what_contains_says_of_each(wanted: list[Any], found: list[Any]) -> None:
    """Looking a value up is as good as comparing it with each element."""
    each = [trigger("Contains", value).examine({"a": found}).result for value in wanted]
    assert all(each) == trigger("All", wanted).examine({"a": found}).result


@calm
@given(values)
def test_what_is_written_is_found(value: Any) -> None:
    """A value equals itself, whichever kind of rule asks, and after a round trip through JSON."""
    event = {"a": json.loads(json.dumps(value))}

    assert routing("equals", value).examine(event).result
    assert trigger("Equal", value).examine(event).result


@calm
@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False), scalars)
def test_numbers_are_ordered_among_themselves_only(limit: float, found: Any) -> None:
    """Of less, equal and greater exactly one holds between two numbers, and none between a number and another thing."""
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    verdicts = [routing(name, limit).examine({"a": found}).result for name in ("lessThan", "equals", "greaterThan")]

    assert int(is_number) == sum(verdicts)


@pytest.mark.parametrize(("one", "other"), [("\ue000", "\U0001f600"), ("a", "b")], ids=["astral", "plain"])
def test_triggers_order_text_as_java_does(one: str, other: str) -> None:
    """A trigger compares UTF-16 units, as Java does: characters beyond the first plane come before U+E000."""
    assert trigger("LessThan", other).examine({"a": one}).result == (one == "a")
    assert routing("lessThan", other).examine({"a": one}).result


def test_triggers_count_text_as_java_does() -> None:
    """``Size`` of a text counts UTF-16 units, and takes the whole part of what is asked."""
    assert trigger("Size", 2).examine({"a": "\U0001f600"}).result
    assert trigger("Size", 2.9).examine({"a": [1, 2]}).result


@pytest.mark.parametrize("text", [" 30", "3_0", "nan", "1e9999999999999999999", "\u0663\u0660", ""])
def test_what_reads_like_a_number_to_python_only(text: str) -> None:
    """A trigger reads a text as a number only where it is one in plain decimal notation."""
    assert not trigger("Equal", text).examine({"a": 30}).result


# --- what cannot be evaluated -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("in", "CHAT"), ("notIn", None), ("exists", "true"), ("matches", 1), ("matches", "(?=a)"), ("matches", "("),
        ("greaterThan", True), ("lessThan", [1]), ("startsWith", 1), ("endsWith", None), ("matches", r"(a)\1"),
        ("matches", "(a{1000}){1000}"),
    ],
    ids=repr,
)  # fmt: skip
def test_values_that_an_operator_cannot_take(operator: str, value: Any) -> None:
    """A value that could never decide anything is a problem at its place, not a condition that never holds."""
    rule = {"conditions": [{"field": "a", "operator": operator, "value": value}]}

    assert ("unusable-value", ("conditions", 0, "value")) == problem_of(list(routing_conditions(rule)))


@pytest.mark.parametrize(
    ("operator", "value"),
    [("In", "CHAT"), ("NotIn", 1), ("All", "a"), ("Exists", 1), ("Size", "2"), ("LessThan", None)],
)
@pytest.mark.parametrize("key", ["value", "values"])
def test_values_that_a_criterion_cannot_take(key: str, operator: str, value: Any) -> None:
    """A criterion's problem stands at ``value`` or ``values``, whichever it has."""
    criterion = {"jsonPath": "a", "operator": operator, key: value}
    key = key if value is not None else "value"

    expected = ("unusable-value", ("matchCriteria", 0, key))
    assert expected == problem_of(list(trigger_conditions({"matchCriteria": [criterion]})))


def test_an_operator_that_ebrule_does_not_know() -> None:
    """What an unknown operator means is not guessed at."""
    rule = {"conditions": [{"field": "a", "operator": "fuzzy", "value": 1}]}
    criteria = {"matchCriteria": [{"jsonPath": "a", "operator": "StartsWith", "value": "x"}]}

    assert ("unknown-operator", ("conditions", 0, "operator")) == problem_of(list(routing_conditions(rule)))
    assert ("unknown-operator", ("matchCriteria", 0, "operator")) == problem_of(list(trigger_conditions(criteria)))


def test_a_rule_whose_conditions_are_not_there() -> None:
    """``${keep}`` in place of the conditions, or nothing, leaves open what a rule matches; a trigger may have none."""
    assert ("unknown-conditions", ("conditions",)) == problem_of(list(routing_conditions({})))
    assert ("unknown-conditions", ("properties", "eventFilter")) == problem_of(list(topic_conditions({})))
    kept: dict[str, Any] = {"matchCriteria": object()}
    assert ("unknown-conditions", ("matchCriteria",)) == problem_of(list(trigger_conditions(kept)))
    assert [] == list(trigger_conditions({})) == list(trigger_conditions({"matchCriteria": []}))


def test_a_search_takes_linear_time() -> None:
    """A pattern that makes backtracking engines hang is searched for in a long text at once."""
    assert not routing("matches", "(a+)+$").examine({"a": "a" * 100_000 + "b"}).result


def test_a_rule_without_conditions_matches() -> None:
    """All of no conditions hold."""
    assert matches([])


# --- dotted paths -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a.b", 1), ("l.1", 20), ("l.1.x", MISSING), ("l.2", MISSING), ("l.-1", MISSING), ("l.x", MISSING),
        ("d.1", "one"),
        ("a.b.c", MISSING), ("e.f", MISSING), ("", "empty"), ("n", None), ("n.x", MISSING), ("x", MISSING),
        ("l.\u0661", MISSING),
    ],
    ids=repr,
)  # fmt: skip
def test_dotted_paths(field: str, expected: Any) -> None:
    """A dot always separates; numbers pick elements of lists, and are names in objects."""
    event = {"a": {"b": 1}, "l": [10, 20], "d": {"1": "one"}, "e.f": 2, "": "empty", "n": None}

    assert expected == routing("exists", True, field).find(event)


# --- JSONPath -----------------------------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "mediaType": "VOICE",
    "to": {"entityId": "e1", "a.b": 1, "it's": 2},
    "participants": [
        {"purpose": "customer", "sessions": [{"ani": "+44"}, {"ani": "+49"}]},
        {"purpose": "agent", "sessions": []},
        {"name": "Eve"},
    ],
    "list": [0, 1, 2, 3, 4],
    "null": None,
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mediaType", "VOICE"), ("$.mediaType", "VOICE"), (" $.mediaType ", "VOICE"), ("$", EVENT),
        ("$['mediaType']", "VOICE"),
        ("['mediaType']", "VOICE"), ('$["to"]["entityId"]', "e1"), ("to.entityId", "e1"), ("to['a.b']", 1),
        (r"to['it\'s']", 2), ("$.to.['entityId']", "e1"), ("null", None), ("null.x", MISSING), ("x", MISSING),
        ("x.y", MISSING),
        ("mediaType.x", MISSING), ("mediaType[0]", MISSING), ("list[0]", 0), ("list[-1]", 4), ("list[5]", MISSING),
        ("list[-6]", MISSING), ("list.0", MISSING), ("to[0]", MISSING),
        # Several places.
        ("list[*]", [0, 1, 2, 3, 4]), ("list.*", [0, 1, 2, 3, 4]), ("list[0,2]", [0, 2]), ("list[ 4 , 9, -1 ]", [4, 4]),
        ("list[1:3]", [1, 2]), ("list[3:]", [3, 4]), ("list[-2:]", [3, 4]), ("list[:2]", [0, 1]), ("list[:-3]", [0, 1]),
        ("list[-2:-1]", [3]), ("list[1:-1]", []), ("list[-999999999:1]", [0, 1, 2, 3, 4, 0]),
        ("list[3:99]", [3, 4]), ("to[1:2]", MISSING),
        ("participants[*].purpose", ["customer", "agent"]), ("participants[*].sessions[*].ani", ["+44", "+49"]),
        ("participants[*].sessions[0].ani", ["+44"]), ("$..ani", ["+44", "+49"]), ("$..sessions[0]", [{"ani": "+44"}]),
        ("$..sessions..ani", ["+44", "+49"]), ("x[*]", MISSING), ("x..y", MISSING), ("mediaType[*]", []),
        ("list[9][*]", []),
        ("to['entityId','a.b']", {"entityId": "e1", "a.b": 1}), ("to['entityId','x']", {"entityId": "e1"}),
        ("['to','null']['entityId','x']", [{"entityId": "e1"}]), ("['to','x'].entityId", ["e1"]),
        ("to.*", ["e1", 1, 2]),
        ("$..['purpose','name']", []), ("$..[2]", [EVENT["participants"][2], 2]), ("$..x", []),
    ],
    ids=repr,
)  # fmt: skip
def test_json_paths(path: str, expected: Any) -> None:
    """A path leads where Jayway JsonPath says."""
    assert expected == JsonPath(path).find(EVENT)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("null", True), ("x", False), ("participants[*].purpose", False), ("participants[*].sessions", False),
        ("participants[0:2].purpose", True), ("$..ani", True), ("$..x", True), ("list[9]", False), ("list[9,1]", True),
        ("to['entityId','x']", False), ("$..sessions[*].x", False),
    ],
)  # fmt: skip
def test_what_exists(path: str, expected: bool) -> None:
    """To exist, each object on a path's way must have the key; a descent always does, even if it finds nothing."""
    assert expected == trigger("Exists", True, path).examine(EVENT).result


@pytest.mark.parametrize(
    ("path", "reason"),
    [
              ("participants[?(@.purpose == 'agent')]", "ebrule follows no filter in a JSONPath, as there is at"),
        ("list.length()", "ebrule follows no function in a JSONPath, as there is at character 5"),
        ("$.list[", "goes wrong at character 7"), ("$.", "character 2"), ("a.", "character 2"), ("a..", "character 2"),
        ("a b", "character 1"), ("$a", "character 2"), ("a...b", "character 2"), ("a[b]", "character 2"),
        ("a[1", "character 2"),
        ("a[::2]", "character 2"), ("a[:]", "a slice needs"), ("a['b]", "character 2"), ("", "character 1"),
        ("a['b'", "character 2"),
        (r"a['\n']", "character 2"), ("a[1234567890]", "character 2"), ("*a", "character 1"),
    ],
)  # fmt: skip
def test_what_is_no_path(path: str, reason: str) -> None:
    """What ebrule does not follow is refused when the rule is read, with the place."""
    with pytest.raises(JsonPathError, match=re.escape(reason)):
        JsonPath(path)

    criteria = {"matchCriteria": [{"jsonPath": path, "operator": "Exists", "value": False}]}
    assert ("unusable-path", ("matchCriteria", 0, "jsonPath")) == problem_of(list(trigger_conditions(criteria)))


@pytest.mark.parametrize("path", ["a" + "[0,0,0,0,0,0,0,0]" * 9, "$" + "..*" * 12])
def test_a_path_that_is_too_wide(path: str) -> None:
    """A path that multiplies beyond all memory is an error, soon."""
    event: Any = [1]
    for _ in range(15):
        event = [event, event]
    nested: Any = 1
    for _ in range(9):
        nested = [nested]

    with pytest.raises(InvalidRuleError, match="takes more than 300,000 steps in one event"):
        JsonPath(path).find({"a": nested, "b": event})


UNION = "[" + ",".join(["9"] * 20_000) + "]"
NAMES = "[" + ",".join(["'x'"] * 20_000) + "]"


@pytest.mark.parametrize("path", [f"$..{UNION}", f"$.a[*]{UNION}", f"$..{NAMES}.b", f"$.a[*]{NAMES}.b", f"$..{NAMES}"])
def test_what_a_path_looks_for_in_vain_counts_too(path: str) -> None:
    """Thousands of indexes or names in thousands of values are an error, soon, although they lead nowhere."""
    event: dict[str, list[Any]] = {"a": [[{}]] * 5_000 if UNION in path else [{"b": 1}] * 5_000}
    with pytest.raises(InvalidRuleError, match="takes more than 300,000 steps") as caught:
        JsonPath(path).find(event)
    assert len(caught.value.message) < 120


def test_a_path_may_have_many_indexes() -> None:
    """Of one list, thousands are found; what they lead to is bounded, as often as they lead there."""
    path = JsonPath("$.a" + UNION.replace("9", "0"))
    assert [7] * 20_000 == path.find({"a": [7]})
    for large in ("x" * 201, ["x"] * 201, {"x" * 201: 1}, [["x" * 101] * 2]):
        with pytest.raises(InvalidRuleError, match="leads to more than 4,000,000 characters"):
            path.find({"a": [large]})


def test_long_lists_of_all_are_looked_up() -> None:
    """Each of many values is found in a list as long, from its other end, whatever they are."""
    makers: tuple[Callable[[int], Any], ...] = (str, int, lambda at: [at], lambda at: {"x": at})
    for make in makers:
        found = [make(at) for at in range(20_000)]
        assert trigger("All", found[::-1]).examine({"a": found}).result
        assert not trigger("All", [*found[1:], "none"]).examine({"a": found}).result


@calm
@given(st.text(max_size=30))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    """No text makes the parser fail otherwise, and what is a path can be followed."""
    try:
        path = JsonPath(text)
    except JsonPathError:
        return
    path.find(EVENT)


@calm
@given(st.lists(st.text(min_size=1, max_size=5) | st.integers(0, 3), min_size=1, max_size=5), values)
def test_a_place_is_found_again(place: list[str | int], value: Any) -> None:
    """A value is found by the path that it was put at, in bracket notation."""
    event, path = value, ""
    for key in reversed(place):
        event = [None] * key + [event] if isinstance(key, int) else {key: event}
        quoted = key if isinstance(key, int) else "'" + re.sub(r"(['\\])", r"\\\1", key) + "'"
        path = f"[{quoted}]{path}"

    assert value == JsonPath(f"${path}").find(event)


# --- topics -------------------------------------------------------------------------------------------------

END = "v2.detail.events.conversation.{id}.customer.end"


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        (END, True), (END.replace("{id}", "c-1"), True), (END.replace("{id}", "a.b"), False),
        (END.replace("{id}", ""), False),
        (END.replace(".{id}", ""), False), (f"{END}.x", False), (END.replace("end", "start"), False), ("", False),
        (None, False), (MISSING, False), ([END], False),
    ],
    ids=repr,
)  # fmt: skip
def test_topics(topic: Any, expected: bool) -> None:
    """``{id}`` stands for exactly one segment, or for itself."""
    assert expected == is_topic(END, topic)


def test_a_source_sends_what_its_filter_names() -> None:
    """An event's ``detail-type`` is its topic; one of the filter's must be it."""
    condition = the_condition(topic_conditions({"properties": {"eventFilter": ["v2.users.{id}.presence", END]}}))

    assert f"is one of v2.users.{{id}}.presence, {END}" == condition.text
    assert condition.examine({"detail-type": END}).result
    assert not condition.examine({"detail-type": "v2.users"}).result
    assert not condition.examine({"topicName": END}).found
