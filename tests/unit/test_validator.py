"""Every problem of a rule, in words for a person, with a stable id and the path that it is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ebrule.core.validator import check_rule, new_problems, path_text, reference_checks, writable
from ebrule.errors import AccessError, EbruleError, Problem, UnavailableError
from ebrule.rulefile import KEEP
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Reference
from ebrule.rules.trigger import TRIGGER

if TYPE_CHECKING:
    from ebrule.core.reply import Reply, Request
from fake_org import API, FakeOrg, Update, answers, lost

RULE: dict[str, Any] = {
    "name": "Demo",
    "status": "enabled",
    "priority": 50,
    "conditions": [{"field": "a", "operator": "equals", "value": 1}],
    "targets": [{"id": "t1", "url": "https://x", "headers": {"A": "b"}}],
}
CANARY = "c4nary"

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A slow machine is no reason to fail."""


class Leaf(BaseModel):
    """A part of a part."""

    model_config = ConfigDict(strict=True, extra="forbid")

    weight: float | None = None


class Part(BaseModel):
    """A part, in a mapping or in a list."""

    model_config = ConfigDict(strict=True, extra="forbid")

    leaf: Leaf | None = None
    leaves: list[Leaf] | None = None


class Toy(BaseModel):
    """A kind's model with what the kinds of today do not have."""

    model_config = ConfigDict(strict=True, extra="forbid")

    enabled: bool = True
    short: str = Field(default="", max_length=3)
    few: int = Field(default=0, le=5)
    many: int = Field(default=9, ge=5)
    above: int = Field(default=1, gt=0)
    part: Part = Part()
    even: int = 0
    either: int | list[int] = 0
    mood: Literal["so or so", "good, bad"] | None = None
    moods: list[Literal["so or so", "good, bad"]] = []
    by_day: dict[str, Literal["so or so"]] = {}

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("it is odd")
        return value


TOY = EVENTBRIDGE._replace(model=Toy, limits=lambda _: [])


def with_value(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return the right rule with another value at one place; ``...`` takes away what is there."""
    rule: Any = {**RULE, "conditions": [dict(RULE["conditions"][0])], "targets": [dict(RULE["targets"][0])]}
    part = rule
    for step in path[:-1]:
        part = part[step]
    if value is ...:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    found: dict[str, Any] = rule
    return found


def only(problems: list[Problem]) -> Problem:
    """Return the one problem that there is."""
    (problem,) = problems
    return problem


# --- types --------------------------------------------------------------------------------------------------


def test_a_right_rule_has_no_problems() -> None:
    """Nothing is found in a rule that is right."""
    assert check_rule(EVENTBRIDGE, RULE) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("name",), 5, "name must be text, not a whole number"),
        (("name",), 1.5, "name must be text, not a number"),
        (("name",), True, "name must be text, not true or false"),
        (("description",), ["x"], "description must be text, not a list"),
        (("priority",), "50", "priority must be a whole number, not text"),
        (("priority",), 1.0, "priority must be a whole number, not a number"),
        (("version",), True, "version must be a whole number, not true or false"),
        (("conditions",), {"a": 1}, "conditions must be a list, not a mapping"),
        (("conditions", 0), "x", "conditions[0] must be a mapping, not text"),
        (("conditions", 0, "field"), 1, "conditions[0].field must be text, not a whole number"),
        (("targets", 0, "headers"), ["x"], "targets[0].headers must be a mapping, not a list"),
        (("targets", 0, "headers"), {"A": 1}, "targets[0].headers.A must be text, not a whole number"),
        (("targets", 0), None, "targets[0] must be a mapping, not nothing"),
        (("id",), b"x", "id must be text, not something else"),
    ],
)
def test_wrong_types(path: tuple[str | int, ...], value: Any, message: str) -> None:
    """A value of the wrong type is told by what it must be and what it is, in a rule's words."""
    problem = only(check_rule(EVENTBRIDGE, with_value(path, value)))

    assert ("wrong-type", message, "error") == (problem.id, problem.message, problem.severity)
    assert problem.path[: len(path)] == path


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"enabled": "yes"}, "enabled must be true or false, not text"),
        ({"enabled": 1}, "enabled must be true or false, not a whole number"),
        ({"part": {"leaf": {"weight": "1"}}}, "part.leaf.weight must be a number, not text"),
        ({"part": []}, "part must be a mapping, not a list"),
        ({"part": {"leaves": [{"weight": []}]}}, "part.leaves[0].weight must be a number, not a list"),
    ],
)
def test_wrong_types_of_other_kinds(data: dict[str, Any], message: str) -> None:
    """Types that the kinds of today do not use have words too."""
    problem = only(check_rule(TOY, data))

    assert ("wrong-type", message) == (problem.id, problem.message)


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        (("priority",), "50", "Write the number without quotes."),
        (("priority",), " 7 ", "Write the number without quotes."),
        (("priority",), "high", "priority: 1 to 1000."),
        (("priority",), 1.5, "priority: 1 to 1000."),
        (("name",), 5, "Put it in quotes."),
        (("name",), True, "Put it in quotes."),
        (("name",), [], "name: What people call the rule."),
    ],
)
def test_a_type_that_quotes_would_mend(path: tuple[str], value: Any, hint: str | None) -> None:
    """The hint tells to add or to take away quotes where that is all it takes, or else what the key is for."""
    assert hint == only(check_rule(EVENTBRIDGE, with_value(path, value))).hint


