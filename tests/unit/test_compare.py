"""What an update would change: over the rule as it is, or merged with what changed since an older version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ebrule.core.audit import AuditLog, RuleKey
from ebrule.errors import ConflictError, InvalidRuleError, Overlap, Source, VersionGoneError
from ebrule.pipeline.compare import compare, fixed_field_problems
from ebrule.pipeline.history import History
from ebrule.pipeline.options import UpdateOptions
from ebrule.pipeline.plan import Plan, load_rule
from ebrule.pipeline.rollback import Recorded
from ebrule.redaction import Redactor
from ebrule.rulefile import dump_yaml
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Rule
from ebrule.rules.source import SOURCE
from ebrule.rules.trigger import TRIGGER
from fake_org import RULE_ID, demo_rule

if TYPE_CHECKING:
    from pathlib import Path

    from ebrule.pipeline.compare import Compared
    from ebrule.rules.kind import Kind

REDACTOR = Redactor(b"k" * 32)
REGION = "test"
MOVED = "demo-rule has version 9, and version {} was expected. Nothing was sent."
TRIGGER_DATA: dict[str, Any] = {
    "name": "Demo",
    "enabled": True,
    "topicName": "v2.a",
    "target": {"type": "Workflow", "id": "flow-1"},
}
SOURCE_PROPERTIES = {"awsAccountId": "123456789012", "eventFilter": ["v2.a"]}


class Comparison:
    """A rule of version 9 that was brought there in steps, which a ledger may know."""

    def __init__(self, folder: Path, kind: Kind = EVENTBRIDGE) -> None:
        self.folder = folder
        self.kind = kind
        self.log = AuditLog(folder / "audit.jsonl")
        self.history = History(self.log, REDACTOR, kind, RuleKey(kind.name, RULE_ID, region=REGION))

    def knows(self, version: int, data: dict[str, Any]) -> None:
        """Record an operation that found the rule so."""
        found = REDACTOR.data(self.kind.content(data))
        about = {"rule_id": RULE_ID, "kind": self.kind.name, "region": REGION}
        self.log.append("intent", f"op-{version}", base_version=version, before=found, after=None, **about)

    def update(self, base: dict[str, Any], fields: dict[str, Any], version: int | None = 7, **options: Any) -> Compared:
        """Compare a file with these fields, made from that version, with the present rule."""
        made_from = {} if version is None else {"version": version}
        path = self.folder / "rule.yaml"
        path.write_text(dump_yaml({"kind": self.kind.name, **made_from, **fields}))
        rule_file = load_rule(path, defer_limits=True)
        return compare(rule_file, Rule(RULE_ID, 9, base), UpdateOptions(**options), self.history)

    def rollback(self, base: dict[str, Any], recorded: dict[str, Any], version: int, **options: Any) -> Compared:
        """Compare what the ledger has with the present rule; ``version`` is the last that the ledger brought about."""
        desired = Recorded(self.kind, RULE_ID, version, recorded, REDACTOR, (), Source("version 7 in the ledger"))
        return compare(desired, Rule(RULE_ID, 9, base), UpdateOptions(**options), self.history)


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """An EventBridge rule whose versions 7 and 8 the ledger knows: somebody changed the description of 8."""
    made = Comparison(tmp_path)
    made.knows(7, demo_rule())
    made.knows(8, demo_rule(description="Theirs"))
    return made


def said(**fields: Any) -> dict[str, Any]:
    """Return what a file says of the rule as version 7 has it, with some of it changed."""
    names = ("name", "description", "status", "priority", "conditions", "targets")
    return {name: value for name, value in demo_rule(**fields).items() if name in names}


def wanted(compared: Compared, *names: str) -> tuple[Any, ...]:
    """Return some fields of what the rule is to become."""
    return tuple(compared.plan.wanted.get(name) for name in names)


# --- the version that a file was made from ------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, 9])
def test_a_file_of_the_present_version_is_laid_over_it(comparison: Comparison, version: int | None) -> None:
    """Where no other version is expected, what the file says is what is wanted."""
    compared = comparison.update(demo_rule(description="Theirs"), said(priority=60), version)

    assert (60, "What it is for") == wanted(compared, "priority", "description")
    assert compared.since is None


def test_what_changed_since_the_files_version_is_kept_when_asked(comparison: Comparison) -> None:
    """The merge begins with the version that the file names, and no later one."""
    theirs = demo_rule(description="Theirs", status="disabled")
    compared = comparison.update(theirs, said(priority=60), 7, on_conflict="merge")

    assert (60, "Theirs", "disabled") == wanted(compared, "priority", "description", "status")
    assert compared.since is not None
    assert (RULE_ID, 7, "What it is for") == (
        compared.since.id, compared.since.version, compared.since.data["description"],
    )  # fmt: skip
    assert compared.plan.overwritten == ()


def test_a_file_with_nothing_left_to_change_may_be_old(comparison: Comparison) -> None:
    """Where the rule is as the file says, it does not matter which version the file names."""
    compared = comparison.update(demo_rule(), said(), 3)

    assert compared.plan.is_empty


def test_the_expected_version_counts_even_where_nothing_is_left_to_change(comparison: Comparison) -> None:
    """``--expect-version`` of another version is refused whatever the file says."""
    with pytest.raises(VersionGoneError):
        comparison.update(demo_rule(), said(), None, expect_version=8)


# --- where it cannot be merged ------------------------------------------------------------------------------


def test_a_version_that_the_ledger_does_not_know_is_gone(comparison: Comparison) -> None:
    """Nobody knows what changed since: that is told, with what to do."""
    with pytest.raises(VersionGoneError) as caught:
        comparison.update(demo_rule(), said(priority=60), 3, on_conflict="merge")

    assert (MOVED.format(3), ()) == (caught.value.message, caught.value.overlaps)
    assert "leave out the version or name the present one" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({}, "To merge with what changed since, give --on-conflict merge."),
        ({"expect_version": 7}, "Look at the rule as it is now; then expect version 9, or none."),
        (
            {"expect_version": 7, "on_conflict": "merge"},
            "Look at the rule as it is now; then expect version 9, or none.",
        ),
    ],
)
def test_a_version_that_must_be_there_is_gone(comparison: Comparison, options: dict[str, Any], hint: str) -> None:
    """What both changed since is shown, and the hint says how to go on from there."""
    with pytest.raises(VersionGoneError) as caught:
        comparison.update(demo_rule(priority=70), said(priority=60), 7, **options)

    assert (MOVED.format(7), hint) == (caught.value.message, caught.value.hint)
    assert (Overlap("priority", 50, 60, 70),) == caught.value.overlaps


def test_a_rollback_that_would_undo_more_is_told_how_to(comparison: Comparison) -> None:
    """The hint names both ways on: to keep what came after, or to undo it as well."""
    with pytest.raises(VersionGoneError) as caught:
        comparison.rollback(demo_rule(description="New", priority=70), said(), 8)

    assert (
        "To merge with what changed since, give --on-conflict merge. To undo that too, give --expect-version 9."
        == caught.value.hint
    )


def test_a_merge_stops_at_what_both_changed(comparison: Comparison) -> None:
    """The conflict tells where the two differ, and since when."""
    with pytest.raises(ConflictError) as caught:
        comparison.update(demo_rule(priority=70), said(priority=60), 7, on_conflict="merge")

    words = "What changed since is in a field that this update changes too."
    assert f"{MOVED.format(7)} {words}" == caught.value.message
    assert (Overlap("priority", 50, 60, 70),) == caught.value.overlaps


def test_an_overwrite_keeps_what_it_does_not_change_itself(comparison: Comparison) -> None:
    """The file wins where both changed the same, and what is given up is told; the rest of theirs stays."""
    theirs = demo_rule(priority=70, description="Theirs")
    compared = comparison.update(theirs, said(priority=60), 7, on_conflict="overwrite")

    assert (60, "Theirs") == wanted(compared, "priority", "description")
    assert (Overlap("priority", 50, 60, 70),) == compared.plan.overwritten


# --- secrets, which the ledger does not have ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"), [("one", "one", "one"), ("one", "two", "two"), ("two", "one", "two")]
)
def test_a_secret_that_file_or_org_still_has_is_merged(tmp_path: Path, ours: str, theirs: str, expected: str) -> None:
    """A header that only one side changed is that side's, although the ledger has no more than its digest."""

    def targets(token: str) -> list[dict[str, Any]]:
        return [{"id": "t1", "headers": {"Authorization": token}}]

    comparison = Comparison(tmp_path)
    comparison.knows(7, demo_rule(targets=targets("one")))
    fields = said(targets=targets(ours), priority=60)
    compared = comparison.update(demo_rule(targets=targets(theirs)), fields, 7, on_conflict="merge")

    assert (targets(expected), 60) == wanted(compared, "targets", "priority")


