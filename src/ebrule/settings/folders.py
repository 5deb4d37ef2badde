"""Folders of a user, who may have no home: a container may run with a user id that nobody has named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ebrule.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrule.settings.options import Options


def state_dir_of(options: Options, environ: Mapping[str, str]) -> Path:
    """Return the folder of what ebrule keeps; raises :class:`UsageError` where nothing says where it is."""
    return required(known_state_dir(options, environ))


def audit_log_of(options: Options, environ: Mapping[str, str]) -> Path:
    """Return the ledger; raises :class:`UsageError` where nothing says where it is."""
    return required(known_audit_log(options, environ))


def known_state_dir(options: Options, environ: Mapping[str, str]) -> Path | None:
    """Return the folder of what ebrule keeps, or None where nothing says where it is."""
    from platformdirs import user_state_path  # noqa: PLC0415 - not needed where the folder is set

    given = Path(options.state_dir) if options.state_dir else _path(environ, "EBRULE_STATE_DIR")
    return given or own_folder(user_state_path)


def known_audit_log(options: Options, environ: Mapping[str, str]) -> Path | None:
    """Return the ledger, or None where nothing says where it is."""
    given = Path(options.audit_log) if options.audit_log else _path(environ, "EBRULE_AUDIT_LOG")
    folder = None if given else known_state_dir(options, environ)
    return given or (folder and folder / "audit.jsonl")


def required(path: Path | None) -> Path:
    """Return the path; raises :class:`UsageError`, which names the variable to set, where there is none."""
    if path is None:
        raise UsageError(
            "no state folder: the home folder of this user is unknown",
            hint="Set EBRULE_STATE_DIR to a folder that this user can write to.",
            code="no-state-dir",
        )
    return path


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(expanded(environ[name], name)) if environ.get(name) else None


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
