"""The proofs that need many runs, as functions that return what they counted."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ebrule import UpdateOptions
from reliability.faulty_proxy import ALL_KINDS, KINDS, Chance, Fault, FaultyProxy
from reliability.fleet import Fleet, Ground, Job, prepare, user_round
from reliability.history import LIVE, Claim, Verdict, cells_of
from reliability.rivals import ALGORITHMS, CLIENT_GO_ATTEMPTS, client_go, ours, simulate
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

IMPATIENT_SECONDS: Final = 1.0
"""After how long the writers give up on a silent reply; the default is longer than a proof has time."""

RULES: Final = ("demo-rule", "demo-rule-disabled", "demo-rule-secret", "demo-rule-unknown-fields")
SHARED: Final = "target-200"


@dataclass
class Counted:
    """What a proof counted: the verdict, the PUTs, those of them that met a fault, by kind; the seconds."""

    seed: int
    verdict: Verdict = field(default_factory=Verdict)
    claims: list[Claim] = field(default_factory=list)
    puts: int = 0
    faulted: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def take(self, proxy: FaultyProxy) -> None:
        """Count what passed through a proxy."""
        kinds = {fault: kind for kind, faults in ALL_KINDS.items() for fault in faults}
        passages = proxy.passages("PUT")
        self.puts += len(passages)
        self.faulted += Counter(kinds[passage.fault] for passage in passages if passage.fault)


@contextlib.contextmanager
def _world(
    counted: Counted,
    plan: Callable[[str, str], Fault | None],
    *,
    latency_ms: float = 0,
    stores: Sequence[str] = (),
    replica_lag: int = 0,
    replicas: int = 1,
) -> Iterator[tuple[Path, SandboxProcess, FaultyProxy]]:
    """Give a folder, a sandbox, and a proxy before it; count the seconds."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ebrule-proof-")))
        sandbox = SandboxProcess(
            folder / "org", latency_ms=latency_ms, stores=stores, replica_lag=replica_lag, replicas=replicas
        )
        stack.enter_context(contextlib.closing(sandbox))
        proxy = stack.enter_context(contextlib.closing(FaultyProxy(sandbox.url, plan)))
        began = time.monotonic()
        yield folder, sandbox, proxy
        counted.seconds = time.monotonic() - began


def _jobs(ground: Ground, url: str, folder: Path, owned: Sequence[str], first: int = 0) -> list[Job]:
    """Give each of the targets ``owned`` a writer of its own."""
    return [
        Job(first + at, ground.rule_id, url, str(folder), ground.fields, ground.targets, own)
        for at, own in enumerate(owned)
    ]


def _names(count: int) -> list[str]:
    return [f"target-{number:03}" for number in range(1, count + 1)]


STORES: Final = ("trimmed", "dropped-empty", "defaults", "sorted", "lower-case")
"""What an org may make of a body before it stores it."""


def race(
    seed: int, *, writers: int, rounds: int, rate: float = 0.2, haste: float = 1.0, own_ways: bool = False
) -> Counted:
    """Promise 1: writers make ``rounds`` edits each on one rule, while a share of all requests goes wrong.

    Where the org has ``own_ways``, it stores bodies differently than sent, and one of its two replicas lags.
    """
    counted = Counted(seed)
    with _world(counted, Chance(seed, rate), **_ways(own_ways=own_ways)) as (folder, sandbox, proxy):
        ground = prepare(sandbox, "demo-rule", _names(writers))
        jobs = [
            replace(job, seed=seed, read_seconds=IMPATIENT_SECONDS, haste=haste, untidy=own_ways)
            for job in _jobs(ground, proxy.url, folder, _names(writers))
        ]
        with contextlib.closing(Fleet(jobs)) as fleet:
            counted.claims = fleet.rounds(rounds)
        proxy.close()
        counted.take(proxy)
        counted.verdict = ground.judge(sandbox, counted.claims)
    return counted


def _ways(*, own_ways: bool) -> dict[str, Any]:
    """Return the options of an org that does as it likes, or of one that does as it is told."""
    return {"stores": STORES, "replica_lag": 1, "replicas": 2} if own_ways else {}


def users_race(seed: int, *, writers: int, rounds: int, rate: float = 0.2) -> Counted:
    """Promise 1 with the whole command line: show, edit the file, update, each in a process of its own."""
    counted = Counted(seed)
    kinds = [kind for kind in KINDS if kind != "silence"]
    with _world(counted, Chance(seed, rate, kinds=kinds)) as (folder, sandbox, proxy):
        ground = prepare(sandbox, "demo-rule", _names(writers))

        def all_rounds(writer: int) -> list[Claim]:
            return [user_round(proxy.url, folder, ground, writer, number) for number in range(rounds)]

        with ThreadPoolExecutor(writers) as pool:
            counted.claims = [claim for claims in pool.map(all_rounds, range(writers)) for claim in claims]
        proxy.close()
        counted.take(proxy)
        counted.verdict = ground.judge(sandbox, counted.claims)
    return counted


