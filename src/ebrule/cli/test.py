"""``ebrule test``: does the rule match the events that it should? Offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebrule.cli import options as o
from ebrule.cli.render import Screen, one_line, value_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebrule.cases import Case, CaseResult
    from ebrule.rules.matching import Finding

HELP = """Test which events a rule matches, without asking the org.

A case file has a list "cases", each with a name, an event (or an event_file beside it), and expect: match or no-match.

\b
Examples:
  ebrule test rule.yaml --cases cases.yaml
  ebrule test rule.yaml --cases cases.yaml --run "45 s"       only the cases whose name matches
  ebrule test rule.yaml --cases cases.yaml --junit report.xml
  ebrule show demo-rule -o yaml | ebrule test - --cases cases.yaml
"""

_SHOWN = 60


@dataclass(frozen=True)
class TestCommand:
    """What ``ebrule test`` was asked to do."""

    rule: str
    cases: Sequence[str]
    pattern: str | None = None
    junit: Path | None = None
    kind: str | None = None
    output: o.Output = o.Output.TEXT


def run(command: TestCommand, screen: Screen) -> int:
    """Run the cases and print what came of them; return the exit code."""
    from ebrule.cases import run_cases
    from ebrule.errors import ExitCode, UsageError
    from ebrule.plan import load_rule

    if [command.rule, *command.cases].count("-") > 1:
        raise UsageError("only one file can be standard input", hint="Name the others.")
    rule = load_rule(command.rule, kind=command.kind)
    results = run_cases(rule, _selected(command))
    if command.junit is not None:
        _write_junit(command.junit, rule.document.source.name, results)
    if command.output is o.Output.JSON:
        screen.json(_document(rule.kind.name, rule.document.source.name, results))
    else:
        _show(screen, results)
    return int(ExitCode.OK if all(result.passed for result in results) else ExitCode.INVALID)


def _selected(command: TestCommand) -> list[Case]:
    """Return the cases to run, of all files in their order."""
    from ebrule.cases import load_cases
    from ebrule.errors import UsageError
    from ebrule.rules.matching.condition import UnusableValueError
    from ebrule.rules.matching.routing import pattern_search

    cases = [case for file in command.cases for case in load_cases(file)]
    if command.pattern is None:
        return cases
    try:
        is_wanted = pattern_search(command.pattern)
    except UnusableValueError as error:
        raise UsageError(f"--run: {error}", code="bad-pattern") from None
    selected = [case for case in cases if is_wanted(case.name)]
    if not selected:
        names = ", ".join(f'"{case.name}"' for case in cases[:5])
        raise UsageError(
            f"no case has a name that {command.pattern!r} matches",
            hint=f"There are {names}{' and others' * (len(cases) > 5)}.",  # noqa: PLR2004 - as many as above
            code="no-such-case",
        )
    return selected


def _document(kind: str, rule: str, results: Sequence[CaseResult]) -> dict[str, Any]:
    from ebrule.operation import SCHEMA_VERSION

    failed = sum(not result.passed for result in results)
    return {
        "schema_version": SCHEMA_VERSION,
        "result": "failed" if failed else "passed",
        "kind": kind,
        "rule": rule,
        "counts": {"cases": len(results), "passed": len(results) - failed, "failed": failed},
        "cases": [
            {
                "file": result.case.file,
                "name": result.case.name,
                "expect": result.case.expect,
                "got": result.got,
                "passed": result.passed,
                "conditions": [vars(finding) for finding in result.findings],
            }
            for result in results
        ],
    }


def _show(screen: Screen, results: Sequence[CaseResult]) -> None:
    several = len({result.case.file for result in results}) > 1
    for result in results:
        where = f"  ({one_line(result.case.file)})" if several else ""
        if result.passed:
            screen.out("  ", ("ok", "good"), f"    {one_line(result.case.name)}{where}")
            continue
        message, *details = _explanation(result)
        screen.out("  ", ("FAIL", "error"), f"  {one_line(result.case.name)}{where}: {message}")
        for line in details:
            screen.out(" " * 10 + line)
    failed = sum(not result.passed for result in results)
    cases = f"{len(results)} case{'' if len(results) == 1 else 's'}"
    screen.out(f"{failed} of {cases} failed" if failed else f"{cases} passed")


def _explanation(result: CaseResult) -> list[str]:
    """Return what was expected and what happened, then one line for each condition of the rule."""
    happened = "but it matches" if result.got == "match" else "but it does not match"
    lines = [f"expected {result.case.expect}, {happened}"]
    if not result.findings:
        return [*lines, "the rule has no conditions: every event matches"]
    rows = [
        (_found(finding), _short(one_line(finding.text)), str(finding.result).lower()) for finding in result.findings
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [*lines, *(f"{found:<{widths[0]}}   {text:<{widths[1]}}   {holds}" for found, text, holds in rows)]


def _found(finding: Finding) -> str:
    path = _short(one_line(finding.path))
    return f"{path} = {_short(value_text(finding.value))}" if finding.found else f"{path} is missing"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _write_junit(file: Path, rule: str, results: Sequence[CaseResult]) -> None:
    from ebrule.cli.junit import junit_xml
    from ebrule.errors import UsageError

    try:
        file.write_bytes(junit_xml(rule, results, [None if each.passed else _explanation(each) for each in results]))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{file} cannot be written: {reason}", hint="Give --junit another file.") from error


def command(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule file; - is standard input.")],
    cases: Annotated[
        list[str], typer.Option("--cases", metavar="FILE", help="A case file (repeatable); - is standard input.")
    ],
    pattern: Annotated[
        str | None, typer.Option("--run", metavar="REGEX", help="Only the cases whose name it is found in.")
    ] = None,
    junit: o.Junit = None,
    kind: o.KindOption = None,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run(TestCommand(rule, cases, pattern, junit, kind, output), Screen())
