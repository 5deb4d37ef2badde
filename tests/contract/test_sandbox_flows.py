"""Architect flows: what a trigger's target looks like in each of its states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.test_sandbox import refusal

if TYPE_CHECKING:
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

FLOWS = "/api/v2/flows"


def test_published(sandbox: SandboxProcess) -> None:
    """A flow is answered with its type, its states, and its published version."""
    flow = sandbox.client().get(f"{FLOWS}/flow-callback").json()
    assert flow == {
        "id": "flow-callback",
        "name": "Callback",
        "type": "WORKFLOW",
        "active": True,
        "system": False,
        "deleted": False,
        "publishedVersion": {
            "id": "4.0",
            "name": "4.0",
            "type": "PUBLISH",
            "datePublished": "2026-01-05T08:00:00.000Z",
        },
        "selfUri": f"{FLOWS}/flow-callback",
    }


@pytest.mark.parametrize(
    ("flow_id", "flow_type", "active", "published"),
    [
        ("flow-survey", "WORKFLOW", True, True),
        ("flow-unpublished", "WORKFLOW", True, False),
        ("flow-inactive", "WORKFLOW", False, True),
        ("flow-inbound", "INBOUNDCALL", True, True),
    ],
)
def test_states(sandbox: SandboxProcess, flow_id: str, flow_type: str, active: bool, published: bool) -> None:
    """There is a flow for each reason why a trigger could not start one."""
    flow = sandbox.client().get(f"{FLOWS}/{flow_id}").json()
    assert (flow["type"], flow["active"], "publishedVersion" in flow) == (flow_type, active, published)


def test_deleted(sandbox: SandboxProcess) -> None:
    """A deleted flow is a 410, unless the query asks for deleted ones, too."""
    client = sandbox.client()
    for query in ({}, {"deleted": "false"}):
        reply = client.get(f"{FLOWS}/flow-deleted", params=query)
        assert refusal(reply) == (410, "architect.flow.deleted")
    assert client.get(f"{FLOWS}/flow-deleted", params={"deleted": "true"}).json()["deleted"] is True


def test_unknown(sandbox: SandboxProcess) -> None:
    """A flow that is not there is a 404 with the code of its own."""
    assert refusal(sandbox.client().get(f"{FLOWS}/none")) == (404, "architect.flow.not.found")


def test_access(sandbox: SandboxProcess) -> None:
    """Flows need a permission of their own, which a client that may do all else can lack."""
    with sandbox.client("sandbox-noflows") as client:
        assert client.get("/api/v2/processautomation/triggers/demo-trigger").status_code == 200
        reply = client.get(f"{FLOWS}/flow-callback")
    assert refusal(reply) == (403, "missing.any.permissions")
    assert "[architect:flow:view]" in reply.json()["message"]
    assert sandbox.client("sandbox-readonly").get(f"{FLOWS}/flow-callback").status_code == 200
