"""A replica that lags: after a write, the next reads of the resource still show the state before it.

The lag is counted in reads, not in seconds: a test then knows what each read shows, on a slow machine too. The count is
kept in the state file, so that it is the same for all server processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3


class Key(NamedTuple):
    """Which resource."""

    org: str
    kind: str
    id: str


class Stale(NamedTuple):
    """What a lagging replica shows: the state of a resource as it was noted, or None where there was none."""

    state: str | None


def note_write(connection: sqlite3.Connection, key: Key, before: str | None, lag: int) -> None:
    """Keep the state before a write for the next reads; call it inside the write's transaction.

    Args:
        connection: The state file.
        key: Which resource is written.
        before: Its state, or None where there is none.
        lag: How many reads the write stays hidden from.
    """
    connection.execute("INSERT INTO lagging (org, kind, id, state, lag) VALUES (?, ?, ?, ?, ?)", (*key, before, lag))


def note_read(connection: sqlite3.Connection, key: Key, replicas: int) -> Stale | None:
    """Count a read, and give what it shows where that is not the present state; call it inside a write transaction.

    Args:
        connection: The state file.
        key: Which resource is read.
        replicas: How many replicas take turns; the first one lags, and answers the first read after a write.
    """
    # Each write is hidden from as many reads, so that the state before the oldest hidden write is what shows.
    oldest = connection.execute(
        "SELECT state, reads FROM lagging WHERE org = ? AND kind = ? AND id = ? ORDER BY seq LIMIT 1", key
    ).fetchone()
    if oldest is None:
        return None
    connection.execute("UPDATE lagging SET reads = reads + 1 WHERE org = ? AND kind = ? AND id = ?", key)
    connection.execute("DELETE FROM lagging WHERE org = ? AND kind = ? AND id = ? AND reads >= lag", key)
    state, reads = oldest
    return None if reads % replicas else Stale(state)