def test_what_a_key_within_a_part_is_for() -> None:
    """The hint is that of the key in its place, not that of another one of the same name."""
    problems = check_rule(TRIGGER, {"target": {"type": "Workflow", "id": []}})

    assert ["id: Id of an active, published workflow."] == [each.hint for each in problems if each.id == "wrong-type"]


# --- what a value may be ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"short": "long!"}, ("text-too-long", "short is longer than 3 characters")),
        ({"few": 6}, ("few-range", "few is 6; it must be at most 5")),
        ({"many": 4}, ("many-range", "many is 4; it must be at least 5")),
    ],
)
def test_bounds(data: dict[str, Any], expected: tuple[str, str]) -> None:
    """A value out of bounds is told with its bound."""
    problem = only(check_rule(TOY, data))

    assert expected == (problem.id, problem.message)


def test_findings_of_a_model_of_its_own() -> None:
    """What a model finds by a check of its own is told in that check's words, at its place."""
    problem = only(check_rule(TOY, {"even": 3}))

    assert ("invalid-value", ("even",), "even: it is odd") == (problem.id, problem.path, problem.message)


@pytest.mark.parametrize(
    ("data", "path"), [({"above": 0}, ("above",)), ({"by_day": {"monday": "x"}}, ("by_day", "monday"))]
)
def test_findings_that_have_no_words_yet(data: dict[str, Any], path: tuple[str, ...]) -> None:
    """What ebrule has no words for is told in the library's, at its place."""
    problem = only(check_rule(TOY, data))

    assert ("invalid-value", path) == (problem.id, problem.path)
    assert problem.message.startswith(f"{path_text(path)}: ")


def test_every_branch_of_a_choice_is_told() -> None:
    """A value that is none of several types has a problem for each."""
    problems = check_rule(TOY, {"either": "x"})

    assert [problem.id for problem in problems] == ["wrong-type"] * 2


def test_a_negative_version_is_out_of_range() -> None:
    """An expected version is never below zero."""
    problem = only(check_rule(EVENTBRIDGE, {**RULE, "version": -1}))

    assert (problem.id, problem.message) == ("version-range", "version is -1; it must be at least 0")


