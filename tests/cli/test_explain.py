"""``ebrule explain``: what the id of a problem means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrule.diagnostics import CATALOGUE

if TYPE_CHECKING:
    from command_line import CommandLine


def test_an_id_is_explained(offline: CommandLine) -> None:
    """One id gives its title, why it is a problem, and what is wrong and right."""
    ran = offline("explain", "duplicate-key")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "error[duplicate-key]: a key stands twice in a mapping\n\n"
        "Some readers keep the first, some the last. Keep the one that is meant.\n\n"
        "Wrong:\n  priority: 50\n  priority: 60\n\n"
        "Right:\n  priority: 60\n"
    )


def test_a_warning_is_explained_as_one(offline: CommandLine) -> None:
    """What only ``--strict`` refuses is called a warning."""
    assert offline("explain", "unknown-operator").out.startswith("warning[unknown-operator]: ")


def test_all_ids_are_listed(offline: CommandLine) -> None:
    """Without an id there is one line for each."""
    lines = offline("explain").out.splitlines()

    assert [line.split()[0] for line in lines] == list(CATALOGUE)


def test_an_unknown_id_is_wrong_usage(offline: CommandLine) -> None:
    """An id that is none ends with 2, and the nearest is what to type next."""
    near, far = offline("explain", "dupplicate-key"), offline("explain", "xyz")

    assert (near.code, near.out) == (2, "")
    assert "'dupplicate-key' is no id of a problem\nDid you mean: ebrule explain duplicate-key\n" in near.err
    assert (far.code, "See all of them: ebrule explain" in far.err) == (2, True)


def test_json(offline: CommandLine) -> None:
    """``--output json`` prints one document, of one id or of all."""
    one, every = offline("explain", "alias", "-o", "json").json, offline("explain", "-o", "json").json

    assert one == {"schema_version": 1, "diagnostics": [every["diagnostics"][list(CATALOGUE).index("alias")]]}
    assert set(one["diagnostics"][0]) == {"id", "severity", "title", "why", "wrong", "right"}
    assert [each["id"] for each in every["diagnostics"]] == list(CATALOGUE)


def test_the_list_fits_the_terminal(offline: CommandLine) -> None:
    """On a narrow terminal a title that has no room beside its id stands below it."""
    ran = offline.on_a_terminal("explain", columns=40)
    lines = ran.out.splitlines()

    assert ran.code == 0
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(CATALOGUE)
    assert max(map(len, lines)) <= 40
