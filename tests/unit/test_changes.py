"""How two states of a rule differ, how three merge, and how a file is laid over a rule."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebrule.errors import Overlap
from ebrule.rules.diff import LONG_LIST, Change, diff
from ebrule.rules.equivalence import canonical, equivalent
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Shape
from ebrule.rules.merge import contains_changes, merge3
from ebrule.rules.overlay import overlay
from fake_org import demo_rule

if TYPE_CHECKING:
    from collections.abc import Callable

Data = dict[str, Any]

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A slow machine is no reason to fail."""

SHAPE = Shape(
    keyed={"targets": "id"},
    sets=frozenset({"topics", "properties.topics"}),
    objects=frozenset({"properties"}),
    item_keys={"conditions": frozenset({"field", "value"})},
)
DEMO = EVENTBRIDGE.content(demo_rule())

# Few names and values, so that both sides of a merge often meet.
scalars = st.sampled_from([None, 0, 1, 1.0, 2.5, True, False, "", "a", "b"])
values = st.sampled_from(
    [None, 0, 1, 1.0, True, "a", [], [1], [True], [None, 2], {}, {"x": 1}, {"x": 1.0, "y": None}, {"y": [1]}]
)
conditions = st.lists(st.fixed_dictionaries({"field": scalars}, optional={"value": values}), max_size=3)
topics = st.lists(st.sampled_from("abcd"), unique=True, max_size=3)
bodies = st.dictionaries(st.sampled_from(["type", "url", "headers"]), values, max_size=2)
target_lists = st.dictionaries(st.sampled_from(["t1", "t2", "t3"]), bodies, max_size=3).map(
    lambda found: [{"id": name, **body} for name, body in found.items()]
)
rules = st.fixed_dictionaries(
    {},
    optional={
        "name": scalars,
        "priority": scalars,
        "conditions": conditions,
        "targets": st.none() | target_lists,
        "topics": topics,
        "properties": st.fixed_dictionaries({}, optional={"topics": topics.filter(len), "a": values, "b": scalars}),
    },
)


def units(rule: Data) -> dict[str, Any]:
    """Return what a merge tells apart, path by path: written anew, as a second opinion."""
    found: dict[str, Any] = {}
    for name, value in rule.items():
        if name == "targets":
            for target in value or ():
                found[f"targets[{target['id']}]"] = "there"
                found |= {f"targets[{target['id']}].{key}": item for key, item in target.items()}
        elif name == "topics":
            found |= {f"topics[{topic}]": "there" for topic in value or ()}
        elif name == "properties":
            for key, item in value.items():
                if key == "topics":
                    found |= {f"properties.topics[{topic}]": "there" for topic in item}
                else:
                    found[f"properties.{key}"] = item
        else:
            found[name] = value
    return {path: text for path, value in found.items() if (text := canonical(value)) != "null"}


def units_of_all(*sides: Data) -> tuple[dict[str, Any], ...]:
    """Return the units of each side of a merge."""
    return tuple(units(side) for side in sides)


def edited(was: Data, now: Data) -> set[str]:
    """Return the units that a side changed."""
    return {path for path in was.keys() | now.keys() if was.get(path) != now.get(path)}


def shuffled(rule: Data) -> Data:
    """Return the same rule with everything that has no order turned round."""
    turned = {name: copy.deepcopy(value) for name, value in reversed(rule.items())}
    for name in ("targets", "topics"):
        if turned.get(name):
            turned[name].reverse()
    return turned


# --- equality -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (30, 30.0, True),
        (0, -0.0, True),
        (10**22, 1e22, True),
        (1, True, False),
        (0, False, False),
        (1, "1", False),
        (30, 30.5, False),
        (None, "", True),
        (None, [], True),
        ([None], [""], True),
        ("", 0, False),
        (None, False, False),
        ({"a": None}, {}, True),
        ({"a": {"b": None}}, {"a": {}}, True),
        ([None], [], False),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ("é", "e\u0301", False),
        ("\ud800", "\ud800", True),
        ([{"a": 1.0}], [{"a": 1, "b": None}], True),
        ({"a": []}, {"a": {}}, True),
        ({"a": ""}, {}, True),
    ],
    ids=ascii,
)
def test_equal_values(one: Any, other: Any, same: bool) -> None:
    """Numbers equal by value, and never a boolean; null is absent in a mapping; lists have an order."""
    assert (same, same) == (canonical(one) == canonical(other), equivalent(SHAPE, {"name": one}, {"name": other}))


