"""A condition of a rule, ready to be asked about events, and what it found."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ebrule.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Check = Callable[[Any], bool]
    """Whether a condition holds for what the event has; :data:`MISSING` where it has nothing."""


class Missing(enum.Enum):
    """The type of ``MISSING``: an enum, whose one value shows as what it is."""

    MISSING = "missing"

    def __repr__(self) -> str:
        """As messages call it."""
        return self.value


MISSING: Final = Missing.MISSING
"""Stands for what an event does not have. Null is something that an event has."""


class Finding(NamedTuple):
    """What a condition found in one event: ``value`` counts only where ``found`` says that there was one."""

    path: str
    text: str
    value: Any
    found: bool
    result: bool


class Condition(NamedTuple):
    """One condition of a rule.

    Attributes:
        path: where it looks in the event, as the rule spells it.
        text: what it asks, such as ``greaterThan 30``.
        find: returns what an event has there, or :data:`MISSING`.
        check: tells whether that will do.
    """

    path: str
    text: str
    find: Callable[[Any], Any]
    check: Check

    def examine(self, event: Any) -> Finding:
        """Return what this condition says of an event."""
        value = self.find(event)
        found = value is not MISSING
        return Finding(self.path, self.text, value if found else None, found, self.check(value))


def matches(findings: Iterable[Finding]) -> bool:
    """Return whether an event matches: all conditions hold, or there are none."""
    return all(finding.result for finding in findings)


class UnusableValueError(ValueError):
    """An operator cannot compare with the value that the rule gives it; the message says what it takes."""


def condition_text(operator: str, value: Any) -> str:
    """Return what a condition asks, in one line."""
    return f"{operator} {json.dumps(value, ensure_ascii=False)}"


def unknown_operator(operator: str, known: Iterable[str], path: tuple[str | int, ...]) -> Problem:
    """Return the problem of an operator whose meaning only the org knows."""
    return Problem(
        "unknown-operator",
        f'"{operator}" is no operator that ebrule knows: only the org can tell what it matches',
        path,
        hint=f"Known operators: {', '.join(known)}.",
    )


def unknown_conditions(what: str) -> Problem:
    """Return the problem of a rule whose conditions are not in the file."""
    return Problem(
        "unknown-conditions",
        f"{what} is not in the file as a list, so what the rule matches cannot be told",
        tuple(what.split(".")),
        hint="Write the list out; `ebrule show ID -o yaml` prints the one that the org has.",
    )
