"""From credentials to a token to a session."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from clocks import FakeClock, ScriptedTransport, reply
from ebrule.core.auth import TokenSource, connect
from ebrule.core.client import WriteRefusedError
from ebrule.core.reads import Patience
from ebrule.core.reply import BrokenError, UntrustedHostError
from ebrule.core.transport import HttpxTransport
from ebrule.errors import AccessError, EbruleError, UnavailableError, UsageError
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from collections.abc import Callable

    from clocks import Outcome
    from ebrule.core.pace import Pace

    Wire = Callable[..., ScriptedTransport]

API, LOGIN = "https://api.example", "https://login.example"
SECRET = "canary-client-secret"
ORG = Org("example", API, LOGIN, client_id="my id", client_secret=SecretStr(SECRET))
TOKEN_ORG = Org("example", API, LOGIN, access_token=SecretStr("given-token"))


def granted(token: Any = "token-1") -> Outcome:  # noqa: S107 - made up
    """The answer of a token endpoint."""
    return reply(200, {"access_token": token, "token_type": "bearer", "expires_in": 86_400})


def tokens(wire: ScriptedTransport, pace: Pace, org: Org = ORG) -> TokenSource:
    """The token source of a run."""
    return TokenSource(org, wire, pace, Patience(pace))


# --- the first token ------------------------------------------------------------------------------


def test_a_token_is_asked_for_once(wire: Wire, pace: Pace) -> None:
    """The first header costs a request, later ones do not."""
    transport = wire(granted())
    source = tokens(transport, pace)
    assert [source.header() for _ in range(3)] == ["Bearer token-1"] * 3


def test_the_request_for_a_token_is_that_of_oauth(wire: Wire, pace: Pace) -> None:
    """Client id and secret go to the login host only, in the Basic header and nowhere else."""
    transport = wire(granted())
    tokens(transport, pace).header()
    (request,) = transport.requests
    assert ("POST", f"{LOGIN}/oauth/token") == (request.method, request.url)
    assert request.body == b"grant_type=client_credentials"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    scheme, _, pair = request.headers["Authorization"].partition(" ")
    assert ("Basic", f"my id:{SECRET}") == (scheme, base64.b64decode(pair).decode())
    assert SECRET not in repr(request)


def test_a_given_token_is_used_as_it_is(wire: Wire, pace: Pace) -> None:
    """With an access token no request is needed."""
    assert tokens(wire(), pace, TOKEN_ORG).header() == "Bearer given-token"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(401, {"error": "invalid_client", "description": "who?"}), id="401"),
        pytest.param(reply(400, {"error": "invalid_client", "description": "who?"}), id="400"),
    ],
)
def test_a_wrong_secret_is_told_as_such(wire: Wire, pace: Pace, answer: Outcome) -> None:
    """It is not tried again, the server's words are told, and the secret is not."""
    with pytest.raises(AccessError) as caught:
        tokens(wire(answer), pace).header()
    assert caught.value.code == "bad-credentials"
    assert caught.value.message == "the org does not accept these credentials: who?"
    assert SECRET not in repr(vars(caught.value))


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        pytest.param(reply(403), AccessError, "forbidden", id="403"),
        pytest.param(reply(404), UnavailableError, "unexpected-answer", id="404"),
        pytest.param(reply(410), UnavailableError, "unexpected-answer", id="410"),
        pytest.param(reply(301, location="https://evil.example"), UnavailableError, "unexpected-answer", id="301"),
        pytest.param(reply(405), UnavailableError, "unexpected-answer", id="405"),
        pytest.param(
            reply(200, b"<html>log in</html>", content_type="text/html"),
            UnavailableError,
            "unexpected-answer",
            id="html",
        ),
        pytest.param(reply(200, {}), UnavailableError, "unexpected-answer", id="no-token"),
        pytest.param(UntrustedHostError("expired"), AccessError, "untrusted-host", id="untrusted"),
    ],
)
def test_an_answer_without_a_token_is_an_error(
    wire: Wire, pace: Pace, answer: Outcome, error: type[EbruleError], code: str
) -> None:
    """Whatever the login host says instead, it never means that the rule does not exist."""
    with pytest.raises(error) as caught:
        tokens(wire(answer), pace).header()
    assert code == caught.value.code
    assert f"asking {LOGIN} for an access token" in caught.value.message


