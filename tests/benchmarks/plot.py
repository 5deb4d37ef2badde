"""Draw the plots of benchmarks' results: ``python tests/benchmarks/plot.py results/*.json [--into FOLDER]``.

Each benchmark keeps its results with ``--out``, and says in them what there is to draw. A plot is an SVG with a ground
of its own, light or dark as the reader's page is, so that it reads wherever it stands.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMAGES: Final = Path(__file__).parents[2] / ".github" / "images"
WIDTH, HEIGHT = 760, 412
LEFT, RIGHT, TOP, BOTTOM = 76, 170, 66, 56
STEPS: Final = (1, 2, 5, 10)
MOST_TICKS: Final = 6
LABEL_HEIGHT: Final = 16
DASHES: Final = ("none", "7 4", "2 4", "10 3 2 3")
STYLE: Final = """
svg { font: 13px system-ui, sans-serif; --ground: #fff; --ink: #1f2328; --faint: #d1d9e0;
      --line-0: #0550ae; --line-1: #bc4c00; --line-2: #1a7f37; --line-3: #8250df; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #e6edf3; --faint: #3d444d;
        --line-0: #79c0ff; --line-1: #ffa657; --line-2: #7ee787; --line-3: #d2a8ff; } }
.ground { fill: var(--ground); stroke: var(--faint); }
text { fill: var(--ink); } .title { font-weight: 600; font-size: 15px; }
.grid { stroke: var(--faint); } .axis { stroke: var(--ink); } .x { text-anchor: middle; } .y { text-anchor: end; }
.line { fill: none; stroke-width: 2.5; }
"""


def tag(name: str, text: str | None = None, /, *children: ET.Element, **attributes: object) -> ET.Element:
    """Return an element; a trailing ``_`` of an attribute's name is dropped, any other stands for a hyphen."""
    named = {
        key.rstrip("_").replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else str(value)
        for key, value in attributes.items()
    }
    element = ET.Element(name, named)
    element.text = text
    element.extend(children)
    return element


def ticks(most: float) -> list[float]:
    """Return round numbers from 0 to the first that is not below ``most``."""
    rough = most / (MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in STEPS if power * each >= rough)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def powers(least: float, most: float) -> list[float]:
    """Return the powers of ten from the last that is not above ``least`` to the first that is not below ``most``."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def spoken(value: float) -> str:
    """Return a number as people write it: with commas, and no zeros at its end."""
    return f"{value:,.10f}".rstrip("0").rstrip(".")


class Scale:
    """From values to places on one axis, with the values to label."""

    def __init__(self, values: Sequence[float], start: float, end: float, *, logarithmic: bool) -> None:
        self.ticks = powers(min(values), max(values)) if logarithmic else ticks(max(values))
        self._measure: Callable[[float], float] = math.log10 if logarithmic else float
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        first, last = self._measure(self.ticks[0]), self._measure(self.ticks[-1])
        return self._start + (self._measure(value) - first) / (last - first) * (self._end - self._start)


def spread(places: Sequence[float]) -> list[float]:
    """Move places apart, downwards, so that labels at them can be read; the order is that of ``places``."""
    moved: dict[int, float] = {}
    free = -math.inf
    for index in sorted(range(len(places)), key=lambda each: places[each]):
        moved[index] = max(places[index], free)
        free = moved[index] + LABEL_HEIGHT
    return [moved[index] for index in range(len(places))]


def drawn(plot: dict[str, Any]) -> ET.Element:
    """Return a plot as SVG."""
    points = [point for line in plot["lines"] for point in line["points"]]
    logarithmic = plot["logarithmic"]
    across = Scale([x for x, _ in points], LEFT, WIDTH - RIGHT, logarithmic=logarithmic)
    up = Scale([y for _, y in points], HEIGHT - BOTTOM, TOP, logarithmic=logarithmic)
    said = "; ".join(
        f"{line['name']}: " + ", ".join(f"{spoken(x)} → {spoken(round(y, 3))}" for x, y in line["points"])
        for line in plot["lines"]
    )
    ends = spread([up(line["points"][-1][1]) for line in plot["lines"]])
    return tag(
        "svg",
        None,
        tag("title", plot["title"]),
        tag("desc", f"{plot['y']} by {plot['x']}. {said}"),
        tag("style", STYLE),
        tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=HEIGHT - 1, rx=6, class_="ground"),
        tag("text", plot["title"], x=LEFT, y=28, class_="title"),
        *_axes(across, up, plot["x"], plot["y"]),
        *(
            part
            for number, (line, end) in enumerate(zip(plot["lines"], ends, strict=True))
            for part in _line(line, across, up, number % len(DASHES), end)
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
    )


def _axes(across: Scale, up: Scale, x_label: str, y_label: str) -> list[ET.Element]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in up.ticks:
        parts.append(tag("line", x1=LEFT, x2=right, y1=up(value), y2=up(value), class_="grid"))
        parts.append(tag("text", spoken(value), x=LEFT - 8, y=up(value) + 4, class_="y"))
    for value in across.ticks:
        parts.append(tag("line", x1=across(value), x2=across(value), y1=bottom, y2=bottom + 5, class_="axis"))
        parts.append(tag("text", spoken(value), x=across(value), y=bottom + 20, class_="x"))
    parts.append(tag("line", x1=LEFT, x2=right, y1=bottom, y2=bottom, class_="axis"))
    parts.append(tag("text", x_label, x=(LEFT + right) / 2, y=HEIGHT - 14, class_="x"))
    parts.append(tag("text", y_label, x=LEFT, y=TOP - 8))
    return parts


def _line(line: dict[str, Any], across: Scale, up: Scale, number: int, end: float) -> list[ET.Element]:
    """Return a line with its name at its end: its dashes tell it from the others where its colour does not."""
    places = [(across(x), up(y)) for x, y in line["points"]]
    colour = f"var(--line-{number})"
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return [
        tag("polyline", points=path, class_="line", stroke_dasharray=DASHES[number], style=f"stroke: {colour}"),
        *(tag("circle", cx=x, cy=y, r=3.5, style=f"fill: {colour}") for x, y in places),
        tag("text", line["name"], x=places[-1][0] + 10, y=end + 4, style=f"fill: {colour}"),
    ]


def main() -> None:
    """Draw what the results say."""
    parser = argparse.ArgumentParser(description="Draw the plots of benchmarks' results.")
    parser.add_argument("results", nargs="+", type=Path, help="what benchmarks kept with --out")
    parser.add_argument("--into", type=Path, default=IMAGES, help="where to (default: .github/images)")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    for file in options.results:
        for plot in json.loads(file.read_text())["plots"]:
            root = drawn(plot)
            ET.indent(root)
            (options.into / f"{plot['name']}.svg").write_bytes(ET.tostring(root, encoding="utf-8") + b"\n")


if __name__ == "__main__":
    main()
