"""``--set`` and ``--set-string PATH=VALUE``: single values, laid over a rule file or over the org's rule."""

from __future__ import annotations

import json
import re
import shlex
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.core.validator import IN_QUOTES, new_problems, path_text, writable
from ebrule.errors import InvalidRuleError, Problem, Source, UsageError
from ebrule.redaction import Places, is_sensitive, without_secrets
from ebrule.rulefile import KEEP, MAX_DEPTH, parse
from ebrule.rules.overlay import overlay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ebrule.pipeline.options import UpdateOptions
    from ebrule.rulefile import Document
    from ebrule.rules.kind import Data, Kind, Path, Rule, Shape

_STEP = re.compile(r"(?:\A|(?<=[^.])\.)(?P<name>[^.\[\]]+)|\[(?P<inner>[^\[\]]+)\]")
_INDEX = re.compile(r"[0-9]{1,9}")
_OF_THE_FILE = ("kind", "id", "version")
SET = "--set"
"""The name of the source that all assignments are together."""
SET_STRING = "--set-string"
_SHOWN = 10
_HINT = "A path looks like priority, targets[crm].url or conditions[0].value."


class Assignment(NamedTuple):
    """What is to stand at a path; ``secrets`` is what the environment put into it, ``typed`` it all as it was typed.

    ``from_environ`` is where in the value it did, and what was typed there.
    """

    path: tuple[str, ...]
    value: Any
    secrets: frozenset[str]
    typed: str
    from_environ: Mapping[Path, str] = {}

    @property
    def typed_path(self) -> str:
        """The path as it was typed."""
        return self.typed.partition("=")[0]

    @property
    def as_text(self) -> str:
        """What to type instead to make the value text."""
        value = "VALUE" if any(map(is_sensitive, self.path)) else self.typed.partition("=")[2]
        quoted = shlex.quote(f'{self.typed_path}="{value}"')
        return f"Type: {SET} {quoted}, or {SET_STRING} {shlex.quote(f'{self.typed_path}={value}')}"


def parse_assignments(options: UpdateOptions, environ: Mapping[str, str]) -> tuple[Assignment, ...]:
    """Return what the options assign; raises as :func:`parse_assignment` does."""
    values = (parse_assignment(text, environ) for text in options.assignments)
    texts = (parse_assignment(text, environ, is_text=True) for text in options.text_assignments)
    return (*values, *texts)


def parse_assignment(text: str, environ: Mapping[str, str], *, is_text: bool = False) -> Assignment:
    """Return what ``PATH=VALUE`` says.

    A value is JSON where it is JSON, unless it ``is_text`` whatever it looks like, and text otherwise; ``${env:NAME}``,
    ``${var:NAME}`` and ``${keep}`` mean what they mean in a rule file, where quotes make text.

    Raises:
        UsageError: this is no ``PATH=VALUE``, or a path that no update can set.
        InvalidRuleError: the value is not right.
    """
    name, equals, value = text.partition("=")
    path, option = _steps(name), SET_STRING if is_text else SET
    if not equals or not path or len(path) > MAX_DEPTH or not name.isprintable():
        raise UsageError(f"{option} needs PATH=VALUE", hint=_HINT, code="bad-set")
    if path[0] in _OF_THE_FILE:
        raise UsageError(f"{option} cannot change {path[0]}", hint=f"Use --{_OPTIONS[path[0]]}.", code="bad-set")
    quotes_make_text = is_text or _is_json(value)
    if is_text or not quotes_make_text:
        value = json.dumps(value)
    try:
        document = parse(
            f'{{"value": {value}}}', f"{option} {name}", environ=environ, quotes_make_text=quotes_make_text
        )
    except InvalidRuleError as error:
        problems = [problem._replace(line=None, column=None, path=path) for problem in error.problems]
        raise _wrong(problems, f"{option} {name}") from None
    from_environ = {place[1:]: said for place, said in document.from_environ.items()}
    return Assignment(path, document.data["value"], document.secrets, text, from_environ)


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        pass  # a number or a depth beyond all bounds: what is wrong with it is told when it is parsed
    return True


_OPTIONS = {"kind": "kind", "id": "rule-id", "version": "expect-version"}


