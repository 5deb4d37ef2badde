"""All problems of a rule at once: its types and limits (pure), then what it refers to (concurrent GETs)."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ebrule.core.fetcher import read_entities
from ebrule.errors import Problem
from ebrule.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydantic_core import ErrorDetails

    from ebrule.core.reads import Reader
    from ebrule.core.reply import Reply
    from ebrule.rules.kind import Data, Kind, Path, Reference

_TYPE_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

IN_QUOTES = "Put it in quotes."
"""The hint where a value of another type should be text."""

# Of a file that is wrong all over, nobody reads more, and it must not take long.
_MOST = 1_000


def check_rule(kind: Kind, data: Data, *, unless: Callable[[Any], bool] = lambda _: False) -> list[Problem]:
    """Return everything that is wrong with a rule by itself, in the order of a reader's eye where it matters.

    Args:
        kind: what the rule should be.
        data: the rule as a file says it.
        unless: tells values that stand for something else and are not looked at.
    """
    return check_model(kind.model, data, unless=unless) + kind.limits(data)


def check_model(
    model: type[BaseModel], data: Data, *, unless: Callable[[Any], bool] = lambda _: False
) -> list[Problem]:
    """Return what a model finds wrong with data, in ebrule's words; a model's title is what messages call the whole."""
    try:
        model.model_validate(dict(data))
    except ValidationError as error:
        # The input goes to no message: pydantic's own text would show it, whatever it holds.
        details = (detail for detail in error.errors(include_url=False) if not unless(detail["input"]))
        return _without_misspelled([_problem(model, detail, data) for detail in islice(details, _MOST)])
    return []


def reference_checks(reader: Reader, references: Iterable[Reference]) -> list[Callable[[], dict[Reference, Problem]]]:
    """Return one call for each distinct thing that rules refer to; each gives the references to it that are wrong.

    The calls may run at the same time. They raise what :meth:`Reader.read` raises.
    """
    by_resource: dict[str, list[Reference]] = {}
    for reference in dict.fromkeys(references):
        by_resource.setdefault(reference.resource, []).append(reference)
    return [partial(_check, reader, alike) for alike in by_resource.values()]


def _check(reader: Reader, references: Sequence[Reference]) -> dict[Reference, Problem]:
    """Return the problems with references that have one resource."""
    first = references[0]
    doing = f"checking {first.what} {first.id}"
    if first.in_list:
        return _check_listed(reader, references, doing)
    reply = reader.read(first.resource, doing)
    found = {reference: _problem_with(reference, reply) for reference in references}
    return {reference: problem for reference, problem in found.items() if problem is not None}


def _problem_with(reference: Reference, reply: Reply | None) -> Problem | None:
    if reply is None:
        return Problem(
            f"unknown-{reference.what}",
            f'{reference.what} "{reference.id}" does not exist in this org, or is not visible to this client',
            reference.path,
            hint=f"Create the {reference.what} first, or correct its id. {_SKIPPED}",
        )
    reason = reference.check(reply.object)
    hint = f"Mend the {reference.what}, or name another. {_SKIPPED}"
    return Problem(f"unfit-{reference.what}", reason, reference.path, hint=hint) if reason else None


_SKIPPED = "An update skips the check with --no-check-targets."


def _check_listed(reader: Reader, references: Sequence[Reference], doing: str) -> dict[Reference, Problem]:
    missing, seen = {reference.id for reference in references}, []
    for listed in read_entities(reader, references[0].resource, doing, of=str):
        seen.append(listed)
        missing.discard(listed)
        if not missing:
            return {}
    return {each: _not_listed(each, seen) for each in references if each.id in missing}


def _not_listed(reference: Reference, seen: list[str]) -> Problem:
    meant = did_you_mean(reference.id, seen)
    return Problem(
        f"unknown-{reference.what}",
        f'{reference.what} "{reference.id}" is not among those of this org{meant}',
        reference.path,
        hint=f"The org has {len(seen)} {reference.what}s; take one of them.",
    )


def writable(model: type[BaseModel], data: Any) -> Any:
    """Return the part of a rule that a rule file of this model can say; what only the org knows is left out."""
    if not isinstance(data, Mapping):
        return data
    known = {
        name: _narrowed(field.annotation, data[name]) for name, field in model.model_fields.items() if name in data
    }
    return {**data, **known} if model.model_config.get("extra") == "allow" else known


def _narrowed(annotation: Any, value: Any) -> Any:
    below = _model_in(annotation)
    if below is None:
        return value
    return [writable(below, item) for item in value] if isinstance(value, list) else writable(below, value)


# --- pydantic's findings in ebrule's words -----------------------------------------------------------------------


# Where a word begins in a name such as eventTTLSeconds.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _problem(model: type[BaseModel], detail: ErrorDetails, data: Data) -> Problem:
    path = _path(detail["loc"], data)
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    where = path_text(path)
    if kind == "extra_forbidden":
        return _unknown_key(model, path)
    if kind == "missing":
        return Problem(
            "missing-key",
            f"{_owner(model, path)} needs {path[-1]!r}".replace("'", '"'),
            path,
            hint=f"Add {path[-1]}: …",
        )
    if kind == "literal_error":
        return _unknown_value(where, path, value, str(context.get("expected", "")))
    if kind in _WANTED:
        return Problem(
            "wrong-type",
            f"{where} must be {_WANTED[kind]}, not {_type_of(value)}",
            path,
            hint=_retype(kind, value) or _description(model, path),
        )
    if kind == "string_too_short":
        return Problem(
            "empty-text",
            f"{where} must not be empty",
            path,
            hint="Give it a text, or leave out what needs it.",
        )
    if kind == "string_too_long":
        return Problem(
            "text-too-long",
            f"{where} is longer than {context['max_length']} characters",
            path,
            hint="Shorten it.",
        )
    if "ge" in context or "le" in context:
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        name = _HUMP.sub("-", str(path[-1])).lower()
        return Problem(f"{name}-range", f"{where} is {value}; it must be {bound}", path, hint=f"Choose {bound}.")
    return Problem("invalid-value", f"{where or 'the whole'}: {detail['msg']}", path, hint=_description(model, path))


def _path(location: tuple[int | str, ...], data: Any) -> Path:
    """Return the location without what pydantic adds for the branches of a union: what leads nowhere in the data.

    A missing key leads nowhere either; it is the last part.
    """
    path: list[str | int] = []
    for part in location[:-1]:
        if (isinstance(part, int) and isinstance(data, list)) or (isinstance(data, Mapping) and part in data):
            path.append(part)
            data = data[part]  # type: ignore[index]  # a list by a number, a mapping by a key
    if not location:  # the whole is not what can be looked into
        return ()
    last = location[-1]
    return (*path, last) if isinstance(data, Mapping) or isinstance(last, int) else tuple(path)


def path_text(path: Path) -> str:
    """Return ``conditions[1].field`` for ``("conditions", 1, "field")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _owner(model: type[BaseModel], path: Path) -> str:
    return path_text(path[:-1]) if len(path) > 1 else model.model_config.get("title") or "the rule"


