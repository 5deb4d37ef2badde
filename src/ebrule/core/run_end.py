"""When a run that left an operation open can send no more: told from its intent. Pure.

Two wall clocks never decide alone. On the same start of the same machine, a clock that nobody sets does; elsewhere the
time of day, with a margin for what clocks differ by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebrule.core.timestamps import parse_timestamp
from ebrule.rules.kind import is_id

if TYPE_CHECKING:
    from datetime import datetime

    from ebrule.system import BootTime

SETTLING_SECONDS = 30.0
"""How long a request of a killed run may still be on its way: as long as a live one would have waited for its answer,
and a little more."""

CLOCK_MARGIN_SECONDS = 300.0
"""How much the clocks of two machines may differ."""

_LONGEST_SECONDS = 86_400.0
"""No run takes longer than a day."""

_OLDEST_SECONDS = 20 * 366 * 86_400.0
"""An age that no clock can be right about."""


def seconds_until_over(intent: dict[str, Any], *, now: datetime, boot: BootTime | None) -> float:
    """Return how long to wait until a run's PUT cannot arrive any more; 0 or less where that is so now.

    The run itself is known to have ended on this machine, since nobody holds its operation.

    Args:
        intent: the record of the PUT; see :func:`is_intent`.
        now: the time of day.
        boot: the time since this machine's start, where the system tells it.
    """
    recorded = intent.get("boot_seconds")
    if boot is not None and intent.get("boot_id") == boot.boot_id and isinstance(recorded, (int, float)):
        age = boot.seconds - recorded
        return SETTLING_SECONDS - age if age >= 0 else SETTLING_SECONDS
    sent = parse_timestamp(intent["timestamp"]) or now
    deadline = parse_timestamp(intent.get("deadline")) or sent
    whole = min(max((deadline - sent).total_seconds(), 0.0), _LONGEST_SECONDS) + SETTLING_SECONDS + CLOCK_MARGIN_SECONDS
    age = (now - sent).total_seconds()
    return whole - age if 0 <= age < _OLDEST_SECONDS else whole


def is_intent(record: dict[str, Any]) -> bool:
    """Return whether a record has what it takes to settle its operation; an edited ledger may hold anything."""
    texts = [record.get(name) for name in ("operation_id", "rule_id", "kind")]
    version = record.get("base_version")
    return (
        all(isinstance(text, str) for text in texts)
        and is_id(str(record["rule_id"]))
        and parse_timestamp(record.get("timestamp")) is not None
        and isinstance(version, int)
        and all(isinstance(record.get(side), dict) for side in ("before", "after"))
    )
