"""Print what an update costs, beside what users do today: ``python tests/benchmarks/update.py``.

Each way makes the same change on the same sandbox: a curl script, the tutorial's sequence with plain httpx and with the
official SDK, and ``ebrule update``. The ways take turns, so that a busy moment meets all of them, and each run changes
the rule and announces that. Told are medians of whole processes; each way's first run does not count.

The SDK is no part of ebrule's development: ``--sdk-python`` names the Python of an environment with
``pip install PureCloudPlatformClientV2 httpx``. ``--python`` names that of one with ``pip install .``, which is what
users have: in an environment with click and Pygments, httpx imports these too, and rich.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import RUNS, Line, Measured, Plot, Results, add_out, add_python, add_sdk_python, run
from receiver import Receiver, receiving
from reliability.measure import table
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

HERE: Final = Path(__file__).parent
RULE_ID: Final = "demo-rule"
GOALS: Final = (
    ("wall time", 50, 10, "curl", 0.65),
    ("wall time", 50, 10, "SDK", 0.20),
    ("wall time", 0, 1, "SDK", 0.15),
    ("wall time", 0, 10, "SDK", 0.15),
    ("peak memory", 0, 10, "SDK", 0.30),
)
"""What of, at which latency in ms, with how many targets: ebrule needs at most so much of what another way needs."""
HEADINGS: Final = (
    "latency, ms", "targets", "way", "wall, ms", "from", "to", "of ebrule's", "CPU, ms", "peak, MB", "requests",
    "chain",
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One way to make an update: a command that takes the rule's id and a rule file."""

    name: str
    command: tuple[str, ...]

    def call(self, file: Path) -> list[str]:
        """Return the whole command line."""
        if self.name == "ebrule":
            return [*self.command, "update", "--rule-id", RULE_ID, "--file", str(file.with_suffix(".yaml"))]
        return [*self.command, RULE_ID, str(file.with_suffix(".json"))]


@dataclass
class Cost:
    """What one way needs at one latency with so many targets: medians of all runs.

    ``chain`` is the longest chain of requests each of which waited for the one before, the webhook's included; without
    latency it cannot be told.
    """

    latency_ms: int
    targets: int
    way: str
    seconds: float
    fastest: float
    slowest: float
    cpu_seconds: float
    peak_mb: float
    requests: int
    chain: int | None


def ways(python: Path, sdk_python: str | None) -> list[Way]:
    """Return the ways that this machine has; say which it has not."""
    script = str(HERE / "script.py")
    found = [Way("ebrule", (str(python.with_name("ebrule")),))]
    if shutil.which("curl") and shutil.which("jq"):
        found.append(Way("curl", ("sh", str(HERE / "curl.sh"))))
    else:
        sys.stderr.write("no row for curl: it takes curl and jq\n")
    found.append(Way("httpx", (str(python), script, "httpx")))
    if sdk_python:
        found.append(Way("SDK", (sdk_python, script, "sdk")))
    else:
        sys.stderr.write("no row for the SDK: give --sdk-python\n")
    return found


def rule_files(folder: Path, targets: int) -> list[Path]:
    """Write two states of the rule, each as YAML and as JSON, and return them without their endings."""
    rule = {
        "name": "Call Duration Filter",
        "description": "Captures answered calls",
        "status": "enabled",
        "conditions": [{"field": "attributes.callDuration", "operator": "greaterThan", "value": 30}],
        "targets": [
            {
                "id": f"target-{number:03}",
                "type": "webhook",
                "url": f"https://internal.example.com/{number}",
                "headers": {"X-Source": "EventBridge"},
            }
            for number in range(1, targets + 1)
        ],
    }
    files = []
    for priority in (10, 20):
        file = folder / f"rule-{targets}-{priority}"
        state = {**rule, "priority": priority}
        file.with_suffix(".json").write_text(json.dumps(state))
        file.with_suffix(".yaml").write_text(yaml.safe_dump(state, sort_keys=False))
        files.append(file)
    return files


class Stage:
    """A sandbox of some latency and a receiver of webhooks, with the commands' environment."""

    def __init__(self, folder: Path, latency_ms: int, receiver: Receiver) -> None:
        self.latency_ms = latency_ms
        self.receiver = receiver
        self.sandbox = SandboxProcess(folder / "sandbox", latency_ms=latency_ms)
        client_id, secret = self.sandbox.credentials
        self.settings = {
            "EBRULE_API_URL": self.sandbox.url,
            "EBRULE_WEBHOOK_URL": receiver.url,
            "EBRULE_STATE_DIR": str(folder),
            "GENESYSCLOUD_OAUTHCLIENT_ID": client_id,
            "GENESYSCLOUD_OAUTHCLIENT_SECRET": secret,
        }

    def update(self, way: Way, file: Path) -> tuple[Measured, list[datetime]]:
        """Run one update, and return with what it cost when its requests were answered."""
        versions, events = len(self.sandbox.history(RULE_ID)), len(self.receiver.received)
        seen = len(self.sandbox.answered())
        measured = run(way.call(file), **self.settings)
        if (len(self.sandbox.history(RULE_ID)), len(self.receiver.received)) != (versions + 1, events + 1):
            raise SystemExit(f"error: {way.name} did not change the rule once and announce that")
        return measured, sorted(self.sandbox.answered()[seen:])


