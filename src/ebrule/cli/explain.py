"""``ebrule explain``: what the id of a problem means."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli import options as o
from ebrule.cli.completion import complete_problem
from ebrule.cli.guide import folded
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from ebrule.diagnostics.diagnostic import Diagnostic

HELP = """Say what a problem's id means, with a wrong and a right example.

\b
Examples:
  ebrule explain ambiguous-scalar
  ebrule explain   all ids, each with one line
"""

_WIDTH = 100


class ExplainCommand(NamedTuple):
    """What ``ebrule explain`` was asked to do."""

    id: str | None = None
    output: o.Output = o.Output.TEXT


def run(command: ExplainCommand, screen: Screen) -> int:
    """Print one entry of the catalogue, or the list of all; return the exit code."""
    from ebrule.diagnostics import CATALOGUE
    from ebrule.errors import ExitCode, UsageError
    from ebrule.spelling import nearest

    if command.id is not None and command.id not in CATALOGUE:
        near = nearest(command.id, CATALOGUE)
        hint = f"Did you mean: ebrule explain {near}" if near else "See all of them: ebrule explain"
        raise UsageError(f"{command.id!r} is no id of a problem", hint=hint, code="unknown-id")
    chosen = [CATALOGUE[command.id]] if command.id is not None else list(CATALOGUE.values())
    if command.output is o.Output.JSON:
        from ebrule.pipeline.operation import SCHEMA_VERSION

        screen.json({"schema_version": SCHEMA_VERSION, "diagnostics": [_json(each) for each in chosen]})
    elif command.id is not None:
        _show(screen, chosen[0])
    else:
        width = max(len(each.id) for each in chosen)
        for each in chosen:
            text = f"{each.id:<{width}}  {each.title}"
            first, *rest = folded(text, screen.width or len(text)).splitlines()
            screen.out((first[: len(each.id)], "strong"), first[len(each.id) :])
            for line in rest:
                screen.out(line)
    return int(ExitCode.OK)


def _json(diagnostic: Diagnostic) -> dict[str, str]:
    fields = asdict(diagnostic)
    del fields["warning"]
    return {**fields, "severity": diagnostic.severity}


def _show(screen: Screen, diagnostic: Diagnostic) -> None:
    screen.out((f"{diagnostic.severity}[{diagnostic.id}]", diagnostic.severity), f": {diagnostic.title}")
    screen.out()
    for line in textwrap.wrap(diagnostic.why, min(screen.width or _WIDTH, _WIDTH)):
        screen.out(line)
    for title, style, example in (("Wrong:", "removed", diagnostic.wrong), ("Right:", "added", diagnostic.right)):
        screen.out()
        screen.out((title, style))
        for line in example.splitlines():
            screen.out(f"  {line}")


def command(
    problem_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="What stands in brackets behind error or warning.", autocompletion=complete_problem
        ),
    ] = None,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run(ExplainCommand(problem_id, output), Screen())
