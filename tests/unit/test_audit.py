"""The ledger: records that last, survive their writers' deaths, and tell what is known and what is open."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ebrule.core.audit
from ebrule.core import audit, chain
from ebrule.core.audit import GENESIS, AuditLog, KnownState, Record, RuleKey, new_operation_id
from ebrule.errors import LedgerError
from ebrule.rules.stored import StoredDifferently

if TYPE_CHECKING:
    from collections.abc import Callable

ONE, TWO, THREE = (f"01890000-0000-7000-8000-00000000000{number}" for number in (1, 2, 3))
DEMO = RuleKey("eventbridge", "demo")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone.utc)
STAMP = "2026-01-02T03:04:05.000678Z"
TORN = b'{"schema":1,"type":"intent","timest'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is to be; its folder is missing."""
    return tmp_path / "state" / "audit.jsonl"


def never(seconds: float) -> None:
    """Stand for a sleep that must not be."""
    pytest.fail(f"waited {seconds} s")


@pytest.fixture
def log(path: Path) -> AuditLog:
    """A ledger whose time stands still, and which never has to wait."""
    return AuditLog(path, now=lambda: NOW, sleep=never)


def write(log: AuditLog, record_type: str = "intent", operation_id: str = ONE, **fields: Any) -> str:
    """Append a record about the rule ``demo`` unless ``fields`` name another; an intent begins with version 7."""
    about = {"rule_id": "demo", "kind": "eventbridge", **({"base_version": 7} if record_type == "intent" else {})}
    return log.append(record_type, operation_id, **{**about, **fields})


def add(path: Path, raw: bytes) -> None:
    """Append bytes as nobody should."""
    with path.open("ab") as file:
        file.write(raw)


# --- appending --------------------------------------------------------------------------------------------


def test_a_record_has_its_envelope_in_order(log: AuditLog, path: Path) -> None:
    """A record is one line of compact JSON: what it is, then the fields as given, then the chain's link."""
    write(log, "intent", base_version=7, after={"b": 1, "a": "ü"})

    expected = (
        f'{{"schema":1,"type":"intent","timestamp":"{STAMP}","operation_id":"{ONE}","rule_id":"demo",'
        f'"kind":"eventbridge","org_id":null,"base_version":7,"after":{{"b":1,"a":"ü"}},"prev":"{GENESIS}"}}\n'
    )
    assert expected == path.read_text("utf-8")


def test_the_time_is_utc_wherever_the_clock_is(path: Path) -> None:
    """A clock of another zone gives the same timestamp, always with microseconds."""
    there = NOW.astimezone(timezone(timedelta(hours=-7)))
    log = AuditLog(path, now=lambda: there.replace(microsecond=0))

    write(log)

    assert json.loads(path.read_text())["timestamp"] == "2026-01-02T03:04:05.000000Z"


def test_the_time_is_utc_wherever_the_machine_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine in India writes the same timestamp."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "IST-5:30")
        time.tzset()
        write(AuditLog(path, now=lambda: NOW))
    time.tzset()

    assert json.loads(path.read_text())["timestamp"] == STAMP


def test_the_clock_is_in_utc() -> None:
    """The clock that is used by default tells its zone."""
    assert audit.utc_now().tzinfo is timezone.utc


