"""What every transport owes: the same reply or the same error for the same event, and each request sent once."""

from __future__ import annotations

import base64
import contextlib
import gzip
import importlib.util
import re
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from clocks import FakeClock
from ebrule import Options, UsageError, load_settings, update_rule
from ebrule.core.auth import connect
from ebrule.core.client import as_json, send
from ebrule.core.pace import CALLS_AT_ONCE, Pace
from ebrule.core.reply import BrokenError, NotSentError, Reply, Request, TransportError, UntrustedHostError
from ebrule.core.sdk import SdkTransport
from ebrule.core.transport import MAX_REPLY_BYTES, HttpxTransport
from ebrule.sandbox.database import Database
from ebrule.settings import Network
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ebrule.core.transport import Transport
    from sandbox_process import StartSandbox

    Connect = Callable[..., Transport]
    Answer = Callable[[socket.socket], None]
    Serve = Callable[..., "Server"]

pytestmark = pytest.mark.loopback

EXAMPLE = Path(__file__).parents[2] / "examples" / "rule.yaml"
SELF_SIGNED = Path(__file__).parents[1] / "unit" / "data" / "self-signed.pem"
"""A throw-away key and its certificate, for ``localhost`` and for a hundred years."""

RULES = "/api/v2/eventbridge/routing/rules"
ODD = b'{ "operator" : "someday",\n "unknown": [1.0, -0.0, 1e2], "name": "\\u00fc\xc3\xbc\\ud800", "a": 1, "a": 2 }'
"""JSON that no parser and writer would bring back as it was."""

TRANSPORTS: dict[str, Connect] = {"httpx": HttpxTransport, "sdk": SdkTransport}
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

SDK_IS_HERE = importlib.util.find_spec("PureCloudPlatformClientV2") is not None
needs_sdk = pytest.mark.skipif(not SDK_IS_HERE, reason="the official SDK is not installed: pip install 'ebrule[sdk]'")


@pytest.fixture(scope="session", autouse=True)
def sdk_without_a_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import the SDK with an empty home: it reads a file there, and may watch the folder with all that is below."""
    if SDK_IS_HERE:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
            importlib.import_module("PureCloudPlatformClientV2")


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own proxies and certificates out."""
    for name in (*PROXY_VARIABLES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=["httpx", pytest.param("sdk", marks=needs_sdk)])
def name(request: pytest.FixtureRequest) -> str:
    """The transport's name; every test that asks for it runs on each of them."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def make(name: str) -> Iterator[Connect]:
    """Make transports; they are closed with the test."""
    with contextlib.ExitStack() as made:

        def start(
            network: Network | None = None, *, secure: bool = False, urls: Sequence[str] = ("https://api.example",)
        ) -> Transport:
            transport = TRANSPORTS[name](network or Network(), secure=secure, urls=urls)
            return made.enter_context(contextlib.closing(transport))

        yield start


@pytest.fixture
def transport(make: Connect) -> Transport:
    """One for loopback."""
    return make()


class Server:
    """A server on loopback that reads one request at a time and answers it with what ``answer`` writes.

    Args:
        answer: gets the connection once a whole request is there.
        context: makes it speak TLS.
        host: what the URL calls it.

    Attributes:
        requests: head and body of each request that came.
        connections: how many connections were made.
        heard: set with the first request.
        stop: set when the test is over; answers wait for it instead of sleeping.
    """

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.connections = 0
        self.heard = threading.Event()
        self.stop = threading.Event()
        self._answer = answer
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http{'s' if context else ''}://{host}:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def heads(self) -> str:
        """All heads that came, as one text."""
        return "".join(head for head, _ in self.requests)

    def close(self) -> None:
        """End it, with all of its connections."""
        self.stop.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=10):
            pass
        for thread in tuple(self._threads):
            thread.join(10)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self.stop.is_set():
                connection.close()
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._talk, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(0.05)
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            stack.enter_context(contextlib.suppress(OSError))
            if self._context is not None:
                connection.settimeout(10)
                connection = self._context.wrap_socket(connection, server_side=True)
                connection.settimeout(0.05)
                stack.callback(connection.close)
            while self._read(connection):
                self._answer(connection)

    def _read(self, connection: socket.socket) -> bool:
        """Read one request; tell whether one came before the end of the connection or of the test."""
        data = b""
        while True:
            head, end, body = data.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length")), 0
            )
            if (end and len(body) >= length) or data.startswith(b"\x16"):  # or TLS, where none is spoken
                self.requests.append((head.decode("latin-1"), body))
                self.heard.set()
                return True
            try:
                part = connection.recv(65_536)
            except TimeoutError:
                if self.stop.is_set():
                    return False
                continue
            if not part:
                return False
            data += part


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers on loopback."""
    with contextlib.ExitStack() as running:

        def start(*args: Any, **options: Any) -> Server:
            return running.enter_context(contextlib.closing(Server(*args, **options)))

        yield start


