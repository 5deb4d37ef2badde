"""From a reply to a rule with its version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from clocks import ScriptedTransport, reply
from ebrule.core.auth import connect
from ebrule.core.fetcher import fetch_rule, rule_in
from ebrule.errors import EbruleError, RuleNotFoundError, UnavailableError, UsageError
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Rule
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from collections.abc import Callable

    from clocks import Outcome
    from ebrule.core.pace import Pace

    Wire = Callable[..., ScriptedTransport]

API = "https://api.example"
ORG = Org("example", API, API, access_token=SecretStr("t"))


def fetch(transport: ScriptedTransport, pace: Pace, rule_id: str = "r") -> Rule:
    """Fetch a rule from an org."""
    return fetch_rule(connect(ORG, Network(), pace, transport=transport).reader, EVENTBRIDGE, rule_id)


def test_a_rule_is_fetched_with_all_its_fields(wire: Wire, pace: Pace) -> None:
    """Fields that ebrule does not know are kept."""
    data = {"id": "r", "version": 7, "name": "n", "future": {"field": [1]}}
    transport = wire(reply(200, data))
    assert Rule("r", 7, data) == fetch(transport, pace)
    assert [f"{API}/api/v2/eventbridge/routing/rules/r"] == [request.url for request in transport.requests]


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        pytest.param(reply(404), RuleNotFoundError, "rule-not-found", id="404"),
        pytest.param(reply(410), RuleNotFoundError, "rule-not-found", id="410"),
        pytest.param(reply(200, {"id": "r"}), UnavailableError, "unexpected-answer", id="no-version"),
        pytest.param(reply(200, {"id": "x", "version": 7}), UnavailableError, "unexpected-answer", id="other-rule"),
        pytest.param(reply(200, b"<html>"), UnavailableError, "unexpected-answer", id="html"),
    ],
)
def test_what_is_no_rule_is_an_error(
    wire: Wire, pace: Pace, answer: Outcome, error: type[EbruleError], code: str
) -> None:
    """An answer without a version can be no base for an update."""
    with pytest.raises(error) as caught:
        fetch(wire(answer), pace)
    assert code == caught.value.code


def test_an_unknown_rule_is_told_with_what_to_check(wire: Wire, pace: Pace) -> None:
    """The message names kind and id, the hint what may be wrong."""
    with pytest.raises(RuleNotFoundError) as caught:
        fetch(wire(reply(404)), pace)
    assert caught.value.message == "there is no EventBridge routing rule 'r' in this org"
    assert caught.value.http_status == 404
    assert "--kind" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "rule_id",
    [
        "../../oauth/clients",
        "http://evil/x",
        "//evil",
        ".",
        "..",
        "a b",
        "a?b",
        "a#b",
        "a%2fb",
        "",
        "a" * 129,
    ],
)
def test_an_id_leads_to_no_other_resource(wire: Wire, pace: Pace, rule_id: str) -> None:
    """What is not one plain segment of a path is refused before anything is sent."""
    with pytest.raises(UsageError):
        fetch(wire(), pace, rule_id)


@pytest.mark.parametrize(
    ("body", "version"),
    [
        pytest.param({"id": "r", "version": 0}, 0, id="zero"),
        pytest.param({"version": 7}, 7, id="without-id"),
        pytest.param({"id": "r", "version": True}, None, id="boolean"),
        pytest.param({"id": "r", "version": "7"}, None, id="text"),
        pytest.param({"id": "r", "version": 7.0}, None, id="fraction"),
        pytest.param({"id": "r", "version": None}, None, id="null"),
        pytest.param({"id": "R", "version": 7}, None, id="other-case"),
        pytest.param({"id": None, "version": 7}, None, id="null-id"),
        pytest.param([], None, id="list"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_a_rule_needs_a_whole_number_for_version(body: Any, version: int | None) -> None:
    """A reply without one, or about another rule, carries no rule."""
    rule = rule_in(reply(200, body), EVENTBRIDGE, "r")
    assert version == (rule.version if rule else None)
