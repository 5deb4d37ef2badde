"""What a reply means for a request, and how long to wait before the next one. Pure: clock and chance are passed in.

Sources: RFC 9110 (Retry-After, Date), the rate-limit headers that Genesys Cloud documents (``inin-ratelimit-*``),
and the table of replies in the README.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from ebrule.core.reply import NotSentError, Reply, TransportError, UntrustedHostError

Random = Callable[[], float]

_STALE_MESSAGE = "does not match the current version"
_THROTTLED_TOKEN = "rate limit exceeded"  # noqa: S105 - a phrase in an error's text, no secret


class Meaning(enum.Enum):
    """What a reply to a request, or its absence, says about what happened."""

    OK = "2xx: done"
    STALE = "409, 412, 400 of a stale version: not applied"
    REFUSED = "400, 413, 422 or another 4xx: not applied, and never will be"
    UNAUTHORIZED = "401: not applied, the token is bad"
    FORBIDDEN = "403: not applied"
    NOT_FOUND = "404, 410: not applied, there is no such thing"
    UNSUPPORTED = "405, 415, 501, 3xx: not applied, this is not the API that was expected"
    RATE_LIMITED = "429: not applied, later perhaps"
    UNCLEAR = "408, 5xx, 303, an answer that broke off: it may have been applied"
    NOT_SENT = "no connection: not applied"
    UNTRUSTED = "the host could not prove who it is: not applied"


_BY_STATUS = {
    303: Meaning.UNCLEAR,
    401: Meaning.UNAUTHORIZED,
    403: Meaning.FORBIDDEN,
    404: Meaning.NOT_FOUND,
    405: Meaning.UNSUPPORTED,
    408: Meaning.UNCLEAR,
    409: Meaning.STALE,
    410: Meaning.NOT_FOUND,
    412: Meaning.STALE,
    415: Meaning.UNSUPPORTED,
    429: Meaning.RATE_LIMITED,
    501: Meaning.UNSUPPORTED,
}

_BY_HUNDRED = {
    2: Meaning.OK,
    3: Meaning.UNSUPPORTED,
    4: Meaning.REFUSED,
}


def meaning_of(outcome: Reply | TransportError) -> Meaning:
    """Return the one meaning that a reply or a transport error has."""
    if isinstance(outcome, NotSentError):
        return Meaning.NOT_SENT
    if isinstance(outcome, UntrustedHostError):
        return Meaning.UNTRUSTED
    if isinstance(outcome, TransportError):
        return Meaning.UNCLEAR
    if outcome.status == 400:  # noqa: PLR2004 - a status code
        message = " ".join(outcome.error_texts()).lower()
        if _STALE_MESSAGE in message:
            return Meaning.STALE
        if _THROTTLED_TOKEN in message:
            return Meaning.RATE_LIMITED
    # A status that HTTP does not have, a 1xx at the end of a request included, tells nothing.
    return _BY_STATUS.get(outcome.status) or _BY_HUNDRED.get(outcome.status // 100, Meaning.UNCLEAR)


class Backoff(NamedTuple):
    """Full jitter: a wait between nothing and ``base`` doubled with each try, up to ``cap``. All in seconds."""

    base: float
    cap: float

    def seconds(self, tries: int, random: Random) -> float:
        """Return the wait before the next try after ``tries`` failed ones, counted from 1."""
        return random() * min(self.cap, self.base * 2.0 ** min(tries - 1, 60))


CONFLICT_BACKOFF = Backoff(base=0.2, cap=20.0)
RATE_LIMIT_BACKOFF = Backoff(base=1.0, cap=20.0)
NOT_SENT_BACKOFF = Backoff(base=0.05, cap=1.0)

MAX_JITTER_SECONDS = 1.0
"""How much is added at most to a wait that the server asked for, so that many clients do not come back at once."""

_SECONDS = re.compile(r"[0-9]+")
_LONGEST = 999_999_999.0

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# Not compiled here: most runs never see a date, and `re` keeps what it has compiled.
_DATES = (
    rf"{_DAY}, (?P<day>[0-9]{{2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<year>[0-9]{{4}}) {_TIME} GMT",
    (
        r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
        rf"(?P<day>[0-9]{{2}})-(?P<month>[A-Z][a-z]{{2}})-(?P<year>[0-9]{{2}}) {_TIME} GMT"
    ),
    rf"{_DAY} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
)


def http_date(text: str, now: datetime) -> datetime | None:
    """Return the moment that one of RFC 9110's three date formats names, or None where ``text`` is none of them.

    A year of two digits means the century that puts it at most 50 years into the future, as the RFC says.
    """
    match = next((found for pattern in _DATES if (found := re.fullmatch(pattern, text))), None)
    if match is None or match["month"] not in _MONTHS:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:  # noqa: PLR2004 - two digits
        year += now.year // 100 * 100
        if year > now.year + 50:
            year -= 100
    second = int(match["second"])
    leap = second == 60  # noqa: PLR2004 - a leap second has no datetime: it is the first one of the next minute
    try:
        return datetime(
            year, _MONTHS.index(match["month"]) + 1, int(match["day"]), int(match["hour"]), int(match["minute"]),
            second - leap, tzinfo=timezone.utc,
        ) + timedelta(seconds=leap)  # fmt: skip
    except (ValueError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a reply's ``Retry-After`` asks for, or None where it says nothing usable.

    A date is measured against the reply's own ``Date``, so that a clock that is wrong on either side does no harm,
    and against ``now`` only where the reply has none. A past date, a negative number, a fraction, and digits of
    other alphabets say nothing.
    """
    text = _field(headers, "retry-after")
    if re.fullmatch(r"[0-9]{1,9}([ \t]*,[ \t]*[0-9]{1,9})+", text):  # the header came more than once
        return float(max(int(each) for each in text.split(",")))
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST)  # no deadline allows a longer wait, and int() refuses 5,000 digits
    until = http_date(text, now)
    if until is None:
        return None
    since = http_date(_field(headers, "date"), now) or now
    seconds = (until - since).total_seconds()
    return seconds if seconds > 0 else None


def wait_seconds(headers: Mapping[str, str], tries: int, backoff: Backoff, *, now: datetime, random: Random) -> float:
    """Return how long to wait: what the server asks for and a little more, never less; otherwise the backoff."""
    asked = retry_after(headers, now)
    if asked is None:
        return backoff.seconds(tries, random)
    return asked + random() * MAX_JITTER_SECONDS


def slow_down(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait before the next request so that the rate limit is never reached; mostly 0.

    ``inin-ratelimit-count`` of ``-allowed`` requests are used, and ``-reset`` seconds are left of the window. When
    none is left, the wait is all of the window; in the last tenth, the rest of the window is shared out.
    """
    said = (_whole(_field(headers, f"inin-ratelimit-{name}")) for name in ("count", "allowed", "reset"))
    count, allowed, reset = said
    if count is None or reset is None or not allowed:
        return 0.0
    remaining = max(allowed - count, 0)
    return reset / (remaining + 1) if remaining * 10 < allowed else 0.0


def _field(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").strip(" \t")


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
