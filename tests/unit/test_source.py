"""The limits of an EventBridge source integration, and what makes it the one that it is."""

from __future__ import annotations

from typing import Any

import pytest

from ebrule.core.validator import check_rule
from ebrule.rules.diff import diff
from ebrule.rules.merge import merge3
from ebrule.rules.source import SOURCE

PROPERTIES = {
    "eventSourceSuffix": "events",
    "awsAccountId": "123456789012",
    "awsAccountRegion": "eu-central-1",
    "eventFilter": ["v2.a.{id}", "v2.b.{id}"],
}


def found(**properties: Any) -> list[tuple[str, tuple[str | int, ...]]]:
    """Return id and path of each problem of a source that is right but for these properties."""
    rule = {"name": "Demo", "properties": {**PROPERTIES, **properties}}
    return [(problem.id, problem.path) for problem in check_rule(SOURCE, rule)]


def test_a_right_source_has_no_problems() -> None:
    """Notes, advanced settings and credentials may be left out."""
    assert [] == found()


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"eventFilter": []}, ("empty-event-filter", ("properties", "eventFilter"))),
        ({"eventFilter": ["a", "b", "a"]}, ("duplicate-topic", ("properties", "eventFilter", 2))),
        ({"eventFilter": [3]}, ("wrong-type", ("properties", "eventFilter", 0))),
        ({"eventFilter": "a"}, ("wrong-type", ("properties", "eventFilter"))),
        ({"awsAccountId": "12345678901"}, ("bad-account-id", ("properties", "awsAccountId"))),
        ({"awsAccountId": "١٢٣٤٥٦٧٨٩٠١٢"}, ("bad-account-id", ("properties", "awsAccountId"))),
        ({"awsAccountId": 123456789012}, ("wrong-type", ("properties", "awsAccountId"))),
        ({"eventSourceSuffix": ""}, ("empty-text", ("properties", "eventSourceSuffix"))),
        ({"eventFilters": ["a"]}, ("unknown-key", ("properties", "eventFilters"))),
    ],
    ids=str,
)
def test_each_limit(properties: dict[str, Any], problem: tuple[str, tuple[str | int, ...]]) -> None:
    """What the org would refuse is found before it is asked, at its place."""
    assert [problem] == found(**properties)


@pytest.mark.parametrize(
    ("integration", "fits"),
    [
        ({"integrationType": {"id": "amazon-eventbridge-source"}}, True),
        ({"integrationType": {"id": "custom-rest-actions"}}, False),
        ({"integrationType": None}, False),
        ({"integrationType": "amazon-eventbridge-source"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_the_integration_must_be_a_source(integration: dict[str, Any], fits: bool) -> None:
    """The configuration of another kind of integration is no event source, whatever it holds."""
    (reference,) = SOURCE.references({}, "i-1")
    assert ("/api/v2/integrations/i-1", fits) == (reference.resource, reference.check(integration) is None)


def test_the_filter_is_a_set() -> None:
    """Its order means nothing, and what both sides add or take away comes together."""
    base = {"properties": PROPERTIES}

    def with_filter(*topics: str) -> dict[str, Any]:
        return {"properties": {**PROPERTIES, "eventFilter": list(topics)}}

    assert [] == diff(SOURCE.shape, base, with_filter("v2.b.{id}", "v2.a.{id}"))
    merge = merge3(
        SOURCE.shape, base, with_filter("v2.a.{id}", "v2.b.{id}", "ours"), with_filter("v2.b.{id}", "theirs")
    )
    assert (["v2.b.{id}", "theirs", "ours"], ()) == (merge.content["properties"]["eventFilter"], merge.overlaps)
