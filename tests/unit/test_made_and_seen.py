"""An org that stores what it likes, and others who move on: what a run made, what it saw, and what is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ebrule import ConflictError, UnknownOutcomeError, UpdateOptions
from ebrule.core import chain
from ebrule.core.notices import Warned
from ebrule.core.webhook import event_id_of
from ebrule.errors import UsageError, VersionGoneError
from ebrule.rules.eventbridge import EVENTBRIDGE
from fake_org import RULE_ID, FakeOrg, after, answers, applied, demo_rule, lags, lost, ordinary, shows
from pipelines import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Stores = Callable[[dict[str, Any]], dict[str, Any]]

DISJOINT = {"name": "Theirs"}


def trims(rule: dict[str, Any]) -> dict[str, Any]:
    """Store the description without blanks at its ends."""
    return {**rule, "description": rule["description"].strip()}


STORES: dict[str, tuple[Stores, dict[str, Any]]] = {
    "trims": (trims, {"description": " New "}),
    "drops the empty": (
        lambda rule: {name: value for name, value in rule.items() if value != ""},
        {"description": "", "priority": 60},
    ),
    "adds a default": (
        lambda rule: {**rule, "conditions": [{"caseSensitive": False, **each} for each in rule["conditions"]]},
        {"conditions": [{"field": "a", "operator": "equals", "value": 1}]},
    ),
    "sorts": (
        lambda rule: {**rule, "conditions": sorted(rule["conditions"], key=str)},
        {
            "conditions": [
                {"field": "b", "operator": "equals", "value": 1},
                {"field": "a", "operator": "equals", "value": 2},
            ]
        },
    ),
    "lower-cases": (
        lambda rule: {**rule, "targets": [{**each, "url": each["url"].lower()} for each in rule["targets"]]},
        {"targets": [{"id": "t1", "url": "https://ONE.example.com/In"}, {"id": "t2"}]},
    ),
    "ignores": (lambda rule: {**rule, "description": "What it is for"}, {"description": "New", "priority": 60}),
}
WAYS = pytest.mark.parametrize(("stores", "fields"), STORES.values(), ids=STORES)
ECHOES = pytest.mark.parametrize("echoes", [False, True], ids=["shows what is stored", "echoes"])


# --- the same file again ------------------------------------------------------------------------------------


@ECHOES
@WAYS
def test_a_file_that_is_stored_differently_is_applied_once(
    tmp_path: Path, stores: Stores, fields: dict[str, Any], echoes: bool
) -> None:
    """Whatever the org makes of a file, the first run ends in 0, and the second and third change nothing."""
    org = FakeOrg(stores=stores, echoes=echoes)
    results = [Pipeline(tmp_path, org).update(**fields) for _ in range(3)]

    assert ["updated", "unchanged", "unchanged"] == [result.result for result in results]
    assert [0, 0, 0] == [result.exit_status for result in results]
    assert (8, 8, 1) == (results[0].made_version, results[2].version, len(org.bodies))


@WAYS
def test_a_file_stays_applied_when_others_change_something_else(
    tmp_path: Path, stores: Stores, fields: dict[str, Any]
) -> None:
    """As long as the org has what it stored, the file changes nothing, also after others' edits of other fields."""
    org = FakeOrg(stores=stores)
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(**fields)
    org.edit(DISJOINT)

    assert "unchanged" == pipeline.update(**{**fields, "name": "Theirs"}).result


def test_what_the_org_makes_of_a_file_is_remembered_beyond_the_next_update(tmp_path: Path) -> None:
    """A run that changes another field keeps in mind what an earlier one sent and the org stored."""
    org = FakeOrg(stores=trims)
    pipeline = Pipeline(tmp_path, org)
    results = [pipeline.update(description=" New ", priority=priority).result for priority in (50, 60, 70, 70)]

    assert ["updated", "updated", "updated", "unchanged"] == results
    assert [" New ", "New", "New"] == [line.sent["description"] for line in org.ours]


@pytest.mark.parametrize("by_a_person", [False, True], ids=["resolved", "on a person's word"])
def test_what_the_org_makes_of_a_file_is_remembered_beyond_an_open_operation(tmp_path: Path, by_a_person: bool) -> None:
    """Also where the run in between was cut off, and it was found out later what became of it."""
    org = FakeOrg(puts=(ordinary, applied(lost)), stores=trims)
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(description=" New ", priority=50)
    org.gets = [lambda org, request: lost(org, request) if len(org.bodies) > 1 else ordinary(org, request)] * 8
    cut_off = pipeline.outcome_of_update(description=" New ", priority=60)
    org.gets = []
    settled = pipeline.resolve_as(cut_off.operation_id or "", "applied") if by_a_person else pipeline.resolve()[0]

    assert ("unknown", "applied") == (cut_off.result, settled.state)
    assert "unchanged" == pipeline.update(description=" New ", priority=60).result
    assert 2 == len(org.ours)


