"""The order of the stages: what ``update`` and ``diff`` do, for the command line and for library users alike.

On the critical path of a clean update are the token, a GET and a PUT, then the webhook; whatever else is read is
read beside the GET.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TypeVar

from ebrule import __version__
from ebrule.core.actor import actor
from ebrule.core.audit import AuditLog
from ebrule.core.auth import connect
from ebrule.core.client import HttpxTransport
from ebrule.core.fetcher import fetch_rule
from ebrule.core.notices import Merged
from ebrule.core.pace import OutOfTimeError, Pace
from ebrule.core.updater import Hooks, Intent, Landed, OnConflict, Policy, Updater
from ebrule.core.validator import check_rule, reference_checks
from ebrule.core.webhook import Endpoint, Event, make_event
from ebrule.errors import (
    ConflictError,
    EbruleError,
    InvalidRuleError,
    LedgerError,
    Overlap,
    UnavailableError,
    UnknownOutcomeError,
    UsageError,
    VersionGoneError,
)
from ebrule.history import History
from ebrule.operation import Operation, UpdateResult, redact_error, redacted_overlap
from ebrule.plan import Plan, RuleFile, invalid, load_rule, located, make_plan
from ebrule.redaction import Redactor, load_key, present_key
from ebrule.rules.changes import Change, diff, merge3
from ebrule.rules.kind import Rule, checked_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrule.core.auth import Session
    from ebrule.core.client import Transport
    from ebrule.rulefile import Document
    from ebrule.rules.kind import Data, Kind
    from ebrule.settings import Settings


T = TypeVar("T", str, int)


@dataclass(frozen=True)
class UpdateOptions:
    """What the caller of an update allows and asks for.

    Attributes:
        rule_id: the rule; by default what the file says. Where both say one, they must agree.
        kind: the kind; by default what the file says, or ``eventbridge``.
        dry_run: read and compare only: nothing is written, here or there.
        expect_version: change the rule only if it has this version.
        on_conflict: what to do when somebody else changes the rule meanwhile; by default ``merge``.
        max_attempts: how many PUTs may be sent.
        check_targets: whether what the rule refers to must exist.
        announce: whether to tell the webhook.
        reason: kept in the ledger.
    """

    rule_id: str | None = None
    kind: str | None = None
    dry_run: bool = False
    expect_version: int | None = None
    on_conflict: OnConflict | None = None
    max_attempts: int = 10
    check_targets: bool = True
    announce: bool = True
    reason: str | None = None


def update_rule(
    settings: Settings,
    source: str | os.PathLike[str],
    options: UpdateOptions | None = None,
    *,
    pace: Pace | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    transport: Transport | None = None,
) -> UpdateResult:
    """Bring one rule to what a rule file says, safely.

    Args:
        settings: the org, the ledger, the webhook.
        source: the rule file; ``-`` is standard input.
        options: what to allow.
        pace: the run's time; by default one with the settings' deadline.
        environ: where ``${env:NAME}`` and the actor come from; by default the process's environment.
        stdin: what ``-`` reads.
        transport: what carries the requests; by default httpx.

    Returns:
        The result, where the rule is as the file says; its ``webhook`` may still be ``pending``.

    Raises:
        EbruleError: the class says what happened, and ``result`` has what is known, but for a
            :class:`UsageError`, before which nothing was done.
    """
    pace = pace or Pace(settings.deadline)
    environ = os.environ if environ is None else environ
    run = _Update(settings, options or UpdateOptions(), pace, environ, transport)
    return run.run(partial(load_rule, source, environ=environ, stdin=stdin or _own_input()))


def _own_input() -> IO[bytes] | None:
    """Standard input without its buffer, whose lock a thread that waits for input would hold at the process's end."""
    buffer = getattr(sys.stdin, "buffer", None)
    return getattr(buffer, "raw", buffer)


def plan_update(
    settings: Settings,
    source: str | os.PathLike[str],
    options: UpdateOptions | None = None,
    *,
    pace: Pace | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    transport: Transport | None = None,
) -> UpdateResult:
    """Return what :func:`update_rule` would change, as ``planned`` or ``unchanged``; takes and raises the same.

    Nothing is written: no request but GET and the one for a token leaves, and the ledger is left alone.
    """
    options = replace(options or UpdateOptions(), dry_run=True)
    return update_rule(settings, source, options, pace=pace, environ=environ, stdin=stdin, transport=transport)


