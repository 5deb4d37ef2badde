"""The httpx transport: what comes back, and in which words it did not."""

from __future__ import annotations

import contextlib
import gc
import gzip
import inspect
import logging
import socket
import ssl
import struct
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from clocks import FakeClock
from ebrule.core.client import send
from ebrule.core.failures import failure
from ebrule.core.notices import Requested
from ebrule.core.pace import Pace
from ebrule.core.reply import BrokenError, NotSentError, Request, TransportError, UntrustedHostError
from ebrule.core.transport import CALL_SECONDS, MAX_REPLY_BYTES, HttpxTransport, host_of
from ebrule.errors import AccessError, UsageError
from ebrule.settings import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ebrule.core.notices import Notice

    Serve = Callable[..., "Server"]

API = "https://api.example"
TOKEN = "canary-token"
GZIPPED = gzip.compress(b"body", mtime=0)
SELF_SIGNED = Path(__file__).parent / "data" / "self-signed.pem"
"""A throw-away key and its certificate, for ``localhost`` and for a hundred years."""

loopback = pytest.mark.loopback


class Server:
    """A server on loopback that answers each connection with what ``answer`` writes.

    Args:
        answer: gets each connection, once the request's head is there.
        context: makes it speak TLS.
        host: what the URL calls it.

    Attributes:
        heads: the heads of the requests that came.
        stop: set when the test is over; answers wait for it instead of sleeping.
    """

    def __init__(
        self,
        answer: Callable[[socket.socket], None],
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.heads: list[str] = []
        self.stop = threading.Event()
        self._answer = answer
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http{'s' if context else ''}://{host}:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self.stop.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            stack.enter_context(contextlib.suppress(OSError))
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            head = b""
            while b"\r\n\r\n" not in head and not head.startswith(b"\x16"):  # TLS, where none is spoken
                data = connection.recv(65_536)
                if not data:
                    return
                head += data
            self.heads.append(head.decode("latin-1"))
            self._answer(connection)

    def close(self) -> None:
        """End it, with all of its connections."""
        self.stop.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=10):
            pass
        for thread in tuple(self._threads):
            thread.join(10)
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers on loopback."""
    with contextlib.ExitStack() as running:

        def start(*args: Any, **options: Any) -> Server:
            return running.enter_context(contextlib.closing(Server(*args, **options)))

        yield start


@pytest.fixture
def transport() -> Iterator[HttpxTransport]:
    """The default transport, for loopback and for what respx answers."""
    with contextlib.closing(HttpxTransport(Network(), secure=False)) as made:
        yield made


@pytest.fixture
def mocked() -> Iterator[respx.MockRouter]:
    """Answers in place of the network; whatever is not asked for, or not answered, fails the test."""
    with respx.mock(assert_all_called=True, assert_all_mocked=True) as router:
        yield router


def answering(head: str, body: bytes = b"") -> Callable[[socket.socket], None]:
    """An answer of so many header lines and a body, after which the connection is closed."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)

    return answer


def get(url: str, **headers: str) -> Request:
    """A GET with these headers."""
    return Request("GET", url, headers)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://API.example:1/x", "api.example"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("http://[::1]:80", "::1"),
        ("http://127。0。0。1", "127.0.0.1"),
    ],
)
def test_the_host_is_the_one_that_is_looked_up(url: str, host: str) -> None:
    """However a URL writes its host, checks see the one that a request would go to."""
    assert host == host_of(url)


# --- httpx: what it raises ------------------------------------------------------------------------