def test_records_are_chained(log: AuditLog, path: Path) -> None:
    """Each record names the hash of the line before, and appending gives the hash of the line it wrote."""
    heads = [GENESIS, *(write(log, n=number) for number in range(3))]
    lines = path.read_bytes().splitlines()

    assert heads[:-1] == [json.loads(line)["prev"] for line in lines]
    assert heads[1:] == [chain.digest(line) for line in lines]
    assert log.head() == heads[-1]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="nan"),
        pytest.param(Path("x"), id="no-json"),
        pytest.param(10**5000, id="number-too-long"),
        pytest.param("x" * 2000, id="record-too-long"),
    ],
)
def test_what_cannot_be_recorded_leaves_no_trace(
    log: AuditLog, path: Path, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    """A record that others could not read is refused, and the ledger stays as it was."""
    monkeypatch.setattr(chain, "MAX_LINE", 1000)
    write(log)
    before = path.read_bytes()

    with pytest.raises(LedgerError, match="recorded"):
        write(log, value=value)

    assert path.read_bytes() == before


def test_the_longest_record_that_can_be_read_can_be_written(
    log: AuditLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record of just the length that readers take is recorded; a byte more is refused."""
    write(log)
    monkeypatch.setattr(chain, "MAX_LINE", len(path.read_bytes()) - 1)
    write(log)

    assert log.verify().records == 2
    with pytest.raises(LedgerError, match="too long to be recorded"):
        write(log, base_version=10)


def test_a_ledger_that_others_write_to_is_waited_for(path: Path) -> None:
    """A writer waits as long as it may, looks before each pause whether it is to stop, and then gives up."""
    AuditLog(path).prepare()
    pauses: list[float] = []
    looks: list[None] = []
    waiting = AuditLog(path, lock_seconds=1.0, sleep=pauses.append, check_stop=lambda: looks.append(None))

    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LedgerError, match="another process holds the ledger"):
            write(waiting)

    assert 1.0 == pytest.approx(sum(pauses), abs=0.1)
    assert len(looks) == len(pauses)


@pytest.mark.parametrize("name", ["schema", "type", "timestamp", "prev"])
def test_a_field_cannot_replace_the_envelope(log: AuditLog, name: str) -> None:
    """What every record says is not for the caller to change."""
    with pytest.raises(TypeError, match=name):
        write(log, **{name: "mine"})


def test_a_new_ledger_follows_a_rotated_one(log: AuditLog, path: Path) -> None:
    """Where the file was moved away, the next record begins a new chain."""
    write(log)
    path.rename(path.with_suffix(".1"))

    write(log)

    assert [json.loads(line)["prev"] for line in path.read_text().splitlines()] == [GENESIS]


def test_prepare_makes_an_empty_ledger(log: AuditLog, path: Path) -> None:
    """Before anything is sent, the ledger is there, and says nothing yet."""
    log.prepare()

    assert path.read_bytes() == b""
    assert log.head() == GENESIS


@pytest.mark.parametrize("step", [AuditLog.prepare, write])
def test_another_file_is_left_alone(log: AuditLog, path: Path, step: Callable[[AuditLog], object]) -> None:
    """A file that is no ledger, named by mistake, is refused and neither changed nor closed to others."""
    path.parent.mkdir()
    path.write_text("name: my rule\n")
    path.chmod(0o644)

    with pytest.raises(LedgerError, match="is no ledger") as caught:
        step(log)

    assert "--audit-log" in str(caught.value.hint)

    assert path.read_text() == "name: my rule\n"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_ledger_that_cannot_be_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """Where the ledger cannot be written, preparing it says so, with a way out."""
    (tmp_path / "file").touch()

    with pytest.raises(LedgerError, match="cannot write the ledger") as caught:
        AuditLog(tmp_path / "file" / "audit.jsonl").prepare()

    assert caught.value.hint


# --- dead writers -----------------------------------------------------------------------------------------


def test_a_torn_line_is_closed_off_and_accounted_for(log: AuditLog, path: Path) -> None:
    """Half a line gets its newline and a record of what it was, so that the next record stands on its own."""
    head = write(log)
    add(path, TORN)
    before = path.read_bytes()

    write(log, "outcome", TWO)

    raw = path.read_bytes()
    assert raw.startswith(before + b"\n")
    repair, outcome = (json.loads(line) for line in raw.splitlines()[2:])
    torn = chain.digest(TORN)
    told = {"torn_bytes": len(TORN), "torn_sha256": torn, "torn_prev": head, "prev": torn}
    assert told.items() <= repair.items()
    assert ("repair", TWO, None, None) == tuple(repair[name] for name in ("type", "operation_id", "rule_id", "kind"))
    assert outcome["type"] == "outcome"
    assert log.verify().repaired == 1


@pytest.mark.parametrize(
    ("tail", "repaired"),
    [
        pytest.param(TORN, 1, id="torn"),
        pytest.param(b"{", 1, id="one-byte"),
        pytest.param(TORN + b"\n", 1, id="half-repaired"),
        pytest.param(TORN + b'\n{"schema":1,"type":"repair","ti', 2, id="repair-torn-too"),
    ],
)
@pytest.mark.parametrize("records", [0, 1])
def test_whatever_a_killed_writer_leaves_is_repaired(
    log: AuditLog, path: Path, records: int, tail: bytes, repaired: int
) -> None:
    """Wherever a writer was killed, also while it repaired, the chain holds after the next record."""
    log.prepare()
    for _ in range(records):
        write(log)
    add(path, tail)

    head = write(log)

    found = log.verify(head)
    assert (found.problem, found.records, found.repaired) == (None, records + 2, repaired)


def test_a_record_that_lacks_only_its_newline_counts(log: AuditLog, path: Path) -> None:
    """A whole record without its newline is closed off as well, and is a record from then on."""
    write(log)
    add(path, TORN)
    write(log, "intent", TWO)
    path.write_bytes(path.read_bytes()[:-1])

    head = write(log, "delivery", THREE)

    assert log.verify(head).ok
    assert [record["operation_id"] for record in log.open_intents()] == [ONE, TWO]


def test_each_line_is_copied_once_it_is_on_the_disk(log: AuditLog, path: Path) -> None:
    """A repair and the record after it are passed on as they stand, when others may write again."""
    write(log)
    add(path, TORN)
    copies: list[bytes] = []

    def copy(line: bytes) -> None:
        copies.append(line)
        assert line in path.read_bytes()
        write(log, "delivery")  # would wait for a lock that were still held

    write(AuditLog(path, copy=copy), "outcome")

    assert ["repair", "outcome"] == [chain.decode(line)["type"] for line in copies]
    assert log.verify().ok


def test_a_copy_that_fails_leaves_the_record(log: AuditLog, path: Path) -> None:
    """What is on the disk is not taken back for somebody who could not take a copy."""

    def refuse(_: bytes) -> None:
        raise LedgerError("no")

    with pytest.raises(LedgerError, match="no"):
        write(AuditLog(path, copy=refuse))

    assert log.verify().records == 1


def test_an_edit_at_the_tail_is_not_repaired_away(log: AuditLog, path: Path) -> None:
    """Appending after an edited line neither hides the edit nor fails."""
    write(log)
    add(path, b"edited\n")

    write(log)

    found = log.verify()
    assert (found.line, found.problem) == (2, "is not JSON, and no repair record accounts for it")


def child(script: str, *args: object) -> subprocess.Popen[str]:
    """Another process with a ledger, ``log``."""
    prelude = "import os, signal, sys\nfrom pathlib import Path\nfrom ebrule.core.audit import AuditLog\n"
    return subprocess.Popen(
        [sys.executable, "-c", prelude + script, *map(str, args)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(ebrule.core.audit.__file__).parents[2])},
    )


# Writes so many records, and tells the head after each; with a last argument, dies in the middle of the one
# after.
WRITER = """
path, name, count, dies = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
log = AuditLog(path, lock_seconds=60)
for number in range(count):
    print(log.append("intent", f"{name}-{number}", rule_id=name, kind="k", filler="x" * 500), flush=True)
if dies:
    write = os.write
    def die(descriptor, data):
        write(descriptor, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    os.write = die
    log.append("intent", f"{name}-last", rule_id=name, kind="k")
"""


def test_a_writer_killed_in_the_middle_damages_nobody(log: AuditLog, path: Path) -> None:
    """A process that is killed within a write leaves half a line, which the next writer closes off."""
    head = write(log)
    with child(WRITER, path, "victim", 0, "dies") as victim:
        pass
    torn = log.verify()

    after = write(log)

    assert victim.returncode == -signal.SIGKILL
    assert torn.head == head
    assert torn.torn_tail > 0
    assert (log.verify(after).problem, log.verify().repaired) == (None, 1)


def test_no_survivors_record_is_lost(log: AuditLog, path: Path) -> None:
    """Among many writers, some killed within a write, some at random, every record that was told is kept."""
    chance = random.Random(5)  # noqa: S311 - reproducible, not secret
    survivors = [child(WRITER, path, f"survivor{number}", 20) for number in range(3)]
    torn = [child(WRITER, path, f"torn{number}", 2 * number, "dies") for number in range(3)]
    killed = [child(WRITER, path, f"killed{number}", 10_000) for number in range(3)]
    told: set[str] = set()
    for victim in killed:
        assert victim.stdout is not None
        told |= {victim.stdout.readline().strip() for _ in range(chance.randrange(1, 15))}
        victim.kill()
    for process in (*survivors, *torn):
        told |= set(process.communicate()[0].split())
    for victim in killed:
        victim.communicate()

    head = write(log)

    found = log.verify(head)
    assert found.problem is None
    assert found.repaired >= 1
    assert told <= {entry.head for entry in log.entries()}


# --- reading ----------------------------------------------------------------------------------------------


def test_a_missing_ledger_holds_nothing(log: AuditLog, path: Path) -> None:
    """Before the first record there is nothing to read, and reading makes nothing."""
    assert (list(log.entries()), list(log.entries_backwards())) == ([], [])
    assert (log.head(), log.verify().ok, log.open_intents()) == (GENESIS, True, [])
    assert log.last_applied(DEMO) is None
    assert not path.parent.exists()


def test_reads_both_ways_past_what_is_no_record(log: AuditLog, path: Path) -> None:
    """Lines that are no records, and a tail that a writer is still at, are read over."""
    heads = [write(log)]
    add(path, b"no record\n")
    heads.append(write(log))
    add(path, TORN)

    records = [entry.record and entry.record["type"] for entry in log.entries()]
    assert records == ["intent", None, "intent", None]
    assert list(log.entries())[::-1] == [
        chain.Entry(entry.raw, entry.offset, number, entry.terminated)
        for number, entry in zip((4, 3, 2, 1), log.entries_backwards(), strict=True)
    ]
    assert log.head() == heads[-1]


def test_reads_on_from_where_a_reader_was(log: AuditLog) -> None:
    """A reader that kept an offset goes on from there."""
    for number in range(3):
        write(log, n=number)
    second = next(itertools.islice(log.entries(), 1, None))

    numbers = [entry.record["n"] for entry in log.entries(start=second.offset) if entry.record]

    assert numbers == [1, 2]


def test_what_cannot_be_read_is_an_error(log: AuditLog, path: Path) -> None:
    """A folder in the ledger's place is an error for readers too."""
    path.mkdir(parents=True)

    with pytest.raises(LedgerError, match="no regular file"):
        log.head()


def test_a_cut_tail_is_found_with_the_head(log: AuditLog, path: Path) -> None:
    """The head of a run, kept elsewhere, proves that its records are still there."""
    first, last = write(log), write(log)
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(b"\n") + 1])

    assert log.verify().ok
    assert log.verify(first).added == 0
    assert "expected head" in str(log.verify(last).problem)


# --- what is open -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record_type", "fields", "is_open"),
    [
        ("outcome", {"result": "updated", "version": 8}, False),
        ("outcome", {"result": "failed"}, False),
        ("outcome", {"result": "unknown"}, True),
        ("resolution", {"state": "applied", "version": 8}, False),
        ("resolution", {"state": "not_applied"}, False),
        ("resolution", {"state": "unknown"}, True),
        ("delivery", {"success": True}, True),
    ],
)
def test_an_intent_is_open_until_its_end_is_known(
    log: AuditLog, record_type: str, fields: Record, is_open: bool
) -> None:
    """Only a record that says how an operation ended closes it; a second look may close what was unknown."""
    write(log)
    write(log, record_type, **fields)

    assert is_open is bool(log.open_intents())


