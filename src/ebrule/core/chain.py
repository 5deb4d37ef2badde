"""The ledger's chain: what a line of it is, how lines are read either way, and what proves them whole.

A ledger is JSON Lines. Each line ends with the SHA-256 of the line before (``prev``), so that a change of
any line shows in its successor; the last line has none, which is why its own hash (the *head*) is kept
outside too.

A killed writer can leave half a line. The next writer closes it off with a newline and a ``repair`` record
that tells what it found: ``torn_bytes`` and ``torn_sha256`` of the torn bytes, and ``torn_prev``, the hash
of the line before them, since a torn line has lost its own. So the chain holds over torn bytes too, and an
edit is no torn line. Blank lines at the end, as an editor may leave them, are closed off in the same way.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ebrule.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GENESIS = "0" * 64
"""What ``prev`` says in the first record, and the head of a ledger without records."""

SCHEMA = 1
MAX_LINE = 64 * 1024 * 1024
"""Bytes in the longest line that is taken for one; a record holds a few replies, of 1 MiB at most."""

Record: TypeAlias = dict[str, Any]

_BLOCK = 64 * 1024  # read at once from the tail, where few lines are wanted
_WALKED = 1024 * 1024  # read at once where all lines are
_START = b'{"schema":1,"type":"'
_TEXT_KEYS = ("type", "timestamp", "operation_id", "prev")
_HASH = re.compile(r"[0-9a-f]{64}")
# Whatever a reader may take for the end of a line, a terminal for a command, or UTF-8 cannot hold: DEL and
# C1, direction marks, U+2028 and U+2029, lone surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def digest(raw: bytes) -> str:
    """The SHA-256 of these bytes, 64 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def encode(record: Record) -> bytes:
    """One line, without its newline: compact JSON in UTF-8, in which no text can end the line.

    Raises:
        TypeError: a value is nothing that JSON has.
        ValueError: a number is NaN, infinite or too long, or the record holds itself.
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def decode(raw: bytes) -> Record:
    """The record that a line holds.

    Raises:
        ValueError: the line is no JSON, or no record; the message says which.
    """
    try:
        record = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ValueError(f"is not a record of schema {SCHEMA}")
    if not all(isinstance(record.get(key), str) for key in _TEXT_KEYS) or not _HASH.fullmatch(record["prev"]):
        raise ValueError("is a record without " + ", ".join(_TEXT_KEYS))
    return record


@dataclass  # not frozen: a walk makes one for each line, and a frozen one takes twice as long
class Entry:
    """One line of a ledger; do not change it.

    ``raw`` has no newline; ``offset`` counts bytes from the file's start; ``line_number`` counts from 1, and
    is None where the lines before were not read. Not ``terminated``: its newline is missing, so it is torn
    or being written.
    """

    raw: bytes
    offset: int
    line_number: int | None = None
    terminated: bool = True

    @cached_property
    def head(self) -> str:
        """The SHA-256 of this line: the ledger's head as long as it is the last one."""
        return digest(self.raw)

    @property
    def record(self) -> Record | None:
        """What the line holds, or None for one that is no record."""
        return None if isinstance(self._content, str) else self._content

    @property
    def flaw(self) -> str | None:
        """Why the line is no record, as the end of a sentence about it; None for one that is."""
        return self._content if isinstance(self._content, str) else None

    @cached_property
    def _content(self) -> Record | str:
        try:
            return decode(self.raw)
        except ValueError as flaw:
            return str(flaw)

    @property
    def torn(self) -> bool:
        """Whether a killed writer left this line: without newline, or closed off but for a repair record; or blank."""
        cut = is_start(self.raw) and not self.raw.endswith(b"}")
        return not self.terminated or cut or self.is_blank

    @property
    def is_blank(self) -> bool:
        """Whether the line has its newline and nothing else that can be seen: no writer of ebrule leaves such a one."""
        return self.terminated and not self.raw.strip()


