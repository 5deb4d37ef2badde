"""The sandbox behaves as Genesys Cloud does: resources, locking, access, limits. Real server, real HTTP."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ebrule.sandbox import limits
from ebrule.sandbox.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox_process import SandboxProcess, StartSandbox

pytestmark = pytest.mark.loopback

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    """A client with every scope, on the initial data."""
    sandbox.reset()
    with sandbox.client() as opened:
        yield opened


@pytest.fixture
def rule(client: httpx.Client) -> dict[str, Any]:
    """The demo rule as the server gives it."""
    body: dict[str, Any] = client.get(RULE).json()
    return body


def refusal(reply: httpx.Response) -> tuple[int, str]:
    """Give a refusal's status and code, and check that its body is a whole Genesys Cloud error."""
    body = reply.json()
    assert {"message", "code", "status", "contextId", "details", "errors"} <= body.keys()
    assert (reply.status_code, reply.headers["ININ-Correlation-Id"]) == (body["status"], body["contextId"])
    return reply.status_code, body["code"]


def violations(reply: httpx.Response) -> list[tuple[str, str]]:
    """Give the error codes and fields of a 400."""
    assert refusal(reply) == (400, "bad.request")
    return [(detail["errorCode"], detail["fieldName"]) for detail in reply.json()["details"]]


