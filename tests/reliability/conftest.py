"""What proofs with killed processes need."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from reliability.measure_kills import Bench, bench
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox_process import StartSandbox


@pytest.fixture(scope="session")
def tracing() -> None:
    """Skip where the system lets no process trace its child."""
    if not sys.platform.startswith("linux"):
        pytest.skip("system calls are counted with Linux's ptrace")
    code = "import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(0, 0, None, None) != 0)"
    if subprocess.run([sys.executable, "-c", code], check=False).returncode:
        pytest.skip("this system does not let a process trace its child")


@pytest.fixture(scope="session")
def strace() -> str:
    """The path of strace."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("strace is not installed")
    if subprocess.run([path, "-qq", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    return path


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Bench]:
    """A bench of the test's own."""
    if not hasattr(signal, "sigtimedwait"):
        pytest.skip("this system cannot wait for a child and a time at once")
    with bench(tmp_path) as found:
        yield found


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[StartSandbox]:
    """Start sandboxes with options of the test's own."""
    with contextlib.ExitStack() as running:

        def start(state_dir: Path | None = None, **options: Any) -> SandboxProcess:
            process = SandboxProcess(state_dir or tmp_path / "org", **options)
            return running.enter_context(contextlib.closing(process))

        yield start
