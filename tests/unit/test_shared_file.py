"""The ledger's file: whom it is taken from, how writers take turns, and what is left where a write fails."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ebrule.core.shared_file import SharedFile
from ebrule.errors import InterruptedRunError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be; its folder is missing."""
    return tmp_path / "state" / "ebrule" / "audit.jsonl"


def append(file: SharedFile, data: bytes = b"line\n") -> None:
    """Append as the ledger does."""
    with file.writing() as descriptor:
        file.write(descriptor, data)


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def never(seconds: float) -> None:
    """Stand for a sleep that must not be."""
    pytest.fail(f"waited {seconds} s")


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """The file's lock, held by another descriptor as a process would hold it; yields the release."""
    with path.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(other, fcntl.LOCK_UN)


# --- whom the file is taken from --------------------------------------------------------------------------


def test_makes_file_and_folders_for_their_owner_only(path: Path) -> None:
    """A missing file and its missing folders are made, and only their owner may look, whatever the umask."""
    umask = os.umask(0)
    try:
        append(SharedFile(path))
    finally:
        os.umask(umask)

    assert [mode(path), mode(path.parent), mode(path.parent.parent)] == [0o600, 0o700, 0o700]


def test_tightens_a_file_that_others_may_read(path: Path) -> None:
    """A file that others may read is closed to them before anything is written."""
    path.parent.mkdir(parents=True)
    path.touch(mode=0o644)

    append(SharedFile(path))

    assert mode(path) == 0o600


def _symlink(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.touch()
    path.symlink_to(target)


def _hard_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.touch()
    path.hardlink_to(target)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(_symlink, "symbolic link", id="symbolic-link"),
        pytest.param(lambda path: path.symlink_to("nowhere"), "symbolic link", id="dangling-link"),
        pytest.param(_hard_link, "hard link", id="hard-link"),
        pytest.param(os.mkfifo, "no regular file", id="fifo"),
        pytest.param(Path.mkdir, "directory", id="folder"),
    ],
)
def test_refuses_what_is_no_plain_file(path: Path, make: Callable[[Path], None], message: str) -> None:
    """A link, a pipe or a folder in the file's place is refused at once, with what it is and a way out."""
    path.parent.mkdir(parents=True)
    make(path)

    with pytest.raises(LedgerError) as caught:
        append(SharedFile(path))

    assert message in f"{caught.value.message} {caught.value.hint}".lower()
    assert caught.value.hint


def test_refuses_a_device() -> None:
    """A device is refused, though it could be written to."""
    with pytest.raises(LedgerError, match="no regular file"):
        append(SharedFile(Path(os.devnull)))


def test_refuses_another_users_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs to somebody else is refused."""
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)

    with pytest.raises(LedgerError, match="belongs to another user"):
        append(SharedFile(path))


def test_refuses_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A path that leads through a regular file is an error with a hint."""
    (tmp_path / "file").touch()

    with pytest.raises(LedgerError, match="cannot write the ledger") as caught:
        append(SharedFile(tmp_path / "file" / "below" / "audit.jsonl"))

    assert "--audit-log" in str(caught.value.hint)


def test_reading_makes_nothing(path: Path) -> None:
    """Reading a file that is missing tells so, and leaves no trace."""
    with SharedFile(path).reading() as descriptor:
        assert descriptor is None

    assert not path.parent.exists()


def test_reading_does_not_wait_for_a_pipe(path: Path) -> None:
    """A pipe without a writer is refused rather than waited for."""
    path.parent.mkdir(parents=True)
    os.mkfifo(path)

    with pytest.raises(LedgerError, match="no regular file"), SharedFile(path).reading():
        pass


# --- turns ------------------------------------------------------------------------------------------------


def test_gives_up_on_a_lock_that_another_process_keeps(path: Path) -> None:
    """While another process holds the lock, a writer waits as long as it was told, and then says so."""
    path.parent.mkdir(parents=True)
    waits: list[float] = []
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        with pytest.raises(LedgerError, match="another process holds the ledger"):
            append(SharedFile(path, lock_seconds=3, sleep=waits.append))
        holder.stdin.close()

    assert sum(waits) == pytest.approx(3, abs=0.01)
    append(SharedFile(path))


def test_writes_when_the_lock_is_free_again(path: Path) -> None:
    """A writer that waited for another writes once that one is done."""
    path.parent.mkdir(parents=True)
    with locked(path) as release:
        append(SharedFile(path, sleep=lambda _: release()))

    assert path.read_bytes() == b"line\n"


def test_stop_ends_the_wait_for_the_lock(path: Path) -> None:
    """Whoever waits for the lock can be stopped between two tries."""

    def stop() -> None:
        raise InterruptedRunError(signal.SIGINT)

    path.parent.mkdir(parents=True)
    with locked(path), pytest.raises(InterruptedRunError):
        append(SharedFile(path, check_stop=stop, sleep=never))


