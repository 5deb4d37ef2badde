"""Print what each command costs before it does anything: ``python tests/benchmarks/startup.py``.

The commands here ask no org and have next to nothing to do, so what is told is what their imports cost, beside Python
itself and Typer. The commands take turns; told are medians of whole processes. ``--python`` names the Python of an
environment with ``pip install .``, which is what users have.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import RUNS, Measured, Results, add_out, add_python, plain_environ, run
from ledgers import LedgerWriter
from reliability.measure import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
COMMANDS: Final = (
    "--version",
    "--help",
    "update --help",
    "explain priority-range",
    "schema",
    "validate rule.yaml",
    "test rule.yaml --cases cases.yaml",
    "audit show",
    "audit verify",
    "audit report --out -",
)
HEAVY: Final = ("pydantic", "yaml", "httpx", "rich")


def commands(python: str) -> dict[str, list[str]]:
    """Return what is run, by what it is called in the table."""
    bare = {"python -c pass": [python, "-c", "pass"], "python -c 'import typer'": [python, "-c", "import typer"]}
    return bare | {f"ebrule {command}": [python, "-m", "ebrule", *command.split()] for command in COMMANDS}


def modules(call: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return the modules that a Python command imports."""
    timed = [call[0], "-X", "importtime", *call[1:]]
    done = subprocess.run(timed, env=environ, check=True, capture_output=True, text=True)
    return [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]


def row(name: str, found: Sequence[Measured], imported: Sequence[str]) -> dict[str, object]:
    """Return what the table says of a command."""
    return {
        "command": name,
        "wall, ms": f"{1000 * median(each.seconds for each in found):.0f}",
        "CPU, ms": f"{1000 * median(each.cpu_seconds for each in found):.0f}",
        "peak, MB": f"{median(each.peak_bytes for each in found) / 1e6:.0f}",
        "modules": len(imported),
        "of these": " ".join(each for each in HEAVY if each in imported),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print what each command costs before it does anything.")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each command (default: %(default)s)")
    add_python(parser)
    add_out(parser)
    options = parser.parse_args()
    os.chdir(EXAMPLES)
    found = commands(str(options.python))
    times: dict[str, list[Measured]] = {name: [] for name in found}
    with tempfile.TemporaryDirectory(prefix="ebrule-benchmark-") as folder:
        LedgerWriter(Path(folder) / "audit.jsonl").update()
        environ = {**plain_environ(), "EBRULE_STATE_DIR": folder}
        imported = {name: modules(call, environ) for name, call in found.items()}  # also lets Python compile them
        for _ in range(options.runs):
            for name, call in found.items():
                times[name].append(run(call, environ))
    rows = [row(name, times[name], imported[name][1:]) for name in found]
    Results("startup", table([tuple(rows[0]), *(tuple(each.values()) for each in rows)]), rows).tell(options.out)


if __name__ == "__main__":
    main()
