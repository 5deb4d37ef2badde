"""``ebrule auth status``: who am I, where, until when, may I?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

STATUS = ("auth", "status")


def allowed(document: dict[str, Any]) -> dict[str, tuple[bool | None, bool | None]]:
    """Return for each kind whether it may be read and updated."""
    return {kind["kind"]: (kind["read"]["allowed"], kind["update"]["allowed"]) for kind in document["kinds"]}


def test_a_person_is_told_who_where_until_when_and_what(ebrule: CommandLine) -> None:
    """Client, organization, region, where the credentials come from, expiry, scopes, and a line for each kind."""
    ran = ebrule(*STATUS)

    assert (0, "") == (ran.code, ran.err)
    assert ran.out.startswith("Authenticated as sandbox.\n")
    for text in (
        "ebrule sandbox 5a0db0c5-7d4e-4c0c-9d4b-2f7f5f0e6a11",
        ebrule.environ["EBRULE_API_URL"],
        "GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET",
        "Z  (in 24 h 0 min)",
        "architect, eventbridge:read, eventbridge:write, integrations, process-automation",
    ):
        assert text in ran.out
    assert ran.out.count(" yes\n") == 6


def test_a_narrow_terminal_is_enough(ebrule: CommandLine) -> None:
    """What has no room beside its name stands below it; an id or an address stays whole."""
    ran = ebrule.on_a_terminal(*STATUS, columns=40)

    assert ran.code == 0
    assert [] == [line for line in ran.out.splitlines() if len(line) > 40 and " " in line.strip()]
    assert "5a0db0c5-7d4e-4c0c-9d4b-2f7f5f0e6a11" in ran.out
    assert ran.out.count(" yes\n") == 6
    assert ebrule.environ["EBRULE_API_URL"] in ran.out


@pytest.mark.parametrize(
    ("client", "kinds"),
    [
        ("sandbox", {"eventbridge": (True, True), "trigger": (True, True), "eventbridge-source": (True, True)}),
        (
            "sandbox-readonly",
            {"eventbridge": (True, False), "trigger": (True, False), "eventbridge-source": (True, False)},
        ),
        ("sandbox-noflows", {"eventbridge": (True, True), "trigger": (True, True), "eventbridge-source": (True, True)}),
        (
            "sandbox-noscope",
            {"eventbridge": (False, False), "trigger": (False, False), "eventbridge-source": (False, False)},
        ),
    ],
)
def test_what_a_client_may_is_told_and_is_no_failure(
    ebrule: CommandLine, client: str, kinds: dict[str, tuple[bool, bool]]
) -> None:
    """The org knows the client: 0, whatever it may."""
    ebrule.environ["GENESYSCLOUD_OAUTHCLIENT_ID"] = client

    ran = ebrule(*STATUS, "-o", "json")
    assert (0, "authenticated", client) == (ran.code, ran.json["result"], ran.json["client"]["id"])
    assert kinds == allowed(ran.json)


def test_a_missing_scope_is_named(ebrule: CommandLine) -> None:
    """Also one that only the check of the targets needs."""
    ebrule.environ["GENESYSCLOUD_OAUTHCLIENT_ID"] = "sandbox-readonly"
    assert "no (the scope eventbridge:write is missing)" in ebrule(*STATUS).out

    ebrule.environ["GENESYSCLOUD_OAUTHCLIENT_ID"] = "sandbox-noflows"
    assert "with --no-check-targets only: the scope architect" in ebrule(*STATUS).out


def test_a_given_token_is_looked_at(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Its end is what the org says; the token itself is shown nowhere."""
    token = sandbox.token("sandbox-readonly")
    ebrule.environ["GENESYSCLOUD_ACCESS_TOKEN"] = token

    ran = ebrule(*STATUS, "-o", "json", "--verbose")
    assert ("sandbox-readonly", "GENESYSCLOUD_ACCESS_TOKEN") == (ran.json["client"]["id"], ran.json["credentials"])
    assert ran.json["expires_at"].endswith("Z")
    assert token not in ran.out + ran.err


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"GENESYSCLOUD_ACCESS_TOKEN": "expired-token"}, "unauthorized"),
        ({"GENESYSCLOUD_OAUTHCLIENT_SECRET": "wrong-secret"}, "bad-credentials"),
        ({"GENESYSCLOUD_OAUTHCLIENT_SECRET": ""}, "no-credentials"),
    ],
    ids=["token", "secret", "none"],
)
def test_who_is_not_known_ends_with_4(ebrule: CommandLine, environ: dict[str, str], code: str) -> None:
    """With one JSON document, and what to do next."""
    ebrule.environ |= environ

    ran = ebrule(*STATUS, "-o", "json")
    assert (4, code) == (ran.code, ran.json["error"]["code"])
    assert ran.json["error"]["hint"]


def test_nothing_is_written(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Six questions and a request for a token."""
    before = len(sandbox.requests())
    ebrule(*STATUS)

    assert len(sandbox.requests()) - before == 7
    assert sandbox.requests("PUT") == []
    assert not ebrule.ledger.exists()


def test_a_deadline_that_is_over(ebrule: CommandLine) -> None:
    """An org that does not answer in time is unavailable, and what to do about it is told."""
    ran = ebrule("auth", "status", "--deadline", "0.001")

    assert (7, True) == (ran.code, "--deadline" in ran.err)
