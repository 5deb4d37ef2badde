"""The order of the stages of one update.

On the critical path of a clean update are the token, a GET and a PUT, then the webhook; whatever else is read is
read beside the GET.
"""

from __future__ import annotations

import contextlib
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from ebrule import __version__
from ebrule.core.actor import actor
from ebrule.core.audit import RuleKey
from ebrule.core.auth import connect
from ebrule.core.collector import open_ledger
from ebrule.core.failures import too_late
from ebrule.core.fetcher import OLD_STATE, fetch_recent, fetch_rule
from ebrule.core.identity import read_identity
from ebrule.core.notices import Merged, Warned
from ebrule.core.pace import OutOfTimeError, Pace
from ebrule.core.policy import Policy
from ebrule.core.put_outcome import rule_as_made
from ebrule.core.rule_history import stored_fields
from ebrule.core.updater import Hooks, Intent, Landed, Updater
from ebrule.core.validator import new_problems, writable
from ebrule.core.webhook import Endpoint, Event, make_event
from ebrule.errors import (
    EbruleError,
    InvalidRuleError,
    LedgerError,
    Overlap,
    Problem,
    UnavailableError,
    UnknownOutcomeError,
    UsageError,
)
from ebrule.pipeline.compare import compare
from ebrule.pipeline.history import History
from ebrule.pipeline.operation import Operation, UpdateResult, redact_error, redacted_overlap
from ebrule.pipeline.plan import Desired, Plan, invalid
from ebrule.pipeline.references import References
from ebrule.redaction import Redactor, redaction_key, redaction_key_at_hand
from ebrule.rules.diff import Change, diff, is_same_place
from ebrule.rules.kind import Rule, checked_id
from ebrule.rules.merge import merge3
from ebrule.rules.stored import StoredDifferently, stored_differently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrule.core.audit import KnownState
    from ebrule.core.auth import Session
    from ebrule.core.identity import OrgIdentity
    from ebrule.core.put_outcome import Evidence
    from ebrule.core.transport import Transport
    from ebrule.pipeline.options import UpdateOptions
    from ebrule.rules.kind import Data, Kind
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
        self.held: tuple[StoredDifferently, ...] = ()
        self.key = b""
        self.redactor = Redactor(self.key)
        self._loading = ""

    def _may_wait(self) -> None:
        """Let nothing wait for another process's lock longer than the run may take."""
        self.pace.check()
        if self.pace.left() <= 0:
            raise LedgerError("another process holds the ledger, and the deadline is over", hint="Try again later.")

    @cached_property
    def session(self) -> Session:
        """The org; nothing is sent until something is asked of it."""
        session = connect(
            self.settings.require_org(),
            self.settings.network,
            self.pace,
            read_only=self.options.dry_run,
            transport=self.transport,
            hide=self._hide,
        )
        return self._open.enter_context(session)

    @cached_property
    def identity(self) -> OrgIdentity:
        """Which org this is; it is asked when this is first needed."""
        identity = read_identity(self.session)
        self.result.org_id = identity.id
        if identity.warning:
            self.pace.observe(Warned(identity.warning))
        return identity

    def run(self, load: Callable[[], Desired], *, loading: str = "the rule file") -> UpdateResult:
        """Run all stages; hang what is known on the error that ends them.

        Args:
            load: tells what the rule is to become.
            loading: what that is read from.
        """
        self._loading = loading
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
            plan, history = self._read(self._load(load))
            self.result.drift = history.drift(plan)
            if not plan.is_empty:
                self.result.result = "planned"
        except EbruleError as error:
            redact_error(self.redactor, error)
            raise

    def _update(self, load: Callable[[], Desired]) -> None:
        self.ledger.prepare()
        self.key = redaction_key(self.settings)
        self.redactor = Redactor(self.key, self.settings.secrets)
        operation = Operation(self.ledger, self.result, self.pace, self.redactor.key, self._facts)
        with self.ledger.running(operation.id):
            try:
                self._change(self._load(load), operation)
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
        if "session" in vars(self):
            self.redactor = self.redactor.also(self.session.tokens.credentials)
        redact_error(self.redactor, error)
        self.result.error = error
        self.result.result = "unknown" if isinstance(error, UnknownOutcomeError) else "failed"
        operation.outcome(self.redactor, error.correlation_id)

    def _facts(self) -> dict[str, Any]:
        """Return what records say of the run, without the secrets that are known by then."""
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
            raise too_late(f"{self._loading} could not be read") from None
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

    def _hide(self, text: str) -> str:
        return self.redactor.text(text)  # the one that there is by then: a run gets to know more secrets as it goes on

    def _recall(self, kind: Kind, rule_id: str) -> History:
        """Return what the ledger remembers of the rule."""
        key = RuleKey(kind.name, rule_id, self.identity.id, self.settings.require_org().name)
        history = History(self.ledger, self.redactor, kind, key)
        last = history.recall()
        if last is not None and not last.names_org:
            message = f"the ledger's records of {rule_id} do not name its org; they count for all of {key.region}"
            self.pace.observe(Warned(message))
        return history

    def _read(self, desired: Desired) -> tuple[Plan, History]:
        """Read the rule, beside it what it is to refer to and what is remembered of it, and compare."""
        kind, result, session = desired.kind, self.result, self.session
        rule_id = result.rule_id or ""
        references = References(desired, rule_id, wanted=self.options.check_targets)
        reads: list[Callable[[], Any]] = [
            partial(fetch_rule, session.reader, kind, rule_id),
            partial(self._recall, kind, rule_id),
            *references.checks(session.reader, desired.fields or {}),
        ]
        base, history, *found = session.patience.read_all(reads)
        base = self._not_older(kind, base, history.last)
        result.base_version = result.version = base.version
        # What an earlier run knew as a secret stays one, though this one reads it from the org.
        secrets = desired.secrets | self.settings.secrets | session.tokens.credentials
        known = Redactor(self.key, secrets, places=desired.places)
        self.redactor = known.knowing([desired.recorded, *history.recalled.contents], base.data)
        history.redactor = self.redactor
        self._judge(desired, references.problems(found, base))
        result.rule_name = self._name_of(base)
        compared = compare(desired, base, self.options, history)
        plan = compared.plan
        if desired.fields is None:
            found = session.patience.read_all(references.checks(session.reader, plan.wanted, base))
            self._judge(desired, references.problems(found, base))
        if compared.since is not None:
            self._merged(kind, compared.since, base, plan.overwritten, meanwhile=False)
        self.held = compared.held
        result.changes = self._changes(kind, kind.content(base.data), plan.wanted)
        if plan.is_empty:
            result.result = "unchanged"
        return plan, history

    def _not_older(self, kind: Kind, base: Rule, last: KnownState | None) -> Rule:
        """Return the rule in a version that is not older than the ledger's last: what is older is a lagging replica's.

        An org that stays there has been reset, and is taken at its word.
        """
        if last is None or base.version >= last.version:
            return base
        try:
            return fetch_recent(self.session, kind, base.id, last.version)
        except UnavailableError as error:
            if error.code != OLD_STATE:
                raise
        message = f"the org shows version {base.version} of {base.id}, and the ledger version {last.version}"
        self.pace.observe(Warned(f"{message}: has the org been reset?"))
        return base

    def _judge(self, desired: Desired, problems: list[Problem]) -> None:
        """Raise :class:`InvalidRuleError` for errors; keep warnings for the result."""
        warnings = [problem for problem in problems if problem.severity == "warning"]
        self.result.warnings += tuple(map(self.redactor.problem, warnings))
        if errors := [problem for problem in problems if problem.severity == "error"]:
            raise invalid(desired.source, errors)

    def _name_of(self, rule: Rule) -> str:
        return str(self.redactor.data({"name": rule.data.get("name") or ""})["name"])

    def _changes(self, kind: Kind, before: Data, after: Data) -> list[Change]:
        return diff(kind.shape, self.redactor.data(before), self.redactor.data(after))

    def _merged(
        self, kind: Kind, was: Rule, present: Rule, overlaps: tuple[Overlap, ...], *, meanwhile: bool = True
    ) -> None:
        changes = self._changes(kind, kind.content(was.data), kind.content(present.data))
        kept = [change for change in changes if not any(is_same_place(change.path, lost.path) for lost in overlaps)]
        self.result.merged += kept
        self.pace.observe(Merged(was.version, present.version, tuple(kept), meanwhile=meanwhile))

    # --- the update -------------------------------------------------------------------------------------------

    def _change(self, desired: Desired, operation: Operation) -> None:
        plan, history = self._read(desired)
        if plan.is_empty:
            operation.outcome(self.redactor)
            if not self.result.recorded:
                raise LedgerError("the ledger cannot be written; the rule is as the file says, and nothing was sent")
            return
        updater = self._updater(plan, desired, operation, history)
        try:
            landed = updater.run()
        finally:
            self.result.attempts, self.result.conflicts = updater.attempts, updater.conflicts
            self.result.base_version = updater.base.version
        self._landed(plan.kind, landed, updater.wanted, operation)

    def _updater(self, plan: Plan, desired: Desired, operation: Operation, history: History) -> Updater:
        kind = plan.kind

        def before_put(intent: Intent) -> None:
            present = kind.content(intent.base.data)
            self.redactor = history.redactor = self.redactor.knowing(None, [present, intent.wanted])
            before, after = self.redactor.data(present), self.redactor.data(intent.wanted)
            self.result.overwritten = [redacted_overlap(self.redactor, each) for each in intent.overwritten]
            self.result.changes = diff(kind.shape, before, after)
            operation.intent(intent, before, after, self.result.changes, self.held)

        def check(content: Data) -> None:
            # Without what this run changes, it is as others made it: what is wrong with that is the org's own.
            theirs = merge3(kind.shape, plan.wanted, kind.content(plan.base.data), content).content
            found = new_problems(kind, writable(kind.model, content), [theirs])
            problems = [problem for problem in found if problem.severity == "error"]
            if problems:
                raise InvalidRuleError("merged with what others changed meanwhile, the rule is not right", problems)

        def evidence(base_version: int) -> Evidence:
            found = history.evidence(base_version, operation.id, self.identity.client_id, updater.wanted)
            # A version that others have replaced is not what the rule is now: this run cannot report it as done.
            return found._replace(content_found=lambda: None)

        options = self.options
        pinned = options.is_pinned(desired.version)
        policy = Policy(options.on_conflict or "merge", options.max_attempts, pinned=pinned)
        hooks = Hooks(before_put, check, partial(self._merged, kind), evidence)
        updater = Updater(
            self.session,
            kind,
            plan.base,
            plan.wanted,
            pace=self.pace,
            policy=policy,
            hooks=hooks,
            overwritten=plan.overwritten,
        )
        return updater

    def _landed(self, kind: Kind, landed: Landed, sent: Data, operation: Operation) -> None:
        """The rule is as wanted: from here on nothing may hide that. Record it, then announce it."""
        result, rule = self.result, landed.rule
        result.version, result.made_version = rule.version, landed.made_version
        result.latency_ms, result.confirmed = landed.latency_ms, landed.confirmed
        result.rule_name = self._name_of(rule)
        result.result = self.done if landed.changed else "unchanged"
        event, stored = None, None
        if landed.changed:
            stored = self._stored(kind, landed, sent)
            result.webhook = "pending" if self.endpoint else "disabled"
            event = self._event(kind, rule_as_made(rule, landed.made_version, sent)) if self.endpoint else None
        operation.outcome(self.redactor, landed.correlation_id, event, stored)
        if self.endpoint and self.hook and event:
            operation.announce(self.endpoint, event, self.hook)

    def _stored(self, kind: Kind, landed: Landed, sent: Data) -> dict[str, Any]:
        """Return what the ledger is to remember of what the org made of the content, with secrets redacted."""
        if landed.made_version != landed.rule.version:
            return {}  # what was seen is what others made of it since
        content = self.redactor.data(kind.content(landed.rule.data))
        found = stored_differently(kind.shape, self.redactor.data(sent), content)
        self.result.stored_differently = list(found)
        return stored_fields(found, content)

    def _event(self, kind: Kind, rule: Rule) -> Event:
        event = make_event(
            kind,
            self.identity.id,
            rule,
            self.redactor.data(rule.data),
            previous_version=self.result.base_version or 0,
            now=self.pace.clock.now(),
            head=self.result.head or "",
            stored=self.result.stored_differently,
            event_format=self.settings.webhook_format,
        )
        self.result.event_id = event["id"]
        return event
