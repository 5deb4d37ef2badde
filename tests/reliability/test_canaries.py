"""Secrets appear nowhere."""

from __future__ import annotations

import pytest

from reliability.canaries import SDK_IS_HERE
from reliability.canary_scenarios import SCENARIOS
from reliability.measure_canaries import search

pytestmark = pytest.mark.loopback

needs_sdk = pytest.mark.skipif(not SDK_IS_HERE, reason="the SDK is not installed")


@pytest.mark.parametrize("runs", [40, pytest.param(500, marks=pytest.mark.full)])
def test_no_secret_appears_anywhere(runs: int) -> None:
    """Whatever a run ends with, no piece of a secret stands in what it prints, writes, announces or sends elsewhere."""
    tally = search(runs=runs)

    assert tally.hits == []
    if runs >= len(SCENARIOS) * 4:
        assert set(tally.scenarios) == set(SCENARIOS)
        assert set(tally.codes) >= {-9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}


@pytest.mark.parametrize("name", ["trigger", "source", "remote", pytest.param("sdk", marks=needs_sdk)])
def test_no_secret_appears_whatever_the_kind_and_the_transport(name: str) -> None:
    """The same holds for the other kinds, for the org's own test of a rule, and for the official SDK's client."""
    assert search(runs=1, only=name).hits == []
