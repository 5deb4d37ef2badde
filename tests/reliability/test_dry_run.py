"""``diff`` and ``update --dry-run`` write nothing: not to the org, not to the disk, not to the webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command_line import CommandLine
from receiver import receiving
from reliability.measure_kills import Bench, dry_runs, tree

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox_process import StartSandbox

pytestmark = pytest.mark.loopback


@pytest.mark.parametrize("count", [10, pytest.param(500, marks=pytest.mark.full)])
def test_dry_runs_write_nothing(work: Bench, count: int) -> None:
    """Whatever the options, only GETs and the token's POST leave, and the state folder stays as it is."""
    tally = dry_runs(work, count=count)

    assert tally.broken == []
    assert tally.counts["updates before"] == 2
    assert tally.counts["requests"] > count


@pytest.mark.parametrize("arguments", [("diff",), ("update", "--dry-run")])
def test_a_dry_run_that_meets_faults_writes_nothing(
    tmp_path: Path, start_sandbox: StartSandbox, arguments: tuple[str, ...]
) -> None:
    """Also where the org refuses, stalls and throttles at first, a dry run reads only, and then tells the plan."""
    faults = ["status:status=503,method=GET,times=1", "rate-limit:method=GET,seconds=0,times=1"]
    sandbox = start_sandbox(faults=[*faults, "token-throttle:times=1"])
    ebrule = CommandLine(tmp_path, sandbox)
    with receiving() as receiver:
        ebrule.environ["EBRULE_WEBHOOK_URL"] = receiver.url
        ran = ebrule(*arguments, "--file", ebrule.rule(), "--exit-code")

    reads = sandbox.requests("GET") + sandbox.requests("POST", "/oauth/token")
    assert ran.code == 10, ran.err
    assert len(sandbox.requests()) == len(reads)
    assert tree(ebrule.state) == {}
    assert receiver.received == []