TRANSLATED: dict[type[httpx.HTTPError], type[TransportError]] = {
    httpx.ConnectError: NotSentError,
    httpx.ConnectTimeout: NotSentError,
    httpx.PoolTimeout: NotSentError,
    httpx.ProxyError: NotSentError,
    httpx.UnsupportedProtocol: NotSentError,
    httpx.LocalProtocolError: NotSentError,
    httpx.ReadTimeout: BrokenError,
    httpx.WriteTimeout: BrokenError,
    httpx.ReadError: BrokenError,
    httpx.WriteError: BrokenError,
    httpx.CloseError: BrokenError,
    httpx.RemoteProtocolError: BrokenError,
    httpx.DecodingError: BrokenError,
    httpx.TooManyRedirects: BrokenError,
}
BASES = {
    httpx.HTTPError,
    httpx.RequestError,
    httpx.TransportError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.ProtocolError,
}
NOT_RAISED_BY_SENDING = {
    httpx.HTTPStatusError,  # only raise_for_status
    httpx.InvalidURL,  # translated before the request is built
    httpx.CookieConflict,  # only reading a cookie
    httpx.StreamError,  # only reading a stream twice or too late
    httpx.StreamConsumed,
    httpx.StreamClosed,
    httpx.ResponseNotRead,
    httpx.RequestNotRead,
}


def test_every_exception_of_httpx_is_known() -> None:
    """A new one must be given a meaning."""
    found = {each for _, each in inspect.getmembers(httpx, inspect.isclass) if issubclass(each, Exception)}
    assert found == {*TRANSLATED, *BASES, *NOT_RAISED_BY_SENDING}


@pytest.mark.parametrize(
    ("raised", "error"),
    [*TRANSLATED.items(), *((each, BrokenError) for each in sorted(BASES, key=str))],
    ids=lambda each: each.__name__,
)
def test_every_exception_of_httpx_is_translated(
    raised: type[httpx.HTTPError],
    error: type[TransportError],
    transport: HttpxTransport,
    mocked: respx.MockRouter,
) -> None:
    """What cannot have been sent is told from what may have been; cause and words are there."""
    mocked.get(f"{API}/x").mock(side_effect=raised("why"))
    with pytest.raises(error) as caught:
        transport.send(get(f"{API}/x"))
    assert isinstance(caught.value.__cause__, raised)
    assert str(caught.value)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(get("http://127.0.0.1:1/\x01"), id="control-character"),
        pytest.param(get("http://127.0.0.1:x/"), id="port"),
        pytest.param(get("http://" + "a" * 64 + ".example/"), id="overlong-label"),
        pytest.param(get("http://.example/"), id="empty-label"),
        pytest.param(get("http://xn--zz--zz/"), id="bad-punycode"),
        pytest.param(get("http:///x"), id="no-host"),
        pytest.param(get("http://127.0.0.1:1/", Authorization="Bearer canärie"), id="header-not-ascii"),
    ],
)
def test_what_http_cannot_carry_was_not_sent(request_: Request, transport: HttpxTransport) -> None:
    """A request that cannot even be built is no bug and no doubt: it was not sent."""
    with pytest.raises(NotSentError):
        transport.send(request_)


def test_an_unknown_scheme_was_not_sent(transport: HttpxTransport) -> None:
    """Only http and https can be spoken."""
    with pytest.raises(NotSentError):
        transport.send(get("ftp://host.example/"))


# --- httpx: what comes back -----------------------------------------------------------------------


def test_a_reply_is_as_it_came(transport: HttpxTransport, mocked: respx.MockRouter) -> None:
    """Status, headers in lower case, and the body's bytes."""
    mocked.put(f"{API}/x", content=b"{}", headers={"X-A": "b"}).respond(
        418, headers={"Retry-After": "5", "X-Twice": "a"}, content=b"\x00\xff"
    )
    found = transport.send(Request("PUT", f"{API}/x", {"X-A": "b"}, b"{}"))
    assert (found.status, found.body) == (418, b"\x00\xff")
    assert (found.headers["retry-after"], found.headers["x-twice"]) == ("5", "a")
    assert found.milliseconds >= 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int, transport: HttpxTransport, mocked: respx.MockRouter) -> None:
    """The reply is returned; the token does not travel on."""
    mocked.get(f"{API}/x").respond(status, headers={"Location": "https://evil.example/"})
    assert transport.send(get(f"{API}/x")).status == status


