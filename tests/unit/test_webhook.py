"""The event, its signature and its delivery."""

from __future__ import annotations

import base64
import json
import signal
import socket
from datetime import datetime, timedelta, timezone
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from clocks import NOON, FakeClock, ScriptedTransport, reply
from ebrule.core.pace import Pace
from ebrule.core.reply import BrokenError, NotSentError, Request, UntrustedHostError
from ebrule.core.webhook import (
    SECONDS_IN_ALL,
    TRIES,
    Endpoint,
    Try,
    _Guarded,
    make_event,
    make_test_event,
    previous_version_of,
    send_event,
    signature,
)
from ebrule.errors import InterruptedRunError, UsageError
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from clocks import Outcome
    from ebrule.core.notices import Notice
    from ebrule.core.transport import Transport
    from ebrule.core.webhook import Event

    Wire = Callable[..., ScriptedTransport]

URL = "https://hooks.example/in"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RULE = Rule("r", 8, {"id": "r", "version": 8, "name": "n", "priority": 5, "dateModified": "today"})
EVENT: Event = {"id": "msg_1", "eventType": "x", "data": {"name": "ü"}}


def whsec(count: int) -> str:
    """Return a secret of so many bytes."""
    return "whsec_" + base64.b64encode(bytes(count)).decode()


def event(rule: Rule = RULE, org: str = "eu-west-1", **changed: Any) -> Event:
    """Make the announcement of a rule."""
    facts = {"shown": rule.data, "previous_version": 7, "now": NOON, "head": "abc", **changed}
    return make_event(EVENTBRIDGE, org, rule, **facts)


