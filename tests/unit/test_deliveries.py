"""What a ledger holds as pending, and its delivery."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clocks import reply
from ebrule.core.audit import AuditLog, new_operation_id
from ebrule.core.reply import BrokenError, UntrustedHostError
from ebrule.errors import AccessError
from ebrule.pipeline.deliveries import Outbox, flush_events, try_endpoint
from ebrule.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clocks import FakeClock, ScriptedTransport
    from ebrule.core.pace import Pace
    from ebrule.core.webhook import Event

    Wire = Callable[..., ScriptedTransport]

URL = "https://hooks.example/in"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings without an org, with a webhook and an empty ledger."""
    return Settings(None, None, tmp_path, tmp_path / "audit.jsonl", webhook_url=f"{URL}?key=canary")


@pytest.fixture
def ledger(settings: Settings) -> AuditLog:
    """The ledger."""
    return AuditLog(settings.audit_log)


def event(number: int) -> Event:
    """Give an event."""
    return {"id": f"msg_{number:032x}", "data": {"number": number}}


def announced(ledger: AuditLog, number: int, rule_id: str = "r", record_type: str = "outcome") -> str:
    """Record an event; return its operation."""
    operation_id = new_operation_id()
    ledger.append(record_type, operation_id, rule_id=rule_id, kind="eventbridge", event=event(number))
    return operation_id


def tried(ledger: AuditLog, number: int, status: int | None, url: str = URL) -> None:
    """Record a try to deliver an event."""
    success = status is not None and status < 300
    fields: dict[str, Any] = {"event_id": event(number)["id"], "url": url, "status": status, "success": success}
    ledger.append("delivery", new_operation_id(), rule_id="r", kind="eventbridge", **fields)


def pending(ledger: AuditLog, url: str = URL) -> list[int]:
    """Give the numbers of the events that are pending for a receiver."""
    outbox = Outbox(ledger)
    outbox.read()
    return [each.event["data"]["number"] for each in outbox.pending([url])]


def states(settings: Settings, pace: Pace, transport: ScriptedTransport) -> list[str]:
    """Flush, and give what became of each event."""
    return [each.state for each in flush_events(settings, pace=pace, transport=transport)]


# --- what is pending ----------------------------------------------------------------------------------------------


def test_an_event_is_pending_until_somebody_has_it(ledger: AuditLog) -> None:
    """Outcomes and resolutions hold events, in their order; a success anywhere settles one, a failure does not."""
    for number, record_type in enumerate(("outcome", "resolution", "outcome", "outcome")):
        announced(ledger, number, record_type=record_type)
    tried(ledger, 0, 500)
    tried(ledger, 1, None)
    tried(ledger, 2, 204, url="https://other.example/")

    assert pending(ledger) == [0, 1, 3]


def test_a_receiver_that_is_gone_gets_an_event_no_more(ledger: AuditLog) -> None:
    """After 410 the event is pending for other receivers only."""
    announced(ledger, 0)
    announced(ledger, 1)
    tried(ledger, 0, 410)

    assert pending(ledger) == [1]
    assert pending(ledger, "https://other.example/") == [0, 1]


def test_an_event_that_was_recorded_twice_is_pending_once(ledger: AuditLog) -> None:
    """Two records of one event are one announcement."""
    announced(ledger, 0)
    announced(ledger, 0)

    assert pending(ledger) == [0]


@pytest.mark.parametrize(
    "hostile",
    [None, [], "text", {}, {"id": 7}, {"id": "msg_1\r\nX: y"}, {"id": "../x"}, {"note": '"type":"delivery"'}],
    ids=str,
)
def test_what_is_no_event_is_left_out(ledger: AuditLog, hostile: Any) -> None:
    """An edited ledger may hold anything."""
    ledger.append("outcome", new_operation_id(), rule_id="r", kind="k", event=hostile)
    announced(ledger, 1)

    assert pending(ledger) == [1]


def test_a_torn_line_is_left_for_later(ledger: AuditLog, settings: Settings) -> None:
    """A record that is just being written is read once it is whole, and nothing is read twice."""
    announced(ledger, 0)
    whole = settings.audit_log.read_bytes()
    announced(ledger, 1)
    longer = settings.audit_log.read_bytes()
    outbox = Outbox(ledger)

    settings.audit_log.write_bytes(longer[: len(whole) + 40])
    outbox.read()
    assert len(outbox.pending([URL])) == 1
    settings.audit_log.write_bytes(longer)
    outbox.read()
    assert len(outbox.pending([URL])) == 2


