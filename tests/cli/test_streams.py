"""What is printed, and where it goes, never changes what happened or what the exit code says."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command_line import EXAMPLE, HANG_GUARD_SECONDS
from ebrule.cli.render import Screen
from ebrule.errors import InterruptedRunError
from ebrule.pipeline.operation import UpdateResult
from receiver import receiving

if TYPE_CHECKING:
    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

UPDATE = ("update", "--file", "rule.yaml")


def shell(ebrule: CommandLine, arguments: str, redirection: str) -> int:
    """Run a command in a shell that redirects its streams; return its exit code."""
    script = f'"{sys.executable}" -m ebrule {arguments} {redirection}'
    return subprocess.run(
        ["bash", "-c", script], cwd=ebrule.folder, env=ebrule.environ, timeout=HANG_GUARD_SECONDS, check=False
    ).returncode


@pytest.mark.parametrize(
    "redirection", [">&-", "2>&-", ">/dev/full", "2>/dev/full", "> >(exec true)", "2> >(exec true)"]
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_stream_that_is_gone_changes_nothing(
    ebrule: CommandLine, sandbox: SandboxProcess, redirection: str, output: str
) -> None:
    """With closed, full and dead streams the update is done and recorded, and ends with 0; a refused one with 3."""
    ebrule.rule()
    assert shell(ebrule, f"update --file rule.yaml -v -o {output}", redirection) == 0
    assert len(sandbox.history()) == 1
    assert ebrule.records()[-1]["result"] == "updated"

    ebrule.rule(priority=0)
    assert shell(ebrule, f"update --file rule.yaml -o {output}", redirection) == 3


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    ["show demo-rule -o yaml", "show demo-rule", "schema", "validate rule.yaml -o json", "--help", "--version"],
)
@pytest.mark.parametrize(
    ("redirection", "why"), [("> /dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_a_command_that_only_tells_says_so_where_it_could_not(
    ebrule: CommandLine, command: str, unbuffered: str, redirection: str, why: str
) -> None:
    """On a full disk what is there is not whole, and a closed stream takes nothing: an error beside it, exit code 2."""
    ebrule.rule()
    ebrule.environ["PYTHONUNBUFFERED"] = unbuffered

    assert shell(ebrule, command, f"2> said {redirection}") == 2
    assert (ebrule.folder / "said").read_text() == (
        f"error: standard output cannot be written: {why}. What is there is not whole.\n"
    )


def test_a_closed_stream_is_no_place_for_a_file(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """With all three streams closed no file gets the number of one: nothing is printed into the ledger."""
    ebrule.rule()

    assert shell(ebrule, "update --file rule.yaml -v", "<&- >&- 2>&-") == 0
    assert ["intent", "outcome"] == [record["type"] for record in ebrule.records()]
    assert shell(ebrule, "validate -", "<&- > said") == 3
    assert "standard input is closed" in (ebrule.folder / "said").read_text()


def test_an_update_says_so_too_and_its_exit_code_stays_true(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """What happened to the rule goes before what happened to the print."""
    ebrule.rule()

    assert shell(ebrule, "update --file rule.yaml -o json", "> /dev/full 2> said") == 0
    assert len(sandbox.history()) == 1
    assert "standard output cannot be written: No space left on device" in (ebrule.folder / "said").read_text()


@pytest.mark.parametrize("command", ["show demo-rule", "schema", "--help", "audit show --help"])
def test_a_reader_that_has_enough_is_no_error(ebrule: CommandLine, command: str) -> None:
    """Where the next command of a pipe reads no more, there is nothing to tell."""
    assert shell(ebrule, command, "2> said | exec true; exit ${PIPESTATUS[0]}") == 0
    assert (ebrule.folder / "said").read_text() == ""


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="only Linux makes a pipe smaller")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_does_not_wait_gets_all(ebrule: CommandLine, unbuffered: str) -> None:
    """A parent may hand over a pipe that never blocks, and is often full: its reader gets every byte."""
    ebrule.environ["PYTHONUNBUFFERED"] = unbuffered
    text = "kind: eventbridge\n" + "".join(f"{'k' * 200}{number}: 1\n" for number in range(90))
    files = [ebrule.file(f"{number}.yaml", text) for number in range(3)]
    expected = ebrule("validate", *files).out
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4_096)
    os.set_blocking(writing, False)

    command = [sys.executable, "-m", "ebrule", "validate", *files]
    with (
        subprocess.Popen(command, cwd=ebrule.folder, env=ebrule.environ, stdout=writing),
        os.fdopen(reading, encoding="utf-8") as reader,
    ):
        os.close(writing)
        got = reader.read()

    assert len(expected) > 64 * 1024
    assert got == expected


def test_certificates_for_the_webhook_are_looked_at_first(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A file of certificates that is none is wrong usage before anything is sent, also if only the webhook needs it."""
    ebrule.rule()
    ran = ebrule(*UPDATE, "--webhook-url", "https://127.0.0.1:9/x", "--ca-file", ebrule.file("ca.pem", "nothing"))

    assert ran.code == 2
    assert sandbox.history() == []


