"""How a command finds its org: profiles, and the client's secret from a file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from command_line import HANG_GUARD_SECONDS
from ledgers import LedgerWriter

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine
    from sandbox_process import SandboxProcess

READ = ("show", "demo-rule", "-o", "json")


def profile_file(command_line: CommandLine, path: str = ".config/ebrule/config.toml", mode: int = 0o600) -> Path:
    """Write a profile ``night`` for the sandbox that the environment leads to, and take it out of the environment."""
    environ = command_line.environ
    file = command_line.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"[night]\napi_url = {json.dumps(environ.pop('EBRULE_API_URL'))}\n"
        f"client_id = {json.dumps(environ.pop('GENESYSCLOUD_OAUTHCLIENT_ID'))}\n"
        f"client_secret = {json.dumps(environ.pop('GENESYSCLOUD_OAUTHCLIENT_SECRET'))}\n"
    )
    file.chmod(mode)
    return file


@pytest.mark.loopback
def test_a_profile_leads_to_its_org(ebrule: CommandLine) -> None:
    """By option, by environment, and in silence."""
    profile_file(ebrule)

    ran = ebrule(*READ, "--profile", "night")
    assert (0, "", "demo-rule") == (ran.code, ran.err, ran.json["id"])
    ebrule.environ["EBRULE_PROFILE"] = "NIGHT"
    assert ebrule(*READ).code == 0


@pytest.mark.loopback
def test_a_file_that_others_can_read_is_warned_of(ebrule: CommandLine) -> None:
    """On standard error, with the command that mends it; the run goes on."""
    file = profile_file(ebrule, mode=0o644)

    ran = ebrule(*READ, "-p", "night")
    assert (0, "demo-rule") == (ran.code, ran.json["id"])
    assert f"warning: {file} holds secrets" in ran.err
    assert f"chmod 600 {file}" in ran.err


@pytest.mark.loopback
def test_the_org_of_an_option_is_the_one_that_is_changed(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A profile that is typed goes before the whole org of the environment, in silence; the result names it."""
    environ = dict(ebrule.environ)
    profile_file(ebrule)
    ebrule.environ |= {
        "GENESYSCLOUD_REGION": "eu-west-1",
        "GENESYSCLOUD_OAUTHCLIENT_ID": "other",
        "GENESYSCLOUD_OAUTHCLIENT_SECRET": "other-secret",
        "GENESYSCLOUD_ACCESS_TOKEN": "other-token",
        "EBRULE_API_URL": "http://127.0.0.1:9",
        "EBRULE_LOGIN_URL": "http://127.0.0.1:9",
        "EBRULE_PROFILE": "other",
    }

    ran = ebrule("update", "-f", ebrule.rule(), "-p", "night")
    assert (0, "", 1) == (ran.code, ran.err, len(sandbox.history()))
    host = environ["EBRULE_API_URL"].removeprefix("http://")
    assert f"demo-rule  Updated Call Duration Filter  (eventbridge, {host}, profile night)" == ran.out.splitlines()[0]
    assert f"(eventbridge, {host}, profile night, version 8)" in ebrule("show", "demo-rule", "-p", "night").out


@pytest.mark.loopback
def test_what_goes_before_the_environments_profile_is_warned_of(ebrule: CommandLine) -> None:
    """One variable goes, and several go, before what the profile says that another variable names."""
    url, client = ebrule.environ["EBRULE_API_URL"], dict(ebrule.environ)
    profile_file(ebrule)
    ebrule.environ["EBRULE_PROFILE"] = "night"

    ebrule.environ["EBRULE_API_URL"] = url
    one = ebrule(*READ)
    ebrule.environ |= client
    several = ebrule(*READ)

    says = "before what profile night says\n"
    names = "GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET"
    assert f"warning: EBRULE_API_URL of the environment goes {says}" == one.err
    assert f"warning: EBRULE_API_URL and {names} of the environment go {says}" == several.err