def writing(data: bytes, *, then: str = "close") -> Answer:
    """An answer of these bytes, after which the connection closes, is reset, or stays."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        if then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if then == "close":
            connection.shutdown(socket.SHUT_WR)
        if then != "stay":
            raise ConnectionError

    return answer


def replying(head: str, body: bytes = b"", *, then: str = "stay") -> Answer:
    """An answer of a status, header lines and a body of a known length."""
    length = f"Content-Length: {len(body)}\r\n"
    return writing(f"HTTP/1.1 {head}\r\n{length}\r\n".encode() + body, then=then)


def put(url: str, body: bytes = b"{}", **headers: str) -> Request:
    """A PUT with this body."""
    return Request("PUT", url, {"Accept-Encoding": "identity", "Content-Type": "application/json", **headers}, body)


def get(url: str, **headers: str) -> Request:
    """A GET with these headers."""
    return Request("GET", url, headers)


# --- a real server with faults --------------------------------------------------------------------

FAULTS: dict[str, tuple[int | type[TransportError], bool]] = {
    "drop-before": (BrokenError, False),
    "drop-after": (BrokenError, True),
    "cut": (BrokenError, True),
    "huge": (BrokenError, True),
    "html": (200, False),
    "empty": (200, True),
    "drip:seconds=0": (200, True),
    "redirect:to=http://127.0.0.2:9/x": (302, False),
    "redirect:status=303,to=http://127.0.0.2:9/x": (303, False),
    "redirect:status=307,to=http://127.0.0.2:9/x": (307, False),
    "conflict": (409, False),
    "conflict-400": (400, False),
    "rate-limit": (429, False),
    "rate-limit:seconds=0": (429, False),
    "status:status=413,seconds=0": (413, False),
    "status:status=500": (500, False),
    "status:status=501": (501, False),
    "status:status=503": (503, False),
    "status:status=503,seconds=0": (503, False),
    "status:status=599": (599, False),
    "status-after:status=502": (502, True),
}
"""What comes back for a PUT that a fault meets, and whether it was applied."""


class Faulty:
    """A sandbox on which each fault has a rule for each transport, copies of the demo rule."""

    def __init__(self, state_dir: Path) -> None:
        rule_ids = [self.rule_id(fault, name) for fault in FAULTS for name in TRANSPORTS]
        with contextlib.closing(Database(state_dir)) as database, database.write() as connection:
            connection.executemany(
                "INSERT INTO resources (org, kind, id, version, body, created, created_by, modified, modified_by)"
                " SELECT org, kind, ?, version, body, created, created_by, modified, modified_by"
                " FROM resources WHERE id = 'demo-rule'",
                [(rule_id,) for rule_id in rule_ids],
            )
        faults = []
        for number, fault in enumerate(FAULTS):
            kind, _, settings = fault.partition(":")
            faults.append(f"{kind}:path=/{number:02}-" + (f",{settings}" if settings else ""))
        self.sandbox = SandboxProcess(state_dir, faults=faults)
        self.headers = {
            "Authorization": f"Bearer {self.sandbox.token()}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        }

    @staticmethod
    def rule_id(fault: str, name: str) -> str:
        """Give the id of a fault's rule."""
        return f"{list(FAULTS).index(fault):02}-{name}"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """One sandbox for all faults: the tests stay apart by their rules."""
    running = Faulty(tmp_path_factory.mktemp("faulty"))
    with contextlib.closing(running.sandbox):
        yield running


@pytest.mark.parametrize("fault", FAULTS)
def test_a_put_is_sent_once_whatever_happens(fault: str, name: str, transport: Transport, faulty: Faulty) -> None:
    """The outcome is the fault's, and the server counts one PUT: no library sends again or goes elsewhere."""
    rule_id = faulty.rule_id(fault, name)
    url = f"{faulty.sandbox.url}{RULES}/{rule_id}"
    rule = transport.send(Request("GET", url, faulty.headers)).json
    outcome: int | type[TransportError]
    try:
        outcome = transport.send(Request("PUT", url, faulty.headers, as_json(rule))).status
    except TransportError as error:
        outcome = type(error)
    assert FAULTS[fault] == (outcome, bool(faulty.sandbox.history(rule_id)))
    assert len(faulty.sandbox.requests("PUT", f"{RULES}/{rule_id}")) == 1


