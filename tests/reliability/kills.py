"""Runs of ebrule that are killed, and the judge of what they left behind.

    Zygote   has imported ebrule once and forks runs of its command line; kills them after a time, or at their
             n-th system call: as their tracer it counts the calls of all their threads together
    World    a sandbox, a state folder, and rule files that each make a change of their own
    judge    holds a ledger against the sandbox's own log

The zygote is this file, run as a script; with the argument ``resolve`` that settles what is open.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ebrule
from ebrule.core.audit import AuditLog
from ebrule.core.pace import Pace, SystemClock
from ebrule.core.webhook import event_id_of
from ebrule.pipeline.deliveries import Delivery, flush_events
from ebrule.pipeline.resolve import Finding, resolve
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.settings import Options, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebrule.system import BootTime
    from sandbox_process import SandboxProcess, Step

HANG_GUARD_SECONDS = 120
RULES = ("demo-rule", "demo-rule-disabled", "demo-rule-secret", "demo-rule-unknown-fields")


# --- runs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One command line to run: standard output and error go to ``out`` and ``out`` with ``.err`` behind it.

    Attributes:
        arguments: what stands behind ``ebrule``.
        environ: the whole environment.
        out: a file that is made.
        delay: seconds until ``signum`` is sent; None sends nothing.
        signum: a signal's number.
        stop_at: kill the run at this stop of its system calls, counted from 1 and twice for each call: before
            it is made, and after. 0 only counts; None does not trace at all.
    """

    arguments: tuple[str, ...]
    environ: dict[str, str] = field(repr=False)
    out: str
    delay: float | None = None
    signum: int = signal.SIGKILL
    stop_at: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a run ended: with an exit code, or the negative number of a signal; ``call`` is that of the last stop."""

    run: Run
    status: int
    stops: int = 0
    call: str = ""

    @property
    def killed(self) -> bool:
        """Whether the run ended with SIGKILL."""
        return self.status == -signal.SIGKILL

    @property
    def err(self) -> str:
        """What it wrote to standard error."""
        return _text(f"{self.run.out}.err")

    @cached_property
    def result(self) -> dict[str, Any]:
        """The JSON document that it printed; empty if it did not come to that."""
        text = _text(self.run.out)
        return json.loads(text) if text.endswith("}\n") else {}


def _text(path: str) -> str:
    """Read a file; one that a run did not live to make is empty."""
    return Path(path).read_text("utf-8") if os.path.lexists(path) else ""


class Zygote:
    """The parent of runs; ``close`` ends it, as ``contextlib.closing`` does."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run_all(self, runs: Sequence[Run]) -> list[Ended]:
        """Begin all runs at once, and come back when all have ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([asdict(run) for run in runs]) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline() or "[]")
        if len(reply) != len(runs):
            raise RuntimeError(f"the zygote ended with {self._process.wait(timeout=20)}")
        return [Ended(run, **ended) for run, ended in zip(runs, reply, strict=True)]

    def run(self, run: Run) -> Ended:
        """Run one; the only way for one that is traced."""
        return self.run_all([run])[0]

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=20)


# --- the zygote's own side ------------------------------------------------------------------------------

_IMPORTED_LATE = ("anyio", "certifi", "encodings.idna", "h11", "httpcore", "platformdirs.unix", "pwd")


class _Child(BaseException):  # unwinds a forked child to where it becomes a run
    def __init__(self, run: Run) -> None:
        self.run = run


def _serve() -> None:
    for signum in (signal.SIGHUP, signal.SIGINT):  # a child takes signals as a process that has just begun does
        signal.signal(signum, signal.SIG_DFL)
    own = (module.name for module in pkgutil.walk_packages(ebrule.__path__, "ebrule."))
    for name in (*_IMPORTED_LATE, *own):
        if ".sandbox" not in name:
            with contextlib.suppress(ImportError):  # what an extra brings need not be there
                import_module(name)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    with os.fdopen(os.dup(0)) as requests, os.fdopen(os.dup(1), "w") as replies:
        try:
            for line in requests:
                runs = [Run(**{**each, "arguments": tuple(each["arguments"])}) for each in json.loads(line)]
                signal.alarm(HANG_GUARD_SECONDS)
                ended = _traced(runs[0]) if runs[0].stop_at is not None else _all_at_once(runs)
                signal.alarm(0)
                replies.write(json.dumps(ended) + "\n")
                replies.flush()
        except _Child as child:
            run = child.run
        else:
            return
    _become(run)


def _fork(run: Run) -> int:
    pid = os.fork()
    if pid == 0:
        raise _Child(run)
    return pid


def _become(run: Run) -> None:
    """Be the command line that ``run`` says, in a forked child."""
    for target, path in ((1, run.out), (2, f"{run.out}.err")):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(run.environ)
    sys.argv = ["ebrule", *run.arguments]
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    from ebrule.__main__ import main  # noqa: PLC0415 - only a child's

    if run.stop_at is not None:
        _ptrace(_TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
    main()


def _all_at_once(runs: Sequence[Run]) -> list[dict[str, Any]]:
    pids: dict[int, Run] = {}
    due: dict[int, float] = {}
    for run in runs:
        pid = _fork(run)
        pids[pid] = run
        if run.delay is not None:
            due[pid] = time.monotonic() + run.delay
    statuses: dict[int, int] = {}
    while len(statuses) < len(pids):
        wait = min(due.values()) - time.monotonic() if due else HANG_GUARD_SECONDS
        signal.sigtimedwait({signal.SIGCHLD}, max(wait, 0))
        for pid in pids.keys() - statuses.keys():
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                statuses[pid] = os.waitstatus_to_exitcode(status)
                due.pop(pid, None)
        for pid in [pid for pid, moment in due.items() if moment <= time.monotonic()]:
            del due[pid]
            os.kill(pid, pids[pid].signum)  # it is not reaped, so that its number is still its own
    return [{"status": statuses[pid]} for pid in pids]


# ptrace(2); no register is looked at, so that this holds for every architecture.
_TRACEME, _SYSCALL, _SETOPTIONS = 0, 24, 0x4200
_OPTIONS = 0x100000 | 0x1 | 0x2 | 0x4 | 0x8  # EXITKILL, TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_ALL_THREADS = 0x40000000  # __WALL of waitpid(2)


def _ptrace(request: int, pid: int, data: int = 0) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    library.ptrace.restype = ctypes.c_long
    if library.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _traced(run: Run) -> list[dict[str, Any]]:
    """Run one, and kill it at its stop ``run.stop_at``."""
    leader, stops, call = _fork(run), 0, ""
    _, status = os.waitpid(leader, 0)
    if not os.WIFSTOPPED(status):
        return [{"status": os.waitstatus_to_exitcode(status)}]
    _ptrace(_SETOPTIONS, leader, _OPTIONS)
    thread, passed_on = leader, 0
    while True:
        with contextlib.suppress(ProcessLookupError):  # killed a moment ago, and not yet reaped
            _ptrace(_SYSCALL, thread, passed_on)
        thread, status = os.waitpid(-1, _ALL_THREADS)
        while not os.WIFSTOPPED(status):
            if thread == leader:
                return [{"status": os.waitstatus_to_exitcode(status), "stops": stops, "call": call}]
            thread, status = os.waitpid(-1, _ALL_THREADS)
        signum, event = os.WSTOPSIG(status), status >> 16
        passed_on = 0 if event or signum in (_SYSCALL_STOP, signal.SIGSTOP) else signum
        if signum == _SYSCALL_STOP:
            stops += 1
            if stops == run.stop_at:
                call = _call_of(thread)
                os.kill(leader, signal.SIGKILL)


_NAMES = {
    0: "read", 1: "write", 3: "close", 7: "poll", 42: "connect", 44: "sendto", 45: "recvfrom", 73: "flock", 74: "fsync",
    202: "futex", 257: "openat", 262: "newfstatat", 263: "unlinkat", 265: "linkat",
}  # fmt: skip


def _call_of(thread: int) -> str:
    number = int(Path(f"/proc/{thread}/syscall").read_text("ascii").split()[0])
    return _NAMES.get(number, "other") if os.uname().machine == "x86_64" else f"call {number}"


# --- the world ------------------------------------------------------------------------------------------


class ClockAhead(SystemClock):
    """A clock that is a minute fast: for it, every intent is old enough to be settled."""

    def now(self) -> datetime:
        """Return the time in a minute."""
        return super().now() + timedelta(seconds=60)

    def boot(self) -> BootTime | None:
        """Return the time since the machine's start in a minute."""
        boot = super().boot()
        return boot and boot._replace(seconds=boot.seconds + 60)


