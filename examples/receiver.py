#!/usr/bin/env python3
"""Receive ebrule's events: EBRULE_WEBHOOK_SECRET=whsec_… receiver.py PORT. Prints each that is new and signed.

To change the secret, give ebrule both, with a space between: EBRULE_WEBHOOK_SECRET='whsec_NEW whsec_OLD'. Each event
then has a signature of either, so that receivers can change theirs one after the other.
"""

import base64
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

keys = [base64.b64decode(each.removeprefix("whsec_")) for each in os.environ["EBRULE_WEBHOOK_SECRET"].split()]
oldest = 300  # seconds
seen: set[str] = set()  # a real receiver keeps this where a restart does not lose it


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to every event that it trusts, so that none is sent again, and 401 to the others."""

    def do_POST(self) -> None:
        """Take one event."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 20))
        event_id, stamp, theirs = (self.headers.get(f"webhook-{each}", "") for each in ("id", "timestamp", "signature"))
        digests = [hmac.digest(key, f"{event_id}.{stamp}.".encode() + body, "sha256") for key in keys]
        ours = [b"v1," + base64.b64encode(digest) for digest in digests]
        signed = any(hmac.compare_digest(mine, each) for mine in ours for each in theirs.encode().split())
        trusted = signed and abs(time.time() - int(stamp)) <= oldest
        if trusted and event_id not in seen:
            print(event_id, json.loads(body)["data"], flush=True)  # noqa: T201 - a script prints
            seen.add(event_id)
        self.send_response(204 if trusted else 401)
        self.end_headers()


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 - a script prints
server.serve_forever()