@calm
@given(rules, rules)
def test_there_is_a_difference_exactly_where_states_differ(one: Data, other: Data) -> None:
    """No change is told of what says the same, and at least one of everything else."""
    assert (units(one) == units(other)) == equivalent(SHAPE, one, other) == (diff(SHAPE, one, other) == [])


@calm
@given(rules)
def test_order_that_means_nothing_makes_no_difference(rule: Data) -> None:
    """Targets and topics, and the keys of a rule, may come in any order."""
    assert diff(SHAPE, rule, shuffled(rule)) == []


# --- differences --------------------------------------------------------------------------------------------


@calm
@given(rules, rules)
def test_differences_turn_round(one: Data, other: Data) -> None:
    """There are changes on the way back exactly where there are some on the way, and each has two different sides."""
    there, back = diff(SHAPE, one, other), diff(SHAPE, other, one)

    assert bool(there) == bool(back)
    assert all(canonical(change.before) != canonical(change.after) or "[" in change.path for change in there)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"name": "a"}, {"name": "b"}, [Change("name", "a", "b")]),
        ({}, {"name": "b"}, [Change("name", None, "b")]),
        ({"name": "a"}, {"name": None}, [Change("name", "a", None)]),
        ({"name": None}, {}, []),
        ({"owner": {"a": 1, "b": 2}}, {"owner": {"a": 1, "b": 3}}, [Change("owner.b", 2, 3)]),
        ({"owner": {"a": 1}}, {"owner": "x"}, [Change("owner", {"a": 1}, "x")]),
        ({"targets": [{"id": "t"}]}, {}, [Change("targets[t]", {"id": "t"}, None)]),
        ({"targets": []}, {}, []),
        (
            {"targets": [{"id": "t1"}, {"id": "t2", "url": "a"}]},
            {"targets": [{"id": "t3"}, {"id": "t2", "url": "b"}]},
            [
                Change("targets[t1]", {"id": "t1"}, None),
                Change("targets[t2].url", "a", "b"),
                Change("targets[t3]", None, {"id": "t3"}),
            ],
        ),
        (
            {"targets": [{"id": "t", "url": "a", "headers": {"H": "1"}}]},
            {"targets": [{"id": "t", "type": "w", "headers": {"H": "2"}}]},
            [
                Change("targets[t].url", "a", None),
                Change("targets[t].headers.H", "1", "2"),
                Change("targets[t].type", None, "w"),
            ],
        ),
        (
            {"topics": ["a", "b"]},
            {"topics": ["c", "b"]},
            [Change("topics[a]", "a", None), Change("topics[c]", None, "c")],
        ),
        ({"conditions": [1, 2, 3]}, {"conditions": [1, 3]}, [Change("conditions[1]", 2, None)]),
        ({"conditions": [1, 3]}, {"conditions": [1, 2, 3]}, [Change("conditions[1]", None, 2)]),
        (
            {"conditions": [1, 2]},
            {"conditions": [1, 4, 5]},
            [Change("conditions[1]", 2, 4), Change("conditions[2]", None, 5)],
        ),
        (
            {"conditions": [1, 2, 3, 9]},
            {"conditions": [1, 4, 5, 6, 9]},
            [Change("conditions[1]", 2, 4), Change("conditions[2]", 3, 5), Change("conditions[3]", None, 6)],
        ),
        ({"conditions": "x"}, {"conditions": [1]}, [Change("conditions", "x", [1])]),
        (
            {"targets": [{"id": "t"}, {"id": "t"}]},
            {"targets": [{"id": "t"}]},
            [Change("targets[1]", {"id": "t"}, None)],
        ),
        (
            {"targets": [{"url": "a"}]},
            {"targets": [{"url": "b"}]},
            [Change("targets[0]", {"url": "a"}, {"url": "b"})],
        ),
        ({}, {"targets": [{"url": "a"}]}, [Change("targets", None, [{"url": "a"}])]),
        ({"targets": ["a"]}, {"targets": ["b"]}, [Change("targets[0]", "a", "b")]),
    ],
    ids=str,
)  # fmt: skip
def test_differences(before: Data, after: Data, expected: list[Change]) -> None:
    """Each difference is told once, with its path and both sides, in the order of the fields."""
    assert expected == diff(SHAPE, before, after)


