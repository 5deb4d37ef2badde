"""``ebrule audit show``: who changed which rule when, from what to what, why, and how it ended."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from ledgers import BEGAN, LedgerWriter, operation_id

if TYPE_CHECKING:
    from command_line import CommandLine

SHOW = ("audit", "show")
EVENT: dict[str, Any] = {"event": {"id": "msg_1"}}


@pytest.fixture
def ledger(offline: CommandLine) -> LedgerWriter:
    """The ledger of the command line's state folder."""
    return LedgerWriter(offline.ledger)


def shown(offline: CommandLine, *arguments: str) -> list[int]:
    """Return the numbers of the operations that are shown."""
    found = offline(*SHOW, "-o", "json", *arguments).json["operations"]
    return [int(each["operation_id"][-12:], 16) for each in found]


def test_an_operation_is_one_row(offline: CommandLine, ledger: LedgerWriter) -> None:
    """The table has when, which rule, from which version to which, how it ended, who and why, the newest first.

    What went wrong stands below: it is no reason that anybody gave.
    """
    ledger.update(1)
    ledger.outcome(2, result="failed", attempts=0, error="no such target", version=None)

    ran = offline(*SHOW)

    expected = [
        "when (UTC)        org      rule       version  result   who         why",
        "2026-01-05 08:02  -        demo-rule  -        failed   -",
        "    error: no such target",
        "2026-01-05 08:00  sandbox  demo-rule  7 → 8    updated  ana@laptop  CHG-1042",
    ]
    assert (ran.code, ran.err, expected) == (0, "", ran.out.splitlines())


@pytest.mark.parametrize(
    ("filters", "expected"),
    [((), [3, 2, 1]), (("--region", "eu-west-1"), [2, 1]), (("-r", "sandbox"), [3]), (("--org", "5a0db0c5"), [1])],
)
def test_orgs_are_told_apart(
    offline: CommandLine, ledger: LedgerWriter, filters: tuple[str, ...], expected: list[int]
) -> None:
    """Two orgs of one region are told apart by their ids, in the table and by option."""
    ledger.update(1, region="eu-west-1", org_id="5a0db0c5-7d4e-4c0c-9d4b-2f7f5f0e6a11")
    ledger.update(2, region="eu-west-1", org_id="c3a6b1f0-7d4e-4c0c-9d4b-2f7f5f0e6a11")
    ledger.update(3)
    column = [line.split()[2] for line in offline(*SHOW).out.splitlines()[1:]]

    assert ["sandbox", "eu-west-1/c3a6b1f0", "eu-west-1/5a0db0c5"] == column
    assert expected == shown(offline, *filters)


def test_what_the_org_stored_differently_is_told(offline: CommandLine, ledger: LedgerWriter) -> None:
    """With ``--changes``, each field that the org stored otherwise than it was sent has a line."""
    pair = {"path": "description", "sent": " Answered ", "stored": "Answered"}
    ledger.update(1, made_version=8, stored_differently=[pair])

    assert 'stored description: Answered, sent as " Answered "' in offline(*SHOW, "--changes").out


@pytest.mark.parametrize(
    ("code", "word"), [(5, "conflict"), (129, "interrupted"), (130, "interrupted"), (143, "interrupted"), (7, "failed")]
)
def test_a_conflict_and_an_interrupt_are_called_so(
    offline: CommandLine, ledger: LedgerWriter, code: int, word: str
) -> None:
    """Of failures, conflicts and interrupts have their own words, in the table and for ``--result``; all are failed."""
    ledger.outcome(1, result="failed", attempts=0, exit_code=code, error="why it failed", reason="CHG-7")

    ran = offline(*SHOW, "--result", word)

    assert ran.out.splitlines()[1:] == [
        f"2026-01-05 08:00  -    demo-rule  8        {word}  -    CHG-7",
        "    error: why it failed",
    ]
    assert f"exit code: {code}\n" in offline(*SHOW, "--changes").out
    assert [1] == shown(offline, "--result", "failed")
    assert word in offline("audit", "report", "--out", "-").out


