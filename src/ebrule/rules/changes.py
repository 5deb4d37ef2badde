"""How two states of a rule differ, and how three merge. Pure.

States are *contents*: rules without read-only fields and version (:meth:`Kind.content`). Null and absent are
the same thing, since servers drop what is null; numbers are compared by value, and never equal a boolean.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.errors import Overlap

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Shape


class Change(NamedTuple):
    """One difference: ``before`` is None where something was added, ``after`` where it was taken away."""

    path: str
    before: Any
    after: Any


class Merge(NamedTuple):
    """What a three-way merge came to.

    ``content`` holds ours wherever both sides changed the same thing; ``overlaps`` lists these.
    """

    content: dict[str, Any]
    overlaps: tuple[Overlap, ...]


_EXACT = 1e22
"""The largest power of ten that a float holds exactly; beyond, a float and a whole number are not the same."""


def canonical(value: Any) -> str:
    """Return a text that is the same for equal values, and only for them: JSON with sorted keys, without nulls."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


def equal(shape: Shape, one: Data, other: Data) -> bool:
    """Return whether two contents say the same."""
    return not diff(shape, one, other)


def holds(shape: Shape, base: Data, ours: Data, present: Data) -> bool:
    """Return whether ``present`` has everything that leads from ``base`` to ``ours``, whatever else it has."""
    merge = merge3(shape, base, ours, present)
    return not merge.overlaps and equal(shape, merge.content, present)


# --- differences ------------------------------------------------------------------------------------------------


def diff(shape: Shape, before: Data, after: Data) -> list[Change]:
    """Return what leads from one content to another, in the order of the fields."""
    return list(_object_changes(shape, "", before, after))


def _object_changes(shape: Shape, prefix: str, before: Data, after: Data) -> Iterator[Change]:
    for name in _names(before, after):
        yield from _changes(shape, f"{prefix}.{name}" if prefix else name, before.get(name), after.get(name))


