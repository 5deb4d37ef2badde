"""A file that many processes append to: opened with suspicion, locked, and written so that it lasts.

What is written is on the disk when `SharedFile.write` returns, or it is taken back.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import TYPE_CHECKING

from ebrule.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SAFE_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""For every open: no symbolic link leads elsewhere, no FIFO blocks."""

_LOCK_PAUSE = 0.005  # seconds between two tries for the lock; an append holds it for about as long
# The file system has no such sync; anything else means that it failed.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOTTY)
_ELSEWHERE = "Choose another file with --audit-log, or another folder with EBRULE_STATE_DIR."
_LOCAL = "Choose a file on a local disk with --audit-log, or a folder there with EBRULE_STATE_DIR."
_MORE_SPACE = "Free some space, or choose another file with --audit-log."
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
_HINTS = {
    **dict.fromkeys(_NO_LOCKS, _LOCAL),
    errno.ELOOP: "It is a symbolic link: pass the path that it leads to.",
    errno.ENOSPC: _MORE_SPACE,
    errno.EDQUOT: _MORE_SPACE,
    errno.EFBIG: _MORE_SPACE,
}


@contextmanager
def ledger_errors(verb: str, path: Path) -> Iterator[None]:
    """Turn what the system refuses into a LedgerError that says what to do."""
    try:
        yield
    except OSError as exc:
        message = f"cannot {verb} the ledger {path}: {exc.strerror or exc}"
        raise LedgerError(message, hint=_HINTS.get(exc.errno or 0, _ELSEWHERE)) from exc


def lock(descriptor: int, how: int) -> None:
    """Lock a file as ``fcntl.flock`` does; what it raises names the cause where the file system has no locks."""
    try:
        fcntl.flock(descriptor, how)
    except OSError as exc:
        if exc.errno in _NO_LOCKS:
            raise OSError(exc.errno, "its file system has no locks (flock)") from exc
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where missing, for their owner only."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


class SharedFile:
    """The file at ``path``, made with its folders when first written to, for their owner only.

    Args:
        path: Where it is; absolute.
        lock_seconds: How long to wait for another process that holds the lock.
        check_stop: Called before each wait for the lock; what it raises ends the wait.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        lock_seconds: float = 10.0,
        check_stop: Callable[[], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self._lock_seconds = lock_seconds
        self._check_stop = check_stop
        self._sleep = sleep

    @contextmanager
    def reading(self) -> Iterator[int | None]:
        """A descriptor of the file, open for reading; None where there is no file.

        Raises:
            LedgerError: there is something, but it cannot be read or is no regular file.
        """
        with ledger_errors("read", self.path):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | SAFE_FLAGS)
            except FileNotFoundError:
                yield None
                return
            try:
                self._check_regular(os.fstat(descriptor))
                yield descriptor
            finally:
                os.close(descriptor)

    @contextmanager
    def writing(self) -> Iterator[int]:
        """A descriptor of the file, while no other process writes to it.

        Raises:
            LedgerError: the file cannot be had, is not this user's alone, or stays locked.
        """
        with ledger_errors("write", self.path):
            make_folder(self.path.parent)
            while True:
                descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | SAFE_FLAGS, 0o600)
                try:
                    self._check_own(os.fstat(descriptor))
                    self._lock(descriptor)
                    if self._is_at_path(descriptor):
                        yield descriptor
                        return
                finally:
                    os.close(descriptor)  # gives up the lock
                # The file was moved away while we waited: take the one that is there now.

    def write(self, descriptor: int, data: bytes) -> None:
        """Append ``data`` and see it on the disk; call it while `writing`.

        Where that fails, the data is taken back. A sync that failed leaves open what the disk holds; readers
        and later writers see the file without the data, as the caller is told.

        Raises:
            OSError: the data is not in the file, or not surely on the disk.
        """
        status = os.fstat(descriptor)
        if stat.S_IMODE(status.st_mode) & 0o077:
            _keep_from_others(descriptor)
        if status.st_size == 0:
            self._sync_folders()  # so the name of a file that holds anything lasts
        try:
            _write_whole(descriptor, data)
            _sync(descriptor)
        except BaseException:
            with suppress(OSError):  # half a line that stays is closed off by the next writer
                os.ftruncate(descriptor, status.st_size)
                _sync(descriptor)
            raise

    def _check_regular(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise LedgerError(f"the ledger {self.path} is no regular file", hint=_ELSEWHERE)

    def _check_own(self, status: os.stat_result) -> None:
        self._check_regular(status)
        if status.st_uid != os.geteuid():
            raise LedgerError(f"the ledger {self.path} belongs to another user", hint=_ELSEWHERE)
        if status.st_nlink > 1:  # the other name may be a file that somebody else chose
            raise LedgerError(f"the ledger {self.path} has a second name (a hard link)", hint=_ELSEWHERE)

    def _lock(self, descriptor: int) -> None:
        began, slept = time.monotonic(), 0.0
        while True:
            try:
                lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if (waited := max(time.monotonic() - began, slept)) >= self._lock_seconds:
                    message = f"another process holds the ledger {self.path}; waited {waited:.0f} s for it"
                    raise LedgerError(message, hint="Try again when it is done.") from None
            else:
                return
            if self._check_stop:
                self._check_stop()
            self._sleep(_LOCK_PAUSE)
            slept += _LOCK_PAUSE

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self.path))
        except FileNotFoundError:
            return False

    def _sync_folders(self) -> None:
        """Make the file's name last, and those of the folders that a run may just have made: this user's."""
        folder = self.path.parent
        mine = takewhile(lambda above: above.stat().st_uid == os.geteuid(), folder.parents)
        for each in (folder, *mine):
            descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _sync(descriptor)
            except OSError as exc:
                if exc.errno not in _NO_SYNC:
                    raise
            finally:
                os.close(descriptor)


def _keep_from_others(descriptor: int) -> None:
    try:
        os.fchmod(descriptor, 0o600)
    except PermissionError as exc:  # the file is this user's own
        raise OSError(errno.ENOTSUP, "its file system keeps no permissions, so others could read it") from exc


def _write_whole(descriptor: int, data: bytes) -> None:
    """One call, so that the system never interleaves it with another; a part of it is a failure."""
    written = os.write(descriptor, data)
    if written < len(data):
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes could be written")


def _sync(descriptor: int) -> None:
    """Wait until the disk has it; on macOS, ``fsync`` alone would leave it in the disk's own cache."""
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)
    if full_sync is None:
        os.fsync(descriptor)
        return
    try:
        fcntl.fcntl(descriptor, full_sync)
    except OSError as exc:
        if exc.errno not in _NO_SYNC:
            raise
        os.fsync(descriptor)
