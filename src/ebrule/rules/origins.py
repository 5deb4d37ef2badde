"""What two states of a rule have in common: where each part of the later one stands in the earlier one. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from ebrule.rules.elements import is_keyed
from ebrule.rules.equivalence import canonical, equivalent
from ebrule.rules.kind import value_at

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Path, Shape


class Origins:
    """Tells where the parts of a rule's content come from.

    Args:
        shape: how the rule's parts are told apart.
        before: the earlier content.
        after: the later one.
    """

    def __init__(self, shape: Shape, before: Data, after: Data) -> None:
        self._shape = shape
        self._before = before
        self._after = after
        self._pairs: dict[Path, list[int | None]] = {}

    def of(self, path: Path) -> Path | None:
        """Return where the earlier content says the same as the later one at ``path``, or None where it does not.

        An element of a list is found by its key, or as the first of its equals that no element before it is.
        """
        before: Any = self._before
        after: Any = self._after
        origin: Path = ()
        for depth, part in enumerate(path):
            place: str | int | None = part
            if isinstance(part, int):
                place = self._pair(path[:depth], before, after, part)
            if place is None:
                return None
            before, after = value_at(before, (place,)), value_at(after, (part,))
            origin = (*origin, place)
        return origin if canonical(before) == canonical(after) else None

    def _pair(self, path: Path, before: Any, after: Any, index: int) -> int | None:
        if not isinstance(before, list) or not isinstance(after, list):
            return None
        if path not in self._pairs:
            self._pairs[path] = _pairs(self._shape.keyed.get(".".join(map(str, path))), before, after)
        return self._pairs[path][index]


def _pairs(key: str | None, before: list[Any], after: list[Any]) -> list[int | None]:
    """Return for each element of the later list the index of the one in the earlier list that it comes from."""
    if key and is_keyed(key, before, after):
        old, new = [item[key] for item in before], [item[key] for item in after]
    else:
        old, new = list(map(canonical, before)), list(map(canonical, after))
    spare: defaultdict[str, deque[int]] = defaultdict(deque)
    for index, text in enumerate(old):
        spare[text].append(index)
    return [spare[text].popleft() if spare[text] else None for text in new]


def respelled(shape: Shape, before: Data, after: Data) -> dict[str, Any]:
    """Return the later content with whatever says the same as in the earlier one spelled as it is there.

    A run that does not change a value sends it as the org has it: null, absent or empty, 50 or 50.0.
    """
    return _respelled_object(shape, (), before, after)


def _respelled_object(shape: Shape, path: Path | None, before: Data, after: Data) -> dict[str, Any]:
    places = {name: None if path is None else (*path, name) for name in (*after, *before)}
    whole = {
        name: _respelled(shape, places[name], before.get(name), value)
        for name, value in after.items()
        if name in before or not _says_the_same(shape, places[name], None, value)
    }
    gone = {name: value for name, value in before.items() if name not in after}
    return whole | {name: value for name, value in gone.items() if _says_the_same(shape, places[name], value, None)}


def _respelled(shape: Shape, path: Path | None, before: Any, after: Any) -> Any:
    """Return a value, which stands at ``path``, or within a list where that is None."""
    if _says_the_same(shape, path, before, after):
        return before
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _respelled_object(shape, path, before, after)
    if isinstance(before, list) and isinstance(after, list):
        key = shape.keyed.get(".".join(map(str, path or ())))
        return [
            item if origin is None else _respelled(shape, None, before[origin], item)
            for item, origin in zip(after, _pairs(key, before, after), strict=True)
        ]
    return after


def _says_the_same(shape: Shape, path: Path | None, before: Any, after: Any) -> bool:
    if path is None:
        return canonical(before) == canonical(after)
    one, other = (reduce(lambda value, name: {name: value}, reversed(path), side) for side in (before, after))
    return equivalent(shape, one, other)
