"""Who calls, and where are they: the token's and the organization's own resources."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from contract.test_sandbox import refusal

if TYPE_CHECKING:
    from sandbox_process import SandboxProcess, StartSandbox

pytestmark = pytest.mark.loopback

TOKEN = "/api/v2/tokens/me"
ORGANIZATION = "/api/v2/organizations/me"


def test_token(sandbox: SandboxProcess) -> None:
    """A token tells its client, its scopes and its organization."""
    token = sandbox.client("sandbox-readonly").get(TOKEN).json()
    organization = {"id": "5a0db0c5-7d4e-4c0c-9d4b-2f7f5f0e6a11", "name": "ebrule sandbox"}
    scopes = ["architect:readonly", "eventbridge:read", "integrations:readonly", "process-automation:readonly"]
    assert token == {
        "organization": organization,
        "homeOrganization": organization,
        "authorizedScope": scopes,
        "dateTokenIdles": token["dateTokenIdles"],
        "OAuthClient": {
            "id": "sandbox-readonly",
            "name": "sandbox-readonly",
            "authorizedGrantType": "CLIENT-CREDENTIALS",
            "scope": scopes,
            "state": "active",
            "organization": organization,
        },
    }


@pytest.mark.parametrize(
    ("client_id", "scopes"),
    [
        (None, {"architect", "eventbridge:read", "eventbridge:write", "integrations", "process-automation"}),
        ("sandbox-noflows", {"eventbridge:read", "eventbridge:write", "integrations", "process-automation"}),
        ("sandbox-noscope", set()),
    ],
)
def test_scopes(sandbox: SandboxProcess, client_id: str | None, scopes: set[str]) -> None:
    """Whoever has a token may ask what it allows, even if that is nothing."""
    assert scopes == set(sandbox.client(client_id).get(TOKEN).json()["authorizedScope"])


def test_expiry(start_sandbox: StartSandbox) -> None:
    """A token tells when it ends: as many seconds after it was given out as it was said to be good for."""
    before = datetime.now(timezone.utc).timestamp()
    text = start_sandbox(token_seconds=900).client().get(TOKEN).json()["dateTokenIdles"]
    after = datetime.now(timezone.utc).timestamp()
    assert text.endswith("Z")
    assert before + 899 < datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() < after + 900


def test_organization(sandbox: SandboxProcess) -> None:
    """Whoever has a token may ask for the organization, which is the token's."""
    client = sandbox.client("sandbox-noscope")
    organization = client.get(ORGANIZATION).json()
    assert (organization["id"], organization["name"]) == tuple(client.get(TOKEN).json()["organization"].values())
    assert (organization["domain"], organization["state"]) == ("sandbox", "active")


def test_no_token(sandbox: SandboxProcess) -> None:
    """Without a token both are a 401."""
    for path in (TOKEN, ORGANIZATION):
        assert refusal(sandbox.anonymous_client().get(path)) == (401, "authentication.required")
