"""From what a server said to the error that a user reads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clocks import NOON, FakeClock, reply
from ebrule.core.failures import failure, server_problems, unreadable, wait, what_it_said
from ebrule.core.notices import Waiting
from ebrule.core.pace import Pace
from ebrule.core.reply import BrokenError, NotSentError, Reply, TransportError, UntrustedHostError
from ebrule.core.retry import Meaning, meaning_of
from ebrule.errors import (
    AccessError,
    EbruleError,
    InvalidRuleError,
    RuleNotFoundError,
    UnavailableError,
)

if TYPE_CHECKING:
    from ebrule.core.notices import Notice

FAILURES: list[tuple[Reply | TransportError, type[EbruleError], str]] = [
    (reply(401), AccessError, "unauthorized"),
    (reply(403), AccessError, "forbidden"),
    (reply(404), RuleNotFoundError, "rule-not-found"),
    (reply(410), RuleNotFoundError, "rule-not-found"),
    (reply(400), InvalidRuleError, "invalid-rule"),
    (reply(413), InvalidRuleError, "invalid-rule"),
    (reply(422), InvalidRuleError, "invalid-rule"),
    (reply(301), UnavailableError, "unexpected-answer"),
    (reply(405), UnavailableError, "unexpected-answer"),
    (reply(415), UnavailableError, "unexpected-answer"),
    (reply(501), UnavailableError, "unexpected-answer"),
    (reply(408), UnavailableError, "org-unavailable"),
    (reply(409), UnavailableError, "org-unavailable"),
    (reply(429), UnavailableError, "org-unavailable"),
    (reply(503), UnavailableError, "org-unavailable"),
    (NotSentError("why"), UnavailableError, "no-connection"),
    (BrokenError("why"), UnavailableError, "connection-broken"),
    (UntrustedHostError("why"), AccessError, "untrusted-host"),
]


@pytest.mark.parametrize(
    ("outcome", "error", "code"),
    FAILURES,
    ids=[str(getattr(outcome, "status", type(outcome).__name__)) for outcome, _, _ in FAILURES],
)
def test_each_failure_is_the_error_of_its_exit_code(
    outcome: Reply | TransportError, error: type[EbruleError], code: str
) -> None:
    """What went wrong decides the class, and the class decides the exit code."""
    found = failure(outcome, "reading rule r")
    assert (error, code) == (type(found), found.code)
    assert found.message.startswith("reading rule r: ")


@pytest.mark.parametrize("kind", [NotSentError, BrokenError, UntrustedHostError])
def test_a_missing_reply_says_from_where(kind: type[TransportError]) -> None:
    """Where no reply came, the error names the host that it was to come from."""
    outcome = kind("why")
    outcome.origin = "https://api.example:8443"
    assert "https://api.example:8443" in failure(outcome, "reading").message


def test_every_meaning_but_success_has_a_failure() -> None:
    """A new meaning must be given an error."""
    assert set(Meaning) - {Meaning.OK} == {meaning_of(outcome) for outcome, _, _ in FAILURES}


def test_a_failure_keeps_what_support_asks_for() -> None:
    """Status, correlation id and the server's own words are in the error."""
    found = failure(reply(503, {"message": "down for repairs"}, inin_correlation_id="c-1"), "reading")
    assert (found.http_status, found.correlation_id) == (503, "c-1")
    assert found.message == "reading: the org answered 503: down for repairs"


def test_an_unreadable_answer_says_what_came_instead() -> None:
    """Status, type and size tell a proxy's page from an API's answer."""
    page = reply(200, b"<html>", content_type="text/html; charset=utf-8")
    found = unreadable(page, "reading rule r")
    assert found.message == "reading rule r: the answer (200, text/html, 6 bytes) is not what this API sends"
    assert found.code == "unexpected-answer"
    assert "no content type" in unreadable(reply(200, b""), "x").message


@pytest.mark.parametrize(
    ("text", "said"),
    [("", ""), ("short", ": short"), ("x" * 200, ": " + "x" * 200), ("x" * 201, ": " + "x" * 199 + "…")],
    ids=["nothing", "short", "just-fits", "too-long"],
)
def test_a_servers_words_are_cut_short(text: str, said: str) -> None:
    """A page-long message does not fill the terminal."""
    assert said == what_it_said(reply(400, {"message": text}))


