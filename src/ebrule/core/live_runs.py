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

from ebrule.core.shared_file import SAFE_FLAGS, ledger_errors, make_folder
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
                draft = f".{operation_id}.{os.urandom(4).hex()}"
                mark = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE_FLAGS, 0o600, dir_fd=folder)
                stack.callback(os.close, mark)
                try:
                    # Locked before it has its name, so that nobody takes it for a dead run's.
                    fcntl.flock(mark, fcntl.LOCK_EX)
                    named = _name(draft, operation_id, folder)
                finally:
                    _remove(draft, folder)
            if not named:
                message = f"operation {operation_id} is under way in another process"
                raise LedgerError(message, hint="Try again when it is done.")
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


def _name(draft: str, name: str, folder: int) -> bool:
    """Give the file its name; False where a live process has one of that name."""
    while not _link(draft, name, folder):
        if _is_locked(name, folder):
            return False
    return True


def _link(draft: str, name: str, folder: int) -> bool:
    try:
        os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        return False
    return True


def _is_locked(name: str, folder: int) -> bool:
    """Whether the file of this name is there and locked; an unlocked one is removed."""
    try:
        mark = os.open(name, os.O_RDWR | SAFE_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only who holds a file's lock removes its name. So if this one still has it, nobody takes it now.
        if os.path.samestat(os.fstat(mark), os.stat(name, dir_fd=folder, follow_symlinks=False)):
            _remove(name, folder)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    finally:
        os.close(mark)
    return False


def _remove(name: str, folder: int) -> None:
    with suppress(OSError):  # gone already, or not ours to remove: without a lock it says nothing
        os.unlink(name, dir_fd=folder)
