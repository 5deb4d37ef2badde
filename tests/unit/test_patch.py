"""``--set``: paths, values, and where they go."""

from __future__ import annotations

from typing import Any

import pytest

from ebrule.errors import InvalidRuleError, UsageError
from ebrule.pipeline.patch import Patch, parse_assignment
from ebrule.rulefile import KEEP
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Rule
from ebrule.rules.trigger import TRIGGER
from fake_org import demo_rule


def patched(*texts: str, **environ: str) -> dict[str, Any]:
    """Return the content that assignments make of the demo rule."""
    patch = Patch(EVENTBRIDGE, tuple(parse_assignment(text, environ) for text in texts))
    return patch.over(Rule("demo-rule", 7, demo_rule()))


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("priority=50", ("priority",), 50),
        ("name=A name", ("name",), "A name"),
        ("name=a=b", ("name",), "a=b"),
        ('name="50"', ("name",), "50"),
        ("name=", ("name",), ""),
        ("name=on", ("name",), "on"),
        ("name=012", ("name",), "012"),
        ("description=null", ("description",), None),
        ("a=true", ("a",), True),
        ("a=[1, 2]", ("a",), [1, 2]),
        ("a=[1, 2", ("a",), "[1, 2"),
        ('a={"b": 1.5}', ("a",), {"b": 1.5}),
        ("targets[crm].url=x", ("targets", "crm", "url"), "x"),
        ("conditions[0].value=x", ("conditions", "0", "value"), "x"),
        ("targets[crm].headers[X.Y]=x", ("targets", "crm", "headers", "X.Y"), "x"),
        ("a=${keep}", ("a",), KEEP),
        ("a=$${env:X}", ("a",), "${env:X}"),
    ],
    ids=str,
)
def test_paths_and_values(text: str, path: tuple[str, ...], value: Any) -> None:
    """A value is JSON where it is JSON, and text otherwise."""
    assignment = parse_assignment(text, {})
    assert (path, value, frozenset(), text, {}) == assignment


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name=2026", "2026"),
        ("name=true", "true"),
        ("name=null", "null"),
        ('name="50"', '"50"'),
        ("name=[1, 2]", "[1, 2]"),
        ("name=", ""),
        ("name=a=b", "a=b"),
        ("name=${keep}", KEEP),
        ("name=a ${env:TOKEN}", "a 7"),
        ("name=${env:TOKEN}", "7"),
    ],
)
def test_a_value_may_be_text_whatever_it_looks_like(text: str, value: Any) -> None:
    """``--set-string`` takes no number, and no quotes that a shell would have to leave."""
    assert value == parse_assignment(text, {"TOKEN": "7"}, is_text=True).value


def test_an_assignment_of_text_is_named_by_its_own_option() -> None:
    """In each error that it may end with."""
    for text in ("name", "id=x"):
        with pytest.raises(UsageError, match=r"^--set-string "):
            parse_assignment(text, {}, is_text=True)
    with pytest.raises(InvalidRuleError, match=r"^--set-string name is not right"):
        parse_assignment("name=${env:NOPE}", {}, is_text=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "=5",
        "priority",
        "a..b=1",
        ".a=1",
        "a[=1",
        "a]=1",
        "a[]=1",
        "a[b]c=1",
        f"targets[t1]{'.a' * 30}=1",
        "name\udcff=x",
    ],
)
def test_what_is_no_assignment(text: str) -> None:
    """A path that cannot be read is a wrong command line, and the hint shows what a path looks like."""
    with pytest.raises(UsageError) as caught:
        parse_assignment(text, {})
    assert ("bad-set", "--set needs PATH=VALUE") == (caught.value.code, caught.value.message)
    assert "targets[crm].url" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "name", "option"),
    [("id=x", "id", "--rule-id"), ("version=8", "version", "--expect-version"), ("kind=trigger", "kind", "--kind")],
)
def test_what_has_an_option_of_its_own_is_not_set(text: str, name: str, option: str) -> None:
    """What says which rule is meant is no field of it: the hint names the option to use."""
    with pytest.raises(UsageError) as caught:
        parse_assignment(text, {})
    assert ("bad-set", f"--set cannot change {name}") == (caught.value.code, caught.value.message)
    assert f"Use {option}." == caught.value.hint


