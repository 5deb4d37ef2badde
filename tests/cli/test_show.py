"""``ebrule show``: the rule as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from command_line import CommandLine

pytestmark = pytest.mark.loopback


def test_a_rule_is_shown_to_a_person(ebrule: CommandLine) -> None:
    """The text has name, version and each field."""
    ran = ebrule("show", "demo-rule")

    assert ran.code == 0
    assert ran.out.startswith("demo-rule  Call Duration Filter  (eventbridge, ")
    assert "version 7)" in ran.out
    assert 'eventType equals "com.genesys.cloud.telephony.call.answered"' in ran.out


def test_a_rule_is_shown_to_a_program(ebrule: CommandLine) -> None:
    """``-o json`` is the resource, with what ebrule does not know."""
    document = ebrule("show", "demo-rule-unknown-fields", "-o", "json").json

    assert document["division"] == {"id": "home", "name": "Home"}
    assert isinstance(document["version"], int)


def test_fields_that_a_file_cannot_have_are_comments(ebrule: CommandLine) -> None:
    """``-o yaml`` tells what else the org keeps, in comments below the rule."""
    out = ebrule("show", "demo-rule-unknown-fields", "-o", "yaml").out

    assert "# division:\n#   id: home\n#   name: Home\n" in out


def test_secrets_are_shown_when_asked_for(ebrule: CommandLine) -> None:
    """Without ``--reveal`` a header that speaks of auth is ``${keep}``."""
    assert "made-up-for-the-sandbox" not in ebrule("show", "demo-rule-secret").out
    assert "made-up-for-the-sandbox" in ebrule("show", "demo-rule-secret", "--reveal").out
