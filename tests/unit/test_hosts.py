"""Regions, domains, and the URLs that may be talked to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebrule.errors import UsageError
from ebrule.settings.hosts import REGIONS, SANDBOX, checked_url, domain_of, is_loopback


def test_the_regions_are_those_of_the_table() -> None:
    """There are eighteen regions, each with a domain of its own."""
    assert (len(REGIONS), len(set(REGIONS.values()))) == (18, 18)
    assert REGIONS["us-east-1"] == "mypurecloud.com"
    assert REGIONS["eu-west-1"] == "mypurecloud.ie"


@pytest.mark.parametrize(
    ("region", "near"),
    [
        ("eu-west-11", "eu-west-1"),
        ("mypurecloud.con", "mypurecloud.com"),
        ("sandbx", "sandbox"),
        ("EU-CENTRAL1", "eu-central-1"),
    ],
)
def test_an_unknown_region_suggests_the_nearest(region: str, near: str) -> None:
    """A slip of the finger costs no search."""
    with pytest.raises(UsageError) as caught:
        domain_of(region)
    assert ("unknown-region", f'Did you mean "{near}"?') == (caught.value.code, caught.value.hint)


def test_the_web_apps_address_is_a_region() -> None:
    """What stands in a browser's address bar leads to the org that is shown there."""
    assert domain_of("https://apps.mypurecloud.ie/directory/#/admin?x=y") == "mypurecloud.ie"


@pytest.mark.parametrize(
    "region",
    [
        "https://",
        "https://[",
        "https://mypurecloud.ie@evil.example",
        "",
        "????",
        "evil.example/mypurecloud.com",
        "mypurecloud.com.evil.example@x:1/2",
    ],
)
def test_no_other_host_is_a_region(region: str) -> None:
    """A region is one of the table; what only looks like one leads nowhere."""
    with pytest.raises(UsageError):
        domain_of(region)


def test_the_sandbox_has_no_address_of_its_own() -> None:
    """A library user is told how to get one."""
    with pytest.raises(UsageError, match="no address of its own"):
        domain_of(SANDBOX)


def test_without_a_near_one_all_regions_are_named() -> None:
    """Who knows none of the names gets the list."""
    with pytest.raises(UsageError) as caught:
        domain_of("????")
    assert all(region in (caught.value.hint or "") for region in [*REGIONS, SANDBOX])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True), ("127.0.0.1", True), ("127.255.0.9", True), ("::1", True),
        ("128.0.0.1", False), ("::2", False), ("localhost.example", False), ("127.0.0.1.example", False),
        ("", False),
    ],
)  # fmt: skip
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    """Names and addresses of the loopback interface, and nothing that only looks so."""
    assert expected is is_loopback(host)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30).map("https://".__add__) | st.text(max_size=40))
def test_any_text_is_a_url_or_a_usage_error(text: str) -> None:
    """Whatever is given, it is refused in words, or is stable: checked again it stays the same."""
    try:
        checked = checked_url(text, "--api-url")
    except UsageError:
        return
    assert checked == checked_url(checked, "--api-url")