@pytest.mark.parametrize(
    "path",
    [("name",), ("conditions", 0, "field"), ("conditions", 0, "operator"), ("targets", 0, "id")],
    ids=str,
)
def test_empty_texts(path: tuple[str | int, ...]) -> None:
    """A text that must say something and does not is told."""
    problem = only(check_rule(EVENTBRIDGE, with_value(path, "")))

    assert ("empty-text", path, f"{path_text(path)} must not be empty") == (
        problem.id,
        problem.path,
        problem.message,
    )


@pytest.mark.parametrize(
    ("status", "meant"),
    [("enable", "enabled"), ("Disabled", "disabled"), ("ENABLED", "enabled"), ("xyz", None), (True, None)],
)  # fmt: skip
def test_one_of_several_words(status: Any, meant: str | None) -> None:
    """Where one of a few words is needed, they are told, and the one that was probably meant."""
    problem = only(check_rule(EVENTBRIDGE, {**RULE, "status": status}))
    suggestion = f'; did you mean "{meant}"?' if meant else ""

    assert ("unknown-value", f"status must be enabled or disabled{suggestion}") == (
        problem.id,
        problem.message,
    )
    assert problem.hint == "Allowed: enabled, disabled."


@pytest.mark.parametrize(("data", "where"), [({"mood": "good"}, "mood"), ({"moods": ["so or so", "bad"]}, "moods[1]")])
def test_one_of_several_texts(data: dict[str, Any], where: str) -> None:
    """The texts that are allowed are those of the model, whatever they hold, also in a list."""
    problem = only(check_rule(TOY, data))

    assert ("unknown-value", f"{where} must be so or so or good, bad") == (problem.id, problem.message)
    assert "Allowed: so or so, good, bad." == problem.hint


# --- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [(name,) for name in RULE]
    + [("conditions", 0, name) for name in ("field", "operator", "value")]
    + [("targets", 0, "id")],
    ids=str,
)
def test_missing_keys(path: tuple[str | int, ...]) -> None:
    """A key that must be there is told by its name and by what needs it."""
    problem = only(check_rule(EVENTBRIDGE, with_value(path, ...)))
    owner = path_text(path[:-1]) or "the rule"

    assert ("missing-key", path, f'{owner} needs "{path[-1]}"') == (problem.id, problem.path, problem.message)
    assert problem.hint == f"Add {path[-1]}: …"


@pytest.mark.parametrize(
    ("path", "owner", "meant"),
    [
        (("prioritiy",), "the rule", "priority"),
        (("Name",), "the rule", "name"),
        (("target",), "the rule", "targets"),
        (("zzz",), "the rule", None),
        (("conditions", 0, "operater"), "conditions[0]", "operator"),
        (("conditions", 0, "Value"), "conditions[0]", "value"),
        (("conditions", 0, "jsonPath"), "conditions[0]", None),
    ],
)
def test_unknown_keys(path: tuple[str | int, ...], owner: str, meant: str | None) -> None:
    """A key that nobody knows is told with the one that was probably meant, and with all that there are."""
    problem = only(check_rule(EVENTBRIDGE, with_value(path, 1)))
    suggestion = f'; did you mean "{meant}"?' if meant else ""

    assert ("unknown-key", path) == (problem.id, problem.path)
    assert f'unknown key "{path[-1]}" in {owner}{suggestion}' == problem.message
    assert str(problem.hint).startswith("Known keys: ")


@pytest.mark.parametrize(
    ("data", "owner", "meant"),
    [
        ({"part": {"laef": 1}}, "part", "leaf"),
        ({"part": {"leaf": {"wieght": 1}}}, "part.leaf", "weight"),
        ({"part": {"leaves": [{}, {"wait": 1}]}}, "part.leaves[1]", "weight"),
    ],
)
def test_unknown_keys_at_every_depth(data: dict[str, Any], owner: str, meant: str) -> None:
    """The keys that are suggested are those of the part where the wrong one stands."""
    problem = only(check_rule(TOY, data))

    assert problem.message.startswith(f'unknown key "{problem.path[-1]}" in {owner}')
    assert f'did you mean "{meant}"?' in problem.message or meant in str(problem.hint)


