"""``audit resolve``: find out what became of the operations that a killed or cut-off run left open.

An operation is open when the ledger has an intent of it and nothing that says how it ended. The org is read back, and
the answer is recorded as a ``resolution``. What cannot be told stays open; nothing is ever sent to the org but GET.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebrule.core.audit import RuleKey
from ebrule.core.auth import connect
from ebrule.core.collector import open_ledger
from ebrule.core.failures import wait
from ebrule.core.fetcher import OLD_STATE, fetch_recent
from ebrule.core.identity import OrgIdentity, read_identity
from ebrule.core.notices import Warned
from ebrule.core.put_outcome import PutOutcome, SentPut, Verdict, judge_put, made_version, rule_as_made
from ebrule.core.rule_history import stored_fields
from ebrule.core.run_end import is_intent, seconds_until_over
from ebrule.core.webhook import Event, make_event
from ebrule.errors import LedgerError, Overlap, RuleNotFoundError, UnavailableError, UsageError
from ebrule.pipeline.history import History
from ebrule.redaction import Redactor, holds_digests, redaction_key, with_key_id
from ebrule.rules.kind import Kind, Rule
from ebrule.rules.merge import missing_changes
from ebrule.rules.stored import StoredDifferently, stored_differently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal

    from ebrule.core.audit import AuditLog
    from ebrule.core.auth import Session
    from ebrule.core.pace import Pace
    from ebrule.core.transport import Transport
    from ebrule.redaction import Key
    from ebrule.settings import Settings

Record = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """What is known of one open operation. Sensitive values are redacted.

    Attributes:
        operation_id: the operation.
        rule_id: the rule.
        kind: the rule's kind.
        base_version: the version that was to be replaced.
        state: ``applied``, ``not_applied``, ``unknown``, ``running`` (a live process is at it) or ``elsewhere`` (it
            belongs to another org).
        version: the version that the org has now, where it was read.
        made_version: the version that the operation made, where that is known.
        reason: why.
        decided_by: ``version``, ``content``, ``author``, ``ledger``, ``time`` or ``person``; None where undecided.
        missing: the changes of an ``unknown`` operation that the rule does not have, beside what it has.
    """

    operation_id: str
    rule_id: str
    kind: str
    base_version: int
    state: str
    version: int | None = None
    made_version: int | None = None
    reason: str | None = None
    decided_by: str | None = None
    missing: tuple[Overlap, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether the ledger now says how the operation ended."""
        return self.state in ("applied", "not_applied")


def resolve(
    settings: Settings, *, pace: Pace, transport: Transport | None = None, again: bool = False
) -> list[Finding]:
    """Settle every open operation of the ledger that belongs to the settings' org, the oldest first.

    Safe to run twice and in parallel: an operation is held while it is settled, as a live run holds its own.

    Args:
        settings: the org and the ledger.
        pace: the run's time.
        transport: what carries the requests; by default what the settings say.
        again: look once more at operations that were found not applied for no other reason than that time had passed.

    Raises:
        EbruleError: the org or the ledger cannot be read, or a resolution cannot be recorded.
    """
    org = settings.require_org()
    with open_ledger(settings, pace) as ledger:
        seen = ledger.end()
        intents = ledger.open_intents()
        doubtful = ledger.intents_decided_by_time() if again else []
        if not intents and not doubtful:
            return []
        redactor = Redactor(redaction_key(settings))
        with connect(org, settings.network, pace, read_only=True, transport=transport) as session:
            resolver = _Resolver(ledger, seen, session, kinds=settings.kinds, redactor=redactor)
            return [*map(resolver.settle, intents), *map(resolver.look_again, doubtful)]


def resolve_as(
    settings: Settings, operation_id: str, state: Literal["applied", "not_applied"], reason: str, *, pace: Pace
) -> Finding:
    """Close an operation on a person's word, where nothing else can tell what became of it. No org is asked.

    Args:
        settings: the ledger.
        operation_id: an open operation.
        state: what became of it.
        reason: how the person knows; kept in the ledger.
        pace: the run's time.

    Raises:
        UsageError: there is no such open operation, or a live process is at it.
        LedgerError: the ledger cannot be read, or the resolution cannot be recorded.
    """
    with open_ledger(settings, pace) as ledger:
        seen = ledger.end()
        known = (*ledger.open_intents(), *ledger.intents_decided_by_time())
        intents = {intent["operation_id"]: intent for intent in known}
        if (intent := intents.get(operation_id)) is None or not is_intent(intent):
            hint = "List the open operations: ebrule audit show --result open --result unknown --changes"
            raise UsageError(f"no unresolved operation {operation_id}", hint=hint, code="no-operation")
        redactor = Redactor(redaction_key(settings))
        kind = settings.kinds.get(intent["kind"])
        made = intent["base_version"] + 1 if kind is not None and kind.version_increments_by_one else None
        finding = _finding(
            intent,
            state,
            made_version=made if state == "applied" else None,
            reason=redactor.text(reason),
            decided_by="person",
        )
        event = None
        if state == "applied" and kind is not None and made is not None and intent.get("webhook_format") is not None:
            sent = Rule(intent["rule_id"], made, {**intent["after"], "version": made})
            org_id = intent.get("org_id") or str(intent.get("region"))
            event = _event(kind, intent, sent, org_id=org_id, shown=sent.data, stored=(), ledger=ledger, pace=pace)
        return _held(ledger, seen, intent, lambda: _recorded(ledger, redactor.key, intent, finding, event=event))


