"""The conditions of an EventBridge routing rule: ``{field, operator, value}``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

from ebrule.errors import Problem
from ebrule.rules.matching.condition import (
    MISSING,
    Condition,
    UnusableValueError,
    condition_text,
    unknown_conditions,
    unknown_operator,
)
from ebrule.rules.matching.values import number, same

if TYPE_CHECKING:
    from ebrule.rules.kind import Data
    from ebrule.rules.matching.condition import Check

_INDEX: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def routing_conditions(rule: Data) -> Iterator[Condition | Problem]:
    """Return the conditions of a routing rule; a problem stands in the place of one that cannot be evaluated."""
    conditions = rule.get("conditions")
    if not isinstance(conditions, list):
        yield unknown_conditions("conditions")
        return
    for index, condition in enumerate(conditions):
        field, name, value = condition["field"], condition["operator"], condition["value"]
        if name not in _OPERATORS:
            yield unknown_operator(name, _OPERATORS, ("conditions", index, "operator"))
            continue
        try:
            check = _OPERATORS[name](value)
        except UnusableValueError as error:
            yield Problem("unusable-value", str(error), ("conditions", index, "value"))
        else:
            yield Condition(field, condition_text(name, value), _finder(field), check)


def pattern_search(pattern: str) -> Check:
    """Return a search for a pattern, in time linear in the text: the syntax is that of Rust's ``regex`` crate.

    Raises :class:`UnusableValueError` for what is no such pattern.
    """
    try:
        schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
        return SchemaValidator(schema).isinstance_python
    except SchemaError as error:
        reason = str(error).splitlines()[-1].removeprefix("error: ").strip()
        raise UnusableValueError(f"this pattern cannot be searched for: {reason}") from None


def _finder(field: str) -> Callable[[Any], Any]:
    """Return what follows a dotted path: names of an object's keys, numbers from 0 for a list's elements."""
    keys = field.split(".")

    def find(event: Any) -> Any:
        value = event
        for key in keys:
            if isinstance(value, Mapping):
                value = value.get(key, MISSING)
            elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
                value = value[int(key)]
            else:
                return MISSING
        return value

    return find


# --- operators: from a rule's value to a check of an event's ------------------------------------------------------


def _equals(value: Any) -> Check:
    return lambda found: same(found, value)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Check]:
    def make(value: Any) -> Check:
        limit = number(value)
        if limit is not None:
            return lambda found: (left := number(found)) is not None and compare(left, limit)
        if isinstance(value, str):
            return lambda found: isinstance(found, str) and compare(found, value)
        raise UnusableValueError("this operator compares with a number or with text")

    return make


def _contains(value: Any) -> Check:
    def check(found: Any) -> bool:
        if isinstance(found, str):
            return isinstance(value, str) and value in found
        return isinstance(found, list) and any(same(item, value) for item in found)

    return check


def _of_text(test: Callable[[str, str], bool]) -> Callable[[Any], Check]:
    def make(value: Any) -> Check:
        part = _text(value)
        return lambda found: isinstance(found, str) and test(found, part)

    return make


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnusableValueError("this operator compares with text; put the value in quotes")
    return value


def _in(value: Any) -> Check:
    if not isinstance(value, list):
        raise UnusableValueError("this operator compares with a list, such as [a, b]")
    return lambda found: any(same(found, item) for item in value)


def _exists(value: Any) -> Check:
    if not isinstance(value, bool):
        raise UnusableValueError("exists takes true or false")
    return lambda found: (found is not MISSING) == value


def _matches(value: Any) -> Check:
    return pattern_search(_text(value))


def _negated(make: Callable[[Any], Check]) -> Callable[[Any], Check]:
    def negated(value: Any) -> Check:
        check = make(value)
        return lambda found: not check(found)

    return negated


_OPERATORS: Final[Mapping[str, Callable[[Any], Check]]] = {
    "equals": _equals,
    "notEquals": _negated(_equals),
    "greaterThan": _ordered(operator.gt),
    "greaterThanOrEquals": _ordered(operator.ge),
    "lessThan": _ordered(operator.lt),
    "lessThanOrEquals": _ordered(operator.le),
    "contains": _contains,
    "startsWith": _of_text(str.startswith),
    "endsWith": _of_text(str.endswith),
    "in": _in,
    "notIn": _negated(_in),
    "exists": _exists,
    "matches": _matches,
}
"""Each but ``notEquals``, ``notIn`` and ``exists: false`` is false for a field that is missing."""
