"""The updater where every PUT's fate is clear: what each answer leads to, and how others' changes are met."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ebrule.core.policy import Policy
from ebrule.core.reply import NotSentError, UntrustedHostError
from ebrule.errors import (
    AccessError,
    ConflictError,
    EbruleError,
    InvalidRuleError,
    LedgerError,
    Overlap,
    Problem,
    RuleNotFoundError,
    UnavailableError,
    VersionGoneError,
)
from ebrule.rules.diff import diff
from ebrule.rules.eventbridge import EVENTBRIDGE
from fake_org import (
    FakeOrg,
    Step,
    Update,
    after,
    answers,
    applied,
    demo_rule,
    fails,
    ordinary,
    reply,
    shows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrule.core.reply import Reply, Request
    from ebrule.core.updater import Intent

DISJOINT = {"name": "Theirs"}
OVERLAPPING = {"priority": 70}
SAME = {"priority": 60}
NO_CONNECTION = fails(NotSentError("no route"))

STALE = {
    "409": answers(409, {"message": "version conflict"}),
    "412": answers(412),
    "400 of a stale version": answers(400, {"message": "Version 7 does not match the current version 8"}),
}


def failed(update: Update, kind: type[EbruleError]) -> Any:
    """Run an update that must end in that error, with none of its PUTs applied."""
    with pytest.raises(EbruleError) as caught:
        update.run()
    update.org.land()
    assert (kind, []) == (type(caught.value), update.org.ours)
    return caught.value


# --- taken --------------------------------------------------------------------------------------------------


def test_an_accepted_put_is_all_there_is_to_do() -> None:
    """A PUT that is answered well ends the update, with the org's state, its time and its reference."""
    update = Update(FakeOrg())
    landed = update.run()

    assert update.story == "intent@7 PUT@7"
    assert (
        landed.changed, landed.confirmed, landed.latency_ms, landed.correlation_id,
    ) == (True, False, 5.0, "c-1")  # fmt: skip
    assert (8, update.org.rule) == (landed.rule.version, landed.rule.data)
    assert [line.data["priority"] for line in update.org.ours] == [60]
    assert (update.updater.attempts, update.updater.conflicts, update.org.clock.sleeps) == (1, 0, [])


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_with_the_rule_in_it_will_do(status: int) -> None:
    """Which 2xx it is does not matter when the answer shows the rule as sent, with a higher version."""

    def step(org: FakeOrg, request: Request) -> Reply:
        return reply(status, ordinary(org, request).json)

    assert not Update(FakeOrg(puts=(step,))).run().confirmed


def test_a_version_may_grow_by_more_than_one() -> None:
    """Where versions need not grow by one, a PUT is accepted at whatever higher version the org gives it."""
    kind = EVENTBRIDGE._replace(version_increments_by_one=False)
    landed = Update(FakeOrg(puts=(applied(shows(12, priority=60)),)), kind=kind).run()

    assert (landed.rule.version, landed.made_version, landed.confirmed) == (12, 12, False)


def test_an_answer_that_shows_a_later_version_is_checked() -> None:
    """Where versions grow by one, an answer two versions on shows another writer's state: the rule is read."""
    org = FakeOrg(puts=(applied(after({"name": "Theirs"}, then=lambda org, _: reply(200, org.rule))),))
    landed = Update(org).run()

    assert (landed.rule.version, landed.made_version, landed.confirmed) == (9, 8, True)


STORES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "trims": lambda rule: {**rule, "description": rule["description"].strip()},
    "adds a default": lambda rule: {**rule, "category": "default"},
    "ignores the field": lambda rule: {**rule, "description": "What it is for"},
    "sorts the conditions": lambda rule: {**rule, "conditions": sorted(rule["conditions"], key=str)},
}


