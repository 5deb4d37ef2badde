"""Data → YAML that every reader of YAML, 1.1 or 1.2, understands alike, and that can be printed as it is.

Not PyYAML's emitter: its two implementations differ (the C one escapes emoji), and both leave ``y``,
``0o17``, ``1e5`` and bidirectional controls as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ebrule.rulefile.document import KEEP
from ebrule.rulefile.scalars import float_text, kind_of
from ebrule.sanitizer import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrule.rulefile.places import Path

    Comments = Mapping[Path, Iterable[str]]

# Narrower than YAML's own rule, which few know by heart: a text that needs thought is quoted.
_SAFE: Final = re.compile(r"[\w/$(^](?:[^:#]|:(?! |$)|(?<! )#)*")
_LIKE_A_NUMBER: Final = re.compile(r"[0-9][0-9_.,:+\-TtZz ]*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
# An implicit key may be 1,024 characters long; longer ones are written as "? key".
_LONGEST_KEY: Final = 1000


def dump_yaml(data: Mapping[str, Any], comments: Comments | None = None) -> str:
    """Write data as YAML in block style, in the order that it has, so that ``parse`` reads back the same.

    Args:
        data: Mappings with string keys, lists, strings, finite numbers, booleans, None and ``KEEP``.
        comments: The lines to write above the entry of a mapping, by its path.

    Raises:
        ValueError: A number is infinite or NaN.
        TypeError: A value is of another type.
    """
    return "\n".join(_lines(data, comments or {}, ())) + "\n"


def comment_lines(text: str) -> list[str]:
    """The lines of a text as comments, of printable characters only."""
    return [_visible(clean(f"# {line}")).rstrip() for line in text.split("\n")]


def _lines(value: Any, comments: Comments, path: Path) -> list[str]:
    """The lines of a value, its first line fit to follow a key or a dash."""
    if isinstance(value, Mapping):
        entries = (_entry(key, entry, comments, (*path, key)) for key, entry in value.items())
        return [line for lines in entries for line in lines] or ["{}"]
    if isinstance(value, (list, tuple)):
        items = (_under("- ", _lines(item, comments, (*path, index))) for index, item in enumerate(value))
        return [line for lines in items for line in lines] or ["[]"]
    if isinstance(value, str) and _fits_a_block(value):
        text = _unsubstituted(value)
        body = [line and f"  {line}" for line in text.removesuffix("\n").split("\n")]
        return ["|" if text.endswith("\n") else "|-", *body]
    return [_scalar(value)]


def _entry(key: str, value: Any, comments: Comments, path: Path) -> list[str]:
    """The lines of a mapping's entry, which stands at a path, below its comments."""
    text, lines = _string(key), _lines(value, comments, path)
    heads = [*comments.get(path, ()), *([f"{text}:"] if len(text) <= _LONGEST_KEY else [f"? {text}", ":"])]
    if isinstance(value, (Mapping, list, tuple)) and value:
        return [*heads, *_under("  ", lines)]
    return [*heads[:-1], f"{heads[-1]} {lines[0]}", *lines[1:]]


def _under(head: str, lines: list[str]) -> list[str]:
    """Lines, the first after a head of two characters, the others indented as far."""
    return [head + lines[0], *(line and f"  {line}" for line in lines[1:])]


def _scalar(value: Any) -> str:
    """A value that takes one line."""
    if value is KEEP:
        return _double_quoted(KEEP.value)
    if isinstance(value, str):
        return _string(_unsubstituted(value))
    if isinstance(value, float):
        return _finite(value)
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__} cannot be written into a rule file")


def _finite(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written into a rule file")
    return float_text(value)


def _unsubstituted(text: str) -> str:
    """Text in which no ``${`` is taken for a substitution."""
    return text.replace("${", "$${")


def _string(text: str) -> str:
    """A string, quoted unless every reader takes it for text as it is."""
    plain = (
        text.isprintable()
        and clean(text) == text
        and _SAFE.fullmatch(text)
        and not text.endswith(" ")
        and "${" not in text
        and kind_of(text) == "text"
        and text.lower() not in _WORDS
        and not _LIKE_A_NUMBER.fullmatch(text)
    )
    return text if plain else _double_quoted(text)


def _double_quoted(text: str) -> str:
    """A string in double quotes; what cannot be seen (controls, bidirectional ones too) is escaped."""
    # Python's escapes for such characters, \xNN, \uNNNN and \UNNNNNNNN, are YAML's own.
    return _visible(json.dumps(text, ensure_ascii=False))


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _fits_a_block(text: str) -> bool:
    """Whether a literal block shows the text well: several lines, none with anything odd at its ends."""
    lines = text.removesuffix("\n").split("\n")
    return (
        "\n" in text
        and clean(text) == text
        and bool(lines[0])
        and bool(lines[-1])
        and not lines[0].startswith(" ")
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )
