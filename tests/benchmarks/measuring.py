"""What the benchmarks share: processes with their time and memory, and results as JSON for ``plot.py``."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

RUNS: Final = 7
"""How many times each command is run, of which the median is told."""

MACHINE: Final = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


@dataclass(frozen=True)
class Measured:
    """One run of a command: wall time, processor time, and the peak memory of the largest of its processes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end; raises RuntimeError, with what it said, where it fails."""
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
    done = subprocess.run([*launcher, *command], env=environ, check=True, capture_output=True)
    found = json.loads(done.stdout)
    if found["exit_code"] != 0:
        raise RuntimeError(f"{command} ended with {found['exit_code']}: {found['said']}")
    return Measured(found["seconds"], found["cpu_seconds"], found["peak_bytes"])


def plain_environ() -> dict[str, str]:
    """Return the environment of a user who has set nothing, in which Python keeps what it compiles."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


@dataclass(frozen=True)
class Line:
    """One line of a plot: its name, and its points from left to right."""

    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """A plot that ``plot.py`` draws into a file of that name; ``x`` and ``y`` say what is measured, with its unit.

    Both axes are logarithmic where ``logarithmic``; otherwise both begin at 0.
    """

    name: str
    title: str
    x: str
    y: str
    lines: list[Line]
    logarithmic: bool = False


@dataclass(frozen=True)
class Results:
    """What one benchmark found: the table as it was printed, its rows, its plots, and on what machine that was."""

    benchmark: str
    table: str
    rows: list[dict[str, Any]]
    plots: list[Plot] = field(default_factory=list)
    machine: str = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    load: tuple[float, float, float] = field(default_factory=os.getloadavg)

    def tell(self, out: Path | None) -> None:
        """Print the table, and keep everything in a file where one is given."""
        busy = f"load {self.load[0]:.1f} at the end"
        sys.stdout.write(f"{self.table}\n\n{self.machine}, {busy}\n")
        if out is not None:
            out.write_text(json.dumps(asdict(self), indent=1) + "\n")


def _absolute(text: str) -> Path:
    return Path(text).absolute()


def add_python(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark the option that says whose ebrule is measured."""
    own = Path(sys.executable)
    parser.add_argument("--python", type=_absolute, default=own, help="a Python that has ebrule (default: this one)")


def add_out(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark the option that keeps its results."""
    parser.add_argument("--out", type=_absolute, metavar="FILE", help="keep the results as JSON, for plot.py")