class _Resolver:
    def __init__(
        self, ledger: AuditLog, seen: int, session: Session, *, kinds: Mapping[str, Kind], redactor: Redactor
    ) -> None:
        self._ledger = ledger
        self._seen = seen
        self._session = session
        self._pace = session.pace
        self._kinds = kinds
        self._redactor = redactor
        self._identity: OrgIdentity | None = None

    def settle(self, intent: Record) -> Finding:
        """Settle an open operation, unless somebody else is at it."""
        return self._examine(intent, self._settle)

    def look_again(self, intent: Record) -> Finding:
        """Look once more at an operation that is settled as not applied; record it only where it was applied."""
        return self._examine(intent, self._reconsider)

    def _examine(self, intent: Record, settle: Callable[[Kind, RuleKey, Record], Finding]) -> Finding:
        if not is_intent(intent):
            return _finding(intent, "unknown", reason="its record is not as ebrule writes it")
        key = self._key(intent)
        if intent["kind"] not in self._kinds or not key.is_in_org(intent):
            return _finding(intent, "elsewhere", reason=f"it belongs to {intent.get('org_id') or intent.get('region')}")
        kind = self._kinds[intent["kind"]]
        try:
            return _held(self._ledger, self._seen, intent, lambda: settle(kind, key, intent))
        except RuleNotFoundError as error:
            return _finding(intent, "unknown", reason=error.message)
        except UnavailableError as error:
            if error.code != OLD_STATE:
                raise
            return _finding(intent, "unknown", reason=error.message)

    def _key(self, intent: Record) -> RuleKey:
        if self._identity is None:
            self._identity = read_identity(self._session)
            if self._identity.warning:
                self._pace.observe(Warned(self._identity.warning))
        return RuleKey(intent["kind"], intent["rule_id"], self._identity.id, self._session.org.name)

    def _settle(self, kind: Kind, key: RuleKey, intent: Record) -> Finding:
        present, verdict = self._judge(kind, key, intent)
        if verdict.outcome is PutOutcome.PENDING:
            # Nothing else tells whether it is still on its way: only that its run, and its time, are over.
            if late := self._wait_until_over(intent):
                return _finding(intent, "unknown", version=present.version, reason=f"{verdict.reason}, and {late}")
            present, verdict = self._judge(kind, key, intent)
        finding = self._concluded(kind, intent, present, verdict)
        if finding.state == "applied":
            return self._record_applied(kind, intent, present, finding)
        return _recorded(self._ledger, self._redactor.key, intent, finding) if finding.is_settled else finding

    def _reconsider(self, kind: Kind, key: RuleKey, intent: Record) -> Finding:
        present, verdict = self._judge(kind, key, intent)
        finding = self._concluded(kind, intent, present, verdict)
        return self._record_applied(kind, intent, present, finding) if finding.state == "applied" else finding

    def _judge(self, kind: Kind, key: RuleKey, intent: Record) -> tuple[Rule, Verdict]:
        present = fetch_recent(self._session, kind, intent["rule_id"], intent["base_version"])
        content = kind.content(present.data)
        before, after = self._redactor.restore([intent["before"], intent["after"]], content)
        author = self._identity.client_id if self._identity else None
        history = History(self._ledger, self._redactor, kind, key)
        evidence = history.evidence(intent["base_version"], intent["operation_id"], author, content, before, after)
        return present, judge_put(kind, SentPut(intent["base_version"], before, after), present, evidence)

    def _wait_until_over(self, intent: Record) -> str | None:
        """Wait until the PUT cannot arrive any more; return why that is not known, where it is not."""
        clock = self._pace.clock
        seconds = seconds_until_over(intent, now=clock.now(), boot=clock.boot())
        if seconds > self._pace.left():
            return f"its request may still arrive: run this again in {seconds:.0f} s"
        if seconds > 0:
            wait(self._pace, seconds, "the request of a killed run may still be on its way", 1, 1)
        return None

    def _concluded(self, kind: Kind, intent: Record, present: Rule, verdict: Verdict) -> Finding:
        """Return what a verdict says of the operation."""
        outcome = verdict.outcome
        facts: Record = {"version": present.version, "reason": verdict.reason, "decided_by": verdict.evidence}
        if outcome is PutOutcome.APPLIED:
            content = kind.content(present.data)
            before, after = self._redactor.restore([intent["before"], intent["after"]], content)
            made = made_version(kind, SentPut(intent["base_version"], before, after), present)
            return _finding(intent, "applied", made_version=made, **facts)
        if outcome is PutOutcome.NOT_APPLIED:
            return _finding(intent, "not_applied", **facts)
        if outcome is PutOutcome.PENDING:
            return _finding(intent, "not_applied", **{**facts, "decided_by": "time"})
        content = self._knowing(intent, present).data(kind.content(present.data))
        missing = missing_changes(kind.shape, intent["before"], intent["after"], content)
        if holds_digests([intent["before"], intent["after"]]) and not self._redactor.key.made(intent.get("key_id")):
            facts["reason"] += "; its secrets were recorded with another key: set EBRULE_REDACTION_KEY to that one"
        return _finding(intent, "unknown", **{**facts, "decided_by": None}, missing=missing)

    def _record_applied(self, kind: Kind, intent: Record, present: Rule, finding: Finding) -> Finding:
        """Record that a PUT was applied, with the announcement that its run meant to make, and what the org stored."""
        content, made = kind.content(present.data), finding.made_version
        after = self._redactor.restore(intent["after"], content)
        redactor = self._knowing(intent, present)
        facts: Record = {}
        found: tuple[StoredDifferently, ...] = ()
        if made == present.version:
            shown = redactor.data(content)
            found = stored_differently(kind.shape, redactor.data(after), shown)
            facts |= stored_fields(found, shown)
        if intent.get("webhook_format") is not None:
            rule = rule_as_made(present, made, after)
            org_id = self._identity.id if self._identity else ""
            shown = redactor.data(rule.data)
            facts["event"] = _event(
                kind, intent, rule, org_id=org_id, shown=shown, stored=found, ledger=self._ledger, pace=self._pace
            )
        return _recorded(self._ledger, self._redactor.key, intent, finding, **facts)

    def _knowing(self, intent: Record, present: Rule) -> Redactor:
        """Return what takes out of a rule also what the intent's run knew as a secret."""
        known = Redactor(self._redactor.key, self._session.tokens.credentials)
        return known.knowing([intent["before"], intent["after"]], present.data)