def _changes(shape: Shape, path: str, before: Any, after: Any) -> Iterator[Change]:
    if canonical(before) == canonical(after):
        return
    key = shape.keyed.get(path)
    if key and _is_keyed(key, before, after):
        yield from _keyed_changes(shape, path, _by_key(key, before), _by_key(key, after))
    elif path in shape.sets and _is_set(before, after):
        yield from _set_changes(path, before or [], after or [])
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _object_changes(shape, path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(path, before, after)
    else:
        yield Change(path, before, after)


def _keyed_changes(shape: Shape, path: str, before: Mapping[str, Data], after: Mapping[str, Data]) -> Iterator[Change]:
    for key in _names(before, after):
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            yield Change(f"{path}[{key}]", one, other)
            continue
        yield from _object_changes(shape, f"{path}[{key}]", one, other)


def _set_changes(path: str, before: list[Any], after: list[Any]) -> Iterator[Change]:
    old, new = {canonical(item) for item in before}, {canonical(item) for item in after}
    yield from (Change(f"{path}[{item}]", item, None) for item in before if canonical(item) not in new)
    yield from (Change(f"{path}[{item}]", None, item) for item in after if canonical(item) not in old)


LONG_LIST = 500


def _runs(one: list[str], other: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield which runs of two lists stand in each other's place: start and end in the one, start and end in the other.

    What both begin and end with is left out. Where much lies in between, all of it is one run: to compare each
    element with each takes minutes.
    """
    shorter = min(len(one), len(other))
    head = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    tail = next((at for at in range(shorter - head) if one[-1 - at] != other[-1 - at]), shorter - head)
    old, new = one[head : len(one) - tail], other[head : len(other) - tail]
    if max(len(old), len(new)) > LONG_LIST:
        yield head, head + len(old), head, head + len(new)
        return
    for _, begin, end, new_begin, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield head + begin, head + end, head + new_begin, head + new_end


def _list_changes(path: str, before: list[Any], after: list[Any]) -> Iterator[Change]:
    """Compare element by element: a taken element is named by its old place, any other by its new one."""
    one, other = [canonical(item) for item in before], [canonical(item) for item in after]
    for begin, end, new_begin, new_end in _runs(one, other):
        old, new = range(begin, end), range(new_begin, new_end)
        pairs = min(len(old), len(new))
        for was, now in zip(old, new, strict=False):
            if one[was] != other[now]:
                yield Change(f"{path}[{now}]", before[was], after[now])
        yield from (Change(f"{path}[{index}]", before[index], None) for index in old[pairs:])
        yield from (Change(f"{path}[{index}]", None, after[index]) for index in new[pairs:])


def _names(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [*one, *(name for name in other if name not in one)]


def _is_keyed(key: str, *lists: Any) -> bool:
    """Return whether every element of every list has a key of its own, so that the lists can be told by it."""
    for items in lists:
        if items is None:
            continue
        if not isinstance(items, list):
            return False
        keys = [item.get(key) if isinstance(item, Mapping) else None for item in items]
        if not all(isinstance(value, str) for value in keys) or len(set(keys)) != len(keys):
            return False
    return True


def _is_set(*lists: Any) -> bool:
    return all(items is None or isinstance(items, list) for items in lists)


def _by_key(key: str, items: list[Data] | None) -> dict[str, Data]:
    return {item[key]: item for item in items or ()}


# --- the merge --------------------------------------------------------------------------------------------------


def merge3(shape: Shape, base: Data, ours: Data, theirs: Data) -> Merge:
    """Merge two contents that both began as ``base``.

    What only one side changed is taken from that side. What both changed to different values is an overlap, and
    the merged content holds ours. Null and absent count as the same.
    """
    merger = _Merger(shape)
    content = merger.objects("", base, ours, theirs)
    return Merge(content, tuple(merger.overlaps))


class _Merger:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.overlaps: list[Overlap] = []

    def objects(self, prefix: str, base: Data, ours: Data, theirs: Data) -> dict[str, Any]:
        names = dict.fromkeys([*theirs, *ours])
        merged = {
            name: self.value(f"{prefix}.{name}" if prefix else name, base.get(name), ours.get(name), theirs.get(name))
            for name in names
        }
        return _without_dropped(merged, ours, theirs)

    def value(self, path: str, base: Any, ours: Any, theirs: Any) -> Any:
        key = self.shape.keyed.get(path)
        if key and _is_keyed(key, base, ours, theirs):
            return self._keyed(path, key, base, ours, theirs)
        if path in self.shape.sets and _is_set(base, ours, theirs):
            return self._set(base, ours, theirs)
        if path in self.shape.objects and all(isinstance(side, Mapping) for side in (base, ours, theirs)):
            return self.objects(path, base, ours, theirs)
        return self._whole(path, base, ours, theirs)

    def _whole(self, path: str, base: Any, ours: Any, theirs: Any) -> Any:
        was, mine, other = canonical(base), canonical(ours), canonical(theirs)
        if mine in (was, other):
            return theirs
        if other != was:
            self.overlaps.append(Overlap(path, base, ours, theirs))
        return ours

    def _keyed(self, path: str, key: str, base: Any, ours: Any, theirs: Any) -> Any:
        was, mine, other = _by_key(key, base), _by_key(key, ours), _by_key(key, theirs)
        elements = [
            self._element(f"{path}[{name}]", was.get(name), mine.get(name), other.get(name))
            for name in _names(other, mine)
        ]
        merged = [element for element in elements if element is not None]
        return None if ours is None and theirs is None else merged

    def _element(self, path: str, base: Any, ours: Any, theirs: Any) -> Any:
        if ours is None or theirs is None:
            return self._whole(path, base, ours, theirs)
        was = base or {}
        merged = {
            name: self._whole(f"{path}.{name}", was.get(name), ours.get(name), theirs.get(name))
            for name in _names(theirs, ours)
        }
        return _without_dropped(merged, ours, theirs)

    def _set(self, base: Any, ours: Any, theirs: Any) -> Any:
        was, mine = _by_text(base), _by_text(ours)
        kept = [item for text, item in _by_text(theirs).items() if text in mine or text not in was]
        have = _by_text(kept)
        return kept + [item for text, item in mine.items() if text not in was and text not in have]


def _by_text(items: Iterable[Any] | None) -> dict[str, Any]:
    return {canonical(item): item for item in items or ()}


def _without_dropped(merged: dict[str, Any], ours: Data, theirs: Data) -> dict[str, Any]:
    """Leave out names that came to nothing because one side has no such name; a null that a side wrote stays."""
    return {
        name: value
        for name, value in merged.items()
        if value is not None or ours.get(name, ...) is None or theirs.get(name, ...) is None
    }


# --- from a file to a whole rule --------------------------------------------------------------------------------


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
    if key and _is_keyed(key, base, value):
        present = _by_key(key, base)
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
