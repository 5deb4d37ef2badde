"""``ebrule audit resolve``: find out what became of updates that a killed or cut-off run left open."""

from __future__ import annotations

import enum
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli import options as o
from ebrule.cli.connection import opened
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any, Literal

    from ebrule.pipeline.resolve import Finding

RESOLVE_HELP = """Resolve updates that were killed or cut off.

Reads the rules back from the org and records what became of each update.

\b
Examples:
  ebrule audit resolve
  ebrule audit resolve --region eu-west-1 --output json
  ebrule audit resolve --again
  ebrule audit resolve --operation ID --as not-applied --reason "CHG-1042"

The org is read, never written. Updates of a live process are left alone. Exits with code 9 while an update stays
unknown. With --operation and --as, you say what became of it, and no org is asked.
"""

_WORDS = {
    "applied": "was applied",
    "not_applied": "was not applied",
    "unknown": "is still unknown",
    "running": "is left alone",
    "elsewhere": "is left alone",
}


class ResolvedAs(str, enum.Enum):
    """What a person may say of an operation."""

    APPLIED = "applied"
    NOT_APPLIED = "not-applied"


class ResolveCommand(NamedTuple):
    """What ``ebrule audit resolve`` was asked to do.

    ``again`` is to look once more at what time alone decided. ``operation`` is closed ``resolved_as`` that, for a
    ``reason``, on the user's word.
    """

    connection: o.Connection
    audit_log: Path | None = None
    again: bool = False
    operation: str | None = None
    resolved_as: ResolvedAs | None = None
    reason: str | None = None
    output: o.Output = o.Output.TEXT


def run_resolve(command: ResolveCommand, screen: Screen) -> int:
    """Resolve what is open and print what was found; return the exit code."""
    from ebrule.errors import ExitCode, UsageError
    from ebrule.pipeline.resolve import resolve, resolve_as

    _check_options(command)
    if command.audit_log is not None and not command.audit_log.exists():
        raise UsageError(f"there is no ledger {command.audit_log}", hint="Check the path.", code="no-ledger")
    by_user = command.operation is not None
    with opened(command.connection, screen, audit_log=command.audit_log, to_org=not by_user) as org:
        if command.operation is not None and command.resolved_as is not None:
            state: Literal["applied", "not_applied"]
            state = "applied" if command.resolved_as is ResolvedAs.APPLIED else "not_applied"
            findings = [resolve_as(org.settings, command.operation, state, command.reason or "", pace=org.pace)]
        else:
            findings = resolve(org.settings, pace=org.pace, again=command.again)
        ledger = org.settings.audit_log
    unknown = any(finding.state == "unknown" for finding in findings)
    if command.output is o.Output.JSON:
        screen.json(
            {
                "schema_version": 1,
                "result": "unknown" if unknown else "resolved",
                "audit": {"log": str(ledger)},
                "operations": [_as_json(finding) for finding in findings],
            }
        )
    else:
        _show(screen, findings, ledger)
    return int(ExitCode.UNKNOWN if unknown else ExitCode.OK)


def _check_options(command: ResolveCommand) -> None:
    """Raise :class:`UsageError` where what a user says of an operation is not said in full."""
    from ebrule.errors import UsageError

    said = (command.operation, command.resolved_as, command.reason)
    if any(each is not None for each in said) and not all(said):
        raise UsageError(
            "--operation, --as and --reason belong together",
            hint="Type: ebrule audit resolve --operation ID --as applied|not-applied --reason TEXT",
        )
    if command.again and command.operation is not None:
        raise UsageError("--again and --operation exclude each other", hint="Give one of the two.")


def _as_json(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "missing": [overlap._asdict() for overlap in finding.missing]}


def _show(screen: Screen, findings: Sequence[Finding], ledger: Path) -> None:
    from ebrule.cli.results import short_path, show_overlaps

    if not findings:
        screen.out(f"No unresolved operations in {short_path(ledger)}.")
    for finding in findings:
        style = {"applied": "good", "not_applied": "good", "unknown": "warning"}.get(finding.state, "faint")
        screen.out(
            f"{finding.rule_id}: the update of version {finding.base_version} ",
            (_WORDS[finding.state], style),
            f": {finding.reason} ({finding.operation_id})",
        )
        if finding.missing:
            show_overlaps(screen.out, finding.missing, ("field", "before", "sent", "now"))
    if unknown := [finding.operation_id for finding in findings if finding.state == "unknown"]:
        screen.err(f"Where you know: ebrule audit resolve --operation {unknown[0]} --as applied|not-applied --reason …")


@o.with_groups
def resolve_command(
    connection: o.Connection,
    audit_log: o.AuditLog = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also check updates that were found not applied by time alone.")
    ] = False,
    operation: Annotated[
        str | None, typer.Option("--operation", metavar="ID", help="Resolve this operation on your word.")
    ] = None,
    resolved_as: Annotated[
        ResolvedAs | None, typer.Option("--as", help="With --operation: what became of the update.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="With --operation: how you know.")
    ] = None,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run_resolve(
        ResolveCommand(connection, audit_log, again, operation, resolved_as, reason, output),
        Screen(),
    )