@pytest.mark.parametrize("length", [300, LONG_LIST, LONG_LIST + 1])
@pytest.mark.parametrize("fill", [lambda _: 1, int], ids=["alike", "different"])
def test_an_element_more_or_less_is_one_difference(length: int, fill: Callable[[int], int]) -> None:
    """However long a list is, and however much its elements are alike, one that comes or goes is told as just that."""
    few = [fill(number) for number in range(length)]
    for at in (0, 1, length // 2, length):
        many = [*few[:at], -1, *few[at:]]

        assert [Change(f"conditions[{at}]", None, -1)] == diff(SHAPE, {"conditions": few}, {"conditions": many})
        assert [Change(f"conditions[{at}]", -1, None)] == diff(SHAPE, {"conditions": many}, {"conditions": few})


def test_what_lies_between_two_differences_is_none() -> None:
    """Elements that changed are told by their places, and none that stayed, in a list of any length."""
    for length in (10, 300, LONG_LIST + 10):
        before = list(range(length))
        after = [*before]
        after[3] = after[-2] = -1

        assert [
            Change("conditions[3]", 3, -1), Change(f"conditions[{length - 2}]", length - 2, -1),
        ] == diff(SHAPE, {"conditions": before}, {"conditions": after})  # fmt: skip


def test_what_is_alike_is_told_apart_where_that_is_quick() -> None:
    """Many elements that are the same keep their places among some that came and went."""
    alike = [1] * (LONG_LIST - 3)

    assert [
        Change("conditions[0]", 7, 8),
        Change("conditions[1]", None, 8),
        Change(f"conditions[{LONG_LIST - 1}]", None, 9),
    ] == diff(SHAPE, {"conditions": [7, *alike]}, {"conditions": [8, 8, *alike, 9]})


# --- the merge ----------------------------------------------------------------------------------------------


@calm
@given(rules, rules)
def test_a_merge_with_one_side_unchanged_is_the_other(base: Data, side: Data) -> None:
    """What only one side changed is taken from that side, without a conflict, whichever it is."""
    for ours, theirs in ((side, base), (base, side), (side, side)):
        merge = merge3(SHAPE, base, ours, theirs)
        assert merge.overlaps == ()
        assert equivalent(SHAPE, side, merge.content)


@calm
@given(rules, rules, rules)
def test_a_merge_has_every_edit_that_the_other_side_did_not_touch(base: Data, ours: Data, theirs: Data) -> None:
    """Each unit that one side changed alone is as that side has it, and what nobody changed is as it was."""
    merge = merge3(SHAPE, base, ours, theirs)
    was, we, they, merged = units_of_all(base, ours, theirs, merge.content)
    mine, other = edited(was, we), edited(was, they)
    told = {overlap.path for overlap in merge.overlaps}
    # A target that one side took away is gone as a whole: what is below it is told with it.
    gone = {path for path in was if path.endswith("]")} - (we.keys() & they.keys())
    for path in was.keys() | we.keys() | they.keys():
        if path in told or path.rpartition(".")[0] in gone | told:
            continue
        if path in mine - other:
            assert we.get(path) == merged.get(path), path
        elif path in other - mine:
            assert they.get(path) == merged.get(path), path
        elif path not in mine | other:
            assert was.get(path) == merged.get(path), path


@calm
@given(rules, rules, rules)
def test_a_merge_does_not_depend_on_whose_side_it_is(base: Data, ours: Data, theirs: Data) -> None:
    """Turned round, a merge has the same overlaps with sides exchanged, and without any the same content."""
    one, other = merge3(SHAPE, base, ours, theirs), merge3(SHAPE, base, theirs, ours)
    turned = [Overlap(overlap.path, overlap.base, overlap.theirs, overlap.ours) for overlap in other.overlaps]

    assert sorted(one.overlaps, key=lambda o: o.path) == sorted(turned, key=lambda o: o.path)
    if not one.overlaps:
        assert equivalent(SHAPE, one.content, other.content)


@calm
@given(rules, rules, rules)
def test_every_overlap_is_told_once(base: Data, ours: Data, theirs: Data) -> None:
    """An overlap is where both sides changed a unit differently; it is told once, with all three sides."""
    merge = merge3(SHAPE, base, ours, theirs)
    was, we, they = units_of_all(base, ours, theirs)
    mine, other = edited(was, we), edited(was, they)
    paths = [overlap.path for overlap in merge.overlaps]

    assert len(paths) == len(set(paths))
    for path in mine & other:
        if we.get(path) != they.get(path) and path in we and path in they:
            assert path in paths or any(path.startswith(f"{told}.") for told in paths)
    for overlap in merge.overlaps:
        assert canonical(overlap.ours) != canonical(overlap.theirs)
        assert canonical(overlap.base) not in (canonical(overlap.ours), canonical(overlap.theirs))
        if overlap.path in was and not overlap.path.endswith("]"):
            assert was[overlap.path] == canonical(overlap.base)
            assert we.get(overlap.path, "null") == canonical(overlap.ours)
            assert they.get(overlap.path, "null") == canonical(overlap.theirs)


@calm
@given(rules, rules, rules)
def test_a_merge_changes_none_of_its_sides(base: Data, ours: Data, theirs: Data) -> None:
    """What goes into a merge is the same afterwards."""
    before = copy.deepcopy((base, ours, theirs))
    merge3(SHAPE, base, ours, theirs)

    assert before == (base, ours, theirs)


@calm
@given(rules, rules, rules)
def test_a_merge_without_overlaps_holds_both_sides(base: Data, ours: Data, theirs: Data) -> None:
    """After a merge without overlaps, the rule has everything that either side changed."""
    merge = merge3(SHAPE, base, ours, theirs)
    if not merge.overlaps:
        assert contains_changes(SHAPE, base, ours, merge.content)
        assert contains_changes(SHAPE, base, theirs, merge.content)


BASE: Data = {
    "name": "a",
    "conditions": [1],
    "topics": ["x", "y"],
    "properties": {"a": 1, "b": 2},
    "targets": [{"id": "t1", "url": "a", "headers": {"H": "1"}}, {"id": "t2", "url": "b"}],
}
T1, T2 = BASE["targets"]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"name": "b"}, {"conditions": [2]}, {"name": "b", "conditions": [2]}),
        ({"name": None}, {"conditions": [2]}, {"name": None, "conditions": [2]}),
        ({"topics": ["x", "z"]}, {"topics": ["w", "x", "y"]}, {"topics": ["w", "x", "z"]}),
        ({"topics": ["y"]}, {"topics": ["x"]}, {"topics": []}),
        (
            {"properties": {"a": 9, "b": 2}},
            {"properties": {"a": 1, "c": 3}},
            {"properties": {"a": 9, "c": 3}},
        ),
        ({"targets": [T1]}, {"targets": [T1, T2, {"id": "t3"}]}, {"targets": [T1, {"id": "t3"}]}),
        (
            {"targets": [{**T1, "url": "z"}, T2]},
            {"targets": [T2, {**T1, "type": "w"}]},
            {"targets": [T2, {**T1, "url": "z", "type": "w"}]},
        ),
        ({"targets": [T1, T2, {"id": "t3", "a": 1}]}, {"targets": [T1, T2, {"id": "t3", "b": 2}]},
         {"targets": [T1, T2, {"id": "t3", "a": 1, "b": 2}]}),
        ({"name": "b"}, {"name": "b"}, {"name": "b"}),
        ({"conditions": [2]}, {"conditions": [2.0]}, {"conditions": [2]}),
        ({"targets": []}, {"targets": []}, {"targets": []}),
        ({"targets": None}, {}, {"targets": None}),
        ({"targets": [T2, T1]}, {"targets": [T1, {**T2, "url": "c"}]}, {"targets": [T1, {**T2, "url": "c"}]}),
    ],
    ids=[
        "two fields", "a field set to null", "topics of both", "a topic less on each side",
        "keys of an object", "one target less, one more", "two keys of one target",
        "the same target added by both", "the same value", "the same number",
        "all targets less, twice", "no targets at all", "an order that means nothing",
    ],
)  # fmt: skip
def test_disjoint_edits(ours: Data, theirs: Data, expected: Data) -> None:
    """Edits of different things, or the same edit of one thing, are all in the merge, without a conflict."""
    merge = merge3(SHAPE, BASE, {**BASE, **ours}, {**BASE, **theirs})

    assert merge.overlaps == ()
    assert diff(SHAPE, {**BASE, **expected}, merge.content) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "path"),
    [
        ({"name": "b"}, {"name": "c"}, "name"),
        ({"name": None}, {"name": "c"}, "name"),
        ({"conditions": [2]}, {"conditions": [1, 3]}, "conditions"),
        ({"conditions": [1, 2]}, {"conditions": [1, True]}, "conditions"),
        ({"properties": {"a": 9, "b": 2}}, {"properties": {"a": 8, "b": 2}}, "properties.a"),
        ({"properties": None}, {"properties": {"a": 8, "b": 2}}, "properties.a"),
        ({"targets": [{**T1, "url": "z"}, T2]}, {"targets": [{**T1, "url": "y"}, T2]}, "targets[t1].url"),
        (
            {"targets": [{**T1, "headers": {"H": "2"}}, T2]},
            {"targets": [{**T1, "headers": {}}, T2]},
            "targets[t1].headers",
        ),
        ({"targets": [T2]}, {"targets": [{**T1, "url": "y"}, T2]}, "targets[t1]"),
        ({"targets": [{**T1, "url": "y"}, T2]}, {"targets": [T2]}, "targets[t1]"),
        ({"targets": None}, {"targets": [T1, {**T2, "url": "y"}]}, "targets[t2]"),
        (
            {"targets": [T1, T2, {"id": "t3", "a": 1}]},
            {"targets": [T1, T2, {"id": "t3", "a": 2}]},
            "targets[t3].a",
        ),
        ({"targets": [T1, T1]}, {"targets": [{**T1, "url": "y"}, T2]}, "targets"),
        ({"targets": [{**T1, "url": "y"}, T2]}, {"targets": [T1, T2, {"url": "no id"}]}, "targets"),
        ({"targets": [{**T1, "url": "y"}, T2]}, {"targets": [T1, {**T2, "id": 2}]}, "targets"),
        ({"targets": [{**T1, "url": "y"}, T2]}, {"targets": "t1"}, "targets"),
        ({"topics": ["x"]}, {"topics": "x"}, "topics"),
    ],
    ids=[
        "a field", "a field taken away", "conditions", "a number and a boolean", "a key of an object",
        "an object taken away", "a key of a target", "headers", "a target taken away by us",
        "a target taken away by them", "all targets taken away", "a target added by both",
        "a target twice", "a target without an id",
        "a target with a number for an id", "targets that are no list", "a set that is no list",
    ],
)  # fmt: skip
def test_overlapping_edits(ours: Data, theirs: Data, path: str) -> None:
    """Edits of the same thing to different values are one overlap, and the merge holds ours."""
    we, they = {**BASE, **ours}, {**BASE, **theirs}
    merge = merge3(SHAPE, BASE, we, they)
    (overlap,) = merge.overlaps

    assert path == overlap.path
    assert diff(SHAPE, we, merge.content) == []
    if path in BASE:
        assert (BASE[path], we[path], they[path]) == (overlap.base, overlap.ours, overlap.theirs)


