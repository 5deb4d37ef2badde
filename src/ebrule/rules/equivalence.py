"""When two states of a rule say the same, and when one contains what a run changed. Pure.

An org need not store a body as it was sent, so no other comparison is made anywhere. Null, absent, ``[]``, ``{}`` and
``""`` are one; numbers are compared by value, and never equal a boolean; the order of a list counts only where the kind
gives it a meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ebrule.rules.elements import by_key, is_keyed

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Shape

_EXACT = 1e22
"""The largest power of ten that a float holds exactly; beyond, a float and a whole number are not the same."""


def canonical(value: Any) -> str:
    """Return a text that is the same for equivalent values, and only for them: sorted JSON without the empty."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return the value with None for what is empty, and without the members of a mapping that are."""
    if isinstance(value, Mapping):
        return {key: plain for key, item in value.items() if (plain := _plain(item)) is not None} or None
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value] or None
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return None if value == "" else value


def equivalent(shape: Shape, one: Data, other: Data) -> bool:
    """Return whether two contents say the same."""
    return canonical(_unordered(shape, "", one)) == canonical(_unordered(shape, "", other))


def _unordered(shape: Shape, path: str, value: Any) -> Any:
    """Return a value in which lists whose order means nothing are told by what their elements are known by."""
    if key := shape.keyed.get(path):
        return by_key(key, value) if is_keyed(key, value) else value
    if path in shape.sets and isinstance(value, list):
        return sorted({canonical(item) for item in value})
    if isinstance(value, Mapping) and (not path or path in shape.objects):
        return {name: _unordered(shape, f"{path}.{name}" if path else name, item) for name, item in value.items()}
    return value
