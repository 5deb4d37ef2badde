"""Folders of a user, who may have no home: a container may run with a user id that nobody has named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ebrule.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def own_folder(find: Callable[[str], Path]) -> Path | None:
    """Return ebrule's folder as a function of platformdirs finds it, or None where the user has no home."""
    try:
        path = find("ebrule")
    except RuntimeError:
        return None
    # What a home such as "." leads to is in the working directory, and so is "~", as some versions return it.
    return path if path.is_absolute() else None


def expanded(path: str, name: str) -> str:
    """Return a path with the home folder in place of a ``~`` at its start.

    A shell leaves it as it is in a quoted value, and bash in ``--file=~/rule.yaml``.

    Raises:
        UsageError: the home folder is not known. ``name`` is the option or the variable that says the path.
    """
    found = os.path.expanduser(path)  # noqa: PTH111 - pathlib's has an error of its own
    if path.startswith("~") and found == path:
        whose = "of this user is unknown" if path.partition("/")[0] == "~" else "of that user is unknown"
        raise UsageError(
            f"{name}: cannot expand {path}: the home folder {whose}", hint="Give the whole path.", code="bad-path"
        )
    return found
