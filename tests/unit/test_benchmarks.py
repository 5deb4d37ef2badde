"""The benchmarks: what they reckon, what they draw, and that they fail where what they measure does."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import all as every
from benchmarks import plot
from benchmarks.measuring import output, run
from benchmarks.update import Cost, chain, report
from benchmarks.writers import broken as broken_races
from reliability.history import Verdict
from reliability.measure import table
from reliability.proofs import Raced

BENCHMARKS = Path(every.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"


def at(*milliseconds: int) -> list[datetime]:
    """Return times of day, so many milliseconds after eight."""
    return [datetime(2026, 1, 5, 8, tzinfo=timezone.utc) + timedelta(milliseconds=each) for each in milliseconds]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ([], 1),
        (at(50), 2),
        (at(50, 101, 152), 4),
        (at(50, 101, 102, 103, 155), 4),
        (at(50, 99), 2),
        (at(50, 100), 3),
    ],
    ids=["the webhook alone", "one", "one after the other", "three side by side", "asked before", "asked at once"],
)
def test_the_chain_counts_what_waited_for_the_answer_before(answered: list[datetime], expected: int) -> None:
    """Requests asked for after the answer before are counted one by one, those side by side once, the webhook's too."""
    assert expected == chain(answered, 50)


def test_without_latency_there_is_no_telling_who_waited() -> None:
    """A sandbox that answers at once gives no chain."""
    assert chain(at(1, 2, 3), 0) is None


def cost(way: str, seconds: float, peak_mb: float = 40.0, *, latency_ms: int = 50) -> Cost:
    """Return what a way needs for ten targets."""
    return Cost(latency_ms, 10, way, seconds, seconds, seconds, seconds, peak_mb, 14, 14)


def test_the_goals_are_held_against_what_was_measured() -> None:
    """A goal is reached up to its very share of another way's cost, missed above, and not told without that way."""
    told = report([cost("ebrule", 0.66), cost("curl", 1.0), cost("SDK", 3.3)])

    assert told.splitlines()[-2:] == [
        "wall time, 50 ms, 10 targets: 0.66 of curl, goal 0.65: MISSED",
        "wall time, 50 ms, 10 targets: 0.20 of SDK, goal 0.20: reached",
    ]
    assert "goal" not in report([cost("ebrule", 0.66), cost("httpx", 1.0)])


def test_memory_has_a_goal_of_its_own() -> None:
    """The goal of the peak memory is reckoned from memory, not from time."""
    told = report([cost("ebrule", 9.0, 80.0, latency_ms=0), cost("SDK", 10.0, 200.0, latency_ms=0)])

    assert told.splitlines()[-1] == "peak memory, 0 ms, 10 targets: 0.40 of SDK, goal 0.30: MISSED"


def test_a_table_is_markdown_with_straight_columns() -> None:
    """Numbers with a fraction have one digit of it, and each column is as wide as its widest cell."""
    assert table([("way", "ms"), ("curl", 12.345), ("SDK", 7)]) == (
        "| way  | ms   |\n"
        "|------|------|\n"
        "| curl | 12.3 |\n"
        "| SDK  | 7    |"
    )  # fmt: skip


def drawn(*lines: tuple[str, list[tuple[float, float]]], title: str = "t", logarithmic: str = "") -> ET.Element:
    """Return a plot as its file would be read back."""
    asked: dict[str, Any] = {"title": title, "x": "files", "y": "time, s", "logarithmic": logarithmic}
    asked["lines"] = [{"name": name, "points": points} for name, points in lines]
    return ET.fromstring(ET.tostring(plot.drawn(asked)))  # noqa: S314 - drawn a moment ago


def texts(root: ET.Element) -> dict[str, tuple[float, float]]:
    """Return each text of a plot with its place."""
    return {each.text or "": (float(each.attrib["x"]), float(each.attrib["y"])) for each in root.iter(f"{SVG}text")}


def test_text_of_results_is_text_in_a_plot() -> None:
    """A title or a name that looks like markup is shown as it stands."""
    root = drawn(("<script>a</script>", [(1, 2), (2, 3)]), ("b & c", [(1, 2), (2, 3)]), title='"<svg>" & more')

    assert {'"<svg>" & more', "<script>a</script>", "b & c", "files", "time, s"} <= set(texts(root))
    assert {"svg", "title", "desc", "style", "rect", "text", "line", "polyline", "circle"} == {
        each.tag.removeprefix(SVG) for each in root.iter()
    }


def test_a_plot_needs_nothing_but_itself() -> None:
    """A plot names nothing that a reader's browser would fetch."""
    root = drawn(("ebrule", [(1, 2), (2, 3)]))
    written = ET.tostring(root, encoding="unicode")

    assert [] == re.findall(r"href|src=|url\(|@import|@font-face", written)
    assert ["http://www.w3.org/2000/svg"] == re.findall(r"https?:[^\"]*", written)


def test_a_plot_can_be_heard() -> None:
    """A screen reader is told the title, and each point of each line."""
    root = drawn(("ebrule", [(1, 0.5), (1_000, 1.25)]), ("curl", [(1, 2), (1_000, 3)]), title="Speed")
    by_id = {each.attrib["id"]: each.text for each in root.iter() if "id" in each.attrib}

    assert root.attrib["role"] == "img"
    assert ["Speed", "time, s, by files. ebrule: 1 → 0.5, 1,000 → 1.25; curl: 1 → 2, 1,000 → 3"] == [
        by_id[name] for name in root.attrib["aria-labelledby"].split()
    ]


