"""From a rule file, through real files, to what an update would change."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from ebrule.errors import InvalidRuleError, UsageError
from ebrule.pipeline.patch import parse_assignment
from ebrule.pipeline.plan import Plan, load_rule, make_plan, validate_rule
from ebrule.rulefile import dump_yaml
from ebrule.rules.diff import Change, diff
from ebrule.rules.kind import Rule
from fake_org import RULE_ID, demo_rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebrule.errors import Problem
    from ebrule.pipeline.plan import RuleFile

    Write = Callable[[str], Path]

GOOD = """\
kind: eventbridge
id: demo-rule
version: 7
name: Demo
status: enabled
priority: 50
conditions:
  - {field: eventType, operator: equals, value: call.answered}
targets:
  - id: t1
    type: webhook
    headers:
      Authorization: "${env:TOKEN}"
  - id: t2
"""
ENVIRON = {"TOKEN": "s3cret"}

TRIGGER_FILE = """\
kind: trigger
name: Demo
enabled: true
topicName: v2.a
target:
  type: Workflow
  id: flow-1
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a text into a rule file."""

    def write_file(text: str) -> Path:
        path = tmp_path / "rule.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def base(**fields: Any) -> Rule:
    """Return the rule that the org has."""
    return Rule(RULE_ID, 7, demo_rule(**fields))


def refused(path: Path, **options: Any) -> list[Problem]:
    """Load a file that is not right, and return its problems."""
    with pytest.raises(InvalidRuleError) as caught:
        load_rule(path, **{"environ": ENVIRON, **options})
    assert caught.value.source is not None
    assert caught.value.source.name == str(path)
    return list(caught.value.problems)


def changes(plan: Plan) -> list[Change]:
    """Return what a plan would change."""
    return diff(plan.kind.shape, plan.kind.content(plan.base.data), plan.wanted)


def planned(write: Write, text: str, rule: Rule | None = None) -> Plan:
    """Load a file and lay it over the rule that the org has."""
    return make_plan(load_rule(write(text), environ=ENVIRON), rule or base())


# --- loading ------------------------------------------------------------------------------------------------


def test_a_right_file(write: Write) -> None:
    """A file says its kind, id and version, and the rule's fields with variables filled in."""
    rule_file = load_rule(write(GOOD), environ=ENVIRON)

    assert (
        rule_file.kind.name, rule_file.rule_id, rule_file.version, rule_file.warnings,
    ) == ("eventbridge", "demo-rule", 7, ())  # fmt: skip
    assert list(rule_file.fields) == ["name", "status", "priority", "conditions", "targets"]
    assert rule_file.fields["targets"][0]["headers"] == {"Authorization": "s3cret"}
    assert rule_file.document.secrets == {"s3cret"}


def test_a_file_need_not_say_what_it_is(write: Write) -> None:
    """Without kind, id and version a file is an EventBridge rule for any id and version."""
    rule_file = load_rule(write(GOOD.split("\n", 3)[3]), environ=ENVIRON)

    assert (rule_file.kind.name, rule_file.rule_id, rule_file.version) == ("eventbridge", None, None)


