"""``audit resolve``: find out what became of the operations that a killed or cut-off run left open.

An operation is open when the ledger has an intent of it and nothing that says how it ended. The org is read back, and
the answer is recorded as a ``resolution``. What cannot be told stays open; nothing is ever sent to the org but GET.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ebrule.core.auth import connect
from ebrule.core.collector import open_ledger
from ebrule.core.failures import wait
from ebrule.core.fetcher import fetch_rule
from ebrule.core.webhook import Event, make_event
from ebrule.errors import LedgerError, RuleNotFoundError
from ebrule.redaction import Redactor, holds_digests, redaction_key, with_key_id
from ebrule.rules.changes import equal, holds
from ebrule.rules.kind import Rule, is_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.core.audit import AuditLog
    from ebrule.core.auth import Session
    from ebrule.core.pace import Pace
    from ebrule.core.transport import Transport
    from ebrule.rules.kind import Kind
    from ebrule.settings import Settings

SETTLING_SECONDS = 30.0
"""How old an intent must be before "not there" means "never arrived": a request of a killed run may still be on its
way for as long as a live one would have waited for its answer, and a little more."""


@dataclass(frozen=True)
class Finding:
    """What is known of one open operation.

    ``state`` is ``applied``, ``not_applied``, ``unknown``, ``running`` (a live process is at it) or ``elsewhere`` (it
    belongs to another region). ``version`` is the one that it made, where that is known.
    """

    operation_id: str
    rule_id: str
    kind: str
    base_version: int
    state: str
    version: int | None = None
    reason: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the ledger now says how the operation ended."""
        return self.state in ("applied", "not_applied")


def resolve(settings: Settings, *, pace: Pace, transport: Transport | None = None) -> list[Finding]:
    """Settle every open operation of the ledger that belongs to the settings' org, the oldest first.

    Safe to run twice and in parallel: an operation is held while it is settled, as a live run holds its own.

    Raises:
        EbruleError: the org or the ledger cannot be read, or a resolution cannot be recorded.
    """
    org = settings.require_org()
    with open_ledger(settings, pace) as ledger:
        seen = ledger.end()
        open_intents = ledger.open_intents()
        if not open_intents:
            return []
        redactor = Redactor(redaction_key(settings))
        with connect(org, settings.network, pace, read_only=True, transport=transport) as session:
            resolver = _Resolver(
                ledger, seen, session, kinds=settings.kinds, pace=pace, redactor=redactor, org=org.name
            )
            return [resolver.settle(intent) for intent in open_intents]