@pytest.mark.parametrize(
    ("body", "paths", "messages"),
    [
        pytest.param(
            {"details": [{"fieldName": "conditions[3].operator", "errorCode": "invalid.operator"}]},
            [("conditions", 3, "operator")],
            ["conditions[3].operator: the org says: invalid.operator"],
            id="brackets",
        ),
        pytest.param(
            {"details": [{"fieldName": "targets.0.id"}, {"fieldName": "name", "errorCode": "too.long"}]},
            [("targets", 0, "id"), ("name",)],
            ["targets.0.id: the org says: not valid", "name: the org says: too.long"],
            id="dots-and-several",
        ),
        pytest.param(
            {"message": "bad", "details": [{"fieldName": "a[123456]"}, {"fieldName": "a[٣]"}]},
            [("a", "123456"), ("a", "٣")],
            ["a[123456]: the org says: bad", "a[٣]: the org says: bad"],
            id="no-index",
        ),
        pytest.param(
            {"details": [{"errorCode": "x"}, {"fieldName": 5, "errorCode": "y"}, "odd", None]},
            [(), ()],
            ["the org says: x", "5: the org says: y"],
            id="no-field",
        ),
        pytest.param({"message": "bad", "details": {}}, [()], ["the org says: bad"], id="no-list"),
        pytest.param(b"<html>", [()], ["the org says: 400"], id="html"),
    ],
)
def test_each_detail_of_a_refusal_is_a_problem(
    body: Any, paths: list[tuple[str | int, ...]], messages: list[str]
) -> None:
    """A field that the server names is a path into the rule; without one, there are only its words."""
    found = server_problems(reply(400, body))
    assert paths == [problem.path for problem in found]
    assert messages == [problem.message for problem in found]
    assert {"refused-by-org"} == {problem.id for problem in found}


def test_a_wait_is_told_before_it_is_waited(pace: Pace, clock: FakeClock, notices: list[Notice]) -> None:
    """Whoever watches knows why nothing happens, for how long, and how often it was tried."""
    clock.advance(20.0)
    wait(pace, 42.0, "rate limited", 2, 10)
    assert [Waiting("rate limited", 42.0, 2, 10, left=100.0)] == notices
    assert clock.sleeps == [42.0]


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [(121.0, "2026-01-01T12:02:01Z"), (121.2, "2026-01-01T12:02:02Z"), (3e10, "2057-09-09T13:46:40Z")],
    ids=["whole-seconds", "rounded-up", "centuries"],
)
def test_a_wait_past_the_deadline_names_the_earliest_time(
    pace: Pace, clock: FakeClock, notices: list[Notice], seconds: float, moment: str
) -> None:
    """It ends at once, and whoever comes back at the time that it names does not come too early."""
    with pytest.raises(UnavailableError) as caught:
        wait(pace, seconds, "rate limited", 2, 10)
    assert caught.value.code == "past-deadline"
    assert moment in (caught.value.hint or "")
    assert (clock.sleeps, notices) == ([], [])


def test_the_earliest_time_is_never_rounded_down() -> None:
    """A part of a second counts as a whole one: whoever comes at the time named does not come too early."""
    pace = Pace(1.0, clock=FakeClock(NOON + timedelta(microseconds=1)))
    with pytest.raises(UnavailableError) as caught:
        wait(pace, 60.0, "rate limited", 2, 10)
    assert "2026-01-01T12:01:01Z" in (caught.value.hint or "")


def test_a_moment_that_does_not_fit_says_that_the_time_is_up(pace: Pace, clock: FakeClock) -> None:
    """A wait of less than a second names no time to try again: only more time helps."""
    clock.advance(119.9)
    with pytest.raises(UnavailableError) as caught:
        wait(pace, 0.2, "no connection", 2, 3)
    assert caught.value.code == "past-deadline"
    assert caught.value.message == "no connection, and the deadline is over"
