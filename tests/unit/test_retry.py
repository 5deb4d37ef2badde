"""What a reply means, and how long to wait for the next one."""

from __future__ import annotations

import string
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clocks import NOON, FakeClock, reply
from ebrule.core.failures import wait
from ebrule.core.pace import Pace
from ebrule.core.reply import BrokenError, NotSentError, Reply, TransportError, UntrustedHostError
from ebrule.core.retry import (
    CONFLICT_BACKOFF,
    MAX_JITTER_SECONDS,
    NOT_SENT_BACKOFF,
    RATE_LIMIT_BACKOFF,
    Backoff,
    Meaning,
    http_date,
    meaning_of,
    retry_after,
    slow_down,
    wait_seconds,
)
from ebrule.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

quickly = settings(max_examples=200, deadline=None)

ONE_OF_A_KIND = {
    Meaning.STALE: {409, 412},
    Meaning.UNAUTHORIZED: {401},
    Meaning.FORBIDDEN: {403},
    Meaning.NOT_FOUND: {404, 410},
    Meaning.UNSUPPORTED: {*range(300, 400), 405, 415, 501} - {303},
    Meaning.RATE_LIMITED: {429},
    Meaning.UNCLEAR: {*range(100, 200), 303, 408, *range(500, 600)} - {501},
    Meaning.OK: {*range(200, 300)},
}
STATUSES = {
    **ONE_OF_A_KIND,
    Meaning.REFUSED: {*range(400, 500)}.difference(*ONE_OF_A_KIND.values()),
}
ERRORS = {
    NotSentError: Meaning.NOT_SENT,
    UntrustedHostError: Meaning.UNTRUSTED,
    BrokenError: Meaning.UNCLEAR,
}


def until(moment: datetime, form: str) -> str:
    """Write a moment in one of the three forms that RFC 9110 allows."""
    return {
        "imf-fixdate": f"{moment:%a, %d %b %Y %H:%M:%S} GMT",
        "rfc850-date": f"{moment:%A, %d-%b-%y %H:%M:%S} GMT",
        "asctime-date": f"{moment:%a %b} {moment.day:2} {moment:%H:%M:%S %Y}",
    }[form]


def moments(first: int, last: int) -> st.SearchStrategy[datetime]:
    """Whole seconds from the first to the last of these years."""
    # Hypothesis takes bounds without a zone only.
    naive = st.datetimes(datetime(first, 1, 1), datetime(last, 12, 31))  # noqa: DTZ001
    return naive.map(lambda moment: moment.replace(microsecond=0, tzinfo=timezone.utc))


FORMS = ("imf-fixdate", "rfc850-date", "asctime-date")


# --- meanings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("meaning", "statuses"), STATUSES.items(), ids=lambda value: getattr(value, "name", ""))
def test_every_status_means_what_the_table_says(meaning: Meaning, statuses: set[int]) -> None:
    """Each status has the meaning that the table of replies gives it."""
    assert dict.fromkeys(statuses, meaning) == {status: meaning_of(reply(status)) for status in statuses}


def test_the_table_holds_every_status_once() -> None:
    """No status from 100 to 599 is left out of the table, and none stands in two of its rows."""
    assert list(range(100, 600)) == sorted(status for row in STATUSES.values() for status in row)


def test_every_transport_error_has_a_meaning() -> None:
    """A new way in which no reply comes must be given a meaning."""
    assert set(ERRORS) == set(TransportError.__subclasses__())


@pytest.mark.parametrize(("error", "meaning"), ERRORS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_transport_error_means_what_the_table_says(error: type[TransportError], meaning: Meaning) -> None:
    """What was never sent was not applied; what broke off may have been."""
    assert meaning == meaning_of(error("why"))


def test_an_unknown_transport_error_may_have_been_applied() -> None:
    """Where nothing is known of an error, the write may have happened."""
    assert meaning_of(TransportError("why")) == Meaning.UNCLEAR


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        pytest.param({"message": "Version 3 does not match the current version"}, Meaning.STALE, id="stale"),
        pytest.param({"message": "DOES NOT MATCH THE CURRENT VERSION: 4"}, Meaning.STALE, id="stale-in-capitals"),
        pytest.param({"description": "rate limit exceeded for client"}, Meaning.RATE_LIMITED, id="throttled"),
        pytest.param({"error_description": "Rate Limit Exceeded"}, Meaning.RATE_LIMITED, id="throttled-oauth"),
        pytest.param({"message": "priority is out of range"}, Meaning.REFUSED, id="other"),
        pytest.param({"message": 5}, Meaning.REFUSED, id="message-no-text"),
        pytest.param(b"<html>does not match the current version</html>", Meaning.REFUSED, id="html"),
        pytest.param(b"", Meaning.REFUSED, id="empty"),
    ],
)
def test_a_400_is_told_by_its_message(body: Any, meaning: Meaning) -> None:
    """A 400 may speak of a stale version or of throttling; any other one is a refusal."""
    assert meaning == meaning_of(reply(400, body))


