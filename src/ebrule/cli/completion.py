"""What a shell completes: names that this machine knows. Whatever is wrong, there is just nothing to complete."""

from __future__ import annotations

import contextlib
import os
from itertools import islice
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - Typer reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

_RECORDS_LOOKED_AT = 500


def join_option(environ: MutableMapping[str, str]) -> None:
    """Take the ``=`` before a value out of the words that bash hands over: it cuts ``--region=eu`` into three words."""
    words = environ.get("COMP_WORDS", "").split("\n")
    with contextlib.suppress(ValueError):  # other shells do not count words
        last = int(environ.get("COMP_CWORD", ""))
        if words[last - 1 : last] == ["="] and words[last - 2].startswith("--"):
            del words[last - 1]
            environ.update(COMP_WORDS="\n".join(words), COMP_CWORD=str(last - 1))


def option_in_word(environ: Mapping[str, str]) -> str:
    """Return what stands before the value in the word that is typed, such as ``--region=``.

    All shells but bash take what completes a word for the whole of it.
    """
    word = environ.get("_TYPER_COMPLETE_ARGS", "").rpartition(" ")[2]
    name, equals, _ = word.partition("=")
    return name + equals if equals and name.startswith("--") else ""


def beginning(names: Iterable[str], incomplete: str) -> list[str]:
    """Return those of the names that begin so."""
    return [name for name in names if name.startswith(incomplete)]


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

    return beginning(KINDS, incomplete)


def complete_region(incomplete: str) -> list[str]:
    """Return the AWS regions that begin so, and the sandbox."""
    from ebrule.settings.hosts import REGIONS, SANDBOX

    return beginning((*REGIONS, SANDBOX), incomplete)


def complete_problem(incomplete: str) -> list[str]:
    """Return the ids of problems that begin so."""
    from ebrule.diagnostics import CATALOGUE

    return beginning(CATALOGUE, incomplete)


def complete_fault(incomplete: str) -> list[str]:
    """Return the kinds of faults of the sandbox that begin so."""
    names: list[str] = []
    with contextlib.suppress(ImportError):  # the sandbox is an extra
        from ebrule.sandbox.misbehaviour import KINDS

        names = list(KINDS)
    return beginning(names, incomplete)


def complete_stores(incomplete: str) -> list[str]:
    """Return the sandbox's ways to store that begin as the last of the names does, after those before it."""
    names: list[str] = []
    with contextlib.suppress(ImportError):  # the sandbox is an extra
        from ebrule.sandbox.storing import WAYS

        names = list(WAYS)
    before, comma, _ = incomplete.rpartition(",")
    return beginning([f"{before}{comma}{name}" for name in names], incomplete)


def complete_rule(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids that begin so of the rules that the ledger's last records tell of, the newest first."""
    ids: dict[str, None] = {}
    with contextlib.suppress(Exception):  # nothing completes a word, and no error of a ledger belongs into a prompt
        from ebrule.core.audit import AuditLog
        from ebrule.rules.kind import is_id
        from ebrule.settings import Options, audit_log_of

        ledger = AuditLog(audit_log_of(Options(audit_log=ctx.params.get("audit_log")), os.environ))
        for entry in islice(ledger.entries_backwards(), _RECORDS_LOOKED_AT):
            rule_id = (entry.record or {}).get("rule_id")
            if isinstance(rule_id, str) and is_id(rule_id):
                ids[rule_id] = None
    return beginning(ids, incomplete)