def is_start(raw: bytes) -> bool:
    """Whether a file that begins with these bytes may be a ledger; an empty one may."""
    return _START.startswith(raw[: len(_START)])


def forwards(descriptor: int, start: int = 0) -> Iterator[Entry]:
    """The lines from the byte offset ``start`` to the end, one in memory at a time.

    Raises:
        LedgerError: a line is longer than `MAX_LINE`, which no ledger's is.
    """
    with open(descriptor, "rb", buffering=_WALKED, closefd=False) as file:
        file.seek(start)
        offset, number = start, 1
        while line := file.readline(MAX_LINE + 2):
            terminated = line.endswith(b"\n")
            raw = line[:-1] if terminated else line
            _check_length(raw)
            yield Entry(raw, offset, None if start else number, terminated)
            offset += len(line)
            number += 1


def backwards(descriptor: int, containing: bytes = b"") -> Iterator[Entry]:
    """The lines from the last one to the first, read in blocks, so that the cost of a few is that of a few.

    Args:
        descriptor: The file.
        containing: Tell only of lines with these bytes; blocks without them are not even told apart into lines.

    Raises:
        LedgerError: a line is longer than `MAX_LINE`, which no ledger's is.
    """
    position = end = os.fstat(descriptor).st_size
    rest = b""  # read, not yet told apart into lines; begins at `position`
    terminated = False
    while position:
        # Doubles within a long line: linear in its length.
        step = min(position, max(_WALKED if containing else _BLOCK, len(rest)))
        position -= step
        rest, newline, lines = (os.pread(descriptor, step, position) + rest).partition(b"\n")
        _check_length(rest)
        if not newline:
            continue
        if containing not in lines:
            end -= len(lines) + 1
            terminated = True
            continue
        for line in reversed(lines.split(b"\n")):
            # What follows the last newline is a line only if there is something.
            if (line or terminated) and containing in line:
                yield Entry(line, end - len(line), terminated=terminated)
            end -= len(line) + 1
            terminated = True
    if (rest or terminated) and containing in rest:
        yield Entry(rest, 0, terminated=terminated)


def _check_length(raw: bytes) -> None:
    if len(raw) > MAX_LINE:
        raise LedgerError("a line of the ledger is longer than any record", hint="Is this a ledger of ebrule?")


def tail(descriptor: int) -> tuple[str, list[Entry]]:
    """The hash of the last line that is not torn, and the torn lines after it, if any, in file order."""
    torn: list[Entry] = []
    for entry in backwards(descriptor):
        if not entry.torn:
            return entry.head, torn[::-1]
        torn.append(entry)
    return GENESIS, torn[::-1]


def repair_fields(prev: str, torn: Iterable[Entry]) -> Record:
    """What a repair record tells about the torn lines that follow the line whose hash is ``prev``."""
    raw = b"\n".join(entry.raw for entry in torn)
    return {"torn_bytes": len(raw), "torn_sha256": digest(raw), "torn_prev": prev}


