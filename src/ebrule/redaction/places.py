"""The places of secrets in a rule: where a file says ``${env:…}``, and where the ledger has a digest.

What stands at such a place is a secret whatever it is: the value that the file puts there, and the one that the org
still has. A place is known by names; in a list, by the element that the file has there. An org may have the list in
another order, or with other elements: which of them is meant is then told by what is plain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ebrule.redaction.vocabulary import WORDS

Path = tuple[str | int, ...]
"""The names and indexes that lead to a place."""

DIGEST = re.compile(r"redacted:[0-9a-f]{16}")
"""What stands in the place of a secret."""

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_ID = "id"
_CHOICES = frozenset(("status", "operator", "type", "dataFormat"))
"""Fields whose values are words of the rule."""


class Element(NamedTuple):
    """A step into a list: to the element that is the same, else to each that is none of the others.

    Attributes:
        name: what the element is known by, if that is plain.
        parts: what is plain of an element that is not known by a name.
        others: what the other elements of that list are known by.
    """

    name: str | None
    parts: Mapping[str, Any]
    others: frozenset[str]

    def found_in(self, items: Sequence[Any], names: Sequence[str]) -> list[int]:
        """Return the indexes of the elements that may be meant; ``names`` is what each is known by."""
        free = [at for at, name in enumerate(names) if name not in self.others]
        return [at for at in free if self._is(items[at], names[at])] or free

    def _is(self, item: Any, name: str) -> bool:
        if self.name is not None:
            return name == self.name
        return bool(self.parts) and isinstance(item, Mapping) and self.parts.items() <= item.items()


class Place(NamedTuple):
    """A place of a secret, or what is left of the way to it.

    Attributes:
        steps: names, and elements of lists.
        written: the text that the file has there, such as ``Bearer ${env:TOKEN}``; None for a place that only the
            ledger knows.
        plain: what is plainly said to stand there now, and is no secret.
        field: the name that is the last of the way.
    """

    steps: tuple[str | Element, ...]
    written: str | None = None
    plain: tuple[Any, ...] = ()
    field: str = ""

    def hides(self, value: Any) -> bool:
        """Whether a value is a secret here."""
        if any(type(value) is type(plain) and value == plain for plain in self.plain):
            return False
        # Earlier records have digests of such words where a short secret was a part of them.
        return self.written is not None or self.field not in _CHOICES or not (isinstance(value, str) and value in WORDS)

    def secrets_in(self, text: str) -> list[str]:
        """Return the parts of a text that the environment would have put in; all of it where the text is another."""
        parts = _VARIABLE.split(self.written or "")
        variables, literals = parts[1::2], parts[::2]
        start, end = len(literals[0]), len(text) - len(literals[-1])
        if not variables or start > end or not (text.startswith(literals[0]) and text.endswith(literals[-1])):
            return [text]
        found, is_secret = [], False
        for number, variable in enumerate(variables, start=1):
            literal, is_last = literals[number], number == len(variables)
            is_secret |= variable.startswith("env:")
            if not literal and not is_last:
                continue  # where one value ends and the next begins cannot be told
            at = end if is_last else text.find(literal, start, end)
            if at < 0:
                return [text]
            if is_secret:
                found.append(text[start:at])
            start, is_secret = at + len(literal), False
        return found

    def through(self, name: str) -> Place | None:
        """Return what is left of the way behind an entry of a mapping, if it leads there."""
        if not self.steps:
            return self
        step = self.steps[0]
        # Where the file has a list and the org a mapping, all of it may be meant.
        is_way = isinstance(step, Element) or step.casefold() == name.casefold()
        return self._replace(steps=self.steps[1:]) if is_way else None

    def into(self, items: Sequence[Any], names: Sequence[str]) -> tuple[Iterable[int], Place]:
        """Return the indexes of the elements of a list that the way leads to, and what is left of it."""
        step = self.steps[0] if self.steps else None
        left = self._replace(steps=self.steps[1:])
        if isinstance(step, Element):
            return step.found_in(items, names), left
        if step is None:
            return range(len(items)), self
        if step.isdecimal() or any(isinstance(item, Mapping) and _ID in item for item in items):
            return [at for at, name in enumerate(names) if step == str(at) or name == _named(step)], left
        return range(len(items)), self._replace(steps=())  # the file has a mapping there, and the org a list


def behind(places: Iterable[Place], name: str) -> list[Place]:
    """Return the ways that lead on behind an entry of a mapping."""
    return [left for place in places if (left := place.through(name)) is not None]


def within(places: Iterable[Place], items: Sequence[Any]) -> list[list[Place]]:
    """Return for each element of a list the ways that lead on into it."""
    found: list[list[Place]] = [[] for _ in items]
    names = [_name_of(item) for item in items]
    for place in places:
        indexes, left = place.into(items, names)
        for at in indexes:
            found[at].append(left)
    return found


class Places(NamedTuple):
    """The places of secrets that a run knows.

    Attributes:
        known: each of them.
        said: what a rule file or the command line says of the rule.
        written: where in that it says ``${env:…}``, with the text that stands there.
    """

    known: tuple[Place, ...] = ()
    said: Any = None
    written: Mapping[Path, str] = {}

    @classmethod
    def of(cls, said: Any, written: Mapping[Path, str]) -> Places:
        """Return the places in what is said."""
        return cls(tuple(places_in(said, written)), said, written)

    def also(self, places: Iterable[Place]) -> Places:
        """Return these places and others, of which something may be plainly said now."""
        known = list(self.known)
        for place in places:
            plain = tuple(value for path, value in _values_at(self.said, (place,)) if path not in self.written)
            found = place._replace(plain=plain)
            if found not in known:
                known.append(found)
        return self._replace(known=tuple(known))

    def recorded_in(self, recorded: Any) -> Places:
        """Return these places and those at which a record, or each of several, has nothing but a digest."""
        states = recorded if isinstance(recorded, (list, tuple)) else (recorded,)
        return self.also(place for state in states if state for place in _digests_in(state))

    def at(self, path: str) -> tuple[Place, ...]:
        """Return the ways that lead on from a path as text, such as ``targets[crm].headers``."""
        return tuple(left for place in self.known if (left := _left(place, path)) is not None)

    def cover(self, path: Path) -> bool:
        """Whether a path in what is said leads to a secret, or into one."""
        return any(
            len(path) >= len(place) and all(map(_is_same_step, path, place))  # a --set may have an id for an index
            for place in self.written
        )


NOWHERE = Places()
"""No places."""


def places_in(data: Any, written: Mapping[Path, str | None], odd: Iterable[Path] = ()) -> list[Place]:
    """Return the places that paths lead to.

    Args:
        data: a rule, or a part of one.
        written: the paths, and the text that a file has there.
        odd: further paths to what is not plain.
    """
    secret = {path[:length] for path in (*written, *odd) for length in range(len(path) + 1)}
    lists: dict[Path, list[str | None]] = {}
    return [
        Place(tuple(_steps(data, path, secret, lists)), text, field=_last_name(path)) for path, text in written.items()
    ]


def _last_name(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _steps(data: Any, path: Path, secret: set[Path], lists: dict[Path, list[str | None]]) -> Iterator[str | Element]:
    for depth, part in enumerate(path):
        if isinstance(part, str):
            yield part
            data = data.get(part) if isinstance(data, Mapping) else None
            continue
        around, item = path[:depth], data[part]
        if around not in lists:
            lists[around] = [_plain_name(each, (*around, at), secret) for at, each in enumerate(data)]
        names = lists[around]
        others = {name for at, name in enumerate(names) if name is not None and at != part} - {_name_of(item)}
        parts = item.items() if isinstance(item, Mapping) and names[part] is None else ()
        plain = {name: value for name, value in parts if (*path[: depth + 1], name) not in secret}
        yield Element(names[part], plain, frozenset(others))
        data = item


def _plain_name(item: Any, path: Path, secret: set[Path]) -> str | None:
    """Return what an element of a list is known by, or None where that is not plain."""
    by_id = isinstance(item, Mapping) and isinstance(item.get(_ID), str)
    return None if ((*path, _ID) if by_id else path) in secret else _name_of(item)


def _name_of(item: Any) -> str:
    """Return what an element of a list is known by: its id, else all of it but what is null."""
    if isinstance(item, Mapping):
        if isinstance(item.get(_ID), str):
            return _named(item[_ID])
        item = {name: value for name, value in item.items() if value is not None}
    return json.dumps(item, sort_keys=True, default=str)


def _named(name: str) -> str:
    return f"{_ID} {name}"


def _values_at(data: Any, places: Sequence[Place], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what stands at places, leaf by leaf, and its path."""
    if not places or data is None:
        return
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from _values_at(value, behind(places, name), (*path, name))
    elif isinstance(data, (list, tuple)):
        for at, (item, left) in enumerate(zip(data, within(places, data), strict=True)):
            yield from _values_at(item, left, (*path, at))
    else:
        yield path, data