class World:
    """An org, a folder that holds ebrule's state and rule files, and where changes are announced."""

    def __init__(self, sandbox: SandboxProcess, folder: Path, webhook: str | None = None) -> None:
        from command_line import CommandLine  # noqa: PLC0415 - the script has no need of it, and does not find it

        self.sandbox = sandbox
        self.folder = folder
        self.state = folder / "state"
        self.environ = CommandLine(folder, sandbox).environ
        if webhook:
            self.environ["EBRULE_WEBHOOK_URL"] = webhook
        self._changes = 0
        folder.mkdir(parents=True, exist_ok=True)

    def file(self, rule_id: str = "demo-rule") -> Path:
        """Write a rule file with a description that no other one has."""
        self._changes += 1
        rule = {
            "id": rule_id,
            "name": "Killed",
            "description": f"change {self._changes} of {self.folder.name}",
            "status": "enabled",
            "priority": 50,
            "conditions": [{"field": "eventType", "operator": "equals", "value": "call"}],
            "targets": [{"id": "target-uuid-12345"}],
        }
        path = self.folder / f"rule-{self._changes}.json"
        path.write_text(json.dumps(rule), "utf-8")
        return path

    def update(self, rule_id: str = "demo-rule", *arguments: str, **options: Any) -> Run:
        """Give a run that makes a change of its own; ``options`` are those of :class:`Run`."""
        path = self.file(rule_id)
        line = ("update", "--file", str(path), "--output", "json", "--deadline", "60", *arguments)
        return Run(line, self.environ, f"{path}.out", **options)

    @property
    def ledger(self) -> AuditLog:
        """The ledger."""
        return AuditLog(self.state / "audit.jsonl")

    def resolve(self) -> list[Finding]:
        """Settle what is open, as if a minute had gone by."""
        return resolve(load_settings(Options(), self.environ), pace=Pace(60, clock=ClockAhead()))

    def flush(self) -> list[Delivery]:
        """Deliver what is pending."""
        return list(flush_events(load_settings(Options(), self.environ), pace=Pace(60)))

    def event_ids(self) -> list[str]:
        """Give the id that the announcement of each version in the org's own log must have."""
        return [event_id_of(EVENTBRIDGE, self.sandbox.org_id, step.rule_id, step.version) for step in self.steps()]

    def steps(self) -> list[Step]:
        """Read what the org applied of this world's changes, from its own log."""
        mine = f" of {self.folder.name}"
        steps = (step for rule_id in RULES for step in self.sandbox.history(rule_id))
        return [step for step in steps if _description(step.sent).endswith(mine)]

    def applied(self, ended: Ended) -> bool:
        """Tell whether the org applied the change of a run."""
        change = _description(Path(ended.run.out.removesuffix(".out")).read_text("utf-8"))
        return any(_description(step.sent) == change for step in self.steps())

    def judge(self) -> list[str]:
        """Say where the ledger and the org's own log disagree."""
        return list(judge(self.ledger, self.steps()))


