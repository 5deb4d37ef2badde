"""A rule of the org as a rule file: valid, and without a difference, whatever the org holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ebrule.core.audit import AuditLog, RuleKey
from ebrule.errors import InvalidRuleError
from ebrule.pipeline.compare import compare
from ebrule.pipeline.history import History
from ebrule.pipeline.options import UpdateOptions
from ebrule.pipeline.patch import Patch, parse_assignment
from ebrule.pipeline.plan import check_document
from ebrule.pipeline.show import rule_file_text
from ebrule.redaction import Redactor
from ebrule.rulefile import KEEP, MAX_BYTES, parse
from ebrule.rules.kind import Rule
from ebrule.rules.registry import KINDS

if TYPE_CHECKING:
    from ebrule.pipeline.plan import Desired, RuleFile

RULE_ID = "r1"
RULES: dict[str, dict[str, Any]] = {
    "eventbridge": {
        "name": "Demo",
        "description": "What it is for",
        "status": "enabled",
        "priority": 50,
        "conditions": [{"field": "a", "operator": "equals", "value": 1}],
        "targets": [{"id": "t1", "url": "https://one.example.com"}, {"id": "t2", "headers": {"X-A": "b"}}],
    },
    "trigger": {
        "name": "Demo",
        "description": "What it is for",
        "enabled": True,
        "topicName": "v2.a",
        "target": {"type": "Workflow", "id": "flow-1", "workflowTargetSettings": {"dataFormat": "Json"}},
        "matchCriteria": [{"jsonPath": "a", "operator": "Equal", "value": 1}],
        "eventTTLSeconds": 60,
        "delayBySeconds": None,
    },
    "eventbridge-source": {
        "name": "Demo",
        "notes": "What it is for",
        "properties": {
            "eventSourceSuffix": "events",
            "awsAccountId": "123456789012",
            "awsAccountRegion": "eu-central-1",
            "eventFilter": ["v2.a", "v2.b"],
        },
        "advanced": {},
        "credentials": {"basicAuth": {"name": "x"}},
    },
}


def shown(kind: str, **fields: Any) -> str:
    """Return the rule file of a rule that is as usual but for some fields; ``...`` takes one away."""
    data = {name: value for name, value in {**RULES[kind], **fields}.items() if value is not ...}
    rule = Rule(RULE_ID, 7, {"id": RULE_ID, "version": 7, **data})
    return rule_file_text(KINDS[kind], rule, rule.data)


def read(text: str, *assignments: str) -> RuleFile:
    """Return what a rule file says, which must be valid."""
    document = parse(text, "rule.yaml", environ={})
    return check_document(document, KINDS, assignments=[parse_assignment(each, {}) for each in assignments])


def wanted(desired: Desired, data: dict[str, Any]) -> str:
    """Return, as the JSON that would be sent, what a rule of the org becomes; raises where it may not."""
    kind = desired.kind
    history = History(AuditLog(Path("nowhere.jsonl")), Redactor(b""), kind, RuleKey(kind.name, RULE_ID, region="test"))
    return json.dumps(compare(desired, Rule(RULE_ID, 7, data), UpdateOptions(), history).plan.wanted)


# --- what stands in the file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "field", "value", "lines"),
    [
        (
            "eventbridge",
            "priority",
            5000,
            """\
# Kept as the org has it: priority is 5000; it must be from 1 to 1000
# priority: 5000
priority: "${keep}"
""",
        ),
        (
            "eventbridge",
            "targets",
            [{"id": "t1"}, {"id": "t1", "headers": {"Authorization": KEEP}}],
            """\
# Kept as the org has it: target "t1" stands twice; first as targets[0]
# targets:
#   - id: t1
#   - id: t1
#     headers:
#       Authorization: "${keep}"
targets: "${keep}"
""",
        ),
        (
            "trigger",
            "target",
            {"type": "Workflow", "id": "f", "workflowTargetSettings": {"dataFormat": "New"}},
            """\
