"""Tests of a rule: case files, and what the rule says of the event of each case."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from secrets import token_bytes
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ebrule.core.validator import check_model
from ebrule.errors import Problem
from ebrule.pipeline.plan import invalid, placed_problems
from ebrule.redaction import Redactor
from ebrule.rulefile import load
from ebrule.rules.matching import Condition, Finding, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrule.core.reads import Reader
    from ebrule.pipeline.plan import RuleFile
    from ebrule.rules.kind import Kind

_KEY = token_bytes(32)
"""No digest of it is kept; one key for all lets a reader see that ebrule and the org speak of the same."""

Answer = Literal["match", "no-match"]
"""What a rule says of an event."""


class _Case(BaseModel):
    """One event, and whether the rule is to match it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(min_length=1, description="What the case is called; each once in its file.")
    event: dict[str, Any] | None = Field(default=None, description="The event.")
    event_file: str | None = Field(default=None, min_length=1, description="A file that holds the event.")
    expect: Answer = Field(description="match or no-match.")


class _CaseFile(BaseModel):
    """A case file."""

    model_config = ConfigDict(strict=True, extra="forbid", title="the case file")

    cases: list[_Case] = Field(description="The cases, at least one.")


@dataclass(frozen=True)
class Case:
    """An event, and what a rule is expected to say of it; ``file`` is the case file that it stands in."""

    name: str
    event: dict[str, Any]
    expect: Answer
    file: str


@dataclass(frozen=True)
class CaseResult:
    """What a rule said of a case's event: one finding for each of its conditions, in their order.

    ``org`` is what the org says of the rule as it has saved it, where it was asked: its answer, and whether each
    criterion held.
    """

    case: Case
    got: Answer
    findings: tuple[Finding, ...]
    org: Answer | None = None
    org_criteria: tuple[tuple[str, bool], ...] = ()

    @property
    def agreed(self) -> bool:
        """Whether the org, if it was asked, says the same as ebrule."""
        return self.org in (None, self.got)

    @property
    def passed(self) -> bool:
        """Whether the rule said what was expected, and the org agreed."""
        return self.got == self.case.expect and self.agreed


def load_cases(path: str | os.PathLike[str], *, stdin: IO[bytes] | None = None) -> list[Case]:
    """Read a case file, and the event files that it names, which are looked for beside it.

    Both are read as rule files are, but ``${`` is text as any other there: what an event holds is data.

    Args:
        path: the file; ``-`` is standard input.
        stdin: what ``-`` reads.

    Raises:
        InvalidRuleError: a file cannot be read or is not right; it has every problem, with its place.
    """
    document = load(path, environ=None, stdin=stdin, tolerant=True)
    problems = check_model(_CaseFile, document.data) + _case_problems(document.data.get("cases"))
    if placed := placed_problems(document, problems):
        raise invalid(document.source, placed)
    name = document.source.name
    return [Case(each["name"], _event(name, each), each["expect"], name) for each in document.data["cases"]]


def run_cases(rule_file: RuleFile, cases: Sequence[Case]) -> list[CaseResult]:
    """Return what the rule of a file says of each case's event. Asks no org.

    What ``${env:…}`` put into the rule is redacted in the findings.

    Raises:
        InvalidRuleError: the rule has conditions that only the org can evaluate, or a path of it is too wide.
    """
    conditions = _conditions(rule_file)
    redactor = redactor_of(rule_file)
    shown = _shown(redactor, rule_file, conditions)
    results = []
    for case in cases:
        findings = [condition.examine(case.event) for condition in conditions]
        got = _answer(matches(findings))
        told = tuple(_told(redactor, words, finding) for words, finding in zip(shown, findings, strict=True))
        results.append(CaseResult(case, got, told))
    return results


def redactor_of(rule_file: RuleFile) -> Redactor:
    """Return what takes out of texts what ``${env:…}`` put into the rule of a file."""
    return Redactor(_KEY, rule_file.document.secrets)


def ask_org(reader: Reader, kind: Kind, rule_id: str, results: Sequence[CaseResult]) -> list[CaseResult]:
    """Return the results with what the org's own test says of the rule as it has saved it.

    Raises :class:`UsageError` for a kind whose API has no such test, and what :func:`try_rule` raises.
    """
    from ebrule.core.trial import try_rule  # noqa: PLC0415 - loads httpx, which other tests do not need

    trials = [try_rule(reader, kind, rule_id, result.case.event) for result in results]
    return [
        replace(result, org=_answer(trial.matches), org_criteria=trial.criteria)
        for result, trial in zip(results, trials, strict=True)
    ]


def _answer(is_match: bool) -> Answer:
    return "match" if is_match else "no-match"


def _case_problems(cases: Any) -> list[Problem]:
    """Return the problems of a case file that its types cannot tell."""
    if not isinstance(cases, list):
        return []
    if not cases:
        return [Problem("no-cases", "there are no cases in this file", ("cases",), hint="Write at least one.")]
    found = []
    first: dict[str, int] = {}
    for index, case in enumerate(cases):
        if not isinstance(case, dict):
            continue
        if (case.get("event") is None) == (case.get("event_file") is None):
            has = "neither event nor event_file" if case.get("event") is None else "both event and event_file"
            message = f"cases[{index}] has {has}"
            found.append(Problem("event-or-event-file", message, ("cases", index), hint="A case has one of the two."))
        name = case.get("name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            message = f'"{name}" is the name of cases[{first[name]}] too'
            found.append(Problem("duplicate-case", message, ("cases", index, "name"), hint="Name each differently."))
    return found


def _event(name: str, case: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] | None = case.get("event")
    if event is not None:
        return event
    folder = os.path.dirname(name) if name != "<stdin>" else ""  # noqa: PTH120 - pathlib would take "./" away again
    # With a folder before it, "-" is a file like any other, and not standard input.
    loaded: dict[str, Any] = load(os.path.join(folder or ".", case["event_file"]), environ=None).data  # noqa: PTH118 - as above
    return loaded


def _conditions(rule_file: RuleFile) -> list[Condition]:
    kind, document = rule_file.kind, rule_file.document
    found = list(kind.conditions(rule_file.fields))
    if problems := [each for each in found if isinstance(each, Problem)]:
        raise invalid(document.source, placed_problems(document, problems), kind)
    return [each for each in found if isinstance(each, Condition)]


def _shown(redactor: Redactor, rule_file: RuleFile, conditions: Sequence[Condition]) -> list[tuple[str, str]]:
    """Return path and text of each condition, with digests in the places of secrets."""
    if not rule_file.places.known:
        return [(condition.path, condition.text) for condition in conditions]
    placed = Redactor(redactor.key, rule_file.secrets, places=rule_file.places).data(rule_file.fields)
    others = rule_file.kind.conditions(placed)
    return [
        # What ebrule can evaluate with the secret, it need not understand with the digest.
        (other.path, other.text) if isinstance(other, Condition) else (f"condition {number}", "is not shown")
        for number, other in enumerate(others, start=1)
    ]


def _told(redactor: Redactor, words: tuple[str, str], finding: Finding) -> Finding:
    path, text = map(redactor.text, words)
    return finding._replace(path=path, text=text, value=redactor.data(finding.value))
