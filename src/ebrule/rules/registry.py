"""The kinds that ebrule knows, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrule.errors import UsageError
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.source import SOURCE
from ebrule.rules.trigger import TRIGGER
from ebrule.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.rules.kind import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (EVENTBRIDGE, TRIGGER, SOURCE)}
DEFAULT_KIND = EVENTBRIDGE.name


def kind_named(name: str, kinds: Mapping[str, Kind] = KINDS) -> Kind:
    """Return the kind of that name; raises :class:`UsageError`, with the nearest name, where there is none."""
    try:
        return kinds[name]
    except KeyError:
        near = nearest(name, kinds)
        hint = f'Did you mean "{near}"?' if near else f"Kinds: {', '.join(kinds)}."
        raise UsageError(f"{name!r} is no kind of rule", hint=hint, code="unknown-kind") from None
