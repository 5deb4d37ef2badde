"""The updater when the user wants it to stop: 130 and 143 mean that nothing was changed, ever."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from ebrule.core.pace import GRACE_SECONDS
from ebrule.core.policy import Policy
from ebrule.errors import (
    AccessError,
    ConflictError,
    EbruleError,
    InterruptedRunError,
    UnknownOutcomeError,
)
from fake_org import (
    FakeOrg,
    Step,
    Update,
    after,
    after_landing,
    answers,
    applied,
    late,
    lost,
    ordinary,
    signalled,
)

if TYPE_CHECKING:
    from ebrule.core.updater import Intent

DISJOINT = {"name": "Theirs"}


def untouched(update: Update, kind: type[EbruleError] = InterruptedRunError) -> EbruleError:
    """Run an update that must end so, with none of its PUTs applied, then or later."""
    error = update.outcome()
    update.org.land()
    assert isinstance(error, kind)
    assert update.org.ours == []
    return error


# --- before anything was sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_intent(signum: int, status: int) -> None:
    """A signal before the update ends it with the signal's own status, and nothing is sent."""
    update = Update(FakeOrg())
    update.session.client.get("/warm-up")
    update.interrupt(signum)
    with pytest.raises(InterruptedRunError) as caught:
        update.updater.run()

    assert (status, []) == (caught.value.exit_status, update.org.bodies)


def test_a_signal_while_the_intent_is_recorded() -> None:
    """A signal that comes while the intent is on its way to the disk still keeps the PUT from leaving."""
    org = FakeOrg()
    update = Update(org, before_put=lambda _: org.interrupt(signal.SIGTERM))
    untouched(update)

    assert (update.story, update.updater.attempts) == ("intent@7 signal", 0)


# --- while a PUT is out -------------------------------------------------------------------------------------


def test_a_put_that_is_answered_in_time_counts() -> None:
    """A signal while the PUT is out does not hide that it was applied."""
    update = Update(FakeOrg(puts=(signalled(),)))

    assert ((landed := update.run()).changed, landed.confirmed) == (True, False)


@pytest.mark.parametrize("answer", [lost, answers(500), answers(204)], ids=["lost", "500", "204"])
def test_an_applied_put_is_found_out(answer: Step) -> None:
    """A PUT whose answer got lost is looked for after the signal, and found."""
    update = Update(FakeOrg(puts=(applied(signalled(answer)),)))

    assert update.run().confirmed
    assert update.story == "intent@7 PUT@7 signal GET"


def test_a_put_that_lands_while_it_is_looked_for() -> None:
    """The rule is read again and again in the time that a signal leaves, not all at once."""
    gets = (ordinary, ordinary, after_landing())
    update = Update(FakeOrg(puts=(late(signalled(lost)),), gets=gets))

    assert update.run().confirmed
    assert update.story == "intent@7 PUT@7 signal GET GET GET"
    assert update.org.clock.sleeps == [0.25]


def test_a_put_that_does_not_land_in_time_stays_unknown() -> None:
    """With the rule as it was until the time is up, the PUT may still land, and no other one is sent."""
    update = Update(FakeOrg(puts=(late(signalled(lost)),)))
    began = update.org.clock.monotonic()
    error = update.outcome()

    assert isinstance(error, UnknownOutcomeError)
    assert "may be" in error.message
    assert len(update.org.bodies) == 1
    assert update.org.clock.monotonic() - began <= GRACE_SECONDS + 0.1
    assert update.story.count("GET") <= GRACE_SECONDS / 0.25 + 1


@pytest.mark.parametrize("answer", [answers(409), answers(429), answers(401)], ids=["409", "429", "401"])
def test_a_put_that_was_surely_not_applied_is_not_repeated(answer: Step) -> None:
    """What would be tried again ends as interrupted once the org has said that it was not applied."""
    update = Update(FakeOrg(puts=(signalled(answer),)))
    untouched(update)

    assert len(update.org.bodies) == 1


