"""The updater where a PUT's fate is not clear: it finds out before it goes on, or says that it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ebrule.core.notices import AskingBack
from ebrule.core.policy import Policy
from ebrule.core.reply import BrokenError, NotSentError
from ebrule.errors import (
    AccessError,
    ConflictError,
    LedgerError,
    Overlap,
    UnknownOutcomeError,
    VersionGoneError,
)
from ebrule.rules.eventbridge import EVENTBRIDGE
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
)

DISJOINT = {"name": "Theirs"}
OVERLAPPING = {"priority": 70}
UNDONE = {"priority": 50}
RANDOM_STEPS = EVENTBRIDGE._replace(version_increments_by_one=False)

UNCLEAR: dict[str, Step] = {
    "empty": answers(200, b""),
    "204": answers(204),
    "no JSON": answers(200, b"<html>"),
    "cut short": answers(200, json.dumps(demo_rule(priority=60, version=8)).encode()[:-9]),
    "no object": answers(200, [1]),
    "no version": answers(200, {"priority": 60}),
    "a version that is no number": answers(200, demo_rule(priority=60, version="8")),
    "a version that is true": answers(200, demo_rule(priority=60, version=True)),
    "the base's version": answers(200, demo_rule(priority=60, version=7)),
    "an older version": answers(200, demo_rule(priority=60, version=6)),
    "another rule": answers(200, demo_rule(priority=60, version=8, id="other")),
    "too large": fails(BrokenError("the reply is larger than 1,048,576 bytes")),
    "a version two steps on": answers(200, demo_rule(priority=60, version=9)),
    **{str(status): answers(status) for status in (303, 408, 500, 502, 503, 504, 599, 100, 999)},
    "broken connection": lost,
    "no answer": hangs,
}


def unknown(update: Update) -> UnknownOutcomeError:
    """Run an update that must end without being known."""
    with pytest.raises(UnknownOutcomeError) as caught:
        update.run()
    assert "it is not known whether demo-rule was updated" in caught.value.message
    assert "ebrule audit resolve" in str(caught.value.hint)
    return caught.value


# --- what makes a fate unclear ------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", UNCLEAR.values(), ids=UNCLEAR)
def test_an_unclear_answer_to_an_applied_put_is_settled_by_reading(answer: Step) -> None:
    """However the answer gets lost, an applied PUT is found in the rule, and not sent a second time."""
    update = Update(FakeOrg(puts=(applied(answer),)))
    landed = update.run()

    assert update.story == "intent@7 PUT@7 GET"
    assert (
        landed.changed, landed.confirmed, landed.latency_ms, landed.rule.version,
    ) == (True, True, None, 8)  # fmt: skip
    assert len(update.org.ours) == 1
    assert any(isinstance(notice, AskingBack) for notice in update.notices)


@pytest.mark.parametrize("answer", UNCLEAR.values(), ids=UNCLEAR)
def test_an_unclear_answer_to_a_put_that_was_not_applied_is_followed_by_the_same_put(answer: Step) -> None:
    """While the rule has the base version, the same body goes out again: the lock admits it at most once."""
    update = Update(FakeOrg(puts=(answer,)))

    assert ((landed := update.run()).changed, landed.confirmed) == (True, False)
    assert update.story == "intent@7 PUT@7 GET intent@7 PUT@7"
    assert (len(update.org.ours), len(set(update.org.bodies))) == (1, 1)


@pytest.mark.parametrize("answer", UNCLEAR.values(), ids=UNCLEAR)
def test_an_unclear_put_that_lands_later_is_not_applied_twice(answer: Step) -> None:
    """A PUT that was still on its way makes the second one stale, which is then known as our own echo."""
    update = Update(FakeOrg(puts=(late(answer), after_landing())))

    assert ((landed := update.run()).changed, landed.confirmed) == (True, True)
    assert update.story == "intent@7 PUT@7 GET intent@7 PUT@7 GET"
    assert (len(update.org.ours), update.updater.conflicts, update.merges) == (1, 0, [])


@pytest.mark.parametrize("status", [408, 500, 503])
def test_the_org_may_say_when_to_ask_back(status: int) -> None:
    """After an error with a Retry-After nothing is asked before its time."""
    update = Update(FakeOrg(puts=(applied(answers(status, retry_after="4")),)))

    assert update.run().confirmed
    assert (update.org.clock.sleeps, update.org.too_early) == ([4.5], [])


def test_a_wait_past_the_deadline_leaves_the_fate_unknown() -> None:
    """Told to wait for too long after an unclear PUT, an update cannot say that nothing was changed."""
    update = Update(FakeOrg(puts=(answers(503, retry_after="3600"),)))

    assert "the next try may come in 3600 s" in unknown(update).message
    assert update.story == "intent@7 PUT@7"


# --- 1: not applied yet -------------------------------------------------------------------------------------


def test_a_put_that_is_never_answered_stays_unknown() -> None:
    """With every attempt spent on the same PUT, the first one may still land: unknown, not unavailable."""
    update = Update(FakeOrg(puts=(lost,) * 9), policy=Policy(max_attempts=3))
    error = unknown(update)

    assert "3 attempts were not enough" in error.message
    assert update.story == "intent@7 PUT@7 GET intent@7 PUT@7 GET intent@7 PUT@7 GET"


def test_a_deadline_leaves_it_unknown() -> None:
    """With the deadline over while a PUT may still land, the fate is unknown, and no time is overrun."""
    update = Update(FakeOrg(puts=(hangs,) * 9), deadline=50.0)
    began = update.org.clock.monotonic()
    unknown(update)

    assert began + 50.0 >= update.org.clock.monotonic()


@pytest.mark.parametrize("step", [answers(429), answers(401), fails(NotSentError("no route")), answers(409)])
def test_a_clear_answer_to_a_later_put_clears_nothing(step: Step) -> None:
    """After an unclear PUT, a later one that was surely not applied changes nothing about the first."""
    update = Update(FakeOrg(puts=(late(lost), step, after_landing())))

    assert ((landed := update.run()).changed, landed.confirmed) == (True, True)
    assert len(update.org.ours) == 1


def test_a_ledger_that_fails_on_the_second_put_leaves_it_unknown() -> None:
    """An intent that cannot be recorded stops the second PUT, and does not hide that the first may land."""

    def full(intent: Any) -> None:
        if intent.attempt == 2:
            raise LedgerError("the disk is full")

    update = Update(FakeOrg(puts=(lost,)), before_put=full)

    assert "the disk is full" in unknown(update).message
    assert update.story == "intent@7 PUT@7 GET intent@7"


# --- 2 and 3: it is live ------------------------------------------------------------------------------------


@pytest.mark.parametrize("edits", [(), (DISJOINT,), (DISJOINT, {"owner": None}, {"status": "disabled"})])
def test_a_change_that_is_live_has_landed(edits: tuple[dict[str, Any], ...]) -> None:
    """Our change in a newer version means that it is live, whatever others changed beside it since."""
    update = Update(FakeOrg(puts=(applied(lost),), gets=(after(*edits),)))
    landed = update.run()

    assert (True, True, 8 + len(edits)) == (landed.changed, landed.confirmed, landed.rule.version)
    assert landed.made_version == 8
    assert len(update.org.bodies) == 1


# --- 4: somebody else took the step -------------------------------------------------------------------------


def test_a_step_that_somebody_else_took_frees_the_update() -> None:
    """The next version without our change proves that the PUT can never land: the ordinary merge follows."""
    update = Update(FakeOrg(puts=(late(lost),), gets=(after(DISJOINT),)))
    landed = update.run()
    update.org.land()

    assert update.story == "intent@7 PUT@7 GET edit intent@8 PUT@8"
    assert (landed.changed, landed.confirmed, update.merges) == (True, False, [(7, 8)])
    assert (update.org.rule["name"], update.org.rule["priority"], len(update.org.ours)) == ("Theirs", 60, 1)


@pytest.mark.parametrize(
    ("policy", "edit", "kind"),
    [
        (Policy(), {**OVERLAPPING, "name": "Theirs"}, ConflictError),
        (Policy(on_conflict="fail"), DISJOINT, ConflictError),
        (Policy(pinned=True), DISJOINT, VersionGoneError),
    ],
    ids=["overlap", "fail", "pinned"],
)
def test_a_freed_update_ends_as_any_conflict(policy: Policy, edit: dict[str, Any], kind: type) -> None:
    """Once it is clear that nothing was applied, a conflict is a conflict."""
    update = Update(FakeOrg(puts=(late(lost),), gets=(after(edit),), authors=True), policy=policy)
    error = update.outcome()
    update.org.land()

    assert (kind, []) == (type(error), update.org.ours)


def test_a_freed_update_may_become_unclear_again() -> None:
    """The second PUT, onto the newer version, is held to the same rules as the first."""
    update = Update(FakeOrg(puts=(lost, applied(lost)), gets=(after(DISJOINT), after({"extra": 1}))))
    landed = update.run()

    assert update.story == "intent@7 PUT@7 GET edit intent@8 PUT@8 GET edit"
    assert (landed.confirmed, landed.rule.version, len(update.org.ours)) == (True, 10, 1)


# --- 5: ours, stored differently, or somebody else's --------------------------------------------------------


def trimmed(rule: dict[str, Any]) -> dict[str, Any]:
    """Store the description without blanks at its ends."""
    return {**rule, "description": rule["description"].strip()}


@pytest.mark.parametrize("wanted", [{"description": " New "}, {"description": " New ", "priority": 60}])
@pytest.mark.parametrize("authors", [False, True])
def test_a_change_that_is_stored_differently_is_not_called_a_conflict(authors: bool, wanted: dict[str, Any]) -> None:
    """The answer lost, and the next version neither as before nor as sent: unknown, and both are told."""
    update = Update(FakeOrg(puts=(applied(lost),), stores=trimmed, authors=authors), wanted=wanted)
    error = unknown(update)

    assert (Overlap("description", "What it is for", " New ", "New"),) == error.overlaps
    assert "either the org stores these changes differently" in error.message
    assert (len(update.org.bodies), len(update.org.ours)) == (1, 1)


def test_a_change_that_is_half_there_is_not_claimed() -> None:
    """One changed field as sent and another as before: the org may ignore the one, or somebody made the other."""
    wanted = {"description": "New", "priority": 60}
    stores = lambda rule: {**rule, "description": "What it is for"}  # noqa: E731 - what this org does
    error = unknown(Update(FakeOrg(puts=(applied(lost),), stores=stores), wanted=wanted))

    assert (Overlap("description", "What it is for", "New", "What it is for"),) == error.overlaps


def test_a_version_that_names_its_author_is_somebody_elses() -> None:
    """Where the org says that another client made the next version, ours was not applied: a conflict is told as one."""
    update = Update(FakeOrg(puts=(lost,), gets=(after(OVERLAPPING),), authors=True))
    error = update.outcome()

    assert isinstance(error, ConflictError)
    assert (Overlap("priority", 50, 60, 70),) == error.overlaps


def test_a_version_that_the_ledger_knows_the_maker_of_is_not_ours() -> None:
    """Where the ledger says which other operation made the next version, the update goes on from there."""
    update = Update(FakeOrg(puts=(lost,), gets=(after(DISJOINT, {"priority": 50}),)), maker="another operation")

    assert update.run().made_version == 10
    assert update.merges == [(7, 9)]


def test_an_org_that_undoes_what_it_is_sent_does_not_make_versions_without_end() -> None:
    """A second version in which nothing changed ends the update: the org may undo whatever is sent."""
    stores = lambda rule: {**rule, "description": "What it is for"}  # noqa: E731 - what this org does
    update = Update(FakeOrg(puts=(applied(lost),) * 9, stores=stores), wanted={"description": "New"})
    unknown(update)

    assert len(update.org.bodies) == 2


def test_where_versions_jump_the_next_one_proves_nothing() -> None:
    """Where versions need not grow by one, the next one without our change leaves the fate unknown."""
    update = Update(FakeOrg(puts=(lost,), gets=(after(OVERLAPPING),)), kind=RANDOM_STEPS)

    assert (Overlap("priority", 50, 60, 70),) == unknown(update).overlaps
    assert len(update.org.bodies) == 1


# --- 5: it may have landed and been undone ------------------------------------------------------------------


@pytest.mark.parametrize("edits", [(UNDONE,), (DISJOINT, UNDONE), (OVERLAPPING,)])
def test_a_change_that_was_undone_is_not_made_again(edits: tuple[dict[str, Any], ...]) -> None:
    """Our change landed and somebody undid it: it is not put over theirs again, and the fate is unknown."""
    update = Update(FakeOrg(puts=(applied(lost),), gets=(after(*edits),)))
    unknown(update)

    assert (len(update.org.bodies), len(update.org.ours)) == (1, 1)


def test_two_steps_by_others_look_the_same() -> None:
    """Two versions on without our change, it may or may not have been there in between."""
    update = Update(FakeOrg(puts=(lost,), gets=(after(DISJOINT, {"extra": 1}),)))

    assert "moved on (7 → 9)" in unknown(update).message
    assert (len(update.org.bodies), update.org.ours) == (1, [])


# --- 6: nothing can be told ---------------------------------------------------------------------------------


def test_an_old_state_is_read_again() -> None:
    """A state older than the base comes from a replica that lags: it is read again."""
    update = Update(FakeOrg(puts=(applied(lost),), gets=(shows(6), shows(5), shows(6))))

    assert update.run().confirmed
    assert (update.story, update.org.clock.sleeps) == ("intent@7 PUT@7 GET GET GET GET", [0.1, 0.2, 0.4])


def test_a_state_older_than_one_that_was_seen_is_read_again() -> None:
    """A replica that shows the base after a newer version was seen lags: nothing is done on its word."""
    gets = (after(DISJOINT), lags(), lags(), ordinary)
    update = Update(FakeOrg(puts=(lost, applied(lost)), gets=gets))

    assert update.run().made_version == 9
    assert len(update.org.ours) == 1


@pytest.mark.parametrize("behind", range(1, 6))
def test_a_replica_that_lags_is_outwaited(behind: int) -> None:
    """While a replica still shows the base, the same body goes out again, and the lock admits it once."""
    update = Update(FakeOrg(puts=(applied(lost),), gets=(lags(),) * behind))

    assert (update.run().made_version, len(update.org.ours)) == (8, 1)


def test_an_old_state_that_stays_tells_nothing() -> None:
    """After three more readings of an old state the fate is unknown, without a wait for nothing."""
    update = Update(FakeOrg(puts=(applied(lost),), gets=(shows(6),) * 4))

    assert "version 6, older than version 7" in unknown(update).message
    assert update.org.clock.sleeps == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    "answer",
    [answers(404), answers(403), answers(400), answers(500), answers(200, b"<html>"), lost],
    ids=["404", "403", "400", "500", "no rule", "broken"],
)
def test_a_reading_that_fails_tells_nothing(answer: Step) -> None:
    """Where the rule cannot be read after an unclear PUT, the fate is unknown, whatever the reason."""
    update = Update(FakeOrg(puts=(lost,), gets=(answer,) * 3))
    unknown(update)

    assert len(update.org.bodies) == 1


def test_an_unknown_fate_has_the_reference_of_what_prevented_the_answer() -> None:
    """The org's reference for the reply that left it open goes into the error."""
    error = unknown(Update(FakeOrg(puts=(lost,), gets=(answers(403),))))

    assert (403, "c-1", AccessError) == (error.http_status, error.correlation_id, type(error.__cause__))