class _Update:
    """One update: the stages in their order, and what is known so far (``result``)."""

    def __init__(
        self,
        settings: Settings,
        options: UpdateOptions,
        pace: Pace,
        environ: Mapping[str, str],
        transport: Transport | None,
    ) -> None:
        if options.max_attempts < 1:
            raise UsageError("at least one attempt is needed", hint="--max-attempts 1", code="bad-attempts")
        self.settings = settings
        self.options = options
        self.pace = pace
        self.environ = environ
        self.transport = transport
        self.endpoint: Endpoint | None = None
        self.hook: Transport | None = None
        if settings.webhook_url and options.announce:
            self.endpoint = Endpoint(settings.webhook_url, settings.webhook_secret)
        if self.endpoint and not options.dry_run:
            # Made now: certificates that cannot be read must be found before anything is sent.
            self.hook = HttpxTransport(settings.network, secure=self.endpoint.secure)
        rule_id = checked_id(options.rule_id) if options.rule_id is not None else None
        self.result = UpdateResult(rule_id=rule_id, kind=options.kind)
        self.ledger = AuditLog(settings.audit_log, now=pace.clock.now, check_stop=self._may_wait)
        self.document: Document | None = None
        self.key = b""
        self.redactor = Redactor(self.key)

    def _may_wait(self) -> None:
        """Let nothing wait for another process's lock longer than the run may take."""
        self.pace.check()
        if self.pace.left() <= 0:
            raise LedgerError("another process holds the ledger, and the deadline is over", hint="Try again later.")

    def run(self, load: Callable[..., RuleFile]) -> UpdateResult:
        """Run all stages; hang what is known on the error that ends them."""
        try:
            self._plan(load) if self.options.dry_run else self._update(load)
        except UsageError:
            raise
        except EbruleError as error:
            self.result.error = error
            error.result = self.result
            raise
        finally:
            if self.hook is not None:
                self.hook.close()
        return self.result

    def _plan(self, load: Callable[..., RuleFile]) -> None:
        self.key = present_key(self.settings.state_dir) or secrets.token_bytes(32)
        try:
            rule_file = self._load(load)
            with self._session() as session:
                plan = self._read(session, rule_file)
            self.result.drift = self._history(rule_file).drift(plan)
            if not plan.is_empty:
                self.result.result = "planned"
        except EbruleError as error:
            redact_error(self.redactor, error)
            raise

    def _update(self, load: Callable[..., RuleFile]) -> None:
        self.ledger.prepare()
        self.key = load_key(self.settings.state_dir)
        self.redactor = Redactor(self.key)
        operation = Operation(self.ledger, self.result, self.pace)
        with self.ledger.running(operation.id):
            try:
                rule_file = self._load(load)
                operation.facts = self._facts()
                with self._session() as session:
                    self._change(session, rule_file, operation)
            except UsageError:
                raise
            except EbruleError as error:
                self._failed(error, operation)
                raise
            except Exception as bug:
                self._failed(EbruleError(f"a bug in ebrule: {type(bug).__name__}", code="bug"), operation)
                raise

    def _failed(self, error: EbruleError, operation: Operation) -> None:
        """Record how the operation failed, with nothing secret, and with what the org refused on the file's lines."""
        if isinstance(error, InvalidRuleError) and error.source is None and self.document is not None:
            error.problems = tuple(located(self.document, problem) for problem in error.problems)
            error.source = self.document.source
        redact_error(self.redactor, error)
        self.result.error = error
        self.result.result = "unknown" if isinstance(error, UnknownOutcomeError) else "failed"
        operation.outcome(self.redactor, error.correlation_id)

    def _facts(self) -> dict[str, Any]:
        return {
            "actor": self.redactor.data(actor(self.environ)),
            "region": self.settings.org.name if self.settings.org else None,
            "reason": None if self.options.reason is None else self.redactor.text(self.options.reason),
            "tool_version": __version__,
        }

    # --- before anything is sent ------------------------------------------------------------------------------

    def _load(self, load: Callable[..., RuleFile]) -> RuleFile:
        try:
            rule_file = self.pace.call(partial(load, kind=self.options.kind), limit=self.pace.left())
        except OutOfTimeError:
            raise _too_late("the rule file could not be read") from None
        self.redactor = Redactor(self.key, rule_file.document.secrets)
        result = self.result
        self.document = document = rule_file.document
        result.kind, result.source, result.warnings = rule_file.kind.name, document.source, rule_file.warnings
        file = document.source.name
        said = self._agreed("--rule-id", result.rule_id, file, rule_file.rule_id)
        if said is None:
            raise UsageError(
                "which rule? Neither --rule-id nor the file names one", hint="--rule-id ID", code="no-rule-id"
            )
        result.rule_id = said
        self._agreed("--expect-version", self.options.expect_version, file, rule_file.version)
        return rule_file

    def _agreed(self, option: str, given: T | None, file: str, said: T | None) -> T | None:
        """Return what option and file say; raises :class:`UsageError` where they say different things."""
        if given is not None and said is not None and given != said:
            raise UsageError(
                self.redactor.text(f"{option} says {given}, and {file} says {said}"),
                hint=f"Leave out {option}, or correct the file.",
                code="disagreement",
            )
        return said if given is None else given

    def _session(self) -> Session:
        return connect(
            self.settings.require_org(),
            self.settings.network,
            self.pace,
            read_only=self.options.dry_run,
            transport=self.transport,
        )

    def _history(self, rule_file: RuleFile) -> History:
        region = self.settings.require_org().name
        return History(self.ledger, Redactor(self.key), rule_file.kind, self.result.rule_id or "", region)

    def _read(self, session: Session, rule_file: RuleFile) -> Plan:
        """Read the rule, beside it what the file refers to, and compare."""
        kind, rule_id = rule_file.kind, self.result.rule_id or ""
        references = kind.references(rule_file.fields) if self.options.check_targets else []
        read: list[Callable[[], Any]] = [
            partial(fetch_rule, session.reader, kind, rule_id),
            *reference_checks(session.reader, references),
        ]
        try:
            base, *found = self.pace.call_all(read)
        except OutOfTimeError:
            raise _too_late("the org did not answer") from None
        result = self.result
        result.base_version = result.version = base.version
        result.rule_name = self._name_of(base)
        problems = [located(rule_file.document, problem) for problem in found if problem is not None]
        if problems:
            raise invalid(rule_file.document, problems)
        plan = self._compared(rule_file, base)
        result.changes = self._changes(kind, kind.content(base.data), plan.wanted)
        if plan.is_empty:
            result.result = "unchanged"
        return plan

    def _compared(self, rule_file: RuleFile, base: Rule) -> Plan:
        """Lay the file over the rule as read, or over the older version that the file was made from."""
        expected = self._expected(rule_file)
        plan = make_plan(rule_file, base)
        if expected in (None, base.version) or (plan.is_empty and self.options.expect_version is None):
            return plan  # also where the file names an older version, but nothing is left to change
        moved = f"{base.id} has version {base.version}, and version {expected} was expected. Nothing was sent."
        theirs = rule_file.kind.content(base.data)
        was = self._history(rule_file).content_at(expected, theirs, dict(rule_file.fields))
        if was is None:
            hint = "Look at what changed since, then leave out the version or name the present one."
            raise VersionGoneError(moved, hint=hint)
        kind = rule_file.kind
        older = Rule(base.id, expected, was)
        merge = merge3(kind.shape, was, make_plan(rule_file, older).wanted, theirs)
        if self._is_pinned(rule_file):
            hint = "To merge with what changed since, give --on-conflict merge."
            if self.options.expect_version is not None:
                hint = f"Look at the rule as it is now; then expect version {base.version}, or none."
            raise VersionGoneError(moved, merge.overlaps, hint=hint)
        if merge.overlaps and self.options.on_conflict == "merge":
            raise ConflictError(
                f"{moved} What changed since is in a field that this update changes too.", merge.overlaps
            )
        self._merged(kind, older, base, merge.overlaps, meanwhile=False)
        return Plan(kind, base, merge.content, overwritten=merge.overlaps)

    def _name_of(self, rule: Rule) -> str:
        return self.redactor.text(str(rule.data.get("name") or ""))

    def _expected(self, rule_file: RuleFile) -> int | None:
        return self.options.expect_version if self.options.expect_version is not None else rule_file.version

    def _is_pinned(self, rule_file: RuleFile) -> bool:
        """Return whether the expected version is the only one that may be replaced.

        A version that stands in the file is also where a merge may begin, if the caller asks for one.
        """
        merges = self.options.on_conflict in ("merge", "overwrite") and self.options.expect_version is None
        return self._expected(rule_file) is not None and not merges

    def _changes(self, kind: Kind, before: Data, after: Data) -> list[Change]:
        return diff(kind.shape, self.redactor.data(before), self.redactor.data(after))

    def _merged(
        self, kind: Kind, was: Rule, present: Rule, overlaps: tuple[Overlap, ...], *, meanwhile: bool = True
    ) -> None:
        lost = tuple(overlap.path for overlap in overlaps)
        changes = self._changes(kind, kind.content(was.data), kind.content(present.data))
        kept = [change for change in changes if not change.path.startswith(lost)]
        self.result.merged += kept
        self.pace.observe(Merged(was.version, present.version, tuple(kept), meanwhile=meanwhile))

    # --- the update -------------------------------------------------------------------------------------------

    def _change(self, session: Session, rule_file: RuleFile, operation: Operation) -> None:
        plan = self._read(session, rule_file)
        if plan.is_empty:
            operation.outcome(self.redactor)
            if not self.result.recorded:
                raise LedgerError("the ledger cannot be written; the rule is as the file says, and nothing was sent")
            return
        updater = self._updater(session, plan, rule_file, operation)
        try:
            landed = updater.run()
        finally:
            self.result.attempts, self.result.conflicts = updater.attempts, updater.conflicts
            self.result.base_version = updater.base.version
        self._landed(plan, landed, operation)

    def _updater(self, session: Session, plan: Plan, rule_file: RuleFile, operation: Operation) -> Updater:
        kind, redact = plan.kind, self.redactor.data

        def before_put(intent: Intent) -> None:
            before, after = redact(kind.content(intent.base.data)), redact(intent.wanted)
            self.result.overwritten = [redacted_overlap(self.redactor, each) for each in intent.overwritten]
            self.result.changes = diff(kind.shape, before, after)
            operation.intent(intent, before, after, self.result.changes)

        def check(content: Data) -> None:
            known = {name: value for name, value in content.items() if name in kind.model.model_fields}
            # A key that ebrule does not know is the org's own: a rule file with one would not have come this far.
            problems = [
                each for each in check_rule(kind, known) if each.severity == "error" and each.id != "unknown-key"
            ]
            if problems:
                raise InvalidRuleError("merged with what others changed meanwhile, the rule is not right", problems)

        pinned = self._is_pinned(rule_file)
        policy = Policy(self.options.on_conflict or "merge", self.options.max_attempts, pinned=pinned)
        hooks = Hooks(before_put, check, partial(self._merged, kind))
        return Updater(
            session,
            kind,
            plan.base,
            plan.wanted,
            pace=self.pace,
            policy=policy,
            hooks=hooks,
            overwritten=plan.overwritten,
        )

    def _landed(self, plan: Plan, landed: Landed, operation: Operation) -> None:
        """The rule is as wanted: from here on nothing may hide that. Record it, then announce it."""
        result, rule = self.result, landed.rule
        result.version, result.latency_ms, result.confirmed = (
            rule.version,
            landed.latency_ms,
            landed.confirmed,
        )
        result.rule_name = self._name_of(rule)
        result.result = "updated" if landed.changed else "unchanged"
        event = None
        if landed.changed:
            result.webhook = "pending" if self.endpoint else "disabled"
            event = self._event(plan.kind, rule) if self.endpoint else None
        operation.outcome(self.redactor, landed.correlation_id, event)
        if self.endpoint and self.hook and event:
            operation.announce(self.endpoint, event, self.hook)

    def _event(self, kind: Kind, rule: Rule) -> Event:
        event = make_event(
            kind,
            self.settings.require_org().name,
            rule,
            self.redactor.data(rule.data),
            previous_version=self.result.base_version or 0,
            now=self.pace.clock.now(),
            head=self.result.head or "",
        )
        self.result.event_id = event["id"]
        return event


def _too_late(what: str) -> UnavailableError:
    return UnavailableError(
        f"{what} before the deadline", hint="Allow more time with --deadline.", code="past-deadline"
    )
