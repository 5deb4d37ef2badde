"""``ebrule audit report``: one page that shows what the ledger tells, and does nothing else."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from base64 import b64encode
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from ledgers import LedgerWriter

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine

REPORT = ("audit", "report", "--out")
EVENT: dict[str, Any] = {"event": {"id": "msg_1"}}
CANARY = "</style></svg><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
HANG_GUARD_SECONDS = 60


@pytest.fixture
def ledger(offline: CommandLine) -> LedgerWriter:
    """The ledger of the command line's state folder."""
    return LedgerWriter(offline.ledger)


class Page(HTMLParser):
    """What stands in a page: elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]


def report(offline: CommandLine, *arguments: str) -> Page:
    """Return the report, printed."""
    ran = offline(*REPORT, "-", *arguments)
    assert (ran.code, ran.err) == (0, "")
    return Page(ran.out)


def test_a_page_tells_each_operation(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Who, when, which rule, why, from what to what, the CI run, the correlation id: all stands in the page."""
    ledger.update(actor={"login": "octo", "run": "https://ci.example/1"}, conflicts=2)

    page = report(offline)

    for text in ("octo", "2026-01-05 08:00", "demo-rule", "CHG-1042", "7 → 8", "~ priority", "10", "50", "9b2cf1c5-"):
        assert text in page.text
    assert [link["href"] for link in page.all("a")] == ["https://ci.example/1"]
    assert "1 accepted updates: median 42 ms" in page.text
    assert "1 of 1 operations met a conflict, 2 conflicts in all." in page.text


