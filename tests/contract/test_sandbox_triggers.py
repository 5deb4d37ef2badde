"""The kind ``trigger``: reading, writing, listing, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.test_sandbox import refusal, violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

TRIGGERS = "/api/v2/processautomation/triggers"
TRIGGER = f"{TRIGGERS}/demo-trigger"
TOPICS = f"{TRIGGERS}/topics"
TOPIC = "v2.detail.events.conversation.{id}.customer.end"
IDS = [
    "demo-trigger",
    "trigger-delayed",
    "trigger-disabled",
    "trigger-every-event",
    "trigger-operators",
    "trigger-unknown-fields",
    "trigger-unpublished",
]
NEW = {
    "name": "New",
    "topicName": TOPIC,
    "enabled": False,
    "target": {"type": "Workflow", "id": "flow-callback"},
}


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    """A client with every scope, on the initial data."""
    sandbox.reset()
    with sandbox.client() as opened:
        yield opened


@pytest.fixture
def trigger(client: httpx.Client) -> dict[str, Any]:
    """The demo trigger as the server gives it."""
    body: dict[str, Any] = client.get(TRIGGER).json()
    return body


def walk(client: httpx.Client, uri: str, link: str = "nextUri") -> list[list[Any]]:
    """Give the entities of each page, from one page along its links."""
    pages = []
    next_uri: str | None = uri
    while next_uri:
        page = client.get(next_uri).json()
        pages.append(page["entities"])
        next_uri = page.get(link)
    return pages


class TestOneTrigger:
    """Reading, replacing, creating, deleting."""

    def test_get_gives_the_whole_trigger(self, trigger: dict[str, Any]) -> None:
        """A GET answers with the fields of the public definition, and no others."""
        assert trigger == {
            "id": "demo-trigger",
            "name": "Call back after a lost call",
            "description": "Starts the callback workflow when a caller hangs up within half a minute",
            "topicName": TOPIC,
            "enabled": True,
            "target": {
                "type": "Workflow",
                "id": "flow-callback",
                "workflowTargetSettings": {"dataFormat": "TopLevelPrimitives"},
            },
            "matchCriteria": [
                {"jsonPath": "mediaType", "operator": "Equal", "value": "VOICE"},
                {"jsonPath": "direction", "operator": "Equal", "value": "INBOUND"},
                {"jsonPath": "$.interactingDurationMs", "operator": "LessThan", "value": 30000},
            ],
            "eventTTLSeconds": 60,
            "version": 3,
            "selfUri": TRIGGER,
        }

    def test_put_replaces_and_counts_up(self, client: httpx.Client, trigger: dict[str, Any]) -> None:
        """A PUT with the current version replaces the trigger, and answers with the next version."""
        del trigger["description"], trigger["eventTTLSeconds"]
        changed = {**trigger, "enabled": False, "delayBySeconds": 60}
        after = client.put(TRIGGER, json=changed).json()
        assert after == {**changed, "version": 4} == client.get(TRIGGER).json()

    def test_put_is_logged(self, client: httpx.Client, sandbox: SandboxProcess, trigger: dict[str, Any]) -> None:
        """The server's own log tells which version replaced which."""
        client.put(TRIGGER, json=trigger)
        assert [(step.parent, step.version) for step in sandbox.history("demo-trigger")] == [(3, 4)]

    def test_unknown_fields_are_kept(self, client: httpx.Client) -> None:
        """Fields and an operator that the public definition does not have come back as they were sent."""
        path = f"{TRIGGERS}/trigger-unknown-fields"
        before = client.get(path).json()
        assert before["division"] == {"id": "home", "name": "Home"}
        assert before["target"]["timeoutSeconds"] == 30
        assert before["matchCriteria"][0]["operator"] == "StartsWith"
        assert client.put(path, json=before).json() == {**before, "version": 42}

    @pytest.mark.parametrize("trigger_id", IDS)
    def test_initial_triggers_are_valid(self, client: httpx.Client, trigger_id: str) -> None:
        """Every initial trigger can be put back as it is."""
        before = client.get(f"{TRIGGERS}/{trigger_id}").json()
        after = client.put(f"{TRIGGERS}/{trigger_id}", json=before).json()
        assert after == {**before, "version": before["version"] + 1}

    def test_create_and_delete(self, client: httpx.Client) -> None:
        """A POST makes a trigger of version 1 with an id of its own, a DELETE ends it, without content."""
        created = client.post(TRIGGERS, json={**NEW, "id": "mine", "version": 7, "division": "home"}).json()
        path = f"{TRIGGERS}/{created['id']}"
        assert created == {**NEW, "id": created["id"], "version": 1, "division": "home", "selfUri": path}
        assert created == client.get(path).json()
        assert created["id"] not in (*IDS, "mine")
        reply = client.delete(path)
        assert (reply.status_code, reply.content) == (204, b"")
        assert refusal(client.get(path)) == (404, "not.found")
        assert refusal(client.delete(path)) == (404, "not.found")