target:
  type: Workflow
  id: f
  workflowTargetSettings:
    # Kept as the org has it: target.workflowTargetSettings.dataFormat must be Json or TopLevelPrimitives
    # dataFormat: New
    dataFormat: "${keep}"
""",
        ),
        (
            "trigger",
            "name",
            None,
            """\
# Kept as the org has it: the rule needs "name"
# The org has no such value.
name: "${keep}"
""",
        ),
        (
            "eventbridge-source",
            "notes",
            "a\ud800\u202eb",
            """\
# Kept as the org has it: half of a surrogate pair stands for no character
# notes: "a\\ud800\\u202eb"
notes: "${keep}"
""",
        ),
    ],
    ids=["limit", "list", "in a part", "nothing", "no character"],
)
def test_what_a_file_cannot_say_is_kept_below_its_value(kind: str, field: str, value: Any, lines: str) -> None:
    """In its place stands ``${keep}``, below a comment with the reason and with what the org has."""
    assert f"\n{lines}" in f"\n{shown(kind, **{field: value})}"


def test_what_is_kept_and_unknown_is_shown_once() -> None:
    """A field that is kept as a whole stands above itself, unknown keys and all, and not at the end again."""
    text = shown("trigger", matchCriteria=[{"jsonPath": "", "operator": "Equal", "value": 1, "caseSensitive": False}])

    assert 1 == text.count("caseSensitive: false")
    assert "an update leaves it" not in text


def test_nulls_are_left_out() -> None:
    """Where null means no more than a key that is not there, neither stands in the file."""
    text = shown(
        "trigger",
        description=None,
        matchCriteria=[{"jsonPath": "a", "operator": "Equal", "value": {"b": None}, "values": None}],
        target={"type": "Workflow", "id": "f", "workflowTargetSettings": None},
    )

    assert [{"jsonPath": "a", "operator": "Equal", "value": {"b": None}}] == read(text).fields["matchCriteria"]
    assert {"name", "enabled", "topicName", "target", "matchCriteria", "eventTTLSeconds"} == read(text).fields.keys()
    assert {"type": "Workflow", "id": "f"} == read(text).fields["target"]


def test_a_set_has_each_element_once() -> None:
    """What an org's list without order holds twice stands once in the file, which changes nothing."""
    properties = {**RULES["eventbridge-source"]["properties"], "eventFilter": ["v2.a", "v2.b", "v2.a"]}
    rule_file = read(shown("eventbridge-source", properties=properties))

    assert ["v2.a", "v2.b"] == rule_file.fields["properties"]["eventFilter"]
    assert properties == json.loads(wanted(rule_file, {"properties": properties}))["properties"]


def test_a_rule_larger_than_a_file_may_be() -> None:
    """The longest fields are kept, and the file says where to see them."""
    text = shown("eventbridge", description="x" * MAX_BYTES, priority=5000)

    assert 'description: "${keep}"\n' in text
    assert f"# What is kept, and what else the org has: ebrule show {RULE_ID} -o json\n" in text
    assert "priority" in read(text).fields


def test_a_version_that_no_file_can_say_is_left_out() -> None:
    """A file need not name a version."""
    data = {"id": RULE_ID, "version": -1, **RULES["eventbridge"]}

    assert "version" not in rule_file_text(KINDS["eventbridge"], Rule(RULE_ID, -1, data), data)


# --- there and back -----------------------------------------------------------------------------------------

odd_texts = st.sampled_from(
    [
        "",
        "\ud800",
        "a\udfffb",
        "${keep}",
        "${env:X}",
        "$${",
        "on",
        "::error::x",
        "a\nb\n",
        "x" * 600,
        "../x",
        "a b",
        "t1",
    ]
) | st.text(st.characters(exclude_categories=()), max_size=4)
odd_numbers = st.sampled_from([-1, 0, 5, 1001, 10**45, 1.0, 0.5, 1e300]) | st.integers()
leaves = st.none() | st.booleans() | odd_numbers | odd_texts