# --- the signature --------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_specification() -> None:
    """The Standard Webhooks specification's own example comes out."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@settings(max_examples=100, deadline=None)
@given(count=st.integers(24, 64), name=st.text(max_size=20), seconds=st.integers(0, 60))
def test_an_independent_library_accepts_the_signature(count: int, name: str, seconds: int) -> None:
    """What is signed with any secret verifies with the ``standardwebhooks`` package, and a changed body does not."""
    secret = whsec(count)
    now = datetime.now(timezone.utc) - timedelta(seconds=seconds)  # the package looks at the clock
    request = Endpoint(URL, SecretStr(secret)).request({**EVENT, "data": {"name": name}}, now)
    body = request.body or b""

    assert json.loads(body) == Webhook(secret).verify(body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", dict(request.headers))


def test_a_request_is_signed_as_it_is_sent() -> None:
    """Id and timestamp stand in headers, and the signature is that of the very bytes of the body."""
    now = datetime(2021, 2, 25, 15, 15, 30, 999_999, tzinfo=timezone.utc)
    request = Endpoint(URL, SecretStr(SECRET)).request(EVENT, now)
    assert (request.method, request.url, request.headers["Content-Type"]) == ("POST", URL, "application/json")
    assert (request.headers["webhook-id"], request.headers["webhook-timestamp"]) == ("msg_1", "1614266130")
    assert json.loads(request.body or b"") == EVENT
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert signature(key, "msg_1", "1614266130", request.body or b"") == request.headers["webhook-signature"]


def test_without_a_secret_nothing_is_signed() -> None:
    """The other headers are there all the same, and no credentials of the org are."""
    headers = Endpoint(URL).request(EVENT, NOON).headers
    assert {"Content-Type", "Accept-Encoding", "User-Agent", "webhook-id", "webhook-timestamp"} == set(headers)


@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(24, 64), min_size=2, max_size=4, unique=True), name=st.text(max_size=20))
def test_each_of_several_secrets_signs(counts: list[int], name: str) -> None:
    """The ``standardwebhooks`` package accepts the event with any one of them, and with no other."""
    secrets = [whsec(count) for count in counts]
    endpoint = Endpoint(URL, SecretStr(" ".join(secrets)))
    request = endpoint.request({**EVENT, "data": {"name": name}}, datetime.now(timezone.utc))
    body, headers = request.body or b"", dict(request.headers)

    assert len(counts) == endpoint.signatures == len(headers["webhook-signature"].split(" "))
    assert [json.loads(body)] * len(secrets) == [Webhook(secret).verify(body, headers) for secret in secrets]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


@pytest.mark.parametrize("count", [24, 32, 64])
def test_a_secret_has_24_to_64_bytes(count: int) -> None:
    """The lengths that the specification allows are taken."""
    assert "webhook-signature" in Endpoint(URL, SecretStr(whsec(count))).request(EVENT, NOON).headers


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("whsec_AA", id="not-base64"),
        pytest.param("whsec_AA==", id="one-byte"),
        pytest.param("whsec_", id="empty"),
        pytest.param(whsec(23), id="too-short"),
        pytest.param(whsec(65), id="too-long"),
        pytest.param(whsec(32).removeprefix("whsec_"), id="no-prefix"),
        pytest.param(whsec(32).upper(), id="prefix-in-capitals"),
        pytest.param("whsec_" + whsec(32), id="prefix-twice"),
        pytest.param(whsec(32) + "\n", id="newline"),
        pytest.param(whsec(32) + " ", id="space-at-the-end"),
        pytest.param(f"{whsec(32)}  {whsec(33)}", id="two-spaces"),
        pytest.param(f"{whsec(32)}\t{whsec(33)}", id="tab"),
        pytest.param(f"{whsec(32)},{whsec(33)}", id="comma"),
        pytest.param(f"{whsec(32)} {whsec(23)}", id="second-too-short"),
        pytest.param(f"{whsec(23)} {whsec(32)}", id="first-too-short"),
        pytest.param("whsec_" + "ä" * 40, id="not-ascii"),
        pytest.param("whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(), id="url-safe-base64"),
    ],
)
def test_what_is_no_secret_is_refused(secret: str) -> None:
    """A weak or mistyped secret is told at once, and not shown."""
    with pytest.raises(UsageError) as caught:
        Endpoint(URL, SecretStr(secret))
    assert caught.value.code == "bad-webhook-secret"
    assert secret.removeprefix("whsec_")[:10] not in caught.value.message or len(secret) < 12


# --- where it may go ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown", "secure"),
    [
        (URL, URL, True),
        ("HTTPS://hooks.example/in", "https://hooks.example/in", True),
        ("https://hooks.example/in?key=canary#x", "https://hooks.example/in", True),
        ("https://hooks.example:8443", "https://hooks.example:8443", True),
        ("https://10.0.0.1/in", "https://10.0.0.1/in", True),
        ("https://bücher.example/in", "https://bücher.example/in", True),
        ("http://127.0.0.1:8080/in", "http://127.0.0.1:8080/in", False),
        ("http://localhost/in", "http://localhost/in", False),
        ("http://[::1]:1/in", "http://[::1]:1/in", False),
    ],
)
def test_an_endpoint_is_https_or_loopback(url: str, shown: str, secure: bool) -> None:
    """The ledger shows it without its query; certificates are needed for every spelling of https."""
    endpoint = Endpoint(url)
    assert (url, shown, secure) == (endpoint.url, endpoint.shown, endpoint.secure)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://user@hooks.example", id="user"),
        pytest.param("https://user:canary@hooks.example", id="password"),
        pytest.param("https://:canary@hooks.example", id="password-alone"),
        pytest.param("http://hooks.example", id="plain-http"),
        pytest.param("http://10.0.0.1", id="plain-http-to-private-address"),
        pytest.param("http://localhost.evil.example", id="looks-like-localhost"),
        pytest.param("https://169.254.169.254/latest", id="metadata"),
        pytest.param("http://169.254.169.254/latest", id="metadata-plain-http"),
        pytest.param("https://[::ffff:169.254.169.254]/", id="metadata-mapped"),
        pytest.param("https://[::ffff:a9fe:a9fe]/", id="metadata-mapped-in-hex"),
        pytest.param("https://2852039166/", id="metadata-decimal"),
        pytest.param("https://0xa9fea9fe/", id="metadata-hexadecimal"),
        pytest.param("https://0251.0376.0251.0376/", id="metadata-octal"),
        pytest.param("https://169.254.43518/", id="metadata-three-parts"),
        pytest.param("https://169。254。169。254/", id="metadata-ideographic-stops"),
        pytest.param("https://[fe80::1]/", id="link-local"),
        pytest.param("https://[64:ff9b::a9fe:a9fe]/", id="metadata-nat64"),
        pytest.param("https://[fd00:ec2::254]/", id="metadata-aws-v6"),
        pytest.param("https://100.100.100.200/", id="metadata-alibaba"),
        pytest.param("https://0x64.0x6464c8/", id="metadata-alibaba-in-two-parts"),
        pytest.param("https://0.0.0.0/", id="unspecified"),
        pytest.param("https://[::]/", id="unspecified-v6"),
        pytest.param("https://hooks.example:0/", id="port-zero"),
        pytest.param("https://hooks.example:65536/", id="port-too-large"),
        pytest.param("https://hooks.example:x/", id="port-no-number"),
        pytest.param("https://hooks.example/a b", id="space"),
        pytest.param("https://hooks.example/\n", id="newline"),
        pytest.param("https://hooks.example/\x1b[2J", id="escape"),
        pytest.param("https://hooks.example/\u202e", id="bidi"),
        pytest.param("https://" + "a" * 64 + ".example/", id="overlong-label"),
        pytest.param("https://.example/", id="empty-label"),
        pytest.param("https://xn--zz--zz/", id="bad-punycode"),
        pytest.param("https://[::1/", id="bracket"),
        pytest.param("https:///in", id="no-host"),
        pytest.param("hooks.example/in", id="no-scheme"),
        pytest.param("ftp://hooks.example/in", id="other-scheme"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    """An event goes to no place that it should not, however that place is written; no password is shown."""
    with pytest.raises(UsageError) as caught:
        Endpoint(url)
    assert caught.value.code == "bad-webhook-url"
    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "0.0.0.0",  # noqa: S104 - refused
        "64:ff9b::169.254.170.2",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "192.0.0.192",
    ],
)
def test_a_name_that_leads_to_a_link_local_address_gets_nothing(wire: Wire, pace: Pace, address: str) -> None:
    """What a harmless name is looked up as is not trusted; one bad address of several is enough."""
    found = [(0, 0, 0, "", ("203.0.113.7", 0)), (0, 0, 0, "", (address, 0))]
    done, tries = deliver(_Guarded(wire(), look_up=lambda *_: found), pace)
    assert not done
    assert "a link-local or metadata address" in str(tries[0].error)


def test_a_name_that_only_a_proxy_knows_is_let_through(wire: Wire, pace: Pace) -> None:
    """Where this machine cannot look a host up, the request is not held back."""

    def unknown(*_: object) -> None:
        raise socket.gaierror

    transport = wire(reply(200))
    guarded = _Guarded(transport, look_up=unknown)
    assert deliver(guarded, pace)[0]
    guarded.close()
    assert transport.closed


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30).map("https://".__add__) | st.text(max_size=40))
def test_any_text_is_an_endpoint_or_a_usage_error(text: str) -> None:
    """Whatever is given, nothing but a usage error is raised."""
    try:
        endpoint = Endpoint(text)
    except UsageError:
        return
    assert endpoint.shown.isprintable()


# --- the event ------------------------------------------------------------------------------------


def test_the_event_is_as_promised() -> None:
    """Type, time with microseconds, the rule as it may be shown, and what it replaces."""
    now = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    found = event(shown={"name": "shown"}, now=now)
    identity = found.pop("id")
    assert identity.startswith("msg_")
    assert found == {
        "eventType": "genesys.eventbridge.rule.updated",
        "timestamp": "2026-01-02T03:04:05.000006Z",
        "data": {"id": "r", "name": "shown"},
        "previousVersion": 7,
        "auditHead": "abc",
    }


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(event(now=datetime(2030, 1, 1, tzinfo=timezone.utc)), id="time"),
        pytest.param(event(head="other"), id="head"),
        pytest.param(event(previous_version=1), id="previous-version"),
        pytest.param(event(shown={"name": "redacted"}), id="shown"),
        pytest.param(event(event_format="cloudevents"), id="format"),
        pytest.param(event(Rule("r", 8, {**RULE.data, "dateModified": "later"})), id="read-only-field"),
        pytest.param(event(Rule("r", 8, dict(reversed([*RULE.data.items()])))), id="order-of-fields"),
        pytest.param(event(Rule("r", 8, {**RULE.data, "priority": 5.0, "note": None})), id="spelling"),
    ],
)
def test_the_same_change_has_the_same_id(same: Event) -> None:
    """Whoever announces it, whenever, the receiver can drop the duplicate."""
    assert event()["id"] == same["id"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(event(org="eu-central-1"), id="org"),
        pytest.param(event(Rule("s", 8, RULE.data)), id="rule"),
        pytest.param(event(Rule("r", 9, RULE.data)), id="version"),
    ],
)
def test_another_change_has_another_id(other: Event) -> None:
    """What differs in org, rule or version is news."""
    assert event()["id"] != other["id"]


def test_an_id_says_nothing_of_the_content() -> None:
    """A version has one id, whatever stands in it: nobody can test a guess of a secret against it."""
    assert event()["id"] == event(Rule("r", 8, {**RULE.data, "name": "m"}))["id"]


def test_a_cloudevent_says_the_same() -> None:
    """The same id, type, time and rule; org and kind are its source, and the rule is its subject."""
    now = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    assert event(now=now, org="[::1]:80/x", event_format="cloudevents") == {
        "specversion": "1.0",
        "id": event(now=now, org="[::1]:80/x")["id"],
        "source": "urn:ebrule:%5B::1%5D:80%2Fx:eventbridge",
        "type": "genesys.eventbridge.rule.updated",
        "subject": "r",
        "time": "2026-01-02T03:04:05.000006Z",
        "datacontenttype": "application/json",
        "previousversion": 7,
        "auditheadhash": "abc",
        "data": RULE.data,
    }


@pytest.mark.parametrize("event_format", ["genesys", "cloudevents"])
@pytest.mark.parametrize("version", [7, None])
def test_an_event_tells_the_version_before(event_format: str, version: int | None) -> None:
    """It can be read from either format; where it is not known, a CloudEvent has no such attribute."""
    found = event(previous_version=version, event_format=event_format)
    assert version == previous_version_of(found)
    assert None not in [value for name, value in found.items() if event_format == "cloudevents"]


@pytest.mark.parametrize("event_format", ["genesys", "cloudevents"])
def test_a_test_event_is_no_rules(event_format: Any) -> None:
    """It has no rule, no version and a type of its own, in either format."""
    found = make_test_event(NOON, event_format)
    assert found.get("eventType", found.get("type")) == "ebrule.webhook.test"
    assert previous_version_of(found) is None
    assert set(found["data"]) == {"message"}


def test_an_event_holds_any_text() -> None:
    """A lone surrogate in a rule's name can be announced."""
    found = event(Rule("r", 8, {"name": "\ud800"}), shown={"name": "\ud800"})
    assert b"\\ud800" in (Endpoint(URL).request(found, NOON).body or b"")