def test_variables_come_from_the_process_by_default(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment of its own, loading uses the process's."""
    monkeypatch.setenv("TOKEN", "from the process")

    assert load_rule(write(GOOD)).document.secrets == {"from the process"}


def test_standard_input() -> None:
    """``-`` reads what it is given."""
    rule_file = load_rule("-", environ=ENVIRON, stdin=io.BytesIO(GOOD.encode()))

    assert rule_file.rule_id == "demo-rule"


def test_json_is_read_too(tmp_path: Path) -> None:
    """A rule file may be JSON."""
    path = tmp_path / "rule.json"
    path.write_text(json.dumps({**load_fields(), "name": "From JSON"}), encoding="utf-8")

    assert load_rule(path).fields["name"] == "From JSON"


def load_fields() -> dict[str, Any]:
    """Return a small right rule."""
    return {"name": "Demo", "status": "enabled", "priority": 50, "conditions": [], "targets": []}


def test_a_warning_stops_nothing(write: Write) -> None:
    """An unknown operator is handed on with its place."""
    rule_file = load_rule(write(GOOD.replace("equals", "sounds-like")), environ=ENVIRON)
    (warning,) = rule_file.warnings

    assert (warning.id, warning.severity, warning.line) == ("unknown-operator", "warning", 8)


# --- problems and their places ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [
        ("priority: 50", "priority: 0", ("priority-range", 6, 11)),
        ("priority: 50", 'priority: "50"', ("wrong-type", 6, 11)),
        ("priority: 50", "prioritiy: 50", ("unknown-key", 6, 1)),
        ("status: enabled", "status: enable", ("unknown-value", 5, 9)),
        ("id: demo-rule", "id: ../x", ("bad-id", 2, 5)),
        ("id: demo-rule", 'id: ""', ("bad-id", 2, 5)),
        ("id: demo-rule", "id: ${keep}", ("nothing-to-keep", 2, 5)),
        ("version: 7", "version: ${keep}", ("nothing-to-keep", 3, 10)),
        ("version: 7", "version: -1", ("version-range", 3, 10)),
        ("kind: eventbridge", "kind: eventbrige", ("unknown-kind", 1, 7)),
        ("kind: eventbridge", "kind: ${keep}", ("unknown-kind", 1, 7)),
        ("kind: eventbridge", "kind: [eventbridge]", ("unknown-kind", 1, 7)),
        ("operator: equals", "operater: equals", ("unknown-key", 8, 24)),
        ("value: call.answered", 'value: "${keep}"', ("nothing-to-keep", 8, 49)),
        ("id: t2", "id: t1", ("duplicate-target", 14, 9)),
        ("id: t2", "id: a b", ("bad-target-id", 14, 9)),
        ("id: t2", "id: ${keep}", ("nothing-to-keep", 14, 9)),
        ("- id: t2", "- ${keep}", ("nothing-to-keep", 14, 5)),
        ("- id: t2", "- type: x", ("missing-key", 14, 5)),
        ('"${env:TOKEN}"', "5", ("wrong-type", 13, 22)),
        ('"${env:TOKEN}"', '"${env:NOTHING}"', ("unset-variable", 13, 22)),
        ("name: Demo\n", "", ("missing-key", 1, 1)),
        ("name: Demo", "name: [", ("yaml-syntax", None, None)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)  # fmt: skip
def test_problems_have_their_places(
    write: Write, was: str, becomes: str, expected: tuple[str, int | None, int | None]
) -> None:
    """Each problem points to the line and the column of the key or value that it is about."""
    assert was in GOOD
    found = [(p.id, p.line, p.column) for p in refused(write(GOOD.replace(was, becomes, 1)))]
    wanted = [place if expected[1] is None else expected for place in found if place[0] == expected[0]]

    assert wanted
    assert expected[1] is None or expected in found


def test_problems_come_in_the_order_of_the_file(write: Write) -> None:
    """All problems of a file are told at once, from top to bottom, warnings among them."""
    text = (
        GOOD.replace("id: t2", "id: t1")
        .replace("priority: 50", "priority: 0")
        .replace("equals", "sounds-like")
        .replace("status: enabled", "status: on-hold")
        .replace("name: Demo", "nmae: Demo")
    )
    problems = refused(write(text))

    assert [problem.id for problem in problems] == [
        "unknown-key",
        "unknown-value",
        "priority-range",
        "unknown-operator",
        "duplicate-target",
    ]
    assert sorted((p.line, p.column) for p in problems if p.line and p.column) == [(p.line, p.column) for p in problems]


@pytest.mark.parametrize(("name", "count"), [("priority: 0", "1 mistake"), ("priority: 0\nx: 1", "2 mistakes")])
def test_mistakes_are_counted_without_warnings(write: Write, name: str, count: str) -> None:
    """The error names the file and how many mistakes it has; warnings are no mistakes."""
    text = GOOD.replace("priority: 50", name).replace("equals", "sounds-like")
    with pytest.raises(InvalidRuleError, match=f"rule.yaml has {count}"):
        load_rule(write(text), environ=ENVIRON)


def test_an_id_that_is_no_text(write: Write) -> None:
    """A number is no id, and that is told once."""
    assert [problem.id for problem in refused(write(GOOD.replace("demo-rule", "12")))] == ["wrong-type"]


@pytest.mark.parametrize("text", ["", "- a", "x"])
def test_a_file_that_is_no_mapping(write: Write, text: str) -> None:
    """A file without a mapping in it is refused before anything is looked for in it."""
    assert len(refused(write(text))) == 1


def test_broken_limits_may_be_left_to_who_knows_the_org(write: Write) -> None:
    """They are kept with their places, apart from the warnings, where all else is right."""
    text = GOOD.replace("priority: 50", "priority: 0").replace("id: t2", "id: a b").replace("equals", "sounds-like")
    rule_file = load_rule(write(text), environ=ENVIRON, defer_limits=True)

    assert [("priority-range", "error", 6), ("bad-target-id", "error", 14)] == [
        (each.id, each.severity, each.line) for each in rule_file.limits
    ]
    assert ["unknown-operator"] == [each.id for each in rule_file.warnings]


@pytest.mark.parametrize(
    "wrong", ["name: 5", "nmae: Demo", "id: ../x", "version: -1", "name: Demo\nname: Demo", "priority: ${keep} x"]
)
def test_an_error_of_form_is_left_to_nobody(write: Write, wrong: str) -> None:
    """A wrong type, key or id is reported at once, and every broken limit with it."""
    key = wrong.partition(":")[0].replace("nmae", "name")
    text = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith(f"{key}:"))
    problems = refused(write(text.replace("status: enabled", "status: on-hold") + f"{wrong}\n"), defer_limits=True)

    assert {"unknown-value"} < {problem.id for problem in problems}