def test_changes_are_shown_as_update_prints_them(offline: CommandLine, ledger: LedgerWriter) -> None:
    """With ``--changes`` each row is followed by its diff and by what else is known."""
    ledger.update(conflicts=1, actor={"login": "octo", "run": "https://ci.example/1"})

    ran = offline(*SHOW, "--changes")

    assert "    ~ priority                         10 → 50\n" in ran.out
    assert "    + conditions[1]                    attributes.callDuration greaterThan 30\n" in ran.out
    assert "    tries: 1 attempt, 1 conflict, accepted in 42 ms\n" in ran.out
    assert "    CI run: https://ci.example/1\n" in ran.out
    assert "  octo  " in ran.out


def test_what_is_left_to_be_done_is_marked(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Open operations and pending events are marked in their rows, and counted with what to do next."""
    ledger.intent(1)
    ledger.update(2, **EVENT)

    ran = offline(*SHOW)

    assert "updated, pending" in ran.out
    assert "open: 1; to find out what happened: ebrule audit resolve\n" in ran.out
    assert "pending: 1 with an event that was not delivered yet; to deliver: ebrule webhook flush\n" in ran.out


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(offline: CommandLine, ledger: LedgerWriter, columns: int) -> None:
    """Long values are cut, and narrow terminals get a few short lines for each operation."""
    ledger.update(1, rule_id="r" * 128, reason="a long story " * 30)
    ledger.update(2, actor={"user": "ü" * 80, "host": "名" * 80})
    ledger.outcome(3, result="failed", attempts=0, error="a long story " * 30)
    offline.environ["COLUMNS"] = str(columns)

    out = offline(*SHOW).out

    assert max(map(len, out.splitlines())) <= columns
    assert "…" in out
    assert "2026-01-05 08:02" in out


def test_text_in_the_ledger_drives_no_terminal(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Control characters and line breaks of a record are shown, not obeyed, in every format."""
    ledger.update(reason="\x1b[31m\n::error::x\u202e", rule_id="a\nb", actor={"user": "\x9b1m", "host": "\r"})

    for output in ("text", "json", "jsonl", "csv"):
        out = offline(*SHOW, "-o", output, "--changes").out
        assert not set("\x1b\x9b\r\u202e") & set(out)
        assert not any(line.startswith("::") for line in out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [4, 3, 2, 1]),
        (["--rule-id", "other"], [2]),
        (["--kind", "trigger"], [3]),
        (["-k", "trigger", "--rule-id", "other"], []),
        (["--result", "failed"], [4]),
        (["--result", "failed", "--result", "pending"], [4, 1]),
        (["--result", "open"], [3]),
        (["--last", "2"], [4, 3]),
        (["--last", "0"], [4, 3, 2, 1]),
        (["--last", "9" * 30], [4, 3, 2, 1]),
        (["--since", "2026-01-05T08:02"], [4, 3, 2]),
        (["--since", "2026-01-05 10:02:00+02:00", "--until", "2026-01-05T08:04:00.000Z"], [3, 2]),
        (["--until", "2026-01-05"], [4, 3, 2, 1]),
        (["--until", "2026-01-04"], []),
        (["--since", "2026-01-06"], []),
        (["--since", "1h"], []),
        (["--since", "5200w"], [4, 3, 2, 1]),
    ],
)
def test_filters(offline: CommandLine, ledger: LedgerWriter, arguments: list[str], expected: list[int]) -> None:
    """Rule, kind, result, times with or without zone, ages and a number choose what is shown."""
    ledger.update(1, **EVENT)
    ledger.update(2, rule_id="other")
    ledger.intent(3, kind="trigger")
    ledger.outcome(4, result="failed", attempts=0)

    assert expected == shown(offline, *arguments)


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("text", ["yesterday", " ", "7", "7x", "2026-13-01", "2026-01-05T25:00", "0001-01-01", "9" * 9])
def test_a_time_that_is_none_is_wrong_usage(offline: CommandLine, option: str, text: str) -> None:
    """What is no time is refused with what would be one."""
    ran = offline(*SHOW, option, text)

    assert ran.code == 2
    assert f"{option}: {text!r} is no time" in ran.err
    assert "2026-01-05T08:00" in ran.err


def test_a_result_that_is_none_is_wrong_usage(offline: CommandLine) -> None:
    """An unknown result is refused with those that are known."""
    ran = offline(*SHOW, "--result", "fialed")

    assert ran.code == 2
    assert "It can be: updated, unchanged, rolled_back, failed" in ran.err


