"""What differs between operating systems."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class BootTime(NamedTuple):
    """A moment by a clock that nobody sets: ``seconds`` since the machine's start, of which ``boot_id`` is the name.

    The clock goes on while the machine is suspended. Two moments compare only where their ``boot_id`` is the same.
    """

    boot_id: str
    seconds: float


def boot_time() -> BootTime | None:
    """Return the present moment by the boot clock, or None on a system that names no start of its own."""
    try:
        boot_id = _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return BootTime(boot_id, time.clock_gettime(clock)) if boot_id and clock is not None else None
