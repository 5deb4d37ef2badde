"""What each operator means, by example: the rows that tests run, and that the README's tables are made of.

``python tests/semantics.py`` writes the tables into the README.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebrule.rules.matching import MISSING, Condition
from ebrule.rules.matching.criteria import trigger_conditions
from ebrule.rules.matching.routing import routing_conditions

if TYPE_CHECKING:
    from collections.abc import Iterable

README = Path(__file__).parents[1] / "README.md"


@dataclass(frozen=True)
class Example:
    """An operator, what a rule gives it, and events' values for which it holds and for which it does not."""

    operator: str
    value: Any
    holds: tuple[Any, ...]
    fails: tuple[Any, ...]


ROUTING = (
    Example("equals", 30, (30, 30.0), (31, "30", True, None, MISSING)),
    Example("equals", "CHAT", ("CHAT",), ("chat", ["CHAT"], MISSING)),
    Example("notEquals", 30, (31, "30", None, MISSING), (30, 30.0)),
    Example("greaterThan", 30, (31, 30.5), (30, "31", True, MISSING)),
    Example("greaterThanOrEquals", 30, (30, 30.0), (29.9, "30", MISSING)),
    Example("lessThan", 30, (29, -1), (30, "29", None, MISSING)),
    Example("lessThanOrEquals", "2026-06", ("2026-05", "2026-06"), ("2026-07", 2026, MISSING)),
    Example("contains", "vip", ("a vip", ["vip", "new"]), ("VIP", ["vips"], {"vip": 1}, MISSING)),
    Example("startsWith", "+44", ("+4420",), ("0044", 44, ["+44"], MISSING)),
    Example("endsWith", ".end", ("customer.end",), ("customer.ended", MISSING)),
    Example("in", ["CHAT", 1], ("CHAT", 1.0), ("VOICE", True, ["CHAT"], MISSING)),
    Example("notIn", ["CHAT", 1], ("VOICE", True, None, MISSING), ("CHAT", 1)),
    Example("exists", True, (0, "", None, []), (MISSING,)),
    Example("exists", False, (MISSING,), (0, None)),
    Example("matches", "^v[0-9]+$", ("v2",), ("v2.1", 2, MISSING)),
)
TRIGGER = (
    Example("Equal", 30, (30, 30.0, "30"), ("30.0", 31, True, None, MISSING)),
    Example("Equal", "30", ("30", 30, 30.0), (["30"], MISSING)),
    Example("Equal", [1, "a"], ([1, "a"],), ([1.0, "a"], ["a", 1], MISSING)),
    Example("NotEqual", "CHAT", ("VOICE", None, MISSING), ("CHAT",)),
    Example("GreaterThan", 30, (31,), (30, "31", MISSING)),
    Example("GreaterThanOrEqual", "b", ("b", "ba"), ("a", 1, MISSING)),
    Example("LessThan", 30, (29.5,), (30, None, MISSING)),
    Example("LessThanOrEqual", 30, (30,), (30.1, "30", MISSING)),
    Example("In", ["CHAT", 1], ("CHAT", 1.0, "1"), ("VOICE", None, MISSING)),
    Example("NotIn", ["CHAT", 1], ("VOICE", None, MISSING), ("CHAT", 1)),
    Example("Contains", "vip", ("a vip", ["vip"]), (["vips"], MISSING)),
    Example("Contains", 1, ([1, 2], ["1"]), ("1", 1, MISSING)),
    Example("All", ["a", "b"], (["b", "a", "c"], {}), (["a"], "ab", MISSING)),
    Example("Exists", True, (None, ""), (MISSING,)),
    Example("Exists", False, (MISSING,), (None, 0)),
    Example("Size", 2, ([1, 2], "ab"), ([1], {"a": 1, "b": 2}, 2, MISSING)),
)


def routing(operator: str, value: Any, field: str = "a") -> Condition:
    """Return a condition of a routing rule."""
    return the_condition(routing_conditions({"conditions": [{"field": field, "operator": operator, "value": value}]}))


def trigger(operator: str, value: Any, path: str = "a") -> Condition:
    """Return a criterion of a trigger."""
    criterion = {"jsonPath": path, "operator": operator, "value": value}
    return the_condition(trigger_conditions({"matchCriteria": [criterion]}))


def the_condition(conditions: Iterable[Any]) -> Condition:
    """Return the only condition; it can be evaluated."""
    (condition,) = conditions
    assert isinstance(condition, Condition), condition
    return condition


def event_of(value: Any) -> dict[str, Any]:
    """Return an event that has this value, or nothing, as ``a``."""
    return {} if value is MISSING else {"a": value}


def table(examples: Iterable[Example]) -> str:
    """Return the examples as the README shows them."""
    rows = [
        (f"`{each.operator}` `{json.dumps(each.value)}`", _values(each.holds), _values(each.fails)) for each in examples
    ]
    lines = [("condition", "holds for", "does not hold for"), ("---", "---", "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _values(values: Iterable[Any]) -> str:
    return ", ".join("*missing*" if value is MISSING else f"`{json.dumps(value)}`" for value in values)


def main() -> None:
    """Write the tables into the README."""
    text = README.read_text()
    for name, examples in (("eventbridge", ROUTING), ("trigger", TRIGGER)):
        before, lead, after = text.partition(f"**Kind `{name}`.**")
        old = re.search(r"^(?:\|.*\n)+", after, re.MULTILINE)
        assert old is not None, f"the README has no table of kind {name}"
        text = f"{before}{lead}{after[: old.start()]}{table(examples)}\n{after[old.end() :]}"
    README.write_text(text)


if __name__ == "__main__":
    main()
