"""The initial data of a sandbox: rules of every interesting sort and kind, and what they may name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE: Final = "eventbridge"
TARGET: Final = "eventbridge-target"
TRIGGER: Final = "trigger"
FLOW: Final = "flow"
INTEGRATION: Final = "integration"
CONFIGURATION: Final = "eventbridge-source"

ORGANIZATION: Final = "5a0db0c5-7d4e-4c0c-9d4b-2f7f5f0e6a11"
"""The id of the organization that all clients but one belong to, unless another id is given."""

OTHER_ORGANIZATION: Final = "c3f1b7a2-90d6-4e58-8a5d-6b2e4f7c9d22"
"""The id of a second organization of the same region."""

_AUTHOR: Final = "sandbox-seed"
_TIME: Final = "2026-01-05T08:00:00.000Z"
_ANSWERED: Final = "com.genesys.cloud.telephony.call.answered"
_CUSTOMER_END: Final = "v2.detail.events.conversation.{id}.customer.end"
_ACW: Final = "v2.detail.events.conversation.{id}.acw"

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


_TRIGGERS: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "demo-trigger": (
        3,
        {
            "name": "Call back after a lost call",
            "description": "Starts the callback workflow when a caller hangs up within half a minute",
            "topicName": _CUSTOMER_END,
            "enabled": True,
            "target": {
                "type": "Workflow",
                "id": "flow-callback",
                "workflowTargetSettings": {"dataFormat": "TopLevelPrimitives"},
            },
            "matchCriteria": [
                {"jsonPath": "mediaType", "operator": "Equal", "value": "VOICE"},
                {"jsonPath": "direction", "operator": "Equal", "value": "INBOUND"},
                {"jsonPath": "$.interactingDurationMs", "operator": "LessThan", "value": 30000},
            ],
            "eventTTLSeconds": 60,
        },
    ),
    "trigger-delayed": (
        8,
        {
            "name": "Survey after the call",
            "topicName": _ACW,
            "enabled": True,
            "target": {"type": "Workflow", "id": "flow-survey", "workflowTargetSettings": {"dataFormat": "Json"}},
            "matchCriteria": [{"jsonPath": "wrapupCode", "operator": "NotEqual", "value": "no-survey"}],
            "delayBySeconds": 300,
        },
    ),
    "trigger-disabled": (
        5,
        {
            "name": "Escalate unanswered mail",
            "description": "Waits for the mail team to be staffed",
            "topicName": "v2.detail.events.conversation.{id}.acd.end",
            "enabled": False,
            "target": {"type": "Workflow", "id": "flow-inactive"},
            "matchCriteria": [{"jsonPath": "mediaType", "operator": "Equal", "value": "EMAIL"}],
        },
    ),
    # No criteria, and nothing else that may be left out.
    "trigger-every-event": (
        1,
        {
            "name": "Audit trail",
            "topicName": "v2.flows.executions.{id}.errors",
            "enabled": True,
            "target": {"type": "Workflow", "id": "flow-callback"},
        },
    ),
    # Criteria as they are found in the wild: lists by value and by values, paths with and without a dollar sign.
    "trigger-operators": (
        12,
        {
            "name": "High-value conversations",
            "description": "Interactions that a supervisor wants to know about",
            "topicName": _CUSTOMER_END,
            "enabled": True,
            "target": {"type": "Workflow", "id": "flow-survey"},
            "matchCriteria": [
                {"jsonPath": "mediaType", "operator": "In", "values": ["VOICE", "CALLBACK"]},
                {"jsonPath": "disconnectType", "operator": "NotIn", "value": ["SYSTEM", "ERROR"]},
                {"jsonPath": "externalContactId", "operator": "Exists", "value": True},
                {"jsonPath": "$.conversationExternalContactIds", "operator": "All", "values": ["contact-1"]},
                {"jsonPath": "$['conversationExternalContactIds']", "operator": "Size", "value": 2},
                {"jsonPath": "$.conversationExternalContactIds[0]", "operator": "Contains", "value": "contact"},
                {"jsonPath": "interactingDurationMs", "operator": "GreaterThanOrEqual", "value": 600000},
            ],
            "eventTTLSeconds": 3600,
        },
    ),
    "trigger-unpublished": (
        2,
        {
            "name": "Welcome message",
            "topicName": "v2.detail.events.conversation.{id}.customer.start",
            "enabled": False,
            "target": {"type": "Workflow", "id": "flow-unpublished"},
            "matchCriteria": [],
        },
    ),
    # What a newer service might send: fields and an operator that no client knows yet.
    "trigger-unknown-fields": (
        41,
        {
            "name": "Premium numbers",
            "topicName": "v2.detail.events.conversation.{id}.customer.start",
            "enabled": True,
            "target": {"type": "Workflow", "id": "flow-callback", "timeoutSeconds": 30},
            "matchCriteria": [
                {"jsonPath": "dnis", "operator": "StartsWith", "value": "tel:+49900", "caseSensitive": False}
            ],
            "division": {"id": "home", "name": "Home"},
        },
    ),
}

_VERSION: Final = {"id": "4.0", "name": "4.0", "type": "PUBLISH", "datePublished": _TIME}
_PUBLISHED: Final = {"active": True, "system": False, "deleted": False, "publishedVersion": _VERSION}
_FLOWS: Final[dict[str, dict[str, Any]]] = {
    "flow-callback": {"name": "Callback", "type": "WORKFLOW", **_PUBLISHED},
    "flow-survey": {"name": "Survey", "type": "WORKFLOW", **_PUBLISHED},
    "flow-unpublished": {"name": "Welcome", "type": "WORKFLOW", "active": True, "system": False, "deleted": False},
    "flow-inactive": {"name": "Escalation", "type": "WORKFLOW", **_PUBLISHED, "active": False},
    "flow-deleted": {"name": "Old callback", "type": "WORKFLOW", **_PUBLISHED, "active": False, "deleted": True},
    "flow-inbound": {"name": "Main number", "type": "INBOUNDCALL", **_PUBLISHED},
}

_INTEGRATIONS: Final[dict[str, tuple[str, int, dict[str, Any]]]] = {
    "integration-eventbridge": (
        "amazon-eventbridge-source",
        4,
        {
            "name": "Conversation events to AWS",
            "properties": {
                "eventSourceSuffix": "conversation-events",
                "awsAccountId": "123456789012",
                "awsAccountRegion": "eu-central-1",
                "eventFilter": [_CUSTOMER_END, "v2.detail.events.conversation.{id}.user.end"],
            },
            "advanced": {},
            "notes": "Feeds the data lake",
            "credentials": {},
        },
    ),
    "integration-data-actions": (
        "custom-rest-actions",
        2,
        {
            "name": "CRM data actions",
            "properties": {},
            "advanced": {},
            "notes": "",
            "credentials": {"basicAuth": {"id": "credential-crm", "name": "CRM"}},
        },
    ),
}


def organization_name(organization_id: str) -> str:
    """Give the name of an organization."""
    names = {ORGANIZATION: "ebrule sandbox", OTHER_ORGANIZATION: "ebrule sandbox, another org"}
    return names.get(organization_id, f"ebrule sandbox {organization_id[:8]}")


def rows() -> Iterator[dict[str, Any]]:
    """Give each initial resource; those of all organizations are alike.

    Yields:
        ``kind``, ``id``, ``version``, ``body`` (JSON), ``time`` (RFC 3339) and ``author`` (a client's id).
    """
    for rule_id, (version, body) in _RULES.items():
        yield _row(RULE, rule_id, version, body)
    for target_id in _TARGETS:
        yield _row(TARGET, target_id, 1, {"name": target_id, "status": "active"})
    for trigger_id, (version, body) in _TRIGGERS.items():
        yield _row(TRIGGER, trigger_id, version, body)
    for flow_id, body in _FLOWS.items():
        yield _row(FLOW, flow_id, 1, body)
    for integration_id, (integration_type, version, body) in _INTEGRATIONS.items():
        entity = {"integrationType": {"id": integration_type}, "intendedState": "ENABLED"}
        yield _row(INTEGRATION, integration_id, 1, entity)
        yield _row(CONFIGURATION, integration_id, version, body)


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
