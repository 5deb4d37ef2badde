"""``ebrule show``: the rule as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ebrule.cli import options as o
from ebrule.cli.columns import cells, padded
from ebrule.cli.completion import complete_rule
from ebrule.cli.connection import opened
from ebrule.cli.render import Screen, one_line, value_text

if TYPE_CHECKING:
    from ebrule.core.auth import Session
    from ebrule.redaction import Redactor
    from ebrule.rules.kind import Kind, Path, Rule
    from ebrule.settings import Settings

HELP = """Print a rule as the org has it.

\b
Examples:
  ebrule show demo-rule
  ebrule show demo-rule -o yaml > rule.yaml   a rule file to edit
  ebrule show demo-rule -o json | jq .version

Values that look like secrets, or came from ${env:…} in this ledger's last update of the rule, are printed as ${keep},
which in a rule file means: leave the org's value. With -o yaml, so are values that a rule file cannot have, such as
one beyond a limit; a comment shows each, with the reason.
"""


class ShowCommand(NamedTuple):
    """What ``ebrule show`` was asked to do."""

    rule_id: str
    connection: o.Connection
    kind: str | None = None
    reveal: bool = False
    output: o.ShowOutput = o.ShowOutput.TEXT


def run(command: ShowCommand, screen: Screen) -> int:
    """Read the rule and print it; return the exit code."""
    from ebrule.core.auth import connect
    from ebrule.core.fetcher import fetch_rule
    from ebrule.rules.kind import checked_id
    from ebrule.rules.registry import DEFAULT_KIND, kind_named

    kind = kind_named(command.kind or DEFAULT_KIND)
    checked_id(command.rule_id)
    with (
        opened(command.connection, screen) as org,
        connect(org.settings.require_org(), org.settings.network, org.pace, read_only=True) as session,
    ):
        kind = org.settings.kinds[kind.name]
        rule = fetch_rule(session.reader, kind, command.rule_id)
        content = rule.data
        if not command.reveal:
            redacted = _redactor(org.settings, session, kind, rule).data(rule.data)
            content = _kept(kind if command.output is o.ShowOutput.YAML else None, rule.data, redacted)
    if command.output is o.ShowOutput.JSON:
        screen.json(_with_keep_spelled(content))
    elif command.output is o.ShowOutput.YAML:
        from ebrule.pipeline.show import rule_file_text

        screen.raw(rule_file_text(kind, rule, content))
    else:
        _show(screen, kind, rule, content, org.org_name)
    return 0


def _redactor(settings: Settings, session: Session, kind: Kind, rule: Rule) -> Redactor:
    """Return what takes out of a rule also what the ledger's last update of it knew as a secret."""
    from ebrule.core.audit import AuditLog, RuleKey
    from ebrule.redaction import Redactor, redaction_key_at_hand

    redactor = Redactor(redaction_key_at_hand(settings), settings.secrets | session.tokens.credentials)
    if settings.known_audit_log is None:
        return redactor
    ledger = AuditLog(settings.audit_log, now=session.pace.clock.now, check_stop=session.pace.check)
    # In whatever org: what is a secret in one is not shown of another.
    return redactor.knowing(ledger.recall(RuleKey(kind.name, rule.id)).contents, rule.data)


def _kept(kind: Kind | None, value: Any, redacted: Any, path: Path = ()) -> Any:
    """Return ``value`` with KEEP wherever the redactor took something out.

    With a kind, KEEP stands only where a rule file of that kind can say it: in the place of the next larger whole.
    """
    from ebrule.pipeline.plan import why_nothing_to_keep
    from ebrule.rulefile import KEEP

    parts: Iterable[tuple[str | int, Any]]
    if isinstance(value, Mapping):
        if kind and path and list(value) != list(redacted):  # the name of a part is a secret
            return KEEP
        pairs = zip(value.items(), redacted.items(), strict=True)
        content: Any = {shown: _kept(kind, item, other, (*path, name)) for (name, item), (shown, other) in pairs}
        parts = content.items()
    elif isinstance(value, list):
        content = [_kept(kind, item, redacted[at], (*path, at)) for at, item in enumerate(value)]
        parts = enumerate(content)
    else:
        return value if value == redacted else KEEP
    if kind and path and any(part is KEEP and why_nothing_to_keep(kind, (*path, name)) for name, part in parts):
        return KEEP
    return content


def _with_keep_spelled(value: Any) -> Any:
    from ebrule.rulefile import Keep

    if isinstance(value, Mapping):
        return {name: _with_keep_spelled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_keep_spelled(item) for item in value]
    return value.value if isinstance(value, Keep) else value


def _show(screen: Screen, kind: Kind, rule: Rule, content: Mapping[str, Any], org: str) -> None:
    from ebrule.cli.results import WIDEST

    name = one_line(str(_with_keep_spelled(content.get("name")) or ""))
    screen.out((rule.id, "strong"), f"  {name}  ({kind.name}, {org}, version {rule.version})")
    screen.out()
    rows = [(name, value) for name, value in _rows(kind, content) if name not in ("id", "name", "version", "selfUri")]
    width = min(max((cells(name) for name, _ in rows), default=0), WIDEST)
    for name, value in rows:
        if isinstance(value, list) and value:
            for index, item in enumerate(value):
                screen.out(f"  {padded(name if index == 0 else '', width)}   {_item_text(item)}")
        else:
            screen.out(f"  {padded(name, width)}   {_item_text(value)}")


def _rows(kind: Kind, content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields by their dotted paths, and those of the objects that are compared key by key."""
    for name, value in content.items():
        path = f"{prefix}{name}"
        if path in kind.shape.objects and isinstance(value, Mapping):
            yield from _rows(kind, value, f"{path}.")
        else:
            yield path, value


def _item_text(value: Any) -> str:
    if isinstance(value, Mapping) and "id" in value:
        rest = "  ".join(f"{key}={value_text(_with_keep_spelled(item))}" for key, item in value.items() if key != "id")
        return f"{value_text(_with_keep_spelled(value['id']))}  {rest}".rstrip()
    return value_text(_with_keep_spelled(value))


@o.with_groups
def command(
    connection: o.Connection,
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="The rule.", autocompletion=complete_rule)],
    kind: o.KindWithoutFile = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print secrets as they are.")] = False,
    output: Annotated[o.ShowOutput, typer.Option("--output", "-o", help="How to print it.")] = o.ShowOutput.TEXT,
) -> int:
    return run(
        ShowCommand(
            rule_id,
            connection,
            kind,
            reveal,
            output,
        ),
        Screen(),
    )
