"""The one way in which a sandbox writes a time."""

from __future__ import annotations

from datetime import datetime, timezone


def timestamp() -> str:
    """Give the present time as Genesys Cloud writes it: RFC 3339, UTC, milliseconds, ``Z``."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