def test_a_misspelled_key_is_not_missing_as_well() -> None:
    """A key that is there under a wrong name is told once."""
    rule = {"prioritiy" if name == "priority" else name: value for name, value in RULE.items()}

    assert [problem.id for problem in check_rule(EVENTBRIDGE, rule)] == ["unknown-key"]


def test_unknown_keys_of_a_target_are_no_problem() -> None:
    """A target may have keys that ebrule does not know."""
    assert check_rule(EVENTBRIDGE, with_value(("targets", 0, "retries"), 3)) == []


# --- all at once --------------------------------------------------------------------------------------------


def test_every_problem_is_found_at_once() -> None:
    """Types, keys and limits are all told in one go."""
    rule = {**RULE, "priority": 0, "nmae": "x", "status": "on", "targets": [{"id": "a b"}, {}]}
    expected = {"unknown-key", "unknown-value", "missing-key", "priority-range", "bad-target-id"}

    assert expected == {problem.id for problem in check_rule(EVENTBRIDGE, rule)}


def test_an_empty_rule_needs_everything() -> None:
    """Nothing at all is as many problems as there are keys that must be there."""
    assert list(RULE) == [problem.path[-1] for problem in check_rule(EVENTBRIDGE, {})]


def test_values_that_stand_for_others_are_not_looked_at() -> None:
    """What the caller says stands for something else has no type problem."""
    rule = {**RULE, "priority": KEEP, "status": KEEP, "targets": [{"id": "t1", "headers": {"A": KEEP}}]}

    assert check_rule(EVENTBRIDGE, rule, unless=lambda value: value is KEEP) == []
    assert len(check_rule(EVENTBRIDGE, rule)) == 3


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)


@calm
@given(
    st.dictionaries(st.sampled_from([*RULE, "id", "version", "kind", "description"]) | st.text(max_size=4), anything)
)
def test_whatever_a_file_says_is_told_in_order(data: dict[str, Any]) -> None:
    """No data breaks the check, and each problem has an id, a path that leads from the top, and a message."""
    for problem in check_rule(EVENTBRIDGE, data):
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.id)
        assert problem.path
        assert problem.message


# --- what is the org's own ----------------------------------------------------------------------------------

