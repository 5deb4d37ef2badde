"""One update as the ledger and the caller see it: its records, and the result that they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebrule.errors import (
    ConflictError,
    EbruleError,
    ExitCode,
    InvalidRuleError,
    LedgerError,
    Source,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebrule.core.audit import AuditLog
    from ebrule.core.updater import Intent
    from ebrule.core.webhook import Event, Try
    from ebrule.errors import Overlap, Problem
    from ebrule.redaction import Redactor
    from ebrule.rules.changes import Change

SCHEMA_VERSION = 1


@dataclass
class UpdateResult:
    """What became of an update. Sensitive values are redacted throughout.

    Attributes:
        result: ``updated``, ``unchanged``, ``planned``, ``failed`` or ``unknown``.
        kind: name of the rule's kind, once it is known.
        rule_id: the rule, once it is known.
        rule_name: what people call it.
        base_version: the version that was, or would be, replaced.
        version: the version that the org has now, as far as is known.
        attempts: how many PUTs were sent.
        conflicts: how often somebody else was faster.
        latency_ms: of the accepted PUT; None where there was none, or its answer got lost.
        confirmed: True where reading back settled what the PUT's own answer did not.
        changes: what the file changes.
        merged: what others changed meanwhile and was kept.
        overwritten: what others changed meanwhile and was not kept, because the caller said so.
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
    base_version: int | None = None
    version: int | None = None
    attempts: int = 0
    conflicts: int = 0
    latency_ms: float | None = None
    confirmed: bool = False
    changes: list[Change] = field(default_factory=list)
    merged: list[Change] = field(default_factory=list)
    overwritten: list[Overlap] = field(default_factory=list)
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
        return {
            "schema_version": SCHEMA_VERSION,
            "result": self.result,
            "kind": self.kind,
            "rule_id": self.rule_id,
            "base_version": self.base_version,
            "version": self.version,
            "attempts": self.attempts,
            "conflicts": self.conflicts,
            "latency_ms": None if self.latency_ms is None else round(self.latency_ms, 3),
            "changes": changes_json(self.changes),
            "merged": changes_json(self.merged),
            "webhook": self.webhook,
            "event_id": self.event_id,
            "audit": {
                "log": None if self.audit_log is None else str(self.audit_log),
                "operation_id": self.operation_id,
                "head": self.head,
            },
            "error": None if self.error is None else error_json(self.error),
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


class Operation:
    """Writes one operation's records, and nothing sensitive.

    Args:
        ledger: where to.
        operation_id: what the records are found by.
        facts: what each intent says of the run: ``actor``, ``region``, ``reason``, ``tool_version``.
        redactor: takes the secrets out.
    """

    def __init__(
        self, ledger: AuditLog, operation_id: str, facts: Mapping[str, Any], redactor: Redactor
    ) -> None:
        self.id = operation_id
        self.redactor = redactor
        self.head: str | None = None
        self._ledger = ledger
        self._facts = facts

    def intent(
        self, result: UpdateResult, intent: Intent, before: Any, changes: list[Change], digest: str
    ) -> None:
        """Record that a PUT is about to be sent; raises :class:`LedgerError` where that cannot be made durable."""
        overwrites = [
            {"path": overlap.path, **self.redactor.data({"ours": overlap.ours, "theirs": overlap.theirs})}
            for overlap in intent.overwritten
        ]
        self._append(
            "intent",
            result,
            base_version=intent.base.version,
            attempt=intent.attempt,
            body_sha256=digest,
            before=before,
            after=self.redactor.data(intent.wanted),
            changes=changes_json(changes),
            **({"overwrites": overwrites} if overwrites else {}),
            **self._facts,
        )

    def outcome(self, result: UpdateResult, correlation_id: str | None, event: Event | None) -> None:
        """Record how the operation ended; raises :class:`LedgerError` where that cannot be made durable."""
        error = result.error
        self._append(
            "outcome",
            result,
            version=result.version,
            latency_ms=None if result.latency_ms is None else round(result.latency_ms, 3),
            success=error is None,
            error=None if error is None else self.redactor.text(error.message),
            result=result.result,
            exit_code=result.exit_status,
            attempts=result.attempts,
            conflicts=result.conflicts,
            correlation_id=correlation_id or (error.correlation_id if error else None),
            event=event,
        )

    def delivery(self, result: UpdateResult, url: str, tried: Try) -> None:
        """Record one try to deliver the event; raises :class:`LedgerError` where that cannot be made durable."""
        self._append(
            "delivery",
            result,
            event_id=result.event_id,
            url=url,
            status=tried.status,
            attempt=tried.attempt,
            success=tried.success,
        )

    def _append(self, record_type: str, known: UpdateResult, /, **fields: Any) -> None:
        try:
            self.head = self._ledger.append(
                record_type, self.id, rule_id=known.rule_id, kind=known.kind, **fields
            )
        except LedgerError:
            known.recorded = False
            raise
        known.head = self.head
