"""``ebrule validate``: is the file right? Offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ebrule.cli import options as o
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrule.plan import Examined

HELP = """Check rule files, without asking the org.

Tells every problem of every file, with line and column.

\b
Examples:
  ebrule validate rule.yaml
  ebrule validate rules/*.yaml --output json
  ebrule validate --strict rule.yaml                          warnings are errors
  ebrule show demo-rule -o yaml | ebrule validate -
"""


@dataclass(frozen=True)
class ValidateCommand:
    """What ``ebrule validate`` was asked to do."""

    files: Sequence[str]
    kind: str | None = None
    strict: bool = False
    output: o.Output = o.Output.TEXT


def run(command: ValidateCommand, screen: Screen) -> int:
    """Check the files and print what was found; return the exit code."""
    from ebrule.errors import ExitCode
    from ebrule.plan import validate_rule

    examined = [validate_rule(file, kind=command.kind) for file in command.files]
    wrong = [found for found in examined if found.errors or (command.strict and found.problems)]
    if command.output is o.Output.JSON:
        screen.json(_document(examined, valid=not wrong))
    else:
        _show(screen, examined, len(wrong))
    return int(ExitCode.INVALID if wrong else ExitCode.OK)


def _document(examined: Sequence[Examined], *, valid: bool) -> dict[str, object]:
    from ebrule.operation import SCHEMA_VERSION, problem_json

    return {
        "schema_version": SCHEMA_VERSION,
        "result": "valid" if valid else "invalid",
        "files": [
            {
                "path": found.source.name,
                "kind": found.kind,
                "problems": [problem_json(problem) for problem in found.problems],
            }
            for found in examined
        ],
    }


def _show(screen: Screen, examined: Sequence[Examined], wrong: int) -> None:
    from ebrule.cli.results import show_problem

    for found in examined:
        for problem in found.problems:
            show_problem(screen.out, problem, found.source)
    errors = sum(found.errors for found in examined)
    warnings = sum(len(found.problems) for found in examined) - errors
    counts = [_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings)
    screen.out(
        f"{_count(len(examined), 'file')}: {len(examined) - wrong} right, {wrong} wrong"
        + (f" ({', '.join(counts)})" if counts else "")
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Rule files; - is standard input.")],
    kind: o.KindOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run(ValidateCommand(files, kind, strict, output), Screen())