def test_what_others_made_of_it_is_not_taken_for_the_orgs_own_form(tmp_path: Path) -> None:
    """Once somebody else has changed the stored value, the file's value is a change again."""
    org = FakeOrg(stores=trims)
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(description=" New ")
    org.edit({"description": "Theirs"})

    assert [("description", "Theirs", " New ")] == [
        tuple(change) for change in pipeline.update(description=" New ").changes
    ]


def test_what_is_stored_differently_is_reported(tmp_path: Path) -> None:
    """The result, its JSON and the ledger name each field with what was sent and what is stored."""
    pipeline = Pipeline(tmp_path, FakeOrg(stores=trims))
    result = pipeline.update(description=" New ", priority=60)
    expected = [{"path": "description", "sent": " New ", "stored": "New"}]

    assert expected == result.as_json()["stored_differently"] == pipeline.outcome["stored_differently"]
    assert "New" == pipeline.outcome["stored"]["description"]


@pytest.mark.parametrize("lose", [False, True], ids=["answered", "resolved later"])
def test_the_event_names_what_is_stored_differently(tmp_path: Path, lose: bool) -> None:
    """A receiver learns of each field that the org stored otherwise than it was sent."""
    stores = lambda rule: {"category": "default", **rule}  # noqa: E731 - what this org does
    org = FakeOrg(puts=(applied(lost),) if lose else (), stores=stores)
    pipeline = Pipeline(tmp_path, org, webhook=True)
    if lose:
        org.gets = [lambda org, request: lost(org, request) if org.bodies else ordinary(org, request)] * 4
    pipeline.outcome_of_update(priority=60)
    org.gets = []
    pipeline.resolve()
    (event,) = pipeline.events

    assert [{"path": "category", "sent": None, "stored": "default"}] == event["storedDifferently"]


def test_a_file_of_an_older_version_is_merged_in_the_orgs_form(tmp_path: Path) -> None:
    """A file that names its version, merged with what others changed since, sends nothing that is stored already."""
    org = FakeOrg(stores=trims)
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(description=" New ")
    org.edit({"owner": {"team": "theirs"}})
    options = UpdateOptions(check_targets=False, on_conflict="merge")
    result = pipeline.update(options=options, version=8, description=" New ")

    assert ("unchanged", 1) == (result.result, len(org.ours))


def test_a_rollback_of_what_was_stored_differently(tmp_path: Path) -> None:
    """There is something to roll back to, and a rollback leads there."""
    org = FakeOrg(stores=trims)
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(description=" New ")
    result = pipeline.rollback()

    assert ("rolled_back", 9, "What it is for") == (result.result, result.made_version, org.rule["description"])


# --- without an answer --------------------------------------------------------------------------------------


def test_a_lost_answer_to_what_is_stored_differently_is_unknown(tmp_path: Path) -> None:
    """Neither as before nor as sent: the run ends in 9, the operation stays open, and nothing false is recorded."""
    pipeline = Pipeline(tmp_path, FakeOrg(puts=(applied(lost),), stores=trims))
    with pytest.raises(UnknownOutcomeError):
        pipeline.update(description=" New ")
    (finding,) = pipeline.resolve()

    assert ("unknown", [("description", "What it is for", " New ", "New")]) == (
        finding.state, [tuple(overlap) for overlap in finding.missing],
    )  # fmt: skip
    assert [] == [record for record in pipeline.records if record["type"] == "resolution"]


def test_what_is_reported_of_an_unknown_update_has_no_secret(tmp_path: Path) -> None:
    """Where the file has a secret, the org's own value at that place is not shown, whatever it is now."""
    org = FakeOrg(puts=(applied(lost),), stores=lambda rule: {**rule, "description": rule["description"].upper()})
    pipeline = Pipeline(tmp_path, org)
    with pytest.raises(UnknownOutcomeError):
        pipeline.update({"PHRASE": "a-long-canary-phrase"}, description="${env:PHRASE}")
    (finding,) = pipeline.resolve()

    assert ("unknown", "description") == (finding.state, finding.missing[0].path)
    assert "canary" not in str(finding).lower()
    assert "canary" not in pipeline.ledger.lower()


