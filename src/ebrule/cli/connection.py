"""From the connection options to settings and a pace; starts the sandbox where the region says so."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrule.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebrule.cli.options import Connection
    from ebrule.cli.render import Screen
    from ebrule.core.pace import Pace
    from ebrule.settings import Settings


@dataclass(frozen=True)
class Opened:
    """What a command that talks to an org works with; ``org_name`` is what to call the org."""

    settings: Settings
    pace: Pace
    org_name: str


@contextlib.contextmanager
def opened(
    connection: Connection, screen: Screen, *, webhook_url: str | None = None, audit_log: Path | None = None
) -> Iterator[Opened]:
    """Resolve the settings and watch for signals while a command runs.

    Raises :class:`UsageError` for settings that cannot be meant.
    """
    from ebrule.cli.progress import Progress
    from ebrule.core.pace import Pace
    from ebrule.settings import SANDBOX, Options, load_settings

    region = connection.region or os.environ.get("GENESYSCLOUD_REGION")
    wants_sandbox = region == SANDBOX
    options = Options(
        region=connection.region,
        api_url=connection.api_url,
        login_url=connection.login_url,
        ca_file=connection.ca_file,
        proxy=connection.proxy,
        transport=connection.transport.value,
        deadline=connection.deadline,
        webhook_url=webhook_url,
        audit_log=audit_log,
    )
    with contextlib.ExitStack() as stack:
        if wants_sandbox:
            from ebrule.cli.local_sandbox import with_sandbox

            options = stack.enter_context(with_sandbox(options, os.environ))
        settings = load_settings(options, os.environ)
        progress = Progress(screen, verbose=connection.verbose)
        stack.callback(progress.stop)
        pace = Pace(settings.deadline, observe=progress)
        stack.enter_context(stop_on_signals(pace.interrupt))
        yield Opened(settings, pace, settings.org.name if settings.org else "")
