"""The sandbox and ebrule have matchers of their own, after the same source: each finds the other's mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ebrule.errors import Problem
from ebrule.rules.matching.criteria import trigger_conditions
from ebrule.sandbox import matching as sandbox
from ebrule.sandbox.matching import PathError
from semantics import TRIGGER, event_of, trigger

PATHS = ["a", "$.a", "a.b", "$['a']['b']", "a[0]", "a[1].b", "$", "b.a", "a.length", "['a'].b"]
OPERATORS = sorted({each.operator for each in TRIGGER})

SCALARS = (
    None, True, False, 0, 1, 2, -1, 1.0, 0.5, 1e16, 10**30, "", "1", "1.0", "01", "+1", "1e0", " 1", "1_0", "nan", "a",
    "ab", "b", "true", "null", "[]", "\U0001f600", "\ue000", "\u0661",
)  # fmt: skip
scalars = st.sampled_from(SCALARS)
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("ab"), below, max_size=2)
)
events = st.dictionaries(st.sampled_from("ab"), values, max_size=2)


@settings(max_examples=1_000, deadline=None)
@given(st.sampled_from(PATHS), st.sampled_from(OPERATORS), values, events)
@example("a", "Equal", [1], {"a": ["1"]})
@example("a", "Equal", [1], {"a": [1.0]})
@example("a", "All", ["a"], {"a": {}})
@example("a", "Size", 1, {"a": "\U0001f600"})
@example("a", "Size", 2.5, {"a": "ab"})
@example("a", "Equal", " 1", {"a": 1})
@example("a", "Equal", 1e16, {"a": "1e+16"})
@example("a", "LessThan", "\ue000", {"a": "\U0001f600"})
def test_both_say_the_same(path: str, operator: str, value: Any, event: dict[str, Any]) -> None:
    """Whatever a criterion asks of whatever event, the sandbox's answer is ebrule's."""
    (condition,) = trigger_conditions({"matchCriteria": [{"jsonPath": path, "operator": operator, "value": value}]})
    if isinstance(condition, Problem):
        return

    finding = condition.examine(event)
    place = sandbox.find(event, path)

    assert (finding.found, finding.result) == (
        place.value is not sandbox.MISSING,
        sandbox.holds(operator, place.value, value),
    )


@pytest.mark.parametrize("each", TRIGGER, ids=repr)
def test_the_sandbox_says_what_the_readme_says(each: Any) -> None:
    """The README's table of semantics holds for the sandbox too."""
    verdicts = {
        result: {sandbox.holds(each.operator, sandbox.find(event_of(value), "a").value, each.value) for value in listed}
        for result, listed in ((True, each.holds), (False, each.fails))
    }

    assert {True: {True}, False: {False}} == verdicts


@settings(max_examples=500, deadline=None)
@given(st.text("ab.$[]'\"01*,:?@() ", max_size=8), events)
def test_a_path_leads_to_the_same_place(path: str, event: dict[str, Any]) -> None:
    """Where both follow a path, both get to the same place."""
    try:
        place = sandbox.find(event, path)
        condition = trigger("Exists", True, path)
    except (PathError, AssertionError):
        return

    finding = condition.examine(event)
    assert finding.found == (place.value is not sandbox.MISSING)
    assert not finding.found or finding.value == place.value