# --- delivery -------------------------------------------------------------------------------------


def deliver(transport: Transport, pace: Pace) -> tuple[bool, list[Try]]:
    """Deliver an event, and tell how it went."""
    tries: list[Try] = []
    done = send_event(Endpoint(URL, SecretStr(SECRET)), EVENT, transport=transport, pace=pace, on_try=tries.append)
    return done, tries


@pytest.mark.parametrize("outcome", [BrokenError("GET /h?key=canary-1"), NotSentError(f"signed with {SECRET}")])
def test_what_a_receiver_echoes_shows_no_secret(wire: Wire, pace: Pace, outcome: Outcome) -> None:
    """The URL's query and the signing secret are hidden in whatever is told of a try."""
    tries: list[Try] = []
    endpoint = Endpoint(f"{URL}?key=canary-1&b=canary%2D2", SecretStr(f"{whsec(32)} {SECRET}"))
    send_event(endpoint, EVENT, transport=wire(*[outcome] * 3), pace=pace, on_try=tries.append)

    said = " ".join(tried.error or "" for tried in tries)
    assert "redacted:" in said
    assert ("canary" in said, SECRET in said) == (False, False)


def test_a_receivers_correlation_id_shows_no_secret(wire: Wire, pace: Pace, notices: list[Notice]) -> None:
    """Nor does what --verbose tells of a reply."""
    endpoint = Endpoint(f"{URL}?key=canary-1&b=canary%2D2")
    answer = reply(200, {}, inin_correlation_id="canary-1 canary-2")
    send_event(endpoint, EVENT, transport=wire(answer), pace=pace)

    assert "canary" not in str(notices)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_2xx_is_delivered(wire: Wire, pace: Pace, clock: FakeClock, status: int) -> None:
    """One try is enough, and nobody waits."""
    assert (True, [Try(1, status)]) == deliver(wire(reply(status)), pace)
    assert clock.sleeps == []


