"""129, 130 and 143 mean that this run changed nothing; whatever else it did, the exit code says so."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import random
import signal
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from command_line import HANG_GUARD_SECONDS, CommandLine
from receiver import receiving
from reliability.measure_kills import SEED, SIGNAL_FAULTS, SIGNALS, bench, signals

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from sandbox_process import StartSandbox

pytestmark = pytest.mark.loopback

EACH = pytest.mark.parametrize("signum", SIGNALS, ids=lambda each: each.name)
HANG_SECONDS = 15
"""Longer than a run may take to find out what became of its PUT; a run that hangs fails the test here."""


@pytest.mark.parametrize("offsets", [6, pytest.param(200, marks=pytest.mark.full)])
def test_a_signal_at_any_time_is_told_truly(tmp_path: Path, offsets: int) -> None:
    """Whenever a signal comes, the exit code agrees with the org's own log, and the run can be settled."""
    with bench(tmp_path, faults=SIGNAL_FAULTS, latency_ms=20) as work:
        tally = signals(work, offsets=offsets)

    assert tally.broken == []
    assert tally.counts.total() == len(SIGNALS) * offsets


@pytest.fixture(autouse=True)
def _signals_count() -> Iterator[None]:
    """Let SIGHUP end what is started, even where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


# --- single moments -----------------------------------------------------------------------------------------


@dataclass
class Signalled:
    """How a run that got a signal ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Any:
        """What the result says became of the rule."""
        return json.loads(self.out)["result"]


def until(condition: Callable[[], object]) -> None:
    """Look again and again until something is so; it is another process's doing, which sends no word."""
    ends = time.monotonic() + HANG_GUARD_SECONDS
    while not condition():
        assert time.monotonic() < ends, "it never came to be so"
        time.sleep(0.02)  # only between two looks


def ended(process: subprocess.Popen[str]) -> Signalled:
    """Wait for the end of a run, within the time that a signal leaves it."""
    with process:
        process.wait(HANG_SECONDS)
        assert process.stdout
        assert process.stderr
        found = Signalled(process.returncode, process.stdout.read(), process.stderr.read())
    assert "Traceback" not in found.err
    assert "Fatal" not in found.err
    return found


def updating(ebrule: CommandLine, *arguments: str) -> subprocess.Popen[str]:
    """Start an update."""
    return ebrule.start("update", "--file", ebrule.rule(), "--output", "json", *arguments)


@EACH
@pytest.mark.parametrize("fault", ["hang:method=GET", "hang:method=POST,path=/oauth/token"])
def test_while_reading_hangs(tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals, fault: str) -> None:
    """A signal while the token or the rule is waited for ends the run at once, with nothing changed."""
    sandbox = start_sandbox(faults=[fault])
    process = updating(CommandLine(tmp_path, sandbox))
    until(lambda: None in sandbox.requests())

    process.send_signal(signum)
    run = ended(process)

    assert (run.code, run.result) == (128 + signum, "failed")
    assert sandbox.requests("PUT") == []


@EACH
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_while_a_rate_limit_is_waited_out(
    tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals, method: str
) -> None:
    """A signal while the org wants the run to wait ends it at once: a refused PUT changed nothing."""
    sandbox = start_sandbox(faults=[f"rate-limit:method={method},seconds=60"])
    process = updating(CommandLine(tmp_path, sandbox))
    assert process.stderr
    assert "rate limited" in process.stderr.readline()

    process.send_signal(signum)
    run = ended(process)

    assert (run.code, run.result) == (128 + signum, "failed")
    assert sandbox.history() == []


@EACH
def test_while_a_put_hangs_that_is_never_applied(
    tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals
) -> None:
    """A PUT that is out and not applied may still land: unknown, and the intent stays open to be settled."""
    sandbox = start_sandbox(faults=["hang:times=1"])
    ebrule = CommandLine(tmp_path, sandbox)
    process = updating(ebrule)
    until(lambda: sandbox.requests("PUT"))

    process.send_signal(signum)
    run = ended(process)

    assert (run.code, run.result) == (9, "unknown")
    assert sandbox.requests("PUT") == [None]
    assert [each["type"] for each in ebrule.records()] == ["intent", "outcome"]


@EACH
def test_while_the_answer_to_an_applied_put_hangs(
    tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals
) -> None:
    """A PUT that was applied, and whose answer never comes, is found out: 0, not a signal's code."""
    sandbox = start_sandbox(faults=["hang-after:times=1"])
    process = updating(CommandLine(tmp_path, sandbox))
    until(sandbox.history)

    process.send_signal(signum)
    run = ended(process)

    assert (run.code, run.result) == (0, "updated")


@EACH
def test_while_the_webhook_is_tried(tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals) -> None:
    """A signal while the announcement is tried again: applied, with a follow-up, 8."""
    ebrule = CommandLine(tmp_path, start_sandbox())
    with receiving(503) as receiver:
        process = updating(ebrule, "--webhook-url", receiver.url)
        until(lambda: receiver.received)
        process.send_signal(signum)
        run = ended(process)

    assert (run.code, run.result) == (8, "updated")
    assert json.loads(run.out)["webhook"] == "pending"


