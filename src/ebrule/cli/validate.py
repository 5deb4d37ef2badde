"""``ebrule validate``: is the file right? Offline."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ebrule.cli import options as o
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ebrule.errors import Problem
    from ebrule.plan import Examined
    from ebrule.rules.kind import Kind

HELP = """Check rule files, without asking the org.

Tells every problem of every file, with line and column. Folders are searched for *.yaml, *.yml and *.json.
What a problem's id means: ebrule explain ID

\b
Examples:
  ebrule validate rule.yaml
  ebrule validate rules/ --output json
  ebrule validate rules/ --output github                      annotations in a pull request
  ebrule validate rules/ --output sarif > ebrule.sarif        for code scanning
  ebrule validate --strict rule.yaml                          warnings are errors
  ebrule show demo-rule -o yaml | ebrule validate -
"""

WORTH_A_PROGRESS_BAR = 100


@dataclass(frozen=True)
class ValidateCommand:
    """What ``ebrule validate`` was asked to do."""

    files: Sequence[str]
    kind: str | None = None
    strict: bool = False
    output: o.Report = o.Report.TEXT


def run(command: ValidateCommand, screen: Screen) -> int:
    """Check the files and print what was found; return the exit code."""
    from ebrule.configured import configured_kinds
    from ebrule.errors import ExitCode, UsageError
    from ebrule.rulefile import rule_files

    if not command.files:
        raise UsageError(
            "no file to check", hint="Type: ebrule validate rule.yaml  (or a folder, or - for standard input)"
        )
    files = rule_files(command.files)
    kinds = configured_kinds(os.environ)
    examined = [_examined(command, kinds, path, reason) for path, reason in _watched(screen, files)]
    wrong = sum(bool(found.errors) for found in examined)
    _report(screen, command.output, examined, wrong)
    return int(ExitCode.INVALID if wrong else ExitCode.OK)


def _examined(command: ValidateCommand, kinds: Mapping[str, Kind], path: str, reason: Problem | None) -> Examined:
    """Return what is to be told of one file, and no more: of thousands, the text would be too much to keep."""
    from ebrule.errors import Source
    from ebrule.plan import Examined, validate_rule

    if reason is not None:
        return Examined(Source(path), command.kind, (reason,))
    found = validate_rule(path, kind=command.kind, kinds=kinds)
    if not found.problems:
        return replace(found, source=Source(found.source.name))
    if command.strict:
        return replace(found, problems=tuple(replace(problem, severity="error") for problem in found.problems))
    return found


def _watched(screen: Screen, files: Sequence[tuple[str, Problem | None]]) -> Iterable[tuple[str, Problem | None]]:
    """Return the files to go through, with a bar that moves where they are many and somebody watches."""
    if len(files) < WORTH_A_PROGRESS_BAR or not screen.is_watched:
        return files
    from rich.progress import track

    return track(files, "Checking", console=screen.console(), transient=True)


def _report(screen: Screen, output: o.Report, examined: Sequence[Examined], wrong: int) -> None:
    if output is o.Report.TEXT:
        _show(screen, examined, wrong)
        return
    from ebrule.cli.reports import json_report, sarif_report, show_annotations

    if output is o.Report.JSON:
        screen.json(json_report(examined, valid=not wrong))
    elif output is o.Report.SARIF:
        screen.json(sarif_report(examined))
    else:
        show_annotations(screen, examined)
        screen.out(_summary(examined, wrong))


def _show(screen: Screen, examined: Sequence[Examined], wrong: int) -> None:
    from ebrule.cli.problems import show_problem

    for found in examined:
        for problem in found.problems:
            show_problem(screen.out, problem, found.source, screen.width)
    screen.out(_summary(examined, wrong))


def _summary(examined: Sequence[Examined], wrong: int) -> str:
    errors = sum(found.errors for found in examined)
    warnings = sum(len(found.problems) for found in examined) - errors
    counts = [_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings)
    said = f"{_count(len(examined), 'file')}: {len(examined) - wrong} right, {wrong} wrong"
    return said + (f" ({', '.join(counts)})" if counts else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def command(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Rule files or folders; - is standard input.")
    ] = None,
    kind: o.KindOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    output: o.ReportOption = o.Report.TEXT,
) -> int:
    return run(ValidateCommand(files or (), kind, strict, output), Screen())
