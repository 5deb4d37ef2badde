"""The pipeline against an org in memory: whatever happens on the way, the result and the ledger tell what was done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ebrule import ConflictError, InvalidRuleError, UnknownOutcomeError
from ebrule.core.notices import Notice
from ebrule.core.reply import Reply
from fake_org import FakeOrg, after, answers, applied, demo_rule, reply
from pipelines import Pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from ebrule.core.reply import Request


def nested(org: FakeOrg, request: Request) -> Reply:
    """Apply, and answer with JSON that is nested as deep as no rule is."""
    assert request.body is not None
    org.compare_and_set(request.body)
    deep = "[" * 600 + "]" * 600
    return Reply(200, {}, f'{{"version":8,"x":{deep}}}'.encode())


def test_a_reply_that_is_nested_too_deep_is_no_rule(tmp_path: Path) -> None:
    """After such an answer the org is asked what happened, and the update counts as applied."""
    pipeline = Pipeline(tmp_path, FakeOrg(puts=(nested,)))

    assert ("updated", True) == (pipeline.update(priority=60).result, len(pipeline.org.ours) == 1)


def test_a_change_without_a_new_version_is_not_overwritten(tmp_path: Path) -> None:
    """Where the content moved although the version did not, the same rules hold: an overlap is a conflict."""

    def sneaks(org: FakeOrg, _request: Request) -> Reply:
        org.rule["priority"] = 77
        return reply(409, {"message": "stale"})

    pipeline = Pipeline(tmp_path, FakeOrg(puts=(sneaks,)))
    with pytest.raises(ConflictError) as caught:
        pipeline.update(priority=60)

    assert [("priority", 50, 60, 77)] == [(o.path, o.base, o.ours, o.theirs) for o in caught.value.overlaps]
    assert pipeline.org.ours == []


def test_what_the_org_refuses_is_placed_on_the_file(tmp_path: Path) -> None:
    """The details of a 400 point at the lines of the file."""
    details = [{"errorCode": "invalid", "fieldName": "priority"}]
    pipeline = Pipeline(tmp_path, FakeOrg(puts=(answers(400, {"message": "no", "details": details}),)))
    with pytest.raises(InvalidRuleError) as caught:
        pipeline.update(priority=60)

    (problem,) = caught.value.problems
    assert caught.value.source is not None
    assert problem.line is not None
    assert caught.value.source.lines[problem.line - 1] == "priority: 60"
    assert pipeline.outcome["exit_code"] == 3


def test_what_others_made_odd_meanwhile_is_no_mistake(tmp_path: Path) -> None:
    """A value that breaks a limit and came from somebody else, during the update, does not stop it."""
    odd = {"status": "archived", "description": "\ud800", "targets": [{"id": "a b"}, *demo_rule()["targets"]]}
    pipeline = Pipeline(tmp_path, FakeOrg(puts=(after(odd),)))
    result = pipeline.update(priority=60)

    assert ("updated", 2) == (result.result, result.attempts)
    assert {**odd, "priority": 60} == {name: pipeline.org.rule[name] for name in (*odd, "priority")}


def test_an_odd_value_of_the_org_is_a_warning(tmp_path: Path) -> None:
    """What the file says again of it is named, with its line, and is no error."""
    pipeline = Pipeline(tmp_path, FakeOrg(demo_rule(status="archived")))
    result = pipeline.update(priority=60, status="archived")

    (warning,) = result.warnings
    assert ("updated", "unknown-value", "warning") == (result.result, warning.id, warning.severity)
    assert "status: archived" == result.source.lines[(warning.line or 0) - 1]
    assert warning.message.endswith("; the org has this value already, and it stays")


def test_a_bug_while_a_put_is_out_is_an_unknown_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks inside ebrule after a PUT may have been applied, nothing says "not applied"."""

    def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    pipeline = Pipeline(tmp_path, FakeOrg())
    monkeypatch.setattr("ebrule.core.updater.rule_in", breaks)
    with pytest.raises(UnknownOutcomeError):
        pipeline.update(priority=60)

    assert ("unknown", 9) == (pipeline.outcome["result"], pipeline.outcome["exit_code"])


def test_an_observer_that_fails_does_not_end_the_run(tmp_path: Path) -> None:
    """A screen that is gone is told no more; the run goes on to its end and its record."""
    pipeline = Pipeline(tmp_path, FakeOrg(puts=(applied(answers(503)),)))

    class Gone(list[Notice]):
        def append(self, _notice: Notice) -> None:
            raise BrokenPipeError

    pipeline.told = Gone()

    assert pipeline.update(priority=60).result == "updated"
    assert pipeline.outcome["result"] == "updated"


def test_secrets_that_the_org_echoes_are_not_passed_on(tmp_path: Path) -> None:
    """A token or client secret in an error reply reaches neither the error nor the ledger."""

    def echoes(_org: FakeOrg, request: Request) -> Reply:
        return reply(403, {"message": f"bad header {request.headers['Authorization']}"})

    org = FakeOrg(puts=(echoes,))
    org.logins = [lambda _org, _request: reply(200, {"access_token": "token-canary", "expires_in": 60})]
    pipeline = Pipeline(tmp_path, org)
    with pytest.raises(Exception, match="bad header Bearer") as caught:
        pipeline.update(priority=60)
    assert "canary" not in f"{caught.value}{pipeline.ledger}"


def test_a_secret_in_a_name_is_not_passed_on(tmp_path: Path) -> None:
    """A name that holds a value from the environment is redacted in the result as in the ledger."""
    pipeline = Pipeline(tmp_path, FakeOrg())
    result = pipeline.update({"CANARY": "canary-in-name"}, name="X ${env:CANARY}")

    assert "canary-in-name" not in f"{result.rule_name}{result.as_json()}{pipeline.ledger}"
    assert "canary-in-name" in json.dumps(pipeline.org.rule)


def test_long_lists_are_compared_in_bounded_time(tmp_path: Path) -> None:
    """A list of 20,000 that somebody else keeps in the rule does not hold up the run, and its change is told."""
    org = FakeOrg(demo_rule(extra=[0] * 20_000))

    def longer(org: FakeOrg, _request: Request) -> Reply:
        org.edit({"extra": [0] * 20_001})
        return reply(409)

    org.puts = [longer]
    result = Pipeline(tmp_path, org).update(priority=60)

    assert [("extra[20000]", None, 0)] == [(change.path, change.before, change.after) for change in result.merged]


def test_keys_that_only_the_org_knows_survive_a_merge(tmp_path: Path) -> None:
    """A merge onto conditions with keys that ebrule does not know is no mistake, and keeps these keys."""
    condition = {"field": "eventType", "operator": "equals", "value": "call.answered", "weight": 3}
    org = FakeOrg(demo_rule(conditions=[condition]))

    def elsewhere(org: FakeOrg, _request: Request) -> Reply:
        org.edit({"description": "theirs"})
        return reply(409)

    org.puts = [elsewhere]
    result = Pipeline(tmp_path, org).update(priority=60)

    assert result.result == "updated"
    assert (60, "theirs", [condition]) == tuple(org.rule[name] for name in ("priority", "description", "conditions"))
