"""Print what the ledger costs as it grows: ``python tests/benchmarks/ledger.py [--full]``.

Each row is a ledger of so many records, as updates of the demo rule leave them: an intent and an outcome each. Times
are medians; whole commands are run as processes, the rest is called. ``--full`` goes to 1,000,000 records, which takes
minutes and 1.3 GB of disk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import RUNS, Line, Plot, Results, add_out, add_python, run
from ebrule.core import chain
from ebrule.core.audit import AuditLog, RuleKey
from ledgers import LedgerWriter
from reliability.measure import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES: Final = (1_000, 10_000, 100_000)
FULL_SIZE: Final = 1_000_000
APPENDS: Final = 50
HEADINGS: Final = (
    "records", "MB", "append, ms", "verify, s", "records/s", "show --last 20, ms", "python -c pass, ms",
    "open_intents, s", "last_applied, unknown rule, s",
)  # fmt: skip
PLOTS: Final = (
    ("ledger-append", "Appending a record, as the ledger grows", "time with its sync, ms", {"append": "append, ms"}),
    (
        "ledger-show",
        "audit show --last 20, as the ledger grows",
        "wall time, ms",
        {"audit show": "show --last 20, ms", "Python's start": "python -c pass, ms"},
    ),
)


def grown(path: Path, records: int) -> None:
    """Write a ledger of so many records, without the syncs that real runs wait for."""
    pattern = path.with_suffix(".pattern")  # one for each size, so that it holds one update
    writer = LedgerWriter(pattern)
    writer.update()
    pair = [entry.record for entry in writer.log.entries()]
    head = chain.GENESIS
    with path.open("wb") as file:
        for number in range(records // 2):
            for record in pair:
                assert record is not None
                own = {"operation_id": f"01890000-0000-7000-8000-{number:012x}", "prev": head}
                line = chain.encode({**record, **own})
                file.write(line + b"\n")
                head = chain.digest(line)
    path.chmod(0o600)


def seconds(act: Callable[[], object], repeats: int) -> float:
    """Return the median of what ``act`` takes."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return median(taken)


def process(python: Path, *arguments: str) -> float:
    """Return the median of what a Python process takes to its end, in seconds."""
    return median(run([str(python), *arguments]).seconds for _ in range(RUNS))


def measured(python: Path, folder: Path, records: int) -> list[Any]:
    """Return one row of the table."""
    sys.stderr.write(f"{records:,} records...\n")
    path = folder / f"{records}.jsonl"
    grown(path, records)
    log, writer = AuditLog(path), LedgerWriter(path)
    size = path.stat().st_size / 1e6
    once = 3 if records >= SIZES[-1] else RUNS  # these take seconds
    found = log.verify()
    if not found.ok or found.records != records:
        raise AssertionError(found)
    verify = seconds(log.verify, once)
    row: list[Any] = [
        f"{records:,}",
        size,
        f"{1000 * seconds(writer.update, APPENDS) / 2:.2f}",
        f"{verify:.2f}",
        f"{records / verify:,.0f}",
        1000 * process(python, "-m", "ebrule", "audit", "show", "--last", "20", "--audit-log", str(path)),
        1000 * process(python, "-c", "pass"),
        f"{seconds(log.open_intents, once):.2f}",
        f"{seconds(lambda: log.last_applied(RuleKey('eventbridge', 'nowhere')), once):.3f}",
    ]
    path.unlink()
    return row


def plots(sizes: Sequence[int], rows: Sequence[dict[str, Any]]) -> list[Plot]:
    """Return how an append, and the command that shows the last records, grow with the ledger."""
    found = []
    for name, title, y, headings in PLOTS:
        lines = [
            Line(line, [(size, float(row[heading])) for size, row in zip(sizes, rows, strict=True)])
            for line, heading in headings.items()
        ]
        found.append(Plot(name, title, "records in the ledger", y, lines, "x"))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print what the ledger costs as it grows.")
    parser.add_argument("--full", action="store_true", help=f"also {FULL_SIZE:,} records")
    add_python(parser)
    add_out(parser)
    options = parser.parse_args()
    sizes = (*SIZES, FULL_SIZE) if options.full else SIZES
    with tempfile.TemporaryDirectory(prefix="ebrule-benchmark-") as folder:
        rows = [measured(options.python, Path(folder), size) for size in sizes]
    kept = [dict(zip(HEADINGS, row, strict=True)) for row in rows]
    Results("ledger", table([HEADINGS, *rows]), kept, plots(sizes, kept)).tell(options.out)


if __name__ == "__main__":
    main()
