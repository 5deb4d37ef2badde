"""``ebrule list``: ids and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.cli import options as o
from ebrule.cli.columns import cells, padded
from ebrule.cli.connection import opened
from ebrule.cli.render import Screen, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ebrule.rules.kind import Kind

HELP = """List the rules of a kind, where the API has a list.

\b
Examples:
  ebrule list --kind trigger
  ebrule list -k trigger -o json | jq -r '.rules[] | select(.enabled) | .id'

Each with id, version, whether it is enabled, name and topic.
"""

FIELDS = ("id", "name", "version", "enabled", "topicName")


class ListCommand(NamedTuple):
    """What ``ebrule list`` was asked to do."""

    connection: o.Connection
    kind: str | None = None
    output: o.Output = o.Output.TEXT


def run(command: ListCommand, screen: Screen) -> int:
    """Read the list, all of its pages, and print it in the order of the names; return the exit code."""
    from ebrule.core.auth import connect
    from ebrule.core.fetcher import list_rules, listing_of
    from ebrule.rules.registry import DEFAULT_KIND, kind_named

    kind = kind_named(command.kind or DEFAULT_KIND)
    listing_of(kind)  # what cannot be listed needs no org to be told so
    with (
        opened(command.connection, screen) as org,
        connect(org.settings.require_org(), org.settings.network, org.pace, read_only=True) as session,
    ):
        found = sorted(list_rules(session.reader, org.settings.kinds[kind.name]), key=_order)
        rules = [_without_credentials(rule, session.tokens.hide) for rule in found]
    if command.output is o.Output.JSON:
        screen.json(_document(kind, rules))
    else:
        _show(screen, kind, rules, org.org_name)
    return 0


def _without_credentials(rule: Mapping[str, Any], hide: Callable[[str], str]) -> dict[str, Any]:
    """Return what is shown of a rule; a server may have put into it what it was asked with."""
    from ebrule.redaction import each_text

    return {name: each_text(rule.get(name), hide) for name in FIELDS}


def _order(rule: Mapping[str, Any]) -> tuple[str, str]:
    return str(rule.get("name")).casefold(), str(rule.get("id"))


def _document(kind: Kind, rules: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    from ebrule.pipeline.operation import SCHEMA_VERSION

    return {
        "schema_version": SCHEMA_VERSION,
        "result": "listed",
        "kind": kind.name,
        "rules": rules,
        "error": None,
    }


def _show(screen: Screen, kind: Kind, rules: Sequence[Mapping[str, Any]], org: str) -> None:
    if not rules:
        screen.err(f"There is no {kind.title} in this org ({org}).")
        return
    head = ("id", "version", "enabled", "name", "topic")
    rows = [head, *(_row(rule) for rule in rules)]
    widths = [max(cells(row[column]) for row in rows) for column in range(len(head) - 1)]
    for row in rows:
        columns = [padded(cell, width) for cell, width in zip(row, widths, strict=False)]
        lines = ["   ".join([*columns, row[-1]]).rstrip()]
        if screen.width is not None and cells(lines[0]) > screen.width:
            lines = [row[0], *(f"    {cell}" for cell in row[1:])]
        for line in lines:
            screen.out((line, "faint" if row is head or row[2] == "no" else ""))


def _row(rule: Mapping[str, Any]) -> tuple[str, ...]:
    said = rule.get("enabled")
    enabled = "yes" if said is True else "no" if said is False else "?"
    return (_cell(rule, "id"), _cell(rule, "version"), enabled, _cell(rule, "name"), _cell(rule, "topicName"))


def _cell(rule: Mapping[str, Any], name: str) -> str:
    value = rule.get(name)
    return "?" if value is None else one_line(str(value))


@o.with_groups
def command(connection: o.Connection, kind: o.KindWithoutFile = None, output: o.OutputOption = o.Output.TEXT) -> int:
    return run(ListCommand(connection, kind, output), Screen())
