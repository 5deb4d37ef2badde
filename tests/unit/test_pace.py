"""One deadline for everything that takes time, and signals that are noticed at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import pytest

from clocks import FakeClock
from ebrule.core.pace import ANSWER_SECONDS, CALLS_AT_ONCE, GRACE_SECONDS, OutOfTimeError, Pace, SystemClock
from ebrule.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def raising(error: BaseException, after: threading.Event | None = None) -> Callable[[], None]:
    """A call that ends with an error."""

    def call() -> None:
        if after is not None:
            after.wait(10)
        raise error

    return call


def giving(value: T, then: threading.Event | None = None) -> Callable[[], T]:
    """A call that ends well, and says so through an event."""

    def call() -> T:
        if then is not None:
            then.set()
        return value

    return call


# --- one call -------------------------------------------------------------------------------------


def test_a_call_gives_what_the_function_gives(pace: Pace) -> None:
    """The result comes from a thread, and is the function's own."""
    assert pace.call(lambda: threading.current_thread() is threading.main_thread(), 20.0) is False


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_a_call_raises_what_the_function_raises(pace: Pace, error: BaseException) -> None:
    """An error crosses over from the thread, whatever it is, and is not lost there."""
    with pytest.raises(type(error)) as caught:
        pace.call(raising(error), 20.0)
    assert error is caught.value


@pytest.mark.parametrize(
    ("deadline", "before", "took"),
    [(120.0, 0.0, 20.0), (120.0, 50.0, 20.0), (5.0, 0.0, 5.0), (60.0, 50.0, 10.0)],
    ids=["limit", "limit-later-on", "deadline", "deadline-later-on"],
)
def test_a_call_ends_at_its_limit_or_the_deadline(
    never: threading.Event, deadline: float, before: float, took: float
) -> None:
    """A call that does not come back is left to itself, at whichever of the two comes first."""
    clock = FakeClock(patience=0.02)
    pace = Pace(deadline, clock=clock)
    clock.advance(before)
    with pytest.raises(OutOfTimeError):
        pace.call(lambda: never.wait(30), 20.0)
    assert before + took == clock.monotonic()


def test_a_call_may_begin_at_the_last_moment(pace: Pace, clock: FakeClock) -> None:
    """However little time is left, it may be enough."""
    clock.advance(119.9)
    assert pace.call(giving("just in time"), 20.0) == "just in time"


def test_no_call_begins_after_the_deadline(pace: Pace, clock: FakeClock) -> None:
    """Once the time is up, nothing more is started."""
    clock.advance(120.0)
    started: list[bool] = []
    with pytest.raises(OutOfTimeError):
        pace.call(lambda: started.append(True), 20.0)
    assert started == []


