"""From the connection options to settings and a pace; starts the sandbox where the region says so."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from ebrule.cli.asked import is_debugging
from ebrule.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from ebrule.cli.options import Connection, WebhookFormat
    from ebrule.cli.render import Screen
    from ebrule.core.pace import Pace
    from ebrule.settings import Settings


MAX_SECRET_BYTES = 4_096


class Opened(NamedTuple):
    """What a command that talks to an org works with; ``org_name`` is what to call the org."""

    settings: Settings
    pace: Pace
    org_name: str


@contextlib.contextmanager
def opened(
    connection: Connection,
    screen: Screen,
    *,
    webhook_url: str | None = None,
    webhook_format: WebhookFormat | None = None,
    audit_log: Path | None = None,
    audit_otlp: str | None = None,
    audit_otlp_required: bool = False,
    to_org: bool = True,
) -> Iterator[Opened]:
    """Resolve the settings and watch for signals while a command runs.

    ``to_org`` False is for a command that talks to no org.

    Raises :class:`UsageError` for settings that cannot be meant.
    """
    from ebrule.cli.progress import Progress
    from ebrule.core.notices import Warned
    from ebrule.core.pace import Pace
    from ebrule.settings import Options, checked_deadline, load_settings, wants_sandbox

    _check_proxy(connection.proxy)
    reading = Pace(checked_deadline(connection.deadline))
    secret, warnings = _read_secret(connection.client_secret_file, reading)
    options = Options(
        region=connection.region,
        profile=connection.profile,
        client_secret=secret,
        api_url=connection.api_url,
        login_url=connection.login_url,
        ca_file=connection.ca_file,
        proxy=connection.proxy,
        transport=connection.transport.value,
        deadline=reading.left(),
        webhook_url=webhook_url,
        webhook_format=webhook_format.value if webhook_format else "genesys",
        audit_log=audit_log,
        audit_otlp=audit_otlp,
        audit_otlp_required=audit_otlp_required,
    )
    with contextlib.ExitStack() as stack:
        if to_org and wants_sandbox(options, os.environ):
            from ebrule.cli.local_sandbox import with_sandbox

            options = stack.enter_context(with_sandbox(options, os.environ))
        settings = load_settings(options, os.environ, to_org=to_org)
        progress = Progress(screen, verbose=connection.verbose or is_debugging(os.environ))
        stack.callback(progress.stop)
        pace = Pace(settings.deadline, observe=progress)
        for warning in (*warnings, *settings.warnings):
            pace.observe(Warned(warning))
        stack.enter_context(stop_on_signals(pace.interrupt))
        yield Opened(settings, pace, settings.org.title if settings.org else "")


def _check_proxy(url: str | None) -> None:
    """Refuse a proxy's user and password: an option's value stands in the list of processes."""
    from ebrule.errors import UsageError

    if url and "@" in url:
        raise UsageError(
            "--proxy must have no user or password: other users of this machine can read a command line",
            hint="Set HTTPS_PROXY in the environment instead.",
            code="secret-option",
        )


def _read_secret(file: str | None, pace: Pace) -> tuple[SecretStr | None, list[str]]:
    """Return the client's secret from a file, without the line break at its end, and what to warn of.

    Raises :class:`UsageError` where there is no such file, or it holds no secret, and :class:`UnavailableError` where
    it does not come in time.
    """
    from pydantic import SecretStr

    from ebrule.core.failures import too_late
    from ebrule.core.pace import OutOfTimeError
    from ebrule.errors import UsageError
    from ebrule.settings.credentials import check_credential
    from ebrule.settings.profiles import can_others_read

    if file is None:
        return None, []
    name = "standard input" if file == "-" else file

    def read() -> tuple[bytes, int]:
        with open(sys.stdin.fileno() if file == "-" else file, "rb", buffering=0, closefd=file != "-") as stream:
            content = b""
            while len(content) <= MAX_SECRET_BYTES and (more := stream.read(MAX_SECRET_BYTES)):
                content += more
            return content, os.fstat(stream.fileno()).st_mode

    try:
        content, mode = pace.call(read, pace.left())  # a pipe may stay open, and a file be a FIFO
    except OutOfTimeError:
        raise too_late(f"no whole secret came from {name}") from None
    except (OSError, ValueError, AttributeError) as error:  # the last two: standard input is closed
        why = getattr(error, "strerror", None) or "it is closed"
        raise UsageError(
            f"the client's secret cannot be read from {name}: {why}",
            hint="--client-secret-file takes a file that holds the secret and nothing else, or - for standard input.",
            code="bad-secret-file",
        ) from error
    secret = content.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
    if not secret or not secret.isprintable() or len(content) > MAX_SECRET_BYTES:
        raise UsageError(
            f"{name} holds no client secret",
            hint="It must hold the secret and nothing else, on one line.",
            code="bad-secret-file",
        )
    check_credential(secret, name)
    exposed = f"{name} holds a secret, and others can read it. Mend that with: chmod 600 {name}"
    return SecretStr(secret), [exposed] if can_others_read(mode) else []
