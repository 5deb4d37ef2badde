"""Where requests leave: the httpx transport, and the client that holds every request to the house rules.

Whatever a transport raises is translated here into :mod:`ebrule.core.reply`'s errors; no library under ebrule
ever sends a request twice.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import time
import zlib
from dataclasses import replace
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import httpx

from ebrule.core.notices import Requested
from ebrule.core.pace import OutOfTimeError, Pace
from ebrule.core.reply import BrokenError, NotSentError, Reply, Request, TransportError, UntrustedHostError
from ebrule.errors import UsageError
from ebrule.settings.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrule.settings import Network

MAX_REPLY_BYTES = 1 << 20
CONNECT_SECONDS = 10.0
CALL_SECONDS = 20.0
"""How long one request may take from first to last byte."""


class Transport(Protocol):
    """Sends one request, once, and returns its reply or raises a :class:`TransportError`."""

    def send(self, request: Request) -> Reply:
        """Send ``request``; blocks until the whole reply is there."""

    def close(self) -> None:
        """Close what is open."""


class HttpxTransport:
    """The default transport: a connection pool of httpx, without redirects, retries or cookies."""

    def __init__(self, network: Network, *, secure: bool = True) -> None:
        """Make the pool; ``secure`` False spares the loading of certificates: no https host is trusted then.

        Raises :class:`UsageError` for certificates or a proxy that cannot be used.
        """
        self._closed = False
        try:
            context = _ssl_context(network.ca_file, secure=secure)
        except OSError as error:
            raise UsageError(
                f"the certificates to trust cannot be read: {error.strerror or error}",
                hint="--ca-file and SSL_CERT_FILE take a PEM file.",
                code="bad-ca-file",
            ) from error
        try:
            self._client = _pool(context, proxy=network.proxy)
            self._direct = _pool(context, trust_env=False)  # to loopback, never through a proxy
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise UsageError(
                "the proxy's URL is none that can be used",
                hint="--proxy and HTTPS_PROXY take http://host:port or https://host:port.",
                code="bad-proxy",
            ) from error

    def send(self, request: Request) -> Reply:
        """Send ``request`` and read the reply, up to 1 MiB of it."""
        started = time.perf_counter()
        try:
            client = self._direct if is_loopback(host_of(request.url)) else self._client
            outgoing = client.build_request(
                request.method, request.url, headers=dict(request.headers), content=request.body
            )
        except ValueError as error:
            raise NotSentError(_UNSENDABLE) from error
        try:
            with contextlib.closing(client.send(outgoing, stream=True)) as response:
                body = _read_body(response)
                if self._closed and (stream := response.extensions.get("network_stream")):
                    stream.close()  # the run has given up on this request and is over: no pool closes it any more
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            if _is_about_trust(error):
                raise UntrustedHostError(_words(error)) from error
            raise NotSentError(_words(error)) from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise NotSentError(_words(error)) from error
        except httpx.HTTPError as error:
            raise BrokenError(_words(error)) from error
        except (ValueError, LookupError) as error:  # what a library below httpx makes of an odd reply
            raise BrokenError("the reply cannot be read") from error
        elapsed = (time.perf_counter() - started) * 1000
        return Reply(response.status_code, _lower(response.headers), body, elapsed)

    def close(self) -> None:
        """Close the pool."""
        self._closed = True
        self._client.close()
        self._direct.close()


def _pool(context: ssl.SSLContext, *, proxy: str | None = None, trust_env: bool = True) -> httpx.Client:
    return httpx.Client(
        verify=context,
        proxy=proxy,
        trust_env=trust_env,
        follow_redirects=False,
        # A jar that takes nothing: one that is emptied after each reply still has its cookies for a moment.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        event_hooks={"response": [_forget_location]},
        timeout=httpx.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
    )


def _forget_location(response: httpx.Response) -> None:
    """Take the target off a redirect: httpx works out where it leads even if it is not to follow, and may stumble."""
    response.headers.pop("location", None)


def _ssl_context(ca_file: str | None, *, secure: bool) -> ssl.SSLContext:
    """Return a context that trusts ``ca_file``; by default httpx's own, which honours SSL_CERT_FILE."""
    if not secure:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _read_body(response: httpx.Response) -> bytes:
    """Read the raw bytes and decode them here, since a decoder without a cap would inflate a bomb first."""
    raw = bytearray()
    for chunk in response.iter_raw():
        raw += chunk
        if len(raw) > MAX_REPLY_BYTES:
            raise BrokenError(f"the reply is larger than {MAX_REPLY_BYTES:,} bytes")
    said = response.headers.get("content-encoding", "identity")
    encoding = said.strip().lower()
    if encoding in ("", "identity"):
        return bytes(raw)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BrokenError(f"the reply came in an encoding that was not asked for: {said}")
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = decoder.decompress(bytes(raw), MAX_REPLY_BYTES + 1)
    except zlib.error as error:
        raise BrokenError("the reply is compressed and broken") from error
    if len(body) > MAX_REPLY_BYTES or not decoder.eof:
        raise BrokenError(f"the reply is larger than {MAX_REPLY_BYTES:,} bytes, or cut short")
    return body


