"""The sandbox as a process: start, stop, lifeline, and a state that survives all of it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from ebrule.sandbox import seed
from ebrule.sandbox.database import FILE_NAME, Database, DatabaseError, reset
from ebrule.sandbox.server import serve
from ebrule.sandbox.services import Config
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox_process import StartSandbox

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
RESOURCES = len(list(seed.rows()))


def count_resources(state_dir: Path) -> int:
    """Count what is stored."""
    with contextlib.closing(Database(state_dir)) as database, database.read() as connection:
        count: int = connection.execute("SELECT count(*) FROM resources").fetchone()[0]
    return count


@pytest.mark.loopback
class TestStop:
    """Every way to end it."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal(self, start_sandbox: StartSandbox, number: signal.Signals) -> None:
        """A signal ends it cleanly and quietly, with open connections and a hanging request."""
        sandbox = start_sandbox(faults=["hang-after"])
        with ThreadPoolExecutor(1) as pool, sandbox.client() as idle, sandbox.client() as hanging:
            rule = idle.get(RULE).json()
            reply = pool.submit(hanging.put, RULE, json=rule)
            while idle.get(RULE).json()["version"] == 7:
                assert not reply.done()
            sandbox.process.send_signal(number)
            assert sandbox.wait() == 0
            assert isinstance(reply.exception(), httpx.RemoteProtocolError)
        assert sandbox.stderr == ""

    def test_end_of_standard_input(self, start_sandbox: StartSandbox) -> None:
        """With a lifeline it ends at the end of standard input, and leaves no write-ahead log behind."""
        sandbox = start_sandbox()
        assert sandbox.stop() == 0
        assert [path.name for path in sandbox.state_dir.iterdir()] == [FILE_NAME]

    def test_parent_is_killed(self, tmp_path: Path) -> None:
        """With a lifeline it does not outlive a parent that is killed with SIGKILL."""
        parent = (
            "import subprocess, sys, time\n"
            "command = [sys.executable, '-m', 'ebrule.sandbox', '--lifeline', '--state-dir', sys.argv[1]]\n"
            "child = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
            "sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", parent, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            process.kill()
            # The end of the pipe that the sandbox has inherited is the end of the sandbox.
            assert process.stdout.read() == ""

    def test_client_goes_away(self, start_sandbox: StartSandbox) -> None:
        """A client that goes before its request is whole changes nothing, and is no error of the server."""
        sandbox = start_sandbox()
        authorization = sandbox.client().headers["Authorization"]
        host, _, port = sandbox.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"PUT {RULE} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{".encode())
        assert sandbox.client().get(RULE).json()["version"] == 7
        assert sandbox.stop() == 0
        assert sandbox.requests("PUT") == [None]
        assert sandbox.stderr == ""


@pytest.mark.loopback
class TestStart:
    """What it needs to start, and what it says."""

    def test_port_in_use(self, start_sandbox: StartSandbox, tmp_path: Path) -> None:
        """A port that is taken is an error that names it."""
        port = httpx.URL(start_sandbox().url).port
        with pytest.raises(RuntimeError, match=f"cannot listen on 127.0.0.1 port {port}: "):
            SandboxProcess(tmp_path / "other", arguments=["--port", str(port)])

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::", ""])  # noqa: S104 - refused
    def test_loopback_only(self, tmp_path: Path, host: str) -> None:
        """An address that others could reach is refused before anything is made."""
        with pytest.raises(ValueError, match="loopback addresses only"):
            serve(Config(tmp_path / "state"), host=host, on_ready=print)
        assert not (tmp_path / "state").exists()

    def test_localhost(self, start_sandbox: StartSandbox) -> None:
        """The name ``localhost`` is IPv4 loopback."""
        assert start_sandbox(arguments=["--host", "localhost"]).url.startswith("http://127.0.0.1:")

    @pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
    def test_ipv6(self, start_sandbox: StartSandbox) -> None:
        """IPv6 loopback works, with brackets in the URL."""
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback")
        sandbox = start_sandbox(arguments=["--host", "::1"])
        assert sandbox.url.startswith("http://[::1]:")
        assert sandbox.client().get(RULE).status_code == 200

    def test_wrong_fault(self, tmp_path: Path) -> None:
        """A wrong fault specification is wrong usage."""
        with pytest.raises(RuntimeError, match="error: fault 'explode': no kind"):
            SandboxProcess(tmp_path, faults=["explode"])

    def test_not_a_database(self, tmp_path: Path) -> None:
        """A state file that is no database is an error that names it."""
        (tmp_path / FILE_NAME).write_text("not a database, " * 100)
        with pytest.raises(RuntimeError, match=f"{FILE_NAME} cannot be used: file is not a database"):
            SandboxProcess(tmp_path)


