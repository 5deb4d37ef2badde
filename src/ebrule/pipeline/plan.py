"""From a rule file to a plan: what the file says, what the org has, and what an update would change."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

from ebrule.core.validator import IN_QUOTES, check_rule, is_limit, path_text
from ebrule.errors import InvalidRuleError, Overlap, Problem, Source, UsageError
from ebrule.pipeline.patch import Assignment, keeps, patched
from ebrule.redaction import Places, Redactor
from ebrule.rulefile import KEEP, Document, load
from ebrule.rules.equivalence import equivalent
from ebrule.rules.kind import Kind, Path, Rule, is_id, value_at
from ebrule.rules.origins import respelled
from ebrule.rules.overlay import overlay
from ebrule.rules.registry import DEFAULT_KIND, kind_named
from ebrule.settings.configured import configured_kinds
from ebrule.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TWO_KINDS = "two-kinds"
_CASES = Problem(
    "unknown-key",
    "this is a file of cases, and no rule",
    ("cases",),
    hint="Its cases test a rule: ebrule test RULE --cases FILE",
)


class Desired(Protocol):
    """What a rule is to become, wherever that was said: in a rule file, on the command line, or in the ledger.

    ``fields`` are the fields that are said, or None where it takes the present rule to tell. ``rule_id`` is the rule,
    and ``version`` the one that it was made from, where they are said. ``source`` is what problems point into.
    ``secrets`` must never be shown, nor what stands at ``places``. ``recorded`` is what the ledger has of it, where it
    comes from there.
    """

    @property
    def kind(self) -> Kind: ...  # noqa: D102 - the class tells
    @property
    def fields(self) -> Mapping[str, Any] | None: ...  # noqa: D102 - the class tells
    @property
    def rule_id(self) -> str | None: ...  # noqa: D102 - the class tells
    @property
    def version(self) -> int | None: ...  # noqa: D102 - the class tells
    @property
    def source(self) -> Source: ...  # noqa: D102 - the class tells
    @property
    def secrets(self) -> frozenset[str]: ...  # noqa: D102 - the class tells
    @property
    def places(self) -> Places: ...  # noqa: D102 - the class tells
    @property
    def warnings(self) -> tuple[Problem, ...]: ...  # noqa: D102 - the class tells
    @property
    def recorded(self) -> Mapping[str, Any] | None: ...  # noqa: D102 - the class tells

    def over(self, base: Rule) -> Mapping[str, Any]:
        """Return the content that ``base`` is to become; raises :class:`InvalidRuleError` where it cannot be told."""

    def placed(self, problem: Problem) -> Problem:
        """Return the problem with its place in ``source``, where it has one."""


class RuleFile(NamedTuple):
    """A rule file that is right by itself.

    ``fields`` are the rule's own fields as the file says them; a field that it leaves out stays as the org has it.
    ``rule_id`` and ``version`` are what the file says of itself, or None. ``limits`` are the errors that were left to
    whoever knows the org's rule: a value that it has is no mistake of the file. ``places`` are those of secrets, also
    where an assignment stands in for one.
    """

    kind: Kind
    document: Document
    fields: Mapping[str, Any]
    rule_id: str | None
    version: int | None
    warnings: tuple[Problem, ...] = ()
    limits: tuple[Problem, ...] = ()
    recorded: None = None
    places: Places = Places()

    @property
    def source(self) -> Source:
        """The file's name and lines."""
        return self.document.source

    @property
    def secrets(self) -> frozenset[str]:
        """What the environment put into the file."""
        return self.document.secrets

    def placed(self, problem: Problem) -> Problem:
        """Return the problem with its place in the file."""
        return located(self.document, problem)

    def over(self, base: Rule) -> dict[str, Any]:
        """Return what the file makes of the rule that the org has.

        Raises:
            InvalidRuleError: the file says ``${keep}`` where the org has nothing to keep.
        """
        present, model = self.kind.content(base.data), self.kind.model
        # The org's rule may lack what a file must say; then that is what is kept.
        fields = {
            name: value
            for name, value in self.fields.items()
            if value is not KEEP or present.get(name) is not None or not model.model_fields[name].is_required()
        }
        missing: list[Problem] = []
        places = iter(keeps(fields))  # in the order in which they are asked for

        def value_at(path: str, value: Any, kept: Any) -> Any:
            if value is not KEEP:
                return value
            place = next(places)
            if kept is None:
                message = f"{path} is ${{keep}}, but the org has no such value"
                hint = "Write the value itself, for one as ${env:NAME}."
                missing.append(self.placed(Problem("nothing-to-keep", message, place, hint=hint)))
            return kept

        content = overlay(self.kind.shape, present, fields, value_at)
        if missing:
            raise invalid(self.source, missing)
        return content


class Examined(NamedTuple):
    """What was found in one rule file: ``problems`` of every severity, with their places in ``source``.

    ``rule_file`` is what it says, where it is right by itself.
    """

    source: Source
    kind: str | None
    problems: tuple[Problem, ...]
    rule_file: RuleFile | None = None

    @property
    def errors(self) -> int:
        """How many problems make the file wrong."""
        return sum(problem.severity == "error" for problem in self.problems)


