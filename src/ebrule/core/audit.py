"""The ledger: a record of every change, durable before the change is sent, and proof of what was recorded.

One file of JSON Lines for all runs of a user, written by many processes at once and only ever appended to.
The lines and the chain that they form are `ebrule.core.chain`'s; here are the file, its lock, and what the
records mean.

    intent       about to send this body           durable before each PUT
    outcome      how the operation ended           ``result`` "unknown" leaves the operation open
    delivery     how one try of the webhook went
    resolution   what was found out about an open operation: ``state`` "applied", "not_applied" or "unknown"
    repair       a killed writer's half line was closed off

Values are written as they are passed in: whoever appends has taken the secrets out (`ebrule.redaction`).
"""

from __future__ import annotations

import os
import re
import secrets
import time
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ebrule.core import chain, rule_history
from ebrule.core.chain import GENESIS, Entry, Record, Verification
from ebrule.core.live_runs import LiveRuns
from ebrule.core.rule_history import KnownState, Recalled, RuleKey
from ebrule.core.shared_file import SharedFile
from ebrule.core.timestamps import timestamp
from ebrule.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = [
    "GENESIS",
    "AuditLog",
    "Entry",
    "KnownState",
    "Record",
    "RuleKey",
    "Verification",
    "new_operation_id",
    "utc_now",
]

# How `AuditLog.append` begins an intent.
_BEGUN = re.compile(
    rb'{"schema":1,"type":"intent","timestamp":"[^"\\]*","operation_id":"([\x20-\x21\x23-\x5b\x5d-\x7e]*)"'
)


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(timezone.utc)


def new_operation_id() -> str:
    """A UUIDv7: unique, and sorted as text also by the time it was made (RFC 9562, 5.7)."""
    if make := getattr(uuid, "uuid7", None):  # Python 3.14
        return str(make())
    return str(_uuid7(time.time_ns(), secrets.randbits(62)))


def _uuid7(nanoseconds: int, random: int) -> uuid.UUID:
    """Twelve bits after the milliseconds are their fraction (RFC 9562, 6.2, method 3), the last 62 random."""
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