def test_no_cookie_is_kept(transport: HttpxTransport, mocked: respx.MockRouter) -> None:
    """Not even by a request that leaves while another one's reply is being taken in."""
    route = mocked.get(f"{API}/x").respond(200, headers={"Set-Cookie": "session=canary"})
    once = [True]

    class SendAnother(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if once:
                once.clear()
                transport.send(get(f"{API}/x"))

    logger, handler = logging.getLogger("httpx"), SendAnother(logging.INFO)
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        transport.send(get(f"{API}/x"))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    transport.send(get(f"{API}/x"))
    assert [call.request.headers.get("cookie") for call in route.calls] == [None] * 3


# --- httpx: what only a socket can show -----------------------------------------------------------


@loopback
def test_a_refused_connection_was_not_sent(serve: Serve, transport: HttpxTransport) -> None:
    """Nobody listens, so nobody heard."""
    server = serve(answering("200 OK"))
    server.close()
    with pytest.raises(NotSentError):
        transport.send(get(server.url))


@loopback
@pytest.mark.parametrize(
    "head",
    [None, "", "Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5\r\n{"],
    ids=["closed", "in-the-head", "in-the-body", "in-a-chunk"],
)
def test_a_connection_that_breaks_may_have_been_heard(
    head: str | None, serve: Serve, transport: HttpxTransport
) -> None:
    """From the first byte on, nobody knows what the server did."""

    def reset(connection: socket.socket) -> None:
        if head is not None:
            connection.sendall(f"HTTP/1.1 200 OK\r\n{head}".encode())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises(BrokenError):
        transport.send(get(serve(reset).url))


@loopback
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answering("200 OK", bytes(MAX_REPLY_BYTES + 1)), id="oversized"),
        pytest.param(
            answering("200 OK\r\nContent-Encoding: gzip", gzip.compress(bytes(100 * MAX_REPLY_BYTES))),
            id="bomb",
        ),
        pytest.param(answering("200 OK\r\nX: " + "x" * 500_000), id="oversized-head"),
        pytest.param(lambda connection: connection.sendall(b"220 mail ready\r\n"), id="no-http"),
    ],
)
def test_a_reply_that_is_too_much_is_broken(
    answer: Callable[[socket.socket], None], serve: Serve, transport: HttpxTransport
) -> None:
    """No server fills the memory, packed or unpacked."""
    with pytest.raises(BrokenError):
        transport.send(get(serve(answer).url))


@loopback
@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        pytest.param("identity", b"body", id="identity"),
        pytest.param(" GZIP ", GZIPPED, id="gzip"),
        pytest.param("x-gzip", GZIPPED, id="x-gzip"),
        pytest.param("gzip", gzip.compress(b"bo") + gzip.compress(b"") + gzip.compress(b"dy"), id="three members"),
        pytest.param("deflate", zlib.compress(b"body"), id="deflate"),
    ],
)
def test_a_compressed_reply_is_read(encoding: str, sent: bytes, serve: Serve, transport: HttpxTransport) -> None:
    """It was not asked for, but some proxies compress all the same."""
    server = serve(answering(f"200 OK\r\nContent-Encoding: {encoding}", sent))
    assert transport.send(get(server.url)).body == b"body"


@loopback
@pytest.mark.parametrize(
    ("encoding", "sent", "why"),
    [
        pytest.param("gzip", b"no gzip", "compressed and broken", id="no-gzip"),
        pytest.param("gzip", GZIPPED[:-4], "cut short", id="cut-short"),
        pytest.param("gzip", GZIPPED + GZIPPED[:-4], "cut short", id="second-member-cut-short"),
        pytest.param("gzip", GZIPPED + b"more", "compressed and broken", id="second-member-broken"),
        pytest.param("gzip", b"", "cut short", id="empty"),
        pytest.param("gzip", gzip.compress(bytes(MAX_REPLY_BYTES + 1)), "larger than", id="just-too-large"),
        pytest.param("br", b"body", "not asked for: br", id="unknown-encoding"),
        pytest.param("gzip, gzip", gzip.compress(GZIPPED, mtime=0), "not asked for: gzip, gzip", id="twice"),
    ],
)
def test_a_reply_that_cannot_be_unpacked_is_broken(
    encoding: str, sent: bytes, why: str, serve: Serve, transport: HttpxTransport
) -> None:
    """What it said is not known, so the write may have happened."""
    server = serve(answering(f"200 OK\r\nContent-Encoding: {encoding}", sent))
    with pytest.raises(BrokenError, match=why):
        transport.send(get(server.url))