# --- what comes of it must be right -------------------------------------------------------------------------


def test_what_was_merged_must_be_right(tmp_path: Path) -> None:
    """A limit that only both changes together break is told before anything is sent."""
    comparison = Comparison(tmp_path, TRIGGER)
    comparison.knows(8, TRIGGER_DATA)
    with pytest.raises(InvalidRuleError, match="version 7 in the ledger has 1 mistake") as caught:
        comparison.rollback(
            {**TRIGGER_DATA, "eventTTLSeconds": 60},
            {**TRIGGER_DATA, "delayBySeconds": 90},
            8,
            on_conflict="merge",
        )

    assert (["ttl-and-delay"], "trigger") == ([each.id for each in caught.value.problems], caught.value.kind)


def test_what_the_org_has_already_is_no_mistake_of_the_file(comparison: Comparison) -> None:
    """A value that breaks a limit may be said again, and another field changed."""
    odd = {"priority": 5000, "targets": [{"id": "a b"}]}
    compared = comparison.update(demo_rule(**odd, status="archived"), said(**odd, status="archived", name="New"), None)

    assert (5000, "archived", "New") == wanted(compared, "priority", "status", "name")


def test_a_limit_that_the_file_breaks_is_reported_with_its_place(comparison: Comparison) -> None:
    """Of two broken limits, only the one whose value would change is an error, on its line of the file."""
    with pytest.raises(InvalidRuleError, match="has 1 mistake") as caught:
        comparison.update(demo_rule(priority=5000, status="archived"), said(priority=4000, status="archived"), None)
    (problem,) = caught.value.problems

    assert caught.value.source is not None
    assert ("priority-range", "priority: 4000") == (problem.id, caught.value.source.lines[(problem.line or 0) - 1])


