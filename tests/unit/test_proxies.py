"""Which proxy a URL is reached through, as option and environment say it."""

from __future__ import annotations

import os

import pytest

from ebrule.core.proxies import Proxies
from ebrule.errors import UsageError
from ebrule.settings import Network

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own proxies out."""
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def goes_through(url: str, network: Network | None = None) -> tuple[str, str] | None:
    """Return the proxy's URL and what names it."""
    proxy = Proxies(network or Network()).of(url)
    return proxy and (proxy.url.get_secret_value(), proxy.source)


@pytest.mark.parametrize(
    ("exceptions", "url", "is_excepted"),
    [
        ("api.example", "https://api.example", True),
        ("api.example", "https://API.example:8443", True),
        ("api.example", "https://www.api.example", True),
        ("api.example", "https://myapi.example", False),
        (".api.example", "https://www.api.example", True),
        (".api.example", "https://api.example", False),
        ("*.api.example", "https://www.api.example", True),
        ("*.api.example", "https://api.example", False),
        ("API.EXAMPLE.", "https://api.example", True),
        ("bücher.example", "https://xn--bcher-kva.example", True),
        ("xn--bcher-kva.example", "https://bücher.example", True),
        ("*", "https://api.example", True),
        ("api.example:8443", "https://api.example:8443", True),
        ("api.example:443", "https://api.example", True),
        ("api.example:8443", "https://api.example", False),
        ("https://api.example", "https://api.example", True),
        ("http://api.example", "https://api.example", False),
        ("all://api.example", "https://api.example", True),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.1.2.3/8", "https://10.4.5.6", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://10.example", False),
        ("fd00::1", "https://[fd00::1]", True),
        ("fd00:0:0::1", "https://[fd00::1]:8443", True),
        ("[fd00::1]", "https://[fd00::1]", True),
        ("[fd00::1]:8443", "https://[fd00::1]:8443", True),
        ("[fd00::1]:8443", "https://[fd00::1]", False),
        ("fd00::/8", "https://[fd12:3456::1]", True),
        ("[fd00::]/8", "https://[fd12:3456::1]", True),
        ("[fd00::/8]", "https://[fd12:3456::1]", True),
        ("fd00::/8", "https://[fe80::1]", False),
        ("fd00::/8", "https://10.1.2.3", False),
        ("fd00::/8, 10.0.0.0/8 api.example", "https://api.example", True),
        ("fd00::/999,[,]:x,://, ,.,*.,a b:c,\x00", "https://api.example", False),
    ],
)
def test_who_is_reached_without_the_environments_proxy(
    exceptions: str, url: str, is_excepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``NO_PROXY`` has hosts, domains, addresses and networks; what cannot be read names nobody."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setattr(os, "environ", {**os.environ, "NO_PROXY": exceptions})  # a real one holds no NUL
    assert (None if is_excepted else (PROXY, "ALL_PROXY")) == goes_through(url)


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "https://api.example", None),
        ({"HTTPS_PROXY": PROXY}, "https://api.example", (PROXY, "HTTPS_PROXY")),
        ({"https_proxy": PROXY}, "https://api.example", (PROXY, "https_proxy")),
        ({"HTTPS_PROXY": "http://b", "https_proxy": PROXY}, "https://api.example", (PROXY, "https_proxy")),
        ({"HTTPS_PROXY": PROXY, "ALL_PROXY": "http://b"}, "https://api.example", (PROXY, "HTTPS_PROXY")),
        ({"HTTPS_PROXY": "", "ALL_PROXY": PROXY}, "https://api.example", (PROXY, "ALL_PROXY")),
        ({"HTTP_PROXY": PROXY}, "https://api.example", None),
        ({"ALL_PROXY": "proxy.example:3128"}, "https://api.example", (PROXY, "ALL_PROXY")),
        *(
            ({"HTTPS_PROXY": PROXY, "ALL_PROXY": "socks9://x y:z"}, f"https://{host}", None)
            for host in ("localhost", "127.0.0.1:8443", "127.1.2.3", "[::1]")
        ),
    ],
)
def test_the_variables_go_by_the_urls_scheme(
    environ: dict[str, str], url: str, expected: tuple[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheme's own before the one for all, lower case before upper case, and none for loopback."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert expected == goes_through(url)


def test_an_options_proxy_knows_no_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for by name, for everything but loopback."""
    monkeypatch.setenv("NO_PROXY", "*")
    network = Network(proxy=PROXY)
    assert (PROXY, "--proxy") == goes_through("https://api.example", network)
    assert goes_through("https://localhost", network) is None


def test_a_password_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where a proxy is printed, nor where its URL is wrong."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary@proxy.example")
    assert "canary" not in repr(Proxies(Network()).of("https://api.example"))
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary@[::1")
    with pytest.raises(UsageError) as caught:
        Proxies(Network()).of("https://api.example")
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
