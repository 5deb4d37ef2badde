"""The kinds that ebrule knows, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from ebrule.errors import UsageError
from ebrule.spelling import nearest

if TYPE_CHECKING:
    from ebrule.rules.kind import Kind


class _Kinds(Mapping[str, "Kind"]):
    """Kinds by name, each imported when it is first asked for: a run seldom needs more than one."""

    def __init__(self, places: Mapping[str, tuple[str, str]]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Kind:
        module, attribute = self._places[name]
        kind: Kind = getattr(import_module(f"ebrule.rules.{module}"), attribute)
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


KINDS: Mapping[str, Kind] = _Kinds(
    {
        "eventbridge": ("eventbridge", "EVENTBRIDGE"),
        "trigger": ("trigger", "TRIGGER"),
        "eventbridge-source": ("source", "SOURCE"),
    }
)
DEFAULT_KIND = "eventbridge"


def kind_named(name: str, kinds: Mapping[str, Kind] = KINDS) -> Kind:
    """Return the kind of that name; raises :class:`UsageError`, with the nearest name, where there is none."""
    try:
        return kinds[name]
    except KeyError:
        near = nearest(name, kinds)
        hint = f'Did you mean "{near}"?' if near else f"Kinds: {', '.join(kinds)}."
        raise UsageError(f"{name!r} is no kind of rule", hint=hint, code="unknown-kind") from None
