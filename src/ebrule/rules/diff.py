"""How two states of a rule differ. Pure.

States are *contents*: rules without read-only fields and version (:meth:`Kind.content`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.rules.elements import by_key, is_keyed, is_set, names_of
from ebrule.rules.equivalence import canonical

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Shape


class Change(NamedTuple):
    """One difference: ``before`` is None where something was added, ``after`` where it was taken away."""

    path: str
    before: Any
    after: Any


def is_same_place(path: str, other: str) -> bool:
    """Return whether two paths name the same field, or one of them leads into what the other names."""
    shorter, longer = sorted((path, other), key=len)
    return longer.startswith(shorter) and longer[len(shorter) : len(shorter) + 1] in ("", ".", "[")


def diff(shape: Shape, before: Data, after: Data) -> list[Change]:
    """Return what leads from one content to another, in the order of the fields."""
    return list(_object_changes(shape, "", before, after))


def _object_changes(shape: Shape, prefix: str, before: Data, after: Data) -> Iterator[Change]:
    for name in names_of(before, after):
        yield from _changes(shape, f"{prefix}.{name}" if prefix else name, before.get(name), after.get(name))


def _changes(shape: Shape, path: str, before: Any, after: Any) -> Iterator[Change]:
    if canonical(before) == canonical(after):
        return
    key = shape.keyed.get(path)
    if key and is_keyed(key, before, after):
        yield from _keyed_changes(shape, path, by_key(key, before), by_key(key, after))
    elif path in shape.sets and is_set(before, after):
        yield from _set_changes(path, before or [], after or [])
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _object_changes(shape, path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(path, before, after)
    else:
        yield Change(path, before, after)


def _keyed_changes(shape: Shape, path: str, before: Mapping[str, Data], after: Mapping[str, Data]) -> Iterator[Change]:
    for key in names_of(before, after):
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
