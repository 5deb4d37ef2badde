"""One update as the ledger and the caller see it: its records, and the result that they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ebrule.core.audit import new_operation_id
from ebrule.core.notices import Warned
from ebrule.core.timestamps import timestamp
from ebrule.core.webhook import GONE, delivery_fields, send_event
from ebrule.errors import (
    ConflictError,
    EbruleError,
    ExitCode,
    InterruptedRunError,
    InvalidRuleError,
    LedgerError,
    Overlap,
    Source,
    UnknownOutcomeError,
)
from ebrule.redaction import with_key_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ebrule.core.audit import AuditLog
    from ebrule.core.pace import Pace
    from ebrule.core.transport import Transport
    from ebrule.core.updater import Intent
    from ebrule.core.webhook import Endpoint, Event, Try
    from ebrule.errors import Problem
    from ebrule.pipeline.history import Drift
    from ebrule.redaction import Key, Redactor
    from ebrule.rules.diff import Change
    from ebrule.rules.kind import Data
    from ebrule.rules.stored import StoredDifferently

SCHEMA_VERSION = 1
NOT_RECORDED = "the rule is as the file says, but the outcome could not be recorded in the ledger"


@dataclass
class UpdateResult:
    """What became of an update. Sensitive values are redacted throughout.

    Attributes:
        result: ``updated``, ``rolled_back``, ``unchanged``, ``planned``, ``failed`` or ``unknown``.
        kind: name of the rule's kind, once it is known.
        rule_id: the rule, once it is known.
        rule_name: what people call it.
        org_id: the org, as it names itself, once it is known.
        base_version: the version that was, or would be, replaced.
        version: the version that was seen last.
        made_version: the version that this run made, where it is known.
        attempts: how many PUTs were sent.
        conflicts: how often somebody else was faster.
        latency_ms: of the accepted PUT; None where there was none, or its answer got lost.
        confirmed: True where reading back settled what the PUT's own answer did not.
        changes: what the file changes.
        merged: what others changed meanwhile and was kept; in JSON also what a plan keeps of the drift.
        overwritten: what others changed meanwhile and was not kept, because the caller said so.
        stored_differently: what the org stored otherwise than it was sent.
        drift: what others changed since the ledger's last update of the rule; only a plan tells it.
        webhook: ``delivered``, ``pending``, ``disabled`` or ``not_sent``.
        event_id: the announcement's id, where there is one.
        audit_log: the ledger; None where nothing is recorded.
        operation_id: what this run's records are found by.
        head: the ledger's head after this run's last record.
        recorded: False where the outcome could not be recorded although the rule was changed.
        source: the rule file's text, once it is read.
        warnings: what the rule file makes wonder.
        error: why it failed.
    """

    result: str = "failed"
    kind: str | None = None
    rule_id: str | None = None
    rule_name: str | None = None
    org_id: str | None = None
    base_version: int | None = None
    version: int | None = None
    made_version: int | None = None
    attempts: int = 0
    conflicts: int = 0
    latency_ms: float | None = None
    confirmed: bool = False
    changes: list[Change] = field(default_factory=list)
    merged: list[Change] = field(default_factory=list)
    overwritten: list[Overlap] = field(default_factory=list)
    stored_differently: list[StoredDifferently] = field(default_factory=list)
    drift: Drift | None = None
    webhook: str = "not_sent"
    event_id: str | None = None
    audit_log: Path | None = None
    operation_id: str | None = None
    head: str | None = None
    recorded: bool = True
    source: Source = field(default_factory=lambda: Source(""))
    warnings: tuple[Problem, ...] = ()
    error: EbruleError | None = None

    @property
    def exit_status(self) -> int:
        """The status that the command line ends with."""
        if self.error is not None:
            return self.error.exit_status
        if self.webhook == "pending" or not self.recorded:
            return int(ExitCode.FOLLOW_UP_PENDING)
        return int(ExitCode.OK)

    def as_json(self) -> dict[str, Any]:
        """Return the result as ``--output json`` prints it."""
        error = self.error if self.recorded or self.error else LedgerError(NOT_RECORDED, code="not-recorded")
        return {
            "schema_version": SCHEMA_VERSION,
            "result": self.result,
            "kind": self.kind,
            "org_id": self.org_id,
            "rule_id": self.rule_id,
            "base_version": self.base_version,
            "version": self.version,
            "made_version": self.made_version,
            "attempts": self.attempts,
            "conflicts": self.conflicts,
            "latency_ms": None if self.latency_ms is None else round(self.latency_ms, 3),
            "changes": changes_json(self.changes),
            "merged": changes_json([*self.merged, *(self.drift.kept if self.drift else ())]),
            "stored_differently": [each._asdict() for each in self.stored_differently],
            "webhook": self.webhook,
            "event_id": self.event_id,
            "audit": {
                "log": None if self.audit_log is None else str(self.audit_log),
                "operation_id": self.operation_id,
                "head": self.head,
            },
            "error": None if error is None else error_json(error),
        }


def changes_json(changes: list[Change]) -> list[dict[str, Any]]:
    """Return changes as JSON has them."""
    return [{"path": change.path, "before": change.before, "after": change.after} for change in changes]


def error_json(error: EbruleError) -> dict[str, Any]:
    """Return an error as JSON has it."""
    problems = error.problems if isinstance(error, InvalidRuleError) else ()
    overlaps = error.overlaps if isinstance(error, (ConflictError, UnknownOutcomeError)) else ()
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "http_status": error.http_status,
        "correlation_id": error.correlation_id,
        "problems": [problem_json(problem) for problem in problems],
        "conflict": [
            {"path": overlap.path, "base": overlap.base, "ours": overlap.ours, "theirs": overlap.theirs}
            for overlap in overlaps
        ],
    }


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON has it."""
    from ebrule.core.validator import path_text  # noqa: PLC0415 - pydantic is heavy, and most runs have no problem

    return {
        "id": problem.id,
        "severity": problem.severity,
        "line": problem.line,
        "column": problem.column,
        "path": path_text(problem.path),
        "message": problem.message,
        "hint": problem.hint,
    }


