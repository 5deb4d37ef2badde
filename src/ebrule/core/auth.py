"""Auth client factory: credentials → token → client."""

from __future__ import annotations

import base64
import secrets
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from ebrule.core.client import JSON_HEADERS, Client, send
from ebrule.core.failures import failure, unreadable, what_it_said
from ebrule.core.reads import Patience, Reader
from ebrule.core.reply import Reply, Request
from ebrule.core.retry import Meaning, meaning_of
from ebrule.core.transport import HttpxTransport, Transport
from ebrule.errors import AccessError, EbruleError
from ebrule.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from ebrule.core.pace import Pace
    from ebrule.settings import Network, Org


LONGEST_TOKEN_SECONDS = 10 * 366 * 86_400
"""What is said to be good for longer than this is taken for a mistake (the API gives at most two days)."""


class TokenSource:
    """The access token of one run: fetched when first needed, and once more when the API says that it is bad.

    ``expires_at`` is when it ends, as far as the reply that it came with tells. ``renewals`` is how often it was
    replaced.

    Args:
        org: where, and with which credentials.
        transport: what carries the requests.
        pace: the run's time.
        patience: how often to ask.
        hide: takes what else is secret out of what is told of requests and replies.
    """

    def __init__(
        self, org: Org, transport: Transport, pace: Pace, patience: Patience, hide: Callable[[str], str] = str
    ) -> None:
        self._org = org
        self._transport = transport
        self._pace = pace
        self._patience = patience
        self._lock = threading.Lock()
        self._token = org.access_token
        self.renewals = 0
        self._not_renewed: EbruleError | None = None
        self.expires_at: datetime | None = None
        secret = org.client_secret.get_secret_value() if org.client_secret else ""
        self._pair = SecretStr(base64.b64encode(f"{org.client_id}:{secret}".encode()).decode())
        self._hide_rest = hide
        self._key = secrets.token_bytes()
        self._carried: frozenset[SecretStr] = frozenset()
        self._note(SecretStr(secret), self._pair, *filter(None, (org.access_token,)))

    @property
    def credentials(self) -> frozenset[str]:
        """The secrets that the requests of this run carry."""
        return frozenset(each.get_secret_value() for each in self._carried)

    def _note(self, *credentials: SecretStr) -> None:
        self._carried = self._carried.union(credentials)
        self._redactor = Redactor(self._key, self.credentials)

    def hide(self, text: str) -> str:
        """Return text to be shown, without credentials and whatever else is secret."""
        return self._hide_rest(self._redactor.without_known(text))

    def header(self) -> str:
        """Return the ``Authorization`` header's value; raises :class:`AccessError` where no token is given."""
        with self._lock:
            if self._token is None:
                self._token = self._fetch()
            return f"Bearer {self._token.get_secret_value()}"

    def renew(self, seen: int) -> bool:
        """Fetch a new token in place of a refused one, once in a run; return whether to try with another one.

        Several requests may be refused for the same token at once: only the first of them renews it, or finds out
        why that cannot be done. ``seen`` is what ``renewals`` was before the refused request.
        """
        with self._lock:
            if self._not_renewed is not None:
                raise self._not_renewed
            if self.renewals > seen:
                return True
            if self.renewals or self._org.access_token is not None:
                return False
            try:
                self._token = self._fetch()
            except EbruleError as error:
                self._not_renewed = error
                raise
            self.renewals += 1
            return True

    def _fetch(self) -> SecretStr:
        doing = f"asking {self._org.login_url} for an access token"
        reply = self._patience.answer(self._ask, doing, out_of_turn=True)
        token = reply.object.get("access_token")
        meaning = meaning_of(reply)
        if meaning in (Meaning.REFUSED, Meaning.UNAUTHORIZED):
            raise AccessError(
                f"the org does not accept these credentials{what_it_said(reply)}",
                hint=f"Check {self._org.credentials}, and the region.",
                code="bad-credentials",
                http_status=reply.status,
                correlation_id=reply.correlation_id,
            )
        if meaning is Meaning.NOT_FOUND:
            raise unreadable(reply, doing)  # a login host that is none; the rule may well exist
        if meaning is not Meaning.OK:
            raise failure(reply, doing)
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise unreadable(reply, doing)
        self._note(SecretStr(token))
        self.expires_at = self._ends(reply.object.get("expires_in"))
        return SecretStr(token)

    def _ends(self, seconds: object) -> datetime | None:
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= LONGEST_TOKEN_SECONDS:
            return None
        return self._pace.clock.now() + timedelta(seconds=seconds)

    def _ask(self) -> Reply:
        headers = {
            **JSON_HEADERS,
            "Authorization": f"Basic {self._pair.get_secret_value()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"grant_type": "client_credentials"}).encode()
        request = Request("POST", f"{self._org.login_url}/oauth/token", headers, body)
        return send(self._transport, request, self._pace, hide=self.hide)


class Session:
    """An org that is being talked to: its client, and a reader on top of it. A context manager."""

    def __init__(
        self, org: Org, *, client: Client, tokens: TokenSource, patience: Patience, pace: Pace, transport: Transport
    ) -> None:
        self.org = org
        self.client = client
        self.tokens = tokens
        self.patience = patience
        self.pace = pace
        self.reader = Reader(client, patience)
        self._transport = transport

    def __enter__(self) -> Self:
        """Return the session itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._transport.close()


def _transport_to(org: Org, network: Network) -> Transport:
    urls = (org.api_url, org.login_url)
    secure = any(urlsplit(url).scheme == "https" for url in urls)
    if network.transport == "httpx":
        return HttpxTransport(network, secure=secure, urls=urls)
    from ebrule.core.sdk import SdkTransport  # noqa: PLC0415 - takes seconds, and not everybody has it

    return SdkTransport(network, secure=secure, urls=urls)


def connect(
    org: Org,
    network: Network,
    pace: Pace,
    *,
    read_only: bool = False,
    transport: Transport | None = None,
    hide: Callable[[str], str] = str,
) -> Session:
    """Return a session with ``org``; nothing is sent until something is asked of it.

    Args:
        org: where, and with which credentials.
        network: certificates and proxy.
        pace: the run's time.
        read_only: hold back everything but GET and the request for a token.
        transport: what carries the requests; by default what ``network`` says.
        hide: takes what is secret beside the credentials out of what is told of requests and replies.
    """
    if transport is None:
        transport = _transport_to(org, network)
    patience = Patience(pace)
    tokens = TokenSource(org, transport, pace, patience, hide)
    client = Client(transport, org.api_url, pace, tokens, read_only=read_only, hide=tokens.hide)
    return Session(org, client=client, tokens=tokens, patience=patience, pace=pace, transport=transport)
