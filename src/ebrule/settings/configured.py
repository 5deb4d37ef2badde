"""The kinds of rules as the configuration file has them: an org may serve the default kind in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrule.rules.registry import DEFAULT_KIND, KINDS
from ebrule.settings.profiles import kind_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.rules.kind import Kind


def configured_kinds(environ: Mapping[str, str], *, is_sandbox: bool = False) -> Mapping[str, Kind]:
    """Return the kinds by name, with what ``[kinds.eventbridge]`` of ebrule's configuration file says.

    The built-in sandbox has its own paths, so with ``is_sandbox`` only the limits are taken.

    Raises :class:`UsageError` for a file that cannot be read, and for a path or a limit that cannot be meant.
    """
    found = kind_settings(environ)
    if found is None:
        return KINDS
    from ebrule.settings.contract import contracted_kind  # noqa: PLC0415 - few orgs need it

    path, tables = found
    return {**KINDS, DEFAULT_KIND: contracted_kind(path, tables, is_sandbox=is_sandbox)}
