"""Copies of the ledger's records for an OpenTelemetry collector: for where a runner's disk is lost with the runner.

A record becomes one log record, whose body is the ledger's line as it is, so that the chain can be verified from the
copies alone. The official SDK and exporter send it (extra ``otel``); the exporter's own variables, for one
``OTEL_EXPORTER_OTLP_HEADERS``, hold here too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ebrule import __version__
from ebrule.core.audit import AuditLog
from ebrule.core.chain import digest
from ebrule.core.notices import Warned
from ebrule.core.pace import OutOfTimeError
from ebrule.core.proxies import Proxies
from ebrule.errors import InterruptedRunError, LedgerError, UsageError
from ebrule.settings.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk._logs import ReadableLogRecord
    from requests import Response

    from ebrule.core.pace import Pace
    from ebrule.settings import Network, Settings

SECONDS = 5.0
"""How long one record may take, the exporter's own tries included."""

LOGS_PATH = "/v1/logs"
"""Where collectors take log records (OTLP 1.0, OTLP/HTTP)."""

_ATTRIBUTES = ("type", "operation_id", "rule_id", "kind", "result", "state")


@contextlib.contextmanager
def open_ledger(
    settings: Settings, pace: Pace, *, check_stop: Callable[[], None] | None = None, copied: bool = True
) -> Iterator[AuditLog]:
    """The ledger for one run; where ``copied``, each new record also goes to the collector that the settings name.

    Raises:
        UsageError: there is a collector to send to, and nothing to send with.
    """
    with contextlib.ExitStack() as stack:
        copy: Callable[[bytes], None] | None = None
        if settings.audit_otlp and copied:
            collector = Collector(settings.audit_otlp, pace, settings.network, required=settings.audit_otlp_required)
            copy = stack.enter_context(contextlib.closing(collector)).take
        yield AuditLog(settings.audit_log, now=pace.clock.now, check_stop=check_stop or pace.check, copy=copy)


class Collector:
    """Sends records to one collector, one by one, and waits until it has them.

    Args:
        url: https, or http to a loopback address; without a path, the usual one for log records is meant.
        pace: the run's time.
        network: certificates to trust, and a proxy.
        required: whether an intent that the collector does not acknowledge ends the run.

    Raises:
        UsageError: OpenTelemetry is not installed.
    """

    def __init__(self, url: str, pace: Pace, network: Network, *, required: bool = False) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415 - an extra
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        except ImportError as error:
            hint = "Install it with: pip install 'ebrule[otel]'"
            raise UsageError("OpenTelemetry is not installed", hint=hint, code="no-otel") from error
        self.url = url if urlsplit(url).path else url + LOGS_PATH
        self._pace = pace
        self._required = required
        self._is_down = False
        self._refusal: str | None = None
        self._resource = Resource.create({"service.name": "ebrule", "service.version": __version__})
        self._exporter = OTLPLogExporter(
            self.url, certificate_file=network.ca_file, timeout=SECONDS, session=self._session(network)
        )
        logging.getLogger(OTLPLogExporter.__module__).addFilter(_is_not_ours)

    def take(self, line: bytes) -> None:
        """Send a line of the ledger. One that does not arrive is worth a warning, and the run goes on.

        Where the collector is required, an intent that it does not acknowledge raises :class:`LedgerError`: then
        nothing is to be sent to the org.
        """
        record = json.loads(line)
        is_needed = self._required and record["type"] == "intent"
        if self._is_down and not is_needed:
            return
        try:
            why = self._export(_as_log_record(record, line, self._resource))
        except InterruptedRunError:
            if is_needed:
                raise
            return  # the line is on the disk, and whatever comes next notices the signal
        if why is None:
            return
        self._is_down = True
        message = f"the collector {self.url} did not acknowledge the {record['type']}: {why}"
        if is_needed:
            hint = "It is in the ledger. Nothing was sent to the org, since --audit-otlp-required was given."
            raise LedgerError(message, hint=hint, code="not-acknowledged")
        self._pace.observe(Warned(f"{message}. It gets no more records of this run"))

    def close(self) -> None:
        """Close what is open."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the exporter's own, which has no types

    def _export(self, record: ReadableLogRecord) -> str | None:
        """Send one record; return why it did not arrive, or None."""
        from opentelemetry.sdk._logs.export import LogRecordExportResult  # noqa: PLC0415 - an extra

        def export() -> LogRecordExportResult:
            _here.is_exporting = True
            return self._exporter.export([record])

        self._refusal = None
        try:
            result = self._pace.call(export, limit=SECONDS)
        except OutOfTimeError:
            return "no answer came in time"
        if result is LogRecordExportResult.SUCCESS:
            return None
        return self._refusal or "it could not be reached"

    def _session(self, network: Network) -> Any:
        import requests  # noqa: PLC0415 - comes with the exporter

        proxy = Proxies(network).of(self.url)
        if proxy:
            proxy.require("socks")
        proxies = dict.fromkeys(("http", "https"), proxy.url.get_secret_value()) if proxy else {}

        class Session(requests.Session):
            def merge_environment_settings(self, *arguments: Any, **options: Any) -> Any:
                # By itself, requests has the environment's proxies go before all others.
                return {**super().merge_environment_settings(*arguments, **options), "proxies": proxies}

        session = Session()
        session.trust_env = not is_loopback(urlsplit(self.url).hostname or "")
        session.hooks["response"].append(self._check)
        return session

    def _check(self, response: Response, **_: Any) -> None:
        """Take for an answer what the exporter does not look at: a redirect, and records that were rejected."""
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 - comes with the exporter
            ExportLogsServiceResponse,
        )

        if response.is_redirect or not response.ok:
            self._refusal = f"it answered {response.status_code}"
        else:
            self._refusal = "it answered as no collector does"
            said = ExportLogsServiceResponse.FromString(response.content)
            self._refusal = "it rejected the record" if said.partial_success.rejected_log_records else None
        if self._refusal is not None and response.ok:
            raise ValueError(self._refusal)  # which the exporter takes for a failure that is not worth another try


_here = threading.local()


def _is_not_ours(_: logging.LogRecord) -> bool:
    """Keep the exporter's own log of failures, and the collector's text in it, off ebrule's standard error."""
    return not getattr(_here, "is_exporting", False)


def _as_log_record(record: dict[str, Any], line: bytes, resource: Any) -> ReadableLogRecord:
    from opentelemetry._logs import LogRecord, SeverityNumber  # noqa: PLC0415 - an extra
    from opentelemetry.sdk._logs import ReadableLogRecord  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - an extra

    failed = record.get("success") is False
    nanoseconds = (
        round(datetime.fromisoformat(record["timestamp"].replace("Z", "+00:00")).timestamp() * 1_000_000) * 1000
    )
    attributes = {f"ebrule.{name}": record[name] for name in _ATTRIBUTES if isinstance(record.get(name), str)}
    return ReadableLogRecord(
        LogRecord(
            timestamp=nanoseconds,
            observed_timestamp=nanoseconds,
            severity_number=SeverityNumber.WARN if failed else SeverityNumber.INFO,
            severity_text="WARN" if failed else "INFO",
            body=line.decode(),
            attributes={**attributes, "ebrule.head": digest(line)},
            event_name=f"ebrule.{record['type']}",
        ),
        resource,
        InstrumentationScope("ebrule", __version__),
    )