def _digests_in(state: Mapping[str, Any]) -> list[Place]:
    """Return the places at which a recorded state has nothing but a digest."""
    digests, partly = [], []
    for path, text in _texts(state):
        if DIGEST.fullmatch(text):
            digests.append(path)
        elif DIGEST.search(text):
            partly.append(path)
    return places_in(state, dict.fromkeys(digests), partly)


def _texts(data: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        yield path, data
    parts: Iterable[tuple[str | int, Any]] = ()
    if isinstance(data, Mapping):
        parts = ((name, value) for name, value in data.items() if not DIGEST.fullmatch(name))
    elif isinstance(data, (list, tuple)):
        parts = enumerate(data)
    for part, value in parts:
        yield from _texts(value, (*path, part))


def _left(place: Place, path: str) -> Place | None:
    """Return what is left of the way to a place behind a path as text; None where the path leads elsewhere."""
    if not path or not place.steps:
        return place
    step, left = place.steps[0], place._replace(steps=place.steps[1:])
    if path.startswith("["):
        name = step if isinstance(step, str) else (step.name or "").removeprefix(_named(""))
        if name and path.startswith(f"[{name}]"):
            return _left(left, path[len(name) + 2 :].removeprefix("."))
        is_any = isinstance(step, Element) and step.name is None
        return _left(left, path.partition("]")[2].removeprefix(".")) if is_any else None
    if not isinstance(step, str) or not path.casefold().startswith(step.casefold()):
        return None
    rest = path[len(step) :]
    return _left(left, rest.removeprefix(".")) if rest[:1] in ("", ".", "[") else None


def _is_same_step(one: str | int, other: str | int) -> bool:
    return one == other or isinstance(one, int) is not isinstance(other, int)
