"""Faults on request: what a client sees of each, and what the server did meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ebrule.sandbox.faults import parse

if TYPE_CHECKING:
    from tests.sandbox_process import SandboxProcess, StartSandbox

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
APPLIED = [(7, 8)]


def put(sandbox: SandboxProcess, **options: Any) -> httpx.Response:
    """Read the demo rule and put it back."""
    with sandbox.client(**options) as client:
        return client.put(RULE, json=client.get(RULE).json())


def steps(sandbox: SandboxProcess) -> list[tuple[int, int]]:
    """Give the versions of what the server applied."""
    return [(step.parent, step.version) for step in sandbox.history()]


@pytest.mark.loopback
class TestKinds:
    """Each kind of fault from the client's side."""

    @pytest.mark.parametrize(
        ("fault", "status", "code", "applied"),
        [
            ("status:status=503", 503, "service.unavailable", []),
            ("status:status=501", 501, "not.implemented", []),
            ("status:status=599", 599, "unknown", []),
            ("rate-limit", 429, "too.many.requests.retry.after", []),
            ("conflict", 409, "general.conflict", []),
            ("conflict-400", 400, "bad.request", []),
            ("status-after:status=500", 500, "internal.server.error", APPLIED),
        ],
    )
    def test_error_reply(
        self, start_sandbox: StartSandbox, fault: str, status: int, code: str, applied: list[tuple[int, int]]
    ) -> None:
        """The reply is a Genesys Cloud error, and the PUT was applied or not, as the kind says."""
        sandbox = start_sandbox(faults=[fault])
        reply = put(sandbox)
        assert (reply.status_code, reply.json()["code"]) == (status, code)
        assert reply.headers["ININ-Correlation-Id"] == reply.json()["contextId"]
        assert steps(sandbox) == applied
        assert sandbox.requests("PUT") == [status]

    def test_conflict_400_says_so(self, start_sandbox: StartSandbox) -> None:
        """The 400 that stands for a conflict has the message that clients know it by."""
        reply = put(start_sandbox(faults=["conflict-400"]))
        assert "does not match the current version" in reply.json()["message"]

    @pytest.mark.parametrize("fault", ["rate-limit:seconds=3", "status:status=503,seconds=3"])
    def test_retry_after(self, start_sandbox: StartSandbox, fault: str) -> None:
        """With seconds, an error carries ``Retry-After``."""
        assert put(start_sandbox(faults=[fault])).headers["Retry-After"] == "3"

    @pytest.mark.parametrize(("fault", "applied"), [("drop-before", []), ("drop-after", APPLIED)])
    def test_dropped_connection(
        self, start_sandbox: StartSandbox, fault: str, applied: list[tuple[int, int]]
    ) -> None:
        """The connection closes without a byte of reply, before or after the PUT was applied."""
        sandbox = start_sandbox(faults=[fault])
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            put(sandbox)
        assert steps(sandbox) == applied
        assert sandbox.requests("PUT") == [None]

    def test_hang(self, start_sandbox: StartSandbox) -> None:
        """Nothing is answered and nothing applied, until the client gives up."""
        sandbox = start_sandbox(faults=["hang"])
        with pytest.raises(httpx.ReadTimeout):
            put(sandbox, timeout=httpx.Timeout(20, read=0.5))
        assert steps(sandbox) == []

    def test_hang_after(self, start_sandbox: StartSandbox) -> None:
        """Nothing is answered, but the PUT was applied."""
        sandbox = start_sandbox(faults=["hang-after"])
        with pytest.raises(httpx.ReadTimeout):
            put(sandbox, timeout=httpx.Timeout(20, read=0.5))
        assert steps(sandbox) == APPLIED

    def test_html(self, start_sandbox: StartSandbox) -> None:
        """A page answers in the place of the service, which never sees the PUT."""
        sandbox = start_sandbox(faults=["html"])
        reply = put(sandbox)
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert steps(sandbox) == []

    def test_empty(self, start_sandbox: StartSandbox) -> None:
        """The PUT is applied, and answered with nothing."""
        sandbox = start_sandbox(faults=["empty"])
        reply = put(sandbox)
        assert (reply.status_code, reply.content) == (200, b"")
        assert steps(sandbox) == APPLIED

    def test_cut(self, start_sandbox: StartSandbox) -> None:
        """The PUT is applied, and its reply ends before the length that it promised."""
        sandbox = start_sandbox(faults=["cut"])
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            put(sandbox)
        assert steps(sandbox) == APPLIED

    def test_huge(self, start_sandbox: StartSandbox) -> None:
        """The PUT is applied, and its reply has more than 5 MiB."""
        sandbox = start_sandbox(faults=["huge"])
        reply = put(sandbox)
        assert len(reply.content) > 5 * 1024 * 1024
        assert reply.json()["version"] == 8
        assert steps(sandbox) == APPLIED

    def test_slow(self, start_sandbox: StartSandbox) -> None:
        """The reply comes as it should, later."""
        assert put(start_sandbox(faults=["slow:seconds=0.01"])).json()["version"] == 8
        with pytest.raises(httpx.ReadTimeout):
            put(start_sandbox(faults=["slow:seconds=600"]), timeout=httpx.Timeout(20, read=0.5))

    def test_drip(self, start_sandbox: StartSandbox) -> None:
        """The reply comes one byte at a time."""
        sandbox = start_sandbox(faults=["drip:seconds=0.0001"])
        with sandbox.client() as client:
            rule = client.get(RULE).json()
            with client.stream("PUT", RULE, json=rule) as reply:
                first = next(reply.iter_raw(chunk_size=1))
        assert first == b"{"
        assert put(sandbox).json()["version"] == 9

    @pytest.mark.parametrize("status", [302, 303])
    def test_redirect(self, start_sandbox: StartSandbox, status: int) -> None:
        """The reply sends the client elsewhere."""
        sandbox = start_sandbox(faults=[f"redirect:status={status},to=http://127.0.0.2:9/x?a=b"])
        reply = put(sandbox)
        assert (reply.status_code, reply.headers["Location"]) == (status, "http://127.0.0.2:9/x?a=b")
        assert steps(sandbox) == []

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
        faults = ["status:status=503,rate=0.5,seed=3,method=GET,path=/health"]

        def statuses() -> list[int]:
            with start_sandbox(faults=faults).client() as client:
                return [client.get("/api/v2/health").status_code for _ in range(40)]

        first = statuses()
        assert {200, 503} == set(first)
        assert first == statuses()

    def test_method_and_path(self, start_sandbox: StartSandbox) -> None:
        """A fault meets only requests of its method whose path contains its part."""
        sandbox = start_sandbox(faults=["status:status=503,method=GET,path=/targets/", "status:status=502"])
        with sandbox.client() as client:
            assert client.get(RULE).status_code == 200
            assert client.get("/api/v2/eventbridge/targets/crm").status_code == 503
            assert client.put(RULE, json={}).status_code == 502

    def test_latency(self, start_sandbox: StartSandbox) -> None:
        """Extra latency leaves every request right."""
        assert put(start_sandbox(latency_ms=5)).json()["version"] == 8

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
        ("hang:method=put", "'put'", "GET, PUT, POST"),
        ("redirect:to=http://x\r\nSet-Cookie: a", "'http", "a URL"),
    ],
)
def test_invalid_specification(text: str, part: str, allowed: str) -> None:
    """A wrong specification is refused with the bad part and what is allowed there."""
    with pytest.raises(ValueError, match=r"^fault ") as caught:
        parse(text)
    assert part in str(caught.value)
    assert allowed in str(caught.value)