@st.composite
def nested(draw: st.DrawFn) -> Any:
    """Return a value that is nested deeper than a file may be."""
    value: Any = draw(leaves)
    for _ in range(draw(st.integers(15, 40))):
        value = [value] if draw(st.booleans()) else {"a": value}
    return value


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects with keys that ebrule knows, keys that it does not know, and odd ones."""
    known = st.sampled_from(
        ["id", "type", "value", "values", "jsonPath", "operator", "field", "headers", "eventFilter"]
    )
    return st.dictionaries(known | odd_texts, inner, max_size=4)


values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=8) | nested()


@st.composite
def odd_rules(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return a rule of the org that is odd in some places, and has fields that ebrule does not know."""
    kind = draw(st.sampled_from(sorted(RULES)))
    rule: dict[str, Any] = json.loads(json.dumps(RULES[kind]))
    for _ in range(draw(st.integers(1, 4))):
        part: Any = rule
        while True:
            places = sorted(part) if isinstance(part, dict) else range(len(part))
            place = draw(st.sampled_from([*places, "newer"] if isinstance(part, dict) else [*places, len(places)]))
            below = part.get(place) if isinstance(part, dict) else part[place] if place < len(part) else None
            if not isinstance(below, (dict, list)) or draw(st.booleans()):
                break
            part = below
        if isinstance(part, list):
            part[place : place + 1] = draw(st.just([part[0]] * 3 if part else []) | st.lists(values, max_size=2))
        elif draw(st.integers(0, 4)):
            part[place] = draw(leaves | values)
        else:
            part.pop(place, None)
    return kind, rule


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(odd_rules())
@example(("eventbridge", {"name": None, "targets": [{"type": False}]}))
@example(("eventbridge", {**RULES["eventbridge"], "targets": [{"id": "t1"}, {"id": "t1", "headers": {"X": 5}}]}))
@example(("eventbridge", {**RULES["eventbridge"], "priority": 1001, "status": "archived", "conditions": [{}] * 16}))
@example(("trigger", {**RULES["trigger"], "description": "x" * 600, "eventTTLSeconds": 5, "delayBySeconds": 1}))
@example(("trigger", {"target": {"workflowTargetSettings": {"dataFormat": "New"}}, "matchCriteria": [{}, None]}))
@example(("eventbridge-source", {"properties": {"eventFilter": [], "awsAccountId": "12", "newer": {"a": [None]}}}))
@example(("eventbridge-source", {"properties": None, "advanced": {"\ud800": {"\udc00": 10**45}}}))
def test_whatever_the_org_has_goes_there_and_back(odd: tuple[str, dict[str, Any]]) -> None:
    """Its file is valid and changes nothing; a change of another field is possible, and leaves all else as it was."""
    kind, rule = odd
    whole = {**rule, "id": RULE_ID, "version": 7}
    text = rule_file_text(KINDS[kind], Rule(RULE_ID, 7, whole), whole)
    changed = json.dumps({**rule, "name": "New name"}, sort_keys=True)

    assert json.dumps(rule) == wanted(read(text), whole)
    for desired in (read(text, "name=New name"), Patch(KINDS[kind], (parse_assignment("name=New name", {}),))):
        assert changed == json.dumps(json.loads(wanted(desired, whole)), sort_keys=True)


@pytest.mark.parametrize("kind", RULES)
def test_a_change_that_breaks_a_limit_is_none_of_the_orgs(kind: str) -> None:
    """What the run itself changes must be right, however odd the rest is."""
    with pytest.raises(InvalidRuleError):
        read(shown(kind, name=""), "name=")
    with pytest.raises(InvalidRuleError):
        wanted(Patch(KINDS[kind], (parse_assignment("name=", {}),)), {**RULES[kind], "newer": "\ud800"})
