"""Secrets appear nowhere."""

from __future__ import annotations

import pytest

from reliability.canary_scenarios import SCENARIOS
from reliability.measure_canaries import search

pytestmark = pytest.mark.loopback


@pytest.mark.parametrize("runs", [40, pytest.param(500, marks=pytest.mark.full)])
def test_no_secret_appears_anywhere(runs: int) -> None:
    """Whatever a run ends with, no piece of a secret stands in what it prints, writes, announces or sends elsewhere."""
    tally = search(runs=runs)

    assert tally.hits == []
    if runs >= len(SCENARIOS) * 4:
        assert set(tally.scenarios) == set(SCENARIOS)
        assert set(tally.codes) >= {-9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
