"""What a kind of rule must say about itself. A new kind is one file that builds a :class:`Kind`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.errors import Problem, UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ebrule.rules.matching import Condition

Path = tuple[str | int, ...]
"""Where something stands in a rule: the keys and indexes that lead to it."""

Data = Mapping[str, Any]
"""A rule, or a part of one, as JSON has it."""

_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]{1,128}", re.ASCII)


def is_id(value: str) -> bool:
    """Return whether ``value`` can stand as one segment of a URL's path."""
    return _ID.fullmatch(value) is not None


def checked_id(value: str, what: str = "rule id") -> str:
    """Return ``value`` if it can stand as one segment of a URL's path; raise :class:`UsageError` if not.

    The alphabet keeps an id such as ``../../oauth/clients`` from leading to another resource.
    """
    if not is_id(value):
        raise UsageError(
            f"{value!r} is no {what}: it must be 1 to 128 letters, digits, '.', '_' or '-', and not only dots",
            hint=f"Copy the {what} from the org, or from `ebrule show`.",
            code="bad-id",
        )
    return value


def id_problems(value: Any, what: str, path: Path) -> list[Problem]:
    """Return what is wrong with an id in a rule file; a wrong type or an empty text is the model's to tell."""
    if not isinstance(value, str) or not value or is_id(value):
        return []
    hint = "An id is 1 to 128 letters, digits, '.', '_' or '-', and not only dots."
    return [Problem(f"bad-{what}-id", f'"{value}" is no {what} id', path, hint=hint)]


def value_at(data: Any, path: Path) -> Any:
    """Return what stands at a path in data, or None where it leads nowhere."""
    for part in path:
        if isinstance(part, int):
            data = data[part] if isinstance(data, list) and part < len(data) else None
        else:
            data = data.get(part) if isinstance(data, Mapping) else None
    return data


class Rule(NamedTuple):
    """One state of a rule as the org told it: ``data`` is the whole resource, ``version`` an integer."""

    id: str
    version: int
    data: Data


class Reference(NamedTuple):
    """Something that a rule names and that must exist in the org.

    ``resource`` is the path to GET; ``check`` looks at what came back and gives the reason why it will not do. Where
    ``in_list``, the resource is a list of ids in pages, and this must be one of them.
    """

    path: Path
    what: str
    id: str
    resource: str
    check: Callable[[Data], str | None] = lambda _: None
    in_list: bool = False


class Shape(NamedTuple):
    """How the parts of a rule are told apart when states are compared; names are dotted paths from the top.

    ``keyed`` lists are known by a key of their elements, whose order means nothing; ``sets`` are lists without
    order; ``objects`` are compared key by key; everything else is compared whole. ``item_keys`` are the keys
    that ebrule knows in the elements of a list that is compared whole.
    """

    keyed: Mapping[str, str] = {}
    sets: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    item_keys: Mapping[str, frozenset[str]] = {}


READ_ONLY = frozenset({"id", "selfUri", "dateCreated", "dateModified", "createdBy", "modifiedBy"})
"""What the org keeps itself: never sent, never compared (source: the SDK's models)."""


class Kind(NamedTuple):
    """One kind of rule.

    Attributes:
        name: as ``--kind`` and a rule file's ``kind`` spell it.
        title: what messages call such a rule.
        model: the rule file's keys and types; ``kind``, ``id`` and ``version`` stand in every model. Its build is
            deferred: a run seldom needs the models of more than one kind.
        resource: path of one rule, with ``{id}``.
        event_type: the name of the event that announces a change.
        shape: how states are compared and merged.
        limits: problems that the types cannot tell; they never need the org.
        related: by the id of a limit that several top-level fields break together, these fields.
        references: what must exist in the org for a rule of that id, or of one that is not told.
        conditions: what an event is asked; in the place of what cannot be asked here, the problem with it.
        version_increments_by_one: whether each applied PUT raises the version by exactly one.
        read_only: fields that the org keeps itself.
        listing: path of the list of all rules, where the API has one.
        immutable: dotted paths that an update cannot change, each with what to do instead.
        identity: dotted paths that say what the rule is rather than what it does: a change needs consent.
        constraints: what limits say of top-level fields, in the words of JSON Schema.
        has_own_id: whether the ``id`` in a rule's data is the rule's id.
        trial: path of the org's own test of a saved rule, with ``{id}``, where the API has one.
        health: a path that tells whether the org has this kind, where that is not certain.
        write_scopes: the scopes of which an update needs one.
        reference_scopes: those of which a check of the references needs one, beyond what reading a rule needs.
    """

    name: str
    title: str
    model: type[BaseModel]
    resource: str
    event_type: str
    shape: Shape
    limits: Callable[[Data], list[Problem]]
    references: Callable[[Data, str | None], list[Reference]]
    conditions: Callable[[Data], Iterable[Condition | Problem]]
    related: Mapping[str, tuple[str, ...]] = {}
    version_increments_by_one: bool = False
    read_only: frozenset[str] = READ_ONLY
    listing: str | None = None
    immutable: Mapping[str, str] = {}
    identity: frozenset[str] = frozenset()
    constraints: Mapping[str, Mapping[str, Any]] = {}
    has_own_id: bool = True
    trial: str | None = None
    health: str | None = None
    write_scopes: frozenset[str] = frozenset()
    reference_scopes: frozenset[str] = frozenset()

    def path_of(self, rule_id: str) -> str:
        """Return the URL path of one rule; raises :class:`UsageError` for what is no id."""
        return self.resource.replace("{id}", checked_id(rule_id))

    def content(self, data: Data) -> dict[str, Any]:
        """Return what a PUT would carry of ``data``, without its version: fields that ebrule does not know stay."""
        return {key: value for key, value in data.items() if key not in self.read_only and key != "version"}

    def fields_of(self, file_data: Data) -> dict[str, Any]:
        """Return the fields of a rule file that belong to the rule itself."""
        return {key: value for key, value in file_data.items() if key not in ("kind", "id", "version")}