def test_a_lagging_replica_settles_nothing(tmp_path: Path) -> None:
    """A state older than the one that was to be replaced leaves the operation open, and no other one unread."""
    org = FakeOrg(puts=(applied(lost),), stores=trims)
    pipeline = Pipeline(tmp_path, org)
    pipeline.outcome_of_update(description=" New ")
    org.gets = [shows(6)] * 4
    (finding,) = pipeline.resolve()

    assert "unknown" == finding.state
    assert "older than version 7" in (finding.reason or "")


@pytest.mark.parametrize(("state", "announced"), [("applied", 1), ("not_applied", 0)])
def test_what_nobody_can_find_out_is_closed_on_a_persons_word(tmp_path: Path, state: str, announced: int) -> None:
    """The record says that a person said so, and why; a change that was applied is announced."""
    pipeline = Pipeline(tmp_path, FakeOrg(puts=(applied(lost),), stores=trims), webhook=True)
    result = pipeline.outcome_of_update(description=" New ")
    finding = pipeline.resolve_as(result.operation_id or "", state, "seen in the admin UI")
    record = next(record for record in pipeline.records if record["type"] == "resolution")

    assert (state, "person", "seen in the admin UI") == (finding.state, record["decided_by"], record["reason"])
    assert [event_id_of(EVENTBRIDGE, "org-1", RULE_ID, 8)] * announced == [event["id"] for event in pipeline.events]
    assert pipeline.resolve() == []


# --- made, and seen -----------------------------------------------------------------------------------------


def test_what_is_seen_later_is_not_what_was_made(tmp_path: Path) -> None:
    """Our version followed by another's before the reading back: both are recorded, and ours is announced."""
    org = FakeOrg(puts=(applied(lost),), gets=())
    pipeline = Pipeline(tmp_path, org, webhook=True)
    org.gets = [lambda org, request: applied_then_edited(org, request, count=2)] * 9
    result = pipeline.update(priority=60)
    outcome = next(record for record in pipeline.records if record["type"] == "outcome")
    (event,) = pipeline.events

    assert (8, 9) == (result.made_version, result.version) == (outcome["made_version"], outcome["version"])
    assert (event_id_of(EVENTBRIDGE, "org-1", RULE_ID, 8), 8, 7) == (
        event["id"], event["data"]["version"], event["previousVersion"],
    )  # fmt: skip
    assert ("Demo", 60) == (event["data"]["name"], event["data"]["priority"])


def applied_then_edited(org: FakeOrg, _request: Any, *, count: int) -> Any:
    """Let somebody else change the rule once, just before it is read for the second time."""
    if len(org.log) == count:
        org.edit(DISJOINT)
    return answers(200, org.rule)(org, _request)


def test_a_rollback_undoes_no_strangers_change(tmp_path: Path) -> None:
    """Where others moved on after the version that we made, a rollback is a conflict."""
    org = FakeOrg(puts=(applied(lost),))
    pipeline = Pipeline(tmp_path, org)
    org.gets = [lambda org, request: applied_then_edited(org, request, count=2)] * 9
    pipeline.update(priority=60)
    with pytest.raises(VersionGoneError):
        pipeline.rollback()

    assert "Theirs" == org.rule["name"]


def test_a_merge_begins_at_the_version_that_was_made(tmp_path: Path) -> None:
    """A file made from our version merges with what others changed since, and takes none of it back."""
    org = FakeOrg(puts=(applied(lost),))
    pipeline = Pipeline(tmp_path, org)
    org.gets = [lambda org, request: applied_then_edited(org, request, count=2)] * 9
    pipeline.update(priority=60)
    options = UpdateOptions(check_targets=False, on_conflict="merge")
    pipeline.update(options=options, version=8, priority=61)

    assert ("Theirs", 61) == (org.rule["name"], org.rule["priority"])


def test_a_refusal_of_a_put_that_was_sent_twice_is_announced(tmp_path: Path) -> None:
    """A 409 after which the rule is as sent: updated, confirmed, announced under the version's one id."""
    pipeline = Pipeline(tmp_path, FakeOrg(puts=(applied(answers(409)),)), webhook=True)
    result = pipeline.update(priority=60)

    assert ("updated", True, 8) == (result.result, result.confirmed, result.made_version)
    assert [event_id_of(EVENTBRIDGE, "org-1", RULE_ID, 8)] == [event["id"] for event in pipeline.events]