def test_a_session_works_on_each_transport(name: str, transport: Transport, sandbox: SandboxProcess) -> None:
    """A token is fetched and used; the form's bytes and both kinds of ``Authorization`` arrive."""
    sandbox.reset()
    settings = load_settings(Options(api_url=sandbox.url), credentials(sandbox))
    with connect(settings.require_org(), Network(), Pace(60.0), transport=transport) as session:
        assert session.client.get(f"{RULES}/demo-rule").object["version"] == 7


@pytest.mark.parametrize(
    "fault", [None, "drop-before:times=1", "drop-after:times=1", "cut:times=1", "conflict:times=1"]
)
def test_a_whole_update_runs_on_each_transport(
    fault: str | None, transport: Transport, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    """The rule is as the file says in the end, by one applied PUT, whatever became of the first one."""
    sandbox = start_sandbox(faults=[fault] if fault else [])
    settings = load_settings(Options(api_url=sandbox.url, state_dir=tmp_path / "home"), credentials(sandbox))
    result = update_rule(settings, EXAMPLE, pace=Pace(60.0, clock=FakeClock()), transport=transport)
    assert ("updated", 8, 0) == (result.result, result.version, result.exit_status)
    assert [(7, 8)] == [(step.parent, step.version) for step in sandbox.history()]


def credentials(sandbox: SandboxProcess) -> dict[str, str]:
    """The environment with a sandbox's credentials."""
    client_id, secret = sandbox.credentials
    return {"GENESYSCLOUD_OAUTHCLIENT_ID": client_id, "GENESYSCLOUD_OAUTHCLIENT_SECRET": secret}


# --- what goes out and comes back -----------------------------------------------------------------


def test_bytes_go_through_unchanged_both_ways(transport: Transport, serve: Serve) -> None:
    """Unknown fields, unknown operators, number formats, spaces and doubled names: no model reads or writes them."""
    server = serve(replying("200 OK\r\nContent-Type: application/json", ODD))
    assert transport.send(put(server.url, ODD)).body == ODD
    assert [ODD] == [body for _, body in server.requests]


@pytest.mark.parametrize(
    "form", [b"grant_type=client_credentials", b"a=%C3%BC+b&a=1", b"\x00\xff"], ids=["token", "odd", "binary"]
)
def test_a_form_goes_through_unchanged(form: bytes, transport: Transport, serve: Serve) -> None:
    """The content's type does not make a library write it anew."""
    server = serve(replying("200 OK", b"{}"))
    headers = {"Authorization": "Basic eDp5", "Content-Type": "application/x-www-form-urlencoded"}
    transport.send(Request("POST", f"{server.url}/oauth/token", headers, form))
    ((head, body),) = server.requests
    assert (head.splitlines()[0], body) == ("POST /oauth/token HTTP/1.1", form)


def test_headers_go_out_as_they_are(transport: Transport, serve: Serve) -> None:
    """Each stands there once, with its own value, and nobody adds credentials, cookies or names of products."""
    server = serve(replying("200 OK"))
    headers = {
        "Authorization": "Bearer canary",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "ebrule",
        "Content-Type": "application/json",
    }
    transport.send(Request("PUT", f"{server.url}/a%2Fb/c?d=e%20f", headers, b"{}"))
    first, *lines = server.heads.splitlines()
    assert first == "PUT /a%2Fb/c?d=e%20f HTTP/1.1"
    sent = sorted(line.lower() for line in lines if not line.lower().startswith("connection:"))
    expected = {**headers, "Host": server.url.removeprefix("http://"), "Content-Length": "2"}
    assert sorted(f"{name}: {value}".lower() for name, value in expected.items()) == sent


STATUSES = (200, 201, 204, 301, 302, 303, 304, 307, 308, 400, 401, 404, 408, 409, 413, 429, 500, 502, 503, 599)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_any_status_is_a_reply(method: str, transport: Transport, serve: Serve) -> None:
    """No status is an exception, a reason to go elsewhere, or one to send again."""

    def answer(connection: socket.socket) -> None:
        status = int(server.requests[-1][0].split()[1].strip("/"))
        body = b"" if status in (204, 304) else b'{"message": "why"}'
        head = f"{status} X\r\nLocation: {server.url}/200\r\nRetry-After: 0\r\nX-Two: a\r\nX-Two:  b "
        replying(head, body)(connection)

    server = serve(answer)
    for status in STATUSES:
        content = None if method == "GET" else b"{}"
        found = transport.send(Request(method, f"{server.url}/{status}", {"Content-Type": "a/b"}, content))
        assert (found.status, found.object.get("message")) == (status, None if status in (204, 304) else "why")
        assert (found.headers["retry-after"], found.headers["x-two"]) == ("0", "a, b")
        assert found.milliseconds > 0
    assert [f"{method} /{status}" for status in STATUSES] == [head.partition(" HTTP")[0] for head, _ in server.requests]


@needs_sdk
def test_replies_are_the_same_on_all_transports(serve: Serve) -> None:
    """Status, headers and body are equal, each name in lower case."""
    headers = "A-B: c\r\nLocation: /x\r\nX: a\r\nX: b\r\nFolded: a  b\r\n  c\r\nEmpty:\r\nY: \xfc\r\nContent-Length: 2"
    server = serve(writing(f"HTTP/1.1 307 X\r\n{headers}\r\n\r\n[]".encode("latin-1"), then="stay"))
    replies: list[Reply] = []
    for make_one in TRANSPORTS.values():
        with contextlib.closing(make_one(Network(), secure=False)) as one:
            replies.append(one.send(get(server.url)))
    first, second = ((each.status, dict(each.headers), each.body) for each in replies)
    assert first == second


def test_a_connection_is_used_again(transport: Transport, serve: Serve) -> None:
    """A run pays for one handshake, not for one with every request."""
    server = serve(replying("200 OK", b"{}"))
    for _ in range(3):
        transport.send(put(server.url))
    assert (len(server.requests), server.connections) == (3, 1)


def test_no_cookie_is_kept(transport: Transport, serve: Serve) -> None:
    """What a server sets does not come back to it."""
    server = serve(replying("200 OK\r\nSet-Cookie: session=canary"))
    transport.send(get(server.url))
    transport.send(get(server.url))
    assert "cookie" not in server.heads.lower()


def test_as_many_requests_as_a_run_makes_are_out_at_once(transport: Transport, serve: Serve) -> None:
    """None waits for another one's connection: the server answers only when all of them are there."""
    together = threading.Barrier(CALLS_AT_ONCE)

    def answer(connection: socket.socket) -> None:
        together.wait(10)
        replying("200 OK")(connection)

    server = serve(answer)
    replies = Pace(60.0).call_all([lambda: transport.send(get(server.url))] * CALLS_AT_ONCE)
    assert [200] * CALLS_AT_ONCE == [each.status for each in replies]


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [("identity", b"body"), (" GZIP ", gzip.compress(b"body", mtime=0)), ("x-gzip", gzip.compress(b"body", mtime=0))],
)
def test_a_compressed_reply_is_read(encoding: str, sent: bytes, transport: Transport, serve: Serve) -> None:
    """It was not asked for, but some proxies compress all the same."""
    server = serve(replying(f"200 OK\r\nContent-Encoding: {encoding}", sent))
    assert transport.send(get(server.url)).body == b"body"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(MAX_REPLY_BYTES), id="to-the-end"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
            % (MAX_REPLY_BYTES, bytes(MAX_REPLY_BYTES)),
            id="chunked",
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + bytes(MAX_REPLY_BYTES), id="continue"),
    ],
)
def test_a_reply_just_as_large_as_allowed_is_read(data: bytes, transport: Transport, serve: Serve) -> None:
    """The cap is one mebibyte, in whatever way the length is told."""
    found = transport.send(get(serve(writing(data)).url))
    assert (found.status, found.body) == (200, bytes(MAX_REPLY_BYTES))