@pytest.mark.parametrize("last", [(0.0, 0.0, 0.0, 0.0), (9.0, 9.0, 9.0, 9.0), (0.0, 1.0, 0.0, 10.0)])
def test_names_of_lines_stand_apart(last: tuple[float, ...]) -> None:
    """However close lines end, their names do not lie on each other, nor on the numbers below the axis."""
    root = drawn(*((f"way {number}", [(1.0, 10.0), (2.0, end)]) for number, end in enumerate(last)))
    found = texts(root)
    places = sorted(found[f"way {number}"][1] for number in range(4))

    assert all(below - above >= plot.LABEL_HEIGHT for above, below in pairwise(places))
    assert places[-1] < min(y for text, (_, y) in found.items() if text == "1.5")


@pytest.mark.parametrize(
    ("logarithmic", "x", "y"),
    [
        ("", ["0", "2,000", "4,000", "6,000", "8,000", "10,000"], ["0", "1", "2", "3", "4", "5"]),
        ("x", ["1", "10", "100", "1,000", "10,000"], ["0", "1", "2", "3", "4", "5"]),
        ("xy", ["1", "10", "100", "1,000", "10,000"], ["0.1", "1", "10"]),
    ],
)
def test_an_axis_begins_at_nothing_or_goes_by_powers_of_ten(logarithmic: str, x: list[str], y: list[str]) -> None:
    """The axes named as logarithmic have the powers of ten around their values; any other has round steps from 0."""
    root = drawn(("ebrule", [(1, 0.5), (10_000, 4.5)]), logarithmic=logarithmic)
    numbers = {name: [each.text for each in root.iter(f"{SVG}text") if each.get("class") == name] for name in "xy"}

    assert [*x, "files"] == numbers["x"]
    assert y == numbers["y"]


def test_what_is_measured_is_what_a_user_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sees the settings that it is given, and none of those of whoever runs the benchmark."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("EBRULE_AUDIT_LOG", "elsewhere.jsonl")
    told = output([sys.executable, "-c", "import os; print(*os.environ)"], EBRULE_STATE_DIR="here").stdout.split()

    assert {"PATH", "EBRULE_STATE_DIR"} <= set(told)
    assert not {"PYTHONDONTWRITEBYTECODE", "EBRULE_AUDIT_LOG"} & set(told)


def test_a_run_has_its_time_and_memory() -> None:
    """Of a command are told its time, the processor's part of it, and its peak of memory."""
    found = run([sys.executable, "-c", "pass"])

    assert found.seconds > 0
    assert found.cpu_seconds > 0
    assert found.peak_bytes > 1_000_000


def test_a_command_that_fails_is_not_measured() -> None:
    """Where a command fails, the benchmark ends, and tells the command and what it said."""
    with pytest.raises(SystemExit, match=r"(?s)^error: \S+ -c .* ended with 3:\nno such rule") as raised:
        run([sys.executable, "-c", "print('no such rule'); raise SystemExit(3)", "long " * 1_000])
    assert len(str(raised.value)) < 500


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A Python, and an ebrule beside it, that say that something is amiss."""
    for name in ("python", "ebrule"):
        (tmp_path / name).write_text("#!/bin/sh\necho something is amiss >&2; exit 3\n")
        (tmp_path / name).chmod(0o700)
    return tmp_path / "python"


@pytest.mark.loopback
@pytest.mark.parametrize("name", ["startup", "update", "ledger", "validate"])
def test_a_benchmark_of_what_does_not_run_fails(name: str, broken: Path, tmp_path: Path) -> None:
    """A benchmark whose command fails ends with 1, says why, and leaves no results to be taken for good ones."""
    script, out = BENCHMARKS / f"{name}.py", tmp_path / "out.json"
    command = [sys.executable, str(script), "--python", str(broken), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "something is amiss" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_writers_that_gave_up_are_no_result() -> None:
    """Races count where each writer got through and the sandbox's log agrees; else it is said what is wrong."""
    fine = Raced("ebrule", 4, 4, 4, 0, 9, 1.5, Verdict())
    gave_up = Raced("ebrule", 8, 6, 6, 0, 40, 9.0, Verdict())
    contradicted = Raced("ebrule", 2, 2, 1, 1, 3, 0.7, Verdict(findings=["an edit is lost"]))

    assert [] == broken_races([fine])
    assert ["2 of 8 writers gave up", "an edit is lost"] == broken_races([fine, gave_up, contradicted])


def test_one_that_fails_is_named_at_the_end(broken: Path, tmp_path: Path) -> None:
    """The run of all benchmarks ends with 1 where one failed, and draws nothing from what an earlier run left."""
    (tmp_path / "validate.json").write_text("an earlier run's")
    command = [sys.executable, every.__file__, "--only", "validate", "--python", str(broken)]
    folders = ["--results", str(tmp_path), "--into", str(tmp_path / "images")]
    done = subprocess.run([*command, *folders], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.endswith("failed: validate\n")
    assert [] == list((tmp_path / "images").iterdir())


def test_all_benchmarks_are_run() -> None:
    """Each benchmark that keeps results is part of the run of all."""
    own = {path.name for path in BENCHMARKS.glob("*.py") if "add_out(parser)" in path.read_text()}
    options = every.parsed(["--full"])

    assert own == {command[0] for command in every.commands(options).values()}
    assert every.NAMES == tuple(every.commands(options))
