"""Faults on request: what a client sees of each, and what the server did meanwhile."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ebrule.sandbox.database import Database
from ebrule.sandbox.faults import parse
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox_process import StartSandbox

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
TARGET = "/api/v2/eventbridge/targets/"
APPLIED = [(7, 8)]
SPECIFICATIONS = (
    "status:status=503,seconds=3",
    "status:status=501",
    "status:status=599",
    "rate-limit",
    "rate-limit:seconds=42",
    "conflict",
    "conflict-400",
    "status-after:status=500",
    "status-after:status=401",
    "status-after:status=403",
    "status-after:status=404",
    "status-after:status=409",
    "status-after:status=429,seconds=5",
    "status-after:status=302,to=http://127.0.0.2:9/x",
    "twice",
    "echo",
    "overtaken",
    "gzip-members",
    "drop-before",
    "drop-after",
    "hang",
    "hang-after",
    "html",
    "empty",
    "cut",
    "huge",
    "slow:seconds=0.01",
    "slow:seconds=600",
    "drip:seconds=0.0001",
    "drip:seconds=600",
    "redirect:to=http://127.0.0.2:9/x?a=b",
    "redirect:status=303,to=http://127.0.0.2:9/x?a=b",
)


class Faulty:
    """A sandbox on which each fault has a rule of its own, a copy of the demo rule."""

    def __init__(self, state_dir: Path) -> None:
        self._rule_ids = {text: f"fault-{number:02}" for number, text in enumerate(SPECIFICATIONS)}
        with contextlib.closing(Database(state_dir)) as database, database.write() as connection:
            connection.executemany(
                "INSERT INTO resources (org, kind, id, version, body, created, created_by, modified, modified_by)"
                " SELECT org, kind, ?, version, body, created, created_by, modified, modified_by"
                " FROM resources WHERE id = 'demo-rule'",
                [(rule_id,) for rule_id in self._rule_ids.values()],
            )
        faults = []
        for text, rule_id in self._rule_ids.items():
            kind, _, settings = text.partition(":")
            faults.append(f"{kind}:path=/{rule_id}" + (f",{settings}" if settings else ""))
        self.sandbox = SandboxProcess(state_dir, faults=faults)
        self.client = self.sandbox.client()

    def path(self, fault: str) -> str:
        """Give the path of a fault's rule."""
        return RULE.replace("demo-rule", self._rule_ids[fault])

    def put(self, fault: str, **options: Any) -> httpx.Response:
        """Read a fault's rule and put it back."""
        rule = self.client.get(self.path(fault)).json()
        return self.client.put(self.path(fault), json=rule, **options)

    def applied(self, fault: str) -> list[tuple[int, int]]:
        """Give the versions of what the server applied to a fault's rule."""
        return [(step.parent, step.version) for step in self.sandbox.history(self._rule_ids[fault])]

    def logged(self, fault: str) -> list[int | None]:
        """Give the statuses of the PUTs of a fault's rule."""
        return self.sandbox.requests("PUT", self.path(fault))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """One sandbox for all faults: the tests stay apart by their rules."""
    running = Faulty(tmp_path_factory.mktemp("faulty"))
    with contextlib.closing(running.sandbox):
        yield running


