"""What the benchmarks share: processes with their time and memory, and results as JSON for ``plot.py``."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import textwrap
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

RUNS: Final = 7
"""How many times each command is run, of which the median is told."""

LONGEST_COMMAND: Final = 300
"""How many characters of a command are told; some name thousands of files."""

MACHINE: Final = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


@dataclass(frozen=True)
class Measured:
    """One run of a command: wall time, processor time, and the peak memory of the largest of its processes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(command: Sequence[str], **settings: str) -> Measured:
    """Run a command to its end, as a user would who has set nothing but ``settings``.

    Raises:
        SystemExit: The command failed, so there is nothing to tell; the message is what it said.
    """
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
    found = json.loads(output([*launcher, *command], **settings).stdout)
    if found["exit_code"] != 0:
        raise _failed(command, found["exit_code"], found["said"])
    return Measured(found["seconds"], found["cpu_seconds"], found["peak_bytes"])


def output(command: Sequence[str], **settings: str) -> subprocess.CompletedProcess[str]:
    """Return what a command prints; everything else is as with ``run``."""
    done = subprocess.run(command, env=_plain_environ() | settings, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise _failed(command, done.returncode, done.stdout + done.stderr)
    return done


def _plain_environ() -> dict[str, str]:
    """Return the environment of a user who has set nothing, in which Python keeps what it compiles."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _failed(command: Sequence[str], exit_code: int, said: str) -> SystemExit:
    line = textwrap.shorten(shlex.join(command), LONGEST_COMMAND)
    return SystemExit(f"error: {line} ended with {exit_code}:\n{said}")


@dataclass(frozen=True)
class Line:
    """One line of a plot: its name, and its points from left to right."""

    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """A plot that ``plot.py`` draws into a file of that name; ``x`` and ``y`` say what is measured, with its unit.

    The axes that ``logarithmic`` names go by powers of ten, any other begins at 0.
    """

    name: str
    title: str
    x: str
    y: str
    lines: list[Line]
    logarithmic: Literal["", "x", "xy"] = ""


@dataclass(frozen=True)
class Results:
    """What one benchmark found: the table as it was printed, its rows, its plots, and on what machine that was."""

    benchmark: str
    table: str
    rows: list[dict[str, Any]]
    plots: list[Plot] = field(default_factory=list)
    machine: str = MACHINE
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


def add_sdk_python(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark the option that says where the official SDK is."""
    parser.add_argument("--sdk-python", metavar="PATH", help="a Python that has the official SDK and httpx")


def add_out(parser: argparse.ArgumentParser) -> None:
    """Give a benchmark the option that keeps its results."""
    parser.add_argument("--out", type=_absolute, metavar="FILE", help="keep the results as JSON, for plot.py")
