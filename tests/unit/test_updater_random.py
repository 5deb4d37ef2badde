"""The updater under random scripts of faults, others' edits and signals, with the org's own log as judge."""

from __future__ import annotations

import itertools
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ebrule.core.policy import Policy
from ebrule.core.reply import NotSentError
from ebrule.core.updater import Landed
from ebrule.errors import EbruleError, ExitCode, UnknownOutcomeError
from ebrule.rules.diff import Change, diff
from ebrule.rules.equivalence import equivalent
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.merge import contains_changes
from fake_org import (
    FakeOrg,
    Step,
    Update,
    after,
    after_landing,
    answers,
    applied,
    demo_rule,
    fails,
    hangs,
    lags,
    late,
    lost,
    ordinary,
    shows,
    signalled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEADLINE = 60.0
MAX_ATTEMPTS = 6
UNTOUCHED = {
    ExitCode.INVALID, ExitCode.ACCESS, ExitCode.CONFLICT, ExitCode.NOT_FOUND, ExitCode.UNAVAILABLE,
    ExitCode.LEDGER, ExitCode.SIGINT,
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A part of a script that a failing example can be read by."""

    name: str
    make: Callable[..., Any]

    def __repr__(self) -> str:
        """Return the name alone."""
        return self.name


UNCLEAR = [
    Named("lost", lambda: lost),
    Named("hangs", lambda: hangs),
    Named("503", lambda: answers(503)),
    Named("503 wait 2", lambda: answers(503, retry_after="2")),
    Named("204", lambda: answers(204)),
    Named("303", lambda: answers(303)),
    Named("two steps on", lambda: answers(200, demo_rule(priority=60, version=99))),
]
CLEAR = [
    Named("429", lambda: answers(429)),
    Named("429 wait 3", lambda: answers(429, retry_after="3")),
    Named("429 wait 99", lambda: answers(429, retry_after="99")),
    Named("401", lambda: answers(401)),
    Named("403", lambda: answers(403)),
    Named("404", lambda: answers(404)),
    Named("422", lambda: answers(422)),
    Named("409", lambda: answers(409)),
    Named("not sent", lambda: fails(NotSentError("no route"))),
]
READINGS = [
    Named("lags", lambda: shows(6)),
    Named("lags by one", lags),
    Named("lags by two", lambda: lags(2)),
    Named("base again", lambda: shows(7, **{k: v for k, v in demo_rule().items() if k != "version"})),
    Named("GET 404", lambda: answers(404)),
    Named("GET lost", lambda: lost),
    Named("GET 503 wait 2", lambda: answers(503, retry_after="2")),
]
ORDINARY = Named("ordinary", lambda: ordinary)
EFFECTS = [Named("applied", applied), Named("late", late), Named("dropped", lambda then: then)]
EDITS: list[Named] = [
    Named("disjoint", lambda n: {f"field{n}": n}),
    Named("overlap", lambda n: {"priority": 70 + n}),
    Named("undo", lambda _: {"priority": 50}),
    Named("same", lambda _: {"priority": 60}),
]

unclear = st.tuples(st.sampled_from(EFFECTS), st.sampled_from(UNCLEAR))
clear = st.tuples(st.just(EFFECTS[2]), st.sampled_from(CLEAR))
put_core = st.one_of(unclear, unclear, clear, st.just((EFFECTS[2], ORDINARY)))
get_core = st.one_of(st.just((EFFECTS[2], ORDINARY)), st.tuples(st.just(EFFECTS[2]), st.sampled_from(READINGS)))
edits: st.SearchStrategy[list[Named]] = st.one_of(st.just([]), st.lists(st.sampled_from(EDITS), max_size=2))


def steps(core: st.SearchStrategy[Any], *, signals: bool) -> st.SearchStrategy[list[Any]]:
    """Return scripts: what lands and who edits before a request, what becomes of it, and signals."""
    patience = st.sampled_from([0, 0, 0, 0, 1, 2]) if signals else st.just(0)
    return st.lists(st.tuples(st.booleans(), edits, core, patience), max_size=7)


def built(script: list[Any], first: int) -> tuple[Step, ...]:
    """Turn a script into steps; disjoint edits are numbered on from ``first``, so that each can be told."""
    made: list[Step] = []
    number = first
    for lands, others, (effect, answer), signals in script:
        step: Step = effect.make(answer.make())
        step = signalled(step, times=signals) if signals else step
        fields: list[Mapping[str, Any]] = [edit.make(number + n) for n, edit in enumerate(others)]
        number += len(others)
        step = after(*fields, then=step)
        made.append(after_landing(step) if lands else step)
    return tuple(made)


def judge(update: Update, outcome: Landed | EbruleError) -> None:
    """Hold how an update ended against the org's own log, also of what lands only afterwards."""
    org, ours = update.org, update.org.ours
    assert len(ours) <= 1, "our change was applied twice"
    for before, line in zip(org.log, org.log[1:], strict=False):
        if line.by_us:
            changes = diff(EVENTBRIDGE.shape, before.content, line.content)
            assert [Change("priority", before.data["priority"], 60)] == changes
    if isinstance(outcome, Landed):
        shown = next(line for line in org.log if line.version == outcome.rule.version)
        assert shown.data["priority"] == 60
        assert outcome.changed or not ours
        assert outcome.rule.data == shown.data
    elif not isinstance(outcome, UnknownOutcomeError):
        assert outcome.exit_code in UNTOUCHED
        assert not ours, f"{outcome!r}, and it was applied"


def run(
    puts: list[Any],
    gets: list[Any],
    policy: Policy,
    sleeping: list[int],
    *,
    judge: Callable[[Update, Landed | EbruleError], None] = judge,
    wanted: Mapping[str, Any] | None = None,
    **org_options: Any,
) -> tuple[Update, Landed | EbruleError]:
    """Run an update under a script, and hold it to its limits."""
    org = FakeOrg(puts=built(puts, 100), gets=built(gets, 200), **org_options)
    update = Update(org, policy=policy, deadline=DEADLINE, wanted=wanted)
    began = org.clock.monotonic()
    sleeps = itertools.count()

    def wake() -> None:
        if next(sleeps) in sleeping:
            org.interrupt(signal.SIGINT)

    org.clock.during_sleep = wake
    outcome = update.outcome()
    event(type(outcome).__name__)
    with org.lock:
        assert began + DEADLINE + 0.1 >= org.clock.monotonic()
        assert len(org.bodies) <= policy.max_attempts
        if not update.pace.interrupted:
            assert org.too_early == []
        org.land()
        judge(update, outcome)
    return update, outcome


policies = st.sampled_from(
    [
        Policy(max_attempts=MAX_ATTEMPTS),
        Policy("overwrite", MAX_ATTEMPTS),
        Policy("fail", MAX_ATTEMPTS),
        Policy(max_attempts=MAX_ATTEMPTS, pinned=True),
    ]
)
many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(steps(put_core, signals=False), steps(get_core, signals=False), policies)
def test_the_outcome_never_lies(puts: list[Any], gets: list[Any], policy: Policy) -> None:
    """Whatever becomes of requests and whoever edits meanwhile, the outcome agrees with the org's own log."""
    update, outcome = run(puts, gets, policy, [])

    unclear_names = {part.name for part in UNCLEAR}
    if isinstance(outcome, UnknownOutcomeError):
        assert any(answer.name in unclear_names for _, _, (_, answer), _ in puts)
    if isinstance(outcome, Landed) and policy.on_conflict == "fail" and outcome.changed:
        assert update.merges == []


@many
@given(
    steps(put_core, signals=True),
    steps(get_core, signals=True),
    policies,
    st.lists(st.integers(0, 4), max_size=2),
)
def test_a_signal_never_makes_the_outcome_lie(
    puts: list[Any], gets: list[Any], policy: Policy, sleeping: list[int]
) -> None:
    """With signals at any moment too, an update that says that it changed nothing did not, and never will."""
    run(puts, gets, policy, sleeping)


# --- an org that stores what it likes ---------------------------------------------------------------------------


def trimmed(value: Any) -> Any:
    """Take the blanks off every text's ends."""
    if isinstance(value, dict):
        return {name: trimmed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [trimmed(item) for item in value]
    return value.strip() if isinstance(value, str) else value


NORMALISERS: list[Named] = [
    Named("trims", trimmed),
    Named("drops what is empty", lambda rule: {name: value for name, value in rule.items() if value not in (None, "")}),
    Named("adds a default", lambda rule: {"category": "default", **rule}),
    Named("sorts conditions", lambda rule: {**rule, "conditions": sorted(rule["conditions"], key=str)}),
    Named("lower-cases", lambda rule: {**rule, "description": rule.get("description", "").lower()}),
    Named("ignores the description", lambda rule: {**rule, "description": "What it is for"}),
    Named("ignores the priority", lambda rule: {**rule, "priority": 50}),
    Named("cuts", lambda rule: {**rule, "description": rule.get("description", "")[:3]}),
]
WANTED: list[dict[str, Any]] = [
    {"priority": 60},
    {"priority": 60, "description": " New "},
    {"description": "What it is for "},
    {"description": "", "owner": None},
    {"priority": 60, "conditions": [{"field": "b", "operator": "x", "value": 1}, {"field": "a", "operator": "x"}]},
]


def stores(chosen: list[Named]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return an org's way to store: some normalisers, one after the other."""

    def store(rule: dict[str, Any]) -> dict[str, Any]:
        for normaliser in chosen:
            rule = normaliser.make(rule)
        return rule

    return store


def judge_normalised(update: Update, outcome: Landed | EbruleError) -> None:
    """Hold an outcome against the log of an org that stores differently than sent.

    A PUT that the org undid as it stored it cannot be told from another writer's that changed nothing.
    """
    org, kind = update.org, EVENTBRIDGE
    before = dict(zip((line.version for line in org.log[1:]), org.log, strict=False))
    visible = [line for line in org.ours if not equivalent(kind.shape, line.content, before[line.version].content)]
    assert len(visible) <= 1, "our change was applied twice"
    if isinstance(outcome, UnknownOutcomeError):
        return
    if not isinstance(outcome, Landed):
        assert outcome.exit_code in UNTOUCHED
        assert not visible, f"{outcome!r}, and it was applied"
    elif outcome.changed:
        made = next(line for line in org.log if line.version == outcome.made_version)
        # Another writer's same change, in that version or in one that was seen after it, cannot be told from ours.
        was, wanted = before[made.version].content, update.updater.wanted
        since = [line for line in org.log if made.version <= line.version <= outcome.rule.version]
        assert made.by_us or any(contains_changes(kind.shape, was, wanted, line.content) for line in since)
        assert not outcome.latency_ms or made.by_us
        assert all(line is made for line in visible)
    else:
        assert not visible, "called unchanged, and it was applied"


@many
@given(
    steps(put_core, signals=False),
    steps(get_core, signals=False),
    policies,
    st.sampled_from(WANTED),
    st.builds(
        lambda normalisers, echoes, authors: {"stores": stores(normalisers), "echoes": echoes, "authors": authors},
        st.lists(st.sampled_from(NORMALISERS), max_size=3),
        st.booleans(),
        st.booleans(),
    ),
)
def test_an_org_that_stores_differently_never_makes_the_outcome_lie(
    puts: list[Any],
    gets: list[Any],
    policy: Policy,
    wanted: dict[str, Any],
    manners: dict[str, Any],
) -> None:
    """Whatever the org makes of a body, whatever gets lost and whoever edits, the outcome agrees with the org's log."""
    rule = manners["stores"](demo_rule())  # an org has stored what is there in its own way, too
    run(puts, gets, policy, [], judge=judge_normalised, wanted=wanted, rule=rule, **manners)


@pytest.mark.parametrize("writers", [2, 5])
def test_writers_that_take_turns_lose_nothing(writers: int) -> None:
    """Updates of different fields meet those before them as conflicts, and all are in the rule."""
    org = FakeOrg()
    updates = [Update(org, wanted={f"ours{number}": number}) for number in range(writers)]
    for update in updates:
        update.session.client.get("/warm-up")
        update.updater.run()

    assert list(range(writers)) == [org.rule[f"ours{number}"] for number in range(writers)]
    assert [0, *[1] * (writers - 1)] == [update.updater.conflicts for update in updates]
