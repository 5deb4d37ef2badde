"""``ebrule update``: change one rule, safely."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ebrule.cli import options as o
from ebrule.cli.connection import opened
from ebrule.cli.render import Screen
from ebrule.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from ebrule.core.pace import Pace
    from ebrule.pipeline.operation import UpdateResult
    from ebrule.pipeline.options import UpdateOptions
    from ebrule.settings import Settings

HELP = """Change one rule, safely.

\b
Examples:
  ebrule update --rule-id demo-rule --file rule.yaml
  ebrule update --file rule.yaml --dry-run            what would change?
  ebrule update --file rule.yaml --expect-version 7   only if still version 7
  ebrule update --rule-id demo-rule -f - --region sandbox < rule.yaml
  ebrule update --file rule.yaml --output json --reason "CHG-1042"
  ebrule update --rule-id demo-rule --set priority=50 --set status=disabled

Nothing is overwritten that was not read: when somebody else changes the rule meanwhile, their change is merged with
yours, or the update ends with exit code 5 and theirs is kept.
"""


class ChangeCommand(Protocol):
    """What a command that changes a rule was asked to do."""

    @property
    def connection(self) -> o.Connection:
        """The org to talk to."""

    @property
    def change(self) -> o.Change:
        """How to change the rule."""

    @property
    def rule_id(self) -> str | None:
        """The rule."""

    @property
    def kind(self) -> str | None:
        """Its kind."""

    @property
    def assignments(self) -> list[str] | None:
        """Each ``PATH=VALUE`` that was given."""

    @property
    def text_assignments(self) -> list[str] | None:
        """Each ``PATH=TEXT`` that was given."""

    @property
    def given(self) -> str:
        """How the command line said what is wanted, to be said again to another command."""

    def carry_out(self, settings: Settings, options: UpdateOptions, pace: Pace) -> UpdateResult:
        """Do it."""


class UpdateCommand(NamedTuple):
    """What ``ebrule update`` was asked to do."""

    connection: o.Connection
    change: o.Change
    file: str | None = None
    rule_id: str | None = None
    kind: str | None = None
    assignments: list[str] | None = None
    text_assignments: list[str] | None = None

    @property
    def given(self) -> str:
        """The file, the kind and what is set."""
        assigned = [o.as_typed({"--set": text}) for text in self.assignments or ()]
        assigned += [o.as_typed({"--set-string": text}) for text in self.text_assignments or ()]
        return " ".join(filter(None, [o.as_typed({"--file": self.file, "--kind": self.kind}), *assigned]))

    def carry_out(self, settings: Settings, options: UpdateOptions, pace: Pace) -> UpdateResult:
        """Do it."""
        from ebrule.pipeline.update import update_rule

        return update_rule(settings, self.file, options, pace=pace)


def run(command: ChangeCommand, screen: Screen) -> int:
    """Run the update and print what became of it; return the exit code."""
    from ebrule.errors import EbruleError, UsageError
    from ebrule.pipeline.options import UpdateOptions

    change = command.change
    if change.exit_code and not change.dry_run:
        raise UsageError("--exit-code goes with --dry-run", hint="Add --dry-run, or use: ebrule diff --exit-code")
    options = UpdateOptions(
        rule_id=command.rule_id,
        kind=command.kind,
        dry_run=change.dry_run,
        expect_version=change.expect_version,
        on_conflict=change.on_conflict.value if change.on_conflict else None,
        max_attempts=change.max_attempts,
        check_targets=not change.no_check_targets,
        assignments=tuple(command.assignments or ()),
        text_assignments=tuple(command.text_assignments or ()),
        allow_identity_change=change.allow_identity_change,
        announce=not change.no_webhook,
        reason=change.reason,
    )
    with opened(
        command.connection,
        screen,
        webhook_url=change.webhook_url,
        webhook_format=change.webhook_format,
        audit_log=change.audit_log,
        audit_otlp=change.audit_otlp,
        audit_otlp_required=change.audit_otlp_required,
    ) as org:
        try:
            result = command.carry_out(org.settings, options, org.pace)
        except EbruleError as error:
            if error.result is None:
                raise
            result = error.result
    code = _code(command, result)
    # Nothing is under way any more: a signal now only cuts the printing short, and does not change what happened.
    with stop_on_signals(lambda _: os._exit(code)):
        show(command, result, screen, org.org_name)
    return code


def _code(command: ChangeCommand, result: UpdateResult) -> int:
    from ebrule.errors import ExitCode

    differs = command.change.dry_run and command.change.exit_code and result.result == "planned"
    return int(ExitCode.DIFFERENCES) if differs else result.exit_status


def show(command: ChangeCommand, result: UpdateResult, screen: Screen, org: str) -> None:
    """Print a result as the command asks for it."""
    from ebrule.cli.problems import show_problem
    from ebrule.cli.results import show_error, show_result

    if command.change.output is o.Output.JSON:
        screen.json(result.as_json())
    if result.error is not None:
        show_error(screen, result.error, given=command.given, org=command.connection.given)
    elif command.change.output is o.Output.TEXT:
        for warning in result.warnings:
            show_problem(screen.err, warning, result.source, screen.width)
        show_result(screen, result, result.source.name, org)


@o.with_groups
def command(
    change: o.Change,
    connection: o.Connection,
    file: o.FileOption = None,
    rule_id: o.RuleIdOption = None,
    kind: o.KindOption = None,
    assignments: o.SetOption = None,
    text_assignments: o.SetStringOption = None,
) -> int:
    return run(UpdateCommand(connection, change, file, rule_id, kind, assignments, text_assignments), Screen())
