"""The README's console blocks: run each command, and hold what it prints against what the README says.

``python tests/readme.py`` writes what the commands print into the README, and its list of the ids of problems.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ebrule.diagnostics import CATALOGUE

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>.*)\n(?P<output>(?:.*\n)*?)```")
DIAGNOSTICS = re.compile(r"^\| id \| what is wrong \|\n(?:\|.*\n)*", re.MULTILINE)

_VOLATILE = [
    (re.compile(r"in \d+ ms"), "in 9 ms"),
    (re.compile(r'"latency_ms": [\d.]+'), '"latency_ms": 8.5'),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?= )"), "2026-01-05 08:00"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "2026-01-05T08:00:00.000Z"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-01-06T08:00:00Z"),
    (re.compile(r'"operation_id": "[0-9a-f-]{36}"'), '"operation_id": "019bb1d0-5c00-7000-8000-000000000000"'),
    (re.compile(r'"head": "[0-9a-f]{64}"'), '"head": "' + "5e" * 32 + '"'),
    (re.compile(r"^head  [0-9a-f]{64}$", re.MULTILINE), "head  " + "5e" * 32),
    # A table is as wide as this machine's name.
    (re.compile(r"\bwho +why$", re.MULTILINE), "who          why"),
    (re.compile(r"\bada@\S+ +(?=\S)"), "ada@laptop   "),
    (re.compile(r"\bada@\S+$", re.MULTILINE), "ada@laptop"),
    (re.compile(r"\(in \d+ h \d+ min\)"), "(in 24 h 0 min)"),
    (re.compile(r"http://127\.0\.0\.1:\d{4,5}"), "http://127.0.0.1:41234"),
    (re.compile(r"redacted:[0-9a-f]{16}"), "redacted:1b2c3d4e5f607182"),
]
"""What differs from run to run, and what stands for it in the README."""


def settled(text: str, home: Path) -> str:
    """Return what was printed as the README has it: without what differs from run to run."""
    text = text.replace(f"{home}/", "/home/ada/")
    for pattern, constant in _VOLATILE:
        text = pattern.sub(constant, text)
    return text


def outputs(commands: list[str], home: Path) -> list[str]:
    """Run the commands one after the other as a user would; return what each prints, with its exit code if not 0."""
    shutil.copytree(ROOT / "examples", home / "examples")
    environ = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LOGNAME": "ada",
        "EBRULE_STATE_DIR": str(home / ".local/state/ebrule"),
    }
    printed = []
    for command in commands:
        exported = re.fullmatch(r"export (\w+)=(\w+)", command)
        if exported:
            environ[exported[1]] = exported[2]
            printed.append("")
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=home,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        code = f"[exit {done.returncode}]\n" if done.returncode else ""
        printed.append(settled(done.stdout, home) + code)
    return printed


def blocks() -> list[tuple[str, str]]:
    """Return the commands of the README, and what it says that they print."""
    return [(match["command"], match["output"]) for match in BLOCK.finditer(README.read_text())]


def diagnostics() -> str:
    """Return the README's list of the ids of problems, as the catalogue has them."""
    rows = [f"| `{each.id}` | {each.title.replace('|', chr(92) + '|')} |" for each in CATALOGUE.values()]
    return "\n".join(["| id | what is wrong |", "|---|---|", *rows, ""])


def main() -> None:
    """Write what the commands print, and the ids of problems, into the README."""
    with tempfile.TemporaryDirectory() as folder:
        printed = iter(outputs([command for command, _ in blocks()], Path(folder)))
    text = BLOCK.sub(lambda match: f"```console\n$ {match['command']}\n{next(printed)}```", README.read_text())
    README.write_text(DIAGNOSTICS.sub(lambda _: diagnostics(), text))


if __name__ == "__main__":
    main()
