"""What settling and going back ask the ledger: is it one, who made a version, which are known, what has ended since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ebrule.core.audit import AuditLog, Record, RuleKey

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE = (f"01890000-0000-7000-8000-00000000000{number}" for number in (1, 2, 3))
HERE = "eu-west-1"
DEMO = RuleKey("eventbridge", "demo")


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """A ledger that is not there yet."""
    return AuditLog(tmp_path / "audit.jsonl")


def write(log: AuditLog, record_type: str, operation_id: str = ONE, **fields: Any) -> None:
    """Append a record about the rule ``demo``, unless ``fields`` name another."""
    about: dict[str, Any] = {"rule_id": "demo", "kind": "eventbridge", **fields}
    log.append(record_type, operation_id, **about)


def update(log: AuditLog, operation_id: str, base: int, version: int | None = None, **fields: Any) -> None:
    """Record an update from ``base`` to ``version``, the next one where none is given."""
    about: Record = {"region": HERE, **fields}
    result = about.pop("result", "updated")
    write(log, "intent", operation_id, base_version=base, before={}, after={}, **about)
    write(log, "outcome", operation_id, result=result, version=version or base + 1, latency_ms=1.5, **about)


# --- is it a ledger? --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "expected"), [(None, True), ("", True), ("name: my rule\n", False)])
def test_what_can_be_a_ledger(log: AuditLog, text: str | None, expected: bool) -> None:
    """No file and an empty one can become a ledger; another file is none."""
    if text is not None:
        log.path.write_text(text)

    assert expected is log.is_one()


def test_a_ledger_is_one(log: AuditLog) -> None:
    """What records were written to is a ledger."""
    write(log, "intent")

    assert log.is_one()


# --- what has ended since? --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record_type", "fields", "expected"),
    [
        ("outcome", {"result": "updated"}, True),
        ("outcome", {"result": "unknown"}, False),
        ("resolution", {"state": "not_applied"}, True),
        ("resolution", {"state": "unknown"}, False),
        ("delivery", {"success": True}, False),
    ],
)
def test_an_operation_that_ended_meanwhile_is_noticed(
    log: AuditLog, record_type: str, fields: Record, expected: bool
) -> None:
    """Whoever looked at an open operation can see whether it was settled since, and not by what stood there before."""
    write(log, "outcome", result="updated")
    seen = log.end()
    assert log.path.stat().st_size == seen
    before = log.is_settled(ONE, since=seen)
    write(log, "intent", TWO)
    write(log, record_type, **fields)

    assert (False, expected, False) == (
        before, log.is_settled(ONE, since=seen), log.is_settled(TWO, since=seen),
    )  # fmt: skip


def test_all_of_a_new_ledger_is_since_its_end(log: AuditLog) -> None:
    """A ledger that was not there yet is looked at from its beginning."""
    seen = log.end()
    write(log, "outcome", result="updated")

    assert log.is_settled(ONE, since=seen)


def test_a_half_line_is_not_behind_the_end(log: AuditLog) -> None:
    """A record that another writer is at when somebody looks counts as written since."""
    write(log, "intent")
    whole = log.path.read_bytes()
    write(log, "outcome", result="updated")
    line = log.path.read_bytes()[len(whole) :]
    log.path.write_bytes(whole + line[:40])
    seen = log.end()
    log.path.write_bytes(whole + line)

    assert log.is_settled(ONE, since=seen)


# --- who made a version? ----------------------------------------------------------------------------------


def test_the_maker_of_a_version_is_the_operation_that_ended_with_it(log: AuditLog) -> None:
    """Each version that a run made is told with that run's operation, and no other version is."""
    update(log, ONE, 7)
    update(log, TWO, 8, result="rolled_back")
    write(log, "intent", THREE, base_version=9, region=HERE)
    write(log, "outcome", THREE, result="unknown", version=10)

    assert [None, ONE, TWO, None] == [log.maker_of(DEMO, version) for version in (7, 8, 9, 10)]


def test_a_settled_operation_made_its_version(log: AuditLog) -> None:
    """What settling found out about an operation counts like its own outcome."""
    write(log, "intent", base_version=7, region=HERE)
    write(log, "resolution", state="applied", version=8)

    assert log.maker_of(RuleKey("eventbridge", "demo", region=HERE), 8) == ONE


