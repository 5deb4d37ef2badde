"""Run every benchmark in turn, and draw the README's plots: ``python tests/benchmarks/all.py [--full]``.

Each keeps what it found as JSON in ``--results``, and the plots are drawn from that. ``--full`` goes to the counts that
the README shows; it takes a quarter of an hour, and wants a machine that does nothing else. ``--python`` and
``--sdk-python`` mean what they do in ``update.py``. A benchmark that fails does not keep the others from running; the
exit code is 1 then.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import add_python, add_sdk_python
from benchmarks.plot import add_into, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE: Final = Path(__file__).parent
NAMES: Final = ("startup", "update", "targets", "ledger", "validate", "writers")
LATENCY_MS: Final = "50"
TARGETS: Final = ("1", "5", "10")
FULL_TARGETS: Final = ("1", "10", "50", "100", "200")
FEW: Final = ("--runs", "3")
"""So many runs of what takes long, so that all of it takes no longer than people wait."""


def commands(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the command line of each benchmark, by its name."""
    full = ["--full"] if options.full else []
    python = ["--python", str(options.python)]
    once = [] if options.full else ["--runs", "1"]
    beside = [*python, *(["--sdk-python", options.sdk_python] if options.sdk_python else [])]
    # Without the SDK, which starts for so long: at each number of targets it is httpx, and seconds more.
    targets = ["--latency-ms", LATENCY_MS, "--targets", *(FULL_TARGETS if options.full else TARGETS)]
    return {
        "startup": ["startup.py", *beside, *once],
        "update": ["update.py", *beside, *once],
        "targets": ["update.py", *python, *targets, *(once or FEW)],
        "ledger": ["ledger.py", *python, *full],
        "validate": ["validate.py", *python, *full, *(once or FEW)],
        "writers": ["writers.py", *full],
    }


def finished(command: list[str], out: Path) -> bool:
    """Run one benchmark; return whether it came to its end, with its results in ``out``."""
    out.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, HERE / command[0], *command[1:], "--out", out], check=False)
    return done.returncode == 0


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description="Run every benchmark in turn, and draw the README's plots.")
    parser.add_argument("--full", action="store_true", help="the counts that the README shows")
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER", help="(default: results)")
    add_python(parser)
    add_sdk_python(parser)
    add_into(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """Run the benchmarks that are asked for; return the exit code."""
    options = parsed()
    options.results.mkdir(parents=True, exist_ok=True)
    asked = {name: command for name, command in commands(options).items() if name in options.only}
    failed, began = [], time.monotonic()
    for number, (name, command) in enumerate(asked.items(), 1):
        sys.stdout.write(f"\n## {number} of {len(asked)}: {' '.join(command)}\n\n")
        sys.stdout.flush()
        if not finished(command, options.results / f"{name}.json"):
            failed.append(name)
        sys.stdout.write(f"\n{time.monotonic() - began:.0f} s so far\n")
    draw([options.results / f"{name}.json" for name in asked if name not in failed], options.into)
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
