"""``ebrule audit``: settle what a killed run left open."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from ebrule.cli import options as o
from ebrule.cli.connection import opened
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebrule.pipeline.resolve import Finding

RESOLVE_HELP = """Settle updates that were killed or cut off.

Asks the org what became of them, and records the answer.

\b
Examples:
  ebrule audit resolve
  ebrule audit resolve --region eu-west-1 --output json

The org is read, never written. Updates that a live process is at are left alone. Ends with 9 while something stays
unknown.
"""

_WORDS = {
    "applied": "was applied",
    "not_applied": "was not applied",
    "unknown": "is still unknown",
    "running": "is left alone",
    "elsewhere": "is left alone",
}


class ResolveCommand(NamedTuple):
    """What ``ebrule audit resolve`` was asked to do."""

    connection: o.Connection
    audit_log: Path | None = None
    output: o.Output = o.Output.TEXT


def run_resolve(command: ResolveCommand, screen: Screen) -> int:
    """Settle what is open and print what was found; return the exit code."""
    from ebrule.errors import ExitCode, UsageError
    from ebrule.pipeline.resolve import resolve

    if command.audit_log is not None and not command.audit_log.exists():
        raise UsageError(f"there is no ledger {command.audit_log}", hint="Check the path.", code="no-ledger")
    with opened(command.connection, screen, audit_log=command.audit_log) as org:
        findings = resolve(org.settings, pace=org.pace)
        ledger = org.settings.audit_log
    unknown = any(finding.state == "unknown" for finding in findings)
    if command.output is o.Output.JSON:
        screen.json(
            {
                "schema_version": 1,
                "result": "unknown" if unknown else "resolved",
                "audit": {"log": str(ledger)},
                "operations": [asdict(finding) for finding in findings],
            }
        )
    else:
        _show(screen, findings, ledger)
    return int(ExitCode.UNKNOWN if unknown else ExitCode.OK)


def _show(screen: Screen, findings: Sequence[Finding], ledger: Path) -> None:
    from ebrule.cli.results import short_path

    if not findings:
        screen.out(f"Nothing is open in {short_path(ledger)}.")
    for finding in findings:
        style = {"applied": "good", "not_applied": "good", "unknown": "warning"}.get(finding.state, "faint")
        screen.out(
            f"{finding.rule_id}: the update of version {finding.base_version} ",
            (_WORDS[finding.state], style),
            f": {finding.reason} ({finding.operation_id})",
        )


@o.with_groups
def resolve_command(
    connection: o.Connection,
    audit_log: o.AuditLog = None,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run_resolve(
        ResolveCommand(connection, audit_log, output),
        Screen(),
    )
