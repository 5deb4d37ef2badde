"""``ebrule audit verify``: is the ledger as it was written?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli import ledger as on
from ebrule.cli import options as o
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from pathlib import Path

    from ebrule.core.chain import Verification

HELP = """Prove that the ledger is as it was written.

\b
Examples:
  ebrule audit verify
  ebrule audit verify --expect-head "$HEAD"

Walks the chain of hashes, offline. A line that was changed, removed or added shows in the line after it. Lines that
were cut off the end show only against a head that was kept elsewhere: `audit.head` of an update's JSON output,
`auditHead` of its event. Exits with code 11 where something is wrong.
"""

_HASH = re.compile(r"[0-9a-f]{64}")


class AuditVerifyCommand(NamedTuple):
    """What ``ebrule audit verify`` was asked to do."""

    expect_head: str | None = None
    audit_log: Path | None = None
    output: o.Output = o.Output.TEXT


def run(command: AuditVerifyCommand, screen: Screen) -> int:
    """Walk the chain and print what was found; return the exit code."""
    from ebrule.errors import ExitCode, UsageError

    head = command.expect_head and command.expect_head.strip().lower()
    if head is not None and not _HASH.fullmatch(head):
        hint = "It is the 64 hexadecimal digits of `audit.head` in an update's JSON output."
        raise UsageError(f"--expect-head: {command.expect_head!r} is no hash", hint=hint, code="bad-head")
    ledger = on.open_ledger(command.audit_log)
    found = ledger.verify(head)
    if command.output is o.Output.JSON:
        screen.json(
            {
                "schema_version": 1,
                "result": "valid" if found.ok else "invalid",
                "audit": {"log": str(ledger.path), "head": found.head},
                "expected_head": head,
                "records": found.records,
                "records_since_expected_head": found.added,
                "repaired_lines": found.repaired,
                "torn_tail_bytes": found.torn_tail,
                "line": found.line,
                "problem": found.problem,
            }
        )
    else:
        _show(screen, ledger.path, found, head)
    return int(ExitCode.OK if found.ok else ExitCode.LEDGER)


def _show(screen: Screen, path: Path, found: Verification, head: str | None) -> None:
    from ebrule.cli.results import short_path

    name = short_path(path)
    if found.ok and not path.exists():
        screen.out(f"Nothing is recorded yet in {name}.")
        return
    if found.ok:
        screen.out((f"{name} is whole", "good"), f": {_count(found.records, 'record')}.")
    else:
        where = f"{name}:{found.line}: this line" if found.line else f"{name}:"
        screen.out(("broken: ", "error"), f"{where} {found.problem}.")
        hold = "holds" if found.records == 1 else "hold"
        screen.out(f"Up to there, {_count(found.records, 'record')} {hold}.")
    screen.out(f"head  {found.head}")
    if found.repaired:
        was = "line was" if found.repaired == 1 else "lines were"
        screen.out(f"{found.repaired} torn {was} closed off by a later run, which recorded it: no edit.")
    if found.torn_tail:
        screen.out(f"The last {found.torn_tail} bytes are no whole line: a run is at it, or was killed there. No edit.")
    if found.added is not None:
        screen.out(f"The expected head is there, and {_count(found.added, 'record')} after it.")
    elif head is None and found.ok:
        screen.out("A cut tail shows only against a head kept outside: --expect-head HASH.")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def command(
    expect_head: Annotated[
        str | None, typer.Option("--expect-head", metavar="HASH", help="A head that was kept elsewhere.")
    ] = None,
    audit_log: o.AuditLog = None,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run(AuditVerifyCommand(expect_head, audit_log, output), Screen())