def test_a_key_that_is_null_is_missing_in_its_place(write: Write) -> None:
    """A required key that is null is reported where it stands."""
    (problem,) = refused(write(GOOD.replace("name: Demo", "name: null")))

    assert ("missing-key", 4, 7) == (problem.id, problem.line, problem.column)


# --- values of the command line -----------------------------------------------------------------------------


def test_values_of_the_command_line_stand_in_for_the_files(write: Write) -> None:
    """``--set`` is laid over the file, and what the environment put into it is as secret as what is in the file."""
    url = {"URL": "https://hidden.example.com"}
    texts = ("priority=60", "targets[t2].url=${env:URL}", "targets[t1].headers=null")
    assignments = tuple(parse_assignment(text, url) for text in texts)
    rule_file = load_rule(write(GOOD), environ=ENVIRON, assignments=assignments)

    assert 60 == rule_file.fields["priority"]
    assert [{"id": "t1", "type": "webhook"}, {"id": "t2", "url": url["URL"]}] == rule_file.fields["targets"]
    assert {"s3cret", url["URL"]} == rule_file.secrets


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("priority=0", [("priority-range", None), ("unknown-value", 5), ("bad-target-id", 15)]),
        ("targets[t2].id=c d", [("bad-target-id", None), ("unknown-value", 5), ("bad-target-id", 15)]),
        ("targets[t1]=null", [("bad-target-id", None), ("unknown-value", 5)]),
        ("targets[2]=null", [("unknown-value", 5)]),
        ("status=null", [("missing-key", None), ("bad-target-id", 15)]),
    ],
)
def test_a_value_of_the_command_line_has_no_place_in_the_file(
    write: Write, assignment: str, expected: list[tuple[str, int | None]]
) -> None:
    """A problem points to a line only where that line says what is wrong; a list that lost an element has none."""
    text = GOOD.replace("status: enabled", "status: on-hold") + "  - id: a b\n"
    problems = refused(write(text), assignments=(parse_assignment(assignment, {}),))

    assert expected == [(problem.id, problem.line) for problem in problems]


# --- kinds --------------------------------------------------------------------------------------------------


def test_the_kind_may_be_said_twice(write: Write) -> None:
    """The command line and the file may agree on the kind, or one of them say it."""
    assert load_rule(write(GOOD), kind="eventbridge", environ=ENVIRON).kind.name == "eventbridge"
    without = GOOD.removeprefix("kind: eventbridge\n")
    assert load_rule(write(without), kind="eventbridge", environ=ENVIRON).kind.name == "eventbridge"


@pytest.mark.parametrize("text", [GOOD, GOOD.removeprefix("kind: eventbridge\n")], ids=["said", "not said"])
def test_a_kind_that_there_is_not(write: Write, text: str) -> None:
    """An unknown kind on the command line is wrong usage, whatever the file says."""
    with pytest.raises(UsageError) as caught:
        load_rule(write(text), kind="eventbrige", environ=ENVIRON)

    assert caught.value.code == "unknown-kind"


