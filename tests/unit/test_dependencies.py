"""What ebrule depends on, and what it must never depend on."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest

from lowest import constraints

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


def test_the_lowest_version_of_every_dependency_is_known() -> None:
    """Each run-time dependency, those of the extras included, has a lower bound that can be installed and tested."""
    lowest = constraints(requires("ebrule") or ())
    names = {re.split(r"[^A-Za-z0-9_.-]", constraint)[0].lower() for constraint in lowest}

    assert {"httpx", "pyyaml", "tomli", "starlette", "opentelemetry-sdk", "purecloudplatformclientv2"} < names
    assert not {"pytest", "ebrule"} & names
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9.]+(; python_version < '[0-9.]+')?", each) for each in lowest)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("a>=1.2", ["a==1.2"]),
        ("a.b-c<2,>=1.2.3", ["a.b-c==1.2.3"]),
        ("a[x,y]>=1; extra == 'sandbox'", ["a==1"]),
        ("a>=1; python_version < '3.14'", ["a==1; python_version < '3.14'"]),
        ("a>=1; python_version < '3.14' and extra == 'otel'", ["a==1; python_version < '3.14'"]),
        ("a; extra == 'dev'", []),
        ("ebrule[otel,sandbox]; extra == 'dev'", []),
    ],
)
def test_the_lowest_version_of_a_requirement(requirement: str, expected: list[str]) -> None:
    """It is the lower bound, wherever the requirement holds, whatever its extra; tools of development have none."""
    assert expected == constraints([requirement])


@pytest.mark.parametrize("requirement", ["a", "a<2", "a==1.2", "a>1; extra == 'sandbox'"])
def test_a_requirement_without_a_lowest_version(requirement: str) -> None:
    """A run-time dependency that any version would do for is refused: nobody could test that."""
    with pytest.raises(ValueError, match="has no lower bound"):
        constraints([requirement])
