"""Where requests leave: which may, how often, and what is told of them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clocks import FakeClock, ScriptedTransport, reply
from ebrule.core.client import Client, WriteRefusedError, as_json, origin_of, send
from ebrule.core.notices import Requested
from ebrule.core.pace import Pace
from ebrule.core.reply import BrokenError, NotSentError, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from clocks import Outcome
    from ebrule.core.notices import Notice

    Wire = Callable[..., ScriptedTransport]

API = "https://api.example"
TOKEN = "canary-token"


def get(url: str, **headers: str) -> Request:
    """A GET with these headers."""
    return Request("GET", url, headers)


# --- the client: what may leave -------------------------------------------------------------------


class FakeTokens:
    """Tokens in their order; at their end there is no further one."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens or (TOKEN,))
        self.renewals = 0

    def header(self) -> str:
        """Return the present one."""
        return f"Bearer {self._tokens[0]}"

    def renew(self, seen: int) -> bool:
        """Go on to the next one."""
        assert seen == self.renewals
        if len(self._tokens) == 1:
            return False
        del self._tokens[0]
        self.renewals += 1
        return True


def client(transport: ScriptedTransport, pace: Pace, *tokens: str, **options: Any) -> Client:
    """A client of the org."""
    return Client(transport, options.pop("api_url", API), pace, FakeTokens(*tokens), **options)


def test_a_get_goes_to_the_api_with_the_token(wire: Wire, pace: Pace) -> None:
    """The token stands in the one header that it belongs to, and JSON is asked for, uncompressed."""
    transport = wire(reply(200, {}))
    assert client(transport, pace).get("/api/v2/x?a=b").status == 200
    (request,) = transport.requests
    assert ("GET", f"{API}/api/v2/x?a=b", None) == (request.method, request.url, request.body)
    assert dict(request.headers) == {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "ebrule",
    }


def test_a_put_carries_its_body_as_it_is(wire: Wire, pace: Pace) -> None:
    """The bytes whose digest stands in the ledger are the bytes that leave."""
    transport = wire(reply(200, {}))
    client(transport, pace).put("/x", b'{"a":1}')
    (request,) = transport.requests
    assert (request.method, request.body) == ("PUT", b'{"a":1}')
    assert request.headers["Content-Type"] == "application/json"


def test_a_put_is_sent_once_whatever_comes_back(wire: Wire, pace: Pace) -> None:
    """Neither a refused token nor a broken connection makes the client send it again."""
    transport = wire(reply(401), BrokenError("reset"))
    org = client(transport, pace, "one", "two")
    assert org.put("/x", b"{}").status == 401
    with pytest.raises(BrokenError):
        org.put("/x", b"{}")


def test_a_refused_token_of_a_put_can_be_replaced(wire: Wire, pace: Pace) -> None:
    """Whether to send again is for the caller to say."""
    transport = wire(reply(401), reply(200))
    org = client(transport, pace, "one", "two")
    org.put("/x", b"{}")
    assert org.renew_token()
    org.put("/x", b"{}")
    assert not org.renew_token()
    assert [sent.headers["Authorization"] for sent in transport.requests] == ["Bearer one", "Bearer two"]


def test_a_401_on_a_get_is_tried_once_more_with_a_new_token(wire: Wire, pace: Pace) -> None:
    """The second try carries the new token."""
    transport = wire(reply(401), reply(200))
    assert client(transport, pace, "one", "two").get("/x").status == 200
    assert [sent.headers["Authorization"] for sent in transport.requests] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("tokens", [("one",), ("one", "two"), ("one", "two", "three")], ids=len)
def test_a_second_401_is_returned(wire: Wire, pace: Pace, tokens: tuple[str, ...]) -> None:
    """There is one new token, and no third try."""
    transport = wire(*[reply(401)] * min(len(tokens), 2))
    assert client(transport, pace, *tokens).get("/x").status == 401


def test_nothing_but_get_leaves_a_read_only_client(wire: Wire, pace: Pace, notices: list[Notice]) -> None:
    """A preview cannot write, whatever goes wrong above."""
    transport = wire(reply(200))
    org = client(transport, pace, read_only=True)
    with pytest.raises(WriteRefusedError):
        org.put("/x", b"{}")
    assert ([], []) == (transport.requests, notices)
    assert org.get("/x").status == 200


def test_a_preview_may_ask_the_orgs_test(wire: Wire, pace: Pace) -> None:
    """The one POST that changes nothing leaves even then, and once more with a new token after a 401."""
    transport = wire(reply(401), reply(200))
    org = client(transport, pace, "old", "new", read_only=True)

    assert org.ask("/api/v2/processautomation/triggers/t-1/test", b"{}").status == 200
    assert [("POST", b"{}", "Bearer old"), ("POST", b"{}", "Bearer new")] == [
        (each.method, each.body, each.headers["Authorization"]) for each in transport.requests
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/processautomation/triggers", "/api/v2/processautomation/triggers/t-1",
        "/api/v2/processautomation/triggers/a/b/test", "/api/v2/processautomation/triggers//test",
        "/api/v2/processautomation/triggers/t-1/test?x", "/api/v2/processautomation/triggers/t-1/test\n",
        "/x/api/v2/processautomation/triggers/t-1/test", "/oauth/token",
    ],
)  # fmt: skip
@pytest.mark.parametrize("read_only", [True, False])
def test_no_other_post_leaves(wire: Wire, pace: Pace, path: str, read_only: bool) -> None:
    """Whatever else a POST could create or start is held back, in every run."""
    with pytest.raises(WriteRefusedError):
        client(wire(), pace, read_only=read_only).ask(path, b"{}")