def _unknown_key(model: type[BaseModel], path: Path) -> Problem:
    known = list(_fields_at(model, path[:-1]))
    key = str(path[-1])
    message = f'unknown key "{key}" in {_owner(model, path)}{did_you_mean(key, known)}'
    return Problem("unknown-key", message, path, hint=f"Known keys: {', '.join(known)}.")


def _without_misspelled(problems: list[Problem]) -> list[Problem]:
    """Leave out a missing key where an unknown one beside it is that key, misspelled."""
    meant = {
        (*problem.path[:-1], match[1])
        for problem in problems
        if problem.id == "unknown-key" and (match := _MEANT.search(problem.message))
    }
    return [problem for problem in problems if problem.id != "missing-key" or problem.path not in meant]


_MEANT = re.compile(r'did you mean "([^"]+)"\?\Z')


def _unknown_value(where: str, path: Path, value: Any, expected: str) -> Problem:
    allowed = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    message = f"{where} must be {' or '.join(allowed)}{did_you_mean(str(value), allowed)}"
    return Problem("unknown-value", message, path, hint=f"Allowed: {', '.join(allowed)}.")


def _description(model: type[BaseModel], path: Path) -> str | None:
    """Return what the model says of the field at ``path``."""
    field = _fields_at(model, path[:-1]).get(str(path[-1])) if path else None
    return f"{path[-1]}: {field.description}" if field and field.description else None


def _type_of(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), "something else")


def _retype(kind: str, value: Any) -> str | None:
    if kind == "int_type" and isinstance(value, str):
        return "Write the number without quotes." if value.strip().isdigit() else None
    if kind == "string_type" and isinstance(value, (int, float, bool)):
        return IN_QUOTES
    return None


def _fields_at(model: type[BaseModel], path: Path) -> Mapping[str, Any]:
    """Return the fields of the model that stands at ``path`` below ``model``."""
    fields = model.model_fields
    for part in path:
        if isinstance(part, int):
            continue
        below = _model_in(fields[part].annotation) if part in fields else None
        if below is None:
            return {}
        fields = below.model_fields
    return fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in (list, Union, types.UnionType):
        return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
    return None
