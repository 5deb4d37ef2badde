"""``ebrule validate``: is the file right? Offline, unless the org is to be asked too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli import options as o
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ebrule.errors import EbruleError, Problem
    from ebrule.pipeline.plan import Examined
    from ebrule.rules.kind import Kind

HELP = """Check rule files, offline or with --online against the org too.

\b
Examples:
  ebrule validate rule.yaml
  ebrule validate rules/ --output json
  ebrule validate rules/ --output github                 for a pull request
  ebrule validate rules/ --output sarif > ebrule.sarif   for code scanning
  ebrule validate --strict rule.yaml                     warnings are errors
  ebrule validate --allow-unset rules/                   without the secrets
  ebrule show demo-rule -o yaml | ebrule validate -
  ebrule validate --online rules/                        against the org

Tells every problem of every file, with line and column. Folders are searched for *.yaml, *.yml and *.json.
What a problem's id means: ebrule explain ID
"""

WORTH_A_PROGRESS_BAR = 100


class ValidateCommand(NamedTuple):
    """What ``ebrule validate`` was asked to do."""

    files: Sequence[str]
    kind: str | None = None
    strict: bool = False
    online: bool = False
    connection: o.Connection = o.Connection()
    output: o.Report = o.Report.TEXT
    allow_unset: bool = False


def run(command: ValidateCommand, screen: Screen) -> int:
    """Check the files and print what was found; return the exit code."""
    from ebrule.cli.exits import exit_code
    from ebrule.errors import ExitCode, UsageError
    from ebrule.rulefile import rule_files
    from ebrule.settings.configured import configured_kinds

    if not command.files:
        raise UsageError(
            "no file to check", hint="Type: ebrule validate rule.yaml  (or a folder, or - for standard input)"
        )
    if not command.online:
        o.check_unasked(command.connection, "--online")
    files = rule_files(command.files)
    kinds = configured_kinds(os.environ)
    examined = [_examined(command, kinds, path, reason) for path, reason in _watched(screen, files)]
    failure = None
    if command.online:
        examined, failure = _with_org(command, examined, screen)
    if command.strict:
        examined = [_strictly(found, command) for found in examined]
    _report(screen, command.output, examined, failure)
    if failure is not None:
        return exit_code(failure)
    return int(ExitCode.INVALID if any(found.errors for found in examined) else ExitCode.OK)


def _examined(command: ValidateCommand, kinds: Mapping[str, Kind], path: str, reason: Problem | None) -> Examined:
    """Return what is to be told of one file, and no more: of thousands, the text would be too much to keep."""
    from ebrule.errors import Source
    from ebrule.pipeline.plan import Examined, validate_rule

    if reason is not None:
        return Examined(Source(path), command.kind, (reason,))
    found = validate_rule(path, kind=command.kind, kinds=kinds, allow_unset=command.allow_unset)
    if command.online:
        return found
    source = found.source if found.problems else Source(found.source.name)
    return found._replace(source=source, rule_file=None)


def _with_org(
    command: ValidateCommand, examined: list[Examined], screen: Screen
) -> tuple[list[Examined], EbruleError | None]:
    """Return what was found with what the org says of it, and the error that it may have ended with."""
    from ebrule.cli.connection import opened
    from ebrule.errors import EbruleError
    from ebrule.pipeline.online import validate_online

    with opened(command.connection, screen) as org:
        try:
            return validate_online(org.settings, examined, pace=org.pace), None
        except EbruleError as error:
            if error.result is None:
                raise
            return error.result, error


def _strictly(found: Examined, command: ValidateCommand) -> Examined:
    """Return what was found with warnings as errors, but for what the command allows by name."""
    allowed = "unset-variable" if command.allow_unset else None
    return found._replace(
        problems=tuple(
            problem if problem.id == allowed else problem._replace(severity="error") for problem in found.problems
        )
    )


def _watched(screen: Screen, files: Sequence[tuple[str, Problem | None]]) -> Iterable[tuple[str, Problem | None]]:
    """Return the files to go through, with a bar that moves where they are many and somebody watches."""
    if len(files) < WORTH_A_PROGRESS_BAR or not screen.is_watched:
        return files
    from rich.progress import track

    return track(files, "Checking", console=screen.console(), transient=True)


def _report(screen: Screen, output: o.Report, examined: Sequence[Examined], failure: EbruleError | None) -> None:
    """Print what was found, and after it why there is no more."""
    if output is o.Report.TEXT:
        _show(screen, examined)
    else:
        from ebrule.cli.validate_reports import json_report, sarif_report, show_annotations

        if output is o.Report.JSON:
            screen.json(json_report(examined, failure))
        elif output is o.Report.SARIF:
            screen.json(sarif_report(examined, failure))
        else:
            show_annotations(screen, examined)
    if output in (o.Report.TEXT, o.Report.GITHUB):
        screen.out(_summary(examined) + (", as far as the org was asked" if failure else ""))
    if failure is not None:
        from ebrule.cli.results import show_error

        show_error(screen, failure)


def _show(screen: Screen, examined: Sequence[Examined]) -> None:
    from ebrule.cli.problems import show_problem

    for found in examined:
        for problem in found.problems:
            show_problem(screen.out, problem, found.source, screen.width)


def _summary(examined: Sequence[Examined]) -> str:
    wrong = sum(bool(found.errors) for found in examined)
    errors = sum(found.errors for found in examined)
    warnings = sum(len(found.problems) for found in examined) - errors
    counts = [_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings)
    said = f"{_count(len(examined), 'file')}: {len(examined) - wrong} right, {wrong} wrong"
    return said + (f" ({', '.join(counts)})" if counts else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@o.with_groups
def command(
    connection: o.Connection,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Rule files or folders; - is standard input.")
    ] = None,
    kind: o.KindOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    allow_unset: Annotated[
        bool, typer.Option("--allow-unset", help="Only warn of unset ${env:...} and ${var:...} variables.")
    ] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Ask the org too: do rules, targets, flows and topics exist?")
    ] = False,
    output: o.ReportOption = o.Report.TEXT,
) -> int:
    return run(ValidateCommand(files or (), kind, strict, online, connection, output, allow_unset), Screen())
