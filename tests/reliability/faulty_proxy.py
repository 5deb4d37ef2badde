"""A TCP proxy between ebrule and an org that breaks what passes through it, on purpose and on record.

It knows just enough HTTP to tell a request's method, path and end. A fault says whether the request reaches
the org (not at all, once, twice, or only after the client has gone), and what the client sees of the answer.

    python tests/reliability/faulty_proxy.py --upstream http://127.0.0.1:PORT --rate 0.2 --seed 1

prints the proxy's URL, then one line for each request, until its standard input ends.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Forward = Literal["never", "once", "twice", "when-the-client-has-gone"]
Answer = Literal[
    "whole", "reset", "close", "never", "status", "cut", "flip", "other", "html", "empty", "long", "short",
    "drip",
]  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """What happens to one request: how often it reaches the org, and what comes back.

    ``status`` and ``location`` are those of an ``answer`` of "status"; ``seconds`` pass before anything else.
    """

    name: str
    forward: Forward
    answer: Answer
    status: int = 0
    location: str | None = None
    seconds: float = 0.0


_HTML: Final = b"<!doctype html><title>Sign in</title><p>This network wants you to sign in first.</p>"
_DRIP_SECONDS: Final = 0.0005
_GATEWAY: Final = (502, 503, 504)

KINDS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "request lost": (Fault("reset-before", "never", "reset"), Fault("close-before", "never", "close")),
    "reply lost": (Fault("reset-after", "once", "reset"), Fault("close-after", "once", "close")),
    "reply damaged": (
        Fault("cut", "once", "cut"),
        Fault("flip", "once", "flip"),
        Fault("other", "once", "other"),
        Fault("html", "once", "html"),
        Fault("empty", "once", "empty"),
        Fault("long", "once", "long"),
        Fault("short", "once", "short"),
    ),
    "5xx": (
        *(Fault(f"{status}-before", "never", "status", status) for status in _GATEWAY),
        *(Fault(f"{status}-after", "once", "status", status) for status in _GATEWAY),
    ),
    "silence": (
        Fault("hold-before", "never", "never"),
        Fault("hold-after", "once", "never"),
        Fault("late", "when-the-client-has-gone", "never"),
        Fault("slow", "once", "whole", seconds=0.1),
        Fault("drip", "once", "drip"),
    ),
}
"""The faults by kind, as far as they may meet any request."""

TWICE: Final = Fault("twice", "twice", "whole")
"""What a gateway does that repeats a PUT since it is idempotent: the org's 409 is then the echo of our own PUT.
Of no kind, since no client can tell such a 409 from any other."""

ALL_KINDS: Final[Mapping[str, tuple[Fault, ...]]] = {
    **KINDS,
    "refused after": (
        *(Fault(f"{status}-after", "once", "status", status) for status in (401, 403, 404, 409, 429)),
        Fault("302-after", "once", "status", 302, location="http://127.0.0.2:9/"),
    ),
}
"""The kinds, and those that are met only where they are asked for by name: such a refusal says that nothing was done,
and most of them come from an org of which that is true."""

FAULTS: Final[Mapping[str, Fault]] = {
    fault.name: fault for faults in (*ALL_KINDS.values(), (TWICE,)) for fault in faults
}
"""The faults by name."""

Plan = Callable[[str, str], Fault | None]
"""Told a request's method and path, gives what goes wrong with it, or None; asked once for each request."""