def test_without_any_org_the_ways_to_one_are_told(offline: CommandLine) -> None:
    """Variables, profile, sandbox."""
    ran = offline(*READ)

    assert ran.code == 4
    for way in ("GENESYSCLOUD_REGION", "--profile", "--region sandbox"):
        assert way in ran.err


@pytest.mark.parametrize(
    ("given", "said", "to_set"),
    [
        (
            {"GENESYSCLOUD_OAUTHCLIENT_ID": "i", "GENESYSCLOUD_OAUTHCLIENT_SECRET": "s"},
            "no org to talk to: GENESYSCLOUD_REGION is not set",
            "Set GENESYSCLOUD_REGION",
        ),
        (
            {"GENESYSCLOUD_REGION": "eu-west-1", "GENESYSCLOUD_OAUTHCLIENT_ID": "i"},
            "no credentials for eu-west-1: GENESYSCLOUD_OAUTHCLIENT_SECRET is not set",
            "Set GENESYSCLOUD_OAUTHCLIENT_SECRET",
        ),
    ],
    ids=["region", "secret"],
)
def test_only_what_lacks_is_asked_for(offline: CommandLine, given: dict[str, str], said: str, to_set: str) -> None:
    """Who has set most of it reads the one variable that is missing, and no other."""
    offline.environ |= given

    ran = offline("show", "demo-rule")
    assert (4, [f"error: {said}", to_set]) == (ran.code, ran.err.splitlines()[:2])


def test_a_profile_that_is_not_there_is_wrong_usage(ebrule: CommandLine) -> None:
    """The nearest one is suggested, also where no command can be meant without it."""
    profile_file(ebrule)

    ran = ebrule(*READ, "--profile", "nihgt")
    assert (2, "unknown-profile") == (ran.code, ran.json["error"]["code"])
    assert 'Did you mean "night"?' in ran.err


def test_a_file_in_the_working_directory_is_no_configuration(ebrule: CommandLine) -> None:
    """Whoever wrote it could send the credentials elsewhere."""
    profile_file(ebrule, "config.toml")
    for name in ("ebrule/config.toml", "ebrule.toml", ".ebrule/config.toml"):
        (ebrule.folder / name).parent.mkdir(exist_ok=True)
        (ebrule.folder / name).write_bytes((ebrule.folder / "config.toml").read_bytes())

    ran = ebrule(*READ, "-p", "night")
    assert (2, "unknown-profile") == (ran.code, ran.json["error"]["code"])


def test_a_broken_file_shows_no_secret(offline: CommandLine) -> None:
    """The line and column are told, and not what stands there."""
    offline.environ["EBRULE_CONFIG"] = offline.file("other.toml", '[night]\nclient_secret = "canary\n')

    ran = offline(*READ, "-p", "night")
    assert ran.code == 2
    assert "other.toml is no TOML: line 2, column " in ran.err
    assert "canary" not in ran.out + ran.err


@pytest.mark.loopback
def test_paths_and_limits_of_the_default_kind_can_be_configured(ebrule: CommandLine) -> None:
    """For checks without an org, and for what talks to one."""
    ebrule.environ["EBRULE_CONFIG"] = ebrule.file(
        "other.toml", '[kinds.eventbridge]\nrule_path = "/api/v2/processautomation/triggers/{id}"\nmax_priority = 20\n'
    )
    rule = ebrule.rule(priority=21)

    ran = ebrule("validate", rule)
    assert ran.code == 3
    assert "priority is 21; it must be from 1 to 20" in ran.out
    assert ebrule("update", "--rule-id", "demo-rule", "--file", rule).code == 6  # no such rule at that path
    assert ebrule("show", "demo-trigger", "-o", "json").json["topicName"]


# --- the client's secret ---------------------------------------------------------------------------


@pytest.mark.loopback
@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["bare", "unix", "windows"])
def test_the_clients_secret_comes_from_a_file(ebrule: CommandLine, end: str) -> None:
    """The line break at its end is no part of it; the id comes from the environment or the profile."""
    secret = ebrule.environ.pop("GENESYSCLOUD_OAUTHCLIENT_SECRET")
    (ebrule.folder / "secret").write_bytes((secret + end).encode())
    (ebrule.folder / "secret").chmod(0o600)

    ran = ebrule(*READ, "--client-secret-file", "secret")
    assert (0, "") == (ran.code, ran.err)
    assert ebrule(*READ, "--client-secret-file", "-", stdin=secret + end).code == 0


