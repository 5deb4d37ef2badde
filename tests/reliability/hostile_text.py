"""Promise 13, counted: ``python tests/reliability/hostile_text.py [--full] [--seed N]``.

Every string that a rule file, an org, a ledger or a case file can hold is made of what terminals and pipelines obey,
and goes through every way of printing. What comes out must hold none of it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from ebrule.cli.app import run
from reliability.echoing_org import RULE_ID, Answer, Asked, EchoingOrg, reply

SEED: Final = 20260105

_PARTS: Final = (
    *(
        "\x1b[31m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x9b2J",
        "\x9d0;x\x9c",
        "\x00",
        "\x07",
        "\x08",
        "\x7f",
    ),
    *(
        "\u202e",
        "\u2066",
        "\u200f",
        "\u061c",
        "\u2028",
        "\u2029",
        "\x85",
        "\ufeff",
        "\u200b",
        "\u200d",
        "\u2063",
        "\ufe0f",
        "\ufffa",
        "\U000e0101",
        "\U000e0041",
        "\r",
        "\r\n",
    ),
    *("::error::owned", "::add-mask::x", "::set-env name=A::b", "##[error]", "##vso[task.setvariable]", "%0A::stop::"),
    *("\n::error::x", "\t::error::x", "\r::error::x", "%0D%0A", "%25", " ::warning::", ":", "#", "\n##[group]x", "##"),
    *(
        "[bold red]",
        "[/]",
        "[link=http://x]y[/link]",
        ":smile:",
        "{0}",
        "%s",
        "${x}",
        "`id`",
        "<script>",
        "&lt;",
        "]]>",
    ),
    *("a", "b ", "\n", "\t", "é", "漢", "😀", '"', "'", "\\", "\\x1b", ",", "=1+1", "- ", "# ", "---", ": ", "|"),
)

_OBEYED: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]|##\[|##vso|^\s*::",
    re.MULTILINE,
)
"""What no output may hold: C0 but newline and tab, C1, format characters, tags, and what a pipeline obeys."""

_NO_HEADER: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""What the value of a header cannot contain: a rule file that has it there is refused, and goes no further."""

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_ANNOTATION: Final = re.compile(r"::(error|warning) file=[^:\n]*::[^\n]*\n")


class Terminal(io.TextIOWrapper):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@dataclass
class Tally:
    """What was counted: strings, printed texts, the paths that they came through, and what was obeyed."""

    strings: int = 0
    printed: int = 0
    paths: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def check(self, path: str, text: str) -> None:
        """Look through one printed text."""
        self.printed += 1
        self.paths.add(path)
        if found := _OBEYED.search(text):
            around = text[max(found.start() - 40, 0) : found.end() + 40]
            self.broken.append(f"{path}: {found[0]!r} in {around!r}")