def test_stop_is_not_asked_where_the_lock_is_free(path: Path) -> None:
    """A run that was told to stop can still record its end, as long as it needs not wait."""
    append(SharedFile(path, check_stop=lambda: pytest.fail("asked")))

    assert path.read_bytes() == b"line\n"


def test_follows_the_path_and_not_a_file_that_was_moved_away(path: Path) -> None:
    """Where the file is rotated while a writer waits for it, the writer takes the new one."""
    path.parent.mkdir(parents=True)
    old = path.with_suffix(".1")

    with locked(path) as release:

        def rotate(_: float) -> None:
            path.rename(old)
            release()

        append(SharedFile(path, sleep=rotate))

    assert (path.read_bytes(), old.read_bytes()) == (b"line\n", b"")


# --- durability -------------------------------------------------------------------------------------------


def test_what_is_written_is_on_the_disk_on_return(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first line the folders are synced, so that the name lasts; after each line the file is."""
    calls: list[str] = []

    def record(name: str, descriptor: int) -> None:
        status = os.fstat(descriptor)
        calls.append(f"{name} {'folder' if stat.S_ISDIR(status.st_mode) else status.st_size}")

    def recorded_write(descriptor: int, data: bytes) -> int:
        record("write", descriptor)
        return write(descriptor, data)

    write = os.write
    monkeypatch.setattr(os, "fsync", lambda descriptor: record("sync", descriptor))
    monkeypatch.setattr(os, "write", recorded_write)

    append(SharedFile(path))
    append(SharedFile(path))

    folders = [call for call in calls if call == "sync folder"]
    assert len(folders) >= 2
    assert calls == [*folders, "write 0", "sync 5", "write 5", "sync 10"]


def fail(number: int) -> Callable[..., Any]:
    """A system call that fails."""

    def call(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow past ``size`` bytes: writes are cut short, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("space", [0, 1, 4])
def test_takes_back_what_the_disk_has_no_room_for(path: Path, space: int) -> None:
    """Where a line does not fit any more, nothing of it stays, and the next one goes where it should."""
    file = SharedFile(path)
    append(file)

    with pytest.raises(LedgerError) as caught, file_size_limit(5 + space):
        append(file)

    assert "Free some space" in str(caught.value.hint)
    assert path.read_bytes() == b"line\n"
    append(file)
    assert path.read_bytes() == b"line\nline\n"


def test_takes_back_what_could_not_be_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that may not be on the disk is an error, and readers do not find it either."""
    file = SharedFile(path)
    append(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail(errno.EIO))
        with pytest.raises(LedgerError, match=os.strerror(errno.EIO)):
            append(file)

    assert path.read_bytes() == b"line\n"


def test_takes_back_what_an_exception_cut_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line whose sync was interrupted from the keyboard does not stay."""

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    file = SharedFile(path)
    append(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            append(file)

    assert path.read_bytes() == b"line\n"


def test_tells_the_failure_where_nothing_can_be_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be cut back either, the first failure is the one that is told."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(errno.ENOSPC))
        patch.setattr(os, "ftruncate", fail(errno.EPERM))
        with pytest.raises(LedgerError, match=os.strerror(errno.ENOSPC)):
            append(SharedFile(path))


def _only_folders(number: int) -> Callable[[int], None]:
    fsync = os.fsync

    def call(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    return call


def test_needs_no_sync_of_folders_that_know_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that refuses to sync folders as such is no obstacle."""
    monkeypatch.setattr(os, "fsync", _only_folders(errno.EINVAL))

    append(SharedFile(path))

    assert path.read_bytes() == b"line\n"


def test_writes_nothing_where_the_folder_cannot_be_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose name may not last is not written to."""
    monkeypatch.setattr(os, "fsync", _only_folders(errno.EIO))

    with pytest.raises(LedgerError):
        append(SharedFile(path))

    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(0, [], id="known"),
        pytest.param(errno.ENOTSUP, ["fsync"], id="unknown"),
        pytest.param(errno.EIO, None, id="failing"),
    ],
)
def test_syncs_past_the_disks_own_cache_where_that_takes_more(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: list[str] | None
) -> None:
    """On macOS the stronger sync is used; where the file system has none, the plain one; a failure is one."""
    append(SharedFile(path))
    plain: list[str] = []
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", fail(number) if number else lambda *_: 0)
    monkeypatch.setattr(os, "fsync", lambda _: plain.append("fsync"))

    if expected is None:
        with pytest.raises(LedgerError):
            append(SharedFile(path))
    else:
        append(SharedFile(path))
        assert expected == plain