# --- what breaks ----------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 2", id="status-line"),
        pytest.param(OK, id="head"),
        pytest.param(OK + b"Date: x\r\n", id="after-a-header"),
        pytest.param(OK + b"Content-Len", id="in-a-header"),
        pytest.param(OK + b"Date: x\r\n\r", id="in-the-heads-end"),
        pytest.param(OK + b"Content-Length: 100\r\n\r\n", id="before-the-body"),
        pytest.param(OK + b"Content-Length: 100\r\n\r\n{", id="body"),
        pytest.param(CHUNKED, id="before-a-chunk"),
        pytest.param(CHUNKED + b"5\r\n{", id="chunk"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n", id="after-a-chunk"),
    ],
)
def test_a_connection_that_breaks_may_have_been_heard(
    data: bytes, then: str, transport: Transport, serve: Serve
) -> None:
    """From the first byte on nobody knows what the server did, wherever the answer ends; and it is asked once."""
    server = serve(writing(data, then=then))
    with pytest.raises(BrokenError) as caught:
        transport.send(put(server.url))
    assert str(caught.value)
    assert len(server.requests) == server.connections == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"220 mail ready\r\n", id="no-http"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", id="status"),
        pytest.param(b"HTTPS/1.1 200 OK\r\n\r\n", id="protocol"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="another-protocol"),
        pytest.param(OK + b"no header\r\nContent-Length: 2\r\n\r\n{}", id="no-header"),
        pytest.param(OK + b"no token: x\r\nContent-Length: 2\r\n\r\n{}", id="header-of-two-words"),
        pytest.param(OK + b"Date: x\rContent-Length: 2\r\n\r\n{}", id="half-a-line-break"),
        pytest.param(OK + b" folded: x\r\nContent-Length: 2\r\n\r\n{}", id="folded-first-header"),
        pytest.param(OK + b": nameless\r\nContent-Length: 2\r\n\r\n{}", id="nameless-header"),
        pytest.param(OK + b"Content-Length: two\r\n\r\n{}", id="length"),
        pytest.param(OK + b"Content-Length: -2\r\n\r\n{}", id="negative-length"),
        pytest.param(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", id="two-lengths"),
        pytest.param(OK + b"Transfer-Encoding: rot13\r\n\r\n{}", id="transfer-encoding"),
        pytest.param(CHUNKED + b"xyz\r\n{}\r\n0\r\n\r\n", id="chunk-length"),
        pytest.param(OK + b"X: " + b"x" * 500_000 + b"\r\n\r\n", id="oversized-head"),
        pytest.param(OK + b"\r\n" + bytes(MAX_REPLY_BYTES + 1), id="oversized-body"),
        pytest.param(OK + b"Content-Encoding: br\r\n\r\nbody", id="unknown-encoding"),
        pytest.param(OK + b"Content-Encoding: gzip\r\n\r\nno gzip", id="no-gzip"),
        pytest.param(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"body", mtime=0)[:-4], id="cut-gzip"),
        pytest.param(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(100 * MAX_REPLY_BYTES)), id="bomb"),
    ],
)
def test_an_answer_that_cannot_be_read_may_have_been_one(data: bytes, transport: Transport, serve: Serve) -> None:
    """Garbage, a page too large and a compressed bomb say nothing of what was done; and the server is asked once."""
    server = serve(writing(data))
    with pytest.raises(BrokenError, match=r"."):
        transport.send(put(server.url))
    assert len(server.requests) == server.connections == 1


