"""Reading from the org, patiently: what may be tried again is, within one budget for the whole run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from ebrule.core.failures import failure, too_late, unreadable, wait
from ebrule.core.pace import CALLS_AT_ONCE, OutOfTimeError
from ebrule.core.reply import Reply, TransportError
from ebrule.core.retry import (
    CONFLICT_BACKOFF,
    NOT_SENT_BACKOFF,
    RATE_LIMIT_BACKOFF,
    Meaning,
    meaning_of,
    slow_down,
    wait_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ebrule.core.client import Client
    from ebrule.core.pace import Pace

T = TypeVar("T")

MAX_RETRIES = 30
"""How many requests a run may send again, in all: an API that is down is not hammered, however much there is to
read."""

CALLS_AT_ONCE_IN_TROUBLE = 8
"""How many reads run side by side from the first on that has to be sent again."""

TRIES = 3
RATE_LIMITED_TRIES = 10

_REASONS = {
    Meaning.RATE_LIMITED: ("rate limited by the org", RATE_LIMIT_BACKOFF, RATE_LIMITED_TRIES),
    Meaning.UNCLEAR: ("the org does not answer as it should", CONFLICT_BACKOFF, TRIES),
    Meaning.NOT_SENT: ("no connection to the org", NOT_SENT_BACKOFF, TRIES),
}


class Patience:
    """Sends a request that changes nothing until it is answered, within the run's budget of retries."""

    def __init__(self, pace: Pace, retries: int = MAX_RETRIES) -> None:
        self._pace = pace
        self._retries = retries
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._in_trouble = False

    def read_all(self, reads: Sequence[Callable[[], T]]) -> list[T]:
        """Run the reads at the same time and return their results in order.

        A rule with a dozen targets is read in one round trip, as long as the org answers well; one that does not is
        asked less at once. Raises :class:`UnavailableError` where the deadline comes first, and else what the earliest
        read that failed does.
        """
        try:
            return self._pace.call_all(reads, self._at_once)
        except OutOfTimeError:
            raise too_late("the org did not answer") from None

    def _at_once(self) -> int:
        return CALLS_AT_ONCE_IN_TROUBLE if self._in_trouble else CALLS_AT_ONCE

    def answer(self, send: Callable[[], Reply], doing: str) -> Reply:
        """Return the first reply that settles the matter: any but 408, 429 and 5xx.

        Raises :class:`UnavailableError` or :class:`AccessError` where none comes.
        """
        tries = 0
        while True:
            tries += 1
            self._hold(tries)
            try:
                outcome: Reply | TransportError = send()
            except TransportError as error:
                outcome = error
            meaning = meaning_of(outcome)
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
        if meaning is Meaning.RATE_LIMITED:
            self._hold_back(seconds)  # the limit is that of the token: it holds for the reads beside this one too
        wait(self._pace, seconds, reason, tries + 1, attempts)

    def _take(self) -> bool:
        with self._lock:
            self._in_trouble = True
            self._retries -= 1
            return self._retries >= 0

    def _hold_back(self, seconds: float) -> None:
        with self._lock:
            self._not_before = max(self._not_before, self._pace.clock.monotonic() + seconds)

    def _hold(self, attempt: int) -> None:
        """Wait until the rate limit has room again, if a reply said that it has little."""
        seconds = self._not_before - self._pace.clock.monotonic()
        if seconds > 0:
            wait(self._pace, seconds, "close to the org's rate limit", attempt, RATE_LIMITED_TRIES)

    def hold(self) -> None:
        """Wait before a write in the same way."""
        self._hold(1)


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
        reply = self._patience.answer(send, doing)
        meaning = meaning_of(reply)
        if meaning is Meaning.NOT_FOUND:
            return None
        if meaning is not Meaning.OK:
            raise failure(reply, doing)
        if not isinstance(reply.json, dict):
            raise unreadable(reply, doing)
        return reply
