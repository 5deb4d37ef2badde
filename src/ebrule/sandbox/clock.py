"""The one way in which a sandbox writes a time."""

from __future__ import annotations

from datetime import datetime, timezone


def timestamp() -> str:
    """Give the present time as Genesys Cloud writes it: RFC 3339, UTC, milliseconds, ``Z``."""
    return written(datetime.now(timezone.utc))


def written(time: datetime) -> str:
    """Write a time in UTC as Genesys Cloud does."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