class UntilHeard(FakeClock):
    """A clock on which a call lasts for as long as it is allowed to, once the server has heard of it."""

    def __init__(self, heard: threading.Event) -> None:
        super().__init__()
        self._heard = heard

    def wait(self, inbox: SimpleQueue[Any], seconds: float) -> Any:
        """Find nothing, at the end of the time."""
        assert self._heard.wait(10)
        self.advance(seconds)
        raise Empty


def test_an_answer_that_never_comes_is_given_up(transport: Transport, serve: Serve) -> None:
    """The run's limit ends the wait, whatever the library is at; and the server is asked once."""
    server: Server = serve(lambda _: server.stop.wait(10))
    with pytest.raises(BrokenError, match="no whole answer came in 3 s"):
        send(transport, put(server.url), Pace(60.0, clock=UntilHeard(server.heard)), limit=3.0)
    assert len(server.requests) == server.connections == 1


def test_a_read_that_takes_too_long_is_broken(name: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transport's own limit holds as well, so that no thread waits for ever; and the server is asked once."""
    for module in ("transport", "sdk"):
        monkeypatch.setattr(f"ebrule.core.{module}.CALL_SECONDS", 0.05)
    server: Server = serve(lambda _: server.stop.wait(10))
    one = TRANSPORTS[name](Network(), secure=False)
    with contextlib.closing(one), pytest.raises(BrokenError, match="no answer came in time"):
        one.send(put(server.url))
    assert len(server.requests) == server.connections == 1


# --- what was never sent --------------------------------------------------------------------------


def test_a_refused_connection_was_not_sent(transport: Transport, serve: Serve) -> None:
    """Nobody listens, so nobody heard."""
    server = serve(replying("200 OK"))
    server.close()
    with pytest.raises(NotSentError, match="refused"):
        transport.send(put(server.url))


def test_a_connection_that_cannot_be_made_in_time_was_not_sent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that lets nobody in heard nothing."""
    for module in ("transport", "sdk"):
        monkeypatch.setattr(f"ebrule.core.{module}.CONNECT_SECONDS", 0.05)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # until its queue has no place left
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        one = stack.enter_context(contextlib.closing(TRANSPORTS[name](Network(), secure=False)))
        with pytest.raises(NotSentError, match="the connection could not be made in time"):
            one.send(put(f"http://127.0.0.1:{full.getsockname()[1]}/"))


@pytest.mark.parametrize("url", ["http://nobody.invalid/", "https://nobody.invalid/"])
def test_an_unknown_name_was_not_sent(url: str, transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody of that name."""

    def nobody(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(NotSentError, match="Name or service not known"):
        transport.send(put(url))


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(get("http://127.0.0.1:1/\x01"), id="control-character"),
        pytest.param(get("http://127.0.0.1:x/"), id="port"),
        pytest.param(get("http://" + "a" * 64 + ".example/"), id="overlong-label"),
        pytest.param(get("http://.example/"), id="empty-label"),
        pytest.param(get("http://xn--zz--zz/"), id="bad-punycode"),
        pytest.param(get("http:///x"), id="no-host"),
        pytest.param(get("ftp://host.example/"), id="scheme"),
        pytest.param(get("//host.example/"), id="no-scheme"),
    ],
)
def test_what_http_cannot_carry_was_not_sent(request_: Request, transport: Transport) -> None:
    """A request that cannot even be built is no bug and no doubt: it was not sent."""
    with pytest.raises(NotSentError):
        transport.send(request_)