def test_open_operations_come_in_order_with_their_last_intent(log: AuditLog) -> None:
    """Of each open operation its last attempt is given, the operation that began first at the head."""
    write(log, "intent", ONE, attempt=1)
    write(log, "intent", TWO, attempt=1)
    write(log, "intent", THREE, attempt=1)
    write(log, "outcome", TWO, result="updated", version=8)
    write(log, "intent", ONE, attempt=2)

    found = [(intent["operation_id"], intent["attempt"]) for intent in log.open_intents()]

    assert found == [(ONE, 2), (THREE, 1)]


def test_what_is_open_is_what_parsing_each_line_finds(log: AuditLog, path: Path) -> None:
    """On ledgers with random edits, the quick walk finds the operations that a walk over all records finds."""
    for operation_id in (ONE, TWO, THREE):
        write(log, "intent", operation_id, attempt=1)
    write(log, "outcome", TWO, result="unknown")
    write(log, "outcome", ONE, result="updated", event={"result": "unknown"})
    write(log, "resolution", THREE, state="applied")
    write(log, "intent", THREE, attempt=2)
    whole = path.read_bytes()
    chance = random.Random(11)  # noqa: S311 - reproducible, not secret

    for _ in range(300):
        raw = bytearray(whole)
        for _ in range(chance.randrange(3)):
            at = chance.randrange(len(raw))
            raw[at : at + chance.randrange(20)] = chance.choice([b"", b"\n", b'"', b"unknown", b"intent", b"\xff"])
        path.write_bytes(raw)
        expected: dict[str, Record] = {}
        for record in (entry.record for entry in log.entries() if entry.record):
            if record["type"] == "intent":
                expected[record["operation_id"]] = record
            elif audit._is_settled(record):
                expected.pop(record["operation_id"], None)
        assert list(expected.values()) == log.open_intents()