@pytest.mark.parametrize("location", ["mailto:a@b", "javascript:x", "http://[::1", "http://xn--/"])
def test_a_redirect_to_nowhere_is_an_answer_like_any_other(ebrule: CommandLine, location: str) -> None:
    """A webhook that answers with an odd Location leaves the event pending, and the update done."""
    ebrule.rule()
    with receiving(302, location=location) as receiver:
        ran = ebrule(*UPDATE, "--webhook-url", receiver.url, "-o", "json")

    assert ran.code == 8
    assert (ran.json["result"], ran.json["webhook"]) == ("updated", "pending")


@pytest.mark.parametrize(
    "description", ["one\n::error::x\nthree", "x##[y", "a##vso[b]", "\u115f", "x\U000e0100", "\x1b[0m"]
)
def test_what_cannot_be_printed_as_it_is_survives_show(ebrule: CommandLine, description: str) -> None:
    """``show -o yaml`` spells such text so that it is harmless to print and the same when read."""
    ebrule.rule()
    ebrule("update", "--file", ebrule.file("odd.json", json.dumps({**rule_fields(ebrule), "description": description})))
    shown = ebrule("show", "demo-rule", "-o", "yaml").out

    assert ebrule("diff", "--exit-code", "-f", "-", stdin=shown).code == 0
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())


def rule_fields(ebrule: CommandLine) -> dict[str, object]:
    """Return the rule as the org has it, without what belongs to the org."""
    shown = ebrule("show", "demo-rule", "-o", "json").json
    return {name: shown[name] for name in ("name", "status", "priority", "conditions", "targets", "id")}


def test_a_secret_in_the_file_is_starred_out_of_the_excerpt(ebrule: CommandLine) -> None:
    """The line that is shown under a problem does not show a literal secret that stands on it."""
    text = EXAMPLE.read_text().replace("{X-Source: EventBridge}", '{Authorization: "Bearer literal-canary", X-N: 5}')
    ran = ebrule("validate", ebrule.file("rule.yaml", text))

    assert ran.code == 3
    assert "canary" not in ran.out
    assert "Authorization: ***" in ran.out


def test_a_last_output_option_counts_in_what_cannot_be_read(offline: CommandLine) -> None:
    """Wrong usage is told as JSON where the last ``--output`` asks for it, however it is spelled."""
    for asked in (["-vo", "json"], ["-ojson"], ["--output=json"], ["-o", "text", "-o", "json"]):
        ran = offline("update", "--frob", *asked)
        assert ran.code == 2
        assert ran.json["error"]["code"] == "usage"
    with contextlib.suppress(ValueError):
        pytest.fail(str(offline("update", "--frob", "-o", "json", "-o", "text").json))


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_json_is_printed_also_where_a_signal_ends_a_command_at_once(offline: CommandLine, signum: int) -> None:
    """The document is that of any run that was interrupted, to the letter."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        process = offline.start("validate", "-", "--output", "json")
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        assert process.stdin is not None
        process.stdin.write(" " * 200_000)  # more than a pipe holds: once it is written, the command reads
        process.stdin.flush()
        process.send_signal(signum)
        out, err = process.communicate(timeout=HANG_GUARD_SECONDS)

    expected = io.StringIO()
    Screen(expected).json(UpdateResult(error=InterruptedRunError(signum)).as_json())
    assert (128 + signum, expected.getvalue(), "") == (process.returncode, out, err)


@pytest.mark.loopback
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be", "utf-8-sig", "cp037"])
def test_any_encoding_of_the_streams_works_with_the_sandbox(ebrule: CommandLine, encoding: str) -> None:
    """Also one that ASCII is no part of, or with a mark before the text: what is printed can be read in it."""
    del ebrule.environ["EBRULE_API_URL"]
    ebrule.environ["PYTHONIOENCODING"] = encoding
    with ebrule.start("show", "demo-rule", "--region", "sandbox", "-v", "-o", "json", encoding=encoding) as process:
        out, err = process.communicate(timeout=HANG_GUARD_SECONDS)

    assert 0 == process.returncode
    assert "demo-rule" == json.loads(out)["id"]
    assert ["POST", "GET"] == [line.split()[0] for line in err.splitlines()]


_INTERRUPTED = """
import os, signal, sys


class Finder:
    def find_spec(self, name, *_):
        if name == os.environ.get("INTERRUPT_AT"):
            del os.environ["INTERRUPT_AT"]
            os.kill(os.getpid(), signal.SIGINT)


sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("module", ["ebrule.cli", "ebrule.cli.asked", "ebrule.cli.app", "typer", "pydantic"])
def test_an_interrupt_during_an_import_ends_in_silence(offline: CommandLine, module: str, output: str) -> None:
    """130 and no traceback, however little is loaded yet; one JSON document, where that is asked for."""
    (offline.folder / "sitecustomize.py").write_text(_INTERRUPTED)
    offline.environ |= {"PYTHONPATH": str(offline.folder), "INTERRUPT_AT": module}

    ran = offline("validate", offline.rule(), "-o", output)
    assert (130, "") == (ran.code, ran.err)
    assert "interrupted" == ran.json["error"]["code"] if output == "json" else ran.out == ""