@pytest.mark.loopback
def test_a_secret_file_goes_before_the_environment(ebrule: CommandLine) -> None:
    """An option wins, over a token too; and a file that others can read is warned of."""
    ebrule.environ |= {"GENESYSCLOUD_OAUTHCLIENT_SECRET": "wrong", "GENESYSCLOUD_ACCESS_TOKEN": "wrong"}
    ebrule.file("secret", "sandbox-secret\n")
    (ebrule.folder / "secret").chmod(0o644)

    ran = ebrule(*READ, "--client-secret-file", "secret")
    assert ran.code == 0
    assert "chmod 600 secret" in ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "secret holds no client secret"),
        (b"\n", "secret holds no client secret"),
        (b"canary\ncanary\n", "secret holds no client secret"),
        (b"canary\x00", "secret holds no client secret"),
        (b"\xff\xfe", "secret holds no client secret"),
        (b"canary" * 1_000, "secret holds no client secret"),
        (b" canary\n", "error: secret begins or ends with a blank"),
        (b"canary \n", "error: secret begins or ends with a blank"),
        (b"canary\n\n", "secret holds no client secret"),
        (None, "cannot be read from secret: No such file or directory"),
    ],
    ids=[
        *("empty", "empty-line", "two-lines", "control", "binary", "too-long"),
        *("blank-before", "blank-after", "line-after", "absent"),
    ],
)
def test_a_secret_file_without_a_secret_is_told(ebrule: CommandLine, content: bytes | None, said: str) -> None:
    """Nothing is asked of the org, and nothing of the file is shown."""
    if content is not None:
        (ebrule.folder / "secret").write_bytes(content)

    ran = ebrule("show", "demo-rule", "--client-secret-file", "secret")
    assert ran.code == 2
    assert said in ran.err
    assert "canary" not in ran.err


@pytest.mark.parametrize(
    "name", ["GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYSCLOUD_ACCESS_TOKEN"]
)
@pytest.mark.parametrize("value", ["c4nary\n", "c4nary\r\n", "c4nary\t", "c4\x1bnary"], ids=repr)
def test_a_variable_that_is_no_credential_is_wrong_usage(ebrule: CommandLine, name: str, value: str) -> None:
    """A line break at its end, or what cannot be seen, is told with the variable, and never with the value."""
    ebrule.environ[name] = value
    ran = ebrule("show", "demo-rule")

    assert (2, "") == (ran.code, ran.out)
    assert ran.err.startswith(f"error: {name} ")
    assert "c4" not in ran.err


def test_standard_input_with_a_blank_is_no_secret(offline: CommandLine) -> None:
    """One line break at its end is a file's own; anything else before or after the secret is an error."""
    command = ("show", "demo-rule", "--region", "eu-west-1", "--client-secret-file", "-")
    ran = offline(*command, stdin="c4nary \n")

    assert (2, True) == (ran.code, ran.err.startswith("error: standard input begins or ends with a blank\n"))
    assert "c4nary" not in ran.err


@pytest.mark.parametrize("given", ["-", "fifo"])
def test_a_secret_that_does_not_come_is_not_waited_for(offline: CommandLine, given: str) -> None:
    """Where standard input stays open, or nobody writes into a FIFO, the deadline ends the command."""
    os.mkfifo(offline.folder / "fifo")
    command = ("show", "demo-rule", "--region", "eu-west-1", "--client-secret-file", given, "--deadline", "0.2")
    with offline.start(*command) as process:
        assert process.wait(HANG_GUARD_SECONDS) == 7
        assert process.stderr is not None
        assert "before the deadline" in process.stderr.read()


def test_standard_input_cannot_be_two_things(ebrule: CommandLine) -> None:
    """The rule file or the secret, not both."""
    ran = ebrule("update", "--file", "-", "--client-secret-file", "-", stdin="canary")

    assert ran.code == 2
    assert "standard input cannot be two things at once" in ran.err


