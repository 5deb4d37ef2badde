"""What the commands that read the ledger share: where it is, and which of its operations are meant."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli.completion import beginning, complete_kind, complete_region, complete_rule
from ebrule.core.timestamps import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ebrule.core.audit import AuditLog
    from ebrule.core.operations import RecordedOperation


def _complete_result(incomplete: str) -> list[str]:
    return beginning(RESULTS, incomplete)


RuleId = Annotated[
    str | None, typer.Option("--rule-id", metavar="ID", help="Only this rule.", autocompletion=complete_rule)
]
Kind = Annotated[
    str | None,
    typer.Option("--kind", "-k", metavar="KIND", help="Only rules of this kind.", autocompletion=complete_kind),
]
Region = Annotated[
    str | None,
    typer.Option("--region", "-r", metavar="REGION", help="Only this region's orgs.", autocompletion=complete_region),
]
Org = Annotated[str | None, typer.Option("--org", metavar="ID", help="Only this org, by its id or the id's beginning.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only what began then or later: 2026-01-05, 2026-01-05T08:00, 7d."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Only what began then or earlier; a date is the whole day."),
]
Result = Annotated[
    list[str] | None,
    typer.Option(
        "--result",
        metavar="RESULT",
        help="Only what ended so; may be repeated. Also: open, pending (an event to be delivered).",
        autocompletion=_complete_result,
    ),
]

RESULTS = (
    "updated", "unchanged", "rolled_back", "failed", "conflict", "interrupted", "unknown",
    "applied", "not_applied", "open", "pending",
)  # fmt: skip
"""What ``--result`` takes: the outcome's words, two kinds of ``failed``, the words of ``audit resolve``, and what is
still to be done."""

_SKEW = timedelta(days=1)  # records of several machines are in the order of their writing, not of their clocks


class Filters(NamedTuple):
    """Which operations are meant; None means all of them.

    ``since`` and ``until`` are texts as the user gave them.
    """

    rule_id: str | None = None
    kind: str | None = None
    since: str | None = None
    until: str | None = None
    results: tuple[str, ...] = ()
    region: str | None = None
    org: str | None = None

    @property
    def words(self) -> str:
        """What was asked for, as people say it; empty for everything."""
        asked = [
            ("rule", self.rule_id), ("kind", self.kind), ("region", self.region), ("org", self.org),
            ("since", self.since), ("until", self.until), ("result", " or ".join(self.results)),
        ]  # fmt: skip
        return ", ".join(f"{name} {value}" for name, value in asked if value)

    def apply(self, ledger: AuditLog, now: Callable[[], datetime]) -> Iterator[RecordedOperation]:
        """Return the operations that are meant, the newest first, read from the ledger's tail as they are asked for.

        Raises:
            UsageError: for a time or a result that cannot be meant.
            LedgerError: the ledger cannot be read.
        """
        from ebrule.errors import UsageError

        for result in self.results:
            if result not in RESULTS:
                hint = f"It can be: {', '.join(RESULTS)}."
                raise UsageError(f"{result!r} is no result of an operation", hint=hint, code="unknown-result")
        since = moment(self.since, "--since", now) if self.since is not None else None
        until = moment(self.until, "--until", now, end_of_day=True) if self.until is not None else None
        return self._chosen(ledger, since, until)

    def _chosen(self, ledger: AuditLog, first: datetime | None, last: datetime | None) -> Iterator[RecordedOperation]:
        from ebrule.core.chain import encode
        from ebrule.core.operations import operations

        since, stop = (timestamp(first), timestamp(first - _SKEW)) if first else ("", "")
        until = timestamp(last) if last else None
        needle = encode({"rule_id": self.rule_id})[1:-1] if self.rule_id else b""  # spares reading the other rules
        for operation in operations(ledger.entries_backwards(needle)):
            if operation.started < stop:
                return
            if (
                (self.rule_id is None or operation.rule_id == self.rule_id)
                and (self.kind is None or operation.kind == self.kind)
                and (self.region is None or operation.region == self.region)
                and (self.org is None or (operation.org_id or "").startswith(self.org))
                and since <= operation.started
                and (until is None or operation.started <= until)
                and (not self.results or self._has_result(operation))
            ):
                yield operation

    def _has_result(self, operation: RecordedOperation) -> bool:
        if operation.is_pending and "pending" in self.results:
            return True
        return operation.result in self.results or operation.ending in self.results


_AGE = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FIRST_YEAR = 1000  # earlier ones have no four digits, so that they would not sort as text
_TIMES = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")


def moment(text: str, option: str, now: Callable[[], datetime], *, end_of_day: bool = False) -> datetime:
    """Return the time that a user means, in UTC: a date, a time of ISO 8601 (UTC unless it has a zone), or an age.

    Args:
        text: ``2026-01-05``, ``2026-01-05T08:00Z``, ``90m``, ``24h``, ``7d``, ``2w``.
        option: whose value it is.
        now: tells the time that ages are counted from.
        end_of_day: whether a date means its end.

    Raises:
        UsageError: it is none of these.
    """
    from ebrule.errors import UsageError

    try:
        return _moment(text.strip(), now, end_of_day=end_of_day)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: {text!r} is no time",
            hint="Give a date (2026-01-05), a time (2026-01-05T08:00, 2026-01-05T08:00:00+02:00) or an age (24h, 7d).",
            code="bad-time",
        ) from None


def _moment(text: str, now: Callable[[], datetime], *, end_of_day: bool) -> datetime:
    if age := _AGE.fullmatch(text):
        found = now() - timedelta(**{_UNITS[age[2]]: int(age[1])})
    else:
        found = _date_or_time(text, end_of_day=end_of_day)
    if found.year < _FIRST_YEAR:
        raise ValueError(text)
    return found


def _date_or_time(text: str, *, end_of_day: bool) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        pass
    else:
        return day + timedelta(days=1, microseconds=-1) if end_of_day else day
    text = text.replace(" ", "T", 1)
    for pattern in (*_TIMES, *(f"{each}%z" for each in _TIMES)):
        try:
            found = datetime.strptime(text, pattern)  # noqa: DTZ007 - what has no zone gets one below
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    raise ValueError(text)


def open_ledger(audit_log: Path | None) -> AuditLog:
    """Return the ledger that the command is about; one that nobody named need not be there yet.

    Raises:
        UsageError: a file that was named is not there, or what is there is no ledger.
        LedgerError: it cannot be read.
    """
    from ebrule.core.audit import AuditLog
    from ebrule.errors import UsageError
    from ebrule.settings import Options, audit_log_of

    ledger = AuditLog(audit_log_of(Options(audit_log=audit_log), os.environ))
    if audit_log is not None and not ledger.path.exists():
        raise UsageError(f"there is no ledger {audit_log}", hint="Check the path.", code="no-ledger")
    if not ledger.is_one():
        raise UsageError(f"{ledger.path} is no ledger of ebrule", hint="Check the path.", code="no-ledger")
    return ledger