@pytest.mark.parametrize("status", [200, 403, 422, 500])
def test_only_a_400_is_told_by_its_message(status: int) -> None:
    """The words of a stale version change nothing in any other status."""
    body = {"message": "does not match the current version, rate limit exceeded"}
    assert meaning_of(reply(status)) == meaning_of(reply(status, body))


@quickly
@given(status=st.integers(), body=st.binary(max_size=64))
def test_any_reply_at_all_has_a_meaning(status: int, body: bytes) -> None:
    """Whatever number and body a server sends, nothing is raised, and only a 2xx is a success."""
    assert (200 <= status < 300) == (meaning_of(Reply(status, {}, body)) is Meaning.OK)


# --- Retry-After ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("42", 42.0, id="seconds"),
        pytest.param(" \t42\t ", 42.0, id="white-space"),
        pytest.param("0", 0.0, id="zero"),
        pytest.param("0000", 0.0, id="zeros"),
        pytest.param("00012", 12.0, id="leading-zeros"),
        pytest.param("999999999", 999_999_999.0, id="nine-digits"),
        pytest.param("9" * 5_000, 999_999_999.0, id="5000-digits"),
        pytest.param("0" * 5_000 + "7", 7.0, id="5000-zeros"),
        pytest.param("", None, id="empty"),
        pytest.param("  ", None, id="blank"),
        pytest.param("-1", None, id="negative"),
        pytest.param("+1", None, id="plus"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("1e3", None, id="exponent"),
        pytest.param("1_000", None, id="underscore"),
        pytest.param("0x10", None, id="hexadecimal"),
        pytest.param("10, 20", 20, id="two-headers"),
        pytest.param("\u0664\u0662", None, id="arabic-indic-digits"),
        pytest.param("\uff14\uff12", None, id="full-width-digits"),
        pytest.param("\u00b2", None, id="superscript"),
        pytest.param("42\n", None, id="newline"),
        pytest.param("\u00a042", None, id="no-break-space"),
        pytest.param("soon", None, id="word"),
        pytest.param("inf", None, id="infinity"),
    ],
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    """A whole number of ASCII digits is a wait; anything else says nothing."""
    assert seconds == retry_after({"retry-after": text}, NOON)


def test_no_retry_after_says_nothing() -> None:
    """A reply without the header asks for no wait."""
    assert retry_after({}, NOON) is None


def test_a_header_of_zeros_takes_no_time() -> None:
    """A header as long as a server may send does not keep the run busy: this would take minutes."""
    assert retry_after({"retry-after": "0" * 90_000 + "x"}, NOON) is None


@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_measured_against_the_replys_own_date(form: str) -> None:
    """Where both clocks differ by years, the server's own one counts."""
    moment = datetime(2031, 6, 5, 4, 3, 2, tzinfo=timezone.utc)
    headers = {"date": until(moment, form), "retry-after": until(moment + timedelta(seconds=90), form)}
    assert retry_after(headers, NOON) == 90.0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}], ids=["no-date", "bad-date"])
def test_a_date_is_measured_against_the_present_otherwise(form: str, date: dict[str, str]) -> None:
    """Without a usable ``Date``, this machine's clock is all there is."""
    assert retry_after({**date, "retry-after": until(NOON + timedelta(seconds=30), form)}, NOON) == 30.0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seconds", [0, 1, 86_400])
