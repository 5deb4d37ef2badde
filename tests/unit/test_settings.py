"""Options, environment and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platformdirs import user_state_path
from pydantic import SecretStr

from ebrule.errors import AccessError, UsageError
from ebrule.settings import (
    REGIONS,
    SANDBOX,
    Network,
    Options,
    Org,
    Settings,
    checked_url,
    domain_of,
    is_loopback,
    load_settings,
)

CREDENTIALS = {"GENESYSCLOUD_OAUTHCLIENT_ID": "id", "GENESYSCLOUD_OAUTHCLIENT_SECRET": "canary-secret"}
IRELAND = {"GENESYSCLOUD_REGION": "eu-west-1", **CREDENTIALS}


def org(environ: dict[str, str], **options: Any) -> Org:
    """Resolve an org."""
    return load_settings(Options(**options), {**CREDENTIALS, **environ}).require_org()


def missing(environ: dict[str, str], **options: Any) -> AccessError:
    """Resolve an org that cannot be."""
    with pytest.raises(AccessError) as caught:
        load_settings(Options(**options), environ).require_org()
    assert caught.value.code == "no-credentials"
    return caught.value


# --- regions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "api.", "login.", "my.", "apps."])
@pytest.mark.parametrize(("region", "domain"), REGIONS.items(), ids=list(REGIONS))
def test_a_region_is_known_by_name_and_domain(region: str, domain: str, prefix: str) -> None:
    """The AWS region, its domain, and the hosts that people paste lead to the same org, under one name."""
    expected = Org(region, f"https://api.{domain}", f"https://login.{domain}", "id", SecretStr("canary-secret"))
    assert expected == org({}, region=region)
    assert expected == org({}, region=f" {prefix}{domain.upper()} ")


def test_the_regions_are_those_of_the_table() -> None:
    """There are eighteen regions, each with a domain of its own."""
    assert (len(REGIONS), len(set(REGIONS.values()))) == (18, 18)
    assert REGIONS["us-east-1"] == "mypurecloud.com"
    assert REGIONS["eu-west-1"] == "mypurecloud.ie"


@pytest.mark.parametrize(
    ("region", "near"),
    [
        ("eu-west-11", "eu-west-1"),
        ("mypurecloud.con", "mypurecloud.com"),
        ("sandbx", "sandbox"),
        ("EU-CENTRAL1", "eu-central-1"),
    ],
)
def test_an_unknown_region_suggests_the_nearest(region: str, near: str) -> None:
    """A slip of the finger costs no search."""
    with pytest.raises(UsageError) as caught:
        domain_of(region)
    assert ("unknown-region", f'Did you mean "{near}"?') == (caught.value.code, caught.value.hint)


@pytest.mark.parametrize("region", ["", "????", "evil.example/mypurecloud.com", "mypurecloud.com.evil.example@x:1/2"])
def test_no_other_host_is_a_region(region: str) -> None:
    """A region is one of the table; what only looks like one leads nowhere."""
    with pytest.raises(UsageError):
        domain_of(region)


def test_without_a_near_one_all_regions_are_named() -> None:
    """Who knows none of the names gets the list."""
    with pytest.raises(UsageError) as caught:
        domain_of("????")
    assert all(region in (caught.value.hint or "") for region in [*REGIONS, SANDBOX])


# --- precedence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "environ", "api", "login"),
    [
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1"},
            "https://api.mypurecloud.ie", "https://login.mypurecloud.ie",
            id="region-of-environment",
        ),
        pytest.param(
            {}, {"GENESYS_ENVIRONMENT": "mypurecloud.ie"},
            "https://api.mypurecloud.ie", "https://login.mypurecloud.ie",
            id="seeds-environment",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1", "GENESYS_ENVIRONMENT": "mypurecloud.de"},
            "https://api.mypurecloud.ie", "https://login.mypurecloud.ie",
            id="seeds-environment-is-a-fallback",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "", "GENESYS_ENVIRONMENT": "mypurecloud.de"},
            "https://api.mypurecloud.de", "https://login.mypurecloud.de",
            id="empty-is-not-set",
        ),
        pytest.param(
            {"region": "eu-central-1"}, {"GENESYSCLOUD_REGION": "eu-west-1"},
            "https://api.mypurecloud.de", "https://login.mypurecloud.de",
            id="region-option",
        ),
        pytest.param(
            {"region": "eu-central-1"},
            {"EBRULE_API_URL": "https://other.example", "EBRULE_LOGIN_URL": "https://o.example"},
            "https://api.mypurecloud.de", "https://login.mypurecloud.de",
            id="region-option-before-urls-of-environment",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1", "EBRULE_API_URL": "https://a.example/"},
            "https://a.example", "https://a.example",
            id="api-url-alone",
        ),
        pytest.param(
            {}, {"EBRULE_API_URL": "https://a.example", "EBRULE_LOGIN_URL": "https://l.example"},
            "https://a.example", "https://l.example",
            id="both-urls",
        ),
        pytest.param(
            {}, {"GENESYSCLOUD_REGION": "eu-west-1", "EBRULE_LOGIN_URL": "https://l.example"},
            "https://api.mypurecloud.ie", "https://l.example",
            id="login-url-with-region",
        ),
        pytest.param(
            {"api_url": "https://b.example", "login_url": "https://m.example"},
            {"EBRULE_API_URL": "https://a.example", "EBRULE_LOGIN_URL": "https://l.example"},
            "https://b.example", "https://m.example",
            id="url-options",
        ),
        pytest.param(
            {"region": "eu-west-1", "login_url": "https://m.example"}, {},
            "https://api.mypurecloud.ie", "https://m.example",
            id="region-and-login-options",
        ),
        pytest.param(
            {"region": SANDBOX}, {"EBRULE_API_URL": "http://127.0.0.1:8080"},
            "http://127.0.0.1:8080", "http://127.0.0.1:8080",
            id="sandbox-that-runs-already",
        ),
    ],
)  # fmt: skip
def test_the_org_is_what_comes_first(options: dict[str, str], environ: dict[str, str], api: str, login: str) -> None:
    """An option goes before the environment, and the environment's own names before the seed's."""
    found = org(environ, **options)
    assert (api, login) == (found.api_url, found.login_url)


@pytest.mark.parametrize(
    ("options", "environ", "credentials"),
    [
        pytest.param({}, CREDENTIALS, ("id", "canary-secret", None), id="environment"),
        pytest.param(
            {}, {"GENESYS_CLIENT_ID": "seed", "GENESYS_CLIENT_SECRET": "s"}, ("seed", "s", None),
            id="seeds-names",
        ),
        pytest.param(
            {}, {**CREDENTIALS, "GENESYS_CLIENT_ID": "seed", "GENESYS_CLIENT_SECRET": "s"},
            ("id", "canary-secret", None), id="seeds-names-are-fallbacks",
        ),
        pytest.param({}, {"GENESYSCLOUD_ACCESS_TOKEN": "t"}, (None, None, "t"), id="token"),
        pytest.param(
            {}, {**CREDENTIALS, "GENESYSCLOUD_ACCESS_TOKEN": "t"}, (None, None, "t"), id="token-and-client"
        ),
        pytest.param({"client_id": "o"}, CREDENTIALS, ("o", "canary-secret", None), id="client-id-option"),
        pytest.param(
            {"client_id": "o", "client_secret": SecretStr("p")},
            {**CREDENTIALS, "GENESYSCLOUD_ACCESS_TOKEN": "t"},
            ("o", "p", None), id="client-options-before-token",
        ),
    ],
)  # fmt: skip
def test_the_credentials_are_what_comes_first(
    options: dict[str, Any], environ: dict[str, str], credentials: tuple[str | None, ...]
) -> None:
    """A client's id and secret, or an access token: options, then the environment, then the seed's names."""
    found = load_settings(Options(region="eu-west-1", **options), environ).require_org()
    secrets = [secret and secret.get_secret_value() for secret in (found.client_secret, found.access_token)]
    assert credentials == (found.client_id, *secrets)


@pytest.mark.parametrize(
    ("options", "environ", "attribute", "expected"),
    [
        ({}, {"EBRULE_WEBHOOK_URL": "https://e.example"}, "webhook_url", "https://e.example"),
        ({"webhook_url": "https://o"}, {"EBRULE_WEBHOOK_URL": "https://e"}, "webhook_url", "https://o"),
        ({}, {"EBRULE_WEBHOOK_URL": ""}, "webhook_url", None),
        ({}, {"EBRULE_WEBHOOK_SECRET": "whsec_x"}, "webhook_secret", SecretStr("whsec_x")),
        ({}, {"EBRULE_WEBHOOK_SECRET": ""}, "webhook_secret", None),
        ({}, {"EBRULE_STATE_DIR": "/e"}, "state_dir", Path("/e")),
        ({"state_dir": Path("/o")}, {"EBRULE_STATE_DIR": "/e"}, "state_dir", Path("/o")),
        ({}, {}, "state_dir", user_state_path("ebrule")),
        ({}, {"EBRULE_STATE_DIR": "/e"}, "audit_log", Path("/e/audit.jsonl")),
        ({}, {"EBRULE_STATE_DIR": "/e", "EBRULE_AUDIT_LOG": "/l/a"}, "audit_log", Path("/l/a")),
        ({"audit_log": Path("/o/a")}, {"EBRULE_AUDIT_LOG": "/l/a"}, "audit_log", Path("/o/a")),
        ({}, {"EBRULE_AUDIT_LOG": "~/a"}, "audit_log", Path.home() / "a"),
        ({}, {}, "deadline", 120.0),
        ({"deadline": 5.0}, {}, "deadline", 5.0),
        ({"ca_file": __file__, "proxy": "http://p"}, {}, "network", Network(__file__, "http://p")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)  # fmt: skip
def test_everything_else_is_what_comes_first(
    options: dict[str, Any], environ: dict[str, str], attribute: str, expected: Any
) -> None:
    """Option, then environment, then default."""
    assert expected == getattr(load_settings(Options(**options), environ), attribute)


# --- what is missing ------------------------------------------------------------------------------


def test_without_an_org_there_are_settings() -> None:
    """Commands that talk to no org need none; the others are told what to set."""
    found = load_settings(Options(), {})
    assert found.org is None
    assert "--region sandbox" in (missing({}).hint or "")


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"GENESYSCLOUD_OAUTHCLIENT_ID": "id"}, "GENESYSCLOUD_OAUTHCLIENT_SECRET is not set"),
        ({"GENESYSCLOUD_OAUTHCLIENT_SECRET": "s"}, "GENESYSCLOUD_OAUTHCLIENT_ID is not set"),
        ({}, "GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET are not set"),
    ],
    ids=["secret", "id", "both"],
)
def test_partial_credentials_name_what_is_missing(environ: dict[str, str], named: str) -> None:
    """The message is the variable to set, and the org that it is missing for."""
    assert missing(environ, region="eu-west-1").message == f"no credentials for eu-west-1: {named}"


@pytest.mark.parametrize("token", ["canary\n", "canary\r\nX: y", "canaryß", "canary\x00"], ids=repr)
def test_a_token_that_http_cannot_carry_is_refused(token: str) -> None:
    """A line break at the end is a common slip in a pipeline; the token is not shown."""
    error = missing({"GENESYSCLOUD_ACCESS_TOKEN": token}, region="eu-west-1")
    assert "GENESYSCLOUD_ACCESS_TOKEN" in error.message
    assert "canary" not in f"{error.message} {error.hint}"


def test_settings_built_by_hand_say_what_is_missing() -> None:
    """A library user who leaves the org out is told the same."""
    with pytest.raises(AccessError):
        Settings(None, None, Path(), Path()).require_org()


# --- what cannot be meant -------------------------------------------------------------------------


@pytest.mark.parametrize("deadline", [0.0, -1.0, 86_401.0, float("nan"), float("inf")])
def test_a_deadline_is_from_above_zero_to_a_day(deadline: float) -> None:
    """A run needs some time, and not for ever."""
    with pytest.raises(UsageError) as caught:
        load_settings(Options(deadline=deadline), {})
    assert caught.value.code == "bad-deadline"


def test_a_file_of_certificates_must_exist(tmp_path: Path) -> None:
    """A wrong path is told before anything is sent."""
    with pytest.raises(UsageError) as caught:
        load_settings(Options(ca_file=str(tmp_path / "none.pem")), {})
    assert caught.value.code == "bad-ca-file"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        pytest.param("http://api.mypurecloud.com", "plain-http", id="plain-http"),
        pytest.param("http://10.0.0.1", "plain-http", id="plain-http-to-private-address"),
        pytest.param("http://localhost.evil.example", "plain-http", id="looks-like-localhost"),
        pytest.param("http://0.0.0.0", "plain-http", id="unspecified"),
        pytest.param("http://2130706433", "plain-http", id="decimal-loopback"),
        pytest.param("https://user@host", "bad-url", id="user"),
        pytest.param("https://user:canary@host", "bad-url", id="user-and-password"),
        pytest.param("https://@host", "bad-url", id="empty-user"),
        pytest.param("https://host?a=b", "bad-url", id="query"),
        pytest.param("https://host?", "bad-url", id="empty-query"),
        pytest.param("https://host#a", "bad-url", id="fragment"),
        pytest.param("https://host/#", "bad-url", id="empty-fragment"),
        pytest.param("https://host:0", "bad-url", id="port-zero"),
        pytest.param("https://host:65536", "bad-url", id="port-too-large"),
        pytest.param("https://host:x", "bad-url", id="port-no-number"),
        pytest.param("https://[::1", "bad-url", id="bracket"),
        pytest.param("https://", "bad-url", id="no-host"),
        pytest.param("https:///path", "bad-url", id="only-path"),
        pytest.param("host", "bad-url", id="no-scheme"),
        pytest.param("ftp://host", "bad-url", id="other-scheme"),
        pytest.param("file:///etc/passwd", "bad-url", id="file"),
        pytest.param("https://host\n", "bad-url", id="newline"),
        pytest.param("https://ho\tst", "bad-url", id="tab"),
        pytest.param("https://host ", "bad-url", id="space"),
        pytest.param("https://host\x1b[2J", "bad-url", id="escape"),
    ],
)
@pytest.mark.parametrize("option", ["api_url", "login_url"])
def test_a_url_that_cannot_be_meant_is_refused(url: str, code: str, option: str) -> None:
    """Each host must be one that a token may go to; what is refused is not repeated with a password in it."""
    with pytest.raises(UsageError) as caught:
        org({"GENESYSCLOUD_REGION": "eu-west-1"}, **{option: url})
    assert code == caught.value.code
    assert caught.value.message.startswith("--" + option.replace("_", "-"))
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://host/", "https://host"),
        ("https://host/base/", "https://host/base"),
        ("HTTPS://API.MyPureCloud.com", "https://api.mypurecloud.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_url_is_taken_without_its_last_slash(url: str, checked: str) -> None:
    """However it is written, the same host is the same text, and https is told by its name."""
    assert checked == checked_url(url, "--api-url")


@pytest.mark.parametrize(
    ("url", "region", "name"),
    [
        ("https://api.mypurecloud.ie", None, "eu-west-1"),
        ("https://API.mypurecloud.ie/", None, "eu-west-1"),
        ("https://other.example:8443", None, "other.example:8443"),
        ("https://other.example", "eu-west-1", "other.example"),
        ("http://127.0.0.1:8080", SANDBOX, SANDBOX),
    ],
)
def test_an_org_has_one_name(url: str, region: str | None, name: str) -> None:
    """Records of the same org agree, however it was given."""
    assert name == org({}, api_url=url, region=region).name


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True), ("127.0.0.1", True), ("127.255.0.9", True), ("::1", True),
        ("128.0.0.1", False), ("::2", False), ("localhost.example", False), ("127.0.0.1.example", False),
        ("", False),
    ],
)  # fmt: skip
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    """Names and addresses of the loopback interface, and nothing that only looks so."""
    assert expected is is_loopback(host)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30).map("https://".__add__) | st.text(max_size=40))
def test_any_text_is_a_url_or_a_usage_error(text: str) -> None:
    """Whatever is given, it is refused in words, or is stable: checked again it stays the same."""
    try:
        checked = checked_url(text, "--api-url")
    except UsageError:
        return
    assert checked == checked_url(checked, "--api-url")


# --- secrets --------------------------------------------------------------------------------------


def test_no_secret_stands_in_a_representation() -> None:
    """What a traceback or a log might show of the settings has no secret in it."""
    environ = {
        **IRELAND,
        "GENESYSCLOUD_OAUTHCLIENT_SECRET": "canary-1",
        "EBRULE_WEBHOOK_SECRET": "canary-2",
    }
    shown = repr(load_settings(Options(client_secret=SecretStr("canary-3")), environ))
    shown += repr(load_settings(Options(), {**environ, "GENESYSCLOUD_ACCESS_TOKEN": "canary-4"}))
    shown += repr(Options(client_secret=SecretStr("canary-5")))
    assert "canary" not in shown
