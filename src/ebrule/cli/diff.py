"""``ebrule diff``: what would update change?"""

from __future__ import annotations

from typing import Annotated

import typer

from ebrule.cli import options as o
from ebrule.cli.render import Screen
from ebrule.cli.update import UpdateCommand, run

HELP = """Show what update would change.

\b
Examples:
  ebrule diff --rule-id demo-rule --file rule.yaml
  ebrule diff --file rule.yaml --exit-code   10 if there are differences
  ebrule diff --file rule.yaml --output json
  ebrule diff --rule-id demo-rule --set priority=50
"""


@o.with_groups
def command(
    connection: o.Connection,
    file: o.FileOption = None,
    assignments: o.SetOption = None,
    text_assignments: o.SetStringOption = None,
    rule_id: o.RuleIdOption = None,
    kind: o.KindOption = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 10 if there are differences.")] = False,
    expect_version: o.ExpectVersion = None,
    no_check_targets: o.NoCheckTargets = False,
    allow_identity_change: o.AllowIdentityChange = False,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    change = o.Change(
        dry_run=True,
        exit_code=exit_code,
        expect_version=expect_version,
        no_check_targets=no_check_targets,
        allow_identity_change=allow_identity_change,
        output=output,
    )
    return run(UpdateCommand(connection, change, file, rule_id, kind, assignments, text_assignments), Screen())
