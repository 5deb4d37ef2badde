"""Proofs that need many runs; each gives a tally of what happened, and of every promise that was broken.

    python tests/reliability/measure_kills.py syscalls|kills|announcements|signals|dry-run [--full] [--seed N]

Without ``--full`` the counts are those of the ordinary test run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from receiver import receiving
from reliability.kills import RULES, Ended, Run, World, Zygote
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from receiver import Receiver

SEED = 20260105
AT_ONCE = 16
_FINISHED_IN_A_ROW = 5


@dataclass
class Tally:
    """What a proof found: how often each thing happened, and ``broken``, every broken promise in words."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def table(self, title: str) -> str:
        """Return all of it as text."""
        rows = [f"{count:>7}  {what}" for what, count in sorted(self.counts.items())]
        rows += [f"{len(self.broken):>7}  promises broken", *(f"         {line}" for line in self.broken)]
        return "\n".join([title, "-" * len(title), *rows])


@dataclass
class Bench:
    """What a proof works with."""

    sandbox: SandboxProcess
    zygote: Zygote
    receiver: Receiver
    folder: Path

    def world(self, name: str) -> World:
        """Make a world with an empty state folder, and a webhook."""
        return World(self.sandbox, self.folder / name, self.receiver.url)


@contextlib.contextmanager
def bench(folder: Path, **options: Any) -> Iterator[Bench]:
    """Set up a bench; ``options`` are those of the sandbox."""
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(contextlib.closing(SandboxProcess(folder / "sandbox", **options)))
        zygote = stack.enter_context(contextlib.closing(Zygote()))
        yield Bench(sandbox, zygote, stack.enter_context(receiving()), folder)


# --- killed at system calls -----------------------------------------------------------------------------