class Plan(NamedTuple):
    """What an update would do: ``base`` is the rule as read, ``wanted`` the content that it is to have.

    ``overwritten`` is what others changed since the version that the file was made from, and the caller gives up.
    """

    kind: Kind
    base: Rule
    wanted: Mapping[str, Any]
    overwritten: tuple[Overlap, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the rule is already as wanted."""
        return equivalent(self.kind.shape, self.kind.content(self.base.data), self.wanted)


def load_rule(
    path: str | os.PathLike[str],
    *,
    kind: str | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    assignments: Sequence[Assignment] = (),
    kinds: Mapping[str, Kind] | None = None,
    defer_limits: bool = False,
) -> RuleFile:
    """Read a rule file and check all that can be checked without the org.

    Args:
        path: the file; ``-`` is standard input.
        kind: the kind that it must be of; by default what the file says, or ``eventbridge``.
        environ: where ``${env:NAME}`` and ``${var:NAME}`` look; by default the process's environment.
        stdin: what ``-`` reads.
        assignments: values that stand in for those of the file.
        kinds: the kinds of rules by name; by default as the configuration file has them.
        defer_limits: leave broken limits in ``limits`` where nothing else is wrong: whether they are mistakes depends
            on what the org has.

    Raises:
        InvalidRuleError: the file cannot be read or is not right; it has every problem, with its place.
        UsageError: ``kind`` is none, or not the one that the file names.
    """
    environ = os.environ if environ is None else environ
    document = load(path, environ=environ, stdin=stdin, tolerant=True)
    kinds = configured_kinds(environ) if kinds is None else kinds
    return check_document(document, kinds, kind=kind, assignments=assignments, defer_limits=defer_limits)


def check_document(
    document: Document,
    kinds: Mapping[str, Kind],
    *,
    kind: str | None = None,
    assignments: Sequence[Assignment] = (),
    defer_limits: bool = False,
) -> RuleFile:
    """Check a document, and what its text left unclear, as :func:`load_rule` does; raises the same."""
    the_kind = _kind_of(document, kinds, kind)
    places = document.places
    if assignments:
        document = patched(document, the_kind.shape, assignments)
        places = document.places.also(places.known)
    data = document.data
    if data.keys() == {"cases"}:
        raise invalid(document.source, placed_problems(document, [_CASES]), the_kind)
    problems = check_rule(the_kind, data, unless=lambda value: value is KEEP)
    problems += _misplaced_keeps(the_kind, data)
    rule_id = data.get("id")
    if isinstance(rule_id, str) and not is_id(rule_id):
        problems.append(Problem("bad-id", f'"{rule_id}" is no rule id', ("id",), hint="Copy the id from the org."))
    placed = placed_problems(document, problems)
    limits = [problem for problem in placed if problem.severity == "error"]
    if limits and not (defer_limits and not document.problems and all(map(is_limit, limits))):
        raise invalid(document.source, placed, the_kind)
    fields = the_kind.fields_of(data)
    wondered = [problem for problem in problems if problem.severity != "error"]
    unknown = {path[0] for path in document.unset}
    known = {name: value for name, value in fields.items() if name not in unknown}
    warnings = placed_problems(document, wondered + _left_to_the_org(the_kind, known))
    rule_id, version = (None if (name,) in document.unset else data.get(name) for name in ("id", "version"))
    return RuleFile(the_kind, document, fields, rule_id, version, tuple(warnings), tuple(limits), places=places)


def _left_to_the_org(kind: Kind, fields: Mapping[str, Any]) -> list[Problem]:
    """Return what ``ebrule test`` could not evaluate, as warnings: the org may understand more than ebrule does."""
    return [
        found._replace(message=f"{found.message}; the org decides", severity="warning")
        for found in kind.conditions(fields)
        if isinstance(found, Problem) and found.id in ("unusable-value", "unusable-path")
    ]


def validate_rule(
    path: str | os.PathLike[str],
    *,
    kind: str | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    allow_unset: bool = False,
) -> Examined:
    """Check a rule file as :func:`load_rule` does, and return what was found instead of raising it.

    With ``allow_unset``, a variable that is not set is a warning; nothing else is reported of a value that needs it.

    A file of another kind than ``kind`` has a problem; raises :class:`UsageError` only where ``kind`` is none.
    """
    environ = os.environ if environ is None else environ
    kinds = configured_kinds(environ) if kinds is None else kinds
    try:
        document = load(path, environ=environ, stdin=stdin, tolerant=True, allow_unset=allow_unset)
        rule_file = check_document(document, kinds, kind=kind)
    except InvalidRuleError as error:
        return Examined(error.source or Source(os.fspath(path)), error.kind or kind, error.problems)
    except UsageError as error:
        if error.code != TWO_KINDS:
            raise
        problem = Problem(TWO_KINDS, error.message, ("kind",), error.hint)
        return Examined(document.source, document.data["kind"], tuple(placed_problems(document, [problem])))
    return Examined(rule_file.source, rule_file.kind.name, rule_file.warnings, rule_file)


MAX_PROBLEMS = 100


def placed_problems(document: Document, problems: list[Problem]) -> list[Problem]:
    """Put problems of the data in among those of the text, in its order, without those that only follow from it."""
    told = {(problem.line, problem.column) for problem in document.problems}
    merged = {problem.path for problem in document.problems if problem.id == "merge-key"}
    found = [*document.problems]
    for problem in (located(document, problem) for problem in problems):
        may_be_merged_in = problem.id == "missing-key" and problem.path[:-1] in merged
        is_told = problem.id != "missing-key" and (problem.line, problem.column) in told
        if not may_be_merged_in and not is_told:
            found.append(problem)
    found.sort(key=lambda problem: problem.severity == "warning")  # of too many, the errors are kept
    shown = sorted(found[:MAX_PROBLEMS], key=lambda problem: (problem.line or 0, problem.column or 0))
    if document.secrets:
        redactor = Redactor(os.urandom(32), document.secrets, places=document.places)
        shown = [redactor.problem(problem) for problem in shown]
    return [_shortened(problem) for problem in shown]


_LONGEST_MESSAGE = 500


def _shortened(problem: Problem) -> Problem:
    """Return a problem whose message has bounds."""
    if len(problem.message) > _LONGEST_MESSAGE:
        problem = problem._replace(message=f"{problem.message[: _LONGEST_MESSAGE - 1]}…")
    return problem


def _kind_of(document: Document, kinds: Mapping[str, Kind], wanted: str | None) -> Kind:
    said = document.data.get("kind")
    if said is None:
        return kind_named(wanted or DEFAULT_KIND, kinds)
    if not isinstance(said, str) or said not in kinds:
        problem = Problem(
            "unknown-kind",
            f"{said!r} is no kind of rule{did_you_mean(str(said), kinds)}",
            ("kind",),
            hint=f"Kinds: {', '.join(kinds)}.",
        )
        raise invalid(document.source, placed_problems(document, [problem]))
    if wanted is not None and kind_named(wanted, kinds).name != said:
        raise UsageError(
            f"--kind says {wanted}, and {document.source.name} says {said}",
            hint="Leave out --kind.",
            code=TWO_KINDS,
        )
    return kinds[said]


_ABOUT_THE_KEY = frozenset({"unknown-key", "too-many-conditions", "expression-too-long", "bad-header-name"})


def located(document: Document, problem: Problem) -> Problem:
    """Return the problem with its place in the document's text; what is missing is placed by what it is missing in."""
    around = value_at(document.data, problem.path[:-1])
    if problem.id == "missing-key" and not (isinstance(around, dict) and problem.path[-1] in around):
        return document.locate(problem._replace(path=problem.path[:-1]))._replace(path=problem.path)
    if problem.hint == IN_QUOTES:
        as_text = {**document.as_text, **document.assigned}
        problem = problem._replace(hint=as_text.get(problem.path, IN_QUOTES))
    return document.locate(problem, key=problem.id in _ABOUT_THE_KEY)


def invalid(source: Source, problems: list[Problem], kind: Kind | None = None) -> InvalidRuleError:
    """Return the error that says all of ``problems``, which have their places."""
    errors = [problem for problem in problems if problem.severity == "error"]
    count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
    return InvalidRuleError(
        f"{source.name} has {count}",
        problems,
        source=source,
        kind=kind.name if kind else None,
    )


def _misplaced_keeps(kind: Kind, data: Any) -> list[Problem]:
    """Find each ``${keep}`` in a place where there is nothing to keep, whatever the org has."""
    return [
        Problem(
            "nothing-to-keep",
            f"{path_text(path)} cannot be ${{keep}}: {reason}",
            path,
            hint="Write the value itself.",
        )
        for path in keeps(data)
        if (reason := why_nothing_to_keep(kind, path))
    ]


def why_nothing_to_keep(kind: Kind, path: Path) -> str | None:
    """Return why a rule file cannot say ``${keep}`` at a path, or None where it can."""
    keyed = kind.shape.keyed
    if path[0] in ("kind", "id", "version"):
        return "only the file can say it"
    if keyed.get(path_text(path[:-2])) == path[-1]:
        return "it is what elements of this list are known by"
    for depth, part in enumerate(path, start=1):
        if isinstance(part, int) and (path_text(path[: depth - 1]) not in keyed or depth == len(path)):
            return "elements of this list have no name to know them by"
    return None


def make_plan(desired: Desired, base: Rule) -> Plan:
    """Lay what is desired over a rule; raises :class:`InvalidRuleError` where it does not say what comes of that."""
    kind = desired.kind
    return Plan(kind, base, respelled(kind.shape, kind.content(base.data), desired.over(base)))
