"""What two states of a rule have in common: where a part comes from, and how it is spelled there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebrule.rules.equivalence import equivalent
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Path, Shape
from ebrule.rules.origins import Origins, respelled
from ebrule.rules.source import SOURCE

SHAPE = Shape(keyed={"targets": "id"}, sets=frozenset({"part.topics"}), objects=frozenset({"part"}))


@pytest.mark.parametrize(
    ("before", "after", "path", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, ("a",), ("a",)),
        ({"a": 1}, {"a": 2}, ("a",), None),
        ({}, {}, ("a",), ("a",)),
        ({"a": None}, {}, ("a", "b"), ("a", "b")),
        ({"a": {"b": "x"}}, {"a": {"b": "x", "c": 1}}, ("a", "b"), ("a", "b")),
        # Elements that are known by a key are told by it, whatever else of them changed.
        (
            {"targets": [{"id": "s"}, {"id": "t", "url": "x"}]},
            {"targets": [{"id": "t", "url": "y"}]},
            ("targets", 0, "id"),
            ("targets", 1, "id"),
        ),
        ({"targets": [{"id": "s"}]}, {"targets": [{"id": "t"}]}, ("targets", 0, "id"), None),
        # Other elements are told as a whole, each once.
        ({"list": [{"a": 1}, {"a": 2}]}, {"list": [{"a": 2}, {"a": 1}]}, ("list", 0, "a"), ("list", 1, "a")),
        ({"list": [{"a": 1, "b": 1}]}, {"list": [{"a": 1, "b": 2}]}, ("list", 0, "a"), None),
        ({"list": ["a", "b", "a"]}, {"list": ["b", "a", "a"]}, ("list", 2), ("list", 2)),
        ({"list": ["a"]}, {"list": ["a", "a"]}, ("list", 1), None),
        ({"targets": [{"id": "t"}, {"id": "t"}]}, {"targets": [{"id": "t"}]}, ("targets", 0), ("targets", 0)),
        ({"list": "a"}, {"list": ["a"]}, ("list", 0), None),
    ],
    ids=str,
)
def test_where_a_part_comes_from(before: Any, after: Any, path: Path, expected: Path | None) -> None:
    """A part that says the same is found in the earlier state; one that says something else comes from nowhere."""
    assert expected == Origins(SHAPE, before, after).of(path)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1.0, "b": 3}, {"a": 1, "b": 3}),
        ({"a": None, "b": 1}, {"b": 2}, {"b": 2, "a": None}),
        ({"b": 1}, {"a": None, "b": 2}, {"b": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        (
            {"targets": [{"id": "s", "n": 1}, {"id": "t", "n": 1, "x": None}]},
            {"targets": [{"id": "t", "n": 1.0, "m": 1}, {"id": "s", "n": 1.0}]},
            {"targets": [{"id": "t", "n": 1, "m": 1, "x": None}, {"id": "s", "n": 1}]},
        ),
        ({"targets": [{"id": "s"}, {"id": "t"}]}, {"targets": [{"id": "t"}, {"id": "s"}]}, None),
        ({"list": [{"a": 1, "b": None}, 2]}, {"list": [3, {"a": 1}]}, {"list": [3, {"a": 1, "b": None}]}),
        ({"part": {"topics": ["a", "b", "a"], "n": 1}}, {"part": {"topics": ["b", "a"], "n": 2}}, {
            "part": {"topics": ["a", "b", "a"], "n": 2}
        }),
        ({"part": {"topics": ["a", "b", "a"]}}, {"part": {"topics": ["b"]}}, {"part": {"topics": ["b"]}}),
    ],
    ids=str,
)  # fmt: skip
def test_what_stays_is_spelled_as_it_was(before: Any, after: Any, expected: Any) -> None:
    """Null or absent, 1 or 1.0, the order of what has none: what says the same is as the org has it."""
    assert json.dumps(before if expected is None else expected) == json.dumps(respelled(SHAPE, before, after))


leaves = st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, "", "a", "b"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "a", "b"]), inner, max_size=3),
    max_leaves=6,
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "targets": st.lists(st.fixed_dictionaries({"id": st.sampled_from("abc")}, optional={"n": values}), max_size=3),
        "conditions": st.lists(values, max_size=3),
        "properties": st.fixed_dictionaries(
            {}, optional={"eventFilter": st.lists(st.sampled_from("abc")), "n": values}
        ),
    },
)


@settings(deadline=None)
@given(st.sampled_from([EVENTBRIDGE.shape, SOURCE.shape]), contents, contents)
def test_another_spelling_says_the_same(shape: Shape, before: Any, after: Any) -> None:
    """It is as the later state in what it says, and nothing but the earlier one where the two say the same."""
    spelled = respelled(shape, before, after)

    assert equivalent(shape, spelled, after)
    same = json.dumps(before, sort_keys=True) == json.dumps(spelled, sort_keys=True)
    assert not equivalent(shape, before, after) or same
