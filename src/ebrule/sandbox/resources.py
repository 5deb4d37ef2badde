"""Versioned resources: read, compare-and-set, and the history of what was applied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebrule.sandbox.clock import timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from ebrule.sandbox.database import Database


@dataclass(frozen=True)
class Resource:
    """A resource as stored: ``body`` is what clients may write, the rest is the server's own.

    Times are RFC 3339 in UTC with milliseconds; ``created_by`` and ``modified_by`` are ids of OAuth clients.
    """

    id: str
    version: int
    body: dict[str, Any]
    created: str
    created_by: str
    modified: str
    modified_by: str


class StaleVersionError(Exception):
    """A write named a version that is not the present one.

    Args:
        current: The version that the resource has.
    """

    def __init__(self, current: int) -> None:
        super().__init__(f"the current version is {current}")
        self.current = current


def find(database: Database, kind: str, resource_id: str) -> Resource | None:
    """Read one resource.

    Returns:
        The resource, or None where there is none of that id.
    """
    with database.read() as connection:
        return _select(connection, kind, resource_id)


def missing(database: Database, kind: str, resource_ids: Iterable[str]) -> set[str]:
    """Tell which of some ids name no resource of a kind."""
    with database.read() as connection:
        known = connection.execute("SELECT id FROM resources WHERE kind = ?", (kind,))
        return set(resource_ids) - {resource_id for (resource_id,) in known}


def replace(
    database: Database,
    kind: str,
    resource_id: str,
    *,
    expected: int,
    body: dict[str, Any],
    client_id: str,
    request_id: str | None,
) -> Resource | None:
    """Replace a resource if it still has the expected version, and note it in the history, atomically.

    Args:
        database: The state.
        kind: The kind of resource.
        resource_id: Which one.
        expected: The version that it must have; it gets the next one.
        body: All that clients may write, as JSON data.
        client_id: Who asks, for ``modified_by`` and the history.
        request_id: What the client calls its request, for the history.

    Returns:
        The resource as it is now, or None where there is none of that id.

    Raises:
        StaleVersionError: It has another version; nothing was changed.
    """
    now = timestamp()
    text = json.dumps(body, ensure_ascii=False)
    with database.write() as connection:
        changed = connection.execute(
            "UPDATE resources SET version = version + 1, body = ?, modified = ?, modified_by = ?"
            " WHERE kind = ? AND id = ? AND version = ?",
            (text, now, client_id, kind, resource_id, expected),
        )
        after = _select(connection, kind, resource_id)
        if after is None:
            return None
        if changed.rowcount == 0:
            raise StaleVersionError(after.version)
        connection.execute(
            "INSERT INTO history (kind, id, parent, version, body, time, client_id, request_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (kind, resource_id, expected, after.version, text, now, client_id, request_id),
        )
        return after


def _select(connection: sqlite3.Connection, kind: str, resource_id: str) -> Resource | None:
    row = connection.execute(
        "SELECT id, version, body, created, created_by, modified, modified_by"
        " FROM resources WHERE kind = ? AND id = ?",
        (kind, resource_id),
    ).fetchone()
    if row is None:
        return None
    identity, version, body, *rest = row
    return Resource(identity, version, json.loads(body), *rest)