@pytest.mark.loopback
class TestKinds:
    """Each kind of fault from the client's side."""

    @pytest.mark.parametrize(
        ("fault", "status", "code", "applied"),
        [
            ("status:status=503,seconds=3", 503, "service.unavailable", []),
            ("status:status=501", 501, "not.implemented", []),
            ("status:status=599", 599, "unknown", []),
            ("rate-limit", 429, "too.many.requests.retry.after", []),
            ("conflict", 409, "general.conflict", []),
            ("conflict-400", 400, "bad.request", []),
            ("status-after:status=500", 500, "internal.server.error", APPLIED),
            ("status-after:status=401", 401, "bad.credentials", APPLIED),
            ("status-after:status=403", 403, "not.authorized", APPLIED),
            ("status-after:status=404", 404, "not.found", APPLIED),
            ("status-after:status=409", 409, "general.conflict", APPLIED),
            ("status-after:status=429,seconds=5", 429, "too.many.requests.retry.after", APPLIED),
            ("status-after:status=302,to=http://127.0.0.2:9/x", 302, "found", APPLIED),
            ("twice", 409, "general.conflict", APPLIED),
        ],
    )
    def test_error_reply(
        self, faulty: Faulty, fault: str, status: int, code: str, applied: list[tuple[int, int]]
    ) -> None:
        """The reply is a Genesys Cloud error, and the PUT was applied or not, as the kind says."""
        reply = faulty.put(fault)
        assert (reply.status_code, reply.json()["code"]) == (status, code)
        assert reply.headers["ININ-Correlation-Id"] == reply.json()["contextId"]
        assert faulty.applied(fault) == applied
        assert faulty.logged(fault) == [status]

    def test_conflict_400_says_so(self, faulty: Faulty) -> None:
        """The 400 that stands for a conflict has the message that clients know it by."""
        assert "does not match the current version" in faulty.put("conflict-400").json()["message"]

    def test_location(self, faulty: Faulty) -> None:
        """A refusal after the PUT can be a redirect."""
        reply = faulty.put("status-after:status=302,to=http://127.0.0.2:9/x")
        assert reply.headers["Location"] == "http://127.0.0.2:9/x"

    @pytest.mark.parametrize(
        ("fault", "seconds"),
        [
            ("rate-limit:seconds=42", "42"),
            ("status:status=503,seconds=3", "3"),
            ("status-after:status=429,seconds=5", "5"),
            ("rate-limit", None),
        ],
    )
    def test_retry_after(self, faulty: Faulty, fault: str, seconds: str | None) -> None:
        """With seconds, and only then, an error carries ``Retry-After``."""
        assert faulty.put(fault).headers.get("Retry-After") == seconds

    @pytest.mark.parametrize(("fault", "applied"), [("drop-before", []), ("drop-after", APPLIED)])
    def test_dropped_connection(self, faulty: Faulty, fault: str, applied: list[tuple[int, int]]) -> None:
        """The connection closes without a byte of reply, before or after the PUT was applied."""
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            faulty.put(fault)
        assert faulty.applied(fault) == applied
        assert faulty.logged(fault) == [None]

    @pytest.mark.parametrize(("fault", "applied"), [("hang", []), ("hang-after", APPLIED)])
    def test_no_reply(self, faulty: Faulty, fault: str, applied: list[tuple[int, int]]) -> None:
        """Nothing is answered until the client gives up, before or after the PUT was applied."""
        with pytest.raises(httpx.ReadTimeout):
            faulty.put(fault, timeout=httpx.Timeout(20, read=0.5))
        assert faulty.applied(fault) == applied
        assert faulty.logged(fault) == [None]

    def test_html(self, faulty: Faulty) -> None:
        """A page answers in the place of the service, which never sees the PUT."""
        reply = faulty.put("html")
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert faulty.applied("html") == []

    def test_empty(self, faulty: Faulty) -> None:
        """The PUT is applied, and answered with nothing."""
        reply = faulty.put("empty")
        assert (reply.status_code, reply.content) == (200, b"")
        assert faulty.applied("empty") == APPLIED

    def test_cut(self, faulty: Faulty) -> None:
        """The PUT is applied, and its reply ends before the length that it promised."""
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            faulty.put("cut")
        assert faulty.applied("cut") == APPLIED

    def test_huge(self, faulty: Faulty) -> None:
        """The PUT is applied, and its reply has more than 5 MiB."""
        reply = faulty.put("huge")
        assert len(reply.content) > 5 * 1024 * 1024
        assert (reply.status_code, reply.json()["version"]) == (200, 8)
        assert faulty.applied("huge") == APPLIED

    def test_echo(self, faulty: Faulty) -> None:
        """The PUT is applied, and answered with the very bytes that were sent; a refused PUT is refused."""
        rule = faulty.client.get(faulty.path("echo")).content
        media_type = {"Content-Type": "application/json"}
        reply = faulty.client.put(faulty.path("echo"), content=rule, headers=media_type)
        assert (reply.status_code, reply.content, reply.json()["version"]) == (200, rule, 7)
        assert faulty.client.put(faulty.path("echo"), content=rule, headers=media_type).status_code == 409
        assert faulty.applied("echo") == APPLIED

    def test_overtaken(self, faulty: Faulty) -> None:
        """The PUT is applied, then another one, whose result is the reply; a refused PUT is refused."""
        rule = faulty.client.get(faulty.path("overtaken")).json()
        reply = faulty.client.put(faulty.path("overtaken"), json={**rule, "priority": 99})
        assert (reply.json()["version"], reply.json()["priority"]) == (9, 99)
        assert reply.json()["description"] == "Changed by somebody else"
        assert reply.json() == faulty.client.get(faulty.path("overtaken")).json()
        assert faulty.client.put(faulty.path("overtaken"), json=rule).status_code == 409
        assert faulty.applied("overtaken") == [(7, 8), (8, 9)]

    def test_gzip_members(self, faulty: Faulty) -> None:
        """The PUT is applied, and its reply comes in three gzip members, which together are the whole reply."""
        path = faulty.path("gzip-members")
        with faulty.client.stream("PUT", path, json=faulty.client.get(path).json()) as reply:
            raw = b"".join(reply.iter_raw())
        assert (reply.headers["Content-Encoding"], raw.count(gzip.compress(b"")[:4])) == ("gzip", 3)
        assert json.loads(gzip.decompress(raw)) == faulty.client.get(path).json()
        assert faulty.applied("gzip-members") == APPLIED

    def test_slow(self, faulty: Faulty) -> None:
        """The reply comes as it should, but later; nothing is applied before."""
        assert faulty.put("slow:seconds=0.01").json()["version"] == 8
        with pytest.raises(httpx.ReadTimeout):
            faulty.put("slow:seconds=600", timeout=httpx.Timeout(20, read=0.1))
        assert faulty.applied("slow:seconds=600") == []

    def test_drip(self, faulty: Faulty) -> None:
        """The reply comes one byte at a time, after the PUT was applied."""
        assert faulty.put("drip:seconds=0.0001").json()["version"] == 8
        path = faulty.path("drip:seconds=600")
        rule = faulty.client.get(path).json()
        with faulty.client.stream("PUT", path, json=rule, timeout=httpx.Timeout(20, read=0.5)) as reply:
            assert reply.status_code == 200
            with pytest.raises(httpx.ReadTimeout):
                reply.read()
        assert faulty.applied("drip:seconds=600") == APPLIED

    @pytest.mark.parametrize(
        ("fault", "status"),
        [
            ("redirect:to=http://127.0.0.2:9/x?a=b", 302),
            ("redirect:status=303,to=http://127.0.0.2:9/x?a=b", 303),
        ],
    )
    def test_redirect(self, faulty: Faulty, fault: str, status: int) -> None:
        """The reply sends the client elsewhere."""
        reply = faulty.put(fault)
        assert (reply.status_code, reply.headers["Location"]) == (status, "http://127.0.0.2:9/x?a=b")
        assert faulty.applied(fault) == []

    def test_token_throttle(self, start_sandbox: StartSandbox) -> None:
        """The token endpoint throttles with a 400 that says so."""
        sandbox = start_sandbox(faults=["token-throttle:times=1"])
        with pytest.raises(httpx.HTTPStatusError) as caught:
            sandbox.token()
        assert caught.value.response.status_code == 400
        assert "rate limit exceeded" in caught.value.response.json()["description"]
        assert sandbox.token()


