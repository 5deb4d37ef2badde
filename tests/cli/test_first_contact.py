"""What a newcomer meets: the help, a mistyped word, something left out, the terminal they have, and the files."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest
import typer
import typer.main

from ebrule.cli.app import COMMANDS, app, run
from ebrule.cli.lazy import filled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click.core import Command

    from command_line import CommandLine

NARROW = 40
WIDE = 80


def paths(command: Command, path: str = "") -> Iterator[str]:
    """Yield what is typed for a group, and for each command in it."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from paths(below, f"{path} {name}".strip())


EVERY_COMMAND = sorted(paths(filled(typer.main.get_command(app), COMMANDS)))


class HelpOn(Protocol):
    """Gives the lines of a command's help on a terminal of so many columns."""

    def __call__(self, columns: int, command: str) -> list[str]:
        """Ask for the help."""


@pytest.fixture
def help_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HelpOn:
    """Give a function that asks for help in this process: there are many commands."""

    def lines(columns: int, command: str) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run([*command.split(), "--help"]) == 0
        return capsys.readouterr().out.splitlines()

    return lines


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_help_shows_examples_first_and_fits_the_terminal(help_on: HelpOn, command: str) -> None:
    """Each command's and group's help has examples before the options, within 80 columns, with nothing cut off."""
    lines = help_on(WIDE, command)

    examples = [line for line in lines[: lines.index("Options:")] if line.startswith("    ebrule ")]
    assert examples != []
    assert [] == [line for line in lines if len(line) > WIDE]
    assert [] == [line for line in lines if line.endswith("...") and not line.startswith("Usage:")]


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_help_is_folded_on_a_narrow_terminal(help_on: HelpOn, command: str) -> None:
    """On 40 columns nothing is wider but the examples, which can be copied; and every word is still there."""
    narrow, wide = (help_on(columns, command) for columns in (NARROW, WIDE))

    assert [] == [line for line in narrow if len(line) > NARROW and not line.startswith("    ebrule ")]
    assert " ".join(wide).split() == " ".join(narrow).split()


def test_no_arguments_show_the_help(offline: CommandLine) -> None:
    """``ebrule`` alone is ``ebrule --help``: commands in the order in which they are needed, the rare ones last."""
    ran = offline()

    listed = ran.out[ran.out.index("Commands:") : ran.out.index("Exit codes:")]
    assert list(COMMANDS) == re.findall(r"^  ([a-z]+)  ", listed, re.MULTILINE)
    assert (0, offline("--help").out) == (ran.code, ran.out)