# --- a refusal after an unclear PUT -------------------------------------------------------------------------

REFUSALS = [400, 403, 404, 405, 422]


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_after_an_unclear_put_that_landed(status: int) -> None:
    """The first PUT landed after all: the second one's refusal is no matter."""
    update = Update(FakeOrg(puts=(late(lost), after_landing(answers(status)))))

    assert (update.run().confirmed, len(update.org.ours)) == (True, 1)


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_after_an_unclear_put_that_may_still_land(status: int) -> None:
    """While the first PUT may still land, a refusal of the second does not mean that nothing was changed."""
    update = Update(FakeOrg(puts=(lost, answers(status, {"message": "no"}))))
    error = unknown(update)

    assert (status, "intent@7 PUT@7 GET intent@7 PUT@7 GET") == (error.http_status, update.story)


def test_a_refusal_after_an_unclear_put_that_can_never_land() -> None:
    """Somebody else took the step after the refusal: the update starts over, and its own answer counts."""
    update = Update(
        FakeOrg(puts=(lost, answers(403), answers(403)), gets=(ordinary, after(DISJOINT))), access_token="t"
    )

    assert AccessError is type(update.outcome())
    assert (update.story[-18:], update.org.ours) == ("intent@8 PUT@8 GET", [])


def test_a_stale_answer_after_an_unclear_put_may_say_when_to_come_back() -> None:
    """A Retry-After on a 409 is honoured here too."""
    update = Update(FakeOrg(puts=(lost, after(DISJOINT, then=answers(409, retry_after="3")))))

    assert update.run().changed
    assert (update.org.clock.sleeps, update.org.too_early) == ([0.1, 3.5], [])


def test_a_refusal_is_forgotten_with_the_put_that_it_followed() -> None:
    """Once the update starts over, an old refusal does not keep a new unclear PUT from being sent again."""
    update = Update(FakeOrg(puts=(lost, answers(403), lost), gets=(ordinary, after(DISJOINT))))

    assert (update.run().rule.version, len(update.org.ours)) == (9, 1)
    assert update.story.endswith("GET edit intent@8 PUT@8 GET intent@8 PUT@8")
