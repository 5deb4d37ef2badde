"""Writers in processes of their own, all busy with one org at once.

How each writer states its edit, and why that is honest: a rule file states only what its author means.
Every file here says the fields that a file must have, with the values that the rule has throughout (no
writer changes them); the ids of all targets, since a target that a file leaves out is taken away; and one
``url``, the writer's own edit. The other targets' ``url`` is left out, which means "as the org has it". So
no file ever asks for another writer's cell to have an older value, and whatever happens to such a cell is
ebrule's doing.

A file as ``ebrule show -o yaml`` prints it says all values; the runs of ``user_round`` begin with one.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import yaml
from pydantic import SecretStr

from ebrule import EbruleError, Options, Pace, UpdateOptions, load_settings, update_rule
from ebrule.core.transport import HttpxTransport
from ebrule.settings import Network
from reliability import rivals
from reliability.history import Claim, Verdict, Version, judge, version_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_process import SandboxProcess

_REQUIRED: Final = ("name", "status", "priority", "conditions")
_CONDITION: Final = ("field", "operator", "value")
_CLIENT: Final = ("sandbox", "sandbox-secret")


@dataclass(frozen=True)
class Job:
    """What one writer does.

    Attributes:
        writer: its number.
        rule_id: the rule that it edits.
        url: the org, or a proxy before it.
        folder: for files, the state and the ledger; the writers share it.
        fields: what a rule file must say beside its targets.
        targets: the ids of all targets.
        own: the target whose ``url`` it edits.
        shared: a target that it edits in every other round, and others do too.
        algorithm: ``ebrule``, or one of ``rivals.ALGORITHMS``.
        seed: makes its choices and its jitter repeatable.
        varied: whether the options change from round to round; otherwise they are the defaults.
        check_targets: whether each run asks whether the targets exist.
        read_seconds: after how long without a byte it gives up on a reply.
        haste: what its jitter is multiplied by; below 1 it waits less, which only makes the race denser.
        untidy: whether its values have capitals and blanks at their ends, which an org may not store.
    """

    writer: int
    rule_id: str
    url: str
    folder: str
    fields: dict[str, Any]
    targets: list[str]
    own: str
    shared: str | None = None
    algorithm: str = "ebrule"
    seed: int = 0
    varied: bool = False
    check_targets: bool = False
    read_seconds: float = 20.0
    haste: float = 1.0
    untidy: bool = False

    def edit(self, number: int) -> tuple[str, str]:
        """Return the target and the new ``url`` of a round, which no other round of any writer has."""
        target = self.shared if self.shared and number % 2 else self.own
        return target, f"https://writer-{self.writer}.example.com/{number}"

    def as_sent(self, value: str) -> str:
        """Return how an edit's value is sent."""
        return f" {value.replace('writer', 'Writer')} " if self.untidy else value


# --- the writer's side: runs in a process of its own ----------------------------------------------------


def ebrule_round(job: Job, number: int) -> Claim:
    """Make one edit with the library, as a long-lived program would; return what it said of it."""
    chance = random.Random(f"{job.seed} {job.writer} {number}")  # noqa: S311 - repeatable by intent
    target, value = job.edit(number)
    targets = [{"id": each, **({"url": job.as_sent(value)} if each == target else {})} for each in job.targets]
    file = Path(job.folder) / f"{job.rule_id}-{job.writer}.json"
    file.write_text(json.dumps({"id": job.rule_id, **job.fields, "targets": targets}))
    settings = load_settings(
        Options(
            api_url=job.url,
            client_id=_CLIENT[0],
            client_secret=SecretStr(_CLIENT[1]),
            state_dir=Path(job.folder) / "state",
        ),
        {},
    )
    options = UpdateOptions(check_targets=job.check_targets)
    deadline = 120.0
    if job.varied:
        options = UpdateOptions(
            check_targets=job.check_targets,
            on_conflict=chance.choice(["merge", "merge", "merge", "fail"]),
            max_attempts=chance.choice([10, 10, 10, 2]),
        )
        deadline = chance.choice([60.0, 60.0, 60.0, 60.0, 2.0])
    transport = HttpxTransport(Network(), secure=False)
    transport._direct.timeout = httpx.Timeout(job.read_seconds, connect=10.0)
    pace = Pace(deadline, random=lambda: job.haste * chance.random())
    story = ""
    try:
        result = update_rule(settings, file, options, pace=pace, environ={}, transport=transport)
    except EbruleError as error:
        problems = [problem.message for problem in getattr(error, "problems", ())]
        result, story = error.result, "; ".join((f"{error.code}: {error.message}", *problems))
    return Claim(
        job.writer,
        f"targets[{target}].url",
        value,
        result.exit_status,
        result.version,
        f"{result.result}{' (confirmed)' if result.confirmed else ''}",
        result.attempts,
        story,
    )


