"""Reading patiently, within one budget for the whole run."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from clocks import FakeClock, ScriptedTransport, reply
from ebrule.core.auth import Session, connect
from ebrule.core.notices import Waiting
from ebrule.core.pace import Pace
from ebrule.core.reads import MAX_RETRIES, RATE_LIMITED_TRIES, TRIES, Patience
from ebrule.core.reply import BrokenError, NotSentError, Request, UntrustedHostError
from ebrule.errors import AccessError, EbruleError, InvalidRuleError, UnavailableError
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from collections.abc import Callable

    from clocks import Outcome
    from ebrule.core.notices import Notice
    from ebrule.core.reply import Reply

    Wire = Callable[..., ScriptedTransport]

LOGIN = "https://login.example"


@pytest.fixture
def patience(pace: Pace) -> Patience:
    """The patience of one run."""
    return Patience(pace)


def asking(patience: Patience, wire: ScriptedTransport) -> Reply:
    """Ask once, patiently."""
    return patience.answer(partial(wire.send, Request("GET", "https://api.example/x", {})), "reading x")


def session(wire: ScriptedTransport, pace: Pace) -> Session:
    """A session whose token has to be asked for."""
    org = Org("example", "https://api.example", LOGIN, client_id="id")
    return connect(org, Network(), pace, transport=wire)


def down(request: Request) -> Reply:
    """An org that gives tokens and nothing else."""
    return reply(200, {"access_token": "t"}) if request.url.startswith(LOGIN) else reply(503)


# --- one request ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 409, 410, 413, 422, 501])
def test_what_settles_the_matter_is_not_asked_again(patience: Patience, wire: Wire, status: int) -> None:
    """Success and refusal alike are answers."""
    assert asking(patience, wire(reply(status))).status == status


@pytest.mark.parametrize(
    "outcome",
    [reply(408), reply(429), reply(500), reply(503), reply(303), NotSentError("x"), BrokenError("x")],
    ids=["408", "429", "500", "503", "303", "not-sent", "broken"],
)
def test_what_may_pass_is_tried_again(patience: Patience, wire: Wire, outcome: Outcome) -> None:
    """A read changes nothing, so whatever may be over soon is tried again."""
    assert asking(patience, wire(outcome, reply(200))).status == 200


@pytest.mark.parametrize(
    ("outcome", "tries", "code"),
    [
        pytest.param(reply(503), TRIES, "org-unavailable", id="503"),
        pytest.param(reply(429), RATE_LIMITED_TRIES, "org-unavailable", id="429"),
        pytest.param(NotSentError("refused"), TRIES, "no-connection", id="not-sent"),
        pytest.param(BrokenError("reset"), TRIES, "connection-broken", id="broken"),
        pytest.param(UntrustedHostError("expired"), 1, "untrusted-host", id="untrusted"),
    ],
)
def test_tries_come_to_an_end(patience: Patience, wire: Wire, outcome: Outcome, tries: int, code: str) -> None:
    """Three tries, ten where the org asks for patience, and one where the host is not to be trusted."""
    with pytest.raises(EbruleError) as caught:
        asking(patience, wire(*[outcome] * tries))
    assert code == caught.value.code
    assert caught.value.message.startswith("reading x: ")


def test_an_error_is_chained_to_its_cause(patience: Patience, wire: Wire) -> None:
    """Why no reply came can be looked up."""
    with pytest.raises(AccessError) as caught:
        asking(patience, wire(UntrustedHostError("expired")))
    assert isinstance(caught.value.__cause__, UntrustedHostError)


def test_a_rate_limits_wait_is_honoured(
    patience: Patience, wire: Wire, clock: FakeClock, notices: list[Notice]
) -> None:
    """The next try comes no sooner than the org asks, and whoever watches is told."""
    asking(patience, wire(reply(429, retry_after="42"), reply(200)))
    assert clock.sleeps == [42.5]
    assert [Waiting("rate limited by the org", 42.5, 2, 10, left=120.0)] == notices


def test_each_rate_limits_wait_is_honoured(patience: Patience, wire: Wire, clock: FakeClock) -> None:
    """A server that asks again is given its time again; without a number there is full jitter."""
    later = "Thu, 01 Jan 2026 12:00:30 GMT"
    dated = reply(429, retry_after=later, date="Thu, 01 Jan 2026 12:00:10 GMT")
    asking(patience, wire(reply(429, retry_after="10"), dated, reply(429), reply(200)))
    assert clock.sleeps == [10.5, 20.5, 2.0]


def test_a_503s_wait_is_honoured(patience: Patience, wire: Wire, clock: FakeClock) -> None:
    """``Retry-After`` counts on whatever reply it stands."""
    asking(patience, wire(reply(503, retry_after="7"), reply(200)))
    assert clock.sleeps == [7.5]


@pytest.mark.parametrize("status", [429, 503])
def test_what_the_org_asks_for_holds_for_the_reads_beside_too(
    patience: Patience, wire: Wire, clock: FakeClock, status: int
) -> None:
    """While one read waits as long as the org asked, no other is sent: without that one, they are of no use."""
    sent: list[float] = []

    def send(_: Request) -> Reply:
        sent.append(clock.monotonic())
        return reply(200)

    def another() -> None:
        clock.during_sleep = lambda: None
        asking(patience, wire(otherwise=send))

    clock.during_sleep = another
    asking(patience, wire(reply(status, retry_after="42"), reply(200)))
    assert [42.5] == sent


def test_a_longer_wait_that_is_asked_for_meanwhile_counts(patience: Patience, wire: Wire, clock: FakeClock) -> None:
    """Who waits already for a shorter one looks again before it sends."""
    asking(patience, wire(reply(200, **full(300, reset=10))))

    def meanwhile() -> None:
        clock.during_sleep = lambda: None
        patience._hold_back(40.0)

    clock.during_sleep = meanwhile
    asking(patience, wire(reply(200)))
    assert [10.0, 30.0] == clock.sleeps


@pytest.mark.parametrize(
    "headers",
    [{"retry_after": "121"}, {"retry_after": "Thu, 01 Jan 2026 12:02:01 GMT"}, {"retry_after": "9" * 5_000}],
    ids=["seconds", "date", "5000-digits"],
)
def test_a_wait_past_the_deadline_ends_at_once(
    patience: Patience, wire: Wire, clock: FakeClock, headers: dict[str, str]
) -> None:
    """There is no use in waiting for what will not fit; the error names the earliest time to try again."""
    with pytest.raises(UnavailableError) as caught:
        asking(patience, wire(reply(429, **headers)))
    assert caught.value.code == "past-deadline"
    assert "Try again at 20" in (caught.value.hint or "")
    assert clock.sleeps == []


# --- the budget -----------------------------------------------------------------------------------


@pytest.mark.parametrize("goes_on", [False, True], ids=["ends-at-the-first-error", "goes-on-after-errors"])
def test_a_dead_api_is_not_hammered(wire: Wire, goes_on: bool) -> None:
    """Two hundred targets and a rule cost at most 235 requests, token included, however errors are taken."""
    transport = wire(otherwise=down)
    pace = Pace(10_000.0, clock=FakeClock(), random=lambda: 0.0)
    org = session(transport, pace)

    def read(path: str) -> str:
        try:
            org.reader.read(path, "reading")
        except UnavailableError as error:
            if not goes_on:
                raise
            return error.code
        return "read"

    paths = ["/rule", *(f"/targets/{number}" for number in range(200))]
    if goes_on:
        assert {"org-unavailable"} == set(org.patience.read_all([partial(read, path) for path in paths]))
        assert 1 + 201 + MAX_RETRIES == len(transport.requests) <= 235
    else:
        with pytest.raises(UnavailableError):
            org.patience.read_all([partial(read, path) for path in paths])
        assert len(transport.requests) <= 235


def test_the_token_and_the_reads_share_the_budget(wire: Wire, pace: Pace) -> None:
    """What the token costs, reads cannot spend again."""
    transport = wire(reply(503), reply(503), reply(200, {"access_token": "t"}), otherwise=down)
    org = session(transport, pace)
    org.patience._retries = 3
    for _ in range(3):
        with pytest.raises(UnavailableError):
            org.reader.read("/x", "reading x")
    assert [request.method for request in transport.requests] == ["POST"] * 3 + ["GET"] * 4


def test_a_spent_budget_still_lets_each_request_out_once(wire: Wire, pace: Pace) -> None:
    """Only retries are counted: what works at the first try always works."""
    patience = Patience(pace, retries=0)
    assert asking(patience, wire(reply(200))).status == 200
    with pytest.raises(UnavailableError):
        asking(patience, wire(reply(503)))
    assert asking(patience, wire(reply(200))).status == 200


def test_threads_share_one_budget(wire: Wire) -> None:
    """However many ask at once, no retry is counted twice or not at all."""
    pace = Pace(10_000.0, clock=FakeClock(), random=lambda: 0.0)
    patience = Patience(pace, retries=10)
    transport = wire(otherwise=lambda _: reply(503))
    all_there = threading.Barrier(8)

    def ask() -> None:
        all_there.wait(10)
        with pytest.raises(UnavailableError):
            asking(patience, transport)

    pace.call_all([ask] * 8)
    assert len(transport.requests) == 8 + 10


# --- the rate limit's window ----------------------------------------------------------------------


def full(count: int, reset: int = 60) -> dict[str, str]:
    """The headers of a window of 300 requests."""
    return {
        "inin_ratelimit_count": str(count),
        "inin_ratelimit_allowed": "300",
        "inin_ratelimit_reset": str(reset),
    }


@pytest.mark.parametrize(
    ("count", "sleeps"),
    [(1, []), (270, []), (280, [60 / 21]), (300, [60.0])],
    ids=["empty", "a-tenth-left", "nearly-full", "no-room"],
)
def test_the_next_request_waits_for_room(
    patience: Patience, wire: Wire, clock: FakeClock, count: int, sleeps: list[float]
) -> None:
    """Where the org says that the window is nearly full, the run slows down before it is told to."""
    transport = wire(reply(200, **full(count)), reply(200))
    asking(patience, transport)
    assert clock.sleeps == []
    asking(patience, transport)
    assert sleeps == pytest.approx(clock.sleeps)


def test_time_that_went_by_counts(patience: Patience, wire: Wire, clock: FakeClock) -> None:
    """Only what is left of the window is waited."""
    transport = wire(reply(200, **full(300)), reply(200))
    asking(patience, transport)
    clock.advance(50.0)
    asking(patience, transport)
    assert clock.sleeps == [10.0]


def test_a_write_waits_for_room_too(patience: Patience, wire: Wire, notices: list[Notice]) -> None:
    """The window is the same for reads and writes, and whoever watches is told why nothing is sent."""
    patience.hold()
    asking(patience, wire(reply(200, **full(300))))
    patience.hold()
    assert [Waiting("close to the org's rate limit", 60.0, 1, RATE_LIMITED_TRIES, left=120.0)] == notices


def test_a_window_past_the_deadline_ends_the_run(patience: Patience, wire: Wire, clock: FakeClock) -> None:
    """A full window that outlasts the deadline is not waited for."""
    asking(patience, wire(reply(200, **full(300, reset=200))))
    with pytest.raises(UnavailableError) as caught:
        patience.hold()
    assert (caught.value.code, clock.sleeps) == ("past-deadline", [])


# --- the reader -----------------------------------------------------------------------------------


def read(wire: Wire, pace: Pace, answer: Outcome) -> Reply | None:
    """Read something from an org."""
    return session(wire(reply(200, {"access_token": "t"}), answer), pace).reader.read("/x", "reading x")


def test_a_json_object_is_read(wire: Wire, pace: Pace) -> None:
    """The reply of a GET is given as it came."""
    found = read(wire, pace, reply(200, {"id": "x"}))
    assert found is not None
    assert found.object == {"id": "x"}


@pytest.mark.parametrize("status", [404, 410])
def test_what_does_not_exist_is_none(wire: Wire, pace: Pace, status: int) -> None:
    """Whether that is an error is for the caller to say."""
    assert read(wire, pace, reply(status)) is None


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        pytest.param(reply(400), InvalidRuleError, "invalid-rule", id="400"),
        pytest.param(reply(403), AccessError, "forbidden", id="403"),
        pytest.param(reply(302, location="https://evil.example"), UnavailableError, "unexpected-answer", id="302"),
        pytest.param(reply(200, b"<html>"), UnavailableError, "unexpected-answer", id="html"),
        pytest.param(reply(200, [1]), UnavailableError, "unexpected-answer", id="list"),
        pytest.param(reply(204), UnavailableError, "unexpected-answer", id="empty"),
    ],
)
def test_any_other_answer_is_an_error(wire: Wire, pace: Pace, answer: Any, error: type[EbruleError], code: str) -> None:
    """What is no JSON object is not taken for one."""
    with pytest.raises(error) as caught:
        read(wire, pace, answer)
    assert code == caught.value.code
    assert caught.value.message.startswith("reading x: ")


# --- several reads at once ------------------------------------------------------------------------


def test_reads_beside_each_other_come_in_order(pace: Pace) -> None:
    """Each result stands where its read stood."""
    assert Patience(pace).read_all([lambda: "rule", lambda: "target"]) == ["rule", "target"]


class Crowd:
    """Reads that note how many of them are out side by side when they are sent."""

    def __init__(self, patience: Patience, meet: Callable[[], object]) -> None:
        self.counts: list[int] = []
        self._patience = patience
        self._meet = meet
        self._lock = threading.Lock()
        self._out = 0

    def reads(self, count: int) -> list[Callable[[], Reply]]:
        """Return so many of them."""
        return [lambda: self._patience.answer(self.send, "reading x")] * count

    def send(self) -> Reply:
        """Be out until the others are there."""
        with self._lock:
            self._out += 1
            self.counts.append(self._out)
        self._meet()
        with self._lock:
            self._out -= 1
        return reply(200)


def test_a_rule_with_a_dozen_targets_is_read_in_one_round_trip(patience: Patience) -> None:
    """All sixteen reads are out before the first of them is answered."""
    crowd = Crowd(patience, threading.Barrier(16, timeout=10).wait)
    patience.read_all(crowd.reads(16))
    assert list(range(1, 17)) == crowd.counts


@pytest.mark.parametrize(
    "trouble", [reply(503), reply(429, retry_after="1"), NotSentError("refused"), BrokenError("broken")]
)
def test_an_org_in_trouble_is_asked_less_at_once(patience: Patience, wire: Wire, trouble: Outcome) -> None:
    """From the first read on that has to be sent again, eight are out side by side, and no more."""
    asking(patience, wire(trouble, reply(200)))
    crowd = Crowd(patience, threading.Barrier(8, timeout=10).wait)
    patience.read_all(crowd.reads(32))
    assert 8 == max(crowd.counts)


def test_reads_that_are_sent_again_count_too(wire: Wire) -> None:
    """Sixteen reads of a server that is down are never sent again more than eight at once."""
    pace = Pace(10_000.0, clock=FakeClock(), random=lambda: 0.0)
    patience = Patience(pace, retries=1_000)
    first, again = (Crowd(patience, threading.Barrier(count, timeout=10).wait) for count in (16, 8))

    def read() -> Reply:
        tries = iter(((first, 503), (again, 503), (again, 200)))

        def send() -> Reply:
            crowd, status = next(tries)
            crowd.send()
            return reply(status)

        return patience.answer(send, "reading x")

    patience.read_all([read] * 16)
    assert (16, 8) == (max(first.counts), max(again.counts))


def test_after_a_429_one_read_finds_out_whether_the_others_may_go_on(
    patience: Patience, wire: Wire, clock: FakeClock
) -> None:
    """Until it is answered, none is beside it: of four, no more than three are ever out at once."""
    with pytest.raises(UnavailableError):
        asking(patience, wire(*[reply(429)] * RATE_LIMITED_TRIES))
    all_have_begun = threading.Event()
    clock.during_wait = all_have_begun.set
    crowd = Crowd(patience, lambda: all_have_begun.wait(10))
    patience.read_all(crowd.reads(4))
    assert 4 == len(crowd.counts)
    assert max(crowd.counts) < 4


def test_a_read_that_does_not_end_is_given_up(never: threading.Event) -> None:
    """At the deadline it is told that the org did not answer, and what allows more time."""
    with pytest.raises(UnavailableError) as caught:
        Patience(Pace(30.0, clock=FakeClock(patience=0.02))).read_all([lambda: never.wait(30)])
    assert ("past-deadline", "the org did not answer before the deadline") == (caught.value.code, caught.value.message)
    assert "--deadline" in (caught.value.hint or "")
