"""``ebrule test``: does the rule match the events that it should? Offline, unless the org is to be asked too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ebrule.cli import options as o
from ebrule.cli.columns import cells, cut, padded
from ebrule.cli.render import Screen, one_line, value_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebrule.pipeline.cases import Case, CaseResult
    from ebrule.pipeline.plan import RuleFile
    from ebrule.rules.matching import Finding

HELP = """Test which events a rule matches, without asking the org.

\b
Examples:
  ebrule test rule.yaml --cases cases.yaml
  ebrule test rule.yaml --cases cases.yaml --run "45 s"   cases of that name
  ebrule test rule.yaml --cases cases.yaml --junit report.xml
  ebrule show demo-rule -o yaml | ebrule test - --cases cases.yaml
  ebrule test trigger.yaml --cases cases.yaml --remote    does the org agree?

A case file has a list "cases", each with a name, an event (or an event_file beside it), and expect: match or no-match.

With --remote, the org's own test is asked too, of the rule as it is saved: a case on which the two disagree fails.

An earlier JUnit file is replaced; any other file is left alone.
"""

_SHOWN = 60


class TestCommand(NamedTuple):
    """What ``ebrule test`` was asked to do."""

    rule: str
    cases: Sequence[str]
    connection: o.Connection
    pattern: str | None = None
    junit: Path | None = None
    kind: str | None = None
    rule_id: str | None = None
    remote: bool = False
    output: o.Output = o.Output.TEXT


def run(command: TestCommand, screen: Screen) -> int:
    """Run the cases and print what came of them; return the exit code."""
    from ebrule.cli.results import show_error
    from ebrule.errors import ExitCode, UsageError
    from ebrule.pipeline.cases import run_cases
    from ebrule.pipeline.plan import load_rule

    if [command.rule, *command.cases].count("-") > 1:
        raise UsageError("only one file can be standard input", hint="Name the others.")
    if not command.remote:
        o.check_unasked(command.connection, "--remote")
    rule = load_rule(command.rule, kind=command.kind)
    results = run_cases(rule, _selected(command))
    if command.remote:
        results = _with_org(command, rule, results, screen)
    if command.output is o.Output.JSON:
        screen.json(_document(rule.kind.name, rule.document.source.name, results))
    else:
        _show(screen, results)
        if not all(result.agreed for result in results):
            file = o.as_typed({"--file": command.rule, "--rule-id": command.rule_id, "--kind": command.kind})
            screen.err("The org tests the rule as it has saved it. Does the file say the same?")
            screen.err(f"To look:  ebrule diff {file} {command.connection.given}".rstrip())
    code = ExitCode.OK if all(result.passed for result in results) else ExitCode.INVALID
    if command.junit is not None:
        try:
            _write_junit(command.junit, rule.document.source.name, results)
        except UsageError as error:
            show_error(screen, error)
            code = code or error.exit_code  # what came of the cases counts for more
    return int(code)


def _selected(command: TestCommand) -> list[Case]:
    """Return the cases to run, of all files in their order."""
    from ebrule.errors import UsageError
    from ebrule.pipeline.cases import load_cases
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


def _with_org(command: TestCommand, rule: RuleFile, results: Sequence[CaseResult], screen: Screen) -> list[CaseResult]:
    """Return the results with the org's answers."""
    from ebrule.cli.connection import opened
    from ebrule.core.auth import connect
    from ebrule.core.trial import trial_of
    from ebrule.errors import UsageError
    from ebrule.pipeline.cases import ask_org, redactor_of

    trial_of(rule.kind)  # what cannot be asked needs no org to be told so
    rule_id = command.rule_id or rule.rule_id
    if rule_id is None:
        raise UsageError("which rule is the org to test? The file does not say", hint="Add --rule-id ID.")
    hide = redactor_of(rule).text  # the org may quote what it has saved of the file
    with (
        opened(command.connection, screen) as org,
        connect(org.settings.require_org(), org.settings.network, org.pace, read_only=True, hide=hide) as session,
    ):
        return ask_org(session.reader, rule.kind, rule_id, results)


def _document(kind: str, rule: str, results: Sequence[CaseResult]) -> dict[str, Any]:
    from ebrule.pipeline.operation import SCHEMA_VERSION

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
                "org": result.org,
                "conditions": [finding._asdict() for finding in result.findings],
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
    """Return what was expected and what happened, then one line for each condition of the rule, and of the org's."""
    said = []
    if result.got != result.case.expect:
        happened = "matches" if result.got == "match" else "does not match"
        said.append(f"expected {result.case.expect}, but it {happened}")
    if not result.agreed:
        said.append(f"ebrule says {result.got}, the org says {result.org}")
    return ["; ".join(said), *_findings(result), *_org_criteria(result)]


def _findings(result: CaseResult) -> list[str]:
    if not result.findings:
        return ["the rule has no conditions: every event matches"]
    rows = [
        (_found(finding), _short(one_line(finding.text)), str(finding.result).lower()) for finding in result.findings
    ]
    widths = [max(cells(row[column]) for row in rows) for column in range(2)]
    return [f"{padded(found, widths[0])}   {padded(text, widths[1])}   {holds}" for found, text, holds in rows]


def _org_criteria(result: CaseResult) -> list[str]:
    if result.agreed:
        return []
    return [f"the org: {_short(one_line(text))}   {str(holds).lower()}" for text, holds in result.org_criteria]


def _found(finding: Finding) -> str:
    path = _short(one_line(finding.path))
    return f"{path} = {_short(value_text(finding.value))}" if finding.found else f"{path} is missing"


def _short(text: str) -> str:
    return cut(text, _SHOWN)


def _write_junit(path: Path, rule: str, results: Sequence[CaseResult]) -> None:
    from ebrule.cli.junit import MARK, junit_xml
    from ebrule.cli.outfile import OutFile

    file = OutFile(path, "--junit", "JUnit file", MARK)
    file.check_replaceable()
    file.write(junit_xml(rule, results, [None if each.passed else _explanation(each) for each in results]))


@o.with_groups
def command(
    connection: o.Connection,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule file; - is standard input.")],
    cases: Annotated[
        list[str], typer.Option("--cases", metavar="FILE", help="A case file (repeatable); - is standard input.")
    ],
    pattern: Annotated[
        str | None, typer.Option("--run", metavar="REGEX", help="Only the cases whose name it is found in.")
    ] = None,
    junit: o.Junit = None,
    kind: o.KindOption = None,
    rule_id: o.RuleIdOption = None,
    remote: Annotated[bool, typer.Option("--remote", help="Ask the org too, about the rule as it is saved.")] = False,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run(TestCommand(rule, cases, connection, pattern, junit, kind, rule_id, remote, output), Screen())
