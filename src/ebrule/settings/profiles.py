"""Profiles: named orgs with their credentials, in ebrule's own configuration file or in the gc CLI's.

Both files are TOML with a table for each profile. ebrule's is ``config.toml`` in the user's configuration folder
(``EBRULE_CONFIG`` names another); where it has no such profile, ``~/.gc/config.toml`` is looked at. A file in the
working directory is never read: whoever wrote it could send a secret elsewhere. In ebrule's own file, ``kinds`` is no
profile: it says what is special about the kinds of rules.

Source of the gc CLI's names: its ``config.go``. It writes a profile's name in lower case and reads it in any.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import SecretStr

from ebrule.errors import UsageError
from ebrule.settings.credentials import check_credential
from ebrule.settings.folders import expanded, own_folder
from ebrule.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_PROFILE = "DEFAULT"
"""The profile that is used when none is named, as the gc CLI calls it."""

KINDS_TABLE = "kinds"

_GC_NAMES = {"environment": "region", "client_credentials": "client_id"}
_OWN_NAMES = ("region", "api_url", "login_url", "client_id", "client_secret", "access_token")
_SECRETS = frozenset({"client_secret", "access_token"})
_CREDENTIALS = _SECRETS | {"client_id"}
_MAX_BYTES = 1024 * 1024
# What a shell's <(command) hands over: somebody is writing to it.
_PROCESS_SUBSTITUTION = re.compile(r"/(?:dev|proc/self)/fd/[0-9]+")


class Profile(NamedTuple):
    """One profile: where an org is, and who asks. What it does not say is None.

    ``source`` is its file; ``is_exposed`` says that other users of the machine can read that file.
    """

    name: str
    source: Path
    is_exposed: bool = False
    region: str | None = None
    api_url: str | None = None
    login_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    access_token: SecretStr | None = None

    def __str__(self) -> str:
        """Name the profile and its file."""
        return f"profile {self.name} of {self.source}"


class _File(NamedTuple):
    path: Path
    is_own: bool
    is_exposed: bool
    tables: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, Any]

    def find(self, name: str) -> str | None:
        """Return a profile's name as the file spells it: letters' case tells two apart only where both are there."""
        if name in self.tables:
            return name
        return next((each for each in self.tables if each.casefold() == name.casefold()), None)

    def profile(self, name: str) -> Profile:
        table = self.tables[name]
        allowed = [*_OWN_NAMES, *_GC_NAMES]
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in allowed:
                if self.is_own:  # the gc CLI keeps more in its profiles than ebrule has a use for
                    near = nearest(key, allowed)
                    hint = f'Did you mean "{near}"?' if near else f"Known keys: {', '.join(_OWN_NAMES)}."
                    raise UsageError(
                        f"{self.path}: unknown key {key!r} in profile {name!r}", hint=hint, code="bad-config"
                    )
                continue
            if not isinstance(value, str):
                raise UsageError(
                    f"{self.path}: {key} of profile {name!r} must be text", hint="Put it in quotes.", code="bad-config"
                )
            setting = _GC_NAMES.get(key, key)
            if value and setting in _CREDENTIALS:
                check_credential(value, f"{self.path}: {key} of profile {name!r}", is_token=setting == "access_token")
            if value:
                values[setting] = SecretStr(value) if setting in _SECRETS else value
        return Profile(name, self.path, self.is_exposed, **values)


def find_profile(name: str | None, environ: Mapping[str, str]) -> Profile | None:
    """Return a profile; without a name, the default one if there is any.

    Raises :class:`UsageError`, with the nearest name, for a profile that neither file has, and for a file that cannot
    be read. What it says never shows a line of the file.
    """
    known: list[str] = []
    for file in _files(environ, asked_for=name is not None):
        spelled = file.find(name or DEFAULT_PROFILE)
        if spelled is not None:
            return file.profile(spelled)
        known += file.tables
    if name is None:
        return None
    near = nearest(name, known)
    paths = " and ".join(map(str, filter(None, _paths(environ))))
    searched = f"they are looked for in {paths}" if paths else "the home folder of this user is unknown"
    hint = f"Profiles: {', '.join(known)}." if known else f"There is none yet; {searched}."
    raise UsageError(
        f"there is no profile {name!r}", hint=f'Did you mean "{near}"?' if near else hint, code="unknown-profile"
    )


def profile_names(environ: Mapping[str, str]) -> list[str]:
    """Return the names of all profiles; raises :class:`UsageError` as :func:`find_profile` does."""
    names: dict[str, str] = {}
    for file in _files(environ, asked_for=False):
        for name in file.tables:
            names.setdefault(name.casefold(), name)
    return sorted(names.values())


def kind_settings(environ: Mapping[str, str]) -> tuple[Path, Mapping[str, Any]] | None:
    """Return the table ``kinds`` of ebrule's own file, and the file; raises as :func:`find_profile` does."""
    is_named = bool(environ.get("EBRULE_CONFIG"))
    path = _paths(environ)[0]
    own = _read(path, is_own=True, must_be_there=is_named, asked_for=False) if path else None
    return (own.path, own.kinds) if own is not None and own.kinds else None