def test_a_past_date_says_nothing(form: str, seconds: int) -> None:
    """A date that is over, or is right now, asks for no wait."""
    assert retry_after({"retry-after": until(NOON - timedelta(seconds=seconds), form)}, NOON) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Thu, 01 Jan 2026 12:00:00 UTC", id="zone"),
        pytest.param("Thu, 01 Jan 2026 12:00:00 +0000", id="offset"),
        pytest.param("Thu, 1 Jan 2026 12:00:00 GMT", id="one-digit-day"),
        pytest.param("thu, 01 jan 2026 12:00:00 gmt", id="lower-case"),
        pytest.param("Thu, 01 Foo 2026 12:00:00 GMT", id="month"),
        pytest.param("Thu, 32 Jan 2026 12:00:00 GMT", id="day"),
        pytest.param("Thu, 01 Jan 2026 24:00:00 GMT", id="hour"),
        pytest.param("Thu, 01 Jan 2026 12:00:61 GMT", id="second"),
        pytest.param("Thu, 01 Jan 0000 12:00:00 GMT", id="year-zero"),
        pytest.param("Fri, 31 Dec 9999 23:59:60 GMT", id="past-the-last-year"),
        pytest.param("Thu, \u0660\u0661 Jan 2026 12:00:00 GMT", id="arabic-indic-digits"),
        pytest.param("2026-01-01T12:00:00Z", id="iso"),
        pytest.param("Thu Jan  1 12:00:00 2026\n", id="newline"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_no_http_date(text: str) -> None:
    """What RFC 9110 does not allow is no date, and no error either."""
    assert http_date(text, NOON) is None


def test_a_leap_second_is_no_second_too_early() -> None:
    """The 61st second of a minute is the first one of the next minute, so that nobody comes too early."""
    midnight = datetime(2017, 1, 1, tzinfo=timezone.utc)
    assert midnight == http_date("Sat, 31 Dec 2016 23:59:60 GMT", NOON)


@pytest.mark.parametrize(("digits", "year"), [("26", 2026), ("76", 2076), ("77", 1977), ("99", 1999), ("00", 2000)])
def test_a_year_of_two_digits_is_at_most_50_years_ahead(digits: str, year: int) -> None:
    """RFC 9110: what seems to be more than 50 years ahead is the most recent such year of the past."""
    found = http_date(f"Thursday, 01-Jan-{digits} 12:00:00 GMT", NOON)
    assert datetime(year, 1, 1, 12, tzinfo=timezone.utc) == found


def test_a_year_of_two_digits_is_of_the_present_century() -> None:
    """A reply of the next century that leaves its century out means its own."""
    now = datetime(2121, 1, 1, tzinfo=timezone.utc)
    assert datetime(2121, 1, 2, tzinfo=timezone.utc) == http_date("Thursday, 02-Jan-21 00:00:00 GMT", now)


@quickly
@given(
    moment=moments(1980, 2076),
    form=st.sampled_from(FORMS),
)
def test_every_form_of_a_date_is_read_back(moment: datetime, form: str) -> None:
    """Whatever moment a server writes, in whatever form, is that moment."""
    assert moment == http_date(until(moment, form), NOON)


@quickly
@given(moment=moments(1, 9999))
def test_the_standard_librarys_dates_are_read(moment: datetime) -> None:
    """The common form agrees with another implementation of it."""
    assert moment == http_date(format_datetime(moment, usegmt=True), NOON)


# --- waiting --------------------------------------------------------------------------------------

chances = st.floats(0.0, 1.0, exclude_max=True)


@st.composite
def asking(draw: st.DrawFn) -> tuple[dict[str, str], float]:
    """Headers that ask for a wait, and the seconds that they ask for."""
    space = draw(st.sampled_from(["", " ", "\t "]))
    seconds = draw(st.integers(0, 200) | st.integers(0, 10**8) | st.integers(0, 10**40))
    if draw(st.booleans()):
        zeros = "0" * draw(st.integers(0, 5))
        return {"retry-after": f"{space}{zeros}{seconds}{space}"}, float(seconds)
    since = draw(moments(2000, 2060))
    seconds = 1 + seconds % 86_400
    form = draw(st.sampled_from(["imf-fixdate", "asctime-date"]))
    return {
        "date": until(since, form),
        "retry-after": until(since + timedelta(seconds=seconds), form),
    }, seconds


def check_wait(asked: tuple[dict[str, str], float], chance: float, tries: int) -> None:
    """Wait as headers ask, in a run of 120 seconds; fail where that is too early or too late."""
    headers, seconds = asked
    clock = FakeClock()
    pace = Pace(120.0, clock=clock, random=lambda: chance)
    waited = wait_seconds(headers, tries, RATE_LIMIT_BACKOFF, now=clock.now(), random=pace.random)
    try:
        wait(pace, waited, "rate limited", 2, 10)
    except UnavailableError:
        assert clock.monotonic() == 0.0
        assert seconds + MAX_JITTER_SECONDS > 120.0
    else:
        assert seconds <= clock.monotonic() <= min(seconds + MAX_JITTER_SECONDS, 120.0)


@settings(max_examples=500, deadline=None)
@given(asked=asking(), chance=chances, tries=st.integers(1, 40))
@example(asked=({"retry-after": "0"}, 0.0), chance=0.0, tries=1)
@example(asked=({"retry-after": "120"}, 120.0), chance=0.0, tries=1)
def test_a_wait_is_never_shorter_than_asked_nor_much_longer(
    asked: tuple[dict[str, str], float], chance: float, tries: int
) -> None:
    """The run waits as long as it was asked and a jitter more, or gives up at once; it never is early."""
    check_wait(asked, chance, tries)


@pytest.mark.full
def test_ten_thousand_waits_are_never_shorter_than_asked() -> None:
    """The same with the full count of headers."""
    proof = given(asked=asking(), chance=chances, tries=st.integers(1, 40))(check_wait)
    settings(max_examples=10_000, deadline=None)(proof)()


@settings(max_examples=500, deadline=None)
@given(text=st.text() | st.text(string.digits + " -+.,:GMTadeJn", max_size=40), chance=chances)
def test_a_header_that_says_nothing_never_stops_the_run(text: str, chance: float) -> None:
    """Whatever stands in the header, the wait is a number that is not below zero."""
    seconds = wait_seconds({"retry-after": text}, 1, CONFLICT_BACKOFF, now=NOON, random=lambda: chance)
    assert seconds >= 0.0


@pytest.mark.parametrize(
    ("chance", "seconds"), [(0.0, 30.0), (0.5, 30.0 + MAX_JITTER_SECONDS / 2), (0.99, 30.0 + 0.99)]
)
def test_jitter_only_adds_to_what_was_asked(chance: float, seconds: float) -> None:
    """A little is added to the server's wait, so that many clients do not come back at once."""
    found = wait_seconds({"retry-after": "30"}, 1, RATE_LIMIT_BACKOFF, now=NOON, random=lambda: chance)
    assert seconds == pytest.approx(found)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "-5"},
        {"retry-after": "2.5"},
        {"retry-after": "\u0665"},
        {"retry-after": until(NOON - timedelta(hours=1), "imf-fixdate")},
    ],
    ids=["none", "negative", "fraction", "other-digits", "past-date"],
)
def test_without_a_usable_wait_the_backoff_counts(headers: dict[str, str]) -> None:
    """Full jitter from 1 to 20 seconds takes the place of a header that says nothing."""
    found = [wait_seconds(headers, tries, RATE_LIMIT_BACKOFF, now=NOON, random=lambda: 0.5) for tries in range(1, 8)]
    assert found == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("backoff", "base", "cap"),
    [(CONFLICT_BACKOFF, 0.2, 20.0), (RATE_LIMIT_BACKOFF, 1.0, 20.0), (NOT_SENT_BACKOFF, 0.05, 1.0)],
    ids=["conflict", "rate-limit", "not-sent"],
)
def test_the_backoffs_begin_and_end_as_promised(backoff: Backoff, base: float, cap: float) -> None:
    """A conflict waits from 200 ms, a rate limit from 1 s, a connection from 50 ms."""
    assert (base, cap) == (backoff.seconds(1, lambda: 1.0), backoff.seconds(10_000, lambda: 1.0))


