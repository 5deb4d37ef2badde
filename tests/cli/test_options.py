"""What holds for the options of every command: given once, not empty, and with the default that help shows."""

from __future__ import annotations

import enum
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from ebrule.cli.app import COMMANDS, app, run
from ebrule.cli.asked import LONG_WITH_VALUE, SHORT_WITH_VALUE, wants_json
from ebrule.cli.lazy import filled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from command_line import CommandLine


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give each command with the words that lead to it."""
    for name, command in (group or filled(get_command(app), COMMANDS)).commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a command may write in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EBRULE_STATE_DIR", str(tmp_path / "state"))


ALL = dict(commands())
OPTIONS = [
    (path, option)
    for path, command in ALL.items()
    for option in command.params
    if isinstance(option, TyperOption) and not option.is_flag
]


def each(*chosen: tuple[tuple[str, ...], Any]) -> pytest.MarkDecorator:
    """Run a test for each of these options."""
    return pytest.mark.parametrize(
        ("path", "option"), [pytest.param(*one, id=f"{' '.join(one[0])} {one[1].opts[0]}") for one in chosen]
    )


NUMBERS = {"N", "SECONDS", "PORT", "MS", "READS", "COUNT"}
CHOICES = {"--as": "applied", "--authors": "all"}
"""What options take that have no default, in the place of the usual choice."""


def sample(parameter: Any) -> str:
    """Give a value that the command line can read."""
    if parameter.metavar is None:  # a choice
        return str(parameter.default.value) if parameter.default else CHOICES.get(parameter.opts[0], "merge")
    return "1" if parameter.metavar in NUMBERS else "x"


def needed(path: tuple[str, ...], besides: Any) -> list[str]:
    """Give the values that a command cannot go without."""
    words = []
    for parameter in ALL[path].params:
        if parameter.required and parameter is not besides:
            words += (
                [sample(parameter)] if isinstance(parameter, TyperArgument) else [parameter.opts[0], sample(parameter)]
            )
    return words


@each(*(one for one in OPTIONS if not one[1].multiple))
def test_an_option_that_takes_one_value_is_given_once(
    path: tuple[str, ...], option: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two values are wrong usage, whichever of its names it goes by, also where they are the same."""
    twice = [f"{option.opts[0]}={sample(option)}", option.opts[-1], sample(option)]
    if not option.opts[0].startswith("--"):
        twice[:1] = [option.opts[0], sample(option)]

    assert run([*path, *needed(path, option), *twice]) == 2
    name = max(option.opts, key=len)
    assert f"error: {name} is given more than once\n" in capsys.readouterr().err


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_flag_may_be_given_twice(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """It says the same both times."""
    flags = [one for one in ALL[path].params if isinstance(one, TyperOption) and one.is_flag]
    words = [name for flag in flags for name in (flag.opts[0], flag.opts[0])]

    run([*path, *needed(path, None), *words, "--help"])
    assert "more than once" not in capsys.readouterr().err


@each(*(one for one in OPTIONS if not one[1].multiple and one[1].metavar and one[1].metavar not in NUMBERS))
def test_an_empty_value_is_wrong_usage(path: tuple[str, ...], option: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A script's variable was not set: it must not lead to another org, ledger or rule."""
    name = max(option.opts, key=len)
    if name == "--reason":
        return

    assert run([*path, *needed(path, option), option.opts[0], ""]) == 2
    assert f"error: {name} is empty\nA variable that is not set is empty too. Give a" in capsys.readouterr().err


# --- what JSON is printed for -------------------------------------------------------------------------------------


def test_all_options_with_a_value_are_known_before_typer_is_loaded() -> None:
    """Only so can it be told whether a word is an option or another one's value."""
    names = {name for _, option in OPTIONS for name in option.opts}
    flags = {
        name
        for command in ALL.values()
        for option in command.params
        if isinstance(option, TyperOption) and option.is_flag
        for name in (*option.opts, *option.secondary_opts)
    }
    known = LONG_WITH_VALUE | {f"-{letter}" for letter in SHORT_WITH_VALUE}

    assert set() == names - known, "add them to ebrule.cli.asked"
    assert set() == flags & known


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-o json", True),
        ("-ojson", True),
        ("--output json", True),
        ("--output=json", True),
        ("-pprod -o json", True),
        ("-o json -pprod", True),
        ("-ojson -frollout.yaml", True),
        ("-vojson", True),
        ("-vo json", True),
        ("-o json -vpprod", True),
        ("--no-such -o json", True),
        ("-o text", False),
        ("-o", False),
        ("-p ojson", False),
        ("-pojson", False),
        ("--reason -ojson", False),
        ("--reason --output=json", False),
        ("-f --output json", False),
        ("--reason=x -ojson", True),
        ("-- -ojson", False),
        ("-f - -ojson", True),
        ("-f -- -ojson", True),
    ],
)
def test_json_is_asked_for_by_its_option_only(words: str, expected: bool) -> None:
    """Letters of other options' values are none, however they are glued together."""
    assert expected == wants_json(["update", *words.split()])


