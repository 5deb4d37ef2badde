"""``ebrule rollback``: back to an earlier state, through the same safe path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli import options as o
from ebrule.cli.completion import complete_rule
from ebrule.cli.render import Screen
from ebrule.cli.update import run

if TYPE_CHECKING:
    from ebrule.core.pace import Pace
    from ebrule.pipeline.operation import UpdateResult
    from ebrule.pipeline.options import UpdateOptions
    from ebrule.settings import Settings

HELP = """Bring a rule back to an earlier state that the ledger knows.

\b
Examples:
  ebrule rollback --rule-id demo-rule                       undo the last one
  ebrule rollback --rule-id demo-rule --to-version 7        as at version 7
  ebrule rollback --rule-id demo-rule --dry-run             what would change?
  ebrule rollback --rule-id demo-rule --on-conflict merge   keep others' work

It is an update like any other: recorded, announced, and with a version of its own. What others changed since this
ledger's last update is not undone unawares: that ends with exit code 5. A ledger that `ebrule audit verify` finds
broken leads nowhere: that ends with 11.
"""


class RollbackCommand(NamedTuple):
    """What ``ebrule rollback`` was asked to do."""

    connection: o.Connection
    change: o.Change
    rule_id: str
    kind: str | None = None
    to_version: int | None = None
    assignments: list[str] | None = None
    text_assignments: list[str] | None = None

    @property
    def given(self) -> str:
        """Nothing: the same options of other commands would mean something else."""
        return ""

    def carry_out(self, settings: Settings, options: UpdateOptions, pace: Pace) -> UpdateResult:
        """Do it."""
        from ebrule.pipeline.rollback import rollback_rule

        return rollback_rule(settings, options, self.to_version, pace=pace)


@o.with_groups
def command(
    change: o.Change,
    connection: o.Connection,
    rule_id: Annotated[str, typer.Option("--rule-id", metavar="ID", help="The rule.", autocompletion=complete_rule)],
    to_version: Annotated[
        int | None,
        typer.Option("--to-version", metavar="N", min=0, help="The state to go back to; by default one update back."),
    ] = None,
    kind: o.KindInLedger = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="A value over the earlier state's, say a secret. Repeatable."),
    ] = None,
    text_assignments: o.SetStringOption = None,
) -> int:
    command = RollbackCommand(connection, change, rule_id, kind, to_version, assignments, text_assignments)
    return run(command, Screen())
