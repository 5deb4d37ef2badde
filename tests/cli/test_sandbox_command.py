"""``--region sandbox``, ``ebrule sandbox serve`` and ``reset``."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from command_line import HANG_GUARD_SECONDS
from ebrule.sandbox.storing import WAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"


def test_the_region_sandbox_needs_nothing_else(offline: CommandLine) -> None:
    """``--region sandbox`` runs a sandbox for one command, and keeps its state for the next one."""
    assert offline("update", "--file", offline.rule(), "--region", "sandbox").code == 0
    shown = offline("show", "demo-rule", "--region", "sandbox").out

    assert "version 8" in shown
    assert offline.records()[0]["region"] == "sandbox"


def test_the_environment_can_choose_the_sandbox(offline: CommandLine) -> None:
    """``GENESYSCLOUD_REGION=sandbox`` does the same, in capitals too."""
    offline.environ["GENESYSCLOUD_REGION"] = "SANDBOX"

    ran = offline("show", "demo-rule")
    assert (0, True) == (ran.code, "(eventbridge, sandbox, version 7)" in ran.out)


def test_a_sandbox_that_is_served_goes_before_a_region_of_the_environment(
    ebrule: CommandLine, sandbox: SandboxProcess
) -> None:
    """A URL of the environment is asked although the region says sandbox too; only the option starts another one."""
    ebrule.environ["GENESYSCLOUD_REGION"] = "sandbox"

    ran = ebrule("show", "demo-rule")
    asked = len(sandbox.requests())
    alone = ebrule("show", "demo-rule", "--region", "sandbox")

    assert (0, "", 0, "") == (ran.code, ran.err, alone.code, alone.err)
    assert f"(eventbridge, {sandbox.url.removeprefix('http://')}, version 7)" in ran.out
    assert "(eventbridge, sandbox, version 7)" in alone.out
    assert (2, asked) == (asked, len(sandbox.requests()))


def test_a_reset_puts_the_first_state_back(offline: CommandLine) -> None:
    """``ebrule sandbox reset`` gives back the rules that the sandbox began with."""
    offline("update", "--file", offline.rule(), "--region", "sandbox")
    assert offline("sandbox", "reset").code == 0

    assert "version 7" in offline("show", "demo-rule", "--region", "sandbox").out


def test_a_sandbox_that_cannot_start_says_why_once(offline: CommandLine) -> None:
    """A state folder that cannot be made is told as one error, with the folder."""
    offline.environ["EBRULE_STATE_DIR"] = offline.file("file", "")

    ran = offline("show", "demo-rule", "--region", "sandbox")
    assert 2 == ran.code
    assert ran.err.startswith("error: the sandbox did not start: ")
    assert 1 == ran.err.count("error:")
    assert ran.err.endswith("Its state is kept in file/sandbox.\n")


def test_a_sandbox_can_store_bodies_differently_than_sent(offline: CommandLine) -> None:
    """``--stores`` and ``--echoes`` reach the sandbox, and the help lists every way to store."""
    told = offline("sandbox", "serve", "--help").out
    assert all(f"    {way} " in told for way in WAYS)

    with _served(offline, "--stores", "trimmed", "--stores", "sorted,defaults", "--echoes") as client:
        body = {**client.get(RULE).json(), "name": " Blank "}
        reply, rule = client.put(RULE, json=body).json(), client.get(RULE).json()

    assert (" Blank ", "Blank", "default") == (reply["name"], rule["name"], rule["category"])


def test_the_replicas_of_a_sandbox_can_lag(offline: CommandLine) -> None:
    """``--replica-lag`` and ``--replicas`` reach the sandbox."""
    with _served(offline, "--replica-lag", "3", "--replicas", "2") as client:
        client.put(RULE, json=client.get(RULE).json())
        assert [7, 8, 7, 8] == [client.get(RULE).json()["version"] for _ in range(4)]


def test_a_sandbox_can_be_another_org(offline: CommandLine) -> None:
    """``--org-id``, ``--authors`` and ``--any-case-paths`` reach the sandbox."""
    org_id = "0b5d7a7e-3f5c-4c55-9f0a-0d1f4a1c2b3d"
    with _served(offline, "--org-id", org_id, "--authors", "none", "--any-case-paths") as client:
        organization, rule = client.get("/API/v2/organizations/me").json(), client.get(RULE).json()

    assert (org_id, False) == (organization["id"], "modifiedBy" in rule)


@contextlib.contextmanager
def _served(offline: CommandLine, *arguments: str) -> Iterator[httpx.Client]:
    """Serve a sandbox, and give a client with the URL and the credentials that the command prints."""
    with offline.start("sandbox", "serve", *arguments) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(5)]
            exported = dict(word.split("=") for line in lines for word in line.split() if "=" in word)
            with httpx.Client(base_url=exported["EBRULE_API_URL"], trust_env=False) as client:
                credentials = exported["GENESYSCLOUD_OAUTHCLIENT_ID"], exported["GENESYSCLOUD_OAUTHCLIENT_SECRET"]
                reply = client.post("/oauth/token", auth=credentials, data={"grant_type": "client_credentials"})
                client.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
                yield client
        finally:
            process.terminate()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_sandbox_is_served_until_a_signal(offline: CommandLine, signum: int) -> None:
    """``ebrule sandbox serve`` tells its address and what to type, and ends cleanly."""
    with offline.start("sandbox", "serve") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" at ")[1].split()[0]
        lines = [process.stdout.readline() for _ in range(4)]
        status = httpx.get(f"{url}/openapi.json", trust_env=False).status_code
        process.send_signal(signum)
        code = process.wait(timeout=HANG_GUARD_SECONDS)

    assert (200, 0) == (status, code)
    assert f"  export EBRULE_API_URL={url}\n" in lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "frobnicate"], "frobnicate"),
        (["--host", "0.0.0.0"], "loopback"),  # noqa: S104 - it is refused
        (["--org-id", "mine"], "error: invalid organization id: 'mine' "),
        (["--stores", "trimmed,frobnicate"], "error: unknown way to store: 'frobnicate' (known: lower-case, "),
    ],
)
def test_a_sandbox_that_cannot_be_served_says_why(offline: CommandLine, arguments: list[str], words: str) -> None:
    """An unknown fault or way to store, an id that is no UUID, and an address in reach of others are wrong usage."""
    ran = offline("sandbox", "serve", *arguments)

    assert ran.code == 2
    assert words in ran.err


def test_a_port_that_is_taken_is_told(offline: CommandLine) -> None:
    """A port that somebody else listens on is wrong usage, told without the system's number for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = offline("sandbox", "serve", "--port", str(port))

    assert ran.code == 2
    assert ran.err.startswith(f"error: cannot listen on 127.0.0.1 port {port}: ")