def storm(
    seed: int,
    *,
    puts: int,
    rate: float = 0.5,
    rules: Sequence[str] = RULES,
    writers: int = 4,
    batch: int = 5,
    own_ways: bool = False,
) -> Counted:
    """Promise 2: PUTs of which ``rate`` meet a fault, several writers on each rule.

    Every other edit of the writers of a rule is in the same cell, and their options change from run to run
    (``--on-conflict``, ``--max-attempts``, ``--deadline``), so that runs end in every way that they can. One
    read in ten goes wrong as well. Where the org has ``own_ways``, it stores bodies differently than sent, and one of
    its two replicas lags.
    """
    counted = Counted(seed)
    of_puts = Chance(seed, rate, methods=["PUT"])
    of_reads = Chance(seed + 1, 0.1, methods=["GET", "POST"])
    plan = lambda method, path: of_puts(method, path) or of_reads(method, path)  # noqa: E731 - two plans in one
    with _world(counted, plan, **_ways(own_ways=own_ways)) as world:
        folder, sandbox, proxy = world
        grounds = [prepare(sandbox, rule_id, [*_names(writers), SHARED]) for rule_id in rules]
        jobs = [
            replace(
                job,
                shared=SHARED,
                seed=seed,
                varied=True,
                check_targets=True,
                read_seconds=IMPATIENT_SECONDS,
                haste=0.1,
                untidy=own_ways,
            )
            for at, ground in enumerate(grounds)
            for job in _jobs(ground, proxy.url, folder, _names(writers), first=writers * at)
        ]
        with contextlib.closing(Fleet(jobs)) as fleet:
            while len(proxy.passages("PUT")) < puts:
                counted.claims += fleet.rounds(batch)
        proxy.close()
        counted.take(proxy)
        for at, ground in enumerate(grounds):
            its = [claim for claim in counted.claims if claim.writer // writers == at]
            counted.verdict.add(ground.judge(sandbox, its))
    return counted


# --- the comparison -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Raced:
    """How an algorithm's writers fared: ``lost`` edits were reported as made, and are not in the rule."""

    algorithm: str
    writers: int
    succeeded: int
    in_final: int
    lost: int
    puts: int
    seconds: float
    verdict: Verdict


def compare(seed: int, *, writers: int, latency_ms: float = 20.0) -> list[Raced]:
    """Promise 9: all writers start at once, each with an edit of its own, with ebrule and with its rivals."""
    return [race_of(algorithm, seed, writers, latency_ms) for algorithm in ("ebrule", *ALGORITHMS)]


def race_of(algorithm: str, seed: int, writers: int, latency_ms: float) -> Raced:
    """Let writers of one algorithm start at once, each with an edit of its own to the same rule."""
    counted = Counted(seed)
    with _world(counted, lambda _method, _path: None, latency_ms=latency_ms) as (folder, sandbox, _):
        ground = prepare(sandbox, "demo-rule", _names(writers))
        jobs = [
            replace(job, algorithm=algorithm, seed=seed) for job in _jobs(ground, sandbox.url, folder, _names(writers))
        ]
        with contextlib.closing(Fleet(jobs)) as fleet:
            began = time.monotonic()
            claims = fleet.rounds(1)
            seconds = time.monotonic() - began
        verdict = ground.judge(sandbox, claims)
        puts = len(sandbox.requests("PUT")) - 1
        with contextlib.closing(sandbox.client()) as client:
            final = cells_of(client.get(f"/api/v2/eventbridge/routing/rules/{ground.rule_id}").json())
    there = {claim.writer for claim in claims if final.get(claim.cell) == f'"{claim.value}"'}
    succeeded = {claim.writer for claim in claims if claim.exit_code in LIVE}
    return Raced(algorithm, writers, len(succeeded), len(there), len(succeeded - there), puts, seconds, verdict)


@dataclass(frozen=True)
class Simulated:
    """Many simulated races: the share of writers that got through, the worst race's, and its seconds."""

    name: str
    races: int
    through: float
    fewest: int
    puts: float
    longest: float


def converge(seed: int, *, writers: int, races: int) -> list[Simulated]:
    """Promise 9, simulated: ebrule's waits, and for comparison those of client-go."""
    found = []
    for name, wait, attempts in (
        ("ebrule", ours, UpdateOptions().max_attempts),
        ("client-go", client_go, CLIENT_GO_ATTEMPTS),
    ):
        chance = random.Random(seed)  # noqa: S311 - repeatable by intent
        ends = [simulate(writers, wait, attempts, chance) for _ in range(races)]
        through = sum(end.through for end in ends)
        found.append(
            Simulated(
                name,
                races,
                through / (races * writers),
                min(end.through for end in ends),
                sum(end.puts for end in ends) / (races * writers),
                max(end.seconds for end in ends),
            )
        )
    return found
