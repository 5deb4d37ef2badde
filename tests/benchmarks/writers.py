"""Print how many writers of one rule fare: ``python tests/benchmarks/writers.py [--full]``.

All start at once, each with an edit of its own to the same rule, as live processes on one sandbox. Told is how long it
took until the last was done, how many PUTs each needed, and what became of the edits. ``--full`` goes to 64 writers.
Where a writer gave up, or the sandbox's own log contradicts what one said, that is printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import Line, Plot, Results, add_out
from reliability.measure import table
from reliability.proofs import race_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliability.proofs import Raced

COUNTS: Final = (1, 2, 4, 8)
FULL_COUNTS: Final = (16, 32, 64)
LATENCY_MS: Final = 20.0
HEADINGS: Final = ("writers", "succeeded", "in the final rule", "lost", "PUTs each", "until the last is done, s")


def broken(raced: Sequence[Raced]) -> list[str]:
    """Return why these races say nothing of how long it takes until all writers are done."""
    gave_up = [
        f"{each.writers - each.succeeded} of {each.writers} writers gave up"
        for each in raced
        if each.succeeded < each.writers
    ]
    return gave_up + [finding for each in raced for finding in each.verdict.findings]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print how many writers of one rule fare.")
    parser.add_argument("--full", action="store_true", help=f"also {', '.join(map(str, FULL_COUNTS))} writers")
    parser.add_argument("--seed", type=int, default=1)
    add_out(parser)
    options = parser.parse_args()
    raced = []
    for writers in (*COUNTS, *FULL_COUNTS) if options.full else COUNTS:
        sys.stderr.write(f"{writers} writers...\n")
        raced.append(race_of("ebrule", options.seed, writers, LATENCY_MS))
    rows: list[Sequence[object]] = [HEADINGS]
    rows += [
        (each.writers, each.succeeded, each.in_final, each.lost, each.puts / each.writers, each.seconds)
        for each in raced
    ]
    title = f"Writers of one rule, all at once, at {LATENCY_MS:.0f} ms latency"
    lines = [Line("ebrule", [(each.writers, each.seconds) for each in raced])]
    plot = Plot("writers", title, "writers", "until the last is done, s", lines)
    kept = [{key: value for key, value in asdict(each).items() if key != "verdict"} for each in raced]
    Results("writers", table(rows), kept, [plot]).tell(options.out)
    if found := broken(raced):
        raise SystemExit("\n".join(f"BROKEN: {each}" for each in found))


if __name__ == "__main__":
    main()