@pytest.mark.loopback
class TestChoice:
    """Whom a fault meets."""

    def test_times_and_order(self, start_sandbox: StartSandbox) -> None:
        """A fault with ``times`` lets later requests pass on to the next fault, then to the service."""
        faults = ["status:status=503,times=2", "status-after:status=500,times=1"]
        with start_sandbox(faults=faults).client() as client:
            rule = client.get(RULE).json()
            statuses = [client.put(RULE, json=rule).status_code for _ in range(4)]
        assert statuses == [503, 503, 500, 409]

    def test_rate_is_repeatable(self, start_sandbox: StartSandbox) -> None:
        """A rate meets some requests, and with the same seed the same ones."""
        targets = ("target-001", "target-002")
        faults = [f"status:status=503,rate=0.5,seed=3,method=GET,path={target}" for target in targets]
        with start_sandbox(faults=faults).client() as client:
            first, second = ([client.get(TARGET + target).status_code for _ in range(40)] for target in targets)
        assert {200, 503} == set(first)
        assert first == second

    def test_method_and_path(self, start_sandbox: StartSandbox) -> None:
        """A fault meets only requests of its method whose path contains its part."""
        sandbox = start_sandbox(faults=["status:status=503,method=GET,path=/targets/", "status:status=502"])
        with sandbox.client() as client:
            assert client.get(RULE).status_code == 200
            assert client.get(f"{TARGET}crm").status_code == 503
            assert client.put(RULE, json={}).status_code == 502

    def test_latency(self, start_sandbox: StartSandbox) -> None:
        """Extra latency delays every request, and leaves it right."""
        with start_sandbox(latency_ms=5).client() as client:
            assert client.put(RULE, json=client.get(RULE).json()).json()["version"] == 8

    def test_stale_400(self, start_sandbox: StartSandbox) -> None:
        """With it a stale version is a 400 that says so; what is not stale is applied and answered as ever."""
        with start_sandbox(faults=["stale-400"]).client() as client:
            rule = client.get(RULE).json()
            assert client.put(RULE, json=rule).json() == client.get(RULE).json()
            reply = client.put(RULE, json=rule)
            assert (reply.status_code, reply.json()["code"]) == (400, "bad.request")
            assert "does not match the current version" in reply.json()["message"]
            assert client.put(RULE, json={}).json()["message"].startswith("The rule is not valid.")

    def test_delete(self, start_sandbox: StartSandbox) -> None:
        """A DELETE can be met, too: here it is carried out, and the client never hears of it."""
        path = "/api/v2/processautomation/triggers/trigger-disabled"
        with start_sandbox(faults=["drop-after:method=DELETE"]).client() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                client.delete(path)
            assert client.get(path).status_code == 404

    def test_any_method(self, start_sandbox: StartSandbox) -> None:
        """``*`` meets every method."""
        with start_sandbox(faults=["status:status=503,method=*,path=/eventbridge/"]).client() as client:
            assert [client.get(RULE).status_code, client.delete(RULE).status_code] == [503, 503]


