"""The command line, with a sandbox of the module's own behind it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from command_line import CommandLine
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
