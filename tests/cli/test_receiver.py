"""The example of a receiver takes what ebrule sends, once, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from clocks import NOON
from ebrule.core.webhook import Endpoint, make_test_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import CommandLine

pytestmark = pytest.mark.loopback

RECEIVER = Path(__file__).parents[2] / "examples" / "receiver.py"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "B" * 32
PATIENCE_SECONDS = 20


@pytest.fixture(params=[SECRET, f"{OTHER} {SECRET}"], ids=["one-secret", "two-secrets"])
def receiver(request: pytest.FixtureRequest) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running receiver: its URL and its process."""
    process = subprocess.Popen(
        [sys.executable, str(RECEIVER), "0"],
        env={**os.environ, "EBRULE_WEBHOOK_SECRET": request.param},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield f"{process.stdout.readline().strip()}/events", process
        finally:
            process.kill()


@pytest.mark.parametrize("secrets", [SECRET, "whsec_" + "A" * 32 + " " + SECRET], ids=["signed", "signed-twice"])
def test_it_takes_each_event_once(
    ebrule: CommandLine, receiver: tuple[str, subprocess.Popen[str]], secrets: str
) -> None:
    """An update and two repetitions are all answered with 2xx, and the rule arrives once."""
    url, process = receiver
    ebrule.environ |= {"EBRULE_WEBHOOK_SECRET": secrets, "EBRULE_WEBHOOK_URL": url}
    updated = ebrule("update", "--file", ebrule.rule(), "--output", "json")
    again = [ebrule("webhook", "send", "--rule-id", "demo-rule").code for _ in "12"]
    process.terminate()
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert updated.json["webhook"] == "delivered"
    assert again == [0, 0]
    (line,) = out.splitlines()
    assert line.startswith(f"{updated.json['event_id']} {{")


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        pytest.param(None, {}, id="unsigned"),
        pytest.param(SecretStr("whsec_" + "A" * 32), {}, id="another-secret"),
        pytest.param(SecretStr(SECRET), {"webhook-id": "msg_other"}, id="another-id"),
        pytest.param(SecretStr(SECRET), {}, id="too-old"),
    ],
)
def test_it_refuses_what_it_cannot_trust(
    receiver: tuple[str, subprocess.Popen[str]], secret: SecretStr | None, headers: dict[str, str]
) -> None:
    """Whatever is not signed with the secret, for this event, of now, is answered with 401 and not shown."""
    url, process = receiver
    request = Endpoint(url, secret).request(make_test_event(NOON), NOON)
    reply = httpx.post(url, content=request.body, headers={**request.headers, **headers}, trust_env=False)
    process.terminate()

    assert reply.status_code == 401
    assert process.communicate(timeout=PATIENCE_SECONDS)[0] == ""
