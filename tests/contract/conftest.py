"""Sandboxes for the contract tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox_process import StartSandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox without faults and without a rate limit, shared by a module; reset it where data matters."""
    with contextlib.closing(SandboxProcess(tmp_path_factory.mktemp("sandbox"))) as process:
        yield process


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[StartSandbox]:
    """Start sandboxes with options of the test's own."""
    with contextlib.ExitStack() as running:

        def start(state_dir: Path | None = None, **options: Any) -> SandboxProcess:
            process = SandboxProcess(state_dir or tmp_path / "state", **options)
            return running.enter_context(contextlib.closing(process))

        yield start