def test_a_torn_intent_hides_no_earlier_one(log: AuditLog, path: Path) -> None:
    """Where the second attempt's intent was torn, the operation is open with its first."""
    write(log, attempt=1)
    add(path, path.read_bytes()[:-80])

    assert [intent["attempt"] for intent in log.open_intents()] == [1]


def test_a_live_operation_is_told_from_a_dead_one(log: AuditLog) -> None:
    """Whoever settles open operations can see which of them a process is still at."""
    with log.running(ONE):
        assert (log.is_running(ONE), log.is_running(TWO)) == (True, False)

    assert not log.is_running(ONE)


# --- what is known ----------------------------------------------------------------------------------------


def run(log: AuditLog, operation_id: str, version: int, **fields: Any) -> None:
    """Record an update to ``version``."""
    write(log, "intent", operation_id, base_version=version - 1, after={"priority": version}, **fields)
    write(log, "outcome", operation_id, result="updated", version=version, **fields)


def known(version: int, data: Record, operation_id: str = ONE, base: int = 7) -> KnownState:
    """What the ledger should know."""
    return KnownState(version, base, data, operation_id, STAMP, names_org=False)


@pytest.mark.parametrize(
    ("record_type", "fields"),
    [
        ("outcome", {"result": "updated"}),
        ("outcome", {"result": "rolled_back"}),
        ("resolution", {"state": "applied"}),
    ],
)
def test_knows_what_was_applied(log: AuditLog, record_type: str, fields: Record) -> None:
    """What the last attempt of an operation sent is the state of the version that it ended with."""
    write(log, "intent", attempt=1, after={"priority": 1})
    write(log, "intent", attempt=2, after={"priority": 2})
    write(log, record_type, version=8, **fields)

    assert known(8, {"priority": 2}) == log.last_applied(DEMO)


