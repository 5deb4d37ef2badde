"""A sandbox in a process of its own, for any test that needs an org to talk to."""

from __future__ import annotations

import contextlib
import sqlite3
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from ebrule.sandbox.database import FILE_NAME, reset
from ebrule.sandbox.seed import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PATIENCE_SECONDS = 20


# Clients without trust stores: loading them takes longer than a test, and loopback is plain HTTP.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Step:
    """One applied PUT, as the server's own log has it: ``sent`` came in, ``body`` is what was stored of it."""

    rule_id: str
    parent: int
    version: int
    body: str
    client_id: str
    request_id: str | None
    sent: str


class SandboxProcess:
    """A running sandbox; ``close`` ends it, as ``contextlib.closing`` does.

    Args:
        state_dir: The folder of the state; sandboxes may share it.
        faults: Fault specifications, see ``ebrule.sandbox.faults``.
        rate_limit: Requests a minute for each token; 0 means no limit.
        latency_ms: Milliseconds that every request waits first.
        token_seconds: For how long a new token is good.
        client: Id and secret of the OAuth client with every scope, in place of the well-known ones.
        stores: Ways to store bodies differently than sent, see ``ebrule.sandbox.storing``.
        echoes: Whether the reply to a PUT shows what was sent.
        org_id: The id of the organization, in place of the usual one.
        authors: ``all`` or ``none``: the kinds whose replies have ``createdBy`` and ``modifiedBy``.
        replica_lag: How many GETs of a rule after each of its writes still show the state before it.
        replicas: How many replicas answer these GETs in turn; only the first one lags.
        arguments: Further command-line arguments.

    Raises:
        RuntimeError: It did not start; the message is what it wrote to standard error.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        faults: Sequence[str] = (),
        rate_limit: int = 0,
        latency_ms: float = 0,
        token_seconds: int = 86_400,
        client: tuple[str, str] | None = None,
        stores: Sequence[str] = (),
        echoes: bool = False,
        org_id: str | None = None,
        authors: str | None = None,
        replica_lag: int = 0,
        replicas: int = 1,
        arguments: Sequence[str] = (),
    ) -> None:
        self.state_dir = state_dir
        self.credentials = client or ("sandbox", "sandbox-secret")
        self.org_id = org_id or ORGANIZATION
        command = [sys.executable, "-m", "ebrule.sandbox", "--lifeline"]
        command += ["--state-dir", str(state_dir), "--rate-limit", str(rate_limit)]
        command += ["--latency-ms", str(latency_ms), "--token-seconds", str(token_seconds)]
        command += [argument for fault in faults for argument in ("--fault", fault)]
        command += ["--client", *client] if client else []
        command += [argument for way in stores for argument in ("--stores", way)]
        command += ["--replica-lag", str(replica_lag), "--replicas", str(replicas)]
        command += ["--echoes"] if echoes else []
        command += ["--org-id", org_id] if org_id else []
        command += ["--authors", authors] if authors else []
        self._clients: list[httpx.Client] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _close
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.stderr = ""
        if not self.url:
            self.stop()
            raise RuntimeError(self.stderr)

    def client(self, client_id: str | None = None, **options: Any) -> httpx.Client:
        """Give a client with a fresh token; it is closed with the sandbox.

        Args:
            client_id: ``sandbox-readonly``, ``sandbox-noscope``, ``sandbox-other`` of another organization, or None
                for the client with every scope.
            options: Passed to ``httpx.Client``.
        """
        client = self.anonymous_client(**options)
        client.headers["Authorization"] = f"Bearer {self.token(client_id)}"
        return client

    def anonymous_client(self, **options: Any) -> httpx.Client:
        """Give a client without a token; it is closed with the sandbox.

        Args:
            options: Passed to ``httpx.Client``.
        """
        settings = {"timeout": _PATIENCE_SECONDS, "trust_env": False, "verify": _NO_CERTIFICATES, **options}
        client = httpx.Client(base_url=self.url, **settings)
        self._clients.append(client)
        return client

    def token(self, client_id: str | None = None) -> str:
        """Fetch a token."""
        credentials = (client_id, "sandbox-secret") if client_id else self.credentials
        with self.anonymous_client() as client:
            form = {"grant_type": "client_credentials"}
            reply = client.post("/oauth/token", auth=credentials, data=form)
        reply.raise_for_status()
        token: str = reply.json()["access_token"]
        return token

    def history(self, rule_id: str = "demo-rule", org_id: str | None = None) -> list[Step]:
        """Read the applied PUTs of a rule from the server's own log, in their order.

        Args:
            rule_id: Which one.
            org_id: Its organization; None means that of the client with every scope.
        """
        rows = self._query(
            "SELECT id, parent, version, body, client_id, request_id, sent FROM history"
            " WHERE org = ? AND id = ? ORDER BY seq",
            (org_id or self.org_id, rule_id),
        )
        return [Step(*row) for row in rows]

    def requests(self, method: str = "%", path: str = "%") -> list[int | None]:
        """Read the statuses of the requests so far, in their order; None stands for one never answered.

        Args:
            method: Only this method; ``%`` is any.
            path: Only this path; ``%`` stands for any text, as in SQL.
        """
        rows = self._query(
            "SELECT status FROM requests WHERE method LIKE ? AND path LIKE ? ORDER BY seq", (method, path)
        )
        return [status for (status,) in rows]

    def answered(self) -> list[datetime]:
        """Read when each of the requests so far was answered, in the order in which they were taken down."""
        rows = self._query("SELECT time FROM requests ORDER BY seq", ())
        return [datetime.fromisoformat(time.replace("Z", "+00:00")) for (time,) in rows]

    def reset(self) -> None:
        """Put the initial data back."""
        reset(self.state_dir)

    def stop(self) -> int:
        """Let go of the lifeline, wait for the end, and give the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def close(self) -> None:
        """End it at once, if it still runs."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait for the end, and give the exit code; from then on ``stderr`` holds what it wrote there."""
        code = self.process.wait(timeout=_PATIENCE_SECONDS)
        self._close()
        return code

    def _close(self) -> None:
        if self._errors.closed:
            return
        self._errors.seek(0)
        self.stderr = self._errors.read().decode(errors="replace")
        for closeable in (self._errors, self.process.stdin, self.process.stdout, *self._clients):
            assert closeable is not None
            closeable.close()

    def _query(self, sql: str, parameters: tuple[str, ...]) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.state_dir / FILE_NAME, timeout=10)) as connection:
            return connection.execute(sql, parameters).fetchall()


class StartSandbox(Protocol):
    """Starts a sandbox that ends with the test."""

    def __call__(self, state_dir: Path | None = None, **options: Any) -> SandboxProcess:
        """Start one.

        Args:
            state_dir: The folder of its state; None takes the test's own, empty at first.
            options: Those of ``SandboxProcess``.
        """