def test_a_refusal_stays_a_refusal() -> None:
    """An answer that ends the update by itself is told as it is."""
    untouched(Update(FakeOrg(puts=(signalled(answers(403)),))), AccessError)


def test_a_step_that_somebody_else_took_means_untouched() -> None:
    """Once the next version shows that the PUT can never land, the signal's own status is the truth."""
    update = Update(FakeOrg(puts=(late(signalled(lost)),), gets=(ordinary, after(DISJOINT))))
    untouched(update)

    assert (update.story, len(update.org.bodies)) == ("intent@7 PUT@7 signal GET GET edit", 1)


def test_a_conflict_stays_a_conflict() -> None:
    """Where the step that somebody else took overlaps with ours, that is what the user has to know."""
    edit = after({"priority": 70})
    untouched(Update(FakeOrg(puts=(late(signalled(lost)),), gets=(edit,), authors=True)), ConflictError)


def test_a_put_that_was_undone_stays_unknown() -> None:
    """Two versions on without our change, the signal makes nothing clearer."""
    update = Update(FakeOrg(puts=(applied(signalled(lost)),), gets=(after({"priority": 50}),)))

    assert isinstance(update.outcome(), UnknownOutcomeError)


# --- after an unclear PUT -----------------------------------------------------------------------------------


def test_a_signal_while_waiting_to_send_again() -> None:
    """After an unclear PUT, a signal in the wait for the next one keeps that one from being sent."""
    org = FakeOrg(puts=(late(lost),), gets=(ordinary, after_landing()))
    update = Update(org)
    org.clock.during_sleep = lambda: org.interrupt(signal.SIGINT)

    assert update.run().confirmed
    assert update.story == "intent@7 PUT@7 GET signal GET"


def test_a_signal_while_the_second_intent_is_recorded() -> None:
    """After an unclear PUT, a signal while the next intent is recorded keeps its PUT from leaving."""

    def interrupt(intent: Intent) -> None:
        if intent.attempt == 2:
            org.interrupt(signal.SIGINT)

    org = FakeOrg(puts=(late(lost),), gets=(ordinary, after_landing()))
    update = Update(org, before_put=interrupt)

    assert update.run().confirmed
    assert (update.story, update.updater.attempts) == ("intent@7 PUT@7 GET intent@7 signal GET", 1)


def test_the_org_is_not_asked_too_early_after_a_signal() -> None:
    """A wait that begins after the signal is kept, so that a server that asks for patience gets it."""
    gets = (answers(429, retry_after="2"), after_landing())
    update = Update(FakeOrg(puts=(late(signalled(lost)),), gets=gets))

    assert update.run().confirmed
    assert (update.org.clock.sleeps, update.org.too_early) == ([2.5], [])


# --- a second signal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [applied(signalled(lost, times=2)), late(signalled(lost, times=2))])
def test_a_second_signal_ends_the_asking(step: Step) -> None:
    """A second signal while the PUT is out ends the update at once, with no claim about its fate."""
    update = Update(FakeOrg(puts=(step,)))
    error = update.outcome()

    assert isinstance(error, UnknownOutcomeError)
    assert "was not changed" not in error.message
    assert (update.story, error.http_status) == ("intent@7 PUT@7 signal signal", None)


def test_a_second_signal_while_reading() -> None:
    """A second signal while the rule is being read ends the update with its fate unknown."""
    update = Update(FakeOrg(puts=(applied(signalled(lost)),), gets=(signalled(),)))

    assert isinstance(update.outcome(), UnknownOutcomeError)


def test_a_second_signal_after_a_clear_answer() -> None:
    """Two signals while nothing may have been applied are as good as one."""
    org = FakeOrg(puts=(signalled(answers(409), signum=signal.SIGINT),))
    error = untouched(Update(org, policy=Policy(max_attempts=1)))

    assert error.exit_status == 130
