"""The README is true: its commands print what it says, and its two main commands are those that are tested."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from picture import PICTURE, draw
from readme import DIAGNOSTICS, README, ROOT, blocks, diagnostics, outputs

if TYPE_CHECKING:
    from pathlib import Path


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


def test_the_test_command_is_the_one_that_ci_calls() -> None:
    """CI runs the README's own test command."""
    assert ".venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest\n" in README.read_text()