def test_a_call_that_was_given_up_on_does_not_hold_up_the_end() -> None:
    """A process whose call never comes back ends all the same."""
    program = (
        "import threading\n"
        "from ebrule.core.pace import OutOfTimeError, Pace\n"
        "try:\n"
        "    Pace().call(threading.Event().wait, 0.01)\n"
        "except OutOfTimeError:\n"
        "    print('given up')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "given up\n", "")


# --- many calls -----------------------------------------------------------------------------------


def test_results_come_in_the_order_of_the_calls(pace: Pace) -> None:
    """Whoever is first, results stand where their function stood."""
    second_is_done = threading.Event()

    def first() -> str:
        return f"first, {second_is_done.wait(10)}"

    assert pace.call_all([first, giving("second", second_is_done)]) == ["first, True", "second"]


def test_no_calls_give_no_results(pace: Pace) -> None:
    """Nothing to do is done at once."""
    assert pace.call_all([]) == []


def test_sixteen_calls_run_at_once(pace: Pace, clock: FakeClock) -> None:
    """So many run side by side, and never one more."""
    others = set(threading.enumerate())
    counted = threading.Event()
    running: list[int] = []

    def count() -> None:
        running.append(len(set(threading.enumerate()) - others))
        counted.set()

    clock.during_wait = count
    assert pace.call_all([lambda: counted.wait(10)] * 4 * CALLS_AT_ONCE) == [True] * 4 * CALLS_AT_ONCE
    assert running[0] == CALLS_AT_ONCE == 16


def test_of_several_errors_the_earliest_functions_is_raised(pace: Pace) -> None:
    """What a user reads does not depend on which reply came first."""
    later_failed = threading.Event()

    def later() -> None:
        later_failed.set()
        raise ValueError("later")

    with pytest.raises(ValueError, match="earlier"):
        pace.call_all([raising(ValueError("earlier"), after=later_failed), later])


def test_an_error_waits_for_no_later_call(pace: Pace, never: threading.Event) -> None:
    """Calls behind the one that failed can change nothing any more."""
    with pytest.raises(ValueError, match="first"):
        pace.call_all([raising(ValueError("first")), lambda: never.wait(30)])


def test_after_an_error_no_further_call_begins(pace: Pace) -> None:
    """Requests whose replies nobody would read are not sent."""
    started: list[int] = []
    calls = [raising(ValueError("x")), *(lambda: started.append(1) for _ in range(100))]
    with pytest.raises(ValueError, match="x"):
        pace.call_all(calls)
    assert len(started) < 100


def test_many_calls_end_at_the_deadline(never: threading.Event) -> None:
    """The deadline holds for all calls together."""
    pace = Pace(30.0, clock=FakeClock(patience=0.02))
    with pytest.raises(OutOfTimeError):
        pace.call_all([giving(1), lambda: int(never.wait(30))])
    assert pace.left() <= 0


# --- sleep ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.5, 120.0], ids=["short", "whole-deadline"])
def test_a_wait_that_fits_is_waited(pace: Pace, clock: FakeClock, seconds: float) -> None:
    """A wait may take all that is left."""
    pace.sleep(seconds)
    assert [seconds] == clock.sleeps


def test_a_wait_that_does_not_fit_ends_at_once(pace: Pace, clock: FakeClock) -> None:
    """It makes no sense to wait for what the deadline will not allow."""
    with pytest.raises(OutOfTimeError):
        pace.sleep(120.001)
    assert clock.sleeps == []


def test_no_wait_is_no_wait(pace: Pace, clock: FakeClock) -> None:
    """Zero seconds pass without the clock."""
    pace.sleep(0.0)
    assert clock.sleeps == []


def test_a_signal_ends_a_wait_early(pace: Pace, clock: FakeClock) -> None:
    """Nobody waits out a rate limit after Ctrl-C."""
    clock.during_sleep = lambda: pace.interrupt(signal.SIGINT)
    with pytest.raises(InterruptedRunError):
        pace.sleep(60.0)
    assert clock.monotonic() == 0.0


def test_under_a_shield_a_signal_ends_a_wait_early_too(pace: Pace, clock: FakeClock) -> None:
    """What is left to do is done at once; the wait just ends."""
    clock.during_sleep = lambda: pace.interrupt(signal.SIGINT)
    with pace.shield():
        pace.sleep(60.0)
    assert clock.monotonic() == 0.0


def test_under_a_shield_a_wait_that_begins_after_the_signal_is_waited(pace: Pace, clock: FakeClock) -> None:
    """To ask what became of a write, again and again without a pause, would hammer the org."""
    with pace.shield():
        pace.interrupt(signal.SIGINT)
        pace.sleep(0.25)
    assert clock.sleeps == [0.25]


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_run(pace: Pace, signum: int, status: int) -> None:
    """Without a shield the next thing that takes time raises, with the shell's exit status."""
    pace.interrupt(signum)
    with pytest.raises(InterruptedRunError) as caught:
        pace.call(giving(1), 20.0)
    assert (status, signum) == (caught.value.exit_status, pace.interrupted)


def test_without_a_signal_the_run_goes_on(pace: Pace) -> None:
    """There is nothing to notice."""
    pace.check()
    assert pace.interrupted is None


@pytest.mark.parametrize("many", [False, True], ids=["call", "call_all"])
def test_a_signal_wakes_a_blocked_call_at_once(
    pace: Pace, clock: FakeClock, never: threading.Event, many: bool
) -> None:
    """The main thread does not wait for a reply to notice a signal."""

    def call() -> bool:
        return never.wait(30)

    clock.during_wait = lambda: pace.interrupt(signal.SIGTERM)
    with pytest.raises(InterruptedRunError):
        pace.call_all([call]) if many else pace.call(call, 20.0)
    assert clock.monotonic() == 0.0


def test_a_signal_leaves_a_grace_period(pace: Pace, clock: FakeClock) -> None:
    """From the signal on, no more than five seconds are left."""
    clock.advance(10.0)
    pace.interrupt(signal.SIGINT)
    assert pace.left() == GRACE_SECONDS == 5.0


def test_a_signal_never_lengthens_the_deadline(pace: Pace, clock: FakeClock) -> None:
    """Where less than the grace period is left, that stays."""
    clock.advance(118.0)
    pace.interrupt(signal.SIGINT)
    assert pace.left() == 2.0


def test_further_signals_do_not_lengthen_the_grace_period(pace: Pace, clock: FakeClock) -> None:
    """The first signal starts the grace period, later ones cannot start it anew."""
    with pace.shield():
        pace.interrupt(signal.SIGINT)
        clock.advance(3.0)
        pace.interrupt(signal.SIGTERM)
    assert (pace.left(), pace.interrupted) == (2.0, signal.SIGINT)


def test_under_a_shield_the_first_signal_waits(pace: Pace) -> None:
    """While a write may be under way, calls go on."""
    with pace.shield():
        pace.interrupt(signal.SIGINT)
        assert pace.call(giving("read back"), 20.0) == "read back"


def test_under_a_shield_the_first_signal_does_not_cut_off_a_call(pace: Pace) -> None:
    """The call that was under way gives its result."""

    def call() -> str:
        pace.interrupt(signal.SIGINT)
        return "done"

    with pace.shield():
        assert pace.call(call, 20.0) == "done"


def test_under_a_shield_a_signal_leaves_time_to_ask_back(never: threading.Event) -> None:
    """The call that was under way gets a second to be answered; the rest is for finding out what it did."""
    clock = FakeClock(patience=0.02)
    pace = Pace(120.0, clock=clock)

    def interrupt() -> None:
        clock.during_wait = lambda: None
        pace.interrupt(signal.SIGINT)

    clock.during_wait = interrupt
    with pace.shield(), pytest.raises(OutOfTimeError):
        pace.call(lambda: never.wait(30), 20.0)
    assert (clock.monotonic(), pace.left()) == (ANSWER_SECONDS, GRACE_SECONDS - ANSWER_SECONDS) == (1.0, 4.0)


def test_under_a_shield_the_second_signal_counts(pace: Pace) -> None:
    """Whoever presses Ctrl-C twice means it."""
    with pace.shield():
        pace.interrupt(signal.SIGINT)
        pace.interrupt(signal.SIGINT)
        with pytest.raises(InterruptedRunError):
            pace.call(giving(1), 20.0)


def test_after_the_shield_the_first_signal_counts(pace: Pace) -> None:
    """What had to wait is noticed as soon as it may be; an inner shield does not end an outer one."""
    with pace.shield():
        with pace.shield():
            pace.interrupt(signal.SIGINT)
        pace.check()
    with pytest.raises(InterruptedRunError):
        pace.check()


# --- the machine's clock --------------------------------------------------------------------------


def test_the_machines_clock_is_a_clock() -> None:
    """It tells UTC and growing seconds, gives what comes into the inbox, and raises where nothing comes."""
    clock = SystemClock()
    inbox: SimpleQueue[str] = SimpleQueue()
    inbox.put("first")
    inbox.put("second")
    assert clock.now().tzinfo is timezone.utc
    assert clock.now() >= datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert clock.monotonic() <= clock.monotonic()
    assert clock.wait(inbox, 10.0) == "first"
    clock.sleep(inbox, 10.0)
    began = clock.monotonic()
    clock.sleep(inbox, 0.001)
    assert clock.monotonic() - began >= 0.001
    with pytest.raises(Empty):
        clock.wait(inbox, 0.001)


def test_a_run_has_two_minutes_by_default() -> None:
    """A run without further wishes gets the default deadline on the machine's own clock."""
    assert 0 < Pace().left() <= 120.0