@pytest.mark.parametrize("words", ["-pprod", "-frollout.yaml", "-vpprod", "-peu-no-o"])
def test_an_error_is_one_document_whatever_stands_behind_it(offline: CommandLine, words: str) -> None:
    """A glued short option that holds an o changes nothing about that."""
    ran = offline("update", "-o", "json", *words.split(), "--nonsense")
    assert (2, "usage") == (ran.code, ran.json["error"]["code"])


# --- defaults -----------------------------------------------------------------------------------------------------

_SHOWN = re.compile(r"\[default: (?P<default>[^;\]]*)(?P<rest>[^\]]*)\]")
_CONDITIONAL = "[default: merge; fail if a version is expected]"


def plain(value: Any) -> Any:
    """Give a default as help shows it."""
    return str(value.value if isinstance(value, enum.Enum) else value)


@each(*OPTIONS)
def test_a_shown_default_is_what_the_command_gets(path: tuple[str, ...], option: Any) -> None:
    """For an option that is left out, the function has the value that help shows; none is written by hand but one."""
    context = ALL[path].make_context(path[-1], needed(path, None))
    shown = _SHOWN.search(" ".join(option.get_help_record(context)[1].split()))

    if option.opts[0] == "--on-conflict":
        assert (_CONDITIONAL, None) == (shown and shown[0], context.params[option.name])
    elif shown:
        assert "[default" not in (option.help or "")
        assert shown["default"] == plain(context.params[option.name])
    else:
        assert option.required or context.params[option.name] in (None, [])


SETTINGS: Mapping[str, Any] = {
    "--transport": lambda settings, _: settings.network.transport,
    "--deadline": lambda settings, _: float(round(settings.deadline)),
    "--webhook-format": lambda settings, _: settings.webhook_format,
    "--max-attempts": lambda _, options: options.max_attempts,
    "--output": lambda *_: "text",
}


