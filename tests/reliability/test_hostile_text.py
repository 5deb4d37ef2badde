"""No text drives the terminal or the pipeline."""

from __future__ import annotations

import pytest

from reliability.hostile_text import search

pytestmark = pytest.mark.loopback


@pytest.mark.parametrize("strings", [500, pytest.param(10_000, marks=pytest.mark.full)])
def test_no_text_is_obeyed(strings: int) -> None:
    """Whatever stands in a rule, a reply, a ledger or a case, what is printed of it is only shown."""
    tally = search(strings=strings)

    assert tally.broken == []
    assert tally.strings >= strings
    assert len(tally.paths) > 30