@pytest.mark.parametrize("stores", STORES.values(), ids=STORES)
def test_an_org_may_store_what_it_likes(stores: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The org's word for the next version is that the PUT was applied, whatever it made of the content."""
    update = Update(FakeOrg(stores=stores), wanted={"description": " Trim me ", "priority": 60})
    landed = update.run()

    assert update.story == "intent@7 PUT@7"
    assert (landed.made_version, landed.changed, landed.confirmed) == (8, True, False)
    assert landed.rule.data == update.org.rule


def test_the_body_is_the_content_and_the_version_that_it_replaces() -> None:
    """A PUT has the base's version and every field that ebrule does not know, but nothing read-only."""
    update = Update(FakeOrg())
    update.run()
    rule = demo_rule(priority=60)
    expected = {name: rule[name] for name in rule if name not in ("id", "selfUri", "dateModified")}

    assert [expected] == [json.loads(body) for body in update.org.bodies]
    assert [(i.attempt, i.base.version, i.wanted["priority"]) for i in update.intents] == [(1, 7, 60)]


def test_nothing_is_sent_without_a_durable_intent() -> None:
    """Where the intent cannot be recorded, no PUT leaves, and none is counted."""

    def full(_intent: Intent) -> None:
        raise LedgerError("the disk is full")

    update = Update(FakeOrg(), before_put=full)
    failed(update, LedgerError)

    assert (update.story, update.updater.attempts) == ("intent@7", 0)


# --- refused ------------------------------------------------------------------------------------------------

REFUSALS = {
    InvalidRuleError: (400, 402, 406, 413, 418, 422, 451),
    AccessError: (401, 403),
    RuleNotFoundError: (404, 410),
    UnavailableError: (300, 301, 302, 304, 307, 308, 405, 415, 501),
}


@pytest.mark.parametrize(
    ("status", "kind"), [(status, kind) for kind, statuses in REFUSALS.items() for status in statuses]
)
def test_a_refusal_ends_the_update_at_once(status: int, kind: type[EbruleError]) -> None:
    """What the org will never take is sent once, and the error has the org's reference."""
    update = Update(FakeOrg(puts=(answers(status, {"message": "no"}, location="/else"),)), access_token="t")
    error = failed(update, kind)

    # What a gateway may answer to the second copy of a PUT is looked into: the first copy may have been applied.
    looked_into = "" if kind is InvalidRuleError else " GET"
    assert update.story == f"intent@7 PUT@7{looked_into}"
    assert (status, "c-1") == (error.http_status, error.correlation_id)


@pytest.mark.parametrize("status", [302, 307, 401, 403, 404, 405, 409, 410, 412, 429])
def test_a_refusal_of_a_put_that_was_sent_twice(status: int) -> None:
    """Whatever a gateway answers to the second copy of a PUT: where the rule is as sent, the first was applied."""
    org = FakeOrg(puts=(applied(answers(status, location="/else")),))
    landed = Update(org, policy=Policy(on_conflict="fail")).run()

    assert (landed.changed, landed.confirmed, landed.made_version) == (True, True, 8)
    assert len(org.ours) == 1


def test_the_same_change_by_another_operation_is_not_claimed() -> None:
    """Where the ledger knows that another operation made the version, the rule is found so, and not updated."""
    org = FakeOrg(puts=(after(SAME),))
    landed = Update(org, maker="another operation").run()

    assert (landed.changed, landed.made_version, org.ours) == (False, None, [])


def test_what_the_org_finds_wrong_has_its_place() -> None:
    """Details of a refusal become problems with the path of the field that each names."""
    details = [{"fieldName": "conditions[0].operator", "errorCode": "bad.operator"}, {"errorCode": "other"}]
    error = failed(Update(FakeOrg(puts=(answers(422, {"details": details}),))), InvalidRuleError)

    assert [problem.path for problem in error.problems] == [("conditions", 0, "operator"), ()]


def test_a_bad_token_is_replaced_once() -> None:
    """A 401 fetches one new token, and the PUT goes out again under an intent of its own."""
    update = Update(FakeOrg(puts=(answers(401),)))

    assert update.run().changed
    assert update.story == "intent@7 PUT@7 token intent@7 PUT@7"


def test_a_second_bad_token_is_not_replaced() -> None:
    """A 401 for the new token too ends the update."""
    update = Update(FakeOrg(puts=(answers(401), answers(401))))
    failed(update, AccessError)

    assert update.story == "intent@7 PUT@7 token intent@7 PUT@7 GET"


def test_without_a_new_token_the_update_ends() -> None:
    """Credentials that are refused when a new token is asked for end the update."""
    org = FakeOrg(puts=(answers(401),))
    update = Update(org)
    org.logins = [answers(200, {"access_token": "first"}), answers(401)]

    assert failed(update, AccessError).code == "bad-credentials"


# --- not now ------------------------------------------------------------------------------------------------

NO_USABLE_WAIT = ["", "Thu, 01 Jan 1970 00:00:00 GMT", "-1", "1.5", "٣", "soon"]


@pytest.mark.parametrize("headers", [{}, *({"retry_after": text} for text in NO_USABLE_WAIT)], ids=str)
def test_a_rate_limit_that_names_no_wait_is_met_with_jitter(headers: dict[str, str]) -> None:
    """Where a 429 says nothing usable, each wait is drawn from twice the room of the one before."""
    update = Update(FakeOrg(puts=(answers(429, **headers),) * 3))

    assert update.run().changed
    assert update.org.clock.sleeps == [0.5, 1.0, 2.0]
    assert update.story == "intent@7 PUT@7 intent@7 PUT@7 intent@7 PUT@7 intent@7 PUT@7"
    assert len(set(update.org.bodies)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "7"},
        {"retry_after": "Thu, 01 Jan 1970 00:00:07 GMT", "date": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ],
    ids=["seconds", "a date against the reply's own"],
)
def test_a_rate_limit_that_names_a_wait_is_obeyed(headers: dict[str, str]) -> None:
    """After a 429 the same body goes out again, not before the org allows it."""
    update = Update(FakeOrg(puts=(answers(429, **headers),)))

    assert update.run().changed
    assert update.org.clock.sleeps == [7.5]
    assert len(set(update.org.bodies)) == 1