def test_what_is_to_be_done_stands_on_top(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Open operations and pending events come first, also those that are too old to be shown."""
    ledger.intent(1)
    ledger.update(2, **EVENT)
    ledger.update(3)

    text = report(offline, "--last", "1").text

    assert text.index("To be done") < text.index("Open: demo-rule") < text.index("Operations")
    assert "Pending: demo-rule" in text
    assert "The newest 1 of 3, here and in the plots." in text


def test_a_broken_chain_is_told(offline: CommandLine, ledger: LedgerWriter) -> None:
    """A ledger that was edited is called broken, with its first wrong line."""
    ledger.update()
    offline.ledger.write_bytes(offline.ledger.read_bytes().replace(b"CHG-1042", b"CHG-1043"))

    assert "BROKEN" in report(offline).text
    assert "line 2 does not continue the line before" in report(offline).text
    assert "the ledger is BROKEN." in offline(*REPORT, "page.html").out


def test_nothing_of_the_ledger_becomes_markup(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Markup in every string of every record stands in the page as text, and no link leads where it says."""
    odd = dict.fromkeys(("rule_id", "kind"), CANARY)
    changes = [{"path": CANARY, "before": CANARY, "after": [CANARY]}, {"path": "x", "before": None, "after": CANARY}]
    actor = dict.fromkeys(("user", "host", "run", "commit", "login"), f"javascript:{CANARY}")
    event = {"id": CANARY}
    texts: dict[str, Any] = dict.fromkeys(("region", "reason", "tool_version"), CANARY)
    ledger.intent(1, **odd, **texts, actor=actor, changes=changes, after={"name": CANARY}, overwrites=changes)
    ledger.outcome(1, CANARY, **odd, error=CANARY, correlation_id=CANARY, event=event)
    ledger.intent(2, **odd, **texts, actor=actor, changes=changes)
    ledger.write("resolution", 1, **odd, state=CANARY, reason=CANARY)

    page = report(offline)

    assert {"script", "img"} & {tag for tag, _ in page.elements} == set()
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.all("a") == []
    assert page.text.count("<script>alert(1)</script>") > 10


def test_a_page_loads_and_runs_nothing(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Its policy allows one style sheet, by its digest, and nothing else; there is nothing else either."""
    ledger.update()

    out = offline(*REPORT, "-").out
    page = Page(out)

    style = re.search(r"<style>(.*?)</style>", out, re.DOTALL)
    assert style is not None
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = [each["content"] for each in page.all("meta") if "http-equiv" in each]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not {"script", "link", "img", "iframe", "form", "object"} & {tag for tag, _ in page.elements}
    assert not any("style" in attributes or "src" in attributes for _, attributes in page.elements)
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_a_page_speaks_to_a_screen_reader(offline: CommandLine, ledger: LedgerWriter) -> None:
    """There are landmarks, headings in order, named plots with a description, table captions and no double id."""
    ledger.update(1)
    ledger.intent(2)

    page = report(offline)

    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"header", "main", "footer", "h1", "h2", "caption"} <= {tag for tag, _ in page.elements}
    assert page.all("html") == [{"lang": "en"}]
    for drawing in page.all("svg"):
        named = (drawing.get("aria-labelledby") or "").split()
        assert drawing.get("aria-hidden") == "true" or (len(named) == 2 and set(named) <= set(ids))
    assert all(each["aria-labelledby"] in ids for each in page.all("section"))


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_can_be_told_apart(offline: CommandLine) -> None:
    """On each ground, in the light, in the dark and in print, text has a contrast of at least 4.5."""
    out = offline(*REPORT, "-").out
    palettes = [
        dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", out, re.DOTALL)
    ]

    assert len(palettes) == 3
    for palette in palettes:
        for ground in ("page", "card", "warn-page"):
            for ink in ("ink", "quiet", "accent", "good", "bad", "warn"):
                light, dark = sorted((luminance(palette[ink]), luminance(palette[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground, palette)


@pytest.mark.parametrize("name", ["audit.jsonl", "folder"])
def test_no_other_file_is_overwritten(offline: CommandLine, ledger: LedgerWriter, name: str) -> None:
    """An earlier report is replaced; anything else is left as it was, the ledger above all."""
    ledger.update()
    (offline.state / "folder").mkdir()
    before = offline.ledger.read_bytes()

    for _ in range(2):
        assert offline(*REPORT, "page.html").code == 0
    ran = offline(*REPORT, f"state/{name}")

    assert (ran.code, "exists and is no report" in ran.err) == (2, True)
    assert offline.ledger.read_bytes() == before
    assert [path.name for path in offline.folder.iterdir() if path.is_file()] == ["page.html"]


def test_a_place_that_cannot_be_written_is_wrong_usage(offline: CommandLine, ledger: LedgerWriter) -> None:
    """A folder that is not there is told with a way out."""
    ran = offline(*REPORT, "nowhere/page.html")

    assert (ran.code, "cannot write nowhere/page.html" in ran.err, "--out" in ran.err) == (2, True, True)


def test_an_empty_ledger_makes_a_page_too(offline: CommandLine) -> None:
    """Before the first record, the page says so."""
    assert "Nothing that was asked for is recorded." in report(offline, "--rule-id", "x").text
    assert "only rule x" in report(offline, "--rule-id", "x").text


def test_a_large_ledger_makes_a_usable_page(offline: CommandLine, ledger: LedgerWriter) -> None:
    """Only the newest operations are opened up, so that the page stays small; it says how many there are."""
    for number in range(1, 601):
        ledger.outcome(number, result="unchanged", attempts=0, rule_id=f"rule-{number % 20}")

    page = report(offline)

    assert len(page.all("details")) == 500
    assert "The newest 500 of 600" in page.text
    assert "; and 8 rules more" in page.text


def browse(folder: Path, *arguments: str) -> str:
    """Run a browser without a window; return what it prints."""
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [*command, *arguments, (folder / "page.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=HANG_GUARD_SECONDS, cwd=folder,
    )  # fmt: skip
    return done.stdout + done.stderr


@needs_browser
def test_a_browser_shows_it_as_it_is(offline: CommandLine, ledger: LedgerWriter) -> None:
    """In Chromium the page parses as it was written, and its policy blocks nothing of its own."""
    ledger.update(1, reason=CANARY)
    ledger.intent(2)
    assert offline(*REPORT, "page.html").code == 0

    printed = browse(offline.folder, "--enable-logging=stderr", "--dump-dom")
    shown = Page(printed[printed.index("<!DOCTYPE html>") :])

    assert "Content Security Policy" not in printed
    assert len(shown.all("details")) == 2
    assert CANARY in shown.text
    assert shown.all("script") == []


@needs_browser
def test_paper_shows_what_is_folded(offline: CommandLine, ledger: LedgerWriter) -> None:
    """In print all operations are open: the page takes more paper than its lines alone would."""
    for number in range(1, 31):
        ledger.update(number)
    assert offline(*REPORT, "page.html").code == 0

    pages = {}
    for name, folded in (("open", False), ("folded", True)):
        page = offline.folder / "page.html"
        if folded:
            page.write_text(
                re.sub(r"<table.*?</table>|<dl class=\"facts\">.*?</dl>", "", page.read_text(), flags=re.DOTALL)
            )
        browse(offline.folder, f"--print-to-pdf={offline.folder / name}.pdf")
        pages[name] = len(re.findall(rb"/Type\s*/Page\b", (offline.folder / f"{name}.pdf").read_bytes()))

    assert pages["open"] >= pages["folded"] + 5
