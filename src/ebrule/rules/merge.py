"""How several states of a rule become one: the three-way merge, and the walk over fields that it is made of. Pure.

States are *contents*: rules without read-only fields and version (:meth:`Kind.content`). A *field* is what is merged as
one: a member of the rule or of an object, a member of an element of a keyed list, an element of a set, and every other
value as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.errors import Overlap
from ebrule.rules.elements import by_key, is_keyed, is_set, names_of
from ebrule.rules.equivalence import canonical

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Shape

Sides = tuple[Any, ...]
Decide = Callable[[str, Sides], Any]


class Merge(NamedTuple):
    """The result of a three-way merge.

    ``content`` has ours wherever both sides changed the same field; ``overlaps`` lists these fields.
    """

    content: dict[str, Any]
    overlaps: tuple[Overlap, ...]


def merge3(shape: Shape, base: Data, ours: Data, theirs: Data) -> Merge:
    """Merge two contents that both began as ``base``.

    What only one side changed is taken from that side. What both changed to different values is an overlap, and the
    merged content has ours.
    """
    overlaps: list[Overlap] = []

    def decide(path: str, sides: Sides) -> Any:
        was, mine, other = map(canonical, sides)
        if mine in (was, other):
            return sides[2]
        if other != was:
            overlaps.append(Overlap(path, *sides))
        return sides[1]

    content = combine(shape, (base, ours, theirs), decide)
    return Merge(content, tuple(overlaps))


def missing_changes(shape: Shape, base: Data, ours: Data, present: Data) -> tuple[Overlap, ...]:
    """Return each field that ``ours`` changed from ``base`` and that is otherwise in ``present`` (as ``theirs``)."""
    missing: list[Overlap] = []

    def decide(path: str, sides: Sides) -> Any:
        was, mine, there = map(canonical, sides)
        if mine not in (was, there):
            missing.append(Overlap(path, *sides))
        return sides[2]

    combine(shape, (base, ours, present), decide)
    return tuple(missing)


def contains_changes(shape: Shape, base: Data, ours: Data, present: Data) -> bool:
    """Return whether ``present`` is as ``ours`` in every field that ``ours`` changed from ``base``."""
    return not missing_changes(shape, base, ours, present)


def combine(shape: Shape, contents: Sequence[Data], decide: Decide) -> dict[str, Any]:
    """Build one content from two or more, field by field.

    Args:
        shape: how lists and objects are told apart.
        contents: the contents; elements and names come in the order of the last one, then of the one before.
        decide: is given a field's path and its value on each side, None where a side does not have it; returns what
            the result has, None for nothing.
    """
    return _Combiner(shape, decide).objects("", tuple(contents))


class _Combiner:
    def __init__(self, shape: Shape, decide: Decide) -> None:
        self.shape = shape
        self.decide = decide

    def objects(self, prefix: str, sides: Sides) -> dict[str, Any]:
        return _members(
            sides,
            lambda name, values: self.value(f"{prefix}.{name}" if prefix else name, values),
        )

    def value(self, path: str, sides: Sides) -> Any:
        key = self.shape.keyed.get(path)
        if key and is_keyed(key, *sides):
            return self._keyed(path, tuple(by_key(key, side) for side in sides), sides)
        if path in self.shape.sets and is_set(*sides):
            texts = tuple({canonical(item): item for item in side or ()} for side in sides)
            return self._elements(
                texts, sides, lambda text, values: self.decide(f"{path}[{_name(text, values)}]", values)
            )
        if path in self.shape.objects and all(side is None or isinstance(side, Mapping) for side in sides):
            absent = all(side is None for side in sides[-2:])
            return None if absent else self.objects(path, tuple(side or {} for side in sides))
        return self.decide(path, sides)

    def _keyed(self, path: str, elements: tuple[Mapping[str, Any], ...], sides: Sides) -> Any:
        return self._elements(elements, sides, lambda name, values: self._element(f"{path}[{name}]", values))

    def _element(self, path: str, sides: Sides) -> Any:
        if None in sides[-2:]:
            return self.decide(path, sides)
        return _members(tuple(side or {} for side in sides), lambda name, values: self.decide(f"{path}.{name}", values))

    @staticmethod
    def _elements(
        by_name: tuple[Mapping[str, Any], ...], sides: Sides, decide: Callable[[str, Sides], Any]
    ) -> list[Any] | None:
        if all(side is None for side in sides[-2:]):
            return None
        names = names_of(*reversed(by_name))
        decided = (decide(name, tuple(side.get(name) for side in by_name)) for name in names)
        return [element for element in decided if element is not None]


def _name(text: str, values: Sides) -> str:
    """Return how paths name an element of a set: as itself where it is a text, else as JSON."""
    item = next(value for value in values if value is not None)
    return item if isinstance(item, str) else text


def _members(sides: tuple[Mapping[str, Any], ...], decide: Decide) -> dict[str, Any]:
    """Return the members that are decided on; a null that one of the last two sides wrote stays."""
    members = {}
    for name in names_of(*reversed(sides)):
        value = decide(name, tuple(side.get(name) for side in sides))
        if value is not None or any(side.get(name, ...) is None for side in sides[-2:]):
            members[name] = value
    return members