@pytest.mark.parametrize(
    ("text", "part", "allowed"),
    [
        ("explode", "'explode'", "conflict, conflict-400, cut"),
        ("", "''", "token-throttle"),
        ("status", "needs status", "status"),
        ("redirect:status=303", "needs to", "to"),
        ("hang:seconds=3", "'seconds'", "method, path, rate, seed, times"),
        ("slow:seconds", "'seconds'", "seconds"),
        ("slow:seconds=1,seconds=2", "'seconds'", "twice"),
        ("slow:seconds=nan", "'nan'", "a number of seconds from 0"),
        ("slow:seconds=-1", "'-1'", "a number of seconds from 0"),
        ("status:status=99", "'99'", "200 to 599"),
        ("status:status=204", "'204'", "has a body"),
        ("hang:rate=2", "'2'", "0 to 1"),
        ("hang:times=x", "'x'", "a whole number"),
        ("hang:method=put", "'put'", "GET, PUT, POST, DELETE, *"),
        ("redirect:to=http://x\r\nSet-Cookie: a", "'http", "a URL"),
    ],
)
def test_invalid_specification(text: str, part: str, allowed: str) -> None:
    """A wrong specification is refused with the bad part and what is allowed there."""
    with pytest.raises(ValueError, match=r"^fault ") as caught:
        parse(text)
    assert part in str(caught.value)
    assert allowed in str(caught.value)
