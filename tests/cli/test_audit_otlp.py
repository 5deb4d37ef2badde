"""``--audit-otlp`` copies the ledger's records to an OpenTelemetry collector.

The collector is an HTTP server that reads what arrives with OpenTelemetry's own protocol buffers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from receiver import receiving

if TYPE_CHECKING:
    from command_line import CommandLine
    from receiver import Receiver
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

REJECTED = ExportLogsServiceResponse(partial_success=ExportLogsPartialSuccess(rejected_log_records=1))


def origin(receiver: Receiver) -> str:
    """Give the collector's URL without a path."""
    return receiver.url.removesuffix("/events")


def arrived(receiver: Receiver) -> list[Any]:
    """Give the log records that a collector got, each with its resource's attributes."""
    found = []
    for _, body in receiver.received:
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            found += [(record, named) for scope in resource.scope_logs for record in scope.log_records]
    return found


def test_each_record_goes_to_the_collector(ebrule: CommandLine) -> None:
    """Intent, outcome and delivery arrive as they stand in the ledger, with what a search needs as attributes."""
    with receiving() as collector, receiving() as hook:
        options = ("--audit-otlp", origin(collector), "--audit-otlp-required", "--webhook-url", hook.url)
        ran = ebrule("update", "--file", ebrule.rule(), *options)

    assert (ran.code, ran.err) == (0, "")
    lines = ebrule.ledger.read_text().splitlines()
    assert lines == [record.body.string_value for record, _ in arrived(collector)]
    for line, (record, resource) in zip(lines, arrived(collector), strict=True):
        recorded = json.loads(line)
        attributes = {each.key: each.value.string_value for each in record.attributes}
        assert f"ebrule.{recorded['type']}" == record.event_name
        assert hashlib.sha256(line.encode()).hexdigest() == attributes["ebrule.head"]
        assert recorded["operation_id"] == attributes["ebrule.operation_id"]
        assert attributes["ebrule.rule_id"] == "demo-rule"
        assert resource["service.name"] == "ebrule"
        assert record.time_unix_nano % 1_000_000_000 == int(recorded["timestamp"][20:26]) * 1000
    assert {headers["content-type"] for headers, _ in collector.received} == {"application/x-protobuf"}


def test_the_environment_names_the_collector_for_every_command(ebrule: CommandLine) -> None:
    """With ``EBRULE_AUDIT_OTLP``, a flush's records arrive too; headers for the collector are the exporter's own."""
    with receiving() as collector, receiving(500, 500, 500, 200) as hook:
        ebrule.environ |= {
            "EBRULE_AUDIT_OTLP": f"{origin(collector)}/custom",
            "EBRULE_WEBHOOK_URL": hook.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=canary",
        }
        ebrule("update", "--file", ebrule.rule())
        ebrule("webhook", "flush")

    assert ebrule.ledger.read_text().splitlines() == [record.body.string_value for record, _ in arrived(collector)]
    assert {headers["x-key"] for headers, _ in collector.received} == {"canary"}
    assert "canary" not in ebrule.ledger.read_text()


def test_a_collector_that_is_down_is_worth_a_warning(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """The rule is changed, the ledger is whole, and the collector is not asked for each record."""
    with receiving() as gone:
        url = origin(gone)
    ran = ebrule("update", "--file", ebrule.rule(), "--audit-otlp", url)

    assert ran.code == 0
    assert ran.err.count("\n") == 1, ran.err
    assert f"warning: the collector {url}/v1/logs did not acknowledge the intent: it could not be reached" in ran.err
    assert len(sandbox.history()) == 1
    assert [record["type"] for record in ebrule.records()] == ["intent", "outcome"]


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        pytest.param(500, b"", "it answered 500", id="fails"),
        pytest.param(404, b"::error::\x1b[2J", "it answered 404", id="is-none"),
        pytest.param(307, b"", "it answered 307", id="redirects"),
        pytest.param(200, REJECTED.SerializeToString(), "it rejected the record", id="rejects"),
        pytest.param(200, b"<html>", "it answered as no collector does", id="talks-nonsense"),
    ],
)
def test_without_a_required_acknowledgement_nothing_is_sent(
    ebrule: CommandLine, sandbox: SandboxProcess, status: int, answer: bytes, why: str
) -> None:
    """An intent that the collector did not take ends with 11: no PUT, and nothing is left open."""
    with receiving(status, answer=answer, location="http://127.0.0.1:1/") as collector:
        options = ("--audit-otlp", origin(collector), "--audit-otlp-required", "--output", "json")
        ran = ebrule("update", "--file", ebrule.rule(), *options)

    assert (ran.code, ran.json["error"]["code"]) == (11, "not-acknowledged")
    assert ran.json["error"]["message"].endswith(f"did not acknowledge the intent: {why}")
    assert sandbox.history() == []
    assert [record["type"] for record in ebrule.records()] == ["intent", "outcome"]
    assert "::error::" not in ran.err
    assert "No unresolved operations" in ebrule("audit", "resolve").out