class TestRefusals:
    """What is answered with an error, and leaves the trigger as it was."""

    @pytest.fixture(autouse=True)
    def _trigger_stays(self, client: httpx.Client, trigger: dict[str, Any]) -> Iterator[None]:
        yield
        assert client.get(TRIGGER).json() == trigger

    @pytest.mark.parametrize("version", [2, 4])
    def test_stale_version(self, client: httpx.Client, trigger: dict[str, Any], version: int) -> None:
        """A PUT with another than the current version is a 409."""
        reply = client.put(TRIGGER, json={**trigger, "version": version})
        assert refusal(reply) == (409, "request.conflict")

    def test_missing_fields(self, client: httpx.Client) -> None:
        """All missing fields are named at once; a POST needs no version."""
        fields = ["name", "topicName", "target", "enabled"]
        assert violations(client.post(TRIGGERS, json={})) == [("required.field", field) for field in fields]
        reply = client.put(TRIGGER, json={})
        assert violations(reply) == [("required.field", field) for field in [*fields, "version"]]

    def test_topic_cannot_change(self, client: httpx.Client, trigger: dict[str, Any]) -> None:
        """A PUT with another topic is refused, even one that exists."""
        reply = client.put(TRIGGER, json={**trigger, "topicName": TOPIC.replace("customer", "user")})
        assert violations(reply) == [("immutable.field", "topicName")]

    def test_topic_must_exist(self, client: httpx.Client) -> None:
        """A POST with a topic that is not there is refused."""
        reply = client.post(TRIGGERS, json={**NEW, "topicName": "v2.no.such.{id}"})
        assert violations(reply) == [("invalid.field", "topicName")]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"version": "3"}, "version"),
            ({"version": 0}, "version"),
            ({"name": ""}, "name"),
            ({"name": "x" * 257}, "name"),
            ({"description": "x" * 513}, "description"),
            ({"enabled": "true"}, "enabled"),
            ({"target": {"type": "workflow", "id": "flow-callback"}}, "target.type"),
            ({"target": {"type": "Workflow", "id": ""}}, "target.id"),
            (
                {"target": {"type": "Workflow", "id": "x", "workflowTargetSettings": {"dataFormat": "XML"}}},
                "target.workflowTargetSettings.dataFormat",
            ),
            ({"eventTTLSeconds": 9}, "eventTTLSeconds"),
            ({"eventTTLSeconds": None, "delayBySeconds": 59}, "delayBySeconds"),
            ({"eventTTLSeconds": None, "delayBySeconds": 901}, "delayBySeconds"),
            ({"matchCriteria": [{"jsonPath": "", "operator": "Size", "value": 1}]}, "matchCriteria[0].jsonPath"),
            ({"matchCriteria": [{"jsonPath": "a", "operator": "equal", "value": 1}]}, "matchCriteria[0].operator"),
            ({"matchCriteria": [{"jsonPath": "a", "operator": "In", "values": 1}]}, "matchCriteria[0].values"),
        ],
    )
    def test_invalid_field(
        self, client: httpx.Client, trigger: dict[str, Any], change: dict[str, Any], field: str
    ) -> None:
        """A field outside its limits or of another type is named with its place."""
        assert violations(client.put(TRIGGER, json={**trigger, **change})) == [("invalid.field", field)]

    def test_lifetime_and_delay(self, client: httpx.Client, trigger: dict[str, Any]) -> None:
        """``eventTTLSeconds`` and ``delayBySeconds`` exclude each other."""
        reply = client.put(TRIGGER, json={**trigger, "delayBySeconds": 60})
        assert violations(reply) == [("mutually.exclusive", "delayBySeconds")]

    @pytest.mark.parametrize(
        ("given", "code", "field"),
        [
            ({"value": 1, "values": [1]}, "mutually.exclusive", "values"),
            ({"value": None, "values": []}, "mutually.exclusive", "values"),
            ({}, "required.field", "value"),
            ({"values": None}, "required.field", "value"),
        ],
    )
    def test_value_or_values(
        self, client: httpx.Client, trigger: dict[str, Any], given: dict[str, Any], code: str, field: str
    ) -> None:
        """A criterion has either ``value`` or ``values``."""
        criteria = [*trigger["matchCriteria"], {"jsonPath": "a", "operator": "Equal", **given}]
        reply = client.put(TRIGGER, json={**trigger, "matchCriteria": criteria})
        assert violations(reply) == [(code, f"matchCriteria[3].{field}")]

    def test_unknown_trigger(self, client: httpx.Client, trigger: dict[str, Any]) -> None:
        """A PUT creates nothing."""
        assert refusal(client.put(f"{TRIGGERS}/none", json=trigger)) == (404, "not.found")

    @pytest.mark.parametrize(
        ("method", "path"), [("PATCH", TRIGGER), ("PUT", TRIGGERS), ("DELETE", TOPICS), ("GET", f"{TRIGGER}/test")]
    )
    def test_wrong_method(self, client: httpx.Client, method: str, path: str) -> None:
        """A method that a resource does not have is a 405."""
        assert refusal(client.request(method, path)) == (405, "method.not.allowed")

    def test_read_only_client(self, sandbox: SandboxProcess, trigger: dict[str, Any]) -> None:
        """A client with the read-only scope may read and list; for all else a 403 names the permission."""
        with sandbox.client("sandbox-readonly") as reader:
            assert [reader.get(path).status_code for path in (TRIGGER, TRIGGERS, TOPICS)] == [200, 200, 200]
            refused = {
                "edit": reader.put(TRIGGER, json=trigger),
                "add": reader.post(TRIGGERS, json=NEW),
                "delete": reader.delete(TRIGGER),
                "test": reader.post(f"{TRIGGER}/test", json={}),
            }
        for permission, reply in refused.items():
            assert refusal(reply) == (403, "missing.any.permissions")
            assert f"[processautomation:trigger:{permission}]" in reply.json()["message"]

    def test_client_without_scopes(self, sandbox: SandboxProcess) -> None:
        """A client without scopes may not even read."""
        with sandbox.client("sandbox-noscope") as client:
            reply = client.get(TRIGGER)
        assert refusal(reply) == (403, "missing.any.permissions")
        assert "[processautomation:trigger:edit, processautomation:trigger:view]" in reply.json()["message"]