@pytest.mark.parametrize("field", ["targets", "topics"])
@pytest.mark.parametrize("odd", ["base", "ours", "theirs"])
def test_a_list_that_one_side_does_not_have_as_such_is_one_value(field: str, odd: str) -> None:
    """Where one side's targets or topics are no list of their kind, both edits of them are one overlap."""
    items: list[Any] = [T1, T2] if field == "targets" else ["x", "y"]
    sides = {"base": items, "ours": items[:1], "theirs": items[1:], odd: "odd"}
    merge = merge3(SHAPE, *({field: value} for value in sides.values()))

    assert (Overlap(field, *sides.values()),) == merge.overlaps
    assert {field: sides["ours"]} == merge.content


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"a": None}, {"a": None, "b": 1}, {"a": None}),
        ({"a": None, "b": 1}, {"b": 1}, {"a": None, "b": 1}),
        ({"b": 1}, {"a": None, "b": 1}, {"a": None, "b": 1}),
        ({"b": 1}, {}, {}),
        ({"targets": None}, {"targets": None}, {"targets": None}),
        ({"targets": []}, {"targets": []}, {"targets": []}),
        ({"targets": []}, {"targets": None}, {"targets": []}),
        ({"targets": None}, {"targets": []}, {"targets": []}),
        ({"topics": ["x", "z"]}, {"topics": ["x", "z"]}, {"topics": ["x", "z"]}),
    ],
    ids=str,
)
def test_what_is_empty_goes_back_as_it_came(ours: Data, theirs: Data, expected: Data) -> None:
    """A null that a side wrote stays one, a field that a side dropped is not made null, and nothing is doubled."""
    assert expected == merge3(SHAPE, {"b": 1, "targets": [T1], "topics": ["x"]}, ours, theirs).content


