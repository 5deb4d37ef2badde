"""What an org made of a body that it was sent: orgs trim, sort, drop what is empty, add defaults. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.rules.equivalence import canonical
from ebrule.rules.merge import combine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrule.rules.kind import Data, Shape


class StoredDifferently(NamedTuple):
    """A field that the org stored otherwise than it was sent; None stands for absent on either side."""

    path: str
    sent: Any
    stored: Any


def stored_differently(shape: Shape, sent: Data, stored: Data) -> tuple[StoredDifferently, ...]:
    """Return each field in which the content that an org stored differs from the one that it was sent."""
    found: list[StoredDifferently] = []

    def decide(path: str, sides: tuple[Any, ...]) -> Any:
        if canonical(sides[0]) != canonical(sides[1]):
            found.append(StoredDifferently(path, *sides))
        return sides[1]

    combine(shape, (sent, stored), decide)
    return tuple(found)


def still_stored(
    shape: Shape, known: Iterable[StoredDifferently], present: Data, wanted: Data
) -> tuple[dict[str, Any], tuple[StoredDifferently, ...]]:
    """Take what an org made of an earlier body for what was asked for.

    Args:
        shape: how the parts of a rule are told apart.
        known: what earlier runs sent and the org stored.
        present: the content that the org has.
        wanted: the content that it should have.

    Returns:
        ``wanted``, in which each field that says again what was sent, while the org still has what it stored for that,
        is as the org has it; and those of ``known`` that this holds for, or that ``wanted`` leaves as the org has them.
    """
    by_path = {each.path: each for each in known}
    holding: list[StoredDifferently] = []

    def decide(path: str, sides: tuple[Any, ...]) -> Any:
        there, mine = sides
        each = by_path.get(path)
        if each is None or canonical(there) != canonical(each.stored):
            return mine
        if canonical(mine) not in (canonical(each.sent), canonical(there)):
            return mine
        holding.append(each)
        return there

    content = combine(shape, (present, wanted), decide)
    return content, tuple(holding)