@pytest.mark.loopback
def test_the_first_examples_run_as_they_are_typed(offline: CommandLine) -> None:
    """Where there is neither a file nor an org, what the help begins with makes a rule file and takes it to a rule."""
    lines = [line for line in offline("--help").out.splitlines() if line.startswith("    ebrule ")]
    first, second = (re.split("  +", line.strip())[0] for line in lines[:2])

    done = subprocess.run(
        ["bash", "-ec", f"{first}\n{second}"],
        cwd=offline.folder,
        env=offline.environ | {"PATH": f"{sys.prefix}/bin:{offline.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "demo-rule is already as rule.yaml says (version 7). Nothing sent.\n" == done.stdout


MISTYPED = {
    "updte": ('"updte" is no command of ebrule; did you mean "update"?', "See: ebrule update --help"),
    "resolve": ('"resolve" is no command of ebrule; did you mean "audit resolve"?', "See: ebrule audit resolve --help"),
    "frobnicate": ('"frobnicate" is no command of ebrule', "See: ebrule --help"),
    "audit shwo": ('"shwo" is no command of ebrule audit; did you mean "show"?', "See: ebrule audit show --help"),
    "update --regoin x": (
        '"--regoin" is no option of ebrule update; did you mean "--region"?',
        "See: ebrule update --help",
    ),
    "--frob": ('"--frob" is no option of ebrule', "See: ebrule --help"),
    "show --rule-id x": (
        '"--rule-id" is no option of ebrule show',
        "Give the id alone: ebrule show ID",
        "See: ebrule show --help",
    ),
    "validate --file x": (
        '"--file" is no option of ebrule validate',
        "Give the file alone: ebrule validate FILE",
        "See: ebrule validate --help",
    ),
    "show x --rule_id y": (
        '"--rule_id" is no option of ebrule show',
        "Give the id alone: ebrule show ID",
        "See: ebrule show --help",
    ),
    "show x --ruleid y": ('"--ruleid" is no option of ebrule show', "See: ebrule show --help"),
    "--region sandbox show x": (
        '"--region" is no option of ebrule',
        "It goes behind the command: ebrule COMMAND --region …",
        "See: ebrule --help",
    ),
    "audit --last 3 show": (
        '"--last" is no option of ebrule audit',
        "It goes behind the command: ebrule audit COMMAND --last …",
        "See: ebrule audit --help",
    ),
    "update examples/rule.yaml --region sandbox": (
        'unexpected argument "examples/rule.yaml"',
        "Type: ebrule update --file examples/rule.yaml",
        "See: ebrule update --help",
    ),
    "diff demo-rule rule.yaml": (
        'unexpected argument "demo-rule"',
        "Type: ebrule diff --rule-id demo-rule --file rule.yaml",
        "See: ebrule diff --help",
    ),
    "update a.yaml b.yaml": (
        'unexpected argument "a.yaml"',
        "See: ebrule update --help",
    ),
    "show demo-rule other": (
        'unexpected argument "other"',
        "See: ebrule show --help",
    ),
    "update --set": ("option '--set' requires an argument", "See: ebrule update --help"),
    "audit report --out": ("option '--out' requires an argument", "See: ebrule audit report --help"),
    "diff --exit-code=1": ("option '--exit-code' does not take a value", "See: ebrule diff --help"),
    "show x --region eu-wst-1": ("'eu-wst-1' is no region", 'Did you mean "eu-west-1"?'),
    "update --on-conflict no": (
        "invalid value for '--on-conflict': 'no' is not one of 'merge', 'fail', 'overwrite'",
        "See: ebrule update --help",
    ),
    "audit show --last x": (
        "invalid value for '--last' / '-n': 'x' is not a valid integer",
        "See: ebrule audit show --help",
    ),
    "rollback --to-version 1.5": (
        "invalid value for '--to-version': '1.5' is not a valid integer",
        "See: ebrule rollback --help",
    ),
    "list --deadline x": ("invalid value for '--deadline': 'x' is not a valid number", "See: ebrule list --help"),
    "sandbox serve --port 65536": (
        "invalid value for '--port': '65536' is not less than or equal to 65535",
        "See: ebrule sandbox serve --help",
    ),
}


@pytest.mark.parametrize("typed", MISTYPED)
def test_a_mistyped_word_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str], typed: str) -> None:
    """A mistyped command, option or value ends with 2, the nearest name, and where to look."""
    code = run(typed.split())

    printed = capsys.readouterr()
    assert (2, "") == (code, printed.out)
    message, *hints = MISTYPED[typed]
    assert [f"error: {message}", *hints] == printed.err.splitlines()


def exceptions(family: type[Exception]) -> Iterator[type[Exception]]:
    """Yield a class of exceptions, and those below it."""
    yield family
    for below in family.__subclasses__():
        yield from exceptions(below)


@pytest.mark.parametrize("typed", [*MISTYPED, "show", "rollback"])
def test_the_words_of_typer_do_not_matter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """A release of Typer that words its errors differently changes nothing of what is told."""
    run(typed.split())
    expected = capsys.readouterr()
    for each in exceptions(typer.TyperException):
        monkeypatch.setattr(each, "format_message", lambda _: "42")

    run(typed.split())

    assert expected == capsys.readouterr()


LEFT_OUT = {
    "show": "ebrule show demo-rule",
    "test": "ebrule test rule.yaml --cases cases.yaml",
    "test rule.yaml": "ebrule test rule.yaml --cases cases.yaml",
    "rollback": "ebrule rollback --rule-id demo-rule",
    "audit report": "ebrule audit report --out report.html",
    "webhook send": "ebrule webhook send --rule-id demo-rule",
    "update": "ebrule update --file rule.yaml",
    "update --set priority=5": "Add --rule-id ID, as in: --rule-id demo-rule",
    "diff": "ebrule diff --file rule.yaml",
    "validate": "ebrule validate rule.yaml",
    "list": "ebrule list --kind trigger",
    "webhook flush": "EBRULE_WEBHOOK_URL",
    "webhook test": "EBRULE_WEBHOOK_URL",
}


