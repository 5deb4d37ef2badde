"""What ebrule depends on, and what it must never depend on."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN = "genesyscloud"
"""The package that the tutorial imports. Nobody has published it, so anyone could claim its name."""


def files() -> list[Path]:
    """Return the files of the repository that can install or import something."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = [name for name in listed.split("\0") if name] or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
    wanted = (".py", ".toml", ".yml", ".yaml", ".sh", ".cfg", ".txt", ".in", "/run")
    return [ROOT / name for name in names if name.endswith(wanted) and (ROOT / name).is_file()]


def test_the_sdk_goes_by_its_own_name() -> None:
    """No requirement of any extra has the name of the package that nobody has published; the SDK's is there."""
    names = {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower() for requirement in requires("ebrule") or ()}

    assert FOREIGN not in names
    assert "purecloudplatformclientv2" in names


@pytest.mark.parametrize(
    "pattern",
    [
        rf"^\s*(import|from)\s+{FOREIGN}\b",
        rf"(pip|pipx|uv|uvx)\b[^\n]*\binstall\b[^\n]*\b{FOREIGN}\b",
        rf"^\s*[\"']?{FOREIGN}\s*([<>=~!\[;\"',]|$)",
    ],
    ids=["import", "install", "requirement"],
)
def test_no_file_asks_for_the_unpublished_package(pattern: str) -> None:
    """No source, workflow or script imports it, installs it, or lists it as a requirement."""
    here = Path(__file__).resolve()
    asking = [
        path.relative_to(ROOT)
        for path in files()
        if path.resolve() != here and re.search(pattern, path.read_text(errors="replace"), re.MULTILINE | re.IGNORECASE)
    ]

    assert [] == asking


def test_the_base_is_small() -> None:
    """Without extras, ebrule needs these packages and no other."""
    base = {
        re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower()
        for requirement in requires("ebrule") or ()
        if "extra ==" not in requirement
    }

    assert {"httpx", "platformdirs", "pydantic", "pyyaml", "rich", "tomli", "typer"} == base