@quickly
@given(tries=st.integers(1, 10**6), chance=chances)
def test_full_jitter_stays_within_its_bounds(tries: int, chance: float) -> None:
    """Any wait between nothing and the doubled base is possible, and never more than the cap."""
    most = min(20.0, 0.2 * 2.0 ** min(tries - 1, 30))
    assert chance * most == pytest.approx(CONFLICT_BACKOFF.seconds(tries, lambda: chance))


# --- the rate limit's window ----------------------------------------------------------------------


def window(count: object, allowed: object, reset: object) -> Mapping[str, str]:
    """The headers of a reply that tell how full the rate limit's window is; without those that are None."""
    said = {"count": count, "allowed": allowed, "reset": reset}
    return {f"inin-ratelimit-{name}": str(value) for name, value in said.items() if value is not None}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param(window(1, 300, 60), 0.0, id="empty"),
        pytest.param(window(270, 300, 60), 0.0, id="a-tenth-left"),
        pytest.param(window(271, 300, 60), 2.0, id="less-than-a-tenth-left"),
        pytest.param(window(299, 300, 60), 30.0, id="one-left"),
        pytest.param(window(300, 300, 60), 60.0, id="none-left"),
        pytest.param(window(301, 300, 60), 60.0, id="overdrawn"),
        pytest.param(window(300, 300, 0), 0.0, id="window-over"),
        pytest.param(window(0, 0, 60), 0.0, id="nothing-allowed"),
        pytest.param(window(None, 300, 60), 0.0, id="no-count"),
        pytest.param(window(300, None, 60), 0.0, id="no-limit"),
        pytest.param(window(300, 300, None), 0.0, id="no-reset"),
        pytest.param(window(300, 300, "-60"), 0.0, id="negative"),
        pytest.param(window(300, 300, "6.5"), 0.0, id="fraction"),
        pytest.param(window(300, 300, "\u0666"), 0.0, id="other-digits"),
        pytest.param(window(300, 300, "9" * 5_000), 0.0, id="5000-digits"),
    ],
)
def test_the_rate_limit_is_never_reached(headers: Mapping[str, str], seconds: float) -> None:
    """A window's last tenth is shared out over its time, a full one waited out; nonsense says nothing."""
    assert seconds == slow_down(headers)
