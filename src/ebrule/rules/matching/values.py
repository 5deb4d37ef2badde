"""How JSON values compare: numbers by value, whatever their notation, and never with text; booleans are no numbers."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any


def number(value: Any) -> Decimal | None:
    """Return a JSON number as the decimal that its notation says, or None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int):
        return Decimal(value)
    return Decimal(repr(value)) if isfinite(value) else None


def same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; 1 and 1.0 are, 1 and true are not, at any depth."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    left, right = number(one), number(other)
    if left is not None and right is not None:
        return left == right
    return type(one) is type(other) and bool(one == other)