@pytest.mark.parametrize(
    ("record_type", "fields"),
    [
        ("outcome", {"result": "failed", "version": 9}),
        ("outcome", {"result": "unknown", "version": 9}),
        ("outcome", {"result": "updated", "version": None}),
        ("resolution", {"state": "not_applied", "version": 9}),
        ("outcome", {"result": "updated", "version": 9, "rule_id": "other"}),
        ("outcome", {"result": "updated", "version": 9, "kind": "trigger"}),
    ],
)
def test_does_not_take_anything_else_for_applied(log: AuditLog, record_type: str, fields: Record) -> None:
    """What was not applied, not surely, or to another rule, leaves the state that was known before."""
    run(log, ONE, 8)
    same = {name: fields[name] for name in ("rule_id", "kind") if name in fields}
    write(log, "intent", TWO, base_version=8, after={"priority": 9}, **same)
    write(log, record_type, TWO, **fields)

    assert known(8, {"priority": 8}) == log.last_applied(DEMO)


def test_the_newest_version_counts_in_whatever_order_runs_were_recorded(log: AuditLog) -> None:
    """Where two runs crossed, the higher version is the newest, though its end was recorded first."""
    run(log, THREE, 7)
    write(log, "intent", ONE, after={"priority": 8})
    write(log, "intent", TWO, after={"priority": 9})
    write(log, "outcome", TWO, result="updated", version=9, made_version=9)
    write(log, "outcome", ONE, result="updated", version=8, made_version=8)

    assert known(9, {"priority": 9}, TWO) == log.last_applied(DEMO)


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ({"version": 11, "made_version": 8}, 8),
        ({"version": 11, "made_version": None}, None),
        ({"version": 11, "latency_ms": 41.5}, 11),
        ({"version": 11, "latency_ms": None}, None),
        ({"version": 8, "latency_ms": None}, 8),
    ],
    ids=["recorded", "not known", "answered", "old, and seen later", "old, and the next one"],
)
def test_a_version_that_was_seen_is_not_one_that_was_made(log: AuditLog, fields: Record, made: int | None) -> None:
    """Where others moved on before the rule was read, only the version that the PUT made has its content."""
    write(log, "intent", ONE, after={"priority": 8})
    write(log, "outcome", ONE, result="updated", **fields)

    assert (None if made is None else known(made, {"priority": 8})) == log.last_applied(DEMO)
    assert [version for version in range(8, 12) if log.maker_of(DEMO, version)] == ([] if made is None else [made])