@pytest.mark.parametrize("_time", range(3))  # two that come at once may both go to another thread
def test_a_second_signal_while_a_put_is_out(tmp_path: Path, start_sandbox: StartSandbox, _time: int) -> None:
    """Who does not want to wait until it is known gets unknown, 9, never a code that says unchanged."""
    sandbox = start_sandbox(faults=["hang:times=1"])
    process = updating(CommandLine(tmp_path, sandbox))
    until(lambda: sandbox.requests("PUT"))

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    run = ended(process)

    assert (run.code, run.result) == (9, "unknown")


@EACH
def test_once_the_result_is_printed(tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals) -> None:
    """A signal that comes when all is done does not make an applied change look like none."""
    process = updating(CommandLine(tmp_path, start_sandbox()))
    assert process.stdout
    lines = iter(process.stdout.readline, "")
    while next(lines) != "}\n":
        pass

    process.send_signal(signum)
    process.wait(HANG_SECONDS)

    with process:
        assert process.stderr
        assert (process.returncode, process.stderr.read()) == (0, "")


@EACH
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_while_standard_input_stays_open(tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals) -> None:
    """A signal while the rule is awaited on a pipe ends the run at once; the thread that reads harms nothing."""
    sandbox = start_sandbox()
    process = CommandLine(tmp_path, sandbox).start("update", "--file", "-", "--output", "json")
    until(lambda: len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1)

    process.send_signal(signum)
    run = ended(process)

    assert (run.code, run.result) == (128 + signum, "failed")
    assert sandbox.requests() == []


@EACH
@pytest.mark.parametrize("count", [3, pytest.param(40, marks=pytest.mark.full)])
def test_while_python_starts(tmp_path: Path, start_sandbox: StartSandbox, signum: signal.Signals, count: int) -> None:
    """A signal that comes while the process begins ends it, with nothing changed."""
    sandbox = start_sandbox()
    ebrule = CommandLine(tmp_path, sandbox)
    chance = random.Random(SEED + signum)  # noqa: S311 - repeatable by intent
    for _ in range(count):
        process = updating(ebrule)
        strike_after(chance.uniform(0, 0.3))
        process.send_signal(signum)
        with process:
            process.wait(HANG_SECONDS)
            assert process.stderr
            err = process.stderr.read()
        # Python itself ends with 1, and with a traceback, where it is interrupted in its own start.
        assert process.returncode in (128 + signum, -signum) or "KeyboardInterrupt" in err
        assert "a bug in ebrule" not in err
        assert "pipeline/run.py" not in err
    assert sandbox.requests("PUT") == []


def strike_after(seconds: float) -> None:
    """Let the time go by that the fault is to come after."""
    time.sleep(seconds)


# --- terminals ----------------------------------------------------------------------------------------------


def ignore_hang_up() -> None:
    """What nohup does before it becomes the program."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_a_run_outlives_its_terminal_when_it_is_told_to(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Where the parent ignores SIGHUP, as nohup does, it does nothing."""
    sandbox = start_sandbox(faults=["rate-limit:method=PUT,seconds=1,times=1"])
    ebrule = CommandLine(tmp_path, sandbox)
    process = ebrule.start("update", "--file", ebrule.rule(), "--output", "json", preexec_fn=ignore_hang_up)
    assert process.stderr
    assert "rate limited" in process.stderr.readline()

    process.send_signal(signal.SIGHUP)
    run = ended(process)

    assert (run.code, run.result) == (0, "updated")


@contextlib.contextmanager
def on_a_terminal(ebrule: CommandLine, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a command on a terminal of its own, to read from, which is closed on leaving."""
    ours, theirs = pty.openpty()

    def control() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    process = ebrule.start(*arguments, **streams, start_new_session=True, preexec_fn=control)
    os.close(theirs)
    yield process, ours
    os.close(ours)


@pytest.mark.parametrize("options", [(), ("--verbose",), ("--output", "json")], ids=" ".join)
def test_a_terminal_that_is_closed_while_a_put_is_out(
    tmp_path: Path, start_sandbox: StartSandbox, options: tuple[str, ...]
) -> None:
    """What became of the PUT is found out and recorded, though nobody is left to be told."""
    sandbox = start_sandbox(faults=["hang-after:times=1"])
    ebrule = CommandLine(tmp_path, sandbox)
    with on_a_terminal(ebrule, "update", "--file", ebrule.rule(), *options) as (process, _):
        until(sandbox.history)

    assert 0 == process.wait(HANG_SECONDS)
    assert "updated" == ebrule.records()[-1]["result"]


def test_a_terminal_that_is_closed_during_a_countdown(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """A refused PUT changed nothing: that is the exit code, and what is recorded."""
    sandbox = start_sandbox(faults=["rate-limit:seconds=60"])
    ebrule = CommandLine(tmp_path, sandbox)
    with on_a_terminal(ebrule, "update", "--file", ebrule.rule()) as (process, terminal):
        until(lambda: b"next try in" in os.read(terminal, 4096))

    assert 129 == process.wait(HANG_SECONDS)
    assert 129 == ebrule.records()[-1]["exit_code"]
    assert [] == sandbox.history()