class _Resolver:
    def __init__(
        self,
        ledger: AuditLog,
        seen: int,
        session: Session,
        *,
        kinds: Mapping[str, Kind],
        pace: Pace,
        redactor: Redactor,
        org: str,
    ) -> None:
        self._ledger = ledger
        self._seen = seen
        self._session = session
        self._kinds = kinds
        self._pace = pace
        self._redactor = redactor
        self._org = org

    def settle(self, intent: dict[str, Any]) -> Finding:
        """Settle one operation, unless somebody else is at it."""
        if not _is_whole(intent):
            return _finding(intent, "unknown", reason="its record is not as ebrule writes it")
        operation_id = intent["operation_id"]
        if intent.get("region") != self._org or intent["kind"] not in self._kinds:
            return _finding(intent, "elsewhere", reason=f"it belongs to {intent.get('region')}")
        with contextlib.ExitStack() as stack:
            if self._ledger.is_running(operation_id):
                return _finding(intent, "running", reason="a live process is at it")
            try:
                stack.enter_context(self._ledger.running(operation_id))
            except LedgerError:
                return _finding(intent, "running", reason="another process has just begun to settle it")
            if self._ledger.is_settled(operation_id, since=self._seen):
                return _finding(intent, "running", reason="another process has just settled it")
            return self._settle(intent)

    def _settle(self, intent: dict[str, Any]) -> Finding:
        kind = self._kinds[intent["kind"]]
        self._let_it_arrive(intent)
        try:
            present = fetch_rule(self._session.reader, kind, intent["rule_id"])
        except RuleNotFoundError as error:
            return _finding(intent, "unknown", reason=error.message)
        finding = self._judge(kind, intent, present)
        if finding.is_settled:
            self._ledger.append(
                "resolution",
                finding.operation_id,
                rule_id=finding.rule_id,
                kind=finding.kind,
                state=finding.state,
                version=finding.version,
                seen_version=present.version,
                reason=finding.reason,
                **with_key_id({"event": self._event(kind, intent, finding, present)}, self._redactor.key),
            )
        return finding

    def _let_it_arrive(self, intent: dict[str, Any]) -> None:
        try:
            sent = datetime.strptime(intent["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        except ValueError:  # the 31st of February
            return
        seconds = SETTLING_SECONDS - (self._pace.clock.now() - sent).total_seconds()
        if 0 < seconds <= SETTLING_SECONDS:
            wait(self._pace, seconds, "the request of a killed run may still be on its way", 1, 1)

    def _judge(self, kind: Kind, intent: dict[str, Any], present: Rule) -> Finding:
        """Tell from the state that followed the intent's base whether the intent made it."""
        base = intent["base_version"]
        if present.version < base:
            return _finding(intent, "unknown", reason=f"the org shows version {present.version}, older than {base}")
        if present.version == base:
            return _finding(intent, "not_applied", reason=f"the org still has version {base}")
        maker = self._ledger.maker_of(intent["rule_id"], kind.name, base + 1, region=self._org)
        if kind.steps_by_one and maker not in (None, intent["operation_id"]):
            return _finding(intent, "not_applied", reason=f"version {base + 1} was made by operation {maker}")
        sides = [intent["before"], intent["after"]]
        if holds_digests(sides) and not self._redactor.key.made(intent.get("key_id")):
            return _finding(
                intent, "unknown", reason="its digests were made with another key: set EBRULE_REDACTION_KEY"
            )
        following = self._state_after(kind, intent, present)
        if following is not None:
            if equal(kind.shape, self._redactor.restore(intent["after"], following), following):
                return _finding(intent, "applied", base + 1, f"version {base + 1} is what was to be sent")
            return _finding(intent, "not_applied", reason=f"version {base + 1} is somebody else's")
        content = kind.content(present.data)
        before, after = self._redactor.restore(sides, content)
        if holds(kind.shape, before, after, content):
            made = base + 1 if kind.steps_by_one else None
            reason = f"version {present.version} has every change that was to be sent"
            return _finding(intent, "applied", made, reason)
        return _finding(
            intent,
            "unknown",
            reason=f"the rule moved on to version {present.version}, and the changes are not in it",
        )

    def _state_after(self, kind: Kind, intent: dict[str, Any], present: Rule) -> Any:
        """Return the content of the version that replaced the base, from the org or from another run's record.

        Only where each PUT raises the version by one is there just one such version, made by just one PUT.
        """
        version = intent["base_version"] + 1
        if not kind.steps_by_one:
            return None
        if present.version == version:
            return kind.content(present.data)
        known = self._ledger.state_at(intent["rule_id"], kind.name, version, region=self._org)
        return None if known is None or known.operation_id == intent["operation_id"] else known.data

    def _event(self, kind: Kind, intent: dict[str, Any], finding: Finding, present: Rule) -> Event | None:
        """Return the announcement of a change that its run meant to announce; it is then pending in the ledger.

        It is of the version that the change made. Where others have replaced that one, it has the content as it was
        sent; where it is not known which one it was, the present one stands for it.
        """
        if finding.state != "applied" or intent.get("webhook_format") is None:
            return None
        credentials = self._session.tokens.credentials
        redactor = Redactor(self._redactor.key, credentials).knowing([intent["before"], intent["after"]], present.data)
        rule = present
        if finding.version not in (None, present.version):
            sent = redactor.restore(intent["after"], present.data)
            rule = Rule(present.id, finding.version, {**sent, "version": finding.version})
        return make_event(
            kind,
            self._org,
            rule,
            redactor.data(rule.data),
            previous_version=finding.base_version,
            now=self._pace.clock.now(),
            head=self._ledger.head(),
            event_format=intent["webhook_format"],
        )


def _is_whole(intent: dict[str, Any]) -> bool:
    """Return whether an intent has what it takes to settle it; an edited ledger may hold anything."""
    texts = [intent.get(name) for name in ("operation_id", "rule_id", "kind", "timestamp")]
    version = intent.get("base_version")
    return (
        all(isinstance(text, str) for text in texts)
        and is_id(str(intent["rule_id"]))
        and _TIMESTAMP.fullmatch(str(intent["timestamp"])) is not None
        and isinstance(version, int)
        and all(isinstance(intent.get(side), dict) for side in ("before", "after"))
    )


_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def _finding(intent: dict[str, Any], state: str, version: int | None = None, reason: str | None = None) -> Finding:
    operation_id, rule_id, kind = (str(intent.get(name)) for name in ("operation_id", "rule_id", "kind"))
    base = intent.get("base_version")
    return Finding(operation_id, rule_id, kind, base if isinstance(base, int) else 0, state, version, reason)
