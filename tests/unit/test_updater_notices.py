"""What the updater tells while it goes on: why it waits or asks back, and which try comes next."""

from __future__ import annotations

import pytest

from ebrule.core.notices import AskingBack, Notice, Waiting
from ebrule.core.reply import NotSentError
from fake_org import FakeOrg, Step, Update, after, answers, applied, fails, lost, shows

CHANGED = "demo-rule has been changed meanwhile"
LIMITED = "rate limited by the org"
NOT_YET = "the update has not been applied yet"
UNPROVED = "the answer does not say that the update was taken"
EARLIER = "an earlier try may have been applied"
OLD = "the org shows an old state"


def waits(reason: str, seconds: float, attempt: int = 2, attempts: int = 10) -> Waiting:
    """What is told of a wait, whatever is left of the deadline."""
    return Waiting(reason, seconds, attempt, attempts, 0.0)


def told(*, puts: tuple[Step, ...], gets: tuple[Step, ...] = ()) -> list[Notice]:
    """Run an update, and return what was told of its waits and of asking back."""
    update = Update(FakeOrg(puts=puts, gets=gets))
    update.outcome()
    return [
        waits(notice.reason, notice.seconds, notice.attempt, notice.attempts) if isinstance(notice, Waiting) else notice
        for notice in update.notices
        if isinstance(notice, (Waiting, AskingBack))
    ]


@pytest.mark.parametrize(
    ("puts", "expected"),
    [
        ((), []),
        ((answers(429),) * 2, [waits(LIMITED, 0.5), waits(LIMITED, 1.0, 3)]),
        ((fails(NotSentError("no route")),), [waits("no connection to the org", 0.025)]),
        ((after({"name": "Theirs"}),), [waits(CHANGED, 0.1)]),
        ((applied(answers(204)),), [AskingBack(UNPROVED)]),
        ((applied(lost),), [AskingBack("the connection broke")]),
        ((lost,), [AskingBack("the connection broke"), waits(NOT_YET, 0.1)]),
        ((lost, answers(422)), [AskingBack("the connection broke"), waits(NOT_YET, 0.1), AskingBack(EARLIER)]),
    ],
    ids=["clean", "429", "no connection", "409", "204", "lost", "not applied", "refused later"],
)
def test_each_wait_and_each_question_has_its_reason(puts: tuple[Step, ...], expected: list[Notice]) -> None:
    """A wait is told with why, how long, and which PUT of how many comes next; asking back with what made it needed."""
    assert expected == told(puts=puts)


def test_a_reading_that_is_repeated_is_told() -> None:
    """While a replica lags, what is told is the next of four readings."""
    found = told(puts=(applied(lost),), gets=(shows(6), shows(6)))

    assert [AskingBack("the connection broke"), waits(OLD, 0.1, 2, 4), waits(OLD, 0.2, 3, 4)] == found


def test_an_org_in_trouble_is_asked_ever_less_often() -> None:
    """Each further answer that settles nothing draws its waits from twice the room, before asking and after."""
    trouble = AskingBack("the org answered 503")

    assert [
        waits("the org answered 503", 0.1),
        trouble,
        waits(NOT_YET, 0.2),
        waits("the org answered 503", 0.4, 3),
        trouble,
        waits(NOT_YET, 0.8, 3),
    ] == told(puts=(answers(503),) * 2)