@loopback
def test_a_reply_just_as_large_as_allowed_is_read(serve: Serve, transport: HttpxTransport) -> None:
    """The cap is one mebibyte."""
    server = serve(answering("200 OK", bytes(MAX_REPLY_BYTES)))
    assert len(transport.send(get(server.url)).body) == MAX_REPLY_BYTES == 2**20


@loopback
def test_a_reply_that_drips_in_does_not_outlast_its_limit(serve: Serve, transport: HttpxTransport) -> None:
    """A byte now and then keeps each read alive, but the limit is for the whole."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        while not server.stop.wait(0.005):
            connection.sendall(b" ")

    server = serve(drip)
    clock = FakeClock(patience=0.05)
    notices: list[Notice] = []
    pace = Pace(120.0, clock=clock, observe=notices.append)
    with pytest.raises(BrokenError, match="20 s"):
        send(transport, get(server.url), pace)
    assert clock.monotonic() == CALL_SECONDS == 20.0
    assert [notice.status for notice in notices if isinstance(notice, Requested)] == [None]


@loopback
def test_a_header_that_http_cannot_carry_is_not_shown(
    serve: Serve, transport: HttpxTransport, pace: Pace, notices: list[Notice]
) -> None:
    """A token with a newline is not sent, and its refusal does not show it."""
    server = serve(answering("200 OK"))
    with pytest.raises(NotSentError) as caught:
        send(transport, get(server.url, Authorization="Bearer canary\nX-Evil: 1"), pace)
    assert server.heads == []
    assert "canary" not in f"{caught.value} {notices!r}"


# --- proxies --------------------------------------------------------------------------------------


@pytest.fixture
def proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A proxy that the environment names, and that lets nobody through."""
    server = serve(answering("502 Bad Gateway"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, server.url)
        monkeypatch.setenv(name.lower(), server.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return server


@loopback
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "127.0.0.2", "[::1]"])
@pytest.mark.parametrize("by_option", [False, True], ids=["environment", "option"])
def test_loopback_is_never_reached_through_a_proxy(host: str, by_option: bool, proxy: Server, serve: Serve) -> None:
    """What is plain http goes straight to this machine, with its token."""
    server = serve(answering("200 OK"))
    network = Network(proxy=proxy.url) if by_option else Network()
    with contextlib.closing(HttpxTransport(network, secure=False)) as direct:
        # Not every machine has all of these addresses.
        with contextlib.suppress(NotSentError):
            direct.send(get(f"http://{host}:{server.port}/", Authorization=f"Bearer {TOKEN}"))
        direct.send(get(server.url))
    assert proxy.heads == []
    assert server.heads


@loopback
@pytest.mark.parametrize("by_option", [False, True], ids=["environment", "option"])
def test_another_machine_is_reached_through_the_proxy(by_option: bool, proxy: Server) -> None:
    """It is asked for a tunnel and sees no token; a proxy that refuses means that nothing was sent."""
    network = Network(proxy=proxy.url) if by_option else Network()
    with contextlib.closing(HttpxTransport(network, secure=False)) as transport, pytest.raises(NotSentError):
        transport.send(get(f"{API}/x", Authorization=f"Bearer {TOKEN}"))
    assert [head.splitlines()[0] for head in proxy.heads] == ["CONNECT api.example:443 HTTP/1.1"]
    assert TOKEN not in "".join(proxy.heads)


