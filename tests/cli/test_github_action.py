"""The composite action: its run script, given the environment variables and files that a runner gives."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "update"
EXAMPLE = ROOT / "examples" / "rule.yaml"
PATIENCE_SECONDS = 60

HOSTILE = "<script>x()</script> | `b` **c**\n| d | [e](//f) @g\n::error::h\n##[error]i &lt; \u202e <!--"


@dataclass(frozen=True)
class Ran:
    """What a run of the script left behind."""

    exit_code: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    summary: str


class RunAction(Protocol):
    """Runs the script; inputs are named as in ``action.yml``."""

    def __call__(self, **inputs: str) -> Ran:
        """Run it once."""


class Runner:
    """A runner's temporary folder, files and environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "temp").mkdir()
        (folder / "workspace").mkdir()
        self.output = folder / "output"
        self.summary = folder / "summary"
        self.environ = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "EBRULE_STATE_DIR": str(folder / "state"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "RUNNER_TEMP": str(folder / "temp"),
        }

    def start(self, **inputs: str) -> subprocess.Popen[str]:
        """Start the script with the inputs and with the files of a new step."""
        self.output.write_text("")
        self.summary.write_text("")
        names = yaml.safe_load((ACTION / "action.yml").read_text())["inputs"]
        given_inputs = dict.fromkeys(names, "") | {"dry-run": "false"}
        given_inputs |= {name.replace("_", "-"): value for name, value in inputs.items()}
        variables = {f"INPUT_{name.upper().replace('-', '_')}": value for name, value in given_inputs.items()}
        return subprocess.Popen(
            [str(ACTION / "run.sh")],
            cwd=self.folder / "workspace",
            env=self.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for the script's end, and read what it wrote."""
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
        outputs = parse_outputs(self.output.read_text())
        return Ran(process.returncode, stdout, stderr, outputs, self.summary.read_text())

    def instead_of_ebrule(self, script: str) -> None:
        """Let another program be called where ebrule should be."""
        program = self.folder / "ebrule"
        program.write_text(f"#!{sys.executable}\n{script}")
        program.chmod(0o700)
        self.environ["PATH"] = os.pathsep.join([str(self.folder), self.environ["PATH"]])


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Give a runner of the test's own."""
    return Runner(tmp_path)


@pytest.fixture
def run_action(runner: Runner) -> RunAction:
    """Give a function that runs the script to its end."""

    def run(**inputs: str) -> Ran:
        return runner.finish(runner.start(**inputs))

    return run


@pytest.fixture(scope="module")
def summary_module() -> ModuleType:
    """Give ``summary.py`` as a module, to test its parts."""
    spec = importlib.util.spec_from_file_location("summary", ACTION / "summary.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parse_outputs(text: str) -> dict[str, str]:
    """Read the file of outputs as the runner does: name, ``<<``, delimiter, and lines up to the delimiter."""
    outputs = {}
    lines = iter(text.removesuffix("\n").split("\n") if text else [])
    for line in lines:
        name, _, delimiter = line.partition("<<")
        assert delimiter, f"not an output: {line!r}"
        outputs[name] = "\n".join(iter(lambda: next(lines), delimiter))
    return outputs


class Page(HTMLParser):
    """The tables of a rendered page, its other text, and the tags that it uses."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.text = ""
        self._in_cell = False
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Begin a row or a cell."""
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        """Keep text where it stands."""
        if self._in_cell:
            self.rows[-1][-1] += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        """Keep that there is a comment."""
        self.tags.add("!--")


def rule_file(folder: Path, **fields: Any) -> str:
    """Write the example with other fields, and give its path."""
    path = folder / "rule.yaml"
    path.write_text(json.dumps({**yaml.safe_load(EXAMPLE.read_text()), **fields}))
    return str(path)


@pytest.mark.loopback
def test_an_update_sets_the_outputs_and_shows_the_diff(run_action: RunAction) -> None:
    """An update ends with 0; its outputs and its summary say what changed."""
    ran = run_action(file=str(EXAMPLE), region="sandbox", reason="--dry-run")

    assert ran.exit_code == 0, ran.stderr
    changes = json.loads(ran.outputs.pop("changes"))
    ledger = Path(ran.outputs.pop("ledger"))
    records = [json.loads(line) for line in ledger.read_text().splitlines()]
    head = hashlib.sha256(ledger.read_bytes().splitlines()[-1]).hexdigest()
    assert {"head": head, "operation-id": records[0]["operation_id"]} == {
        name: ran.outputs.pop(name) for name in ("head", "operation-id")
    }
    assert ran.outputs == {"result": "updated", "version": "8", "exit-code": "0"}
    assert json.loads(ran.stdout)["changes"] == changes
    page = Page(ran.summary)
    assert "ebrule update: demo-rule" in page.text
    assert "Updated, version 7 to 8." in page.text
    assert f"Head of the ledger: {head}" in page.text
    assert page.rows[0] == ["field", "before", "after"]
    assert ["priority", "10", "50"] in page.rows
    assert len(changes) + 1 == len(page.rows)
    assert records[0]["reason"] == "--dry-run"


@pytest.mark.loopback
def test_a_dry_run_changes_nothing(run_action: RunAction) -> None:
    """With dry-run the summary shows the plan, and a second run still finds the same to do."""
    first, second = (run_action(file=str(EXAMPLE), region="sandbox", dry_run="true") for _ in range(2))

    assert tuple(first.outputs[name] for name in ("result", "version", "exit-code")) == ("planned", "7", "0")
    assert ["priority", "10", "50"] in Page(first.summary).rows
    assert first.outputs == second.outputs


@pytest.mark.loopback
def test_an_invalid_rule_ends_with_3_and_shows_each_problem(run_action: RunAction, tmp_path: Path) -> None:
    """A wrong file ends the step with ebrule's own code; log and summary both say what is wrong."""
    ran = run_action(file=rule_file(tmp_path, priority=1001), region="sandbox")

    assert (ran.exit_code, ran.outputs["result"], ran.outputs["exit-code"]) == (3, "failed", "3")
    (problem,) = json.loads(ran.stdout)["error"]["problems"]
    page = Page(ran.summary)
    assert "Failed with exit code 3." in page.text
    assert [str(problem["line"]), problem["id"], problem["message"]] == page.rows[1]
    (mark,) = re.findall(r"^::error (.*?)::", ran.stderr, re.MULTILINE)
    assert {f"file={tmp_path}/rule.yaml", f"line={problem['line']}"} <= set(mark.split(","))


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("fields", "exit_code"),
    [
        pytest.param({"name": HOSTILE}, 0, id="name"),
        pytest.param({"description": HOSTILE}, 0, id="description"),
        pytest.param({"status": HOSTILE}, 3, id="status"),
        pytest.param({HOSTILE: HOSTILE}, 3, id="key"),
    ],
)
def test_hostile_text_of_a_rule_stays_text(
    run_action: RunAction, tmp_path: Path, fields: dict[str, str], exit_code: int
) -> None:
    """Whether the rule is taken or refused, no text of it becomes markup, an output or a workflow command."""
    ran = run_action(file=rule_file(tmp_path, **fields), region="sandbox")

    assert ran.exit_code == exit_code
    page = Page(ran.summary)
    assert page.tags <= {"h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert {3} == {len(row) for row in page.rows}
    told = ran.stderr.split("\n")
    marks = [line for line in told if line.startswith("::error file=")]
    log = [*ran.stdout.splitlines(), *(line for line in told if line not in marks)]
    assert exit_code == 0 or marks != []
    assert not re.search(r"^\s*::|##\[|\x1b|\u202e", "\n".join(log), re.MULTILINE)
    assert set(yaml.safe_load((ACTION / "action.yml").read_text())["outputs"]) == set(ran.outputs)


@given(text=st.text(max_size=150))
def test_a_cell_reads_exactly_as_its_value(summary_module: ModuleType, text: str) -> None:
    """Any text survives rendering: one cell, no markup, the text's JSON in it."""
    lines = summary_module.table(["a", "b"], [[summary_module.cell(text), summary_module.cell(1)]])

    page = Page("\n".join(lines))

    assert page.tags <= {"code", "table", "thead", "tbody", "tr", "th", "td"}
    (_, (shown, one)) = page.rows
    assert one == "1"
    assert shown.isprintable()
    shortened = shown.endswith("…") and len(shown) > 150
    assert shortened or text == json.loads(shown)


def test_long_summaries_are_cut_short(summary_module: ModuleType) -> None:
    """A summary keeps far below the runner's limit: long values are cut, most of 500 changes counted."""
    changes = [{"path": f"p{n}", "before": None, "after": "x" * 10_000} for n in range(500)]

    text = summary_module.summary({"result": "planned", "rule_id": "r", "base_version": 7, "changes": changes}, 0)

    assert "… and 400 more." in text
    assert len(text.encode()) < 100_000


def test_what_is_still_pending_is_said(summary_module: ModuleType) -> None:
    """The summary of exit code 8 tells which follow-up is missing."""
    updated = {"result": "updated", "base_version": 7, "version": 8}

    assert "not delivered yet" in summary_module.summary({**updated, "webhook": "pending"}, 8)
    assert "not recorded" in summary_module.summary({**updated, "webhook": "delivered"}, 8)


def test_a_conflict_is_shown_side_by_side(summary_module: ModuleType) -> None:
    """The summary of exit code 5 shows what was, what the file says, and what the other one wrote."""
    conflict = [{"path": "priority", "base": 10, "ours": 50, "theirs": 77}]
    error = {"message": "conflict: a|b", "hint": None, "problems": [], "conflict": conflict}

    page = Page(summary_module.summary({"result": "failed", "error": error}, 5))

    assert page.rows == [["field", "was", "yours", "theirs"], ["priority", "10", "50", "77"]]
    assert "conflict: a|b" in page.text


@pytest.mark.parametrize("dry_run", ["yes", "True", " true", "", "1"])
def test_a_misspelt_dry_run_updates_nothing(runner: Runner, dry_run: str) -> None:
    """A dry-run that is neither true nor false ends the step before ebrule is called."""
    runner.instead_of_ebrule("raise SystemExit('ebrule was called')")

    ran = runner.finish(runner.start(file="rule.yaml", dry_run=dry_run))

    assert (ran.exit_code, ran.stderr) == (2, "error: the input dry-run must be true or false\n")


def test_inputs_are_neither_shell_nor_options(runner: Runner, run_action: RunAction) -> None:
    """Each input reaches ebrule as one value, and the webhook's URL not on the command line."""
    runner.instead_of_ebrule(
        "import json, os, sys\n"
        "changes = [sys.argv[1:], os.environ['EBRULE_WEBHOOK_URL']]\n"
        "print(json.dumps({'result': 'failed', 'changes': changes}))\n"
    )
    nasty = "--region=x; $(touch /) `id` \"'"

    ran = run_action(file=nasty, rule_id=nasty, region=nasty, reason=nasty, webhook_url="https://h/T0KEN")

    arguments = [f"--{name}={nasty}" for name in ("file", "rule-id", "region", "reason")]
    expected = [["update", "--output=json", *arguments], "https://h/T0KEN"]
    assert expected == json.loads(ran.stdout)["changes"]


@pytest.mark.parametrize("code", [1, 9, 11, 137])
def test_a_run_without_a_result_is_unknown(runner: Runner, run_action: RunAction, code: int) -> None:
    """Where ebrule ended before it could print, the step ends with its code, and the result is unknown."""
    runner.instead_of_ebrule(f"raise SystemExit({code})")

    ran = run_action(file="rule.yaml")

    assert code == ran.exit_code
    assert ("unknown", str(code)) == (ran.outputs["result"], ran.outputs["exit-code"])
    assert "not known whether the update was applied" in ran.summary


def test_an_unwritable_summary_does_not_change_the_exit_code(runner: Runner, run_action: RunAction) -> None:
    """What ebrule said of the update counts, also where the runner's files cannot be written."""
    runner.instead_of_ebrule("print('no JSON')\nraise SystemExit(8)")

    ran = run_action(file="rule.yaml")

    assert ran.exit_code == 8
    assert "warning: the outputs and the summary could not be written" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_lets_ebrule_finish(runner: Runner, number: signal.Signals) -> None:
    """A signal to the script reaches ebrule, and it is ebrule's own exit code and result that still count."""
    runner.instead_of_ebrule(
        "import signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "print('ready', file=sys.stderr, flush=True)\n"
        "signal.sigwait([signal.SIGTERM])\n"
        'print(\'{"result": "updated", "base_version": 7, "version": 8}\')\n'
    )
    process = runner.start(file="rule.yaml")
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"

    process.send_signal(number)
    ran = runner.finish(process)

    assert (ran.exit_code, ran.outputs["result"]) == (0, "updated")


def test_no_expression_stands_in_shell_text() -> None:
    """The action passes its inputs through the environment only, each as the variable that run.sh reads."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())

    steps = action["runs"]["steps"]
    assert not [step for step in steps if "${{" in step.get("run", "")]
    passed = {name: value for name, value in steps[1]["env"].items() if re.fullmatch(r"\$\{\{ inputs\.\S+ \}\}", value)}
    names = action["inputs"].keys() - {"keep-ledger"}
    assert {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in names} == passed


def test_the_ledger_is_kept_whatever_became_of_the_update() -> None:
    """The last step uploads the file that the update wrote, also after a failure, under a name of its own."""
    (*_, update, upload) = yaml.safe_load((ACTION / "action.yml").read_text())["runs"]["steps"]

    assert re.fullmatch(r"actions/upload-artifact@[0-9a-f]{40}", upload["uses"])
    assert upload["if"].startswith("always() && inputs.keep-ledger == 'true'")
    assert update["id"] == "update"
    assert "${{ steps.update.outputs.ledger }}" == upload["with"]["path"]
    assert "steps.update.outputs.operation-id" in upload["with"]["name"]


@pytest.mark.parametrize(
    ("environ", "extras"),
    [
        ({}, ""),
        ({"INPUT_REGION": "sandbox"}, "[sandbox]"),
        ({"EBRULE_AUDIT_OTLP": "https://collector.example"}, "[otel]"),
        ({"GENESYSCLOUD_REGION": "sandbox", "EBRULE_AUDIT_OTLP": "https://collector.example"}, "[sandbox,otel]"),
    ],
)
def test_only_the_extras_that_are_needed_are_installed(runner: Runner, environ: dict[str, str], extras: str) -> None:
    """The sandbox's framework and OpenTelemetry are there when an input or a variable asks for them."""
    said = runner.folder / "said"
    pip = runner.folder / "temp" / "ebrule" / "bin" / "python"
    pip.parent.mkdir(parents=True)
    for program, script in (
        (runner.folder / "python3", ""),
        (pip, f"import pathlib, sys\npathlib.Path({str(said)!r}).write_text(sys.argv[-1])\n"),
    ):
        program.write_text(f"#!{sys.executable}\n{script}")
        program.chmod(0o700)
    runner.environ["PATH"] = os.pathsep.join([str(runner.folder), runner.environ["PATH"]])

    subprocess.run([str(ACTION / "install.sh")], env=runner.environ | environ, check=True, timeout=PATIENCE_SECONDS)

    assert f"{ROOT}{extras}" == said.read_text()