@pytest.mark.parametrize(
    "path",
    ["http://evil.example", "https://evil.example/x", "@evil.example/x", ".evil.example", ":1@evil", "", "x"],
)
@pytest.mark.parametrize("method", ["get", "put"])
def test_no_path_leads_to_another_host(wire: Wire, pace: Pace, path: str, method: str) -> None:
    """What would change the host never leaves."""
    org = client(wire(), pace)
    with pytest.raises(WriteRefusedError):
        org.get(path) if method == "get" else org.put(path, b"{}")


@settings(max_examples=300, deadline=None)
@given(path=st.text(max_size=30) | st.text("/\\@:.?#[]%\t\n evil", max_size=30).map("/".__add__))
@example(path="//evil.example/x")
@example(path="///evil.example/x")
@example(path="/\\evil.example")
@example(path="/\t/evil.example")
@example(path="/../../evil.example")
@example(path="/@evil.example")
def test_whatever_the_path_the_token_goes_to_the_api_only(path: str) -> None:
    """A request is refused, or its host is the API's, as httpx itself reads the URL."""
    transport = ScriptedTransport(otherwise=lambda _: reply(200))
    with contextlib.suppress(WriteRefusedError):
        client(transport, Pace(10.0, clock=FakeClock()), api_url="https://api.example:8443/").get(path)
    for request in transport.requests:
        with contextlib.suppress(httpx.InvalidURL):
            url = httpx.URL(request.url)
            assert (url.scheme, url.host, url.port) == ("https", "api.example", 8443)


# --- one request within its time ------------------------------------------------------------------


def test_each_request_is_told(wire: Wire, pace: Pace, notices: list[Notice]) -> None:
    """Method, URL, status, time and correlation id go to whoever watches."""
    answer = Reply(503, {"inin-correlation-id": "c-1"}, b"", 12.5)
    send(wire(answer), get(f"{API}/x"), pace)
    assert [Requested("GET", f"{API}/x", 503, 12.5, "c-1")] == notices


def test_a_request_without_reply_is_told(wire: Wire, pace: Pace, clock: FakeClock, notices: list[Notice]) -> None:
    """So is why there is none, and how long it took to find out."""

    def failing(_: Request) -> Outcome:
        clock.advance(2.0)
        return BrokenError("reset")

    with pytest.raises(BrokenError):
        send(wire(otherwise=failing), get(f"{API}/x"), pace)
    assert [Requested("GET", f"{API}/x", None, 2000.0, None, "reset")] == notices


def test_no_secret_is_told(wire: Wire, pace: Pace, notices: list[Notice]) -> None:
    """Neither token nor body nor the query of a webhook's URL stands in what is told."""
    transport = wire(reply(200, {"access_token": "canary-new"}), BrokenError("reset"))
    client(transport, pace).put("/x", b'{"password": "canary-body"}')
    with pytest.raises(BrokenError):
        send(transport, get("https://hooks.example/in?key=canary-key", Authorization="canary-basic"), pace)
    assert len(notices) == 2
    assert "canary" not in repr(notices)


def test_no_part_of_a_secret_is_told(wire: Wire, pace: Pace) -> None:
    """Why no reply came is told in bounds, and what is secret in it is taken out before it is cut."""
    transport = wire(BrokenError(f"{'x' * 190} {TOKEN} {'y' * 500}"))
    with pytest.raises(BrokenError) as caught:
        send(transport, get(API), pace, hide=lambda text: text.replace(TOKEN, "redacted"))

    assert f"{'x' * 190} redacted " == str(caught.value)


@pytest.mark.parametrize("netloc", ["api.example", "api.example:8443", "[::1]:8443"])
def test_a_missing_reply_says_where_it_was_asked_for(wire: Wire, pace: Pace, netloc: str) -> None:
    """The error knows scheme, host and port, and nothing else of the URL."""
    with pytest.raises(NotSentError) as caught:
        send(wire(NotSentError("refused")), get(f"https://user:canary@{netloc}/canary?key=canary"), pace)

    assert f"https://{netloc}" == caught.value.origin


def test_after_the_deadline_nothing_is_sent(wire: Wire, pace: Pace, clock: FakeClock) -> None:
    """A request that has no time left was certainly not sent."""
    clock.advance(120.0)
    with pytest.raises(NotSentError):
        send(wire(), get(f"{API}/x"), pace)


def test_a_transports_bug_is_no_transport_error(wire: Wire, pace: Pace) -> None:
    """What is nobody's fault but ours is not taken for a broken connection."""

    def buggy(_: Request) -> Outcome:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        send(wire(otherwise=buggy), get(f"{API}/x"), pace)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Host/x", ("https", "host", None)),
        ("http://[::1]:80/x", ("http", "::1", 80)),
        ("/x", ("", "", None)),
    ],
)
def test_the_origin_is_scheme_host_and_port(url: str, origin: tuple[str, str, int | None]) -> None:
    """What a token is bound to."""
    assert origin == origin_of(url)


def test_json_leaves_compact_and_in_ascii() -> None:
    """A lone surrogate survives, and what is no JSON cannot leave."""
    assert as_json({"a": [1, "ü\ud800"]}) == b'{"a":[1,"\\u00fc\\ud800"]}'
    with pytest.raises(ValueError, match="JSON"):
        as_json(float("nan"))
