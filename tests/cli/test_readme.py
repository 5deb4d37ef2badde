"""The README is true: its commands print what it says, and its two main commands are those that are tested."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from picture import PICTURE, draw
from readme import DIAGNOSTICS, README, ROOT, blocks, diagnostics, outputs

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine


@pytest.mark.loopback
def test_every_command_prints_what_the_readme_says(tmp_path: Path) -> None:
    """Each console block of the README is what its command prints, in their order."""
    said = blocks()
    printed = outputs([command for command, _ in said], tmp_path)

    assert said == list(zip([command for command, _ in said], printed, strict=True))


@pytest.mark.loopback
def test_the_picture_is_of_a_real_run() -> None:
    """The README's picture shows what the program prints on a terminal."""
    assert PICTURE.read_text() == draw()


def test_the_ids_of_problems_are_those_of_the_catalogue() -> None:
    """The README lists every id that ``ebrule explain`` knows, with its title."""
    assert [diagnostics()] == DIAGNOSTICS.findall(README.read_text())


def test_every_link_leads_somewhere() -> None:
    """Each link within the README leads to a heading of it, and each to a file leads to one that is there."""
    text = README.read_text()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    links = re.findall(r"\]\((?!https:)([^)#]*)#?([^)]*)\)", text)

    assert [] == [(path, anchor) for path, anchor in links if not path and anchor not in headings]
    files = [path for path, _ in links if path] + re.findall(r' src="([^"]*)"', text)
    assert [] == [path for path in files if not (ROOT / path).exists()]


def test_every_example_is_told_of() -> None:
    """The table of examples has a line for each file."""
    index = ROOT / "examples" / "README.md"
    told = index.read_text()

    assert [index] == [file for file in index.parent.iterdir() if f"`{file.name}`" not in told]


@pytest.mark.parametrize("program", ["README", "example"])
def test_the_programs_in_python_tell_what_is_wrong_with_their_settings(offline: CommandLine, program: str) -> None:
    """Where no org can be made of them, both end in the words of an error, and not in a traceback."""
    offline.environ["EBRULE_PROFILE"] = "nowhere"
    (block,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    text = block if program == "README" else (ROOT / "examples" / "update_from_python.py").read_text()
    command = [sys.executable, offline.file("program.py", text)]
    ran = subprocess.run(
        command, cwd=offline.folder, env=offline.environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert "'nowhere'" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_test_command_is_the_one_that_ci_calls() -> None:
    """CI runs the README's own test command."""
    assert ".venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest\n" in README.read_text()
