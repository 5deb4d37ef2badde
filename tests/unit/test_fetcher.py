"""From a reply to a rule with its version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from clocks import ScriptedTransport, reply
from ebrule.core.auth import connect
from ebrule.core.fetcher import MAX_PAGES, fetch_rule, list_rules, rule_in
from ebrule.errors import EbruleError, RuleNotFoundError, UnavailableError, UsageError
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Rule
from ebrule.rules.registry import KINDS
from ebrule.rules.trigger import TRIGGER
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from collections.abc import Callable

    from clocks import Outcome
    from ebrule.core.pace import Pace
    from ebrule.rules.kind import Kind

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


# --- lists ----------------------------------------------------------------------------------------

LIST = "/api/v2/processautomation/triggers"


def listed(transport: ScriptedTransport, pace: Pace) -> list[dict[str, Any]]:
    """List the triggers of an org."""
    return list(list_rules(connect(ORG, Network(), pace, transport=transport).reader, TRIGGER))


def page(*ids: str, following: Any = None) -> Outcome:
    """One page of a list."""
    return reply(200, {"entities": [{"id": each} for each in ids], "nextUri": following})


def test_a_list_is_read_page_by_page(wire: Wire, pace: Pace) -> None:
    """The org says where the next page is; a page may be empty."""
    transport = wire(page("a", "b", following=f"{LIST}?after=b"), page(following=f"{LIST}?after=c"), page("d"))
    assert [{"id": each} for each in "abd"] == listed(transport, pace)
    paths = [f"{LIST}?pageSize=200", f"{LIST}?after=b", f"{LIST}?after=c"]
    assert [API + path for path in paths] == [request.url for request in transport.requests]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(404), id="404"),
        pytest.param(reply(200, {}), id="no-entities"),
        pytest.param(reply(200, {"entities": {"id": "a"}}), id="no-list"),
        pytest.param(reply(200, {"entities": ["a"]}), id="no-objects"),
        pytest.param(page("a", following=5), id="next-no-text"),
        pytest.param(page("a", following="https://evil.example/api/v2"), id="next-elsewhere"),
        pytest.param(page("a", following="//evil.example/api/v2"), id="next-elsewhere-without-scheme"),
        pytest.param(page("a", following="/oauth/clients"), id="next-outside-the-api"),
        pytest.param(page("a", following="/api/v2/oauth/clients"), id="next-another-list"),
        pytest.param(page("a", following=f"{LIST}/../../oauth/clients"), id="next-with-dots"),
    ],
)
def test_what_is_no_page_is_an_error(wire: Wire, pace: Pace, answer: Outcome) -> None:
    """The token goes to no address but the API's, whatever a page says."""
    with pytest.raises(UnavailableError) as caught:
        listed(wire(answer), pace)
    assert caught.value.code == "unexpected-answer"


def test_a_list_that_leads_in_a_circle_is_an_error(wire: Wire, pace: Pace) -> None:
    """A page is not read twice."""
    one, two = f"{LIST}?after=1", f"{LIST}?after=2"
    with pytest.raises(UnavailableError, match="does not end after 3 pages"):
        listed(wire(page("a", following=one), page("b", following=two), page("c", following=one)), pace)


def test_a_list_without_end_is_an_error(wire: Wire, pace: Pace) -> None:
    """So many pages are no list that anybody wants."""
    pages = [page("a", following=f"{LIST}?after={number}") for number in range(MAX_PAGES)]
    with pytest.raises(UnavailableError, match=f"does not end after {MAX_PAGES} pages"):
        listed(wire(*pages), pace)


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if not kind.listing], ids=lambda kind: kind.name)
def test_a_kind_without_a_list_is_wrong_usage(wire: Wire, pace: Pace, kind: Kind) -> None:
    """The hint names the kinds that have one, and nothing is asked."""
    with pytest.raises(UsageError) as caught:
        list_rules(connect(ORG, Network(), pace, transport=wire()).reader, kind)
    assert caught.value.code == "no-list"
    assert "trigger" in (caught.value.hint or "")
