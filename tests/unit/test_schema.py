"""The JSON Schema of rule files, held by a validator that is not ours."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ebrule.errors import InvalidRuleError
from ebrule.pipeline.plan import check_document
from ebrule.rulefile import parse
from ebrule.rules.registry import KINDS
from ebrule.schema import rule_schema

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = ["rule.yaml", "quiet.yaml", "with-secret.yaml", "per-environment.yaml", "trigger.yaml", "source.yaml"]
SCHEMAS = {"": rule_schema(KINDS.values()), **{name: rule_schema([kind]) for name, kind in KINDS.items()}}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}

ENVIRON = {
    **dict.fromkeys(("MESH_TOKEN", "STAGE", "MIN_SECONDS", "PRIORITY", "NUMBER"), "60"),
    "RULE_ID": "demo",
    "TARGET_ID": "t",
    "MESH_HOST": "h",
    "ACCOUNT": '"012345678901"',
    "TEXT": "enabled",
    "TRUE": "true",
    "NULL": "null",
}
"""What the examples, and what is changed in them, take from the environment."""

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A slow machine is no reason to fail."""


def example(name: str) -> dict[str, Any]:
    """Return an example rule file as data."""
    data: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text())
    return data


def problems(data: dict[str, Any], kind: str = "") -> list[str]:
    """Return what the validator says of a file, by the schema of one kind or of all."""
    return [error.message for error in VALIDATORS[kind].iter_errors(data)]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_it_is_a_schema(kind: str) -> None:
    """The document is a right JSON Schema of the dialect that it names."""
    Draft202012Validator.check_schema(SCHEMAS[kind])
    assert "https://json-schema.org/draft/2020-12/schema" == SCHEMAS[kind]["$schema"]


@pytest.mark.parametrize("name", FILES)
def test_every_example_is_right(name: str) -> None:
    """The examples hold against the schema of all kinds, and against that of their own."""
    data = example(name)
    assert [] == problems(data)
    assert [] == problems(data, data.get("kind", "eventbridge"))


