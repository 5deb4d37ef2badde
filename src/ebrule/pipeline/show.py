"""A rule of the org as a rule file, which is valid and changes nothing, whatever the org holds."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ebrule.core.validator import check_rule, writable
from ebrule.errors import Problem
from ebrule.pipeline.plan import why_nothing_to_keep
from ebrule.rulefile import KEEP, MAX_BYTES, comment_lines, dump_yaml, unwritable
from ebrule.rules.equivalence import canonical
from ebrule.rules.kind import value_at

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Kind, Path, Rule

_SHOWN_REASONS = 3


def rule_file_text(kind: Kind, rule: Rule, content: Data) -> str:
    """Return the text of a rule file that says what the org has.

    In the place of a value that no rule file can say stands ``${keep}``, below a comment with the value and the reason;
    fields that a rule file does not have stand at the end, as comments.

    Args:
        kind: what the rule is, with the limits that the file will be checked against.
        rule: the rule.
        content: its data, with ``KEEP`` in the place of what is not to be shown.
    """
    own = kind.content(content)
    about = {"kind": kind.name, "id": rule.id, "version": rule.version}
    fields, reasons = _sayable(kind, {**about, **_tidy(kind, own)})
    comments = {path: _kept_lines(value_at(own, path), path, why) for path, why in reasons.items()}
    said = writable(kind.model, own)
    rest = {
        name: value
        for name, value in own.items()
        if value is not None and value != said.get(name) and (name,) not in comments
    }
    text = dump_yaml(fields, comments)
    if rest:
        lines = ["# The org keeps this too; an update leaves it as it is:", *comment_lines(dump_yaml(rest).rstrip())]
        text += "\n".join(lines) + "\n"
    if len(text.encode()) > MAX_BYTES:
        return dump_yaml(fields) + f"# What is kept, and what else the org has: ebrule show {rule.id} -o json\n"
    return text


def _tidy(kind: Kind, own: Data) -> dict[str, Any]:
    """Return what a rule file can say, without nulls, and with each element of a set once."""
    said: dict[str, Any] = deepcopy(writable(kind.model, own, nulls=False))
    for path in kind.shape.sets:
        *inner, last = path.split(".")
        part = value_at(said, tuple(inner))
        if isinstance(part, dict) and isinstance(part.get(last), list):
            part[last] = list({canonical(item): item for item in part[last]}.values())
    return said


def _sayable(kind: Kind, data: dict[str, Any]) -> tuple[dict[str, Any], dict[Path, list[str]]]:
    """Return a rule file's data with ``KEEP`` wherever it was wrong, and by the place of each ``KEEP`` the reasons."""
    reasons: dict[Path, list[str]] = {}
    is_new = True
    while is_new:
        is_new = False
        for problem in _errors(kind, data):
            path = _place(kind, data, problem)
            is_new |= value_at(data, path) is not KEEP
            _put_keep(data, path)
            reasons.setdefault(path, []).append(problem.message)
    return {name: data[name] for name in kind.model.model_fields if name in data}, reasons


def _errors(kind: Kind, data: dict[str, Any]) -> list[Problem]:
    """Return why ``ebrule validate`` would refuse a rule file with this data."""
    found = list(unwritable(data)) or check_rule(kind, data, unless=lambda value: value is KEEP)
    errors = [problem for problem in found if problem.severity == "error"]
    if errors or len(dump_yaml(data).encode()) <= MAX_BYTES:
        return errors
    longest = max(data, key=lambda name: len(dump_yaml({name: data[name]})))
    return [Problem("file-too-large", f"with it, the file would be larger than {MAX_BYTES} bytes", (longest,))]


def _place(kind: Kind, data: dict[str, Any], problem: Problem) -> Path:
    """Return where ``${keep}`` can stand for what is wrong: the smallest part that holds it and has a name."""
    path = problem.path
    if problem.id == "missing-key" and len(path) > 1:
        path = path[:-1]
    while len(path) > 1 and (why_nothing_to_keep(kind, path) or not isinstance(value_at(data, path[:-1]), dict)):
        path = path[:-1]
    return path


def _put_keep(data: dict[str, Any], path: Path) -> None:
    if path[0] in ("kind", "id", "version"):  # only the file can say these, and it need not
        data.pop(str(path[0]), None)
    else:
        value_at(data, path[:-1])[path[-1]] = KEEP


def _kept_lines(value: Any, path: Path, reasons: list[str]) -> list[str]:
    """Return the comment above ``${keep}``: why it stands there, and what the org has."""
    shown = list(dict.fromkeys(reasons))[:_SHOWN_REASONS]
    lines = [line for reason in shown for line in comment_lines(f"Kept as the org has it: {reason}")]
    if value is None:
        return [*lines, "# The org has no such value."]
    return lines + comment_lines(dump_yaml({str(path[-1]): value}).rstrip("\n"))
