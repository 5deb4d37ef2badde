"""Ids that are safe in a URL, and what of a rule is the rule's own."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebrule.errors import UsageError
from ebrule.rules.eventbridge import EVENTBRIDGE
from ebrule.rules.kind import READ_ONLY, checked_id, is_id
from fake_org import demo_rule

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A slow machine is no reason to fail."""

GOOD = [
    "a",
    "demo-rule",
    "0",
    "A.b_c-9",
    "..a",
    "a..",
    "-",
    "x" * 128,
    "1d0b2f7e-5a9c-4f7b-9e57-0d6c1d2b3a4f",
]
BAD = [
    "", ".", "..", "...", "." * 128, "x" * 129, "../../oauth/clients", "http://evil/x", "a/b", "a\\b", "a b",
    "a\n", "\na", "a%2e", "a?b", "a#b", "a;b", "é", "a\x00", "٣", "\u202ea", "a\u200b", "{id}", "~",
    "a:b", "@",
]  # fmt: skip


@pytest.mark.parametrize("value", GOOD)
def test_ids(value: str) -> None:
    """Letters, digits, dots, underscores and hyphens make an id, up to 128 of them."""
    assert (True, value) == (is_id(value), checked_id(value))


@pytest.mark.parametrize("value", BAD, ids=ascii)
def test_what_is_no_id(value: str) -> None:
    """Whatever could lead to another resource, or shows as something else, is refused and shown escaped."""
    with pytest.raises(UsageError) as caught:
        checked_id(value, "target id")

    assert (is_id(value), caught.value.code) == (False, "bad-id")
    assert caught.value.message.startswith(f"{value!r} is no target id")
    assert "target id" in str(caught.value.hint)


@calm
@given(st.text(max_size=140))
def test_an_id_is_one_segment_of_the_path(value: str) -> None:
    """Whatever is taken as an id, it stays below the rules' own path, without query or fragment."""
    if not is_id(value):
        return
    path = EVENTBRIDGE.path_of(value)
    parts = urlsplit("https://api.example.com" + path)

    assert (path, "", "") == (parts.path, parts.query, parts.fragment)
    assert ["", "api", "v2", "eventbridge", "routing", "rules", value] == path.split("/")
    assert value.strip(".")


def test_the_path_of_what_is_no_id() -> None:
    """No path is made of what is no id."""
    with pytest.raises(UsageError):
        EVENTBRIDGE.path_of("..")


def test_the_content_is_all_but_version_and_read_only_fields() -> None:
    """What the org keeps itself is left out; what ebrule does not know stays, and so does the rule itself."""
    rule = {**demo_rule(), **dict.fromkeys(READ_ONLY, "theirs")}
    content = EVENTBRIDGE.content(rule)

    assert set(rule) - READ_ONLY - {"version"} == set(content)
    assert content["owner"] == {"team": "routing"}
    assert rule["version"] == 7


def test_the_fields_of_a_file_are_all_but_what_it_says_of_itself() -> None:
    """``kind``, ``id`` and ``version`` are about the file, not fields of the rule."""
    data = {"kind": "eventbridge", "id": "x", "version": 1, "name": "Demo", "description": None}

    assert EVENTBRIDGE.fields_of(data) == {"name": "Demo", "description": None}