@pytest.mark.parametrize(
    "value", ["Bearer canary\nX-Evil: 1", "Bearer canary\r\n X: 1", "Bearer can\u00e4ry", "canary\x00"]
)
def test_a_header_that_http_cannot_carry_is_not_shown(value: str, transport: Transport, serve: Serve) -> None:
    """A token with a newline is not sent, and its refusal does not show it."""
    server = serve(replying("200 OK"))
    with pytest.raises(NotSentError) as caught:
        transport.send(put(server.url, Authorization=value))
    assert server.requests == []
    assert "can" not in str(caught.value).replace("can carry", "")


# --- certificates ---------------------------------------------------------------------------------


@pytest.fixture
def secure_server(serve: Serve) -> Server:
    """A server that shows the self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    return serve(replying("200 OK", b"{}"), context=context, host="localhost")


@pytest.mark.parametrize("secure", [True, False], ids=["certificates-loaded", "no-certificates-loaded"])
def test_an_unknown_certificate_is_not_trusted(secure: bool, make: Connect, secure_server: Server) -> None:
    """Nothing is sent; to load no certificates opens no door."""
    with pytest.raises(UntrustedHostError, match="CERTIFICATE_VERIFY_FAILED"):
        make(secure=secure).send(put(secure_server.url))
    assert secure_server.requests == []


@pytest.mark.parametrize("by_option", [False, True], ids=["environment", "option"])
def test_a_certificate_can_be_trusted(
    by_option: bool, make: Connect, secure_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ``--ca-file`` or ``SSL_CERT_FILE``, which the option goes before."""
    monkeypatch.setenv("SSL_CERT_FILE", __file__ if by_option else str(SELF_SIGNED))
    transport = make(Network(ca_file=str(SELF_SIGNED)) if by_option else Network(), secure=True)
    assert transport.send(put(secure_server.url)).status == 200


def test_a_trusted_certificate_of_another_host_is_not_trusted(make: Connect, secure_server: Server) -> None:
    """The name counts, not only the signature."""
    transport = make(Network(ca_file=str(SELF_SIGNED)), secure=True)
    with pytest.raises(UntrustedHostError):
        transport.send(put(secure_server.url.replace("localhost", "127.0.0.1")))
    assert secure_server.requests == []


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_handshake_that_fails_was_not_sent(then: str, make: Connect, serve: Serve) -> None:
    """A server that does not speak TLS, or breaks it off, got nothing but a greeting."""
    server = serve(writing(b"HTTP/1.1 400 Bad Request\r\n\r\n" if then == "close" else b"", then=then))
    transport = make(Network(ca_file=str(SELF_SIGNED)), secure=True)
    with pytest.raises(NotSentError):
        transport.send(put(server.url.replace("http:", "https:"), Authorization="Bearer canary"))
    assert server.connections == 1
    assert "canary" not in server.heads


