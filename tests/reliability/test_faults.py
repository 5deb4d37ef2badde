"""Promises 2, 10 and 12: whatever the wire does, the exit code does not lie, and the token stays where it belongs."""

from __future__ import annotations

import contextlib
import gc
import json
import warnings
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import SecretStr

from ebrule import EbruleError, Options, UpdateOptions, load_settings, update_rule
from ebrule.core.reply import Request
from ebrule.core.transport import HttpxTransport
from ebrule.settings import Network
from reliability import proofs
from reliability.faulty_proxy import FAULTS, KINDS, Fault, FaultyProxy, Plan, Script
from reliability.fleet import Job, ebrule_round, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

SEED: Final = 1
API: Final = "/api/v2/eventbridge"
RULE: Final = f"{API}/routing/rules/demo-rule"
NO_FAULT: Final = Script()


@pytest.mark.parametrize(
    ("puts", "rules"), [(60, proofs.RULES[:2]), pytest.param(2_000, proofs.RULES, marks=pytest.mark.full)]
)
def test_the_exit_code_never_lies(puts: int, rules: tuple[str, ...]) -> None:
    """Of PUTs that meet every kind of fault, none is called applied or not applied against the server's own log."""
    counted = proofs.storm(SEED, puts=puts, rules=rules)

    assert counted.verdict.findings == []
    assert counted.puts >= puts
    assert sum(counted.faulted.values()) > puts / 4
    assert set(KINDS) == set(counted.faulted)
    assert {0, 5, 7} <= set(counted.verdict.exit_codes)
    assert counted.verdict.unknown < counted.verdict.runs / 2


@pytest.mark.parametrize(
    ("puts", "rules"), [(40, proofs.RULES[:1]), pytest.param(2_000, proofs.RULES, marks=pytest.mark.full)]
)
def test_the_exit_code_never_lies_of_an_org_that_stores_differently(puts: int, rules: tuple[str, ...]) -> None:
    """Whatever the org makes of a body, and whichever replica answers, no exit code is contradicted by its log."""
    counted = proofs.storm(SEED, puts=puts, rules=rules, own_ways=True)

    assert counted.verdict.findings == []
    assert counted.puts >= puts
    assert counted.verdict.live > 0


@pytest.mark.parametrize("name", [*(fault.name for faults in KINDS.values() for fault in faults), "twice"])
def test_one_fault_is_survived(tmp_path: Path, sandbox: SandboxProcess, name: str) -> None:
    """After any single fault of a PUT the run ends with 0, and its edit was applied exactly once."""
    ground = prepare(sandbox, "demo-rule", ["target-001"])
    with contextlib.closing(FaultyProxy(sandbox.url, Script(PUT=[name]))) as proxy:
        job = Job(
            0, "demo-rule", proxy.url, str(tmp_path), ground.fields, ground.targets, "target-001", read_seconds=0.5
        )
        claim = ebrule_round(job, 0)

    assert (0, 9) == (claim.exit_code, claim.version)
    assert ground.judge(sandbox, [claim]).findings == []
    assert [8, 9] == [step.version for step in sandbox.history()]


@pytest.mark.parametrize(
    ("name", "code", "applied"), [("hold-before", 9, 0), ("hold-after", 0, 1)], ids=["never-arrives", "arrives"]
)
def test_silence_past_the_deadline_leaves_time_to_ask(ebrule: CommandLine, name: str, code: int, applied: int) -> None:
    """PUTs that nobody answers for ever end with 9 where none arrived, and with 0 where asking back finds one."""
    assert ebrule.sandbox is not None
    with contextlib.closing(FaultyProxy(ebrule.sandbox.url, Script(PUT=[name] * 20))) as proxy:
        ran = ebrule("update", "--file", ebrule.rule(), "--api-url", proxy.url, "--deadline", "5", "--output", "json")

    assert (code, {0: "updated", 9: "unknown"}[code]) == (ran.code, ran.json["result"])
    assert applied == len(ebrule.sandbox.history())


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_dead_api_is_not_hammered(tmp_path: Path, sandbox: SandboxProcess, status: int) -> None:
    """With 200 targets and an API that answers every read with 5xx, at most 235 requests are sent."""
    targets = [{"id": f"target-{number:03}"} for number in range(1, 201)]
    dead = FAULTS[f"{status}-before"]

    with contextlib.closing(FaultyProxy(sandbox.url, lambda method, _: dead if method == "GET" else None)) as proxy:
        assert _exit_code(tmp_path, sandbox, proxy.url, targets=targets) == 7
        sent = len(proxy.passages())

    assert 3 < sent <= 235


def test_a_request_that_outlives_its_run_leaves_no_connection(sandbox: SandboxProcess) -> None:
    """A read that a run has given up on, and that connects only when the run has ended, closes what it opened."""
    transport = HttpxTransport(Network(), secure=False)
    transport._direct.event_hooks["request"] = [lambda _: transport.close()]

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        reply = transport.send(Request("GET", f"{sandbox.url}/api/v2/health", {}))
        gc.collect()

    assert reply.status in (200, 401)
    assert [] == [str(each.message) for each in warned]


