"""How an organization stores what it is sent: as it came or, on request, otherwise.

    lower-case       the URL and the header names of a target in lower case
    truncated        ``name``, ``description`` and ``notes`` cut at 40 characters
    trimmed          every text without the blanks at its ends
    defaults         a value in the place of what is left out or empty, at the top and inside (see ``_DEFAULTS``)
    ignored          without ``description`` and ``notes``
    dropped-empty    without members that are null, "", [] or {}, in objects at any depth
    sorted           ``conditions``, ``targets``, ``matchCriteria`` and ``eventFilter`` in an order of its own

They are applied in this order, so that what is stored is stored unchanged when it is sent again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ebrule.sandbox import seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Body = dict[str, Any]

_LONGEST_TEXT: Final = 40
_PROSE: Final = ("name", "description", "notes")
_IGNORED: Final = ("description", "notes")
_UNORDERED: Final = frozenset({"conditions", "targets", "matchCriteria", "eventFilter"})

# A list stands for all of its elements.
_DEFAULTS: Final[Mapping[str, Body]] = {
    seed.RULE: {
        "description": "",
        "category": "default",
        "conditions": [{"caseSensitive": False}],
        "targets": [{"retries": 3}],
    },
    seed.TRIGGER: {
        "description": "",
        "category": "default",
        "target": {"workflowTargetSettings": {"dataFormat": "Json"}},
        "matchCriteria": [{"caseSensitive": False}],
    },
    seed.CONFIGURATION: {
        "category": "default",
        "properties": {"batchSize": 1},
    },
}

# What the service requires, but may have dropped itself.
_EMPTIES: Final[Mapping[str, Body]] = {
    seed.RULE: {"conditions": [], "targets": []},
    seed.CONFIGURATION: {"properties": {}, "advanced": {}, "notes": "", "credentials": {}},
}


def names_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Read the names of ways to store.

    Args:
        texts: Names, several in one text separated by commas.

    Returns:
        Each name once, in the order in which they are applied.

    Raises:
        ValueError: A name is unknown; the message lists the known ones.
    """
    given = [name.strip() for text in texts for name in text.split(",")]
    for name in given:
        if name not in WAYS:
            raise ValueError(f"unknown way to store: {name!r} (known: {', '.join(WAYS)})")
    return tuple(name for name in WAYS if name in given)


def stored(names: Sequence[str], kind: str, body: Body) -> Body:
    """Give what is stored of a body.

    Args:
        names: As ``names_in`` returns them.
        kind: The kind of resource.
        body: The valid body of a PUT or POST, without its read-only fields.
    """
    for name in names:
        body = WAYS[name](kind, body)
    return body


def drops_fields(names: Sequence[str]) -> bool:
    """Tell whether fields are missing from what is stored: the service must not insist on those in the next body."""
    return not {"ignored", "dropped-empty"}.isdisjoint(names)


def completed(names: Sequence[str], kind: str, body: Body) -> Body:
    """Give what is checked of a body: with the empty fields that the service may have dropped itself."""
    return {**_EMPTIES[kind], **body} if drops_fields(names) else body


def _lower_case(kind: str, body: Body) -> Body:
    if kind != seed.RULE or "targets" not in body:
        return body
    return {**body, "targets": [_lower_case_target(target) for target in body["targets"]]}


def _lower_case_target(target: Body) -> Body:
    lower = dict(target)
    if target.get("url"):
        lower["url"] = target["url"].lower()
    if target.get("headers"):
        lower["headers"] = {name.lower(): value for name, value in target["headers"].items()}
    return lower


def _truncated(_kind: str, body: Body) -> Body:
    cut = {name: body[name][:_LONGEST_TEXT] for name in _PROSE if isinstance(body.get(name), str)}
    return {**body, **cut}


def _trimmed(_kind: str, body: Body) -> Body:
    return {name: _trim(value) for name, value in body.items()}


def _trim(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [_trim(item) for item in value]
    return {name: _trim(item) for name, item in value.items()} if isinstance(value, dict) else value


def _with_defaults(kind: str, body: Body) -> Body:
    filled: Body = _fill(body, _DEFAULTS[kind])
    return filled


def _fill(value: Any, default: Any) -> Any:
    if isinstance(default, list):
        return [_fill(item, default[0]) for item in value] if isinstance(value, list) else value
    if not isinstance(default, dict):
        return default if _is_empty(value) else value
    if not (_is_empty(value) or isinstance(value, dict)):
        return value
    given = value or {}
    filled = {name: _fill(given.get(name), below) for name, below in default.items()}
    return {**given, **{name: item for name, item in filled.items() if item is not None}}


def _without_ignored(_kind: str, body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in _IGNORED}


def _without_empty(_kind: str, body: Body) -> Body:
    members = {name: _without_empty_members(value) for name, value in body.items()}
    return {name: value for name, value in members.items() if not _is_empty(value)}


def _without_empty_members(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_empty_members(item) for item in value]
    return _without_empty("", value) if isinstance(value, dict) else value


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _sorted(_kind: str, body: Body) -> Body:
    return {name: _sort(name, value) for name, value in body.items()}


def _sort(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _sorted("", value)
    return sorted(value, key=_rank) if isinstance(value, list) and name in _UNORDERED else value


def _rank(item: Any) -> tuple[str, str]:
    identity = item.get("id") if isinstance(item, dict) else None
    return str(identity or ""), json.dumps(item, sort_keys=True)


WAYS: Final[Mapping[str, Callable[[str, Body], Body]]] = {
    "lower-case": _lower_case,
    "truncated": _truncated,
    "trimmed": _trimmed,
    "defaults": _with_defaults,
    "ignored": _without_ignored,
    "dropped-empty": _without_empty,
    "sorted": _sorted,
}
"""The ways to store by name, in the order in which they are applied."""
