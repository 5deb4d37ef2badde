"""The key of the digests: where it comes from, what it is known by, and what digests of two keys tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ebrule.errors import UsageError
from ebrule.redaction import (
    Redactor,
    aligned,
    load_key,
    present_redaction_key,
    redaction_key,
    redaction_key_at_hand,
)
from ebrule.redaction.keys import Key
from ebrule.settings import Options, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = "0123456789abcdef" * 2


def settings_with(folder: Path, key: str | None = None) -> Settings:
    """Return the settings of a run that has a state folder, and perhaps a key in its environment."""
    environ = {"EBRULE_REDACTION_KEY": key} if key is not None else {}
    return load_settings(Options(state_dir=folder), environ, to_org=False)


# --- where it comes from ----------------------------------------------------------------------------------


def test_runners_with_one_key_agree(tmp_path: Path) -> None:
    """Two state folders and one key in the environment give the same digests, and no file is made."""
    one, other = (Redactor(redaction_key(settings_with(tmp_path / name, GIVEN))) for name in "ab")

    assert one.value("x") == other.value("x") == Redactor(GIVEN.encode()).value("x")
    assert one.key_id == other.key_id
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_folder_has_one(tmp_path: Path, key: str | None) -> None:
    """An unset or empty variable leaves it to the file, which is made at first use, and never by a look."""
    settings = settings_with(tmp_path, key)

    assert present_redaction_key(settings) is None
    assert len(redaction_key_at_hand(settings)) == 32
    assert list(tmp_path.iterdir()) == []
    assert redaction_key(settings) == load_key(tmp_path) == present_redaction_key(settings)


@pytest.mark.parametrize(
    "key",
    ["x", GIVEN[1:], f"{GIVEN} ", f"{GIVEN}\n", f"{GIVEN[:20]} {GIVEN[20:]}", f"{GIVEN}é", f"{GIVEN}\udcff"],
)
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    """The error names the variable and what a key must be, and nothing of what it holds."""
    with pytest.raises(UsageError) as caught:
        settings_with(tmp_path, key)

    said = f"{caught.value.message} {caught.value.hint}"
    assert "EBRULE_REDACTION_KEY" in said
    assert "32" in said
    assert key.strip() not in said or key == "x"


def test_a_given_key_is_a_secret(tmp_path: Path) -> None:
    """It is never shown: not by the settings that hold it, nor where a text has it."""
    settings = settings_with(tmp_path, GIVEN)

    assert GIVEN not in repr(settings)
    assert {GIVEN} == settings.secrets


def test_a_damaged_file_does_not_matter_beside_a_given_key(tmp_path: Path) -> None:
    """The file's key is only looked for to read earlier records."""
    (tmp_path / "redaction.key").write_bytes(b"short")

    assert GIVEN.encode() == redaction_key(settings_with(tmp_path, GIVEN))


# --- what it is known by ----------------------------------------------------------------------------------


def test_a_key_id_is_short_and_of_one_key() -> None:
    """Each key has its own id, which is no digest of a text that a rule could hold."""
    ids = {Key(name.encode() * 32).id for name in "abc"}

    assert len(ids) == 3
    assert all(len(each) == 16 for each in ids)
    assert Key(b"a" * 32).id == Redactor(b"a" * 32).key_id
    assert Redactor(b"a" * 32).value("ebrule redaction key id") != f"redacted:{Key(b'a' * 32).id}"


def test_records_of_keys_at_hand_can_be_compared(tmp_path: Path) -> None:
    """Those of the present key, of the file's beside a given one, and unnamed ones where the file's is there."""
    own = redaction_key(settings_with(tmp_path))
    given = redaction_key(settings_with(tmp_path, GIVEN))
    elsewhere = redaction_key(settings_with(tmp_path / "elsewhere", GIVEN))

    assert (True, True, False) == (own.made(own.id), own.made(None), own.made(given.id))
    assert (True, True, True) == (given.made(given.id), given.made(None), given.made(own.id))
    assert (True, False, False) == (elsewhere.made(given.id), elsewhere.made(None), elsewhere.made(own.id))


def test_what_the_files_key_hid_is_restored_beside_a_given_key(tmp_path: Path) -> None:
    """Who turns to a key in the environment can still go back over what was recorded before."""
    rule = {"description": "prod", "headers": {"X-Key": "e"}, "url": "https://u:p@h/"}
    before = Redactor(redaction_key(settings_with(tmp_path)), ["a long secret"]).knowing(
        {"description": "redacted:0123456789abcdef"}, rule
    )
    recorded = before.data(rule)
    after = Redactor(redaction_key(settings_with(tmp_path, GIVEN)))

    assert recorded["description"].startswith("redacted:")
    assert rule == after.restore(recorded, rule)
    assert after.knowing(recorded, rule).data({"description": "x"})["description"].startswith("redacted:")


# --- digests of two keys ----------------------------------------------------------------------------------

A, B, C = "redacted:aaaaaaaaaaaaaaaa", "redacted:bbbbbbbbbbbbbbbb", "redacted:cccccccccccccccc"


@pytest.mark.parametrize(
    ("recorded", "present", "expected"),
    [
        pytest.param({"a": A}, {"a": B}, {"a": B}, id="digest"),
        pytest.param({"a": A}, {"a": "plain"}, {"a": A}, id="plain-now"),
        pytest.param({"a": A}, {}, {"a": A}, id="gone"),
        pytest.param({"a": 1}, {"a": B}, {"a": 1}, id="secret-now"),
        pytest.param({"u": f"https://{A}@h/"}, {"u": f"https://{B}@h/"}, {"u": f"https://{B}@h/"}, id="url"),
        pytest.param({"u": f"https://{A}@h/"}, {"u": f"https://{B}@g/"}, {"u": f"https://{A}@h/"}, id="another-url"),
        pytest.param([A, "x"], [B, "y"], [B, "x"], id="list"),
        pytest.param([A, A], [B], [B, A], id="longer-list"),
        pytest.param(
            [{"id": "x", "a": A}, {"id": "y", "a": A}],
            [{"id": "y", "a": B}, {"id": "x", "a": C}],
            [{"id": "x", "a": C}, {"id": "y", "a": B}],
            id="by-id",
        ),
    ],
)
def test_digests_of_two_keys_are_taken_for_the_same(recorded: Any, present: Any, expected: Any) -> None:
    """Where two states differ in their digests alone, that tells nothing; all else is compared."""
    assert expected == aligned(recorded, present)