class TestLists:
    """Pages and filters."""

    def test_one_page(self, client: httpx.Client, trigger: dict[str, Any]) -> None:
        """A list that fits on a page has no links but its own, and its entries are whole."""
        page = client.get(TRIGGERS).json()
        assert page.keys() == {"entities", "selfUri"}
        assert page["selfUri"] == TRIGGERS
        assert [entity["id"] for entity in page["entities"]] == IDS
        assert page["entities"][0] == trigger

    def test_pages(self, client: httpx.Client) -> None:
        """``nextUri`` leads through all entries, each once, with page size and filters kept."""
        pages = walk(client, f"{TRIGGERS}?pageSize=2&enabled=true")
        enabled = ["demo-trigger", "trigger-delayed", "trigger-every-event", "trigger-operators"]
        assert [entity["id"] for page in pages for entity in page] == [*enabled, "trigger-unknown-fields"]
        assert [len(page) for page in pages] == [2, 2, 1]

    def test_pages_backwards(self, client: httpx.Client) -> None:
        """``previousUri`` leads back the same way."""
        uris = [f"{TRIGGERS}?pageSize=3"]
        while "nextUri" in (page := client.get(uris[-1]).json()):
            uris.append(page["nextUri"])
        assert walk(client, uris[-1], "previousUri") == [client.get(uri).json()["entities"] for uri in reversed(uris)]

    def test_short_page_backwards(self, client: httpx.Client) -> None:
        """Where fewer entries are left than a page holds, the way back ends with those, and none comes twice."""
        second = client.get(client.get(TRIGGERS, params={"pageSize": 3}).json()["nextUri"]).json()
        client.delete(f"{TRIGGERS}/demo-trigger")
        first = client.get(second["previousUri"]).json()
        assert [entity["id"] for entity in first["entities"]] == IDS[1:3]
        assert client.get(first["nextUri"]).json()["entities"] == second["entities"]

    def test_deleted_between_pages(self, client: httpx.Client) -> None:
        """An entry that goes while a client pages moves no other: none is skipped, none comes twice."""
        first = client.get(TRIGGERS, params={"pageSize": 3}).json()
        for entity in first["entities"]:
            client.delete(entity["selfUri"])
        rest = walk(client, first["nextUri"])
        assert [entity["id"] for page in rest for entity in page] == IDS[3:]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"topicName": TOPIC}, ["demo-trigger", "trigger-operators"]),
            ({"topicName": f"{TOPIC},v2.flows.executions.{{id}}.errors", "enabled": "true"}, [IDS[0], IDS[3], IDS[4]]),
            ({"topicName": "v2.no.such"}, []),
            ({"enabled": "false"}, ["trigger-disabled", "trigger-unpublished"]),
            ({"hasDelayBy": "true"}, ["trigger-delayed"]),
            ({"hasDelayBy": "false", "enabled": "false"}, ["trigger-disabled", "trigger-unpublished"]),
        ],
    )
    def test_filters(self, client: httpx.Client, query: dict[str, str], found: list[str]) -> None:
        """A list can be narrowed by topics, by state, and by delay."""
        assert found == [entity["id"] for entity in client.get(TRIGGERS, params=query).json()["entities"]]

    def test_topics(self, client: httpx.Client) -> None:
        """The topics take more than one page of the greatest size; they are ids with a placeholder."""
        pages = walk(client, f"{TOPICS}?pageSize=200")
        topics = [topic for page in pages for topic in page]
        assert [len(page) for page in pages] == [200, len(topics) - 200]
        assert len(topics) == len(set(topics))
        assert TOPIC in topics

    @pytest.mark.parametrize(
        "query",
        [
            "pageSize=0",
            "pageSize=201",
            "pageSize=x",
            "pageSize=٣",
            "pageSize=2&pageSize=2",
            "after=",
            "after=@@",
            "after=_w",
            "after=é",
            "before=a",
            "enabled=True",
            "hasDelayBy=1",
        ],
    )
    def test_wrong_parameter(self, client: httpx.Client, query: str) -> None:
        """A parameter that is none of the allowed values is a 400 that names it."""
        reply = client.get(f"{TRIGGERS}?{query}")
        assert refusal(reply) == (400, "invalid.query.param.value")
        assert f"parameter [{query.partition('=')[0]}]" in reply.json()["message"]
