"""An org in memory: one rule behind compare-and-set, misbehaving as a script says, and a log to judge by.

:class:`FakeOrg` is a transport like any other, so that everything above it runs as it does in real life. What
a request does and what is answered are told apart: a step of the script may apply a PUT and lose the answer.
"""

from __future__ import annotations

import contextlib
import copy
import json
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

import clocks
from clocks import FakeClock
from ebrule.core.auth import connect
from ebrule.core.pace import Pace
from ebrule.core.policy import Policy
from ebrule.core.put_outcome import Evidence
from ebrule.core.reply import BrokenError, Reply, Request
from ebrule.core.retry import retry_after
from ebrule.core.transport import CALL_SECONDS
from ebrule.core.updater import Hooks, Intent, Landed, Updater
from ebrule.errors import EbruleError, Overlap
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Kind, Rule
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from ebrule.core.notices import Notice

API, LOGIN = "https://api.example.com", "https://login.example.com"
RULE_ID = "demo-rule"
CLIENT_ID, SOMEBODY_ELSE = "client", "j.doe"
LATENCY = 0.01
"""Seconds that each request takes, by the fake clock."""

Data = dict[str, Any]
Step = Callable[["FakeOrg", Request], Reply]
"""What the org does with one request: it returns a reply or raises a transport's error."""


def demo_rule(**fields: Any) -> Data:
    """Return a rule of version 7 as an org tells it, with fields that ebrule does not know."""
    return {
        "id": RULE_ID,
        "name": "Demo",
        "description": "What it is for",
        "status": "enabled",
        "priority": 50,
        "conditions": [{"field": "eventType", "operator": "equals", "value": "call.answered"}],
        "targets": [
            {
                "id": "t1",
                "type": "webhook",
                "url": "https://one.example.com",
                "headers": {"X-Source": "demo"},
            },
            {"id": "t2", "type": "webhook", "url": "https://two.example.com", "retries": 3},
        ],
        "owner": {"team": "routing"},
        "selfUri": f"/api/v2/eventbridge/routing/rules/{RULE_ID}",
        "dateModified": "2026-01-02T03:04:05.000Z",
        "version": 7,
        **fields,
    }


@dataclass(frozen=True)
class Applied:
    """One line of the judge's log: who brought the rule to which version, how it was then, and what was sent."""

    by_us: bool
    version: int
    data: Data
    sent: Data

    @property
    def content(self) -> Data:
        """What the rule said."""
        return EVENTBRIDGE.content(self.data)

    @property
    def is_as_sent(self) -> bool:
        """Whether the org stored just what it was sent."""
        return self.content == EVENTBRIDGE.content(self.sent)


