"""``ebrule audit report``: the ledger as one page, for people who look rather than read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule import __version__
from ebrule.cli import ledger as on
from ebrule.cli import options as o
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrule.cli.outfile import OutFile
    from ebrule.core.operations import RecordedOperation

HELP = """Write what the ledger tells as one HTML page.

\b
Examples:
  ebrule audit report --out report.html
  ebrule audit report --out report.html --rule-id demo-rule --since 30d
  ebrule audit report --out - > report.html

Offline. The page loads nothing and runs nothing, so it works from a mail attachment; it prints, too. What needs to be
done stands on top, whatever --last says. An earlier report is replaced; any other file is left alone.
"""

_DEFAULT_LAST = 500


class AuditReportCommand(NamedTuple):
    """What ``ebrule audit report`` was asked to do; ``last`` 0 means all."""

    out: str
    filters: on.Filters = on.Filters()
    last: int = _DEFAULT_LAST
    audit_log: Path | None = None


def run(command: AuditReportCommand, screen: Screen, *, now: Callable[[], datetime] | None = None) -> int:
    """Write the page; return the exit code."""
    from ebrule.cli.report import Report
    from ebrule.cli.results import short_path
    from ebrule.core.audit import utc_now

    now = now or utc_now
    if command.out != "-":
        _out_file(command.out).check_replaceable()
    ledger = on.open_ledger(command.audit_log)
    shown: list[RecordedOperation] = []
    unsettled: list[RecordedOperation] = []
    total = 0
    for operation in command.filters.apply(ledger, now):
        total += 1
        if len(shown) < command.last or not command.last:
            shown.append(operation)
        if operation.is_open or operation.is_pending:
            unsettled.append(operation)
    found = ledger.verify()
    page = Report(
        ledger=short_path(ledger.path),
        made=now(),
        version=__version__,
        verification=found,
        shown=shown,
        total=total,
        unsettled=unsettled,
        filters=command.filters.words,
    ).render()
    if command.out == "-":
        screen.raw(page)
    else:
        _out_file(command.out).write(page.encode())
        counts = f"{total:,} operation{'' if total == 1 else 's'}, {len(unsettled):,} to be settled"
        screen.out(f"Wrote {command.out}: {counts}; the ledger is ", "whole." if found.ok else ("BROKEN.", "error"))
    return 0


def _out_file(out: str) -> OutFile:
    """Return where to write the page: for its owner only, as the ledger is."""
    from ebrule.cli.outfile import OutFile
    from ebrule.cli.report import MARK

    return OutFile(Path(out), "--out", "report", re.compile(MARK.encode()), mode=0o600)


def command(
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="The page; - is standard output.")],
    rule_id: on.RuleId = None,
    kind: on.Kind = None,
    region: on.Region = None,
    org: on.Org = None,
    since: on.Since = None,
    until: on.Until = None,
    result: on.Result = None,
    last: Annotated[int, typer.Option("--last", "-n", metavar="N", min=0, help="Show the newest N; 0 for all.")] = (
        _DEFAULT_LAST
    ),
    audit_log: o.AuditLog = None,
) -> int:
    filters = on.Filters(rule_id, kind, since, until, tuple(result or ()), region, org)
    return run(AuditReportCommand(out, filters, last, audit_log), Screen())
