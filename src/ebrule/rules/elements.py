"""How the elements of a list are told apart: by a key of theirs, as members of a set, or by their place. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebrule.rules.kind import Data


def is_keyed(key: str, *lists: Any) -> bool:
    """Return whether every element of every list has a key of its own; a list that is None has no element."""
    for items in lists:
        if items is None:
            continue
        if not isinstance(items, list):
            return False
        keys = [item.get(key) if isinstance(item, Mapping) else None for item in items]
        if not all(isinstance(value, str) for value in keys) or len(set(keys)) != len(keys):
            return False
    return True


def is_set(*lists: Any) -> bool:
    """Return whether each of these is a list, or None."""
    return all(items is None or isinstance(items, list) for items in lists)


def by_key(key: str, items: list[Data] | None) -> dict[str, Data]:
    """Return the elements of a keyed list by their keys, in their order."""
    return {item[key]: item for item in items or ()}


def names_of(*mappings: Mapping[str, Any]) -> list[str]:
    """Return the names in any of these mappings, each once, in the order in which they first stand."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
