"""Goessner's JSONPath, as far as the criteria of triggers need it, with the semantics of Jayway JsonPath.

Names after a dot or quoted in brackets, indexes (negative ones count from the end), slices, unions, wildcards and
recursive descent, with or without a leading ``$.``. Filters and functions are refused.

A path of single names and indexes is *definite*: it leads to one value or to none. Any other leads to a list of values,
which may be empty; it leads to none where a definite beginning of it does.

Sources: https://goessner.net/articles/JsonPath/ and the path tokens of https://github.com/json-path/JsonPath.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from ebrule.errors import InvalidRuleError, Problem
from ebrule.rules.matching.condition import MISSING

MAX_STEPS: Final = 300_000
"""How often a path may look for a name or an index, or go to a value: unions and descents multiply."""

MAX_CHARACTERS: Final = 4_000_000
"""How much a path may lead to, as JSON, counted as often as it leads there: an operator reads all of it."""

_QUOTED: Final = r"""(?:'(?:[^'\\]|\\['"\\])*'|"(?:[^"\\]|\\['"\\])*")"""
_NUMBER: Final = r"-?[0-9]{1,9}"
_STEP: Final = re.compile(
    rf"""
      (?P<dots> \.\.? ) (?: (?P<any> \* ) | (?P<name> [^\s.\[(*] [^\s.\[(]* ) ) (?= [.\[] | \Z )
    | (?P<before> \.{{0,2}} ) \[ \s* (?:
          (?P<every> \* )
        | (?P<names> {_QUOTED} (?: \s*,\s* {_QUOTED} )* )
        | (?P<indexes> {_NUMBER} (?: \s*,\s* {_NUMBER} )* )
        | (?P<slice> (?: {_NUMBER} )? : (?: {_NUMBER} )? )
      ) \s* \]
    """,
    re.VERBOSE | re.ASCII,
)
_SHOWN: Final = 60  # characters of a path in a message
_SCALAR: Final = 5  # characters of a number, a constant, or a list without elements
_ESCAPE: Final = re.compile(r"\\(.)")
_UNSUPPORTED: Final = {"filter": re.compile(r"\.{0,2}\[\s*\?"), "function": re.compile(r"\.[^\s.\[(]+\(")}


class JsonPathError(ValueError):
    """A text is no path, or one that ebrule does not follow; the message says where."""


class _NotThereError(Exception):
    """A step cannot be taken from a value: ``lacks`` says that it is an object, which has no such key."""

    def __init__(self, *, lacks: bool) -> None:
        self.lacks = lacks


class _Step(NamedTuple):
    """One step from a value to those that it leads to; ``deep`` takes it from everything below the value too.

    ``looks`` is how many names or indexes it looks for in each value.
    """

    select: Callable[[Any, bool], list[Any]]
    is_definite: bool
    deep: bool
    looks: int = 1

    def take(self, value: Any, *, strict: bool, must: bool) -> list[Any]:
        """Return what the step leads to; raises :class:`_NotThereError` if that makes the path lead nowhere."""
        try:
            return self.select(value, strict or self.deep)
        except _NotThereError as absent:
            if must or (strict and absent.lacks and not self.deep):
                raise
            return []


class JsonPath:
    """A path, parsed once. Raises :class:`JsonPathError` for what is none."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._steps = list(_steps(self.text))

    def find(self, event: Any, *, strict: bool = False) -> Any:
        """Follow the path through an event.

        Args:
            event: JSON data.
            strict: a key that any object on the way lacks makes the whole path lead nowhere.

        Returns:
            The value, or the list of values of a path that is not definite; :data:`MISSING` where it leads to none.

        Raises:
            InvalidRuleError: The path takes more than ``MAX_STEPS``, or leads to more than ``MAX_CHARACTERS``.
        """
        try:
            values, is_definite = self._follow(event, strict=strict)
        except _NotThereError:
            return MISSING
        if is_definite:
            return values[0] if values else MISSING
        self._check_size(values)
        return values

    def _follow(self, event: Any, *, strict: bool) -> tuple[list[Any], bool]:
        """Return the values that the path leads to, and whether it is definite."""
        values, is_definite, left = [event], True, MAX_STEPS
        for step in self._steps:
            sources: Iterable[Any] = chain.from_iterable(map(_descent, values)) if step.deep else values
            must = is_definite and not step.deep
            values = []
            for source in sources:
                left -= step.looks
                if left < 0:
                    raise self._too_wide(f"takes more than {MAX_STEPS:,} steps")
                found = step.take(source, strict=strict, must=must)
                left -= len(found)
                values += found
            is_definite = must and step.is_definite
        return values, is_definite

    def _check_size(self, values: list[Any]) -> None:
        sizes: dict[int, int] = {}
        left = MAX_CHARACTERS
        for value in values:
            left -= _size_of(value, sizes)
            if left < 0:
                raise self._too_wide(f"leads to more than {MAX_CHARACTERS:,} characters")

    def _too_wide(self, why: str) -> InvalidRuleError:
        shown = self.text if len(self.text) <= _SHOWN else f"{self.text[: _SHOWN - 1]}…"
        problem = Problem("path-too-wide", f"{shown} {why} in one event")
        return InvalidRuleError(problem.message, [problem], hint="Name the places more exactly.")


def _size_of(value: Any, sizes: dict[int, int]) -> int:
    """Return about how many characters a value has as JSON; ``sizes`` are those that are known, by identity."""
    if isinstance(value, str):
        return len(value)
    children = _children(value)
    if not children:
        return _SCALAR
    if id(value) not in sizes:
        names = sum(map(len, value)) if isinstance(value, Mapping) else 0
        sizes[id(value)] = names + len(children) + sum(_size_of(child, sizes) for child in children)
    return sizes[id(value)]


def _steps(text: str) -> Iterator[_Step]:
    """Parse a path."""
    whole = text[1:] if text.startswith("$") else f".{text}"
    position = 0
    while position < len(whole):
        found = _STEP.match(whole, position)
        if found is None:
            raise JsonPathError(_reason(text, whole, position))
        position = found.end()
        yield _step(found, is_last=position == len(whole))


def _reason(text: str, whole: str, position: int) -> str:
    where = f"at character {max(len(text) - len(whole) + position, 0) + 1} of {text!r}"
    for what, pattern in _UNSUPPORTED.items():
        if pattern.match(whole, position):
            return f"ebrule follows no {what} in a JSONPath, as there is {where}"
    return f"this is no JSONPath: it goes wrong {where}"


def _step(found: re.Match[str], *, is_last: bool) -> _Step:
    deep = ".." in (found["dots"], found["before"])
    if found["any"] or found["every"]:
        return _Step(_all_of, is_definite=False, deep=deep)
    if found["indexes"]:
        indexes = [int(index) for index in found["indexes"].split(",")]
        return _Step(lambda value, _: _at(value, indexes), len(indexes) == 1, deep, looks=len(indexes))
    if found["slice"]:
        return _Step(_slice(found["slice"]), is_definite=False, deep=deep)
    names = [found["name"]] if found["name"] else [_unquoted(name) for name in re.findall(_QUOTED, found["names"])]
    if len(names) > 1 and is_last:
        return _Step(lambda value, strict: [_picked(value, names, strict=strict)], True, deep, looks=len(names))
    return _Step(lambda value, strict: _named(value, names, strict=strict), len(names) == 1, deep, looks=len(names))


def _unquoted(name: str) -> str:
    return _ESCAPE.sub(r"\1", name[1:-1])


def _descent(value: Any) -> Iterator[Any]:
    """Yield a value and everything below it, each before what is below it."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += reversed(_children(current))


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []


def _all_of(value: Any, _strict: bool) -> list[Any]:
    return _children(value)


def _named(value: Any, names: list[str], *, strict: bool) -> list[Any]:
    """Return the values of these keys; of several, without ``strict``, those that are there."""
    if not isinstance(value, Mapping):
        raise _NotThereError(lacks=False)
    if any(name not in value for name in names) and (strict or len(names) == 1):
        raise _NotThereError(lacks=True)
    return [value[name] for name in names if name in value]


def _picked(value: Any, names: list[str], *, strict: bool) -> dict[str, Any]:
    """Return an object of these keys alone: what a path that ends in several names leads to."""
    _named(value, names, strict=strict)
    return {name: value[name] for name in names if name in value}


def _at(value: Any, indexes: Iterable[int]) -> list[Any]:
    if not isinstance(value, list):
        raise _NotThereError(lacks=False)
    return [value[index] for index in indexes if -len(value) <= index < len(value)]


def _slice(text: str) -> Callable[[Any, bool], list[Any]]:
    """Return what takes ``from:to`` of a list. Both given, they are not counted from the end, but their places are."""
    start, end = (int(part) if part else None for part in text.split(":"))
    if start is None and end is None:
        raise JsonPathError("a slice needs a beginning or an end; [*] is every element")

    def select(value: Any, _strict: bool) -> list[Any]:
        if not isinstance(value, list):
            raise _NotThereError(lacks=False)
        if start is None or end is None:
            return value[start:end]
        return _at(value, range(max(start, -len(value)), min(len(value), end)))

    return select
