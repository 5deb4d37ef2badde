"""Recorded operations: what records add up to, read from the ledger's tail."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from ebrule.core.operations import OPEN, RecordedOperation, Resolution, operations
from ebrule.rules.diff import Change
from ledgers import ACTOR, LedgerWriter, operation_id

if TYPE_CHECKING:
    from pathlib import Path

EVENT: dict[str, Any] = {"event": {"id": "msg_1"}}


@pytest.fixture
def ledger(tmp_path: Path) -> LedgerWriter:
    """A ledger to write to."""
    return LedgerWriter(tmp_path / "audit.jsonl")


def folded(ledger: LedgerWriter) -> list[RecordedOperation]:
    """The operations of a ledger."""
    return list(operations(ledger.log.entries_backwards()))


def test_an_update_is_one_operation(ledger: LedgerWriter) -> None:
    """Intents, outcome and deliveries of one run are one operation, with what the last intent was to change."""
    ledger.intent(base_version=7, changes=[])
    ledger.intent(base_version=8, attempt=2, changes=[{"path": "priority", "before": 10, "after": 50}])
    ledger.outcome(version=9, attempts=2, conflicts=1, **EVENT)
    ledger.delivery(success=False, status=None)
    ledger.delivery(attempt=2)

    (found,) = folded(ledger)

    assert (found.started, found.ended) == ("2026-01-05T08:00:00.000000Z", "2026-01-05T08:02:00.000000Z")
    assert (found.result, found.base_version, found.version) == ("updated", 8, 9)
    assert (found.attempts, found.conflicts, found.latency_ms) == (2, 1, 41.5)
    assert (found.actor, found.reason, found.region) == (ACTOR, "CHG-1042", "sandbox")
    assert found.changes == (Change("priority", 10, 50),)
    assert (found.webhook, [each.success for each in found.deliveries]) == ("delivered", [False, True])
    assert (found.is_open, found.is_pending, found.is_applied) == (False, False, True)


def test_operations_come_in_the_order_of_their_beginnings(ledger: LedgerWriter) -> None:
    """The operation that began last comes first, whatever was recorded of others in between or later."""
    ledger.intent(1)
    ledger.intent(2)
    ledger.outcome(2)
    ledger.outcome(3, result="unchanged", attempts=0)
    ledger.outcome(1)
    ledger.write("resolution", 2, state="unknown")

    assert [operation_id(number) for number in (3, 2, 1)] == [each.operation_id for each in folded(ledger)]


def test_a_few_cost_a_few(ledger: LedgerWriter) -> None:
    """For the last operation only its own lines are taken, even where older ones are still without an end."""
    ledger.intent(1)
    ledger.update(2)
    ledger.write("resolution", 1, state="applied", version=8)
    taken = []

    def counted() -> Any:
        for entry in ledger.log.entries_backwards():
            taken.append(entry)
            yield entry

    (found,) = islice(operations(counted()), 1)

    assert (found.operation_id, len(taken)) == (operation_id(2), 3)


@pytest.mark.parametrize(
    ("fields", "result", "is_open"),
    [
        (None, OPEN, True),
        ({"state": "applied", "version": 8}, "applied", False),
        ({"state": "not_applied"}, "not_applied", False),
        ({"state": "unknown"}, OPEN, True),
    ],
)
def test_an_operation_is_open_until_its_end_is_known(
    ledger: LedgerWriter, fields: dict[str, Any] | None, result: str, is_open: bool
) -> None:
    """An intent without an outcome is open, until a resolution says what became of it."""
    ledger.intent()
    if fields:
        ledger.write("resolution", **fields)

    (found,) = folded(ledger)

    assert (found.result, found.is_open) == (result, is_open)
    if fields:
        assert isinstance(found.resolution, Resolution)
        assert found.ended == found.resolution.timestamp


@pytest.mark.parametrize(
    ("deliveries", "webhook"),
    [
        ([], "pending"),
        ([{"success": False, "status": 500}], "pending"),
        ([{"success": False, "status": 410}], "gone"),
        ([{"success": False, "status": 500}, {}], "delivered"),
        ([{"event_id": "msg_2"}], "pending"),
    ],
)
def test_an_event_is_pending_until_it_is_delivered(
    ledger: LedgerWriter, deliveries: list[dict[str, Any]], webhook: str
) -> None:
    """Only a delivery that succeeded, or a receiver that wants none any more, settles an event."""
    ledger.update(**EVENT)
    for fields in deliveries:
        ledger.delivery(**fields)

    assert [webhook] == [found.webhook for found in folded(ledger)]


def test_an_event_delivered_by_a_later_run_is_delivered(ledger: LedgerWriter) -> None:
    """Whichever operation's delivery brought an event under its id, it has arrived; the delivery is no operation."""
    ledger.update(**EVENT)
    ledger.delivery(2)

    assert [("delivered", operation_id(1))] == [(found.webhook, found.operation_id) for found in folded(ledger)]


def test_what_is_missing_is_told_as_far_as_it_goes(ledger: LedgerWriter) -> None:
    """An operation whose intent an older file has comes last, with what its outcome tells."""
    ledger.outcome(1)
    ledger.update(2)

    first, last = folded(ledger)

    assert (first.operation_id, last.operation_id) == (operation_id(2), operation_id(1))
    assert (last.result, last.version, last.base_version, last.actor) == ("updated", 8, None, {})


@pytest.mark.parametrize("odd", [None, 1, True, "x", [], [1], {}, {"id": 5}, [{"path": 1}], 1.5])
def test_whatever_an_edited_ledger_holds_is_read(ledger: LedgerWriter, odd: Any) -> None:
    """Values of types that ebrule never writes are read as missing."""
    names = ("base_version", "after", "changes", "overwrites", "actor", "region", "reason", "tool_version")
    ledger.intent(**dict.fromkeys(names, odd))
    names = ("version", "latency_ms", "error", "result", "exit_code", "attempts", "conflicts", "event")
    ledger.outcome(**{"result": "updated", **dict.fromkeys(names, odd)})
    ledger.delivery(event_id=odd, url=odd, status=odd, success=odd)
    ledger.write("resolution", state=odd, version=odd, reason=odd)

    (found, *_) = folded(ledger)

    assert isinstance(found.result, str)
    assert isinstance(found.as_json(), dict)
