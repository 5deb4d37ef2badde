"""Times in records: written in one way, and nothing else is read as one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrule.core.timestamps import parse_timestamp, timestamp

TIMES = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - the zone is drawn beside it
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - the zone is drawn beside it
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=-10)), timezone(timedelta(hours=5, minutes=45))]),
)


@given(TIMES)
def test_a_time_is_read_as_it_was_written(time: datetime) -> None:
    """Whatever its zone, a time comes back as the same moment."""
    assert parse_timestamp(timestamp(time)) == time


@given(TIMES, TIMES)
def test_written_times_sort_as_the_times_do(one: datetime, other: datetime) -> None:
    """The ledger's filters compare times as text."""
    assert (timestamp(one) < timestamp(other)) == (one < other)


@pytest.mark.parametrize(
    "other",
    [
        None,
        5,
        "",
        "2026-01-05",
        "2026-01-05T08:00:00Z",
        "2026-01-05T08:00:00.000000",
        "2026-01-05T08:00:00.000000Z\n",
        "2026-02-31T08:00:00.000000Z",
        "\uff12026-01-05T08:00:00.000000Z",
    ],
)
def test_what_no_record_of_ebrule_has_is_no_time(other: object) -> None:
    """An edited ledger may hold anything."""
    assert parse_timestamp(other) is None