# --- completion --------------------------------------------------------------------------------------


def completed(command_line: CommandLine, *words: str) -> list[str]:
    """Return what a shell is offered at the end of a command line."""
    command_line.environ |= {
        "_EBRULE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("ebrule", *words)),
        "COMP_CWORD": str(len(words)),
    }
    ran = command_line()
    assert ran.err == ""
    return ran.out.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "--profile", "ni"), ["night"]),
        (("show", "--kind", "eventbridge-"), ["eventbridge-source"]),
        (("show", "--region", "eu-west"), ["eu-west-1", "eu-west-2"]),
        (("audit", "show", "--result", "up"), ["updated"]),
        (("audit", "show", "--kind", "tr"), ["trigger"]),
        (("explain", "prior"), ["priority-range"]),
        (("sandbox", "serve", "--fault", "status-"), ["status-after"]),
        (("sandbox", "serve", "--stores", "tr"), ["truncated", "trimmed"]),
        (("sandbox", "serve", "--stores", "sorted,tri"), ["sorted,trimmed"]),
    ],
    ids=str,
)
def test_names_that_this_machine_knows_are_completed(
    ebrule: CommandLine, words: tuple[str, ...], expected: list[str]
) -> None:
    """Profiles of the files, kinds, regions, results, ids of problems, and the sandbox's faults and ways to store."""
    profile_file(ebrule)

    assert expected == completed(ebrule, *words)


@pytest.mark.parametrize("words", [("audit", "show", "--rule-id"), ("rollback", "--rule-id"), ("show",)], ids=str)
def test_rules_of_the_ledger_are_completed(offline: CommandLine, words: tuple[str, ...]) -> None:
    """The newest first, each once, and no text that is no id."""
    offline.state.mkdir()
    write_ledger(offline.ledger)

    assert ["night", "night-audit", "night-2"] == completed(offline, *words, "ni")


def test_rules_of_another_ledger_are_completed(offline: CommandLine) -> None:
    """The ledger may have been named before."""
    write_ledger(offline.folder / "other.jsonl")
    found = completed(offline, "audit", "show", "--audit-log", "other.jsonl", "--rule-id", "ni")

    assert ["night", "night-other", "night-2"] == found


def write_ledger(path: Path) -> None:
    """Write a ledger of several rules, one of them with a name that no rule can have."""
    ledger = LedgerWriter(path)
    for number, rule_id in enumerate(["night", "night-2", "day", f"night-{path.stem}", "night$(reboot)", "night"]):
        ledger.update(number, rule_id=rule_id)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_an_option_and_its_value_in_one_word_are_completed(offline: CommandLine, shell: str) -> None:
    """Shells that take ``--region=eu`` for one word are offered the whole of it."""
    offline.environ |= {
        "_EBRULE_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": "ebrule show x --region=eu-west-1",
    }

    assert "--region=eu-west-1" in offline().out


def test_completion_never_fails(offline: CommandLine) -> None:
    """A file that cannot be read completes to nothing, in silence."""
    offline.environ["EBRULE_CONFIG"] = offline.file("broken.toml", "[")

    assert [] == completed(offline, "show", "--profile", "ni")


# --- proxies ------------------------------------------------------------------------------------------------------


@pytest.mark.loopback
@pytest.mark.parametrize(
    "environ",
    [
        {"NO_PROXY": "localhost,fd00::/8"},
        {"NO_PROXY": "[::1]"},
        {"ALL_PROXY": "socks5://proxy.example:1080"},
        {"HTTPS_PROXY": "://nonsense", "HTTP_PROXY": "http://[::1", "ALL_PROXY": "x y:z"},
    ],
    ids=["ipv6-network", "brackets", "socks", "nonsense"],
)
def test_what_the_environment_says_of_proxies_does_not_stop_loopback(
    ebrule: CommandLine, environ: dict[str, str]
) -> None:
    """Neither an org on this machine nor the sandbox is reached through a proxy."""
    ebrule.environ |= environ

    assert ebrule(*READ).code == 0
    del ebrule.environ["EBRULE_API_URL"]
    assert ebrule(*READ, "--region", "sandbox").code == 0