# --- holds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "present", "expected"),
    [
        ({"name": "b"}, {"name": "b"}, True),
        ({"name": "b"}, {"name": "b", "conditions": [7]}, True),
        ({"name": "b"}, {}, False),
        ({"name": "b"}, {"name": "c"}, False),
        ({"name": "b", "conditions": [2]}, {"name": "b"}, False),
        ({"targets": [T1]}, {"targets": [T1, {"id": "t3"}]}, True),
        ({"targets": [T1]}, {"targets": [T1, T2]}, False),
        ({"targets": [{**T1, "url": "z"}, T2]}, {"targets": [{**T1, "url": "z", "type": "w"}]}, True),
        ({"name": None}, {"name": None}, True),
        ({}, {"name": "c"}, True),
    ],
)
def test_whether_a_change_is_there(ours: Data, present: Data, expected: bool) -> None:
    """A state holds a change when all of it is there, whatever else others changed."""
    assert expected == contains_changes(SHAPE, BASE, {**BASE, **ours}, {**BASE, **present})


@calm
@given(rules, rules)
def test_a_change_is_in_its_own_result(base: Data, ours: Data) -> None:
    """What an update wants holds its change; the base does only where there is none."""
    assert contains_changes(SHAPE, base, ours, ours)
    assert equivalent(SHAPE, base, ours) == contains_changes(SHAPE, base, ours, base)