# --- the token ----------------------------------------------------------------------------------------------

_PLACES: Final = {
    "token": ("POST", "/oauth/token"),
    "rule": ("GET", RULE),
    "target": ("GET", f"{API}/targets/target-uuid-12345"),
    "put": ("PUT", RULE),
}


@pytest.fixture
def second(sandbox: SandboxProcess) -> Iterator[FaultyProxy]:
    """A server that is not the configured one, and that would serve whoever asks it."""
    with contextlib.closing(FaultyProxy(sandbox.url, NO_FAULT)) as server:
        yield server


def _rule_file(folder: Path, **fields: Any) -> Path:
    file = folder / "rule.json"
    rule = {
        "id": "demo-rule",
        "name": "Demo",
        "status": "enabled",
        "priority": 99,
        "conditions": [],
        "targets": [{"id": "target-uuid-12345"}],
        **fields,
    }
    file.write_text(json.dumps({name: value for name, value in rule.items() if value is not None}))
    return file


def _exit_code(
    folder: Path, sandbox: SandboxProcess, url: str, options: UpdateOptions | None = None, **fields: Any
) -> int:
    """Run an update at ``url``; return the exit code."""
    client_id, secret = sandbox.credentials
    settings = load_settings(
        Options(api_url=url, client_id=client_id, client_secret=SecretStr(secret), state_dir=folder / "state"), {}
    )
    try:
        return update_rule(settings, _rule_file(folder, **fields), options, environ={}).exit_status
    except EbruleError as error:
        return error.exit_status


def _redirecting(place: str, status: int, to: str) -> Plan:
    """Give a plan that redirects the first request to a place."""
    method, path = _PLACES[place]
    waiting = [Fault("redirect", "never", "status", status, location=f"{to}{path}")]
    return lambda *asked: waiting.pop() if (method, path) == asked and waiting else None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", _PLACES)
def test_no_redirect_is_followed(
    tmp_path: Path, sandbox: SandboxProcess, second: FaultyProxy, place: str, status: int
) -> None:
    """Wherever a redirect to another server comes from, that server gets no request, and so no token."""
    with contextlib.closing(FaultyProxy(sandbox.url, _redirecting(place, status, second.url))) as proxy:
        # 303 is no refusal: something may have been done, so a PUT is read back, and whatever reads asks again.
        assert (0 if status == 303 else 7) == _exit_code(tmp_path, sandbox, proxy.url)

    assert second.passages() == []
    assert len(sandbox.history()) == (1 if status == 303 else 0)


@pytest.mark.parametrize(
    "wrong", ["//{host}", "//{host}/x", "http://{host}/x", "@{host}", "..", "../../oauth/clients", "%2e%2e", "a/b", ""]
)
@pytest.mark.parametrize("place", ["option", "file", "target"])
def test_an_id_that_leads_elsewhere_is_refused(
    tmp_path: Path, sandbox: SandboxProcess, second: FaultyProxy, place: str, wrong: str
) -> None:
    """An id that is no single segment of a path is refused, and nothing is asked of the place that it leads to."""
    bad = wrong.format(host=second.url.removeprefix("http://"))
    with contextlib.closing(FaultyProxy(sandbox.url, NO_FAULT)) as proxy:
        if place == "option":
            code = _exit_code(tmp_path, sandbox, proxy.url, UpdateOptions(rule_id=bad), id=None)
        elif place == "file":
            code = _exit_code(tmp_path, sandbox, proxy.url, id=bad)
        else:
            code = _exit_code(tmp_path, sandbox, proxy.url, targets=[{"id": bad}])
        assert (2 if place == "option" else 3) == code
        # Whether the org has that target already, only its rule tells.
        asked = {(passage.method, passage.path) for passage in proxy.passages()}
        own = {("POST", "/oauth/token"), ("GET", "/api/v2/tokens/me"), ("GET", RULE)}
        assert asked <= (own if place == "target" else set())

    assert second.passages() == []


def test_a_token_endpoint_of_its_own_gets_the_credentials_alone(
    tmp_path: Path, sandbox: SandboxProcess, second: FaultyProxy
) -> None:
    """With a login URL apart from the API's, the login host sees the one token request and the API all others."""
    client_id, secret = sandbox.credentials
    with contextlib.closing(FaultyProxy(sandbox.url, NO_FAULT)) as api:
        options = Options(
            api_url=api.url,
            login_url=second.url,
            client_id=client_id,
            client_secret=SecretStr(secret),
            state_dir=tmp_path / "state",
        )
        assert update_rule(load_settings(options, {}), _rule_file(tmp_path), environ={}).exit_status == 0

    assert [("POST", "/oauth/token")] == [(passage.method, passage.path) for passage in second.passages()]
    assert {"GET", "PUT"} == {passage.method for passage in api.passages()}
