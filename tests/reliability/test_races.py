"""Promises 1, 8 and 9: many writers on one rule lose nothing, all get through, and wait as the server says."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import SecretStr

from ebrule import EbruleError, Options, UpdateOptions, UpdateResult, load_settings, update_rule
from reliability import headers, proofs
from reliability.faulty_proxy import Fault, FaultyProxy, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox_process import SandboxProcess

SEED: Final = 1
RULE: Final = "/api/v2/eventbridge/routing/rules/demo-rule"


@pytest.mark.loopback
@pytest.mark.parametrize("own_ways", [False, True], ids=["stores as sent", "stores differently"])
@pytest.mark.parametrize(
    ("writers", "rounds", "haste"), [(4, 4, 0.2), pytest.param(8, 50, 1.0, marks=pytest.mark.full)]
)
def test_no_edit_is_lost(writers: int, rounds: int, haste: float, own_ways: bool) -> None:
    """Processes that change one rule while a fifth of their requests goes wrong: each edit that ended in 0 is there."""
    counted = proofs.race(SEED, writers=writers, rounds=rounds, haste=haste, own_ways=own_ways)

    assert counted.verdict.findings == []
    assert writers * rounds == counted.verdict.runs
    assert counted.verdict.live > counted.verdict.runs / 2


@pytest.mark.loopback
@pytest.mark.parametrize(("writers", "rounds"), [(2, 2), pytest.param(4, 10, marks=pytest.mark.full)])
def test_no_edit_of_people_is_lost(writers: int, rounds: int) -> None:
    """The same holds for people who show a rule, edit the file and update with the whole command line."""
    counted = proofs.users_race(SEED, writers=writers, rounds=rounds)

    assert counted.verdict.findings == []
    assert counted.verdict.live > 0


@pytest.mark.loopback
@pytest.mark.parametrize("writers", [4, pytest.param(32, marks=pytest.mark.full)])
def test_all_writers_get_through_and_only_with_ebrule_without_loss(writers: int) -> None:
    """Writers that start at once all succeed; re-reading only the version loses edits, and no retry fails most."""
    # With this latency all have read the rule before the first one writes, however busy the machine is.
    ours, version_only, no_retry = proofs.compare(SEED, writers=writers, latency_ms=100)

    assert ours.verdict.findings == []
    assert (writers, writers, 0) == (ours.succeeded, ours.in_final, ours.lost)
    assert version_only.lost > 0
    assert version_only.verdict.lost == version_only.lost
    assert no_retry.succeeded < writers


@pytest.mark.parametrize("races", [50, pytest.param(1_000, marks=pytest.mark.full)])
def test_32_writers_converge(races: int) -> None:
    """With ebrule's waits each of 32 writers gets through in every simulated race; with client-go's most do not."""
    ours, client_go = proofs.converge(SEED, writers=32, races=races)

    assert (1.0, 32) == (ours.through, ours.fewest)
    assert client_go.through < 0.5


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.full)])
def test_waits_are_never_too_short_nor_too_long(count: int) -> None:
    """Whatever Retry-After says, no request comes before it allows, and no run goes on past its deadline."""
    measured = headers.measure(SEED, headers=count)

    assert measured.findings == []
    assert (count, 0, 0) == (measured.headers, measured.early, measured.late)


# --- single races, step by step -------------------------------------------------------------------------


def _edit(sandbox: SandboxProcess, **fields: Any) -> None:
    """Change the rule as another writer would."""
    client = sandbox.client()
    client.put(RULE, json={**client.get(RULE).json(), **fields}).raise_for_status()
    client.close()


def _before_each_put(*actions: Callable[[], None], faults: Script | None = None) -> Callable[[str, str], Fault | None]:
    """Give a plan that lets another writer act just before a PUT arrives."""
    waiting = list(actions)

    def plan(method: str, path: str) -> Fault | None:
        if method == "PUT" and waiting:
            waiting.pop(0)()
        return faults(method, path) if faults else None

    return plan


def _update(
    folder: Path,
    sandbox: SandboxProcess,
    plan: Callable[[str, str], Fault | None],
    options: UpdateOptions | None = None,
    **fields: Any,
) -> UpdateResult:
    """Run one update through a proxy: the rule as it is, with other ``fields``."""
    client = sandbox.client()
    rule = client.get(RULE).json()
    client.close()
    stated = {name: rule[name] for name in ("id", "name", "status", "priority", "conditions", "targets")}
    file = folder / "rule.json"
    file.write_text(json.dumps({**stated, **fields}))
    with contextlib.closing(FaultyProxy(sandbox.url, plan)) as proxy:
        settings = load_settings(
            Options(
                api_url=proxy.url,
                client_id=sandbox.credentials[0],
                client_secret=SecretStr(sandbox.credentials[1]),
                state_dir=folder / "state",
            ),
            {},
        )
        try:
            return update_rule(settings, file, options, environ={})
        except EbruleError as error:
            result: UpdateResult = error.result
            return result


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (UpdateOptions(on_conflict="merge"), 0),
        (UpdateOptions(on_conflict="overwrite"), 0),
        (UpdateOptions(on_conflict="fail"), 5),
        (UpdateOptions(), 5),
        (UpdateOptions(on_conflict="merge", expect_version=7), 5),
    ],
    ids=["merge", "overwrite", "fail", "default", "expect-version"],
)
def test_a_version_in_the_file_means_the_same_before_and_within_a_run(
    tmp_path: Path, sandbox: SandboxProcess, options: UpdateOptions, exit_code: int
) -> None:
    """A file that names its version ends with 5 when another writer is faster, unless told to merge from it."""
    plan = _before_each_put(lambda: _edit(sandbox, description="theirs"))

    result = _update(tmp_path, sandbox, plan, options, priority=99, version=7)

    assert exit_code == result.exit_status
    client = sandbox.client()
    rule = client.get(RULE).json()
    client.close()
    assert ("theirs", 10 if exit_code else 99) == (rule["description"], rule["priority"])


@pytest.mark.loopback
def test_a_gateway_that_sends_a_put_twice_does_no_harm(tmp_path: Path, sandbox: SandboxProcess) -> None:
    """A 409 that is the echo of our own PUT is no conflict, even with --on-conflict fail; others' edits stay."""
    plan = _before_each_put(faults=Script(PUT=["twice"]))

    result = _update(tmp_path, sandbox, plan, UpdateOptions(on_conflict="fail"), priority=99)

    assert (0, 8) == (result.exit_status, result.version)
    assert [99] == [json.loads(step.body)["priority"] for step in sandbox.history()]


@pytest.mark.loopback
def test_others_edits_during_a_lost_reply_stay(tmp_path: Path, sandbox: SandboxProcess) -> None:
    """Our PUT lost, another writer's edit on the version it was for: merged onto theirs, both are there once."""
    plan = _before_each_put(lambda: _edit(sandbox, description="theirs"), faults=Script(PUT=["reset-before", None]))

    result = _update(tmp_path, sandbox, plan, priority=99)

    assert (0, "updated", 9) == (result.exit_status, result.result, result.version)
    assert [(10, "theirs"), (99, "theirs")] == [
        (body["priority"], body["description"]) for body in (json.loads(step.body) for step in sandbox.history())
    ]
