"""Times as records and events have them: RFC 3339 in UTC with microseconds and ``Z``, so that they sort as text."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def timestamp(time: datetime) -> str:
    """Return ``time``, which knows its zone, as records have it."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_timestamp(text: object) -> datetime | None:
    """Return the time in UTC that a record has, or None for anything else, as an edited ledger may hold."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
