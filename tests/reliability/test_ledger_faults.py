"""Where the ledger cannot be written nothing is sent; where it fails after the PUT, the result says what is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from command_line import HANG_GUARD_SECONDS, CommandLine, Ran
from ebrule.core.audit import AuditLog
from receiver import receiving
from reliability.kills import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox_process import SandboxProcess, StartSandbox

pytestmark = pytest.mark.loopback

LEDGER, PENDING = 11, 8


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> SandboxProcess:
    """An org without faults."""
    return start_sandbox()


@pytest.fixture
def ebrule(tmp_path: Path, sandbox: SandboxProcess) -> CommandLine:
    """The command line."""
    return CommandLine(tmp_path, sandbox)


def update(ebrule: CommandLine, *prefix: str, **changes: Any) -> Ran:
    """Run an update, with a command in front of it."""
    line = [*prefix, "-m", "ebrule", "update", "--file", ebrule.rule(**changes), "--output", "json"]
    if not prefix or prefix[0] != sys.executable:
        line.insert(len(prefix), sys.executable)
    ran = subprocess.run(
        line,
        env=ebrule.environ,
        cwd=ebrule.folder,
        capture_output=True,
        text=True,
        timeout=HANG_GUARD_SECONDS,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


# --- odd file systems ---------------------------------------------------------------------------------------

_REFUSING = """
import errno, fcntl, os, stat