def test_a_wrong_example_is_not() -> None:
    """A priority out of range and a misspelled key are found."""
    assert problems(example("broken.yaml"))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("rule.yaml", "kind", "nope"),
        ("rule.yaml", "priority", 0),
        ("rule.yaml", "priority", 1001),
        ("rule.yaml", "priority", "50"),
        ("rule.yaml", "status", "on"),
        ("rule.yaml", "conditions", [{"field": "a", "operator": "equals", "value": 1}] * 16),
        ("rule.yaml", "unknown", 1),
        ("rule.yaml", "version", -1),
        ("rule.yaml", "version", "${env:VERSION}"),
        ("rule.yaml", "priority", "1${var:PRIORITY}"),
        ("rule.yaml", "priority", "${env:PRIORITY}"),
        ("rule.yaml", "conditions", "${var:CONDITIONS}"),
        ("trigger.yaml", "delayBySeconds", 100),
        ("trigger.yaml", "matchCriteria", [{"jsonPath": "a", "operator": "In", "value": 1, "values": [1]}]),
        ("trigger.yaml", "matchCriteria", [{"jsonPath": "a", "operator": "In"}]),
        ("trigger.yaml", "target", {"type": "Flow", "id": "x"}),
        ("source.yaml", "properties", {}),
        ("source.yaml", "properties", {**example("source.yaml")["properties"], "eventFilter": []}),
        ("source.yaml", "properties", {**example("source.yaml")["properties"], "eventFilter": ["a", "a"]}),
        ("source.yaml", "properties", {**example("source.yaml")["properties"], "awsAccountId": "1"}),
        ("trigger.yaml", "matchCriteria", [{"jsonPath": "a", "operator": "In", "value": None, "values": None}]),
        ("trigger.yaml", "name", None),
        ("rule.yaml", "conditions", None),
        ("rule.yaml", "targets", [{"id": None}]),
    ],
)
def test_limits_are_part_of_it(name: str, field: str, value: Any) -> None:
    """What the models and limits of a kind refuse is refused here, as far as a schema can say it."""
    assert problems({**example(name), field: value})


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("rule.yaml", "priority", "${keep}"),
        ("rule.yaml", "targets", "${keep}"),
        ("rule.yaml", "status", "${env:STATUS}"),
        ("rule.yaml", "kind", "${var:KIND}"),
        ("rule.yaml", "id", "${var:RULE_ID}"),
        ("rule.yaml", "version", "${var:VERSION}"),
        ("rule.yaml", "name", "Calls of ${var:STAGE}"),
        ("rule.yaml", "priority", "${var:PRIORITY}"),
        ("rule.yaml", "status", "${var:STATUS}"),
        ("trigger.yaml", "enabled", "${var:ENABLED}"),
        ("trigger.yaml", "eventTTLSeconds", "${var:SECONDS}"),
        ("trigger.yaml", "target", {"type": "${var:TYPE}", "id": "${var:FLOW}"}),
        ("source.yaml", "properties", {**example("source.yaml")["properties"], "eventFilter": ["v2.${var:TOPIC}"]}),
        ("rule.yaml", "description", None),
        ("trigger.yaml", "eventTTLSeconds", None),
        ("source.yaml", "properties", {**example("source.yaml")["properties"], "awsAccountId": "${env:ACCOUNT}"}),
    ],
)
def test_substitutes_are_right(name: str, field: str, value: Any) -> None:
    """``${keep}`` may stand for any value, ``${var:NAME}`` for any single one, ``${env:NAME}`` for any text."""
    assert [] == problems({**example(name), field: value})


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("trigger.yaml", "description", None),
        ("trigger.yaml", "delayBySeconds", None),
        ("trigger.yaml", "matchCriteria", None),
        ("trigger.yaml", "matchCriteria", [{"jsonPath": "a", "operator": "In", "value": None, "values": [1]}]),
        ("trigger.yaml", "matchCriteria", [{"jsonPath": "a", "operator": "In", "value": [1], "values": None}]),
        ("trigger.yaml", "target", {"type": "Workflow", "id": "x", "workflowTargetSettings": None}),
        ("trigger.yaml", "target", {"type": "Workflow", "id": "x", "workflowTargetSettings": {"dataFormat": None}}),
        ("rule.yaml", "kind", None),
        ("rule.yaml", "id", None),
        ("rule.yaml", "version", None),
        ("rule.yaml", "targets", [{"id": "a", "type": None, "url": None, "headers": None}]),
        ("rule.yaml", "targets", [{"id": "a", "headers": {"X": None}}]),
        ("source.yaml", "advanced", None),
    ],
)
def test_null_is_taken_where_absent_is(name: str, field: str, value: Any) -> None:
    """A key that may be left out may be null, to the schema as to ``validate``."""
    changed = {**example(name), field: value}
    check_document(parse(json.dumps(changed), "rule.json", environ={}), kinds=KINDS)

    assert [] == problems(changed)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2000)
    | st.sampled_from(["", "enabled", "${keep}", "x", "Workflow", "Json", "x" * 300])
    | st.sampled_from(["${var:TEXT}", "${var:NUMBER}", "${var:TRUE}", "${var:NULL}", "${env:TEXT}", "x${var:TEXT}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "value", "type"]), inner),
    max_leaves=4,
)


@calm
@given(st.sampled_from(FILES), st.data())
def test_it_refuses_nothing_that_is_right(name: str, data: st.DataObject) -> None:
    """A file that ``validate`` takes is taken by the schema too, whatever was changed in it."""
    changed = deepcopy(example(name))
    part: Any = changed
    while isinstance(part, (dict, list)) and part:
        keys = sorted(part) if isinstance(part, dict) else range(len(part))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(part[key], (dict, list)) or not part[key] or data.draw(st.booleans()):
            part[key] = data.draw(values)
            break
        part = part[key]
    try:
        check_document(parse(json.dumps(changed), "rule.json", environ=ENVIRON), kinds=KINDS)
    except InvalidRuleError:
        return

    assert [] == problems(changed)
