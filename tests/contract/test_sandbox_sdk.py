"""The official SDK's own typed calls work on the sandbox: it speaks as the service does, not only as ebrule expects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

EXAMPLES = Path(__file__).parents[2] / "examples"

TOPIC = "v2.detail.events.conversation.{id}.customer.end"
EVENT = {"mediaType": "VOICE", "direction": "INBOUND", "interactingDurationMs": 12_000}


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The SDK, imported with an empty home: it reads a file there, which could send its calls elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        return pytest.importorskip("PureCloudPlatformClientV2", reason="an extra: pip install 'ebrule[sdk]'")


@pytest.fixture
def api_client(sdk: Any, sandbox: SandboxProcess) -> Iterator[Any]:
    """The SDK's client, logged in by itself; with this host it also looks for the login there."""
    sandbox.reset()
    client = sdk.api_client.ApiClient(host=sandbox.url)
    yield client.get_client_credentials_token(*sandbox.credentials)
    client.get_http_client().rest_client.pool_manager.clear()


@pytest.fixture
def triggers(sdk: Any, api_client: Any) -> Any:
    """The triggers."""
    return sdk.ProcessAutomationApi(api_client)


@pytest.fixture
def integrations(sdk: Any, api_client: Any) -> Any:
    """The integrations."""
    return sdk.IntegrationsApi(api_client)


def update_of(sdk: Any, trigger: Any) -> Any:
    """Give the SDK's request that puts a trigger back as it is."""
    request = sdk.UpdateTriggerRequest()
    for name in request.swagger_types:
        setattr(request, name, getattr(trigger, name))
    return request


def walk(page: Any, more: Any) -> Iterator[Any]:
    """Give the entities of all pages; ``more`` fetches the page after a cursor."""
    yield from page.entities
    while page.next_uri:
        page = more(page.next_uri.rpartition("after=")[2])
        yield from page.entities


class TestTriggers:
    """Everything that one does with triggers."""

    def test_create(self, sdk: Any, triggers: Any) -> None:
        """A trigger made from the SDK's models comes back with all that they hold."""
        request = sdk.CreateTriggerRequest()
        request.name, request.topic_name, request.enabled, request.delay_by_seconds = "New", TOPIC, False, 60
        request.target = sdk.TriggerTarget()
        request.target.type, request.target.id = "Workflow", "flow-survey"
        request.target.workflow_target_settings = sdk.WorkflowTargetSettings()
        request.target.workflow_target_settings.data_format = "Json"
        criterion = sdk.MatchCriteria()
        criterion.json_path, criterion.operator, criterion.values = "mediaType", "In", ["VOICE", "CHAT"]
        request.match_criteria = [criterion]
        created = triggers.post_processautomation_triggers(request)
        assert created == triggers.get_processautomation_trigger(created.id)
        assert (created.version, created.self_uri.rpartition("/")[2]) == (1, created.id)
        for name in request.swagger_types:
            assert getattr(request, name) == getattr(created, name)

    def test_update(self, sdk: Any, triggers: Any) -> None:
        """A trigger that was read can be put back changed, and has the next version."""
        request = update_of(sdk, triggers.get_processautomation_trigger("demo-trigger"))
        request.event_ttl_seconds = 120
        after = triggers.put_processautomation_trigger("demo-trigger", request)
        assert (after.version, after.event_ttl_seconds) == (4, 120)
        assert after == triggers.get_processautomation_trigger("demo-trigger")

    def test_stale_update(self, sdk: Any, triggers: Any) -> None:
        """The SDK raises what it raises for the service: status, error body and correlation id are there."""
        request = update_of(sdk, triggers.get_processautomation_trigger("demo-trigger"))
        triggers.put_processautomation_trigger("demo-trigger", request)
        with pytest.raises(sdk.rest.ApiException) as caught:
            triggers.put_processautomation_trigger("demo-trigger", request)
        assert caught.value.status == 409
        assert '"code":"request.conflict"' in caught.value.body
        assert caught.value.headers["ININ-Correlation-Id"] in caught.value.body

    def test_refused_update(self, sdk: Any, triggers: Any) -> None:
        """An invalid trigger is a 400."""
        request = update_of(sdk, triggers.get_processautomation_trigger("demo-trigger"))
        request.delay_by_seconds = 60
        with pytest.raises(sdk.rest.ApiException) as caught:
            triggers.put_processautomation_trigger("demo-trigger", request)
        assert caught.value.status == 400

    def test_unknown_operator(self, triggers: Any) -> None:
        """An operator that the SDK does not know is what a newer service would send: the SDK cannot show it."""
        trigger = triggers.get_processautomation_trigger("trigger-unknown-fields")
        assert [criterion.operator for criterion in trigger.match_criteria] == ["outdated_sdk_version"]

    def test_list(self, triggers: Any) -> None:
        """A list is walked page by page with the SDK's own parameters, filters among them."""

        def more(after: str | None = None) -> Any:
            return triggers.get_processautomation_triggers(
                page_size="2", enabled=True, has_delay_by=False, **({"after": after} if after else {})
            )

        ids = [trigger.id for trigger in walk(more(), more)]
        assert ids == ["demo-trigger", "trigger-every-event", "trigger-operators", "trigger-unknown-fields"]
        [delayed] = triggers.get_processautomation_triggers(has_delay_by=True).entities
        assert delayed.delay_by_seconds == 300

    def test_topics(self, triggers: Any) -> None:
        """The topics take more than one page of the greatest size."""

        def more(after: str) -> Any:
            return triggers.get_processautomation_triggers_topics(page_size="200", after=after)

        first = triggers.get_processautomation_triggers_topics(page_size="200")
        topics = list(walk(first, more))
        assert len(first.entities) == 200 < len(topics) == len(set(topics))
        assert TOPIC in topics

    @pytest.mark.parametrize("event", [EVENT, '{"mediaType":"VOICE","direction":"INBOUND","interactingDurationMs":1}'])
    def test_test(self, triggers: Any, event: Any) -> None:
        """A trigger can be tested with an event as an object, and as the string that the SDK says it is."""
        results = triggers.post_processautomation_trigger_test("demo-trigger", body=event)
        steps = (results.schema_validation, results.target_validation, results.json_path_validation)
        assert [step.matches for step in steps] == [True, True, True]
        assert [detail.match for detail in results.json_path_validation.details] == [True, True, True]
        assert results.json_path_validation.details[0].json_path_extraction[0].value == "VOICE"
        assert results.trigger_matches is True

    def test_delete(self, sdk: Any, triggers: Any) -> None:
        """A deleted trigger is gone."""
        assert triggers.delete_processautomation_trigger("trigger-disabled") is None
        with pytest.raises(sdk.rest.ApiException) as caught:
            triggers.get_processautomation_trigger("trigger-disabled")
        assert caught.value.status == 404