@pytest.mark.parametrize("path", [("update",), ("rollback",), ("diff",)], ids=" ".join)
def test_a_shown_default_is_what_the_run_gets(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """What help shows arrives in the settings and in the options of the update."""
    got: list[Any] = []

    def note(settings: Any, *arguments: Any, **_: Any) -> Any:
        got.append((settings, next(one for one in arguments if hasattr(one, "max_attempts"))))
        raise KeyError

    monkeypatch.setattr("ebrule.pipeline.update.update_rule", note)
    monkeypatch.setattr("ebrule.pipeline.rollback.rollback_rule", note)
    monkeypatch.setenv("GENESYSCLOUD_REGION", "eu-west-1")
    run([*path, *needed(path, None)])

    context = ALL[path].make_context(path[-1], needed(path, None))
    defaults = {}
    for option in (one for one in ALL[path].params if isinstance(one, TyperOption)):
        if shown := _SHOWN.search(" ".join((option.get_help_record(context) or ("", ""))[1].split())):
            defaults[max(option.opts, key=len)] = shown["default"]
    defaults.pop("--on-conflict", None)
    assert defaults == {name: plain(SETTINGS[name](*got[0])) for name in defaults}


# --- home folder --------------------------------------------------------------------------------------------------


def test_a_tilde_that_the_shell_left_is_the_home_folder(offline: CommandLine) -> None:
    """In an option's value, as in a variable's; no folder of that name is made."""
    (offline.folder / "home").mkdir()
    offline.environ["HOME"] = str(offline.folder / "home")
    (offline.folder / "home" / "rule.yaml").write_text(Path(offline.folder / offline.rule()).read_text())

    assert offline("validate", "~/rule.yaml").code == 0
    ran = offline("update", "--file=~/rule.yaml", "--audit-log=~/own.jsonl", "--region=eu-west-1")
    assert ran.code == 4
    assert (offline.folder / "home" / "own.jsonl").exists()
    assert not (offline.folder / "~").exists()


def test_a_tilde_without_a_home_is_wrong_usage(offline: CommandLine) -> None:
    """The error names the option or the variable that has it."""
    without_home(offline)

    ran = offline("audit", "show", "--audit-log=~/own.jsonl")
    said = "cannot expand ~/own.jsonl: the home folder of this user is unknown\nGive the whole path.\n"
    assert (2, f"error: --audit-log: {said}") == (ran.code, ran.err)
    offline.environ["EBRULE_AUDIT_LOG"] = "~/own.jsonl"
    ran = offline("audit", "show")
    assert (2, f"error: EBRULE_AUDIT_LOG: {said}") == (ran.code, ran.err)


# --- a user without a name or a home, and a folder that is gone ---------------------------------------------------


def without_home(command_line: CommandLine) -> None:
    """Run as a user id that nobody has named, as containers do, with nothing set."""
    patch = "import pwd\n\n\ndef getpwuid(uid):\n    raise KeyError(uid)\n\n\npwd.getpwuid = getpwuid\n"
    folder = command_line.folder / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(patch)
    del command_line.environ["HOME"], command_line.environ["EBRULE_STATE_DIR"]
    command_line.environ["PYTHONPATH"] = str(folder)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("--version", 0),
        ("validate rule.yaml", 0),
        ("schema", 0),
        ("test rule.yaml --cases cases.yaml", 0),
        ("show demo-rule --region eu-west-1", 4),
        ("list --kind trigger", 4),
        ("auth status", 4),
    ],
)
def test_who_has_no_home_needs_none_without_state(offline: CommandLine, arguments: str, code: int) -> None:
    """What keeps nothing works, and there are no profiles."""
    without_home(offline)
    offline.rule()
    offline.file("cases.yaml", "cases: [{name: a, event: {}, expect: no-match}]")

    assert code == offline(*arguments.split()).code
    assert {"rule.yaml", "cases.yaml", "site"} == {each.name for each in offline.folder.iterdir()}


@pytest.mark.parametrize(
    "arguments",
    [
        "update -f rule.yaml --region eu-west-1",
        "diff -f rule.yaml --region sandbox",
        "rollback --rule-id x --region eu-west-1",
        "audit show",
        "audit verify",
        "webhook flush --webhook-url http://127.0.0.1:9",
        "sandbox reset",
        "show x --region sandbox",
    ],
)
def test_who_has_no_home_names_a_folder_for_state(offline: CommandLine, arguments: str) -> None:
    """Wrong usage, with the variable to set."""
    without_home(offline)
    offline.rule()

    ran = offline(*arguments.split())
    assert ran.code == 2
    assert ran.err == (
        "error: no state folder: the home folder of this user is unknown\n"
        "Set EBRULE_STATE_DIR to a folder that this user can write to.\n"
    )
    assert {"rule.yaml", "site"} == {each.name for each in offline.folder.iterdir()}


@pytest.mark.loopback
def test_with_a_state_folder_no_home_is_needed(ebrule: CommandLine) -> None:
    """An update, its ledger, and a profile that nobody can have."""
    without_home(ebrule)
    ebrule.environ["EBRULE_STATE_DIR"] = str(ebrule.state)

    assert ebrule("update", "-f", ebrule.rule()).code == 0
    assert ebrule("audit", "verify").code == 0
    ran = ebrule("show", "demo-rule", "--profile", "prod")
    assert (2, "There is none yet; the home folder of this user is unknown.") == (ran.code, ran.err.splitlines()[1])


@pytest.mark.parametrize(
    "arguments",
    ["audit show --audit-log own.jsonl", "update -f /rule.yaml --audit-log own.jsonl --region eu-west-1", "validate ."],
)
def test_a_working_directory_that_is_gone_is_told(offline: CommandLine, arguments: str) -> None:
    """Where a path is to be told from it: wrong usage, and no bug."""
    gone = offline.folder / "gone"
    gone.mkdir()

    def leave_nothing() -> None:
        os.chdir(gone)
        gone.rmdir()

    with offline.start(*arguments.split(), preexec_fn=leave_nothing) as process:
        _, err = process.communicate(timeout=60)
    assert (2, "error: the working directory does not exist any more\nChange to another one.\n") == (
        process.returncode,
        err,
    )