TRIGGER_DATA: dict[str, Any] = {
    "name": "Demo", "enabled": True, "topicName": "v2.a", "target": {"type": "Workflow", "id": "f"},
}  # fmt: skip
BAD, WORSE = {"id": "a b", "n": 1}, {"id": "c d", "n": 1}
EMPTY = {"field": "", "operator": "equals", "value": 1}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"priority": 0}, {"priority": 0}, []),
        ({"priority": 0}, {"priority": 1001}, ["priority-range"]),
        ({"priority": 5}, {"priority": 0}, ["priority-range"]),
        ({"status": "new", "name": None}, {"status": "new", "name": None}, []),
        ({"status": "new"}, {"status": "newer"}, ["unknown-value"]),
        ({"name": "Demo"}, {"name": None}, ["missing-key"]),
        ({"priority": "5"}, {"priority": "5"}, []),
        ({"priority": "5"}, {"priority": "6"}, ["wrong-type"]),
        # An element of a list is the org's own wherever it stands, and a new one is not.
        ({"targets": [BAD]}, {"targets": [{"id": "t"}, {**BAD, "n": 2}]}, []),
        ({"targets": [BAD]}, {"targets": [BAD, WORSE]}, ["bad-target-id"]),
        ({"conditions": [EMPTY]}, {"conditions": [RULE["conditions"][0], EMPTY]}, []),
        ({"conditions": [EMPTY]}, {"conditions": [{**EMPTY, "value": 2}]}, ["empty-text"]),
        ({"conditions": [EMPTY]}, {"conditions": [EMPTY, EMPTY]}, ["empty-text"]),
        # What breaks a limit together must have stood together.
        ({"targets": [{"id": "t"}, {"id": "t"}]}, {"targets": [{"id": "t"}, {"id": "t"}]}, []),
        ({"targets": [{"id": "t"}]}, {"targets": [{"id": "t", "n": 1}, {"id": "t"}]}, ["duplicate-target"]),
        ({"conditions": [RULE["conditions"][0]] * 16}, {"conditions": [RULE["conditions"][0]] * 16}, []),
        (
            {"conditions": [RULE["conditions"][0]] * 16},
            {"conditions": [RULE["conditions"][0]] * 17},
            ["too-many-conditions"],
        ),
    ],
    ids=str,
)
def test_only_what_changes_can_be_wrong(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    """An error that the org's rule has in the same place, for the same value, is none."""
    assert expected == [each.id for each in new_problems(EVENTBRIDGE, {**RULE, **after}, [{**RULE, **before}])]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((60, 90), (60, 90), []),
        ((60, 90), (60, 91), ["ttl-and-delay"]),
        ((60, 90), (61, 90), ["ttl-and-delay"]),
        ((60, None), (60, 90), ["ttl-and-delay"]),
        ((None, 90), (60, 90), ["ttl-and-delay"]),
    ],
)
def test_fields_that_exclude_each_other(
    before: tuple[int | None, int | None], after: tuple[int | None, int | None], expected: list[str]
) -> None:
    """Two fields that break a limit together are the org's own only while neither changes."""
    old, new = (dict(zip(("eventTTLSeconds", "delayBySeconds"), pair, strict=True)) for pair in (before, after))

    assert expected == [each.id for each in new_problems(TRIGGER, {**TRIGGER_DATA, **new}, [{**TRIGGER_DATA, **old}])]


def test_an_error_of_any_state_that_the_org_had_is_its_own() -> None:
    """What was wrong in the first or in the second state is no mistake, and a warning stays one."""
    odd = {"operator": "sounds-like", "field": "a", "value": 1}
    rule = {**RULE, "priority": 0, "status": "new", "conditions": [odd]}
    found = new_problems(EVENTBRIDGE, rule, [{**RULE, "priority": 0}, {**RULE, "status": "new"}])

    assert [("unknown-operator", "warning")] == [(each.id, each.severity) for each in found]


# --- what a file can say ------------------------------------------------------------------------------------


def test_what_only_the_org_knows_is_left_out() -> None:
    """Of a rule as the org has it, what no file can say is no part at any depth; a target may have any key."""
    condition, target = RULE["conditions"][0], {"id": "t1", "retries": 3}
    rule = {**RULE, "targets": [target], "conditions": [{**condition, "weight": 3}], "owner": {"team": "routing"}}

    assert {**RULE, "targets": [target]} == writable(EVENTBRIDGE.model, rule)
    assert {"part": {"leaf": {"weight": 1.5}, "leaves": [{}]}} == writable(
        Toy, {"part": {"leaf": {"weight": 1.5, "age": 2}, "leaves": [{"age": 2}], "age": 3}}
    )


def test_nulls_may_be_left_out() -> None:
    """Without nulls, what is null goes where that means no more than a key that is not there."""
    target = {"id": "t1", "url": None, "headers": {"X-A": None}, "retries": None}
    rule = {**RULE, "description": None, "conditions": [{"field": "a", "value": None}], "targets": [target, None]}
    said = writable(EVENTBRIDGE.model, rule, nulls=False)

    assert RULE.keys() == said.keys()
    assert [{"field": "a", "value": None}] == said["conditions"]
    assert [{"id": "t1", "headers": {"X-A": None}, "retries": None}, None] == said["targets"]
    assert rule == writable(EVENTBRIDGE.model, rule)