@pytest.mark.parametrize("token", ["", 5, None, ["x"], "two\nlines", "x\r\nX-Evil: 1", "nül", "x\x00"], ids=repr)
def test_what_cannot_be_a_token_is_refused(wire: Wire, pace: Pace, token: Any) -> None:
    """A token with a newline would write further headers into each request."""
    with pytest.raises(UnavailableError) as caught:
        tokens(wire(granted(token)), pace).header()
    assert caught.value.code == "unexpected-answer"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(400, {"description": "client rate limit exceeded"}), id="400-that-throttles"),
        pytest.param(reply(429), id="429"),
        pytest.param(reply(503), id="503"),
        pytest.param(BrokenError("reset"), id="broken"),
    ],
)
def test_a_busy_login_host_is_asked_again(wire: Wire, pace: Pace, clock: FakeClock, answer: Outcome) -> None:
    """Asking for a token changes nothing, so it is tried again after a wait."""
    assert tokens(wire(answer, granted()), pace).header() == "Bearer token-1"
    assert len(clock.sleeps) == 1


def test_a_throttled_login_host_is_given_its_time(wire: Wire, pace: Pace, clock: FakeClock) -> None:
    """A 400 that throttles may say for how long."""
    throttled = reply(400, {"description": "rate limit exceeded"}, retry_after="30")
    tokens(wire(throttled, granted()), pace).header()
    assert clock.sleeps == [30.5]


def test_after_a_failure_a_token_is_asked_for_again(wire: Wire, pace: Pace) -> None:
    """A source that could not get a token does not keep that for one."""
    source = tokens(wire(reply(401), granted()), pace)
    with pytest.raises(AccessError):
        source.header()
    assert source.header() == "Bearer token-1"


# --- a new token ----------------------------------------------------------------------------------


def test_a_refused_token_is_replaced_once(wire: Wire, pace: Pace) -> None:
    """The second refusal is final."""
    source = tokens(wire(granted(), granted("token-2")), pace)
    source.header()
    assert source.renew(source.renewals)
    assert source.header() == "Bearer token-2"
    assert not source.renew(source.renewals)


@pytest.mark.parametrize("second", ["token-1", "token-2"])
def test_a_refused_token_that_was_replaced_already_is_not_replaced_again(wire: Wire, pace: Pace, second: str) -> None:
    """Whoever was refused with the old token tries with the new one, even if it is the same that was given again."""
    source = tokens(wire(granted(), granted(second)), pace)
    source.header()
    assert [source.renew(0), source.renew(0)] == [True, True]


def test_why_a_token_could_not_be_replaced_holds_for_all_who_need_it(wire: Wire, pace: Pace) -> None:
    """The credentials may be good: that the login host does not answer must not be told as a refusal of them."""
    source = tokens(wire(granted(), reply(503), reply(503), reply(503)), pace)
    source.header()
    for _ in range(2):
        with pytest.raises(UnavailableError):
            source.renew(0)


def test_a_given_token_cannot_be_replaced(wire: Wire, pace: Pace) -> None:
    """There are no credentials to ask for another one."""
    source = tokens(wire(), pace, TOKEN_ORG)
    assert not source.renew(source.renewals)


def test_many_threads_get_one_new_token(wire: Wire, pace: Pace) -> None:
    """Eight requests refused at once cost one new token."""
    source = tokens(wire(granted(), granted("token-2")), pace)
    source.header()
    all_there = threading.Barrier(8)

    def refused() -> tuple[bool, str]:
        all_there.wait(10)
        return source.renew(0), source.header()

    assert pace.call_all([refused] * 8) == [(True, "Bearer token-2")] * 8


