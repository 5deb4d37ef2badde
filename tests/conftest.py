"""The option that runs long proofs with their full counts, and what tests of the whole program need."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from command_line import CommandLine
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--full``."""
    parser.addoption("--full", action="store_true", help="also run long proofs with their full counts")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked ``full`` unless it was asked for."""
    if not config.getoption("--full"):
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="a full count: runs with --full"))


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """One sandbox process for all tests of the command line."""
    with contextlib.closing(SandboxProcess(tmp_path_factory.mktemp("sandbox"))) as process:
        yield process


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    """The sandbox, as it was at first."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def ebrule(tmp_path: Path, sandbox: SandboxProcess) -> CommandLine:
    """The command line with an org to talk to."""
    return CommandLine(tmp_path, sandbox)


@pytest.fixture
def offline(tmp_path: Path) -> CommandLine:
    """The command line with nothing set."""
    return CommandLine(tmp_path)
