"""``ebrule audit show``: who changed which rule when, from what to what, why, and how it ended."""

from __future__ import annotations

import csv
import enum
import io
import json
import sys
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ebrule.cli import ledger as on
from ebrule.cli import options as o
from ebrule.cli.render import Screen, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from ebrule.core.audit import AuditLog
    from ebrule.core.operations import RecordedOperation

HELP = """Print who changed what, when, why, and how it ended.

\b
Examples:
  ebrule audit show
  ebrule audit show --rule-id demo-rule --since 7d --changes
  ebrule audit show --result failed --result open
  ebrule audit show --last 0 -o csv > changes.csv

One entry for each update or rollback, the newest first. Offline. Times are UTC.
A break in the chain of the newest 1,000 lines is warned of; `ebrule audit verify`
looks at all of them. In CSV, a text that a spreadsheet would take for a formula begins with an apostrophe.
"""

_DEFAULT_LAST = 20
_WALKED = 1_000  # lines; to walk all of a long ledger takes seconds


class AuditOutput(str, enum.Enum):
    """How operations are printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class AuditShowCommand(NamedTuple):
    """What ``ebrule audit show`` was asked to do; ``last`` 0 means all."""

    filters: on.Filters = on.Filters()
    last: int = _DEFAULT_LAST
    changes: bool = False
    audit_log: Path | None = None
    output: AuditOutput = AuditOutput.TEXT


def run(command: AuditShowCommand, screen: Screen, *, now: Callable[[], datetime] | None = None) -> int:
    """Print the operations that are meant; return the exit code."""
    from ebrule.core.audit import utc_now

    ledger = on.open_ledger(command.audit_log)
    _warn_of_a_break(screen, ledger)
    found = islice(command.filters.apply(ledger, now or utc_now), min(command.last, sys.maxsize) or None)
    if command.output is AuditOutput.JSON:
        screen.json(_document(ledger, found))
    elif command.output is AuditOutput.JSONL:
        for operation in found:
            screen.raw(json.dumps(operation.as_json()) + "\n")
    elif command.output is AuditOutput.CSV:
        screen.raw(_csv_line(_COLUMNS))
        for operation in found:
            screen.raw(_csv_line([_cell(value) for value in _row(operation)]))
    else:
        from ebrule.cli.operations_text import show_operations

        show_operations(screen, ledger.path, list(found), last=command.last, changes=command.changes)
    return 0


def _warn_of_a_break(screen: Screen, ledger: AuditLog) -> None:
    from ebrule.cli.results import short_path
    from ebrule.core.chain import verify_newest

    if problem := verify_newest(ledger.entries_backwards(), _WALKED):
        screen.err(
            ("warning:", "warning"),
            f" the ledger {short_path(ledger.path)} is broken: a line {problem}. See: ebrule audit verify",
        )


def _document(ledger: AuditLog, found: Iterable[RecordedOperation]) -> dict[str, object]:
    return {
        "schema_version": 1,
        "audit": {"log": str(ledger.path), "head": ledger.head()},
        "operations": [operation.as_json() for operation in found],
    }


_ACTOR = ("user", "host", "login", "run", "commit")
_PLAIN_COLUMNS = (
    "started", "ended", "operation_id", "kind", "rule_id", "rule_name", "region", "result", "exit_code",
    "base_version", "version", "attempts", "conflicts", "latency_ms", "error", "correlation_id", "reason",
    "tool_version", "event_id", "webhook",
)  # fmt: skip
_COLUMNS = (*_PLAIN_COLUMNS, *_ACTOR, "changes", "org_id", "made_version")


def _row(operation: RecordedOperation) -> list[Any]:
    values = operation.as_json()
    actor = [operation.actor.get(name) for name in _ACTOR]
    changes = json.dumps(values["changes"], ensure_ascii=False)
    return [*(values[name] for name in _PLAIN_COLUMNS), *actor, changes, operation.org_id, operation.made_version]


def _cell(value: Any) -> str:
    """Return a value on one line, and as what no spreadsheet computes (OWASP, "CSV Injection")."""
    if value is None:
        return ""
    text = one_line(str(value))
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\\")) else text


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def command(
    rule_id: on.RuleId = None,
    kind: on.Kind = None,
    region: on.Region = None,
    org: on.Org = None,
    since: on.Since = None,
    until: on.Until = None,
    result: on.Result = None,
    last: Annotated[int, typer.Option("--last", "-n", metavar="N", min=0, help="The newest N; 0 for all.")] = (
        _DEFAULT_LAST
    ),
    changes: Annotated[bool, typer.Option("--changes", help="In text: also what each changed, and all about it.")] = (
        False
    ),
    audit_log: o.AuditLog = None,
    output: Annotated[AuditOutput, typer.Option("--output", "-o", help="How to print it.")] = AuditOutput.TEXT,
) -> int:
    filters = on.Filters(rule_id, kind, since, until, tuple(result or ()), region, org)
    return run(AuditShowCommand(filters, last, changes, audit_log, output), Screen())