class Verification(NamedTuple):
    """What walking the chain found.

    Attributes:
        records: Records found right, from the first line on; all of them where ``ok``.
        repaired: Torn lines that a repair record accounts for. They are fine: a run was killed there.
        torn_tail: Bytes of an unfinished last line. They are fine: a writer is at it, or was killed.
        head: The hash of the last record found right.
        added: Records after the one whose hash was expected; None where none was expected, or found.
        line: The first line that is wrong, counted from 1; None where no single line is.
        problem: What is wrong with it, as the end of a sentence about it; None where nothing is.
    """

    records: int = 0
    repaired: int = 0
    torn_tail: int = 0
    head: str = GENESIS
    added: int | None = None
    line: int | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the chain holds, and the expected head, if any, is part of it."""
        return self.problem is None


def verify(entries: Iterable[Entry], expect_head: str | None = None) -> Verification:
    """Walk the chain from its first line to the first that is wrong.

    Every change of a line shows in its successor. The last line has none: what was done to it, and lines cut
    off after it, show only against a head that was kept elsewhere, ``expect_head``. Lines that were added
    since are fine.
    """
    walk = _Walk()
    expected_at = 0 if expect_head == GENESIS else None
    for entry in entries:
        if flaw := walk.step(entry):
            return walk.result(flaw)
        if walk.head == expect_head:
            expected_at = walk.records
    if flaw := walk.unfinished():
        return walk.result(flaw)
    if expect_head is not None and expected_at is None:
        return walk.result((None, "no line has the expected head: the ledger's end was cut off or changed"))
    return walk.result(None, expected_at)


def verify_newest(newest: Iterable[Entry], most: int) -> str | None:
    """Walk the chain of a ledger's newest lines, and return what is wrong, as the end of a sentence, or None.

    Args:
        newest: The lines from the last to the first, as `backwards` gives them.
        most: How many of them to walk. A ledger without more is walked from its beginning.
    """
    lines = list(islice(newest, most + 1))[::-1]
    walk = _Walk()
    if len(lines) > most:  # what the first of them continues is not looked at
        first = next((at for at, line in enumerate(lines) if not line.torn and line.record), len(lines))
        walk.head = lines[first].head if first < len(lines) else GENESIS
        lines = lines[first + 1 :]
    flaw = next(filter(None, map(walk.step, lines)), None) or walk.unfinished()
    return flaw and flaw[1]


_UNREPAIRED = "and no repair record accounts for it"
_BLANK = f"is blank, {_UNREPAIRED}"
_Flaw: TypeAlias = tuple[int | None, str]


class _Walk:
    """How far the chain was found to hold."""

    def __init__(self) -> None:
        from ebrule.core.envelope import prev_of  # noqa: PLC0415 - pydantic is heavy, and few commands walk the chain

        self._named = prev_of
        self.head = GENESIS
        self.records = 0
        self._repaired = 0
        self._torn: list[Entry] = []  # lines that are no records, until their repair record comes

    def step(self, entry: Entry) -> _Flaw | None:
        """Take the next line; what is wrong with it, or with the torn ones before it."""
        if entry.terminated and not self._torn and self._named(entry.raw) == self.head:
            self._take(entry)
            return None
        record = entry.record if entry.terminated else None
        if record is None:
            self._torn.append(entry)
            # Only the last of several torn lines may be any bytes: `tail` knows the others by their look.
            return None if all(line.torn for line in self._torn[:-1]) else self._flaw()
        if self._torn and not _tells(record, repair_fields(self.head, self._torn)):
            return self._flaw()
        if record["prev"] != (self._torn[-1].head if self._torn else self.head):
            return entry.line_number, "does not continue the line before: one of the two was changed"
        self._repaired += len(self._torn)
        self._torn = []
        self._take(entry)
        return None

    def _take(self, entry: Entry) -> None:
        self.head = digest(entry.raw)
        self.records += 1

    def unfinished(self) -> _Flaw | None:
        """What is wrong with last lines that no repair record follows; torn ones may wait for theirs."""
        if not all(line.torn for line in self._torn):
            return self._flaw()
        why = f"{_BLANK}: an editor may have added it, and the next update records one"
        return next(((line.line_number, why) for line in self._torn if line.is_blank), None)

    def result(self, flaw: _Flaw | None, expected_at: int | None = None) -> Verification:
        """What was found, now that the walk is over."""
        line, problem = flaw or (None, None)
        return Verification(
            records=self.records,
            repaired=self._repaired,
            torn_tail=0 if flaw else sum(len(entry.raw) for entry in self._torn),
            head=self.head,
            added=None if expected_at is None else self.records - expected_at,
            line=line,
            problem=problem,
        )

    def _flaw(self) -> _Flaw:
        first = self._torn[0]
        return first.line_number, _BLANK if first.is_blank else f"{first.flaw}, {_UNREPAIRED}"


def _tells(record: Record, repair: Record) -> bool:
    return record["type"] == "repair" and repair.items() <= record.items()
