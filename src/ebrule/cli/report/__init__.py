"""The report: one self-contained page for people who look rather than read.

It loads nothing and runs nothing, as its content security policy says, so it can be opened from a mail attachment.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files
from statistics import median
from typing import TYPE_CHECKING

from ebrule.cli.report.entries import attention, entry
from ebrule.cli.report.markup import serialised, tag
from ebrule.cli.report.plots import conflicts, latency, legend, rule_of, timeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from xml.etree.ElementTree import Element

    from ebrule.core.chain import Verification
    from ebrule.core.operations import RecordedOperation

MARK = "ebrule audit report"
"""What the page names as its generator; a file with it is one that a new report may replace."""


@dataclass(frozen=True)
class Report:
    """What the page tells.

    Attributes:
        ledger: its path, as people know it.
        made: when, in UTC.
        version: of ebrule.
        verification: whether the ledger is whole.
        shown: the operations that are shown, the newest first.
        total: how many there are that are meant.
        unsettled: all of these that are open, or have a pending event.
        filters: what was asked for, in words; empty for everything.
    """

    ledger: str
    made: datetime
    version: str
    verification: Verification
    shown: Sequence[RecordedOperation]
    total: int
    unsettled: Sequence[RecordedOperation]
    filters: str = ""

    def render(self) -> str:
        """Return the page."""
        style = files(__package__).joinpath("style.css").read_text("utf-8")
        policy = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        head = tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="generator", content=f"{MARK} {self.version}"),
            tag(
                "meta",
                http_equiv="Content-Security-Policy",
                content=f"default-src 'none'; style-src 'sha256-{policy}'; base-uri 'none'; form-action 'none'",
            ),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", "Changes of event-routing rules"),
        )
        sheet = tag("style")
        sheet.text = style  # not cleaned: the policy has the digest of its very bytes
        head.append(sheet)
        body = tag("body", self._header(), tag("main", *self._main(), id="main"), self._footer())
        return serialised(tag("html", head, body, lang="en"))

    def _header(self) -> Element:
        times = [operation.started[:10] for operation in self.shown]
        span = f"{min(times)} to {max(times)} · " if times else ""
        asked = f" · only {self.filters}" if self.filters else ""
        return tag(
            "header",
            tag("h1", "Changes of event-routing rules"),
            tag("p", f"{span}{_count(self.total, 'operation')}{asked}", class_="quiet"),
            self._cards(),
        )

    def _cards(self) -> Element:
        found = self.verification
        waits = [each.latency_ms for each in self.shown if each.latency_ms is not None]
        still_open = sum(each.is_open for each in self.unsettled)
        pending = sum(each.is_pending for each in self.unsettled)
        rules = len({rule_of(each) for each in self.shown})
        where = f"line {found.line} {found.problem}" if found.line else str(found.problem)
        chain = f"{_count(found.records, 'record')}" if found.ok else where
        return tag(
            "dl",
            _card("Ledger", "whole" if found.ok else "BROKEN", chain, "good" if found.ok else "bad"),
            _card("Open", str(still_open), "what happened is not known", "warn" if still_open else None),
            _card("Events pending", str(pending), "not delivered yet", "warn" if pending else None),
            _card("Applied", str(sum(each.is_applied for each in self.shown)), f"to {_count(rules, 'rule')}"),
            _card("Latency", f"{median(waits):.0f} ms" if waits else "-", "median of accepted updates"),
            class_="cards",
        )

    def _main(self) -> list[Element | None]:
        lanes = timeline(self.shown)
        if lanes is None:
            return [attention(self.unsettled), tag("p", "Nothing that was asked for is recorded.")]
        return [
            attention(self.unsettled),
            _section("versions", "Versions", lanes, legend()),
            _section("speed", "Latency", _or_said(latency(self.shown), "No update was accepted.")),
            _section("crowd", "Conflicts", _or_said(conflicts(self.shown), "No operation met a conflict.")),
            _section("operations", "Operations", self._how_many(), *(entry(each) for each in self.shown)),
        ]

    def _how_many(self) -> Element:
        if len(self.shown) < self.total:
            text = (
                f"The newest {len(self.shown):,} of {self.total:,}, here and in the plots. "
                "Fewer by --rule-id, --since or --result; all with --last 0."
            )
        else:
            text = "The newest first. Times are UTC. Open one to see what it changed."
        return tag("p", text, class_="quiet")

    def _footer(self) -> Element:
        found = self.verification
        repaired = (
            f" {_count(found.repaired, 'line')} of killed runs closed off by later ones, and recorded: no edit."
            if found.repaired
            else ""
        )
        return tag(
            "footer",
            tag("p", f"From {self.ledger}, {self.made:%Y-%m-%d %H:%M} UTC, by ebrule {self.version}."),
            tag("p", "Head of the chain: ", tag("span", found.head, class_="hash"), f".{repaired}"),
            tag(
                "p",
                "A changed line shows in the chain itself, a cut tail only against a head that was kept elsewhere: ",
                tag("code", "ebrule audit verify --expect-head HASH"),
                ".",
            ),
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _card(name: str, value: str, said: str, style: str | None = None) -> Element:
    return tag("div", tag("dt", name), tag("dd", tag("span", value, class_=style), tag("small", said)))


def _or_said(plot: Element | None, nothing: str) -> Element:
    return tag("p", nothing, class_="quiet") if plot is None else plot


def _section(name: str, title: str, *parts: Element | None) -> Element:
    return tag("section", tag("h2", title, id=name), *parts, aria_labelledby=name)