@pytest.mark.parametrize("status", [429, 409])
def test_a_wait_past_the_deadline_is_not_begun(status: int) -> None:
    """Asked to wait longer than it may run, an update ends at once and names the time to try again."""
    update = Update(FakeOrg(puts=(answers(status, retry_after="3600"),)))
    error = failed(update, UnavailableError)

    assert (error.code, update.org.clock.sleeps) == ("past-deadline", [])
    assert "2026-01-01T13:00" in error.hint


def test_without_a_connection_three_tries_are_made() -> None:
    """A PUT that never left is tried three times in all."""
    update = Update(FakeOrg(puts=(NO_CONNECTION,) * 3))
    error = failed(update, UnavailableError)

    assert (error.code, update.org.clock.sleeps) == ("no-connection", [0.025, 0.05])
    assert update.story == "intent@7 PUT@7 intent@7 PUT@7 intent@7 PUT@7"


def test_a_connection_may_come_back() -> None:
    """Two PUTs that never left are followed by one that does."""
    update = Update(FakeOrg(puts=(NO_CONNECTION,) * 2))

    assert (update.run().changed, update.updater.attempts) == (True, 3)


def test_a_host_that_is_not_trusted_gets_nothing_more() -> None:
    """A certificate that does not hold ends the update at once."""
    update = Update(FakeOrg(puts=(fails(UntrustedHostError("wrong host")),)))

    assert (failed(update, AccessError).code, update.story) == ("untrusted-host", "intent@7 PUT@7")


@pytest.mark.parametrize("step", [answers(429), answers(409), answers(500), NO_CONNECTION])
def test_attempts_are_counted(step: Step) -> None:
    """No answer makes an update send more PUTs than it may."""
    update = Update(FakeOrg(puts=(step,) * 9), policy=Policy(max_attempts=2))

    assert isinstance(update.outcome(), EbruleError)
    assert len(update.org.bodies) == 2


def test_attempts_spent_on_conflicts() -> None:
    """When somebody else is faster every time, the update gives up, and nothing of it was applied."""
    update = Update(FakeOrg(puts=tuple(after({"name": f"Name {n}"}) for n in range(9))), policy=Policy(max_attempts=3))

    assert failed(update, UnavailableError).code == "attempts-spent"
    assert (update.updater.attempts, update.updater.conflicts) == (3, 3)


def test_a_nearly_spent_rate_limit_is_not_run_into() -> None:
    """With the window's last request used, the PUT waits for the next window."""
    full = {"inin_ratelimit_count": "300", "inin_ratelimit_allowed": "300", "inin_ratelimit_reset": "9"}
    org = FakeOrg()
    update = Update(org)
    org.resources["/api/v2/x"] = answers(200, {}, **full)
    update.session.client.get("/warm-up")
    update.session.reader.read("/api/v2/x", "looking")

    assert update.run().changed
    assert len(org.clock.sleeps) == 1
    assert 8.9 < org.clock.sleeps[0] <= 9.0


