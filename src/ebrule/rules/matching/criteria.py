"""The criteria of a trigger: ``{jsonPath, operator, value | values}``, with the semantics of Jayway JsonPath's filters.

What surprises most: of a number and a text, the event's side decides how the two are compared for equality; a list or
an object equals only its exact likeness, where 1 and 1.0 differ; order is told between two numbers or two texts only.
An event is what the org's test takes: the body of a topic's event, without the topic.

Source: ``EvaluatorFactory`` and ``ValueNodes`` of https://github.com/json-path/JsonPath.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from ebrule.errors import Problem
from ebrule.rules.matching.condition import (
    MISSING,
    Condition,
    condition_text,
    unknown_conditions,
    unknown_operator,
)
from ebrule.rules.matching.json_path import JsonPath, JsonPathError
from ebrule.rules.matching.values import number

if TYPE_CHECKING:
    from ebrule.rules.kind import Data

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


def trigger_conditions(rule: Data) -> Iterator[Condition | Problem]:
    """Return the criteria of a trigger; a problem stands in the place of one that cannot be evaluated."""
    criteria = rule.get("matchCriteria")
    if criteria is None:
        return
    if not isinstance(criteria, list):
        yield unknown_conditions("matchCriteria")
        return
    for index, criterion in enumerate(criteria):
        yield _condition(criterion, ("matchCriteria", index))


def _condition(criterion: Data, place: tuple[str | int, ...]) -> Condition | Problem:
    name, text = criterion["operator"], criterion["jsonPath"]
    if name not in _OPERATORS:
        return unknown_operator(name, _OPERATORS, (*place, "operator"))
    key = "values" if criterion.get("values") is not None else "value"
    value = criterion.get(key)
    takes, what, check = _OPERATORS[name]
    if not takes(value):
        return Problem("unusable-value", f"{name} takes {what}", (*place, key))
    try:
        path = JsonPath(text)
    except JsonPathError as error:
        return Problem("unusable-path", str(error), (*place, "jsonPath"))
    strict = name == "Exists"
    return Condition(
        text,
        condition_text(name, value),
        lambda event: path.find(event, strict=strict),
        lambda found: check(found, value),
    )


# --- Jayway's comparisons: the first value is the one whose type decides -----------------------------------------


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, (dict, list)):
        return _identical(one, other)
    left, right = number(one), number(other)
    if left is not None:
        return left == (_read_number(other) if isinstance(other, str) else right)
    if isinstance(one, str) and right is not None:
        return one == str(right)
    return type(one) is type(other) and bool(one == other)


def _read_number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _DECIMAL.fullmatch(text) else None
    except InvalidOperation:  # an exponent beyond all bounds
        return None


def _identical(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_identical(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_identical, one, other))
    return bool(one == other)


def _units(text: str) -> bytes:
    """Return text as Java counts and sorts it: in UTF-16."""
    return text.encode("utf-16-be", "surrogatepass")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def check(found: Any, value: Any) -> bool:
        if isinstance(found, str) and isinstance(value, str):
            return compare(_units(found), _units(value))
        left, right = number(found), number(value)
        return left is not None and right is not None and compare(left, right)

    return check


def _in(found: Any, values: Any) -> bool:
    return any(_equal(found, value) for value in values)


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    return isinstance(found, list) and any(_equal(value, item) for item in found)


def _all(found: Any, values: Any) -> bool:
    if isinstance(found, dict):  # passes, whatever is asked of it: so does it in Jayway
        return True
    if not isinstance(found, list):
        return False
    # Both may be as long as a file: no value is compared with each element.
    there = {key for item in found for key in _keys_of(item)}
    return all(_key_of(value) in there for value in values)


def _key_of(value: Any) -> Any:
    """Return what a value is looked up by: it is among the keys of an element where :func:`_equal` holds for that."""
    if isinstance(value, (dict, list)):
        return ("likeness", _likeness(value))
    as_number = number(value)
    if as_number is not None:
        return as_number
    return value if isinstance(value, str) else ("constant", value)


def _keys_of(item: Any) -> Iterator[Any]:
    """Yield what an element is found by: numbers and texts of numbers by each other too."""
    key = _key_of(item)
    yield key
    if isinstance(key, Decimal):
        yield str(key)
    elif isinstance(key, str) and (as_number := _read_number(key)) is not None:
        yield as_number


def _likeness(value: Any) -> str:
    """Return a text that all values that are :func:`_identical` have, and no others."""
    return json.dumps(_without_signs_of_zero(value), sort_keys=True)


def _without_signs_of_zero(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_signs_of_zero(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_signs_of_zero(item) for item in value]
    return 0.0 if isinstance(value, float) and value == 0 else value


def _size(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return len(_units(found)) // 2 == int(value)
    return isinstance(found, list) and len(found) == int(value)


def _exists(found: Any, value: Any) -> bool:
    return (found is not MISSING) == bool(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_ordered(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_anything(_value: Any) -> bool:
    return True


_Row = tuple[Callable[[Any], bool], str, Callable[[Any, Any], bool]]
_NUMBER_OR_TEXT: Final = "a number or text"
_OPERATORS: Final[Mapping[str, _Row]] = {
    "Equal": (_is_anything, "any value", _equal),
    "NotEqual": (_is_anything, "any value", lambda found, value: not _equal(found, value)),
    "GreaterThan": (_is_ordered, _NUMBER_OR_TEXT, _ordered(operator.gt)),
    "GreaterThanOrEqual": (_is_ordered, _NUMBER_OR_TEXT, _ordered(operator.ge)),
    "LessThan": (_is_ordered, _NUMBER_OR_TEXT, _ordered(operator.lt)),
    "LessThanOrEqual": (_is_ordered, _NUMBER_OR_TEXT, _ordered(operator.le)),
    "In": (_is_list, "a list", _in),
    "NotIn": (_is_list, "a list", lambda found, values: not _in(found, values)),
    "Contains": (_is_anything, "any value", _contains),
    "All": (_is_list, "a list", _all),
    "Exists": (_is_bool, "true or false", _exists),
    "Size": (_is_number, "a number", _size),
}
"""For each operator: whether it takes a rule's value, what it takes, and whether it holds for an event's value."""
