"""Print what validating costs, beside check-jsonschema: ``python tests/benchmarks/validate.py [--runs N] [--full]``.

Both check the same rule files in one process each, check-jsonschema by what ``ebrule schema`` prints; they take turns,
so that a busy machine is as busy for both. Times are medians of processor seconds, and of what a clock on the wall
shows. ebrule also does what a schema cannot: duplicate keys, ambiguous values, limits of the whole, places. ``--full``
goes to 10,000 files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import RUNS, Line, Measured, Plot, Results, add_out, add_python, output, run
from command_line import EXAMPLE
from reliability.measure import table

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES: Final = (1, 10, 100, 1_000)
FULL_SIZE: Final = 10_000
HEADINGS: Final = (
    "files", "ebrule, s CPU", "check-jsonschema, s CPU", "times", "ebrule, s", "check-jsonschema, s", "times",
    "ebrule, ms CPU for each further file",
)  # fmt: skip


def written(folder: Path, count: int) -> list[str]:
    """Write rule files, no two of them alike, and return their names."""
    text = EXAMPLE.read_text()
    names = []
    for number in range(count):
        path = folder / f"{number:05}.yaml"
        path.write_text(
            text.replace("demo-rule", f"rule-{number}").replace("priority: 50", f"priority: {number % 1000 + 1}")
        )
        names.append(str(path))
    return names


@dataclass(frozen=True)
class Cost:
    """What a command takes, in seconds of the processor and on the wall: medians."""

    cpu: float
    wall: float


def middle(found: Sequence[Measured]) -> Cost:
    """Return the medians."""
    return Cost(median(each.cpu_seconds for each in found), median(each.seconds for each in found))


def measured(python: Path, schema: Path, names: Sequence[str], runs: int) -> tuple[Cost, Cost]:
    """Return what ebrule and check-jsonschema take for the same files."""
    sys.stderr.write(f"{len(names):,} files...\n")
    ours = [str(python), "-m", "ebrule", "validate", *names]
    theirs = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), *names]
    pairs = [(run(ours), run(theirs)) for _ in range(runs)]
    return middle([pair[0] for pair in pairs]), middle([pair[1] for pair in pairs])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print what validating costs, beside check-jsonschema.")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each, of which the median counts ({RUNS})")
    parser.add_argument("--full", action="store_true", help=f"also {FULL_SIZE:,} files")
    add_python(parser)
    add_out(parser)
    asked = parser.parse_args()
    sizes = (*SIZES, FULL_SIZE) if asked.full else SIZES
    rows: list[Sequence[object]] = [HEADINGS]
    lines = [Line("ebrule", []), Line("check-jsonschema", [])]
    with tempfile.TemporaryDirectory(prefix="ebrule-benchmark-") as folder:
        schema = Path(folder, "rule.schema.json")
        schema.write_text(output([str(asked.python), "-m", "ebrule", "schema"]).stdout)
        names = written(Path(folder), sizes[-1])
        first: Cost | None = None
        for size in sizes:
            ours, theirs = measured(asked.python, schema, names[:size], asked.runs)
            first = first or ours
            for line, each in zip(lines, (ours, theirs), strict=True):
                line.points.append((size, each.cpu))
            further = f"{1000 * (ours.cpu - first.cpu) / (size - 1):.2f}" if size > 1 else ""
            rows.append(
                (
                    f"{size:,}", f"{ours.cpu:.2f}", f"{theirs.cpu:.2f}", theirs.cpu / ours.cpu,
                    f"{ours.wall:.2f}", f"{theirs.wall:.2f}", theirs.wall / ours.wall, further,
                )
            )  # fmt: skip
    kept = [dict(zip(HEADINGS, row, strict=True)) for row in rows[1:]]
    title = "What it costs to validate rule files"
    plot = Plot("validate", title, "files", "processor time, s", lines, "xy")
    Results("validate", table(rows), kept, [plot]).tell(asked.out)


if __name__ == "__main__":
    main()
