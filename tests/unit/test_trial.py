"""The org's own test of a saved rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clocks import ScriptedTransport, reply
from ebrule.core.auth import Session, connect
from ebrule.core.trial import Trial, try_rule
from ebrule.errors import AccessError, EbruleError, RuleNotFoundError, UnavailableError, UsageError
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.trigger import TRIGGER
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrule.core.pace import Pace

    Wire = Callable[..., ScriptedTransport]

TOKEN = {"access_token": "t"}
DETAILS = [
    {"jsonPath": "mediaType", "operator": "Equal", "match": True},
    {"jsonPath": "x", "operator": "Size", "match": 1},
]


def session(wire: ScriptedTransport, pace: Pace) -> Session:
    """A session that changes nothing."""
    org = Org("example", "https://api.example", "https://login.example", client_id="id")
    return connect(org, Network(), pace, read_only=True, transport=wire)


def test_the_org_is_asked(wire: Wire, pace: Pace) -> None:
    """The event is posted as it is to the rule's test, and the answer tells of the rule and of each criterion."""
    transport = wire(
        reply(200, TOKEN), reply(200, {"triggerMatches": False, "jsonPathValidation": {"details": DETAILS}})
    )
    trial = try_rule(session(transport, pace).reader, TRIGGER, "t-1", {"mediaType": "VOICE", "n": None})

    assert Trial(matches=False, criteria=(("mediaType Equal", True), ("x Size", False))) == trial
    request = transport.requests[1]
    path = "https://api.example/api/v2/processautomation/triggers/t-1/test"
    assert ("POST", path) == (request.method, request.url)
    assert {"mediaType": "VOICE", "n": None} == json.loads(request.body or b"")


@pytest.mark.parametrize("validation", [None, [], {}, {"details": None}, {"details": ["x"]}], ids=repr)
def test_an_answer_without_details(wire: Wire, pace: Pace, validation: Any) -> None:
    """The answer counts, whatever it says of the criteria."""
    transport = wire(reply(200, TOKEN), reply(200, {"triggerMatches": True, "jsonPathValidation": validation}))

    assert Trial(matches=True, criteria=()) == try_rule(session(transport, pace).reader, TRIGGER, "t-1", {})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(404), RuleNotFoundError), (reply(403), AccessError), (reply(200, {}), UnavailableError),
        (reply(200, []), UnavailableError), (reply(200, {"triggerMatches": "true"}), UnavailableError),
        (reply(200, b"<html>"), UnavailableError),
    ],
)  # fmt: skip
def test_answers_that_say_nothing(wire: Wire, pace: Pace, answer: Any, error: type[EbruleError]) -> None:
    """An answer that is none is an error, never a verdict."""
    with pytest.raises(error):
        try_rule(session(wire(reply(200, TOKEN), answer), pace).reader, TRIGGER, "t-1", {})


def test_the_question_is_put_again(wire: Wire, pace: Pace) -> None:
    """What changes nothing may be asked again, as reads are."""
    transport = wire(reply(200, TOKEN), reply(503), reply(200, {"triggerMatches": True}))

    assert try_rule(session(transport, pace).reader, TRIGGER, "t-1", {}).matches


@pytest.mark.parametrize("rule_id", ["../x", "a/b", "", ".."])
def test_what_is_no_id(wire: Wire, pace: Pace, rule_id: str) -> None:
    """An id that leads elsewhere is wrong usage."""
    with pytest.raises(UsageError):
        try_rule(session(wire(), pace).reader, TRIGGER, rule_id, {})


def test_kinds_without_a_test(wire: Wire, pace: Pace) -> None:
    """A kind whose API has no test is told so, with nothing sent."""
    with pytest.raises(UsageError, match="the API has no test of EventBridge routing rules"):
        try_rule(session(wire(), pace).reader, EVENTBRIDGE, "r-1", {})
