"""An update as a short Python script makes it: ``script.py sdk|httpx RULE_ID RULE.json``.

It makes the calls of the tutorial that ebrule began with, in its order: token, health, rule, each target, PUT, webhook,
one line of audit. Nothing is retried, so that nothing but the calls is measured.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import httpx

API = os.environ["EBRULE_API_URL"]
CREDENTIALS = os.environ["GENESYSCLOUD_OAUTHCLIENT_ID"], os.environ["GENESYSCLOUD_OAUTHCLIENT_SECRET"]


class Api(Protocol):
    """A client that has a token."""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request, and return what its JSON says."""


class WithHttpx:
    """Plain httpx."""

    def __init__(self) -> None:
        self._client = httpx.Client(base_url=API)
        token = self._client.post("/oauth/token", auth=CREDENTIALS, data={"grant_type": "client_credentials"})
        self._client.headers["Authorization"] = f"Bearer {token.raise_for_status().json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request."""
        return self._client.request(method, path, json=body).raise_for_status().json()


class WithSdk:
    """The official SDK; it has no calls for the default kind, so those below its typed ones are used."""

    def __init__(self) -> None:
        import PureCloudPlatformClientV2  # noqa: PLC0415 - only where it is what is measured

        client = PureCloudPlatformClientV2.api_client.ApiClient(host=API)
        self._client = client.get_client_credentials_token(*CREDENTIALS)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        return self._client.call_api(
            path, method, header_params=headers, body=body, response_type="object", auth_settings=["PureCloud OAuth"]
        )


def main(client: str, rule_id: str, file: str) -> None:
    """Update the rule."""
    api: Api = WithSdk() if client == "sdk" else WithHttpx()
    api.call("GET", "/api/v2/health")
    path = f"/api/v2/eventbridge/routing/rules/{rule_id}"
    rule = {**json.loads(Path(file).read_text()), "version": api.call("GET", path)["version"]}
    for target in rule["targets"]:
        api.call("GET", f"/api/v2/eventbridge/targets/{target['id']}")
    began = time.perf_counter()
    updated = api.call("PUT", path, rule)
    latency = 1000 * (time.perf_counter() - began)
    now = datetime.now(timezone.utc).isoformat()
    event = {"eventType": "genesys.eventbridge.rule.updated", "timestamp": now, "data": updated}
    with httpx.Client(timeout=10.0) as mesh:
        mesh.post(os.environ["EBRULE_WEBHOOK_URL"], json=event).raise_for_status()
    record = {"timestamp": now, "rule_id": rule_id, "version": updated["version"], "latency_ms": latency}
    with (Path(os.environ["EBRULE_STATE_DIR"]) / "script.log").open("a") as log:
        log.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