def worker() -> None:
    """Do what standard input says: first a job, then for each line so many rounds, with a claim for each."""
    job = Job(**json.loads(sys.stdin.readline()))
    one_round = ebrule_round if job.algorithm == "ebrule" else rivals.one_round
    _say("ready")
    number = 0
    for line in sys.stdin:
        for _ in range(int(line)):
            _say(json.dumps(asdict(one_round(job, number))))
            number += 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# --- the test's side ------------------------------------------------------------------------------------


class Fleet:
    """Writers that are ready, and start together; ``close`` ends them, as ``contextlib.closing`` does."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        path = [str(Path(__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "reliability.fleet"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environ,
            )
            for _ in jobs
        ]
        for process, job in zip(self._processes, jobs, strict=True):
            self._tell(process, json.dumps(asdict(job)))
        for process in self._processes:
            self._hear(process)

    def rounds(self, count: int) -> list[Claim]:
        """Let every writer make ``count`` edits, all at once, and return what each said of them."""
        for process in self._processes:
            self._tell(process, str(count))
        return [Claim(**json.loads(self._hear(process))) for process in self._processes for _ in range(count)]

    def close(self) -> None:
        """End the writers: at once, where they are still busy."""
        for process in self._processes:
            process.kill()
            process.communicate()

    @staticmethod
    def _tell(process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()

    @staticmethod
    def _hear(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"a writer died with {process.wait()}; its words are on standard error")
        return line


@dataclass(frozen=True)
class Ground:
    """One rule, prepared for its writers: the state before the first run, and what a rule file must say."""

    rule_id: str
    start: Version
    fields: dict[str, Any] = field(repr=False)
    targets: list[str] = field(repr=False)

    def judge(self, sandbox: SandboxProcess, claims: Sequence[Claim]) -> Verdict:
        """Hold claims about this rule against the sandbox's log."""
        steps = [version_of(step) for step in sandbox.history(self.rule_id)]
        return judge(self.start, [step for step in steps if step.parent >= self.start.version], claims)


def prepare(sandbox: SandboxProcess, rule_id: str, targets: Sequence[str]) -> Ground:
    """Give a rule the targets that are to be edited, by hand; the start is what the sandbox stored of it."""
    path = f"/api/v2/eventbridge/routing/rules/{rule_id}"
    with contextlib.closing(sandbox.client()) as client:
        rule = client.get(path).json()
        fields = {name: rule[name] for name in _REQUIRED}
        # As people write them, without what the org adds.
        fields["conditions"] = [{name: each[name] for name in _CONDITION} for each in rule["conditions"]]
        rule["targets"] += [{"id": each, "type": "webhook", "url": "https://start.example.com"} for each in targets]
        client.put(path, json=rule).raise_for_status()
    step = sandbox.history(rule_id)[-1]
    stored = json.loads(step.body)
    return Ground(rule_id, version_of(step), fields, [target["id"] for target in stored["targets"]])


def user_round(url: str, folder: Path, ground: Ground, writer: int, number: int) -> Claim:
    """Make one edit as a person does: show, edit the file, update, with the whole command line.

    The file names the version that it was made from. ``--on-conflict merge`` then merges onto what others
    changed since, where the ledger knows that version; where it does not, the run ends with 5.
    """
    target, value = ground.targets[-1 - writer], f"https://writer-{writer}.example.com/{number}"
    shown = _ebrule(url, folder, "show", ground.rule_id, "-o", "yaml")
    if shown.returncode:
        return Claim(writer, f"targets[{target}].url", value, shown.returncode, story=shown.stderr)
    rule = yaml.safe_load(shown.stdout)
    next(each for each in rule["targets"] if each["id"] == target)["url"] = value
    file = folder / f"user-{writer}.yaml"
    file.write_text(yaml.safe_dump(rule))
    ran = _ebrule(url, folder, "update", "--file", str(file), "--on-conflict", "merge", "--output", "json")
    said = json.loads(ran.stdout)
    story = (said["error"] or {}).get("message", "")
    return Claim(
        writer,
        f"targets[{target}].url",
        value,
        ran.returncode,
        said["version"],
        said["result"],
        said["attempts"],
        story,
    )


def _ebrule(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "EBRULE_STATE_DIR": str(folder / "state"),
        "EBRULE_API_URL": url,
        "GENESYSCLOUD_OAUTHCLIENT_ID": _CLIENT[0],
        "GENESYSCLOUD_OAUTHCLIENT_SECRET": _CLIENT[1],
    }
    return subprocess.run(
        [sys.executable, "-m", "ebrule", *arguments], env=environ, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    worker()
