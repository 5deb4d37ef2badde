"""Which operations are under way: seen by other processes while they are, and by nobody afterwards."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ebrule.core.live_runs
from ebrule.core.live_runs import LiveRuns
from ebrule.errors import LedgerError

OPERATION = "01890000-0000-7000-8000-000000000001"
HOLD = """
import sys
from pathlib import Path
from ebrule.core.live_runs import LiveRuns
with LiveRuns(Path(sys.argv[1])).hold(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where live operations are noted; it is missing."""
    return tmp_path / "state" / "audit.jsonl.running"


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the operation, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder, OPERATION],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(ebrule.core.live_runs.__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_is_seen_while_it_is_under_way(folder: Path) -> None:
    """An operation is live for others as long as its process is at it, and leaves nothing behind."""
    runs = LiveRuns(folder)
    with holder(folder):
        assert runs.is_held(OPERATION)

    assert not runs.is_held(OPERATION)
    assert list(folder.iterdir()) == []


def test_a_killed_process_is_at_nothing(folder: Path) -> None:
    """What a killed process was at is no longer live, and the file that it left is removed."""
    with holder(folder) as process:
        process.kill()
    left = [path.name for path in folder.iterdir()]

    assert not LiveRuns(folder).is_held(OPERATION)
    assert left == [OPERATION]
    assert list(folder.iterdir()) == []


def test_is_held_by_one_process_only(folder: Path) -> None:
    """Nobody can hold what another process holds, and trying leaves that one's hold alone."""
    runs = LiveRuns(folder)
    with holder(folder):
        with pytest.raises(LedgerError, match="under way in another process"), runs.hold(OPERATION):
            pass
        assert runs.is_held(OPERATION)


def test_what_a_dead_process_left_can_be_held(folder: Path) -> None:
    """The file of a killed process does not keep others from the operation."""
    with holder(folder) as process:
        process.kill()
    runs = LiveRuns(folder)

    with runs.hold(OPERATION):
        assert runs.is_held(OPERATION)


def test_a_new_holders_file_is_never_removed_for_a_dead_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at a dead process's file while a new one takes its name leaves the new one alone."""
    folder.mkdir(parents=True)
    (folder / OPERATION).touch()
    new = LiveRuns(folder).hold(OPERATION)
    opened = os.open

    def open_and_be_overtaken(name: str, *args: int, dir_fd: int | None = None) -> int:
        descriptor = opened(name, *args, dir_fd=dir_fd)
        if name == OPERATION:
            monkeypatch.undo()
            new.__enter__()
        return descriptor

    monkeypatch.setattr(os, "open", open_and_be_overtaken)

    assert not LiveRuns(folder).is_held(OPERATION)
    assert LiveRuns(folder).is_held(OPERATION)
    new.__exit__(None, None, None)


def test_a_file_that_was_taken_for_a_dead_runs_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks before it is locked removes it; the holder notices, and is seen from then on."""
    runs, locked = LiveRuns(folder), fcntl.flock
    looks = [True, True]

    def be_overtaken(mark: int, how: int) -> None:
        if how == fcntl.LOCK_EX and looks:
            looks.pop()
            assert not runs.is_held(OPERATION)
        locked(mark, how)

    monkeypatch.setattr(fcntl, "flock", be_overtaken)

    with runs.hold(OPERATION):
        assert looks == []
        assert runs.is_held(OPERATION)
    assert list(folder.iterdir()) == []


def test_a_file_that_vanishes_says_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that ends while one looks is not live."""
    folder.mkdir(parents=True)
    (folder / OPERATION).touch()
    opened = os.open

    def open_then_unlink(name: str, *args: int, dir_fd: int | None = None) -> int:
        descriptor = opened(name, *args, dir_fd=dir_fd)
        if name == OPERATION:
            os.unlink(name, dir_fd=dir_fd)
        return descriptor

    monkeypatch.setattr(os, "open", open_then_unlink)

    assert not LiveRuns(folder).is_held(OPERATION)


def test_nothing_is_held_where_nothing_was(folder: Path) -> None:
    """Where no operation ever was, none is live, and looking makes nothing."""
    assert not LiveRuns(folder).is_held(OPERATION)
    assert not folder.exists()


def test_names_are_never_paths(folder: Path) -> None:
    """An id that an edited ledger may hold leads to no other file."""
    folder.mkdir(parents=True)
    other = folder.with_name("other")
    other.touch()
    runs = LiveRuns(folder)

    assert not runs.is_held("../other")
    with pytest.raises(ValueError, match="no operation id"), runs.hold("../other"):
        pass
    assert other.exists()


def test_a_folder_that_cannot_be_is_an_error(folder: Path) -> None:
    """Where the folder's place is taken, both holding and looking say so."""
    folder.parent.mkdir()
    folder.touch()
    runs = LiveRuns(folder)

    with pytest.raises(LedgerError, match="cannot use"), runs.hold(OPERATION):
        pass
    with pytest.raises(LedgerError, match="cannot read"):
        runs.is_held(OPERATION)


def test_an_error_of_the_operation_stays_what_it_is(folder: Path) -> None:
    """What goes wrong inside comes out as it was raised, and the operation is no longer live."""
    runs = LiveRuns(folder)

    with pytest.raises(FileNotFoundError), runs.hold(OPERATION):
        raise FileNotFoundError

    assert not runs.is_held(OPERATION)
