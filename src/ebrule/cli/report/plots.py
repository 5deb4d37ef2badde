"""The page's plots: plain SVG with a title and a description that says what there is to see."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from statistics import median, quantiles
from typing import TYPE_CHECKING

from ebrule.cli.operations_text import org, versions
from ebrule.cli.report.markup import tag
from ebrule.core.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from ebrule.core.operations import RecordedOperation

MOST_RULES = 12
"""Rules that get a lane of their own in the time line: those with the newest changes."""

_WIDTH = 920.0
_LEFT, _RIGHT = 190.0, 24.0
_LANE = 44.0
_TOP = 14.0
_AXIS = 26.0
_ROOM = 34.0  # between two labels in a lane, so that they can be read
_NAME_LENGTH = 24
_HEIGHT = 150.0
_TICKS = 5


@dataclass(frozen=True)
class _Scale:
    """From values to places: ``first`` is at ``start``, ``last`` at ``end``; one value alone is in the middle."""

    first: float
    last: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.first == self.last:
            return (self.start + self.end) / 2
        return self.start + (value - self.first) / (self.last - self.first) * (self.end - self.start)


_Dated = tuple[float, "RecordedOperation"]


def _dated(operations: Sequence[RecordedOperation]) -> list[_Dated]:
    """Return operations with their times in seconds, the oldest first."""
    times = [(parse_timestamp(operation.started), operation) for operation in operations]
    return sorted(((time.timestamp(), each) for time, each in times if time), key=lambda pair: pair[0])


def timeline(operations: Sequence[RecordedOperation]) -> Element | None:
    """Return a lane for each rule with a mark for each operation, or None where there is none."""
    dated = _dated(operations)
    if not dated:
        return None
    lanes: dict[str, list[_Dated]] = {}
    named = lane_names(operations)
    for time, operation in reversed(dated):
        lanes.setdefault(named[rule_of(operation)], []).append((time, operation))
    shown = list(lanes.items())[:MOST_RULES]
    height = _TOP + _LANE * len(shown)
    scale = _Scale(dated[0][0], dated[-1][0], _LEFT + 16, _WIDTH - _RIGHT - 16)
    marks = [
        part for at, (rule, lane) in enumerate(shown) for part in _lane(rule, lane[::-1], scale, _TOP + _LANE * at)
    ]
    texts = [
        f"{rule}: {sum(each.is_applied for _, each in lane)} changes, last version {_last_version(lane)}"
        for rule, lane in shown
    ]
    rest = f"; and {len(lanes) - len(shown)} rules more" if len(lanes) > len(shown) else ""
    return _figure("timeline", "Versions over time", "; ".join(texts) + rest, height, [*marks, *_days(scale, height)])


_RuleOf = tuple[str, str | None, str | None]


def rule_of(operation: RecordedOperation) -> _RuleOf:
    """Return which rule an operation is about: an id means nothing without its org and kind."""
    return org(operation), operation.kind, operation.rule_id


def lane_names(operations: Sequence[RecordedOperation]) -> dict[_RuleOf, str]:
    """Return a name for each rule: its id, with its kind and org where another one has the same id."""
    rules = dict.fromkeys(map(rule_of, operations))
    count = Counter(rule_id for _, _, rule_id in rules)
    return {
        (where, kind, rule_id): (rule_id or "-") if count[rule_id] == 1 else f"{rule_id} ({kind}, {where})"
        for where, kind, rule_id in rules
    }


def _last_version(lane: Sequence[_Dated]) -> str:
    numbers = (each.version if each.made_version is None else each.made_version for _, each in lane)
    return next((str(number) for number in numbers if number is not None), "unknown")


def _lane(rule: str, lane: Sequence[_Dated], scale: _Scale, top: float) -> list[Element]:
    middle = top + _LANE / 2 + 6
    name = rule if len(rule) <= _NAME_LENGTH else rule[: _NAME_LENGTH - 1] + "…"
    parts = [
        tag("text", name, tag("title", rule), x=0, y=middle + 4, class_="lane"),
        tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=middle, y2=middle, class_="rail"),
    ]
    free = 0.0
    for time, operation in lane:
        x = scale(time)
        parts.append(_mark(operation, x, middle))
        if operation.is_applied and operation.version is not None and x >= free:
            parts.append(tag("text", str(operation.version), x=x, y=middle - 11, class_="version"))
            free = x + _ROOM
    return parts


def _mark(operation: RecordedOperation, x: float, y: float) -> Element:
    """Return a mark whose shape says how the operation ended, so that its colour need not."""
    title = tag("title", f"{operation.started[:16].replace('T', ' ')} {operation.ending}, {versions(operation)}")
    if operation.is_open:
        return tag("path", title, d=f"M{x:.1f} {y - 7:.1f}l7 12h-14z", class_="mark open")
    if operation.is_applied:
        return tag("circle", title, cx=x, cy=y, r=5, class_="mark applied")
    if operation.result == "unchanged":
        return tag("circle", title, cx=x, cy=y, r=4, class_="mark unchanged")
    return tag("path", title, d=f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10", class_="mark failed")


def legend() -> Element:
    """Return what the marks of the time line mean."""
    marks = {
        "applied": tag("circle", cx=8, cy=8, r=5, class_="mark applied"),
        "nothing to change": tag("circle", cx=8, cy=8, r=4, class_="mark unchanged"),
        "not applied": tag("path", d="M3 3l10 10m0 -10l-10 10", class_="mark failed"),
        "open: not known": tag("path", d="M8 1l7 12h-14z", class_="mark open"),
    }
    items = [
        tag("li", tag("svg", mark, viewBox="0 0 16 16", width=16, height=16, aria_hidden="true"), f" {text}")
        for text, mark in marks.items()
    ]
    return tag("ul", *items, class_="legend")


def latency(operations: Sequence[RecordedOperation]) -> Element | None:
    """Return a dot for the latency of each accepted PUT and a line at their median, or None where there is none."""
    points = [(time, each.latency_ms) for time, each in _dated(operations) if each.latency_ms is not None]
    if not points:
        return None
    values = [value for _, value in points]
    middle, most = median(values), max(values)
    slow = quantiles(values, n=20)[-1] if len(values) > 1 else most
    across = _Scale(points[0][0], points[-1][0], 64, _WIDTH - _RIGHT - 8)
    up = _Scale(0, most or 1, _HEIGHT, _TOP)
    parts = _levels(up, most, "ms")
    parts += [tag("circle", cx=across(time), cy=up(value), r=3.0, class_="dot") for time, value in points]
    parts.append(tag("line", x1=56, x2=_WIDTH - _RIGHT, y1=up(middle), y2=up(middle), class_="median"))
    said = (
        f"{len(values)} accepted updates: median {middle:.0f} ms, 95th percentile {min(slow, most):.0f} ms, "
        f"longest {most:.0f} ms. The dashed line is the median."
    )
    return _figure("latency", "Latency of accepted updates", said, _HEIGHT, [*parts, *_days(across, _HEIGHT)])


def conflicts(operations: Sequence[RecordedOperation]) -> Element | None:
    """Return a bar for each operation that met conflicts, or None where none did."""
    dated = _dated(operations)
    met = [(time, each.conflicts) for time, each in dated if each.conflicts]
    if not met:
        return None
    most = max(count for _, count in met)
    across = _Scale(dated[0][0], dated[-1][0], 64, _WIDTH - _RIGHT - 8)
    up = _Scale(0, most, _HEIGHT, _TOP)
    parts = _levels(up, most, "")
    parts += [
        tag("rect", x=across(time) - 2.5, width=5.0, y=up(count), height=_HEIGHT - up(count), class_="bar")
        for time, count in met
    ]
    said = f"{len(met)} of {len(dated)} operations met a conflict, {sum(count for _, count in met)} conflicts in all."
    return _figure("conflicts", "Conflicts: somebody else was faster", said, _HEIGHT, [*parts, *_days(across, _HEIGHT)])


def _levels(up: _Scale, most: float, unit: str) -> list[Element]:
    parts = []
    for value in (0, most):
        parts += [
            tag("line", x1=56, x2=_WIDTH - _RIGHT, y1=up(value), y2=up(value), class_="rail"),
            tag("text", f"{value:.0f} {unit}".strip(), x=48, y=up(value) + 4, class_="level"),
        ]
    return parts


_PATTERNS = ((600, "%H:%M:%S"), (86_400, "%H:%M"), (5 * 86_400, "%m-%d %H:%M"))
"""What the time axis says, by how many seconds it spans at most."""


def _days(scale: _Scale, height: float) -> list[Element]:
    """Return the labels of the time axis: dates, or times where all is within a few days."""
    if scale.first == scale.last:
        times = [scale.first]
    else:
        times = [scale.first + (scale.last - scale.first) * step / (_TICKS - 1) for step in range(_TICKS)]
    span = scale.last - scale.first
    pattern = next((pattern for longest, pattern in _PATTERNS if span < longest), "%Y-%m-%d")
    return [
        tag(
            "text",
            datetime.fromtimestamp(time, timezone.utc).strftime(pattern),
            x=scale(time),
            y=height + 20,
            class_="day" + {0: " first", _TICKS - 1: " last"}.get(at if len(times) > 1 else -1, ""),
        )
        for at, time in enumerate(times)
    ]


def _figure(name: str, title: str, said: str, height: float, parts: Sequence[Element]) -> Element:
    """Return a plot that scrolls where it is wider than the page; ``said`` is what it shows, in words."""
    drawing = tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", said, id=f"{name}-said"),
        *parts,
        viewBox=f"0 0 {_WIDTH:.0f} {height + _AXIS:.0f}",
        role="img",
        aria_labelledby=f"{name}-title {name}-said",
    )
    return tag(
        "figure",
        tag("div", drawing, class_="plot", tabindex=0, role="region", aria_label=f"{title}, plot"),
        tag("figcaption", said) if name != "timeline" else None,
    )
