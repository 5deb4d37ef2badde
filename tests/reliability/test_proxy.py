"""The instruments of the other proofs: the faulty proxy, and the checker, which must be able to say no."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from reliability import faulty_proxy
from reliability.faulty_proxy import ALL_KINDS, FAULTS, KINDS, Chance, FaultyProxy, Script
from reliability.history import Claim, Verdict, Version, judge

if TYPE_CHECKING:
    from sandbox_process import SandboxProcess

PATH: Final = "/api/v2/eventbridge/routing/rules/demo-rule"

# What a client of one PUT sees in place of a reply.
_ERRORS: Final[dict[str, type[httpx.TransportError]]] = {
    "reset-before": httpx.ReadError,
    "close-before": httpx.RemoteProtocolError,
    "reset-after": httpx.ReadError,
    "close-after": httpx.RemoteProtocolError,
    "cut": httpx.RemoteProtocolError,
    "long": httpx.RemoteProtocolError,
    "hold-before": httpx.ReadTimeout,
    "hold-after": httpx.ReadTimeout,
    "late": httpx.ReadTimeout,
}


@pytest.mark.loopback
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_does_what_it_says(sandbox: SandboxProcess, name: str) -> None:
    """A fault applies a PUT or does not, shows the client what it is to see, and is on record."""
    with contextlib.closing(FaultyProxy(sandbox.url, Script(PUT=[name]))) as proxy:
        client = _client(sandbox, proxy.url)
        rule = client.get(PATH).json()
        if name in _ERRORS:
            with pytest.raises(_ERRORS[name]):
                client.put(PATH, json=rule, timeout=0.2 if _ERRORS[name] is httpx.ReadTimeout else 20)
        else:
            reply = client.put(PATH, json=rule)
            assert (409 if name == "twice" else FAULTS[name].status or 200) == reply.status_code
            assert (name in ("slow", "drip")) == _is_the_rule(reply, rule)
        client.close()

    assert [None, FAULTS[name]] == [passage.fault for passage in proxy.passages()]
    assert (0 if FAULTS[name].forward == "never" else 1) == len(sandbox.history())


def _client(sandbox: SandboxProcess, url: str) -> httpx.Client:
    """Give a client of the sandbox that goes through a proxy."""
    client = sandbox.client()
    client.base_url = httpx.URL(url)
    return client


def _is_the_rule(reply: httpx.Response, rule: dict[str, object]) -> bool:
    with contextlib.suppress(ValueError):
        told = reply.json()
        return bool(told.get("version") == 8 and told["priority"] == rule["priority"])
    return False


@pytest.mark.loopback
def test_a_connection_outlives_what_does_not_break_it(sandbox: SandboxProcess) -> None:
    """Requests without a fault, and answers that come in full, leave the client its connection."""
    with contextlib.closing(FaultyProxy(sandbox.url, Script(GET=[None, "502-before", "empty"]))) as proxy:
        client = _client(sandbox, proxy.url)
        streams = {
            id(reply.extensions["network_stream"].get_extra_info("socket"))
            for reply in [client.get(PATH) for _ in range(4)]
        }
        client.close()

    assert len(streams) == 1


def test_chance_is_repeatable_and_meets_every_kind() -> None:
    """The same seed gives the same faults, at about the rate that was asked for, and none to other methods."""
    chances = [Chance(seed, 0.25) for seed in (1, 1, 2)]
    first, again, different = ([chance("PUT", "/") for _ in range(1_000)] for chance in chances)
    assert first == again
    assert first != different
    assert 200 < sum(fault is not None for fault in first) < 300
    assert {fault.name for fault in first if fault} == {fault.name for those in KINDS.values() for fault in those}
    assert {"refused after"} == ALL_KINDS.keys() - KINDS.keys()
    chance = Chance(1, 1.0, kinds=["refused after"])
    assert set(ALL_KINDS["refused after"]) == {chance("PUT", "/") for _ in range(100)}
    assert Chance(1, 1.0, methods=["PUT"])("GET", "/") is None
    assert all((fault := Chance(seed, 1.0)("GET", "/")) and fault.answer != "other" for seed in range(200))


@pytest.mark.loopback
def test_a_person_can_run_it(sandbox: SandboxProcess) -> None:
    """Run as a script it prints its URL, passes requests on, and at the end says what it did to them."""
    command = [sys.executable, str(Path(faulty_proxy.__file__)), "--upstream", sandbox.url, "--rate", "0"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        client = _client(sandbox, process.stdout.readline().strip())
        version = client.get(PATH).json()["version"]
        client.close()
        out, err = process.communicate()

    assert (7, 0) == (version, process.returncode)
    assert f"GET {PATH} -\n" == err
    assert '"GET -": 1' in out


# --- the checker ----------------------------------------------------------------------------------------

START: Final = Version(6, 7, {"a": '"old"', "b": '"old"', "c": '"old"'})
ONE: Final = Version(7, 8, {**START.cells, "a": '"a1"'})
TWO: Final = Version(8, 9, {**ONE.cells, "b": '"b1"'})
THREE: Final = Version(9, 10, {**TWO.cells, "a": '"a2"'})
STEPS: Final = [ONE, TWO, THREE]
A1: Final = Claim(0, "a", "a1", 0, version=8)
B1: Final = Claim(1, "b", "b1", 8, version=10)
A2: Final = Claim(0, "a", "a2", 9, version=8)
C1: Final = Claim(2, "c", "c1", 5)
CLAIMS: Final = [A1, B1, A2, C1]


def test_a_good_history_is_found_good() -> None:
    """Edits that were applied, one that was not and says so, and one that is unknown: nothing to find."""
    verdict = judge(START, STEPS, CLAIMS)

    assert verdict.findings == []
    assert (4, 2, 1, 1, 3) == (
        verdict.runs,
        verdict.live,
        verdict.untouched,
        verdict.unknown,
        verdict.versions,
    )


def _lost(step: Version) -> Version:
    return replace(step, cells={**step.cells, "a": '"old"'})


BAD: Final[dict[str, tuple[list[Version], list[Claim], str]]] = {
    "said applied, in no version": (STEPS, [*CLAIMS[:3], replace(C1, exit_code=0)], "false_applied"),
    "said applied, in another version": (STEPS, [replace(A1, version=7), *CLAIMS[1:]], "false_applied"),
    "said applied, of no version": (STEPS, [replace(A1, version=None), *CLAIMS[1:]], "false_applied"),
    **{
        f"said {code}, yet applied": (STEPS, [A1, B1, replace(A2, exit_code=code), C1], "false_not_applied")
        for code in (3, 4, 5, 6, 7, 11, 129, 130, 143)
    },
    "an edit is overwritten": ([ONE, _lost(TWO)], [A1, B1, C1], "lost"),
    "an edit is taken back": ([*STEPS, Version(10, 11, {**THREE.cells, "b": '"old"'})], CLAIMS, "lost"),
    "an earlier edit of the same writer wins": (
        [*STEPS, Version(10, 11, {**THREE.cells, "a": '"a1"'})],
        [A1, B1, replace(A2, exit_code=0, version=10), C1],
        "lost",
    ),
    "a step makes two edits": (
        [Version(7, 8, TWO.cells)],
        [A1, replace(B1, version=8), C1],
        "strange_steps",
    ),
    "a step makes an edit that nobody asked for": (STEPS, [A1, B1, C1], "strange_steps"),
    "a step changes nothing": ([*STEPS, Version(10, 11, THREE.cells)], CLAIMS, "strange_steps"),
    "an edit is applied twice": (
        [*STEPS, replace(TWO, parent=10, version=11, cells=_lost(TWO).cells), Version(11, 12, ONE.cells)],
        CLAIMS,
        "strange_steps",
    ),
    "a version has two children": ([*STEPS, Version(9, 11, THREE.cells)], CLAIMS, "broken_chain"),
    "a version is missing": ([ONE, THREE], CLAIMS, "broken_chain"),
    "a version jumps": ([ONE, TWO, replace(THREE, version=11)], CLAIMS, "broken_chain"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_found(name: str) -> None:
    """Each way to break a promise is found and counted as what it is."""
    steps, claims, counter = BAD[name]

    verdict = judge(START, steps, claims)

    assert getattr(verdict, counter) > 0
    assert any(finding.startswith(counter) for finding in verdict.findings)


def test_a_run_that_ends_in_a_way_it_must_not_is_found() -> None:
    """A bug's exit code, and a usage error's, are findings as well."""
    verdict = judge(START, STEPS, [*CLAIMS, Claim(3, "c", "c2", 1), Claim(3, "c", "c3", 2)])

    assert ["a run ended in 1", "a run ended in 2"] == [finding[:16] for finding in verdict.findings]


def test_a_cell_that_two_writers_share_is_not_lost_by_being_overwritten() -> None:
    """Where two writers edit one cell, the later edit is meant to win, and only their claims are judged."""
    steps = [ONE, Version(8, 9, {**ONE.cells, "a": '"z1"'})]

    assert [] == judge(START, steps, [A1, Claim(9, "a", "z1", 0, version=9)]).findings


def test_verdicts_add_up() -> None:
    """The verdict on several rules has the counts and the findings of each."""
    total = Verdict()
    for claims in (CLAIMS, [*CLAIMS[:3], replace(C1, exit_code=0)]):
        total.add(judge(START, STEPS, claims))

    assert (8, 1, 1) == (total.runs, total.false_applied, len(total.findings))
    assert {0: 3, 8: 2, 9: 2, 5: 1} == dict(total.exit_codes)
