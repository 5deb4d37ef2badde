"""The key of the digests: from the environment, so that runners agree, else from a file that is made at first use."""

from __future__ import annotations

import fcntl
import hmac
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from ebrule.errors import LedgerError

if TYPE_CHECKING:
    from pathlib import Path

    from ebrule.settings import Settings

_KEY_SIZE = 32
_KEY_NAME = "redaction.key"
_HINT = "Choose another folder with EBRULE_STATE_DIR."


class Key(bytes):
    """A key, and the keys that earlier records may have been made with.

    Attributes:
        former: earlier keys that are at hand.
        knows_unnamed: whether a key at hand is the one of records that do not name theirs: until runs could be given a
            key, that was always the one in the file.
    """

    former: tuple[bytes, ...] = ()
    knows_unnamed: bool = True

    @classmethod
    def given(cls, key: bytes, kept: bytes | None) -> Key:
        """Return a key that the run was given; ``kept`` is the one in the file, where there is one."""
        made = cls(key)
        made.former = () if kept is None else (kept,)
        made.knows_unnamed = kept is not None
        return made

    @property
    def id(self) -> str:
        """A short name of the key, from which it cannot be told: 16 hexadecimal digits."""
        return _id(self)

    def made(self, key_id: str | None) -> bool:
        """Whether digests of a record can be compared: it was made with this key, or with a former one.

        Args:
            key_id: what the record says of its key; None where it says nothing.
        """
        return self.knows_unnamed if key_id is None else key_id in map(_id, (self, *self.former))


def _id(key: bytes) -> str:
    return digest(key, "\0ebrule redaction key id")


def digest(key: bytes, text: str) -> str:
    """Return the keyed digest of a text: HMAC-SHA256, cut to 16 hexadecimal digits."""
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:16]


def redaction_key(settings: Settings) -> Key:
    """Return the key of a run's digests: that of the settings, else that of the state folder, made at the first call.

    Raises:
        LedgerError: as `load_key` does.
    """
    return _given_key(settings) or Key(load_key(settings.state_dir))


def present_redaction_key(settings: Settings) -> Key | None:
    """Return the key as `redaction_key` does, or None where none was given or made yet; makes none.

    Raises:
        LedgerError: as `load_key` does.
    """
    return _given_key(settings) or _key(_kept_key(settings))


def redaction_key_at_hand(settings: Settings) -> Key:
    """Return the key as `present_redaction_key` does, and where there is none, one for what is shown and not kept.

    Raises:
        LedgerError: as `load_key` does.
    """
    return present_redaction_key(settings) or Key(os.urandom(_KEY_SIZE))


def _given_key(settings: Settings) -> Key | None:
    if settings.redaction_key is None:
        return None
    kept = None
    with suppress(LedgerError):  # only records of before need it
        kept = _kept_key(settings)
    return Key.given(settings.redaction_key.get_secret_value().encode(), kept)


def _kept_key(settings: Settings) -> bytes | None:
    folder = settings.known_state_dir
    return None if folder is None else present_key(folder)


def _key(kept: bytes | None) -> Key | None:
    return None if kept is None else Key(kept)


def load_key(state_dir: Path) -> bytes:
    """The key of this user's digests: 32 random bytes in ``redaction.key``, made at the first call.

    Of many processes that make it at once, one does, and all get that one. The file never holds part of a
    key.

    Raises:
        LedgerError: the file cannot be read or made, is not this user's own, or holds no key.
    """
    path = state_dir / _KEY_NAME
    try:
        with suppress(FileNotFoundError):
            return _read_key(path)
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_key(path)
        return _read_key(path)
    except OSError as exc:
        raise LedgerError(f"cannot read or make the key {path}: {exc.strerror or exc}", hint=_HINT) from exc


def present_key(state_dir: Path) -> bytes | None:
    """The key of this user's digests, or None where none was made yet; makes none.

    Raises:
        LedgerError: as `load_key` does.
    """
    return load_key(state_dir) if os.path.lexists(state_dir / _KEY_NAME) else None


def _read_key(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise LedgerError(f"the key {path} is no regular file of this user", hint=_HINT)
        if stat.S_IMODE(status.st_mode) & 0o077:
            try:
                os.fchmod(descriptor, 0o600)
            except PermissionError as exc:
                raise OSError(exc.errno, "its file system keeps no permissions, so others could read it") from exc
        key = os.read(descriptor, _KEY_SIZE + 1)
    finally:
        os.close(descriptor)
    if len(key) != _KEY_SIZE:
        raise LedgerError(
            f"the key {path} is damaged: it is not {_KEY_SIZE} bytes long",
            hint="Remove it: a new one is made, and digests of before no longer compare with new ones.",
        )
    return key


def _name(draft: Path, path: Path) -> None:
    """Give a whole file its name, unless it is taken: a key that is in use is never replaced."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:  # the file system may have no hard links: a rename would replace, so nobody else may do it now
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if not os.path.lexists(path):
                draft.rename(path)
        finally:
            os.close(folder)


def _make_key(path: Path) -> None:
    """Put a whole, synced key at ``path``, unless another process was faster."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_KEY_SIZE))
            file.flush()
            os.fsync(descriptor)
        _name(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
