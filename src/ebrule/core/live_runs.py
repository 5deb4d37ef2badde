"""Which operations a live process is at, so that nobody settles what is still under way.

A live operation is a locked file of its name. The system gives up the lock of a killed process, so a file
that stays behind is not locked, and says nothing.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from ebrule.core.shared_file import SAFE_FLAGS, ledger_errors, lock, make_folder
from ebrule.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPERATION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class LiveRuns:
    """The live operations of one ledger, in ``folder``, which is made when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, operation_id: str) -> Iterator[None]:
        """Show this operation as live while entered; only one process can.

        Raises:
            LedgerError: another process holds it, or the file that says so cannot be made.
            ValueError: this is no operation id.
        """
        if not _OPERATION_ID.fullmatch(operation_id):
            raise ValueError(f"{operation_id!r} is no operation id")
        with ExitStack() as stack:
            with ledger_errors("use", self._folder):
                make_folder(self._folder)
                folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | SAFE_FLAGS)
                stack.callback(os.close, folder)
                mark = _claim(operation_id, folder)
            if mark is None:
                message = f"operation {operation_id} is under way in another process"
                raise LedgerError(message, hint="Try again when it is done.")
            stack.callback(os.close, mark)
            stack.callback(_remove, operation_id, folder)
            yield

    def is_held(self, operation_id: str) -> bool:
        """Whether a live process holds this operation. What a dead one left behind is removed.

        Raises:
            LedgerError: that could not be found out.
        """
        if not _OPERATION_ID.fullmatch(operation_id):
            return False  # from an edited ledger; no run is called so, and it must not lead to another file
        with ledger_errors("read", self._folder):
            try:
                folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | SAFE_FLAGS)
            except FileNotFoundError:
                return False
            try:
                return _is_locked(operation_id, folder)
            finally:
                os.close(folder)


def _claim(name: str, folder: int) -> int | None:
    """Make and lock the file of this name, and return its descriptor; None where a live process has one.

    Hard links are not needed, which some file systems lack. Until it is locked, others may take the file for a dead
    run's, and remove it: then it is made once more.
    """
    while True:
        try:
            mark = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE_FLAGS, 0o600, dir_fd=folder)
        except FileExistsError:
            if _is_locked(name, folder):
                return None
            continue
        try:
            lock(mark, fcntl.LOCK_EX)
            if _is_at(name, mark, folder):
                return mark
        except BaseException:
            os.close(mark)
            raise
        os.close(mark)


def _is_at(name: str, mark: int, folder: int) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(mark), os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _is_locked(name: str, folder: int) -> bool:
    """Whether the file of this name is there and locked; an unlocked one is removed."""
    try:
        mark = os.open(name, os.O_RDWR | SAFE_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return False
    try:
        lock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only who holds a file's lock removes its name. So if this one still has it, nobody takes it now.
        if _is_at(name, mark, folder):
            _remove(name, folder)
    except BlockingIOError:
        return True
    finally:
        os.close(mark)
    return False


def _remove(name: str, folder: int) -> None:
    with suppress(OSError):  # gone already, or not ours to remove: without a lock it says nothing
        os.unlink(name, dir_fd=folder)
