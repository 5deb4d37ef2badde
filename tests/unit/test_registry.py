"""Kinds by name."""

from __future__ import annotations

import pytest

from ebrule.errors import UsageError
from ebrule.rules.registry import DEFAULT_KIND, KINDS, kind_named


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_found_by_its_name(name: str) -> None:
    """Each kind stands under the name that it gives itself."""
    assert (name, KINDS[name]) == (kind_named(name).name, kind_named(name))


def test_the_default_is_a_kind() -> None:
    """What a file without ``kind`` is, is known."""
    assert kind_named(DEFAULT_KIND).name == "eventbridge"


@pytest.mark.parametrize("name", ["eventbrige", "event-bridge", "eventbridges"])
def test_a_misspelt_kind_is_told_the_right_one(name: str) -> None:
    """A name that is nearly right gets the right one in the hint."""
    with pytest.raises(UsageError, match="is no kind of rule") as caught:
        kind_named(name)

    assert (caught.value.code, caught.value.hint) == ("unknown-kind", 'Did you mean "eventbridge"?')


@pytest.mark.parametrize("name", ["", "xyz", "\x1b[31m"])
def test_any_other_name_is_told_all_kinds(name: str) -> None:
    """A name that is nothing like a kind gets the list, and shows escaped."""
    with pytest.raises(UsageError) as caught:
        kind_named(name)

    assert (repr(name), True) == (
        caught.value.message.split(" is no ")[0],
        "eventbridge" in str(caught.value.hint),
    )


def test_each_kind_says_what_it_must() -> None:
    """A kind has a resource for each id, an event of its own, and the keys that every file may have."""
    assert len(KINDS) == len({kind.event_type for kind in KINDS.values()})
    for kind in KINDS.values():
        assert kind.resource.count("{id}") == 1
        assert {"kind", "id", "version"} <= set(kind.model.model_fields)
        assert kind.title