@pytest.mark.parametrize(
    "value",
    ["${env:NOPE}", '{"a": 1, "a": 2}', "${other}", "9" * 60, "9" * 5000, "[" * 30 + "]" * 30, "[" * 9999 + "]" * 9999],
    ids=lambda value: value[:30],
)
def test_values_that_a_file_could_not_have_either(value: str) -> None:
    """Unset variables, doubled keys, unknown substitutions and endless numbers are errors here as in a file."""
    with pytest.raises(InvalidRuleError) as caught:
        parse_assignment(f"name={value}", {})
    problem = caught.value.problems[0]
    assert "--set name is not right. Nothing was sent." == caught.value.message
    assert ("--set name", ("name",), None, None) == (
        caught.value.source and caught.value.source.name, problem.path, problem.line, problem.column,
    )  # fmt: skip


def test_a_value_from_the_environment_is_a_secret() -> None:
    """What ``${env:NAME}`` put in is known as what must not be shown."""
    assignment = parse_assignment("name=a ${env:TOKEN}", {"TOKEN": "s3cret"})
    assert ("a s3cret", frozenset({"s3cret"})) == (assignment.value, assignment.secrets)


def test_the_rest_of_the_rule_stays() -> None:
    """Only what is named changes: other fields, other keys of a target, and what ebrule does not know."""
    content = patched("priority=7", "targets[t1].url=https://new.example.com", "description=null")
    was = EVENTBRIDGE.content(demo_rule())

    changed = {**was, "priority": 7, "description": None}
    changed["targets"] = [{**was["targets"][0], "url": "https://new.example.com"}, *was["targets"][1:]]
    assert changed == content


def test_what_ebrule_does_not_know_stays_beside_what_is_set() -> None:
    """Of an element of a list without names, and of a part of a target, keys that no rule file can say stay."""
    conditions = [{"field": "a", "operator": "equals", "value": 1, "weight": {"min": 1, "max": 3}} for _ in range(2)]
    target = {"id": "t1", "policy": {"tries": 3, "pause": 5}}
    texts = ("conditions[0].weight.max=null", "conditions[1].value=2", "targets[t1].policy.tries=4")
    patch = Patch(EVENTBRIDGE, tuple(parse_assignment(text, {}) for text in texts))
    content = patch.over(Rule("demo-rule", 7, demo_rule(conditions=conditions, targets=[target])))

    assert [{**conditions[0], "weight": {"min": 1}}, {**conditions[1], "value": 2}] == content["conditions"]
    assert [{"id": "t1", "policy": {"tries": 4, "pause": 5}}] == content["targets"]


def test_assignments_say_the_same_every_time() -> None:
    """A run lays them over more than one state of the rule; what later ones change of earlier ones does not last."""
    texts = ('targets=[{"id": "t8"}, {"id": "t9"}]', "targets[0]=null", "targets[t9].url=https://nine.example.com")
    patch = Patch(EVENTBRIDGE, tuple(parse_assignment(text, {}) for text in texts))
    targets = [patch.over(Rule("demo-rule", 7, demo_rule()))["targets"] for _ in range(2)]

    assert [[{"id": "t9", "url": "https://nine.example.com"}]] * 2 == targets


def test_null_takes_an_element_away() -> None:
    """A list's element that is set to null is gone; by index, or by what it is known by."""
    assert [] == patched("conditions[0]=null")["conditions"]
    assert "t1" not in [target["id"] for target in patched("targets[t1]=null")["targets"]]


def test_a_mapping_that_is_not_there_is_made() -> None:
    """Setting a header of a target without headers gives it headers."""
    content = patched('targets=[{"id": "t9"}]', "targets[t9].headers.X-A=b")
    assert [{"id": "t9", "headers": {"X-A": "b"}}] == content["targets"]