# --- somebody else was faster -------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", STALE.values(), ids=STALE)
def test_a_disjoint_change_is_merged(answer: Step) -> None:
    """What others changed elsewhere stays, and ours goes on top, under a new intent, after a wait."""
    checked: list[Mapping[str, Any]] = []
    update = Update(FakeOrg(puts=(after(DISJOINT, then=answer),)), check=checked.append)

    assert ((landed := update.run()).changed, landed.rule.version) == (True, 9)
    assert update.story == "intent@7 PUT@7 edit GET intent@8 PUT@8"
    assert (update.org.rule["name"], update.org.rule["priority"]) == ("Theirs", 60)
    assert (update.merges, update.updater.conflicts, update.org.clock.sleeps) == ([(7, 8)], 1, [0.1])
    assert [(content["name"], content["priority"]) for content in checked] == [("Theirs", 60)]


@pytest.mark.parametrize("answer", STALE.values(), ids=STALE)
def test_a_change_that_somebody_else_made_is_done(answer: Step) -> None:
    """Where the rule has become what is wanted, nothing is sent, and the change is not claimed as ours."""
    update = Update(FakeOrg(puts=(after({**SAME, **DISJOINT}, then=answer),)))

    assert ((landed := update.run()).changed, landed.rule.version) == (False, 8)
    assert (update.story, update.org.ours) == ("intent@7 PUT@7 edit GET", [])


@pytest.mark.parametrize("answer", STALE.values(), ids=STALE)
def test_an_overlapping_change_is_a_conflict(answer: Step) -> None:
    """Where both changed the same field to different values, theirs is kept, and all three are shown."""
    update = Update(FakeOrg(puts=(after({**OVERLAPPING, **DISJOINT}, then=answer),)))
    error = failed(update, ConflictError)

    assert ("intent@7 PUT@7 edit GET", (Overlap("priority", 50, 60, 70),)) == (update.story, error.overlaps)


def test_a_conflict_may_say_when_to_come_back() -> None:
    """A Retry-After on a 409 is honoured before the rule is read."""
    update = Update(FakeOrg(puts=(after(DISJOINT, then=answers(409, retry_after="3")),)))

    assert update.run().changed
    assert (update.org.clock.sleeps, update.org.too_early) == ([3.5], [])


def test_the_waits_between_conflicts_grow() -> None:
    """Each further conflict draws its wait from twice the room, and each is merged in turn."""
    update = Update(FakeOrg(puts=tuple(after({f"field{n}": n}) for n in range(3))))

    assert update.run().changed
    assert update.org.clock.sleeps == [0.1, 0.2, 0.4]
    assert ([update.org.rule[f"field{n}"] for n in range(3)], update.org.rule["priority"]) == ([0, 1, 2], 60)
    assert update.merges == [(7, 8), (8, 9), (9, 10)]


def test_a_merged_rule_that_is_not_right_is_not_sent() -> None:
    """The merged rule is checked before anything of it leaves."""

    def refuse(_content: Mapping[str, Any]) -> None:
        raise InvalidRuleError("too long together", [Problem("expression-too-long", "too long")])

    update = Update(FakeOrg(puts=(after(DISJOINT),)), check=refuse)
    failed(update, InvalidRuleError)

    assert (update.story, update.merges) == ("intent@7 PUT@7 edit GET", [])


EDITS = {"disjoint": DISJOINT, "overlapping": OVERLAPPING, "nothing but the version": {}}


@pytest.mark.parametrize(
    "policy", [Policy(), Policy(on_conflict="fail"), Policy(pinned=True)], ids=["merge", "fail", "pinned"]
)
def test_a_conflict_tells_what_was_changed_and_that_it_stays(policy: Policy) -> None:
    """Whatever makes a conflict end the update, the error has the rule, both versions, and all sides of an overlap."""
    update = Update(FakeOrg(puts=(after({**OVERLAPPING, **DISJOINT}),)), policy=policy)
    with pytest.raises(ConflictError) as caught:
        update.run()

    assert (Overlap("priority", 50, 60, 70),) == caught.value.overlaps
    for told in ("demo-rule", "7 → 8", "Nothing was overwritten"):
        assert told in caught.value.message


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_fail_stops_at_the_first_conflict(edit: dict[str, Any]) -> None:
    """With ``fail`` even a disjoint change of somebody else ends the update."""
    update = Update(FakeOrg(puts=(after(edit),)), policy=Policy(on_conflict="fail"))

    assert failed(update, ConflictError).code == "conflict"