@pytest.mark.parametrize("odd", [None, "x", {"targets": "x"}, {"targets": None}, {"targets": ["x", None]}], ids=repr)
def test_what_is_no_rule_at_all_stays_as_it_is(odd: Any) -> None:
    """Where text or nothing stands in the place of a part, there is nothing to leave out."""
    assert odd == writable(EVENTBRIDGE.model, odd)


# --- secrets ------------------------------------------------------------------------------------------------

PLACES: list[tuple[tuple[str | int, ...], Any]] = [
    (("name",), [CANARY]),
    (("description",), {"a": CANARY}),
    (("status",), CANARY),
    (("kind",), CANARY),
    (("priority",), CANARY),
    (("version",), CANARY),
    (("password",), CANARY),
    (("conditions",), CANARY),
    (("conditions", 0), CANARY),
    (("conditions", 0, "field"), [CANARY]),
    (("conditions", 0, "secret"), CANARY),
    (("targets",), CANARY),
    (("targets", 0), CANARY),
    (("targets", 0, "url"), [CANARY]),
    (("targets", 0, "headers"), CANARY),
    (("targets", 0, "headers"), {"Authorization": [CANARY]}),
    (("targets", 0, "headers"), {"Authorization": {"Bearer": CANARY}}),
    (("targets", 0, "headers"), [{"X-Api-Key": CANARY}]),
]


@pytest.mark.parametrize(("path", "value"), PLACES, ids=str)
def test_values_stay_out_of_messages(path: tuple[str | int, ...], value: Any) -> None:
    """What is wrong is told without showing the value, which may be a secret."""
    problems = check_rule(EVENTBRIDGE, with_value(path, value))

    assert problems
    assert CANARY not in repr(problems)


# --- paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("name",), "name"),
        (("conditions", 1, "field"), "conditions[1].field"),
        (("a", 0, 1), "a[0][1]"),
        (("a", "b", "c"), "a.b.c"),
        ((0, "a"), "[0].a"),
    ],
)
def test_paths_as_text(path: tuple[str | int, ...], text: str) -> None:
    """A path reads as it would be written in most languages."""
    assert text == path_text(path)


# --- references ---------------------------------------------------------------------------------------------

TARGETS = "/api/v2/eventbridge/targets"
TOPICS = "/api/v2/processautomation/triggers/topics"


def checked(org: FakeOrg, *references: Reference) -> list[Problem | None]:
    """Check references against an org, as an update does."""
    update = Update(org)
    found = update.pace.call_all(reference_checks(update.session.reader, references))
    return [next((wrong[each] for wrong in found if each in wrong), None) for each in references]


def target(name: str, index: int = 0, **fields: Any) -> Reference:
    """Return a reference to a target."""
    return Reference(("targets", index, "id"), "target", name, f"{TARGETS}/{name}", **fields)


def topic(name: str) -> Reference:
    """Return a reference to a topic."""
    return Reference(("topicName",), "topic", name, TOPICS, in_list=True)


def test_a_reference_that_exists_is_right() -> None:
    """What the org has is no problem."""
    org = FakeOrg()
    org.resources[f"{TARGETS}/t1"] = answers(200, {"id": "t1"})

    assert checked(org, target("t1")) == [None]


def test_a_reference_that_does_not_exist() -> None:
    """What the org does not have is a problem where it is named, and the others are still checked."""
    org = FakeOrg()
    org.resources |= {f"{TARGETS}/t1": answers(200, {}), f"{TARGETS}/t3": answers(410)}
    there, missing, gone = checked(org, target("t1"), target("t2", 1), target("t3", 2))

    assert there is None
    assert missing is not None
    assert (missing.id, missing.path) == ("unknown-target", ("targets", 1, "id"))
    assert 'target "t2" does not exist in this org' in missing.message
    hint = "Create the target first, or correct its id. An update skips the check with --no-check-targets."
    assert hint == missing.hint
    assert gone is not None
    assert gone.path == ("targets", 2, "id")


