"""Run the tests with the lowest version of each run-time dependency that ``pyproject.toml`` allows.

::

    python3.10 tests/lowest.py                    all tests
    python3.10 tests/lowest.py -n2 tests/unit     some of them, with any argument of pytest
    python3.10 tests/lowest.py --extras dev,sdk tests/contract/test_transports.py

The Python that runs it is the one that is tested: the oldest one that is supported. Everything is installed into a
fresh virtual environment. The tools of ``dev`` are the newest ones that go with those versions.
"""

from __future__ import annotations

import argparse
import functools
import re
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?P<versions>[^;]*)(?:;(?P<marker>.*))?")
_BOUND = re.compile(r">=\s*([0-9.]+)")
_EXTRA = re.compile(r"(?:\s+and\s+)?extra\s*==\s*[\"'](?P<name>[^\"']+)[\"']")
_LIST = "from importlib.metadata import requires; print(*requires('ebrule'), sep='\\n')"


def constraints(requirements: Iterable[str]) -> list[str]:
    """Return a constraint for each requirement of a run-time dependency: its lowest version.

    Args:
        requirements: as in a package's metadata; those of the extra ``dev`` are left out.

    Raises:
        ValueError: a requirement has no lower bound.
    """
    found = []
    for requirement in requirements:
        parts = _REQUIREMENT.fullmatch(requirement)
        marker = (parts and parts["marker"]) or ""
        extra = _EXTRA.search(marker)
        if extra and extra["name"] == "dev":
            continue
        bound = parts and _BOUND.search(parts["versions"])
        if not parts or not bound:
            raise ValueError(f"{requirement} has no lower bound")
        condition = _EXTRA.sub("", marker).strip()
        found.append(f"{parts['name']}=={bound[1]}" + (f"; {condition}" if condition else ""))
    return found


def main() -> int:
    """Install, then test; return the exit code of the first step that fails."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout, allow_abbrev=False)
    parser.add_argument("--extras", default="dev", help="what to install beside the base (default: %(default)s)")
    options, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder, "venv"), with_pip=True, upgrade_deps=True)  # an old pip may not find what fits
        python, lowest = str(Path(folder, "venv", "bin", "python")), Path(folder, "constraints.txt")
        run = functools.partial(subprocess.run, cwd=ROOT, check=True)
        try:
            run([python, "-m", "pip", "install", "--quiet", "--no-deps", "-e", "."])
            listed = run([python, "-c", _LIST], stdout=subprocess.PIPE, text=True).stdout
            lowest.write_text("\n".join(constraints(listed.splitlines())))
            run([python, "-m", "pip", "install", "--constraint", str(lowest), "-e", f".[{options.extras}]"])
            run([python, "-m", "pytest", *arguments])
        except subprocess.CalledProcessError as error:
            return error.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
