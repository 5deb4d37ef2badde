"""A run that is killed anywhere never changed the rule without an intent, and what it did can be settled."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from command_line import HANG_GUARD_SECONDS, CommandLine
from ebrule import load_settings, update_rule
from ebrule.core.audit import AuditLog
from ebrule.core.pace import Pace, SystemClock
from ebrule.core.reply import BrokenError
from ebrule.core.transport import HttpxTransport
from ebrule.errors import UnknownOutcomeError
from ebrule.settings import Network, Options
from reliability import kills
from reliability.measure_kills import Bench, announcements, bench, syscalls
from reliability.measure_kills import kills as kill_at_random
from reliability.proofs import STORES

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ebrule.core.reply import Reply, Request
    from ebrule.system import BootTime
    from sandbox_process import SandboxProcess, StartSandbox

pytestmark = pytest.mark.loopback


# --- everywhere ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tracing")
def test_a_kill_at_a_system_call_can_be_settled(work: Bench) -> None:
    """Killed at some of its system calls, a run leaves no PUT without intent, and nothing that stays open."""
    tally = syscalls(work, points=12)

    assert tally.broken == []
    assert tally.counts["killed, in all"] >= 10


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("points", [6, pytest.param(200, marks=pytest.mark.full)])
def test_a_kill_can_be_settled_where_the_org_stores_differently(tmp_path: Path, points: int) -> None:
    """What an org adds, sorts or drops beside a killed run's change does not hide what became of that change."""
    with bench(tmp_path, stores=STORES, replica_lag=1, replicas=2) as work:
        assert work.zygote.run(work.world("first").update()).status == 0
        tally = syscalls(work, points=points)
        announced = announcements(work, points=points // 2)

    assert tally.broken + announced.broken == []
    assert tally.counts["killed, in all"] >= points // 2


@pytest.mark.full
@pytest.mark.usefixtures("tracing")
def test_a_kill_at_every_system_call_can_be_settled(work: Bench) -> None:
    """Killed before and after every one of its system calls, a run leaves nothing that cannot be settled."""
    assert syscalls(work, points=None).broken == []


@pytest.mark.parametrize("count", [10, pytest.param(1000, marks=pytest.mark.full)])
def test_random_kills_lose_no_record(work: Bench, count: int) -> None:
    """Of many runs on one ledger, killed at random, the survivors' records stay, the others are settled."""
    tally = kill_at_random(work, count=count)

    assert tally.broken == []
    assert tally.counts["killed"] >= count


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("points", [6, pytest.param(None, marks=pytest.mark.full)])
def test_each_applied_version_is_announced_under_one_id(work: Bench, points: int | None) -> None:
    """Killed anywhere after the PUT, settled and flushed: the ids that arrived are those of the applied versions."""
    tally = announcements(work, points=points)

    assert tally.broken == []
    assert tally.counts["killed with the PUT applied"] >= 3
    assert tally.counts["versions applied"] == tally.counts["distinct events that arrived"]


# --- the command line under strace --------------------------------------------------------------------------


def traced(strace: str, ebrule: CommandLine, *options: str, arguments: tuple[str, ...]) -> tuple[int, str]:
    """Run a command under strace; return its exit code and the trace."""
    trace = ebrule.folder / "trace"
    line = [strace, "-f", "-y", "-qq", "-s", "200", "-o", str(trace), *options]
    line += [sys.executable, "-m", "ebrule", *arguments]
    ran = subprocess.run(
        line,
        env=ebrule.environ,
        cwd=ebrule.folder,
        capture_output=True,
        timeout=HANG_GUARD_SECONDS,
        check=False,
    )
    return ran.returncode, trace.read_text("utf-8", "replace")


def at_the_ledger(ebrule: CommandLine, injection: str) -> tuple[str, ...]:
    """Give strace's options for tampering with a system call at the ledger."""
    call = injection.partition(":")[0]
    return ("-P", str(ebrule.ledger), "-e", f"trace={call}", "-e", f"inject={injection}")


def test_the_intent_is_on_the_disk_before_the_put_is_sent(
    tmp_path: Path, strace: str, start_sandbox: StartSandbox
) -> None:
    """The fsync of the intent has returned before the first byte of the PUT goes to the socket."""
    ebrule = CommandLine(tmp_path, start_sandbox())
    options = ("-ttt", "-T", "-e", "trace=write,fsync,fdatasync,sendto,sendmsg,writev")

    code, trace = traced(strace, ebrule, *options, arguments=("update", "--file", ebrule.rule()))

    calls = list(joined(trace))
    put = next(at for at, _, text in calls if re.match(r'(sendto|sendmsg|write)\(.*"PUT /', text))
    ledger = f"<{ebrule.ledger}>"
    written = next(at for at, _, text in calls if text.startswith("write(") and f'{ledger}, "{{\\"schema' in text)
    synced = [end for at, end, text in calls if text.startswith("fsync(") and ledger in text and at > written]
    assert code == 0
    assert written < synced[0] < put


def joined(trace: str) -> list[tuple[float, float, str]]:
    """Give each system call of a trace: when it began, when it returned, and its whole text."""
    begun: dict[str, tuple[float, str]] = {}
    calls = []
    for line in trace.splitlines():
        thread, at, text = line.split(maxsplit=2)
        if text.endswith("<unfinished ...>"):
            begun[thread] = float(at), text.removesuffix("<unfinished ...>")
            continue
        start = float(at)
        if resumed := re.match(r"<\.\.\. \w+ resumed>", text):
            start, head = begun.pop(thread)
            text = head + text[resumed.end() :]
        if took := re.search(r"<([0-9.]+)>$", text):
            calls.append((start, start + float(took[1]), text))
    return calls


@pytest.mark.parametrize(
    ("injection", "settled"),
    [
        pytest.param("write:signal=KILL:when=1", None, marks=pytest.mark.full),  # at the intent
        ("fsync:signal=KILL:when=1", "not_applied"),  # the intent is written, and not known to be on the disk
        ("write:signal=KILL:when=2", "applied"),  # at the outcome
        pytest.param("fsync:signal=KILL:when=2", "outcome", marks=pytest.mark.full),
    ],
)
def test_a_process_killed_at_the_ledger_can_be_settled(
    tmp_path: Path, strace: str, start_sandbox: StartSandbox, injection: str, settled: str | None
) -> None:
    """Killed at a write or sync of the ledger, a process leaves what resolving it tells as it was."""
    sandbox = start_sandbox()
    ebrule = CommandLine(tmp_path, sandbox)

    code, _ = traced(strace, ebrule, *at_the_ledger(ebrule, injection), arguments=("update", "--file", ebrule.rule()))
    found = resolved(ebrule)

    assert code == -9
    assert found == ([] if settled in (None, "outcome") else [settled])
    assert len(sandbox.history()) == (settled in ("applied", "outcome"))
    assert list(kills.judge(AuditLog(ebrule.ledger), sandbox.history())) == []
    assert ebrule("update", "--file", ebrule.rule(priority=77)).code == 0


@pytest.mark.full
def test_the_command_waits_before_it_settles(tmp_path: Path, strace: str, start_sandbox: StartSandbox) -> None:
    """Just after a kill, the command waits until nothing can be on its way any more, and then tells what was."""
    ebrule = CommandLine(tmp_path, start_sandbox())
    killed = at_the_ledger(ebrule, "write:signal=KILL:when=2")
    traced(strace, ebrule, *killed, arguments=("update", "--file", ebrule.rule()))

    ran = ebrule("audit", "resolve", "--output", "json")

    assert (ran.code, [each["state"] for each in ran.json["operations"]]) == (0, ["applied"])
    assert "may still be on its way" in ran.err


# --- resolving ----------------------------------------------------------------------------------------------


def resolving(ebrule: CommandLine) -> subprocess.Popen[str]:
    """Start to settle what is open, as if a minute had gone by."""
    line = [sys.executable, kills.__file__, "resolve"]
    return subprocess.Popen(line, env=ebrule.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def resolved(ebrule: CommandLine) -> list[str]:
    """Settle what is open, as if a minute had gone by; return the states that were found."""
    with resolving(ebrule) as process:
        out, err = process.communicate(timeout=HANG_GUARD_SECONDS)
    assert process.returncode == 0, err
    states: list[str] = json.loads(out)
    return states


def types(ebrule: CommandLine, *wanted: str) -> list[Any]:
    """Return type and operation of the records of some types."""
    return [(each["type"], each["operation_id"]) for each in ebrule.records() if each["type"] in wanted]


class ClockBehind(SystemClock):
    """A clock that is an hour slow: what it stamps is old."""

    def now(self) -> datetime:
        """Return the time of an hour ago."""
        return super().now() - timedelta(hours=1)

    def boot(self) -> BootTime | None:
        """Return the time since the machine's start of an hour ago."""
        boot = super().boot()
        return boot and boot._replace(seconds=boot.seconds - 3600)


class Cut(HttpxTransport):
    """A transport that breaks off for good once a PUT has arrived."""

    def __init__(self) -> None:
        super().__init__(Network(), secure=False)
        self.broken = False

    def send(self, request: Request) -> Reply:
        """Send a request, unless it is too late."""
        if not self.broken:
            reply = super().send(request)
            self.broken = request.method == "PUT"
        if self.broken:
            raise BrokenError("it broke off")
        return reply


def left_open(ebrule: CommandLine, rule_id: str) -> None:
    """Leave an operation open an hour ago: its PUT was applied and not answered, and asking back failed."""
    settings = load_settings(Options(), ebrule.environ)
    file = ebrule.folder / ebrule.rule(f"{rule_id}.yaml", id=rule_id)
    with pytest.raises(UnknownOutcomeError):
        update_rule(settings, file, pace=Pace(60, clock=ClockBehind()), transport=Cut())


def test_the_command_may_be_given_again(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """The command settles what was left open long ago at once, and finds nothing when it is given again."""
    ebrule = CommandLine(tmp_path, start_sandbox())
    left_open(ebrule, "demo-rule")

    first, second = (ebrule("audit", "resolve", "--output", "json") for _ in "12")

    assert (first.code, [each["state"] for each in first.json["operations"]]) == (0, ["applied"])
    assert (second.code, second.json["operations"]) == (0, [])
    assert len(types(ebrule, "resolution")) == 1


def test_many_may_resolve_at_once(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Of several processes that settle the same operations at once, just one settles each."""
    ebrule = CommandLine(tmp_path, start_sandbox())
    rules = ("demo-rule", "demo-rule-disabled")
    for rule_id in rules:
        left_open(ebrule, rule_id)

    processes = [resolving(ebrule) for _ in range(6)]
    found = [json.loads(process.communicate(timeout=HANG_GUARD_SECONDS)[0]) for process in processes]

    intents = [operation_id for _, operation_id in types(ebrule, "intent")]
    assert sorted(types(ebrule, "resolution")) == sorted(("resolution", each) for each in intents)
    assert len([state for states in found for state in states if state == "applied"]) == len(rules)
    assert {state for states in found for state in states} <= {"applied", "running"}
    assert resolved(ebrule) == []


class Holding(HttpxTransport):
    """A transport whose PUT is about to leave until it is let go."""

    def __init__(self) -> None:
        super().__init__(Network(), secure=False)
        self.reached, self.let_go = threading.Event(), threading.Event()

    def send(self, request: Request) -> Reply:
        """Send a request; a PUT only when it may."""
        if request.method == "PUT":
            self.reached.set()
            assert self.let_go.wait(HANG_GUARD_SECONDS)
        return super().send(request)


def test_a_live_run_is_left_alone(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """While a run is in its PUT, nobody else settles it; it settles itself."""
    ebrule = CommandLine(tmp_path, start_sandbox())
    transport = Holding()
    settings = load_settings(Options(), ebrule.environ)
    file = tmp_path / ebrule.rule()
    run = threading.Thread(target=update_rule, args=(settings, file), kwargs={"transport": transport})
    run.start()
    assert transport.reached.wait(HANG_GUARD_SECONDS)

    found = resolved(ebrule)
    transport.let_go.set()
    run.join(HANG_GUARD_SECONDS)

    assert found == ["running"]
    assert [kind for kind, _ in types(ebrule, "intent", "outcome", "resolution")] == ["intent", "outcome"]
    assert resolved(ebrule) == []


def test_another_orgs_operations_are_left_alone(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Whoever is connected to one org does not settle what was sent to another."""
    ebrule = CommandLine(tmp_path, start_sandbox())
    other = CommandLine(tmp_path, start_sandbox(tmp_path / "other", org_id="0b2f7f5f-7d4e-4c0c-9d4b-2f7f5f0e6a11"))
    left_open(ebrule, "demo-rule")

    assert resolved(other) == ["elsewhere"]
    assert resolved(ebrule) == ["applied"]


def test_what_cannot_be_told_stays_open(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Where the rule moved on and the change is not in it, resolving ends with 9, each time."""
    sandbox = start_sandbox()
    ebrule = CommandLine(tmp_path, sandbox)
    left_open(ebrule, "demo-rule")
    undo(sandbox)

    codes = [ebrule("audit", "resolve").code for _ in "12"]

    assert codes == [9, 9]
    assert types(ebrule, "resolution") == []


def undo(sandbox: SandboxProcess) -> None:
    """Have somebody else put the rule to something different, twice."""
    client = sandbox.client()
    path = "/api/v2/eventbridge/routing/rules/demo-rule"
    for priority in (801, 802):
        rule = client.get(path).json()
        client.put(path, json={**rule, "priority": priority, "name": "Other", "conditions": []}).raise_for_status()
