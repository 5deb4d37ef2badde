"""The SQLite file that holds everything a sandbox knows, shared by any number of server processes."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

from ebrule.sandbox import seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME: Final = "sandbox.sqlite3"

_BUSY_SECONDS: Final = 10.0
_KEPT_REQUESTS: Final = 100_000
_SCHEMA_VERSION: Final = 5
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS resources (
        org TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        created TEXT NOT NULL,
        created_by TEXT NOT NULL,
        modified TEXT NOT NULL,
        modified_by TEXT NOT NULL,
        PRIMARY KEY (org, kind, id)
    )""",
    # One row for each applied PUT: what was sent, and the body that was stored of it, both without the read-only
    # fields. UNIQUE: a version has one child, even if the code were wrong.
    """CREATE TABLE IF NOT EXISTS history (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        org TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        parent INTEGER NOT NULL,
        version INTEGER NOT NULL,
        sent TEXT NOT NULL,
        body TEXT NOT NULL,
        time TEXT NOT NULL,
        client_id TEXT NOT NULL,
        request_id TEXT,
        UNIQUE (org, kind, id, parent)
    )""",
    # One row for each write that some reads do not show yet: the state before it, as JSON, NULL where there was none.
    """CREATE TABLE IF NOT EXISTS lagging (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        org TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        state TEXT,
        lag INTEGER NOT NULL,
        reads INTEGER NOT NULL DEFAULT 0
    )""",
    # status is NULL where the client was never answered.
    """CREATE TABLE IF NOT EXISTS requests (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        status INTEGER,
        fault TEXT,
        correlation_id TEXT NOT NULL,
        request_id TEXT
    )""",
    """CREATE TABLE IF NOT EXISTS tokens (
        digest TEXT PRIMARY KEY,
        org TEXT NOT NULL,
        client_id TEXT NOT NULL,
        scopes TEXT NOT NULL,
        expires REAL NOT NULL,
        window_start REAL NOT NULL DEFAULT 0,
        window_count INTEGER NOT NULL DEFAULT 0
    )""",
)
_DATA_TABLES: Final = ("resources", "history", "lagging", "requests")
_ALL_TABLES: Final = (*_DATA_TABLES, "tokens")


class DatabaseError(Exception):
    """The state file cannot be used; the message names the file and the way out."""


class Database:
    """One process's connection to the state file; safe to use from many threads.

    Args:
        state_dir: The folder of the state file; made, readable to its owner only, where it does not exist.

    Raises:
        DatabaseError: The file is no database, or one of another version of the sandbox.
        OSError: The folder or the file cannot be made.
    """

    def __init__(self, state_dir: Path) -> None:
        self._lock = threading.Lock()
        path = state_dir / FILE_NAME
        with _explained(path):
            self._connection = _connect(path)
            try:
                _prepare(self._connection)
            except BaseException:
                self._connection.close()
                raise

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for single SELECTs."""
        with self._lock:
            yield self._connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection inside a transaction that holds the write lock from its start."""
        with self._lock, _transaction(self._connection):
            yield self._connection

    def close(self) -> None:
        """Close the connection; the last process to do so also removes the write-ahead log."""
        with self._lock:
            self._connection.close()


def fill(connection: sqlite3.Connection, org: str) -> None:
    """Give an organization its initial data, unless it has some; call it inside a write transaction."""
    if connection.execute("SELECT 1 FROM resources WHERE org = ?", (org,)).fetchone():
        return
    connection.executemany(
        "INSERT INTO resources (org, kind, id, version, body, created, created_by, modified, modified_by)"
        " VALUES (:org, :kind, :id, :version, :body, :time, :author, :time, :author)",
        ({"org": org, **row} for row in seed.rows()),
    )


def reset(state_dir: Path) -> None:
    """Put the initial data of every organization back: resources, history and request log, in one transaction.

    Servers may be running on the state; they see the change with their next request. Tokens stay valid,
    unless the file was written by another version of the sandbox.

    Args:
        state_dir: The folder of the state file.

    Raises:
        DatabaseError: The file is no database.
        OSError: The folder or the file cannot be made.
    """
    path = state_dir / FILE_NAME
    with _explained(path), contextlib.closing(_connect(path)) as connection, _transaction(connection):
        known = _schema_version(connection) == _SCHEMA_VERSION
        for table in _DATA_TABLES if known else _ALL_TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        _create(connection)
        for (org,) in connection.execute("SELECT DISTINCT org FROM tokens").fetchall():
            fill(connection, org)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseError(f"{path} cannot be used: {error}; delete it to start afresh") from error
    except _OtherSchemaError as error:
        raise DatabaseError(f"{path} is from another version of the sandbox: reset it to go on") from error


class _OtherSchemaError(Exception):
    pass


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    # SQLite does not wait by itself for the lock that this one switch needs, so two first starts can collide.
    deadline = time.monotonic() + _BUSY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(0.01)
    connection.execute("PRAGMA journal_mode = WAL")


def _schema_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _prepare(connection: sqlite3.Connection) -> None:
    if _schema_version(connection) == 0:
        with _transaction(connection):
            # Another process may have been first since the version was read.
            if _schema_version(connection) == 0:
                _create(connection)
    if _schema_version(connection) != _SCHEMA_VERSION:
        raise _OtherSchemaError
    with _transaction(connection):
        connection.execute("DELETE FROM requests WHERE seq <= (SELECT max(seq) FROM requests) - ?", (_KEPT_REQUESTS,))


def _create(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
    fill(connection, seed.ORGANIZATION)
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
