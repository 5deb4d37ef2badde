"""The ledger's lines and their chain: nothing in a record breaks them, and no change goes unnoticed."""

from __future__ import annotations

import itertools
import json
import os
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ebrule.core import chain, envelope
from ebrule.core.chain import GENESIS, Entry, Record, Verification
from ebrule.core.envelope import prev_of
from ebrule.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    Verify: TypeAlias = Callable[..., Verification]

OPERATION = "01890000-0000-7000-8000-000000000001"
TORN = b'{"schema":1,"type":"intent","timest'

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
quickly = settings(max_examples=50, deadline=None)


def line(prev: str, record_type: str = "intent", **fields: Any) -> bytes:
    """One record's line, without its newline."""
    envelope = {"schema": 1, "type": record_type, "timestamp": "2026-01-01T00:00:00.000000Z"}
    return chain.encode({**envelope, "operation_id": OPERATION, **fields, "prev": prev})


def ledger(*items: bytes | int) -> bytes:
    """A ledger: a number stands for that many records, bytes for torn ones, which the next record repairs."""
    lines: list[bytes] = []
    head, torn = GENESIS, list[Entry]()
    for item in items:
        if isinstance(item, bytes):
            lines.append(item)
            torn.append(Entry(item, 0))
            continue
        for number in range(item):
            prev, fields = (torn[-1].head, chain.repair_fields(head, torn)) if torn else (head, {"n": number})
            lines.append(line(prev, "repair" if torn else "intent", **fields))
            head, torn = chain.digest(lines[-1]), []
    return b"".join(each + b"\n" for each in lines)


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Verify these bytes, as a file."""

    def verify_bytes(raw: bytes, expect_head: str | None = None) -> Verification:
        with opened(tmp_path, raw) as descriptor:
            return chain.verify(chain.forwards(descriptor), expect_head)

    return verify_bytes


@contextmanager
def opened(folder: Path, raw: bytes) -> Iterator[int]:
    """A descriptor of a file of these bytes."""
    path = folder / "ledger"
    path.write_bytes(raw)
    with path.open("rb") as file:
        yield file.fileno()


def head_of(raw: bytes) -> str:
    """The hash of the last line."""
    return chain.digest(raw.splitlines()[-1])


# --- lines ------------------------------------------------------------------------------------------------


@quickly
@given(st.dictionaries(st.text(), json_values, max_size=3))
def test_a_record_is_one_line_for_every_reader(record: Record) -> None:
    """Whatever strings a record holds, its line is UTF-8, one line by any count, and reads back the same."""
    raw = chain.encode(record)

    assert len(raw.decode().splitlines()) == 1
    assert json.loads(raw) == json.loads(json.dumps(record))


@pytest.mark.parametrize("text", ["\u2028", "\u2029", "\x85", "\x9b31m", "\x7f", "\u202e", "\ud800", "\n\r\x1b"])
def test_what_could_drive_a_terminal_is_escaped(text: str) -> None:
    """Line ends, control and direction characters and lone surrogates stand as escapes, and read back."""
    raw = chain.encode({"text": text})

    assert raw.isascii()
    assert raw.decode().isprintable()
    assert json.loads(raw) == {"text": text}


def test_other_characters_stand_as_they_are() -> None:
    """Text in any language can be searched for in the file."""
    assert '{"text":"Größe 😀"}'.encode() == chain.encode({"text": "Größe 😀"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1}, b"bytes"])
def test_what_json_does_not_have_is_refused(value: object) -> None:
    """A value that JSON does not have is an error, rather than a line that others cannot read."""
    with pytest.raises((TypeError, ValueError)):
        chain.encode({"value": value})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a record of schema 1"),
        (b'{"schema":2}', "is not a record of schema 1"),
        (b'{"schema":1,"type":"intent"}', "is a record without"),
        (line("0"), "is a record without"),
    ],
)
def test_says_why_a_line_is_no_record(raw: bytes, reason: str) -> None:
    """A line that is no record has a reason, and reads as none."""
    with pytest.raises(ValueError, match=reason):
        chain.decode(raw)

    assert Entry(raw, 0).record is None
    assert str(Entry(raw, 0).flaw).startswith(reason)


# --- reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"\n", [(b"", 0, 1, True)], id="blank"),
        pytest.param(b"a\nbc\n", [(b"a", 0, 1, True), (b"bc", 2, 2, True)], id="whole"),
        pytest.param(b"a\n\nb", [(b"a", 0, 1, True), (b"", 2, 2, True), (b"b", 3, 3, False)], id="unfinished"),
    ],
)
def test_reads_lines_with_their_places(
    tmp_path: Path, raw: bytes, expected: list[tuple[bytes, int, int, bool]]
) -> None:
    """Each line has its bytes, offset, number, and whether its newline is there."""
    with opened(tmp_path, raw) as descriptor:
        entries = list(chain.forwards(descriptor))

    assert [Entry(*fields) for fields in expected] == entries


def test_reads_from_an_offset(tmp_path: Path) -> None:
    """From the offset of a line on, the same lines come, without numbers that nobody counted."""
    with opened(tmp_path, b"a\nbc\nd") as descriptor:
        assert [Entry(b"bc", 2), Entry(b"d", 5, terminated=False)] == list(chain.forwards(descriptor, 2))


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
@quickly
@given(raw=st.lists(st.sampled_from([b"\n", b"a", b"bcd", b"e" * 20])).map(b"".join))
def test_reads_the_same_lines_backwards(tmp_path_factory: pytest.TempPathFactory, block: int, raw: bytes) -> None:
    """From the tail come the same lines in the other order, wherever the blocks fall."""
    with opened(tmp_path_factory.getbasetemp(), raw) as descriptor, pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "_BLOCK", block)
        expected = [(entry.raw, entry.offset, entry.terminated) for entry in chain.forwards(descriptor)]
        backwards = [(entry.raw, entry.offset, entry.terminated) for entry in chain.backwards(descriptor)]

    assert expected == backwards[::-1]


@pytest.mark.parametrize("block", [1, 3, 64])
@quickly
@given(raw=st.lists(st.sampled_from([b"\n", b"a", b"bcd", b"e" * 20])).map(b"".join))
def test_finds_the_lines_with_some_bytes_backwards(
    tmp_path_factory: pytest.TempPathFactory, block: int, raw: bytes
) -> None:
    """Asked for the lines with some bytes, it gives those that are found by looking into each line."""
    with opened(tmp_path_factory.getbasetemp(), raw) as descriptor, pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "_WALKED", block)
        expected = [entry for entry in chain.backwards(descriptor) if b"cde" in entry.raw]

        assert expected == list(chain.backwards(descriptor, b"cde"))


def test_the_last_lines_cost_the_same_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the last twenty lines of a large file only its end is read."""
    read = 0
    pread = os.pread

    def counted(descriptor: int, size: int, at: int) -> bytes:
        nonlocal read
        read += size
        return pread(descriptor, size, at)

    monkeypatch.setattr(os, "pread", counted)

    with opened(tmp_path, b"y\n" * 2_000_000) as descriptor:
        last = list(itertools.islice(chain.backwards(descriptor), 20))

    assert [entry.raw for entry in last] == [b"y"] * 20
    assert read <= 64 * 1024


