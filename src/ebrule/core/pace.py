"""Time, chance and the user's wish to stop: the one place where a run waits.

Everything that takes time goes through a :class:`Pace`, so that one deadline holds for the whole run and a signal
is noticed at once. Requests run in threads of their own and are waited for here: a reply that drips in byte by
byte, or never comes, cannot outlast its limit, whatever the transport underneath does with its timeouts.
"""

from __future__ import annotations

import contextlib
import random as random_module
import threading
import time
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from ebrule.core.log import log_notice
from ebrule.errors import InterruptedRunError
from ebrule.system import boot_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ebrule.core.notices import Notice
    from ebrule.system import BootTime

T = TypeVar("T")

GRACE_SECONDS = 5.0
"""How long a run that was told to stop may go on to find out what became of its PUT."""

ANSWER_SECONDS = 1.0
"""How much of that a call under way gets to be answered; the rest is for asking back."""

LOOK_SECONDS = 0.25
"""How long a signal may go unnoticed."""

CALLS_AT_ONCE = 16


class OutOfTimeError(Exception):
    """A call or a wait does not fit into its limit or into what is left of the deadline."""


class Clock(Protocol):
    """Where time comes from; tests pass one of their own."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""

    def now(self) -> datetime:
        """Return the time of day, with its zone."""

    def boot(self) -> BootTime | None:
        """Return the time since the machine's start, where the system tells it."""

    def wait(self, inbox: SimpleQueue[Any], seconds: float) -> Any:
        """Return the next item of ``inbox``; raise :class:`queue.Empty` after ``seconds``."""

    def sleep(self, inbox: SimpleQueue[Any], seconds: float) -> None:
        """Let ``seconds`` pass, or less when something comes into ``inbox``."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the present time in UTC."""
        return datetime.now(timezone.utc)

    def boot(self) -> BootTime | None:
        """Return the time since the machine's start, by a clock that nobody sets."""
        return boot_time()

    def wait(self, inbox: SimpleQueue[Any], seconds: float) -> Any:
        """Wait for an item as long as allowed."""
        ends = time.monotonic() + seconds
        # Of two signals that come at once, another thread may take both: then nothing but a look wakes this one.
        while (left := ends - time.monotonic()) > LOOK_SECONDS:
            with contextlib.suppress(Empty):
                return inbox.get(timeout=LOOK_SECONDS)
        return inbox.get(timeout=max(left, 0.0))

    def sleep(self, inbox: SimpleQueue[Any], seconds: float) -> None:
        """Wait for time to pass, or for an item."""
        with contextlib.suppress(Empty):
            self.wait(inbox, seconds)