# --- overlay ------------------------------------------------------------------------------------------------


def as_said(_path: str, value: Any, _present: Any) -> Any:
    """Take each value as the file says it."""
    return value


def laid(base: Data, fields: Data) -> Data:
    """Lay fields over a rule."""
    return overlay(SHAPE, base, fields, as_said)


@calm
@given(rules)
def test_an_empty_file_changes_nothing(base: Data) -> None:
    """What a file leaves out stays as it is."""
    assert base == laid(base, {})


@calm
@given(rules, rules)
def test_a_file_gets_what_it_says(base: Data, fields: Data) -> None:
    """Laid over a rule, each unit of the file is there; so it is when laid over the result again."""
    once = laid(base, fields)

    assert units(fields).items() <= units(once).items()
    assert equivalent(SHAPE, once, laid(once, fields))


def test_a_whole_rule_laid_over_itself() -> None:
    """A rule as the org tells it is laid over itself without a change."""
    assert overlay(EVENTBRIDGE.shape, DEMO, copy.deepcopy(DEMO), as_said) == DEMO


def test_what_a_file_does_not_say_stays() -> None:
    """Unknown fields of the rule, and keys of a present target, stay; targets that a file leaves out go."""
    fields = {"priority": 60, "targets": [{"id": "t3", "url": "c"}, {"id": "t2", "url": "z"}]}
    whole = overlay(EVENTBRIDGE.shape, DEMO, fields, as_said)

    assert whole == {
        **DEMO,
        "priority": 60,
        "targets": [{"id": "t3", "url": "c"}, {"id": "t2", "type": "webhook", "url": "z", "retries": 3}],
    }


