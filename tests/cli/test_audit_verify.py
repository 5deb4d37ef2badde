"""``ebrule audit verify``: is the ledger as it was written?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledgers import LedgerWriter

if TYPE_CHECKING:
    from command_line import CommandLine

VERIFY = ("audit", "verify")


@pytest.fixture
def ledger(offline: CommandLine) -> LedgerWriter:
    """The ledger of the command line's state folder."""
    return LedgerWriter(offline.ledger)


def test_a_whole_ledger_ends_with_0(offline: CommandLine, ledger: LedgerWriter) -> None:
    """The records are counted, the head is told, and so is what it takes to find a cut tail."""
    head = ledger.update()

    ran = offline(*VERIFY)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "~/state/audit.jsonl is whole: 2 records.",
        f"head  {head}",
        "A cut tail shows only against a head kept outside: --expect-head HASH.",
    ]


def test_an_edit_is_named_with_its_line(offline: CommandLine, ledger: LedgerWriter) -> None:
    """The first line that is wrong is told with its number and what is wrong with it; the exit code is 11."""
    ledger.update(1)
    ledger.update(2)
    offline.ledger.write_bytes(offline.ledger.read_bytes().replace(b'"result":"updated"', b'"result":"failed"', 1))

    ran = offline(*VERIFY)

    assert ran.code == 11
    assert ran.out.startswith(
        "broken: ~/state/audit.jsonl:3: this line does not continue the line before: one of the two was changed.\n"
        "Up to there, 2 records hold.\n"
    )
    document = offline(*VERIFY, "-o", "json").json
    assert (document["result"], document["line"], document["records"]) == ("invalid", 3, 2)


def test_one_record_holds(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Where all but the first record is lost to an edit, that one is spoken of as one."""
    ledger.update()
    offline.ledger.write_bytes(offline.ledger.read_bytes().replace(b'"reason":"CHG-1042"', b'"reason":"CHG-1043"', 1))

    assert "Up to there, 1 record holds.\n" in offline(*VERIFY).out


def test_a_torn_line_is_no_edit(offline: CommandLine, ledger: LedgerWriter) -> None:
    """A line that a killed run tore, repaired or not yet, is told, and ends with 0."""
    ledger.update(1)
    for text in ("The last 21 bytes are no whole line", "1 torn line was closed off by a later run"):
        if text.startswith("1"):
            ledger.update(2)
        else:
            with offline.ledger.open("ab") as file:
                file.write(b'{"schema":1,"type":"i')
        ran = offline(*VERIFY)
        assert (ran.code, text in ran.out) == (0, True)


@pytest.mark.parametrize("blank", ["\n", "\n\n", " \r\n", "  "])
def test_a_blank_line_that_an_editor_added_is_told_and_then_recorded(
    offline: CommandLine, ledger: LedgerWriter, blank: str
) -> None:
    """It is no record that was changed: the next run closes it off, and the chain goes on from the last record."""
    ledger.update(1)
    head = offline(*VERIFY, "-o", "json").json["audit"]["head"]
    with offline.ledger.open("a", newline="") as file:
        file.write(blank)

    ran = offline(*VERIFY)
    if blank.strip(" "):
        assert 11 == ran.code
        assert "audit.jsonl:3: this line is blank, and no repair record accounts for it: an editor may" in ran.out
    shown = offline("audit", "show", "-o", "json")
    assert (0, head, 1) == (shown.code, shown.json["audit"]["head"], len(shown.json["operations"]))

    ledger.update(2)
    ran = offline(*VERIFY)
    assert (0, "") == (ran.code, ran.err)
    assert "closed off by a later run" in ran.out
    assert "" == offline("audit", "show").err


def test_a_cut_tail_shows_against_the_head(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Without a head, a cut tail goes unnoticed, as the output says; with one it exits with code 11."""
    kept = ledger.update(1)
    head = ledger.update(2)
    whole = offline.ledger.read_bytes()
    assert "and 2 records after it" in offline(*VERIFY, "--expect-head", kept).out
    assert offline(*VERIFY, "--expect-head", head.upper()).code == 0

    offline.ledger.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))

    assert offline(*VERIFY).code == 0
    ran = offline(*VERIFY, "--expect-head", head)
    assert (ran.code, "no line has the expected head" in ran.out) == (11, True)


def test_a_ledger_that_is_gone_has_no_head(offline: CommandLine) -> None:
    """Nothing recorded is fine, but not where a head was expected."""
    assert (offline(*VERIFY).code, offline(*VERIFY, "--expect-head", "0" * 64).code) == (0, 0)
    assert offline(*VERIFY, "--expect-head", "1" * 64).code == 11


def test_a_hash_that_is_none_is_wrong_usage(offline: CommandLine) -> None:
    """A head that cannot be one is refused."""
    ran = offline(*VERIFY, "--expect-head", "abc")

    assert (ran.code, "64 hexadecimal digits" in ran.err) == (2, True)
