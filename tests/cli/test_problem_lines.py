"""The line of a file under a problem: its caret stands where the mistake is, on any terminal and in any script."""

from __future__ import annotations

import random

import pytest
from rich.cells import cell_len

from ebrule.cli.problems import cells, show_problem
from ebrule.errors import Problem, Source


def shown(text: str, column: int, end_column: int, width: int | None) -> tuple[str, str]:
    """Return the line and its carets as printed, without the gutter."""
    printed: list[str] = []

    def line(*parts: str | tuple[str, str]) -> None:
        printed.append("".join(part if isinstance(part, str) else part[0] for part in parts))

    problem = Problem("an-id", "message", line=1, column=column, end_column=end_column)
    show_problem(line, problem, Source("rule.yaml", (text,)), width)
    _, excerpt, carets = printed
    gutter = len("  1 | ")
    assert carets[:gutter] == "    | "
    return excerpt[gutter:], carets[gutter:]


def marked(text: str, carets: str) -> str:
    """Return what stands above the carets, by rich's own measure of letters."""
    begin, end = len(carets) - len(carets.lstrip()), len(carets)
    return "".join(char for at, char in enumerate(text) if begin <= cell_len(text[: at + 1]) - 1 < end)


@pytest.mark.parametrize("width", [None, 40, 80])
@pytest.mark.parametrize(
    "before",
    [
        "name: ",
        "\t\tname: ",
        "名前: ",
        "e\u0301te\u0301: ",
        "😀: ",
        "\u0645\u06cc\u200c\u062e\u0648: ",
        "\u200b\u202ex: ",
        "\x1b[31m: ",
    ],
)
def test_the_caret_stands_under_the_mistake(before: str, width: int | None) -> None:
    """Tabs, wide letters, combining marks, and what is spelled out because it cannot be seen shift no caret."""
    text, carets = shown(f"{before}HERE # after", len(before) + 1, len(before) + 5, width)

    assert marked(text, carets) == "HERE"


@pytest.mark.parametrize("width", [None, 20, 40, 80])
@pytest.mark.parametrize("letter", ["x", "漢"])
@pytest.mark.parametrize(("before", "after"), [(0, 500), (500, 0), (250, 250), (30, 30)])
def test_a_long_line_is_cut_around_the_mistake(width: int | None, letter: str, before: int, after: int) -> None:
    """Of a line that the terminal cannot hold, the part around the mistake is shown, with an ellipsis at each cut."""
    text, carets = shown(letter * before + "HERE" + letter * after, before + 1, before + 5, width)
    room = 160 if width is None else max(width - 6, 20)

    assert marked(text, carets) == "HERE"
    assert cell_len(text) <= room
    assert ("…" in text) == (cell_len(letter) * (before + after) + 4 > room)


def test_a_mistake_longer_than_the_terminal_is_cut() -> None:
    """Carets end where the line does."""
    text, carets = shown("name: " + "x" * 500, 7, 507, 40)

    assert (len(text), len(carets)) == (34, 34)


def test_the_measure_of_letters_is_that_of_terminals() -> None:
    """Letters take as many columns as rich, which has the tables of Unicode, says."""
    rng = random.Random(1)  # noqa: S311 - repeatable by intent
    blocks = [
        (0x20, 0x7E),
        (0xA1, 0xAC),
        (0x300, 0x36F),
        (0x391, 0x3C9),
        (0x4E00, 0x9FFF),
        (0xAC00, 0xD7A3),
        (0xFF01, 0xFF5E),
    ]
    for _ in range(2000):
        char = chr(rng.randint(*rng.choice(blocks)))
        assert cell_len(char) == cells(char), hex(ord(char))


def test_a_huge_line_takes_no_long_time() -> None:
    """A line as long as a file is shown as any other: the names on it are looked for in one pass."""
    text, carets = shown("x" * 250_000 + ": " + "a-" * 2_000 + "HERE", 254_003, 254_007, 80)

    assert marked(text, carets) == "HERE"


def test_the_values_of_sensitive_names_are_starred_out() -> None:
    """A secret on the line is not shown, wherever the line is cut."""
    text, _ = shown('headers: {Authorization: "Bearer ' + "canary" * 100 + '", X: 1}', 300, 301, 60)

    assert "canary" not in text
    assert "****" in text
