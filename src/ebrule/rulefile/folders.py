"""The rule files below a folder."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from ebrule.rulefile.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrule.errors import Problem

SUFFIXES: Final = (".yaml", ".yml", ".json")


def rule_files(paths: Iterable[str]) -> list[tuple[str, Problem | None]]:
    """The files that paths lead to, each once, in their order; those of a folder sorted by name.

    In folders, what is hidden is left out, and a link to a folder is not followed: it could lead back.

    Args:
        paths: Files, whether they exist or not, ``-`` and folders.

    Returns:
        Each file with None; each folder in which there is nothing to read, with the reason.
    """
    found: dict[str, tuple[str, Problem | None]] = {}
    for path in paths:
        is_folder = os.path.isdir(path)  # noqa: PTH112 - Path's raises where it may not look
        for file, reason in _below(path) if is_folder else [(path, None)]:
            found.setdefault(file if file == "-" else os.path.realpath(file), (file, reason))
    return list(found.values())


def _below(folder: str) -> list[tuple[str, Problem | None]]:
    found: list[tuple[str, Problem | None]] = []
    folders = [folder]
    while folders:
        current = folders.pop()
        try:
            with os.scandir(current) as entries:
                for entry in _shown(entries):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.name.lower().endswith(SUFFIXES) and not entry.is_dir():
                        found.append((entry.path.removeprefix(f".{os.sep}"), None))
        except OSError as error:
            found.append((current, problem("unreadable-file", reason=error.strerror)))
    found.sort(key=lambda each: PurePath(each[0]).parts)
    return found or [(folder, problem("empty-folder"))]


def _shown(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in entries if not entry.name.startswith("."))