def test_kinds_that_disagree(write: Write) -> None:
    """The command line and the file naming two different kinds is wrong usage."""
    with pytest.raises(UsageError, match=r"--kind says trigger, and .*rule\.yaml says eventbridge") as caught:
        load_rule(write(GOOD), kind="trigger", environ=ENVIRON)

    assert caught.value.code == "two-kinds"


# --- looking at a file --------------------------------------------------------------------------------------


def test_a_right_file_is_examined(write: Write) -> None:
    """Looking at a right file finds its kind, its warnings and no errors."""
    found = validate_rule(write(GOOD.replace("equals", "sounds-like")), environ=ENVIRON)

    assert (found.kind, found.errors, [p.id for p in found.problems]) == (
        "eventbridge",
        0,
        ["unknown-operator"],
    )
    assert found.rule_file is not None
    assert "demo-rule" == found.rule_file.rule_id


def test_a_file_of_another_kind_is_examined(write: Write) -> None:
    """A file that is not of the kind that was asked for has that as its problem, where it names its own."""
    path = write(GOOD)
    found = validate_rule(path, kind="trigger", environ=ENVIRON)
    (problem,) = found.problems

    assert (str(path), "eventbridge", 1) == (found.source.name, found.kind, found.errors)
    assert ("two-kinds", ("kind",), 1, 7) == (problem.id, problem.path, problem.line, problem.column)
    assert f"--kind says trigger, and {path} says eventbridge" == problem.message
    assert "Leave out --kind." == problem.hint


def test_a_wrong_file_is_examined(write: Write) -> None:
    """Looking at a wrong file returns what loading it raises."""
    path = write(GOOD.replace("priority: 50", "priority: 0").replace("equals", "sounds-like"))
    found = validate_rule(path, environ=ENVIRON)

    assert (1, refused(path)) == (found.errors, list(found.problems))
    assert found.source.name == str(path)
    assert found.source.lines[5] == "priority: 0"


def test_a_file_that_is_not_there_is_examined(tmp_path: Path) -> None:
    """A file that cannot be read has that as its problem."""
    found = validate_rule(tmp_path / "none.yaml", kind="eventbridge")

    assert (found.errors, found.kind, found.problems[0].id) == (1, "eventbridge", "file-not-found")
    assert found.source.name == str(tmp_path / "none.yaml")


# --- planning -----------------------------------------------------------------------------------------------


def test_what_a_file_leaves_out_stays(write: Write) -> None:
    """Description, unknown fields, and other keys of present targets are as the org has them."""
    plan = planned(write, GOOD.replace("priority: 50", "priority: 60"))

    assert changes(plan) == [
        Change("priority", 50, 60),
        Change("targets[t1].headers.X-Source", "demo", None),
        Change("targets[t1].headers.Authorization", None, "s3cret"),
    ]
    assert (plan.wanted["description"], plan.wanted["owner"]) == ("What it is for", {"team": "routing"})
    assert not plan.is_empty


def test_a_description_may_be_taken_away(write: Write) -> None:
    """A field that a file sets to nothing is taken away."""
    plan = planned(write, GOOD + "description: null\n")

    assert Change("description", "What it is for", None) in changes(plan)


def test_a_file_made_from_the_rule_changes_nothing(write: Write) -> None:
    """What the org has, written into a file, is a plan without changes, whatever the order of its targets."""
    known = ("name", "description", "status", "priority", "conditions", "targets")
    data = {name: demo_rule()[name] for name in known}
    data["targets"].reverse()
    plan = planned(write, dump_yaml(data))

    assert plan.is_empty
    assert changes(plan) == []


KEPT = GOOD.replace('Authorization: "${env:TOKEN}"', "X-Source: ${keep}").replace("name: Demo", "name: ${keep}")


def test_what_a_file_keeps_is_what_the_org_has(write: Write) -> None:
    """``${keep}`` leaves the org's value, at the top and in a target's headers."""
    plan = planned(write, KEPT, base(name="Theirs"))

    assert plan.is_empty
    assert plan.wanted["targets"][0]["headers"] == {"X-Source": "demo"}


