"""``ebrule validate`` on folders, on many files, and on none."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command_line import EXAMPLE, HANG_GUARD_SECONDS

if TYPE_CHECKING:
    from command_line import CommandLine

RULE = EXAMPLE.read_text()


def paths(offline: CommandLine, *given: str) -> list[str]:
    """Return the files that are looked at, in their order."""
    return [found["path"] for found in offline("validate", "-o", "json", *given).json["files"]]


@pytest.fixture
def tree(offline: CommandLine) -> CommandLine:
    """The command line in a folder with rule files in folders."""
    for folder in ("rules/b", "rules/a.d", "rules/.hidden", "other"):
        (offline.folder / folder).mkdir(parents=True)
    for name in ("b/z.yml", "b/a.JSON", "a.d/x.yaml", "top.yaml", ".hidden/x.yaml", ".x.yaml", "b/notes.md"):
        offline.file(f"rules/{name}", RULE)
    return offline


def test_a_folder_is_searched(tree: CommandLine) -> None:
    """A folder gives its rule files and those of its folders, sorted, without what is hidden or no rule file."""
    expected = ["rules/a.d/x.yaml", "rules/b/a.JSON", "rules/b/z.yml", "rules/top.yaml"]

    assert expected == paths(tree, "rules")
    assert expected == paths(tree, ".")


def test_a_link_to_a_folder_is_not_followed(tree: CommandLine) -> None:
    """A link that leads back up ends nothing in a circle; a link to a file is as good as the file."""
    (tree.folder / "rules" / "loop").symlink_to("..")
    (tree.folder / "other" / "link.yaml").symlink_to("../rules/top.yaml")

    assert paths(tree, "other") == ["other/link.yaml"]
    assert len(paths(tree, "rules")) == 4


def test_a_file_is_looked_at_once(tree: CommandLine) -> None:
    """A file that several arguments lead to is told once, under its first name."""
    (tree.folder / "link.yaml").symlink_to("rules/top.yaml")

    assert paths(tree, "link.yaml", "rules/b", "rules/b/z.yml", "./rules/top.yaml", "rules") == [
        "link.yaml",
        "rules/b/a.JSON",
        "rules/b/z.yml",
        "rules/a.d/x.yaml",
    ]


def test_a_folder_without_rule_files_is_an_error(tree: CommandLine) -> None:
    """A pipeline that checks nothing is not green: the folder has a problem, and the rest is checked."""
    ran = tree("validate", "other", "rules/top.yaml")

    assert ran.code == 3
    assert "other: error[empty-folder]: there is no *.yaml, *.yml or *.json in this folder" in ran.out
    assert ran.out.endswith("2 files: 1 right, 1 wrong (1 error)\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_folder_that_cannot_be_read_is_an_error(tree: CommandLine) -> None:
    """What may not be looked into is told, not passed over."""
    (tree.folder / "rules" / "b").chmod(0)
    try:
        assert "rules/b: error[unreadable-file]" in tree("validate", "rules").out
    finally:
        (tree.folder / "rules" / "b").chmod(0o700)


def test_no_file_says_what_to_type(offline: CommandLine) -> None:
    """Without an argument the next command is told; nothing waits for standard input."""
    ran = offline("validate")

    assert ran.code == 2
    assert "no file to check" in ran.err
    assert "Type: ebrule validate rule.yaml" in ran.err


def test_many_files_show_a_bar_on_a_terminal_only(offline: CommandLine) -> None:
    """A hundred files move a bar on a terminal's standard error, and off a terminal nothing does."""
    for number in range(100):
        offline.file(f"{number}.yaml", RULE)
    count = "100 files: 100 right, 0 wrong\n"
    main, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "ebrule", "validate", "."],
        cwd=offline.folder,
        env={**offline.environ, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        timeout=HANG_GUARD_SECONDS,
        check=True,
    )
    os.close(terminal)
    shown = os.read(main, 65536).decode()
    os.close(main)
    ran = offline("validate", ".")

    assert done.stdout == count
    assert "Checking" in shown
    assert (count, "") == (ran.out, ran.err)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_the_cursor_back(offline: CommandLine, signum: signal.Signals) -> None:
    """The bar hides the terminal's cursor: a run that is ended shows it again."""
    for number in range(100):
        offline.file(f"{number}.yaml", RULE)
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "ebrule", "validate", ".", "-"],  # and never is there anything on standard input
        cwd=offline.folder,
        env={**offline.environ, "TERM": "xterm"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        while b"\x1b[?25l" not in shown:
            shown += os.read(main, 65536)
        process.send_signal(signum)
        process.wait(HANG_GUARD_SECONDS)
    with contextlib.suppress(OSError):  # how a terminal ends that nobody holds any more
        while more := os.read(main, 65536):
            shown += more
    os.close(main)

    assert process.returncode == 128 + signum
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_a_file_of_cases_in_a_folder_is_told_as_what_it_is(tree: CommandLine) -> None:
    """Beside rules it is one mistake, with the command that it is for, and not one for each key of a rule."""
    tree.file("rules/a.d/cases.yaml", "cases:\n  - {name: a call, event: {}, expect: no-match}\n")

    ran = tree("validate", "rules/a.d")

    assert 3 == ran.code
    assert "rules/a.d/cases.yaml:1:1: error[unknown-key]: this is a file of cases, and no rule\n" in ran.out
    assert "      Its cases test a rule: ebrule test RULE --cases FILE\n" in ran.out
    assert ran.out.endswith("2 files: 1 right, 1 wrong (1 error)\n")