def _is_about_trust(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


_LONGEST_WORDS = 200
_UNSENDABLE = "the URL or a header is not one that HTTP can carry"

_WORDS: dict[type[httpx.HTTPError], str] = {
    httpx.LocalProtocolError: _UNSENDABLE,  # its own text would show the header, token and all
    httpx.ConnectTimeout: "the connection could not be made in time",
    httpx.PoolTimeout: "no connection was free in time",
    httpx.ReadTimeout: "no answer came in time",
    httpx.WriteTimeout: "the request could not be sent in time",
}


def _words(error: httpx.HTTPError) -> str:
    return _WORDS.get(type(error)) or str(error) or type(error).__name__


_QUESTION = re.compile(r"/api/v2/processautomation/triggers/[A-Za-z0-9._-]+/test", re.ASCII)
"""The only POST that the API is ever sent: whether a saved trigger matches an event. It changes nothing."""


class WriteRefusedError(Exception):
    """A request that could change something was about to leave a run that must not. A bug in ebrule."""


class Tokens(Protocol):
    """Where the client gets its token from."""

    def header(self) -> str:
        """Return the ``Authorization`` header's value."""

    def renew(self, refused_header: str) -> bool:
        """Replace a token that was refused; return whether to try once more."""


class Client:
    """Requests to one org's API.

    Each request goes to the configured origin only, carries the present token, ends within its limit, and is told
    to the observer. With ``read_only``, nothing but GET leaves, and what :meth:`ask` sends.

    Args:
        transport: what carries the requests.
        api_url: the origin, such as ``https://api.mypurecloud.com``.
        pace: the run's time.
        tokens: gives the token.
        read_only: whether to hold back everything but GET.
        hide: takes the secrets out of what is told of requests and replies.
    """

    def __init__(
        self,
        transport: Transport,
        api_url: str,
        pace: Pace,
        tokens: Tokens,
        *,
        read_only: bool = False,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._transport = transport
        self._origin = api_url.rstrip("/")
        self._pace = pace
        self._tokens = tokens
        self._read_only = read_only
        self._hide = hide

    def get(self, path: str) -> Reply:
        """GET ``path``, once more with a new token after a 401.

        Raises a :class:`TransportError` where no reply came.
        """
        return self._settle("GET", path)

    def ask(self, path: str, body: bytes) -> Reply:
        """POST ``body``, which is JSON, to a path that changes nothing by it, as :meth:`get` does.

        Raises a :class:`TransportError` where no reply came.
        """
        if not _QUESTION.fullmatch(path):
            raise WriteRefusedError(f"POST {path}")
        return self._settle("POST", path, body)

    def put(self, path: str, body: bytes) -> Reply:
        """PUT ``body``, which is JSON, to ``path``, exactly once.

        Raises a :class:`TransportError` where no reply came.
        """
        # Some of the time that is left is kept for asking what became of the PUT, if no answer comes.
        limit = min(CALL_SECONDS, self._pace.left() * 0.6)
        return self._send("PUT", path, self._tokens.header(), body, limit)

    def renew_token(self) -> bool:
        """Replace a token that a PUT was refused with; return whether to try once more."""
        return self._tokens.renew(self._tokens.header())

    def _settle(self, method: str, path: str, body: bytes | None = None) -> Reply:
        header = self._tokens.header()
        reply = self._send(method, path, header, body)
        if reply.status == HTTPStatus.UNAUTHORIZED and self._tokens.renew(header):
            reply = self._send(method, path, self._tokens.header(), body)
        return reply

    def _send(
        self, method: str, path: str, authorization: str, body: bytes | None = None, limit: float = CALL_SECONDS
    ) -> Reply:
        if self._read_only and method not in ("GET", "POST"):  # a POST got here through its own gate
            raise WriteRefusedError(f"{method} {path}")
        url = self._origin + path
        if not path.startswith("/") or origin_of(url) != origin_of(self._origin):
            raise WriteRefusedError(f"{path} leads away from {self._origin}")
        headers = {"Authorization": authorization, **JSON_HEADERS}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return send(self._transport, Request(method, url, headers, body), self._pace, limit, self._hide)


JSON_HEADERS: Mapping[str, str] = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "ebrule",
}


def send(
    transport: Transport,
    request: Request,
    pace: Pace,
    limit: float = CALL_SECONDS,
    hide: Callable[[str], str] = str,
) -> Reply:
    """Send one request within ``limit`` seconds, and tell the observer how it ended.

    ``hide`` takes the secrets out of what is told of it, to the observer and by the reply.

    Raises a :class:`TransportError` where no reply came; giving up on a request counts as a broken one.
    """
    if pace.left() <= 0:
        raise NotSentError("the deadline is over")
    started = pace.clock.monotonic()
    url = hide(request.url.partition("?")[0])  # a query may carry a key
    error: TransportError
    try:
        reply = replace(pace.call(lambda: transport.send(request), limit), hide=hide)
    except OutOfTimeError:
        error = BrokenError(f"no whole answer came in {pace.clock.monotonic() - started:.0f} s")
    except TransportError as caught:
        # A library may quote the line of a reply that it cannot read. What is cut first may show half a secret.
        error = type(caught)(hide(str(caught))[:_LONGEST_WORDS])
    else:
        said = (reply.status, reply.milliseconds, reply.correlation_id)
        pace.observe(Requested(request.method, url, *said))
        return reply
    elapsed = (pace.clock.monotonic() - started) * 1000
    pace.observe(Requested(request.method, url, None, elapsed, None, str(error)))
    raise error


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def host_of(url: str) -> str:
    """Return the host that a request to ``url`` goes to, as it is looked up.

    Raises ValueError where no request can go there. Some labels are refused by the look-up or by httpx only with the
    request half-way out, so both are asked here.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    if not parsed.host:
        raise ValueError("no host")
    host = parsed.raw_host.decode("ascii")
    host.encode("idna")
    return host


def as_json(data: Any) -> bytes:
    """Return ``data`` as it goes over the wire: compact JSON, in ASCII so that a lone surrogate survives."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode("ascii")
