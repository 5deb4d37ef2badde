"""The page's operations: one entry for each, which opens to its diff and to what else is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ebrule.cli.operations_text import details, org, versions, who
from ebrule.cli.render import one_line, value_text
from ebrule.cli.report.markup import tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from ebrule.core.operations import RecordedOperation
    from ebrule.rules.diff import Change

_MOST_UNSETTLED = 20
_LINK = re.compile(r"https?://[!-~]+")


def attention(unsettled: Sequence[RecordedOperation]) -> Element | None:
    """Return what is left to be done, or None where nothing is."""
    if not unsettled:
        return None
    items = [tag("li", *_unsettled(each)) for each in unsettled[:_MOST_UNSETTLED]]
    if len(unsettled) > _MOST_UNSETTLED:
        items.append(tag("li", f"and {len(unsettled) - _MOST_UNSETTLED:,} more"))
    return tag(
        "section",
        tag("h2", "To be done", id="attention"),
        tag("ul", *items),
        class_="todo",
        aria_labelledby="attention",
    )


def _unsettled(operation: RecordedOperation) -> list[Element | str]:
    named = f" {operation.rule_id or '-'}, {when(operation)}, by {who(operation)}: "
    if operation.is_open:
        return [
            tag("strong", "Open:"),
            f"{named}it is not known whether version {operation.base_version} was replaced. ",
            tag("code", "ebrule audit resolve"),
            " finds out.",
        ]
    return [
        tag("strong", "Pending:"),
        f"{named}the event of version {operation.version} was not delivered. ",
        tag("code", "ebrule webhook flush"),
        " delivers it.",
    ]


def when(operation: RecordedOperation) -> str:
    """Return when an operation began, to the minute."""
    return operation.started[:16].replace("T", " ")


def entry(operation: RecordedOperation) -> Element:
    """Return an operation as a line that opens."""
    result = operation.ending.replace("_", " ")
    summary = tag(
        "summary",
        tag("time", when(operation), datetime=operation.started, class_="when"),
        tag("span", one_line(operation.rule_id or "-"), class_="rule", title=one_line(org(operation))),
        tag("span", versions(operation), class_="version"),
        tag(
            "span", f"{result}, event pending" if operation.is_pending else result, class_=f"result {_style(operation)}"
        ),
        tag("span", one_line(who(operation)), class_="who"),
        tag("span", one_line(operation.reason), class_="why") if operation.reason else None,
    )
    facts = tag("dl", *(part for name, text in details(operation) for part in _fact(name, text)), class_="facts")
    diff = _diff(operation.changes) if operation.changes else None
    return tag("details", summary, tag("div", diff, facts, class_="body"))


def _style(operation: RecordedOperation) -> str:
    if operation.is_open or operation.is_pending:
        return "warn"
    if operation.is_applied:
        return "good"
    return "same" if operation.result == "unchanged" else "bad"


def _fact(name: str, text: str) -> tuple[Element, Element]:
    shown = tag("a", text, href=text, rel="noopener noreferrer") if _is_link(name, text) else one_line(text)
    return tag("dt", name), tag("dd", shown)


def _is_link(name: str, text: str) -> bool:
    """Whether a fact is a URL that may be followed; the ledger's text decides neither scheme nor target."""
    return name == "CI run" and _LINK.fullmatch(text) is not None


def _diff(changes: Sequence[Change]) -> Element:
    """Return the diff as a table, which says so in roles too: on a phone it is laid out as a list."""
    names = [tag("th", name, scope="col", role="columnheader") for name in ("Field", "Before", "After")]
    return tag(
        "table",
        tag("caption", "What it changed"),
        tag("thead", tag("tr", *names, role="row"), role="rowgroup"),
        tag("tbody", *(_row(change) for change in changes), role="rowgroup"),
        role="table",
    )


def _row(change: Change) -> Element:
    sign = "+" if change.before is None else "-" if change.after is None else "~"
    before, after = (None if value is None else value_text(value) for value in (change.before, change.after))
    return tag(
        "tr",
        _cell("Field", f"{sign} {one_line(change.path)}", "path"),
        _cell("Before", before or "-", "before" if before else None),
        _cell("After", after or "-", "after" if after else None),
        role="row",
    )


def _cell(label: str, text: str, style: str | None) -> Element:
    return tag("td", text, class_=style, data_label=label, role="cell")