@pytest.mark.parametrize(
    ("outcome", "tried"),
    [
        pytest.param(reply(500), (500, None), id="500"),
        pytest.param(reply(404), (404, None), id="404"),
        pytest.param(reply(301, location="https://evil.example"), (301, None), id="redirect"),
        pytest.param(BrokenError("reset"), (None, "reset"), id="broken"),
        pytest.param(NotSentError("refused"), (None, "refused"), id="not-sent"),
        pytest.param(UntrustedHostError("expired"), (None, "expired"), id="untrusted"),
    ],
)
def test_anything_else_is_tried_three_times(
    wire: Wire, pace: Pace, clock: FakeClock, outcome: Outcome, tried: tuple[int | None, str | None]
) -> None:
    """Then it stays pending: each try is told, and the waits are jittered."""
    done, tries = deliver(wire(*[outcome] * TRIES), pace)
    assert not done
    assert [Try(attempt, *tried) for attempt in (1, 2, 3)] == tries
    assert clock.sleeps == [0.25, 0.5]


def test_a_later_try_may_deliver(wire: Wire, pace: Pace) -> None:
    """A receiver that was away for a moment gets the event, under the same id and a new timestamp."""
    transport = wire(reply(503, retry_after="2"), BrokenError("reset"), reply(200))
    done, tries = deliver(transport, pace)
    assert (done, [tried.success for tried in tries]) == (True, [False, False, True])
    assert [request.headers["webhook-id"] for request in transport.requests] == ["msg_1"] * 3
    stamps = [int(request.headers["webhook-timestamp"]) - int(NOON.timestamp()) for request in transport.requests]
    assert stamps == [0, 2, 2]
    signatures = {request.headers["webhook-signature"] for request in transport.requests}
    assert len(signatures) == 2, "each try is signed with its own timestamp"