def test_overwrite_takes_ours_and_keeps_what_is_disjoint() -> None:
    """With ``overwrite`` ours wins in overlaps, other edits stay, and the intent says what was lost."""
    update = Update(
        FakeOrg(puts=(after({**OVERLAPPING, **DISJOINT}), after({"priority": 80}))),
        policy=Policy(on_conflict="overwrite"),
    )

    assert update.run().changed
    assert (update.org.rule["name"], update.org.rule["priority"]) == ("Theirs", 60)
    overwritten = [[overlap.theirs for overlap in intent.overwritten] for intent in update.intents]
    assert overwritten == [[], [70], [70, 80]]
    assert [70, 80] == [overlap.theirs for overlap in update.given_up]


def test_a_change_under_the_same_version_is_not_overwritten() -> None:
    """Where the org shows other content under the base's version after a conflict, it is merged like any change."""
    update = Update(FakeOrg(puts=(answers(409),), gets=(shows(7, **DISJOINT),)))
    update.run()

    assert ("Theirs", 60) == (update.org.rule["name"], update.org.rule["priority"])
    assert [(7, 7)] == update.merges


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("on_conflict", ["merge", "fail", "overwrite"])
def test_a_pinned_version_is_the_only_one_that_is_replaced(on_conflict: Any, edit: dict[str, Any]) -> None:
    """With an expected version, any newer one ends the update, whatever the policy for conflicts."""
    update = Update(FakeOrg(puts=(after(edit),)), policy=Policy(on_conflict, pinned=True))

    assert failed(update, VersionGoneError).code == "version-gone"


@pytest.mark.parametrize("policy", [Policy(), Policy(on_conflict="fail"), Policy(pinned=True)], ids=str)
def test_a_conflict_without_a_newer_version_is_tried_again(policy: Policy) -> None:
    """A 409 while the rule still has the base version is nobody's change: the same PUT goes out again."""
    update = Update(FakeOrg(puts=(answers(409),)), policy=policy)

    assert update.run().changed
    assert (update.story, update.merges) == ("intent@7 PUT@7 GET intent@7 PUT@7", [])


@pytest.mark.parametrize("old", [{"priority": 60}, {"priority": 40}, {}], ids=["ours", "another", "the base's"])
def test_an_old_state_after_a_conflict_is_not_believed(old: dict[str, Any]) -> None:
    """A replica that lags behind what was read before is asked again; its state tells nothing."""
    update = Update(FakeOrg(puts=(after(DISJOINT),), gets=(shows(6, name="Demo", **old),)))

    assert update.run().changed
    assert update.story == "intent@7 PUT@7 edit GET GET intent@8 PUT@8"
    assert (update.org.rule["name"], update.org.rule["priority"]) == ("Theirs", 60)


def test_an_old_state_that_stays_ends_the_update() -> None:
    """Four old states in a row after a clear conflict end the update, and it was not applied."""
    update = Update(FakeOrg(puts=(after(DISJOINT),), gets=(shows(6),) * 4))

    assert failed(update, UnavailableError).code == "old-state"
    assert update.story == "intent@7 PUT@7 edit GET GET GET GET"


def test_a_rule_that_is_gone_after_a_conflict() -> None:
    """A rule that was removed meanwhile is reported as such."""
    failed(Update(FakeOrg(puts=(after(DISJOINT),), gets=(answers(404),))), RuleNotFoundError)


def test_targets_merge_by_their_ids() -> None:
    """Two writers that change different targets, or different keys of one, both get what they want."""
    first, second = demo_rule()["targets"]
    ours = [{**first, "url": "https://ours.example.com"}, second]
    theirs = [{"id": "t3"}, second, {**first, "type": "queue"}]
    update = Update(FakeOrg(puts=(after({"targets": theirs}),)), wanted={"targets": ours})
    update.run()
    expected = [{**first, "url": "https://ours.example.com", "type": "queue"}, second, {"id": "t3"}]

    assert diff(EVENTBRIDGE.shape, {"targets": expected}, {"targets": update.org.rule["targets"]}) == []