class _Done(NamedTuple):
    """How a call in a thread ended."""

    value: Any = None
    error: BaseException | None = None

    def unwrap(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


_WAKE = object()


class Pace:
    """The time that one run has, and what may cut it short.

    Args:
        deadline: seconds for the whole run.
        clock: where time comes from.
        random: where jitter comes from; uniform in [0, 1).
        observe: told of each wait, warning and request, from any thread; prints nothing by itself.
    """

    def __init__(
        self,
        deadline: float = 120.0,
        *,
        clock: Clock | None = None,
        random: Callable[[], float] = random_module.random,
        observe: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.random = random
        self._observe: Callable[[Notice], None] | None = observe
        self._ends = self.clock.monotonic() + deadline
        self._signals: list[int] = []
        self._shields = 0
        self._inboxes: dict[int, SimpleQueue[Any]] = {}

    def observe(self, notice: Notice) -> None:
        """Log a notice and pass it to the observer; one that fails, such as a closed screen, gets no more."""
        log_notice(notice)
        if self._observe is None:
            return
        try:
            self._observe(notice)
        except (OSError, ValueError):
            self._observe = None

    def left(self) -> float:
        """Return the seconds left, which a signal cuts down to the grace period; may be negative."""
        return self._ends - self.clock.monotonic()

    # --- signals ------------------------------------------------------------------------------------------------

    def interrupt(self, signum: int) -> None:
        """Note that the user wants the run to end. Safe in a signal handler: it takes no lock."""
        self._signals.append(signum)
        self._ends = min(self._ends, self.clock.monotonic() + GRACE_SECONDS)
        for inbox in tuple(self._inboxes.values()):
            inbox.put(_WAKE)

    @property
    def interrupted(self) -> int | None:
        """The first signal that came, or None."""
        return self._signals[0] if self._signals else None

    def check(self) -> None:
        """Raise :class:`InterruptedRunError` where a signal came that may end the run here.

        Under a shield the first signal waits, and the second one counts.
        """
        if len(self._signals) > (1 if self._shields else 0):
            raise InterruptedRunError(self._signals[0])

    @contextlib.contextmanager
    def shield(self) -> Iterator[None]:
        """Let the first signal only shorten the deadline while a write may be under way."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    # --- waiting ------------------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Wait; a signal ends the wait early.

        Raises :class:`OutOfTimeError` at once if the wait does not fit into the deadline.
        """
        self.check()
        heard = len(self._signals)
        if seconds > self.left():
            raise OutOfTimeError
        inbox: SimpleQueue[Any] = SimpleQueue()
        with self._listening(inbox):
            if seconds > 0 and len(self._signals) == heard:
                self.clock.sleep(inbox, seconds)
        self.check()

    def call(self, function: Callable[[], T], limit: float) -> T:
        """Run ``function`` in a thread and return what it returns, or raise what it raises.

        Raises :class:`OutOfTimeError` when it takes longer than ``limit`` seconds or than the deadline allows;
        the thread is then left to itself.
        """
        inbox: SimpleQueue[Any] = SimpleQueue()
        heard = len(self._signals)
        self.check()
        if self.left() <= 0:
            raise OutOfTimeError
        _start(function, inbox)
        result: T = self._await(inbox, limit, heard).unwrap()
        return result

    def call_all(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """Run ``functions``, sixteen at a time, and return their results in order.

        Once one has raised, no further one is started. Of several errors, that of the earliest function is
        raised, so that what a user reads does not depend on which reply came first.
        """
        inbox: SimpleQueue[Any] = SimpleQueue()
        done: dict[int, _Done] = {}
        waiting = list(enumerate(functions))[::-1]
        running: set[int] = set()
        failed = len(functions)
        while waiting or any(index < failed for index in running):
            while waiting and len(running) < CALLS_AT_ONCE:
                index, function = waiting.pop()
                _start(function, inbox, tag=index)
                running.add(index)
            index, ended = self._await(inbox, self.left(), len(self._signals))
            done[index] = ended
            running.remove(index)
            if ended.error is not None:
                waiting.clear()
                failed = min(failed, index)
        return [done[index].unwrap() for index in sorted(done)]

    def _await(self, inbox: SimpleQueue[Any], seconds: float, heard: int) -> Any:
        until = self.clock.monotonic() + seconds
        with self._listening(inbox):
            while True:
                self.check()
                if len(self._signals) > heard:  # an answer that never comes must leave time to ask back
                    heard = len(self._signals)
                    until = min(until, self.clock.monotonic() + ANSWER_SECONDS)
                left = min(until - self.clock.monotonic(), self.left())
                if left <= 0:
                    raise OutOfTimeError
                try:
                    item = self.clock.wait(inbox, left)
                except Empty:
                    raise OutOfTimeError from None
                if item is not _WAKE:
                    return item

    @contextlib.contextmanager
    def _listening(self, inbox: SimpleQueue[Any]) -> Iterator[None]:
        self._inboxes[id(inbox)] = inbox
        try:
            yield
        finally:
            del self._inboxes[id(inbox)]


def _start(function: Callable[[], Any], inbox: SimpleQueue[Any], tag: int | None = None) -> None:
    def run() -> None:
        try:
            done = _Done(function())
        except BaseException as error:  # noqa: BLE001 - handed on to the thread that waits
            done = _Done(error=error)
        inbox.put(done if tag is None else (tag, done))

    # A daemon, so that a thread that was given up on cannot hold up the end of the process.
    threading.Thread(target=run, daemon=True).start()
