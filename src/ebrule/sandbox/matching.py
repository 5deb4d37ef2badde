"""Does an event meet a criterion? The operators of Jayway JsonPath, on paths that lead to one place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[Any, Any], bool]

MISSING: Final = object()
"""Stands for what an event does not have."""

_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_STEP: Final = re.compile(r"""\.([^\s.\[\]'"$@*?(),:]+)|\.?\[(\d{1,9})\]|\.?\['([^']*)'\]|\.?\["([^"]*)"\]""")


class PathError(ValueError):
    """A path that may lead to several places, or is none."""


@dataclass(frozen=True)
class Place:
    """Where a path leads: ``path`` in bracket notation, ``value`` what the event has there."""

    path: str
    value: Any


def find(event: Any, path: str) -> Place:
    """Follow a path such as ``$.to.entityId``, ``to.entityId``, ``$['to'][0]``.

    Raises:
        PathError: It has wildcards, slices, filters or a deep scan, or is malformed.
    """
    value, written = event, "$"
    for step in _steps(path):
        written += f"[{step}]" if isinstance(step, int) else f"['{step}']"
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            value = MISSING
    return Place(written, value)


def holds(operator: str, left: Any, right: Any) -> bool:
    """Tell whether an operator holds between an event's value and a criterion's.

    Args:
        operator: As a criterion names it.
        left: The event's value, or ``MISSING``.
        right: The criterion's value or values.

    Raises:
        KeyError: There is no such operator.
    """
    _, check = _OPERATORS[operator]
    return check(left, right)


def condition(operator: str, path: str, right: Any) -> str:
    """Write a criterion as a JsonPath filter."""
    symbol, _ = _OPERATORS[operator]
    left = path.removeprefix("$").removeprefix(".")
    dot = "" if left.startswith("[") or not left else "."
    return f"$[?(@{dot}{left} {symbol} {json.dumps(right, ensure_ascii=False)})]"


def _steps(path: str) -> list[str | int]:
    text = path[1:] if path.startswith("$") else f".{path}"
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            raise PathError(f"cannot follow {path!r} beyond its character {len(path) - len(text) + position}")
        name, index, *quoted = found.groups()
        steps.append(int(index) if index else name or next((part for part in quoted if part is not None), ""))
        position = found.end()
    return steps


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(left: Any, right: Any) -> bool:
    if _is_number(left) and _is_number(right):
        return _decimal(left) == _decimal(right)
    # Of a number and a text, the right one is taken for what the left one is.
    if _is_number(left) and isinstance(right, str):
        return _decimal(left) == _number(right)
    if isinstance(left, str) and _is_number(right):
        return left == str(_decimal(right))
    return _is_like(left, right)


def _is_like(left: Any, right: Any) -> bool:
    """Tell whether two values are exactly alike, as Java's collections compare: 1 is not 1.0 there."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_is_like(ours, theirs) for ours, theirs in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_is_like(value, right[key]) for key, value in left.items())
    return type(left) is type(right) and bool(left == right)


def _decimal(number: float) -> Decimal:
    return Decimal(json.dumps(number))


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None


def _ordered(compare: Check) -> Check:
    def check(left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(_utf16(left), _utf16(right))
        return _is_number(left) and _is_number(right) and compare(_decimal(left), _decimal(right))

    return check


def _is_in(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_equal(left, item) for item in right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return right in left
    return _is_in(right, left)


def _has_all(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return isinstance(right, list)  # odd, but so it is in Jayway: of an object, nothing is asked
    return isinstance(left, list) and isinstance(right, list) and all(_is_in(item, left) for item in right)


def _exists(left: Any, right: Any) -> bool:
    return isinstance(right, bool) and (left is not MISSING) == right


def _has_size(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        left = _utf16(left)
    return isinstance(left, list) and _is_number(right) and len(left) == int(right)


def _utf16(text: str) -> list[int]:
    """Return a text as Java has it: characters of 16 bits."""
    units = text.encode("utf-16-be", "surrogatepass")
    return [units[at] << 8 | units[at + 1] for at in range(0, len(units), 2)]


def _starts_with(left: Any, right: Any) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.startswith(right)


_OPERATORS: Final[Mapping[str, tuple[str, Check]]] = {
    "Equal": ("==", _equal),
    "NotEqual": ("!=", lambda left, right: not _equal(left, right)),
    "GreaterThan": (">", _ordered(lambda left, right: bool(left > right))),
    "GreaterThanOrEqual": (">=", _ordered(lambda left, right: bool(left >= right))),
    "LessThan": ("<", _ordered(lambda left, right: bool(left < right))),
    "LessThanOrEqual": ("<=", _ordered(lambda left, right: bool(left <= right))),
    "In": ("in", _is_in),
    "NotIn": ("nin", lambda left, right: not _is_in(left, right)),
    "Contains": ("contains", _contains),
    "All": ("all", _has_all),
    "Exists": ("exists", _exists),
    "Size": ("size", _has_size),
    # Not in the public definition: the sandbox is a service that has moved on since its clients were written.
    "StartsWith": ("startsWith", _starts_with),
}
OPERATORS: Final = tuple(_OPERATORS)
"""What a criterion's ``operator`` may be."""