@pytest.mark.parametrize("read", [chain.forwards, chain.backwards])
def test_a_line_without_end_is_no_ledgers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[int], Iterator[Entry]]
) -> None:
    """A file whose lines are longer than any record's is refused before it fills the memory."""
    monkeypatch.setattr(chain, "MAX_LINE", 100)

    with opened(tmp_path, b"x" * 1000) as descriptor, pytest.raises(LedgerError, match="longer than any"):
        list(read(descriptor))


@pytest.mark.parametrize("read", [chain.forwards, chain.backwards])
def test_the_longest_line_that_may_be_written_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[int], Iterator[Entry]]
) -> None:
    """A record of just the length that is allowed does not make its ledger unreadable; a byte more is refused."""
    monkeypatch.setattr(chain, "MAX_LINE", 100)
    longest = b"x" * 100

    with opened(tmp_path, longest + b"\n") as descriptor:
        assert [longest] == [entry.raw for entry in read(descriptor)]
    with opened(tmp_path, longest + b"x\n") as descriptor, pytest.raises(LedgerError, match="longer than any"):
        list(read(descriptor))


def test_a_line_without_end_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a file that is one long line stops where no record can be that long."""
    monkeypatch.setattr(chain, "MAX_LINE", 100)

    with opened(tmp_path, b"x" * 8_000_000) as descriptor:
        with pytest.raises(LedgerError):
            list(chain.forwards(descriptor))
        assert os.lseek(descriptor, 0, os.SEEK_CUR) < 2_000_000


# --- proof ------------------------------------------------------------------------------------------------


def test_an_empty_ledger_is_whole(verify: Verify) -> None:
    """No records are a chain too, whose head is the zeros that a first record will name."""
    assert verify(b"") == Verification()
    assert verify(b"", GENESIS).added == 0


def test_a_whole_ledger_is_whole(verify: Verify) -> None:
    """A chain that holds is told with its length and its head."""
    raw = ledger(3)

    assert verify(raw) == Verification(records=3, head=head_of(raw))
    assert verify(raw).ok


def test_lines_may_follow_the_expected_head(verify: Verify) -> None:
    """A head that was kept once is still found, and what was added since is counted."""
    raw = ledger(5)
    first = chain.digest(raw.splitlines()[0])

    assert [verify(raw, head).added for head in (GENESIS, first, head_of(raw))] == [5, 4, 0]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_cut_tail_shows_only_against_a_head_kept_elsewhere(verify: Verify, cut: int) -> None:
    """Without the head, lines cut off the end leave a chain that holds; with it, they are missed."""
    raw = ledger(4)
    rest = b"".join(raw.splitlines(keepends=True)[:-cut])

    assert verify(rest).ok
    assert str(verify(rest, head_of(raw)).problem).startswith("no line has the expected head")


def test_a_change_of_the_last_line_shows_only_against_a_head_kept_elsewhere(
    verify: Verify,
) -> None:
    """The last line has no successor that speaks of it."""
    raw = ledger(2)
    changed = raw[:-200] + raw[-200:].replace(b'"n":1', b'"n":7')

    assert verify(changed).ok
    assert not verify(changed, head_of(raw)).ok


@pytest.mark.parametrize(
    ("old", "new", "line_number", "problem"),
    [
        pytest.param(b'"n":1', b'"n":7', 3, "does not continue the line before", id="changed"),
        pytest.param(b'"n":1,', b'"n":1', 2, "is not JSON", id="broken"),
        pytest.param(b'"n":1', b'"n":1}\n{"n":1', 2, "is a record without", id="split"),
        pytest.param(b'"schema":1', b'"schema":2', 1, "is not a record of schema 1", id="schema"),
        pytest.param(GENESIS.encode(), b"1" * 64, 1, "does not continue", id="beheaded"),
        pytest.param(b"}\n{", b"}\n\n{", 2, "is blank, and no repair", id="blank-line"),
        pytest.param(b"}\n{", b"} {", 1, "is not JSON", id="joined"),
    ],
)
def test_names_the_first_wrong_line(verify: Verify, old: bytes, new: bytes, line_number: int, problem: str) -> None:
    """An edit is told by the number of the first line that is wrong, and by what is wrong with it."""
    found = verify(ledger(4).replace(old, new))

    assert found.line == line_number
    assert str(found.problem).startswith(problem)


@pytest.mark.parametrize(
    ("raw", "records", "repaired"),
    [
        pytest.param(ledger(2, TORN, 2), 4, 1, id="one"),
        pytest.param(ledger(TORN, 1), 1, 1, id="first-line"),
        pytest.param(ledger(1, TORN, b'{"schema":1,"type":"repair","ti', 1), 2, 2, id="killed-while-repairing"),
        pytest.param(ledger(1, b"\0\0\0", 1), 2, 1, id="lost-block"),
        pytest.param(ledger(1, TORN, 1, TORN, 1), 3, 2, id="twice"),
        pytest.param(ledger(2, b"", 1), 3, 1, id="blank"),
        pytest.param(ledger(2, b"", b" \r", b"", 1), 3, 3, id="blanks"),
        pytest.param(ledger(2, b"", TORN, b"", 1), 3, 3, id="blank-and-torn"),
    ],
)
def test_a_repaired_line_is_no_edit(verify: Verify, raw: bytes, records: int, repaired: int) -> None:
    """Torn lines that repair records account for are counted, and nothing is wrong."""
    assert verify(raw) == Verification(records=records, repaired=repaired, head=head_of(raw))


@pytest.mark.parametrize(
    ("raw", "torn_tail"),
    [
        pytest.param(ledger(2) + TORN, len(TORN), id="torn"),
        pytest.param(ledger(2) + TORN + b"\n", len(TORN), id="half-repaired"),
        pytest.param(ledger(2) + TORN + b"\n" + TORN, 2 * len(TORN), id="repair-torn-too"),
        pytest.param(ledger(2) + b"{}", 2, id="without-newline"),
        pytest.param(ledger(3)[:-1], len(ledger(3)) - len(ledger(2)) - 1, id="whole-but-for-its-newline"),
    ],
)
def test_an_unfinished_tail_is_no_edit(verify: Verify, raw: bytes, torn_tail: int) -> None:
    """A last line that is not finished is told, and the chain up to it holds."""
    assert verify(raw) == Verification(records=2, torn_tail=torn_tail, head=head_of(ledger(2)))


@pytest.mark.parametrize(
    ("raw", "line_number"),
    [
        pytest.param(ledger(2, TORN, 2).replace(TORN + b"\n", TORN + b"x\n"), 3, id="torn-line-changed"),
        pytest.param(ledger(2, TORN, 2).replace(b'"n":1', b'"n":7'), 3, id="line-before-changed"),
        pytest.param(ledger(2, b"{}", b"{}", 2), 3, id="two-lines-that-were-finished"),
        pytest.param(ledger(2) + b"{}\n", 3, id="junk-at-the-end"),
        pytest.param(ledger(2) + b"\n", 3, id="blank-line-at-the-end"),
        pytest.param(ledger(2) + TORN + b"\n \r\n", 4, id="blank-line-behind-a-torn-one"),
        pytest.param(ledger(2, b"", 1).replace(b"\n\n", b"\n\n\n"), 3, id="one-more-blank-line"),
        pytest.param(ledger(2, b"", 1).replace(b"\n\n", b"\n \n"), 3, id="blank-line-changed"),
    ],
)
def test_an_edit_is_no_torn_line(verify: Verify, raw: bytes, line_number: int) -> None:
    """What no killed writer leaves behind is told as an edit, and so is an edit beside a repaired line."""
    found = verify(raw)

    assert (found.line, found.torn_tail) == (line_number, 0)
    assert "no repair record accounts for it" in str(found.problem)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 9, 1_000])
@pytest.mark.parametrize(
    ("raw", "broken"),
    [
        pytest.param(b"", 0, id="empty"),
        pytest.param(ledger(8), 0, id="whole"),
        pytest.param(ledger(3, TORN, 2, b"", 3), 0, id="repaired"),
        pytest.param(ledger(8) + TORN, 0, id="torn"),
        pytest.param(ledger(8) + b"\n", 1, id="blank"),
        pytest.param(ledger(8).replace(b"}\n{", b"}\n\n{", 1), 8, id="blank-second"),
        pytest.param(ledger(2) + ledger(1), 1, id="begun-anew"),
        pytest.param(ledger(8)[ledger(8).index(b"\n") + 1 :], 7, id="beheaded"),
    ],
)
def test_the_newest_lines_are_verified_alone(tmp_path: Path, raw: bytes, broken: int, most: int) -> None:
    """A break is found where it is among so many of the newest lines; a shorter ledger has its beginning checked."""
    with opened(tmp_path, raw) as descriptor:
        problem = chain.verify_newest(chain.backwards(descriptor), most)

    assert bool(broken and most >= broken) == (problem is not None)


def mutations(raw: bytes, count: int) -> Iterator[bytes]:
    """Copies of a ledger with one random change each."""
    chance = random.Random(20260101)  # noqa: S311 - reproducible, not secret
    lines = raw.splitlines(keepends=True)

    def byte(edit: Callable[[bytearray, int], object]) -> bytes:
        copy = bytearray(raw)
        edit(copy, chance.randrange(len(raw)))
        return bytes(copy)

    def whole_lines(edit: Callable[[list[bytes], int, int], object]) -> bytes:
        copy = list(lines)
        edit(copy, *chance.sample(range(len(lines)), 2))
        return b"".join(copy)

    def flip(copy: bytearray, at: int) -> None:
        copy[at] ^= 1 << chance.randrange(8)

    def swap(copy: list[bytes], one: int, other: int) -> None:
        copy[one], copy[other] = copy[other], copy[one]

    kinds: Sequence[Callable[[], bytes]] = (
        lambda: byte(flip),
        lambda: byte(lambda copy, at: copy.insert(at, chance.randrange(256))),
        lambda: byte(lambda copy, at: copy.pop(at)),
        lambda: byte(lambda copy, at: copy.__setitem__(at, ord("\n"))),
        lambda: raw[: chance.randrange(len(raw))],
        lambda: whole_lines(lambda copy, one, _: copy.pop(one)),
        lambda: whole_lines(lambda copy, one, other: copy.insert(one, copy[other])),
        lambda: whole_lines(swap),
    )
    while count:
        mutated = chance.choice(kinds)()
        if mutated != raw:
            count -= 1
            yield mutated


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.full)])
def test_every_change_is_found(verify: Verify, count: int) -> None:
    """Of many random changes of bytes and lines, newlines and torn lines among them, none goes unnoticed."""
    raw = ledger(8, TORN, 4, TORN, b'{"schema":1,"type":"repair"', 4)
    assert verify(raw, head_of(raw)).ok

    unnoticed = [mutated for mutated in mutations(raw, count) if verify(mutated, head_of(raw)).ok]

    assert unnoticed == []


def test_every_cut_of_the_tail_is_found_with_the_head(verify: Verify) -> None:
    """Wherever the end of a ledger is cut off, whole lines or parts of one, the head that was kept tells."""
    raw = ledger(4, TORN, 2)

    assert [at for at in range(len(raw) - 1) if verify(raw[:at], head_of(raw)).ok] == []


# --- the quick look ---------------------------------------------------------------------------------------

EDITS = st.tuples(
    st.integers(0),
    st.integers(0, 3),
    st.sampled_from([b"", b'"', b"{", b"}", b",", b"\\", b'"prev":"1",', b'"type":1,', b"1e9999", b"NaN", b"\xff"])
    | st.binary(max_size=2)
    | st.integers(4295, 4305).map(lambda digits: b"1" * digits),
)


def edited(raw: bytes, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The bytes with some replaced: where, how many, by what."""
    for at, length, new in edits:
        place = at % (len(raw) + 1)
        raw = raw[:place] + new + raw[place + length :]
    return raw