class AuditLog:
    """The ledger at ``path``; nothing is opened or made before the first use.

    One object serves one thread at a time; any number of objects and processes share a file.

    Args:
        path: The file; it and its folders are made where missing, for their owner only.
        now: Tells the time of a record, in UTC.
        lock_seconds: How long to wait for other writers.
        check_stop: Called before each wait for the lock; what it raises ends the wait.
        sleep: Waits that many seconds.
        copy: Is given each line that was appended, without its newline, once it is on the disk. What it
            raises leaves `append`, and the line stays.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        lock_seconds: float = 10.0,
        check_stop: Callable[[], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        copy: Callable[[bytes], None] | None = None,
    ) -> None:
        self.path = path.absolute()
        self._now = now
        self._copy = copy or (lambda _: None)
        self._file = SharedFile(self.path, lock_seconds=lock_seconds, check_stop=check_stop, sleep=sleep)
        self._live = LiveRuns(self.path.with_name(f"{self.path.name}.running"))

    def prepare(self) -> None:
        """Prove that the ledger can be appended to, before anything is sent; makes what is missing.

        Raises:
            LedgerError: it cannot.
        """
        with self._file.writing() as descriptor:
            self._check_ledger(descriptor)

    def append(
        self,
        record_type: str,
        operation_id: str,
        *,
        rule_id: str | None,
        kind: str | None,
        org_id: str | None = None,
        **fields: Any,
    ) -> str:
        """Append one record; it is on the disk when this returns.

        Where it raises, the record is taken back: the caller sends nothing, and the ledger should not tell
        of it. Should that fail too, or the machine stop before the disk knows, an intent may remain. That is
        the harmless side: settling it finds out that nothing was sent, while a PUT without an intent could
        not be found out at all.

        Returns:
            The ledger's new head.

        Raises:
            LedgerError: the record is not in the ledger, or not surely so: send nothing.
        """
        # Side by side, so that the lines of one rule are found by their bytes.
        common = {"operation_id": operation_id, "rule_id": rule_id, "kind": kind, "org_id": org_id}
        with self._file.writing() as descriptor:
            self._check_ledger(descriptor)
            prev, torn = chain.tail(descriptor)
            lines = []
            data = b""
            if torn:
                repair = {"operation_id": operation_id, "rule_id": None, "kind": None}
                repair |= chain.repair_fields(prev, torn)
                line = self._line("repair", repair, prev=torn[-1].head)
                data = (b"" if torn[-1].terminated else b"\n") + line + b"\n"
                lines.append(line)
                prev = chain.digest(line)
            line = self._line(record_type, common | fields, prev)
            self._file.write(descriptor, data + line + b"\n")
        for appended in (*lines, line):
            self._copy(appended)
        return chain.digest(line)

    def _line(self, record_type: str, fields: Record, prev: str) -> bytes:
        envelope = {"schema": chain.SCHEMA, "type": record_type, "timestamp": timestamp(self._now())}
        if taken := fields.keys() & {*envelope, "prev"}:
            raise TypeError(f"a record has its own {sorted(taken)}")
        try:
            line = chain.encode({**envelope, **fields, "prev": prev})
        except (TypeError, ValueError, RecursionError) as exc:
            raise LedgerError(f"the {record_type} cannot be recorded: {exc}") from exc
        if len(line) > chain.MAX_LINE:
            raise LedgerError(f"the {record_type} is too long to be recorded: {len(line)} bytes")
        return line

    def _check_ledger(self, descriptor: int) -> None:
        if not chain.is_start(os.pread(descriptor, 64, 0)):
            hint = "Choose another file with --audit-log."
            raise LedgerError(f"{self.path} exists and is no ledger; it was left as it is", hint=hint)

    def is_one(self) -> bool:
        """Whether what is at the path can be a ledger; so can an empty file, and none.

        Raises:
            LedgerError: the file cannot be read.
        """
        with self._file.reading() as descriptor:
            return descriptor is None or chain.is_start(os.pread(descriptor, 64, 0))

    def head(self) -> str:
        """The hash of the last finished line; `GENESIS` where there is none."""
        return next((entry.head for entry in self.entries_backwards() if not entry.torn), GENESIS)

    def entries(self, *, start: int = 0) -> Iterator[Entry]:
        """The lines in their order, from the byte offset ``start`` of one; none where there is no file.

        Raises:
            LedgerError: the file cannot be read.
        """
        with self._file.reading() as descriptor:
            if descriptor is not None:
                yield from chain.forwards(descriptor, start)

    def entries_backwards(self, containing: bytes = b"") -> Iterator[Entry]:
        """The lines from the last to the first, at a cost of those that are taken; they have no line numbers.

        Args:
            containing: Only lines with these bytes, which is quicker than to look for them in each line.

        Raises:
            LedgerError: the file cannot be read.
        """
        with self._file.reading() as descriptor:
            if descriptor is not None:
                yield from chain.backwards(descriptor, containing)

    def verify(self, expect_head: str | None = None) -> Verification:
        """Walk the chain; say the first line that is wrong, and what is.

        A changed, removed or inserted line is always found, but for the very last one and for lines cut off
        after it: nothing in the file speaks of them. Only a head that was kept elsewhere does, as
        ``expect_head``; it may be that of an earlier line, and what was added since is fine.

        Raises:
            LedgerError: the file cannot be read.
        """
        return chain.verify(self.entries(), expect_head)

    def open_intents(self) -> list[Record]:
        """The last intent of each operation of which no record says how it ended, the oldest operation first.

        Those of live runs are among them. To settle one, enter `running` for it, which a live run does not
        let you, and look once more: its run may have ended in between.

        Raises:
            LedgerError: the file cannot be read.
        """
        return self._last_intents(lambda ending: ending is None)

    def intents_decided_by_time(self) -> list[Record]:
        """The last intent of each operation that was found not applied for no other reason than that time had passed.

        Raises:
            LedgerError: the file cannot be read.
        """
        return self._last_intents(lambda ending: ending is not None and ending.get("decided_by") == "time")

    def _last_intents(self, is_meant: Callable[[Record | None], bool]) -> list[Record]:
        """The last intents of the operations whose ending is meant; None is that of an open one."""
        from ebrule.core.envelope import ending_of  # noqa: PLC0415 - pydantic is heavy, and few commands walk the ledger

        intents: dict[str, list[Entry]] = {}
        endings: dict[str, Record] = {}
        for entry in self.entries():
            begun = _BEGUN.match(entry.raw)  # spares parsing the longest lines
            record = None if begun else ending_of(entry.raw) or entry.record
            if begun or (record and record["type"] == "intent"):
                operation_id = begun[1].decode() if begun else (record or {})["operation_id"]
                intents.setdefault(operation_id, []).append(entry)
                endings.pop(operation_id, None)
            elif record and _is_settled(record):
                endings[record["operation_id"]] = record
                if not is_meant(record):
                    intents.pop(record["operation_id"], None)
        # A torn line begins like an intent, and is none.
        meant = [
            [entry for entry in entries if entry.record]
            for operation_id, entries in intents.items()
            if is_meant(endings.get(operation_id))
        ]
        in_order = sorted(filter(None, meant), key=lambda entries: entries[0].offset)
        return [entries[-1].record for entries in in_order if entries[-1].record]

    def end(self) -> int:
        """The byte offset behind the last finished line: what is recorded from now on begins there or later.

        Raises:
            LedgerError: the file cannot be read.
        """
        last = next((entry for entry in self.entries_backwards() if entry.terminated), None)
        return 0 if last is None else last.offset + len(last.raw) + 1

    def is_settled(self, operation_id: str, *, since: int) -> bool:
        """Whether a record behind the offset ``since`` says how the operation ended.

        Raises:
            LedgerError: the file cannot be read.
        """
        records = (entry.record for entry in self.entries(start=since) if entry.record)
        return any(record["operation_id"] == operation_id and _is_settled(record) for record in records)

    def maker_of(self, rule: RuleKey, version: int) -> str | None:
        """Return the operation that made a version, where this ledger says which one did.

        Raises:
            LedgerError: the file cannot be read.
        """
        return rule_history.maker_of(self._history(rule), rule, version)

    def found_at(self, rule: RuleKey, version: int, *, not_by: str) -> dict[str, Any] | None:
        """The content of a rule at ``version`` as an operation other than ``not_by`` read it; secrets are redacted.

        Raises:
            LedgerError: the file cannot be read.
        """
        return rule_history.found_at(self._history(rule), rule, version, not_by=not_by)

    def last_applied(self, rule: RuleKey) -> KnownState | None:
        """The newest state of a rule that the ledger knows was applied, as the org stored it.

        Raises:
            LedgerError: the file cannot be read.
        """
        return rule_history.last_applied(self._history(rule), rule)

    def state_at(self, rule: RuleKey, version: int) -> KnownState | None:
        """A rule at ``version``, as a run found it or left it; where several did, as the last one tells.

        Raises:
            LedgerError: the file cannot be read.
        """
        return rule_history.state_at(self._history(rule), rule, version)

    def recall(self, rule: RuleKey) -> Recalled:
        """What is known of a rule: its newest applied state, and its newest intent.

        Raises:
            LedgerError: the file cannot be read.
        """
        return rule_history.recall(self._history(rule), rule)

    def event_of(self, rule: RuleKey, version: int) -> dict[str, Any] | None:
        """The announcement of a version that an operation of this ledger made, or None.

        Raises:
            LedgerError: the file cannot be read.
        """
        return rule_history.event_of(self._history(rule), rule, version)

    def known_versions(self, rule: RuleKey) -> list[int]:
        """The versions of a rule that `state_at` may know, ascending.

        Raises:
            LedgerError: the file cannot be read.
        """
        return rule_history.known_versions(self._history(rule), rule)

    def _history(self, rule: RuleKey) -> Iterator[Record]:
        """The records of one rule in any org, the newest first."""
        for entry in self.entries_backwards(chain.encode({"rule_id": rule.rule_id, "kind": rule.kind})[1:-1]):
            record = entry.record
            if record and record.get("rule_id") == rule.rule_id and record.get("kind") == rule.kind:
                yield record

    def running(self, operation_id: str) -> AbstractContextManager[None]:
        """While entered, this process is the one that is at the operation; nobody else can be.

        A lock says so, which the system gives up for a killed process.

        Raises:
            LedgerError: on entering, another process is at it, or the file that says so cannot be made.
            ValueError: on entering, this is no operation id.
        """
        return self._live.hold(operation_id)

    def is_running(self, operation_id: str) -> bool:
        """Whether a live process, this one included, is `running` the operation.

        Raises:
            LedgerError: that could not be found out.
        """
        return self._live.is_held(operation_id)


def _is_settled(record: Record) -> bool:
    """Whether this record says what became of its operation's intents."""
    if record["type"] == "outcome":
        return bool(record.get("result") != "unknown")
    return record["type"] == "resolution" and record.get("state") in {"applied", "not_applied"}