def test_a_replica_that_lags_behind_the_ledger_is_read_again(tmp_path: Path) -> None:
    """A state older than the ledger's last is no ground to call a rule unchanged."""
    org = FakeOrg()
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(priority=60)
    org.gets = [lags(), lags()]
    result = pipeline.update(priority=50)

    assert ("updated", 8, 50) == (result.result, result.base_version, org.rule["priority"])


def test_an_org_that_was_reset_is_taken_at_its_word(tmp_path: Path) -> None:
    """An org that stays at an older version than the ledger's has been reset: the run goes on, with a warning."""
    org = FakeOrg()
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(priority=60)
    result = (other := Pipeline(tmp_path, FakeOrg())).update(priority=60)

    assert ("updated", 7) == (result.result, result.base_version)
    assert any("has the org been reset?" in str(notice) for notice in other.told)


# --- whose rule ---------------------------------------------------------------------------------------------


def test_two_orgs_of_one_region_share_no_history(tmp_path: Path) -> None:
    """A rollback in one org does not know what was done in another of the same region and rule id."""
    Pipeline(tmp_path, FakeOrg(demo_rule(description="Org 1"))).update(priority=60, description="Org 1")
    other = Pipeline(tmp_path, FakeOrg(demo_rule(description="Org 2", version=8), org_id="org-2"))
    with pytest.raises(UsageError, match="has no update of demo-rule"):
        other.rollback()

    assert "Org 2" == other.org.rule["description"]


def test_each_record_names_its_org(tmp_path: Path) -> None:
    """The intent, the outcome and the result name the org as it names itself."""
    pipeline = Pipeline(tmp_path, FakeOrg(org_id="org-7"))
    result = pipeline.update(priority=60)

    assert ["org-7", "org-7"] == [record["org_id"] for record in pipeline.records]
    assert "org-7" == result.as_json()["org_id"]


@pytest.mark.parametrize("answer", [answers(404), answers(403), answers(200, {"organization": None})])
def test_an_org_that_does_not_say_is_named_by_client_and_host(tmp_path: Path, answer: Any) -> None:
    """Where the token endpoint tells no org, records name the OAuth client with the host."""
    org = FakeOrg()
    org.resources["/api/v2/tokens/me"] = answer
    pipeline = Pipeline(tmp_path, org)

    assert "client@test" == pipeline.update(priority=60).org_id
    assert not any(isinstance(notice, Warned) for notice in pipeline.told)


def test_records_without_an_org_count_for_their_host_with_a_warning(tmp_path: Path) -> None:
    """A ledger of before orgs were recorded still knows its rules, by host, and the run says so."""
    org = FakeOrg()
    pipeline = Pipeline(tmp_path, org)
    pipeline.update(priority=60)
    old = [{name: value for name, value in record.items() if name != "org_id"} for record in pipeline.records]
    _rewrite(pipeline, old)
    result = pipeline.rollback()

    assert ("rolled_back", 50) == (result.result, org.rule["priority"])
    assert any("do not name its org" in str(notice) for notice in pipeline.told)


def _rewrite(pipeline: Pipeline, records: list[dict[str, Any]]) -> None:
    """Write a ledger of these records anew, with its chain."""
    lines, prev = [], chain.GENESIS
    for record in records:
        lines.append(chain.encode({**{n: v for n, v in record.items() if n != "prev"}, "prev": prev}))
        prev = chain.digest(lines[-1])
    pipeline.settings.audit_log.write_bytes(b"".join(line + b"\n" for line in lines))


def test_an_overlap_hides_no_other_kept_change(tmp_path: Path) -> None:
    """What others changed in a field whose name begins like an overwritten one is told as kept."""
    org = FakeOrg(demo_rule(statusReason="a"))
    pipeline = Pipeline(tmp_path, org)
    org.puts = [after({"status": "disabled", "statusReason": "b", "priority": 50})]
    options = UpdateOptions(check_targets=False, on_conflict="overwrite")
    result = pipeline.update(options=options, status="enabled", priority=60)

    assert "statusReason" in [change.path for change in result.merged]


def test_a_conflict_is_still_a_conflict(tmp_path: Path) -> None:
    """Another writer's change of the same field, before our PUT arrives, ends the run in 5, and theirs is kept."""
    org = FakeOrg(puts=(after({"priority": 70}),))
    with pytest.raises(ConflictError):
        Pipeline(tmp_path, org).update(priority=60)

    assert (70, []) == (org.rule["priority"], org.ours)