@pytest.mark.parametrize("command", [READ, ("webhook", "test"), ("webhook", "flush"), ("update", "-f", "rule.yaml")])
@pytest.mark.parametrize("url", ["http://user:canary@proxy.example", "http://canary@proxy.example", "u:can/ary@x"])
def test_a_proxys_password_is_no_option(offline: CommandLine, command: tuple[str, ...], url: str) -> None:
    """Every user of the machine can read a command line; the variable that takes it is named instead."""
    ran = offline(*command, "--proxy", url)

    assert ran.code == 2
    assert ran.err == (
        "error: --proxy must have no user or password: other users of this machine can read a command line\n"
        "Set HTTPS_PROXY in the environment instead.\n"
    )


def test_an_unusable_proxy_is_named_by_its_variable(offline: CommandLine) -> None:
    """Before anything is sent, also where only the webhook's receiver needs it; its password is not shown."""
    offline.environ |= {
        "GENESYSCLOUD_REGION": "eu-west-1",
        "GENESYSCLOUD_OAUTHCLIENT_ID": "i",
        "GENESYSCLOUD_OAUTHCLIENT_SECRET": "s",
        "https_proxy": "socks4://user:canary@proxy.example",
    }

    for command in (READ, ("webhook", "test", "--webhook-url", "https://receiver.example")):
        ran = offline(*command)
        assert (2, "error: invalid proxy URL in https_proxy") == (ran.code, ran.err.splitlines()[0])
        assert "canary" not in ran.out + ran.err


# --- what helps to find a mistake ---------------------------------------------------------------------------------

BUG = """
import urllib.parse

as_it_is = urllib.parse.urlsplit


def urlsplit(url, *arguments):
    if "canary" in url:
        secret = url
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise RuntimeError(secret) from error
    return as_it_is(url, *arguments)


urllib.parse.urlsplit = urlsplit
"""


@pytest.mark.parametrize(
    ("words", "debug", "shows"),
    [
        ((), "", False),
        ((), "0", False),
        ((), "1", True),
        (("--verbose",), "", True),
        (("-vpx",), "", True),
        (("-p", "-v"), "", False),
        (("-pv",), "", False),
    ],
    ids=["plain", "off", "variable", "option", "short", "value", "glued-value"],
)
def test_a_bug_shows_where_it_is_to_who_asks(
    offline: CommandLine, words: tuple[str, ...], debug: str, shows: bool
) -> None:
    """The lines that led there, causes first, and neither local variables nor messages, which may hold secrets."""
    (offline.folder / "sitecustomize.py").write_text(BUG)
    offline.environ |= {"PYTHONPATH": str(offline.folder), "EBRULE_DEBUG": debug}
    offline.environ["EBRULE_CONFIG"] = offline.file("config.toml", '[x]\nregion = "sandbox"\n[v]\n["-v"]\n')
    ran = offline("show", "x", *words, "--api-url", "https://canary.example", "-o", "json")

    assert (1, "bug") == (ran.code, ran.json["error"]["code"])
    assert "canary" not in ran.err.replace('"canary" in url', "")
    lines = ran.err.splitlines()
    assert "error: a bug in ebrule: RuntimeError at " in ran.err
    assert shows == ("builtins.RuntimeError" in lines)
    if shows:
        assert (
            lines.index("builtins.KeyError") + 1 == lines.index("which led to:") < lines.index("builtins.RuntimeError")
        )
        assert any('settings/__init__.py", line ' in line for line in lines)


@pytest.mark.loopback
def test_each_request_is_logged_where_the_environment_says_so(ebrule: CommandLine) -> None:
    """As with ``--verbose``, for a pipeline whose commands nobody wants to change."""
    ebrule.environ["EBRULE_DEBUG"] = "1"

    ran = ebrule(*READ)
    assert (0, ["POST", "GET"]) == (ran.code, [line.split()[0] for line in ran.err.splitlines()])
