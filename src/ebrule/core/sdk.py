"""The official SDK as a transport: one request, once, through the REST client of ``PureCloudPlatformClientV2``.

The SDK has three levels, and only the lowest one can carry a request unchanged. Its APIs and models drop fields that
they do not know and turn an unknown operator into ``outdated_sdk_version``. ``RESTClientObject.request`` below them
writes the body as JSON of its own, reads the reply as text, and sends a PUT again up to ten times when a connection
breaks or a 503 asks for it. So requests leave through what that method itself sends with: the connection pools of
``RESTClientObject``, made by the SDK from its own configuration, each call with retries and redirects off. No
``ApiException`` can arise there: the SDK makes them from replies one level up, and here a reply stays a reply.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import re
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import httpx

from ebrule.core.proxies import Proxies, Proxy
from ebrule.core.reply import BrokenError, NotSentError, Reply, Request, UntrustedHostError
from ebrule.core.transport import (
    CALL_SECONDS,
    CONNECT_SECONDS,
    UNSENDABLE,
    host_of,
    is_about_trust,
    read_reply,
    ssl_context,
)
from ebrule.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping

    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager

    from ebrule.settings import Network

_CONNECTIONS = 100
"""How many a pool opens at most, as httpx's does; the SDK's own four would make a run's reads wait for each other."""

_CHUNK_BYTES = 1 << 16
_FOLD = re.compile(r"\r?\n[ \t]+")


class SdkTransport:
    """The SDK's connection pools, without redirects, retries or cookies.

    To import the SDK takes seconds and is not without effects: it reads a configuration file in the home folder,
    starts a thread that is to watch it, and turns the logs of urllib3 off. That is why nothing of it is imported
    before a transport is made.
    """

    def __init__(self, network: Network, *, secure: bool = True, urls: Iterable[str] = ()) -> None:
        """Make the pools; ``secure`` False spares the loading of certificates: no https host is trusted then.

        ``urls`` are where requests will go: what is wrong with the proxy for one of them is an error now, and for any
        other URL once a request is to go there.

        Raises :class:`UsageError` where the SDK is not installed, and for certificates or a proxy that cannot be
        used.
        """
        self._context = ssl_context(network, secure=secure)
        self._proxies = Proxies(network)
        self._making = threading.Lock()
        try:
            self._pools: dict[Proxy | None, PoolManager] = {None: _pools(self._context)}
            for url in urls:
                with contextlib.suppress(ValueError):  # no request can go there, as `send` will say
                    self._pools_for(url)
        except ImportError as error:
            raise UsageError(
                f"the official SDK cannot be loaded: {error}",
                hint="pip install 'ebrule[sdk]'",
                code="no-sdk",
            ) from error

    def send(self, request: Request) -> Reply:
        """Send ``request`` and read the reply, up to 1 MiB of it."""
        from urllib3 import exceptions  # noqa: PLC0415 - comes with the SDK, which not everybody has

        started = time.perf_counter()
        try:
            pools = self._pools_for(request.url)
            _check_headers(request.headers)
        except ValueError as error:
            raise NotSentError(UNSENDABLE) from error
        try:
            with _closing(_send(pools, request)) as answer:
                response = httpx.Response(answer.status, headers=_headers(answer), stream=_Stream(answer))
                return read_reply(response, started)
        except exceptions.EmptyPoolError as error:
            raise NotSentError("no connection was free in time") from error
        except exceptions.LocationValueError as error:
            raise NotSentError(UNSENDABLE) from error
        except exceptions.ReadTimeoutError as error:
            raise BrokenError("no answer came in time") from error
        except exceptions.HTTPError as error:  # whatever fails before there is a connection: see _pool_classes
            raise BrokenError(_words(error)) from error
        except (ValueError, LookupError) as error:  # what a library below the SDK makes of an odd reply
            raise BrokenError("the reply cannot be read") from error

    def close(self) -> None:
        """Close the pools."""
        for pools in list(self._pools.values()):
            pools.clear()

    def _pools_for(self, url: str) -> PoolManager:
        """Return the pools to reach ``url`` with; raises ValueError where no request can go there."""
        host_of(url)
        if (scheme := httpx.URL(url).scheme) not in ("http", "https"):
            raise ValueError(f"no requests go to {scheme}")
        proxy = self._proxies.of(url)
        with self._making:
            if proxy not in self._pools:
                if proxy and proxy.is_socks:
                    raise UsageError(
                        f"{proxy.source} is a SOCKS proxy, and the SDK takes only http and https proxies",
                        hint="Leave out --transport sdk.",
                        code="no-socks",
                    )
                self._pools[proxy] = _pools(self._context, proxy and proxy.parsed)
            return self._pools[proxy]


def _send(pools: PoolManager, request: Request) -> BaseHTTPResponse:
    import urllib3  # noqa: PLC0415 - as above

    return pools.request(
        request.method,
        str(httpx.URL(request.url)),  # as it was judged: urllib3 reads some hosts in another way
        body=request.body,
        headers=dict(request.headers),
        retries=False,
        redirect=False,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=CALL_SECONDS),
        pool_timeout=CALL_SECONDS,
        preload_content=False,
        decode_content=False,
    )


@contextlib.contextmanager
def _closing(answer: BaseHTTPResponse) -> Iterator[BaseHTTPResponse]:
    """Close the connection of a reply that was not read to its end, and give its place in the pool back."""
    try:
        yield answer
    finally:
        answer.close()
        answer.release_conn()


class _Stream(httpx.SyncByteStream):
    """The raw bytes of a reply, in the shape in which the house reads them."""

    def __init__(self, answer: BaseHTTPResponse) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.stream(_CHUNK_BYTES, decode_content=False)


