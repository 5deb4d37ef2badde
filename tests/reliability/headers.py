"""Promise 8: never ask again before the server allows it, never run past the deadline. On a clock that jumps.

Each case is a run whose server answers 429 a few times, with a ``Retry-After`` of some form, to the PUT of
the updater or to a GET. The case knows by itself what the header asks for; ebrule's reading of it is what
is judged.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from clocks import NOON, FakeClock, ScriptedTransport, reply
from ebrule.core.auth import connect
from ebrule.core.fetcher import fetch_rule
from ebrule.core.pace import Pace
from ebrule.core.policy import Policy
from ebrule.core.updater import Hooks, Updater
from ebrule.errors import EbruleError, UnavailableError
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Rule
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from ebrule.core.reply import Reply, Request

DEADLINES: Final = (5.0, 30.0, 120.0, 3600.0)
_ORG: Final = Org("fake", "https://api.example.com", "https://login.example.com", access_token=SecretStr("token"))
_RULE: Final = {"id": "demo-rule", "version": 7, "name": "Demo", "priority": 50}
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOO_MANY: Final = 429


@dataclass
class Measured:
    """Headers in all, how the runs ended, and the requests that were too early or too late."""

    headers: int = 0
    waited_out: int = 0
    given_up: int = 0
    early: int = 0
    late: int = 0
    findings: list[str] = field(default_factory=list)


@dataclass
class _Case:
    """One run's server. ``not_before`` is the moment, in the clock's seconds, up to which it said to wait."""

    chance: random.Random
    clock: FakeClock
    measured: Measured
    refusals: int
    not_before: float = 0.0
    asked: str = ""

    def answer(self, request: Request) -> Reply:
        now = self.clock.monotonic()
        if now < self.not_before:
            self.measured.early += 1
            self.measured.findings.append(f"{request.method} at {now}, not before {self.not_before}: {self.asked}")
        if self.refusals == 0:
            version = 8 if request.method == "PUT" else 7
            return reply(200, {**_RULE, "priority": 60 if request.method == "PUT" else 50, "version": version})
        self.refusals -= 1
        headers, seconds = _retry_after(self.chance, self.clock.now())
        self.measured.headers += 1
        self.not_before, self.asked = now + seconds, repr(headers)
        return reply(_TOO_MANY, {"code": "too.many.requests.retry.after"}, **headers)


def _retry_after(chance: random.Random, now: datetime) -> tuple[dict[str, str], float]:
    """Return headers, and the seconds that they ask for: 0 where they say nothing usable."""
    seconds = chance.choice([0, 1, chance.randrange(2, 10), chance.randrange(10, 200), chance.randrange(10**4)])
    form = chance.choice(["number", "number", "date", "date", "date", "nothing"])
    if form == "number":
        zeros, space = "0" * chance.choice([0, 0, 3]), chance.choice(["", " ", "\t"])
        return {"retry_after": f"{space}{zeros}{seconds}{space}"}, float(seconds)
    if form == "date":
        skewed = now + timedelta(seconds=chance.randrange(-90_000, 90_000))
        # A date has whole seconds; without one in the reply, the client's own clock is the measure.
        since = (skewed if chance.random() < 0.8 else now).replace(microsecond=0)
        until = _date(chance, since + timedelta(seconds=seconds))
        if since == skewed.replace(microsecond=0):
            return {"retry_after": until, "date": _date(chance, since)}, float(seconds)
        return {"retry_after": until}, max(0.0, (since + timedelta(seconds=seconds) - now).total_seconds())
    past = _date(chance, now - timedelta(seconds=chance.randrange(1, 10**6)))
    junk = [
        "",
        "-5",
        "1.5",
        "+3",
        "soon",
        "1 2",
        "0x10",
        "1e3",
        "\u0663",
        "\uff16\uff10",
        "Thu, 01 Jan 2026",
        past,
        "\x00",
        "5,",
    ]
    return {"retry_after": chance.choice(junk), "date": _date(chance, now)}, 0.0


def _date(chance: random.Random, at: datetime) -> str:
    """Write a moment in one of the three forms that RFC 9110 knows."""
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return chance.choice(
        [
            f"{day[:3]}, {at:%d} {month} {at:%Y %H:%M:%S} GMT",
            f"{day}, {at:%d}-{month}-{at:%y %H:%M:%S} GMT",
            f"{day[:3]} {month} {at.day:2} {at:%H:%M:%S %Y}",
        ]
    )


def measure(seed: int, *, headers: int) -> Measured:
    """Run cases until so many headers were answered."""
    chance = random.Random(seed)  # noqa: S311 - repeatable by intent
    measured = Measured()
    while measured.headers < headers:
        _one_run(chance, measured, most=headers - measured.headers)
    return measured


def _one_run(chance: random.Random, measured: Measured, most: int) -> None:
    clock = FakeClock(NOON + timedelta(seconds=chance.random()))
    case = _Case(chance, clock, measured, refusals=min(chance.randrange(1, 4), most))
    deadline = chance.choice(DEADLINES)
    pace = Pace(deadline, clock=clock, random=chance.random)
    transport = ScriptedTransport(otherwise=case.answer)
    try:
        with connect(_ORG, Network(), pace, transport=transport) as session:
            if chance.random() < 0.5:
                fetch_rule(session.reader, EVENTBRIDGE, "demo-rule")
            else:
                base, wanted = Rule("demo-rule", 7, _RULE), {"name": "Demo", "priority": 60}
                hooks = Hooks(lambda _: None)
                Updater(session, EVENTBRIDGE, base, wanted, pace=pace, policy=Policy(), hooks=hooks).run()
        measured.waited_out += 1
    except EbruleError as error:
        measured.given_up += 1
        _judge_refusal(error, case, deadline)
    if clock.monotonic() > deadline:
        measured.late += 1
        measured.findings.append(f"ended after {clock.monotonic()} of {deadline} s: {case.asked}")


def _judge_refusal(error: EbruleError, case: _Case, deadline: float) -> None:
    """A run gives up only for a wait that does not fit, and names a time that is not too early."""
    measured = case.measured
    named = re.search(r"at (\S+Z) or later", error.hint or "")
    if error.code == "past-deadline" and case.not_before - case.clock.monotonic() < 1:
        return  # less than a second is not worth naming a time
    if not isinstance(error, UnavailableError) or error.code != "past-deadline" or named is None:
        measured.findings.append(f"{error.code}: {error.message}")
        return
    earliest = datetime.strptime(named[1], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    allowed = case.clock.now() + timedelta(seconds=case.not_before - case.clock.monotonic())
    if earliest < allowed:
        measured.early += 1
        measured.findings.append(f"names {earliest}, not before {allowed}: {case.asked}")
    if case.not_before + 1 < deadline:
        measured.findings.append(f"gave up although {case.not_before} s fits into {deadline} s: {case.asked}")


def summary(measured: Measured) -> dict[str, Any]:
    """Return the counts, for a table."""
    return {name: value for name, value in vars(measured).items() if name != "findings"}