def test_a_rollback_goes_back_to_what_the_org_had(comparison: Comparison) -> None:
    """A state that breaks a limit was the org's own, and is no mistake; a field that stays odd is none either."""
    compared = comparison.rollback(demo_rule(priority=5000), said(status="archived", priority=5000), 9)

    assert (5000, "archived") == wanted(compared, "priority", "status")


@pytest.mark.parametrize("version", [None, 8])
def test_a_limit_holds_for_file_and_org_together(tmp_path: Path, version: int | None) -> None:
    """What breaks a limit only beside a field that the file leaves to the org is told on the file's line."""
    comparison = Comparison(tmp_path, TRIGGER)
    comparison.knows(8, TRIGGER_DATA)
    theirs, fields = {**TRIGGER_DATA, "eventTTLSeconds": 60}, {**TRIGGER_DATA, "delayBySeconds": 90}
    with pytest.raises(InvalidRuleError, match=r"rule\.yaml has 1 mistake") as caught:
        comparison.update(theirs, fields, version, on_conflict="merge")
    (problem,) = caught.value.problems
    text = (tmp_path / "rule.yaml").read_text().splitlines()

    assert ("ttl-and-delay", "trigger") == (problem.id, caught.value.kind)
    assert text[(problem.line or 0) - 1] == "delayBySeconds: 90"