@pytest.mark.parametrize("field", ["name", "status", "priority", "conditions", "targets"])
def test_each_field_may_be_kept(write: Write, field: str) -> None:
    """Every field of a rule may be kept as a whole, and there is nothing to look up in what is kept."""
    lines = [f"{name}: {json.dumps('${keep}' if name == field else value)}" for name, value in load_fields().items()]
    rule_file: RuleFile = load_rule(write("\n".join(lines)))
    plan = make_plan(rule_file, base())

    assert plan.wanted[field] == demo_rule()[field]
    assert rule_file.kind.references(rule_file.fields, "r") == []


@pytest.mark.parametrize(
    ("text", "rule", "path", "line"),
    [
        (KEPT.replace("X-Source", "X-Other"), base(), "targets[t1].headers.X-Other", 13),
        (KEPT, base(targets=[{"id": "t1"}, {"id": "t2"}]), "targets[t1].headers.X-Source", 13),
        (KEPT, base(targets=[]), "targets[t1].headers.X-Source", 13),
        (KEPT, base(targets=[{"id": "t1", "headers": {"X-Source": "a"}}, {"id": "t1"}]),
         "targets[0].headers.X-Source", 13),
        (KEPT, base(targets=[{"headers": {"X-Source": "a"}}]), "targets[0].headers.X-Source", 13),
        (KEPT + "description: ${keep}\n", base(description=None), "description", 15),
    ],
    ids=["another header", "no headers", "no target", "targets twice", "targets without ids", "no description"],
)  # fmt: skip
def test_there_must_be_something_to_keep(write: Write, text: str, rule: Rule, path: str, line: int) -> None:
    """``${keep}`` where the org has no value, or none that can be told, is a problem with its place."""
    with pytest.raises(InvalidRuleError) as caught:
        planned(write, text, rule)
    (problem,) = caught.value.problems

    assert ("nothing-to-keep", f"{path} is ${{keep}}, but the org has no such value") == (problem.id, problem.message)
    assert "Write the value itself, for one as ${env:NAME}." == problem.hint
    assert line == problem.line


@pytest.mark.parametrize("present", [{"name": None}, {}], ids=["null", "absent"])
def test_what_a_file_must_say_is_kept_even_where_the_org_has_none(write: Write, present: dict[str, Any]) -> None:
    """A file needs a name, so that it can say of a rule without one that this stays so."""
    data = {**{name: value for name, value in demo_rule().items() if name != "name"}, **present}
    plan = planned(write, GOOD.replace("name: Demo", "name: ${keep}"), Rule(RULE_ID, 7, data))

    assert dict.fromkeys(present) == {name: value for name, value in plan.wanted.items() if name == "name"}


def test_what_does_not_change_is_spelled_as_the_org_has_it(write: Write) -> None:
    """A null, a number's notation and an order without meaning stay as they are in what is sent."""
    data = demo_rule(priority=50.0, description=None)
    data["targets"] = [{**data["targets"][1], "url": None}, data["targets"][0]]
    text = GOOD.replace("status: enabled", "status: disabled").replace('"${env:TOKEN}"', "x")
    plan = planned(write, text.replace("Authorization: x", "X-Source: demo"), Rule(RULE_ID, 7, data))

    assert {**data, "status": "disabled"} == {**data, **plan.wanted}
    assert [data["targets"], "50.0", {"description": None}] == [
        plan.wanted["targets"], repr(plan.wanted["priority"]),
        {name: value for name, value in plan.wanted.items() if name == "description"},
    ]  # fmt: skip


def test_what_cannot_be_kept_within_a_part_is_told_on_its_line(write: Write) -> None:
    """A key of a rule's part has a line of its own, which is the one to mend."""
    text = TRIGGER_FILE + "  workflowTargetSettings:\n    dataFormat: ${keep}\n"
    with pytest.raises(InvalidRuleError) as caught:
        planned(write, text, Rule("t", 1, {"target": {"type": "Workflow", "id": "flow-1"}}))

    assert [("nothing-to-keep", 9, 17)] == [(each.id, each.line, each.column) for each in caught.value.problems]


def test_a_plan_does_not_change_what_it_is_made_from(write: Write) -> None:
    """The rule as it was read stays as it was."""
    rule = base()
    planned(write, GOOD.replace("priority: 50", "priority: 60"), rule)

    assert rule.data == demo_rule()
