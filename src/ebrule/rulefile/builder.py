"""Data with places, built piece by piece from what a reader finds in the text."""

from __future__ import annotations

import json
import re
from math import isinf
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ebrule.errors import Problem, Source
from ebrule.rulefile.document import KEEP, Document
from ebrule.rulefile.places import Layout, Places
from ebrule.rulefile.problems import invalid, problem, quoted
from ebrule.rulefile.scalars import CONSTANTS, clear_ways

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.rulefile.places import Path, Span
    from ebrule.rulefile.scalars import Notation

MAX_DEPTH: Final = 20
MAX_DIGITS: Final = 40
MAX_PROBLEMS: Final = 100
# A short file can name a long variable often.
MAX_FILLED_IN: Final = 256 * 1024

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_SUBSTITUTION: Final = re.compile(r"\$\$\{|\$\{(?P<inner>[^{}]*)\}|\$\{")
_VARIABLE: Final = re.compile(r"(?P<source>env|var):(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_PLAIN_ALONE: Final = re.compile(r"\$\{var:(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_NOTHING: Final = object()
# What takes the place of half a character, so that the rest can be checked.
_NO_CHARACTER: Final = "\ufffd"


class Stop(Exception):  # noqa: N818 - not an error of its own: the builder's problems say what is wrong
    """The reader cannot, or need not, go on."""


class _Open:
    """A mapping or list that has begun and not ended; ``key`` is that whose value comes next.

    ``start`` and ``end`` are those of its opening bracket; a block has none.
    """

    def __init__(self, data: Any, path: Path, start: int, end: int, is_key: bool) -> None:
        self.data = data
        self.path = path
        self.start = start
        self.end = end
        self.is_key = is_key
        self.key: str | None = None


class Builder:
    """Takes the pieces of a document in order, and keeps their data, their places and their problems.

    A reader calls ``scalar``, ``begin`` and ``end`` with offsets into the text. No piece nests deeper than
    ``MAX_DEPTH``, so that a reader may call itself for each level.

    Args:
        text: The whole text.
        name: The file's name.
        environ: Where variables have their values; if None, ``${`` is text as any other.
        allow_unset: Whether a variable that is not set is a warning, and not an error.
    """

    def __init__(self, text: str, name: str, environ: Mapping[str, str] | None, *, allow_unset: bool = False) -> None:
        self.problems: list[Problem] = []
        self._errors = 0
        self._allow_unset = allow_unset
        self._text = text
        self._environ = environ or {}
        self._substitutes = environ is not None
        self._layout = Layout(text)
        self._source = Source(name, self._layout.lines)
        self._root: Any = _NOTHING
        self._stack: list[_Open] = []
        self._last_end = 0
        self._values: dict[Path, Span] = {}
        self._keys: dict[Path, Span] = {}
        self._secrets: set[str] = set()
        self._as_text: dict[Path, str] = {}
        self._from_environ: dict[Path, str] = {}
        self._filled_in = 0
        self._is_whole = False

    # What a reader tells.

    def scalar(self, value: Any, start: int, end: int, notation: Notation | None = None) -> None:
        """A key or a value that is neither a mapping nor a list.

        Args:
            value: What it is.
            start: Where it begins.
            end: Where it ends.
            notation: How to read the value of a ``${var:NAME}`` that is all of ``value``; if None, it is text.
        """
        if start < end:
            self._last_end = end
        if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
            hint = "write the character itself, or both halves if this is JSON"
            self.report("invalid-escape", start, end, what="half of a surrogate pair", hint=hint)
            value = _SURROGATE.sub(_NO_CHARACTER, value)
        if self.awaits_key:
            self._add_key(value, start, end)
            return
        path = self.path
        # A value left empty has no text to point at, but its key has.
        self._values[path] = (start == end and self._keys.get(path)) or (start, end)
        if self._substitutes and isinstance(value, str) and "${" in value:
            value = self._substitute(value, start, end, notation)
        self._add_value(value)

    def begin(self, data: dict[str, Any] | list[Any], start: int, end: int) -> None:
        """A mapping or a list begins; ``data`` is empty and will be filled."""
        if len(self._stack) == MAX_DEPTH:
            self.stop("too-deep", start, end, limit=MAX_DEPTH)
        opened = _Open(data, self.path, start, end, self.awaits_key)
        if not opened.is_key:
            self._add_value(data)
        self._stack.append(opened)

    def end(self, end: int | None = None) -> None:
        """The mapping or list that began last ends; without an offset, where its last part did."""
        if end is not None:
            self._last_end = end
        closed = self._stack.pop()
        if closed.is_key:
            self._add_key(closed.data, closed.start, self._last_end)
        else:
            self._values[closed.path] = closed.start, self._last_end

    def number(self, text: str, start: int, end: int) -> int | float:
        """The value of a number in decimal notation; out of bounds is reported."""
        if sum(char.isdigit() for char in text) > MAX_DIGITS:
            self.report("number-too-long", start, end, text=quoted(text), limit=MAX_DIGITS)
            return 0
        if text.lstrip("+-").isdigit():
            return int(text)
        value = float(text)
        if isinf(value):
            self.report("number-too-large", start, end, text=text)
        return value

    def report(self, kind: str, start: int, end: int, **parts: Any) -> None:
        """Note a problem of the next piece, and go on unless there are too many.

        Args:
            kind: The problem's id.
            start: Where what is wrong begins.
            end: Where it ends.
            parts: What fills the gaps of the problem's wording.

        Raises:
            Stop: There are ``MAX_PROBLEMS`` now.
        """
        self._note(problem(kind, path=self.path, place=self._layout.place(start, end), **parts))

    def stop(self, kind: str, start: int, end: int, **parts: Any) -> NoReturn:
        """Note a problem, as ``report`` does, after which the reader cannot go on.

        Raises:
            Stop: Always.
        """
        self.report(kind, start, end, **parts)
        raise Stop

    # What a reader asks.

    @property
    def awaits_key(self) -> bool:
        """Whether the next piece is a key of a mapping."""
        return bool(self._stack) and isinstance(self._stack[-1].data, dict) and self._stack[-1].key is None

    @property
    def in_brackets(self) -> bool:
        """Whether the next piece is one of a mapping or list in brackets, and not of a block."""
        return bool(self._stack) and self._stack[-1].start < self._stack[-1].end

    @property
    def path(self) -> Path:
        """The path of the next piece; that of the mapping, if the next is a key."""
        if not self._stack:
            return ()
        around = self._stack[-1]
        if isinstance(around.data, list):
            return (*around.path, len(around.data))
        return around.path if around.key is None else (*around.path, around.key)

    # The whole.

    def check_text(self) -> None:
        """Refuse a blank text, and one that no file in UTF-8 can hold: it need not come from a file."""
        if not self._text.strip():
            self.stop("empty-file", 0, 0)
        if found := _SURROGATE.search(self._text):
            start, end = found.span()
            offset = len(self._text[:start].encode())
            self.stop("not-utf8", start, end, message=f"byte {offset} is not UTF-8")

    def check_root(self) -> None:
        """Refuse a whole that is not a mapping."""
        if self._root is _NOTHING or self._root is None:
            self.report("empty-file", 0, 0)
        elif not isinstance(self._root, dict):
            what = "a list" if isinstance(self._root, list) else "a single value"
            self._note(problem("not-a-mapping", place=self._layout.place(*self._values[()]), what=what))
        else:
            self._is_whole = True

    def document(self, *, tolerant: bool) -> Document:
        """What was built.

        Args:
            tolerant: Give a whole mapping with its problems.

        Raises:
            InvalidRuleError: There are problems.
        """
        if self._errors and not (tolerant and self._is_whole):
            raise invalid(self.problems, self._source)
        secrets = frozenset(self._secrets)
        values, keys = Places(self._layout, self._values), Places(self._layout, self._keys)
        problems = tuple(self.problems)
        return Document(
            self._source,
            self._root,
            values,
            keys,
            secrets,
            problems,
            as_text=self._as_text,
            from_environ=self._from_environ,
        )

    # Putting it together.

    def _note(self, found: Problem) -> None:
        self.problems.append(found)
        self._errors += found.severity == "error"
        if self._errors == MAX_PROBLEMS:
            raise Stop

    def _add_key(self, value: Any, start: int, end: int) -> None:
        key = value if isinstance(value, str) else self._text[start:end]
        if not isinstance(value, str):
            self.report("non-string-key", start, end, text=quoted(key))
        around = self._stack[-1]
        around.key = key
        if key in around.data:
            first = self._layout.place(*self._keys[self.path])
            self.report("duplicate-key", start, end, text=quoted(key), line=first.line, column=first.column)
        else:
            self._keys[self.path] = start, end

    def _add_value(self, value: Any) -> None:
        if not self._stack:
            self._root = value
            return
        around = self._stack[-1]
        if isinstance(around.data, list):
            around.data.append(value)
        else:
            around.data[around.key] = value
            around.key = None

    def _substitute(self, text: str, start: int, end: int, notation: Notation | None) -> Any:
        """What a text with ``${…}`` stands for: text, or, where one ``${var:NAME}`` is all of it, any single value."""
        if text == KEEP.value:
            return KEEP
        is_complete = True

        def fill(found: re.Match[str]) -> str:
            nonlocal is_complete
            if found[0] == "$${":
                return "${"
            if variable := _VARIABLE.fullmatch(found["inner"] or ""):
                value = self._variable(variable["name"], found[0], start, end)
                if variable["source"] == "env":
                    self._from_environ[self.path] = text
                    self._secrets |= {value} if value else set()
                is_complete &= bool(value)
                return value
            kind = "misplaced-keep" if found[0] == KEEP.value else "unknown-substitution"
            self.report(kind, start, end, text=quoted(found[0]))
            return found[0]

        filled = _SUBSTITUTION.sub(fill, text)
        alone = _PLAIN_ALONE.fullmatch(text)
        if alone and notation and is_complete:
            return self._as_written(alone["name"], filled, notation, start, end)
        return filled

    def _variable(self, name: str, reference: str, start: int, end: int) -> str:
        """The value of an environment variable; empty where it is not set, which is reported."""
        value = self._environ.get(name)
        if not value:  # what a pipeline gives for a secret that is not there
            self._note_unset(name, reference, start, end)
            return ""
        if _SURROGATE.search(value):
            self.report("invalid-variable", start, end, name=name)
            value = _SURROGATE.sub(_NO_CHARACTER, value)
        self._filled_in += len(value)
        if self._filled_in > MAX_FILLED_IN:
            self.stop("substitution-too-large", start, end, limit=MAX_FILLED_IN)
        return value

    def _note_unset(self, name: str, reference: str, start: int, end: int) -> None:
        place = self._layout.place(start, end)
        found = problem("unset-variable", path=self.path, place=place, name=name, reference=reference)
        self._note(found._replace(severity="warning") if self._allow_unset else found)

    def _as_written(self, name: str, value: str, notation: Notation, start: int, end: int) -> Any:
        """The value of the variable ``name`` as if it stood in the file; blanks around it mean nothing."""
        text = value.strip(" \t\r\n")
        if not text:
            self._note_unset(name, f"${{var:{name}}}", start, end)
            return ""
        if text.startswith('"'):
            return _unquoted(text)
        kind = notation.kind_of(text)
        if kind == "text":
            return text
        if kind == "ambiguous":
            subject = f"the value of {name}, {quoted(text)},"
            self.report("ambiguous-scalar", start, end, subject=subject, hint=clear_ways(text, name))
            return text
        self._as_text[self.path] = notation.as_text.format(name=name, text=text)
        return self.number(text, start, end) if kind == "number" else CONSTANTS[kind]


def _unquoted(text: str) -> str:
    """What a text in double quotes says; the text as it is, where it is not a string in JSON's notation."""
    try:
        said = str(json.loads(text))
    except ValueError:
        return text
    return text if _SURROGATE.search(said) else said
