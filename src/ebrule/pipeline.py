"""The order of the stages: what ``update`` and ``diff`` do, for the command line and for library users alike.

On the critical path of a clean update are the token, a GET and a PUT, then the webhook; whatever else is read is
read beside the GET.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from ebrule import __version__
from ebrule.core.actor import actor
from ebrule.core.audit import AuditLog, new_operation_id
from ebrule.core.auth import connect
from ebrule.core.client import HttpxTransport
from ebrule.core.fetcher import fetch_rule
from ebrule.core.notices import Merged, Warned
from ebrule.core.pace import OutOfTimeError, Pace
from ebrule.core.updater import Hooks, Intent, Landed, OnConflict, Policy, Updater
from ebrule.core.validator import check_rule, reference_checks
from ebrule.core.webhook import Endpoint, Event, make_event, send_event
from ebrule.errors import (
    ConflictError,
    EbruleError,
    InterruptedRunError,
    InvalidRuleError,
    LedgerError,
    Overlap,
    Problem,
    UnavailableError,
    UnknownOutcomeError,
    UsageError,
    VersionGoneError,
)
from ebrule.operation import Operation, UpdateResult
from ebrule.plan import Plan, RuleFile, invalid, load_rule, located, make_plan
from ebrule.redaction import Redactor, load_key
from ebrule.rules.changes import Change, diff
from ebrule.rules.kind import Rule, checked_id

if TYPE_CHECKING:
    from ebrule.core.auth import Session
    from ebrule.core.client import Transport
    from ebrule.rules.kind import Data
    from ebrule.settings import Settings


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
    return run.run(partial(load_rule, source, environ=environ, stdin=stdin))


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
    return update_rule(
        settings, source, options, pace=pace, environ=environ, stdin=stdin, transport=transport
    )


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
        self.endpoint = None
        if settings.webhook_url and options.announce:
            self.endpoint = Endpoint(settings.webhook_url, settings.webhook_secret)
        rule_id = checked_id(options.rule_id) if options.rule_id is not None else None
        self.result = UpdateResult(rule_id=rule_id, kind=options.kind)
        self._key = secrets.token_bytes(32)
        self.redactor = Redactor(self._key)

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
        return self.result

    def _plan(self, load: Callable[..., RuleFile]) -> None:
        try:
            rule_file = self._load(load)
            with self._session() as session:
                if not self._read(session, rule_file).is_empty:
                    self.result.result = "planned"
        except EbruleError as error:
            self._redact(error)
            raise

    def _update(self, load: Callable[..., RuleFile]) -> None:
        ledger = AuditLog(self.settings.audit_log, now=self.pace.clock.now, check_stop=self.pace.check)
        ledger.prepare()
        self._key = load_key(self.settings.state_dir)
        self.redactor = Redactor(self._key)
        operation = Operation(ledger, new_operation_id(), self._facts(), self.redactor)
        self.result.audit_log, self.result.operation_id, self.result.head = (
            ledger.path,
            operation.id,
            ledger.head(),
        )
        with ledger.running(operation.id):
            try:
                rule_file = self._load(load)
                operation.redactor = self.redactor
                self._change(rule_file, operation)
            except UsageError:
                raise
            except EbruleError as error:
                self._redact(error)
                self.result.error = error
                self.result.result = "unknown" if isinstance(error, UnknownOutcomeError) else "failed"
                self._record_outcome(operation, error.correlation_id, None)
                raise

    def _facts(self) -> dict[str, Any]:
        return {
            "actor": actor(self.environ),
            "region": self.settings.org.name if self.settings.org else None,
            "reason": self.options.reason,
            "tool_version": __version__,
        }

    def _record_outcome(self, operation: Operation, correlation_id: str | None, event: Event | None) -> None:
        with self.pace.shield():
            try:
                operation.outcome(self.result, correlation_id, event)
            except (LedgerError, InterruptedRunError) as error:
                self.result.recorded = False
                self.pace.observe(Warned(f"how this run ended could not be recorded: {error.message}"))

    # --- before anything is sent ------------------------------------------------------------------------------------

    def _load(self, load: Callable[..., RuleFile]) -> RuleFile:
        try:
            rule_file = self.pace.call(partial(load, kind=self.options.kind), limit=self.pace.left())
        except OutOfTimeError:
            raise _too_late("the rule file could not be read") from None
        self.redactor = Redactor(self._key, rule_file.document.secrets)
        result = self.result
        result.kind, result.source, result.warnings = (
            rule_file.kind.name,
            rule_file.document.source,
            rule_file.warnings,
        )
        if result.rule_id is None:
            if rule_file.rule_id is None:
                raise UsageError(
                    "which rule? Neither --rule-id nor the file names one",
                    hint="--rule-id ID",
                    code="no-rule-id",
                )
            result.rule_id = rule_file.rule_id
        elif rule_file.rule_id not in (None, result.rule_id):
            raise UsageError(
                f"--rule-id says {result.rule_id}, and {rule_file.document.source.name} says {rule_file.rule_id}",
                hint="Leave out --rule-id, or correct the file's id.",
                code="two-rule-ids",
            )
        if None not in (self.options.expect_version, rule_file.version) and (
            self.options.expect_version != rule_file.version
        ):
            raise UsageError(
                f"--expect-version says {self.options.expect_version}, and the file says {rule_file.version}",
                hint="Leave out --expect-version, or correct the file's version.",
                code="two-versions",
            )
        return rule_file

    def _session(self) -> Session:
        return connect(
            self.settings.require_org(),
            self.settings.network,
            self.pace,
            read_only=self.options.dry_run,
            transport=self.transport,
        )

    def _read(self, session: Session, rule_file: RuleFile) -> Plan:
        """Read the rule, beside it what the file refers to, and compare."""
        kind, rule_id = rule_file.kind, self.result.rule_id or ""
        references = kind.references(rule_file.fields) if self.options.check_targets else []
        checks = reference_checks(session.reader, references)
        try:
            read: list[Callable[[], Any]] = [partial(fetch_rule, session.reader, kind, rule_id), *checks]
            results = self.pace.call_all(read)
        except OutOfTimeError:
            raise _too_late("the org did not answer") from None
        base: Rule = results[0]
        found: list[Problem | None] = results[1:]
        result = self.result
        result.base_version = result.version = base.version
        result.rule_name = base.data.get("name")
        problems = [located(rule_file.document, problem) for problem in found if problem is not None]
        if problems:
            raise invalid(rule_file.document, problems)
        plan = make_plan(rule_file, base)
        expected = self._expected(rule_file)
        if expected is not None and expected != base.version:
            raise VersionGoneError(
                f"{rule_id} has version {base.version}, and version {expected} was expected. Nothing was sent.",
                hint=f"See what changed: ebrule diff --rule-id {rule_id} --file {rule_file.document.source.name}",
            )
        result.changes = self._changes(plan.kind.content(base.data), plan.wanted, rule_file)
        if plan.is_empty:
            result.result = "unchanged"
        return plan

    def _expected(self, rule_file: RuleFile) -> int | None:
        return self.options.expect_version if self.options.expect_version is not None else rule_file.version

    def _changes(self, before: Data, after: Data, rule_file: RuleFile) -> list[Change]:
        return diff(rule_file.kind.shape, self.redactor.data(before), self.redactor.data(after))

    # --- the update ---------------------------------------------------------------------------------------------------

    def _change(self, rule_file: RuleFile, operation: Operation) -> None:
        with self._session() as session:
            plan = self._read(session, rule_file)
            if plan.is_empty:
                self._record_outcome(operation, None, None)
                if not self.result.recorded:
                    raise LedgerError(
                        "the ledger cannot be written; the rule is as the file says, and nothing was sent"
                    )
                return
            updater = self._updater(session, plan, rule_file, operation)
            try:
                landed = updater.run()
            finally:
                self.result.attempts, self.result.conflicts = updater.attempts, updater.conflicts
                self.result.base_version = updater.base.version
            self._landed(plan, landed, operation)

    def _updater(self, session: Session, plan: Plan, rule_file: RuleFile, operation: Operation) -> Updater:
        def before_put(intent: Intent) -> None:
            before = self.redactor.data(plan.kind.content(intent.base.data))
            changes = diff(plan.kind.shape, before, self.redactor.data(intent.wanted))
            self.result.overwritten = [self._redacted(overlap) for overlap in intent.overwritten]
            operation.intent(self.result, intent, before, changes, hashlib.sha256(intent.body).hexdigest())

        def merged(was: Rule, present: Rule) -> None:
            changes = self._changes(plan.kind.content(was.data), plan.kind.content(present.data), rule_file)
            self.result.merged += changes
            self.pace.observe(Merged(was.version, present.version, tuple(changes)))

        def check(content: Data) -> None:
            problems = [found for found in check_rule_content(plan, content) if found.severity == "error"]
            if problems:
                raise InvalidRuleError(
                    "merged with what others changed meanwhile, the rule would not be right", problems
                )

        return Updater(
            session,
            plan.kind,
            plan.base,
            plan.wanted,
            pace=self.pace,
            policy=Policy(
                self.options.on_conflict or "merge",
                self.options.max_attempts,
                pinned=self._expected(rule_file) is not None,
            ),
            hooks=Hooks(before_put, check, merged),
        )

    def _landed(self, plan: Plan, landed: Landed, operation: Operation) -> None:
        """The rule is as wanted: from here on nothing may hide that. Record it, then announce it."""
        result = self.result
        result.version, result.latency_ms, result.confirmed = (
            landed.rule.version,
            landed.latency_ms,
            landed.confirmed,
        )
        result.rule_name = landed.rule.data.get("name", result.rule_name)
        result.result = "updated" if landed.changed else "unchanged"
        event = self._event(plan, landed.rule, operation) if landed.changed else None
        self._record_outcome(operation, landed.correlation_id, event)
        if event is not None:
            self._announce(event, operation)

    def _event(self, plan: Plan, rule: Rule, operation: Operation) -> Event | None:
        if self.endpoint is None:
            self.result.webhook = "disabled"
            return None
        org = self.settings.require_org()
        event = make_event(
            plan.kind,
            org.name,
            rule,
            self.redactor.data(rule.data),
            previous_version=self.result.base_version or 0,
            now=self.pace.clock.now(),
            head=operation.head or "",
        )
        self.result.event_id = event["id"]
        return event

    def _announce(self, event: Event, operation: Operation) -> None:
        if self.endpoint is None:
            return
        endpoint = self.endpoint
        self.result.webhook = "pending"
        transport = HttpxTransport(self.settings.network, secure=endpoint.secure)
        record = partial(operation.delivery, self.result, endpoint.shown)
        with contextlib.closing(transport), self.pace.shield():
            try:
                if send_event(endpoint, event, transport=transport, pace=self.pace, on_try=record):
                    self.result.webhook = "delivered"
            except (LedgerError, InterruptedRunError, OutOfTimeError) as error:
                self.pace.observe(
                    Warned(f"the webhook's delivery could not be recorded or finished: {error}")
                )

    # --- nothing sensitive leaves -----------------------------------------------------------------------------------

    def _redact(self, error: EbruleError) -> None:
        error.message = self.redactor.text(error.message)
        if isinstance(error, (ConflictError, UnknownOutcomeError)):
            error.overlaps = tuple(self._redacted(overlap) for overlap in error.overlaps)

    def _redacted(self, overlap: Overlap) -> Overlap:
        values = {"path": overlap.path, "base": overlap.base, "ours": overlap.ours, "theirs": overlap.theirs}
        return Overlap(**self.redactor.data(values))


def check_rule_content(plan: Plan, content: Data) -> Sequence[Problem]:
    """Return the problems of a merged rule in the fields that ebrule knows; others are the org's own business."""
    known = {name: value for name, value in content.items() if name in plan.kind.model.model_fields}
    return check_rule(plan.kind, known)


def _too_late(what: str) -> UnavailableError:
    return UnavailableError(
        f"{what} before the deadline", hint="Allow more time with --deadline.", code="past-deadline"
    )
