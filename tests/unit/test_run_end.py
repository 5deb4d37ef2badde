"""When a run that left an operation open can send no more: by a clock that nobody sets, else with a margin."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from clocks import FakeClock
from ebrule.core.run_end import CLOCK_MARGIN_SECONDS, SETTLING_SECONDS, seconds_until_over
from ebrule.errors import UnknownOutcomeError
from ebrule.system import BootTime, boot_time
from fake_org import FakeOrg, after_landing, demo_rule, late, lost
from pipelines import Pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from ebrule.pipeline.resolve import Finding

SENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
HOUR = 3_600.0
WHOLE = 120 + SETTLING_SECONDS + CLOCK_MARGIN_SECONDS


def intent(**fields: Any) -> dict[str, Any]:
    """Return an intent of a run that had 120 seconds left, 1,000 seconds after its machine had started."""
    written = {
        "timestamp": "2026-01-02T03:04:05.000000Z",
        "deadline": "2026-01-02T03:06:05.000000Z",
        "boot_id": "boot-1",
        "boot_seconds": 1_000.0,
    }
    return {**written, **fields}


@pytest.mark.parametrize("clock_is_off", [-HOUR, 0.0, HOUR])
@pytest.mark.parametrize(("age", "left"), [(0.0, SETTLING_SECONDS), (20.0, 10.0), (31.0, -1.0)])
def test_on_the_same_start_the_boot_clock_decides(age: float, left: float, clock_is_off: float) -> None:
    """Whatever the time of day says, a run of this start of the machine is as old as the boot clock says."""
    now = SENT + timedelta(seconds=age + clock_is_off)

    assert left == seconds_until_over(intent(), now=now, boot=BootTime("boot-1", 1_000.0 + age))


@pytest.mark.parametrize("boot", [None, BootTime("boot-2", 5.0), BootTime("boot-2", 9_999.0)])
@pytest.mark.parametrize(
    ("age", "left"),
    [(0.0, WHOLE), (100.0, WHOLE - 100), (WHOLE + 1, -1.0), (-1.0, WHOLE), (-HOUR, WHOLE), (1e9, WHOLE)],
    ids=["just now", "a while", "over", "a little in the future", "in the future", "absurd"],
)
def test_elsewhere_the_time_of_day_counts_with_a_margin(age: float, left: float, boot: BootTime | None) -> None:
    """On another machine or start, the run's deadline and a margin must be over; an age that cannot be waits it all."""
    assert left == seconds_until_over(intent(), now=SENT + timedelta(seconds=age), boot=boot)


def test_a_boot_clock_that_goes_backwards_waits_from_now() -> None:
    """An intent that is younger than now by the boot clock is waited for in full."""
    assert SETTLING_SECONDS == seconds_until_over(intent(), now=SENT, boot=BootTime("boot-1", 999.0))


@pytest.mark.parametrize("fields", [{"boot_seconds": None}, {"boot_id": None}, {"boot_seconds": "1000"}])
def test_an_intent_without_a_boot_clock_counts_by_the_time_of_day(fields: dict[str, Any]) -> None:
    """What the record does not say is not guessed."""
    assert WHOLE == seconds_until_over(intent(**fields), now=SENT, boot=BootTime("boot-1", 2_000.0))


def test_an_intent_of_an_older_ebrule_has_no_deadline() -> None:
    """Its request may be on its way as long as any, and clocks may differ."""
    old = {"timestamp": "2026-01-02T03:04:05.000000Z"}

    assert SETTLING_SECONDS + CLOCK_MARGIN_SECONDS == seconds_until_over(old, now=SENT, boot=None)


def test_the_system_tells_its_boot_clock() -> None:
    """Where the system has one, it has a name and does not go backwards."""
    first, second = boot_time(), boot_time()

    assert first is None or (second is not None and first.boot_id == second.boot_id and first.seconds <= second.seconds)


# --- what that means for an open operation ------------------------------------------------------------------