def _held(ledger: AuditLog, seen: int, intent: Record, settle: Callable[[], Finding]) -> Finding:
    """Settle an operation while it is held as a live run holds its own; where that is not possible, say so."""
    operation_id = intent["operation_id"]
    with contextlib.ExitStack() as stack:
        if ledger.is_running(operation_id):
            return _finding(intent, "running", reason="a live process is at it")
        try:
            stack.enter_context(ledger.running(operation_id))
        except LedgerError:
            return _finding(intent, "running", reason="another process has just begun to settle it")
        if ledger.is_settled(operation_id, since=seen):
            return _finding(intent, "running", reason="another process has just settled it")
        return settle()


def _recorded(ledger: AuditLog, key: Key, intent: Record, finding: Finding, **facts: Any) -> Finding:
    ledger.append(
        "resolution",
        finding.operation_id,
        rule_id=finding.rule_id,
        kind=finding.kind,
        org_id=intent.get("org_id"),
        state=finding.state,
        version=finding.version,
        made_version=finding.made_version,
        decided_by=finding.decided_by,
        **with_key_id({"reason": finding.reason, "event": None} | facts, key),
    )
    return finding


def _event(
    kind: Kind,
    intent: Record,
    rule: Rule,
    *,
    org_id: str,
    shown: Any,
    stored: Sequence[StoredDifferently],
    ledger: AuditLog,
    pace: Pace,
) -> Event:
    """Return the announcement of a change that its run meant to make; it is then pending in the ledger.

    It is of the version that the change made, with the content as it was sent where others have replaced that; where
    it is not known which one it made, the present one stands for it.
    """
    return make_event(
        kind,
        org_id,
        rule,
        shown,
        previous_version=intent["base_version"],
        now=pace.clock.now(),
        head=ledger.head(),
        stored=stored,
        event_format=intent["webhook_format"],
    )


def _finding(intent: Record, state: str, **facts: Any) -> Finding:
    operation_id, rule_id, kind = (str(intent.get(name)) for name in ("operation_id", "rule_id", "kind"))
    base = intent.get("base_version")
    return Finding(operation_id, rule_id, kind, base if isinstance(base, int) else 0, state, **facts)