def test_a_reference_that_will_not_do() -> None:
    """What the org has may still be unfit, and the reason is told."""
    org = FakeOrg()
    org.resources[f"{TARGETS}/t1"] = answers(200, {"state": "deleted"})
    (problem,) = checked(org, target("t1", check=lambda data: f"it is {data['state']}"))

    hint = "Mend the target, or name another. An update skips the check with --no-check-targets."
    assert problem == Problem("unfit-target", "it is deleted", ("targets", 0, "id"), hint=hint)


def test_each_resource_is_asked_for_once() -> None:
    """Several references to one thing are one request."""
    org = FakeOrg()
    asked: list[str] = []

    def note(_org: FakeOrg, request: Request) -> Reply:
        asked.append(request.url)
        return answers(200, {})(_org, request)

    org.resources[f"{TARGETS}/t1"] = note

    assert checked(org, target("t1"), target("t1", 1)) == [None, None]
    assert len(asked) == 1


def test_each_place_that_names_what_is_missing_is_told() -> None:
    """What one request found out is a problem in every place that the answer is about."""
    missing = checked(FakeOrg(), target("t1"), target("t1", 1))

    assert [("targets", 0, "id"), ("targets", 1, "id")] == [problem and problem.path for problem in missing]


def test_a_list_is_read_once_for_all_that_must_be_in_it() -> None:
    """The references to a list share its pages, which are read as far as one of them is still to be found."""
    org = FakeOrg()
    first, second = f"{TOPICS}?pageSize=200", f"{TOPICS}?after=1"
    asked: list[str] = []

    def page(org_: FakeOrg, request: Request) -> Reply:
        asked.append(request.url.removeprefix(API))
        body = {"entities": ["v2.a"], "nextUri": second}
        return answers(200, body if asked[-1] == first else {"entities": ["v2.b"]})(org_, request)

    org.resources |= {first: page, second: page}
    there, missing = checked(org, topic("v2.b"), topic("v2.bb"))

    assert [first, second] == asked
    assert there is None
    message = 'topic "v2.bb" is not among those of this org; did you mean "v2.b"?'
    hint = "The org has 2 topics; take one of them."
    assert Problem("unknown-topic", message, ("topicName",), hint=hint) == missing
    assert [None] == checked(org, topic("v2.a"))
    assert [first, second, first] == asked


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (answers(503), UnavailableError),
        (answers(500), UnavailableError),
        (answers(200, b"<html>"), UnavailableError),
        (answers(200, []), UnavailableError),
        (lost, UnavailableError),
        (answers(403), AccessError),
    ],
    ids=["503", "500", "a page", "a list", "broken", "403"],
)
def test_a_reference_that_cannot_be_checked(step: Any, kind: type[EbruleError]) -> None:
    """Where the org does not tell, that is an error, and no reference is called missing."""
    org = FakeOrg()
    org.resources[f"{TARGETS}/t1"] = step
    with pytest.raises(kind, match="checking target t1"):
        checked(org, target("t1"))


def test_a_list_that_cannot_be_read() -> None:
    """Where the org does not give its list, that is an error, and what must be in it is not called missing."""
    org = FakeOrg()
    org.resources[f"{TOPICS}?pageSize=200"] = answers(503)
    with pytest.raises(UnavailableError, match=r"checking topic v2\.a"):
        checked(org, topic("v2.a"))


def test_an_org_in_trouble_is_asked_again() -> None:
    """A reading that fails is tried again before it counts."""
    org = FakeOrg()
    steps = [answers(503), lost, answers(200, {})]

    def in_turn(_org: FakeOrg, request: Request) -> Reply:
        return steps.pop(0)(_org, request)

    org.resources[f"{TARGETS}/t1"] = in_turn

    assert checked(org, target("t1")) == [None]