# --- the judge ------------------------------------------------------------------------------------------

_Key = tuple[str, int, str]


def _description(body: str) -> str:
    return str(json.loads(body).get("description"))


def _sent(step: Step) -> _Key:
    """What only the PUT of this step has: rule, version, and the description that no other run gives it."""
    return step.rule_id, step.parent, _description(step.sent)


def _says_applied(record: dict[str, Any]) -> bool | None:
    """What a record says of its operation's PUTs; None if nothing."""
    if record["type"] == "resolution":
        return {"applied": True, "not_applied": False}.get(record["state"])
    if record["type"] == "outcome":
        return {"updated": True, "failed": False, "unchanged": False}.get(record["result"])
    return None


def judge(ledger: AuditLog, steps: Sequence[Step]) -> Iterator[str]:
    """Say every way in which a ledger is wrong, once all that was open is settled.

    The chain holds; no PUT was applied without its intent; each intent's operation has exactly one record that
    settles it, and that agrees with ``steps``, the org's own log.
    """
    if problem := ledger.verify().problem:
        yield f"the chain does not hold: {problem}"
    intents: dict[_Key, str] = {}
    settled: dict[str, list[dict[str, Any]]] = {}
    for record in (entry.record or {"type": "torn"} for entry in ledger.entries()):
        if record["type"] == "intent":
            key = (record["rule_id"], record["base_version"], str(record["after"].get("description")))
            intents[key] = record["operation_id"]
            settled.setdefault(record["operation_id"], [])
        elif record["type"] in ("outcome", "resolution") and _says_applied(record) is not None:
            settled.setdefault(record["operation_id"], []).append(record)
    for step in steps:
        if _sent(step) not in intents:
            yield f"version {step.version} of {step.rule_id} was applied without an intent"
    applied = {intents[_sent(step)]: step for step in steps if _sent(step) in intents}
    for operation_id, records in settled.items():
        yield from _judge_operation(operation_id, records, applied.get(operation_id))


def _judge_operation(operation_id: str, records: list[dict[str, Any]], made: Step | None) -> Iterator[str]:
    if len(records) != 1:
        yield f"{operation_id} has {len(records)} records that settle it"
    elif _says_applied(records[0]) is not (made is not None):
        yield f"{operation_id} is {records[0]}, and the org has {made}"
    elif made and records[0]["made_version"] != made.version:
        yield f"{operation_id} says version {records[0]['made_version']}, and it made {made.version}"


def _resolve_ahead() -> None:
    findings = resolve(load_settings(Options(), os.environ), pace=Pace(60, clock=ClockAhead()))
    sys.stdout.write(json.dumps([finding.state for finding in findings]))


if __name__ == "__main__":
    _resolve_ahead() if "resolve" in sys.argv else _serve()