@pytest.mark.loopback
def test_the_case_of_paths(start_sandbox: StartSandbox) -> None:
    """The case of a path's letters can be made not to matter, as in practice; that of an id's always does."""
    path = "/API/v2/processAutomation/triggers/"
    with start_sandbox(arguments=["--any-case-paths"]).client() as client:
        assert [200, 404] == [client.get(path + name).status_code for name in ("demo-trigger", "Demo-Trigger")]
    with start_sandbox().client() as client:
        assert 404 == client.get(f"{path}demo-trigger").status_code


class TestState:
    """The state file."""

    def test_private(self, tmp_path: Path) -> None:
        """Only its owner can read it."""
        Database(tmp_path / "state").close()
        modes = [path.stat().st_mode & 0o077 for path in (tmp_path / "state", tmp_path / "state" / FILE_NAME)]
        assert modes == [0, 0]

    @pytest.mark.loopback
    def test_first_starts_race(self, start_sandbox: StartSandbox, tmp_path: Path) -> None:
        """Several processes may start at once on a new folder: each finds the initial data."""
        with ThreadPoolExecutor(4) as pool:
            sandboxes = list(pool.map(lambda _: start_sandbox(tmp_path / "new"), range(4)))
        assert [sandbox.client().get(RULE).json()["version"] for sandbox in sandboxes] == [7, 7, 7, 7]
        assert count_resources(tmp_path / "new") == RESOURCES

    def test_killed_while_seeding(self, tmp_path: Path) -> None:
        """A process that is killed in the middle of the first start leaves nothing half done."""
        killed = (
            "import os, pathlib, signal, sys\n"
            "from ebrule.sandbox import database, seed\n"
            "rows = seed.rows\n"
            "def die():\n"
            "    yield next(rows())\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
            "seed.rows = die\n"
            "database.Database(pathlib.Path(sys.argv[1]))\n"
        )
        done = subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert count_resources(tmp_path) == RESOURCES

    @pytest.mark.loopback
    def test_survives_a_restart(self, start_sandbox: StartSandbox, tmp_path: Path) -> None:
        """What one process has applied and whom it let in, the next one knows, also after SIGKILL."""
        first = start_sandbox(tmp_path)
        client = first.client()
        client.put(RULE, json=client.get(RULE).json())
        authorization = client.headers["Authorization"]
        first.close()
        second = start_sandbox(tmp_path)
        reply = second.anonymous_client().get(RULE, headers={"Authorization": authorization})
        assert reply.json()["version"] == 8

    @pytest.mark.loopback
    def test_reset_under_a_running_server(self, start_sandbox: StartSandbox) -> None:
        """A reset puts rules and logs back while a server runs, and leaves tokens good."""
        sandbox = start_sandbox()
        with sandbox.client() as client:
            before = client.get(RULE).json()
            client.put(RULE, json=before)
            sandbox.reset()
            assert client.get(RULE).json() == before
            assert client.put(RULE, json=before).json()["version"] == 8
        assert len(sandbox.history()) == 1

    def test_other_version(self, tmp_path: Path) -> None:
        """A state file of another version of the sandbox is refused, and usable again after a reset."""
        with contextlib.closing(Database(tmp_path)) as database, database.write() as connection:
            connection.execute("PRAGMA user_version = 99")
            connection.execute("DROP TABLE tokens")
        with pytest.raises(DatabaseError, match="another version of the sandbox"):
            Database(tmp_path)
        reset(tmp_path)
        assert count_resources(tmp_path) == RESOURCES


def test_importing_the_package_is_light() -> None:
    """Importing ``ebrule.sandbox`` imports no web framework."""
    code = "import sys, ebrule.sandbox; print(*{'starlette', 'uvicorn', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "\n"


def test_serves_no_other_room() -> None:
    """The sandbox imports nothing from ebrule's other rooms."""
    code = (
        "import sys, ebrule.sandbox.__main__\n"
        "rooms = {name for name in sys.modules if name.startswith('ebrule.')}\n"
        "print(*{name for name in rooms if not name.startswith('ebrule.sandbox')})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "\n"