@pytest.mark.parametrize(
    ("file", "variable"),
    [(__file__, ""), ("", __file__), ("", "/does/not/exist.pem")],
    ids=["ca-file", "SSL_CERT_FILE", "missing"],
)
def test_certificates_that_cannot_be_read_are_a_usage_error(
    file: str, variable: str, make: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", variable)
    with pytest.raises(UsageError) as caught:
        make(Network(ca_file=file or None), secure=True)
    assert (caught.value.code, caught.value.exit_status) == ("bad-ca-file", 2)


# --- proxies --------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["environment", "option"])
def proxied(
    request: pytest.FixtureRequest, make: Connect, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Transport]:
    """Make a transport that is told of a proxy."""

    def by_way_of(url: str) -> Transport:
        if request.param:
            return make(Network(proxy=url))
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.setenv("ALL_PROXY", url)
        return make()

    return by_way_of


def test_another_machine_is_reached_through_the_proxy(proxied: Callable[[str], Transport], serve: Serve) -> None:
    """It is asked for a tunnel, once, and sees no token; a proxy that refuses means that nothing was sent."""
    proxy = serve(replying("502 Bad Gateway"))
    with pytest.raises(NotSentError, match="502"):
        proxied(proxy.url).send(put("https://api.example/x", Authorization="Bearer canary"))
    assert proxy.heads.startswith("CONNECT api.example:443 HTTP/1.")
    assert len(proxy.requests) == 1
    assert "canary" not in proxy.heads


def test_a_proxy_gets_its_own_password_only(proxied: Callable[[str], Transport], serve: Serve) -> None:
    """User and password of its URL, as UTF-8."""
    proxy = serve(replying("407 Proxy Authentication Required"))
    with pytest.raises(NotSentError):
        proxied(proxy.url.replace("//", "//us%C3%A9r:p%40ss@")).send(put("https://api.example/x"))
    basic = base64.b64encode("us\u00e9r:p@ss".encode()).decode()
    assert f"proxy-authorization: Basic {basic}".lower() in proxy.heads.lower()


def test_loopback_is_never_reached_through_a_proxy(proxied: Callable[[str], Transport], serve: Serve) -> None:
    """What is plain http goes straight to this machine, with its token."""
    proxy, server = serve(replying("502 Bad Gateway")), serve(replying("200 OK"))
    transport = proxied(proxy.url)
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "127.0.0.2"):
        with contextlib.suppress(NotSentError):  # not every machine has all of these
            transport.send(put(f"http://{host}:{server.port}/"))
    assert transport.send(put(server.url)).status == 200
    assert proxy.requests == []


def test_a_proxy_that_nobody_is_at_was_not_sent(proxied: Callable[[str], Transport], serve: Serve) -> None:
    """Nothing went out without it."""
    proxy = serve(replying("200 OK"))
    proxy.close()
    with pytest.raises(NotSentError, match="refused"):
        proxied(proxy.url).send(put("https://api.example/x"))


