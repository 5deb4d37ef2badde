"""What only the org can say of rule files: whether it has what they name, and what an update could not change."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ebrule.core.auth import connect
from ebrule.core.fetcher import fetch_rule
from ebrule.core.pace import Pace
from ebrule.core.validator import new_problems, reference_checks, writable
from ebrule.errors import EbruleError, InvalidRuleError, Problem, RuleNotFoundError, UsageError
from ebrule.pipeline.compare import fixed_field_problems
from ebrule.pipeline.operation import redact_error
from ebrule.pipeline.plan import Plan, placed_problems
from ebrule.redaction import Redactor, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ebrule.core.auth import Session
    from ebrule.core.transport import Transport
    from ebrule.pipeline.plan import Examined, RuleFile
    from ebrule.rules.kind import Kind, Reference, Rule
    from ebrule.settings import Settings


def validate_online(
    settings: Settings, examined: Sequence[Examined], *, pace: Pace | None = None, transport: Transport | None = None
) -> list[Examined]:
    """Ask the org about rule files that are right by themselves.

    Whether there are their rules, and what they refer to, and whether an update would change what cannot change. What
    several files name is asked once; all questions share one deadline and one budget of retries. Nothing is changed.

    Args:
        settings: the org.
        examined: what was found in files without the org. Nothing is asked about those that are wrong.
        pace: the run's time; by default one with the settings' deadline.
        transport: what carries the requests; by default what the settings say.

    Returns:
        What was examined, in its order, with what the org knows of it.

    Raises:
        EbruleError: not everything could be asked; ``result`` is what would be returned, as far as it is known, but
            for a :class:`UsageError`, before which nothing was asked.
    """
    pace = pace or Pace(settings.deadline)
    answers = _Answers()
    files = [_as_served(settings, each.rule_file) if each.rule_file else None for each in examined]
    asked = [file for file in files if file is not None]
    try:
        if asked:
            with connect(
                settings.require_org(), settings.network, pace, read_only=True, transport=transport
            ) as session:
                _ask(session, asked, answers)
    except UsageError:
        raise
    except EbruleError as error:
        known = frozenset().union(*(file.secrets for file in asked))
        redact_error(Redactor(secrets.token_bytes(32), known), error)
        error.result = _with_answers(examined, files, answers)
        raise
    return _with_answers(examined, files, answers)


def _as_served(settings: Settings, file: RuleFile) -> RuleFile:
    """Return the file as a rule of the org that is asked: the sandbox, for one, has paths of its own."""
    return file._replace(kind=settings.kinds[file.kind.name])


@dataclass
class _Answers:
    """What the org said so far: rules by kind and id, None for one that it does not have, and wrong references.

    ``credentials`` is what it was asked with: it may have put that into its answers.
    """

    rules: dict[tuple[str, str], Rule | None] = field(default_factory=dict)
    wrong: dict[Reference, Problem] = field(default_factory=dict)
    credentials: frozenset[str] = frozenset()


def _ask(session: Session, files: Sequence[RuleFile], answers: _Answers) -> None:
    """Fill in the answers, as far as they come; raises what the first question that fails does."""

    def note_rule(kind: Kind, rule_id: str) -> None:
        try:
            answers.rules[kind.name, rule_id] = fetch_rule(session.reader, kind, rule_id)
        except RuleNotFoundError:
            answers.rules[kind.name, rule_id] = None

    def note_wrong(check: Callable[[], dict[Reference, Problem]]) -> None:
        answers.wrong.update(check())

    named = {(file.kind.name, file.rule_id): file.kind for file in files if file.rule_id is not None}
    questions: list[Callable[[], Any]] = [partial(note_rule, kind, rule_id) for (_, rule_id), kind in named.items()]
    references = (reference for file in files for reference in _references(file))
    questions += [partial(note_wrong, check) for check in reference_checks(session.reader, references)]
    try:
        session.patience.read_all(questions)
    finally:
        answers.credentials = session.tokens.credentials


def _references(file: RuleFile) -> list[Reference]:
    return file.kind.references(file.fields, file.rule_id)


def _with_answers(examined: Sequence[Examined], files: Sequence[RuleFile | None], answers: _Answers) -> list[Examined]:
    return [
        each if file is None else each._replace(problems=_problems(file, answers))
        for each, file in zip(examined, files, strict=True)
    ]


def _problems(file: RuleFile, answers: _Answers) -> tuple[Problem, ...]:
    """Return all problems of a file that is right by itself, with their places."""
    found = [answers.wrong[reference] for reference in _references(file) if reference in answers.wrong]
    # Where the id itself leads to the wrong thing, all else about the rule would only follow from that.
    if file.rule_id is not None and all(problem.path != ("id",) for problem in found):
        found += _rule_problems(file, file.rule_id, answers)
    found = [without_secrets(problem, answers.credentials) for problem in found]
    return tuple(placed_problems(file.document, [*file.warnings, *found]))


def _rule_problems(file: RuleFile, rule_id: str, answers: _Answers) -> list[Problem]:
    """Return what speaks against an update of the rule that the file names, as far as the org has said."""
    kind = file.kind
    if (kind.name, rule_id) not in answers.rules:
        return []
    rule = answers.rules[kind.name, rule_id]
    if rule is None:
        message = f'{kind.title} "{rule_id}" does not exist in this org, or is not visible to this client'
        return [Problem("unknown-rule", message, ("id",), hint="Correct the id, or look at the region and the kind.")]
    if file.document.unset:
        return []  # what an update would make of the rule cannot be known
    try:
        wanted = file.over(rule)
    except InvalidRuleError as error:
        return list(error.problems)
    # A limit may be broken by a field of the file and one that only the org's rule has, together.
    found = new_problems(kind, writable(kind.model, wanted), [kind.content(rule.data)])
    limits = [problem for problem in found if problem.severity == "error"]
    return limits + [_unless_consented(problem) for problem in fixed_field_problems(Plan(kind, rule, wanted))]


def _unless_consented(problem: Problem) -> Problem:
    """Return a problem as a warning if an update has an option for who means it."""
    return problem._replace(severity="warning") if problem.id == "identity-change" else problem