def test_null_takes_a_key_away() -> None:
    """Of an element that is known by its id, and of an object in the rule, a key that is set to null is gone."""
    patch = Patch(TRIGGER, (parse_assignment("target.workflowTargetSettings=null", {}),))
    trigger = {"target": {"type": "Workflow", "id": "flow-1", "workflowTargetSettings": {"dataFormat": "Json"}}}

    assert "url" not in patched("targets[0].url=null", "targets[t2]=null")["targets"][0]
    assert "headers" not in patched("targets[t2]=null", "targets[t1].headers=null")["targets"][0]
    assert {"type": "Workflow", "id": "flow-1"} == patch.over(Rule("t", 1, trigger))["target"]
    assert patched() == patched("targets[t2].headers.X-A=null") == patched("targets[t1].headers.X-A=null")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('targets[t1].headers={"X-Source": "${keep}"}', "nothing-to-keep"),
        ("priority=5000", "priority-range"),
        ("priority=high", "wrong-type"),
        ("prioritee=5", "unknown-key"),
        ("conditions[0].operater=x", "unknown-key"),
        ("status=on", "unknown-value"),
    ],
)
def test_what_comes_of_it_must_be_right(text: str, problem: str) -> None:
    """A value that breaks a limit, or is none of those that are known, is told before anything is sent."""
    with pytest.raises(InvalidRuleError) as caught:
        patched(text)
    assert [problem] == [each.id for each in caught.value.problems]
    assert ("--set", "--set is not right. Nothing was sent.") == (
        caught.value.source and caught.value.source.name, caught.value.message,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("priority=5", None),
        ("targets[t1].url=https://new.example.com", None),
        ("conditions[1].value=2", None),
        ("priority=4000", "priority-range"),
        ("targets[t1].id=c d", "bad-target-id"),
        ("conditions[0].value=2", "empty-text"),
    ],
)
def test_what_else_is_odd_is_the_orgs_own(text: str, problem: str | None) -> None:
    """Beside a value that is set, and around it, may be what breaks limits; what is set itself must not."""
    conditions = [{"field": "", "operator": "equals", "value": 1}, {"field": "a", "operator": "equals", "value": 1}]
    odd = demo_rule(priority=5000, conditions=conditions, status="archived")
    odd["targets"] = [*odd["targets"], {"id": "a b"}]
    patch = Patch(EVENTBRIDGE, (parse_assignment(text, {}),))
    if problem is None:
        assert "archived" == patch.over(Rule("demo-rule", 7, odd))["status"]
        return
    with pytest.raises(InvalidRuleError) as caught:
        patch.over(Rule("demo-rule", 7, odd))

    assert [problem] == [each.id for each in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (f"targets[{'9' * 5000}].url=x", ("targets", "9" * 5000), f"targets has no element {'9' * 5000}"),
        ("targets[nope].url=x", ("targets", "nope"), "targets has no element nope"),
        ("conditions[1].value=x", ("conditions", "1"), "conditions has no element 1"),
        ("conditions[-1].value=x", ("conditions", "-1"), "conditions has no element -1"),
        ("priority.x=1", ("priority", "x"), "priority has no parts"),
        ("targets[t1].url.x=1", ("targets", 0, "url", "x"), "targets[0].url has no parts"),
    ],
)
def test_a_path_that_leads_nowhere(text: str, path: tuple[str | int, ...], message: str) -> None:
    """It is told, behind the path as it was typed, how far that leads."""
    with pytest.raises(InvalidRuleError) as caught:
        patched(text)
    (problem,) = caught.value.problems
    assert f"--set {text.partition('=')[0]}" == (caught.value.source and caught.value.source.name)
    assert ("no-such-path", path, message) == (problem.id, problem.path, problem.message)
    assert (problem.hint or "").startswith("There are: t1, t2." if "targets has" in message else "A path looks like ")


def test_keep_has_a_set_of_its_own() -> None:
    """``${keep}`` within a value is told with its place in it, and the hint shows how to say it."""
    with pytest.raises(InvalidRuleError) as caught:
        patched('targets[t1].headers={"X-Source": "${keep}"}')
    (problem,) = caught.value.problems
    assert ("targets", "t1", "headers") == problem.path
    assert "${keep} stands within another value, at X-Source" == problem.message
    assert "--set 'targets[crm].url=${keep}'" in (problem.hint or "")


def test_no_message_shows_a_secret() -> None:
    """A value from the environment that is not right is not told."""
    with pytest.raises(InvalidRuleError) as caught:
        patched("status=${env:TOKEN}", TOKEN="s3cret-value")
    assert "s3cret-value" not in "".join(f"{each.message}{each.hint}" for each in caught.value.problems)