class WrongClock(FakeClock):
    """A clock whose time of day is off from the start, or once it is told to be."""

    off = 0.0

    def now(self) -> datetime:
        """Return the time of day, wrong by so many seconds."""
        return super().now() + timedelta(seconds=self.off)


def left_open(folder: Path, *, lands: bool) -> tuple[Pipeline, WrongClock]:
    """Leave an operation open whose PUT is still on its way, or lost."""
    org = FakeOrg(puts=(late(lost) if lands else lost,))
    org.clock = clock = WrongClock()
    pipeline = Pipeline(folder, org, webhook=True)
    org.gets = [lambda org, request: lost(org, request) if org.bodies else after_landing()(org, request)] * 4
    result = pipeline.outcome_of_update(priority=60)
    assert isinstance(result.error, UnknownOutcomeError)
    org.gets = []
    return pipeline, clock


def states(findings: list[Finding]) -> list[tuple[str, str | None]]:
    """Return what was found, and what decided it."""
    return [(finding.state, finding.decided_by) for finding in findings]


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_a_clock_that_is_wrong_decides_nothing(tmp_path: Path, off: float) -> None:
    """With the clock off by an hour, a PUT that lands a little later is still found."""
    pipeline, clock = left_open(tmp_path, lands=True)
    clock.off = off
    clock.during_sleep = pipeline.org.land
    assert [("applied", "content")] == states(pipeline.resolve())

    assert SETTLING_SECONDS > clock.sleeps[-1] > SETTLING_SECONDS / 2


def test_what_time_alone_decided_says_so(tmp_path: Path) -> None:
    """A PUT that did not arrive in its time is not applied, as far as time tells."""
    pipeline, _ = left_open(tmp_path, lands=False)

    assert [("not_applied", "time")] == states(pipeline.resolve())
    assert "time" == pipeline.outcome["decided_by"]
    assert pipeline.resolve() == []


def test_what_time_decided_can_be_looked_at_again(tmp_path: Path) -> None:
    """A PUT that arrived after all is found with --again, recorded, and announced, once."""
    pipeline, _ = left_open(tmp_path, lands=True)
    assert [("not_applied", "time")] == states(pipeline.resolve())
    still = pipeline.resolve(again=True)
    pipeline.org.land()
    found = pipeline.resolve(again=True)

    assert [("not_applied", "time")] == states(still)
    assert [("applied", "content")] == states(found)
    assert [8] == [event["data"]["version"] for event in pipeline.events]
    assert (2, []) == (
        sum(record["type"] == "resolution" for record in pipeline.records), pipeline.resolve(again=True),
    )  # fmt: skip


def test_a_wait_that_does_not_fit_leaves_it_open(tmp_path: Path) -> None:
    """Where the wait does not fit into the deadline, nothing is recorded, and the reason says when to come back."""
    pipeline, _ = left_open(tmp_path, lands=True)
    (finding,) = pipeline.resolve(deadline=5.0)

    assert "unknown" == finding.state
    assert "run this again in" in (finding.reason or "")
    assert not any(record["type"] == "resolution" for record in pipeline.records)


def test_what_is_there_already_is_not_waited_for(tmp_path: Path) -> None:
    """A version that shows what became of the PUT settles it at once."""
    pipeline, clock = left_open(tmp_path, lands=True)
    pipeline.org.land()
    slept = len(clock.sleeps)

    assert [("applied", "content")] == states(pipeline.resolve())
    assert slept == len(clock.sleeps)


def test_the_next_version_by_somebody_else_settles_it_at_once(tmp_path: Path) -> None:
    """Another writer's version without our changes means that ours never lands."""
    pipeline, clock = left_open(tmp_path, lands=True)
    pipeline.org.edit({"name": demo_rule()["name"] + "!"})
    slept = len(clock.sleeps)

    assert [("not_applied", "content")] == states(pipeline.resolve())
    assert slept == len(clock.sleeps)
