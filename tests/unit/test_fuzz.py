"""``ebrule validate`` on mutated files: a clean result, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz.py"
HANG_GUARD_SECONDS = 3000


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.full)])
def test_mutated_files_end_cleanly(count: int) -> None:
    """Each mutated file is right or has problems of the catalogue, in each output, within processor time and memory."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", FUZZ, f"--count={count}"],
        env={"A": "value", "PYTHONPATH": str(FUZZ.parent)},
        capture_output=True,
        text=True,
        timeout=HANG_GUARD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found = json.loads(done.stdout)

    assert found["right"] > 0
    assert len(found) > 15
