"""Versioned resources: read, compare-and-set, and the history of what was applied."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ebrule.sandbox import replica, seed, storing
from ebrule.sandbox.clock import timestamp
from ebrule.sandbox.openapi import ID_PATTERN
from ebrule.sandbox.replies import ApiError, Detail

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from ebrule.sandbox.database import Database
    from ebrule.sandbox.services import Config

_AUTHORED: Final = frozenset({seed.RULE})
_READ_ONLY: Final = frozenset({"id", "version", "dateCreated", "dateModified", "createdBy", "modifiedBy", "selfUri"})
_SELECT: Final = "SELECT id, version, body, created, created_by, modified, modified_by FROM resources"


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


@dataclass(frozen=True)
class Conflict:
    """How a kind refuses a stale version: the error's code, and its text, where it is not the usual one."""

    code: str = "general.conflict"
    message: str | None = None


@dataclass(frozen=True)
class Resources:
    """The resources of an organization, as one caller reads and writes them.

    Args:
        database: The state.
        config: How the organization stores what it is sent, and what it replies.
        org: The organization's id.
        client_id: Who asks, for ``modifiedBy`` and the history.
        request_id: What the client calls its request, for the history.
    """

    database: Database
    config: Config
    org: str
    client_id: str
    request_id: str | None

    def read(self, kind: str, resource_id: str) -> Resource:
        """Read one resource as it is.

        Raises:
            ApiError: 404, there is none of that id.
        """
        _check_id(resource_id)
        with self.database.read() as connection:
            found = self._select(connection, kind, resource_id)
        return _existing(found)

    def read_replica(self, kind: str, resource_id: str) -> Resource:
        """Read one resource as a GET of it shows it, which may be as it was before its last writes.

        Raises:
            ApiError: 404, there is none of that id, or was none.
        """
        if not self.config.replica_lag:
            return self.read(kind, resource_id)
        _check_id(resource_id)
        with self.database.write() as connection:
            stale = replica.note_read(connection, replica.Key(self.org, kind, resource_id), self.config.replicas)
            found = self._select(connection, kind, resource_id)
        if stale:
            found = Resource(**json.loads(stale.state)) if stale.state else None
        return _existing(found)

    def read_all(self, kind: str) -> list[Resource]:
        """Read every resource of a kind, in the order of their ids."""
        with self.database.read() as connection:
            rows = connection.execute(f"{_SELECT} WHERE org = ? AND kind = ? ORDER BY id", (self.org, kind)).fetchall()
        return [_resource(row) for row in rows]

    def missing(self, kind: str, resource_ids: Iterable[str]) -> set[str]:
        """Tell which of some ids name no resource of a kind."""
        with self.database.read() as connection:
            known = connection.execute("SELECT id FROM resources WHERE org = ? AND kind = ?", (self.org, kind))
            return set(resource_ids) - {resource_id for (resource_id,) in known}

    def create(self, kind: str, body: dict[str, Any]) -> Resource:
        """Make a resource of version 1 with a new id.

        Args:
            kind: The kind of resource.
            body: The valid body of a POST. Its read-only fields are ignored.

        Returns:
            What the reply shows.
        """
        resource_id, now = str(uuid.uuid4()), timestamp()
        sent = _writable(body)
        with self.database.write() as connection:
            self._note_write(connection, kind, resource_id)
            connection.execute(
                "INSERT INTO resources (org, kind, id, version, body, created, created_by, modified, modified_by)"
                " VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)",
                (self.org, kind, resource_id, self._stored(kind, sent), now, self.client_id, now, self.client_id),
            )
        return self._shown(self.read(kind, resource_id), sent)

    def replace(
        self, kind: str, resource_id: str, body: dict[str, Any], *, conflict: Conflict = Conflict()
    ) -> Resource:
        """Replace a resource if it still has the body's version, and note it in the history, atomically.

        Args:
            kind: The kind of resource.
            resource_id: Which one.
            body: The valid body of a PUT. Its ``version`` is compared, its other read-only fields are ignored.
            conflict: How to refuse a stale version.

        Returns:
            What the reply shows: the resource as it is now, with the next version.

        Raises:
            ApiError: 404, there is none of that id; 409, it has another version. Nothing was changed.
        """
        now, expected = timestamp(), body["version"]
        sent = _writable(body)
        text = self._stored(kind, sent)
        with self.database.write() as connection:
            self._note_write(connection, kind, resource_id)
            changed = connection.execute(
                "UPDATE resources SET version = version + 1, body = ?, modified = ?, modified_by = ?"
                " WHERE org = ? AND kind = ? AND id = ? AND version = ?",
                (text, now, self.client_id, self.org, kind, resource_id, expected),
            )
            after = _existing(self._select(connection, kind, resource_id))
            if changed.rowcount == 0:
                raise _stale(after, expected, conflict)
            connection.execute(
                "INSERT INTO history (org, kind, id, parent, version, sent, body, time, client_id, request_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(self.org, kind, resource_id, expected, after.version),
                    *(_text(sent), text, now, self.client_id, self.request_id),
                ),
            )
        return self._shown(after, sent)

    def delete(self, kind: str, resource_id: str) -> None:
        """Delete a resource; the history keeps what it was.

        Raises:
            ApiError: 404, there is none of that id.
        """
        with self.database.write() as connection:
            self._note_write(connection, kind, resource_id)
            gone = connection.execute(
                "DELETE FROM resources WHERE org = ? AND kind = ? AND id = ?", (self.org, kind, resource_id)
            )
            if gone.rowcount == 0:
                raise ApiError(404)

    def reply(self, kind: str, resource: Resource, self_uri: str) -> dict[str, Any]:
        """Give a resource as the service sends it: id, the written fields, the server's own."""
        reply = {"id": resource.id, **resource.body, "version": resource.version, "selfUri": self_uri}
        if {"all": True, "none": False}.get(self.config.authors or "", kind in _AUTHORED):
            reply |= {
                "dateCreated": resource.created,
                "dateModified": resource.modified,
                "createdBy": {"id": resource.created_by},
                "modifiedBy": {"id": resource.modified_by},
            }
        return reply

    def _select(self, connection: sqlite3.Connection, kind: str, resource_id: str) -> Resource | None:
        row = connection.execute(
            f"{_SELECT} WHERE org = ? AND kind = ? AND id = ?", (self.org, kind, resource_id)
        ).fetchone()
        return _resource(row) if row else None

    def _note_write(self, connection: sqlite3.Connection, kind: str, resource_id: str) -> None:
        """Note a write for the replica; where the write is then refused, the transaction takes the note back."""
        if self.config.replica_lag:
            before = self._select(connection, kind, resource_id)
            state = json.dumps(asdict(before)) if before else None
            replica.note_write(connection, replica.Key(self.org, kind, resource_id), state, self.config.replica_lag)

    def _stored(self, kind: str, sent: dict[str, Any]) -> str:
        return _text(storing.stored(self.config.stores, kind, sent))

    def _shown(self, written: Resource, sent: dict[str, Any]) -> Resource:
        return replace(written, body=sent) if self.config.echoes else written


def _check_id(text: str) -> None:
    if not re.fullmatch(ID_PATTERN, text):
        raise ApiError(404)


def _existing(found: Resource | None) -> Resource:
    if found is None:
        raise ApiError(404)
    return found


def _writable(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _READ_ONLY}


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def _stale(present: Resource, version: int, conflict: Conflict) -> ApiError:
    return ApiError(
        409,
        conflict.message or f"Version {version} of {present.id} is stale: the current version is {present.version}.",
        conflict.code,
        details=(Detail("version.mismatch", "version", present.id, present.body.get("name")),),
        params={"version": str(version), "currentVersion": str(present.version)},
    )


def _resource(row: tuple[Any, ...]) -> Resource:
    identity, version, body, *rest = row
    return Resource(identity, version, json.loads(body), *rest)