def redact_error(redactor: Redactor, error: EbruleError) -> None:
    """Take the secrets out of an error that is about to be shown and recorded."""
    error.message = redactor.text(error.message)
    error.hint = redactor.text(error.hint) if error.hint else None
    error.correlation_id = redactor.text(error.correlation_id) if error.correlation_id else None
    if isinstance(error, (ConflictError, UnknownOutcomeError)):
        error.overlaps = tuple(redacted_overlap(redactor, overlap) for overlap in error.overlaps)
    if isinstance(error, InvalidRuleError):
        error.problems = tuple(redactor.problem(problem) for problem in error.problems)


def redacted_overlap(redactor: Redactor, overlap: Overlap) -> Overlap:
    """Return an overlap without its secrets."""
    path, *sides = overlap
    return Overlap(redactor.text(path), *(redactor.at(path, side) for side in sides))


class Operation:
    """Writes the records of one operation, announces it, and keeps ``result`` true to what could be written.

    What is passed in has no secrets any more.

    Args:
        ledger: where to.
        result: what is known, and is recorded.
        pace: the run's time.
        key: of the digests in the records.
        facts: returns what each intent says of the run, as far as it is known by then: ``actor``, ``region``,
            ``reason``, ``tool_version``; without an intent, the outcome says it.
    """

    def __init__(
        self,
        ledger: AuditLog,
        result: UpdateResult,
        pace: Pace,
        key: Key,
        facts: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.id = new_operation_id()
        self._ledger = ledger
        self._result = result
        self._facts = facts
        self._key = key
        self._has_intent = False
        self._pace = pace
        result.audit_log, result.operation_id, result.head = ledger.path, self.id, ledger.head()

    def intent(
        self, intent: Intent, before: Data, after: Data, changes: list[Change], held: Sequence[StoredDifferently]
    ) -> None:
        """Record that a PUT is about to be sent; raises :class:`LedgerError` where that cannot be made durable.

        ``held`` is what earlier runs sent, and ``after`` has in the form in which the org stored that.
        """
        overwrites = [{"path": each.path, "theirs": each.theirs} for each in self._result.overwritten]
        self._append(
            "intent",
            base_version=intent.base.version,
            attempt=intent.attempt,
            **self._time_left(),
            before=before,
            after=after,
            changes=changes_json(changes),
            **({"overwrites": overwrites} if overwrites else {}),
            **({"stored_before": [each._asdict() for each in held]} if held else {}),
            **self._facts(),
        )
        self._has_intent = True

    def _time_left(self) -> dict[str, Any]:
        """Return until when this run may send: by the time of day, and by a clock that nobody sets."""
        left, boot = max(self._pace.left(), 0.0), self._pace.clock.boot()
        return {
            "deadline": timestamp(self._pace.clock.now() + timedelta(seconds=left)),
            "boot_id": boot.boot_id if boot else None,
            "boot_seconds": round(boot.seconds, 3) if boot else None,
        }

    def outcome(
        self,
        redactor: Redactor,
        correlation_id: str | None = None,
        event: Event | None = None,
        stored: Mapping[str, Any] | None = None,
    ) -> None:
        """Record how the operation ended; where that fails, ``result.recorded`` is False and the observer is warned.

        ``stored`` is what is known of the content that the org stored, where it is not what was sent.
        """
        result, error = self._result, self._result.error
        with self._pace.shield():
            try:
                self._append(
                    "outcome",
                    version=result.version,
                    made_version=result.made_version,
                    latency_ms=None if result.latency_ms is None else round(result.latency_ms, 3),
                    success=error is None,
                    error=None if error is None else redactor.text(error.message),
                    result=result.result,
                    exit_code=0 if error is None else error.exit_status,
                    attempts=result.attempts,
                    conflicts=result.conflicts,
                    correlation_id=correlation_id,
                    event=event,
                    **(stored or {}),
                    **({} if self._has_intent else self._facts()),
                )
            except (LedgerError, InterruptedRunError) as failure:
                result.recorded = False
                why = "a second signal came" if isinstance(failure, InterruptedRunError) else failure.message
                self._pace.observe(Warned(f"how this run ended could not be recorded: {why}"))

    def announce(self, endpoint: Endpoint, event: Event, transport: Transport) -> None:
        """Deliver the event, and record each try; ``result.webhook`` says whether it arrived.

        Raises nothing: the rule is changed, and whatever happens here must not hide that.
        """
        last: list[Try] = []

        def record(tried: Try) -> None:
            last[:] = [tried]
            self._append("delivery", **delivery_fields(endpoint, event, tried))

        with self._pace.shield():
            try:
                if send_event(endpoint, event, transport=transport, pace=self._pace, on_try=record):
                    self._result.webhook = "delivered"
                else:
                    why = last[0].error or f"it answered {last[0].status}"
                    if last[0].status == GONE:
                        why += ", which means that it wants no more; another one can get it, with --webhook-url"
                    self._pace.observe(Warned(f"the webhook {endpoint.shown} does not have the event: {why}"))
            except InterruptedRunError:
                self._pace.observe(Warned("interrupted while the event was being delivered: it stays pending"))
            except Exception as failure:  # noqa: BLE001 - see above
                self._pace.observe(Warned(f"the event's delivery is not recorded, so it stays pending: {failure}"))

    def _append(self, record_type: str, **fields: Any) -> None:
        result = self._result
        about = {"rule_id": result.rule_id, "kind": result.kind, "org_id": result.org_id}
        result.head = self._ledger.append(record_type, self.id, **about, **with_key_id(fields, self._key))
