"""What the ledger tells of the states of one rule. Pure: each question takes the rule's records, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrule.core.chain import Record

_APPLIED_RESULTS = ("updated", "rolled_back")


class KnownState(NamedTuple):
    """A rule as the ledger saw it: ``data`` is the body of ``version``, with secrets redacted.

    ``base_version`` is the one that the operation which tells of it began with. ``key_id`` tells the key of the digests
    that stand for secrets; earlier records do not say it.
    """

    version: int
    base_version: int
    data: dict[str, Any]
    operation_id: str
    timestamp: str
    key_id: str | None = None


def last_applied(history: Iterable[Record], region: str | None) -> KnownState | None:
    """The newest state that was applied, or None."""
    applied: dict[str, int] = {}  # version by operation, until its last intent is met
    newest: KnownState | None = None
    for record in history:
        operation_id = record["operation_id"]
        if (version := applied_version(record)) is not None:
            applied.setdefault(operation_id, version)
        elif record["type"] == "intent" and operation_id in applied:
            state = _state(record, applied.pop(operation_id), "after")
            if state and in_region(record, region):
                newest = max(state, newest or state, key=lambda known: known.version)
        # A newer version than this one was sent after this one's intent: it would have been met by now.
        if newest and all(version <= newest.version for version in applied.values()):
            return newest
    return newest


def state_at(history: Iterable[Record], version: int, region: str | None) -> KnownState | None:
    """The state at ``version``, or None where no record has it."""
    applied: set[str] = set()
    for record in history:
        if applied_version(record) == version:
            applied.add(record["operation_id"])
        if record["type"] != "intent" or not in_region(record, region):
            continue
        side = "before" if record.get("base_version") == version else None
        if record["operation_id"] in applied:
            side = "after"
            applied.discard(record["operation_id"])
        if side and (state := _state(record, version, side)):
            return state
    return None


def known_versions(history: Iterable[Record], region: str | None) -> list[int]:
    """The versions that `state_at` may know, ascending."""
    applied: dict[str, int] = {}
    found = set()
    for record in history:
        if (version := applied_version(record)) is not None:
            applied[record["operation_id"]] = version
        elif record["type"] == "intent" and in_region(record, region):
            found |= {record.get("base_version"), applied.get(record["operation_id"])}
    return sorted(version for version in found if isinstance(version, int))


def applied_version(record: Record) -> int | None:
    """The version that the record says its operation made, if it does."""
    applied = (record["type"] == "outcome" and record.get("result") in _APPLIED_RESULTS) or (
        record["type"] == "resolution" and record.get("state") == "applied"
    )
    version = record.get("version")
    return version if applied and isinstance(version, int) and not isinstance(version, bool) else None


def in_region(record: Record, region: str | None) -> bool:
    """Whether the record is about that region; None is any."""
    return region is None or record.get("region") == region


def _state(intent: Record, version: int, side: str) -> KnownState | None:
    data = intent.get(side)
    base = intent.get("base_version")
    if not isinstance(data, dict) or not isinstance(base, int):
        return None
    key_id = intent.get("key_id")
    key_id = key_id if isinstance(key_id, str) else None
    return KnownState(version, base, data, intent["operation_id"], intent["timestamp"], key_id)
