"""Who calls, and where are they: the token's and the organization's own resources."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from contract.test_sandbox import refusal
from ebrule.sandbox.seed import ORGANIZATION as USUAL
from ebrule.sandbox.seed import OTHER_ORGANIZATION as OTHER
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from sandbox_process import StartSandbox

pytestmark = pytest.mark.loopback

TOKEN = "/api/v2/tokens/me"
ORGANIZATION = "/api/v2/organizations/me"
RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
PATHS = (
    RULE,
    "/api/v2/processautomation/triggers/demo-trigger",
    "/api/v2/integrations/integration-eventbridge/config/current",
)
MINE = "0b5d7a7e-3f5c-4c55-9f0a-0d1f4a1c2b3d"
AUTHORSHIP = {"createdBy", "dateCreated", "modifiedBy", "dateModified"}


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


# --- several organizations ------------------------------------------------------------------------------


def org_of(client: httpx.Client) -> str:
    """Return the id of a client's organization, which its token and the organization's own resource tell alike."""
    token, organization = client.get(TOKEN).json(), client.get(ORGANIZATION).json()
    assert token["organization"] == token["homeOrganization"] == token["OAuthClient"]["organization"]
    assert token["organization"] == {key: organization[key] for key in ("id", "name")}
    assert organization["selfUri"] == f"/api/v2/organizations/{organization['id']}"
    return str(organization["id"])


def put(client: httpx.Client, path: str, name: str) -> httpx.Response:
    """Give what is at a path another name."""
    return client.put(path, json={**client.get(path).json(), "name": name})


def test_two_organizations_behind_one_url(sandbox: SandboxProcess) -> None:
    """The client ``sandbox-other`` belongs to a second organization: the same ids at first, and nothing shared."""
    sandbox.reset()
    ours, theirs = sandbox.client(), sandbox.client("sandbox-other")
    assert [USUAL, OTHER] == [org_of(ours), org_of(theirs)]
    assert ours.get(ORGANIZATION).json()["name"] != theirs.get(ORGANIZATION).json()["name"]
    for path in PATHS:
        before = theirs.get(path).json()
        assert before == ours.get(path).json()
        assert before["version"] + 1 == put(ours, path, "ours").json()["version"]
        assert before["version"] + 2 == put(ours, path, "ours").json()["version"]
        assert before == theirs.get(path).json()
        assert before["version"] + 1 == put(theirs, path, "theirs").json()["version"]
        assert ("ours", "theirs") == (ours.get(path).json()["name"], theirs.get(path).json()["name"])

    assert [204, 404] == [ours.delete(PATHS[1]).status_code, ours.get(PATHS[1]).status_code]
    assert 200 == theirs.get(PATHS[1]).status_code
    assert [8, 9] == [step.version for step in sandbox.history()]
    assert [(8, "sandbox-other")] == [(step.version, step.client_id) for step in sandbox.history(org_id=OTHER)]
    assert "sandbox-other" == theirs.get(RULE).json()["modifiedBy"]["id"]


def test_an_organization_of_ones_own(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """Two servers may be two organizations, also on one state; a reset puts the data of each back."""
    usual = start_sandbox(tmp_path)
    mine = start_sandbox(tmp_path, org_id=MINE)
    one, two, three = usual.client(), mine.client(), mine.client("sandbox-other")
    assert [USUAL, MINE, OTHER] == [org_of(client) for client in (one, two, three)]
    put(two, RULE, "mine")
    assert ["Call Duration Filter", "mine", "Call Duration Filter"] == [
        client.get(RULE).json()["name"] for client in (one, two, three)
    ]
    assert ([], [8]) == (usual.history(), [step.version for step in mine.history()])

    mine.reset()
    assert [7, 7, 7] == [client.get(RULE).json()["version"] for client in (one, two, three)]


def test_an_organization_is_named_by_a_uuid(tmp_path: Path) -> None:
    """Another id is wrong usage, and nothing is made."""
    with pytest.raises(RuntimeError, match=r"^error: invalid organization id: 'mine' "):
        SandboxProcess(tmp_path / "state", org_id="mine")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("authors", "told"), [(None, PATHS[:1]), ("all", PATHS), ("none", ())])
def test_authors(start_sandbox: StartSandbox, authors: str | None, told: tuple[str, ...]) -> None:
    """Who made and changed a resource is told of rules, or of every kind, or of none, in each reply."""
    sandbox = start_sandbox(authors=authors)
    with sandbox.client("sandbox-noflows") as client:
        for path in PATHS:
            expected = AUTHORSHIP if path in told else set()
            reply = put(client, path, "x").json()
            assert expected == reply.keys() & AUTHORSHIP
            assert reply == client.get(path).json()
            if expected:
                assert ["sandbox-seed", "sandbox-noflows"] == [reply[key]["id"] for key in ("createdBy", "modifiedBy")]
        for trigger in client.get(PATHS[1].rpartition("/")[0]).json()["entities"]:
            assert (AUTHORSHIP if PATHS[1] in told else set()) == trigger.keys() & AUTHORSHIP
