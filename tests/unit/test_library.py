"""The library: what the commands do, as names that are pinned, print nothing and never exit."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ebrule
from ebrule import (
    InvalidRuleError,
    Options,
    UpdateOptions,
    UsageError,
    load_rule,
    load_settings,
    plan_update,
    update_rule,
    validate_rule,
)

if TYPE_CHECKING:
    from ebrule import Settings
    from sandbox_process import SandboxProcess

EXAMPLE = Path(__file__).parents[2] / "examples" / "rule.yaml"

NAMES = {
    "AccessError", "AuditLog", "AuthStatus", "Case", "CaseResult", "Change", "ConflictError", "Delivery",
    "EbruleError", "Endpoint", "Examined", "ExitCode", "InterruptedRunError", "InvalidRuleError", "KINDS", "Kind",
    "KindAccess", "LedgerError", "Options", "Overlap", "Pace", "Problem", "Rule", "RuleFile", "RuleNotFoundError",
    "Session", "Settings", "UnavailableError", "UnknownOutcomeError", "UpdateOptions", "UpdateResult", "UsageError",
    "Verdict", "VersionGoneError", "announce_rule", "auth_status", "connect", "fetch_rule", "flush_events",
    "list_rules", "load_cases", "load_rule", "load_settings", "make_event", "plan_update", "rollback_rule",
    "run_cases", "send_event", "update_rule", "validate_rule",
}  # fmt: skip


def test_the_names_are_pinned() -> None:
    """The library has these names, all of them can be had, and no others are promised."""
    assert set(ebrule.__all__) == NAMES
    assert all(getattr(ebrule, name).__name__ == name for name in NAMES - {"KINDS"})


def test_a_plan_takes_what_an_update_takes() -> None:
    """``plan_update`` has the parameters of ``update_rule``, for whoever asks."""
    assert signature(update_rule) == signature(plan_update)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A name that the library does not have fails as in any module."""
    with pytest.raises(AttributeError, match="frobnicate"):
        _ = ebrule.frobnicate


@pytest.fixture
def settings(sandbox: SandboxProcess, tmp_path: Path) -> Settings:
    """Settings that lead to the sandbox, with a ledger of the test's own."""
    client_id, secret = sandbox.credentials
    environ = {"GENESYSCLOUD_OAUTHCLIENT_ID": client_id, "GENESYSCLOUD_OAUTHCLIENT_SECRET": secret}
    return load_settings(Options(api_url=sandbox.url, state_dir=tmp_path / "state"), environ)


@pytest.mark.loopback
def test_a_rule_is_planned_and_updated(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """``plan_update`` writes nothing, ``update_rule`` changes the rule; neither prints."""
    planned = plan_update(settings, EXAMPLE)
    assert ("planned", 7) == (planned.result, planned.version)
    assert not settings.state_dir.exists()

    result = update_rule(settings, EXAMPLE)
    assert ("updated", 7, 8, 0) == (result.result, result.base_version, result.version, result.exit_status)
    assert capfd.readouterr() == ("", "")


@pytest.mark.loopback
def test_what_fails_is_raised_with_what_is_known(settings: Settings, tmp_path: Path) -> None:
    """An error carries the result so far; wrong usage carries none, since nothing was done."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(EXAMPLE.read_text().replace("50", "0"))
    with pytest.raises(InvalidRuleError) as caught:
        update_rule(settings, wrong)
    assert caught.value.result.exit_status == 3

    with pytest.raises(UsageError) as misused:
        update_rule(settings, EXAMPLE, UpdateOptions(rule_id="other"))
    assert misused.value.result is None


def test_a_file_is_loaded_and_examined() -> None:
    """``load_rule`` gives kind and fields, ``validate_rule`` gives what was found."""
    assert (load_rule(EXAMPLE).kind.name, load_rule(EXAMPLE).rule_id) == ("eventbridge", "demo-rule")
    assert (validate_rule(EXAMPLE).errors, validate_rule("nowhere.yaml").errors) == (0, 1)