def test_gone_ends_the_tries(wire: Wire, pace: Pace) -> None:
    """A receiver that says 410 wants no more."""
    assert (False, [Try(1, 410)]) == deliver(wire(reply(410)), pace)


@pytest.mark.parametrize("asked", ["10", "3600", "9" * 5_000], ids=["ten-seconds", "an-hour", "5000-digits"])
def test_a_wait_longer_than_what_is_left_ends_the_tries(wire: Wire, pace: Pace, clock: FakeClock, asked: str) -> None:
    """Nobody waits for what will not fit, and nobody comes back too early."""
    assert (False, [Try(1, 429)]) == deliver(wire(reply(429, retry_after=asked)), pace)
    assert clock.sleeps == []


def test_a_receivers_wait_is_honoured(wire: Wire, pace: Pace, clock: FakeClock) -> None:
    """A wait that fits is waited as it was asked."""
    assert deliver(wire(reply(429, retry_after="4"), reply(429, retry_after="5"), reply(200)), pace)[0]
    assert clock.sleeps == [4.0, 5.0]


def test_all_tries_together_take_ten_seconds(wire: Wire, pace: Pace, clock: FakeClock) -> None:
    """What the tries themselves take counts too."""

    def slow(_: Request) -> Outcome:
        clock.advance(4.0)
        return reply(503)

    done, tries = deliver(wire(otherwise=slow), pace)
    assert (done, len(tries)) == (False, 3)
    clock.advance(100.0)
    began = clock.monotonic()

    def slower(_: Request) -> Outcome:
        clock.advance(9.9)
        return reply(503)

    done, tries = deliver(wire(otherwise=slower), pace)
    assert (done, len(tries)) == (False, 1)
    assert clock.monotonic() - began <= SECONDS_IN_ALL


def test_a_receiver_that_never_answers_costs_ten_seconds(wire: Wire) -> None:
    """A try that hangs uses up the time of all three."""
    clock = FakeClock(patience=0.02)
    pace = Pace(120.0, clock=clock, random=lambda: 0.5)

    def hanging(_: Request) -> Outcome:
        return never.get(timeout=30)

    never: SimpleQueue[Outcome] = SimpleQueue()
    done, tries = deliver(wire(otherwise=hanging), pace)
    never.put(reply(200))
    assert (False, [Try(1, None, "no whole answer came in 10 s")]) == (done, tries)
    assert clock.monotonic() == SECONDS_IN_ALL


def test_after_the_deadline_nothing_is_sent(wire: Wire, pace: Pace, clock: FakeClock) -> None:
    """The event stays pending, and the try says why."""
    clock.advance(120.0)
    assert (False, [Try(1, None, "the deadline is over")]) == deliver(wire(), pace)


def test_under_a_shield_a_signal_ends_the_tries(wire: Wire, pace: Pace, clock: FakeClock) -> None:
    """The rule is changed, so the run ends with what it knows, and the event stays pending."""

    def interrupting(_: Request) -> Outcome:
        pace.interrupt(signal.SIGINT)
        return reply(503)

    with pace.shield():
        assert (False, [Try(1, 503)]) == deliver(wire(otherwise=interrupting), pace)
    assert clock.sleeps == []


def test_without_a_shield_a_signal_ends_the_run(wire: Wire, pace: Pace) -> None:
    """It is for the caller to shield what must not be reported as undone."""
    pace.interrupt(signal.SIGTERM)
    with pytest.raises(InterruptedRunError):
        deliver(wire(), pace)
