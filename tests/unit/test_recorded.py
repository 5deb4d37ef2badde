"""What a rollback restores of a recorded state, and what it needs to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from clocks import reply
from ebrule.errors import InvalidRuleError, Source, UsageError
from ebrule.pipeline.options import UpdateOptions
from ebrule.pipeline.patch import parse_assignment
from ebrule.pipeline.rollback import Recorded, rollback_rule
from ebrule.redaction import Redactor
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import Rule
from ebrule.settings import Org, Settings
from fake_org import API, RULE_ID, demo_rule
from ledgers import RULE, LedgerWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clocks import ScriptedTransport
    from ebrule.core.pace import Pace

    Wire = Callable[..., ScriptedTransport]

KEY = b"k" * 32
SECRET = "canary-secret"


def restored(
    fields: dict[str, Any], *assignments: str, present: dict[str, Any] | None = None, secrets: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what becomes of the demo rule when a state with these fields, as a ledger has it, is restored."""
    was = Redactor(KEY, secrets).data(EVENTBRIDGE.content(demo_rule(**fields)))
    given = tuple(parse_assignment(text, {}) for text in assignments)
    source = Source("version 7 in the ledger")
    recorded = Recorded(EVENTBRIDGE, RULE_ID, 8, was, Redactor(KEY), given, source)
    return recorded.over(Rule(RULE_ID, 9, demo_rule(**(present or {}))))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ({"headers": {"Authorization": SECRET}}, "targets[t1].headers.Authorization"),
        ({"headers": {"X-Auth.Token": SECRET}}, "targets[t1].headers[X-Auth.Token]"),
        ({"logins": [{"user": "a"}, {"password": SECRET}]}, "targets[t1].logins[1].password"),
        ({"tokens": [SECRET]}, "targets[t1].tokens[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_secret_that_is_gone_is_asked_for_by_a_path_that_can_be_set(target: dict[str, Any], path: str) -> None:
    """Neither ledger nor org has it: the hint is a ``--set`` that can be typed, and that is all it takes."""
    fields = {"targets": [{"id": "t1", **target}]}
    with pytest.raises(InvalidRuleError, match=r"a secret is not known any more\. Nothing was sent\.") as caught:
        restored(fields)
    (problem,) = caught.value.problems
    hint = f"Give it: --set '{path}=${{env:NAME}}'; or keep what the org has, if anything: --set '{path}=${{keep}}'"

    assert ("secret-needed", (path,), hint) == (problem.id, problem.path, problem.hint)
    assert problem.message.startswith(f"{path} was a secret: ")
    assert caught.value.source is not None
    assert "version 7 in the ledger" == caught.value.source.name
    assert fields["targets"] == restored(fields, f"{path}={SECRET}")["targets"]


def test_a_name_that_is_gone_is_asked_for_as_a_whole() -> None:
    """A name that held a secret cannot be set: what it stands in can, and the hint says so."""
    headers = "targets[t1].headers"
    fields = {"targets": [{"id": "t1", "headers": {f"X-{SECRET}": "a"}}]}
    with pytest.raises(InvalidRuleError) as caught:
        restored(fields, secrets=[SECRET])
    (problem,) = caught.value.problems

    assert ("secret-needed", f"Give what it stands in as a whole: --set '{headers}={{…}}'") == (
        problem.id, problem.hint,
    )  # fmt: skip
    assert str(problem.path[0]).startswith(f"{headers}.redacted:")
    assert problem.message.startswith(f"{problem.path[0]} has a name that held a secret: ")
    assert {"X": "a"} == restored(fields, f'{headers}={{"X": "a"}}', secrets=[SECRET])["targets"][0]["headers"]


def test_a_secret_that_the_org_still_has_needs_no_asking() -> None:
    """Its digest fits: the org's value stays, wherever the earlier state had it."""
    fields = {"targets": [{"id": "t1", "headers": {"Authorization": SECRET}}]}

    assert fields["targets"] == restored(fields, present=fields)["targets"]


@pytest.mark.parametrize("path", ["targets[t1].headers.Authorization", "targets[0].headers[Authorization]"])
@pytest.mark.parametrize("there", [{"Authorization": "theirs"}, {}], ids=["theirs", "none"])
def test_what_is_kept_is_what_the_org_has_at_that_path(path: str, there: dict[str, str]) -> None:
    """``${keep}`` takes the org's value in place of the one that is gone, or its absence."""
    fields = {"targets": [{"id": "t1", "headers": {"X-A": "b", "Authorization": SECRET}}]}
    present = {"targets": [{"id": "t1", "headers": there}]}
    (target,) = restored(fields, f"{path}=${{keep}}", present=present)["targets"]

    assert {"X-A": "b", **there} == target["headers"]


def test_what_came_later_and_is_known_goes() -> None:
    """A field that the earlier state did not have is not kept, and one that ebrule does not know is."""
    content = restored({"description": None, "owner": None}, present={"description": "new", "owner": {"team": "x"}})

    assert (None, {"team": "x"}) == (content.get("description"), content.get("owner"))


# --- the ledger's state, and the org's rule ---------------------------------------------------------------------


def settings(folder: Path, **options: Any) -> Settings:
    """Return settings with an org and a ledger."""
    org = Org("test", API, API, access_token=SecretStr("t"))
    return Settings(org, None, folder, folder / "audit.jsonl", **options)


def test_a_rollback_asks_for_the_rule_where_the_configuration_has_it(tmp_path: Path, wire: Wire, pace: Pace) -> None:
    """An org may serve its rules at another path: there the state that the ledger knows is compared."""
    kinds = {"eventbridge": EVENTBRIDGE._replace(resource="/api/v2/elsewhere/{id}")}
    LedgerWriter(tmp_path / "audit.jsonl").update(region="test")
    transport = wire(reply(404), reply(200, {**RULE, "version": 8}))
    options = UpdateOptions(rule_id=RULE_ID, dry_run=True, check_targets=False)
    result = rollback_rule(settings(tmp_path, kinds=kinds), options, pace=pace, environ={}, transport=transport)

    asked = [request.url for request in transport.requests]
    assert [f"{API}/api/v2/tokens/me", f"{API}/api/v2/elsewhere/{RULE_ID}"] == asked
    assert ("planned", [("priority", 50, 10)]) == (
        result.result, [(each.path, each.before, each.after) for each in result.changes],
    )  # fmt: skip


def test_a_rollback_is_of_one_rule(tmp_path: Path, wire: Wire, pace: Pace) -> None:
    """Without an id nothing is asked, and the option is named."""
    with pytest.raises(UsageError, match="which rule") as caught:
        rollback_rule(settings(tmp_path), UpdateOptions(), pace=pace, environ={}, transport=wire())

    assert ("no-rule-id", "--rule-id ID") == (caught.value.code, caught.value.hint)


def test_a_rollback_goes_back_over_what_was_done_in_its_own_org(tmp_path: Path, wire: Wire, pace: Pace) -> None:
    """A rule of the same id in another org has a history of its own, though one ledger has both."""
    ledger = LedgerWriter(tmp_path / "audit.jsonl")
    ledger.update(1, region="test")
    ledger.update(2, region="elsewhere", before={**RULE, "priority": 99})
    ledger.update(3, region="elsewhere", base_version=20, version=21)

    def back(to_version: int | None = None) -> list[tuple[str, Any, Any]]:
        answers = [reply(404), *([reply(200, {**RULE, "version": 8})] if to_version is None else [])]
        transport = wire(*answers)
        options = UpdateOptions(rule_id=RULE_ID, dry_run=True, check_targets=False)
        result = rollback_rule(settings(tmp_path), options, to_version, pace=pace, environ={}, transport=transport)
        return [(each.path, each.before, each.after) for each in result.changes]

    assert [("priority", 50, 10)] == back()
    with pytest.raises(UsageError, match="the ledger does not know version 20 of demo-rule") as caught:
        back(20)
    assert ("unknown-version", "It knows: 7, 8.") == (caught.value.code, caught.value.hint)


def test_a_rule_of_another_org_has_no_history_here(tmp_path: Path, wire: Wire, pace: Pace) -> None:
    """That is told with the ledger, the rule and the org that were looked for."""
    LedgerWriter(tmp_path / "audit.jsonl").update(region="elsewhere")
    with pytest.raises(UsageError, match=r"audit\.jsonl has no update of demo-rule in test") as caught:
        rollback_rule(
            settings(tmp_path), UpdateOptions(rule_id=RULE_ID), pace=pace, environ={}, transport=wire(reply(404))
        )

    assert caught.value.code == "no-history"
    assert "ebrule audit resolve" in (caught.value.hint or "")
