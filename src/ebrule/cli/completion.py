"""What a shell completes: names that this machine knows. Whatever is wrong, there is just nothing to complete."""

from __future__ import annotations

import contextlib
import os


def complete_profile(incomplete: str) -> list[str]:
    """Return the profiles that begin so, however their letters' case."""
    names: list[str] = []
    with contextlib.suppress(Exception):
        from ebrule.settings.profiles import profile_names

        names = profile_names(os.environ)
    return [name for name in names if name.isprintable() and name.casefold().startswith(incomplete.casefold())]


def complete_kind(incomplete: str) -> list[str]:
    """Return the kinds of rules that begin so."""
    from ebrule.rules.registry import KINDS

    return [name for name in KINDS if name.startswith(incomplete)]


def complete_region(incomplete: str) -> list[str]:
    """Return the AWS regions that begin so, and the sandbox."""
    from ebrule.settings.hosts import REGIONS, SANDBOX

    return [name for name in (*REGIONS, SANDBOX) if name.startswith(incomplete)]
