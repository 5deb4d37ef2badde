"""A sandbox whose replica lags behind the last writes: what each GET shows, and what a PUT is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.test_sandbox_identity import PATHS, RULE, put
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from sandbox_process import StartSandbox

pytestmark = pytest.mark.loopback

TRIGGER = PATHS[1]


def versions(client: httpx.Client, count: int, path: str = RULE) -> list[int]:
    """Read a rule so many times, and return the versions that show."""
    return [client.get(path).json()["version"] for _ in range(count)]


def write(client: httpx.Client, version: int) -> httpx.Response:
    """Replace a version of the demo rule, without a read; its name tells the next version."""
    body = {"name": f"version {version + 1}", "status": "enabled", "priority": 1, "conditions": [], "targets": []}
    return client.put(RULE, json={**body, "version": version})


@pytest.mark.parametrize("path", PATHS)
def test_a_write_shows_late(start_sandbox: StartSandbox, path: str) -> None:
    """After a write, as many reads as the lag show the whole state before it; other rules are not touched."""
    with start_sandbox(replica_lag=2).client() as client:
        before = client.get(path).json()
        after = put(client, path, "New").json()
        assert before["version"] + 1 == after["version"]
        assert [before, before, after, after] == [client.get(path).json() for _ in range(4)]
        others = [client.get(other).json()["name"] for other in PATHS if other != path]
        assert "New" not in others


def test_writes_show_one_after_the_other(start_sandbox: StartSandbox) -> None:
    """Each of several writes is hidden from as many reads."""
    with start_sandbox(replica_lag=2).client() as client:
        write(client, 7)
        assert [7] == versions(client, 1)
        write(client, 8)
        assert [7, 8, 9] == versions(client, 3)
        for version in (9, 10, 11):
            write(client, version)
        assert [9, 9, 12] == versions(client, 3)


def test_a_put_is_compared_with_the_true_state(start_sandbox: StartSandbox) -> None:
    """A PUT made from a read that was too old is a 409, which is no write and hides nothing."""
    with start_sandbox(replica_lag=1).client() as client:
        assert 200 == write(client, 7).status_code
        assert 409 == write(client, versions(client, 1)[0]).status_code
        assert [8, 8] == versions(client, 2)
        assert 200 == write(client, 8).status_code
        assert [8, 9] == versions(client, 2)


def test_servers_on_one_state_lag_together(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """The reads of all servers count; a server without the option shows what is there."""
    lagging = [start_sandbox(tmp_path, replica_lag=2).client() for _ in range(2)]
    current = start_sandbox(tmp_path).client()
    write(lagging[0], 7)
    assert [7, 8, 7, 8] == [versions(client, 1)[0] for client in (lagging[0], current, lagging[1], lagging[0])]


def test_replicas_take_turns(start_sandbox: StartSandbox) -> None:
    """Of several replicas only the first one lags, so that a read may show less than the read before it."""
    with start_sandbox(replica_lag=4, replicas=2).client() as client:
        write(client, 7)
        assert [7, 8, 7, 8, 8, 8] == versions(client, 6)


def test_a_new_trigger_and_a_deleted_one(start_sandbox: StartSandbox) -> None:
    """What was just made is not there yet, and what was just deleted still is; lists and targets do not lag."""
    with start_sandbox(replica_lag=1).client() as client:
        body = client.get(TRIGGER).json()
        path = client.post(TRIGGER.rpartition("/")[0], json=body).json()["selfUri"]
        assert path in [trigger["selfUri"] for trigger in client.get(TRIGGER.rpartition("/")[0]).json()["entities"]]
        assert [404, 200] == [client.get(path).status_code for _ in range(2)]
        client.delete(path)
        assert [200, 404] == [client.get(path).status_code for _ in range(2)]


def test_each_organization_lags_by_itself(start_sandbox: StartSandbox) -> None:
    """A write in one organization hides nothing in another, and a reset ends every lag."""
    sandbox = start_sandbox(replica_lag=9)
    ours, theirs = sandbox.client(), sandbox.client("sandbox-other")
    write(theirs, 7)
    write(theirs, 8)
    write(ours, 7)
    assert (["Call Duration Filter"] * 2) == [client.get(RULE).json()["name"] for client in (ours, theirs)]
    assert 200 == write(ours, 8).status_code
    sandbox.reset()
    write(ours, 7)
    assert [7] * 9 + [8] == versions(ours, 10)


@pytest.mark.parametrize(("lag", "replicas"), [(-1, 1), (1, 0)])
def test_numbers_out_of_range(tmp_path: Path, lag: int, replicas: int) -> None:
    """A negative lag, and no replica at all, are wrong usage."""
    with pytest.raises(RuntimeError, match=rf"^error: invalid replicas: {replicas} with a lag of {lag} reads"):
        SandboxProcess(tmp_path, replica_lag=lag, replicas=replicas)
