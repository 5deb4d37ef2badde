"""Mutated rule files for ``ebrule validate``: it must end with a clean result, in bounded time and memory.

``python tests/fuzz.py --count 10000`` prints what was found as one line of JSON; ``--only N`` repeats one file. The
bounds are of processor time and of address space, set on this process: nothing depends on how busy the machine is.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import resource
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ebrule.cli.options import Report
from ebrule.cli.render import Screen
from ebrule.cli.validate import ValidateCommand, run
from ebrule.diagnostics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[1] / "examples"
SEED = 20260105
CPU_SECONDS = 20
MEMORY_BYTES = 1 << 30

TOKENS = [
    *(b"- ", b": ", b"? ", b"{", b"}", b"[", b"]", b",", b"#", b"'", b'"', b"|\n", b">-\n", b"---\n", b"...\n", b"\t"),
    *(b"&a ", b"*a", b"<<: *a\n", b"!!str ", b"!!python/object/apply:os.system ", b"!<tag:x> ", b"a: &a [*a]\n"),
    *(b"%YAML 1.1\n", b"%TAG ! x\n", b"\n", b"012", b"0x1F", b"1:30", b"on", b"~", b".inf", b"NaN", b"1e999", b"-0"),
    *(b"9" * 5000, b"1_000", b"null", b"true", b'{"a":' * 30, b"[" * 30, b"- " * 30),
    *(b"${env:A}", b"${env:UNSET}", b"${keep}", b"$${", b"${", b"${env:}", b"${${env:A}}", b"${env:A}" * 50),
    *(b"${var:A}", b"${var:UNSET}", b"x${var:A}"),
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\x1b[31m"),
    *(b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\\x", b"\\U00110000", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b"\xc3"),
    *(b"::error::x", b"##[error]", b"%0A", b"__proto__: 1\n", b"id: ../../x\n", b"version: 99999999999999999999\n"),
    *(b"kind: trigger\n", b"kind: eventbridge-source\n", b"priority: 50\n", b"\x7f"),
]


def seeds() -> list[bytes]:
    """Return the files that are mutated: the examples, as YAML and as JSON, and those of the catalogue."""
    examples = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.yaml"))]
    as_json = [json.dumps(yaml.safe_load(example), ensure_ascii=False).encode() for example in examples]
    parts = (each.wrong for each in CATALOGUE.values() if not each.wrong.startswith("$"))
    return [*examples, *as_json, *(part.encode() for part in parts)]


def _flipped(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8)):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)


def _inserted(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.choice(TOKENS)


def _deleted(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    del data[at : at + rng.randint(1, 40)]


def _doubled(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    piece = data[at : at + rng.randint(1, 200)]
    data[at:at] = piece * rng.choice([1, 2, 3, 1000])


def _replaced(data: bytearray, rng: random.Random) -> None:
    if words := list(re.finditer(rb"[\w.$-]+", data)):
        data[slice(*rng.choice(words).span())] = rng.choice(TOKENS).strip()


def _in_another_encoding(data: bytearray, rng: random.Random) -> None:
    text = data.decode(errors="replace")
    data[:] = text.encode(rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp1252"]), "replace")


def _with_other_line_ends(data: bytearray, rng: random.Random) -> None:
    data[:] = data.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\x85", b"\xe2\x80\xa8", b"\n\n", b" "]))


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    *([_deleted, _doubled, _inserted] * 3), *([_replaced] * 6), _flipped, _in_another_encoding, _with_other_line_ends,
]  # fmt: skip


def mutant(number: int, seed: int, corpus: list[bytes]) -> tuple[str, bytes]:
    """Return the name and the bytes of one mutated file."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - a file that can be made again, not a secret
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.randint(1, 4)):
        rng.choice(MUTATIONS)(data, rng)
    return f"rule.{rng.choice(['yaml', 'yaml', 'json'])}", bytes(data)


def validated(path: Path, output: Report) -> tuple[int, str]:
    """Run ``ebrule validate`` in this process; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    code = run(ValidateCommand([str(path)], output=output), Screen(out, err, {}))
    assert err.getvalue() == ""
    return code, out.getvalue()


def check(path: Path) -> set[str]:
    """Validate a file in each output; return the ids of its problems. Raises where anything is not clean."""
    code, text = validated(path, Report.TEXT)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]|^\s*::|##\[", text, re.MULTILINE)
    json_code, printed = validated(path, Report.JSON)
    (file,) = json.loads(printed)["files"]
    problems: list[dict[str, Any]] = file["problems"]
    errors = [problem for problem in problems if problem["severity"] == "error"]
    assert code == json_code == (3 if errors else 0)
    assert len(problems) <= 100
    assert {problem["id"] for problem in problems} <= set(CATALOGUE)
    _, annotations = validated(path, Report.GITHUB)
    assert len(annotations.splitlines()) == len(problems) + 1
    assert all(re.match(r"::(error|warning) file=[^:]*::", line) for line in annotations.splitlines()[:-1])
    _, sarif = validated(path, Report.SARIF)
    assert len(json.loads(sarif)["runs"][0]["results"]) == len(problems)
    return {problem["id"] for problem in problems}


def main() -> None:
    """Validate mutated files, and print how many were right, and how often each problem was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", type=int)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # ends a file that takes too long, even inside a regex
    corpus, found = seeds(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.count) if arguments.only is None else [arguments.only]:
            name, data = mutant(number, arguments.seed, corpus)
            path = Path(folder) / name
            path.write_bytes(data)
            sys.stderr.write(f"file {number}\n")  # the last one is the culprit, also where the process is ended
            signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
            ids = check(path)
            found.update(ids or {"right"})
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