@pytest.mark.parametrize("typed", LEFT_OUT)
def test_what_is_left_out_is_told_with_what_to_type(offline: CommandLine, typed: str) -> None:
    """A command that lacks something ends with 2, and the next line says what to type or to set."""
    ran = offline(*typed.split())

    assert (2, "") == (ran.code, ran.out)
    assert LEFT_OUT[typed] in ran.err.splitlines()[1]


@pytest.mark.parametrize("typed", ["update --file rule.yaml", "diff --file rule.yaml", "show x", "auth status"])
def test_a_first_run_without_an_org_leads_to_the_sandbox(offline: CommandLine, typed: str) -> None:
    """Without credentials each command that needs them ends with 4, in lines that fit the terminal."""
    offline.rule()

    ran = offline(*typed.split())

    assert 4 == ran.code
    assert "--region sandbox" in ran.err.splitlines()[-1]
    assert [] == [line for line in ran.err.splitlines() if len(line) > 100]


ODD_FILES = {"Windows line ends": b"\r\n", "old Mac line ends": b"\r", "a byte order mark": b"\n"}


@pytest.mark.parametrize("name", ODD_FILES)
def test_files_of_other_systems_are_read_as_they_are_meant(offline: CommandLine, name: str) -> None:
    """Line ends and a byte order mark change neither what a file says nor where its mistakes are."""
    mark = b"\xef\xbb\xbf" if "mark" in name else b""

    for path, priority, ended in (("right.yaml", 50, (0, [])), ("wrong.yaml", 1001, (3, ["priority-range"]))):
        text = (offline.folder / offline.rule(path, priority=priority)).read_bytes()
        (offline.folder / path).write_bytes(mark + text.replace(b"\n", ODD_FILES[name]))
        plain = offline("validate", offline.rule("plain.yaml", priority=priority), "--output", "json").json
        ran = offline("validate", path, "--output", "json")

        (found,), (meant,) = ran.json["files"], plain["files"]
        assert ended == (ran.code, [problem["id"] for problem in found["problems"]])
        assert [(each["line"], each["column"]) for each in meant["problems"]] == [
            (each["line"], each["column"]) for each in found["problems"]
        ]


COMPLETED = {
    "ebrule va": ["validate"],
    "ebrule audit re": ["report", "resolve"],
    "ebrule show x --kind tr": ["trigger"],
    "ebrule show x --profile ni": ["night"],
    "ebrule show x --region eu-west-1": ["eu-west-1"],
    "ebrule update --on-conflict m": ["merge"],
    "ebrule show x --region = eu-west-1": ["eu-west-1"],
    "ebrule show x --kind = tr": ["trigger"],
    "ebrule show x --output = j": ["json"],
    "ebrule update --web": ["--webhook-format", "--webhook-url"],
}


@pytest.mark.parametrize("typed", COMPLETED)
def test_bash_completes_names_that_this_machine_knows(offline: CommandLine, typed: str) -> None:
    """A real bash, with the completion that ``--show-completion`` prints, completes what was typed."""
    offline.environ["EBRULE_CONFIG"] = str(
        offline.folder / offline.file("config.toml", '[night]\nregion = "sandbox"\n')
    )
    (offline.folder / "config.toml").chmod(0o600)
    offline.environ["PATH"] = f"{sys.prefix}/bin:{offline.environ['PATH']}"
    offline.environ["_EBRULE_COMPLETE"] = "source_bash"
    script = offline.file("complete.bash", offline().out)
    del offline.environ["_EBRULE_COMPLETE"]
    words = typed.split()
    program = (
        f"source {script}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        "$(complete -p ebrule | sed 's/.*-F \\([^ ]*\\) .*/\\1/') ebrule; printf '%s\\n' \"${COMPREPLY[@]}\""
    )

    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        cwd=offline.folder,
        env=offline.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert COMPLETED[typed] == sorted(done.stdout.split())


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_completion_is_for_the_shell_that_asks(offline: CommandLine, option: str) -> None:
    """Another shell's name is not passed over in silence: the command that prints its script is told."""
    ran = offline(option, "zsh")

    assert (2, "") == (ran.code, ran.out)
    assert "_EBRULE_COMPLETE=source_zsh ebrule\n" in ran.err
    offline.environ["_EBRULE_COMPLETE"] = "source_zsh"
    assert "#compdef ebrule\n" in offline().out
