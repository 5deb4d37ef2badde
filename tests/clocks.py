"""Time and the wire as tests need them: implementations of ``Clock`` and ``Transport`` that never wait."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias

from ebrule.core.reply import Reply, Request, TransportError
from ebrule.system import BootTime

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

Outcome: TypeAlias = Reply | TransportError


class FakeClock:
    """A clock that stands still until somebody waits, and then jumps.

    Args:
        now: the time of day that it begins with.
        patience: real seconds after which a :meth:`wait` is over, however long it should be; 10 at
            most. A short one is for what never comes.

    Attributes:
        sleeps: the seconds of each sleep that was not cut short.
        during_sleep: called in the midst of each sleep.
        during_wait: called at the beginning of each wait.
    """

    def __init__(self, now: datetime = NOON, patience: float = 10.0) -> None:
        self.sleeps: list[float] = []
        self.during_sleep: Callable[[], None] = lambda: None
        self.during_wait: Callable[[], None] = lambda: None
        self._began = now
        self._elapsed = 0.0
        self._patience = min(patience, 10.0)
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Return the seconds that were waited so far."""
        return self._elapsed

    def now(self) -> datetime:
        """Return the time of day."""
        return self._began + timedelta(seconds=self._elapsed)

    def boot(self) -> BootTime:
        """Return the time since the start of a machine that started when the clock did."""
        return BootTime("fake-boot", self._elapsed)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._elapsed += seconds

    def wait(self, inbox: SimpleQueue[Any], seconds: float) -> Any:
        """Wait for an item, for real; where none comes, ``seconds`` have passed."""
        self.during_wait()
        try:
            return inbox.get(timeout=self._patience)
        except Empty:
            self.advance(seconds)
            raise

    def sleep(self, inbox: SimpleQueue[Any], seconds: float) -> None:
        """Let ``seconds`` pass at once, or none of them where something comes into ``inbox``."""
        self.during_sleep()
        if inbox.empty():
            self.sleeps.append(seconds)
            self.advance(seconds)


class ScriptedTransport:
    """A transport that gives the outcomes it was told, in their order.

    Args:
        script: what comes back for each request.
        otherwise: gives what comes back once the script is at its end; by default that fails the test.

    Attributes:
        requests: what was sent.
        closed: whether it was closed.
    """

    def __init__(self, *script: Outcome, otherwise: Callable[[Request], Outcome] | None = None) -> None:
        self.requests: list[Request] = []
        self.closed = False
        self._script = list(script)
        self._otherwise = otherwise
        self._lock = threading.Lock()

    def send(self, request: Request) -> Reply:
        """Note the request, and return or raise what the script says."""
        with self._lock:
            self.requests.append(request)
            outcome = self._script.pop(0) if self._script else None
        if outcome is None:
            assert self._otherwise is not None, f"{request.method} {request.url} is not in the script"
            outcome = self._otherwise(request)
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def check_all_used(self) -> None:
        """Fail where the script was not played to its end."""
        assert self._script == [], "the script was not played to its end"


def reply(status: int = 200, body: Any = None, **headers: str) -> Reply:
    """Return a reply: ``body`` as JSON, unless it is bytes; ``retry_after`` is the header ``retry-after``."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)