def test_a_warning_stops_no_update(comparison: Comparison) -> None:
    """An operator that only the org may know is no reason to refuse a file."""
    condition = {"field": "a", "operator": "sounds-like", "value": 1}
    compared = comparison.update(demo_rule(), said(conditions=[condition]), None)

    assert ([condition],) == wanted(compared, "conditions")


def test_a_limit_that_only_the_file_would_break_is_none_where_the_org_moved_on(tmp_path: Path) -> None:
    """A file still has the TTL that somebody has replaced by a delay: the merge keeps the delay, and is right."""
    was, now = {**TRIGGER_DATA, "eventTTLSeconds": 60}, {**TRIGGER_DATA, "delayBySeconds": 90}
    comparison = Comparison(tmp_path, TRIGGER)
    comparison.knows(8, was)
    compared = comparison.update(now, {**was, "name": "Ours"}, 8, on_conflict="merge")

    assert ("Ours", 90, None) == wanted(compared, "name", "delayBySeconds", "eventTTLSeconds")


def test_a_field_that_cannot_change_is_told_on_its_line(tmp_path: Path) -> None:
    """The problem points to the line that would change it, and says what to do instead."""
    with pytest.raises(InvalidRuleError) as caught:
        Comparison(tmp_path, TRIGGER).update(TRIGGER_DATA, {**TRIGGER_DATA, "topicName": "v2.b"}, None)
    (problem,) = caught.value.problems

    assert ("immutable-field", ("topicName",), 4, "trigger") == (
        problem.id, problem.path, problem.line, caught.value.kind,
    )  # fmt: skip
    assert 'topicName would change from "v2.a" to "v2.b": it cannot' == problem.message
    assert "create a new trigger" in (problem.hint or "")


def test_a_merge_changes_nothing_that_cannot_change(tmp_path: Path) -> None:
    """Whichever version an update begins with, a trigger keeps its topic."""
    comparison = Comparison(tmp_path, TRIGGER)
    comparison.knows(8, TRIGGER_DATA)
    with pytest.raises(InvalidRuleError) as caught:
        comparison.update(
            {**TRIGGER_DATA, "enabled": False}, {**TRIGGER_DATA, "topicName": "v2.b"}, 8, on_conflict="merge"
        )

    assert ["immutable-field"] == [each.id for each in caught.value.problems]


def test_each_change_that_needs_consent_is_told(tmp_path: Path) -> None:
    """What stays beside it hides no such change, and consent is for all of them."""
    properties = {**SOURCE_PROPERTIES, "awsAccountRegion": "eu-west-1", "eventSourceSuffix": "a"}
    changed = {**properties, "awsAccountRegion": "us-east-1", "eventSourceSuffix": "b"}
    comparison = Comparison(tmp_path, SOURCE)
    base, fields = ({"name": "Demo", "properties": each} for each in (properties, changed))
    with pytest.raises(InvalidRuleError) as caught:
        comparison.update(base, fields, None)
    allowed = comparison.update(base, fields, None, allow_identity_change=True)

    assert [("identity-change", "awsAccountRegion"), ("identity-change", "eventSourceSuffix")] == [
        (each.id, each.path[-1]) for each in caught.value.problems
    ]
    assert (changed,) == wanted(allowed, "properties")


@pytest.mark.parametrize("before", [{"properties": {"awsAccountId": "1"}}, {"properties": None}, {}], ids=repr)
def test_another_thing_is_meant_with_consent_only(before: dict[str, Any]) -> None:
    """A change of what says which thing it is needs to be allowed, also where the org does not say it."""
    plan = Plan(SOURCE, Rule("i", 1, before), {"properties": {"awsAccountId": "2"}})
    (problem,) = fixed_field_problems(plan)

    was = (before.get("properties") or {}).get("awsAccountId")
    message = (
        f'properties.awsAccountId would change from "{was}" to "2": that is another EventBridge source integration'
    )
    assert ("identity-change", ("properties", "awsAccountId"), message) == (problem.id, problem.path, problem.message)
    assert "--allow-identity-change" in (problem.hint or "")
    assert fixed_field_problems(plan, allow_identity_change=True) == []