def test_headers_are_as_the_file_says_them() -> None:
    """Headers are one value: those that a file leaves out go."""
    fields = {"targets": [{"id": "t1", "headers": {"X-New": "1"}}]}

    assert overlay(EVENTBRIDGE.shape, DEMO, fields, as_said)["targets"][0]["headers"] == {"X-New": "1"}


def test_unknown_keys_of_a_condition_stay_where_it_stays() -> None:
    """A condition that says the same in the keys that ebrule knows keeps the others; a changed one is new."""
    one, two = {"field": "a", "value": 30, "label": "one"}, {"field": "b", "value": 2, "label": "two"}
    whole = laid(
        {"conditions": [one, two]},
        {"conditions": [{"field": "b", "value": 9}, {"field": "a", "value": 30.0}]},
    )

    assert whole["conditions"] == [{"field": "b", "value": 9}, one]


def test_conditions_that_say_the_same_keep_their_own_unknown_keys() -> None:
    """Of conditions that ebrule cannot tell apart, each keeps its other keys, and none is doubled."""
    present = [{"field": "a", "label": "one"}, {"field": "a", "label": "two"}]
    whole = laid({"conditions": present}, {"conditions": [{"field": "a"}] * 3})

    assert whole["conditions"] == [*present, {"field": "a"}]


def test_keys_of_an_object_stay() -> None:
    """Of a field that is compared key by key, what a file leaves out stays."""
    assert laid(BASE, {"properties": {"b": 3}})["properties"] == {"a": 1, "b": 3}


@pytest.mark.parametrize("present", [None, "x", [{"id": "t1"}, {"id": "t1"}], [{"url": "no id"}]], ids=str)
def test_targets_that_cannot_be_told_apart_are_replaced(present: Any) -> None:
    """Where the org's targets have no ids to know them by, the file's are taken as they are."""
    targets = [{"id": "t1", "headers": {"H": "1"}}]

    assert laid({"targets": present}, {"targets": targets})["targets"] == targets


@pytest.mark.parametrize("targets", [[{"url": "no id"}], [T1, T1], "x"], ids=["no id", "twice", "no list"])
def test_a_files_targets_that_cannot_be_told_apart_are_taken_as_they_are(targets: Any) -> None:
    """A file whose own targets have no ids to know them by is laid over the rule as it stands, for others to judge."""
    assert laid(BASE, {"targets": targets})["targets"] == targets


def test_each_leaf_of_an_object_is_asked_for_by_its_path() -> None:
    """A value inside an object that is compared key by key is asked for by its full path."""
    asked: list[str] = []

    def keep(path: str, value: Any, _present: Any) -> Any:
        asked.append(path)
        return value

    overlay(SHAPE, BASE, {"properties": {"a": 1, "new": {"x": 2}}}, keep)

    assert asked == ["properties.a", "properties.new.x"]


def test_each_leaf_is_asked_for_with_what_is_there() -> None:
    """The caller decides about each value of a file, told its path and what the org has in its place."""
    asked: list[tuple[str, Any, Any]] = []

    def keep(path: str, value: Any, present: Any) -> Any:
        asked.append((path, value, present))
        return present

    fields = {
        "name": "n",
        "owner": {"team": 1, "new": 2},
        "targets": [{"id": "t1", "headers": {"X-Source": 3}}, {"id": "t9", "url": 4}],
        "extra": [{"a": 5}],
    }
    whole = overlay(EVENTBRIDGE.shape, DEMO, fields, keep)

    assert asked == [
        ("name", "n", "Demo"),
        ("owner.team", 1, "routing"),
        ("owner.new", 2, None),
        ("targets[t1].id", "t1", "t1"),
        ("targets[t1].headers.X-Source", 3, "demo"),
        ("targets[t9].id", "t9", None),
        ("targets[t9].url", 4, None),
        ("extra[0].a", 5, None),
    ]
    assert whole["targets"][0] == DEMO["targets"][0]


@calm
@given(rules, rules)
def test_a_file_does_not_change_the_rule_that_it_is_laid_over(base: Data, fields: Data) -> None:
    """What goes in is the same afterwards."""
    before = copy.deepcopy((base, fields))
    laid(base, fields)

    assert before == (base, fields)