@loopback
def test_a_socks_proxy_is_asked_for_the_host_by_its_name() -> None:
    """It looks up the name itself, and where its tunnel ends at once, nothing was sent."""
    asked: list[bytes] = []

    def tunnel(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            asked.append(connection.recv(100))
            connection.sendall(b"\x05\x00")  # no password is needed
            asked.append(connection.recv(100))
            connection.sendall(b"\x05\x00\x00\x01" + bytes(6))  # there it is
            asked.append(connection.recv(10_000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=tunnel, args=(listener,), daemon=True)
        thread.start()
        network = Network(proxy=f"socks5://127.0.0.1:{listener.getsockname()[1]}")
        with contextlib.closing(HttpxTransport(network, secure=False)) as one, pytest.raises(NotSentError):
            one.send(get(f"{API}/x", Authorization=f"Bearer {TOKEN}"))
        thread.join(10)
    assert b"\x05\x01\x00\x03\x0bapi.example\x01\xbb" == asked[1]
    assert b"\x16" == asked[2][:1]  # TLS begins


# --- certificates ---------------------------------------------------------------------------------


@pytest.fixture
def secure_server(serve: Serve) -> Server:
    """A server that shows the self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    return serve(answering("200 OK"), context=context, host="localhost")


@loopback
@pytest.mark.parametrize("secure", [True, False], ids=["certificates-loaded", "no-certificates-loaded"])
def test_a_self_signed_certificate_is_not_trusted(
    secure: bool, secure_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, and the exit code is that of access; to load no certificates opens no door."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with (
        contextlib.closing(HttpxTransport(Network(), secure=secure)) as transport,
        pytest.raises(UntrustedHostError) as caught,
    ):
        transport.send(get(secure_server.url, Authorization=f"Bearer {TOKEN}"))
    assert secure_server.heads == []
    error = failure(caught.value, "reading")
    assert (AccessError, "untrusted-host", 4) == (type(error), error.code, error.exit_status)


@loopback
@pytest.mark.parametrize("by_option", [False, True], ids=["environment", "option"])
def test_a_certificate_can_be_trusted(by_option: bool, secure_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ``--ca-file`` or ``SSL_CERT_FILE``, which the option goes before."""
    monkeypatch.setenv("SSL_CERT_FILE", __file__ if by_option else str(SELF_SIGNED))
    network = Network(ca_file=str(SELF_SIGNED)) if by_option else Network()
    with contextlib.closing(HttpxTransport(network)) as transport:
        assert transport.send(get(secure_server.url)).status == 200


def test_certificates_are_loaded_once_for_all_that_a_run_talks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The org and the webhook's receiver are trusted by the same ones; the next run looks at the files again."""
    loaded: list[ssl.SSLContext] = []
    load = httpx.create_ssl_context

    def counted() -> ssl.SSLContext:
        loaded.append(context := load())
        return context

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    org, receiver = HttpxTransport(Network()), HttpxTransport(Network())
    assert len(loaded) == 1

    other = HttpxTransport(Network(ca_file=str(SELF_SIGNED)))
    for transport in (org, receiver, other):
        transport.close()
    del org, receiver, other, transport, loaded[0]
    gc.collect()
    HttpxTransport(Network()).close()
    assert len(loaded) == 1


@loopback
def test_a_trusted_certificate_of_another_host_is_not_trusted(secure_server: Server) -> None:
    """The name counts, not only the signature."""
    url = secure_server.url.replace("localhost", "127.0.0.1")
    transport = HttpxTransport(Network(ca_file=str(SELF_SIGNED)))
    with contextlib.closing(transport), pytest.raises(UntrustedHostError):
        transport.send(get(url))


@loopback
def test_https_to_a_plain_http_port_was_not_sent(serve: Serve) -> None:
    """A server that does not speak TLS got nothing but a greeting."""
    server = serve(answering("400 Bad Request"))
    transport = HttpxTransport(Network(ca_file=str(SELF_SIGNED)))
    with contextlib.closing(transport), pytest.raises(NotSentError):
        transport.send(get(server.url.replace("http:", "https:"), Authorization=f"Bearer {TOKEN}"))
    assert TOKEN not in "".join(server.heads)


@pytest.mark.parametrize(
    ("file", "variable"),
    [(__file__, ""), ("", __file__), ("", "/does/not/exist.pem")],
    ids=["ca-file", "SSL_CERT_FILE", "missing"],
)
def test_certificates_that_cannot_be_read_are_a_usage_error(
    file: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", variable)
    with pytest.raises(UsageError) as caught:
        HttpxTransport(Network(ca_file=file or None))
    assert caught.value.code == "bad-ca-file"