def _headers(answer: BaseHTTPResponse) -> list[tuple[bytes, bytes]]:
    """Return the headers' bytes, each value on one line; without the target of a redirect, as httpx's transport."""
    return [
        (name.encode("latin-1"), _FOLD.sub(" ", value).strip(" \t").encode("latin-1"))
        for name, value in answer.headers.items()
        if name.lower() != "location"
    ]


def _check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what urllib3 would let pass and httpx does not: folded lines, and anything beyond ASCII."""
    if not all(text.isascii() and text.isprintable() for pair in headers.items() for text in pair):
        raise ValueError(UNSENDABLE)


# --- what is the SDK's --------------------------------------------------------------------------------------------

_configuring = threading.Lock()


def _pools(context: ssl.SSLContext, proxy: httpx.Proxy | None = None) -> PoolManager:
    """Have the SDK make its REST client, and return what that sends with. Raises ImportError without the SDK."""
    from PureCloudPlatformClientV2 import configuration  # noqa: PLC0415 - takes seconds, and not everybody has it
    from PureCloudPlatformClientV2.rest import RESTClientObject  # noqa: PLC0415 - as above

    # urllib3 makes bytes of these by Latin-1; httpx, and most proxies, mean UTF-8.
    user, password = (text.encode().decode("latin-1") for text in (proxy and proxy.auth) or ("", ""))
    with _configured(
        configuration,
        verify_ssl=True,
        ssl_context=context,
        proxy=str(proxy.url) if proxy else None,
        proxy_username=user,
        proxy_password=password,
    ):
        pools: PoolManager = RESTClientObject(max_size=_CONNECTIONS).pool_manager
    pools.pool_classes_by_scheme = _pool_classes()
    return pools


@contextlib.contextmanager
def _configured(configuration: Any, **values: Any) -> Iterator[None]:
    """Set what the SDK's client is made from, and put it back: all of a process has one configuration."""
    with _configuring:
        before = {name: getattr(configuration, name) for name in values}
        try:
            for name, value in values.items():
                setattr(configuration, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(configuration, name, value)


@functools.cache
def _pool_classes() -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's pools with connections that tell what was not sent from what may have been.

    The exceptions of urllib3 do not: a reset is the same ``ProtocolError`` in the middle of a handshake and after
    a PUT, and so is a proxy's refusal. So a connection translates what goes wrong while it is made; whatever goes
    wrong later may have been heard.
    """
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, exceptions  # noqa: PLC0415 - as above
    from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: PLC0415 - as above

    @contextlib.contextmanager
    def connecting() -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, http.client.HTTPException, exceptions.HTTPError) as error:
            if is_about_trust(error):
                raise UntrustedHostError(_words(error)) from error
            late = isinstance(_innermost(error), TimeoutError)
            raise NotSentError("the connection could not be made in time" if late else _words(error)) from error

    class Connection(HTTPConnection):
        response_class = _Answer

        def connect(self) -> None:
            with connecting():
                super().connect()

    class SecureConnection(HTTPSConnection):
        response_class = _Answer

        def connect(self) -> None:
            with connecting():
                super().connect()

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


class _Lines(io.BufferedReader):
    """What comes from a connection; remembers the lines that were read since the last empty one."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__(raw)
        self.seen: deque[bytes] = deque(maxlen=_MOST_LINES)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line, as any file does."""
        line = super().readline(size)
        if self.seen and self.seen[-1] in (b"\r\n", b"\n"):
            self.seen.clear()
        self.seen.append(line)
        return line


class _Answer(http.client.HTTPResponse):
    """A reply whose head is whole and right.

    The standard library takes the end of a connection for the end of a head, skips lines that are no headers, and
    reads a body of an unknown length or encoding up to the end of the connection, whatever that is.
    """

    def begin(self) -> None:
        """Read the head; raises :class:`http.client.HTTPException` where it is cut or garbled."""
        raw: Any = self.fp.detach()  # the stubs do not know that it is a raw one
        lines = self.fp = _Lines(raw)
        super().begin()
        status_line, *headers, end = lines.seen
        if not end:
            raise http.client.HTTPException("the answer broke off in its head")
        lengths = {length.strip() for length in self.msg.get_all("content-length", ())}
        encodings = [encoding.strip().lower() for encoding in self.msg.get_all("transfer-encoding", ())]
        if (
            not _STATUS_LINE.fullmatch(status_line)
            or not _HEADERS.fullmatch(b"".join(headers))
            or len(lengths) > 1
            or not all(_LENGTH.fullmatch(length) for length in lengths)
            or encodings not in ([], ["chunked"])
        ):
            raise http.client.HTTPException("the head of the answer is garbled")
        if self.status < http.HTTPStatus.OK:
            # The true reply comes later, and must not be taken for that to the next request.
            raise http.client.HTTPException(f"a reply of {self.status} is no answer")


_MOST_LINES = 200  # the standard library allows a head 100 headers; the lines of a chunked body need not be kept
_TEXT = rb"[^\0\v\f\r\n]*\r?\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [0-9]{3}(?: " + _TEXT + rb"|\r?\n)")
_HEADERS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:" + _TEXT + rb"(?:[ \t]" + _TEXT + rb")*)*")
_LENGTH = re.compile(r"[0-9]{1,20}", re.ASCII)


# --- words --------------------------------------------------------------------------------------------------------


def _innermost(error: BaseException) -> BaseException:
    """Return what an error began with: urllib3's own texts are about its pools."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _words(error: BaseException) -> str:
    first = _innermost(error)
    return str(first).strip() or type(first).__name__