class FakeOrg:
    """The org. Steps left in ``puts`` and ``gets`` are taken one for each such request, then all goes well.

    ``log`` holds every state of the rule from the first on, and ``story`` what happened, in order: intents
    with the version that they replace, requests, edits by others, signals.

    Args:
        rule: the rule at first.
        puts: what the org does with each PUT of ours.
        gets: what it does with each GET of the rule.
        stores: what it makes of a body before it stores it.
        echoes: whether it answers a PUT with what it was sent, rather than with what it stored.
        authors: whether it says who made a version.
        org_id: who it says it is.
    """

    def __init__(
        self,
        rule: Data | None = None,
        *,
        puts: tuple[Step, ...] = (),
        gets: tuple[Step, ...] = (),
        stores: Callable[[Data], Data] = dict,
        echoes: bool = False,
        authors: bool = False,
        org_id: str = "org-1",
    ) -> None:
        self.org_id = org_id
        self.stores, self.echoes, self.authors = stores, echoes, authors
        self.clock = FakeClock()
        self.lock = threading.RLock()
        first = rule or demo_rule()
        self.log = [Applied(by_us=False, version=first["version"], data=first, sent=first)]
        self.story: list[str] = []
        self.puts, self.gets = list(puts), list(gets)
        self.bodies: list[bytes] = []
        self.on_the_way: list[bytes] = []
        self.resources: dict[str, Step] = {}
        self.logins: list[Step] = []
        self.tokens = 0
        self.too_early: list[str] = []
        self._not_before = 0.0
        self.interrupt: Callable[[int], None] = lambda _: None
        self.left: Callable[[], float] = lambda: CALL_SECONDS

    # --- the rule -------------------------------------------------------------------------------------------

    @property
    def rule(self) -> Data:
        """The rule as it is now."""
        return self.log[-1].data

    @property
    def ours(self) -> list[Applied]:
        """The judge's word on which PUTs of ours were applied."""
        return [line for line in self.log if line.by_us]

    def _store(self, content: Mapping[str, Any], *, by_us: bool) -> None:
        version = self.rule["version"] + 1
        own = {name: self.rule[name] for name in ("id", "selfUri")}
        own |= {"dateModified": f"2026-01-02T03:04:05.{version:03}Z", "version": version}
        if self.authors:
            own["modifiedBy"] = {"id": CLIENT_ID if by_us else SOMEBODY_ELSE}
        sent = copy.deepcopy(dict(content))
        self.log.append(Applied(by_us, version, {**self.stores(copy.deepcopy(sent)), **own}, {**sent, **own}))

    def edit(self, fields: Mapping[str, Any]) -> None:
        """Let another writer change some fields of the rule."""
        self.story.append("edit")
        self._store({**self.rule, **fields}, by_us=False)

    def compare_and_set(self, body: bytes) -> Reply:
        """Apply a PUT if it names the present version."""
        wanted = json.loads(body)
        if wanted["version"] != self.rule["version"]:
            return reply(409, {"code": "version.conflict", "message": "stale"})
        self._store(wanted, by_us=True)
        return reply(200, self.log[-1].sent if self.echoes else self.rule)

    def land(self) -> None:
        """Let every PUT that is still on its way arrive."""
        while self.on_the_way:
            self.compare_and_set(self.on_the_way.pop(0))

    # --- the transport --------------------------------------------------------------------------------------

    def send(self, request: Request) -> Reply:
        """Serve one request, as a transport does."""
        with self.lock:
            if self.clock.monotonic() < self._not_before:
                self.too_early.append(request.method)
            self.clock.advance(LATENCY)
            answer = self._serve(request)
            if answer.status in (409, 429, 503):
                asked = retry_after(answer.headers, self.clock.now()) or 0.0
                self._not_before = self.clock.monotonic() + asked
            return answer

    def _serve(self, request: Request) -> Reply:
        path = request.url.removeprefix(API)
        if request.url == f"{LOGIN}/oauth/token":
            return self.logins.pop(0)(self, request) if self.logins else self._log_in()
        if path == "/api/v2/tokens/me" and path not in self.resources:
            return reply(200, {"organization": {"id": self.org_id}, "OAuthClient": {"id": CLIENT_ID}})
        if path in self.resources:
            return self.resources[path](self, request)
        if path != f"/api/v2/eventbridge/routing/rules/{RULE_ID}":
            return reply(404)
        if request.body is None:
            self.story.append("GET")
            return (self.gets.pop(0) if self.gets else ordinary)(self, request)
        self.story.append(f"PUT@{json.loads(request.body)['version']}")
        self.bodies.append(request.body)
        return (self.puts.pop(0) if self.puts else ordinary)(self, request)

    def _log_in(self) -> Reply:
        if self.tokens:
            self.story.append("token")
        self.tokens += 1
        return reply(200, {"access_token": f"token-{self.tokens}", "expires_in": 86_400})

    def close(self) -> None:
        """Have nothing to close."""


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    """Return a reply with a reference, that took 5 ms."""
    made = clocks.reply(status, body, inin_correlation_id="c-1", **headers)
    made.milliseconds = 5.0
    return made


# --- steps of a script --------------------------------------------------------------------------------------


def ordinary(org: FakeOrg, request: Request) -> Reply:
    """Do as asked."""
    return reply(200, org.rule) if request.body is None else org.compare_and_set(request.body)


def answers(status: int, body: Any = None, **headers: str) -> Step:
    """Do nothing, and answer that."""
    return lambda _org, _request: reply(status, body, **headers)


def fails(error: Exception) -> Step:
    """Do nothing, and give no answer."""

    def step(_org: FakeOrg, _request: Request) -> Reply:
        raise error

    return step


lost = fails(BrokenError("the connection broke"))


def hangs(org: FakeOrg, _request: Request) -> Reply:
    """Do nothing, and give no answer for as long as anybody waits."""
    org.clock.advance(max(0.0, min(CALL_SECONDS, org.left())))
    raise BrokenError("no answer came in time")


def applied(then: Step) -> Step:
    """Do as asked, whatever is then answered."""

    def step(org: FakeOrg, request: Request) -> Reply:
        ordinary(org, request)
        return then(org, request)

    return step


def late(then: Step) -> Step:
    """Leave the PUT on its way, whatever is answered meanwhile."""

    def step(org: FakeOrg, request: Request) -> Reply:
        org.on_the_way.append(request.body or b"")
        return then(org, request)

    return step


def after_landing(then: Step = ordinary) -> Step:
    """Let what is on its way arrive first."""

    def step(org: FakeOrg, request: Request) -> Reply:
        org.land()
        return then(org, request)

    return step