def chain(answered: Sequence[datetime], latency_ms: int) -> int | None:
    """Return how many requests waited for each other: each was asked for after the one before was answered.

    The webhook's is one more: it waits for the last, and another server answers it.
    """
    if not latency_ms:
        return None
    latency, count, last = timedelta(milliseconds=latency_ms), 0, None
    for end in answered:
        if last is None or end - latency >= last:
            count, last = count + 1, end
    return count + 1


@contextlib.contextmanager
def stage(latency_ms: int) -> Iterator[Stage]:
    """Give a stage that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="ebrule-benchmark-") as folder, receiving() as receiver:
        made = Stage(Path(folder), latency_ms, receiver)
        with contextlib.closing(made.sandbox):
            yield made


def measured(at: Stage, found: Sequence[Way], targets: int, runs: int, folder: Path) -> list[Cost]:
    """Return what each way needs with so many targets."""
    files = rule_files(folder, targets)
    costs: dict[str, list[tuple[Measured, list[datetime]]]] = {way.name: [] for way in found}
    number = 0
    for _ in range(runs + 1):
        for way in found:
            number += 1
            costs[way.name].append(at.update(way, files[number % 2]))
        sys.stderr.write(".")
        sys.stderr.flush()
    sys.stderr.write(f" {at.latency_ms} ms, {targets} targets\n")
    return [_cost(at, targets, way.name, costs[way.name][1:]) for way in found]


def _cost(at: Stage, targets: int, way: str, found: Sequence[tuple[Measured, list[datetime]]]) -> Cost:
    seconds = [each.seconds for each, _ in found]
    chains = [chain(answered, at.latency_ms) for _, answered in found]
    return Cost(
        at.latency_ms,
        targets,
        way,
        median(seconds),
        min(seconds),
        max(seconds),
        median(each.cpu_seconds for each, _ in found),
        median(each.peak_bytes for each, _ in found) / 1e6,
        int(median(len(answered) for _, answered in found)) + 1,
        int(median(each or 0 for each in chains)) or None,
    )


def report(costs: Sequence[Cost]) -> str:
    """Return the table, and below it what became of the goals."""
    rows: list[Sequence[object]] = [HEADINGS]
    own = {(cost.latency_ms, cost.targets): cost for cost in costs if cost.way == "ebrule"}
    for cost in costs:
        times = [f"{1000 * each:.0f}" for each in (cost.seconds, cost.fastest, cost.slowest)]
        ratio = f"{cost.seconds / own[cost.latency_ms, cost.targets].seconds:.1f} x"
        rest = (f"{1000 * cost.cpu_seconds:.0f}", cost.peak_mb, cost.requests, cost.chain or "")
        rows.append((cost.latency_ms, cost.targets, cost.way, *times, ratio, *rest))
    return "\n".join([table(rows), "", *_goals(costs)])


def _goals(costs: Sequence[Cost]) -> Iterator[str]:
    by = {(cost.latency_ms, cost.targets, cost.way): cost for cost in costs}
    for what, latency, targets, way, most in GOALS:
        own, other = by.get((latency, targets, "ebrule")), by.get((latency, targets, way))
        if own and other:
            part = own.seconds / other.seconds if what == "wall time" else own.peak_mb / other.peak_mb
            verdict = "reached" if part <= most else "MISSED"
            yield f"{what}, {latency} ms, {targets} targets: {part:.2f} of {way}, goal {most:.2f}: {verdict}"


def plots(costs: Sequence[Cost]) -> list[Plot]:
    """Return how the wall time grows with the targets, where there are enough points to see that."""
    found = []
    for latency in sorted({cost.latency_ms for cost in costs}):
        names = dict.fromkeys(cost.way for cost in costs)
        at = [cost for cost in costs if cost.latency_ms == latency]
        lines = [Line(name, [(cost.targets, cost.seconds) for cost in at if cost.way == name]) for name in names]
        if len(lines[0].points) > 2:
            title = f"An update as targets grow, at {latency} ms latency"
            found.append(Plot(f"update-{latency}ms", title, "targets of the rule", "wall time, s", lines))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print what an update costs, beside what users do today.")
    parser.add_argument("--latency-ms", type=int, nargs="+", default=[0, 50], help="of the sandbox")
    parser.add_argument("--targets", type=int, nargs="+", default=[1, 10], help="of the rule, 200 at most")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each way (default: %(default)s)")
    add_python(parser)
    add_sdk_python(parser)
    add_out(parser)
    options = parser.parse_args()
    found = ways(options.python, options.sdk_python)
    costs: list[Cost] = []
    for latency in options.latency_ms:
        with stage(latency) as at, tempfile.TemporaryDirectory(prefix="ebrule-benchmark-") as folder:
            for targets in options.targets:
                costs += measured(at, found, targets, options.runs, Path(folder))
    rows: list[dict[str, Any]] = [vars(cost) for cost in costs]
    Results("update", report(costs), rows, plots(costs)).tell(options.out)


if __name__ == "__main__":
    main()