def test_json_has_everything(offline: CommandLine, ledger: LedgerWriter) -> None:
    """``-o json`` is one document with the head, ``-o jsonl`` has the same operations, one on each line."""
    ledger.update(1, **EVENT)
    head = ledger.delivery(1)

    document = offline(*SHOW, "-o", "json").json
    assert (document["schema_version"], document["audit"]) == (1, {"log": str(offline.ledger), "head": head})
    (operation,) = document["operations"]
    assert (operation["operation_id"], operation["webhook"]) == (operation_id(1), "delivered")
    assert operation["changes"][0] == {"path": "priority", "before": 10, "after": 50}
    assert [operation] == [json.loads(line) for line in offline(*SHOW, "-o", "jsonl").out.splitlines()]


def test_csv_is_one_line_for_each_and_no_formula(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Line breaks are spelled out, and what a spreadsheet would compute begins with an apostrophe."""
    ledger.update(1, reason='=HYPERLINK("http://x","y")', actor={"user": "a\nb,c", "host": "@SUM(1)", "login": "\tx"})

    out = offline(*SHOW, "-o", "csv").out
    (row,) = csv.DictReader(io.StringIO(out))

    assert len(out.splitlines()) == 2
    assert row["reason"] == '\'=HYPERLINK("http://x","y")'
    assert (row["user"], row["host"], row["login"]) == ("a\\nb,c", "'@SUM(1)", "'\\tx")
    assert (row["base_version"], row["version"], row["latency_ms"]) == ("7", "8", "41.5")
    assert json.loads(row["changes"])[0]["path"] == "priority"


def test_an_empty_history_is_no_error(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Before the first record there is nothing to show, which is fine; and nothing is made."""
    ran = offline(*SHOW)
    assert (ran.code, ran.out) == (0, "Nothing is recorded yet in ~/state/audit.jsonl.\n")
    assert offline(*SHOW, "-o", "json").json["operations"] == []
    assert not offline.state.exists()

    ledger.update()
    ran = offline(*SHOW, "--rule-id", "other")
    assert (ran.code, ran.out) == (0, "Nothing that was asked for is recorded in ~/state/audit.jsonl.\n")


@pytest.mark.parametrize("command", ["show", "verify"])
def test_a_file_that_was_named_must_be_a_ledger(offline: CommandLine, command: str) -> None:
    """A ledger that was named and is not there, or is something else, is wrong usage."""
    for name in ("nowhere.jsonl", offline.file("rule.yaml", "name: x\n")):
        ran = offline("audit", command, "--audit-log", name)
        assert (ran.code, "ledger" in ran.err) == (2, True)


@pytest.mark.parametrize("output", ["text", "json", "jsonl", "csv"])
def test_a_broken_ledger_is_warned_of(offline: CommandLine, ledger: LedgerWriter, output: str) -> None:
    """On standard error, in every format; what it says is shown all the same."""
    for version in (1, 2, 3):
        ledger.update(version)
    shown = offline(*SHOW, "-o", output)
    assert (0, "") == (shown.code, shown.err)
    offline.ledger.write_bytes(offline.ledger.read_bytes().replace(b'"attempts":1', b'"attempts":2', 1))

    ran = offline(*SHOW, "-o", output)
    assert (0, len(shown.out)) == (ran.code, len(ran.out))
    said = "a line does not continue the line before: one of the two was changed. See: ebrule audit verify\n"
    assert f"warning: the ledger ~/state/audit.jsonl is broken: {said}" == ran.err


def test_a_damaged_line_hides_nothing_else(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Lines that are no records are read over."""
    ledger.update(1)
    with offline.ledger.open("ab") as file:
        file.write(b"no record\n")
    ledger.update(2)

    assert shown(offline) == [2, 1]


def test_the_clock_of_the_tests_is_that_of_the_records(ledger: LedgerWriter) -> None:
    """The made-up ledgers begin where the filters above expect it."""
    ledger.update()
    records: list[dict[str, Any]] = [entry.record for entry in ledger.log.entries() if entry.record]

    assert records[0]["timestamp"] == f"{BEGAN:%Y-%m-%dT%H:%M:%S.%fZ}"