class Fuzz:
    """One batch: a rule, a ledger, cases and answers whose every string is hostile."""

    def __init__(self, folder: Path, seed: int, tally: Tally) -> None:
        self.folder = folder
        self.tally = tally
        self.chance = random.Random(seed)  # noqa: S311 - repeatable by intent
        self.org = EchoingOrg(self.rule(version=7, owner={self.text(): [self.text()]}), "token")
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "EBRULE_STATE_DIR": str(folder / "state"),
            "GENESYSCLOUD_ACCESS_TOKEN": "token",
            "TERM": "xterm-256color",
        }

    def text(self) -> str:
        """Return a hostile string."""
        self.tally.strings += 1
        return "".join(self.chance.choice(_PARTS) for _ in range(self.chance.randint(1, 6)))

    def rule(self, **more: Any) -> dict[str, Any]:
        """Return a rule whose every free text is hostile."""
        target = {"id": "t1", "type": "webhook", "url": "https://x.example.com/" + self.text().strip().replace(" ", "")}
        return {
            "id": RULE_ID,
            "name": self.text(),
            "description": self.text(),
            "status": "enabled",
            "priority": self.chance.randint(1, 90),
            "conditions": [{"field": "a", "operator": "equals", "value": self.text()} for _ in range(2)],
            "targets": [{**target, "headers": {"X-Plain": _NO_HEADER.sub("", self.text())}}],
            **more,
        }

    def file(self, name: str, data: Any) -> str:
        """Write a file, and return its path."""
        path = self.folder / name
        path.write_text(json.dumps(data, ensure_ascii=False), "utf-8", errors="surrogatepass")
        return str(path)

    def run(self, *arguments: str, terminal: bool = False) -> None:
        """Run a command in this process, and look through both of its streams."""
        out, err = ((Terminal if terminal else io.TextIOWrapper)(io.BytesIO(), "utf-8") for _ in range(2))
        environ = mock.patch.dict(os.environ, {**self.environ, "EBRULE_API_URL": self.org.url}, clear=True)
        with environ, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
        path = " ".join(each for each in arguments if each.startswith("--") or each.isalpha())
        for stream in (out, err):
            stream.flush()
            text = stream.buffer.getvalue().decode()  # type: ignore[attr-defined]  # it is a BytesIO
            text = _COLOUR.sub("", text) if terminal else text
            if "github" in arguments:  # what the pipeline is meant to obey; each on one line
                text = _ANNOTATION.sub("", text)
            if code in (1, 2):
                self.tally.broken.append(f"{path}: ended with {code}: {text}")
            self.tally.check(path + " on a terminal" * terminal, text)

    def all_ways(self) -> None:
        """Print everything in every way."""
        mine, misdeeds = self.file("rule.json", self.rule()), self.org.misdeeds
        for output in ("text", "yaml", "json"):
            self.run("show", RULE_ID, "--output", output, terminal=output == "text" and self.chance.random() < 0.5)
        for output in ("text", "json"):
            self.run("diff", "--file", mine, "--no-check-targets", "--output", output)
            misdeeds["put"] = [self._rival]
            self.run("update", "--file", mine, "--no-check-targets", "--output", output, "--reason", self.text())
            misdeeds["put"] = [self._refusal]
            self.run("update", "--file", mine, "--no-check-targets", "--output", output, terminal=True)
            misdeeds.clear()
            other = self.file("other.json", self.rule())
            self.run("update", "--file", other, "--no-check-targets", "--output", output, "--verbose")
            misdeeds["get"] = [self._refusal]
            self.run("show", RULE_ID, "--output", output, "--verbose", "--deadline", "1")
            misdeeds.clear()
        for output in ("text", "json", "jsonl", "csv"):
            self.run("audit", "show", "--changes", "--output", output, terminal=output == "text")
        report = self.folder / "report.html"
        self.run("audit", "report", "--out", str(report))
        self.tally.check("report.html", report.read_text("utf-8"))
        wrong = {
            self.text(): self.text(),
            "status": self.text(),
            "id": self.text(),
            "conditions": [{"field": self.text()}],
        }
        for name in ("wrong.json", "wrong.yaml"):
            file = self.file(name, {**self.rule(), **wrong})
            for output in ("text", "json", "github", "sarif"):
                self.run("validate", file, "--output", output, terminal=output == "text")
        self._test(mine)
        misdeeds["other"] = [self._answer]
        for output in ("text", "json"):
            self.run("auth", "status", "--output", output)
            self.run("list", "--kind", "trigger", "--output", output)
        misdeeds.clear()

    def _test(self, rule: str) -> None:
        event = {"a": self.text(), self.text(): self.text()}
        cases = [
            {"name": self.text().strip() or "x", "event": event, "expect": expect} for expect in ("match", "no-match")
        ]
        junit = self.folder / "junit.xml"
        for output in ("text", "json"):
            self.run(
                "test",
                rule,
                "--cases",
                self.file("cases.json", {"cases": cases}),
                "--output",
                output,
                "--junit",
                str(junit),
            )
        if junit.exists():
            self.tally.check("junit.xml", junit.read_text("utf-8"))

    def _rival(self, org: EchoingOrg, asked: Asked) -> None:
        version = json.loads(asked.body)["version"] + 1
        org.rule = {**self.rule(), "version": version}

    def _refusal(self, _: EchoingOrg, __: Asked) -> Answer:
        details = [
            {"fieldName": self.text(), "errorCode": self.text()},
            {"fieldName": "name", "errorCode": self.text()},
        ]
        return reply(400, {"message": self.text(), "contextId": self.text(), "details": details})

    def _answer(self, _: EchoingOrg, __: Asked) -> Answer:
        entity = {name: self.text() for name in ("id", "name", "topicName", "version")}
        client = {"id": self.text(), "name": self.text()}
        return reply(200, {"entities": [entity], "OAuthClient": client, "authorizedScope": [self.text()], **client})


def search(*, strings: int, seed: int = SEED) -> Tally:
    """Print hostile strings in every way, until there were so many."""
    tally, number = Tally(), 0
    while tally.strings < strings:
        with tempfile.TemporaryDirectory(prefix="ebrule-fuzz-") as folder:
            fuzz = Fuzz(Path(folder), seed + number, tally)
            with fuzz.org.serving():
                fuzz.all_ways()
        number += 1
    return tally


def main() -> int:
    """Print the counts and what was found; return 1 where something was."""
    parser = argparse.ArgumentParser(description="Print hostile strings in every way that there is.")
    parser.add_argument("--full", action="store_true", help="10,000 strings instead of 500")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    began = time.monotonic()
    tally = search(strings=10_000 if options.full else 500, seed=options.seed)
    seconds = time.monotonic() - began
    counts = f"{tally.strings:,} strings, {tally.printed:,} printed texts, {len(tally.paths)} ways, {seconds:.0f} s"
    found = [f"BROKEN: {each}" for each in tally.broken]
    sys.stdout.write("\n".join([f"{counts}, seed {options.seed}, {len(tally.broken)} obeyed", *found]) + "\n")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
