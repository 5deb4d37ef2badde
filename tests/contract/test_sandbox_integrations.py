"""The kind ``eventbridge-source``: integrations and their configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.test_sandbox import refusal, violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

INTEGRATION = "/api/v2/integrations/integration-eventbridge"
CONFIGURATION = f"{INTEGRATION}/config/current"
OTHER = "/api/v2/integrations/integration-data-actions"
TOPIC = "v2.detail.events.conversation.{id}.customer.end"


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    """A client with every scope, on the initial data."""
    sandbox.reset()
    with sandbox.client() as opened:
        yield opened


@pytest.fixture
def configuration(client: httpx.Client) -> dict[str, Any]:
    """The configuration of the integration as the server gives it."""
    body: dict[str, Any] = client.get(CONFIGURATION).json()
    return body


def test_integration(client: httpx.Client) -> None:
    """An integration tells its type, and where its configuration is."""
    assert client.get(INTEGRATION).json() == {
        "id": "integration-eventbridge",
        "name": "Conversation events to AWS",
        "integrationType": {"id": "amazon-eventbridge-source"},
        "intendedState": "ENABLED",
        "config": {"current": {"id": "current", "selfUri": CONFIGURATION}},
        "selfUri": INTEGRATION,
    }
    assert client.get(OTHER).json()["integrationType"] == {"id": "custom-rest-actions"}


def test_configuration(configuration: dict[str, Any]) -> None:
    """The configuration has the fields of the public definition, and no others; its id is ``current``."""
    assert configuration == {
        "id": "current",
        "name": "Conversation events to AWS",
        "version": 4,
        "properties": {
            "eventSourceSuffix": "conversation-events",
            "awsAccountId": "123456789012",
            "awsAccountRegion": "eu-central-1",
            "eventFilter": [TOPIC, "v2.detail.events.conversation.{id}.user.end"],
        },
        "advanced": {},
        "notes": "Feeds the data lake",
        "credentials": {},
        "selfUri": CONFIGURATION,
    }


def test_put(client: httpx.Client, sandbox: SandboxProcess, configuration: dict[str, Any]) -> None:
    """A PUT with the current version replaces it all, keeps unknown fields, renames the integration, is logged."""
    configuration["name"] = "Renamed"
    configuration["properties"].update(eventFilter=[TOPIC], batchSize=10)
    configuration["advanced"] = {"retry": {"times": 3}}
    configuration["division"] = "home"
    after = client.put(CONFIGURATION, json=configuration).json()
    assert after == {**configuration, "version": 5} == client.get(CONFIGURATION).json()
    assert client.get(INTEGRATION).json()["name"] == "Renamed"
    assert [(step.parent, step.version) for step in sandbox.history("integration-eventbridge")] == [(4, 5)]


def test_other_type(client: httpx.Client) -> None:
    """The properties of an integration of another type are its own business."""
    before = client.get(f"{OTHER}/config/current").json()
    assert before["credentials"] == {"basicAuth": {"id": "credential-crm", "name": "CRM"}}
    after = client.put(f"{OTHER}/config/current", json={**before, "properties": {"eventFilter": []}})
    assert (after.status_code, after.json()["version"]) == (200, 3)


class TestRefusals:
    """What is answered with an error, and leaves the configuration as it was."""

    @pytest.fixture(autouse=True)
    def _configuration_stays(self, client: httpx.Client, configuration: dict[str, Any]) -> Iterator[None]:
        yield
        assert client.get(CONFIGURATION).json() == configuration

    @pytest.mark.parametrize("version", [3, 5])
    def test_stale_version(self, client: httpx.Client, configuration: dict[str, Any], version: int) -> None:
        """A PUT with another than the current version is a 409 with the code of its own."""
        reply = client.put(CONFIGURATION, json={**configuration, "version": version})
        assert refusal(reply) == (409, "version.conflict")

    def test_missing_fields(self, client: httpx.Client) -> None:
        """All fields that the public definition demands are named at once."""
        fields = ["version", "name", "properties", "advanced", "notes", "credentials"]
        assert violations(client.put(CONFIGURATION, json={})) == [("required.field", field) for field in fields]

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"eventFilter": []}, "invalid.field", "properties.eventFilter"),
            ({"eventFilter": [TOPIC, "x", TOPIC]}, "duplicate.value", "properties.eventFilter"),
            ({"eventFilter": [TOPIC, 5]}, "invalid.field", "properties.eventFilter[1]"),
            ({"eventFilter": TOPIC}, "invalid.field", "properties.eventFilter"),
            ({"awsAccountId": "12345"}, "invalid.field", "properties.awsAccountId"),
            ({"awsAccountId": 123456789012}, "invalid.field", "properties.awsAccountId"),
            ({"awsAccountRegion": ""}, "invalid.field", "properties.awsAccountRegion"),
            ({"eventSourceSuffix": None}, "invalid.field", "properties.eventSourceSuffix"),
        ],
    )
    def test_invalid_properties(
        self, client: httpx.Client, configuration: dict[str, Any], change: dict[str, Any], code: str, field: str
    ) -> None:
        """A property outside its limits or of another type is named with its place."""
        body = {**configuration, "properties": {**configuration["properties"], **change}}
        assert violations(client.put(CONFIGURATION, json=body)) == [(code, field)]

    def test_no_properties(self, client: httpx.Client, configuration: dict[str, Any]) -> None:
        """All missing properties are named at once."""
        reply = client.put(CONFIGURATION, json={**configuration, "properties": {}})
        names = ["eventSourceSuffix", "awsAccountId", "awsAccountRegion", "eventFilter"]
        assert violations(reply) == [("required.field", f"properties.{name}") for name in names]

    @pytest.mark.parametrize("path", ["", "/config/current"])
    def test_unknown(self, client: httpx.Client, path: str) -> None:
        """An integration that is not there is a 404."""
        assert refusal(client.get(f"/api/v2/integrations/none{path}")) == (404, "not.found")

    def test_read_only_client(self, sandbox: SandboxProcess, configuration: dict[str, Any]) -> None:
        """A client with the read-only scope may read; for a PUT a 403 names the permission."""
        with sandbox.client("sandbox-readonly") as reader:
            assert [reader.get(path).status_code for path in (INTEGRATION, CONFIGURATION)] == [200, 200]
            reply = reader.put(CONFIGURATION, json=configuration)
        assert refusal(reply) == (403, "missing.any.permissions")
        assert "[integrations:integration:edit]" in reply.json()["message"]