def test_a_collector_that_never_answers_has_not_acknowledged(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Silence ends with 11, within the run's deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        options = ("--audit-otlp", url, "--audit-otlp-required", "--deadline", "5")
        ran = ebrule("update", "--file", ebrule.rule(), *options)

    assert ran.code == 11
    assert "did not acknowledge the intent: no answer came in time" in ran.err
    assert sandbox.history() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--audit-otlp", "http://collector.example"], "plain http is for loopback addresses only"),
        (["--audit-otlp", "https://user:canary@collector.example"], "must have no user"),
        (["--audit-otlp", "collector"], "is no http or https URL"),
        (["--audit-otlp-required"], "--audit-otlp-required needs a collector"),
    ],
)
def test_a_collector_that_cannot_be_meant(ebrule: CommandLine, arguments: list[str], words: str) -> None:
    """Bad URLs end with 2 before anything is asked of the org; none is shown with its password."""
    ran = ebrule("update", "--file", ebrule.rule(), *arguments)

    assert ran.code == 2
    assert words in ran.err
    assert "canary" not in ran.err
    assert not ebrule.state.exists()


def test_without_the_extra_it_says_what_to_install(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where OpenTelemetry is not installed, the command ends with 2 and changes nothing."""
    (ebrule.folder / "opentelemetry.py").write_text("raise ImportError")
    ebrule.environ["PYTHONPATH"] = str(ebrule.folder)
    ran = ebrule("update", "--file", ebrule.rule(), "--audit-otlp", "http://127.0.0.1:1")

    assert ran.code == 2
    assert "OpenTelemetry is not installed" in ran.err
    assert "pip install 'ebrule[otel]'" in ran.err
    assert sandbox.history() == []
    assert ebrule("update", "--file", "rule.yaml").code == 0


def test_a_collector_is_reached_through_the_options_proxy(ebrule: CommandLine) -> None:
    """The environment's goes behind it, though requests by itself would have it go before."""
    asked: list[bytes] = []

    def refuse(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the test is over
            while True:
                connection, _ = listener.accept()
                with connection:
                    asked.append(connection.recv(1_000))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=refuse, args=(listener,), daemon=True).start()
        proxy, wrong = (f"http://127.0.0.1:{each.getsockname()[1]}" for each in (listener, other))
        ebrule.environ["HTTPS_PROXY"] = wrong
        options = ("--audit-otlp", "https://collector.example", "--audit-otlp-required", "--proxy", proxy)
        ran = ebrule("update", "--file", ebrule.rule(), *options)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
        listener.shutdown(socket.SHUT_RDWR)

    assert (11, b"CONNECT collector.example:443") == (ran.code, asked[0][:29])


def test_a_dry_run_sends_nothing_to_the_collector(ebrule: CommandLine) -> None:
    """What writes no record copies none."""
    with receiving() as collector:
        ran = ebrule("update", "--file", ebrule.rule(), "--dry-run", "--audit-otlp", origin(collector))

    assert ran.code == 0
    assert collector.received == []


def test_nothing_of_opentelemetry_is_loaded_without_a_collector() -> None:
    """The modules of an update, a flush and ``audit resolve`` do without the extra."""
    code = "import sys; from ebrule.pipeline import deliveries, resolve, run; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "False\n"
