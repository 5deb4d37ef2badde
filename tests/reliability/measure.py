"""Print what the proofs counted: ``python tests/reliability/measure.py races|faults|rivals|headers|token``.

Small counts unless ``--full`` is given. The exit code is 1 where a promise was broken; what broke it is
printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from reliability import headers, proofs
from reliability.canaries import SDK_IS_HERE
from reliability.second_server import SPELLINGS, WAYS, lead_astray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliability.history import Verdict
    from reliability.proofs import Counted


def _print(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(rows: Sequence[Sequence[object]]) -> str:
    """Return rows, the first of them a heading, as Markdown."""
    texts = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in texts
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _counted(name: str, counted: Counted) -> list[object]:
    verdict = counted.verdict
    return [
        name,
        counted.seed,
        verdict.runs,
        counted.puts,
        sum(counted.faulted.values()),
        verdict.live,
        verdict.untouched,
        verdict.unknown,
        verdict.lost + verdict.strange_steps + verdict.broken_chain,
        verdict.false_applied,
        verdict.false_not_applied,
        counted.seconds,
    ]


_COUNTED: Final = (
    "proof", "seed", "runs", "PUTs", "faulted", "exit 0", "not applied", "exit 9", "lost", "false applied",
    "false not applied", "seconds",
)  # fmt: skip


def _findings(verdict: Verdict) -> int:
    for finding in verdict.findings:
        _print(f"BROKEN: {finding}")
    return len(verdict.findings)


def races(*, full: bool, seed: int) -> int:
    """Print promise 1: nothing is lost where many change one rule."""
    writers, rounds = (8, 50) if full else (4, 4)
    library = proofs.race(seed, writers=writers, rounds=rounds)
    users = proofs.users_race(seed, writers=4 if full else 2, rounds=10 if full else 2)
    rows = [
        _COUNTED,
        _counted(f"{writers} writers x {rounds}", library),
        _counted("show, edit, update", users),
    ]
    _print(table(rows))
    return _findings(library.verdict) + _findings(users.verdict)


def faults(*, full: bool, seed: int) -> int:
    """Print promise 2: the exit code never lies about the PUT."""
    counted = proofs.storm(seed, puts=2_000) if full else proofs.storm(seed, puts=60, rules=proofs.RULES[:2])
    _print(table([_COUNTED, _counted("faults", counted)]))
    _print()
    _print(table([("kind of fault", "PUTs"), *sorted(counted.faulted.items())]))
    _print()
    _print(table([("exit code", "runs"), *sorted(counted.verdict.exit_codes.items())]))
    return _findings(counted.verdict)


def rivals(*, full: bool, seed: int) -> int:
    """Print promise 9: many writers converge, and none of their edits is lost; beside it what others do."""
    raced = proofs.compare(seed, writers=32 if full else 8)
    rows: list[Sequence[object]] = [
        ("algorithm", "seed", "writers", "succeeded", "in the final rule", "lost silently", "PUTs", "seconds")
    ]
    rows += [
        (each.algorithm, seed, each.writers, each.succeeded, each.in_final, each.lost, each.puts, each.seconds)
        for each in raced
    ]
    _print(table(rows))
    _print()
    simulated = proofs.converge(seed, writers=32, races=1_000 if full else 50)
    rows = [("simulated", "seed", "races of 32", "through, %", "fewest", "PUTs each", "longest, s")]
    rows += [
        (each.name, seed, each.races, 100 * each.through, each.fewest, each.puts, each.longest) for each in simulated
    ]
    _print(table(rows))
    return _findings(raced[0].verdict) + (raced[0].in_final < raced[0].writers) + (simulated[0].through < 1)


def retry_after(*, full: bool, seed: int) -> int:
    """Print promise 8: never too early, never past the deadline."""
    began = time.monotonic()
    measured = headers.measure(seed, headers=10_000 if full else 500)
    counts = headers.summary(measured)
    _print(table([("seed", *counts, "seconds"), (seed, *counts.values(), time.monotonic() - began)]))
    for finding in measured.findings:
        _print(f"BROKEN: {finding}")
    return len(measured.findings)


def token(*, full: bool, seed: int) -> int:
    """Print promise 12: the token goes to the configured host only."""
    rows: list[Sequence[object]] = [
        (
            "transport",
            "seed",
            "runs",
            "requests with credentials",
            "at the second server",
            "credentials there",
            "seconds",
        )
    ]
    findings = []
    for transport, rounds in {
        "httpx": SPELLINGS if full else 1,
        **({"sdk": 1} if full and SDK_IS_HERE else {}),
    }.items():
        began = time.monotonic()
        guarded = lead_astray(seed, list(WAYS), rounds=rounds, options=("--transport", transport))
        counts = (guarded.runs, guarded.sent, guarded.strayed, len(guarded.found))
        rows.append((transport, seed, *counts, time.monotonic() - began))
        findings += [*guarded.found, *guarded.wrong]
    _print(table(rows))
    for finding in findings:
        _print(f"BROKEN: {finding}")
    return len(findings)


PROOFS: Final[dict[str, Callable[..., int]]] = {
    "races": races,
    "faults": faults,
    "rivals": rivals,
    "headers": retry_after,
    "token": token,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables that are asked for; return the exit code."""
    parser = argparse.ArgumentParser(description="Print what the reliability proofs counted.")
    parser.add_argument("proof", nargs="+", choices=sorted(PROOFS))
    parser.add_argument("--full", action="store_true", help="the full counts; takes minutes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    broken = 0
    for name in options.proof:
        _print(f"## {name}{' (full)' if options.full else ''}")
        _print()
        broken += PROOFS[name](full=options.full, seed=options.seed)
        _print()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
