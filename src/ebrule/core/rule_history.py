"""What the ledger knows of the states of one rule. Pure: each question takes the rule's records, the newest first.

What a run saw is not what it made. An outcome names both: ``made_version``, the version that its PUT made, and
``version``, the one that was read last. Only the made one says which content a version has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.rules.stored import StoredDifferently

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ebrule.core.chain import Record
    from ebrule.rules.kind import Data

_APPLIED_RESULTS = ("updated", "rolled_back")


class RuleKey(NamedTuple):
    """A rule as records name it. An id means nothing without its org: None for both of its names means any org.

    Attributes:
        kind: of the rule.
        rule_id: of the rule.
        org_id: of the org.
        region: what records name the org by that are older than those with an ``org_id``.
    """

    kind: str
    rule_id: str
    org_id: str | None = None
    region: str | None = None

    def is_in_org(self, record: Record) -> bool:
        """Return whether a record is of this key's org; one that names no org counts for its region."""
        if isinstance(recorded := record.get("org_id"), str):
            return self.org_id in (None, recorded)
        return self.region in (None, record.get("region"))


class KnownState(NamedTuple):
    """A rule as the ledger knows it.

    Attributes:
        version: of the rule.
        base_version: the version that the operation which tells of it began with.
        data: the rule's content at ``version``, as the org stored it, with secrets redacted.
        operation_id: the operation that tells of it.
        timestamp: of that operation's intent.
        stored: what was sent, by this operation or an earlier one, and is stored differently in ``data``.
        names_org: False where the record is older than those that name their org.
        key_id: the key of the digests that stand for secrets; earlier records do not say it.
    """

    version: int
    base_version: int
    data: dict[str, Any]
    operation_id: str
    timestamp: str
    stored: tuple[StoredDifferently, ...] = ()
    names_org: bool = True
    key_id: str | None = None


class _RecordedPut(NamedTuple):
    """An intent; with the last one of its operation, the record that says how that ended, and the version it made."""

    intent: Record
    ending: Record | None
    made_version: int | None


def _puts(history: Iterable[Record], key: RuleKey, endings: dict[str, Record] | None = None) -> Iterator[_RecordedPut]:
    endings = {} if endings is None else endings
    for record in history:
        operation_id = record["operation_id"]
        if record["type"] == "intent":
            ending = endings.pop(operation_id, None)
            if key.is_in_org(record):
                yield _RecordedPut(record, ending, None if ending is None else made_version(ending, record))
        elif record["type"] in ("outcome", "resolution"):
            endings.setdefault(operation_id, record)  # the newest one is met first


def last_applied(history: Iterable[Record], key: RuleKey) -> KnownState | None:
    """The newest state that was applied, or None."""
    endings: dict[str, Record] = {}
    newest: KnownState | None = None
    for put in _puts(history, key, endings):
        if put.made_version is not None and (state := _state_after(put, put.made_version)):
            newest = max(state, newest or state, key=lambda known: known.version)
        # A newer version than this one was sent after this one's intent: it would have been met by now.
        if newest and all((made_version(ending) or 0) <= newest.version for ending in endings.values()):
            return newest
    return newest


def state_at(history: Iterable[Record], key: RuleKey, version: int) -> KnownState | None:
    """The state at ``version``, or None where no record has it."""
    for put in _puts(history, key):
        state = None
        if put.made_version == version:
            state = _state_after(put, version)
        elif put.intent.get("base_version") == version:
            state = _state(put.intent, version, put.intent.get("before"))
        if state:
            return state
    return None


def found_at(history: Iterable[Record], key: RuleKey, version: int, *, not_by: str) -> dict[str, Any] | None:
    """The content at ``version`` as an operation other than ``not_by`` read it, or None."""
    for put in _puts(history, key):
        if put.intent.get("base_version") == version and put.intent["operation_id"] != not_by:
            state = _state(put.intent, version, put.intent.get("before"))
            if state:
                return state.data
    return None


def maker_of(history: Iterable[Record], key: RuleKey, version: int) -> str | None:
    """The operation that made ``version``, or None where no record says so."""
    return next((put.intent["operation_id"] for put in _puts(history, key) if put.made_version == version), None)


