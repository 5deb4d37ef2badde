"""Profiles, in ebrule's own configuration file and in the gc CLI's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from ebrule.errors import UsageError
from ebrule.settings.profiles import Profile, can_others_read, find_profile, profile_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]

GC = """\
[default]
  access_token = ""
  client_credentials = "gc-id"
  client_secret = "canary-gc"
  environment = "mypurecloud.ie"
  grant_type = "1"
  redirect_uri = ""
  secure_login_enabled = false

[night]
environment = 'mypurecloud.de'
access_token = 'canary-token'
proxy_port = 3128
"""
"""What ``gc profiles new`` writes, and what its README tells people to write."""


@pytest.fixture
def own(home: Path) -> Write:
    """Write ebrule's own file."""
    return lambda text: _write(home / ".config" / "ebrule" / "config.toml", text)


@pytest.fixture
def gc(home: Path) -> Write:
    """Write the gc CLI's file."""
    return lambda text: _write(home / ".gc" / "config.toml", text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def refused(name: str | None = "x", **environ: str) -> UsageError:
    """Look for a profile that cannot be had."""
    with pytest.raises(UsageError) as caught:
        find_profile(name, environ)
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def test_a_profile_is_a_table_of_ebrules_own_file(own: Write) -> None:
    """It says where the org is and who asks, and its secrets are shown by nothing."""
    path = own('[prod]\nregion = "eu-west-1"\nclient_id = "id"\nclient_secret = "canary"\nlogin_url = ""\n')
    expected = Profile("prod", path, region="eu-west-1", client_id="id", client_secret=SecretStr("canary"))
    found = find_profile("prod", {})
    assert expected == found
    assert f"profile prod of {path}" == str(found)
    assert "canary" not in repr(found)


def test_the_gc_clis_profiles_are_understood(gc: Write) -> None:
    """Its names of the keys, its lower case of a profile's name, and the keys that mean nothing here."""
    path = gc(GC)
    expected = Profile(
        "default", path, region="mypurecloud.ie", client_id="gc-id", client_secret=SecretStr("canary-gc")
    )
    assert expected == find_profile(None, {}) == find_profile("DEFAULT", {})
    assert Profile("night", path, region="mypurecloud.de", access_token=SecretStr("canary-token")) == find_profile(
        "Night", {}
    )


def test_ebrules_own_file_goes_first(own: Write, gc: Write) -> None:
    """A profile of both files is ebrule's; one that ebrule does not have is the gc CLI's; no profile is a mixture."""
    own_path, gc_path = own('[night]\nregion = "eu-west-2"\n[other]\n'), gc(GC)
    assert Profile("night", own_path, region="eu-west-2") == find_profile("night", {})
    assert gc_path == getattr(find_profile(None, {}), "source", None)
    assert ["default", "night", "other"] == profile_names({})


def test_two_profiles_may_differ_in_case_alone(own: Write) -> None:
    """Then each is found as it is written."""
    own('[Prod]\nregion = "eu-west-1"\n[prod]\nregion = "eu-west-2"\n')
    found = [find_profile(name, {}) for name in ("Prod", "prod", "PROD")]
    assert ["eu-west-1", "eu-west-2", "eu-west-1"] == [each and each.region for each in found]


def test_another_file_can_be_named(own: Write, tmp_path: Path) -> None:
    """``EBRULE_CONFIG`` stands in for ebrule's own file."""
    own("[prod]\n")
    other = _write(tmp_path / "other.toml", '\ufeff[prod]\r\nregion = "us-east-1"\r\n')
    assert Profile("prod", other, region="us-east-1") == find_profile("prod", {"EBRULE_CONFIG": str(other)})


def test_without_any_file_there_is_no_default(home: Path) -> None:
    """No profile is no error, unless one is named."""
    assert find_profile(None, {}) is None
    assert [] == profile_names({})
    error = refused("prod")
    assert ("unknown-profile", "there is no profile 'prod'") == (error.code, error.message)
    assert str(home / ".gc" / "config.toml") in (error.hint or "")


def test_a_file_in_the_working_directory_is_never_read(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where a home is given as no absolute path."""
    monkeypatch.chdir(tmp_path)
    for name in ("config.toml", "ebrule/config.toml", ".gc/config.toml", ".config/ebrule/config.toml"):
        _write(tmp_path / name, "[DEFAULT]\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", ".")
    monkeypatch.setenv("HOME", ".")
    assert find_profile(None, {}) is None


@pytest.mark.parametrize(("name", "near"), [("prdo", "prod"), ("nigth", "night")])
def test_an_unknown_profile_suggests_the_nearest(own: Write, gc: Write, name: str, near: str) -> None:
    """Of both files."""
    own("[prod]\n")
    gc(GC)
    assert f'Did you mean "{near}"?' == refused(name).hint
    assert refused("?").hint == "Profiles: prod, default, night."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('[x]\nclient_secret = "canary\n', "is no TOML: line 2, column 24", id="open-quote"),
        pytest.param("[x]\nclient_secret = canary\n", "is no TOML: line 2, column 17", id="no-quotes"),
        pytest.param('[x]\nclient_secret = "canary', "is no TOML: line 2, column 24", id="cut"),
        pytest.param("[x]\n[x]\n", "is no TOML: line 2, column 3", id="twice"),
        pytest.param("x = " + "[" * 100_000, "is no TOML", id="deep"),
        pytest.param('client_secret = "canary"\n[x]\n', "'client_secret' stands in no profile", id="no-profile"),
        pytest.param('[x]\nclient_secrt = "canary"\n', "unknown key 'client_secrt' in profile 'x'", id="typo"),
        pytest.param("[x]\nregion = 1\n", "region of profile 'x' must be text", id="number"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_place(own: Write, text: str, said: str) -> None:
    """The file, the place and what to do, and never what stands there."""
    path = own(text)
    error = refused()
    assert error.code == "bad-config"
    assert str(path) in error.message
    assert said in error.message
    assert error.hint


@pytest.mark.parametrize("key", ["client_id", "client_credentials", "client_secret", "access_token"])
@pytest.mark.parametrize("value", ["canary\\n", " canary", "canary\\u0000", "canary\\r"])
def test_a_credential_that_no_org_gives_out_is_told_with_its_key(own: Write, gc: Write, key: str, value: str) -> None:
    """In either file, the message names file, key and profile, and does not show the value."""
    for path in (own(f'[x]\n{key} = "{value}"\n'), gc(f'[y]\n{key} = "{value}"\n')):
        error = refused("x" if path.parent.name == "ebrule" else "y")
        assert error.message.startswith(f"{path}: {key} of profile '")


def test_a_mistyped_key_suggests_the_nearest(own: Write) -> None:
    """In ebrule's own file every key means something."""
    own("[x]\nclient_secrt = 'canary'\n")
    assert refused().hint == 'Did you mean "client_secret"?'


def test_bytes_that_are_no_text_are_told(own: Write) -> None:
    """A file of another encoding is no TOML."""
    own("").write_bytes(b"[x]\nregion = '\xff'\n")
    assert "is no TOML" in refused().message


def test_a_file_that_is_named_must_be_there(home: Path) -> None:
    """Who sets ``EBRULE_CONFIG`` means that file; a folder is none."""
    missing = home / "none.toml"
    assert f"{missing} cannot be read: No such file or directory" == refused(None, EBRULE_CONFIG=str(missing)).message
    assert "cannot be read" in refused(None, EBRULE_CONFIG=str(home)).message


def no_file(path: Path, what: str) -> None:
    """Make something that cannot be read to its end."""
    if what == "FIFO":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"#" * 2_000_000)


@pytest.mark.parametrize("what", ["FIFO", "device", "folder", "huge"])
def test_what_is_no_file_of_profiles_is_told_at_once(home: Path, what: str) -> None:
    """Nobody waits for a FIFO, and no memory is filled from a device; not even when a shell completes names."""
    no_file(home / "odd.toml", what)
    with pytest.raises(UsageError, match="cannot be read: ") as caught:
        profile_names({"EBRULE_CONFIG": str(home / "odd.toml")})
    assert "bad-config" == caught.value.code


def test_a_shells_process_substitution_is_read(home: Path) -> None:
    """A FIFO that a shell hands over has somebody who writes to it."""
    reader, writer = os.pipe()
    os.write(writer, b'[night]\nregion = "eu-west-1"\n')
    os.close(writer)
    assert ["night"] == profile_names({"EBRULE_CONFIG": f"/dev/fd/{reader}"})
    os.close(reader)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_stops_only_who_needs_it(own: Write) -> None:
    """As in a container whose home belongs to another user."""
    own("[x]\n").chmod(0)
    assert find_profile(None, {}) is None
    assert "Permission denied" in refused().message


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o640, True), (0o604, True), (0o400, False)])
def test_a_file_that_others_can_read_is_noticed(own: Write, mode: int, exposed: bool) -> None:
    """Read permission for the group or for all."""
    own("[x]\n").chmod(mode)
    assert exposed is getattr(find_profile("x", {}), "is_exposed", None)


def test_what_is_no_file_is_read_by_nobody_else() -> None:
    """A pipe has modes too, and they mean nothing."""
    assert can_others_read(0o010644) is False
