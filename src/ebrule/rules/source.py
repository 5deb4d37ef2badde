"""Kind ``eventbridge-source``: which topics an org sends to Amazon EventBridge, the configuration of an integration.

Sources: the official SDK's ``IntegrationConfiguration``, public Terraform modules.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field

from ebrule.errors import Problem
from ebrule.rules.file_part import FilePart
from ebrule.rules.kind import Data, Kind, Reference, Shape, checked_id
from ebrule.rules.matching.topics import topic_conditions

INTEGRATION_TYPE = "amazon-eventbridge-source"
ACCOUNT_ID = "^[0-9]{12}$"


class Properties(FilePart):
    """The partner event source, and what is sent to it."""

    eventSourceSuffix: str = Field(min_length=1, description="Names the partner event source.")  # noqa: N815 - the wire's own spelling
    awsAccountId: str = Field(  # noqa: N815 - the wire's own spelling
        description="The AWS account, 12 digits in quotes.", json_schema_extra={"pattern": ACCOUNT_ID}
    )
    awsAccountRegion: str = Field(min_length=1, description="The AWS region of the event source.")  # noqa: N815 - the wire's own spelling
    eventFilter: list[str] = Field(  # noqa: N815 - the wire's own spelling
        description="The topics that are sent; at least one, each once.",
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )


class EventBridgeSource(FilePart):
    """A rule file of kind ``eventbridge-source``."""

    kind: Literal["eventbridge-source"] = "eventbridge-source"
    id: str | None = Field(default=None, description="The integration's id; must agree with --rule-id.")
    version: int | None = Field(default=None, ge=0, description="Update only if the org still has this version.")
    name: str = Field(min_length=1, description="What people call the integration.")
    notes: str | None = Field(default=None, description="What the integration is for.")
    properties: Properties
    advanced: dict[str, Any] | None = Field(default=None, description="Advanced settings, as the org has them.")
    credentials: dict[str, Any] | None = Field(default=None, description="Credentials, as the org has them.")


def _limits(rule: Data) -> list[Problem]:
    properties = rule.get("properties")
    if not isinstance(properties, dict):
        return []
    return _account_problems(properties.get("awsAccountId")) + _filter_problems(properties.get("eventFilter"))


def _account_problems(account: Any) -> list[Problem]:
    if not isinstance(account, str) or re.fullmatch(ACCOUNT_ID, account, re.ASCII):
        return []
    message = f'awsAccountId is "{account}"; an AWS account has 12 digits'
    return [Problem("bad-account-id", message, ("properties", "awsAccountId"), hint="Copy it from the AWS console.")]


def _filter_problems(topics: Any) -> list[Problem]:
    if not isinstance(topics, list):
        return []
    path = ("properties", "eventFilter")
    if not topics:
        hint = "Name at least one topic; to send nothing, disable the integration."
        return [Problem("empty-event-filter", "eventFilter is empty", path, hint=hint)]
    first_place: dict[str, int] = {}
    return [
        Problem("duplicate-topic", f'topic "{topic}" stands twice', (*path, index), hint="Keep one of the two.")
        for index, topic in enumerate(topics)
        if isinstance(topic, str) and first_place.setdefault(topic, index) != index
    ]


def _why_no_source(integration: Data) -> str | None:
    kind = integration.get("integrationType")
    found = kind.get("id") if isinstance(kind, dict) else None
    return None if found == INTEGRATION_TYPE else f"the integration is of type {found}, not {INTEGRATION_TYPE}"


def _references(_rule: Data, rule_id: str | None) -> list[Reference]:
    if rule_id is None:
        return []
    resource = f"/api/v2/integrations/{checked_id(rule_id)}"
    return [Reference(("id",), "integration", rule_id, resource, _why_no_source)]


SOURCE = Kind(
    name="eventbridge-source",
    title="EventBridge source integration",
    model=EventBridgeSource,
    resource="/api/v2/integrations/{id}/config/current",
    event_type="genesys.integration.eventbridge-source.updated",
    shape=Shape(objects=frozenset({"properties"}), sets=frozenset({"properties.eventFilter"})),
    limits=_limits,
    references=_references,
    conditions=topic_conditions,
    identity=frozenset({"properties.eventSourceSuffix", "properties.awsAccountId", "properties.awsAccountRegion"}),
    has_own_id=False,
    write_scopes=frozenset({"integrations"}),
)
