"""What the ledger's records add up to: one `RecordedOperation` for each update or rollback, the newest first.

An edited ledger may hold anything under any name: what is not of the type that ebrule writes is read as missing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ebrule.core.rule_history import made_version
from ebrule.errors import ExitCode
from ebrule.rules.diff import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ebrule.core.chain import Entry, Record

OPEN = "open"
"""The result of an operation that has an intent, and nothing that says how it ended."""

_FAILURES: dict[int, str] = {
    ExitCode.CONFLICT: "conflict",
    **dict.fromkeys((ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM), "interrupted"),
}
_LONGEST = 1e15  # in milliseconds; more than any clock has seen
_GONE = 410  # the receiver wants no more events: nothing is pending then
_T = TypeVar("_T")


@dataclass(frozen=True)
class Delivery:
    """One try of the webhook; ``status`` is None where no reply came."""

    timestamp: str
    event_id: str | None
    url: str | None
    status: int | None
    attempt: int | None
    success: bool


@dataclass(frozen=True)
class Resolution:
    """What was found out later: ``state`` is ``applied``, ``not_applied`` or ``unknown``."""

    timestamp: str
    state: str | None
    version: int | None
    reason: str | None


@dataclass(frozen=True)
class RecordedOperation:
    """One update or rollback as its records tell it; what they do not say is None.

    Attributes:
        operation_id: what its records are found by.
        started: when its first record was written; UTC, ISO 8601.
        ended: when it was known how it ended.
        kind: of the rule.
        rule_id: the rule.
        rule_name: what people called it, after the change.
        region: the org, as its host is known.
        org_id: the org, as it names itself.
        result: the outcome's own word; `OPEN` without one; what a resolution found, where there is one.
        exit_code: of the run, before its webhook.
        base_version: the version that was, or was to be, replaced.
        version: the version that was seen last.
        made_version: the version that it made, where that is known.
        attempts: how many PUTs were sent.
        conflicts: how often somebody else was faster.
        latency_ms: of the accepted PUT.
        error: why it failed.
        correlation_id: what Genesys Cloud's support finds the request by.
        reason: why, as the caller said.
        actor: ``user``, ``host``; from a pipeline also ``run``, ``commit``, ``login``.
        tool_version: of the ebrule that did it.
        changes: what the last attempt was to change.
        stored_differently: what the org stored otherwise than it was sent: ``path``, ``sent`` and ``stored``.
        overwrites: what others had changed and was not kept: ``path`` and ``theirs``.
        event_id: the announcement, where one was to be sent.
        webhook: ``delivered``, ``pending``, ``gone`` (the receiver wants none), or None without an event.
        deliveries: each try to deliver it.
        resolution: what was found out about it later.
    """

    operation_id: str
    started: str
    ended: str | None = None
    kind: str | None = None
    rule_id: str | None = None
    rule_name: str | None = None
    region: str | None = None
    org_id: str | None = None
    result: str = OPEN
    exit_code: int | None = None
    base_version: int | None = None
    version: int | None = None
    made_version: int | None = None
    attempts: int = 0
    conflicts: int = 0
    latency_ms: float | None = None
    error: str | None = None
    correlation_id: str | None = None
    reason: str | None = None
    actor: dict[str, str] = field(default_factory=dict)
    tool_version: str | None = None
    changes: tuple[Change, ...] = ()
    stored_differently: tuple[dict[str, Any], ...] = ()
    overwrites: tuple[dict[str, Any], ...] = ()
    event_id: str | None = None
    webhook: str | None = None
    deliveries: tuple[Delivery, ...] = ()
    resolution: Resolution | None = None

    @property
    def ending(self) -> str:
        """The result; of failures, a conflict is a ``conflict``, and what a signal ended is ``interrupted``."""
        if self.result == "failed" and self.exit_code is not None:
            return _FAILURES.get(self.exit_code, self.result)
        return self.result

    @property
    def is_open(self) -> bool:
        """Whether it may or may not have changed the rule: ``ebrule audit resolve`` finds out."""
        return self.result in (OPEN, "unknown")

    @property
    def is_pending(self) -> bool:
        """Whether its event is still to be delivered."""
        return self.webhook == "pending"

    @property
    def is_applied(self) -> bool:
        """Whether it changed the rule."""
        return self.result in ("updated", "rolled_back", "applied")

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "changes": [change._asdict() for change in self.changes]}


def operations(entries_backwards: Iterable[Entry]) -> Iterator[RecordedOperation]:
    """Fold records into operations, the one that began last first.

    Each comes as soon as its first record is met, so the cost of a few is that of a few. Those whose first record is
    missing, because an older file has it, come at the end.

    Args:
        entries_backwards: the ledger's lines from the last to the first.
    """
    unfinished: dict[str, list[Record]] = {}
    settled_events: dict[str, str] = {}  # id → delivered or gone, whichever operation's record says so
    told: set[str] = set()
    for entry in entries_backwards:
        record = entry.record
        if record is None or record["type"] not in {"intent", "outcome", "delivery", "resolution"}:
            continue
        operation_id = record["operation_id"]
        if operation_id in told:
            continue
        if record["type"] == "delivery" and (fate := _fate(record)) and isinstance(record.get("event_id"), str):
            settled_events.setdefault(record["event_id"], fate)
        unfinished.setdefault(operation_id, []).append(record)
        if _is_first(record):
            told.add(operation_id)
            yield _fold(unfinished.pop(operation_id)[::-1], settled_events)
    for records in unfinished.values():
        if any(record["type"] != "delivery" for record in records):
            yield _fold(records[::-1], settled_events)


def _is_first(record: Record) -> bool:
    """Whether an operation has no earlier record: its first intent, or an outcome without any PUT."""
    if record["type"] == "intent":
        return record.get("attempt") == 1
    return record["type"] == "outcome" and record.get("attempts") == 0


def _fate(delivery: Record) -> str | None:
    if delivery.get("success") is True:
        return "delivered"
    return "gone" if delivery.get("status") == _GONE else None


def _fold(records: Sequence[Record], settled_events: dict[str, str]) -> RecordedOperation:
    """One operation from its records, the oldest first."""
    last: dict[str, Record] = {record["type"]: record for record in records}
    intent, outcome, resolution = (last.get(name, {}) for name in ("intent", "outcome", "resolution"))
    found = _resolution(resolution) if resolution else None
    end = resolution or outcome
    told = intent or outcome
    event_id = _get(_get(outcome, "event", dict) or _get(resolution, "event", dict) or {}, "id", str)
    result = _get(outcome, "result", str) or OPEN
    if found and found.state in ("applied", "not_applied"):
        result = found.state
    return RecordedOperation(
        operation_id=records[0]["operation_id"],
        started=records[0]["timestamp"],
        ended=end.get("timestamp"),
        kind=_get(records[0], "kind", str),
        rule_id=_get(records[0], "rule_id", str),
        rule_name=_get(_get(intent, "after", dict) or {}, "name", str),
        region=_get(told, "region", str),
        org_id=_get(told, "org_id", str),
        result=result,
        exit_code=_get(outcome, "exit_code", int),
        base_version=_get(intent, "base_version", int),
        version=_get(resolution, "version", int) or _get(outcome, "version", int),
        made_version=made_version(end, intent) if end else None,
        attempts=_get(outcome, "attempts", int) or _get(intent, "attempt", int) or 0,
        conflicts=_get(outcome, "conflicts", int) or 0,
        latency_ms=_milliseconds(outcome, "latency_ms"),
        error=_get(outcome, "error", str),
        correlation_id=_get(outcome, "correlation_id", str),
        reason=_get(told, "reason", str),
        actor={name: text for name, text in (_get(told, "actor", dict) or {}).items() if isinstance(text, str)},
        tool_version=_get(told, "tool_version", str),
        changes=tuple(
            Change(each["path"], each.get("before"), each.get("after")) for each in _paths(intent, "changes")
        ),
        stored_differently=tuple(
            {"path": each["path"], "sent": each.get("sent"), "stored": each.get("stored")}
            for each in _paths(end, "stored_differently")
        ),
        overwrites=tuple({"path": each["path"], "theirs": each.get("theirs")} for each in _paths(intent, "overwrites")),
        event_id=event_id,
        webhook=None if event_id is None else settled_events.get(event_id, "pending"),
        deliveries=tuple(_delivery(record) for record in records if record["type"] == "delivery"),
        resolution=found,
    )


def _delivery(record: Record) -> Delivery:
    return Delivery(
        timestamp=record["timestamp"],
        event_id=_get(record, "event_id", str),
        url=_shown(_get(record, "url", str)),
        status=_get(record, "status", int),
        attempt=_get(record, "attempt", int),
        success=record.get("success") is True,
    )


def _shown(url: str | None) -> str | None:
    """A receiver's URL; that of an earlier record may have a path that lets whoever knows it post there."""
    from ebrule.redaction.capabilities import shown_url  # noqa: PLC0415 - many ledgers have no delivery

    try:
        return url and shown_url(url, lambda _: "…")
    except ValueError:  # an edited ledger may hold anything
        return url


def _resolution(record: Record) -> Resolution:
    return Resolution(
        timestamp=record["timestamp"],
        state=_get(record, "state", str),
        version=_get(record, "version", int),
        reason=_get(record, "reason", str),
    )


def _get(record: Record, name: str, kind: type[_T]) -> _T | None:
    """The value of a name, if it is of this very type: a boolean is no number."""
    value = record.get(name)
    return value if type(value) is kind else None


def _milliseconds(record: Record, name: str) -> float | None:
    value: Any = record.get(name)
    return value if type(value) in {int, float} and 0 <= value < _LONGEST else None  # so neither NaN nor infinity


def _paths(record: Record, name: str) -> Iterator[Record]:
    """The elements of a list that say which field they are about."""
    for each in _get(record, name, list) or []:
        if isinstance(each, dict) and isinstance(each.get("path"), str):
            yield each
