"""What carries requests: one at a time, once each. The default is httpx; ``sdk.py`` has the other one.

Whatever a transport raises is translated into :mod:`ebrule.core.reply`'s errors; no library under ebrule ever sends a
request twice.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
import zlib
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

import httpx

from ebrule.core.proxies import Proxies, Proxy
from ebrule.core.reply import BrokenError, NotSentError, Reply, Request, UntrustedHostError
from ebrule.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrule.settings import Network

MAX_REPLY_BYTES = 1 << 20
CONNECT_SECONDS = 10.0
CALL_SECONDS = 20.0
"""How long one request may take from first to last byte."""

UNSENDABLE = "the URL or a header is not one that HTTP can carry"


class Transport(Protocol):
    """Sends one request, once, and returns its reply or raises a :class:`TransportError`."""

    def send(self, request: Request) -> Reply:
        """Send ``request``; blocks until the whole reply is there."""

    def close(self) -> None:
        """Close what is open."""


class HttpxTransport:
    """The default transport: a connection pool of httpx, without redirects, retries or cookies."""

    def __init__(self, network: Network, *, secure: bool = True, urls: Iterable[str] = ()) -> None:
        """Make the pool; ``secure`` False spares the loading of certificates: no https host is trusted then.

        ``urls`` are where requests will go: what is wrong with the proxy for one of them is an error now, and for any
        other URL once a request is to go there.

        Raises :class:`UsageError` for certificates or a proxy that cannot be used.
        """
        self._closed = False
        self._context = _shared_context(network) if secure else ssl_context(network, secure=False)
        self._proxies = Proxies(network)
        self._direct = _pool(self._context)
        self._pools: dict[Proxy | None, httpx.Client] = {None: self._direct}
        self._making = threading.Lock()
        for url in urls:
            with contextlib.suppress(ValueError):  # no request can go there, as `send` will say
                self._pool_for(url)

    def send(self, request: Request) -> Reply:
        """Send ``request`` and read the reply, up to 1 MiB of it."""
        started = time.perf_counter()
        try:
            client = self._pool_for(request.url)
            outgoing = client.build_request(
                request.method, request.url, headers=dict(request.headers), content=request.body
            )
        except ValueError as error:
            raise NotSentError(UNSENDABLE) from error
        try:
            with contextlib.closing(client.send(outgoing, stream=True)) as response:
                reply = read_reply(response, started)
                if self._closed and (stream := response.extensions.get("network_stream")):
                    stream.close()  # the run has given up on this request and is over: no pool closes it any more
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            if is_about_trust(error):
                raise UntrustedHostError(_words(error)) from error
            raise NotSentError(_words(error)) from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise NotSentError(_words(error)) from error
        except httpx.HTTPError as error:
            raise BrokenError(_words(error)) from error
        except (ValueError, LookupError) as error:  # what a library below httpx makes of an odd reply
            raise BrokenError("the reply cannot be read") from error
        return reply

    def close(self) -> None:
        """Close the pools."""
        self._closed = True
        for pool in list(self._pools.values()):
            pool.close()

    def _pool_for(self, url: str) -> httpx.Client:
        """Return the pool to reach ``url`` with; raises ValueError where no request can go there."""
        host_of(url)
        proxy = self._proxies.of(url)
        with self._making:
            if proxy not in self._pools:
                if proxy:
                    proxy.require("socksio")
                self._pools[proxy] = _pool(self._context, proxy and proxy.parsed)
            return self._pools[proxy]


def _pool(context: ssl.SSLContext, proxy: httpx.Proxy | None = None) -> httpx.Client:
    return httpx.Client(
        verify=context,
        proxy=proxy,
        trust_env=False,  # which proxies there are, `Proxies` says
        follow_redirects=False,
        # A jar that takes nothing: one that is emptied after each reply still has its cookies for a moment.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        event_hooks={"response": [_forget_location]},
        timeout=httpx.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
    )


_CONTEXTS: WeakValueDictionary[tuple[str | None, ...], ssl.SSLContext] = WeakValueDictionary()
"""Those of the transports that there are, by where their certificates come from."""


def _shared_context(network: Network) -> ssl.SSLContext:
    """Return a context for this network, loaded once for all that a run talks to: that takes longer than a request.

    Raises :class:`UsageError` for certificates that cannot be used.
    """
    origin = (network.ca_file, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    context = _CONTEXTS.get(origin)
    if context is None:
        context = _CONTEXTS[origin] = ssl_context(network, secure=True)
    return context


def _forget_location(response: httpx.Response) -> None:
    """Take the target off a redirect: httpx works out where it leads even if it is not to follow, and may stumble."""
    response.headers.pop("location", None)


_WORDS: dict[type[httpx.HTTPError], str] = {
    httpx.LocalProtocolError: UNSENDABLE,  # its own text would show the header, token and all
    httpx.ConnectTimeout: "the connection could not be made in time",
    httpx.PoolTimeout: "no connection was free in time",
    httpx.ReadTimeout: "no answer came in time",
    httpx.WriteTimeout: "the request could not be sent in time",
}


def _words(error: httpx.HTTPError) -> str:
    return _WORDS.get(type(error)) or str(error) or type(error).__name__


# --- what all transports do in one way ----------------------------------------------------------------------------


def ssl_context(network: Network, *, secure: bool) -> ssl.SSLContext:
    """Return a context that trusts the certificates of ``network``; by default httpx's own, as SSL_CERT_FILE says.

    ``secure`` False spares the loading of certificates: no https host is trusted then.

    Raises :class:`UsageError` for certificates that cannot be used.
    """
    if not secure:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=network.ca_file) if network.ca_file else httpx.create_ssl_context()
    except OSError as error:
        raise UsageError(
            f"the certificates to trust cannot be read: {error.strerror or error}",
            hint="--ca-file and SSL_CERT_FILE take a PEM file.",
            code="bad-ca-file",
        ) from error


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


def read_reply(response: httpx.Response, started: float) -> Reply:
    """Return a reply with its whole body; ``started`` is when its request was, by ``time.perf_counter``.

    Raises :class:`BrokenError` for more than 1 MiB, packed or not, and for what cannot be unpacked.
    """
    body = _body(response)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, body, (time.perf_counter() - started) * 1000)


def _body(response: httpx.Response) -> bytes:
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
    try:
        return _inflated(bytes(raw))
    except zlib.error as error:
        raise BrokenError("the reply is compressed and broken") from error


def _inflated(raw: bytes) -> bytes:
    """Decompress a body, which may be several gzip members one after the other (RFC 1952, 2.2)."""
    body = b""
    while True:
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
        body += decoder.decompress(raw, MAX_REPLY_BYTES + 1 - len(body))
        if len(body) > MAX_REPLY_BYTES or not decoder.eof:
            raise BrokenError(f"the reply is larger than {MAX_REPLY_BYTES:,} bytes, or cut short")
        raw = decoder.unused_data
        if not raw:
            return body


def is_about_trust(error: BaseException) -> bool:
    """Return whether it was a certificate that a connection failed for."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