class TestIntegrations:
    """The integration that sends events to Amazon EventBridge."""

    def test_get(self, integrations: Any) -> None:
        """An integration tells its type."""
        integration = integrations.get_integration("integration-eventbridge")
        assert integration.integration_type.id == "amazon-eventbridge-source"
        assert (integration.intended_state, integration.config.current.id) == ("ENABLED", "current")

    def test_put_configuration(self, sdk: Any, integrations: Any) -> None:
        """A configuration that was read can be put back changed, once."""
        configuration = integrations.get_integration_config_current("integration-eventbridge")
        configuration.properties["eventFilter"].append("v2.detail.events.conversation.{id}.acw")
        after = integrations.put_integration_config_current("integration-eventbridge", body=configuration)
        assert (after.version, after.properties) == (5, configuration.properties)
        assert after == integrations.get_integration_config_current("integration-eventbridge")
        with pytest.raises(sdk.rest.ApiException) as caught:
            integrations.put_integration_config_current("integration-eventbridge", body=configuration)
        assert caught.value.status == 409
        assert '"code":"version.conflict"' in caught.value.body


@pytest.mark.parametrize("transport", ["httpx", "sdk"])
def test_what_ebrule_writes_is_what_the_sdk_reads(
    ebrule: CommandLine, triggers: Any, integrations: Any, transport: str
) -> None:
    """A trigger and a source that ebrule updated come out of the SDK's typed calls as the example files say."""
    for name in ("trigger.yaml", "source.yaml"):
        assert 0 == ebrule("update", "-f", str(EXAMPLES / name), "--transport", transport).code
    trigger = triggers.get_processautomation_trigger("demo-trigger")
    source = integrations.get_integration_config_current("integration-eventbridge")
    wanted = yaml.safe_load((EXAMPLES / "trigger.yaml").read_text())

    assert (4, wanted["name"], wanted["target"]["id"]) == (trigger.version, trigger.name, trigger.target.id)
    assert wanted["matchCriteria"] == [
        {"jsonPath": each.json_path, "operator": each.operator, "value": each.value} for each in trigger.match_criteria
    ]
    assert (5, yaml.safe_load((EXAMPLES / "source.yaml").read_text())["properties"]) == (
        source.version,
        source.properties,
    )


def test_flow(sdk: Any, api_client: Any) -> None:
    """A flow tells what a trigger's target must be; a deleted one is a 410 unless asked for."""
    flows = sdk.ArchitectApi(api_client)
    flow = flows.get_flow("flow-callback")
    assert (flow.type, flow.active, flow.deleted, flow.published_version.type) == ("WORKFLOW", True, False, "PUBLISH")
    assert flows.get_flow("flow-unpublished").published_version is None
    assert flows.get_flow("flow-deleted", deleted=True).deleted is True
    with pytest.raises(sdk.rest.ApiException) as caught:
        flows.get_flow("flow-deleted")
    assert caught.value.status == 410


def test_identity(sdk: Any, api_client: Any) -> None:
    """Token and organization tell who calls, and where."""
    token = sdk.TokensApi(api_client).get_tokens_me()
    organization = sdk.OrganizationApi(api_client).get_organizations_me()
    assert (token.o_auth_client.id, token.o_auth_client.authorized_grant_type) == ("sandbox", "CLIENT-CREDENTIALS")
    assert "process-automation" in token.authorized_scope
    assert token.date_token_idles.tzinfo is not None
    assert token.cloned_user is None
    assert (organization.id, organization.state) == (token.organization.id, "active")
    assert organization.product_platform == "GenesysCloud"


def test_refused_login(sdk: Any, sandbox: SandboxProcess) -> None:
    """A wrong secret is refused at login."""
    client = sdk.api_client.ApiClient(host=sandbox.url)
    with pytest.raises(sdk.rest.ApiException) as caught:
        client.get_client_credentials_token("sandbox", "wrong")
    client.get_http_client().rest_client.pool_manager.clear()
    assert caught.value.status == 401
