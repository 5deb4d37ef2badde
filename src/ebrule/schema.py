"""The JSON Schema of a rule file, made from the kinds' models: for editors, and for validators of others.

It tells what can be told without knowing YAML: what ``ebrule validate`` says of a file is the last word.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from ebrule.rulefile import KEEP
from ebrule.rules.registry import DEFAULT_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrule.rules.kind import Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_KEEP = {"const": KEEP.value}
_NULL = {"type": "null"}
_WITH_VARIABLE = {"type": "string", "pattern": r"\$\{(env|var):[A-Za-z_][A-Za-z0-9_]*\}"}
_VARIABLE = {"type": "string", "pattern": r"^\$\{var:[A-Za-z_][A-Za-z0-9_]*\}$"}
_ABOUT_THE_FILE = ("kind", "id", "version")


def rule_schema(kinds: Iterable[Kind]) -> Schema:
    """Return the JSON Schema (2020-12) of a rule file that is of one of ``kinds``.

    A file without ``kind`` is of the default one, if that is among them.
    """
    kinds = list(kinds)
    _, made = models_json_schema([(kind.model, "validation") for kind in kinds])
    schemas = {name: _as_written(schema) for name, schema in made["$defs"].items()}
    for kind in kinds:
        for name, limits in kind.constraints.items():
            _of_value(schemas[kind.model.__name__]["properties"][name]).update(limits)
    titles = {"$schema": DIALECT, "title": f"ebrule rule file: {', '.join(kind.name for kind in kinds)}"}
    if len(kinds) == 1:
        return {**titles, "$ref": _reference(kinds[0]), "$defs": schemas}
    names: list[str | None] = [kind.name for kind in kinds]
    return {
        **titles,
        "type": "object",
        "properties": {"kind": {"anyOf": [{"enum": [*names, None]}, _WITH_VARIABLE], "default": DEFAULT_KIND}},
        "allOf": [{"if": _is_said(kind), "then": {"$ref": _reference(kind)}} for kind in kinds],
        "$defs": schemas,
    }


def _reference(kind: Kind) -> str:
    return f"#/$defs/{kind.model.__name__}"


def _is_said(kind: Kind) -> Schema:
    """Return what a file of this kind says of itself; of the default kind, it need not."""
    if kind.name == DEFAULT_KIND:
        return {"properties": {"kind": {"enum": [kind.name, None]}}}
    return {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]}


def _as_written(schema: Schema) -> Schema:
    """Return a model's schema with what may stand in a file in the place of a value."""
    whole = deepcopy(schema)
    whole.pop("title", None)
    for name, value in whole.get("properties", {}).items():
        value.pop("title", None)
        if value.get("default", ...) is None:
            del value["default"]
        taken = value if name in whole.get("required", ()) else _or_null(value)
        whole["properties"][name] = _or_substitute(taken, [] if name in _ABOUT_THE_FILE else [_KEEP])
    return whole


def _or_null(schema: Schema) -> Schema:
    """Return the schema of what may be left out: null is the same."""
    if schema.keys() & {"anyOf", "$ref"}:
        return schema  # it takes null already
    notes: Schema = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {**notes, "anyOf": [schema, _NULL]}


def _or_substitute(schema: Schema, keep: list[Schema]) -> Schema:
    """Return a value's schema that also takes ``keep`` and a variable.

    A text may contain ``${env:NAME}`` and ``${var:NAME}``. Any other single value may be one ``${var:NAME}``.
    """
    notes: Schema = {key: schema.pop(key) for key in ("description", "default", "examples") if key in schema}
    if not schema:
        return notes  # anything may stand there
    values = schema.get("anyOf", [schema])
    if any(value.get("type") == "string" or "enum" in value or "const" in value for value in values):
        variable = [_WITH_VARIABLE]
    elif any(value.get("type") not in (None, "array", "object", "null") for value in values):
        variable = [_VARIABLE]
    else:
        variable = []  # a variable holds no list and no mapping
    return {**notes, "anyOf": [*values, *keep, *variable]}


def _of_value(schema: Schema) -> Schema:
    """Return the part of such a schema that the value itself is told by."""
    part: Schema = schema["anyOf"][0]
    return part