def _steps(text: str) -> tuple[str, ...]:
    steps, end = [], 0
    for match in _STEP.finditer(text):
        if match.start() != end:
            return ()
        steps.append(match["name"] or match["inner"])
        end = match.end()
    return tuple(steps) if end == len(text) else ()


def patched(document: Document, shape: Shape, assignments: Iterable[Assignment]) -> Document:
    """Return a rule file with the assignments in it; what they say has no place in the file's text.

    Raises:
        InvalidRuleError: a path leads nowhere.
    """
    data, paths, secrets = deepcopy(document.data), dict(document.assigned), set(document.secrets)
    from_environ = dict(document.from_environ)
    for assignment in assignments:
        try:
            path = assign(data, shape, assignment)
        except InvalidRuleError as error:
            error.problems = tuple(without_secrets(each, document.secrets, document.places) for each in error.problems)
            raise
        # Where a list lost an element, the others no longer stand where the text has them.
        paths[path[:-1] if assignment.value is None and isinstance(path[-1], int) else path] = assignment.as_text
        secrets |= assignment.secrets
        from_environ = _with(from_environ, path, assignment)
    return document._replace(data=data, assigned=paths, secrets=frozenset(secrets), from_environ=from_environ)


def _with(from_environ: Mapping[Path, str], path: Path, assignment: Assignment) -> dict[Path, str]:
    """Return where ``${env:…}`` stands after an assignment, whose value stands at ``path`` now."""
    *around, at = path
    depth, found = len(around), {}
    for place, text in from_environ.items():
        if place[: depth + 1] == path:
            continue
        index = place[depth] if place[:depth] == tuple(around) else None
        if assignment.value is None and isinstance(at, int) and isinstance(index, int) and index > at:
            moved = (*around, index - 1, *place[depth + 1 :])  # the list lost an element
            found[moved] = text
        else:
            found[place] = text
    return found | {(*path, *place): text for place, text in assignment.from_environ.items()}


def places_of(assignments: Iterable[Assignment]) -> Places:
    """Return the places of secrets in assignments, whose paths are as they were typed."""
    said: dict[str, Any] = {}
    from_environ: dict[Path, str] = {}
    for assignment in assignments:
        *around, name = assignment.path
        parts = said
        for step in around:
            if not isinstance(parts.get(step), dict):
                parts[step] = {}
            parts = parts[step]
        parts[name] = deepcopy(assignment.value)
        from_environ = _with(from_environ, assignment.path, assignment)
    return Places.of(said, from_environ)


_SOURCE = Source(SET)


class Patch(NamedTuple):
    """Assignments on their own: the rest of the rule stays as the org has it."""

    kind: Kind
    assignments: tuple[Assignment, ...]
    rule_id: str | None = None
    version: int | None = None
    fields: Mapping[str, Any] | None = None
    warnings: tuple[Problem, ...] = ()
    source: Source = _SOURCE
    recorded: None = None

    @property
    def secrets(self) -> frozenset[str]:
        """What the environment put into the values."""
        return frozenset().union(*(assignment.secrets for assignment in self.assignments))

    @property
    def places(self) -> Places:
        """Where it did."""
        return places_of(self.assignments)

    def placed(self, problem: Problem) -> Problem:
        """Return the problem as it is: there is no text to point into."""
        return problem

    def over(self, base: Rule) -> dict[str, Any]:
        """Return what the assignments make of the rule that the org has.

        Raises:
            InvalidRuleError: a path leads nowhere, or what comes of it is not right.
        """
        content = self.kind.content(base.data)
        changing = [assignment for assignment in self.assignments if assignment.value is not KEEP]
        return laid_over(self.kind, content, content, changing)


