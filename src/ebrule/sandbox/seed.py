"""The initial data of a sandbox: rules of every interesting sort, and the targets that they may name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE: Final = "eventbridge"
TARGET: Final = "eventbridge-target"

_AUTHOR: Final = "sandbox-seed"
_TIME: Final = "2026-01-05T08:00:00.000Z"
_ANSWERED: Final = "com.genesys.cloud.telephony.call.answered"

_RULES: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "demo-rule": (
        7,
        {
            "name": "Call Duration Filter",
            "description": "Captures answered calls",
            "status": "enabled",
            "priority": 10,
            "conditions": [{"field": "eventType", "operator": "equals", "value": _ANSWERED}],
            "targets": [
                {
                    "id": "target-uuid-12345",
                    "type": "webhook",
                    "url": "https://old.example.com/in",
                    "headers": {"X-Source": "EventBridge"},
                }
            ],
        },
    ),
    "demo-rule-disabled": (
        3,
        {
            "name": "Night desk handover",
            "description": "Calls after ten in the evening; waits for the night desk to be staffed",
            "status": "disabled",
            "priority": 200,
            "conditions": [
                {"field": "eventType", "operator": "equals", "value": _ANSWERED},
                {"field": "attributes.hour", "operator": "greaterThanOrEquals", "value": 22},
            ],
            "targets": [{"id": "night-desk", "type": "webhook", "url": "https://night.example.com/in"}],
        },
    ),
    # A header that must never be shown, two targets, and no description.
    "demo-rule-secret": (
        12,
        {
            "name": "CRM screen pop",
            "status": "enabled",
            "priority": 20,
            "conditions": [
                {"field": "eventType", "operator": "equals", "value": _ANSWERED},
                {"field": "attributes.queue", "operator": "in", "value": ["sales", "renewals"]},
            ],
            "targets": [
                {
                    "id": "crm",
                    "type": "webhook",
                    "url": "https://crm.example.com/events",
                    "headers": {"Authorization": "Bearer made-up-for-the-sandbox", "X-Source": "EventBridge"},
                },
                {"id": "archive", "type": "queue", "retentionDays": 30},
            ],
        },
    ),
    # What a newer service might send: a top-level field and an operator that no client knows yet.
    "demo-rule-unknown-fields": (
        41,
        {
            "name": "Quality sampling",
            "description": "One call in twenty goes to quality management",
            "status": "enabled",
            "priority": 500,
            "conditions": [{"field": "attributes.callId", "operator": "sampledAt", "value": {"percent": 5}}],
            "targets": [{"id": "quality", "type": "webhook", "url": "https://quality.example.com/in"}],
            "division": {"id": "home", "name": "Home"},
        },
    ),
}

_TARGETS: Final = (
    "target-uuid-12345",
    "crm",
    "archive",
    "night-desk",
    "quality",
    *(f"target-{number:03}" for number in range(1, 201)),
)


def rows() -> Iterator[dict[str, Any]]:
    """Give each initial resource.

    Yields:
        ``kind``, ``id``, ``version``, ``body`` (JSON), ``time`` (RFC 3339) and ``author`` (a client's id).
    """
    for rule_id, (version, body) in _RULES.items():
        yield _row(RULE, rule_id, version, body)
    for target_id in _TARGETS:
        yield _row(TARGET, target_id, 1, {"name": target_id, "status": "active"})


def _row(kind: str, resource_id: str, version: int, body: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(body, ensure_ascii=False)
    return {
        "kind": kind,
        "id": resource_id,
        "version": version,
        "body": text,
        "time": _TIME,
        "author": _AUTHOR,
    }