class TestRules:
    """Reading and replacing a rule."""

    def test_get_gives_the_whole_rule(self, client: httpx.Client) -> None:
        """A GET answers with the fields of the rule, its version, and the server's own fields."""
        assert client.get(RULE).json() == {
            "id": "demo-rule",
            "name": "Call Duration Filter",
            "description": "Captures answered calls",
            "status": "enabled",
            "priority": 10,
            "conditions": [
                {
                    "field": "eventType",
                    "operator": "equals",
                    "value": "com.genesys.cloud.telephony.call.answered",
                }
            ],
            "targets": [
                {
                    "id": "target-uuid-12345",
                    "type": "webhook",
                    "url": "https://old.example.com/in",
                    "headers": {"X-Source": "EventBridge"},
                }
            ],
            "version": 7,
            "dateCreated": "2026-01-05T08:00:00.000Z",
            "dateModified": "2026-01-05T08:00:00.000Z",
            "createdBy": {"id": "sandbox-seed"},
            "modifiedBy": {"id": "sandbox-seed"},
            "selfUri": RULE,
        }

    def test_every_reply_has_a_date_and_a_correlation_id(self, client: httpx.Client) -> None:
        """Each reply carries ``Date`` and its own ``ININ-Correlation-Id``, a UUID, errors included."""
        replies = [client.get(RULE), client.get("/nowhere"), client.delete(RULE)]
        assert len({uuid.UUID(reply.headers["ININ-Correlation-Id"]) for reply in replies}) == 3
        assert all(reply.headers["Date"].endswith("GMT") for reply in replies)

    def test_put_replaces_and_counts_up(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A PUT with the current version replaces the rule, and answers with the next version."""
        changed = {**rule, "priority": 50, "description": None}
        after = client.put(RULE, json=changed).json()
        assert after == client.get(RULE).json()
        served = {"version": 8, "modifiedBy": {"id": "sandbox"}, "dateModified": after["dateModified"]}
        assert after == {**changed, **served}

    def test_put_leaves_out_what_the_body_leaves_out(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A PUT is a whole replacement: a field that is not sent is gone."""
        del rule["description"]
        assert "description" not in client.put(RULE, json=rule).json()

    def test_identical_put_counts_up(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A PUT of what is already stored is applied all the same."""
        assert client.put(RULE, json=rule).json()["version"] == 8

    def test_unknown_fields_are_kept(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """Fields that the server does not know come back as they were sent, in rule, condition and target."""
        rule["division"] = {"id": "home", "weight": 1.5, "tags": ["é", None, True]}
        rule["conditions"][0]["caseSensitive"] = False
        rule["targets"][0]["retentionDays"] = 30
        after = client.put(RULE, json=rule).json()
        assert [rule[key] for key in ("division", "conditions", "targets")] == [
            after[key] for key in ("division", "conditions", "targets")
        ]

    def test_read_only_fields_are_ignored(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A PUT cannot change the server's own fields."""
        forged = {"id": "other", "dateCreated": "x", "createdBy": 5, "modifiedBy": None, "selfUri": "/x"}
        after = client.put(RULE, json={**rule, **forged}).json()
        kept = ("id", "dateCreated", "createdBy", "selfUri")
        assert [rule[key] for key in kept] == [after[key] for key in kept]

    def test_put_is_logged(self, client: httpx.Client, sandbox: SandboxProcess, rule: dict[str, Any]) -> None:
        """The server's own log tells who replaced which version by which, and under which request id."""
        client.put(RULE, json=rule, headers={"X-Request-Id": "request-1"})
        client.put(RULE, json=rule)
        [step] = sandbox.history()
        assert (step.rule_id, step.parent, step.version) == ("demo-rule", 7, 8)
        assert (step.client_id, step.request_id) == ("sandbox", "request-1")
        assert json.loads(step.body)["name"] == "Call Duration Filter"

    def test_requests_are_logged(self, client: httpx.Client, sandbox: SandboxProcess) -> None:
        """Each request is logged with the status that it was answered with."""
        client.put(RULE, json={})
        client.get(RULE)
        client.get("/api/v2/eventbridge/targets/none")
        assert sandbox.requests("PUT") == [400]
        assert sandbox.requests("GET") == [200, 404]
        assert sandbox.requests(path="%/targets/%") == [404]

    def test_requests_are_logged_with_their_time(self, client: httpx.Client, sandbox: SandboxProcess) -> None:
        """Each request is logged with the time of its answer, as an instant and not as some place's time of day."""
        seen = len(sandbox.answered())
        client.get(RULE)
        client.get(RULE)
        first, second = sandbox.answered()[seen:]
        assert first <= second
        assert first.utcoffset() == timedelta(0)

    def test_initial_rules_are_valid(self, client: httpx.Client) -> None:
        """Every initial rule can be put back as it is."""
        names = ("demo-rule", "demo-rule-disabled", "demo-rule-secret", "demo-rule-unknown-fields")
        for path in (f"/api/v2/eventbridge/routing/rules/{name}" for name in names):
            before = client.get(path).json()
            assert client.put(path, json=before).json()["version"] == before["version"] + 1

    @pytest.mark.parametrize("target", ["target-uuid-12345", "crm", "night-desk", "target-001", "target-200"])
    def test_targets_can_be_read(self, client: httpx.Client, target: str) -> None:
        """A target that rules may name is there."""
        assert client.get(f"/api/v2/eventbridge/targets/{target}").json()["id"] == target

    def test_health(self, client: httpx.Client) -> None:
        """The health resource answers whoever has a token."""
        assert client.get("/api/v2/health").json() == {"status": "ok"}


class TestRefusals:
    """What is answered with an error, and leaves the rule as it was."""

    @pytest.fixture(autouse=True)
    def _rule_stays(self, client: httpx.Client, rule: dict[str, Any]) -> Iterator[None]:
        yield
        assert client.get(RULE).json() == rule

    def test_stale_version(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A PUT with an old version is a 409 that names both versions."""
        reply = client.put(RULE, json={**rule, "version": 6})
        assert refusal(reply) == (409, "general.conflict")
        assert reply.json()["message"] == "Version 6 of demo-rule is stale: the current version is 7."

    def test_version_from_the_future(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A PUT with a version that is not there yet is a 409, too."""
        assert refusal(client.put(RULE, json={**rule, "version": 8})) == (409, "general.conflict")

    def test_missing_fields(self, client: httpx.Client) -> None:
        """All missing fields are named at once, ``version`` among them."""
        fields = ("version", "name", "status", "priority", "conditions", "targets")
        assert violations(client.put(RULE, json={})) == [("required.field", field) for field in fields]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"version": "7"}, "version"),
            ({"version": 7.0}, "version"),
            ({"version": True}, "version"),
            ({"version": 0}, "version"),
            ({"version": 10**30}, "version"),
            ({"name": ""}, "name"),
            ({"name": None}, "name"),
            ({"description": 5}, "description"),
            ({"status": "Enabled"}, "status"),
            ({"priority": 0}, "priority"),
            ({"priority": 1001}, "priority"),
            ({"priority": 10.0}, "priority"),
            ({"priority": "10"}, "priority"),
            ({"priority": True}, "priority"),
            ({"conditions": {}}, "conditions"),
            ({"conditions": [{"field": "a", "operator": "", "value": 1}]}, "conditions[0].operator"),
            ({"conditions": [{"field": "a", "operator": "equals"}] * 16}, "conditions"),
            ({"targets": [{"id": "crm"}, {"id": "../x"}]}, "targets[1].id"),
            ({"targets": [{"id": "crm", "headers": {"a": 1}}]}, "targets[0].headers.a"),
        ],
    )
    def test_invalid_field(
        self, client: httpx.Client, rule: dict[str, Any], change: dict[str, Any], field: str
    ) -> None:
        """A field outside its limits or of another type is named with its place."""
        assert violations(client.put(RULE, json={**rule, **change})) == [("invalid.field", field)]

    def test_target_without_id(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """Every target needs an id."""
        reply = client.put(RULE, json={**rule, "targets": [{"type": "webhook"}]})
        assert violations(reply) == [("required.field", "targets[0].id")]

    def test_unknown_targets(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """Each target that does not exist is named by place and id."""
        reply = client.put(RULE, json={**rule, "targets": [{"id": "crm"}, {"id": "no-such"}]})
        assert violations(reply) == [("target.not.found", "targets[1].id")]
        assert reply.json()["details"][0]["entityId"] == "no-such"

    def test_expressions_too_long(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """All conditions together may have 1,000 characters as JSON text, and not one more."""
        room = 1000 - len('{"field": "é", "operator": "equals", "value": ""}')
        conditions = [{"field": "é", "operator": "equals", "value": "x" * (room + 1)}]
        reply = client.put(RULE, json={**rule, "conditions": conditions})
        assert violations(reply) == [("expressions.too.long", "conditions")]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"version": NaN}',
            b'{"version": 1e999}',
            b'{"version": -Infinity}',
            b'{"name": "\\ud800"}',
            b'{"name": "\xff"}',
            b"[" * 100_000,
            b'{"a":' * 65 + b"1" + b"}" * 65,
            b'{"version": ' + b"9" * 5000 + b"}",
            '{"version": 7}'.encode("utf-16"),
        ],
    )
    def test_malformed_body(self, client: httpx.Client, body: bytes) -> None:
        """What is no JSON object, or could not be stored and sent back unchanged, is a 400."""
        assert refusal(client.put(RULE, content=body, headers=JSON)) == (400, "bad.request")

    def test_body_too_large(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A body over 256 KiB is a 413, and the connection stays usable."""
        reply = client.put(RULE, json={**rule, "padding": "x" * 256 * 1024})
        assert refusal(reply) == (413, "request.entity.too.large")

    @pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/json2", ""])
    def test_wrong_media_type(self, client: httpx.Client, media_type: str) -> None:
        """A body that does not say that it is JSON is a 415."""
        reply = client.put(RULE, content=b"{}", headers={"Content-Type": media_type})
        assert refusal(reply) == (415, "unsupported.media.type")

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/api/v2/eventbridge/routing/rules",
            "/api/v2/eventbridge/routing/rules/",
            "/api/v2/eventbridge/routing/rules/none",
            "/api/v2/eventbridge/routing/rules/demo-rule/",
            "/api/v2/eventbridge/routing/rules/demo-rule%0A",
            "/api/v2/eventbridge/routing/rules/demo%2Drule%00",
            "/api/v2/eventbridge/routing/rules/%2e%2e%2f%2e%2e",
            "/api/v2/eventbridge/routing/rules/%FF%FE",
            "/api/v2/eventbridge/routing/rules/" + "x" * 5000,
            "/api/v2/eventbridge/targets/demo-rule",
        ],
    )
    def test_unknown_path(self, client: httpx.Client, path: str) -> None:
        """Ids and paths that name nothing are a 404, however odd."""
        assert refusal(client.get(path)) == (404, "not.found")

    def test_put_of_an_unknown_rule(self, client: httpx.Client, rule: dict[str, Any]) -> None:
        """A PUT creates nothing."""
        reply = client.put("/api/v2/eventbridge/routing/rules/none", json=rule)
        assert refusal(reply) == (404, "not.found")

    @pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "OPTIONS"])
    def test_wrong_method(self, client: httpx.Client, method: str) -> None:
        """A method that a rule does not have is a 405 that names those it has."""
        reply = client.request(method, RULE)
        assert refusal(reply) == (405, "method.not.allowed")
        assert {"GET", "PUT"} <= set(reply.headers["Allow"].split(", "))


def test_longest_expressions_are_accepted(client: httpx.Client, rule: dict[str, Any]) -> None:
    """Conditions of exactly 1,000 characters, and fifteen of them, are accepted."""
    room = 1000 - len('{"field": "é", "operator": "equals", "value": ""}')
    longest = [{"field": "é", "operator": "equals", "value": "x" * room}]
    fifteen = [{"field": "a", "operator": "exists"}] * 15
    assert client.put(RULE, json={**rule, "conditions": longest}).status_code == 200
    assert client.put(RULE, json={**rule, "version": 8, "conditions": fifteen}).status_code == 200


class TestAccess:
    """Tokens and scopes."""

    def test_token(self, sandbox: SandboxProcess) -> None:
        """Id and secret of a client fetch a bearer token with its lifetime in seconds."""
        form = {"grant_type": "client_credentials"}
        reply = sandbox.anonymous_client().post("/oauth/token", auth=sandbox.credentials, data=form)
        token = reply.json().pop("access_token")
        assert reply.json() == {"access_token": token, "token_type": "bearer", "expires_in": 86_400}
        assert reply.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        ("credentials", "form", "status", "error"),
        [
            ("sandbox:wrong", "grant_type=client_credentials", 401, "authentication failed: invalid_client"),
            ("nobody:secret", "grant_type=client_credentials", 400, "client not found: invalid_client"),
            ("no-colon", "", 401, "client credentials are malformed: invalid_client"),
            ("sandbox:sandbox-secret", "", 400, "grant_type is missing: invalid_request"),
            ("sandbox:sandbox-secret", "&=&", 400, "the form is malformed: invalid_request"),
            (
                "sandbox:sandbox-secret",
                "grant_type=password",
                400,
                "grant_type is not client_credentials: unsupported_grant_type",
            ),
        ],
    )
    def test_token_refused(self, sandbox: SandboxProcess, credentials: str, form: str, status: int, error: str) -> None:
        """A token request is refused with the login host's own error body."""
        reply = sandbox.anonymous_client().post(
            "/oauth/token",
            content=form,
            headers={
                "Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        body = reply.json()
        assert (status, error) == (reply.status_code, f"{body['description']}: {body['error']}")
        assert body["error_description"] == body["description"]

    @pytest.mark.parametrize(
        ("authorization", "code"),
        [
            (None, "authentication.required"),
            ("Bearer", "authentication.required"),
            ("Basic c2FuZGJveDpzYW5kYm94LXNlY3JldA==", "authentication.required"),
            ("Bearer unknown", "bad.credentials"),
        ],
    )
    def test_no_good_token(self, sandbox: SandboxProcess, authorization: str | None, code: str) -> None:
        """Without a token that the sandbox gave out, everything is a 401."""
        headers = {"Authorization": authorization} if authorization else {}
        for path in (RULE, "/api/v2/health", "/api/v2/eventbridge/targets/crm"):
            assert refusal(sandbox.anonymous_client().get(path, headers=headers)) == (401, code)

    def test_expired_token(self, start_sandbox: StartSandbox) -> None:
        """A token whose seconds are over is a 401."""
        with start_sandbox(token_seconds=0).client() as client:
            assert refusal(client.get(RULE)) == (401, "bad.credentials")

    def test_read_only_client(self, sandbox: SandboxProcess) -> None:
        """A client with the read scope only may read, and gets a 403 for a PUT."""
        with sandbox.client("sandbox-readonly") as client:
            assert client.get(RULE).status_code == 200
            reply = client.put(RULE, json=client.get(RULE).json())
            assert refusal(reply) == (403, "missing.any.permissions")
            assert "eventbridge:write" in reply.json()["message"]

    def test_client_without_scopes(self, sandbox: SandboxProcess) -> None:
        """A client without scopes gets a 403 for a rule, but may ask for the health."""
        with sandbox.client("sandbox-noscope") as client:
            assert refusal(client.get(RULE)) == (403, "missing.any.permissions")
            assert client.get("/api/v2/health").status_code == 200

    def test_own_client(self, start_sandbox: StartSandbox) -> None:
        """Another id and secret can take the place of the well-known ones."""
        sandbox = start_sandbox(client=("my-id", "my-secret"))
        with sandbox.client() as client:
            assert client.get(RULE).status_code == 200
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            sandbox.token("sandbox")


class TestRateLimit:
    """So many requests a minute for each token."""

    def test_limit(self, start_sandbox: StartSandbox) -> None:
        """The request over the limit is a 429 with ``Retry-After``; the headers count up to it."""
        with start_sandbox(rate_limit=2).client() as client:
            replies = [client.get(RULE) for _ in range(3)]
        assert [reply.status_code for reply in replies] == [200, 200, 429]
        assert [reply.headers["inin-ratelimit-count"] for reply in replies] == ["1", "2", "3"]
        assert {reply.headers["inin-ratelimit-allowed"] for reply in replies} == {"2"}
        assert refusal(replies[2]) == (429, "too.many.requests.retry.after")
        assert replies[2].headers["Retry-After"] == replies[2].headers["inin-ratelimit-reset"]
        assert 0 < int(replies[2].headers["Retry-After"]) <= 60

    def test_each_token_has_its_own(self, start_sandbox: StartSandbox) -> None:
        """A new token starts from nothing."""
        sandbox = start_sandbox(rate_limit=1)
        assert [sandbox.client().get(RULE).status_code for _ in range(3)] == [200, 200, 200]

    def test_processes_count_together(self, start_sandbox: StartSandbox, tmp_path: Path) -> None:
        """Two servers on one state accept each other's tokens, and share the count."""
        first, second = start_sandbox(tmp_path, rate_limit=2), start_sandbox(tmp_path, rate_limit=2)
        with first.client() as client:
            urls = [f"{server.url}{RULE}" for server in (first, second, first)]
            assert [client.get(url).status_code for url in urls] == [200, 200, 429]

    def test_no_limit(self, client: httpx.Client) -> None:
        """Without a limit there are no headers that speak of one."""
        assert not [name for name in client.get(RULE).headers if name.startswith("inin-ratelimit")]

    def test_window_ends_after_a_minute(self, tmp_path: Path) -> None:
        """Sixty seconds after a token's first request its count starts again."""
        with closing(Database(tmp_path)) as database, database.write() as connection:
            connection.execute(
                "INSERT INTO tokens (digest, org, client_id, scopes, expires) VALUES ('t', 'o', 'c', '', 0)"
            )
            usages = [limits.count(connection, "t", allowed=9, now=now) for now in (100.0, 159.5, 160.0, 90.0)]
        assert [(usage.count, usage.reset) for usage in usages] == [(1, 60), (2, 1), (1, 60), (1, 60)]


class TestCompareAndSet:
    """One version has one child, whatever runs at the same time."""

    def test_many_writers(self, sandbox: SandboxProcess, start_sandbox: StartSandbox) -> None:
        """Eight writers on two servers: each accepted PUT is one step in one unbroken line of versions."""
        sandbox.reset()
        servers = [sandbox, start_sandbox(sandbox.state_dir)]
        start = threading.Barrier(8)

        def write(number: int) -> list[str]:
            accepted: list[str] = []
            with servers[number % 2].client() as client:
                start.wait()
                while len(accepted) < 8:
                    rule = {**client.get(RULE).json(), "name": f"writer {number}, change {len(accepted)}"}
                    reply = client.put(RULE, json=rule)
                    assert reply.status_code in (200, 409)
                    if reply.status_code == 200:
                        assert reply.json()["version"] == rule["version"] + 1
                        accepted.append(rule["name"])
            return accepted

        with ThreadPoolExecutor(8) as pool:
            accepted = [name for names in pool.map(write, range(8)) for name in names]
        steps = servers[0].history()
        assert [(7 + n, 8 + n) for n in range(64)] == [(step.parent, step.version) for step in steps]
        assert sorted(accepted) == sorted(json.loads(step.body)["name"] for step in steps)

    def test_same_version_from_everywhere(self, sandbox: SandboxProcess, start_sandbox: StartSandbox) -> None:
        """Of sixteen PUTs of one version at one moment, one is accepted."""
        sandbox.reset()
        servers = [sandbox, start_sandbox(sandbox.state_dir)]
        clients = [servers[number % 2].client() for number in range(16)]
        rule = clients[0].get(RULE).json()
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda client: client.put(RULE, json=rule).status_code, clients))
        assert sorted(statuses) == [200, *[409] * 15]
        assert [(step.parent, step.version) for step in servers[1].history()] == [(7, 8)]
