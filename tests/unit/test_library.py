"""The library: what the commands do, as names that are pinned, print nothing and never exit."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
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
from ebrule.core.notices import AskingBack, Merged, Notice, Requested, Waiting, Warned
from ebrule.core.pace import Pace

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


# --- logging --------------------------------------------------------------------------------------------------------


@pytest.mark.loopback
def test_requests_are_logged_for_who_listens(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Each at DEBUG, with status, time and correlation id, and without a secret."""
    caplog.set_level(logging.DEBUG, logger="ebrule")
    update_rule(settings, EXAMPLE)

    logged = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    requests = [message for name, level, message in logged if (name, level) == ("ebrule.http", "DEBUG")]
    assert ["POST", "GET", "GET", "PUT"] == [message.split()[0] for message in requests if "/targets/" not in message]
    assert all(re.search(r": 200 in \d+ ms, correlation id \S+$", message) for message in requests)
    secret = settings.require_org().client_secret
    assert secret
    assert secret.get_secret_value() not in caplog.text


def test_waits_and_warnings_are_logged_beside_the_observer(caplog: pytest.LogCaptureFixture) -> None:
    """Waits and what is merged at INFO, warnings at WARNING; an observer that fails stops none of it."""

    def fail(_: Notice) -> None:
        raise OSError

    caplog.set_level(logging.DEBUG, logger="ebrule")
    pace = Pace(observe=fail)
    for notice in (Waiting("busy", 1.5, 2, 10, 60.0), AskingBack("no answer"), Merged(7, 9, ()), Warned("100 % odd")):
        pace.observe(notice)
    pace.observe(Requested("GET", "https://api.example/x", None, 12.0, None, "no connection"))

    assert [
        ("ebrule.run", "INFO", "busy: next try in 1.5 s (2 of 10, 60 s left)"),
        ("ebrule.run", "WARNING", "no answer: reading the rule to find out what happened"),
        ("ebrule.run", "INFO", "the rule changed from version 7 to 9: 0 changes of others are kept"),
        ("ebrule.run", "WARNING", "100 % odd"),
        ("ebrule.http", "DEBUG", "GET https://api.example/x: no connection in 12 ms, correlation id -"),
    ] == [(record.name, record.levelname, record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize("listener", ["", "import logging", "import logging; logging.basicConfig(level=50)"])
def test_logs_are_silent_by_default(listener: str) -> None:
    """Python prints a warning that no handler takes; ebrule's have one that drops them."""
    code = "from ebrule.core.pace import Pace; from ebrule.core.notices import Warned; Pace().observe(Warned('x'))"
    done = subprocess.run([sys.executable, "-c", f"{listener}\n{code}"], capture_output=True, text=True, check=True)
    assert ("", "") == (done.stdout, done.stderr)
