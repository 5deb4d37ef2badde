"""The default kind as an org may serve it otherwise: paths and limits of the configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ebrule.errors import UsageError
from ebrule.rules.registry import KINDS
from ebrule.settings import Options, load_settings
from ebrule.settings.configured import configured_kinds
from ebrule.settings.hosts import SANDBOX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebrule.rules.kind import Kind

    Configure = Callable[[str], dict[str, str]]

RULE: dict[str, Any] = {
    "priority": 1_001,
    "conditions": [{"field": "a", "operator": "equals", "value": index} for index in range(16)],
    "targets": [{"id": "t"}],
}


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Write a configuration file, and return the environment that names it."""

    def write(text: str) -> dict[str, str]:
        (tmp_path / "config.toml").write_text(text)
        return {"EBRULE_CONFIG": str(tmp_path / "config.toml")}

    return write


def problems(kind: Kind) -> list[str]:
    """Return the ids of what is wrong with the rule."""
    return [problem.id for problem in kind.limits(RULE)]


def test_without_a_word_about_them_the_kinds_are_as_they_are(configure: Configure) -> None:
    """No file, or one with profiles alone."""
    assert KINDS == configured_kinds({})
    assert KINDS == configured_kinds(configure('[prod]\nregion = "eu-west-1"\n'))


def test_paths_and_limits_can_be_the_orgs_own(configure: Configure) -> None:
    """Each by itself; the other kinds stay as they are."""
    environ = configure(
        """
        [kinds.eventbridge]
        rule_path = "/api/v3/rules/{id}/current"
        target_path = "/api/v3/targets/{id}"
        health_path = "/health"
        max_conditions = 16
        max_priority = 1001
        """
    )
    kinds = configured_kinds(environ)
    kind = kinds["eventbridge"]
    assert kind.path_of("r") == "/api/v3/rules/r/current"
    assert ["/api/v3/targets/t"] == [reference.resource for reference in kind.references(RULE, "r")]
    assert kind.health == "/health"
    assert (["too-many-conditions", "priority-range"], []) == (problems(KINDS["eventbridge"])[::-1], problems(kind))
    assert {name: kinds[name] for name in KINDS if name != "eventbridge"} == {
        name: KINDS[name] for name in KINDS if name != "eventbridge"
    }
    assert load_settings(Options(), environ).kinds["eventbridge"].health == "/health"


def test_limits_can_be_narrower(configure: Configure) -> None:
    """The message has the limit that counts."""
    text = "[kinds.eventbridge]\nmax_expression_length = 10\nmin_priority = 5\nmax_priority = 9\n"
    found = configured_kinds(configure(text))["eventbridge"].limits(RULE)
    assert "priority is 1001; it must be from 5 to 9" in [problem.message for problem in found]
    assert any("at most 10 are allowed" in problem.message for problem in found)


def test_the_built_in_sandbox_keeps_its_paths(configure: Configure) -> None:
    """What an org serves elsewhere is not there; its limits can be tried."""
    environ = configure('[kinds.eventbridge]\nrule_path = "/other/{id}"\nmax_conditions = 16\nmax_priority = 1001\n')
    options = Options(region=SANDBOX, api_url="http://127.0.0.1:1")
    kind = load_settings(options, {**environ, "GENESYSCLOUD_ACCESS_TOKEN": "t"}).kinds["eventbridge"]
    assert KINDS["eventbridge"].resource == kind.resource
    assert [] == problems(kind)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rule_path = '/rules'", "kinds.eventbridge.rule_path must be a path with {id} once"),
        ("rule_path = '/rules/{id}/{id}'", "kinds.eventbridge.rule_path must be a path with {id} once"),
        ("rule_path = '/rules-{id}'", "kinds.eventbridge.rule_path must be a path with {id} once"),
        ("rule_path = 'https://evil.example/{id}'", "kinds.eventbridge.rule_path must be a path"),
        ("rule_path = '//evil.example/{id}'", "kinds.eventbridge.rule_path must be a path"),
        ("rule_path = '/rules/../{id}'", "kinds.eventbridge.rule_path must be a path"),
        ("rule_path = '/rules/{id}?a=b'", "kinds.eventbridge.rule_path must be a path"),
        ("rule_path = '/rules/%2e%2e/{id}'", "kinds.eventbridge.rule_path must be a path"),
        ('rule_path = "/rules/{id}\\n"', "kinds.eventbridge.rule_path must be a path"),
        ("target_path = 'targets/{id}'", "kinds.eventbridge.target_path must be a path with {id} once"),
        ("health_path = '/health/{id}'", "kinds.eventbridge.health_path must be a path such as"),
        ("rule_path = 5", "kinds.eventbridge.rule_path must be text"),
        ("max_conditions = '15'", "kinds.eventbridge.max_conditions must be a whole number"),
        ("max_conditions = true", "kinds.eventbridge.max_conditions must be a whole number"),
        ("max_conditions = 0", "kinds.eventbridge.max_conditions must be 1 or more"),
        ("min_priority = 5\nmax_priority = 4", "kinds.eventbridge min_priority is above max_priority"),
        ("max_condition = 5", 'max_condition is no key that ebrule knows; did you mean "max_conditions"?'),
    ],
)
def test_what_cannot_be_meant_is_told(configure: Configure, line: str, said: str) -> None:
    """The file, the key and what it must be; no path leads to another host or out of itself."""
    environ = configure(f"[kinds.eventbridge]\n{line}\n")
    with pytest.raises(UsageError) as caught:
        configured_kinds(environ)
    assert caught.value.code == "bad-config"
    assert f"{environ['EBRULE_CONFIG']}: " in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("text", ["[kinds.trigger]\n", "[kinds]\nmax_conditions = 5\n"])
def test_nothing_else_can_be_set(configure: Configure, text: str) -> None:
    """The public kinds are as the API is."""
    with pytest.raises(UsageError, match="has nothing that can be set"):
        configured_kinds(configure(text))


def test_a_kind_must_be_a_table(configure: Configure) -> None:
    """A word is none."""
    with pytest.raises(UsageError, match=r"kinds\.eventbridge must be a table"):
        configured_kinds(configure("[kinds]\neventbridge = 'x'\n"))
