"""The order of the stages of one update.

On the critical path of a clean update are the token, a GET and a PUT, then the webhook; whatever else is read is
read beside the GET.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ebrule import __version__
from ebrule.core.actor import actor
from ebrule.core.auth import connect
from ebrule.core.collector import open_ledger
from ebrule.core.failures import too_late
from ebrule.core.fetcher import fetch_rule
from ebrule.core.notices import Merged
from ebrule.core.pace import OutOfTimeError, Pace
from ebrule.core.updater import Hooks, Intent, Landed, Policy, Updater
from ebrule.core.validator import check_rule, path_text, reference_checks, writable
from ebrule.core.webhook import Endpoint, Event, make_event
from ebrule.errors import (
    EbruleError,
    InvalidRuleError,
    LedgerError,
    Overlap,
    Problem,
    UnknownOutcomeError,
    UsageError,
)
from ebrule.pipeline.compare import compare
from ebrule.pipeline.history import History
from ebrule.pipeline.operation import Operation, UpdateResult, redact_error, redacted_overlap
from ebrule.pipeline.plan import Desired, Plan, invalid
from ebrule.redaction import Redactor, redaction_key, redaction_key_at_hand
from ebrule.rules.changes import Change, diff
from ebrule.rules.kind import Rule, checked_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrule.core.audit import KnownState
    from ebrule.core.auth import Session
    from ebrule.core.transport import Transport
    from ebrule.pipeline.options import UpdateOptions
    from ebrule.rules.kind import Data, Kind, Reference
    from ebrule.settings import Settings

T = TypeVar("T", str, int)


class Run:
    """One update: the stages in their order, and what is known so far (``result``).

    Args:
        settings: the org, the ledger, the webhook.
        options: what to allow.
        pace: the run's time.
        environ: what the actor is told from.
        transport: what carries the requests; by default what the settings say.
        done: what a change that landed is called in the result.
    """

    def __init__(
        self,
        settings: Settings,
        options: UpdateOptions,
        pace: Pace,
        environ: Mapping[str, str],
        transport: Transport | None,
        *,
        done: str = "updated",
    ) -> None:
        if options.max_attempts < 1:
            raise UsageError("at least one attempt is needed", hint="--max-attempts 1", code="bad-attempts")
        self.settings = settings
        self.options = options
        self.pace = pace
        self.environ = environ
        self.transport = transport
        self.done = done
        self._open = contextlib.ExitStack()
        self.ledger = self._open.enter_context(
            open_ledger(settings, pace, check_stop=self._may_wait, copied=not options.dry_run)
        )
        self.endpoint: Endpoint | None = None
        self.hook: Transport | None = None
        if settings.webhook_url and options.announce:
            self.endpoint = Endpoint(
                settings.webhook_url, settings.webhook_secret, key=partial(redaction_key_at_hand, settings)
            )
        if self.endpoint and not options.dry_run:
            # Made now: certificates that cannot be read must be found before anything is sent.
            self.hook = self._open.enter_context(contextlib.closing(self.endpoint.connect(settings.network)))
        rule_id = checked_id(options.rule_id) if options.rule_id is not None else None
        self.result = UpdateResult(rule_id=rule_id, kind=options.kind)
        self.desired: Desired | None = None
        self.last: KnownState | None = None
        self.key = b""
        self.redactor = Redactor(self.key)

    def _may_wait(self) -> None:
        """Let nothing wait for another process's lock longer than the run may take."""
        self.pace.check()
        if self.pace.left() <= 0:
            raise LedgerError("another process holds the ledger, and the deadline is over", hint="Try again later.")

    def run(self, load: Callable[[], Desired]) -> UpdateResult:
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
            self._open.close()
        return self.result

    def _plan(self, load: Callable[[], Desired]) -> None:
        self.key = redaction_key_at_hand(self.settings)
        try:
            desired = self._load(load)
            with self._session() as session:
                plan = self._read(session, desired)
            self.result.drift = self._history(desired).drift(self.last, plan)
            if not plan.is_empty:
                self.result.result = "planned"
        except EbruleError as error:
            redact_error(self.redactor, error)
            raise

    def _update(self, load: Callable[[], Desired]) -> None:
        self.ledger.prepare()
        self.key = redaction_key(self.settings)
        self.redactor = Redactor(self.key, self.settings.secrets)
        operation = Operation(self.ledger, self.result, self.pace)
        operation.key = self.redactor.key
        with self.ledger.running(operation.id):
            try:
                operation.facts = self._facts()
                desired = self._load(load)
                operation.facts = self._facts()  # now without the file's secrets
                with self._session() as session:
                    try:
                        self._change(session, desired, operation)
                    finally:
                        self.redactor = self.redactor.also(session.tokens.credentials)
                        operation.facts = self._facts()
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
        if isinstance(error, InvalidRuleError) and error.source is None and self.desired is not None:
            error.problems = tuple(self.desired.placed(problem) for problem in error.problems)
            error.source = self.desired.source
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
            "webhook_format": self.settings.webhook_format if self.endpoint else None,
        }

    # --- before anything is sent ------------------------------------------------------------------------------

    def _load(self, load: Callable[[], Desired]) -> Desired:
        try:
            desired = self.pace.call(load, limit=self.pace.left())
        except OutOfTimeError:
            raise too_late("the rule file could not be read") from None
        self.desired = desired
        self.redactor = Redactor(self.key, desired.secrets | self.settings.secrets, places=desired.places)
        result = self.result
        result.kind, result.source, result.warnings = desired.kind.name, desired.source, desired.warnings
        file = desired.source.name
        said = self._agreed("--rule-id", result.rule_id, file, desired.rule_id)
        if said is None:
            raise UsageError(
                "which rule? Neither --rule-id nor a file names one",
                hint="Add --rule-id ID, as in: --rule-id demo-rule",
                code="no-rule-id",
            )
        result.rule_id = said
        self._agreed("--expect-version", self.options.expect_version, file, desired.version)
        return desired

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
            hide=self._hide,
        )

    def _hide(self, text: str) -> str:
        return self.redactor.text(text)  # the one that there is by then: a run gets to know more secrets as it goes on

    def _history(self, desired: Desired) -> History:
        region = self.settings.require_org().name
        return History(self.ledger, self.redactor, desired.kind, self.result.rule_id or "", region)

    def _read(self, session: Session, desired: Desired) -> Plan:
        """Read the rule, beside it what it is to refer to, and compare."""
        kind, result = desired.kind, self.result
        rule_id = result.rule_id or ""
        early = self._references(kind, desired.fields or {}, rule_id)
        reading = partial(fetch_rule, session.reader, kind, rule_id)
        history = self._history(desired)
        reads: list[Callable[[], Any]] = [reading, history.last, *reference_checks(session.reader, early)]
        base, self.last, *found = session.patience.read_all(reads)
        result.base_version = result.version = base.version
        # What an earlier run knew as a secret stays one, though this one reads it from the org.
        known = desired.secrets | self.settings.secrets | session.tokens.credentials
        self.redactor = Redactor(self.key, known, places=desired.places).knowing(
            [desired.recorded, self.last and self.last.data], base.data
        )
        _raise_any(desired, found)
        result.rule_name = self._name_of(base)
        compared = compare(desired, base, self.options, history)
        plan = compared.plan
        if desired.fields is None:
            there = {reference.resource for reference in self._references(kind, base.data, rule_id)}
            new = [each for each in self._references(kind, plan.wanted, rule_id) if each.resource not in there]
            _raise_any(desired, session.patience.read_all(reference_checks(session.reader, new)))
        if compared.since is not None:
            self._merged(kind, compared.since, base, plan.overwritten, meanwhile=False)
        result.changes = self._changes(kind, kind.content(base.data), plan.wanted)
        if plan.is_empty:
            result.result = "unchanged"
        return plan

    def _references(self, kind: Kind, fields: Data, rule_id: str) -> list[Reference]:
        if not self.options.check_targets:
            return []
        # What cannot change has been found right when the rule was made.
        return [each for each in kind.references(fields, rule_id) if path_text(each.path) not in kind.immutable]

    def _name_of(self, rule: Rule) -> str:
        return str(self.redactor.data({"name": rule.data.get("name") or ""})["name"])

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

    def _change(self, session: Session, desired: Desired, operation: Operation) -> None:
        plan = self._read(session, desired)
        operation.facts = self._facts()  # now without the access token
        if plan.is_empty:
            operation.outcome(self.redactor)
            if not self.result.recorded:
                raise LedgerError("the ledger cannot be written; the rule is as the file says, and nothing was sent")
            return
        updater = self._updater(session, plan, desired, operation)
        try:
            landed = updater.run()
        finally:
            self.result.attempts, self.result.conflicts = updater.attempts, updater.conflicts
            self.result.base_version = updater.base.version
        self._landed(plan, landed, operation)

    def _updater(self, session: Session, plan: Plan, desired: Desired, operation: Operation) -> Updater:
        kind = plan.kind

        def before_put(intent: Intent) -> None:
            present = kind.content(intent.base.data)
            self.redactor = self.redactor.knowing(None, [present, intent.wanted])
            before, after = self.redactor.data(present), self.redactor.data(intent.wanted)
            self.result.overwritten = [redacted_overlap(self.redactor, each) for each in intent.overwritten]
            self.result.changes = diff(kind.shape, before, after)
            operation.intent(intent, before, after, self.result.changes)

        def check(content: Data) -> None:
            # What a rule file cannot say is the org's own.
            found = check_rule(kind, writable(kind.model, content))
            problems = [problem for problem in found if problem.severity == "error"]
            if problems:
                raise InvalidRuleError("merged with what others changed meanwhile, the rule is not right", problems)

        options = self.options
        pinned = options.is_pinned(desired.version)
        policy = Policy(options.on_conflict or "merge", options.max_attempts, pinned=pinned)
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
        result.result = self.done if landed.changed else "unchanged"
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
            event_format=self.settings.webhook_format,
        )
        self.result.event_id = event["id"]
        return event


def _raise_any(desired: Desired, found: list[dict[Reference, Problem]]) -> None:
    problems = [desired.placed(problem) for wrong in found for problem in wrong.values()]
    if problems:
        raise invalid(desired.source, problems)