def syscalls(bench: Bench, *, seed: int = SEED, points: int | None = 12) -> Tally:
    """Kill a run at its system calls: at ``points`` of their stops all over the run, or at every one."""
    tally = Tally()
    if points is None:
        finished, stop = 0, 0
        while finished < _FINISHED_IN_A_ROW:  # how many stops there are differs a little from run to run
            stop += 1
            finished = 0 if kill_at(bench, stop, tally) else finished + 1
        return tally
    chance = random.Random(seed)  # noqa: S311 - repeatable by intent
    counted = [bench.zygote.run(bench.world(f"count-{each}").update(stop_at=0)).stops for each in "123"]
    # Three in four of the points lie in the last fifth of the stops, where the ledger and the PUT are.
    parts = [(0.0, 0.8, points // 4), (0.8, 0.98, points - points // 4)]
    for start, end, size in parts:
        for point in range(size):
            share = start + (end - start) * (point + chance.random()) / size
            kill_at(bench, 1 + int(share * min(counted)), tally)
    return tally


def kill_at(bench: Bench, stop: int, tally: Tally) -> bool:
    """Kill one run, with a ledger of its own, at a stop of its system calls; settle it, and judge."""
    world = bench.world(f"stop-{stop}")
    puts = len(bench.sandbox.requests("PUT"))
    ended = bench.zygote.run(world.update(stop_at=stop))
    if not ended.killed:
        tally.counts["ran to its end before"] += 1
        return False
    written = {entry.record["type"] for entry in world.ledger.entries() if entry.record}
    # A PUT that is not in the org's log may be on its way; once another update has landed, it cannot land.
    if len(bench.sandbox.requests("PUT")) > puts:
        world.resolve()
        after = bench.zygote.run(world.update())
    else:
        after = bench.zygote.run(world.update())
        world.resolve()
    tally.counts["killed, in all"] += 1
    tally.counts[f"killed at {ended.call}"] += 1
    tally.counts[f"killed {_phase(written, applied=world.applied(ended))}"] += 1
    problems = world.judge() + unannounced(world, bench.receiver)
    if after.status != 0:
        problems.append(f"the next update ended with {after.status}: {after.err}")
    if world.ledger.open_intents():
        problems.append("an intent is still open")
    tally.broken += [f"stop {stop} ({ended.call}): {problem}" for problem in problems]
    return True


def _phase(written: set[str], *, applied: bool) -> str:
    if "outcome" in written:
        return "after the outcome's record"
    if applied:
        return "with the PUT applied, before its record"
    return "with the intent's record alone" if "intent" in written else "before the intent's record"


def unannounced(world: World, receiver: Receiver) -> list[str]:
    """Say which applied changes have no event in the ledger, and which events arrived that it has not."""
    records = [entry.record for entry in world.ledger.entries() if entry.record]
    known = {record["event"]["id"] for record in records if record.get("event")}
    problems = [
        f"{record['operation_id']} was applied, and its record has no event"
        for record in records
        if (record.get("result") == "updated" or record.get("state") == "applied") and not record.get("event")
    ]
    return [*problems, *(f"event {each} arrived and is in no record" for each in set(arrived(world, receiver)) - known)]


def arrived(world: World, receiver: Receiver) -> list[str]:
    """Give the ids of a world's events as they arrived."""
    mine = f'of {world.folder.name}"'.encode()
    return [headers["webhook-id"] for headers, body in receiver.received if mine in body]


# --- killed after the PUT -------------------------------------------------------------------------------


def announcements(bench: Bench, *, seed: int = SEED, points: int | None = 6) -> Tally:
    """Kill a run after its PUT, at ``points`` of its system calls or at every one, and flush what is pending."""
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311 - repeatable by intent
    stops = min(bench.zygote.run(bench.world(f"count-{each}").update(stop_at=0)).stops for each in "123")
    if points is None:
        before = 0
        while before < _FINISHED_IN_A_ROW:  # from the end back to where the PUT has not been applied yet
            before = 0 if announced_after(bench, stops, tally) else before + 1
            stops -= 1
        return tally
    for point in range(points):
        share = 0.9 + 0.1 * (point + chance.random()) / points
        announced_after(bench, int(share * stops), tally)
    return tally


def announced_after(bench: Bench, stop: int, tally: Tally) -> bool:
    """Kill one run, settle it, flush, and hold what arrived against the org's own log; tell if the PUT was applied."""
    world = bench.world(f"announced-{stop}")
    ended = bench.zygote.run(world.update(stop_at=stop))
    applied = world.applied(ended)
    # Every other time, the version that the killed run made is replaced before anybody finds out about it.
    early = bool(stop % 2 and applied)
    if early:
        world.resolve()
    bench.zygote.run(world.update())
    if not early:
        world.resolve()
    at_first = set(arrived(world, bench.receiver))
    world.flush()
    ids, expected = arrived(world, bench.receiver), world.event_ids()
    tally.counts["versions applied"] += len(expected)
    tally.counts["distinct events that arrived"] += len(set(ids))
    tally.counts["of them by flush"] += len(set(ids) - at_first)
    tally.counts["duplicates"] += len(ids) - len(set(ids))
    if applied:
        tally.counts["killed with the PUT applied" if ended.killed else "ran to its end before"] += 1
    if set(ids) != set(expected):
        tally.broken.append(f"stop {stop} ({ended.call}): {expected} were applied, and {ids} arrived")
    if world.flush():
        tally.broken.append(f"stop {stop} ({ended.call}): something is still pending")
    return applied


# --- killed at random -----------------------------------------------------------------------------------


def kills(bench: Bench, *, seed: int = SEED, count: int = 10) -> Tally:
    """Kill ``count`` of many concurrent runs on one ledger, each after a time of its own."""
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311 - repeatable by intent
    world = bench.world("kills")
    at_once = min(AT_ONCE, max(count, 4))
    seconds = _seconds(partial(bench.zygote.run_all, _crowd(world, chance, at_once, 0.0)))
    ended: list[Ended] = []
    while tally.counts["killed"] < count:
        some = bench.zygote.run_all(_crowd(world, chance, at_once, seconds))
        killed = sum(each.killed for each in some)
        tally.counts["killed"] += killed
        seconds *= 0.8 if killed < 0.7 * at_once else 1.1  # so that most are killed, and all over a run
        ended += some
    ended += _land_on_all(bench, world)
    tally.broken += lost(world, ended)
    tally.counts["intents left open"] = len(world.ledger.open_intents())
    tally.counts |= Counter(f"settled as {finding.state}" for finding in world.resolve())
    tally.counts["survived"] = sum(not each.killed for each in ended)
    tally.counts["half lines closed off"] = world.ledger.verify().repaired
    tally.counts["PUTs applied"] = len(world.steps())
    tally.broken += world.judge()
    tally.broken += [f"{intent['operation_id']} is still open" for intent in world.ledger.open_intents()]
    return tally


def _land_on_all(bench: Bench, world: World) -> list[Ended]:
    """Update every rule, so that no PUT that is still on its way can land."""
    return [bench.zygote.run(world.update(rule_id)) for rule_id in RULES]


def _crowd(world: World, chance: random.Random, size: int, seconds: float) -> list[Run]:
    """Give runs that all begin at once, to be killed within ``seconds``; 0 lets them live."""
    return [
        world.update(
            chance.choice(RULES),
            *("--on-conflict", "overwrite"),
            delay=chance.uniform(0, seconds) if seconds else None,
        )
        for _ in range(size)
    ]


def _seconds(work: Callable[[], object]) -> float:
    import time  # noqa: PLC0415 - only to choose when to strike

    began = time.monotonic()
    work()
    return time.monotonic() - began


def lost(world: World, ended: Sequence[Ended]) -> Iterator[str]:
    """Say what runs that came to their end reported, and the ledger does not have."""
    heads = set()
    outcomes: dict[str, list[str]] = {}
    for entry in world.ledger.entries():
        heads.add(entry.head)
        if entry.record and entry.record["type"] == "outcome":
            outcomes.setdefault(entry.record["operation_id"], []).append(entry.record["result"])
    for each in ended:
        if each.result:
            audit = each.result["audit"]
            if audit["head"] not in heads:
                yield f"the head of {audit['operation_id']} is gone"
            if outcomes.get(audit["operation_id"]) != [each.result["result"]]:
                yield f"{audit['operation_id']} said {each.result['result']}, and its outcome is another or gone"
        elif not each.killed:
            yield f"ended with {each.status} and without a result: {each.err}"


# --- signals --------------------------------------------------------------------------------------------

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
SIGNAL_FAULTS = ("drop-after:rate=0.15,seed=1", "drop-before:rate=0.15,seed=2")


def signals(bench: Bench, *, seed: int = SEED, offsets: int = 6) -> Tally:
    """Send each signal at ``offsets`` times all over a run; each exit code must agree with the org's log."""
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311 - repeatable by intent
    world = bench.world("signals")
    undisturbed = [[world.update(rule_id) for rule_id, _ in zip(RULES, SIGNALS, strict=False)] for _ in range(5)]
    seconds = min(_seconds(partial(bench.zygote.run_all, runs)) for runs in undisturbed)
    ended = []
    for offset in range(offsets):
        delay = (offset + chance.random()) * 1.1 * seconds / offsets
        pairs = zip(RULES, SIGNALS, strict=False)
        runs = [world.update(rule_id, delay=delay, signum=signum) for rule_id, signum in pairs]
        ended += bench.zygote.run_all(runs)
    _land_on_all(bench, world)
    for each in ended:
        tally.counts[f"exit code {each.status:>4}"] += 1
        tally.broken += contradictions(world, each)
    world.resolve()
    tally.broken += world.judge()
    return tally


def contradictions(world: World, ended: Ended) -> list[str]:
    """Say in what the exit code of a run that got a signal is wrong."""
    applied, status, signum = world.applied(ended), ended.status, ended.run.signum
    story = f"{signal.Signals(signum).name} after {ended.run.delay:.3f} s: {status}, applied: {applied}"
    problems = []
    if applied and status not in (0, 8, 9):
        problems.append(f"{story}; it was applied")
    if not applied and status in (0, 8):
        problems.append(f"{story}; it was not applied")
    if status not in (0, 8, 9, 128 + signum, -signum):
        problems.append(f"{story}; an exit code that no signal leads to: {ended.err}")
    if "Traceback" in ended.err or "Fatal" in ended.err:
        problems.append(f"{story}; {ended.err}")
    if status >= 0 and status != 128 + signum and not ended.result:
        problems.append(f"{story}; no result was printed")
    return problems


# --- dry runs -------------------------------------------------------------------------------------------


def dry_runs(bench: Bench, *, seed: int = SEED, count: int = 10) -> Tally:
    """Run ``diff`` and ``update --dry-run`` with random options; nothing may be written, here or there."""
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311 - repeatable by intent
    used, unused = bench.world("used"), bench.world("unused")
    tally.counts["updates before"] = sum(bench.zygote.run(used.update()).status == 0 for _ in "12")
    before = tree(used.state), bench.sandbox.requests(), len(bench.receiver.received)
    runs = [_dry_run(chance, chance.choice((used, unused))) for _ in range(count)]
    ended = [each for start in range(0, count, 4) for each in bench.zygote.run_all(runs[start : start + 4])]
    for each in ended:
        tally.counts[f"exit code {each.status}"] += 1
        if each.status not in (0, 3, 5, 6, 10):
            tally.broken.append(f"{each.run.arguments}: {each.status} {each.err}")
    reads = len(bench.sandbox.requests("GET")) + len(bench.sandbox.requests("POST", "/oauth/token"))
    tally.counts["requests"] = len(bench.sandbox.requests()) - len(before[1])
    writes = len(bench.sandbox.requests()) - reads - tally.counts["updates before"]  # one PUT each
    if writes:
        tally.broken.append(f"{writes} requests other than GET and the token's")
    if tree(used.state) != before[0] or unused.state.exists():
        tally.broken.append("the state folder was changed")
    if len(bench.receiver.received) != before[2]:
        tally.broken.append("an event was sent")
    return tally


def _dry_run(chance: random.Random, world: World) -> Run:
    def maybe(*words: str) -> tuple[str, ...]:
        return words if chance.random() < 0.3 else ()

    rule_id = chance.choice((*RULES, "no-such-rule"))
    path = world.file(rule_id)
    if chance.random() < 0.1:
        path.write_text("name: [", "utf-8")
    command = chance.choice((("diff",), ("update", "--dry-run")))
    more = (
        *maybe("--max-attempts", "3"),
        *maybe("--on-conflict", chance.choice(("merge", "fail", "overwrite"))),
        *maybe("--reason", "a try"),
        *maybe("--no-webhook"),
        *maybe("--audit-log", str(world.state / "other" / "ledger.jsonl")),
    )
    line = (
        *command,
        *("--file", str(path), "--rule-id", rule_id),
        *(more if command[0] == "update" else ()),
        *maybe("--exit-code"),
        *maybe("--no-check-targets"),
        *maybe("--verbose"),
        *maybe("--expect-version", str(chance.randrange(5, 9))),
        *maybe("--kind", "eventbridge"),
        *maybe("--output", chance.choice(("json", "text"))),
    )
    return Run(line, world.environ, f"{path}.out")


def tree(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Return of everything below a folder its mode, its time of change, and the hash of its bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found


# --- the command line -----------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Run one proof and print its table; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("proof", choices=("syscalls", "kills", "announcements", "signals", "dry-run"))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    full, seed = options.full, options.seed
    faults = SIGNAL_FAULTS if options.proof == "signals" else ()
    proof: Callable[[Bench], Tally] = {
        "syscalls": partial(syscalls, seed=seed, points=None if full else 12),
        "kills": partial(kills, seed=seed, count=1000 if full else 10),
        "announcements": partial(announcements, seed=seed, points=None if full else 6),
        "signals": partial(signals, seed=seed, offsets=200 if full else 6),
        "dry-run": partial(dry_runs, seed=seed, count=500 if full else 10),
    }[options.proof]
    with (
        tempfile.TemporaryDirectory() as folder,
        bench(Path(folder), faults=faults, latency_ms=20 if faults else 0) as work,
    ):
        tally = proof(work)
    kind = "full" if full else "small"
    sys.stdout.write(tally.table(f"{options.proof}, {kind} count, seed {seed}") + "\n")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