@pytest.mark.parametrize("elsewhere", [{"region": "us-east-1"}, {"rule_id": "other"}, {"kind": "trigger"}], ids=str)
def test_another_rule_has_other_makers(log: AuditLog, elsewhere: Record) -> None:
    """The same version of another rule, of another kind, or in another region has its own maker."""
    update(log, ONE, 7)
    update(log, TWO, 7, **elsewhere)
    update(log, THREE, 8, **elsewhere)

    assert [ONE, None] == [log.maker_of(RuleKey("eventbridge", "demo", region=HERE), version) for version in (8, 9)]


def test_what_no_intent_of_this_ledger_tells_of_has_no_maker(log: AuditLog) -> None:
    """An outcome whose intent is in an older file does not say to which org it belongs: it names nobody."""
    write(log, "outcome", result="updated", version=8)

    assert log.maker_of(DEMO, 8) is None


# --- which versions are known? ----------------------------------------------------------------------------


def test_versions_that_were_found_or_made_are_known(log: AuditLog) -> None:
    """The versions to go back to are those that runs found and those that they made, each once, ascending."""
    update(log, TWO, 20, 22)
    update(log, ONE, 7)
    write(log, "delivery", success=True)
    write(log, "intent", THREE, base_version=8, region=HERE)
    write(log, "outcome", THREE, result="failed", version=9)

    assert [7, 8, 20, 22] == log.known_versions(RuleKey("eventbridge", "demo", region=HERE))


@pytest.mark.parametrize("elsewhere", [{"region": "us-east-1"}, {"rule_id": "other"}, {"kind": "trigger"}], ids=str)
def test_versions_of_another_rule_are_not_known(log: AuditLog, elsewhere: Record) -> None:
    """What is told to go back to is of this rule, this kind and this region only, so that asking for it works."""
    update(log, ONE, 7)
    update(log, TWO, 30, **elsewhere)

    known = log.known_versions(RuleKey("eventbridge", "demo", region=HERE))

    assert [7, 8] == known
    assert all(log.state_at(RuleKey("eventbridge", "demo", region=HERE), version) for version in known)


# --- what any record may hold -----------------------------------------------------------------------------


def test_a_record_that_quotes_another_rule_is_not_about_it(log: AuditLog) -> None:
    """A body that holds the words by which a rule's records are looked for tells nothing of that rule."""
    quoted = {"rule_id": "demo", "kind": "eventbridge"}
    write(log, "intent", rule_id="other", base_version=7, region=HERE, before=quoted, after=quoted)
    write(log, "outcome", rule_id="other", result="updated", version=8, event=quoted)

    assert log.last_applied(DEMO) is None
    assert log.known_versions(DEMO) == []


def test_only_lines_with_the_bytes_come(log: AuditLog) -> None:
    """Asked for lines with some bytes, a ledger gives these, the last one first."""
    for number in (1, 2, 1):
        write(log, "intent", n=number)

    found = [entry.record for entry in log.entries_backwards(b'"n":1')]

    assert [1, 1] == [record["n"] for record in found if record]
    assert len(found) == 2


def test_half_a_character_in_an_outcome_leaves_nothing_open(log: AuditLog) -> None:
    """An error that quotes text which UTF-8 cannot hold is an end like any other."""
    write(log, "intent")
    write(log, "outcome", result="failed", error="\ud83d")

    assert log.open_intents() == []


def test_an_operation_may_have_any_id(log: AuditLog) -> None:
    """An operation whose id is no plain text is open like any other, and closed like any other."""
    write(log, "intent", 'ü"1')
    write(log, "intent", 'ü"2')
    write(log, "outcome", 'ü"2', result="failed")

    assert ['ü"1'] == [record["operation_id"] for record in log.open_intents()]


def test_an_earlier_attempt_is_not_what_was_applied(log: AuditLog) -> None:
    """Where the attempt that was applied has no body, the body of the one before it is not taken for it."""
    write(log, "intent", base_version=7, after={"priority": 1})
    write(log, "intent", base_version=7, after=None)
    write(log, "outcome", result="updated", version=8)

    assert log.state_at(DEMO, 8) is None
    assert log.last_applied(DEMO) is None
