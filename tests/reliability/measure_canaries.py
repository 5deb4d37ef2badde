"""Promise 11, counted: ``python tests/reliability/measure_canaries.py [--full] [--seed N] [--only SCENARIO]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from reliability.canaries import Tally, World
from reliability.canary_scenarios import SCENARIOS

SEED: Final = 20260105


def search(*, runs: int, seed: int = SEED, only: str | None = None) -> Tally:
    """Let users with secrets do all that there is to do, until there were so many runs."""
    tally, number = Tally(), 0
    names = [only] if only else list(SCENARIOS)
    while tally.runs < runs:
        name = names[number % len(names)]
        # Each round through the scenarios has other shapes, credentials and outputs.
        with tempfile.TemporaryDirectory(prefix="ebrule-canaries-") as folder:
            world = World(Path(folder), seed + number + number // len(names), tally, name)
            with world.org.serving():
                world.equip()
                SCENARIOS[name](world)
        tally.scenarios[name] += 1
        number += 1
    return tally


def main() -> int:
    """Print the counts and every hit; return 1 where there was one."""
    parser = argparse.ArgumentParser(description="Look for secrets in everything that comes out of ebrule.")
    parser.add_argument("--full", action="store_true", help="500 runs, instead of each scenario once")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=sorted(SCENARIOS))
    options = parser.parse_args()
    began = time.monotonic()
    tally = search(runs=500 if options.full else 1 if options.only else 110, seed=options.seed, only=options.only)
    counts = (
        f"{tally.runs} runs in {tally.scenarios.total()} scenarios, {tally.searched:,} texts searched, "
        f"{len(tally.hits)} hits, {time.monotonic() - began:.0f} s, seed {options.seed}"
    )
    lines = [
        counts,
        "exit codes: " + ", ".join(f"{code}: {count}" for code, count in sorted(tally.codes.items())),
        *(f"BROKEN: {hit}" for hit in tally.hits),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if tally.hits else 0


if __name__ == "__main__":
    sys.exit(main())