def test_what_the_org_stored_is_the_state_of_a_version(log: AuditLog) -> None:
    """Where an outcome says that the org stored other content, that is what the version has."""
    pair = {"path": "name", "sent": " a ", "stored": "a"}
    write(log, "intent", ONE, after={"name": " a "})
    write(
        log, "outcome", ONE, result="updated", version=8, made_version=8, stored={"name": "a"},
        stored_differently=[pair],
    )  # fmt: skip

    expected = known(8, {"name": "a"})._replace(stored=(StoredDifferently(**pair),))
    assert expected == log.last_applied(DEMO) == log.state_at(DEMO, 8)


def test_two_orgs_of_one_region_are_told_apart(log: AuditLog) -> None:
    """The same rule id in another org is another rule, also where both orgs have one API host."""
    run(log, ONE, 8, region="eu-west-1", org_id="org-1")
    run(log, TWO, 30, region="eu-west-1", org_id="org-2")
    run(log, THREE, 40, region="eu-west-1")
    keys = [RuleKey("eventbridge", "demo", org_id, "eu-west-1") for org_id in ("org-1", "org-2", "org-3")]

    assert [8, 30] == [
        getattr(log.state_at(key, version), "version", 0) for key, version in zip(keys, (8, 30), strict=False)
    ]
    assert log.state_at(keys[0], 30) is None
    assert log.maker_of(keys[1], 8) is None
    # A record without an org counts for its region, as all records once did.
    assert [THREE] * 3 == [log.maker_of(key, 40) for key in keys]