def test_many_threads_get_one_first_token(wire: Wire, pace: Pace) -> None:
    """Eight reads that begin at once cost one token."""
    source = tokens(wire(granted()), pace)
    assert pace.call_all([source.header] * 8) == ["Bearer token-1"] * 8


# --- the session ----------------------------------------------------------------------------------


def test_a_session_talks_to_its_org(wire: Wire, pace: Pace) -> None:
    """Token from the login host, everything else from the API host; the transport is closed at the end."""
    transport = wire(granted(), reply(200, {"id": "x"}), reply(200))
    with connect(ORG, Network(), pace, transport=transport) as session:
        session.reader.read("/x", "reading x")
        session.client.put("/x", b"{}")
    assert [f"{LOGIN}/oauth/token", f"{API}/x", f"{API}/x"] == [request.url for request in transport.requests]
    assert transport.closed


def test_nothing_is_sent_before_something_is_asked(wire: Wire, pace: Pace) -> None:
    """To connect is free."""
    with connect(ORG, Network(), pace, transport=wire()):
        pass


def test_a_read_only_session_asks_for_a_token_and_reads(wire: Wire, pace: Pace) -> None:
    """The request for a token is the only one besides GET that leaves."""
    transport = wire(granted(), reply(200, {}))
    with connect(ORG, Network(), pace, read_only=True, transport=transport) as session:
        session.reader.read("/x", "reading x")
        with pytest.raises(WriteRefusedError):
            session.client.put("/x", b"{}")
    assert [request.method for request in transport.requests] == ["POST", "GET"]


def test_a_401_on_a_read_costs_one_new_token(wire: Wire, pace: Pace) -> None:
    """The read goes on with the new token, and nobody notices."""
    transport = wire(granted(), reply(401), granted("token-2"), reply(200, {}))
    with connect(ORG, Network(), pace, transport=transport) as session:
        session.reader.read("/x", "reading x")
    sent = [request.headers["Authorization"] for request in transport.requests if request.method == "GET"]
    assert sent == ["Bearer token-1", "Bearer token-2"]


def test_a_second_401_is_an_access_error(wire: Wire, pace: Pace) -> None:
    """A new token that is refused too will not get better."""
    transport = wire(granted(), reply(401), granted("token-2"), reply(401))
    with (
        connect(ORG, Network(), pace, transport=transport) as session,
        pytest.raises(AccessError) as caught,
    ):
        session.reader.read("/x", "reading x")
    assert caught.value.code == "unauthorized"


@pytest.mark.parametrize(
    ("api", "login"),
    [
        (API, "http://127.0.0.1:1"),
        ("http://127.0.0.1:1", LOGIN),
        ("HTTPS://api.example", "http://127.0.0.1:1"),
    ],
    ids=["api", "login", "in-capitals"],
)
def test_certificates_are_loaded_wherever_https_is_spoken(pace: Pace, api: str, login: str) -> None:
    """A file of certificates that cannot be read is noticed, since it would be needed."""
    with pytest.raises(UsageError) as caught:
        connect(Org("x", api, login), Network(ca_file=__file__), pace)
    assert caught.value.code == "bad-ca-file"


def test_loopback_alone_needs_no_certificates(pace: Pace) -> None:
    """A sandbox on plain http is spared the loading of certificates, which takes longer than the rest."""
    url = "http://127.0.0.1:1"
    with connect(Org("x", url, url), Network(ca_file=__file__), pace) as session:
        assert isinstance(session._transport, HttpxTransport)


def test_no_secret_stands_in_a_representation(wire: Wire, pace: Pace, request: pytest.FixtureRequest) -> None:
    """What a traceback or a log might show of org and source has no secret in it."""
    source = tokens(wire(granted("canary-token")), pace)
    source.header()
    shown = f"{ORG!r} {TOKEN_ORG!r} {source!r} {vars(source)!r}"
    assert [secret for secret in (SECRET, "canary-token", "given-token") if secret in shown] == []