def refusing(number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


"""


def on_a_file_system(ebrule: CommandLine, patch: str) -> None:
    """Have the calls of a command fail as they do on such a file system."""
    folder = ebrule.folder / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_REFUSING + patch)
    ebrule.environ["PYTHONPATH"] = str(folder)


@pytest.mark.parametrize("number", ["EPERM", "ENOTSUP", "ENOSYS"])
def test_a_file_system_without_hard_links_will_do(ebrule: CommandLine, sandbox: SandboxProcess, number: str) -> None:
    """Key, ledger and the marks of live runs need none, and nothing is left beside them."""
    on_a_file_system(ebrule, f"os.link = refusing(errno.{number})")

    assert 0 == update(ebrule).code
    assert 0 == update(ebrule, priority=51).code
    assert 2 == len(sandbox.history())
    assert {"audit.jsonl", "audit.jsonl.running", "redaction.key"} == {each.name for each in ebrule.state.iterdir()}
    assert [] == list((ebrule.state / "audit.jsonl.running").iterdir())
    assert AuditLog(ebrule.ledger).verify().ok


@pytest.mark.parametrize(
    ("patch", "before", "cause"),
    [
        ("fcntl.flock = refusing(errno.ENOSYS)", None, "its file system has no locks (flock)"),
        ("fcntl.flock = refusing(errno.ENOLCK)", None, "its file system has no locks (flock)"),
        (
            "os.fchmod = refusing(errno.EPERM)",
            "audit.jsonl",
            "its file system keeps no permissions, so others could read it",
        ),
        (
            "os.fchmod = refusing(errno.EPERM)",
            "redaction.key",
            "its file system keeps no permissions, so others could read it",
        ),
    ],
    ids=["no-locks", "no-lock-server", "ledgers-permissions", "keys-permissions"],
)
def test_a_file_system_that_will_not_do_is_told(
    ebrule: CommandLine, sandbox: SandboxProcess, patch: str, before: str | None, cause: str
) -> None:
    """What it lacks is named, with what to do instead; nothing is sent."""
    if before is not None:
        ebrule.state.mkdir()
        (ebrule.state / before).write_bytes(b"" if before == "audit.jsonl" else bytes(32))
        (ebrule.state / before).chmod(0o755)
    on_a_file_system(ebrule, patch)

    ran = update(ebrule)
    assert (LEDGER, []) == (ran.code, sandbox.history())
    message, hint = ran.err.splitlines()[-2:]
    assert message.endswith(f": {cause}")
    assert "EBRULE_STATE_DIR" in hint


# --- before anything is sent --------------------------------------------------------------------------------


def a_folder(path: Path) -> None:
    """Have a folder in the ledger's place."""
    path.mkdir(parents=True)


def a_fifo(path: Path) -> None:
    """Have a FIFO in the ledger's place."""
    path.parent.mkdir()
    os.mkfifo(path)


def a_link(path: Path) -> None:
    """Have a symbolic link in the ledger's place."""
    path.parent.mkdir()
    path.with_name("elsewhere").touch()
    path.symlink_to("elsewhere")


def a_hard_link(path: Path) -> None:
    """Have a file with a second name in the ledger's place."""
    path.parent.mkdir()
    path.touch()
    path.with_name("second").hardlink_to(path)


def a_file_above(path: Path) -> None:
    """Have a file where the ledger's folder should be."""
    path.parent.touch()


def another_file(path: Path) -> None:
    """Have something in the ledger's place that is no ledger."""
    path.parent.mkdir()
    path.write_text("dear diary\n", "utf-8")


def a_missing_link(path: Path) -> None:
    """Have a symbolic link to nothing in the place of the ledger's folder."""
    path.parent.symlink_to("nowhere")


def anothers_file(path: Path) -> None:
    """Have another user's file in the ledger's place."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path.parent.mkdir()
    path.touch()
    os.chown(path, 65534, 65534)


def a_closed_folder(path: Path) -> None:
    """Have a folder that may not be written to."""
    if os.geteuid() == 0:
        pytest.skip("permission bits do not bind root")
    path.parent.mkdir(mode=0o500)


OBSTACLES = [
    a_folder, a_fifo, a_link, a_hard_link, a_file_above, another_file, a_missing_link, anothers_file,
    a_closed_folder,
]  # fmt: skip


@pytest.mark.parametrize("put_in_the_way", OBSTACLES)
def test_a_ledger_that_cannot_be_sends_nothing(
    ebrule: CommandLine, sandbox: SandboxProcess, put_in_the_way: Callable[[Path], None]
) -> None:
    """Whatever is in the ledger's place: exit code 11, no request at all, and it is left as it was."""
    path = ebrule.folder / "place" / "audit.jsonl"
    put_in_the_way(path)
    ebrule.environ["EBRULE_AUDIT_LOG"] = str(path)

    ran = update(ebrule)

    assert (ran.code, ran.json["error"]["code"]) == (LEDGER, "ledger")
    assert sandbox.requests() == []
    assert not path.with_name("elsewhere").exists() or path.with_name("elsewhere").read_bytes() == b""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
@pytest.mark.parametrize("path", ["/proc/self/audit.jsonl", "/proc/version", "/dev/full", "/dev/null"])
def test_a_special_file_is_no_ledger(ebrule: CommandLine, sandbox: SandboxProcess, path: str) -> None:
    """The system's own files take no ledger: exit code 11, and no request at all."""
    ebrule.environ["EBRULE_AUDIT_LOG"] = path

    assert update(ebrule).code == LEDGER
    assert sandbox.requests() == []


# --- full disks ---------------------------------------------------------------------------------------------


def limited(size: int) -> tuple[str, ...]:
    """Give a command in front of which no file grows beyond ``size`` bytes."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2);"
        "import os; os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    return (sys.executable, "-c", code, str(size))


def test_a_full_disk_at_the_intent_sends_no_put(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where the intent does not fit: exit code 11, no PUT, and no half record."""
    ran = update(ebrule, *limited(500))

    assert (ran.code, ran.json["result"], ran.json["attempts"]) == (LEDGER, "failed", 0)
    assert sandbox.requests("PUT") == []
    assert ebrule.records() == []


def test_a_disk_full_from_the_start_sends_nothing(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where not even the key can be written: exit code 11, and no request at all."""
    assert update(ebrule, *limited(0)).code == LEDGER
    assert sandbox.requests() == []


@pytest.mark.parametrize("kept", [1, 2])
def test_a_disk_full_after_the_put_tells_what_is_true(ebrule: CommandLine, sandbox: SandboxProcess, kept: int) -> None:
    """Where outcome or delivery do not fit: exit code 8, the result says updated, and it can be settled."""
    with receiving() as receiver:
        ebrule.environ["EBRULE_WEBHOOK_URL"] = receiver.url
        update(ebrule)
        lines = ebrule.ledger.read_bytes().splitlines(keepends=True)
        ebrule.ledger.unlink()
        sandbox.reset()

        ran = update(ebrule, *limited(sum(map(len, lines[:kept])) + 40))

    assert (ran.code, ran.json["result"], ran.json["webhook"]) == (PENDING, "updated", "pending")
    assert [each["type"] for each in ebrule.records()] == ["intent", "outcome"][:kept]
    assert len(sandbox.history()) == 1
    settle(ebrule, sandbox)


def settle(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Settle what is open; the ledger must then agree with the org's own log."""
    from reliability import kills  # noqa: PLC0415 - its file is run

    line = [sys.executable, kills.__file__, "resolve"]
    out = subprocess.check_output(line, env=ebrule.environ, timeout=HANG_GUARD_SECONDS)
    assert set(json.loads(out)) <= {"applied", "not_applied"}
    assert list(judge(AuditLog(ebrule.ledger), sandbox.history())) == []


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a file system that lives in memory."""
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(line, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_never_hides_a_put(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """From one update to the next on a disk that fills up, the exit code agrees with the org's own log."""
    with mounted(ebrule.state, "size=16k"):
        codes: list[int] = []
        while LEDGER not in codes[-2:-1]:
            before = len(sandbox.history())
            ran = update(ebrule, priority=100 + len(codes))
            codes.append(ran.code)
            applied = len(sandbox.history()) - before
            assert (ran.code, applied) in ((0, 1), (PENDING, 1), (LEDGER, 0)), ran.out
            assert AuditLog(ebrule.ledger).verify().ok
    assert codes[0] == 0


def test_a_read_only_disk_sends_nothing(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """On a file system that is mounted read-only: exit code 11, and no request at all."""
    with mounted(ebrule.state, "ro,size=64k"):
        assert update(ebrule).code == LEDGER
    assert sandbox.requests() == []


# --- what the disk refuses ----------------------------------------------------------------------------------


REFUSALS = ["fsync:error=EIO", "write:error=ENOSPC", "write:error=EIO", "write:retval=5"]


@pytest.mark.parametrize(
    "fault", [REFUSALS[0], *(pytest.param(fault, marks=pytest.mark.full) for fault in REFUSALS[1:])]
)
@pytest.mark.parametrize(("when", "types"), [(1, ["outcome"]), (2, ["intent", "delivery"]), (3, ["intent", "outcome"])])
def test_a_refused_write_is_told(ebrule: CommandLine, strace: str, fault: str, when: int, types: list[str]) -> None:
    """A refused write or sync at the intent sends no PUT; later ones leave a follow-up, and hide nothing."""
    assert ebrule.sandbox
    call = fault.partition(":")[0]
    tamper = ("-P", str(ebrule.ledger), "-e", f"trace={call}", "-e", f"inject={fault}:when={when}")
    with receiving() as receiver:
        ebrule.environ["EBRULE_WEBHOOK_URL"] = receiver.url
        trace = ("-o", str(ebrule.folder / "trace"))
        ran = update(ebrule, strace, "-f", "-qq", "--seccomp-bpf", *trace, *tamper)

    applied = when > 1
    assert (ran.code, ran.json["result"]) == ((PENDING, "updated") if applied else (LEDGER, "failed"))
    assert len(ebrule.sandbox.requests("PUT")) == applied
    assert AuditLog(ebrule.ledger).verify().ok
    assert [each["type"] for each in ebrule.records()] == types
    settle(ebrule, ebrule.sandbox)
