"""Ledgers for tests and benchmarks: operations as runs record them, without the runs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ebrule.core.audit import AuditLog

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = datetime(2026, 1, 5, 8, 0, tzinfo=timezone.utc)
"""The time of the first record; each record is a minute later than the one before."""

RULE: dict[str, Any] = {
    "id": "demo-rule",
    "name": "Updated Call Duration Filter",
    "description": "Captures answered calls exceeding 30 seconds",
    "status": "enabled",
    "priority": 50,
    "conditions": [
        {"field": "eventType", "operator": "equals", "value": "com.genesys.cloud.telephony.call.answered"},
        {"field": "attributes.callDuration", "operator": "greaterThan", "value": 30},
    ],
    "targets": [
        {
            "id": "target-uuid-12345",
            "type": "webhook",
            "url": "https://internal.example.com/process",
            "headers": {"X-Source": "EventBridge"},
        }
    ],
}
CHANGES: list[dict[str, Any]] = [
    {"path": "priority", "before": 10, "after": 50},
    {"path": "conditions[1]", "before": None, "after": RULE["conditions"][1]},
    {"path": "targets[target-uuid-12345].url", "before": "https://old.example.com/in", "after": "https://x.example"},
]
ACTOR = {"user": "ana", "host": "laptop"}


def operation_id(number: int) -> str:
    """Return the id of a made-up operation."""
    return f"01890000-0000-7000-8000-{number:012x}"


class LedgerWriter:
    """Writes records of made-up operations into the ledger at ``path``."""

    def __init__(self, path: Path) -> None:
        self._written = 0
        self.log = AuditLog(path, now=self._now)

    def _now(self) -> datetime:
        self._written += 1
        return BEGAN + timedelta(minutes=self._written - 1)

    def write(self, record_type: str, number: int = 1, **fields: Any) -> str:
        """Append one record; return the ledger's head."""
        named = {"rule_id": "demo-rule", "kind": "eventbridge", **fields}
        return self.log.append(record_type, operation_id(number), **named)

    def intent(self, number: int = 1, **fields: Any) -> str:
        """Append an intent."""
        return self.write(
            "intent",
            number,
            **{
                "base_version": 7,
                "attempt": 1,
                "before": {**RULE, "priority": 10},
                "after": RULE,
                "changes": CHANGES,
                "actor": ACTOR,
                "region": "sandbox",
                "reason": "CHG-1042",
                "tool_version": "0.1.0",
                **fields,
            },
        )

    def outcome(self, number: int = 1, result: str = "updated", **fields: Any) -> str:
        """Append an outcome."""
        return self.write(
            "outcome",
            number,
            **{
                "version": 8,
                "latency_ms": 41.5 if result == "updated" else None,
                "success": result != "failed",
                "error": None,
                "result": result,
                "exit_code": 0,
                "attempts": 1,
                "conflicts": 0,
                "correlation_id": "9b2cf1c5-0000-4000-8000-000000000000",
                "event": None,
                **fields,
            },
        )

    def delivery(self, number: int = 1, **fields: Any) -> str:
        """Append a delivery."""
        tried = {"event_id": "msg_1", "url": "https://hook.example", "status": 200, "attempt": 1, "success": True}
        return self.write("delivery", number, **{**tried, **fields})

    def update(self, number: int = 1, **fields: Any) -> str:
        """Append the intent and the outcome of an update; fields that both have go to both."""
        shared = {name: fields[name] for name in ("rule_id", "kind", "org_id") if name in fields}
        of_outcome = ("version", "made_version", "latency_ms", "conflicts", "event", "stored_differently")
        ended = {name: fields.pop(name) for name in of_outcome if name in fields}
        self.intent(number, **fields)
        return self.outcome(number, **ended, **shared)


def records(path: Path) -> list[dict[str, Any]]:
    """Return the ledger's records."""
    return [json.loads(line) for line in path.read_text().splitlines()]
