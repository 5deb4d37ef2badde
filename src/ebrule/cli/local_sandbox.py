"""A sandbox for the length of one command: a process of its own on a free loopback port."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from ebrule.errors import UsageError
from ebrule.settings import Options, state_dir_of
from ebrule.settings.hosts import SANDBOX, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CLIENT = ("sandbox", "sandbox-secret")
"""The well-known credentials of a sandbox that listens on loopback only."""

START_SECONDS = 30.0
STOP_SECONDS = 2.0

INSTALL_HINT = "Install it with: pip install 'ebrule[sandbox]'"


def check_installed() -> None:
    """Raise :class:`UsageError` where the sandbox's web framework is not installed."""
    if importlib.util.find_spec("starlette") is None or importlib.util.find_spec("uvicorn") is None:
        raise UsageError("the sandbox is not installed", hint=INSTALL_HINT, code="no-sandbox")


def state_of(options: Options, environ: Mapping[str, str]) -> Path:
    """Return the folder that keeps the sandbox's state, below ebrule's own."""
    return state_dir_of(options, environ) / "sandbox"


@contextlib.contextmanager
def with_sandbox(options: Options, environ: Mapping[str, str]) -> Iterator[Options]:
    """Run a sandbox and yield the options that lead to it.

    With the option ``--api-url``, that is taken for a sandbox that runs already. A URL in the environment is not
    looked at: it may be that of an org.

    Raises:
        UsageError: the sandbox is not installed or does not start, or the URL is not this machine's own.
    """
    client_id, secret = CLIENT
    options = options._replace(region=SANDBOX, client_id=client_id, client_secret=SecretStr(secret))
    if options.api_url:
        if not is_loopback(urlsplit(options.api_url).hostname or ""):
            raise UsageError("--region sandbox and --api-url of another machine exclude each other", code="two-orgs")
        yield options
        return
    check_installed()
    with _server(state_of(options, environ)) as url:
        yield options._replace(api_url=url, login_url=url)


@contextlib.contextmanager
def _server(state_dir: Path) -> Iterator[str]:
    # A session of its own: Ctrl-C must reach ebrule only, which still needs the org. The pipe is the child's lifeline:
    # it ends with this process, however this process ends.
    command = [
        sys.executable,
        "-m",
        "ebrule.sandbox",
        "--state-dir",
        str(state_dir),
        "--port",
        "0",
        "--lifeline",
    ]
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},  # whatever the user's own output is to be in
        start_new_session=True,
    ) as process:
        try:
            url = _first_line(process)
            if not url:
                process.kill()
                words = process.stderr.read().strip().splitlines() if process.stderr else []
                why = words[-1].removeprefix("error: ") if words else "it said nothing"
                raise UsageError(
                    f"the sandbox did not start: {why}",
                    hint=f"Its state is kept in {state_dir}.",
                    code="no-sandbox",
                )
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that the sandbox prints, or nothing where none comes in time."""
    assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    return process.stdout.readline().strip() if ready else ""