def can_others_read(mode: int) -> bool:
    """Return whether a file of that mode can be read by more than its owner; what is no file is nobody else's."""
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


def _paths(environ: Mapping[str, str]) -> list[Path | None]:
    """Return the files to look at: ebrule's own, then the gc CLI's; None for one that has no place."""
    named = environ.get("EBRULE_CONFIG")
    if named:
        own: Path | None = Path(expanded(named, "EBRULE_CONFIG"))
    else:
        from platformdirs import user_config_path  # noqa: PLC0415 - not needed where the file is named

        folder = own_folder(user_config_path)
        own = folder and folder / "config.toml"
    gc = Path(os.path.expanduser("~/.gc/config.toml"))  # noqa: PTH111 - pathlib's raises where there is no home
    # What stands in the working directory is never read.
    return [own, gc if gc.is_absolute() else None]


def _files(environ: Mapping[str, str], *, asked_for: bool) -> Iterator[_File]:
    """Yield the files that are there; the gc CLI's is not looked at before it is needed."""
    own, gc = _paths(environ)
    for path, is_own in ((own, True), (gc, False)):
        is_named = is_own and bool(environ.get("EBRULE_CONFIG"))
        file = _read(path, is_own=is_own, must_be_there=is_named, asked_for=asked_for) if path else None
        if file is not None:
            yield file


def _read(path: Path, *, is_own: bool, must_be_there: bool, asked_for: bool) -> _File | None:
    try:
        content, mode = _content(path)
    except OSError as error:
        is_absent = isinstance(error, (FileNotFoundError, NotADirectoryError))
        # A home that belongs to somebody else, as in containers, is no reason to stop who does not need it.
        if not must_be_there and (is_absent or (isinstance(error, PermissionError) and not asked_for)):
            return None
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", hint="EBRULE_CONFIG names another file.", code="bad-config"
        ) from error
    tables = _tables(path, content, is_own=is_own)
    kinds = tables.pop(KINDS_TABLE, {}) if is_own else {}
    return _File(path, is_own, can_others_read(mode), tables, kinds)


def _content(path: Path) -> tuple[bytes, int]:
    """Return what a file holds, and its mode, without waiting for anybody; raises :class:`OSError` for what is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) and _PROCESS_SUBSTITUTION.fullmatch(str(path)):
            os.set_blocking(descriptor, True)
        elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # of a folder, reading tells
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {_MAX_BYTES} bytes")
    return content, mode


def _tables(path: Path, content: bytes, *, is_own: bool) -> dict[str, dict[str, Any]]:
    if sys.version_info >= (3, 14):
        import tomllib  # noqa: PLC0415 - most runs have no such file
    else:  # before, the standard library gives the place of an error in a sentence only
        import tomli as tomllib  # noqa: PLC0415 - as above

    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        # The parser's own text may show what stands there, and that may be a secret.
        place = ""
        if isinstance(error, tomllib.TOMLDecodeError):
            place = f": line {error.lineno}, column {error.colno}"
        raise UsageError(
            f"{path} is no TOML{place}",
            hint='A profile is a table: [NAME], then lines such as region = "eu-west-1".',
            code="bad-config",
        ) from None
    outside = [key for key, value in document.items() if not isinstance(value, dict)]
    if outside and is_own:
        raise UsageError(
            f"{path}: {outside[0]!r} stands in no profile",
            hint=f"Put it below the profile's name in brackets, such as [{DEFAULT_PROFILE}].",
            code="bad-config",
        )
    return {name: table for name, table in document.items() if isinstance(table, dict)}