def after(*edits: Mapping[str, Any], then: Step = ordinary) -> Step:
    """Let another writer be faster."""

    def step(org: FakeOrg, request: Request) -> Reply:
        for fields in edits:
            org.edit(fields)
        return then(org, request)

    return step


def signalled(then: Step = ordinary, *, times: int = 1, signum: int = signal.SIGTERM) -> Step:
    """Let the user lose patience while the request is out, but after it did what it does."""

    def step(org: FakeOrg, request: Request) -> Reply:
        with contextlib.ExitStack() as stack:
            for _ in range(times):
                stack.callback(org.interrupt, signum)
            return then(org, request)

    return step


def shows(version: int, **fields: Any) -> Step:
    """Answer with the rule as it never was, or no longer is."""
    return lambda org, _request: reply(200, {**org.rule, **fields, "version": version})


def lags(steps: int = 1) -> Step:
    """Answer with the rule as it was some versions ago, as a replica does that is behind."""
    return lambda org, _request: reply(200, org.log[max(0, len(org.log) - 1 - steps)].data)


# --- an update of it ----------------------------------------------------------------------------------------


class Update:
    """One update of a fake org's rule by the real updater, which wants ``wanted`` on top of what is there.

    ``random`` is always a half, so that a wait is half of what its backoff allows. ``maker`` is the operation that the
    ledger knows to have made the next version.
    """

    def __init__(
        self,
        org: FakeOrg,
        *,
        wanted: Mapping[str, Any] | None = None,
        policy: Policy | None = None,
        kind: Kind = EVENTBRIDGE,
        deadline: float = 120.0,
        access_token: str | None = None,
        check: Callable[[Mapping[str, Any]], None] = lambda _: None,
        before_put: Callable[[Intent], None] = lambda _: None,
        maker: str | None = None,
    ) -> None:
        self.org = org
        self.intents: list[Intent] = []
        self.merges: list[tuple[int, int]] = []
        self.given_up: list[Overlap] = []
        self.notices: list[Notice] = []
        self.pace = Pace(deadline, clock=org.clock, random=lambda: 0.5, observe=self.notices.append)
        self._before_put = before_put
        token = SecretStr(access_token) if access_token else None
        access = Org("fake", API, LOGIN, CLIENT_ID, SecretStr("secret"), token)
        self.session = connect(access, Network(), self.pace, transport=org)
        org.interrupt, org.left = self.interrupt, self.pace.left
        base = Rule(RULE_ID, org.rule["version"], copy.deepcopy(org.rule))
        self.updater = Updater(
            self.session,
            kind,
            base,
            {**kind.content(base.data), **(wanted or {"priority": 60})},
            pace=self.pace,
            policy=policy or Policy(),
            hooks=Hooks(self._intend, check, self._merged, lambda _: Evidence(CLIENT_ID, lambda: maker)),
        )

    def interrupt(self, signum: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.org.story.append("signal")
        self.pace.interrupt(signum)

    def _intend(self, intent: Intent) -> None:
        self.intents.append(intent)
        self.org.story.append(f"intent@{intent.base.version}")
        self._before_put(intent)

    def _merged(self, was: Rule, present: Rule, overlaps: tuple[Overlap, ...]) -> None:
        self.merges.append((was.version, present.version))
        self.given_up += overlaps

    def run(self) -> Landed:
        """Run it, and check what holds for every run: no PUT without an intent of its own just before."""
        self.session.client.get("/warm-up")  # a token is there, as after the reading that precedes an update
        try:
            return self.updater.run()
        finally:
            with self.org.lock:
                self._check_intents()

    def outcome(self) -> Landed | EbruleError:
        """Run it, and return how it ended."""
        try:
            return self.run()
        except EbruleError as error:
            return error

    @property
    def story(self) -> str:
        """What happened, in order."""
        return " ".join(self.org.story)

    def _check_intents(self) -> None:
        events = [event for event in self.org.story if event.startswith(("intent", "PUT"))]
        for before, event in zip(["", *events], events, strict=False):
            assert not event.startswith("PUT") or before == event.replace("PUT", "intent")
        sent = [
            intent for intent, event in zip(self.intents, self._fates(events), strict=True) if event.startswith("PUT")
        ]
        said = [{**intent.wanted, "version": intent.base.version} for intent in sent]
        assert [json.loads(body) for body in self.org.bodies] == said
        assert self.updater.attempts == len(sent)
        assert list(range(1, len(sent) + 1)) == [intent.attempt for intent in sent]

    @staticmethod
    def _fates(events: list[str]) -> list[str]:
        """Return what followed each intent."""
        return [after for event, after in zip(events, [*events[1:], ""], strict=True) if event[0] == "i"]
