"""Print what each command costs before it does anything: ``python tests/benchmarks/startup.py``.

The commands here ask no org and have next to nothing to do, so what is told is what their imports cost, beside Python
itself and Typer; beside Terraform without a provider, where that is installed; and beside the official SDK's import,
where ``--sdk-python`` names a Python that has it. The commands take turns; told are medians of processes. ``--python``
names the Python of an environment with ``pip install .``, which is what users have.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import RUNS, Measured, Results, add_out, add_python, add_sdk_python, output, run
from ledgers import LedgerWriter
from reliability.measure import table

if TYPE_CHECKING:
    from collections.abc import Sequence

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
SDK: Final = "import PureCloudPlatformClientV2"
TERRAFORM: Final = ["terraform", "version"]


def commands(python: str, sdk_python: str | None) -> dict[str, list[str]]:
    """Return what is run, by what it is called in the table."""
    found = {"python -c pass": [python, "-c", "pass"], "python -c 'import typer'": [python, "-c", "import typer"]}
    found |= {f"ebrule {command}": [python, "-m", "ebrule", *command.split()] for command in COMMANDS}
    if sdk_python:
        found[f"python -c '{SDK}'"] = [sdk_python, "-c", SDK]
    if shutil.which(TERRAFORM[0]):
        found[" ".join(TERRAFORM)] = TERRAFORM
    return found


def modules(call: Sequence[str], **settings: str) -> list[str]:
    """Return the modules that a Python command imports."""
    if call == TERRAFORM:
        return []
    timed = output([call[0], "-X", "importtime", *call[1:]], **settings).stderr
    return [line.rpartition("|")[2].strip() for line in timed.splitlines() if line.startswith("import time:")]


def row(name: str, found: Sequence[Measured], imported: Sequence[str]) -> dict[str, object]:
    """Return what the table says of a command."""
    return {
        "command": name,
        "wall, ms": f"{1000 * median(each.seconds for each in found):.0f}",
        "CPU, ms": f"{1000 * median(each.cpu_seconds for each in found):.0f}",
        "peak, MB": f"{median(each.peak_bytes for each in found) / 1e6:.0f}",
        "modules": len(imported) or "",
        "of these": " ".join(each for each in HEAVY if each in imported),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print what each command costs before it does anything.")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each command (default: %(default)s)")
    add_python(parser)
    add_sdk_python(parser)
    add_out(parser)
    options = parser.parse_args()
    os.chdir(EXAMPLES)
    found = commands(str(options.python), options.sdk_python)
    times: dict[str, list[Measured]] = {name: [] for name in found}
    with tempfile.TemporaryDirectory(prefix="ebrule-benchmark-") as folder:
        LedgerWriter(Path(folder) / "audit.jsonl").update()
        # With the second one, Terraform does not ask for newer versions of itself.
        settings = {"EBRULE_STATE_DIR": folder, "CHECKPOINT_DISABLE": "1"}
        imported = {name: modules(call, **settings) for name, call in found.items()}  # also lets Python compile them
        for _ in range(options.runs):
            for name, call in found.items():
                times[name].append(run(call, **settings))
    rows = [row(name, times[name], imported[name][1:]) for name in found]
    Results("startup", table([tuple(rows[0]), *(tuple(each.values()) for each in rows)]), rows).tell(options.out)


if __name__ == "__main__":
    main()