class Recalled(NamedTuple):
    """What the ledger knows of a rule before a run.

    Attributes:
        last: the newest state that was applied in the org that is meant.
        newest_intent: the newest intent, in whatever org and whatever became of it.
    """

    last: KnownState | None = None
    newest_intent: Record | None = None

    @property
    def contents(self) -> list[Any]:
        """The contents that are recorded: what is redacted in one of them is a secret, wherever it stands now."""
        intent = self.newest_intent or {}
        return [self.last and self.last.data, intent.get("before"), intent.get("after")]


def recall(history: Iterable[Record], key: RuleKey) -> Recalled:
    """What is known of a rule, in one pass."""
    intents: list[Record] = []

    def noting() -> Iterator[Record]:
        for record in history:
            if not intents and record["type"] == "intent":
                intents.append(record)
            yield record

    last = last_applied(noting(), key)
    return Recalled(last, intents[0] if intents else None)


def event_of(history: Iterable[Record], key: RuleKey, version: int) -> dict[str, Any] | None:
    """The announcement of ``version``, or None where the operation that made it had none."""
    endings = (put.ending or {} for put in _puts(history, key) if put.made_version == version)
    event = next(endings, {}).get("event")
    return event if isinstance(event, dict) else None


def known_versions(history: Iterable[Record], key: RuleKey) -> list[int]:
    """The versions that `state_at` may know, ascending."""
    found = set()
    for put in _puts(history, key):
        found |= {put.intent.get("base_version"), put.made_version}
    return sorted(version for each in found if (version := _version(each)) is not None)


def made_version(ending: Record, intent: Record | None = None) -> int | None:
    """The version that an operation made, as far as the record of its end says.

    Records before ``made_version`` was recorded name the version that was seen. It is the made one where the org
    answered the PUT, or where it follows the base of ``intent``.
    """
    if not _is_applied(ending):
        return None
    if "made_version" in ending:
        return _version(ending["made_version"])
    seen = _version(ending.get("version"))
    is_known = intent is None or ending["type"] == "resolution" or ending.get("latency_ms") is not None
    return seen if is_known or seen == _next(intent) else None


def _next(intent: Record | None) -> int | None:
    base = _version((intent or {}).get("base_version"))
    return None if base is None else base + 1


def _is_applied(record: Record) -> bool:
    return (record["type"] == "outcome" and record.get("result") in _APPLIED_RESULTS) or (
        record["type"] == "resolution" and record.get("state") == "applied"
    )


def _version(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _state_after(put: _RecordedPut, version: int) -> KnownState | None:
    ending = put.ending or {}
    stored = ending.get("stored")
    state = _state(put.intent, version, stored if isinstance(stored, dict) else put.intent.get("after"))
    if state is None:
        return None
    known = (*_pairs(put.intent.get("stored_before")), *_pairs(ending.get("stored_differently")))
    return state._replace(stored=known)


def stored_fields(found: Sequence[StoredDifferently], content: Data) -> Record:
    """Return what the end of an operation records of what the org made of its body; nothing where it took it as sent.

    Args:
        found: the fields that it stored differently.
        content: the whole, as it is stored.
    """
    return {"stored_differently": [each._asdict() for each in found], "stored": content} if found else {}


def _pairs(recorded: Any) -> Iterator[StoredDifferently]:
    for each in recorded if isinstance(recorded, list) else ():
        if isinstance(each, dict) and isinstance(each.get("path"), str):
            yield StoredDifferently(each["path"], each.get("sent"), each.get("stored"))


def _state(intent: Record, version: int, data: Any) -> KnownState | None:
    base = _version(intent.get("base_version"))
    if not isinstance(data, dict) or base is None:
        return None
    names_org = isinstance(intent.get("org_id"), str)
    key_id = intent.get("key_id")
    return KnownState(
        version,
        base,
        data,
        intent["operation_id"],
        intent["timestamp"],
        names_org=names_org,
        key_id=key_id if isinstance(key_id, str) else None,
    )