def test_regions_are_told_apart(log: AuditLog) -> None:
    """The same rule id in another region is another rule, where the region is asked for."""
    run(log, ONE, 8, region="eu-west-1")
    run(log, TWO, 30, region="sandbox")

    found = log.last_applied(RuleKey("eventbridge", "demo", region="eu-west-1"))

    assert known(8, {"priority": 8}) == found
    assert log.last_applied(RuleKey("eventbridge", "demo", region="us-east-1")) is None
    assert log.state_at(RuleKey("eventbridge", "demo", region="eu-west-1"), 30) is None


@pytest.mark.parametrize("after", [None, "no mapping"])
def test_an_applied_body_that_is_missing_is_not_known(log: AuditLog, after: object) -> None:
    """An operation whose intent holds no body, or is in an older file, tells no state."""
    write(log, "outcome", TWO, result="updated", version=7)
    write(log, "intent", after=after)
    write(log, "outcome", result="updated", version=8)

    assert log.last_applied(DEMO) is None
    assert log.state_at(DEMO, 8) is None


def test_an_earlier_version_is_known_as_left_or_as_found(log: AuditLog) -> None:
    """A version is known from the run that made it and, better, from one that found it."""
    write(log, "intent", ONE, base_version=7, before={"priority": 70}, after={"priority": 80})
    write(log, "outcome", ONE, result="updated", version=8)

    assert known(7, {"priority": 70}) == log.state_at(DEMO, 7)
    assert known(8, {"priority": 80}) == log.state_at(DEMO, 8)
    assert log.state_at(DEMO, 9) is None

    write(log, "intent", TWO, base_version=8, before={"priority": 81}, after={})

    assert known(8, {"priority": 81}, TWO, base=8) == log.state_at(DEMO, 8)


# --- operation ids ----------------------------------------------------------------------------------------


def test_operation_ids_are_uuids_of_version_7(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id is a UUIDv7 in its usual spelling, and no two are the same."""
    monkeypatch.delattr(uuid, "uuid7", raising=False)
    ids = [new_operation_id() for _ in range(1000)]

    layout = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(layout.fullmatch(one) for one in ids)
    assert {(uuid.RFC_4122, 7)} == {(uuid.UUID(one).variant, uuid.UUID(one).version) for one in ids}
    assert len(set(ids)) == len(ids)


def test_operation_ids_sort_by_time() -> None:
    """As text, ids come in the order of their making, also within a millisecond."""
    start = 1_767_323_045_000_000_000
    times = [start + step for step in (0, 250, 500, 999_750, 1_000_000, 10**9, 10**15)]
    ids = [str(audit._uuid7(time, 2**62 - 1 if index % 2 else 0)) for index, time in enumerate(times)]

    assert ids == sorted(ids)
    assert uuid.UUID(ids[0]).int >> 80 == start // 10**6


@pytest.mark.parametrize(("nanoseconds", "fraction"), [(0, 0), (500_000, 2048), (999_999, 4095)])
def test_an_operation_id_holds_the_millisecond_and_its_fraction(nanoseconds: int, fraction: int) -> None:
    """As RFC 9562 lays it out: 48 bits of milliseconds, the version, 12 bits of their fraction, the variant."""
    made = audit._uuid7(5_000_000 + nanoseconds, 1)

    assert (5, 7, fraction, 0b10, 1) == (
        made.int >> 80, made.int >> 76 & 0xF, made.int >> 64 & 0xFFF, made.int >> 62 & 0b11, made.int & (1 << 62) - 1,
    )  # fmt: skip


def test_operation_ids_are_pythons_own_where_it_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.14 on the standard library makes them."""
    monkeypatch.setattr(uuid, "uuid7", lambda: uuid.UUID(THREE), raising=False)

    assert new_operation_id() == THREE
