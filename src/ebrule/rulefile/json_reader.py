"""JSON text, strictly, told to a ``Builder``: the standard library's decoder gives no places."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NoReturn

from ebrule.rulefile.scalars import CONSTANTS, Notation

if TYPE_CHECKING:
    from ebrule.rulefile.builder import Builder
    from ebrule.rulefile.scalars import Kind

SYNTAX: Final = "json-syntax"

_SPACE: Final = re.compile(r"[ \t\r\n]+")
_WORD: Final = re.compile(r"[^\s,:\[\]{}\"]+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_STRINGS: Final = json.JSONDecoder()
_STRING_PIECE: Final = re.compile(r'[^"\\\x00-\x1f]+|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}')


def _kind_of(text: str) -> Kind:
    """What a value is outside of quotes; what JSON does not know there is text."""
    if text in CONSTANTS:
        return text  # type: ignore[return-value]  # the kinds are called as JSON spells them
    return "number" if _NUMBER.fullmatch(text) else "text"


# JSON has no unquoted text, so ``"${var:NAME}"`` is the only way to write a number that a variable holds.
JSON: Final = Notation(_kind_of, 'set {name} to "{text}", with the quotes')


def read_json(text: str, builder: Builder, notation: Notation | None = JSON) -> None:
    """Tell a builder what a JSON text holds.

    Args:
        text: The text.
        builder: What takes its pieces.
        notation: As for ``Builder.scalar``.

    Raises:
        Stop: The text is not JSON, or the builder has had enough.
    """
    reader = _Reader(text, builder, notation)
    reader.value()
    if reader.peek():
        reader.fail("the document has ended, yet more text follows")


class _Reader:
    """A position in the text that moves over one value after the other."""

    def __init__(self, text: str, builder: Builder, notation: Notation | None) -> None:
        self._text = text
        self._builder = builder
        self._notation = notation
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        if found := _SPACE.match(self._text, self._at):
            self._at = found.end()
        return self._text[self._at : self._at + 1]

    def value(self) -> None:
        """Read one value; the builder bounds how deep this calls itself."""
        opener = self.peek()
        if opener == "{":
            self._collection({}, "}")
        elif opener == "[":
            self._collection([], "]")
        elif opener == '"':
            self._string()
        else:
            self._word()

    def fail(self, message: str) -> NoReturn:
        """Stop at what comes next, which should not be there."""
        message = message if self.peek() else "the text ends too early"
        self._builder.stop(SYNTAX, self._at, self._at + len(self._next_word()), message=message)

    def _take(self, char: str) -> bool:
        """Step over a character if it comes next."""
        if self.peek() != char:
            return False
        self._at += 1
        return True

    def _next_word(self) -> str:
        found = _WORD.match(self._text, self._at)
        return found[0] if found else ""

    def _collection(self, data: dict[str, object] | list[object], closer: str) -> None:
        self._builder.begin(data, self._at, self._at + 1)
        self._at += 1
        if not self._take(closer):
            self._entry(data)
            while not self._take(closer):
                if not self._take(","):
                    self.fail(f'"," or "{closer}" is missing before this')
                self._entry(data)
        self._builder.end(self._at)

    def _entry(self, data: dict[str, object] | list[object]) -> None:
        if isinstance(data, dict):
            if self.peek() != '"':
                self.fail("a key in double quotes must stand here")
            self._string()
            if not self._take(":"):
                self.fail('":" is missing before this')
        self.value()

    def _string(self) -> None:
        start = self._at
        try:
            value, self._at = _STRINGS.raw_decode(self._text, start)
        except json.JSONDecodeError:
            self._stop_at_string(start)
        self._builder.scalar(value, start, self._at, self._notation)

    def _stop_at_string(self, start: int) -> NoReturn:
        """Stop at what is wrong with a string that the decoder refuses."""
        end = start + 1
        while piece := _STRING_PIECE.match(self._text, end):
            end = piece.end()
        if self._text[end:] in ("", "\\"):
            self._builder.stop(SYNTAX, start, start, message="the quote that opens here is never closed")
        if self._text[end] == "\\":
            self._builder.stop(SYNTAX, end, end + 2, message="this escape stands for no character")
        message = "a string holds a line break or another control character; write it as an escape"
        self._builder.stop(SYNTAX, end, end, message=message)

    def _word(self) -> None:
        """Read a number, a boolean or null."""
        start, word = self._at, self._next_word()
        end = start + len(word)
        value: object = None
        if word in CONSTANTS:
            value = CONSTANTS[word]
        elif _NUMBER.fullmatch(word):
            value = self._builder.number(word, start, end)
        elif word in _NOT_FINITE:
            self._builder.report("not-a-number", start, end, text=word)
        else:
            self.fail("this is no JSON value" if word else "a value must stand here")
        self._at = end
        self._builder.scalar(value, start, end)
