"""From what a rule file says to a whole rule: its fields laid over the rule that the org has. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ebrule.rules.elements import by_key, is_keyed
from ebrule.rules.equivalence import canonical

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Shape


def overlay(shape: Shape, base: Data, fields: Data, keep: Callable[[str, Any, Any], Any]) -> dict[str, Any]:
    """Return ``base`` with the fields of a rule file laid over it.

    What the file leaves out stays as it is: top-level fields, keys of an object, and keys of an element of a
    keyed list that both sides have. ``keep(path, value, present)`` gives the value for each leaf of the file.
    """
    return _overlay_object(shape, "", base, fields, keep)


_Keep = Callable[[str, Any, Any], Any]


def _overlay_object(shape: Shape, prefix: str, base: Data, fields: Data, keep: _Keep) -> dict[str, Any]:
    whole = dict(base)
    for name, value in fields.items():
        path = f"{prefix}.{name}" if prefix else name
        whole[name] = _overlay(shape, path, base.get(name), value, keep)
    return whole


def _overlay(shape: Shape, path: str, base: Any, value: Any, keep: _Keep) -> Any:
    key = shape.keyed.get(path)
    if key and is_keyed(key, base, value):
        present = by_key(key, base)
        return [
            {
                **(present.get(item[key]) or {}),
                **_leaves(f"{path}[{item[key]}]", item, present.get(item[key]), keep),
            }
            for item in value or ()
        ]
    if path in shape.objects and isinstance(base, Mapping) and isinstance(value, Mapping):
        return _overlay_object(shape, path, base, value, keep)
    known = shape.item_keys.get(path)
    if known is not None and isinstance(value, list) and isinstance(base, list):
        spare = list(base)
        return [_with_unknown(known, item, spare) for item in value]
    return _leaves(path, value, base, keep)


def _with_unknown(known: frozenset[str], item: Any, spare: list[Any]) -> Any:
    """Return the present element that says the same in the keys that ebrule knows, so that its other keys stay.

    It is taken out of ``spare``: of elements that say the same, each stays once.
    """
    for index, candidate in enumerate(spare):
        if isinstance(candidate, Mapping) and canonical(item) == canonical(
            {key: value for key, value in candidate.items() if key in known}
        ):
            return spare.pop(index)
    return item


def _leaves(path: str, value: Any, present: Any, keep: _Keep) -> Any:
    if isinstance(value, Mapping):
        there = present if isinstance(present, Mapping) else {}
        return {name: _leaves(f"{path}.{name}", item, there.get(name), keep) for name, item in value.items()}
    if isinstance(value, list):
        return [_leaves(f"{path}[{index}]", item, None, keep) for index, item in enumerate(value)]
    return keep(path, value, present)