# --- flush --------------------------------------------------------------------------------------------------------


def test_nothing_pending_touches_nothing(settings: Settings, pace: Pace, wire: Wire) -> None:
    """Without a ledger there is nothing to do, and none is made."""
    assert states(settings, pace, wire()) == []
    assert not settings.audit_log.exists()


def test_each_try_is_recorded(settings: Settings, ledger: AuditLog, pace: Pace, wire: Wire) -> None:
    """Under the operation that the event is of, with the receiver's address but not its query."""
    operation_id = announced(ledger, 0)

    assert states(settings, pace, wire(BrokenError("reset"), reply(204))) == ["delivered"]
    records = [entry.record for entry in ledger.entries()][1:]
    assert [(operation_id, "delivery", URL)] * 2 == [
        (record["operation_id"], record["type"], record["url"]) for record in records if record
    ]
    assert [(None, 1, False), (204, 2, True)] == [
        (record["status"], record["attempt"], record["success"]) for record in records if record
    ]


def test_what_a_live_run_is_at_is_left_alone(settings: Settings, ledger: AuditLog, pace: Pace, wire: Wire) -> None:
    """The run itself delivers it; the others are delivered."""
    held = announced(ledger, 0)
    announced(ledger, 1, rule_id="other")
    transport = wire(reply(200))

    with AuditLog(settings.audit_log).running(held):
        assert states(settings, pace, transport) == ["running", "delivered"]
    assert [event(1)["id"]] == [request.headers["webhook-id"] for request in transport.requests]


def test_what_somebody_else_delivered_meanwhile_is_not_sent(
    settings: Settings, ledger: AuditLog, pace: Pace, wire: Wire
) -> None:
    """The ledger is looked at again before each event."""
    announced(ledger, 0)
    announced(ledger, 1)

    def meanwhile(_: object) -> Any:
        tried(ledger, 1, 200)
        return reply(200)

    transport = wire(otherwise=meanwhile)
    assert states(settings, pace, transport) == ["delivered", "delivered"]
    assert len(transport.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_has_no_time_is_asked_no_more(
    settings: Settings, ledger: AuditLog, pace: Pace, wire: Wire, status: int
) -> None:
    """What it asks to wait holds for the other events too."""
    announced(ledger, 0)
    announced(ledger, 1, rule_id="other")

    assert states(settings, pace, wire(reply(status, retry_after="60"))) == ["pending", "pending"]


def test_a_receiver_that_is_gone_is_asked_no_more(settings: Settings, ledger: AuditLog, pace: Pace, wire: Wire) -> None:
    """After 410 the events that follow stay pending, and are not lost by a mistyped URL."""
    announced(ledger, 0)
    announced(ledger, 1, rule_id="other")

    assert states(settings, pace, wire(reply(410))) == ["stopped", "pending"]
    assert pending(ledger) == [1]


def test_after_the_deadline_nothing_is_tried(
    settings: Settings, ledger: AuditLog, pace: Pace, wire: Wire, clock: FakeClock
) -> None:
    """What there is no time for stays pending, and no try is recorded that was none."""
    announced(ledger, 0)
    clock.advance(120)

    assert states(settings, pace, wire()) == ["pending"]
    assert len(list(ledger.entries())) == 1


def test_an_operation_that_is_none_stays_pending(settings: Settings, ledger: AuditLog, pace: Pace, wire: Wire) -> None:
    """The id of an edited record does not become a file's name."""
    ledger.append("outcome", "../../x", rule_id="r", kind="k", event=event(0))

    assert states(settings, pace, wire()) == ["pending"]


# --- a trial ------------------------------------------------------------------------------------------------------


def test_an_untrusted_receiver_is_about_access(settings: Settings, pace: Pace, wire: Wire) -> None:
    """A certificate that is not trusted is told apart from a host that is not there."""
    trial = try_endpoint(settings, pace=pace, hook=wire(UntrustedHostError("expired")))

    assert isinstance(trial.error, AccessError)
    assert "expired" in trial.error.message
    assert "--ca-file" in (trial.error.hint or "")
    assert "canary" not in json.dumps([trial.url, trial.error.message])
