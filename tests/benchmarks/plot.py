"""Draw the plots of benchmarks' results: ``python tests/benchmarks/plot.py results/*.json [--into FOLDER]``.

Each benchmark keeps its results with ``--out``, and says in them what there is to draw. A plot is an SVG with a ground
of its own, light or dark as the reader's system is, so that it reads wherever it stands; it is small enough for two to
stand side by side in their true size.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMAGES: Final = Path(__file__).parents[2] / ".github" / "images"
WIDTH, HEIGHT = 440, 290
LEFT, TOP, BOTTOM = 52, 62, 50
EDGE, RIGHT = 14, 40
LETTER: Final = 6.8
"""How wide a letter of a line's name is, on average."""
STEPS: Final = (1, 2, 5, 10)
MOST_TICKS: Final = 6
LABEL_HEIGHT: Final = 15
DASHES: Final = ("none", "7 4", "2 4", "10 3 2 3")
STYLE: Final = """
svg { font: 12px system-ui, sans-serif; --ground: #fff; --ink: #1f2328; --faint: #d1d9e0;
      --line-0: #0550ae; --line-1: #bc4c00; --line-2: #1a7f37; --line-3: #8250df; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #e6edf3; --faint: #3d444d;
        --line-0: #79c0ff; --line-1: #ffa657; --line-2: #7ee787; --line-3: #d2a8ff; } }
.ground { fill: var(--ground); stroke: var(--faint); }
text { fill: var(--ink); } .title { font-weight: 600; font-size: 13.5px; }
.grid { stroke: var(--faint); } .axis { stroke: var(--ink); } .x { text-anchor: middle; } .y { text-anchor: end; }
.line { fill: none; stroke-width: 2.2; }
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


def spread(places: Sequence[float], lowest: float) -> list[float]:
    """Move places apart, so that labels at them can be read, none below ``lowest``; the order is that of ``places``."""
    moved = list(places)
    downwards = sorted(range(len(places)), key=lambda each: places[each])
    for above, below in pairwise(downwards):
        moved[below] = max(moved[below], moved[above] + LABEL_HEIGHT)
    for below in reversed(downwards):
        moved[below] = min(moved[below], lowest)
        lowest = moved[below] - LABEL_HEIGHT
    return moved


def drawn(plot: dict[str, Any]) -> ET.Element:
    """Return a plot as SVG."""
    points = [point for line in plot["lines"] for point in line["points"]]
    logarithmic = plot["logarithmic"]
    # One line alone is what the title says; of several, each has its name at its end.
    names = [line["name"] if len(plot["lines"]) > 1 else "" for line in plot["lines"]]
    right = WIDTH - max(RIGHT, 2 * EDGE + LETTER * max(map(len, names)))
    across = Scale([x for x, _ in points], LEFT, right, logarithmic="x" in logarithmic)
    up = Scale([y for _, y in points], HEIGHT - BOTTOM, TOP, logarithmic="y" in logarithmic)
    said = "; ".join(
        f"{line['name']}: " + ", ".join(f"{spoken(x)} → {spoken(round(y, 3))}" for x, y in line["points"])
        for line in plot["lines"]
    )
    traced = [[(across(x), up(y)) for x, y in line["points"]] for line in plot["lines"]]
    ends = spread([places[-1][1] for places in traced], HEIGHT - BOTTOM)
    return tag(
        "svg",
        None,
        tag("title", plot["title"], id="title"),
        tag("desc", f"{plot['y']}, by {plot['x']}. {said}", id="desc"),
        tag("style", STYLE),
        tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=HEIGHT - 1, rx=6, class_="ground"),
        tag("text", plot["title"], x=EDGE, y=25, class_="title"),
        *_axes(across, up, plot["x"], plot["y"], right),
        *(
            part
            for number, line in enumerate(zip(traced, names, ends, strict=True))
            for part in _line(*line, number % len(DASHES))
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_labelledby="title desc",
    )


def _axes(across: Scale, up: Scale, x_label: str, y_label: str, right: float) -> list[ET.Element]:
    bottom = HEIGHT - BOTTOM
    parts = []
    for value in up.ticks:
        parts.append(tag("line", x1=LEFT, x2=right, y1=up(value), y2=up(value), class_="grid"))
        parts.append(tag("text", spoken(value), x=LEFT - 8, y=up(value) + 4, class_="y"))
    for value in across.ticks:
        parts.append(tag("line", x1=across(value), x2=across(value), y1=bottom, y2=bottom + 5, class_="axis"))
        parts.append(tag("text", spoken(value), x=across(value), y=bottom + 18, class_="x"))
    parts.append(tag("line", x1=LEFT, x2=right, y1=bottom, y2=bottom, class_="axis"))
    parts.append(tag("text", x_label, x=(LEFT + right) / 2, y=HEIGHT - EDGE, class_="x"))
    parts.append(tag("text", y_label, x=EDGE, y=TOP - EDGE))
    return parts


def _line(places: Sequence[tuple[float, float]], name: str, end: float, number: int) -> list[ET.Element]:
    """Return a line with its name at its end: its dashes tell it from the others where its colour does not."""
    colour = f"var(--line-{number})"
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return [
        tag("polyline", points=path, class_="line", stroke_dasharray=DASHES[number], style=f"stroke: {colour}"),
        *(tag("circle", cx=x, cy=y, r=3, style=f"fill: {colour}") for x, y in places),
        tag("text", name, x=places[-1][0] + 10, y=end + 4, style=f"fill: {colour}"),
    ]


def draw(results: Sequence[Path], into: Path) -> None:
    """Draw what results say into a folder, and print the name of each file."""
    into.mkdir(parents=True, exist_ok=True)
    for file in results:
        for plot in json.loads(file.read_text())["plots"]:
            root = drawn(plot)
            ET.indent(root)
            image = into / f"{plot['name']}.svg"
            image.write_bytes(ET.tostring(root, encoding="utf-8") + b"\n")
            sys.stdout.write(f"{image}\n")


def add_into(parser: argparse.ArgumentParser) -> None:
    """Give a command the option that says where plots are drawn."""
    parser.add_argument(
        "--into", type=Path, default=IMAGES, metavar="FOLDER", help="of plots (default: .github/images)"
    )


def main() -> None:
    """Draw what the results say."""
    parser = argparse.ArgumentParser(description="Draw the plots of benchmarks' results.")
    parser.add_argument("results", nargs="+", type=Path, help="what benchmarks kept with --out")
    add_into(parser)
    options = parser.parse_args()
    draw(options.results, options.into)


if __name__ == "__main__":
    main()
