"""Reading from the org, patiently: what may be tried again is, within one budget for the whole run."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

from ebrule.core.failures import failure, too_late, unreadable, wait
from ebrule.core.pace import CALLS_AT_ONCE, LOOK_SECONDS, OutOfTimeError
from ebrule.core.reply import Reply, TransportError
from ebrule.core.retry import (
    CONFLICT_BACKOFF,
    NOT_SENT_BACKOFF,
    RATE_LIMIT_BACKOFF,
    Meaning,
    meaning_of,
    retry_after,
    slow_down,
    wait_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ebrule.core.client import Client
    from ebrule.core.pace import Pace
    from ebrule.errors import UnavailableError

T = TypeVar("T")

MAX_RETRIES = 30
"""How many requests a run may send again, in all: an API that is down is not hammered, however much there is to
read."""

CALLS_AT_ONCE_IN_TROUBLE = 8
"""How many requests are out side by side from the first on that has to be sent again."""

TRIES = 3
RATE_LIMITED_TRIES = 10

_REASONS = {
    Meaning.RATE_LIMITED: ("rate limited by the org", RATE_LIMIT_BACKOFF, RATE_LIMITED_TRIES),
    Meaning.UNCLEAR: ("the org does not answer as it should", CONFLICT_BACKOFF, TRIES),
    Meaning.NOT_SENT: ("no connection to the org", NOT_SENT_BACKOFF, TRIES),
}


class Patience:
    """Sends a request that changes nothing until it is answered, within the run's budget of retries.

    As long as the org answers well, sixteen requests are out side by side; eight, once one had to be sent again; and
    after a 429 a single one, which finds out whether the others may go on.
    """

    def __init__(self, pace: Pace, retries: int = MAX_RETRIES) -> None:
        self._pace = pace
        self._retries = retries
        self._changed = threading.Condition()
        self._not_before = 0.0
        self._out = 0
        self._at_once = CALLS_AT_ONCE

    def read_all(self, reads: Sequence[Callable[[], T]]) -> list[T]:
        """Run the reads at the same time and return their results in order.

        Raises :class:`UnavailableError` where the deadline comes first, and else what the earliest read that failed
        does.
        """
        try:
            return self._pace.call_all(reads)
        except OutOfTimeError:
            raise _no_answer() from None

    def answer(self, send: Callable[[], Reply], doing: str, *, out_of_turn: bool = False) -> Reply:
        """Return the first reply that settles the matter: any but 408, 429 and 5xx.

        ``out_of_turn`` is for what the requests that are out may have to wait for: a new token.

        Raises :class:`UnavailableError` or :class:`AccessError` where none comes.
        """
        tries = 0
        while True:
            tries += 1
            if out_of_turn:
                self._hold(tries)
                outcome = _outcome(send)
            else:
                with self._turn(tries):
                    outcome = _outcome(send)
            meaning = meaning_of(outcome)
            self._learn(meaning)
            if isinstance(outcome, Reply):
                self._hold_back(slow_down(outcome.headers))
                if meaning not in _REASONS:
                    return outcome
            if meaning not in _REASONS or tries >= _REASONS[meaning][2] or not self._take():
                raise failure(outcome, doing) from (outcome if isinstance(outcome, TransportError) else None)
            self._wait(outcome, meaning, tries)

    def _wait(self, outcome: Reply | TransportError, meaning: Meaning, tries: int) -> None:
        reason, backoff, attempts = _REASONS[meaning]
        headers = outcome.headers if isinstance(outcome, Reply) else {}
        seconds = wait_seconds(headers, tries, backoff, now=self._pace.clock.now(), random=self._pace.random)
        if meaning is Meaning.RATE_LIMITED or retry_after(headers, self._pace.clock.now()) is not None:
            self._hold_back(seconds)  # it is the org that asks for that: it holds for the reads beside this one too
        wait(self._pace, seconds, reason, tries + 1, attempts)

    def _take(self) -> bool:
        with self._changed:
            self._retries -= 1
            return self._retries >= 0

    # --- when, and how many at once -------------------------------------------------------------------------------

    def _learn(self, meaning: Meaning) -> None:
        with self._changed:
            if meaning is Meaning.RATE_LIMITED:
                self._at_once = 1
            elif meaning in _REASONS or self._at_once == 1:
                self._at_once = CALLS_AT_ONCE_IN_TROUBLE
            self._changed.notify_all()

    @contextlib.contextmanager
    def _turn(self, attempt: int) -> Iterator[None]:
        """Wait until one more request may be out, and count it as long as it is."""
        while not self._takes_turn(attempt):
            self._pace.check()
        try:
            yield
        finally:
            with self._changed:
                self._out -= 1
                self._changed.notify_all()

    def _takes_turn(self, attempt: int) -> bool:
        if self._pace.left() <= 0:
            raise _no_answer()
        self._hold(attempt)
        with self._changed:
            if self._out >= self._at_once:
                self._changed.wait(LOOK_SECONDS)
                return False
            if self._left_to_hold() > 0:  # since a moment ago
                return False
            self._out += 1
            return True

    def _hold_back(self, seconds: float) -> None:
        with self._changed:
            self._not_before = max(self._not_before, self._pace.clock.monotonic() + seconds)

    def _left_to_hold(self) -> float:
        return self._not_before - self._pace.clock.monotonic()

    def _hold(self, attempt: int) -> None:
        """Wait until the org's limit has room again, if a reply said that it has little, or says so meanwhile."""
        while (seconds := self._left_to_hold()) > 0:
            wait(self._pace, seconds, "close to the org's rate limit", attempt, RATE_LIMITED_TRIES)

    def hold(self) -> None:
        """Wait before a write in the same way."""
        self._hold(1)


def _outcome(send: Callable[[], Reply]) -> Reply | TransportError:
    try:
        return send()
    except TransportError as error:
        return error


def _no_answer() -> UnavailableError:
    return too_late("the org did not answer")


class Reader:
    """What one run asks the org, none of which changes anything."""

    def __init__(self, client: Client, patience: Patience) -> None:
        self._client = client
        self._patience = patience

    def read(self, path: str, doing: str) -> Reply | None:
        """Return the reply of a GET, whose body is a JSON object; None where there is no such resource.

        Raises :class:`AccessError`, :class:`UnavailableError` or :class:`InvalidRuleError`, as the reply was.
        """
        return self._object(lambda: self._client.get(path), doing)

    def ask(self, path: str, body: bytes, doing: str) -> Reply | None:
        """Return the reply of a POST that changes nothing, as :meth:`read` does that of a GET; raises the same."""
        return self._object(lambda: self._client.ask(path, body), doing)

    def _object(self, send: Callable[[], Reply], doing: str) -> Reply | None:
        self._client.authorize()  # whoever waits for the first token keeps no other request from going out
        reply = self._patience.answer(send, doing)
        meaning = meaning_of(reply)
        if meaning is Meaning.NOT_FOUND:
            return None
        if meaning is not Meaning.OK:
            raise failure(reply, doing)
        if not isinstance(reply.json, dict):
            raise unreadable(reply, doing)
        return reply