class Chance:
    """A seeded plan: a share ``rate`` of the requests meets a fault, each kind equally often.

    Only a PUT is ever answered with another, well-formed state of the rule ("other"): no client can tell that
    such an answer to a GET is wrong, and TLS is there so that none has to.

    Args:
        seed: makes it repeatable, for requests that come in the same order.
        rate: 0 to 1.
        methods: requests with other methods pass untouched.
        kinds: some of ``ALL_KINDS``.
    """

    def __init__(
        self,
        seed: int,
        rate: float,
        *,
        methods: Iterable[str] = ("PUT", "GET", "POST"),
        kinds: Iterable[str] = tuple(KINDS),
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable by intent
        self._rate = rate
        self._methods = frozenset(methods)
        self._kinds = [ALL_KINDS[kind] for kind in kinds]

    def __call__(self, method: str, path: str) -> Fault | None:
        """Choose for one request."""
        if method not in self._methods or self._random.random() >= self._rate:
            return None
        faults = self._random.choice(self._kinds)
        return self._random.choice([fault for fault in faults if method == "PUT" or fault.answer != "other"])


class Script:
    """A plan by heart: each method's faults in their order; afterwards, nothing goes wrong."""

    def __init__(self, **faults: Sequence[Fault | str | None]) -> None:
        self._faults = {
            method: [FAULTS[fault] if isinstance(fault, str) else fault for fault in those][::-1]
            for method, those in faults.items()
        }

    def __call__(self, method: str, path: str) -> Fault | None:
        """Give the next fault of the method."""
        faults = self._faults.get(method)
        return faults.pop() if faults else None


@dataclass(frozen=True)
class Passage:
    """One request that came by, and the fault that it met."""

    method: str
    path: str
    fault: Fault | None


@dataclass(frozen=True)
class _Message:
    """A request or a reply: its first line, its other header lines, its content."""

    start: bytes
    headers: tuple[bytes, ...]
    body: bytes

    def raw(self, body: bytes | None = None, length: int | None = None) -> bytes:
        """Return it as it goes over the wire, with another body or another content length if so wished."""
        body = self.body if body is None else body
        kept = [line for line in self.headers if not line.lower().startswith(b"content-length:")]
        size = b"Content-Length: %d\r\n" % (len(body) if length is None else length)
        return b"".join([self.start, *kept, size, b"\r\n", body])


def _read_message(stream: BinaryIO) -> _Message | None:
    """Read one message; None where the other side has closed, before or within it."""
    lines: list[bytes] = []
    length = 0
    while (line := stream.readline()) not in (b"", b"\r\n"):
        lines.append(line)
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    if not lines or not line:
        return None
    body = stream.read(length)
    return _Message(lines[0], tuple(lines[1:]), body) if len(body) == length else None


class FaultyProxy:
    """A running proxy; ``close`` ends it, and by then every request that is to reach the org has.

    Args:
        upstream: the org's URL.
        plan: what goes wrong.
    """

    def __init__(self, upstream: str, plan: Plan) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._plan = plan
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._log: list[Passage] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._address: tuple[str, int] = self._listener.getsockname()
        self.url = f"http://127.0.0.1:{self._address[1]}"
        self._start(self._accept)

    def passages(self, method: str | None = None) -> list[Passage]:
        """Return what came by so far, of one method or of all."""
        with self._lock:
            return [passage for passage in self._log if method in (None, passage.method)]

    def close(self) -> None:
        """Stop; clients that are still connected are cut off."""
        self._closing.set()
        # The accept in the other thread returns for this connection; closing the socket would not wake it.
        with contextlib.suppress(OSError):
            socket.create_connection(self._address).close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.pop().join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=target, args=args)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._closing.is_set():
                client.close()
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, client)

    @contextlib.contextmanager
    def _watched(self, connection: socket.socket) -> Iterator[socket.socket]:
        with self._lock:
            self._open.add(connection)
        try:
            yield connection
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _serve(self, client: socket.socket) -> None:
        # Whichever side breaks off ends this connection, and nothing else.
        with self._watched(client), contextlib.suppress(OSError), client.makefile("rb") as stream:
            while not self._closing.is_set():
                request = _read_message(stream)
                if request is None or not self._pass(request, client):
                    return

    def _pass(self, request: _Message, client: socket.socket) -> bool:
        """Treat one request; return whether the client's connection lives on."""
        method, path = request.start.decode("latin-1").split()[:2]
        with self._lock:
            fault = self._plan(method, path)
            self._log.append(Passage(method, path, fault))
        if fault is None:
            client.sendall(self._ask(request).raw())
            return True
        if fault.seconds:
            self._closing.wait(fault.seconds)
        if fault.forward == "when-the-client-has-gone":
            _wait_until_gone(client)
        times = {"never": 0, "twice": 2}.get(fault.forward, 1)
        replies = [self._ask(request) for _ in range(times)]
        reply = replies[-1] if replies else _page(fault.status or 200)
        return self._answer(fault, reply, client)

    def _ask(self, request: _Message) -> _Message:
        with (
            socket.create_connection(self._upstream) as connection,
            connection.makefile("rb") as stream,
        ):
            connection.sendall(request.raw())
            reply = _read_message(stream)
        if reply is None:
            raise ConnectionResetError("the org itself broke off")
        return reply

    def _answer(self, fault: Fault, reply: _Message, client: socket.socket) -> bool:
        answer, body = fault.answer, reply.body
        if answer == "reset":
            # Closing with a linger of 0 seconds sends RST in place of FIN.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif answer == "never":
            _wait_until_gone(client)
        elif answer == "cut":
            client.sendall(reply.raw()[: -(len(body) // 2 + 1)])
        elif answer == "long":
            client.sendall(reply.raw(length=len(body) + 10))
        elif answer == "drip":
            raw = reply.raw()
            for at in range(len(raw)):
                client.sendall(raw[at : at + 1])
                self._closing.wait(_DRIP_SECONDS)
            return True
        elif answer != "close":
            client.sendall(_wrong(fault, reply))
            return True
        return False


def _wrong(fault: Fault, reply: _Message) -> bytes:
    """Return the bytes of an answer that comes in full and may be wrong."""
    body = reply.body
    if fault.answer == "status":
        return _page(fault.status, fault.location).raw()
    if fault.answer == "html":
        return _page(200).raw()
    if fault.answer == "short":
        return reply.raw(length=max(len(body) - 10, 0))
    damaged = {
        "flip": bytes(0xFF if at % 7 == 0 else byte for at, byte in enumerate(body)),
        "other": body.replace(b'"priority":', b'"priority":1'),
        "empty": b"",
    }
    return reply.raw(damaged.get(fault.answer))


def _page(status: int, location: str | None = None) -> _Message:
    """Return what a gateway answers by itself."""
    headers = [b"Content-Type: text/html\r\n"]
    if location is not None:
        headers.append(f"Location: {location}\r\n".encode())
    return _Message(f"HTTP/1.1 {status} Gateway\r\n".encode(), tuple(headers), _HTML)


def _wait_until_gone(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(4096):
            pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a proxy for a person; return the exit code."""
    parser = argparse.ArgumentParser(description="Break some of the requests to an org.")
    parser.add_argument("--upstream", required=True, metavar="URL", help="the org, such as a sandbox's URL")
    parser.add_argument("--rate", type=float, default=0.2, help="share of requests that go wrong")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--method", action="append", help="only this one; repeatable")
    parser.add_argument("--kind", action="append", choices=sorted(ALL_KINDS), help="only this one; repeatable")
    options = parser.parse_args(arguments)
    chance = Chance(
        options.seed,
        options.rate,
        methods=options.method or ("PUT", "GET", "POST"),
        kinds=options.kind or tuple(KINDS),
    )

    def told(method: str, path: str) -> Fault | None:
        fault = chance(method, path)
        sys.stderr.write(f"{method} {path} {fault.name if fault else '-'}\n")
        return fault

    with contextlib.closing(FaultyProxy(options.upstream, told)) as proxy:
        sys.stdout.write(f"{proxy.url}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()
        counts: dict[str, int] = {}
        for passage in proxy.passages():
            name = passage.fault.name if passage.fault else "-"
            counts[f"{passage.method} {name}"] = counts.get(f"{passage.method} {name}", 0) + 1
    sys.stdout.write(json.dumps(counts, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