@pytest.mark.parametrize("excepted", ["api.example", ".example", "*", "fd00::/8, [::1] api.example:443"])
def test_an_exception_from_the_environments_proxy_is_honoured(
    excepted: str, make: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``NO_PROXY`` names who is reached straight away; an option's proxy knows no such exceptions."""
    proxy = serve(replying("502 Bad Gateway"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", excepted)
    straight, by_option = make(), make(Network(proxy=proxy.url))

    def nobody(host: Any, *arguments: Any, **options: Any) -> Any:
        if host in ("api.example", b"api.example"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known(host, *arguments, **options)

    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(NotSentError, match="not known"):
        straight.send(put("https://api.example/x"))
    assert proxy.requests == []
    with pytest.raises(NotSentError, match="502"):
        by_option.send(put("https://api.example/x"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:canary@proxy",
        "socks4://proxy",
        "://nonsense",
        "http://",
        "http://user:canary@[::1",
        "http://user:can/ary@proxy",
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_usage_error(url: str, proxied: Callable[[str], Transport]) -> None:
    """It is told before anything is sent, with the name of what says it, and its password is not."""
    with pytest.raises(UsageError) as caught:
        proxied(url)
    assert "bad-proxy" == caught.value.code
    assert caught.value.message in ("invalid proxy URL in HTTPS_PROXY", "invalid proxy URL in --proxy")


@pytest.mark.parametrize("url", ["socks5://proxy", "socks5h://user:canary@proxy:1080"])
def test_a_socks_proxy_that_cannot_be_used_is_a_usage_error(
    url: str, proxied: Callable[[str], Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything is sent, with the name of what says it; the SDK knows none."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(UsageError) as caught:
        proxied(url)
    assert "no-socks" == caught.value.code
    assert re.match(r"(HTTPS_PROXY|--proxy) is a SOCKS proxy, and the ", caught.value.message)
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("url", ["socks5://proxy:1080", "://nonsense"])
@pytest.mark.parametrize("exceptions", ["", "localhost,fd00::/8", "[::1]"])
def test_loopback_does_not_need_the_environments_proxies(
    url: str, exceptions: str, make: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with them does not stop what goes without them."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", url)
    monkeypatch.setenv("NO_PROXY", exceptions)
    server = serve(replying("200 OK"))
    assert make(urls=[server.url]).send(put(server.url)).status == 200


# --- the SDK alone --------------------------------------------------------------------------------


def test_without_the_sdk_its_transport_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is optional, and found missing before anything is sent."""
    monkeypatch.setitem(sys.modules, "PureCloudPlatformClientV2", None)
    with pytest.raises(UsageError) as caught:
        SdkTransport(Network(), secure=False)
    assert (caught.value.code, caught.value.hint) == ("no-sdk", "pip install 'ebrule[sdk]'")
    assert "PureCloudPlatformClientV2" in caught.value.message


@needs_sdk
def test_the_sdks_own_configuration_counts_for_nothing_and_stays(
    secure_server: Server, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that uses the SDK beside ebrule keeps its settings, and its lax ones open no door here."""
    from PureCloudPlatformClientV2 import configuration  # noqa: PLC0415 - only where it is installed

    proxy = serve(replying("502 Bad Gateway"))
    theirs = {
        "verify_ssl": False,
        "proxy": proxy.url,
        "ssl_context": None,
        "proxy_username": "u",
        "proxy_password": "p",
    }
    for attribute, value in theirs.items():
        monkeypatch.setattr(configuration, attribute, value)
    with contextlib.closing(SdkTransport(Network(), secure=True)) as one, pytest.raises(UntrustedHostError):
        one.send(put(secure_server.url))
    assert theirs == {attribute: getattr(configuration, attribute) for attribute in theirs}
    assert proxy.requests == secure_server.requests == []


@needs_sdk
def test_requests_leave_through_the_sdks_own_pools(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK's REST client sends with is what sends here: the SDK is no mere decoration."""
    from PureCloudPlatformClientV2 import rest  # noqa: PLC0415 - only where it is installed

    made: list[Any] = []

    class Watched(rest.RESTClientObject):  # type: ignore[misc]  # the SDK has no types
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(rest, "RESTClientObject", Watched)
    server = serve(replying("200 OK"))
    with contextlib.closing(SdkTransport(Network(), secure=False)) as one:
        assert one.send(put(server.url)).status == 200
        assert [1] == [len(each.pool_manager.pools) for each in made]


@needs_sdk
@pytest.mark.parametrize(
    ("raised", "error"),
    [
        ("EmptyPoolError", NotSentError),
        ("LocationParseError", NotSentError),
        ("SSLError", BrokenError),
        ("ResponseNotChunked", BrokenError),
        ("HTTPError", BrokenError),
        ("none of its own", BrokenError),
    ],
)
def test_what_urllib3_raises_is_translated(
    raised: str, error: type[TransportError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no connection was to be had nothing was sent; what is not known is taken for sent."""
    from urllib3 import exceptions  # noqa: PLC0415 - comes with the SDK

    arguments = (None, "why") if raised == "EmptyPoolError" else ("why",)
    kind = getattr(exceptions, raised, ValueError)

    def failing(*_: Any) -> Any:
        raise kind(*arguments)

    monkeypatch.setattr("ebrule.core.sdk._send", failing)
    with contextlib.closing(SdkTransport(Network(), secure=False)) as one, pytest.raises(error):
        one.send(put("http://127.0.0.1:1/"))
