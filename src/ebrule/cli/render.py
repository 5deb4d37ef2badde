"""Every print of the command line, with the sanitiser in front of it.

Text from a file or a server is data: control characters are shown, never obeyed; no markup is read in it; and no
line of it can be taken for a pipeline's workflow command.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import select
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, TextIO
from weakref import WeakKeyDictionary

from ebrule.cli.signals import note_document
from ebrule.sanitizer import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

Part = str | tuple[str, str]
"""A piece of a line: its text, or its text and the name of a style."""

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "good": "bold green",
    "added": "green",
    "removed": "red",
    "changed": "yellow",
    "faint": "dim",
    "strong": "bold",
}

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:@?=&%+~$*,-]+")
_SHOWN_LENGTH = 200
_DOUBLED_HASH = re.compile("#(?=#)")  # what begins a pipeline's command


_TESTS = {
    tuple(sorted(keys)): keys
    for keys in (
        ("field", "operator", "value"),
        ("jsonPath", "operator", "value"),
        ("jsonPath", "operator", "values"),
    )
}
"""The keys of a condition or a criterion, in the order in which they are read."""


def value_text(value: Any) -> str:
    """Return a value of a rule as one line: a condition as its three words, a plain word as it is, the rest as JSON."""
    if isinstance(value, Mapping) and tuple(sorted(value)) in _TESTS:
        subject, operator, operand = _TESTS[tuple(sorted(value))]
        return clean(f"{value[subject]} {value[operator]} {_json(value[operand])}")
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value) and not _is_json(value):
        return clean(value)
    text = clean(_json(value))
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def one_line(text: str) -> str:
    """Return text that is to stand within a line: its line breaks and tabs are shown, not obeyed."""
    return clean(text.replace("\n", "\\n").replace("\t", "\\t"))


# What GitHub's runner decodes in a workflow command, and so would obey if it came from a file.
_IN_A_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_A_PROPERTY = _IN_A_MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def _escaped(text: str, table: Mapping[int, str]) -> str:
    return clean(text).translate(table)


class Screen:
    """Standard output and standard error, coloured only where a person looks at them.

    ``lost`` is why some of the process's standard output was not written, where somebody should have had it: a disk
    that is full, say, but no reader that has gone.

    Args:
        out: for the result.
        err: for everything else.
        environ: ``NO_COLOR`` and ``TERM`` are looked at.
    """

    lost: ClassVar[OSError | None] = None

    def __init__(
        self, out: TextIO | None = None, err: TextIO | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        environ = os.environ if environ is None else environ
        self._out = _Stream(out or sys.stdout, environ, self.note_loss)
        self._err = _Stream(err or sys.stderr, environ)

    @staticmethod
    def note_loss(error: Exception) -> None:
        """Note that standard output could not be written; where its reader has gone, nobody misses the rest."""
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            Screen.lost = error

    @property
    def is_watched(self) -> bool:
        """Whether a person watches standard error."""
        return self._err.is_terminal

    @property
    def width(self) -> int | None:
        """How many columns the terminal has; None where nobody watches."""
        watched = self._out.is_terminal or self._err.is_terminal
        return shutil.get_terminal_size().columns if watched else None

    def out(self, *parts: Part) -> None:
        """Print a line of the result."""
        self._out.line(parts)

    def err(self, *parts: Part) -> None:
        """Print a line beside the result."""
        self._err.line(parts)

    def json(self, document: Any) -> None:
        """Print the one JSON document of the run: all ASCII, so that nothing in it needs to be cleaned."""
        note_document()
        text = json.dumps(document, indent=2)
        self._out.write(_DOUBLED_HASH.sub(r"\\u0023", text) + "\n")

    def annotation(self, level: str, message: str, **properties: str | int) -> None:
        """Print a workflow command of GitHub Actions: the one line that a pipeline is meant to obey.

        Args:
            level: the command, such as ``error``.
            message: any text; its line breaks stay.
            properties: such as ``file`` and ``line``.
        """
        given = ",".join(f"{name}={_escaped(str(value), _IN_A_PROPERTY)}" for name, value in properties.items())
        self._out.write(f"::{level} {given}::{_escaped(message, _IN_A_MESSAGE)}\n")

    def raw(self, text: str) -> None:
        """Print text that is meant for a file or another program: in UTF-8, whatever the terminal speaks."""
        self._out.write(clean(text), utf8=True)

    def console(self) -> Console:
        """Return rich's console for standard error, for what moves."""
        return self._err.console()


class _Stream:
    """One stream; where it is closed, full, or nobody reads it any more, the rest goes nowhere: the run goes on."""

    def __init__(
        self, stream: TextIO | None, environ: Mapping[str, str], note_loss: Callable[[Exception], None] | None = None
    ) -> None:
        self._stream = stream
        self._note_loss = note_loss
        self.is_terminal = stream is not None and stream.isatty()
        self._coloured = self.is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._console: Console | None = None

    def line(self, parts: tuple[Part, ...]) -> None:
        pieces = [(part, "") if isinstance(part, str) else part for part in parts]
        # Cleaned as a whole too: two harmless pieces could make a workflow command together.
        plain = clean("".join(text for text, _ in pieces))
        if self._coloured and any(style for _, style in pieces):
            from rich.text import Text

            styled = Text()
            for text, style in pieces:
                styled.append(clean(text), STYLES.get(style, ""))
            if styled.plain == plain:
                with self._while_there():
                    self.console().print(styled, soft_wrap=True)
                return
        self.write(plain + "\n")

    def write(self, text: str, *, utf8: bool = False) -> None:
        if self._stream is None:
            return
        as_utf8 = utf8 and not self.is_terminal
        data = text.encode() if as_utf8 else _encoder(self._stream).encode(text)
        with self._while_there():
            self._stream.flush()
            if hasattr(self._stream, "buffer"):
                _write_all(self._stream.buffer, data)
            else:
                self._stream.write(data.decode(self._stream.encoding or "utf-8"))

    @contextlib.contextmanager
    def _while_there(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            if self._note_loss is not None and not self.is_terminal:
                self._note_loss(error)
            self._stream, self.is_terminal, self._coloured = None, False, False

    def console(self) -> Console:
        if self._console is None:
            from rich.console import Console

            self._console = Console(
                file=self._stream, markup=False, highlight=False, emoji=False, no_color=not self._coloured
            )
        return self._console


_encoders: WeakKeyDictionary[TextIO, codecs.IncrementalEncoder] = WeakKeyDictionary()


def _encoder(stream: TextIO) -> codecs.IncrementalEncoder:
    """Return the one encoder of a stream, however many screens there are: UTF-16 has a mark before all text, once."""
    if stream not in _encoders:
        _encoders[stream] = codecs.getincrementalencoder(stream.encoding or "utf-8")("backslashreplace")
    return _encoders[stream]


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of it, and wait for its reader, also where the file is one that does not wait by itself."""
    rest = memoryview(data)
    while rest:
        rest = rest[_write_some(file, rest) :]
    while not _is_flushed(file):
        select.select([], [file], [])


def _write_some(file: BinaryIO, data: memoryview) -> int:
    try:
        written = file.write(data) or 0  # None is what a file without a buffer says for "not now"
    except BlockingIOError as full:
        written = full.characters_written
    if written < len(data):
        select.select([], [file], [])
    return written


def _is_flushed(file: BinaryIO) -> bool:
    try:
        file.flush()
    except BlockingIOError:
        return False
    return True
