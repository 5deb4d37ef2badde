"""What a run tells while it goes on, as lines on standard error."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from ebrule.cli.results import change_lines
from ebrule.core.notices import AskingBack, Merged, Notice, Requested, Waiting, Warned

if TYPE_CHECKING:
    from rich.live import Live

    from ebrule.cli.render import Screen

WORTH_TELLING_SECONDS = 1.0


class Progress:
    """Shows notices, from whatever thread they come.

    Args:
        screen: where to.
        verbose: whether each request is worth a line.
    """

    def __init__(self, screen: Screen, *, verbose: bool = False) -> None:
        self._screen = screen
        self._verbose = verbose
        self._lock = threading.Lock()
        self._live: Live | None = None

    def __call__(self, notice: Notice) -> None:
        """Show one notice."""
        with self._lock:
            self.stop()
            if isinstance(notice, Waiting):
                self._waiting(notice)
            elif isinstance(notice, AskingBack):
                self._warn(f"{notice.reason}; asking the org what happened…")
            elif isinstance(notice, Merged):
                self._merged(notice)
            elif isinstance(notice, Warned):
                self._warn(notice.message)
            elif self._verbose:
                self._requested(notice)

    def stop(self) -> None:
        """Take the countdown off the screen, if there is one."""
        live, self._live = self._live, None
        if live is not None:
            with contextlib.suppress(OSError, ValueError):  # nothing is left on a terminal that is gone
                live.stop()

    def _warn(self, message: str) -> None:
        self._screen.err(("warning:", "warning"), f" {message}")

    def _waiting(self, notice: Waiting) -> None:
        if notice.seconds < WORTH_TELLING_SECONDS:
            return
        if not self._screen.is_watched:
            self._screen.err(_waiting_text(notice, 0.0))
            return
        from rich.live import Live
        from rich.text import Text

        began = time.monotonic()
        self._live = Live(
            console=self._screen.console(),
            get_renderable=lambda: Text(_waiting_text(notice, time.monotonic() - began)),
            refresh_per_second=4,
            transient=True,
        )
        self._live.start()

    def _merged(self, notice: Merged) -> None:
        versions = f"{notice.from_version} → {notice.to_version}"
        when = "changed while we worked" if notice.meanwhile else "changed since the version that the file names"
        if not notice.changes:
            self._warn(f"the rule {when} ({versions})")
            return
        self._warn(f"the rule {when} ({versions}). Kept their change, ours does not touch it:")
        for line in change_lines(notice.changes, sign="="):
            self._screen.err(*line)

    def _requested(self, notice: Requested) -> None:
        parts = urlsplit(notice.url)
        shown = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        ended = str(notice.status) if notice.status is not None else f"no answer ({notice.error})"
        correlation = f" {notice.correlation_id}" if notice.correlation_id else ""
        self._screen.err((f"{notice.method} {shown} {ended} {notice.milliseconds:.0f} ms{correlation}", "faint"))


def _waiting_text(notice: Waiting, gone: float) -> str:
    return (
        f"{notice.reason}: next try in {max(notice.seconds - gone, 0):.0f} s "
        f"({notice.attempt} of {notice.attempts}, {max(notice.left - gone, 0):.0f} s left)"
    )
