"""The bytes of a rule file, read without ever waiting for something that is no file, and in bounds."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

from ebrule.errors import Source
from ebrule.rulefile.places import LINE_BREAK, Place
from ebrule.rulefile.problems import invalid, problem

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES: Final = 256 * 1024

_STDIN: Final = frozenset({"-", "/dev/stdin"})
# What a shell's <(command) hands over: a FIFO, but one that somebody is writing to.
_PROCESS_SUBSTITUTION: Final = re.compile(r"/(?:dev|proc/self)/fd/[0-9]+")
# How systems refuse to open a socket, or a device that is not there.
_NO_FILE: Final = frozenset({errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP})
# Not every system has all of them.
_OPEN_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)


def read_text(path: str | os.PathLike[str], stdin: IO[bytes] | None = None) -> tuple[str, str]:
    """Read a rule file; ``-`` is standard input.

    Args:
        path: The file; a regular one, or the FIFO of a shell's ``<(command)``.
        stdin: What ``-`` reads; the process's own standard input if None.

    Returns:
        The name to show to the user, and the text.

    Raises:
        InvalidRuleError: There is no such file, or it is not a file, too large, or not UTF-8.
    """
    name = os.fspath(path)
    shown = "<stdin>" if name == "-" else name
    try:
        data = _read_stdin(stdin) if name in _STDIN else _read_file(name)
    except (FileNotFoundError, NotADirectoryError):
        _refuse(shown, "file-not-found")
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) in _NO_FILE:
            _refuse(shown, "not-a-file", what="not a regular file")
        _refuse(shown, "unreadable-file", reason=getattr(error, "strerror", None) or error)
    if len(data) > MAX_BYTES:
        _refuse(shown, "file-too-large", limit=MAX_BYTES)
    return shown, _decode(data, shown)


def _read_stdin(stdin: IO[bytes] | None) -> bytes:
    if stdin is None and sys.stdin is None:
        raise ValueError("standard input is closed")
    return _drain((stdin or sys.stdin.buffer).read)


def _read_file(name: str) -> bytes:
    # Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
    descriptor = os.open(name, _OPEN_FLAGS)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) and _PROCESS_SUBSTITUTION.fullmatch(name):
            os.set_blocking(descriptor, True)
        elif not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            _refuse(name, "not-a-file", what=what)
        return _drain(lambda size: os.read(descriptor, size))
    finally:
        os.close(descriptor)


def _drain(read: Callable[[int], bytes | None]) -> bytes:
    """Everything that there is, or one byte more than is allowed."""
    data = bytearray()
    while len(data) <= MAX_BYTES:
        chunk = read(MAX_BYTES + 1 - len(data))
        if chunk is None:  # a non-blocking stream: what is left of a rule must not pass for the whole
            raise BlockingIOError("it ended before all of it was there")
        if not chunk:
            break
        data += chunk
    return bytes(data)


def _decode(data: bytes, name: str) -> str:
    if _looks_like_utf16(data):
        _refuse(name, "not-utf8", message="this looks like UTF-16, and not like UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        lines = LINE_BREAK.split(data[: error.start].decode())
        column, message = len(lines[-1]) + 1, f"byte {error.start} is not UTF-8"
        found = problem("not-utf8", place=Place(len(lines), column, column + 1), message=message)
        text = data.decode(errors="replace")
        raise invalid([found], Source(name, tuple(LINE_BREAK.split(text)))) from None


def _looks_like_utf16(data: bytes) -> bool:
    """Return whether it begins with a mark of UTF-16, or has a NUL in most places of one parity, and none in others."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    return data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or (not (even and odd) and 4 * (even + odd) > len(data))


def _refuse(name: str, kind: str, **parts: Any) -> NoReturn:
    raise invalid([problem(kind, **parts)], Source(name)) from None