@settings(max_examples=500, deadline=None)
@given(fields=st.dictionaries(st.text(), json_values, max_size=3), edits=st.lists(EDITS, max_size=3))
@example(fields={}, edits=[(1, 0, b'"x":' + b"1" * 4301 + b",")])
@example(fields={}, edits=[(1, 0, b'"x":' + b"[" * 300 + b"]" * 300 + b",")])
@example(fields={}, edits=[(1, 0, b'"prev":1,')])
@example(fields={"prev ": {"prev": "1" * 64}}, edits=[])
def test_a_quick_look_takes_nothing_that_is_no_record(fields: Record, edits: list[tuple[int, int, bytes]]) -> None:
    """What the quick look takes for a record is one, with the same link; whatever it does not know is parsed."""
    raw = edited(line("1" * 64, **{"n": 1, **fields}), edits)

    seen = prev_of(raw)

    assert seen is None or not chain._HASH.fullmatch(seen) or chain.decode(raw)["prev"] == seen


def test_a_walk_finds_the_same_without_the_quick_look(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    """On mutated ledgers the walk finds what it finds when it parses each line."""
    mutated = list(mutations(ledger(8, TORN, 4, TORN, b'{"schema":1,"type":"repair"', 4), 300))
    quick = [verify(raw) for raw in mutated]
    monkeypatch.setattr(envelope, "prev_of", lambda raw: None)

    assert quick == [verify(raw) for raw in mutated]


def test_the_quick_look_sees_what_ebrule_writes() -> None:
    """A line as the ledger has it needs no parsing."""
    assert prev_of(line(GENESIS, text="Größe 😀\n", nested={"prev": "x"})) == GENESIS


def test_every_change_before_the_last_line_is_found_without_a_head(verify: Verify) -> None:
    """A change of any byte before the last line shows in the ledger itself."""
    raw = ledger(4, TORN, 2)
    last = raw.splitlines(keepends=True)[-1]
    chance = random.Random(7)  # noqa: S311 - reproducible, not secret

    for at in range(len(raw) - len(last)):
        mutated = bytearray(raw)
        mutated[at] ^= 1 << chance.randrange(8)
        assert not verify(bytes(mutated)).ok, at