def laid_over(kind: Kind, content: Data, present: Data, assignments: Sequence[Assignment]) -> dict[str, Any]:
    """Return ``content`` with the assignments in it; ``${keep}`` is the value that ``present`` has, or none.

    Raises:
        InvalidRuleError: a path leads nowhere, or what comes of it is not right.
    """
    whole, said = deepcopy(dict(content)), deepcopy(writable(kind.model, content))
    as_text: dict[Path, str] = {}
    for given in assignments:
        assignment = given._replace(value=_kept(given, kind.shape, present))
        as_text[assign(said, kind.shape, assignment)] = given.as_text
        changed, name = deepcopy(whole), given.path[0]
        path = assign(changed, kind.shape, assignment)  # what a file cannot say stays beside it
        whole = overlay(kind.shape, whole, {name: changed.get(name)}, lambda _path, value, _present: value)
        if assignment.value is None and isinstance(path[-1], str) and path[1:]:
            _at(whole, path[:-1]).pop(path[-1], None)  # what a file leaves out stays, but not what is set to null
    touched = {assignment.path[0] for assignment in assignments}
    found = new_problems(kind, said, (content, present))
    problems = [problem for problem in found if problem.severity == "error" or problem.path[0] in touched]
    if any(problem.severity == "error" for problem in problems):
        secrets, places = frozenset[str]().union(*(each.secrets for each in assignments)), places_of(assignments)
        hinted = [
            each._replace(hint=as_text.get(each.path, IN_QUOTES)) if each.hint == IN_QUOTES else each
            for each in problems
        ]
        raise _wrong([without_secrets(problem, secrets, places) for problem in hinted], SET)
    return whole


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _kept(assignment: Assignment, shape: Shape, present: Any) -> Any:
    """Return the assignment's value: for ``${keep}``, what is present where its path leads, or None for nothing."""
    if inside := [path for path in keeps(assignment.value) if path]:
        message = f"${{keep}} stands within another value, at {path_text(inside[0])}"
        hint = "Give it a --set of its own, such as --set 'targets[crm].url=${keep}'."
        raise _wrong([Problem("nothing-to-keep", message, assignment.path, hint=hint)], SET)
    if assignment.value is not KEEP:
        return assignment.value
    path: Path = ()
    for _ in assignment.path:
        try:
            place = _place(present, shape, path, assignment)
        except InvalidRuleError:
            return None
        path, present = (*path, place), present.get(place) if isinstance(present, dict) else present[place]
    return present


def keeps(data: Any, path: Path = ()) -> list[Path]:
    """Return where ``${keep}`` stands in data."""
    if data is KEEP:
        return [path]
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    inner = ((name, item) for name, item in items if item is KEEP or isinstance(item, (dict, list)))
    return [found for name, item in inner for found in keeps(item, (*path, name))]


def assign(data: Any, shape: Shape, assignment: Assignment) -> Path:
    """Put the value where the path leads, and return the path with its lists' indexes.

    Raises:
        InvalidRuleError: the path leads nowhere.
    """
    path: Path = ()
    for _ in assignment.path[:-1]:
        place = _place(data, shape, path, assignment)
        path = (*path, place)
        if isinstance(data, dict) and data.get(place) is None:
            if assignment.value is None:
                return path  # there is nothing to take away
            data[place] = {}
        data = data[place]
    place = _place(data, shape, path, assignment)
    if assignment.value is None and isinstance(data, list):
        del data[int(place)]
    elif assignment.value is None and path:
        data.pop(place, None)
    else:
        data[place] = deepcopy(assignment.value)  # of a field, null is what takes it away
    return (*path, place)


def _place(data: Any, shape: Shape, path: Path, assignment: Assignment) -> str | int:
    """Return the key or the index that the assignment's next step means in ``data``, which stands at ``path``."""
    where, step = path_text(path), assignment.path[len(path)]
    if isinstance(data, dict):
        return step
    key = shape.keyed.get(where)
    elements = data if isinstance(data, list) else []
    known = [item.get(key) if key and isinstance(item, dict) else None for item in elements]
    if step in known:
        return known.index(step)
    if _INDEX.fullmatch(step) and int(step) < len(elements):
        return int(step)
    message = f"{where} has no element {step}" if isinstance(data, list) else f"{where} has no parts"
    names = [str(name) for name in known if name is not None]
    others = " and others" if len(names) > _SHOWN else ""
    hint = f"There are: {', '.join(names[:_SHOWN])}{others}." if names else _HINT
    raise _wrong([Problem("no-such-path", message, (*path, step), hint=hint)], f"{SET} {assignment.typed_path}")


def _wrong(problems: list[Problem], name: str) -> InvalidRuleError:
    return InvalidRuleError(f"{name} is not right. Nothing was sent.", problems, source=Source(name))
